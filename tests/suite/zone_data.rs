//! Every type held against hickory's decoder and reader, and any octets at all.

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder, Restrict};
use proptest::prelude::*;

use pointsman::wire::name::Name;
use pointsman::zone::master::include::NoIncludes;
use pointsman::zone::rdata::{type_name, type_number};
use pointsman::zone::semantics;

use crate::zone_text::{HEAD, errors, origin, read, read_octets};

/// Data as text, each of which must be read, and then decoded to a value that is written as the second text.
const DATA: &[(&str, &str)] = &[
    ("A 192.0.2.1", "192.0.2.1"),
    ("AAAA 2001:DB8::1", "2001:db8::1"),
    ("NS ns1", "ns1.example.test."),
    ("CNAME @", "example.test."),
    ("PTR a.b.", "a.b."),
    ("MX 10 mail", "10 mail.example.test."),
    ("TXT \"a b\" c", "a bc"),
    ("SRV 1 2 5060 sip.example.", "1 2 5060 sip.example."),
    (
        "SOA ns1 host 1 2h 30m 2w 5m",
        "ns1.example.test. host.example.test. 1 7200 1800 1209600 300",
    ),
    (
        "CAA 0 issue \"ca.example.net; account=1\"",
        "0 issue \"ca.example.net; account=1\"",
    ),
    (
        "CAA 128 iodef mailto:x@example.net",
        "128 iodef \"mailto:x@example.net\"",
    ),
    ("HINFO PC \"Linux 6\"", "PC Linux 6"),
    (
        "NAPTR 100 10 u E2U+sip \"!^.*$!sip:i@x!\" .",
        "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:i@x!\" .",
    ),
    (
        "SSHFP 4 1 123456789abcdef67890 123456789abcdef67890",
        "4 1 123456789abcdef67890123456789abcdef67890",
    ),
    ("OPENPGPKEY AQID BA==", "AQIDBA=="),
    ("TLSA 3 0 0 DEAD beef", "3 0 0 deadbeef"),
    ("SMIMEA 3 0 0 0102", "3 0 0 0102"),
    ("CSYNC 66 3 A NS AAAA TYPE1234", "66 3 A NS AAAA Unknown"),
    (
        "CERT PKIX 65535 RSASHA256 AQIDBA==",
        "PKIX 65535 RSASHA256 AQIDBA==",
    ),
    (
        "HTTPS 1 . alpn=\"h2,h3\" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=::1",
        "",
    ),
    (
        "SVCB 16 foo.example.org. mandatory=ipv4hint,alpn alpn=h2 ipv4hint=192.0.2.1",
        "",
    ),
    ("SVCB 1 @ key667=hello", ""),
    ("SVCB 1 @ key667=\"hello\\210qoo\" ech=AEX+DQ==", ""),
    (
        "SVCB 1 @ no-default-alpn alpn=\"f\\\\\\\\oo\\\\,bar,h2\" dohpath=/q{?dns}",
        "",
    ),
    ("CDS 60485 8 1 2BB183AF5F22588179A53B0A98631FAD1A292118", ""),
    ("CDS 0 0 0 00", ""),
    ("CDNSKEY 0 3 0 AA==", ""),
    ("DS 60485 RSASHA1 1 2BB183AF5F22588179A53B0A98631FAD1A292118", ""),
    ("SPF v=spf1", ""),
    ("LOC 52 N 4 E 0m", ""),
    ("LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", ""),
    ("RP a b", ""),
    ("AFSDB 1 a", ""),
    ("URI 10 1 \"https://example.com/\"", ""),
    ("APL 1:192.0.2.0/24 !2:2001:db8::/32 1:0.0.0.0/0", ""),
    ("APL", ""),
    (
        "ZONEMD 1 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "",
    ),
    ("MINFO a b", ""),
    ("X25 311061700956", ""),
    ("ISDN 150862028003217 004", ""),
    ("RT 1 a", ""),
    ("PX 1 a b", ""),
    ("GPOS -32.6882 116.8652 10.0", ""),
    ("KX 1 a", ""),
    ("DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", ""),
    ("NID 10 0014:4fff:ff20:ee64", ""),
    ("L32 10 10.1.2.0", ""),
    ("L64 10 2001:0DB8:1140:1000", ""),
    ("LP 10 l64", ""),
    ("EUI48 00-00-5e-00-53-2a", ""),
    ("EUI64 00-00-5e-ef-10-00-00-2a", ""),
    ("TALINK a b", ""),
    ("RESINFO qnamemin exterr=15", ""),
    ("KEY 512 3 13 AQID", ""),
    ("DLV 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", ""),
    ("TYPE65280 \\# 4 0A000001", ""),
];

