//! Whose answer it was: what counters need of the answer of a service.
//!
//! Everybody who is counted has a *lane*, a number that stays theirs over reloads: a service one for each kind of
//! answer, an endpoint one for the answers that name it. The engine notes lanes; the front ends count.

use crate::answer::service::ServiceAnswers;

/// The lane of what is not counted.
pub const NOBODY: u32 = 0;

/// Kinds of answers of a service, each with a lane of its own, counted from the service's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Addresses.
    Address,
    /// A CNAME in the place of addresses.
    Alias,
    /// Records of other types that name its endpoints: MX, SRV, SVCB, HTTPS.
    Other,
    /// No data.
    Nothing,
    /// SERVFAIL.
    Fail,
}

impl Kind {
    /// All, in the order of their lanes.
    pub const ALL: [Self; 5] = [Self::Address, Self::Alias, Self::Other, Self::Nothing, Self::Fail];

    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Alias => "alias",
            Self::Other => "other",
            Self::Nothing => "nodata",
            Self::Fail => "servfail",
        }
    }
}

/// What services said in one answer.
#[derive(Debug)]
pub(crate) struct Served {
    lanes: Vec<u32>,
    ttl: Option<u32>,
}

impl Default for Served {
    fn default() -> Self {
        Self {
            // More than fit into an answer over UDP.
            lanes: Vec::with_capacity(256),
            ttl: None,
        }
    }
}

/// Whom to count for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whom<'a> {
    /// Lanes, each to be counted once.
    pub lanes: &'a [u32],
    /// The TTL that the service gave, in seconds; `None`: it gave no records.
    pub ttl: Option<u32>,
}

impl Served {
    /// Forgets what was noted: another answer begins, or of this one nothing is left.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.lanes.clear();
        self.ttl = None;
    }

    /// Whom to count; `None` when no service had a say.
    #[inline]
    pub(crate) fn whom(&self) -> Option<Whom<'_>> {
        (!self.lanes.is_empty()).then_some(Whom {
            lanes: &self.lanes,
            ttl: self.ttl,
        })
    }

    /// A service gave an answer without records.
    pub(crate) fn without(&mut self, answers: &ServiceAnswers, kind: Kind) {
        if answers.lane != NOBODY {
            self.lanes.push(answers.lane + kind as u32);
        }
    }

    /// A service gave records for `ttl` seconds that name the endpoints whose lanes stand in `runs`, address by address.
    /// An endpoint counts once, however many of its addresses stand there; they stand side by side, but a rotation may
    /// begin amid them.
    #[inline]
    pub(crate) fn with(&mut self, answers: &ServiceAnswers, kind: Kind, ttl: u32, runs: [&[u32]; 2]) {
        self.without(answers, kind);
        self.ttl = Some(ttl);
        let first = self.lanes.len();
        let mut last = NOBODY;
        for lane in runs.into_iter().flatten() {
            if *lane != last && *lane != NOBODY {
                self.lanes.push(*lane);
            }
            last = *lane;
        }
        if self.lanes.len() > first + 1 && self.lanes.get(first) == self.lanes.last() {
            self.lanes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::service::Family;
    use crate::model::time::Ttl;
    use crate::policy::choice::{Choice, Lifetime};

    fn answers(lane: u32) -> ServiceAnswers {
        let family = || Family::new(Choice::default(), Box::default(), 16, None);
        ServiceAnswers {
            a: family(),
            aaaa: family(),
            lifetime: Lifetime::Fixed(Ttl::default()),
            extras: Box::default(),
            facets: Box::default(),
            cnames: Box::default(),
            lane,
        }
    }

    #[test]
    fn an_endpoint_counts_once_however_its_addresses_are_turned() {
        let service = answers(10);
        for (runs, expected) in [
            ([&[20, 20, 21][..], &[][..]], &[10, 20, 21][..]),
            ([&[20, 21], &[20]], &[10, 20, 21]),
            ([&[20], &[20]], &[10, 20]),
            ([&[NOBODY, 21], &[NOBODY]], &[10, 21]),
            ([&[], &[]], &[10]),
        ] {
            let mut served = Served::default();
            served.with(&service, Kind::Address, 30, runs);
            let whom = served.whom().unwrap();
            assert_eq!((whom.lanes, whom.ttl), (expected, Some(30)));
        }
    }

    #[test]
    fn who_has_no_lane_is_not_counted_and_failing_takes_all_back() {
        let mut served = Served::default();
        served.without(&answers(NOBODY), Kind::Fail);
        assert_eq!(served.whom(), None);
        served.with(&answers(10), Kind::Alias, 5, [&[20], &[]]);
        served.clear();
        served.without(&answers(30), Kind::Fail);
        let whom = served.whom().unwrap();
        assert_eq!((whom.lanes, whom.ttl), (&[34][..], None));
    }
}
