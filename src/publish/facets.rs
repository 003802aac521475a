//! What a service answers besides addresses, made from the decision for A and AAAA: whom they may name now, the others
//! name too, and nobody else.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::answer::cname::Cname;
use crate::answer::facets::{Extra, Form};
use crate::answer::node::shorten;
use crate::answer::service::ServiceAnswers;
use crate::model::cname::{is_stand_in, stand_ins};
use crate::model::facets::{Binding, Srv};
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Service};
use crate::model::time::Ttl;
use crate::policy::choice::{Choice, Decision, Degraded, Pick};
use crate::publish::lanes::OwnLanes;
use crate::publish::service::family;
use crate::wire::name::Name;
use crate::wire::rtype;

/// What a service answers besides addresses, ready to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    owner: Option<Name>,
    hosts: Vec<Host>,
    srv: Vec<Srv>,
    mx: Option<u16>,
    bindings: Vec<Binding>,
    /// Endpoints that are answered by CNAME: with the service's name, as it stands in records.
    cnames: Vec<(Name, Name)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: Name,
    addresses: Vec<IpAddr>,
    weight: u16,
}

/// What the records of a type name.
enum Named<'t> {
    /// SERVFAIL.
    Fail,
    /// These hosts, with their weights: perhaps none.
    Hosts(Vec<(&'t Name, u16)>),
}

impl Template {
    /// That of `service`.
    pub(super) fn of(plan: &Plan, service: &Service) -> Self {
        let facets = &service.facets;
        let host = |host: &crate::model::facets::Host| Host {
            name: host.name.clone(),
            addresses: plan
                .endpoints
                .get(host.endpoint.index())
                .map(|endpoint| endpoint.addresses.iter().map(|known| known.address).collect())
                .unwrap_or_default(),
            weight: host.weight,
        };
        Self {
            owner: (!facets.is_empty()).then(|| service.owner.clone()),
            hosts: facets.hosts.iter().map(host).collect(),
            srv: facets.srv.clone(),
            mx: facets.mx,
            bindings: facets.bindings.clone(),
            cnames: cnames(plan, &service.group)
                .into_iter()
                .map(|cname| (service.owner.clone(), cname))
                .collect(),
        }
    }

    /// `choice` without what stands in for names that the service does not have any more: nobody can say what they
    /// were, and SERVFAIL is no absence.
    pub(super) fn known<'c>(&self, choice: &'c Choice) -> Cow<'c, Choice> {
        let is_known = |address: &IpAddr| {
            self.cnames
                .iter()
                .any(|(_, name)| stand_ins(name).contains(address))
        };
        let mut addresses = choice.addresses.iter();
        if addresses.all(|address| !is_stand_in(*address) || is_known(address)) {
            return Cow::Borrowed(choice);
        }
        Cow::Owned(Choice {
            pick: Pick::Fail,
            ..choice.clone()
        })
    }

    /// The records of endpoints that are answered by CNAME.
    pub(super) fn cnames(&self) -> Box<[Cname]> {
        let cname = |(owner, name): &(Name, Name)| {
            let keep = if owner.is_wildcard() { 2 } else { 0 };
            let mut data = Vec::new();
            shorten(rtype::CNAME, name.as_wire(), owner.as_wire(), keep, &mut data);
            let [t0, t1] = rtype::CNAME.to_be_bytes();
            let [l0, l1] = u16::try_from(data.len()).unwrap_or(0).to_be_bytes();
            let mut record = vec![0xc0, 0x0c, t0, t1, 0, 1, 0, 0, 0, 0, l0, l1];
            record.extend(data);
            Cname {
                stand_ins: stand_ins(name).map(|address| match address {
                    IpAddr::V4(v4) => v4.octets().into(),
                    IpAddr::V6(v6) => v6.octets().into(),
                }),
                record: record.into(),
            }
        };
        self.cnames.iter().map(cname).collect()
    }

    /// Whether there is nothing but addresses.
    pub(super) fn is_empty(&self) -> bool {
        self.owner.is_none() && self.cnames.is_empty()
    }

    /// Adds to `answers`, which are those of `decision` for addresses, all that follows from it.
    pub(super) fn fill(&self, decision: &Decision, ttl: Ttl, lanes: &OwnLanes, answers: &mut ServiceAnswers) {
        let Some(owner) = &self.owner else { return };
        let named = self.named(owner, &decision.a, &decision.aaaa);
        let said = decision.said.iter().flatten().next();
        let mut extras = Vec::new();
        if let Some(preference) = self.mx {
            let head = |_| preference.to_be_bytes().to_vec();
            extras.push(extra(rtype::MX, owner, &named, head));
        }
        for binding in &self.bindings {
            extras.push(Extra {
                rtype: binding.rtype,
                form: Form::Binding {
                    head: binding.head.clone().into(),
                    hints: binding.hints,
                },
            });
        }
        answers.extras = extras.into();
        let hosts = self.hosts.iter().map(|host| {
            let of = |v4: bool| {
                let addresses = host.addresses.iter().copied();
                let addresses: Vec<IpAddr> = addresses
                    .filter(|address| address.is_ipv4() == v4 && is_usable(decision, *address))
                    .collect();
                let pick = if addresses.is_empty() {
                    Pick::Nothing
                } else {
                    Pick::Fixed
                };
                Choice { addresses, pick }
            };
            plain(answers, [of(true), of(false)], ttl, None, lanes)
        });
        let srv = self.srv.iter().map(|srv| {
            let mut facet = plain(answers, [Choice::default(), Choice::default()], ttl, said, lanes);
            let head = |weight: u16| {
                let numbers = [srv.priority, srv.weight.unwrap_or(weight), srv.port];
                numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
            };
            facet.extras = Box::new([extra(rtype::SRV, &srv.owner, &named, head)]);
            facet
        });
        answers.facets = hosts.chain(srv).collect();
    }

    /// Before anything was decided: SERVFAIL at each name and for each type.
    pub(super) fn fail(&self, undecided: impl Fn() -> ServiceAnswers) -> ServiceAnswers {
        let failing = |rtype: u16| Extra {
            rtype,
            form: Form::Fail,
        };
        let mut answers = undecided();
        // The first decision may bring an alias: no absence is to be remembered until then.
        answers.cnames = self.cnames();
        let mx = self.mx.map(|_| failing(rtype::MX));
        let bindings = self.bindings.iter().map(|binding| failing(binding.rtype));
        answers.extras = mx.into_iter().chain(bindings).collect();
        let hosts = self.hosts.iter().map(|_| undecided());
        let srv = self.srv.iter().map(|_| {
            let mut facet = undecided();
            facet.extras = Box::new([failing(rtype::SRV)]);
            facet
        });
        answers.facets = hosts.chain(srv).collect();
        answers
    }

    /// Whom A and AAAA may name. Addresses that are no endpoint's (a fallback, a last answer from before a reload)
    /// are found under the service's own name.
    fn named<'t>(&'t self, owner: &'t Name, a: &Choice, aaaa: &Choice) -> Named<'t> {
        if a.pick == Pick::Fail || aaaa.pick == Pick::Fail {
            return Named::Fail;
        }
        let answered: Vec<IpAddr> = [a, aaaa]
            .iter()
            .filter(|choice| choice.pick != Pick::Nothing)
            .flat_map(|choice| choice.addresses.iter().copied())
            .collect();
        let is_host = |address: &IpAddr| self.hosts.iter().any(|host| host.addresses.contains(address));
        let hosts = self
            .hosts
            .iter()
            .filter(|host| host.addresses.iter().any(|address| answered.contains(address)))
            .map(|host| (&host.name, host.weight));
        let others = answered.iter().any(|address| !is_host(address));
        Named::Hosts(hosts.chain(others.then_some((owner, 1))).collect())
    }
}

