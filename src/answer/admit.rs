//! Header, opcode, class, EDNS version: drop, refuse, hand over, or go on.

use crate::wire::query::{Query, Question};
use crate::wire::rtype::{self, CLASS_CH, CLASS_IN, rcode};

/// What is to be done with a query before any zone is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Look for an answer.
    Answer(Question),
    /// A question about the server itself (class CH).
    Chaos(Question),
    /// Reply with this RCODE and nothing else.
    Refuse(u16),
    /// Not the engine's: transfers, NOTIFY, UPDATE, TSIG.
    Transaction,
}

const QUERY: u8 = 0;
const NOTIFY: u8 = 4;
const UPDATE: u8 = 5;

/// Decides on `query`. OPCODE comes first, since the format of other opcodes' messages is not known here.
#[inline]
pub(crate) fn admit(query: &Query<'_>) -> Admission {
    match query.opcode() {
        QUERY => {}
        NOTIFY | UPDATE => return Admission::Transaction,
        _ => return Admission::Refuse(rcode::NOTIMP),
    }
    let Some(question) = query.question.filter(|_| !query.malformed) else {
        return Admission::Refuse(rcode::FORMERR);
    };
    if query.signed {
        return Admission::Transaction;
    }
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Admission::Refuse(rcode::BADVERS);
    }
    match question.qclass {
        CLASS_IN => {}
        CLASS_CH => return Admission::Chaos(question),
        _ => return Admission::Refuse(rcode::REFUSED),
    }
    match question.qtype {
        rtype::AXFR | rtype::IXFR => Admission::Transaction,
        rtype::OPT | rtype::TKEY | rtype::TSIG => Admission::Refuse(rcode::FORMERR),
        rtype::MAILA | rtype::MAILB => Admission::Refuse(rcode::NOTIMP),
        _ => Admission::Answer(question),
    }
}
