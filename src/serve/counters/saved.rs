//! Counts for another process.

use serde::{Deserialize, Serialize};

use super::{Counters, Tally};

/// A tally under names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    counts: Vec<(String, u64)>,
    kinds: Vec<Vec<u64>>,
    latency: Vec<u64>,
    lifetimes: Vec<u64>,
}

impl Saved {
    /// Of a tally.
    #[must_use]
    pub fn of(tally: &Tally) -> Self {
        let named = tally.named().into_iter();
        Self {
            counts: named.map(|(name, count)| (name.to_owned(), count)).collect(),
            kinds: tally.kinds.iter().map(|codes| codes.to_vec()).collect(),
            latency: tally.latency.to_vec(),
            lifetimes: tally.lifetimes.to_vec(),
        }
    }

    /// What was counted beyond `before`.
    fn since(&self, before: Option<&Self>) -> Tally {
        let mut tally = Tally::default();
        for (name, count) in &self.counts {
            let known = before.and_then(|before| before.counts.iter().find(|(other, _)| other == name));
            tally.set(name, count.saturating_sub(known.map_or(0, |(_, known)| *known)));
        }
        let of =
            |rows: Option<&Vec<u64>>, at: usize| rows.and_then(|rows| rows.get(at)).copied().unwrap_or(0);
        for (row, counts) in tally.kinds.iter_mut().enumerate() {
            let known = before.and_then(|before| before.kinds.get(row));
            for (code, count) in counts.iter_mut().enumerate() {
                *count = of(self.kinds.get(row), code).saturating_sub(of(known, code));
            }
            if counts.iter().any(|count| *count > 0) {
                tally.touched |= 1 << row;
            }
        }
        for (at, count) in tally.latency.iter_mut().enumerate() {
            *count = of(Some(&self.latency), at).saturating_sub(of(before.map(|b| &b.latency), at));
        }
        for (at, count) in tally.lifetimes.iter_mut().enumerate() {
            *count = of(Some(&self.lifetimes), at).saturating_sub(of(before.map(|b| &b.lifetimes), at));
        }
        tally
    }
}

impl Counters {
    /// Adds what another process counted beyond `before`.
    pub fn inherit(&self, transport: &str, saved: &Saved, before: Option<&Saved>) {
        // Cells are summed by names that live as long as the program.
        let known = ["udp", "tcp", "tls", "quic", "https", "xdp"];
        let Some(name) = known.into_iter().find(|known| *known == transport) else {
            return;
        };
        self.cell(name).add(&mut saved.since(before));
    }
}
