//! A second opinion: random zones and questions, answered by the engine and by a naive server that shares no code
//! with it. Where the two differ, one is wrong.

mod oracle;
mod zones;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use pointsman::answer::snapshot::{Snapshot, Transport};
use pointsman::zone::master::{self, include::NoIncludes};
use pointsman::zone::semantics;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::answers::world;
use oracle::{Expected, dname_target, written};
use zones::{Ask, World};

/// What is asked and what came of it, for the report of a failure.
struct Heard {
    message: Message,
    octets: usize,
}

fn query(name: &Name, rtype: RecordType, payload: Option<u16>) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = 0x4242;
    message.add_query(Query::query(name.clone(), rtype));
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

/// Owner, TTL, type and data in one line; names in lower case, since compression may take another's letters.
fn line(record: &Record) -> String {
    let data = match &record.data {
        data @ RData::TXT(_) => format!("{data:?}"),
        data => dname_target(data).map_or_else(|| data.to_string(), |target| target.to_ascii()),
    };
    let owner = record.name.to_ascii().to_ascii_lowercase();
    format!(
        "{owner} {} {} {}",
        record.ttl,
        record.record_type(),
        data.to_ascii_lowercase()
    )
}

fn lines<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<String> {
    let mut lines: Vec<String> = records.into_iter().map(line).collect();
    lines.sort();
    lines
}

fn hear(snapshot: &Snapshot, query: &[u8], transport: Transport) -> Result<Heard, String> {
    let reply = world::ask(snapshot, query, transport, 0).ok_or("no reply")?;
    let message = Message::from_vec(&reply).map_err(|error| format!("undecodable: {error}: {reply:02x?}"))?;
    let again = message
        .to_vec()
        .map_err(|error| format!("not encoded again: {error}"))?;
    let again = Message::from_vec(&again).map_err(|error| format!("not decoded again: {error}"))?;
    for (one, other) in [
        (&message.answers, &again.answers),
        (&message.authorities, &again.authorities),
        (&message.additionals, &again.additionals),
    ] {
        if one != other {
            return Err(format!("encoded again it differs: {one:#?} {other:#?}"));
        }
    }
    Ok(Heard {
        message,
        octets: reply.len(),
    })
}

fn same(what: &str, expected: &[String], got: &[String]) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected:#?}\n  got      {got:#?}"))
}

fn is_part(part: &[String], whole: &[String]) -> bool {
    let (part, whole): (BTreeSet<_>, BTreeSet<_>) = (part.iter().collect(), whole.iter().collect());
    part.is_subset(&whole)
}

/// The answer sections that are right: one, or for ANY one for each RRset.
fn answers(expected: &Expected) -> Vec<Vec<String>> {
    if expected.any.is_empty() {
        return vec![lines(&expected.answer)];
    }
    let with = |set: &Vec<Record>| lines(expected.answer.iter().chain(set));
    expected.any.iter().map(with).collect()
}

/// What holds over each transport.
fn head(question: &Name, ask: &Ask, expected: &Expected, message: &Message) -> Result<(), String> {
    let data = &message.metadata;
    let codes = |rcode: ResponseCode, aa: bool| [format!("{rcode:?} AA {aa}")];
    let right = codes(expected.rcode, expected.authoritative);
    let got = codes(data.response_code, data.authoritative);
    // A chain that was cut short never came to its end, and so not to the end's RCODE.
    let cut_off = data.truncation && got == codes(ResponseCode::NoError, true);
    if !cut_off {
        same("head", &right, &got)?;
    }
    if message.edns.is_some() != ask.payload.is_some() {
        return Err("OPT".to_owned());
    }
    if written(&message.queries[0].name) != written(question) {
        return Err(format!("the question came back as {}", message.queries[0].name));
    }
    for record in &message.answers {
        if record.name == *question && written(&record.name) != written(question) {
            return Err(format!("the owner {} has other letters", record.name));
        }
    }
    Ok(())
}

/// Over TCP everything is there, and nothing else.
fn whole(expected: &Expected, message: &Message) -> Result<(), String> {
    let got = lines(&message.answers);
    let right = answers(expected);
    if !right.contains(&got) {
        same("answer", &right[0], &got)?;
    }
    same(
        "authority",
        &lines(&expected.authority),
        &lines(&message.authorities),
    )?;
    same(
        "additional",
        &lines(expected.glue.iter().chain(&expected.helpful)),
        &lines(&message.additionals),
    )?;
    if message.metadata.truncation {
        return Err("TC over TCP".to_owned());
    }
    Ok(())
}

/// Over UDP what is there is right, and all that must be is there, or TC.
fn cut_short(ask: &Ask, expected: &Expected, udp: &Heard, tcp: &Heard) -> Result<(), String> {
    let message = &udp.message;
    let limit = usize::from(ask.payload.unwrap_or(512)).clamp(512, 1232);
    if udp.octets > limit {
        return Err(format!("{} octets of {limit}", udp.octets));
    }
    let truncated = message.metadata.truncation;
    if truncated && tcp.octets <= limit {
        return Err("TC where everything fits".to_owned());
    }
    let (answer, authority, additional) = (
        lines(&message.answers),
        lines(&message.authorities),
        lines(&message.additionals),
    );
    let all = lines(expected.glue.iter().chain(&expected.helpful));
    if !is_part(&additional, &all) {
        return Err(format!("additional\n  may be {all:#?}\n  got    {additional:#?}"));
    }
    if truncated {
        let part = |right: &Vec<String>| is_part(&answer, right);
        if !answers(expected).iter().any(part) || !is_part(&authority, &lines(&expected.authority)) {
            return Err(format!("more than is right {answer:#?} {authority:#?}"));
        }
        return Ok(());
    }
    if !answers(expected).contains(&answer) {
        same("answer", &answers(expected)[0], &answer)?;
    }
    same("authority", &lines(&expected.authority), &authority)?;
    if !is_part(&lines(&expected.glue), &additional) {
        return Err(format!("glue is missing without TC: {additional:#?}"));
    }
    Ok(())
}

