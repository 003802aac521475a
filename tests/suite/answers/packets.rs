//! Odd and malformed packets, one by one: what is answered with which RCODE, and what with silence.

use pointsman::answer::snapshot::Transport;

use super::world::{World, ask, snapshot};

const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
const WWW: &[u8] = b"\x03www\x04test\0\0\x01\0\x01";

/// What is wrong, the counts, the sections; octets of the reply's question, and whether it has OPT.
type Malformed<'a> = (&'a str, [u8; 4], Vec<&'a [u8]>, usize, bool);

/// What becomes of a packet: `None` for silence or a transaction, else RCODE (extended), octets of the reply's
/// question, and whether it has OPT.
fn outcome(packet: &[u8]) -> Option<(u16, usize, bool)> {
    let world: World = toml::from_str(
        "[[zone]]\norigin = \"test\"\nrecords = '''\n@ 300 SOA ns host 1 2 3 4 5\n@ 300 NS ns\nwww 300 A 192.0.2.1\n'''",
    )
    .unwrap();
    let reply = ask(&snapshot(&world), packet, Transport::Udp, 0)?;
    let message = hickory_proto::op::Message::from_vec(&reply).unwrap();
    assert_eq!(reply[..2], packet[..2], "the ID is copied");
    assert_eq!(reply[2] & 0x78, packet[2] & 0x78, "OPCODE is copied");
    let question = if reply[5] == 1 { WWW.len() } else { 0 };
    Some((
        u16::from(message.metadata.response_code),
        question,
        message.edns.is_some(),
    ))
}

