//! EDNS Client Subnet: the cases of `tests/cases/client_subnet.toml`.

use std::net::IpAddr;

use hickory_proto::op::Message;
use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::model::time::{Moment, UnixTime};
use serde::Deserialize;

use super::Town;
use super::places::WORLD;
use crate::support::mmdb::database;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    ask: String,
    #[serde(default = "a", rename = "type")]
    rtype: String,
    resolver: IpAddr,
    subnet: Option<String>,
    option: Option<Vec<u8>>,
    answer: Option<String>,
    scope: Option<u8>,
    #[serde(default = "noerror")]
    rcode: String,
}

fn a() -> String {
    "A".to_owned()
}

fn noerror() -> String {
    "NoError".to_owned()
}

const SERVER: &str =
    "[dns]\ntrust_ecs = [\"10.0.0.0/8\", \"2001:db8:53::/48\"]\n[geo]\ndatabase = \"places.mmdb\"\n";
const SERVICES: &str = r#"
[services.net]
policy = "subnet"
endpoints = [
  { name = "a", address = "198.51.100.1", networks = ["172.16.0.0/12"] },
  { name = "b", address = ["198.51.100.2", "2001:db8::2"], networks = ["192.0.2.0/24"] },
  { name = "c", address = ["198.51.100.3", "2001:db8::3"] },
  { name = "d", address = "198.51.100.4", networks = ["2001:db8:7::/48"] },
  { name = "e", address = "198.51.100.5", networks = ["10.0.0.0/8"] },
]
[services.plain]
policy = "failover"
endpoints = [{ name = "a", address = "198.51.100.9" }]
[services.pin]
policy = "sticky"
endpoints = [{ name = "a", address = "198.51.100.1" }, { name = "b", address = "198.51.100.2" }]
[services.geo]
policy = "geo"
endpoints = [
  { name = "de", address = "198.51.100.6", regions = ["DE"] },
  { name = "rest", address = "198.51.100.7" },
]
[pools.germans]
policy = "geo"
networks = ["192.0.0.0/8"]
endpoints = [
  { name = "de", address = "198.51.100.6", regions = ["DE"] },
  { name = "others", address = "198.51.100.7" },
]
[pools.rest]
policy = "failover"
endpoints = [{ name = "rest", address = "198.51.100.8" }]
[services.nested]
policy = "subnet"
pools = ["germans", "rest"]
[services.mixed]
policy = "weighted"
pools = ["germans", "rest"]
"#;

/// The query's octets and its option's data.
fn query(case: &Case) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in [case.ask.as_str(), "example", "test"] {
        octets.push(label.len() as u8);
        octets.extend(label.as_bytes());
    }
    let rtype = match case.rtype.as_str() {
        "A" => 1,
        "AAAA" => 28,
        "TXT" => 16,
        other => panic!("{other}"),
    };
    octets.extend([0, 0, rtype, 0, 1]);
    let data = case.option.clone().or_else(|| {
        let (address, length) = case.subnet.as_ref()?.split_once('/').unwrap();
        let length: u8 = length.parse().unwrap();
        let (family, whole) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        };
        let mut data = vec![0, family, length, 0];
        data.extend(&whole[..usize::from(length).div_ceil(8)]);
        Some(data)
    });
    let mut options = Vec::new();
    if let Some(data) = &data {
        options.extend([0, 8, 0, data.len() as u8]);
        options.extend(data);
    }
    octets.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, options.len() as u8]);
    octets.extend(options);
    (octets, data)
}

/// A reply, and the data of its ECS option: taken out by hand, since hickory reads no option of FAMILY 0.
fn decode(octets: &[u8]) -> (Message, Option<Vec<u8>>) {
    let opt = octets
        .windows(5)
        .rposition(|at| at == [0, 0, 41, 4, 0xd0])
        .expect("OPT, the last record");
    let mut rest = &octets[opt + 11..];
    let mut found = None;
    while let [code_high, code_low, _, length, data @ ..] = rest {
        let (data, after) = data.split_at(usize::from(*length));
        if [*code_high, *code_low] == [0, 8] {
            found = Some(data.to_vec());
        }
        rest = after;
    }
    let mut without = octets[..opt].to_vec();
    without[11] -= 1;
    (Message::from_vec(&without).expect("decodes"), found)
}

