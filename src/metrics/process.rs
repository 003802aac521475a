//! The process, as the kernel counts it in `/proc`. What cannot be read is left out.

use std::fs;

use crate::metrics::families as f;
use crate::metrics::text::Text;

/// Ticks of a second in `/proc/self/stat`, on Linux whatever the kernel's own are.
const TICKS: u64 = 100;

/// Writes it.
pub(super) fn write(text: &mut Text) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; behind it fields begin with the third.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
    let mut samples = text.family(&f::CPU);
    if let Some((user, system)) = field(14).zip(field(15)) {
        samples.nanos("", (user + system).saturating_mul(1_000_000_000 / TICKS));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let octets = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kilobytes.saturating_mul(1024))
    };
    for (family, value) in [
        (&f::RESIDENT, octets("VmRSS:")),
        (&f::VIRTUAL, octets("VmSize:")),
        (&f::THREADS, field(20)),
        (&f::OPEN_FDS, open_files()),
        (&f::MOST_FDS, most_files()),
    ] {
        let mut samples = text.family(family);
        value.into_iter().for_each(|value| samples.count("", value));
    }
    let mut samples = text.family(&f::STARTED);
    if let Some((boot, start)) = boot().zip(field(22)) {
        let start = start.saturating_mul(1_000_000_000 / TICKS);
        samples.nanos("", boot.saturating_mul(1_000_000_000).saturating_add(start));
    }
}

fn open_files() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// When the system was started, in seconds since 1970.
fn boot() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}