#[test]
fn every_type_is_read_and_hickory_decodes_it() {
    for (data, shown) in DATA {
        let zone = read(&format!("$TTL 60\nx {data}\n"));
        assert_eq!(errors(&zone.diagnostics), [""; 0], "{data}");
        let record = zone.contents.get(0).unwrap();
        let rdata = record.rdata.to_vec();
        let length = u16::try_from(rdata.len()).unwrap();
        let mut decoder = BinDecoder::new(&rdata);
        let decoded = RData::read(
            &mut decoder,
            RecordType::from(record.rtype),
            Restrict::new(length),
        );
        let decoded = decoded.unwrap_or_else(|error| panic!("{data}: {error}"));
        if !shown.is_empty() {
            assert_eq!(decoded.to_string(), *shown, "{data}");
        }
        // The same octets in hexadecimal are the same record.
        let hex: String = rdata.iter().map(|octet| format!("{octet:02x}")).collect();
        let generic = read(&format!("$TTL 60\nx TYPE{} \\# {length} {hex}\n", record.rtype));
        assert_eq!(errors(&generic.diagnostics), [""; 0], "{data} as {hex}");
        assert_eq!(
            generic.contents.get(0).map(|record| record.rdata),
            Some(&rdata[..]),
            "{data}"
        );
    }
}

#[test]
fn hickory_reads_the_same_data_from_the_same_text() {
    for data in [
        "A 192.0.2.1",
        "AAAA 2001:db8::1",
        "MX 10 mail.example.",
        "SRV 1 2 3 a.example.",
        "CAA 0 issue \"ca.example.net\"",
        "TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
        "NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:i@x!\" .",
        "HTTPS 1 . alpn=h2,h3 port=8443",
        "SVCB 1 a.example. ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
        "SSHFP 4 1 123456789abcdef67890123456789abcdef67890",
        "HINFO PC Linux",
        "OPENPGPKEY AQIDBA==",
    ] {
        let (rtype, text) = data.split_once(' ').unwrap();
        let theirs =
            RData::try_from_str(rtype.parse().unwrap(), text).unwrap_or_else(|e| panic!("{data}: {e}"));
        let mut wire = Vec::new();
        let mut encoder = BinEncoder::new(&mut wire);
        theirs.emit(&mut encoder).unwrap();
        let zone = read(&format!("$TTL 60\nx {data}\n"));
        assert_eq!(
            zone.contents.get(0).map(|record| record.rdata),
            Some(&wire[..]),
            "{data}"
        );
    }
}

/// Pieces that a master file is made of, and some that it is not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "$TTL",
        "$ORIGIN",
        "$INCLUDE",
        "$GENERATE",
        "1-9",
        "h$",
        "${0,3,n}",
        "a",
        "@",
        "*",
        "IN",
        "CH",
        "3600",
        "1h",
        "A",
        "AAAA",
        "MX",
        "TXT",
        "SOA",
        "LOC",
        "HTTPS",
        "APL",
        "CAA",
        "NSEC",
        "TYPE1",
        "\\#",
        "4",
        "01020304",
        "192.0.2.1",
        "::1",
        "alpn=",
        "\"",
        "\"h2\"",
        "(",
        ")",
        ";",
        "\\",
        "\\065",
        "\n",
        "\n\n ",
        "\r\n",
        "\t",
        ".",
        "..",
        "ns1",
        "x.",
        "52",
        "N",
        "E",
        "0m",
        "1:1.2.3.4/8",
        "é",
    ];
    prop_oneof![
        9 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

/// What must hold of whatever was read.
fn is_sound(text: &[u8]) {
    let zone = read_octets(text, &mut NoIncludes);
    let mut last: Option<Name> = None;
    for (index, record) in zone.contents.records().enumerate() {
        let owner = Name::from_wire(record.owner).expect("owners are names");
        assert!(owner.is_within(&origin()));
        assert!(record.ttl <= 0x7fff_ffff);
        assert!(last.is_none_or(|last| last <= owner), "in order");
        last = Some(owner);
        let place = zone.places.of(index).expect("each has a place");
        assert!(place.line as usize <= 1 + text.iter().filter(|&&octet| octet == b'\n').count());
    }
    let _ = semantics::check(&zone.contents, &zone.places, &[]);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_harm(text in prop::collection::vec(any::<u8>(), 0..400)) {
        is_sound(&text);
    }

    #[test]
    fn any_words_are_read_without_harm(pieces in prop::collection::vec((piece(), any::<bool>()), 0..60)) {
        let mut text = HEAD.as_bytes().to_vec();
        for (piece, blank) in pieces {
            text.extend(piece);
            if blank {
                text.push(b' ');
            }
        }
        is_sound(&text);
    }

    #[test]
    fn any_text_survives_the_way_through_escapes(octets in prop::collection::vec(any::<u8>(), 1..255)) {
        let escaped: String = octets.iter().map(|octet| format!("\\{octet:03}")).collect();
        let zone = read(&format!("$TTL 1\nx TXT \"{escaped}\"\n"));
        prop_assert_eq!(&zone.contents.get(0).unwrap().rdata[1..], &octets[..]);
    }

    #[test]
    fn type_names_and_numbers_agree(number in any::<u16>()) {
        prop_assert_eq!(type_number(&type_name(number)), Some(number));
    }
}
