//! Questions that both servers answer: queries that came, and some that are made up of the zones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use crate::config::load::Loaded;
use crate::model::time::Now;
use crate::serve::sampler::Sample;
use crate::wire::name::Name;

/// A question, with all that an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The message.
    pub query: Vec<u8>,
    /// Who asks.
    pub client: IpAddr,
    /// When, by the clock of both.
    pub at: Now,
    /// What chance says.
    pub dice: u64,
}

/// What a zone's records amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The zone.
    pub origin: String,
    /// How many records.
    pub records: usize,
    /// A sum over all of them, whatever their order.
    pub sum: u64,
}

const A: u16 = 1;
const SOA: u16 = 6;
const AAAA: u16 = 28;
/// Octets of the largest answer.
const LARGEST: usize = 65_535;

/// Of samples: chance is thrown anew, since nobody wrote down how it fell.
#[must_use]
pub fn of_samples(samples: Vec<Sample>, chance: u64) -> Vec<Question> {
    let question = |(index, sample): (usize, Sample)| Question {
        query: sample.query,
        client: sample.client,
        at: sample.at,
        dice: spread(chance, index),
    };
    samples.into_iter().enumerate().map(question).collect()
}

/// Made up of what is served, at most about `most`: services, static names, names that do not exist; spread evenly where
/// there are more.
#[must_use]
pub fn made_up(loaded: &Loaded, most: usize, now: Now, chance: u64) -> Vec<Question> {
    let Some(plan) = &loaded.plan else {
        return Vec::new();
    };
    let mut asked: Vec<(Vec<u8>, u16)> = Vec::new();
    let share = (most / 2).max(1);
    for service in every(&plan.services, share / 2) {
        for rtype in [A, AAAA] {
            asked.push((service.owner.as_wire().to_vec(), rtype));
        }
    }
    for zone in every(&plan.zones, share / 2) {
        asked.push((zone.origin.as_wire().to_vec(), SOA));
        if let Ok(absent) = Name::from_text_below(b"pointsman-takeover-absent", zone.origin.as_wire()) {
            asked.push((absent.as_wire().to_vec(), A));
        }
    }
    let held = loaded.contents.iter().flatten();
    let records: usize = held.clone().map(|contents| contents.len()).sum();
    let step = records.div_ceil(share).max(1);
    let mut last = None;
    for record in held.flat_map(|contents| contents.records()).step_by(step) {
        if last != Some((record.owner, record.rtype)) {
            last = Some((record.owner, record.rtype));
            asked.push((record.owner.to_vec(), record.rtype));
        }
    }
    let question = |(index, (owner, rtype)): (usize, (Vec<u8>, u16))| Question {
        query: query(index, &owner, rtype),
        client: client(index),
        at: now,
        dice: spread(chance, index),
    };
    asked.into_iter().enumerate().map(question).collect()
}

/// At most about `most` of `all`, evenly.
fn every<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(most.max(1)).max(1))
}

fn spread(chance: u64, index: usize) -> u64 {
    let mixed = chance ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.wrapping_mul(0xd129_0a6b_3c5e_4f17).rotate_left(29)
}

fn client(index: usize) -> IpAddr {
    let low = u16::try_from(index % 60_000).unwrap_or(0);
    let [a, b] = low.to_be_bytes();
    if index % 4 == 3 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, low, 0, 0, 0, 0, 1))
    } else {
        IpAddr::V4(Ipv4Addr::new(198, 18, a, b))
    }
}

/// A query of one question; every second one with EDNS.
fn query(index: usize, owner: &[u8], rtype: u16) -> Vec<u8> {
    let edns = index % 2 == 1;
    let id = u16::try_from(index % 65_536).unwrap_or(0);
    let mut message = Vec::with_capacity(owner.len() + 32);
    for number in [id, 0, 1, 0, 0, u16::from(edns)] {
        message.extend(number.to_be_bytes());
    }
    message.extend(owner);
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1]);
    if edns {
        message.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    message
}

/// What `snapshot` answers; empty: nothing, or a transaction.
#[must_use]
pub fn answers(snapshot: &Snapshot, questions: &[Question]) -> Vec<Vec<u8>> {
    let mut scratch = Scratch::default();
    let mut room = vec![0; LARGEST];
    let mut answer = |question: &Question| {
        let ask = Ask {
            query: &question.query,
            client: Client {
                address: question.client,
                // Nobody is limited here, and nobody counts as asked too often because of it.
                transport: Transport::Tcp,
            },
            now: question.at.moment,
            wall: question.at.wall,
            dice: question.dice,
        };
        match snapshot.answer(&ask, &mut scratch, &mut room) {
            Outcome::Reply { len, .. } => room.get(..len).unwrap_or_default().to_vec(),
            Outcome::Transaction | Outcome::Drop | Outcome::Withhold => Vec::new(),
        }
    };
    questions.iter().map(&mut answer).collect()
}

/// What the zones hold.
#[must_use]
pub fn digests(loaded: &Loaded) -> Vec<Digest> {
    let Some(plan) = &loaded.plan else {
        return Vec::new();
    };
    let zones = plan.zones.iter().zip(&loaded.contents);
    zones
        .map(|(zone, contents)| {
            let mut digest = Digest {
                origin: zone.origin.to_lower().to_string(),
                records: 0,
                sum: 0,
            };
            for record in contents.iter().flat_map(|contents| contents.records()) {
                let mut hash = fnv(0xcbf2_9ce4_8422_2325, record.owner);
                hash = fnv(hash, &record.rtype.to_be_bytes());
                hash = fnv(hash, &record.ttl.to_be_bytes());
                digest.records += 1;
                digest.sum = digest.sum.wrapping_add(fnv(hash, record.rdata));
            }
            digest
        })
        .collect()
}

fn fnv(hash: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(hash, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
