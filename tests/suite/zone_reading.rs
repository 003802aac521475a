//! Master files read: each gap of hickory's own reader that ours closes has its test here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pointsman::zone::master::Includes;
use pointsman::zone::master::include::confine;

use crate::zone_text::{HEAD, errors, lines, mistake, read, read_octets, sound};

struct Files(BTreeMap<&'static str, &'static str>);

impl Includes for Files {
    fn open(&mut self, path: &str, from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
        let found = confine(Path::new(""), from, path)?;
        let name = found.to_str().unwrap().to_owned();
        let text = self
            .0
            .get(name.as_str())
            .ok_or(format!("`{path}` is not there"))?;
        Ok((Arc::from(found), text.as_bytes().to_vec()))
    }
}

#[test]
fn an_error_has_file_line_column_what_and_what_instead() {
    assert_eq!(
        mistake("www  A 192.0.2.256\n"),
        "z:5:8: error: `192.0.2.256` is no IPv4 address; \
         write four numbers up to 255 without leading zeros, such as `192.0.2.1`"
    );
}

#[test]
fn include_is_confined_takes_an_origin_and_gives_its_own_back() {
    let mut files = Files(BTreeMap::from([
        ("a.inc", "x A 192.0.2.7\n$ORIGIN leaked\ny A 192.0.2.8\n$TTL 5\n"),
        ("sub/b.inc", "$INCLUDE c.inc\n"),
        ("sub/c.inc", "@ A 192.0.2.9\n"),
    ]));
    let text =
        format!("{HEAD}w A 192.0.2.6\n$INCLUDE a.inc sub\n  TXT w\n$INCLUDE \"sub/b.inc\"\nz A 192.0.2.10\n");
    let zone = read_octets(text.as_bytes(), &mut files);
    assert_eq!(errors(&zone.diagnostics), [""; 0]);
    assert_eq!(
        lines(&zone),
        [
            "example.test. 3600 A c0000209",
            "y.leaked.sub.example.test. 3600 A c0000208",
            "x.sub.example.test. 3600 A c0000207",
            "w.example.test. 3600 A c0000206",
            "w.example.test. 3600 TXT 0177",
            "z.example.test. 3600 A c000020a",
        ]
    );
    for (path, why) in [
        ("/etc/passwd", "absolute"),
        ("../x", "leads out"),
        ("none", "not there"),
    ] {
        let zone = read_octets(format!("{HEAD}$INCLUDE {path}\n").as_bytes(), &mut files);
        assert!(errors(&zone.diagnostics)[0].contains(why), "{path}");
    }
}

#[test]
fn a_circle_of_includes_is_named() {
    let mut files = Files(BTreeMap::from([("a", "$INCLUDE b\n"), ("b", "$INCLUDE a\n")]));
    let zone = read_octets(b"$INCLUDE a\n", &mut files);
    assert_eq!(
        errors(&zone.diagnostics),
        [
            "b:1:10: error: files include each other in a circle: a → b → a; take this $INCLUDE out, or the one that leads here"
        ]
    );
}

#[test]
fn files_that_double_with_every_level_are_stopped() {
    struct Doubling;
    impl Includes for Doubling {
        fn open(&mut self, path: &str, _from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
            let level: usize = path.parse().map_err(|_| "no number".to_owned())?;
            let next = level + 1;
            Ok((
                Arc::from(Path::new(path)),
                format!("$INCLUDE {next}\n$INCLUDE {next}\n").into_bytes(),
            ))
        }
    }
    let zone = read_octets(b"$INCLUDE 0\n", &mut Doubling);
    let errors = errors(&zone.diagnostics);
    assert!(
        errors.iter().any(|error| error.contains("more than 1000 files")),
        "{errors:?}"
    );
    assert!(errors.len() <= 1_001);
}

#[test]
fn generate_is_built() {
    assert_eq!(
        sound(&format!(
            "{HEAD}$GENERATE 1-3/2 h${{0,2}} 300 IN A 192.0.2.$\n$GENERATE 7-7 m-$ MX \"$ ns1\"\n\
             $GENERATE 15-16 ${{0,3,n}}.r PTR host-${{-15,2,x}}\n$GENERATE 1-1 t\\$$ TXT \"a $\" \"\\\"$\"\n"
        )),
        [
            "h01.example.test. 300 A c0000201",
            "h03.example.test. 300 A c0000203",
            "m-7.example.test. 3600 MX 0007036e7331076578616d706c65047465737400",
            "f.0.r.example.test. 3600 PTR 07686f73742d3030076578616d706c65047465737400",
            "0.1.r.example.test. 3600 PTR 07686f73742d3031076578616d706c65047465737400",
            "t\\$1.example.test. 3600 TXT 03612031022231",
        ]
    );
}

