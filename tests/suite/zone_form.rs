//! Form, as other servers accept it: what a file may look like, and what its checks know beyond it.

use pointsman::wire::name::Name;
use pointsman::zone::master::include::NoIncludes;
use pointsman::zone::semantics;

use crate::zone_text::{HEAD, errors, read, read_octets, sound};

#[test]
fn ttl_and_class_come_in_any_order_or_not_at_all() {
    let records = sound(&format!(
        "{HEAD}a 60 IN A 192.0.2.1\nb IN 1m A 192.0.2.1\nc in a 192.0.2.1\nd\t1M\tA\t192.0.2.1\n\
         e CLASS1 A 192.0.2.1\n\t A 192.0.2.2\n   \t\n\n  60 aaaa ::1\n"
    ));
    assert_eq!(
        records,
        [
            "a.example.test. 60 A c0000201",
            "b.example.test. 60 A c0000201",
            "c.example.test. 3600 A c0000201",
            "d.example.test. 60 A c0000201",
            "e.example.test. 3600 A c0000201",
            "e.example.test. 3600 A c0000202",
            "e.example.test. 60 AAAA 00000000000000000000000000000001",
        ]
    );
}

#[test]
fn without_a_ttl_the_default_the_last_or_the_soa_decides() {
    let soa = "SOA ns1 h 1 2 3 4 77";
    for (text, expected) in [
        (format!("$TTL 9\n@ 5 {soa}\nx A 192.0.2.1\n"), 9),
        (format!("@ 5 {soa}\nx A 192.0.2.1\n"), 5),
        (format!("@ {soa}\nx A 192.0.2.1\n"), 77),
        (format!("@ {soa}\ny 6 A 192.0.2.1\nx A 192.0.2.1\n"), 77),
        (format!("@ {soa}\nx A 192.0.2.1\n$TTL 8\n"), 77),
    ] {
        let records = sound(&text);
        let line = format!("x.example.test. {expected} A c0000201");
        assert!(records.contains(&line), "{text}: {records:?}");
    }
    let zone = read("x A 192.0.2.1\ny A 192.0.2.1\n");
    let errors = errors(&zone.diagnostics);
    assert_eq!(errors.len(), 1, "said once: {errors:?}");
    assert!(errors[0].contains("no TTL"));
}

#[test]
fn line_ends_of_every_kind_a_bom_and_no_last_line_end_are_read() {
    let expected = ["a.example.test. 3600 A c0000201", "a.example.test. 3600 TXT 0178"];
    assert_eq!(sound(&format!("{HEAD}a A 192.0.2.1\n  TXT x")), expected);
    assert_eq!(
        sound(&format!("\u{feff}{HEAD}a A 192.0.2.1\r\n\r\n  TXT x\r\n")),
        expected
    );
    let utf16: Vec<u8> = "\u{feff}@ A".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zone = read_octets(&utf16, &mut NoIncludes);
    assert_eq!(
        errors(&zone.diagnostics),
        ["z: error: the file is UTF-16; save it as UTF-8 or ASCII"]
    );
}

#[test]
fn a_list_of_mistakes_ends_somewhere() {
    let text = format!("{HEAD}{}", "x A 1\n".repeat(5_000));
    let errors = errors(&read(&text).diagnostics);
    assert_eq!(errors.len(), 1_001);
    assert_eq!(errors[1_000], "z: error: 4000 more mistakes are not shown");
    let hopeless = read(&format!("{HEAD}{}", "x A 1\n".repeat(50_000)));
    let last = hopeless.diagnostics.last().map(ToString::to_string);
    assert_eq!(
        last.as_deref(),
        Some("z: error: 19000 more mistakes are not shown, and the rest was not read")
    );
}

#[test]
fn a_service_is_a_target_that_exists_and_a_hidden_one_is_seen() {
    let zone = read(&format!(
        "{HEAD}@ MX 10 mail\nsub NS ns.example.net.\nd DNAME example.net.\n"
    ));
    let name = |text: &str| Name::from_text(text).unwrap();
    let mail = name("mail.example.test");
    assert_eq!(semantics::check(&zone.contents, &zone.places, &[]).len(), 1);
    assert_eq!(semantics::check(&zone.contents, &zone.places, &[mail]), []);
    let hidden = |text: &str| semantics::hidden_by(&zone.contents, &name(text));
    assert_eq!(hidden("a.b.sub.example.test"), Some(name("sub.example.test")));
    assert_eq!(hidden("x.d.example.test"), Some(name("d.example.test")));
    assert_eq!(hidden("x.example.test"), None);
    assert_eq!(hidden("example.test"), None);
}
