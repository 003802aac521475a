//! One service decided from the report alone: both families, what remains when all is down, and for how long.

use std::net::IpAddr;

use super::mix::{Mix, Own};
use super::report::{Basis, Choice, Endpoint, Group, Pick};
use super::walk::{Demand, Memory, Tier, Walk, addresses, endpoints, holds, number, seen};

/// What is answered.
#[derive(Debug)]
pub(crate) struct Decided {
    /// For A and AAAA.
    pub(crate) choices: [Choice; 2],
    /// Extended errors for A and AAAA.
    pub(crate) said: [Option<(u16, String)>; 2],
    /// In seconds.
    pub(crate) ttl: u32,
}

#[derive(Default)]
struct Family {
    choice: Choice,
    mix: Mix,
    said: Option<(u16, String)>,
    all_down: bool,
    wake: Option<u64>,
}

struct Case<'b> {
    basis: &'b Basis,
    endpoints: Vec<&'b Endpoint>,
    memory: Memory,
    now: u64,
}

/// The decision in force, and its TTL at `moment`.
pub(crate) fn decide(basis: &Basis, moment: u64) -> Decided {
    let Some(now) = basis.decided_ns else {
        let fail = || Choice {
            addresses: Vec::new(),
            pick: Pick::Fail,
        };
        let said = || Some((14, "nothing decided yet".to_owned()));
        return Decided {
            choices: [fail(), fail()],
            said: [said(), said()],
            ttl: 0,
        };
    };
    if let Some(text) = &basis.gate {
        // The old answer stands.
        let choices = basis.current.clone().map(Option::unwrap);
        let said = choices.each_ref().map(|choice| match choice.pick {
            Pick::Nothing => None,
            _ => Some((0, text.clone())),
        });
        let ttl = if basis.ttl_mode == "fixed" {
            basis.ttl_max
        } else {
            basis.ttl_min.min(basis.ttl_max)
        };
        return Decided { choices, said, ttl };
    }
    let mut all = Vec::new();
    endpoints(&basis.group, &mut all);
    let mut case = Case {
        basis,
        endpoints: all,
        memory: Memory::of(basis),
        now,
    };
    let mut families = [case.family(0), case.family(1)];
    if families.iter().any(|family| family.all_down) && basis.when_all_down == "fallback" {
        for (index, family) in families.iter_mut().enumerate() {
            let fallback: Vec<_> = basis
                .fallback
                .iter()
                .copied()
                .filter(|address| holds(index, *address))
                .collect();
            if !case.has_family(index) && !fallback.is_empty() {
                family.choice = fixed(fallback);
                family.said = Some((0, "all endpoints down; fallback answered".to_owned()));
            }
        }
    }
    let ttl = case.ttl(&families, moment);
    families
        .iter_mut()
        .for_each(|family| case.recognise(&mut family.choice));
    let [a, aaaa] = families;
    Decided {
        choices: [a.choice, aaaa.choice],
        said: [a.said, aaaa.said],
        ttl,
    }
}

const HELD: Demand = Demand {
    tier: Tier::Held,
    min_up: true,
};

fn min_up(group: &Group) -> bool {
    let pools = group.members.iter().filter_map(|member| member.group.as_deref());
    group.min_up > 1 || pools.into_iter().any(min_up)
}

/// These, always.
fn fixed(addresses: Vec<IpAddr>) -> Choice {
    let pick = if addresses.is_empty() {
        Pick::Nothing
    } else {
        Pick::Fixed
    };
    Choice { addresses, pick }
}

/// Whether it is of a range that only stands in for names.
pub(crate) fn stands_in(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.segments()[..4] == [0x100, 0, 0, 0],
    }
}

