//! A plan for a simulation from a few words: no files, the contract's defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Check, CheckKind, Expectation, Rules, Target, TcpCheck, Treatment};
use crate::model::facets::Facets;
use crate::model::force::{OwnSafety, SafetySettings};
use crate::model::id::{CheckId, EndpointId, GroupId, ServiceId, TargetId, ZoneId};
use crate::model::plan::{IsolationSettings, NodeSettings, Plan, TcpSettings, TransferRules, ZonePlan};
use crate::model::service::{
    Endpoint, EndpointAddress, Failback, Families, Group, Member, MemberKind, Policy, Serves, Service,
    Spread, Switch, TtlRule, WhenAllDown,
};
use crate::model::time::Ttl;
use crate::wire::name::Name;

/// The defaults of `[defaults.check]`.
pub const DEFAULT_RULES: Rules = Rules {
    interval: Duration::from_secs(5),
    fast_interval: Duration::from_secs(1),
    timeout: Duration::from_secs(2),
    fall: 3,
    rise: 2,
    false_alarm: 1e-6,
    min_down: Duration::from_secs(10),
    damping: true,
};

/// A member in words.
#[derive(Clone, Debug)]
pub enum Part {
    /// An endpoint: name, addresses, weight.
    Endpoint(&'static str, Vec<IpAddr>, u32),
    /// A pool: name, policy, members, `min_up`.
    Pool(&'static str, Policy, Vec<Part>, u32),
}

/// Builds a plan: one zone `example.test`, one check for all.
#[derive(Clone, Debug)]
pub struct PlanBuilder {
    plan: Plan,
    check: Arc<Check>,
}

impl PlanBuilder {
    /// A plan without services, whose endpoints are checked by these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let check = Arc::new(Check {
            id: CheckId(0),
            zone: ZoneId(0),
            name: "web".to_owned(),
            kind: CheckKind::Tcp(TcpCheck {
                send: None,
                expect: None,
            }),
            rules,
            expects: Expectation::default(),
            way: Default::default(),
            treatment: Treatment::default(),
        });
        let node = NodeSettings {
            name: "simulated".to_owned(),
            listen: Vec::new(),
            workers: 1,
            affinity: false,
            xdp: Vec::new(),
            startup_wait: Duration::from_secs(3),
            version: None,
            identity: None,
            udp_payload: 1232,
            encrypted: Default::default(),
            tcp: TcpSettings {
                connections: 100,
                per_client: 10,
                per_prefix: 100,
                new_per_prefix: 0,
                queries: 0,
                idle: Duration::from_secs(10),
                total: Duration::from_secs(60),
                message: Duration::from_secs(10),
            },
            cookies: Default::default(),
            rate_limit: None,
            probe_concurrency: 1000,
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
        };
        let plan = Plan {
            node,
            zones: vec![ZonePlan {
                id: ZoneId(0),
                origin: Name::from_text("example.test").unwrap_or_else(|_| Name::root()),
                source: Arc::from(Path::new("example.test.toml")),
                services: Vec::new(),
                transfer: TransferRules::default(),
                access: Default::default(),
                refused: false,
            }],
            services: Vec::new(),
            endpoints: Vec::new(),
            checks: vec![check.clone()],
            targets: Vec::new(),
            overrides: Vec::new(),
            groups: 0,
        };
        Self { plan, check }
    }

    /// References of `[isolation]`.
    #[must_use]
    pub fn references(mut self, references: &[SocketAddr]) -> Self {
        self.plan.node.isolation.references = references.to_vec();
        self
    }

    /// `max_down_per_minute` of `[isolation]`.
    #[must_use]
    pub fn brake(mut self, share: f64) -> Self {
        self.plan.node.isolation.max_down_per_minute = Some(share);
        self
    }

    /// How the check's results are taken.
    #[must_use]
    pub fn treatment(mut self, treatment: Treatment) -> Self {
        let check = Arc::new(Check {
            treatment,
            ..Check::clone(&self.check)
        });
        self.plan.checks = vec![check.clone()];
        self.check = check;
        self
    }

    /// Which role endpoints must have.
    #[must_use]
    pub fn expects(mut self, expects: Expectation) -> Self {
        let check = Arc::new(Check {
            expects,
            ..Check::clone(&self.check)
        });
        self.plan.checks = vec![check.clone()];
        self.check = check;
        self
    }

    /// `startup_wait`.
    #[must_use]
    pub fn startup_wait(mut self, wait: Duration) -> Self {
        self.plan.node.startup_wait = wait;
        self
    }

    /// Adds a service with the contract's defaults; `change` adjusts it.
    #[must_use]
    pub fn service(
        mut self,
        label: &str,
        policy: Policy,
        parts: &[Part],
        change: impl FnOnce(&mut Service),
    ) -> Self {
        let id = ServiceId::from_index(self.plan.services.len());
        let group = self.group(id, None, policy, parts, 1);
        let mut service = Service {
            id,
            zone: ZoneId(0),
            label: label.to_owned(),
            owner: Name::from_text(&format!("{label}.example.test")).unwrap_or_else(|_| Name::root()),
            group,
            ttl: TtlRule::Fixed(Ttl::from_secs(10)),
            switch: Switch::Auto,
            failback: Failback::Auto,
            when_all_down: match policy {
                Policy::Failover => WhenAllDown::Last,
                _ => WhenAllDown::AssumeUp,
            },
            families: Families::Apart,
            safety: OwnSafety::default(),
            recover_within: None,
            facets: Facets::default(),
            on_failover: None,
            exclusive: None,
        };
        change(&mut service);
        if let Some(zone) = self.plan.zones.first_mut() {
            zone.services.push(id);
        }
        self.plan.services.push(service);
        self
    }

    fn group(
        &mut self,
        service: ServiceId,
        pool: Option<&str>,
        policy: Policy,
        parts: &[Part],
        min_up: u32,
    ) -> Group {
        let id = GroupId::from_index(self.plan.groups);
        self.plan.groups += 1;
        let members = parts
            .iter()
            .map(|part| match part {
                Part::Endpoint(name, addresses, weight) => Member {
                    weight: *weight,
                    capacity: None,
                    serves: Serves::default(),
                    kind: MemberKind::Endpoint(self.endpoint(service, name, addresses)),
                },
                Part::Pool(name, policy, parts, min_up) => Member {
                    weight: 1,
                    capacity: None,
                    serves: Serves::default(),
                    kind: MemberKind::Pool(self.group(service, Some(name), *policy, parts, *min_up)),
                },
            })
            .collect();
        Group {
            id,
            pool: pool.map(str::to_owned),
            policy,
            members,
            min_up,
            spread: Spread::default(),
        }
    }

    fn endpoint(&mut self, service: ServiceId, name: &str, addresses: &[IpAddr]) -> EndpointId {
        let id = EndpointId::from_index(self.plan.endpoints.len());
        let addresses = addresses
            .iter()
            .map(|address| EndpointAddress {
                address: *address,
                target: Some(self.target(*address)),
                shadow: None,
            })
            .collect();
        self.plan.endpoints.push(Endpoint {
            id,
            service,
            name: name.to_owned(),
            addresses,
            alias: None,
            cname: None,
        });
        id
    }

    fn target(&mut self, address: IpAddr) -> TargetId {
        // Only a small plan shares targets between services; a linear search over thousands would be quadratic.
        if self.plan.targets.len() < 100
            && let Some(known) = self.plan.targets.iter().find(|t| t.address == address)
        {
            return known.id;
        }
        let id = TargetId::from_index(self.plan.targets.len());
        self.plan.targets.push(Target {
            id,
            check: self.check.clone(),
            address,
            port: 80,
            parts: Vec::new(),
        });
        id
    }

    /// The plan.
    #[must_use]
    pub fn build(self) -> Arc<Plan> {
        Arc::new(self.plan)
    }
}

/// The `nth` IPv4 address of 10.0.0.0/8.
#[must_use]
pub fn v4(nth: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000_u32.saturating_add(nth)))
}

/// The `nth` IPv6 address of 2001:db8::/64.
#[must_use]
pub fn v6(nth: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, nth])
}

/// A pair of IPv4 endpoints, `fra` (10.0.0.1) and `nyc` (10.0.0.2), under `failover`.
#[must_use]
pub fn pair(rules: Rules, change: impl FnOnce(&mut Service)) -> Arc<Plan> {
    PlanBuilder::new(rules)
        .service(
            "www",
            Policy::Failover,
            &[
                Part::Endpoint("fra", vec![v4(1)], 1),
                Part::Endpoint("nyc", vec![v4(2)], 1),
            ],
            change,
        )
        .build()
}
