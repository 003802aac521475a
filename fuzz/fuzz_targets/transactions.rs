//! Any octets as a transaction, by UDP and by TCP: never a panic, and whatever is sent is an answer of a size that
//! the transport carries.
#![no_main]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pointsman::answer::published::Published;
use pointsman::answer::snapshot::Transport;
use pointsman::clock::SystemClock;
use pointsman::model::force::SafetySettings;
use pointsman::model::id::ZoneId;
use pointsman::model::plan::{
    IsolationSettings, NodeSettings, Plan, Prefix, TcpSettings, TransferRules, TsigAlgorithm, TsigKey,
    ZonePlan,
};
use pointsman::publish::publisher::Publisher;
use pointsman::serve::transactions::Transactions;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;
use tokio::sync::mpsc;

fn published() -> Arc<Published> {
    let name = |text: &str| Name::from_text(text).expect("a name");
    let node = NodeSettings {
        name: "fuzz".into(),
        listen: Vec::new(),
        workers: 1,
        affinity: false,
        xdp: Vec::new(),
        startup_wait: Duration::ZERO,
        version: None,
        identity: None,
        udp_payload: 1232,
        encrypted: Default::default(),
        tcp: TcpSettings {
            connections: 1,
            per_client: 1,
            per_prefix: 100,
            new_per_prefix: 0,
            queries: 0,
            idle: Duration::ZERO,
            total: Duration::ZERO,
            message: Duration::ZERO,
        },
        cookies: Default::default(),
        rate_limit: None,
        probe_concurrency: 1,
        exec_concurrency: 8,
        zones_directory: PathBuf::new(),
        watch: false,
        state_directory: PathBuf::new(),
        record: None,
        record_limit: 0,
        api: None,
        access: Default::default(),
        resolvers: Vec::new(),
        isolation: IsolationSettings::default(),
        safety: SafetySettings::default(),
        drill: Default::default(),
        keys: vec![TsigKey {
            name: name("k"),
            algorithm: TsigAlgorithm::HmacSha256,
            secret: b"secret".to_vec(),
        }],
        history: Default::default(),
        hooks: Vec::new(),
        endpoint_metrics: true,
        trust_ecs: Vec::new(),
        geo: None,
        quotas: Default::default(),
    };
    let zone = ZonePlan {
        id: ZoneId(0),
        origin: name("t"),
        source: Path::new("t.zone").into(),
        services: Vec::new(),
        transfer: TransferRules {
            allow: vec![Prefix {
                address: [127, 0, 0, 0].into(),
                length: 8,
            }],
            keys: vec![name("k")],
        },
        access: Default::default(),
        refused: false,
    };
    let plan = Plan {
        node,
        zones: vec![zone],
        services: Vec::new(),
        endpoints: Vec::new(),
        checks: Vec::new(),
        targets: Vec::new(),
        overrides: Vec::new(),
        groups: 0,
    };
    let mut contents = Contents::new(name("t"));
    let soa = [&[0, 0][..], &7u32.to_be_bytes(), &[0; 16]].concat();
    for (owner, rtype, rdata) in [
        ("t", 6, &soa[..]),
        ("t", 2, &[1, b'n', 0]),
        ("long.t", 16, &[b'\x10'; 17 * 40]),
        ("*.t", 65_280, b"x"),
    ] {
        contents
            .push(name(owner).as_wire(), rtype, 1, rdata)
            .expect("there is room");
    }
    contents.sort();
    let zones = [Some(Arc::new(contents))];
    Arc::new(Published::from(Publisher::new(&plan, &zones, 1).apply(&[])))
}

thread_local! {
    static STAGE: (Transactions, tokio::runtime::Runtime) = (
        Transactions::new(published(), SystemClock::start()),
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
    );
}

fuzz_target!(|octets: &[u8]| {
    let peer: SocketAddr = ([127, 0, 0, 1], 53).into();
    STAGE.with(|(transactions, runtime)| {
        for (transport, longest) in [(Transport::Udp, 1232), (Transport::Tcp, 65_535)] {
            let (sink, mut messages) = mpsc::channel(1);
            let handling = transactions.handle(octets.to_vec(), peer, transport, sink);
            let checking = async {
                let mut count = 0;
                while let Some(message) = messages.recv().await {
                    count += 1;
                    assert!((12..=longest).contains(&message.len()));
                    assert!(message[2] & 0x80 != 0 && message[..2] == octets[..2]);
                }
                assert!(count <= 1 || transport == Transport::Tcp);
            };
            runtime.block_on(async { tokio::join!(handling, checking) });
        }
    });
});
