//! Questions about the server itself, in class CH (RFC 4892).

use crate::answer::fit::Reply;
use crate::answer::snapshot::Settings;
use crate::wire::compose::Section;
use crate::wire::query::Question;
use crate::wire::rtype::{ANY, TXT, rcode};

/// Answers `question` about `name` (lower case): what the operator wants to be known, else REFUSED.
pub(crate) fn answer(reply: &mut Reply<'_, '_>, settings: &Settings, question: Question, name: &[u8]) {
    let record = match name {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => &settings.version,
        b"\x08hostname\x04bind\0" | b"\x02id\x06server\0" => &settings.identity,
        _ => &None,
    };
    let known = record.as_ref().filter(|_| matches!(question.qtype, TXT | ANY));
    reply.rcode = rcode::REFUSED;
    if let Some(record) = known
        && reply.composer.copy(Section::Answer, 1, record).is_ok()
    {
        reply.rcode = rcode::NOERROR;
        reply.authoritative = true;
    }
}

/// A TXT record of class CH with this text and TTL 0, owner 0xC00C; at most 255 octets of the text.
pub(crate) fn record(text: &str) -> Box<[u8]> {
    let text = text.as_bytes();
    let text = text.get(..text.len().min(255)).unwrap_or(&[]);
    let length = u8::try_from(text.len()).unwrap_or(0);
    let [high, low] = (u16::from(length) + 1).to_be_bytes();
    let mut record = vec![0xc0, 0x0c, 0, 16, 0, 3, 0, 0, 0, 0, high, low, length];
    record.extend_from_slice(text);
    record.into()
}
