//! Any octets through the engine, over UDP and TCP, on a snapshot with everything in it. The first nine octets are the
//! dice and the moment; the rest is the message. Whatever is answered must decode and fit.
#![no_main]

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hickory_proto::op::Message;
use libfuzzer_sys::fuzz_target;
use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::model::facets::Facets;
use pointsman::model::force::{OwnSafety, SafetySettings};
use pointsman::model::id::{GroupId, ServiceId, ZoneId};
use pointsman::model::plan::{
    IsolationSettings, NodeSettings, Plan, Prefix, TcpSettings, TransferRules, ZonePlan,
};
use pointsman::model::service::{
    Failback, Families, Group, Policy, Service, Spread, StickyPrefix, Switch, TtlRule, WhenAllDown,
};
use pointsman::model::time::{Moment, Ttl, UnixTime};
use pointsman::policy::choice::sticky::{Pinned, Sticky, seed};
use pointsman::policy::choice::tree::{Node, Tree};
use pointsman::policy::choice::{Candidate, Choice, Decision, Degraded, Lifetime, Pick};
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::zone::master::{self, include::NoIncludes};

const ZONES: [(&str, &str); 3] = [
    (
        "t",
        "@ 300 SOA ns host 1 7200 900 86400 60\n@ 300 NS ns\n@ 300 NS NS.sub\n@ 300 MX 10 w\nns 300 A 192.0.2.53\n\
         w 300 A 192.0.2.80\nw 300 AAAA 2001:db8::80\nw 300 TXT \"text\"\na 60 CNAME w\nb 60 CNAME a\n\
         o 60 CNAME x.elsewhere.example.\nl 60 CNAME m\nm 60 CNAME l\n* 300 MX 5 w\n*.y 300 CNAME y.d\n\
         d 300 DNAME n.target\ne.e.e 300 A 192.0.2.1\nsub 300 NS n1.sub\nsub 300 NS n2.sub\nn1.sub 300 A 192.0.2.101\n\
         n2.sub 300 AAAA 2001:db8::102\nr 300 SRV 1 2 3 w\nh 300 HTTPS 1 .\nh 300 A 192.0.2.44\ng 300 DNAME g.g\n\
         u 300 TYPE65280 \\# 3 010203\nc 300 NS ns\n",
    ),
    (
        "c.t",
        "@ 300 SOA ns.t. host 1 7200 900 86400 60\n@ 300 NS ns.t.\nu 300 CNAME b.t.\n",
    ),
    ("x.t", ""),
];

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(snapshot);

fn node() -> NodeSettings {
    NodeSettings {
        name: "fuzz".to_owned(),
        listen: Vec::new(),
        workers: 1,
        affinity: false,
        xdp: Vec::new(),
        startup_wait: Duration::ZERO,
        version: Some("fuzz".to_owned()),
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
        zones_directory: "".into(),
        watch: false,
        state_directory: "".into(),
        record: None,
        record_limit: 0,
        api: None,
        access: Default::default(),
        resolvers: Vec::new(),
        isolation: IsolationSettings::default(),
        safety: SafetySettings::default(),
        drill: Default::default(),
        keys: Vec::new(),
        history: Default::default(),
        hooks: Vec::new(),
        endpoint_metrics: true,
        trust_ecs: vec![Prefix {
            address: IpAddr::from([127, 0, 0, 0]),
            length: 8,
        }],
        geo: None,
        quotas: Default::default(),
    }
}

