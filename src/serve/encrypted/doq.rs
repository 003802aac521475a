//! What DNS over QUIC asks of messages and streams (RFC 9250). Pure.

use crate::serve::framing::{LENGTH, LONGEST};
use crate::wire::edns::Keepalive;
use crate::wire::query::Query;

/// Octets of the longest stream of a client: one message with its length.
pub(super) const LONGEST_STREAM: usize = LONGEST;

/// Error codes (RFC 9250 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Code {
    /// DOQ_NO_ERROR
    NoError = 0,
    /// DOQ_INTERNAL_ERROR
    InternalError = 1,
    /// DOQ_PROTOCOL_ERROR
    ProtocolError = 2,
    /// DOQ_EXCESSIVE_LOAD
    ExcessiveLoad = 4,
}

/// What a client did wrong: the connection ends with DOQ_PROTOCOL_ERROR (RFC 9250 section 4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// STREAM FIN came before the message was whole.
    #[error("the stream ended amid the message")]
    Short,
    /// Octets follow the message: more than one query, most likely.
    #[error("more than one message on a stream")]
    Second,
    /// The message ID is not 0 (section 4.2.1).
    #[error("the message ID is not 0")]
    Id,
    /// The message has the option edns-tcp-keepalive (section 5.5.2).
    #[error("edns-tcp-keepalive has no meaning over QUIC")]
    Keepalive,
    /// STREAM FIN did not come in time.
    #[error("the stream was not ended")]
    NoFin,
}

/// The one message of a stream that has ended.
///
/// # Errors
/// [`Fault`].
pub(super) fn message(stream: &[u8]) -> Result<&[u8], Fault> {
    let (length, rest) = stream.split_first_chunk::<LENGTH>().ok_or(Fault::Short)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let message = rest.get(..length).ok_or(Fault::Short)?;
    if rest.len() > length {
        return Err(Fault::Second);
    }
    if message.first_chunk::<2>().is_some_and(|id| *id != [0, 0]) {
        return Err(Fault::Id);
    }
    if has_keepalive(message) {
        return Err(Fault::Keepalive);
    }
    Ok(message)
}

/// Whether `message` has the option edns-tcp-keepalive (RFC 7828). What is malformed is for the engine to refuse.
fn has_keepalive(message: &[u8]) -> bool {
    let edns = Query::read(message).and_then(|query| query.edns);
    edns.is_some_and(|edns| edns.keepalive != Keepalive::Unasked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::framing::framed;

    const QUERY: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";

    fn with_option(option: &[u8]) -> Vec<u8> {
        let mut query = QUERY.to_vec();
        query[11] = 1;
        query.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0");
        query.push(option.len() as u8);
        query.extend_from_slice(option);
        query
    }

    #[test]
    fn one_message_with_id_0_and_nothing_else() {
        let stream = framed(QUERY).unwrap();
        assert_eq!(message(&stream), Ok(QUERY));
        for cut in 0..stream.len() {
            assert_eq!(message(&stream[..cut]), Err(Fault::Short), "{cut}");
        }
        assert_eq!(message(&[&stream[..], &[0]].concat()), Err(Fault::Second));
        assert_eq!(message(&[&stream[..], &stream[..]].concat()), Err(Fault::Second));
        let mut other = stream;
        other[3] = 1;
        assert_eq!(message(&other), Err(Fault::Id));
        assert_eq!(message(&[0, 0]), Ok(&[][..]), "the engine says nothing to a runt");
    }

    #[test]
    fn the_keepalive_of_tcp_is_refused_and_other_options_are_not() {
        for (option, refused) in [
            (&b"\0\x0b\0\0"[..], true),
            (b"\0\x0b\0\x02\0\x64", true),
            (b"\0\x03\0\0\0\x0b\0\0", true),
            (b"\0\x03\0\0", false),
            (b"\0\x0c\0\x04\0\x0b\0\0", false),
            (b"", false),
        ] {
            let stream = framed(&with_option(option)).unwrap();
            assert_eq!(message(&stream).is_err(), refused, "{option:?}");
        }
    }
    proptest::proptest! {
        #[test]
        fn what_is_taken_is_what_was_framed(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100)) {
            if let Ok(taken) = message(&octets) {
                proptest::prop_assert_eq!(framed(taken).unwrap(), octets.clone());
            }
            let mut zero = octets;
            zero.iter_mut().take(2).for_each(|octet| *octet = 0);
            if !has_keepalive(&zero) {
                let stream = framed(&zero).unwrap();
                proptest::prop_assert_eq!(message(&stream), Ok(&zero[..]));
            }
        }
    }
}
