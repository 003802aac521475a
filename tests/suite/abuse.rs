//! Cookies, limits and how much is sent to whom: `[dns.cookies]`, `[dns.rate_limit]`.

mod cookies;
mod dig;
mod limits;

use std::net::IpAddr;
use std::sync::Arc;

use pointsman::answer::snapshot::{About, Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::model::abuse::{CookieSecrets, CookieSettings, RateSettings, Require};
use pointsman::model::time::{Moment, UnixTime};
use pointsman::publish::publisher::Publisher;

use crate::answers::world;

const RECORDS: &str = "@ 60 SOA ns1 h 1 60 60 60 60\n@ 60 NS ns1\nns1 60 A 192.0.2.53\nwww 60 A 192.0.2.1\n\
     big 60 TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n\
     big 60 TXT \"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\"\n\
     sub 60 NS ns.sub\nns.sub 60 A 192.0.2.54\n";

/// A secret that everybody in these tests knows.
const SECRET: [u8; 16] = [7; 16];
/// A moment on the wall clock, in seconds.
const WALL: u64 = 1_900_000_000;

fn cookies(require: Require) -> CookieSettings {
    CookieSettings {
        secrets: CookieSecrets::Shared(vec![SECRET]),
        require,
        max_without: None,
        lane: false,
    }
}

fn rate(per_second: u32, slip: u32) -> RateSettings {
    RateSettings {
        per_second: [per_second; RateSettings::KINDS],
        burst: 1,
        slip,
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        exempt: Vec::new(),
        entries: 1024,
    }
}

/// A zone that is answered with these settings.
fn snapshot(cookies: CookieSettings, rate_limit: Option<RateSettings>) -> Arc<Snapshot> {
    let zone = world::World {
        zone: vec![world::Zone {
            origin: "example.test".to_owned(),
            records: RECORDS.to_owned(),
            refused: false,
            service: Vec::new(),
        }],
    };
    let (mut plan, contents) = world::plan(&zone);
    plan.node.cookies = cookies;
    plan.node.rate_limit = rate_limit;
    Publisher::new(&plan, &contents, 7).apply(&[])
}

/// A query for `name` (labels with dots; nothing: no question) with an OPT record of these options, unless `None`.
fn query(name: Option<&str>, rtype: u16, options: Option<&[(u16, &[u8])]>) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0, 0, 0, u8::from(name.is_some()), 0, 0, 0, 0, 0, 0];
    if let Some(name) = name {
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend([rtype.to_be_bytes(), [0, 1]].concat());
    }
    if let Some(options) = options {
        message[11] = 1;
        let data: Vec<u8> = options
            .iter()
            .flat_map(|(code, data)| {
                let head = [code.to_be_bytes(), (data.len() as u16).to_be_bytes()].concat();
                [&head, *data].concat()
            })
            .collect();
        message.extend(b"\0\0\x29\x04\xd0\0\0\0\0");
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
    }
    message
}

/// What came back.
#[derive(Debug)]
struct Reply {
    octets: Vec<u8>,
    about: About,
}

impl Reply {
    fn answers(&self) -> u16 {
        u16::from_be_bytes([self.octets[6], self.octets[7]])
    }

    fn is_truncated(&self) -> bool {
        self.octets[2] & 2 != 0
    }

    /// The data of the COOKIE option, the last but for an extended error.
    fn cookie(&self) -> Option<[u8; 24]> {
        let at = self.octets.windows(4).rposition(|four| four == [0, 10, 0, 24])?;
        self.octets.get(at + 4..at + 28)?.try_into().ok()
    }
}

struct Asker<'s> {
    snapshot: &'s Snapshot,
    address: IpAddr,
    transport: Transport,
    now: Moment,
    wall: u64,
    dice: u64,
}

impl<'s> Asker<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            address: IpAddr::from([192, 0, 2, 9]),
            transport: Transport::Udp,
            now: Moment::ZERO,
            wall: WALL,
            dice: 1,
        }
    }

    fn ask(&self, query: &[u8]) -> Option<Reply> {
        let mut out = [0xee; 4096];
        let ask = Ask {
            query,
            client: Client {
                address: self.address,
                transport: self.transport,
            },
            now: self.now,
            wall: UnixTime(self.wall * 1000),
            dice: self.dice,
        };
        match self.snapshot.answer(&ask, &mut Scratch::default(), &mut out) {
            Outcome::Reply { len, about } => Some(Reply {
                octets: out[..len].to_vec(),
                about,
            }),
            _ => None,
        }
    }
}
