//! Random services of every policy, nested as deep as they may be, and random worlds for them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::check::Treatment;
use pointsman::model::cname::stand_ins;
use pointsman::model::force::ForceKind;
use pointsman::model::on_failover::{OnFailover, Otherwise};
use pointsman::model::place::{Atlas, Located, Location, Point, Region};
use pointsman::model::plan::{GeoDatabase, Plan, Prefix};
use pointsman::model::service::{
    Failback, Families, Group, MemberKind, Policy, Service, StickyPrefix, Switch, TtlRule, WhenAllDown,
};
use pointsman::model::time::{Moment, Ttl};
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4, v6};
use pointsman::simulate::world::World;
use pointsman::wire::name::Name;

pub(crate) const LABELS: [&str; 4] = ["www", "api", "mail", "db"];
const NAMES: [&str; 8] = ["fra", "nyc", "tok", "syd", "gru", "jnb", "lhr", "cdg"];
const REGIONS: [&str; 7] = ["EU", "NA", "DE", "FR", "US", "US-NY", "JP"];
/// Addresses of endpoints: 10.0.0.1 to .16, and 2001:db8::1 to ::10.
const ADDRESSES: u64 = 16;

pub(crate) fn of<T: Clone>(chance: &mut Chance, these: &[T]) -> T {
    these[below(chance, these.len() as u64)].clone()
}

pub(crate) fn below(chance: &mut Chance, bound: u64) -> usize {
    usize::try_from(chance.throw() % bound).unwrap()
}

fn one_in(chance: &mut Chance, count: u64) -> bool {
    below(chance, count) == 0
}

/// Knows something of every other /12.
#[derive(Debug)]
struct Globe;

impl Atlas for Globe {
    fn locate(&self, address: IpAddr) -> Located {
        let high = match address {
            IpAddr::V4(v4) => u32::from(v4) >> 20,
            IpAddr::V6(v6) => u32::try_from(u128::from(v6) >> 116).unwrap(),
        };
        let mut regions = [None; 4];
        let picked = [["DE", "EU"], ["FR", "EU"], ["US-NY", "US"], ["JP", "AS"]];
        for (slot, text) in regions.iter_mut().zip(picked[high as usize / 2 % 4]) {
            *slot = Region::read(text);
        }
        let point = (!high.is_multiple_of(3)).then(|| Point {
            latitude: f64::from(high % 160) - 80.0,
            longitude: f64::from(high * 7 % 350) - 175.0,
        });
        Located {
            location: high.is_multiple_of(2).then_some(Location { regions, point }),
            length: 12,
        }
    }
}

fn policy(chance: &mut Chance) -> Policy {
    let sticky = Policy::Sticky(StickyPrefix { v4: 24, v6: 56 });
    let all = |max_answers| Policy::All { max_answers };
    of(
        chance,
        &[
            Policy::Failover,
            Policy::Failover,
            Policy::Failover,
            Policy::Weighted,
            Policy::Weighted,
            all(None),
            all(Some(2)),
            sticky,
            Policy::Subnet,
            Policy::Geo,
            Policy::Fastest { margin: 20 },
        ],
    )
}

fn parts(chance: &mut Chance, depth: usize, used: &mut usize) -> Vec<Part> {
    let mut parts = Vec::new();
    for _ in 0..=below(chance, 4) {
        if *used >= NAMES.len() {
            break;
        }
        if depth < 2 && one_in(chance, 4) {
            let name = ["eu", "us", "asia", "gulf"][(*used + depth) % 4];
            let named = |part: &Part| matches!(part, Part::Pool(known, ..) if *known == name);
            let (policy, min_up) = (policy(chance), 1 + u32::try_from(below(chance, 3)).unwrap());
            let within = self::parts(chance, depth + 1, used);
            if !within.is_empty() && !parts.iter().any(named) {
                parts.push(Part::Pool(name, policy, within, min_up));
            }
            continue;
        }
        let mut addresses = Vec::new();
        for _ in 0..=below(chance, 2) {
            let nth = 1 + below(chance, ADDRESSES);
            match below(chance, 3) {
                0 => addresses.push(v6(u16::try_from(nth).unwrap())),
                _ => addresses.push(v4(u32::try_from(nth).unwrap())),
            }
        }
        addresses.dedup();
        let weight = u32::try_from(below(chance, 4)).unwrap();
        parts.push(Part::Endpoint(NAMES[*used], addresses, weight));
        *used += 1;
    }
    parts
}

/// Whom each member serves, what it can bear, and how degraded ones count.
fn dress(chance: &mut Chance, group: &mut Group) {
    group.spread.degraded_below = u32::try_from(below(chance, 3)).unwrap();
    group.spread.degraded_weight = of(chance, &[0, 250, 500, 1000]);
    group.spread.demand = of(chance, &[None, Some(4), Some(40)]);
    if one_in(chance, 4) {
        group.min_up = 2;
    }
    let bears = one_in(chance, 2);
    let mut networks: Vec<Prefix> = Vec::new();
    for member in &mut group.members {
        member.capacity = bears.then(|| u32::try_from(below(chance, 20)).unwrap());
        for _ in 0..below(chance, 3) {
            let length = 1 + u8::try_from(below(chance, 16)).unwrap();
            let kept = (chance.throw() as u32) & !(u32::MAX >> length);
            let network = match one_in(chance, 3) {
                true => Prefix {
                    address: IpAddr::from((u128::from(kept) << 96).to_be_bytes()),
                    length,
                },
                false => Prefix {
                    address: IpAddr::V4(Ipv4Addr::from(kept)),
                    length,
                },
            };
            if !networks.contains(&network) {
                networks.push(network);
                member.serves.networks.push(network);
            }
        }
        for _ in 0..below(chance, 3) {
            member.serves.regions.extend(Region::read(of(chance, &REGIONS)));
        }
        member.serves.point = one_in(chance, 3).then(|| Point {
            latitude: below(chance, 160) as f64 - 80.0,
            longitude: below(chance, 350) as f64 - 175.0,
        });
        if let MemberKind::Pool(pool) = &mut member.kind {
            dress(chance, pool);
        }
    }
}