/// The names that stand for endpoints below `group`.
fn cnames(plan: &Plan, group: &Group) -> Vec<Name> {
    let mut found = Vec::new();
    for member in &group.members {
        match &member.kind {
            MemberKind::Endpoint(id) => {
                let endpoint = plan.endpoints.get(id.index());
                found.extend(endpoint.and_then(|endpoint| endpoint.cname.clone()));
            }
            MemberKind::Pool(pool) => found.append(&mut cnames(plan, pool)),
        }
    }
    found
}

fn is_usable(decision: &Decision, address: IpAddr) -> bool {
    let choice = if address.is_ipv4() {
        &decision.a
    } else {
        &decision.aaaa
    };
    let answered = !matches!(choice.pick, Pick::Nothing | Pick::Fail) && choice.addresses.contains(&address);
    answered || decision.usable.contains(&address)
}

/// Answers of addresses alone, with the TTL of `like`, counted with it.
fn plain(
    like: &ServiceAnswers,
    [a, aaaa]: [Choice; 2],
    ttl: Ttl,
    said: Option<&Degraded>,
    lanes: &OwnLanes,
) -> ServiceAnswers {
    ServiceAnswers {
        a: family(&a, rtype::A, ttl, said.cloned(), lanes),
        aaaa: family(&aaaa, rtype::AAAA, ttl, said.cloned(), lanes),
        lifetime: like.lifetime,
        extras: Box::default(),
        facets: Box::default(),
        cnames: Box::default(),
        lane: like.lane,
    }
}

/// The records of type `rtype` at `owner`: for each host `head` of its weight, and its name.
fn extra(rtype: u16, owner: &Name, named: &Named<'_>, head: impl Fn(u16) -> Vec<u8>) -> Extra {
    let form = match named {
        Named::Fail => Form::Fail,
        Named::Hosts(hosts) if hosts.is_empty() => Form::Nothing,
        Named::Hosts(hosts) => {
            let mut octets = Vec::new();
            for (host, weight) in hosts {
                let mut data = head(*weight);
                data.extend_from_slice(host.as_wire());
                let [t0, t1] = rtype.to_be_bytes();
                octets.extend([0xc0, 0x0c, t0, t1, 0, 1, 0, 0, 0, 0]);
                let mut short = Vec::new();
                shorten(rtype, &data, owner.as_wire(), 0, &mut short);
                octets.extend(u16::try_from(short.len()).unwrap_or(0).to_be_bytes());
                octets.extend(short);
            }
            Form::Set {
                octets: octets.into(),
                count: u16::try_from(hosts.len()).unwrap_or(u16::MAX),
            }
        }
    };
    Extra { rtype, form }
}
