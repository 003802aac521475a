//! The shape of `dns`.

use super::document::Table;
use crate::model::check::{DnsCheck, RCODES, Rdata, Transport};
use crate::zone::rdata;

/// AXFR and IXFR: their answers are more than one message.
const TRANSFERS: [u16; 2] = [252, 251];

/// What is written; nothing when the question has mistakes.
pub(super) fn read(table: &Table<'_>) -> Option<DnsCheck> {
    let name = table.name("name");
    let written = table.text("query_type");
    let word = written.as_ref().map_or_else(
        || table.text_or_default("query_type"),
        |written| written.value.clone(),
    );
    let rtype = rdata::type_number(&word).filter(|number| !TRANSFERS.contains(number));
    if let (None, Some(written)) = (rtype, &written) {
        table.source.error(
            written.at,
            format!("`{word}` is no type to ask for"),
            "write one like \"A\", \"SOA\" or \"TYPE65280\"",
        );
    }
    let rtype = rtype?;
    let mut expect = Vec::new();
    for written in table.each("expect", |value| value.text()) {
        match rdata::from_text(rtype, &written.value) {
            Ok(wire) => expect.push(Rdata {
                text: written.value,
                wire,
            }),
            Err((what, instead)) => table.source.error(
                written.at,
                format!(
                    "`{}` is no data of {}: {what}",
                    written.value,
                    rdata::type_name(rtype)
                ),
                instead.unwrap_or_else(|| "write it as in a master file".to_owned()),
            ),
        }
    }
    let rcode = table.choice_or_default("rcode");
    let number = RCODES.iter().position(|name| *name == rcode).unwrap_or(0);
    Some(DnsCheck {
        name: name?.value,
        rtype,
        transport: match table.choice_or_default("transport") {
            "tcp" => Transport::Tcp,
            _ => Transport::Udp,
        },
        recursion: table.boolean_or_default("recursion"),
        rcode: u8::try_from(number).unwrap_or(0),
        expect,
    })
}