impl Case<'_> {
    fn has_family(&self, family: usize) -> bool {
        let mut all = self.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        all.any(|known| holds(family, known.address))
    }

    /// What stood in for a name that the service has no more cannot be said any more.
    fn recognise(&self, choice: &mut Choice) {
        let names = self.endpoints.iter().filter(|endpoint| endpoint.cname.is_some());
        let known: Vec<_> = names
            .flat_map(|endpoint| endpoint.addresses.iter().map(|known| known.address))
            .collect();
        let mut all = choice.addresses.iter();
        if all.any(|address| stands_in(*address) && !known.contains(address)) {
            choice.pick = Pick::Fail;
        }
    }

    fn walk(
        &mut self,
        family: usize,
        demand: Demand,
        unforced: bool,
        supposed: bool,
    ) -> (super::walk::Found, Option<u64>, Option<String>) {
        let mut walk = Walk {
            basis: self.basis,
            family,
            demand,
            unforced,
            now: self.now,
            memory: self.memory.clone(),
            wake: None,
            stuck: None,
        };
        let found = walk.group(&self.basis.group, "");
        if !supposed {
            self.memory = walk.memory;
        }
        (found, walk.wake, walk.stuck)
    }

    fn family(&mut self, index: usize) -> Family {
        let basis = self.basis;
        let mut family = Family::default();
        if !self.has_family(index) {
            let nameless = |endpoint: &&Endpoint| endpoint.addresses.is_empty() && endpoint.alias;
            if self.endpoints.iter().all(nameless) {
                family.choice.pick = Pick::Fail;
                family.said = Some((14, "no endpoint's name was resolved yet".to_owned()));
            }
            return family;
        }
        let now: Vec<_> = self.endpoints.iter().flat_map(|one| seen(one, false)).collect();
        let waits = now.iter().any(|one| one.waiting);
        let old = basis.current[index].clone().filter(|_| waits);
        if let Some(old) = &old {
            let mut known = now
                .iter()
                .filter(|one| old.addresses.contains(&one.address))
                .peekable();
            let bad = known.peek().is_some() && known.all(|one| one.tier == Tier::Down && !one.waiting);
            if !bad {
                family.choice = old.clone();
                return family;
            }
        }
        let demand = |tier, min_up| Demand { tier, min_up };
        let mut demands = vec![demand(Tier::Up, true), demand(Tier::Degraded, true), HELD];
        let keeps = matches!(basis.when_all_down.as_str(), "last" | "assume-up");
        if keeps && min_up(&basis.group) {
            demands.extend([demand(Tier::Up, false), demand(Tier::Held, false)]);
        }
        for demand in demands {
            let (found, wake, stuck) = self.walk(index, demand, false, false);
            family.wake = family.wake.into_iter().chain(wake).min();
            if !found.up {
                continue;
            }
            family.choice = found.mix.compile();
            family.mix = found.mix;
            if let Some(active) = stuck {
                family.said = Some((0, format!("{active} is down; waiting for an operator to switch")));
            } else if !demand.min_up {
                family.said = Some((0, "fewer endpoints up than min_up".to_owned()));
            }
            return family;
        }
        if let Some(old) = old {
            family.choice = old;
            return family;
        }
        family.all_down = true;
        let (mut assumed, ..) = self.walk(index, demand(Tier::Down, false), false, true);
        if !assumed.up {
            (assumed, ..) = self.walk(index, demand(Tier::Down, false), true, true);
        }
        let none = |pick| Choice {
            addresses: Vec::new(),
            pick,
        };
        let (choice, code, text) = match (basis.when_all_down.as_str(), &basis.last_good[index]) {
            ("last", Some(last)) => (last.clone(), 3, "last answer kept"),
            ("last" | "assume-up", _) => (assumed.mix.compile(), 0, "answered as if they were up"),
            ("none", _) => (none(Pick::Nothing), 0, "no data by configuration"),
            ("servfail", _) => (none(Pick::Fail), 0, "SERVFAIL by configuration"),
            ("fallback", _) => {
                let addresses = basis.fallback.iter().copied();
                let mine = addresses.filter(|address| holds(index, *address)).collect();
                (fixed(mine), 0, "fallback answered")
            }
            (other, _) => panic!("when all is down: {other}"),
        };
        family.choice = choice;
        family.said = Some((code, format!("all endpoints down; {text}")));
        family
    }

    fn ttl(&self, families: &[Family; 2], moment: u64) -> u32 {
        let (most, least) = (self.basis.ttl_max, self.basis.ttl_min);
        let answered: Vec<_> = families
            .iter()
            .flat_map(|family| addresses(&family.mix))
            .collect();
        match self.basis.ttl_mode.as_str() {
            "fixed" => most,
            "stable" => {
                let of = |endpoint: &&Endpoint| {
                    let number = number(endpoint);
                    seen(endpoint, false).into_iter().map(move |one| (one, number))
                };
                let mut all = self.endpoints.iter().flat_map(of);
                let doubt = families.iter().any(|family| family.said.is_some())
                    || all.any(|(one, of)| one.in_doubt && answered.contains(&(one.address, of)));
                if doubt { least.min(most) } else { most }
            }
            "strict" => {
                let flips = self.could_matter(&answered).into_iter();
                let flips = flips
                    .flat_map(|endpoint| seen(endpoint, false))
                    .filter_map(|one| one.flip);
                let wakes = families.iter().filter_map(|family| family.wake);
                match flips.chain(wakes).min() {
                    None => most.max(least),
                    Some(flip) => {
                        let left = flip.saturating_sub(moment) / 1_000_000_000;
                        let left = u32::try_from(left).unwrap_or(u32::MAX);
                        left.clamp(least.min(most), most)
                    }
                }
            }
            other => panic!("a TTL {other}"),
        }
    }

    /// Endpoints whose change could change the answer.
    fn could_matter(&self, answered: &[Own]) -> Vec<&Endpoint> {
        let is_answered = |endpoint: &Endpoint| answered.iter().any(|own| own.1 == number(endpoint));
        let group = &self.basis.group;
        let plain = !self.basis.hosts
            && group.policy == "failover"
            && group.members.iter().all(|member| member.endpoint.is_some());
        let last = self.endpoints.iter().rposition(|endpoint| is_answered(endpoint));
        match last {
            Some(last) if plain => {
                let before = self.endpoints[..=last].iter().copied();
                let manual = self.basis.failback == "manual";
                before
                    .filter(|endpoint| !manual || is_answered(endpoint))
                    .collect()
            }
            _ => self.endpoints.clone(),
        }
    }
}
