//! What DNS over HTTPS makes of a request's head, and of an answer (RFC 8484). Pure.

use data_encoding::BASE64URL_NOPAD;
use url::form_urlencoded;

use crate::wire::query::HEADER;

/// The media type of messages.
pub(super) const MEDIA_TYPE: &str = "application/dns-message";
/// Octets of the longest message.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// Where the message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// In the head; `head_only`: the answer's head alone is wanted.
    Message {
        /// The message.
        octets: Vec<u8>,
        /// Whether the request was HEAD.
        head_only: bool,
    },
    /// In the body.
    Body,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not our path.
    #[error("there is nothing here")]
    Elsewhere,
    /// Neither GET nor POST nor HEAD.
    #[error("ask by GET or POST")]
    Method,
    /// GET without `dns`, or with more than one.
    #[error("the parameter `dns` must be there once")]
    Parameter,
    /// Its value is no base64url.
    #[error("the parameter `dns` is not base64url without padding")]
    Encoding,
    /// No query can be so short, or the message is a response.
    #[error("this is no DNS query")]
    Message,
    /// A body of another type.
    #[error("a body must be of the type application/dns-message")]
    MediaType,
    /// No message can be so long.
    #[error("a message has 65535 octets at the most")]
    Length,
    /// The body did not come in time.
    #[error("the body did not come in time")]
    Slow,
}

impl Refusal {
    /// The status code.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Elsewhere => 404,
            Self::Method => 405,
            Self::Parameter | Self::Encoding | Self::Message => 400,
            Self::MediaType => 415,
            Self::Length => 413,
            Self::Slow => 408,
        }
    }
}

/// The head of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    /// Octets of the body, where that is said.
    pub(super) content_length: Option<u64>,
}

/// Where the message of a request to `path` is.
///
/// # Errors
/// [`Refusal`].
pub(super) fn read(head: &Head<'_>, path: &str) -> Result<Wanted, Refusal> {
    if head.path != path {
        return Err(Refusal::Elsewhere);
    }
    match head.method {
        "GET" | "HEAD" => {
            let pairs = form_urlencoded::parse(head.query.unwrap_or_default().as_bytes());
            let mut values = pairs.filter(|(name, _)| name == "dns").map(|(_, value)| value);
            let (Some(value), None) = (values.next(), values.next()) else {
                return Err(Refusal::Parameter);
            };
            let decoded = BASE64URL_NOPAD.decode(value.as_bytes());
            Ok(Wanted::Message {
                octets: decoded.map_err(|_| Refusal::Encoding).and_then(query)?,
                head_only: head.method == "HEAD",
            })
        }
        "POST" => {
            let media_type = head.content_type.and_then(|written| written.split(';').next());
            if !media_type.is_some_and(|written| written.trim().eq_ignore_ascii_case(MEDIA_TYPE)) {
                return Err(Refusal::MediaType);
            }
            if head.content_length.is_some_and(|length| length > LONGEST as u64) {
                return Err(Refusal::Length);
            }
            Ok(Wanted::Body)
        }
        _ => Err(Refusal::Method),
    }
}

/// `octets`, when they can be a query.
///
/// # Errors
/// [`Refusal`] of what is too long, too short, or a response.
pub(super) fn query(octets: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if octets.len() > LONGEST {
        return Err(Refusal::Length);
    }
    match octets.first_chunk::<HEADER>() {
        Some([_, _, flags, ..]) if flags & 0x80 == 0 => Ok(octets),
        _ => Err(Refusal::Message),
    }
}

/// For how many seconds an answer may be kept (RFC 8484 section 5.1): the smallest TTL of the answer section, and for
/// what is not there, the SOA record's TTL or MINIMUM, whichever is less (RFC 2308 section 5). 0 where nothing says.
pub(super) fn freshness(message: &[u8]) -> u32 {
    walk(message).unwrap_or(0)
}

fn walk(message: &[u8]) -> Option<u32> {
    const SOA: u16 = 6;
    let header = message.first_chunk::<HEADER>()?;
    let count = |at: usize| {
        header
            .get(at..at + 2)?
            .first_chunk::<2>()
            .copied()
            .map(u16::from_be_bytes)
    };
    let (questions, answers, authority) = (count(4)?, count(6)?, count(8)?);
    let mut rest = message.get(HEADER..)?;
    for _ in 0..questions {
        rest = after_name(rest)?.get(4..)?;
    }
    let mut least: Option<u32> = None;
    for index in 0..u32::from(answers) + u32::from(authority) {
        let (fixed, tail) = after_name(rest)?.split_first_chunk::<10>()?;
        let &[t0, t1, _, _, a, b, c, d, l0, l1] = fixed;
        let (data, next) = tail.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        rest = next;
        let ttl = u32::from_be_bytes([a, b, c, d]);
        let ttl = if index < u32::from(answers) {
            ttl
        } else if u16::from_be_bytes([t0, t1]) == SOA {
            ttl.min(u32::from_be_bytes(*data.last_chunk::<4>()?))
        } else {
            continue;
        };
        least = Some(least.map_or(ttl, |least| least.min(ttl)));
    }
    least
}