#[test]
fn types_without_a_name_and_data_in_hexadecimal_are_read() {
    assert_eq!(
        sound(&format!(
            "{HEAD}u TYPE65280 \\# 4 0A00 0001\nu type1 \\# 4 C0000201\nv TYPE65281 \\# 0\nw TYPE16 \"x\"\n"
        )),
        [
            "u.example.test. 3600 A c0000201",
            "u.example.test. 3600 TYPE65280 0a000001",
            "v.example.test. 3600 TYPE65281 ",
            "w.example.test. 3600 TXT 0178",
        ]
    );
}

#[test]
fn known_types_in_hexadecimal_must_be_what_they_say() {
    assert!(mistake("a A \\# 3 010203\n").contains("these octets are no A"));
    assert!(mistake("a MX \\# 4 000AC00C\n").contains("these octets are no MX"));
    assert!(mistake("a TXT \\# 2 0561\n").contains("these octets are no TXT"));
    assert_eq!(mistake("a TXT \\# 2 0161\n"), "");
}

#[test]
fn dname_is_read() {
    assert_eq!(
        sound(&format!("{HEAD}d DNAME example.net.\n")),
        ["d.example.test. 3600 DNAME 076578616d706c65036e657400"]
    );
}

#[test]
fn rarer_types_are_read_by_name_or_in_hexadecimal() {
    let zone = format!(
        "{HEAD}a LOC 42 21 54 N 71 06 18 W -24m 30m\nb RP host.example. txt\nc URI 10 1 \"ftp://x\"\n\
         d IPSECKEY \\# 3 0a0002\n"
    );
    assert_eq!(
        sound(&zone),
        [
            "a.example.test. 3600 LOC 0033161389172dd070be15f000988d20",
            "b.example.test. 3600 RP 04686f7374076578616d706c650003747874076578616d706c65047465737400",
            "c.example.test. 3600 URI 000a00016674703a2f2f78",
            "d.example.test. 3600 IPSECKEY 0a0002",
        ]
    );
    assert!(mistake("d HIP 2 00 00\n").contains("RFC 3597"));
}

#[test]
fn a_gateway_is_nothing_an_address_or_a_name_and_the_key_may_be_left_out() {
    let zone = format!(
        "{HEAD}a IPSECKEY 10 1 2 192.0.2.38 AQID\nb IPSECKEY 10 0 2 . AQID\nc IPSECKEY 10 3 2 gate AQID\n\
         d IPSECKEY 10 2 0 2001:db8::1\n"
    );
    assert_eq!(
        sound(&zone),
        [
            "a.example.test. 3600 IPSECKEY 0a0102c0000226010203",
            "b.example.test. 3600 IPSECKEY 0a0002010203",
            "c.example.test. 3600 IPSECKEY 0a03020467617465076578616d706c65047465737400010203",
            "d.example.test. 3600 IPSECKEY 0a020020010db8000000000000000000000001",
        ]
    );
    assert!(mistake("a IPSECKEY 10 0 2 x AQID\n").contains("`x` is no gateway of type 0"));
    assert!(mistake("a IPSECKEY 10 4 2 . AQID\n").contains("types are 0"));
    assert!(mistake("a IPSECKEY \\# 4 0a0102c0\n").contains("gateway"));
}

#[test]
fn what_dnssec_computes_is_refused_with_the_reason() {
    for line in [
        "@ DNSKEY 257 3 13 AAAA",
        "@ RRSIG A 13 2 1 2 3 4 x. AAAA",
        "@ NSEC a A",
        "@ TYPE50 \\# 0",
    ] {
        assert!(mistake(line).contains("pointsman signs zones itself"), "{line}");
    }
}