fn check(snapshot: &Snapshot, case: &Case) -> Result<(), String> {
    let (query, data) = query(case);
    let mut out = [0; 4096];
    let ask = Ask {
        query: &query,
        client: Client {
            address: case.resolver,
            transport: Transport::Udp,
        },
        now: Moment::ZERO,
        wall: UnixTime(0),
        dice: 1 << 40,
    };
    let Outcome::Reply { len, .. } = snapshot.answer(&ask, &mut Scratch::default(), &mut out) else {
        return Err("no reply".to_owned());
    };
    let (reply, got) = decode(&out[..len]);
    let rcode = format!("{:?}", reply.metadata.response_code);
    if rcode != case.rcode {
        return Err(format!("{rcode} for {}", case.rcode));
    }
    let answers: Vec<String> = reply
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    if let Some(expected) = &case.answer
        && answers != [expected.clone()]
    {
        return Err(format!("{answers:?} for {expected}"));
    }
    let expected = case.scope.map(|scope| {
        let mut data = data.clone().unwrap();
        data[3] = scope;
        data
    });
    if got != expected {
        return Err(format!("option {got:?} for {expected:?}"));
    }
    Ok(())
}

#[test]
fn the_cases_of_rfc_7871_hold() {
    let text = std::fs::read_to_string("tests/cases/client_subnet.toml").unwrap();
    let file: File = toml::from_str(&text).unwrap();
    let snapshot = Town::new(SERVER, SERVICES, Some(&database(WORLD))).snapshot();
    let wrong: Vec<String> = file
        .case
        .iter()
        .filter_map(|case| {
            check(&snapshot, case)
                .err()
                .map(|wrong| format!("{}: {wrong}", case.what))
        })
        .collect();
    assert!(file.case.len() > 30, "only {} cases", file.case.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever a resolver caches under the scope it was given, it never answers a client otherwise than the server would.
#[test]
fn no_cached_answer_is_another_clients() {
    let snapshot = Town::new(SERVER, SERVICES, Some(&database(WORLD))).snapshot();
    let mut chance = pointsman::control::chance::Chance::new(9);
    let ask = |service: &str, client: u32| {
        let case = Case {
            what: String::new(),
            ask: service.to_owned(),
            rtype: a(),
            resolver: "10.1.1.1".parse().unwrap(),
            subnet: Some(format!("{}/32", IpAddr::from(client.to_be_bytes()))),
            option: None,
            answer: None,
            scope: None,
            rcode: noerror(),
        };
        let (query, _) = query(&case);
        let mut out = [0; 4096];
        let ask = Ask {
            query: &query,
            client: Client {
                address: case.resolver,
                transport: Transport::Udp,
            },
            now: Moment::ZERO,
            wall: UnixTime(0),
            dice: 0,
        };
        let outcome = snapshot.answer(&ask, &mut Scratch::default(), &mut out);
        let Outcome::Reply { len, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let (reply, option) = decode(&out[..len]);
        (reply.answers[0].data.to_string(), option.unwrap()[3])
    };
    for service in ["net", "pin", "geo", "nested", "mixed", "plain"] {
        for _ in 0..1500 {
            // Around the places where something changes.
            let near = [0xc000_0200_u32, 0xac10_0000, 0xc633_6400, 0x0a00_0000][chance.throw() as usize % 4];
            let client = near ^ (chance.throw() as u32 >> (chance.throw() % 32));
            let (answer, scope) = ask(service, client);
            let past = u32::MAX.checked_shr(scope.into()).unwrap_or(0);
            let other = client ^ (chance.throw() as u32 & past);
            assert_eq!(
                ask(service, other).0,
                answer,
                "{service}: {client:x}/{scope} and {other:x}"
            );
        }
    }
}
