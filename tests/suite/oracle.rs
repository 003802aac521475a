//! `explain` against somebody who believes nothing but its report: the decision is made again from the facts it states,
//! the message is written again from scratch, and both must be what the engine sends, octet by octet.
//!
//! `walk`, `mix`, `draw`, `decide` and `message` follow `docs/explain.md` and name nothing of the server.

mod among;
mod binary;
mod decide;
mod draw;
mod message;
mod mix;
mod plans;
mod report;
mod walk;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::api::explain::explain;
use pointsman::api::live::Question;
use pointsman::control::chance::Chance;
use pointsman::control::event::Event;
use pointsman::control::gate::GateResult;
use pointsman::model::plan::{Plan, Prefix};
use pointsman::model::time::{Moment, UnixTime};
use pointsman::publish::publisher::Publisher;
use pointsman::simulate::world::World;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;

use self::message::{answer, octets};
use self::plans::{below, interfere, network, of, plan};
use self::report::Report;

const RECORDS: &str = "@ 300 SOA ns.example.test. host.mail.test. 7 7200 900 86400 60\n@ 300 NS ns\n\
                       ns 300 A 192.0.2.53\n";

fn client(chance: &mut Chance) -> (IpAddr, Option<Prefix>) {
    let four = |chance: &mut Chance| Ipv4Addr::from(chance.throw() as u32);
    let six = |chance: &mut Chance| Ipv6Addr::from(u128::from(chance.throw()) << 64 | 0x7700);
    match below(chance, 4) {
        0 => (four(chance).into(), None),
        1 => (six(chance).into(), None),
        kind => {
            let length = u8::try_from(below(chance, 33)).unwrap();
            let keep = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let address = Ipv4Addr::from(chance.throw() as u32 & keep);
            let resolver = if kind == 2 {
                [192, 0, 2, 9]
            } else {
                [198, 51, 100, 9]
            };
            (
                resolver.into(),
                Some(Prefix {
                    address: address.into(),
                    length,
                }),
            )
        }
    }
}

/// What was seen, for the figures and so that nothing is proved of nothing.
#[derive(Debug, Default)]
struct Tally {
    states: usize,
    questions: usize,
    kinds: std::collections::BTreeMap<String, usize>,
}

