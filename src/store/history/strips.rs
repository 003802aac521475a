//! Uptime strips: which share of each quarter of an hour (a day of them) and of each day (a month of them) an address
//! was up, as the history tells it. Where the server did not run, nothing is known.

use std::collections::HashMap;

use crate::control::timeline::Entry;
use crate::store::history::query::{Filter, MOST};
use crate::store::history::{History, HistoryError};

const QUARTER: u64 = 900_000;
const DAY: u64 = 86_400_000;
/// Quarters of an hour in a strip of a day.
pub const QUARTERS: usize = 96;
/// Days in a strip of a month.
pub const DAYS: usize = 30;
/// Pages that are read for a strip: an address that changes more often than that is not read off a strip.
const PAGES: usize = 200;

/// Shares of the time in which an address was up, oldest first; `None`: not known.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Uptime {
    /// The last 96 quarters of an hour; the last one ends now.
    pub day: Vec<Option<f64>>,
    /// The last 30 times 24 hours.
    pub month: Vec<Option<f64>>,
}

/// Time that was spent in one piece of a strip.
#[derive(Clone, Copy, Default)]
struct Piece {
    up: u64,
    known: u64,
}

/// A strip being filled.
struct Strip {
    begins: u64,
    length: u64,
    pieces: Vec<Piece>,
}

impl Strip {
    fn new(now: u64, length: u64, count: usize) -> Self {
        Self {
            begins: now.saturating_sub(length * count as u64),
            length,
            pieces: vec![Piece::default(); count],
        }
    }

    /// It was up (or down) in `from..to`.
    fn fill(&mut self, from: u64, to: u64, up: bool) {
        let first = from.saturating_sub(self.begins) / self.length;
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        for (index, piece) in (first..).zip(self.pieces.iter_mut().skip(skip)) {
            let begins = self.begins + index * self.length;
            if begins >= to {
                break;
            }
            let spent = to.min(begins + self.length).saturating_sub(from.max(begins));
            piece.known += spent;
            piece.up += if up { spent } else { 0 };
        }
    }

    fn shares(&self) -> Vec<Option<f64>> {
        let share = |piece: &Piece| (piece.known > 0).then(|| piece.up as f64 / piece.known as f64);
        self.pieces.iter().map(share).collect()
    }
}

/// One address on its way through the entries.
struct Course {
    day: Strip,
    month: Strip,
    /// Since when it is what it is; `None`: not known.
    state: Option<(u64, bool)>,
}

impl Course {
    fn turn(&mut self, at: u64, state: Option<bool>) {
        if let Some((since, up)) = self.state {
            self.day.fill(since, at, up);
            self.month.fill(since, at, up);
        }
        self.state = state.map(|up| (at, up));
    }
}

impl History {
    /// The uptime of addresses of `service`, named as `check address:port`, at `now` (milliseconds since 1970).
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn uptimes(
        &self,
        service: &str,
        targets: &[String],
        now: u64,
    ) -> Result<HashMap<String, Uptime>, HistoryError> {
        let begins = now.saturating_sub(DAY * DAYS as u64);
        let mut courses: HashMap<&str, Course> = targets
            .iter()
            .map(|target| {
                let course = Course {
                    day: Strip::new(now, QUARTER, QUARTERS),
                    month: Strip::new(now, DAY, DAYS),
                    state: None,
                };
                (target.as_str(), course)
            })
            .collect();
        for entry in self.turns(service, begins)? {
            let at = entry.unix_ms.clamp(begins, now);
            match entry.kind.as_str() {
                "state-changed" => {
                    let to = entry.facts.get("to").and_then(|to| to.as_str());
                    let target = entry.endpoint.as_deref().unwrap_or_default();
                    if let (Some(course), Some(to)) = (courses.get_mut(target), to) {
                        course.turn(at, (to != "unknown").then_some(to != "down"));
                    }
                }
                "stopped" => courses.values_mut().for_each(|course| course.turn(at, None)),
                _ => {
                    // It began anew: since it was last alive nothing is known.
                    let alive = entry.facts.get("alive_unix_ms").and_then(|at| at.as_u64());
                    let alive = alive.unwrap_or(entry.unix_ms).clamp(begins, at);
                    for course in courses.values_mut() {
                        let since = course.state.map_or(alive, |(since, _)| since.max(alive));
                        course.turn(since, None);
                    }
                }
            }
        }
        Ok(courses
            .into_iter()
            .map(|(target, mut course)| {
                course.turn(now, None);
                let (day, month) = (course.day.shares(), course.month.shares());
                (target.to_owned(), Uptime { day, month })
            })
            .collect())
    }

    /// What turned a state since `begins`, oldest first, after what had turned the states of then.
    fn turns(&self, service: &str, begins: u64) -> Result<Vec<Entry>, HistoryError> {
        let states = Filter {
            service: Some(service.to_owned()),
            kinds: vec!["state-changed".to_owned()],
            ..Filter::default()
        };
        let lives = Filter {
            kinds: vec!["started".to_owned(), "stopped".to_owned()],
            ..Filter::default()
        };
        let mut all = Vec::new();
        for filter in [states, lives] {
            let before = Filter {
                until: Some(begins),
                ..filter.clone()
            };
            all.append(&mut self.newest(&before, MOST)?.items);
            let mut since = Filter {
                since: Some(begins),
                ..filter
            };
            for _ in 0..PAGES {
                let mut page = self.oldest(&since, MOST)?;
                all.append(&mut page.items);
                since.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
        all.sort_by_key(|entry| entry.seq);
        Ok(all)
    }
}
