//! Nanoseconds per query of the engine alone, no kernel: `cargo bench --bench engine [HOSTS]`.
//!
//! The mix of `docs/performance.md`: 60 % A (half of it services), 10 % AAAA, 10 % NXDOMAIN with a fresh label each,
//! 5 % NODATA, 5 % MX, TXT, SRV, 10 % A with EDNS and DO. Best of several rounds, since the machine is shared.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads the clock, prints, and stops at the unexpected"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::model::facets::Facets;
use pointsman::model::force::{OwnSafety, SafetySettings};
use pointsman::model::id::{GroupId, ServiceId, ZoneId};
use pointsman::model::plan::{IsolationSettings, NodeSettings, Plan, TcpSettings, TransferRules, ZonePlan};
use pointsman::model::service::{
    Failback, Families, Group, Policy, Service, Spread, Switch, TtlRule, WhenAllDown,
};
use pointsman::model::time::{Moment, Ttl, UnixTime};
use pointsman::policy::choice::{Choice, Decision, Lifetime, Pick};
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::wire::rtype;
use pointsman::zone::contents::Contents;

const SERVICES: u32 = 300;
const BATCH: usize = 32;
const ROUNDS: usize = 7;

fn name(text: &str) -> Vec<u8> {
    Name::from_text(text).unwrap().as_wire().to_vec()
}

fn zone(hosts: u32) -> Contents {
    let mut contents = Contents::new(Name::from_text("bench.example").unwrap());
    let mut add = |owner: &str, rtype: u16, rdata: &[u8]| {
        contents.push(&name(owner), rtype, 300, rdata).unwrap();
    };
    let numbers = [1u32, 7200, 900, 86400, 300].map(u32::to_be_bytes).concat();
    let soa = [name("ns1.bench.example"), name("host.bench.example"), numbers].concat();
    add("bench.example", rtype::SOA, &soa);
    add("bench.example", rtype::NS, &name("ns1.bench.example"));
    add("ns1.bench.example", rtype::A, &[192, 0, 2, 1]);
    for host in 0..hosts {
        let owner = format!("host{host}.bench.example");
        add(&owner, rtype::A, &host.to_be_bytes());
        if host.is_multiple_of(2) {
            add(&owner, rtype::AAAA, &u128::from(host).to_be_bytes());
        }
    }
    for index in 0..100u32 {
        let host = name(&format!("host{}.bench.example", index % hosts));
        add(
            &format!("mx{index}.bench.example"),
            rtype::MX,
            &[vec![0, 10], host.clone()].concat(),
        );
        add(
            &format!("txt{index}.bench.example"),
            rtype::TXT,
            b"\x0bhello world",
        );
        add(
            &format!("_s._tcp.srv{index}.bench.example"),
            rtype::SRV,
            &[vec![0, 1, 0, 2, 1, 187], host].concat(),
        );
    }
    contents.sort();
    contents
}

fn settings() -> NodeSettings {
    NodeSettings {
        name: "bench".to_owned(),
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
            connections: 0,
            per_client: 0,
            per_prefix: 100,
            new_per_prefix: 0,
            queries: 0,
            idle: Duration::ZERO,
            total: Duration::ZERO,
            message: Duration::ZERO,
        },
        cookies: Default::default(),
        rate_limit: None,
        probe_concurrency: 0,
        exec_concurrency: 8,
        zones_directory: "".into(),
        watch: false,
        state_directory: "".into(),
        record: None,
        record_limit: 0,
        api: None,
        access: Default::default(),
        resolvers: Vec::new(),
        isolation: IsolationSettings::default(),
        drill: Default::default(),
        safety: SafetySettings::default(),
        keys: Vec::new(),
        history: Default::default(),
        hooks: Vec::new(),
        endpoint_metrics: true,
        trust_ecs: Vec::new(),
        geo: None,
        quotas: Default::default(),
    }
}

fn plan() -> Plan {
    let service = |id: u32| Service {
        id: ServiceId(id),
        zone: ZoneId(0),
        label: format!("svc{id}"),
        owner: Name::from_text(&format!("svc{id}.bench.example")).unwrap(),
        group: Group {
            id: GroupId(id),
            pool: None,
            policy: Policy::Failover,
            members: Vec::new(),
            min_up: 1,
            spread: Spread::default(),
        },
        ttl: TtlRule::Fixed(Ttl::from_secs(10)),
        switch: Switch::Auto,
        failback: Failback::Auto,
        when_all_down: WhenAllDown::Last,
        families: Families::Apart,
        safety: OwnSafety::default(),
        recover_within: None,
        facets: Facets::default(),
        on_failover: None,
        exclusive: None,
    };
    Plan {
        node: settings(),
        zones: vec![ZonePlan {
            id: ZoneId(0),
            origin: Name::from_text("bench.example").unwrap(),
            source: Arc::from(Path::new("bench")),
            services: (0..SERVICES).map(ServiceId).collect(),
            transfer: TransferRules::default(),
            access: Default::default(),
            refused: false,
        }],
        services: (0..SERVICES).map(service).collect(),
        endpoints: Vec::new(),
        checks: Vec::new(),
        targets: Vec::new(),
        overrides: Vec::new(),
        groups: 0,
    }
}

