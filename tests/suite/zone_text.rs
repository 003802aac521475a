//! Zones `example.test` from text in a test, and what was read as text again.

use std::path::Path;
use std::sync::Arc;

use pointsman::model::diagnostic::Diagnostic;
use pointsman::wire::name::Name;
use pointsman::zone::master::include::NoIncludes;
use pointsman::zone::master::{self, Includes, ReadZone};
use pointsman::zone::rdata::type_name;
use pointsman::zone::semantics;

/// What every zone needs: four lines.
pub(crate) const HEAD: &str =
    "$TTL 1h\n@ SOA ns1 hostmaster 1 7200 1800 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n";

pub(crate) fn origin() -> Name {
    Name::from_text("example.test").unwrap()
}

pub(crate) fn read_octets(text: &[u8], includes: &mut dyn Includes) -> ReadZone {
    master::read(text, &Arc::from(Path::new("z")), &origin(), includes)
}

pub(crate) fn read(text: &str) -> ReadZone {
    read_octets(text.as_bytes(), &mut NoIncludes)
}

/// Errors as text.
pub(crate) fn errors(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(ToString::to_string)
        .collect()
}

/// `owner TTL TYPE hex` of each record that is not of [`HEAD`].
pub(crate) fn lines(zone: &ReadZone) -> Vec<String> {
    let head: Vec<&str> = vec![
        "example.test. 3600 SOA",
        "example.test. 3600 NS",
        "ns1.example.test. 3600 A",
    ];
    zone.contents
        .records()
        .map(|record| {
            let owner = Name::from_wire(record.owner).unwrap();
            let hex: String = record.rdata.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("{owner} {} {} {hex}", record.ttl, type_name(record.rtype))
        })
        .filter(|line| !head.iter().any(|head| line.starts_with(&format!("{head} "))))
        .collect()
}

/// The records of a zone without mistakes.
pub(crate) fn sound(text: &str) -> Vec<String> {
    let zone = read(text);
    assert_eq!(errors(&zone.diagnostics), [""; 0], "{text}");
    lines(&zone)
}

/// The first mistake in `HEAD` and `text`, of reading or of the zone.
pub(crate) fn mistake(text: &str) -> String {
    let zone = read(&format!("{HEAD}{text}"));
    let mut found = errors(&zone.diagnostics);
    found.extend(errors(&semantics::check(&zone.contents, &zone.places, &[])));
    found.first().cloned().unwrap_or_default()
}
