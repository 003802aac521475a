//! `exec`: run a program, take its exit status for the answer.
//!
//! It leads a process group of its own, which is killed as a whole: when it has ended (it may have left children behind),
//! when the budget is over, and when the probe is forgotten. Killing comes before reaping, so that the group's number
//! is still its own.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::ExecCheck;
use crate::probe::sheet::{EXCERPT, Fault, Sheet};
use crate::sys::process;

/// Where programs that the program calls are looked for.
const SEARCH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Octets of output that are read at once.
const CHUNK: usize = 16 * 1024;

/// Chunks that are read after the end at the most: a pipe holds no more, and a child that escaped may go on writing.
const LAST_CHUNKS: usize = 8;

/// Characters of the output's first line that are shown.
const LINE: usize = 120;

/// A child with its group: both end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Known until it was reaped, hence still its own. Who is left unreaped is reaped by the runtime.
        if let Some(leader) = self.0.id() {
            process::kill_group(leader);
        }
    }
}

/// Runs what the check called `name` says about `address`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    check: &ExecCheck,
    name: &str,
    address: SocketAddr,
) -> Result<(), Fault> {
    sheet.watch.enter(Phase::Connect);
    let cannot = |sheet: &Sheet, error: &io::Error| {
        let text = format!("cannot start {}: {error}", check.program.display());
        sheet.fault(FaultClass::Local, text)
    };
    // Before the start, so that no end is missed.
    let mut ends = signal(SignalKind::child()).map_err(|error| cannot(sheet, &error))?;
    let (mut group, output) = start(check, name, address).map_err(|error| cannot(sheet, &error))?;
    sheet.watch.enter(Phase::FirstByte);
    sheet.settled = Some(sheet.fault(
        FaultClass::Timeout,
        "timeout: the program did not end, and was killed with its children",
    ));
    let mut heard = Heard::default();
    let leader = group.0.id().unwrap_or_default();
    let mut open = true;
    while !process::has_ended(leader).map_err(|error| cannot(sheet, &error))? {
        tokio::select! {
            _ = ends.recv() => {}
            ready = output.readable(), if open => {
                ready.map_err(|error| cannot(sheet, &error))?;
                let mut chunk = [0; CHUNK];
                match output.try_read(&mut chunk) {
                    Ok(0) => open = false,
                    Ok(count) => heard.take(sheet, chunk.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(cannot(sheet, &error)),
                }
            }
        }
    }
    process::kill_group(leader);
    if let Ok(output) = output.into_nonblocking_fd() {
        heard.take_rest(sheet, File::from(output));
    }
    let status = group.0.wait().await.map_err(|error| cannot(sheet, &error))?;
    sheet.settled = None;
    judge(sheet, status, &heard)
}

/// Starts the program; what it writes to either output comes through one pipe, in order.
fn start(check: &ExecCheck, name: &str, address: SocketAddr) -> io::Result<(Group, Receiver)> {
    let (output, input) = io::pipe()?;
    let mut command = Command::new(&check.program);
    command
        .args(&check.arguments)
        .env_clear()
        .env("PATH", SEARCH)
        .env("POINTSMAN_CHECK", name)
        .env("POINTSMAN_ADDRESS", address.ip().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0);
    if address.port() != 0 {
        command.env("POINTSMAN_PORT", address.port().to_string());
    }
    let group = Group(command.spawn()?);
    Ok((group, Receiver::from_owned_fd(OwnedFd::from(output))?))
}

/// What the program wrote: its beginning is kept, the rest read and dropped, so that it never waits for a reader.
#[derive(Default)]
struct Heard {
    kept: Vec<u8>,
}

impl Heard {
    fn take(&mut self, sheet: &mut Sheet, chunk: &[u8]) {
        if sheet.octets == 0 {
            sheet.watch.enter(Phase::Body);
        }
        sheet.octets += chunk.len();
        let room = EXCERPT.saturating_sub(self.kept.len()).min(chunk.len());
        self.kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
        sheet.keep_excerpt(&self.kept);
    }

    /// Takes what is still in the pipe, past the runtime, which may not know of it yet.
    fn take_rest(&mut self, sheet: &mut Sheet, mut output: File) {
        let mut chunk = [0; CHUNK];
        for _ in 0..LAST_CHUNKS {
            match output.read(&mut chunk) {
                Ok(count) if count > 0 => self.take(sheet, chunk.get(..count).unwrap_or_default()),
                // Empty, closed, or interrupted: what is missing is evidence only.
                _ => break,
            }
        }
    }

    /// The first line that says something, harmless on a terminal: `: disk full`, or nothing.
    fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        match text.lines().map(str::trim).find(|line| !line.is_empty()) {
            None => String::new(),
            Some(line) => {
                let shown: String = line
                    .chars()
                    .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                    .take(LINE)
                    .collect();
                format!(": {shown}")
            }
        }
    }
}

fn judge(sheet: &mut Sheet, status: ExitStatus, heard: &Heard) -> Result<(), Fault> {
    let line = heard.line();
    match (status.code(), status.signal()) {
        (Some(0), _) => {
            sheet.evidence.body.clear();
            sheet.word = Some(format!("exit status 0{line}"));
            Ok(())
        }
        (Some(code), _) => Err(sheet.fault(FaultClass::Status, format!("exit status {code}{line}"))),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(sheet.fault(FaultClass::Reset, format!("killed by signal {signal}{line}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_shown_harmlessly() {
        for (kept, line) in [
            ("", ""),
            (" \n\n", ""),
            ("\n disk full \nmore", ": disk full"),
            ("\x1b[2Jgone", ": \u{fffd}[2Jgone"),
        ] {
            let heard = Heard { kept: kept.into() };
            assert_eq!(heard.line(), line);
        }
    }
}
