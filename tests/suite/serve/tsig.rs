//! Signatures, with hickory's signer as the second opinion.

use hickory_server::proto::op::{Message, MessageType, OpCode, Query};
use hickory_server::proto::rr::rdata::tsig::TsigAlgorithm as Hash;
use hickory_server::proto::rr::{Name as HickoryName, RecordType, TSigner};
use pointsman::answer::snapshot::Transport;
use pointsman::clock::SystemClock;
use pointsman::model::plan::{TsigAlgorithm, TsigKey};
use pointsman::serve::transactions::Transactions;
use pointsman::serve::tsig::layout::{Layout, Malformed};
use pointsman::serve::tsig::{Fault, Flaw, Signer};
use pointsman::wire::name::Name;
use proptest::prelude::*;

use super::fixture;

const NOW: u64 = 1_800_000_000;

fn keys() -> Vec<TsigKey> {
    [
        ("sha256.key.test", TsigAlgorithm::HmacSha256),
        ("sha384.key.test", TsigAlgorithm::HmacSha384),
        ("sha512.key.test", TsigAlgorithm::HmacSha512),
    ]
    .map(|(name, algorithm)| TsigKey {
        name: Name::from_text(name).unwrap(),
        algorithm,
        secret: b"a secret of some octets".to_vec(),
    })
    .to_vec()
}

fn theirs(key: &TsigKey) -> TSigner {
    let hash = match key.algorithm {
        TsigAlgorithm::HmacSha256 => Hash::HmacSha256,
        TsigAlgorithm::HmacSha384 => Hash::HmacSha384,
        TsigAlgorithm::HmacSha512 => Hash::HmacSha512,
    };
    let name = HickoryName::from_ascii(key.name.to_string()).unwrap();
    TSigner::new(key.secret.clone(), hash, name, 300).unwrap()
}

fn query() -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(
        HickoryName::from_ascii("Zone.test.").unwrap(),
        RecordType::AXFR,
    ));
    message
}

/// A query signed by hickory at `time`, and the MAC.
fn signed(key: &TsigKey, time: u64) -> (Vec<u8>, Vec<u8>) {
    let mut message = query();
    let (tsig, _) = theirs(key).sign_message(&message, time).unwrap();
    let mac = tsig.data.mac.clone();
    message.set_signature(tsig);
    (message.to_vec().unwrap(), mac)
}

#[test]
fn what_hickory_signs_holds_and_strips_to_what_it_was() {
    for key in keys() {
        let (message, _) = signed(&key, NOW);
        let signature = Layout::of(&message).unwrap().signature.unwrap();
        assert_eq!(signature.verify(&message, &keys(), NOW).unwrap(), &key);
        assert_eq!(signature.strip(&message), query().to_vec().unwrap());
    }
}