fn packet(flags: [u8; 2], counts: [u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut octets = vec![0xbe, 0xef, flags[0], flags[1]];
    for count in counts {
        octets.extend([0, count]);
    }
    octets.extend(body.concat());
    octets
}

#[test]
fn malformed_queries_get_formerr_and_what_could_be_read_of_the_question() {
    const FORMERR: u16 = 1;
    let record: &[u8] = b"\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04";
    let cases: [Malformed<'_>; 14] = [
        ("no question", [0, 0, 0, 0], vec![], 0, false),
        ("no question but OPT", [0, 0, 0, 1], vec![OPT], 0, true),
        ("two questions", [2, 0, 0, 0], vec![WWW, WWW], 0, false),
        (
            "a question cut off",
            [1, 0, 0, 0],
            vec![b"\x03www\x04te"],
            0,
            false,
        ),
        (
            "a question without class",
            [1, 0, 0, 0],
            vec![b"\x03www\x04test\0\0\x01"],
            0,
            false,
        ),
        (
            "a pointer in the question",
            [1, 0, 0, 0],
            vec![b"\x03www\xc0\x0c\0\x01\0\x01"],
            0,
            false,
        ),
        (
            "a label type that does not exist",
            [1, 0, 0, 0],
            vec![b"\x41a\0\0\x01\0\x01"],
            0,
            false,
        ),
        ("two OPT", [1, 0, 0, 2], vec![WWW, OPT, OPT], 14, true),
        (
            "OPT below the root",
            [1, 0, 0, 1],
            vec![WWW, b"\x01a", OPT],
            14,
            false,
        ),
        (
            "OPT in the answer section",
            [1, 1, 0, 0],
            vec![WWW, OPT],
            14,
            false,
        ),
        (
            "an option longer than OPT",
            [1, 0, 0, 1],
            vec![WWW, b"\0\0\x29\x04\xd0\0\0\0\0\0\x05\0\x64\0\x10a"],
            14,
            false,
        ),
        ("OPT cut off", [1, 0, 0, 1], vec![WWW, &OPT[..8]], 14, false),
        ("a record too few", [1, 0, 1, 0], vec![WWW], 14, false),
        (
            "octets after the end",
            [1, 0, 0, 1],
            vec![WWW, OPT, b"garbage"],
            14,
            true,
        ),
    ];
    for (what, counts, body, question, opt) in cases {
        let octets = packet([0, 0], counts, &body);
        assert_eq!(outcome(&octets), Some((FORMERR, question, opt)), "{what}");
    }
    // A record that has no business in a query is walked over.
    let octets = packet([0, 0], [1, 0, 0, 1], &[WWW, record]);
    assert_eq!(outcome(&octets), Some((0, 14, false)));
}

#[test]
fn other_opcodes_are_not_implemented_and_said_so_even_to_a_bare_header() {
    const NOTIMP: u16 = 4;
    for opcode in [1, 2, 3, 6, 7, 15u8] {
        let octets = packet([opcode << 3, 0], [0, 0, 0, 0], &[]);
        assert_eq!(outcome(&octets), Some((NOTIMP, 0, false)), "opcode {opcode}");
        let octets = packet([opcode << 3, 0], [1, 0, 0, 1], &[WWW, OPT]);
        assert_eq!(outcome(&octets), Some((NOTIMP, 14, true)), "opcode {opcode}");
    }
}

#[test]
fn versions_of_edns_that_do_not_exist_yet_get_badvers() {
    const BADVERS: u16 = 16;
    for version in [1, 255] {
        let opt = [b"\0\0\x29\x04\xd0\0".as_slice(), &[version], b"\0\0\0\0"].concat();
        let octets = packet([0, 0], [1, 0, 0, 1], &[WWW, &opt]);
        assert_eq!(outcome(&octets), Some((BADVERS, 14, true)));
    }
}

#[test]
fn responses_and_runts_get_nothing() {
    let whole = packet([0, 0], [1, 0, 0, 0], &[WWW]);
    for length in 0..12 {
        assert_eq!(outcome(&whole[..length]), None, "{length} octets");
    }
    for flags in [[0x80, 0], [0x84, 3], [0xa0, 0]] {
        assert_eq!(outcome(&packet(flags, [1, 0, 0, 0], &[WWW])), None);
    }
}

#[test]
fn transfers_updates_and_what_is_signed_are_transactions() {
    let tsig: &[u8] = b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\0";
    let soa: &[u8] = b"\x04test\0\0\x06\0\x01\0\0\0\0\0\0";
    for octets in [
        packet([0, 0], [1, 0, 0, 0], &[b"\x04test\0\0\xfc\0\x01"]),
        packet([0, 0], [1, 0, 1, 0], &[b"\x04test\0\0\xfb\0\x01", soa]),
        packet([4 << 3, 0], [1, 0, 0, 0], &[b"\x04test\0\0\x06\0\x01"]),
        packet([5 << 3, 0], [1, 0, 0, 0], &[b"\x04test\0\0\x06\0\x01"]),
        packet([0, 0], [1, 0, 0, 1], &[WWW, tsig]),
        packet([0, 0], [1, 0, 0, 2], &[WWW, OPT, tsig]),
    ] {
        let world: World = toml::from_str("zone = []").unwrap();
        let mut out = [0; 512];
        let asked = pointsman::answer::snapshot::Ask {
            query: &octets,
            client: pointsman::answer::snapshot::Client {
                address: [127, 0, 0, 1].into(),
                transport: Transport::Tcp,
            },
            now: pointsman::model::time::Moment::ZERO,
            wall: pointsman::model::time::UnixTime(0),
            dice: 0,
        };
        let outcome = snapshot(&world).answer(&asked, &mut Default::default(), &mut out);
        assert_eq!(outcome, pointsman::answer::snapshot::Outcome::Transaction);
    }
}

#[test]
fn a_padded_query_gets_a_padded_response_where_nobody_can_read_it() {
    let world: World = toml::from_str(
        "[[zone]]\norigin = \"test\"\nrecords = '''\n@ 300 SOA ns host 1 2 3 4 5\n@ 300 NS ns\nwww 300 A 192.0.2.1\n'''",
    )
    .unwrap();
    let snapshot = snapshot(&world);
    // OPT with padding of three octets, and with NSID before it.
    let padded: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\x07\0\x0c\0\x03\0\0\0";
    let both: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\x03\0\0\0\x0c\0\0";
    for transport in Transport::ALL {
        for (opt, wanted) in [(padded, true), (both, true), (OPT, false)] {
            // An answer, a name that does not exist, a zone that is elsewhere, another version of EDNS.
            let mut other_version = opt.to_vec();
            other_version[6] = 1;
            let nothing: &[u8] = b"\x02no\x04test\0\0\x01\0\x01";
            let elsewhere: &[u8] = b"\x02no\x04pest\0\0\x01\0\x01";
            for (question, opt) in [
                (WWW, opt),
                (nothing, opt),
                (elsewhere, opt),
                (WWW, &*other_version),
            ] {
                let query = packet([0, 0], [1, 0, 0, 1], &[question, opt]);
                let reply = ask(&snapshot, &query, transport, 0).unwrap();
                let message = hickory_proto::op::Message::from_vec(&reply).unwrap();
                let option = message.edns.unwrap();
                let option = option.option(hickory_proto::rr::rdata::opt::EdnsCode::Padding);
                let is_padded = wanted && transport.is_encrypted();
                assert_eq!(option.is_some(), is_padded, "{transport:?}");
                assert_eq!(reply.len() == 468, is_padded, "{transport:?}: {}", reply.len());
            }
        }
    }
}
