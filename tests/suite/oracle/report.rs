//! What `explain` reports, read as anybody would read it: types of our own, nothing of the server's.

use std::net::IpAddr;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) zone: Option<String>,
    pub(crate) service: Option<Service>,
    pub(crate) answer: Answer,
    pub(crate) asked: Asked,
    pub(crate) apex: Option<Apex>,
    pub(crate) possible: [Vec<Possible>; 2],
}

#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) query: String,
    pub(crate) wire: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) dice: String,
    pub(crate) moment_ns: u64,
    pub(crate) udp_payload: u16,
    pub(crate) heeded: bool,
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
    pub(crate) place: Option<Place>,
    pub(crate) place_length: u8,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) regions: Vec<String>,
    pub(crate) point: Option<Point>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Point {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Apex {
    pub(crate) origin: String,
    pub(crate) refused: bool,
    pub(crate) stands: String,
    pub(crate) soa: Option<Soa>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Soa {
    pub(crate) ttl: u32,
    pub(crate) mname: String,
    pub(crate) rname: String,
    pub(crate) numbers: [u32; 5],
}

#[derive(Debug, Deserialize)]
pub(crate) struct Possible {
    pub(crate) share: f64,
    pub(crate) addresses: Vec<String>,
    pub(crate) take: usize,
    pub(crate) rotated: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Service {
    pub(crate) basis: Option<Basis>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Basis {
    pub(crate) decided_ns: Option<u64>,
    pub(crate) ttl_mode: String,
    pub(crate) ttl_max: u32,
    pub(crate) ttl_min: u32,
    pub(crate) switch: String,
    pub(crate) failback: String,
    pub(crate) failback_after_ns: Option<u64>,
    pub(crate) when_all_down: String,
    pub(crate) fallback: Vec<IpAddr>,
    pub(crate) families: String,
    pub(crate) gate: Option<String>,
    pub(crate) hosts: bool,
    pub(crate) group: Group,
    pub(crate) last_good: [Option<Choice>; 2],
    pub(crate) current: [Option<Choice>; 2],
}

#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    pub(crate) pool: Option<String>,
    pub(crate) policy: String,
    pub(crate) max_answers: Option<usize>,
    pub(crate) prefix: Option<[u8; 2]>,
    pub(crate) margin: Option<u32>,
    pub(crate) min_up: usize,
    pub(crate) degraded_below: usize,
    pub(crate) degraded_weight: u32,
    pub(crate) demand: Option<u32>,
    pub(crate) members: Vec<Member>,
    pub(crate) seats: Vec<SeatReport>,
    pub(crate) fastest: Vec<Turn>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SeatReport {
    pub(crate) family: String,
    #[serde(flatten)]
    pub(crate) seat: Seat,
}

/// Who is active in a failover group, for one family.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Seat {
    pub(crate) active: Option<usize>,
    pub(crate) by_hand: bool,
    pub(crate) up_since_ns: Vec<Option<u64>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Turn {
    pub(crate) family: String,
    pub(crate) member: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) capacity: Option<u32>,
    pub(crate) networks: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) point: Option<Point>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) group: Option<Box<Group>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) forced: Option<String>,
    pub(crate) cname: Option<String>,
    pub(crate) alias: bool,
    pub(crate) addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Address {
    pub(crate) address: IpAddr,
    pub(crate) tier: String,
    pub(crate) waiting: bool,
    pub(crate) in_doubt: bool,
    pub(crate) earliest_flip_ns: Option<u64>,
    pub(crate) smooth_ns: Option<u64>,
}

/// What is answered for one family, as a table that one throw picks from.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Choice {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) pick: Pick,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pick {
    #[default]
    Nothing,
    Fail,
    Fixed,
    Rotate {
        take: usize,
    },
    Weighted {
        columns: Vec<Column<Run>>,
    },
    Tree {
        nodes: Vec<Node>,
    },
}

/// A column of an alias table, of runs or of nodes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Column<T> {
    pub(crate) threshold: u64,
    pub(crate) alias: usize,
    #[serde(alias = "candidate", alias = "node")]
    pub(crate) own: T,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) take: usize,
    pub(crate) rotate: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Node {
    Run(Run),
    Fork {
        columns: Vec<Column<usize>>,
        mixed: bool,
    },
    Sticky {
        prefix: Bits,
        branches: Vec<Pinned>,
    },
    Subnet {
        v4: Vec<Stretch>,
        v6: Vec<Stretch>,
    },
    Geo {
        regions: Vec<(String, usize)>,
        points: Vec<([f64; 3], usize)>,
        otherwise: usize,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Bits {
    pub(crate) v4: u8,
    pub(crate) v6: u8,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Pinned {
    pub(crate) seed: u64,
    pub(crate) per_weight: f64,
    pub(crate) node: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stretch {
    pub(crate) first: String,
    pub(crate) node: usize,
}
