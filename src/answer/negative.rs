//! NXDOMAIN and NODATA: the SOA in the authority section (RFC 2308).

use crate::answer::fit::Reply;
use crate::answer::node::{RECORD_HEADER, expand, move_pointers};
use crate::answer::table::Table;
use crate::wire::compose::Section;
use crate::wire::query::Question;
use crate::wire::rtype::SOA;

/// Writes the SOA for a question within the zone, by copying. `most` bounds the TTL further.
#[inline]
pub(crate) fn at_question(reply: &mut Reply<'_, '_>, question: Question, table: &Table, most: Option<u32>) {
    let negative = table.negative();
    if negative.record.is_empty() {
        return; // a zone without SOA is refused when checked
    }
    let Ok(start) = reply.composer.copy(Section::Authority, 1, &negative.record) else {
        reply.truncated = true;
        return;
    };
    let longer = usize::from(question.name_len).saturating_sub(table.key.len());
    let record = reply.composer.written_mut(start);
    if let Some((header, data)) = record.split_first_chunk_mut::<RECORD_HEADER>() {
        // The origin stands so many octets further on in the question.
        let pointer = u16::try_from(0xc00c + longer).unwrap_or(0xc00c);
        [header[0], header[1]] = pointer.to_be_bytes();
        if let Some(most) = most.filter(|most| *most < negative.ttl) {
            let [a, b, c, d] = most.to_be_bytes();
            (header[6], header[7], header[8], header[9]) = (a, b, c, d);
        }
        if longer > 0 {
            move_pointers(SOA, data, longer);
        }
    }
}

/// Writes the SOA at the end of a chain, where the question may lie in another zone.
pub(crate) fn at_end(reply: &mut Reply<'_, '_>, table: &Table, most: Option<u32>, data: &mut Vec<u8>) {
    let negative = table.negative();
    let Some(soa) = negative.record.get(RECORD_HEADER..).filter(|soa| !soa.is_empty()) else {
        return;
    };
    let origin = table.origin().as_wire();
    let _ = expand(SOA, soa, origin, data);
    let ttl = most.map_or(negative.ttl, |most| most.min(negative.ttl));
    let written = reply.composer.record(Section::Authority, origin, SOA, ttl, data);
    reply.truncated |= written.is_err();
}