#[test]
fn parentheses_join_lines_before_anything_else() {
    assert_eq!(
        sound(&format!(
            "{HEAD}www (\n A 192.0.2.1 )\nv ( 60 ; why\n IN\n\n A ) 192.0.2.2\n"
        )),
        [
            "v.example.test. 60 A c0000202",
            "www.example.test. 3600 A c0000201"
        ]
    );
}

#[test]
fn a_record_without_a_type_is_a_mistake_and_not_dropped() {
    assert!(mistake("www 3600 IN\n").contains("without type and data"));
}

#[test]
fn what_no_zone_may_hold_is_a_mistake() {
    for (line, why) in [
        ("www.example.net. A 192.0.2.1", "not in the zone"),
        ("www CH A 192.0.2.1", "class CH is not served"),
        ("ns1 CNAME www", "has a CNAME and A besides"),
        ("d DNAME a.\nd DNAME b.", "more than one DNAME"),
        ("d DNAME a.\nx.d A 192.0.2.1", "lies below the DNAME"),
    ] {
        let found = mistake(line);
        assert!(found.contains(why), "{line}: {found}");
    }
}

#[test]
fn an_soa_without_any_ttl_sets_the_default_and_a_later_ttl_is_its_own_records_alone() {
    let zone =
        "@ SOA ns1 hostmaster 1 7200 1800 1209600 3600\n 7200 NS ns1\nns1 A 192.0.2.1\nwww 60 A 192.0.2.2\n";
    assert_eq!(
        sound(&format!("{zone}a A 192.0.2.3\n$TTL 90\nb A 192.0.2.4\n")),
        [
            "example.test. 7200 NS 036e7331076578616d706c65047465737400",
            "a.example.test. 3600 A c0000203",
            "b.example.test. 90 A c0000204",
            "www.example.test. 60 A c0000202",
        ]
    );
    let written = "@ 900 SOA ns1 hostmaster 1 7200 1800 1209600 3600\n 7200 NS ns1\nns1 1 A 192.0.2.1\n";
    assert_eq!(
        sound(&format!("{written}a A 192.0.2.3\n"))[2],
        "a.example.test. 1 A c0000203"
    );
}

#[test]
fn an_rrset_has_one_ttl_the_lowest_and_no_record_twice() {
    let zone = read(&format!(
        "{HEAD}a 300 A 192.0.2.1\na 200 A 192.0.2.2\na 300 A 192.0.2.1\n"
    ));
    assert_eq!(
        lines(&zone),
        ["a.example.test. 200 A c0000201", "a.example.test. 200 A c0000202"]
    );
    let said: Vec<String> = zone.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("z:6:1: warning: the A records") && said[0].contains("lowest, 200"));
    assert!(said[1].starts_with("z:7:1: warning: this A of a.example.test. stands here again"));
}

#[test]
fn escapes_in_texts_are_octets() {
    assert_eq!(
        sound(&format!(
            "{HEAD}t TXT \"\\065\\\"\\\\\\;\\255\" plain\\032word é\n"
        )),
        ["t.example.test. 3600 TXT 0541225c3bff0a706c61696e20776f726402c3a9"]
    );
    assert!(mistake(&format!("t TXT \"{}\"\n", "x".repeat(256))).contains("255 are the most"));
}

#[test]
fn names_are_octets() {
    assert_eq!(
        sound(&format!(
            "{HEAD}a\\001b.c\\.d A 192.0.2.1\n*.x.*.y A 192.0.2.2\n\\@ A 192.0.2.3\né A 192.0.2.4\n"
        )),
        [
            "\\@.example.test. 3600 A c0000203",
            "a\\001b.c\\.d.example.test. 3600 A c0000201",
            "*.x.*.y.example.test. 3600 A c0000202",
            "\\195\\169.example.test. 3600 A c0000204",
        ]
    );
}

#[test]
fn relative_names_in_data_are_completed() {
    let tail = "076578616d706c65047465737400";
    assert_eq!(
        sound(&format!(
            "{HEAD}s SVCB 0 target\nh HTTPS 1 @ alpn=h2\nn NAPTR 1 2 a b c r\n"
        )),
        [
            format!("h.example.test. 3600 HTTPS 0001{tail}0001000302{}", "6832"),
            format!("n.example.test. 3600 NAPTR 000100020161016201630172{tail}"),
            format!("s.example.test. 3600 SVCB 000006746172676574{tail}"),
        ]
    );
}