fn snapshot() -> Arc<Snapshot> {
    let name = |text: &str| Name::from_text(text).expect("a name");
    let owners = ["s.t", "*.v.t", "f.t"];
    let service = |(id, owner): (u32, &&str)| Service {
        id: ServiceId(id),
        zone: ZoneId(0),
        label: (*owner).to_owned(),
        owner: name(owner),
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
        exclusive: None,
        on_failover: None,
    };
    let zone = |(id, (origin, _)): (u32, &(&str, &str))| ZonePlan {
        id: ZoneId(id),
        origin: name(origin),
        source: Arc::from(Path::new("fuzz")),
        services: if id == 0 {
            (0..3).map(ServiceId).collect()
        } else {
            Vec::new()
        },
        transfer: TransferRules::default(),
        access: Default::default(),
        refused: id == 2,
    };
    let plan = Plan {
        node: node(),
        zones: (0..).zip(&ZONES).map(zone).collect(),
        services: (0..).zip(&owners).map(service).collect(),
        endpoints: Vec::new(),
        checks: Vec::new(),
        targets: Vec::new(),
        overrides: Vec::new(),
        groups: 0,
    };
    let file: Arc<Path> = Arc::from(Path::new("fuzz.zone"));
    let contents: Vec<_> = ZONES
        .iter()
        .map(|(origin, text)| {
            let read = master::read(text.as_bytes(), &file, &name(origin), &mut NoIncludes);
            (!text.is_empty()).then(|| Arc::new(read.contents))
        })
        .collect();
    let addresses = |list: &[&str]| {
        list.iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    };
    let decision = |id: u32, pick: Pick, lifetime| Decision {
        service: ServiceId(id),
        a: Choice {
            addresses: addresses(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
            pick: pick.clone(),
        },
        aaaa: Choice {
            addresses: Vec::new(),
            pick: if pick == Pick::Fail {
                Pick::Fail
            } else {
                Pick::Nothing
            },
        },
        lifetime,
        said: [(); 2].map(|()| {
            Some(Degraded {
                code: 3,
                text: "all endpoints down; last answer kept".to_owned(),
            })
        }),
        usable: Vec::new(),
    };
    let until = Lifetime::Until {
        flip: Moment::from_secs(5),
        least: Ttl::from_secs(1),
        most: Ttl::from_secs(9),
    };
    let fixed = Lifetime::Fixed(Ttl::from_secs(10));
    Publisher::new(&plan, &contents, 1).apply(&[
        decision(0, Pick::Rotate { take: 2 }, until),
        decision(1, by_client(), fixed),
        decision(2, Pick::Fail, fixed),
    ])
}

/// One of two runs, by the client's prefix.
fn by_client() -> Pick {
    let run = |first, count| {
        Node::Run(Candidate {
            first,
            count,
            take: count,
            rotate: false,
        })
    };
    let branch = |name, node| Pinned {
        seed: seed(name),
        per_weight: 1.0,
        node,
    };
    let sticky = Sticky {
        prefix: StickyPrefix { v4: 24, v6: 56 },
        branches: vec![branch("a", 1), branch("b", 2)],
    };
    Pick::Tree(Tree {
        nodes: vec![Node::Sticky(sticky), run(0, 1), run(1, 2)],
    })
}

fuzz_target!(|octets: &[u8]| {
    let Some((&[d0, d1, d2, d3, d4, d5, d6, d7, secs], query)) = octets.split_first_chunk() else {
        return;
    };
    let mut out = [0; 65_535];
    for (transport, limit) in [
        (Transport::Udp, 1232),
        (Transport::Udp, 512),
        (Transport::Tcp, 65_535),
    ] {
        let ask = Ask {
            query,
            client: Client {
                address: IpAddr::from([127, 0, 0, 1]),
                transport,
            },
            now: Moment::from_secs(secs.into()),
            wall: UnixTime(u64::from(secs) * 60_000),
            dice: u64::from_be_bytes([d0, d1, d2, d3, d4, d5, d6, d7]),
        };
        let outcome = SNAPSHOT.answer(&ask, &mut Scratch::default(), &mut out[..limit]);
        if let Outcome::Reply { len, .. } = outcome {
            assert!(len <= limit && len >= 12, "{len} octets of {limit}");
            assert!(query[2] & 0x80 == 0, "a response was answered");
            // hickory reads no ECS option of FAMILY 0, which is answered as it came.
            let nobody = query.windows(8).any(|octets| octets == [0, 8, 0, 4, 0, 0, 0, 0]);
            assert!(
                Message::from_vec(&out[..len]).is_ok() || nobody,
                "a reply decodes"
            );
        }
    }
});