/// What follows the name at the front of `octets`.
fn after_name(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        match *octets.first()? {
            0 => return octets.get(1..),
            length if length >= 0xc0 => return octets.get(2..),
            length => octets = octets.get(1 + usize::from(length)..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";

    fn get(query: &str) -> Result<Wanted, Refusal> {
        let head = Head {
            method: "GET",
            path: "/dns-query",
            query: Some(query),
            ..Head::default()
        };
        read(&head, "/dns-query")
    }

    fn post(content_type: Option<&str>, content_length: Option<u64>) -> Result<Wanted, Refusal> {
        let head = Head {
            method: "POST",
            path: "/q",
            content_type,
            content_length,
            ..Head::default()
        };
        read(&head, "/q")
    }

    #[test]
    fn get_has_its_message_in_the_one_parameter_dns() {
        let value = BASE64URL_NOPAD.encode(QUERY);
        let message = Wanted::Message {
            octets: QUERY.to_vec(),
            head_only: false,
        };
        assert_eq!(get(&format!("dns={value}")), Ok(message.clone()));
        assert_eq!(get(&format!("ct=x&dns={value}&y")), Ok(message));
        for (query, refusal) in [
            (String::new(), Refusal::Parameter),
            ("dn=AAAA".into(), Refusal::Parameter),
            (format!("dns={value}&dns={value}"), Refusal::Parameter),
            (format!("dns={value}=="), Refusal::Encoding),
            ("dns=+/+/".into(), Refusal::Encoding),
            ("dns=A".into(), Refusal::Encoding),
            ("dns=".into(), Refusal::Message),
            ("dns=AAAA".into(), Refusal::Message),
            (
                format!("dns={}", BASE64URL_NOPAD.encode(&vec![0; 65_536])),
                Refusal::Length,
            ),
            (
                format!("dns={}", BASE64URL_NOPAD.encode(b"\0\0\x80\0\0\x01\0\0\0\0\0\0")),
                Refusal::Message,
            ),
        ] {
            assert_eq!(get(&query), Err(refusal), "{query}");
        }
    }

    #[test]
    fn post_needs_the_type_and_a_length_that_a_message_can_have() {
        assert_eq!(post(Some("application/dns-message"), None), Ok(Wanted::Body));
        assert_eq!(
            post(Some("Application/DNS-Message; x=y"), Some(65_535)),
            Ok(Wanted::Body)
        );
        assert_eq!(
            post(Some("application/dns-message"), Some(65_536)),
            Err(Refusal::Length)
        );
        for wrong in [None, Some(""), Some("application/dns-json"), Some("text/plain")] {
            assert_eq!(post(wrong, Some(1)), Err(Refusal::MediaType));
        }
    }

    #[test]
    fn other_paths_and_methods_are_told_so() {
        let head = |method, path| Head {
            method,
            path,
            query: Some("dns=AAABAAABAAAAAAAAAWEAAAEAAQ"),
            ..Head::default()
        };
        assert_eq!(read(&head("GET", "/"), "/q"), Err(Refusal::Elsewhere));
        assert_eq!(read(&head("GET", "/q/"), "/q"), Err(Refusal::Elsewhere));
        for method in ["PUT", "OPTIONS", "CONNECT", "get"] {
            assert_eq!(read(&head(method, "/q"), "/q"), Err(Refusal::Method));
        }
        assert!(matches!(
            read(&head("HEAD", "/q"), "/q"),
            Ok(Wanted::Message { head_only: true, .. })
        ));
    }

    #[test]
    fn an_answer_is_fresh_for_its_smallest_ttl() {
        let record = |rtype: u8, ttl: u8, data: &[u8]| {
            let fixed = [0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, ttl, 0, data.len() as u8];
            [&fixed[..], data].concat()
        };
        let soa = |ttl, minimum| record(6, ttl, &[&[0; 21][..], &[minimum]].concat());
        let message = |answers: &[Vec<u8>], authority: &[Vec<u8>]| {
            let mut message = QUERY.to_vec();
            message[7] = answers.len() as u8;
            message[9] = authority.len() as u8;
            message.extend(answers.concat());
            message.extend(authority.concat());
            message
        };
        let a = |ttl| record(1, ttl, &[0; 4]);
        for (message, seconds) in [
            (message(&[a(9), a(7), a(8)], &[record(2, 3, &[0])]), 7),
            (message(&[], &[soa(9, 5)]), 5),
            (message(&[], &[soa(5, 9)]), 5),
            (message(&[a(60)], &[soa(50, 40)]), 40),
            (message(&[], &[record(2, 3, &[0])]), 0),
            (message(&[], &[]), 0),
            (message(&[a(9)], &[])[..30].to_vec(), 0),
            (Vec::new(), 0),
        ] {
            assert_eq!(freshness(&message), seconds);
        }
    }
    proptest::proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in ".{0,100}",
        ) {
            freshness(&octets);
            let written = get(&format!("dns={}", BASE64URL_NOPAD.encode(&octets)));
            let expected = query(octets.clone());
            proptest::prop_assert_eq!(
                written,
                expected.map(|octets| Wanted::Message { octets, head_only: false })
            );
            let _ = get(&text);
        }
    }
}
