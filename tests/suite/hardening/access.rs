//! Who may ask a zone, and how many transfers are under way at once.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use crate::support::dns;
use crate::support::server::Folder;

/// RCODE, extended error, number of answers.
fn answer(folder: &Folder, name: &str, rtype: RecordType) -> (ResponseCode, Option<u16>, usize) {
    let answer = dns::udp(folder.dns, name, rtype).unwrap();
    let edns = answer.edns.as_ref().unwrap();
    let code = match edns.option(EdnsCode::from(15u16)) {
        Some(EdnsOption::Unknown(_, data)) => Some(u16::from_be_bytes([data[0], data[1]])),
        _ => None,
    };
    (answer.metadata.response_code, code, answer.answers.len())
}

#[test]
fn whom_the_rules_leave_out_is_refused_and_no_alias_leads_there() {
    let folder = Folder::new("[zones.access]\ndeny = [\"127.0.0.0/8\"]\n");
    // `[zones]` is written already: its keys are given within it.
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    folder.write(
        "pointsman.toml",
        &text
            .replace("[zones.access]\ndeny = [\"127.0.0.0/8\"]\n", "")
            .replace(
                "watch = false\n",
                "watch = false\naccess = { deny = [\"127.0.0.0/8\"] }\n",
            ),
    );
    folder.zone("[access]\nallow = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\ndeny = [\"10.9.0.0/16\"]\n");
    folder.write(
        "zones/closed.test.zone",
        "$TTL 60\n@ SOA ns1.example.test. h 1 2 3 4 5\n@ NS ns1.example.test.\nwww A 192.0.2.1\n",
    );
    folder.write(
        "zones/example.test.records",
        "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nto CNAME www.closed.test.\n\
         mail MX 1 www.closed.test.\n",
    );
    let server = folder.start();
    let refused = (ResponseCode::Refused, Some(18), 0);
    assert_eq!(answer(&folder, "www.closed.test.", RecordType::A), refused);
    assert_eq!(answer(&folder, "nothing.closed.test.", RecordType::A), refused);
    let (rcode, _, answers) = answer(&folder, "ns1.example.test.", RecordType::A);
    assert_eq!(
        (rcode, answers),
        (ResponseCode::NoError, 1),
        "its own rules count"
    );
    assert_eq!(
        answer(&folder, "to.example.test.", RecordType::A).2,
        1,
        "the CNAME alone"
    );
    let mail = dns::udp(folder.dns, "mail.example.test.", RecordType::MX).unwrap();
    assert_eq!((mail.answers.len(), mail.additionals.len()), (1, 0));
    let explained = folder.run(&["explain", "www.closed.test", "--client", "127.0.0.1"]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(said.contains("leave this client out"), "{said}");
    drop(server);
}
