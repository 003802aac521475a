//! What a service answers now: its records, encoded for each address that may be picked.

use crate::answer::cname::Cname;
use crate::answer::facets::Extra;
use crate::answer::first::{First, Fresh};
use crate::model::time::Moment;
use crate::policy::choice::client::ClientKey;
use crate::policy::choice::{Choice, Degraded, Lifetime, Pick, Picked};
use crate::wire::rtype;

/// Answers of one service, immutable; a new decision makes a new one.
#[derive(Debug)]
pub struct ServiceAnswers {
    /// For type A.
    pub a: Family,
    /// For type AAAA.
    pub aaaa: Family,
    /// TTL of the answers.
    pub lifetime: Lifetime,
    /// Other types at the same name.
    pub extras: Box<[Extra]>,
    /// What is answered at the service's other names, in the order of `Facets::owners`.
    pub facets: Box<[ServiceAnswers]>,
    /// Endpoints that are answered by CNAME.
    pub cnames: Box<[Cname]>,
    /// The first of its lanes, see [`Kind`](crate::answer::served::Kind); [`NOBODY`](crate::answer::served::NOBODY): it
    /// is not counted.
    pub lane: u32,
}

/// Answers of one address family.
#[derive(Debug)]
pub struct Family {
    choice: Choice,
    records: Box<[u8]>,
    size: usize,
    said: Option<Degraded>,
    fresh: Fresh,
    /// Whose each address is, by lane; empty when nobody is counted.
    lanes: Box<[u32]>,
}

/// What one query gets.
#[derive(Clone, Copy, Debug)]
pub enum Given<'s> {
    /// NODATA.
    Nothing,
    /// SERVFAIL.
    Fail,
    /// These records, in two runs; owner 0xC00C.
    Records {
        /// The first run.
        first: &'s [u8],
        /// The rest, from the beginning of the rotation.
        second: &'s [u8],
        /// How many in both.
        count: u16,
        /// How many bits of the client's address decided, see [`Picked::scope`].
        scope: u8,
        /// Whose the records of both runs are, by lane.
        lanes: [&'s [u32]; 2],
    },
}

impl Family {
    /// `records` are those of `choice.addresses`, in order, of `size` octets each; `said` has an EXTRA-TEXT within
    /// 64 octets.
    #[must_use]
    pub fn new(choice: Choice, records: Box<[u8]>, size: usize, said: Option<Degraded>) -> Self {
        Self {
            choice,
            records,
            size,
            said,
            fresh: Fresh::default(),
            lanes: Box::default(),
        }
    }

    /// Waits to be answered for the first time since it replaced `before`; the same answers encoded anew go on waiting.
    pub(crate) fn follow(&mut self, before: &Self, edition: u64) {
        self.fresh = if self.choice == before.choice {
            before.fresh.again()
        } else {
            Fresh::wait(std::sync::Arc::new(First::of(edition)))
        };
    }

    /// Whether its first answer is still to come.
    #[inline]
    pub(crate) fn fresh(&self) -> &Fresh {
        &self.fresh
    }

    /// The same, with whose each of `choice.addresses` is.
    #[must_use]
    pub fn counted(self, lanes: Box<[u32]>) -> Self {
        Self { lanes, ..self }
    }

    /// Said by an extended error when the answer is not what the operator would wish.
    #[inline]
    #[must_use]
    pub fn said(&self) -> Option<&Degraded> {
        self.said.as_ref()
    }

    /// Every record that may be answered.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.shown().chunks_exact(self.size.max(1))
    }

    /// Every record that may be answered, in one run.
    #[must_use]
    pub(crate) fn shown(&self) -> &[u8] {
        match self.choice.pick {
            Pick::Nothing | Pick::Fail => &[],
            _ => &self.records,
        }
    }

    /// Picks for `client` by one throw of the dice.
    #[inline]
    #[must_use]
    pub fn give(&self, client: &ClientKey<'_>, dice: u64) -> Given<'_> {
        let Some(Picked {
            first,
            count,
            start,
            take,
            scope,
        }) = self.choice.pick(client, dice)
        else {
            return match self.choice.pick {
                Pick::Fail => Given::Fail,
                _ => Given::Nothing,
            };
        };
        let (first, count) = (usize::from(first), usize::from(count));
        let (start, take) = (usize::from(start).min(count), usize::from(take).min(count));
        let before_end = take.min(count - start);
        let run = |from: usize, length: usize| {
            let at = (first + from) * self.size;
            self.records.get(at..at + length * self.size).unwrap_or(&[])
        };
        let whose = |from: usize, length: usize| {
            let at = first + from;
            self.lanes.get(at..at + length).unwrap_or(&[])
        };
        Given::Records {
            first: run(start, before_end),
            second: run(0, take - before_end),
            count: u16::try_from(take).unwrap_or(u16::MAX),
            scope,
            lanes: [whose(start, before_end), whose(0, take - before_end)],
        }
    }
}

impl ServiceAnswers {
    /// The answers for `rtype`; `None` when the service has no say about that type.
    #[inline]
    #[must_use]
    pub fn family(&self, rtype: u16) -> Option<&Family> {
        match rtype {
            rtype::A => Some(&self.a),
            rtype::AAAA => Some(&self.aaaa),
            _ => None,
        }
    }

    /// TTL at `now`, in seconds.
    #[inline]
    #[must_use]
    pub fn ttl(&self, now: Moment) -> u32 {
        self.lifetime.at(now).secs()
    }

    /// Whether the encoded records hold the TTL already.
    #[inline]
    #[must_use]
    pub fn ttl_is_fixed(&self) -> bool {
        matches!(self.lifetime, Lifetime::Fixed(_))
    }
}
