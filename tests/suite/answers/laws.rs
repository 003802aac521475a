//! Laws: whatever comes, the engine answers or keeps silent, and what it says decodes and fits.

use std::sync::{Arc, LazyLock};

use hickory_proto::op::Message;
use pointsman::answer::snapshot::{Snapshot, Transport};
use proptest::prelude::*;

use super::world::{World, ask, snapshot};

/// A zone with everything in it: cuts, glue, aliases, wildcards, services, large and odd RRsets.
const RICH: &str = r#"
[[zone]]
origin = "test"
records = '''
@ 300 SOA ns host 1 7200 900 86400 60
@ 300 NS ns
@ 300 NS NS.sub
@ 300 MX 10 www
ns 300 A 192.0.2.53
www 300 A 192.0.2.80
www 300 AAAA 2001:db8::80
www 300 TXT "text"
alias 60 CNAME www
alias2 60 CNAME alias
away 60 CNAME x.elsewhere.example.
loop 60 CNAME loop2
loop2 60 CNAME loop
* 300 MX 5 www
*.w 300 CNAME y.x
x 300 DNAME dname.target
a.b.ent 300 A 192.0.2.1
sub 300 NS ns1.sub
sub 300 NS ns2.sub
sub 300 DS 1 13 2 0101010101010101010101010101010101010101010101010101010101010101
ns1.sub 300 A 192.0.2.101
ns2.sub 300 AAAA 2001:db8::102
big 300 TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
srv 300 SRV 1 2 3 www
https 300 HTTPS 1 .
https 300 A 192.0.2.44
odd 300 TYPE65280 \# 3 010203
'''
service = [
  { owner = "s.test", addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"], pick = "rotate", take = 2, error = 3 },
  { owner = "*.sw.test", addresses = ["192.0.2.9"], flip = 3 },
  { owner = "fail.test", pick = "fail", error = 22 },
  { owner = "f.test", addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"], pick = "rotate", take = 1, flip = 3, mx = 5, https = true, srv = [["_s._tcp", 1, 2]], endpoint = [{ name = "one", addresses = ["192.0.2.1"] }, { name = "two", addresses = ["192.0.2.2", "2001:db8::1"] }] },
  { owner = "*.fw.test", addresses = ["192.0.2.9"], https = true },
]
[[zone]]
origin = "child.test"
records = '''
@ 300 SOA ns.test. host 1 7200 900 86400 60
@ 300 NS ns.test.
up 300 CNAME alias2.test.
'''
[[zone]]
origin = "refused.test"
refused = true
"#;

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let world: World = toml::from_str(RICH).unwrap();
    snapshot(&world)
});

const LABELS: [&str; 27] = [
    "www", "alias", "alias2", "away", "loop", "x", "w", "ent", "b", "sub", "ns1", "big", "srv", "https", "s",
    "sw", "fail", "child", "up", "refused", "*", "nx", "f", "one", "_tcp", "_s", "fw",
];

const TYPES: [u16; 18] = [
    1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 43, 64, 65, 250, 254, 255, 65280,
];

fn wire(labels: &[&str]) -> Vec<u8> {
    let mut name: Vec<u8> = labels
        .iter()
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    name.push(0);
    name
}

prop_compose! {
    fn query()(
        labels in prop::collection::vec(prop::sample::select(&LABELS[..]), 0..4),
        inside in prop::bool::weighted(0.95),
        qtype in prop_oneof![prop::sample::select(&TYPES[..]), any::<u16>()],
        class in prop_oneof![9 => Just(1u16), 1 => any::<u16>()],
        flags in prop_oneof![Just([0u8, 0]), Just([1, 0x20]), any::<[u8; 2]>()],
        opt in prop::option::of((any::<u16>(), prop_oneof![9 => Just(0u8), 1 => any::<u8>()], any::<u16>(),
            prop::collection::vec((prop_oneof![Just(3u16), Just(10), any::<u16>()], prop::collection::vec(any::<u8>(), 0..20)), 0..3))),
    ) -> Vec<u8> {
        let mut all = labels;
        if inside {
            all.push("test");
        }
        let mut octets = vec![0xab, 0xcd, flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())];
        octets.extend(wire(&all));
        octets.extend(qtype.to_be_bytes());
        octets.extend(class.to_be_bytes());
        if let Some((payload, version, bits, options)) = opt {
            let options: Vec<u8> = options
                .iter()
                .flat_map(|(code, data)| {
                    let length = (data.len() as u16).to_be_bytes();
                    [&code.to_be_bytes()[..], &length, data].concat()
                })
                .collect();
            octets.extend([0, 0, 41]);
            octets.extend(payload.to_be_bytes());
            octets.extend([0, version]);
            octets.extend(bits.to_be_bytes());
            octets.extend((options.len() as u16).to_be_bytes());
            octets.extend(options);
        }
        octets
    }
}

/// How a message is spoilt.
#[derive(Clone, Debug)]
enum Spoil {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let octet = prop_oneof![
        prop::sample::select(vec![0u8, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff]),
        any::<u8>()
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), octet).prop_map(|(at, octet)| Spoil::Set(at, octet)),
        any::<prop::sample::Index>().prop_map(Spoil::Cut),
        (
            any::<prop::sample::Index>(),
            prop::collection::vec(any::<u8>(), 1..12)
        )
            .prop_map(|(at, more)| Spoil::Insert(at, more)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(at, from)| Spoil::Repeat(at, from)),
    ]
}

