//! Transfers and other transactions, asked by dig and kdig as well as octet by octet.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use hickory_server::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::rdata::tsig::TsigAlgorithm as Hash;
use hickory_server::proto::rr::{DNSClass, Name as HickoryName, RData, Record, RecordType, TSigner};
use pointsman::answer::published::Published;
use pointsman::answer::snapshot::Transport;
use pointsman::clock::SystemClock;
use pointsman::serve::transactions::Transactions;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::fixture::{TCP, Tcp, tcp};
use super::zones::{SECRET, published};

fn serve() -> Tcp {
    tcp(published(), TCP)
}

/// What a tool of the field says, both streams.
async fn run(tool: &'static str, server: &Tcp, arguments: &[&str]) -> String {
    let mut command = Command::new(tool);
    command
        .arg("@127.0.0.1")
        .args(["-p", &server.address.port().to_string()])
        .args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("dig and kdig are installed"));
    let output = output.await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn records(answer: &str) -> Vec<&str> {
    answer
        .lines()
        .filter(|line| !line.starts_with(';') && !line.trim().is_empty())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dig_gets_the_whole_zone_with_its_soa_at_both_ends() {
    let server = serve();
    let answer = run("dig", &server, &["+noall", "+answer", "open.test", "AXFR"]).await;
    let records = records(&answer);
    assert_eq!(records.len(), 5000 + 8 + 1, "{answer}");
    for soa in [records[0], records[records.len() - 1]] {
        assert!(soa.contains("SOA") && soa.contains("2026"), "{soa}");
    }
    for line in [
        "*.wild.open.test. 300 IN TXT \"one\" \"\" \"\\255\"",
        "unknown.open.test. 300 IN TYPE65280 \\# 3 000102",
        "Case.open.test. 300 IN CNAME Target.Example.",
        "h4999.open.test. 300 IN A 0.0.19.135",
    ] {
        let there = |record: &&str| record.split_whitespace().eq(line.split_whitespace());
        assert!(records.iter().any(there), "{line} is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_transfer_holds_for_dig_and_kdig_message_by_message() {
    let server = serve();
    for key in ["hmac-sha256:transfer.key", "hmac-sha512:transfer512.key"] {
        let key = format!("{key}:{SECRET}");
        for tool in ["dig", "kdig"] {
            let answer = run(tool, &server, &["-y", &key, "keyed.test", "AXFR"]).await;
            let count = records(&answer)
                .iter()
                .filter(|line| !line.contains("TSIG"))
                .count();
            assert_eq!(count, 2009, "{tool} {key}");
            let complaints = ["failed", "BADSIG", ";; ERROR", "WARNING", "error"];
            assert!(
                !complaints.iter().any(|word| answer.contains(word)),
                "{tool} {key}: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_have_a_zone_is_refused() {
    let server = serve();
    let good = format!("hmac-sha256:other.key:{SECRET}");
    for arguments in [
        &["closed.test", "AXFR"][..],
        &["keyed.test", "AXFR"],
        &["-y", &good, "keyed.test", "AXFR"],
    ] {
        let answer = run("kdig", &server, arguments).await;
        assert!(answer.contains("REFUSED"), "{arguments:?}: {answer}");
    }
    for zone in ["elsewhere.test", "sub.open.test", "test"] {
        let answer = run("kdig", &server, &[zone, "AXFR"]).await;
        assert!(answer.contains("NOTAUTH"), "{zone}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_what_is_wrong() {
    let server = serve();
    let wrong_secret = "hmac-sha256:transfer.key:YW5vdGhlciBzZWNyZXQ=".to_owned();
    let wrong_name = format!("hmac-sha256:stranger.key:{SECRET}");
    for (key, flaw) in [(wrong_secret, "BADSIG"), (wrong_name, "BADKEY")] {
        let answer = run("dig", &server, &["-y", &key, "+tcp", "keyed.test", "SOA"]).await;
        assert!(
            answer.contains("NOTAUTH") && answer.contains(flaw),
            "{key}: {answer}"
        );
        assert!(
            records(&answer).iter().all(|record| record.contains("TSIG")),
            "{key}: {answer}"
        );
        let answer = run("dig", &server, &["-y", &key, "keyed.test", "AXFR"]).await;
        assert!(
            answer.contains("Transfer failed") && answer.contains(flaw),
            "{key}: {answer}"
        );
        assert!(
            records(&answer).iter().all(|record| record.contains("TSIG")),
            "{key}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_question_is_answered_as_any_other_and_signed() {
    let server = serve();
    let key = format!("hmac-sha256:other.key:{SECRET}");
    let answer = run(
        "dig",
        &server,
        &["-y", &key, "+tcp", "+norec", "closed.test", "SOA"],
    )
    .await;
    assert!(
        answer.contains("NOERROR") && answer.contains("2026") && answer.contains("TSIG"),
        "{answer}"
    );
    assert!(
        !answer.contains("verify") && !answer.contains("WARNING"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ixfr_is_the_soa_for_who_is_current_and_the_zone_for_who_is_not() {
    let server = serve();
    let current = run("dig", &server, &["+noall", "+answer", "open.test", "IXFR=2026"]).await;
    assert_eq!(records(&current).len(), 1, "{current}");
    let newer = run("dig", &server, &["+noall", "+answer", "open.test", "IXFR=2030"]).await;
    assert_eq!(records(&newer).len(), 1, "{newer}");
    let older = run("dig", &server, &["+noall", "+answer", "open.test", "IXFR=2025"]).await;
    assert_eq!(records(&older).len(), 5009, "{older}");
}

/// All messages that `query` is answered with, and whether they are whole.
async fn handled(published: &Arc<Published>, query: Vec<u8>, transport: Transport) -> (Vec<Vec<u8>>, bool) {
    let (sink, mut messages) = mpsc::channel(1);
    let transactions = Transactions::new(Arc::clone(published), SystemClock::start());
    let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let gather = async {
        let mut all = Vec::new();
        while let Some(message) = messages.recv().await {
            all.push(message);
        }
        all
    };
    let (whole, all) = tokio::join!(transactions.handle(query, peer, transport, sink), gather);
    (all, whole)
}

fn request(opcode: OpCode, zone: &str, kind: RecordType) -> Message {
    let mut message = Message::new(99, MessageType::Query, opcode);
    message.add_query(Query::query(HickoryName::from_ascii(zone).unwrap(), kind));
    message
}

fn soa(serial: u32) -> Record {
    let root = HickoryName::root();
    let soa = SOA::new(root.clone(), root, serial, 0, 0, 0, 0);
    Record::from_rdata(HickoryName::from_ascii("open.test.").unwrap(), 0, RData::SOA(soa))
}

#[tokio::test]
async fn each_kind_of_transaction_has_its_answer() {
    let published = published();
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    let axfr = RecordType::AXFR;
    for (message, transport, rcode) in [
        (
            request(OpCode::Query, "open.test.", axfr),
            udp,
            ResponseCode::FormErr,
        ),
        (
            request(OpCode::Query, "open.test.", RecordType::IXFR),
            tcp,
            ResponseCode::FormErr,
        ),
        (
            request(OpCode::Notify, "open.test.", RecordType::SOA),
            udp,
            ResponseCode::Refused,
        ),
        (
            request(OpCode::Notify, "other.test.", RecordType::SOA),
            udp,
            ResponseCode::NotAuth,
        ),
        (
            request(OpCode::Update, "open.test.", RecordType::SOA),
            tcp,
            ResponseCode::Refused,
        ),
        (
            request(OpCode::Update, "open.test.", RecordType::A),
            tcp,
            ResponseCode::FormErr,
        ),
        (
            request(OpCode::Update, "other.test.", RecordType::SOA),
            tcp,
            ResponseCode::NotAuth,
        ),
    ] {
        let (answers, whole) = handled(&published, message.to_vec().unwrap(), transport).await;
        assert!(whole && answers.len() == 1);
        let answer = Message::from_vec(&answers[0]).unwrap();
        assert_eq!(
            (answer.id, answer.op_code, answer.message_type),
            (99, message.op_code, MessageType::Response)
        );
        assert_eq!(answer.response_code, rcode, "{message:?}");
        assert_eq!(answer.queries, message.queries);
        assert!(answer.answers.is_empty());
    }
}

#[tokio::test]
async fn a_signed_answer_by_udp_that_would_be_too_long_is_cut_short_and_signed() {
    let published = published();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let key = HickoryName::from_ascii("other.key.").unwrap();
    let signer = TSigner::new(
        b"secret of thirty-two octets......".to_vec(),
        Hash::HmacSha256,
        key,
        300,
    )
    .unwrap();
    for (zone, edns, cut) in [
        ("wild.long.closed.test.", false, false),
        ("long.closed.test.", false, true),
        ("long.closed.test.", true, true),
        ("fits-but-for-the-signature.open.test.", false, true),
    ] {
        let mut query = request(OpCode::Query, zone, RecordType::TXT);
        if edns {
            query.set_edns(Edns::new());
        }
        let (tsig, _) = signer.sign_message(&query, now).unwrap();
        let mac = tsig.data.mac.clone();
        query.set_signature(tsig);
        let (answers, _) = handled(&published, query.to_vec().unwrap(), Transport::Udp).await;
        assert!(answers[0].len() <= if edns { 1232 } else { 512 });
        signer
            .verify_message_byte(&answers[0], Some(&mac), true)
            .expect("it holds");
        let answer = Message::from_vec(&answers[0]).unwrap();
        assert_eq!(
            (answer.truncation, answer.edns.is_some()),
            (cut, edns),
            "{zone}: {answer}"
        );
        assert_eq!(answer.queries, query.queries);
    }
}

#[tokio::test]
async fn ixfr_by_udp_is_the_soa_alone() {
    let mut message = request(OpCode::Query, "open.test.", RecordType::IXFR);
    message.add_authority(soa(1));
    let (answers, _) = handled(&published(), message.to_vec().unwrap(), Transport::Udp).await;
    let answer = Message::from_vec(&answers[0]).unwrap();
    assert_eq!(answer.answers.len(), 1);
    assert!(answer.authoritative && !answer.truncation && answers[0].len() <= 512);
}

#[tokio::test]
async fn every_message_of_a_transfer_is_well_filled_and_is_the_question_s() {
    let query = request(OpCode::Query, "OPEN.test.", RecordType::AXFR);
    let (answers, whole) = handled(&published(), query.to_vec().unwrap(), Transport::Tcp).await;
    assert!(whole);
    let octets: usize = answers.iter().map(Vec::len).sum();
    assert!(
        answers.len() > 5 && octets / answers.len() > 5_000,
        "{octets} in {} messages",
        answers.len()
    );
    let mut count = 0;
    for answer in &answers {
        let message = Message::from_vec(answer).unwrap();
        assert_eq!((message.id, message.response_code), (99, ResponseCode::NoError));
        assert!(message.authoritative && !message.truncation);
        assert_eq!(
            message.queries[0].name().to_ascii(),
            "OPEN.test.",
            "the letter case is the client's"
        );
        assert!(
            message
                .answers
                .iter()
                .all(|record| record.dns_class == DNSClass::IN)
        );
        count += message.answers.len();
    }
    assert_eq!(count, 5009);
}

proptest! {
    #[test]
    fn any_octets_are_answered_or_ignored_by_valid_messages(
        mut octets in prop::collection::vec(any::<u8>(), 0..200),
        opcode in prop::sample::select(vec![0u8, 4, 5]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        real in any::<bool>(),
    ) {
        if real {
            octets = request(OpCode::Query, "open.test.", RecordType::IXFR).to_vec().unwrap();
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        if let Some(flags) = octets.get_mut(2) {
            *flags = opcode << 3;
        }
        thread_local!(static PUBLISHED: Arc<Published> = published());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for transport in [Transport::Udp, Transport::Tcp] {
            let published = PUBLISHED.with(Arc::clone);
            let (answers, _) = runtime.block_on(handled(&published, octets.clone(), transport));
            for answer in answers {
                prop_assert!(answer.len() >= 12 && answer[2] & 0x80 != 0 && answer[..2] == octets[..2]);
                prop_assert!(transport == Transport::Tcp || answer.len() <= 1232);
            }
        }
    }
}
