//! A snapshot from a description: zones as text, services with what was decided for them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::model::cname::stand_ins;
use pointsman::model::facets::{Binding, Facets, Host, Srv};
use pointsman::model::force::{OwnSafety, SafetySettings};
use pointsman::model::id::{EndpointId, GroupId, ServiceId, ZoneId};
use pointsman::model::plan::{IsolationSettings, NodeSettings, Plan, TcpSettings, TransferRules, ZonePlan};
use pointsman::model::service::{
    Endpoint, EndpointAddress, Failback, Families, Group, Member, MemberKind, Policy, Serves, Service,
    Spread, Switch, TtlRule, WhenAllDown,
};
use pointsman::model::time::{Moment, Ttl, UnixTime};
use pointsman::policy::choice::{Choice, Decision, Degraded, Lifetime, Pick};
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;
use pointsman::zone::master::{self, include::NoIncludes};
use serde::Deserialize;

/// Zones with their services.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    #[serde(default)]
    pub(crate) zone: Vec<Zone>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) origin: String,
    #[serde(default)]
    pub(crate) records: String,
    #[serde(default)]
    pub(crate) refused: bool,
    #[serde(default)]
    pub(crate) service: Vec<Decided>,
}

/// A service and its decision. `pick`: fixed, rotate, nothing, fail, undecided.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decided {
    pub(crate) owner: String,
    #[serde(default)]
    pub(crate) addresses: Vec<IpAddr>,
    #[serde(default = "fixed")]
    pub(crate) pick: String,
    /// Answers at a time, with `rotate`.
    #[serde(default)]
    pub(crate) take: u16,
    #[serde(default = "ten")]
    pub(crate) ttl: u32,
    /// TTL of strict mode: seconds until the earliest flip, between 1 and `ttl`.
    pub(crate) flip: Option<u64>,
    pub(crate) error: Option<u16>,
    /// Endpoints with host names.
    #[serde(default)]
    pub(crate) endpoint: Vec<Named>,
    /// `[name, priority, port]` of SRV.
    #[serde(default)]
    pub(crate) srv: Vec<(String, u16, u16)>,
    /// Preference of MX.
    pub(crate) mx: Option<u16>,
    /// Whether HTTPS has hints; none: no HTTPS.
    pub(crate) https: Option<bool>,
    /// Endpoints that are answered by CNAME; without `addresses`, the first is chosen.
    #[serde(default)]
    pub(crate) cname: Vec<String>,
    /// Addresses that are not answered, but would serve.
    #[serde(default)]
    pub(crate) usable: Vec<IpAddr>,
}

/// An endpoint that has a host name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
    #[serde(default)]
    pub(crate) weight: u16,
}

fn fixed() -> String {
    "fixed".to_owned()
}

fn ten() -> u32 {
    10
}

pub(crate) fn settings() -> NodeSettings {
    NodeSettings {
        name: "ns1".to_owned(),
        listen: Vec::new(),
        workers: 1,
        affinity: false,
        xdp: Vec::new(),
        startup_wait: Duration::ZERO,
        version: Some("pointsman".to_owned()),
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
        keys: Vec::new(),
        history: Default::default(),
        hooks: Vec::new(),
        endpoint_metrics: true,
        trust_ecs: Vec::new(),
        geo: None,
        quotas: Default::default(),
    }
}

/// The records of a zone file in text.
pub(crate) fn contents(origin: &str, text: &str) -> Arc<Contents> {
    let origin = Name::from_text(origin).unwrap();
    let file: Arc<Path> = Arc::from(Path::new("case.zone"));
    let zone = master::read(text.as_bytes(), &file, &origin, &mut NoIncludes);
    let errors: Vec<_> = zone.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Arc::new(zone.contents)
}

fn below(owner: &str, name: &str) -> Name {
    Name::from_text(&format!("{name}.{owner}")).unwrap()
}

/// What the service answers besides addresses; its endpoints are numbered from `first`.
fn facets(decided: &Decided, first: usize) -> Facets {
    let host = |(index, named): (usize, &Named)| Host {
        endpoint: EndpointId::from_index(first + index),
        name: below(&decided.owner, &named.name),
        weight: named.weight,
    };
    let srv = |(name, priority, port): &(String, u16, u16)| Srv {
        owner: below(&decided.owner, name),
        port: *port,
        priority: *priority,
        weight: None,
    };
    let https = |hints: bool| Binding {
        rtype: 65,
        head: b"\x00\x01\x00\x00\x01\x00\x03\x02h2".to_vec(),
        hints,
    };
    Facets {
        hosts: decided.endpoint.iter().enumerate().map(host).collect(),
        srv: decided.srv.iter().map(srv).collect(),
        mx: decided.mx,
        bindings: decided.https.map(https).into_iter().collect(),
    }
}

/// A member for each endpoint that is answered by CNAME; they are numbered after those with host names.
fn members(decided: &Decided, first: usize) -> Vec<Member> {
    let member = |index: usize| Member {
        weight: 1,
        capacity: None,
        serves: Serves::default(),
        kind: MemberKind::Endpoint(EndpointId::from_index(first + decided.endpoint.len() + index)),
    };
    (0..decided.cname.len()).map(member).collect()
}