fn spoilt(mut octets: Vec<u8>, spoils: &[Spoil]) -> Vec<u8> {
    for spoil in spoils {
        if octets.is_empty() {
            break;
        }
        match spoil {
            Spoil::Set(at, octet) => {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            Spoil::Cut(at) => octets.truncate(at.index(octets.len())),
            Spoil::Insert(at, more) => {
                let at = at.index(octets.len());
                octets.splice(at..at, more.iter().copied());
            }
            Spoil::Repeat(at, from) => {
                let (at, from) = (at.index(octets.len()), from.index(octets.len()));
                let again = octets[from..].to_vec();
                octets.splice(at..at, again);
            }
        }
    }
    octets
}

/// What the client allows, as hickory reads it; the least when it cannot.
fn limit(query: &[u8]) -> usize {
    let payload = Message::from_vec(query)
        .ok()
        .and_then(|message| message.edns.map(|edns| edns.max_payload()));
    usize::from(payload.unwrap_or(1232)).clamp(512, 1232)
}

/// What holds of every reply.
fn lawful(query: &[u8], reply: &[u8], limit: usize) -> Result<(), TestCaseError> {
    prop_assert!(
        query.len() >= 12 && query[2] & 0x80 == 0,
        "a response or a runt was answered"
    );
    prop_assert!(
        reply.len() >= 12 && reply.len() <= limit,
        "{} octets of {limit}",
        reply.len()
    );
    prop_assert_eq!(&reply[..2], &query[..2]);
    prop_assert_eq!(reply[2] & 0xf9, query[2] & 0x79 | 0x80, "QR, OPCODE, RD");
    prop_assert_eq!(reply[3] & 0xf0, 0, "RA, Z, AD, CD");
    let message = Message::from_vec(reply);
    prop_assert!(message.is_ok(), "{:?} {reply:02x?}", message.err());
    let message = message.unwrap();
    if reply[5] == 1 {
        let end = reply.len().min(query.len()).min(12 + 255 + 4);
        let name_end = 12 + reply[12..end].iter().position(|&octet| octet == 0).unwrap_or(0);
        prop_assert_eq!(&reply[12..name_end], &query[12..name_end]);
    }
    if message.metadata.truncation {
        prop_assert!(message.answers.len() <= 32);
    }
    // Every octet belongs to the message: encoded again it holds as many records as its header says.
    let counts = [7, 9, 11].map(|at| usize::from(reply[at - 1]) << 8 | usize::from(reply[at]));
    let opt = usize::from(message.edns.is_some());
    prop_assert_eq!(
        counts,
        [
            message.answers.len(),
            message.authorities.len(),
            message.additionals.len() + opt
        ]
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_octets_have_an_outcome(octets in prop::collection::vec(any::<u8>(), 0..600), dice in any::<u64>()) {
        for transport in [Transport::Udp, Transport::Tcp] {
            if let Some(reply) = ask(&SNAPSHOT, &octets, transport, dice) {
                lawful(&octets, &reply, if transport == Transport::Udp { 1232 } else { 65_535 })?;
            }
        }
    }

    #[test]
    fn every_query_is_answered_within_the_limit(octets in query(), dice in any::<u64>()) {
        for transport in [Transport::Udp, Transport::Tcp] {
            if let Some(reply) = ask(&SNAPSHOT, &octets, transport, dice) {
                lawful(&octets, &reply, if transport == Transport::Udp { limit(&octets) } else { 65_535 })?;
            }
        }
    }

    #[test]
    fn spoilt_queries_have_an_outcome(octets in query(), spoils in prop::collection::vec(spoil(), 1..5), dice in any::<u64>()) {
        let octets = spoilt(octets, &spoils);
        for transport in [Transport::Udp, Transport::Tcp] {
            if let Some(reply) = ask(&SNAPSHOT, &octets, transport, dice) {
                lawful(&octets, &reply, if transport == Transport::Udp { 1232 } else { 65_535 })?;
            }
        }
    }

    #[test]
    fn udp_says_less_than_tcp_but_nothing_else(octets in query(), dice in any::<u64>()) {
        let udp = ask(&SNAPSHOT, &octets, Transport::Udp, dice);
        let tcp = ask(&SNAPSHOT, &octets, Transport::Tcp, dice);
        prop_assert_eq!(udp.is_some(), tcp.is_some());
        if let (Some(udp), Some(tcp)) = (udp, tcp) && let (Ok(udp), Ok(tcp)) = (Message::from_vec(&udp), Message::from_vec(&tcp)) {
            prop_assert!(!tcp.metadata.truncation);
            if !udp.metadata.truncation {
                prop_assert_eq!(udp.answers, tcp.answers);
                prop_assert_eq!(udp.authorities, tcp.authorities);
                prop_assert_eq!(udp.metadata.response_code, tcp.metadata.response_code);
            }
        }
    }

    #[test]
    fn what_was_prepared_before_others_is_finished_the_same(queries in prop::collection::vec(query(), 1..8)) {
        use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch};
        use pointsman::model::time::{Moment, UnixTime};
        let prepared: Vec<_> = queries.iter().map(|octets| SNAPSHOT.prepare(octets)).collect();
        let mut scratch = Scratch::default();
        for (prepared, octets) in prepared.into_iter().zip(&queries) {
            let mut out = vec![0; 4096];
            let client = Client { address: [127, 0, 0, 1].into(), transport: Transport::Udp };
            let asked = Ask { query: octets, client, now: Moment::ZERO, wall: UnixTime(0), dice: 5 };
            let finished = match SNAPSHOT.finish(prepared, &asked, &mut scratch, &mut out) {
                Outcome::Reply { len, .. } => Some(out[..len].to_vec()),
                _ => None,
            };
            prop_assert_eq!(finished, ask(&SNAPSHOT, octets, Transport::Udp, 5));
        }
    }
}