#[test]
fn a_key_name_in_capitals_and_a_forwarders_identifier_change_nothing() {
    let key = &keys()[0];
    let (mut message, _) = signed(key, NOW);
    let at = message.windows(6).position(|window| window == b"sha256").unwrap();
    message[at..at + 6].make_ascii_uppercase();
    message[..2].copy_from_slice(&[9, 9]);
    let signature = Layout::of(&message).unwrap().signature.unwrap();
    assert_eq!(signature.verify(&message, &keys(), NOW).unwrap(), key);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (message, _) = signed(&keys()[0], NOW);
    for bit in 16..message.len() * 8 {
        let mut forged = message.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let Ok(Layout {
            signature: Some(signature),
            ..
        }) = Layout::of(&forged)
        else {
            continue;
        };
        // The letter case of names that are hashed in lower case is no part of what is signed.
        let same_name = signature.key == keys()[0].name;
        let case_only = (message[bit / 8] ^ forged[bit / 8]) == 0x20 && same_name && bit / 8 > 26;
        assert!(
            case_only || signature.verify(&forged, &keys(), NOW).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn flaws_are_told_apart_in_the_order_of_the_standard() {
    let fault = |message: &[u8], now| {
        let signature = Layout::of(message).unwrap().signature.unwrap();
        match signature.verify(message, &keys(), now) {
            Ok(_) => None,
            Err(Fault::Flawed(flaw, key)) => Some((flaw, key.is_some())),
            Err(Fault::Malformed) => panic!("malformed"),
        }
    };
    let (message, _) = signed(&keys()[0], NOW);
    assert_eq!(fault(&message, NOW + 300), None);
    assert_eq!(fault(&message, NOW - 300), None);
    assert_eq!(fault(&message, NOW + 301), Some((Flaw::BadTime, true)));
    assert_eq!(fault(&message, NOW - 301), Some((Flaw::BadTime, true)));
    let unknown = TsigKey {
        name: Name::from_text("other.test").unwrap(),
        ..keys()[0].clone()
    };
    assert_eq!(fault(&signed(&unknown, NOW).0, NOW), Some((Flaw::BadKey, false)));
    let algorithm = TsigKey {
        algorithm: TsigAlgorithm::HmacSha512,
        ..keys()[0].clone()
    };
    assert_eq!(
        fault(&signed(&algorithm, NOW).0, NOW),
        Some((Flaw::BadKey, false))
    );
    let secret = TsigKey {
        secret: b"another".to_vec(),
        ..keys()[0].clone()
    };
    assert_eq!(
        fault(&signed(&secret, NOW + 9999).0, NOW),
        Some((Flaw::BadSig, false)),
        "before the time"
    );
}

#[test]
fn answers_of_a_transfer_hold_one_after_another_for_hickory() {
    for key in keys() {
        let (message, mac) = signed(&key, NOW);
        let signature = Layout::of(&message).unwrap().signature.unwrap();
        let mut signer = Signer::new(&signature, &key);
        let mut previous = mac;
        for index in 0..4 {
            let mut answer = query().to_vec().unwrap();
            answer[2] |= 0x80;
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, index]);
            answer[7] = 1;
            let plain = answer.len();
            signer.sign(&mut answer, NOW + u64::from(index));
            assert_eq!(
                answer.len() - plain,
                signer.overhead(),
                "as many octets as were reserved"
            );
            let (mac, time, _) = theirs(&key)
                .verify_message_byte(&answer, Some(&previous), index == 0)
                .expect("it holds");
            assert_eq!(time, NOW + u64::from(index));
            previous = mac;
        }
    }
}

#[test]
fn a_wrong_clock_is_told_the_time_in_a_signed_answer() {
    let key = &keys()[0];
    let (message, mac) = signed(key, NOW - 5000);
    let signature = Layout::of(&message).unwrap().signature.unwrap();
    let mut answer = query().to_vec().unwrap();
    Signer::flawed(&signature, Flaw::BadTime, Some(key), NOW).sign(&mut answer, NOW);
    let (_, time, _) = theirs(key)
        .verify_message_byte(&answer, Some(&mac), true)
        .expect("it holds");
    assert_eq!(time, NOW - 5000, "the client's own time, so that it can verify");
    let other = Message::from_vec(&answer)
        .unwrap()
        .signature
        .unwrap()
        .data
        .other
        .clone();
    assert_eq!(other, NOW.to_be_bytes()[2..]);
}

#[test]
fn bad_keys_are_answered_without_a_mac() {
    let unknown = TsigKey {
        name: Name::from_text("other.test").unwrap(),
        ..keys()[0].clone()
    };
    let (message, _) = signed(&unknown, NOW);
    let signature = Layout::of(&message).unwrap().signature.unwrap();
    let mut answer = query().to_vec().unwrap();
    let mut signer = Signer::flawed(&signature, Flaw::BadKey, None, NOW);
    let plain = answer.len();
    signer.sign(&mut answer, NOW);
    assert_eq!(answer.len() - plain, signer.overhead());
    let tsig = Message::from_vec(&answer).unwrap().signature.unwrap();
    assert!(tsig.data.mac.is_empty());
    assert_eq!(tsig.data.error.map(u16::from), Some(17));
}

#[test]
fn a_signature_that_is_not_the_last_record_is_malformed() {
    let (message, _) = signed(&keys()[0], NOW);
    let mut followed = message.clone();
    followed[11] += 1;
    followed.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Layout::of(&followed), Err(Malformed));
    let mut in_authority = message.clone();
    (in_authority[9], in_authority[11]) = (1, 0);
    assert_eq!(Layout::of(&in_authority), Err(Malformed));
}