fn spreads_all(group: &Group) -> bool {
    matches!(group.policy, Policy::All { .. })
        || group.members.iter().any(|member| match &member.kind {
            MemberKind::Pool(pool) => spreads_all(pool),
            MemberKind::Endpoint(_) => false,
        })
}

fn settle(chance: &mut Chance, service: &mut Service) {
    let (max, min) = (Ttl::from_secs(40), Ttl::from_secs(2));
    service.switch = of(chance, &[Switch::Auto, Switch::Auto, Switch::Manual]);
    service.failback = of(
        chance,
        &[
            Failback::Auto,
            Failback::Manual,
            Failback::After(Duration::from_secs(20)),
        ],
    );
    service.when_all_down = of(
        chance,
        &[
            WhenAllDown::Last,
            WhenAllDown::Last,
            WhenAllDown::AssumeUp,
            WhenAllDown::None,
            WhenAllDown::Servfail,
            WhenAllDown::Fallback(vec![v4(99), v6(99), v4(98)]),
        ],
    );
    service.families = of(chance, &[Families::Apart, Families::Together]);
    let hold = [Otherwise::Hold, Otherwise::Proceed];
    service.on_failover = one_in(chance, 3).then(|| OnFailover {
        program: PathBuf::from("/bin/true"),
        arguments: Vec::new(),
        gate: true,
        timeout: Duration::from_secs(5),
        on_failure: of(chance, &hold),
        on_timeout: of(chance, &hold),
    });
    service.ttl = of(
        chance,
        &[
            TtlRule::Fixed(max),
            TtlRule::Stable { max, min },
            TtlRule::Strict { max, min },
        ],
    );
    dress(chance, &mut service.group);
}

/// A plan of one to four services.
pub(crate) fn plan(chance: &mut Chance) -> Arc<Plan> {
    let treatment = Treatment {
        slow: Some(Duration::from_millis(100)),
        ..Treatment::default()
    };
    let mut builder = PlanBuilder::new(DEFAULT_RULES).treatment(treatment);
    for label in &LABELS[..=below(chance, 4)] {
        let mut used = 0;
        let mut these = parts(chance, 0, &mut used);
        if these.is_empty() {
            these.push(Part::Endpoint("fra", vec![v4(1)], 1));
        }
        let policy = policy(chance);
        builder = builder.service(label, policy, &these, |service| settle(chance, service));
    }
    let mut plan = Plan::clone(&builder.build());
    plan.node.geo = Some(GeoDatabase {
        path: PathBuf::new(),
        atlas: Arc::new(Globe),
    });
    plan.node.trust_ecs = vec![Prefix {
        address: IpAddr::from([192, 0, 2, 0]),
        length: 24,
    }];
    for endpoint in &mut plan.endpoints {
        let service = &plan.services[endpoint.service.index()];
        let target = endpoint.addresses.first().copied();
        if let Some(known) = target
            && !spreads_all(&service.group)
            && one_in(chance, 6)
        {
            let name = Name::from_text(&format!("{}.lb.elsewhere.test", endpoint.name)).unwrap();
            endpoint.addresses = stand_ins(&name)
                .map(|address| pointsman::model::service::EndpointAddress { address, ..known })
                .to_vec();
            endpoint.cname = Some(name);
        }
    }
    Arc::new(plan)
}

/// Addresses that fail, recover, slow down and flap, over `secs` seconds.
pub(crate) fn network(chance: &mut Chance, secs: u64) -> Network {
    let mut network = Network::default();
    // Some worlds are well for the most part, in others most is broken.
    let bad = 1 + below(chance, 6);
    for nth in 1..=ADDRESSES {
        let nth = u16::try_from(nth).unwrap();
        for address in [v4(nth.into()), v6(nth)] {
            let mut at = 0;
            while at < secs {
                let condition = match below(chance, 8) {
                    0..4 if below(chance, 7) < bad => Condition::Refusing,
                    4 => Condition::Silent,
                    5 => Condition::Slowing {
                        to: Duration::from_millis(300),
                        over: Duration::from_secs(20),
                    },
                    _ => Condition::Well {
                        after: Duration::from_millis(1 + chance.throw() % 60),
                    },
                };
                network.set(address, Moment::from_secs(at), condition);
                at += 10 + chance.throw() % 120;
            }
        }
    }
    network
}

/// What operators do now: drain, force, release, switch by hand.
pub(crate) fn interfere(chance: &mut Chance, world: &mut World) {
    let label = of(chance, &LABELS);
    let select = match below(chance, 3) {
        0 => format!("{label}.example.test"),
        _ => format!("{label}.example.test/{}", of(chance, &NAMES)),
    };
    let command = match below(chance, 6) {
        0 => Command::Release { select },
        1 | 2 => Command::Failover {
            service: format!("{label}.example.test"),
            to: one_in(chance, 2).then(|| of(chance, &NAMES).to_owned()),
        },
        kind => Command::Force {
            kind: ForceKind::ALL[kind - 3],
            select,
            reason: None,
            lasting: one_in(chance, 2).then(|| Duration::from_secs(5 + chance.throw() % 60)),
        },
    };
    let event = Event::Commanded {
        ticket: CommandTicket(chance.throw()),
        by: "somebody".to_owned(),
        command,
        manner: Manner {
            break_glass: one_in(chance, 2),
            dry_run: false,
        },
    };
    world.enter(world.now().moment, event);
}