fn compare(world: &World, snapshot: &Snapshot, ask: &Ask) -> Result<(), String> {
    let (question, rtype) = world.question(ask);
    let expected = oracle::resolve(&world.0, &question, rtype);
    let query = query(&question, rtype, ask.payload);
    let tcp = hear(snapshot, &query, Transport::Tcp)?;
    let udp = hear(snapshot, &query, Transport::Udp)?;
    head(&question, ask, &expected, &tcp.message)
        .and_then(|()| whole(&expected, &tcp.message))
        .map_err(|wrong| format!("TCP: {wrong}"))?;
    head(&question, ask, &expected, &udp.message)
        .and_then(|()| cut_short(ask, &expected, &udp, &tcp))
        .map_err(|wrong| format!("UDP: {wrong}"))
}

/// What the engine answers from: the zones as text, read and checked as a server does.
fn snapshot(world: &World) -> Result<Arc<Snapshot>, String> {
    let mut described = world::World::default();
    for zone in &world.0 {
        let (origin, records) = (zone.origin.to_ascii(), zones::text(zone));
        let name = pointsman::wire::name::Name::from_text(&origin).unwrap();
        let read = master::read(
            records.as_bytes(),
            &Arc::from(Path::new("z")),
            &name,
            &mut NoIncludes,
        );
        let checked = semantics::check(&read.contents, &read.places, &[]);
        if let Some(error) = read
            .diagnostics
            .iter()
            .chain(&checked)
            .find(|found| found.is_error())
        {
            return Err(format!("refused: {error:?}"));
        }
        described.zone.push(world::Zone {
            origin,
            records,
            refused: false,
            service: Vec::new(),
        });
    }
    Ok(world::snapshot(&described))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_engine_answers_as_the_naive_server_does(
        world in zones::world(),
        asks in prop::collection::vec(zones::ask(), 1..24),
    ) {
        let snapshot = snapshot(&world).map_err(|wrong| TestCaseError::fail(format!("{wrong}\n{world}")))?;
        for ask in &asks {
            if let Err(wrong) = compare(&world, &snapshot, ask) {
                let ((question, rtype), payload) = (world.question(ask), ask.payload);
                let what = format!("{wrong}\n\n{question} {rtype} (EDNS {payload:?}) of\n{world}");
                return Err(TestCaseError::fail(what));
            }
        }
    }
}

/// What kinds of answers a question led to.
fn kinds(world: &World, question: &Name, rtype: RecordType, expected: &Expected) -> Vec<&'static str> {
    let is_written = world
        .0
        .iter()
        .flat_map(|zone| &zone.records)
        .any(|record| record.name == *question);
    let aliases = expected.answer.len();
    let is_dname = |record: &&Record| dname_target(&record.data).is_some();
    let made = expected.answer.iter().filter(is_dname).count();
    let refers = |records: &[Record]| {
        records
            .iter()
            .any(|record| record.record_type() == RecordType::NS)
    };
    [
        ("answer", expected.rcode == ResponseCode::NoError && aliases > 0),
        (
            "nodata",
            expected.rcode == ResponseCode::NoError && aliases == 0 && expected.authoritative,
        ),
        ("nxdomain", expected.rcode == ResponseCode::NXDomain),
        (
            "nxdomain after aliases",
            expected.rcode == ResponseCode::NXDomain && aliases > 0,
        ),
        ("refused", expected.rcode == ResponseCode::Refused),
        ("too long", expected.rcode == ResponseCode::YXDomain),
        ("referral", !expected.authoritative && refers(&expected.authority)),
        (
            "referral after aliases",
            expected.authoritative && refers(&expected.authority),
        ),
        ("glue", !expected.glue.is_empty()),
        ("help", expected.glue.is_empty() && !expected.helpful.is_empty()),
        ("any of several", expected.any.len() > 1),
        ("alias", aliases > 1),
        ("sixteen steps", aliases >= 16),
        ("dname", made > 0),
        ("dnames", made > 1),
        ("ds", rtype == RecordType::DS && aliases > 0),
        ("star asked", is_written && question.is_wildcard() && aliases > 0),
        (
            "wildcard",
            !is_written && made == 0 && expected.answer.iter().any(|record| record.name == *question),
        ),
    ]
    .into_iter()
    .filter_map(|(kind, is)| is.then_some(kind))
    .collect()
}

#[test]
fn the_questions_lead_to_answers_of_every_kind() {
    let mut runner = TestRunner::deterministic();
    let strategy = (zones::world(), prop::collection::vec(zones::ask(), 1..24));
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..300 {
        let (world, asks) = strategy.new_tree(&mut runner).unwrap().current();
        for ask in &asks {
            let (question, rtype) = world.question(ask);
            let expected = oracle::resolve(&world.0, &question, rtype);
            for kind in kinds(&world, &question, rtype, &expected) {
                *seen.entry(kind).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(seen.len(), 18, "{seen:#?}");
}