#[test]
fn a_mac_cut_short_is_malformed_or_refused_for_it() {
    let (message, _) = signed(&keys()[0], NOW);
    for (length, expected) in [
        (9, None),
        (15, None),
        (16, Some(Flaw::BadTrunc)),
        (31, Some(Flaw::BadTrunc)),
    ] {
        // The last 38 octets are the MAC, original identifier, error, and other length.
        let mut short = message[..message.len() - 38].to_vec();
        short.extend_from_slice(&message[message.len() - 38..][..length]);
        short.extend_from_slice(&message[message.len() - 6..]);
        let size_at = message.len() - 40;
        short[size_at + 1] = length as u8;
        let data_at = size_at - 8 - 13 - 2;
        short[data_at + 1] -= 32 - length as u8;
        let signature = Layout::of(&short).unwrap().signature.unwrap();
        let keys = keys();
        let fault = signature.verify(&short, &keys, NOW).unwrap_err();
        match expected {
            None => assert_eq!(fault, Fault::Malformed),
            Some(flaw) => assert!(
                matches!(fault, Fault::Flawed(seen, Some(_)) if seen == flaw),
                "{fault:?}"
            ),
        }
    }
}

proptest! {
    #[test]
    fn any_octets_are_walked_or_refused(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Layout { signature: Some(signature), .. }) = Layout::of(&octets) {
            let _ = signature.verify(&octets, &keys(), NOW);
            let _ = signature.strip(&octets);
        }
    }

    #[test]
    fn a_damaged_signed_message_is_walked_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut message, _) = signed(&keys()[0], NOW);
        for (at, octet) in changes {
            let at = at.index(message.len());
            message[at] = octet;
        }
        message.truncate(cut.index(message.len()) + 1);
        if let Ok(Layout { signature: Some(signature), .. }) = Layout::of(&message) {
            let _ = signature.verify(&message, &keys(), NOW);
        }
    }
}

#[test]
fn what_is_no_question_of_one_readable_name_is_not_echoed() {
    let header = |questions: u8| [&[0, 1, 0x20, 0, 0, questions][..], &[0; 6]].concat();
    let long = [&[1, b'x'].repeat(300)[..], &[0, 0, 6, 0, 1]].concat();
    assert_eq!(Layout::of(&[header(1), long].concat()), Err(Malformed));
    let pointer = [0xc0, 12, 0, 6, 0, 1];
    assert_eq!(Layout::of(&[&header(1)[..], &pointer].concat()), Err(Malformed));
    let roots = [0, 0, 6, 0, 1].repeat(200);
    assert_eq!(
        Layout::of(&[header(200), roots].concat()).unwrap().question_end,
        12
    );
}

/// A question and a key with names of 255 octets, signed by nobody: both again do not fit into 512 octets.
#[test]
fn the_answer_to_a_flawed_signature_is_no_longer_than_the_client_can_take() {
    let mut query = vec![7, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for length in [63, 63, 63, 61] {
        query.push(length);
        query.extend(vec![b'a'; usize::from(length)]);
    }
    query.extend([0, 0, 252, 0, 1, 0xC0, 12, 0, 250, 0, 255, 0, 0, 0, 0, 0, 61]);
    query.extend(b"\x0bhmac-sha256\0");
    query.extend([0, 0, 0, 0, 0, 0, 1, 44, 0, 32]);
    query.extend([1; 32]);
    query.extend([7, 7, 0, 0, 0, 0]);
    let transactions = Transactions::new(fixture::refusing(), SystemClock::start());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (transport, whole) in [(Transport::Udp, false), (Transport::Tcp, true)] {
        let (sink, mut answers) = tokio::sync::mpsc::channel(1);
        let peer = ([127, 0, 0, 1], 53).into();
        runtime.block_on(transactions.handle(query.clone(), peer, transport, sink));
        let answer = answers.try_recv().unwrap();
        assert_eq!(answer[3] & 15, 9, "NOTAUTH");
        assert_eq!(answer[2] & 2 == 0, whole, "TC");
        assert_eq!(answer.len() > 512, whole, "{}", answer.len());
    }
}
