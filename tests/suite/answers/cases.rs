//! `tests/cases/answers/*.toml`: zones, questions, and what must be answered.

use std::path::Path;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::opt::EdnsCode;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use pointsman::answer::snapshot::{Snapshot, Transport};
use serde::Deserialize;

use super::world::{World, Zone, ask, snapshot};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    zone: Vec<Zone>,
    case: Vec<Case>,
}

/// One question. Sections that are not written must be empty, unless `ignore` names them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// A sentence: what is shown.
    what: String,
    /// `NAME TYPE`, class IN.
    ask: String,
    /// EDNS payload; none: no OPT.
    edns: Option<u16>,
    /// Whether NSID is asked for.
    #[serde(default)]
    nsid: bool,
    #[serde(default)]
    tcp: bool,
    #[serde(default)]
    class: Option<u16>,
    #[serde(default)]
    dice: u64,
    #[serde(default = "noerror")]
    rcode: String,
    #[serde(default = "yes")]
    aa: bool,
    #[serde(default)]
    tc: bool,
    #[serde(default)]
    answer: Vec<String>,
    #[serde(default)]
    authority: Vec<String>,
    #[serde(default)]
    additional: Vec<String>,
    /// INFO-CODE of the extended error that must be there; none: none.
    error: Option<u16>,
    /// Sections that are not compared.
    #[serde(default)]
    ignore: Vec<String>,
    /// How long the message must be exactly.
    octets: Option<usize>,
}

fn noerror() -> String {
    "NoError".to_owned()
}

fn yes() -> bool {
    true
}

/// A query in wire form; the name's letter case is kept.
fn query(case: &Case) -> Vec<u8> {
    let (name, rtype) = case.ask.split_once(' ').unwrap();
    let rtype = match rtype.strip_prefix("TYPE") {
        Some(number) => RecordType::from(number.parse::<u16>().unwrap()),
        None => rtype.parse().unwrap(),
    };
    let mut question = Query::query(Name::from_ascii(name).unwrap(), rtype);
    question.set_query_class(DNSClass::from(case.class.unwrap_or(1)));
    let mut message = Message::query();
    message.metadata.id = 0x1234;
    message.add_query(question);
    let mut octets = message.to_vec().unwrap();
    if let Some(payload) = case.edns {
        octets[11] = 1;
        let options: &[u8] = if case.nsid { &[0, 3, 0, 0] } else { &[] };
        octets.extend([
            0,
            0,
            41,
            (payload >> 8) as u8,
            payload as u8,
            0,
            0,
            0,
            0,
            0,
            options.len() as u8,
        ]);
        octets.extend(options);
    }
    octets
}

/// `owner ttl TYPE data`, one line per record, sorted.
fn lines(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = records
        .iter()
        .map(|record| {
            let data = match &record.data {
                // hickory knows the type DNAME, but not its data.
                RData::Unknown { code, rdata } if u16::from(*code) == 39 => {
                    pointsman::wire::name::Name::from_wire(&rdata.anything)
                        .unwrap()
                        .to_string()
                }
                // hickory ends each parameter with a comma.
                data @ (RData::SVCB(_) | RData::HTTPS(_)) => {
                    let data = data.to_string();
                    let words = data.split_whitespace().map(|word| word.trim_end_matches(','));
                    words.collect::<Vec<_>>().join(" ")
                }
                data => data.to_string(),
            };
            format!("{} {} {} {data}", record.name, record.ttl, record.record_type())
        })
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

fn check(snapshot: &Snapshot, case: &Case) -> Result<(), String> {
    let query = query(case);
    let transport = if case.tcp { Transport::Tcp } else { Transport::Udp };
    let reply = ask(snapshot, &query, transport, case.dice).ok_or("no reply")?;
    let limit = match (case.tcp, case.edns) {
        (true, _) => 65_535,
        (false, None) => 512,
        (false, Some(payload)) => usize::from(payload).clamp(512, 1232),
    };
    let mut wrong = Vec::new();
    let mut differs = |what: &str, expected: String, got: String| {
        if expected != got {
            wrong.push(format!("  {what}: expected {expected}\n  {what}: got      {got}"));
        }
    };
    let message = Message::from_vec(&reply).map_err(|error| format!("undecodable: {error}"))?;
    let question = 12..query.len()
        - if case.edns.is_some() {
            if case.nsid { 15 } else { 11 }
        } else {
            0
        };
    differs(
        "question",
        format!("{:?}", &query[question.clone()]),
        format!("{:?}", &reply[question]),
    );
    differs(
        "within the limit",
        "true".to_owned(),
        (reply.len() <= limit).to_string(),
    );
    if let Some(octets) = case.octets {
        differs("octets", octets.to_string(), reply.len().to_string());
    }
    let data = &message.metadata;
    differs("rcode", case.rcode.clone(), format!("{:?}", data.response_code));
    differs("aa", case.aa.to_string(), data.authoritative.to_string());
    differs("tc", case.tc.to_string(), data.truncation.to_string());
    differs(
        "opt",
        case.edns.is_some().to_string(),
        message.edns.is_some().to_string(),
    );
    let option = |code: EdnsCode| {
        let edns = message.edns.as_ref()?;
        let option = edns.options().get(code)?;
        Some(Vec::<u8>::try_from(option).unwrap())
    };
    differs("nsid", format!("{:?}", case.nsid.then_some("ns1")), {
        let nsid = option(EdnsCode::NSID);
        format!("{:?}", nsid.as_deref().map(|id| std::str::from_utf8(id).unwrap()))
    });
    let code = option(EdnsCode::from(15)).map(|error| u16::from_be_bytes([error[0], error[1]]));
    differs("extended error", format!("{:?}", case.error), format!("{code:?}"));
    for (section, expected, got) in [
        ("answer", &case.answer, &message.answers),
        ("authority", &case.authority, &message.authorities),
        ("additional", &case.additional, &message.additionals),
    ] {
        if !case.ignore.iter().any(|name| name == section) {
            let mut expected = expected.clone();
            expected.sort();
            differs(section, format!("{expected:#?}"), format!("{:#?}", lines(got)));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

#[test]
fn every_case_is_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/answers");
    let (mut failures, mut cases) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let snapshot = snapshot(&World { zone: file.zone });
        for case in &file.case {
            cases += 1;
            if let Err(wrong) = check(&snapshot, case) {
                let name = path.file_name().unwrap().to_string_lossy();
                failures.push(format!("{name}: {} ({})\n{wrong}", case.what, case.ask));
            }
        }
    }
    assert!(cases > 60, "only {cases} cases were found");
    assert!(
        failures.is_empty(),
        "{} of {cases} cases\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