fn engine(
    snapshot: &Snapshot,
    query: &[u8],
    question: &Question,
    now: Moment,
    transport: Transport,
) -> Vec<u8> {
    let ask = Ask {
        query,
        client: Client {
            address: question.client,
            transport,
        },
        now,
        wall: UnixTime(0),
        dice: question.dice,
    };
    let mut out = vec![0; 65_535];
    match snapshot.answer(&ask, &mut Scratch::default(), &mut out) {
        Outcome::Reply { len, .. } => out[..len].to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Every question to this state of the world.
fn examine(
    seed: u64,
    chance: &mut Chance,
    world: &World,
    snapshot: &Snapshot,
    plan: &Plan,
    tally: &mut Tally,
) {
    tally.states += 1;
    let names = plan.services.iter().map(|service| service.display_name());
    for name in names.chain(["nobody.example.test".to_owned(), "elsewhere.test".to_owned()]) {
        for rtype in [1, 28, 16] {
            let (address, subnet) = client(chance);
            let question = Question {
                name: Name::from_text(&name).unwrap(),
                rtype,
                client: address,
                subnet,
                dice: chance.throw(),
            };
            let told = explain(plan, &world.control, snapshot, &question, world.now());
            let text = serde_json::to_string(&told).unwrap();
            let report: Report = serde_json::from_str(&text).unwrap();
            let said = octets(&report.answer.wire);
            let query = octets(&report.answer.query);
            let case = || format!("seed {seed}, {name} {rtype} at {:?}:\n{text}", world.now());
            let made = answer(&report).unwrap_or_else(|| panic!("not to be made again: {}", case()));
            assert!(made == said, "{}\nmade {made:02x?}\nsaid {said:02x?}", case());
            for transport in [Transport::Tcp, Transport::Udp] {
                let sent = engine(snapshot, &query, &question, world.now().moment, transport);
                assert!(sent == said, "{transport:?}: {}", case());
            }
            tally.questions += 1;
            note(tally, &report, rtype);
            possible(&report, &case);
        }
    }
}

/// Counts what kind of state it was.
fn note(tally: &mut Tally, report: &Report, rtype: u16) {
    let mut count = |kind: String| *tally.kinds.entry(kind).or_default() += 1;
    let Some(basis) = report.service.as_ref().and_then(|service| service.basis.as_ref()) else {
        return count("no service".to_owned());
    };
    let decided = decide::decide(basis, report.asked.moment_ns);
    count(format!("policy {}", basis.group.policy));
    if rtype != 16 {
        let said = &decided.said[usize::from(rtype == 28)];
        count(said.as_ref().map_or("as it should be".to_owned(), |(_, text)| {
            if basis.gate.is_some() {
                return "held by a gate".to_owned();
            }
            text.split_once(" is down; ")
                .map_or(text.as_str(), |(_, rest)| rest)
                .to_owned()
        }));
    }
}

/// What the report calls possible adds up, and holds what was drawn.
fn possible(report: &Report, case: &dyn Fn() -> String) {
    let Some(basis) = report.service.as_ref().and_then(|service| service.basis.as_ref()) else {
        return;
    };
    let decided = decide::decide(basis, report.asked.moment_ns);
    for (choice, possible) in decided.choices.iter().zip(&report.possible) {
        let drawn = draw::draw(choice, &report.asked).addresses;
        if drawn.is_empty() {
            continue;
        }
        let sum: f64 = possible.iter().map(|one| one.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{}", case());
        // A name stands in the place of what stands in for it.
        let drawn: Vec<String> = drawn.iter().map(ToString::to_string).collect();
        let is_it = |said: &String, address: &String| said == address || said.starts_with("CNAME ");
        let gives = |one: &report::Possible| {
            let there = |address: &String| one.addresses.iter().any(|said| is_it(said, address));
            let same = one
                .addresses
                .iter()
                .zip(&drawn)
                .all(|(said, address)| is_it(said, address));
            drawn.iter().all(there) && drawn.len() == one.take && (one.rotated || same)
        };
        assert!(possible.iter().any(gives), "{drawn:?} {}", case());
    }
}

fn history(seed: u64, contents: &Arc<Contents>, tally: &mut Tally) {
    const SECS: u64 = 300;
    let mut chance = Chance::new(seed);
    let mut plan = plan(&mut chance);
    let mut world = World::new(plan.clone(), network(&mut chance, SECS), seed);
    let mut publisher = Publisher::new(&plan, &[Some(contents.clone())], seed);
    let mut taken = 0;
    let mut at = Moment::from_millis(chance.throw() % 2000);
    while at < Moment::from_secs(SECS) {
        world.run_until(at);
        world.gates = of(
            &mut chance,
            &[
                (Some(Duration::ZERO), GateResult::Passed(String::new())),
                (Some(Duration::from_secs(3)), GateResult::Passed(String::new())),
                (Some(Duration::from_secs(1)), GateResult::Failed(String::new())),
                (None, GateResult::Passed(String::new())),
            ],
        );
        let new = world.published.split_off(taken.min(world.published.len()));
        let mut snapshot = publisher.snapshot();
        for (_, decisions) in &new {
            snapshot = publisher.apply(decisions);
        }
        taken = world.published.len();
        examine(seed, &mut chance, &world, &snapshot, &plan, tally);
        match below(&mut chance, 6) {
            // Before the sockets are open nothing is sent.
            0 if world.opened.is_some() => {
                plan = plans::plan(&mut chance);
                publisher.replan(&plan, &[Some(contents.clone())]);
                world.enter(at, Event::Planned(plan.clone()));
            }
            1..4 => interfere(&mut chance, &mut world),
            _ => {}
        }
        let pause = of(&mut chance, &[1, 700, 5000, 20_000, 45_000]);
        at = at.after(Duration::from_millis(1 + chance.throw() % pause));
    }
}

/// Acceptance: at 1,000 random states and more, `explain` replayed by an independent oracle gives the same answer, octet
/// by octet, and the engine sends it.
#[test]
fn explain_replayed_from_its_report_alone_gives_what_is_sent() {
    let contents = crate::answers::world::contents("example.test", RECORDS);
    let mut tally = Tally::default();
    let mut seed = 1;
    while tally.states < 1_000 {
        history(seed, &contents, &mut tally);
        seed += 1;
    }
    println!("{tally:#?}");
    for kind in [
        "policy failover",
        "policy weighted",
        "policy all",
        "policy sticky",
        "policy subnet",
        "policy geo",
        "policy fastest",
        "no service",
        "as it should be",
        "nothing decided yet",
        "fewer endpoints up than min_up",
        "waiting for an operator to switch",
        "held by a gate",
        "all endpoints down; last answer kept",
        "all endpoints down; answered as if they were up",
        "all endpoints down; no data by configuration",
        "all endpoints down; SERVFAIL by configuration",
        "all endpoints down; fallback answered",
    ] {
        assert!(
            tally.kinds.get(kind).is_some_and(|count| *count >= 5),
            "{kind}: {tally:#?}"
        );
    }
}
