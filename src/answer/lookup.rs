//! Zone and node of a question, and which kind of answer that makes.

use std::net::IpAddr;

use crate::answer::first::Firsts;
use crate::answer::fit::Reply;
use crate::answer::node::{CNAME, CUT, Node};
use crate::answer::service::ServiceAnswers;
use crate::answer::snapshot::Snapshot;
use crate::answer::table::{Standing, Table};
use crate::answer::zones::Zone;
use crate::answer::{alias, negative, positive, referral};
use crate::model::time::Moment;
use crate::policy::choice::client::ClientKey;
use crate::wire::edns::{ExtendedError, INVALID_DATA, PROHIBITED};
use crate::wire::name::labels;
use crate::wire::query::Question;
use crate::wire::rtype::{self, rcode};

/// A question under way: what it asks, and what there is to answer it from.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) question: Question,
    pub(crate) client: ClientKey<'s>,
    /// Who sent the query, whomever the answer is for.
    pub(crate) source: IpAddr,
    pub(crate) dice: u64,
    pub(crate) now: Moment,
    pub(crate) firsts: &'s Firsts,
}

/// A zone that is served, with its names.
#[derive(Clone, Copy)]
pub(crate) struct Place<'s> {
    pub(crate) zone: &'s Zone,
    pub(crate) table: &'s Table,
}

impl<'s> Asked<'s> {
    /// Answers the question, whose name is `name`, hashed, within the zone at index `zone`.
    #[inline]
    pub(crate) fn answer(
        &self,
        reply: &mut Reply<'_, 's>,
        zone: Option<usize>,
        hash: u64,
        name: &[u8],
        data: &mut Vec<u8>,
    ) {
        let depth = usize::from(self.question.labels);
        let Some(zone) = self.responsible(zone, hash, name, depth) else {
            reply.rcode = rcode::REFUSED;
            return;
        };
        if !zone.permits(self.source) {
            return prohibited(reply);
        }
        let Some(table) = zone.table.as_deref() else {
            reply.rcode = rcode::SERVFAIL;
            reply.say(ExtendedError {
                code: INVALID_DATA,
                text: b"the zone has mistakes and is not served",
            });
            return;
        };
        reply.authoritative = true;
        let place = Place { zone, table };
        let standing = table.standing(hash, name, depth);
        let (node, shift) = match standing {
            Standing::Exists(node) if !node.is(CUT) || self.question.qtype == rtype::DS => (node, 0),
            Standing::Exists(cut) => return referral::write(self, reply, place, cut, data),
            Standing::Wildcard(node) => {
                let longer = usize::from(self.question.name_len);
                (node, longer.saturating_sub(node.key().len()))
            }
            Standing::Below(_) => return alias::chase(self, reply, place, hash, standing, name, data),
            Standing::Missing => {
                reply.rcode = rcode::NXDOMAIN;
                return negative::at_question(reply, self.question, table, None);
            }
        };
        if positive::at_question(self, reply, place, node, shift) {
            return;
        }
        let alias = self.cname(place, node).is_some();
        if alias || node.is(CNAME) {
            return alias::chase(self, reply, place, hash, standing, name, data);
        }
        // Where the next decision may bring an alias, nobody shall remember an absence for longer than the answer.
        let service = self.service(place, node);
        let changing = service.filter(|answers| !answers.cnames.is_empty());
        let most = changing.map(|answers| answers.ttl(self.now));
        negative::at_question(reply, self.question, table, most);
    }

    /// The zone that answers: the one found, but DS at its apex is the business of the zone above (RFC 4035 section
    /// 3.1.4.1), when that is served and knows the name.
    #[inline]
    fn responsible(&self, zone: Option<usize>, hash: u64, name: &[u8], depth: usize) -> Option<&'s Zone> {
        let zone = self.snapshot.zones().get(zone?)?;
        if self.question.qtype == rtype::DS && zone.labels == depth {
            return Some(self.above(hash, name, depth).unwrap_or(zone));
        }
        Some(zone)
    }

    fn above(&self, hash: u64, name: &[u8], depth: usize) -> Option<&'s Zone> {
        let parent = name.get(1 + usize::from(*name.first()?)..)?;
        let zones = self.snapshot.zones();
        let zone = zones.get(zones.find(parent, depth.checked_sub(1)?)?)?;
        let Some(table) = zone.table.as_deref() else {
            return Some(zone); // refused: what it would say of the DS is not known, and not the child's to say
        };
        match table.standing(hash, name, depth) {
            Standing::Exists(_) | Standing::Wildcard(_) => Some(zone),
            Standing::Below(node) => node.is(CUT).then_some(zone),
            Standing::Missing => None,
        }
    }

    /// Where `name` is served; `None` when nowhere, or in a zone that was refused.
    pub(crate) fn place_of(&self, name: &[u8], hash: u64) -> Option<Place<'s>> {
        let (zones, depth) = (self.snapshot.zones(), labels(name).count());
        let zone = self.responsible(zones.find(name, depth), hash, name, depth)?;
        // What a client may not ask, no alias leads it to.
        let table = zone.table.as_deref().filter(|_| zone.permits(self.source))?;
        Some(Place { zone, table })
    }

    /// What the service at `node` answers.
    #[inline]
    pub(crate) fn service(&self, place: Place<'s>, node: Node<'s>) -> Option<&'s ServiceAnswers> {
        self.snapshot.service(place.zone, node.service()?)
    }
}

#[cold]
fn prohibited(reply: &mut Reply<'_, '_>) {
    reply.rcode = rcode::REFUSED;
    reply.say(ExtendedError {
        code: PROHIBITED,
        text: b"",
    });
}
