//! Zones to transfer: who may have them, and records that are easily spoilt on the way.

use std::path::Path;
use std::sync::Arc;

use pointsman::answer::published::Published;
use pointsman::model::id::ZoneId;
use pointsman::model::plan::{Plan, Prefix, TransferRules, TsigAlgorithm, TsigKey, ZonePlan};
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;

use super::fixture::plan;

pub(crate) const SERIAL: u32 = 2026;
/// `secret of thirty-two octets......` in base64.
pub(crate) const SECRET: &str = "c2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXRzLi4uLi4u";

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A zone of `hosts` hosts, and some records that are easily spoilt on the way.
fn contents(origin: &str, hosts: u32) -> Arc<Contents> {
    let mut contents = Contents::new(name(origin));
    let mut add = |owner: &str, rtype: u16, rdata: &[u8]| {
        contents.push(name(owner).as_wire(), rtype, 300, rdata).unwrap();
    };
    let ns = name(&format!("NS1.{origin}"));
    let hostmaster = name("hostmaster.test");
    let soa = [
        ns.as_wire(),
        hostmaster.as_wire(),
        &SERIAL.to_be_bytes(),
        &[0; 12],
        &60u32.to_be_bytes(),
    ];
    add(origin, 6, &soa.concat());
    add(origin, 2, ns.as_wire());
    add(&format!("ns1.{origin}"), 1, &[192, 0, 2, 1]);
    add(&format!("*.wild.{origin}"), 16, b"\x03one\x00\x01\xff");
    add(&format!("unknown.{origin}"), 65_280, b"\x00\x01\x02");
    add(
        &format!("long.{origin}"),
        16,
        &[&[255u8][..], &[b'x'; 255]].concat().repeat(100),
    );
    add(
        &format!("fits-but-for-the-signature.{origin}"),
        16,
        &[&[200u8][..], &[b'x'; 200]].concat().repeat(2),
    );
    add(&format!("Case.{origin}"), 5, name("Target.Example").as_wire());
    for host in 0..hosts {
        add(&format!("h{host}.{origin}"), 1, &host.to_be_bytes());
    }
    contents.sort();
    Arc::new(contents)
}

fn zone(id: u32, origin: &str, transfer: TransferRules) -> ZonePlan {
    ZonePlan {
        id: ZoneId(id),
        origin: name(origin),
        source: Path::new("test.zone").into(),
        services: Vec::new(),
        transfer,
        access: Default::default(),
        refused: false,
    }
}

/// `open.test` for everybody of the loopback, `keyed.test` for two keys, `closed.test` for nobody.
pub(crate) fn published() -> Arc<Published> {
    let key = |text: &str, algorithm| TsigKey {
        name: name(text),
        algorithm,
        secret: b"secret of thirty-two octets......".to_vec(),
    };
    let mut plan: Plan = plan();
    plan.node.keys = vec![
        key("transfer.key", TsigAlgorithm::HmacSha256),
        key("transfer512.key", TsigAlgorithm::HmacSha512),
        key("other.key", TsigAlgorithm::HmacSha256),
    ];
    let loopback = Prefix {
        address: "127.0.0.0".parse().unwrap(),
        length: 8,
    };
    plan.zones = vec![
        zone(
            0,
            "open.test",
            TransferRules {
                allow: vec![loopback],
                keys: Vec::new(),
            },
        ),
        zone(
            1,
            "keyed.test",
            TransferRules {
                allow: Vec::new(),
                keys: vec![name("transfer.key"), name("transfer512.key")],
            },
        ),
        zone(2, "closed.test", TransferRules::default()),
    ];
    let all = [
        Some(contents("open.test", 5000)),
        Some(contents("keyed.test", 2000)),
        Some(contents("closed.test", 1)),
    ];
    Arc::new(Published::from(Publisher::new(&plan, &all, 1).apply(&[])))
}