fn decision(id: u32) -> Decision {
    let take = if id.is_multiple_of(3) { 4 } else { 1 };
    Decision {
        service: ServiceId(id),
        a: Choice {
            addresses: (0..take)
                .map(|host| IpAddr::from(Ipv4Addr::from(id * 8 + host)))
                .collect(),
            pick: Pick::Rotate { take: 4 },
        },
        aaaa: Choice {
            addresses: vec![IpAddr::from(Ipv6Addr::from(u128::from(id)))],
            pick: Pick::Fixed,
        },
        lifetime: Lifetime::Fixed(Ttl::from_secs(10)),
        said: [None, None],
        usable: Vec::new(),
    }
}

struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, bound: u32) -> u32 {
        (self.throw() % u64::from(bound)) as u32
    }
}

fn query(dice: &mut Dice, kind: u32, hosts: u32) -> Vec<u8> {
    let host = dice.below(hosts);
    let (owner, qtype, edns) = match kind {
        0..30 => (format!("host{host}"), rtype::A, false),
        30..60 => (format!("svc{}", host % SERVICES), rtype::A, false),
        60..70 => (format!("host{}", host & !1), rtype::AAAA, false),
        70..80 => (format!("nx{:x}", dice.throw()), rtype::A, false),
        80..85 => (format!("host{host}"), rtype::TXT, false),
        85..87 => (format!("mx{}", host % 100), rtype::MX, false),
        87..89 => (format!("txt{}", host % 100), rtype::TXT, false),
        89 => (format!("_s._tcp.srv{}", host % 100), rtype::SRV, false),
        _ => (format!("host{host}"), rtype::A, true),
    };
    let mut octets = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    octets.extend(name(&format!("{owner}.bench.example")));
    octets.extend([(qtype >> 8) as u8, qtype as u8, 0, 1]);
    if edns {
        octets.extend(b"\0\0\x29\x04\xd0\0\0\x80\0\0\0");
    }
    octets
}

/// Nanoseconds per query, the best of the rounds.
fn best(queries: usize, mut round: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_nanos() as f64 / queries as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn run(title: &str, snapshot: &Snapshot, queries: &[Vec<u8>]) {
    let (mut scratch, mut out, mut dice) = (Scratch::default(), [0; 4096], Dice(7));
    let client = Client {
        address: IpAddr::from(Ipv4Addr::LOCALHOST),
        transport: Transport::Udp,
    };
    let ask = |query, dice| Ask {
        query,
        client,
        now: Moment::ZERO,
        wall: UnixTime(0),
        dice,
    };
    let one = best(queries.len(), || {
        for query in queries {
            let outcome = snapshot.answer(&ask(query, dice.throw()), &mut scratch, &mut out);
            assert!(matches!(black_box(outcome), Outcome::Reply { .. }));
        }
    });
    let read = best(queries.len(), || {
        for query in queries {
            black_box(snapshot.prepare(query));
        }
    });
    let batched = best(queries.len(), || {
        let mut prepared = Vec::with_capacity(BATCH);
        for batch in queries.chunks(BATCH) {
            prepared.clear();
            prepared.extend(batch.iter().map(|query| snapshot.prepare(query)));
            prepared.iter().for_each(|prepared| snapshot.fetch(prepared));
            for (prepared, query) in prepared.iter().zip(batch) {
                let outcome = snapshot.finish(*prepared, &ask(query, dice.throw()), &mut scratch, &mut out);
                assert!(matches!(black_box(outcome), Outcome::Reply { .. }));
            }
        }
    });
    println!("{title:28} {one:7.1} ns alone {batched:7.1} ns in batches of {BATCH} {read:7.1} ns prepare");
}

fn main() {
    let hosts = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(10_000);
    let start = Instant::now();
    let contents = Arc::new(zone(hosts));
    println!("{} records made in {:?}", contents.len(), start.elapsed());
    let start = Instant::now();
    let mut publisher = Publisher::new(&plan(), &[Some(contents)], 1);
    println!("built in {:?}, {} octets", start.elapsed(), publisher.octets());
    let decisions: Vec<Decision> = (0..SERVICES).map(decision).collect();
    let snapshot = publisher.apply(&decisions);
    let one = &decisions[..1];
    let publish = best(1000, || {
        for _ in 0..1000 {
            black_box(publisher.apply(one));
        }
    });
    println!("publish one service of {SERVICES}: {publish:.0} ns");

    let mut dice = Dice(42);
    let amount = 200_000;
    let mut queries = |kinds: std::ops::Range<u32>| -> Vec<Vec<u8>> {
        let span = kinds.end - kinds.start;
        (0..amount)
            .map(|_| {
                let kind = kinds.start + dice.below(span);
                query(&mut dice, kind, hosts)
            })
            .collect()
    };
    for (title, kinds) in [
        ("mix", 0..100),
        ("A, static", 0..30),
        ("A, service", 30..60),
        ("AAAA", 60..70),
        ("NXDOMAIN", 70..80),
        ("NODATA", 80..85),
        ("MX with addresses", 85..87),
        ("TXT", 87..89),
        ("SRV with addresses", 89..90),
        ("A with EDNS", 90..100),
    ] {
        let queries = queries(kinds);
        run(title, &snapshot, &queries);
    }
}