fn endpoint(id: usize, service: ServiceId, named: &Named) -> Endpoint {
    let address = |address: &IpAddr| EndpointAddress {
        address: *address,
        target: None,
        shadow: None,
    };
    Endpoint {
        id: EndpointId::from_index(id),
        service,
        name: named.name.clone(),
        addresses: named.addresses.iter().map(address).collect(),
        alias: None,
        cname: None,
    }
}

fn service(id: ServiceId, zone: ZoneId, decided: &Decided, first: usize) -> Service {
    Service {
        id,
        zone,
        label: decided.owner.clone(),
        owner: Name::from_text(&decided.owner).unwrap(),
        group: Group {
            id: GroupId(id.0),
            pool: None,
            policy: Policy::Failover,
            members: members(decided, first),
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
        facets: facets(decided, first),
        on_failover: None,
        exclusive: None,
    }
}

/// The decision of a described service; `None` for `undecided`.
pub(crate) fn decision(id: ServiceId, decided: &Decided) -> Option<Decision> {
    let choice = |v4: bool| {
        let stand_ins = decided
            .cname
            .first()
            .filter(|_| decided.addresses.is_empty())
            .map(|name| stand_ins(&Name::from_text(name).unwrap()));
        let addresses: Vec<IpAddr> = decided
            .addresses
            .iter()
            .copied()
            .chain(stand_ins.into_iter().flatten())
            .filter(|address| address.is_ipv4() == v4)
            .collect();
        let pick = match decided.pick.as_str() {
            "fail" => Pick::Fail,
            _ if addresses.is_empty() => Pick::Nothing,
            "nothing" => Pick::Nothing,
            "rotate" => Pick::Rotate { take: decided.take },
            "fixed" => Pick::Fixed,
            other => panic!("pick = {other}"),
        };
        Choice { addresses, pick }
    };
    if decided.pick == "undecided" {
        return None;
    }
    let most = Ttl::from_secs(decided.ttl);
    Some(Decision {
        service: id,
        a: choice(true),
        aaaa: choice(false),
        lifetime: match decided.flip {
            None => Lifetime::Fixed(most),
            Some(flip) => Lifetime::Until {
                flip: Moment::from_secs(flip),
                least: Ttl::from_secs(1),
                most,
            },
        },
        said: [(); 2].map(|()| {
            decided.error.map(|code| Degraded {
                code,
                text: "degraded".to_owned(),
            })
        }),
        usable: decided.usable.clone(),
    })
}

/// Plan and contents of a world.
pub(crate) fn plan(world: &World) -> (Plan, Vec<Option<Arc<Contents>>>) {
    let mut plan = Plan {
        node: settings(),
        zones: Vec::new(),
        services: Vec::new(),
        endpoints: Vec::new(),
        checks: Vec::new(),
        targets: Vec::new(),
        overrides: Vec::new(),
        groups: 0,
    };
    for (index, zone) in world.zone.iter().enumerate() {
        let id = ZoneId::from_index(index);
        let mut services = Vec::new();
        for decided in &zone.service {
            let service_id = ServiceId::from_index(plan.services.len());
            services.push(service_id);
            let first = plan.endpoints.len();
            plan.services.push(service(service_id, id, decided, first));
            for named in &decided.endpoint {
                let endpoint = endpoint(plan.endpoints.len(), service_id, named);
                plan.endpoints.push(endpoint);
            }
            for name in &decided.cname {
                plan.endpoints.push(Endpoint {
                    id: EndpointId::from_index(plan.endpoints.len()),
                    service: service_id,
                    name: name.clone(),
                    addresses: Vec::new(),
                    alias: None,
                    cname: Some(Name::from_text(name).unwrap()),
                });
            }
        }
        plan.zones.push(ZonePlan {
            id,
            origin: Name::from_text(&zone.origin).unwrap(),
            source: Arc::from(Path::new("case.toml")),
            services,
            transfer: TransferRules::default(),
            access: Default::default(),
            refused: zone.refused,
        });
    }
    let contents = world
        .zone
        .iter()
        .map(|zone| (!zone.refused).then(|| contents(&zone.origin, &zone.records)))
        .collect();
    (plan, contents)
}

/// The decisions of a world.
pub(crate) fn decisions(world: &World) -> Vec<Decision> {
    let services = world.zone.iter().flat_map(|zone| &zone.service);
    (0..)
        .zip(services)
        .filter_map(|(id, decided)| decision(ServiceId(id), decided))
        .collect()
}

/// The snapshot of a world.
pub(crate) fn snapshot(world: &World) -> Arc<Snapshot> {
    let (plan, contents) = plan(world);
    Publisher::new(&plan, &contents, 7).apply(&decisions(world))
}

/// Asks; the reply's octets, or `None` when nothing is sent or it is a transaction.
pub(crate) fn ask(snapshot: &Snapshot, query: &[u8], transport: Transport, dice: u64) -> Option<Vec<u8>> {
    let room = match transport {
        Transport::Udp => 4096,
        _ => 65_535,
    };
    let mut out = vec![0xee; room];
    let ask = Ask {
        query,
        client: Client {
            address: IpAddr::from([127, 0, 0, 1]),
            transport,
        },
        now: Moment::ZERO,
        wall: UnixTime(0),
        dice,
    };
    match snapshot.answer(&ask, &mut Scratch::default(), &mut out) {
        Outcome::Reply { len, .. } => {
            out.truncate(len);
            Some(out)
        }
        Outcome::Transaction | Outcome::Drop | Outcome::Withhold => None,
    }
}
