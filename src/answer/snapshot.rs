//! Snapshot: what is answered from.

use std::net::IpAddr;

use crate::model::time::Moment;

/// Everything that is answered from, immutable.
#[derive(Debug)]
pub struct Snapshot {}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP: answers are limited in size.
    Udp,
    /// TCP and whatever else carries 65,535 octets.
    Tcp,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Source address.
    pub address: IpAddr,
    /// How the query came.
    pub transport: Transport,
}

/// One query to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The message's octets.
    pub query: &'a [u8],
    /// Who asks.
    pub client: Client,
    /// When (coarse is good enough).
    pub now: Moment,
    /// Chance: uniform in `u64`.
    pub dice: u64,
}

/// What becomes of a query. Total: every packet has an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the first `len` octets of `out`.
    Reply {
        /// How many octets of `out` are the answer.
        len: usize,
        /// What the counters need.
        about: About,
    },
    /// AXFR, IXFR, NOTIFY, UPDATE, or TSIG present: for `serve::transactions`.
    Transaction,
    /// Send nothing.
    Drop,
}

/// What the counters need of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// RCODE, extended bits included.
    pub rcode: u16,
    /// QTYPE; 0 when the question could not be read.
    pub qtype: u16,
    /// Whether the answer was cut short (TC).
    pub truncated: bool,
}

/// A worker's reusable memory.
#[derive(Debug, Default)]
pub struct Scratch {}

impl Snapshot {
    /// Answers `ask` into `out` (at least 512 octets; 65,535 for TCP).
    pub fn answer(&self, _ask: &Ask<'_>, _scratch: &mut Scratch, _out: &mut [u8]) -> Outcome {
        Outcome::Drop
    }
}
