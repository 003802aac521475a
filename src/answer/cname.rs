//! Endpoints that are answered by CNAME: when one is chosen, the name is an alias for every type.

use crate::answer::lookup::{Asked, Place};
use crate::answer::node::{Node, RECORD_HEADER, Record, RrSet};
use crate::answer::service::{Given, ServiceAnswers};
use crate::wire::rtype;

/// An endpoint of a service that is answered by CNAME.
#[derive(Debug)]
pub struct Cname {
    /// What stands in for it among the addresses, for A and AAAA.
    pub stand_ins: [Box<[u8]>; 2],
    /// The record, encoded as in a [`Node`] at the service's name; the TTL is set when answered.
    pub record: Box<[u8]>,
}

/// The CNAME that is chosen, and how many bits of the client's address decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen<'s> {
    pub(crate) record: Record<'s>,
    pub(crate) scope: u8,
    /// Whose it is.
    pub(crate) lanes: &'s [u32],
}

impl ServiceAnswers {
    /// The CNAME that the first address of `given` stands in for.
    #[inline]
    pub(crate) fn cname_of<'s>(&'s self, given: &Given<'s>) -> Option<Chosen<'s>> {
        if self.cnames.is_empty() {
            return None;
        }
        let Given::Records {
            first, scope, lanes, ..
        } = given
        else {
            return None;
        };
        let record = self.cname_at(first)?;
        Some(Chosen {
            record,
            scope: *scope,
            lanes: lanes.first().and_then(|run| run.get(..1)).unwrap_or(&[]),
        })
    }

    /// The CNAME that the address in `record` (the first of several) stands in for.
    pub(crate) fn cname_at(&self, record: &[u8]) -> Option<Record<'_>> {
        let address = record.get(RECORD_HEADER..)?;
        let is_it = |cname: &&Cname| cname.stand_ins.iter().any(|known| address.starts_with(known));
        let set = RrSet {
            rtype: rtype::CNAME,
            count: 1,
            octets: &self.cnames.iter().find(is_it)?.record,
        };
        set.records().next()
    }
}

impl<'s> Asked<'s> {
    /// The CNAME that the service at `node` answers to this question, if it answers one.
    #[inline]
    pub(crate) fn cname(&self, place: Place<'s>, node: Node<'s>) -> Option<(&'s ServiceAnswers, Chosen<'s>)> {
        let answers = self
            .service(place, node)
            .filter(|answers| !answers.cnames.is_empty())?;
        let family = match self.question.qtype {
            rtype::AAAA => &answers.aaaa,
            _ => &answers.a,
        };
        let given = family.give(&self.client, self.dice);
        Some((answers, answers.cname_of(&given)?))
    }
}
