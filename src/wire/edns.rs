//! EDNS (RFC 6891): what a query's OPT says, and the OPT of a reply.

use crate::wire::cookie::{COOKIE, Cookies, OPTION, Said};
use crate::wire::subnet::{CLIENT_SUBNET, ClientSubnet, Told};

/// Octets of an OPT record without options.
pub const OPT_LEN: usize = 11;
/// Name server identifier (RFC 5001).
pub const NSID: u16 = 3;
/// How long an idle connection is kept (RFC 7828).
pub const TCP_KEEPALIVE: u16 = 11;
/// Padding (RFC 7830).
pub const PADDING: u16 = 12;
/// Extended error (RFC 8914).
pub const EXTENDED_ERROR: u16 = 15;
/// Octets that responses are padded to a multiple of (RFC 8467 section 4.1).
const BLOCK: usize = 468;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What a query's OPT says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP message that the client takes, as written.
    pub payload: u16,
    /// Version; only 0 is spoken.
    pub version: u8,
    /// DO (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether NSID is asked for.
    pub nsid: bool,
    /// Whether the query is padded: so is its response, where nobody on the way can read it.
    pub padded: bool,
    /// Whether it is asked how long an idle connection is kept.
    pub keepalive: Keepalive,
    /// What is said of the client.
    pub told: Told,
    /// What the COOKIE option says.
    pub cookie: Said,
}

/// What a query says about how long its connection is kept (RFC 7828). Without a meaning where there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keepalive {
    /// Nothing.
    #[default]
    Unasked,
    /// It is asked for.
    Asked,
    /// A client must not propose a time (section 3.2.1).
    Malformed,
}

/// Reads an OPT's fields; `None` when its options overrun it. Options that are not known are passed over.
#[must_use]
pub fn read(class: u16, ttl: u32, options: &[u8]) -> Option<Edns> {
    let [_, version, flags, _] = ttl.to_be_bytes();
    let mut edns = Edns {
        payload: class,
        version,
        dnssec_ok: flags & 0x80 != 0,
        nsid: false,
        padded: false,
        keepalive: Keepalive::Unasked,
        told: Told::Nothing,
        cookie: Said::Nothing,
    };
    let mut rest = options;
    while let Some((&[code_high, code_low, len_high, len_low], tail)) = rest.split_first_chunk() {
        let (data, after) = tail.split_at_checked(usize::from(u16::from_be_bytes([len_high, len_low])))?;
        match u16::from_be_bytes([code_high, code_low]) {
            NSID => edns.nsid = true,
            COOKIE => edns.cookie = edns.cookie.and(data),
            PADDING => edns.padded = true,
            TCP_KEEPALIVE if !data.is_empty() => edns.keepalive = Keepalive::Malformed,
            TCP_KEEPALIVE if edns.keepalive == Keepalive::Unasked => edns.keepalive = Keepalive::Asked,
            CLIENT_SUBNET => edns.told = edns.told.and(data),
            _ => {}
        }
        rest = after;
    }
    rest.is_empty().then_some(edns)
}

/// An extended error to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError<'a> {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT.
    pub text: &'a [u8],
}

/// INFO-CODE "Not Ready" (RFC 8914 section 4.15).
pub const NOT_READY: u16 = 14;
/// INFO-CODE "Prohibited" (RFC 8914 section 4.19): who asks may not.
pub const PROHIBITED: u16 = 18;
/// INFO-CODE "Invalid Data" (RFC 8914 section 4.25): a zone that cannot be served as configured.
pub const INVALID_DATA: u16 = 24;

/// The OPT of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptReply<'a> {
    /// Largest UDP message that this server takes.
    pub payload: u16,
    /// The upper eight bits of RCODE.
    pub rcode_high: u8,
    /// DO, copied from the query.
    pub dnssec_ok: bool,
    /// NSID, when asked for.
    pub nsid: Option<&'a [u8]>,
    /// The client's network, when it was told and heeded, and for how many bits of it the answer holds.
    pub subnet: Option<(ClientSubnet, u8)>,
    /// The client's cookie and ours for it.
    pub cookie: Option<Cookies>,
    /// For how long the connection may be idle, in tenths of a second, when that was asked for.
    pub keepalive: Option<u16>,
    /// What is to be said besides RCODE.
    pub error: Option<ExtendedError<'a>>,
    /// Octets of zero that hide the response's length; `None`: no such option.
    pub padding: Option<u16>,
}

impl OptReply<'_> {
    /// Pads, when it has the option, so that this record behind `before` octets fills whole blocks (RFC 8467 section
    /// 4.1), or as much of the last one as a message of `limit` octets has room for.
    #[cold]
    pub fn pad(&mut self, before: usize, limit: usize) {
        if self.padding.is_some() {
            self.padding = Some(0);
            let bare = before + self.length();
            let whole = bare.next_multiple_of(BLOCK).min(limit.max(bare));
            self.padding = u16::try_from(whole - bare).ok();
        }
    }

    /// Octets of the record.
    #[must_use]
    pub fn length(&self) -> usize {
        OPT_LEN
            + self.nsid.map_or(0, |id| 4 + id.len())
            + self.subnet.map_or(0, |(subnet, _)| subnet.length())
            + self.cookie.map_or(0, |_| OPTION)
            + self.keepalive.map_or(0, |_| 6)
            + self.error.map_or(0, |error| 6 + error.text.len())
            + self.padding.map_or(0, |octets| 4 + usize::from(octets))
    }

    /// Writes the record at the beginning of `out`; the octets written, 0 when it does not fit.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> usize {
        let length = self.length();
        let (Some(record), Ok(options)) = (out.get_mut(..length), u16::try_from(length - OPT_LEN)) else {
            return 0;
        };
        let Some((fixed, mut rest)) = record.split_first_chunk_mut::<OPT_LEN>() else {
            return 0;
        };
        let [size_high, size_low] = self.payload.to_be_bytes();
        let [len_high, len_low] = options.to_be_bytes();
        let flags = if self.dnssec_ok { 0x80 } else { 0 };
        *fixed = [
            0,
            0,
            41,
            size_high,
            size_low,
            self.rcode_high,
            0,
            flags,
            0,
            len_high,
            len_low,
        ];
        if let Some(id) = self.nsid {
            rest = write_option(rest, NSID, &[], id);
        }
        if let Some((subnet, scope)) = &self.subnet {
            let (head, address) = subnet.reply(*scope);
            rest = write_option(rest, CLIENT_SUBNET, &head, address);
        }
        if let Some((client, server)) = &self.cookie {
            rest = write_option(rest, COOKIE, client, server);
        }
        if let Some(tenths) = self.keepalive {
            rest = write_option(rest, TCP_KEEPALIVE, &[], &tenths.to_be_bytes());
        }
        if let Some(error) = self.error {
            rest = write_option(rest, EXTENDED_ERROR, &error.code.to_be_bytes(), error.text);
        }
        if let Some(octets) = self.padding {
            let zeros = ZEROS.get(..usize::from(octets)).unwrap_or(&ZEROS);
            write_option(rest, PADDING, &[], zeros);
        }
        length
    }
}

/// Writes one option and returns what is left; the room was measured by [`OptReply::len`].
fn write_option<'o>(out: &'o mut [u8], code: u16, head: &[u8], tail: &[u8]) -> &'o mut [u8] {
    let length = u16::try_from(head.len() + tail.len()).unwrap_or(u16::MAX);
    let Some((option, rest)) = out.split_at_mut_checked(4 + usize::from(length)) else {
        return &mut [];
    };
    let parts = code.to_be_bytes().into_iter().chain(length.to_be_bytes());
    for (slot, octet) in option
        .iter_mut()
        .zip(parts.chain(head.iter().copied()).chain(tail.iter().copied()))
    {
        *slot = octet;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_walked_and_must_end_with_the_record() {
        for (options, seen) in [
            (b"".as_slice(), Some(false)),
            (b"\0\x03\0\0", Some(true)),
            (b"\0\x64\0\x02ab\0\x03\0\0", Some(true)),
            (b"\0\x64\0\x02a", None),
            (b"\0\x64\0", None),
        ] {
            assert_eq!(read(512, 0, options).map(|edns| edns.nsid), seen, "{options:?}");
        }
        let edns = read(4096, 0x0001_8000, b"").unwrap();
        assert_eq!((edns.version, edns.dnssec_ok, edns.payload), (1, true, 4096));
    }

    #[test]
    fn a_reply_is_as_long_as_it_says_and_reads_back() {
        let reply = OptReply {
            payload: 1232,
            rcode_high: 1,
            dnssec_ok: true,
            nsid: Some(b"ns1"),
            subnet: None,
            cookie: Some(([1; 8], [2; 16])),
            keepalive: Some(300),
            error: Some(ExtendedError {
                code: 3,
                text: b"stale",
            }),
            padding: None,
        };
        let mut out = [0xff; 80];
        assert_eq!(reply.write(&mut out), reply.length());
        assert_eq!(&out[..11], b"\0\0\x29\x04\xd0\x01\0\x80\0\0\x34");
        assert_eq!(
            &out[11..reply.length()],
            b"\0\x03\0\x03ns1\0\x0a\0\x18\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x02\x02\x02\x02\x02\x02\
              \x02\x02\x02\x02\x02\x02\x02\x02\0\x0b\0\x02\x01\x2c\0\x0f\0\x07\0\x03stale"
        );
        assert_eq!(reply.write(&mut out[..20]), 0);
        assert_eq!(OptReply::default().write(&mut out), OPT_LEN);
    }

    #[test]
    fn a_client_asks_for_the_idle_time_and_must_not_propose_one() {
        for (options, seen) in [
            (b"".as_slice(), Keepalive::Unasked),
            (b"\0\x0b\0\0", Keepalive::Asked),
            (b"\0\x0b\0\x02\x01\x2c", Keepalive::Malformed),
            (b"\0\x0b\0\x01\0\0\x0b\0\0", Keepalive::Malformed),
        ] {
            assert_eq!(read(512, 0, options).unwrap().keepalive, seen, "{options:?}");
        }
    }

    #[test]
    fn padded_replies_fill_whole_blocks_as_far_as_there_is_room() {
        assert!(read(512, 0, b"\0\x0c\0\x02ab").unwrap().padded);
        for (before, limit, whole) in [
            (12, 65_535, 468),
            (453, 65_535, 468),
            (454, 65_535, 936),
            (65_500, 65_535, 65_520),
            (65_510, 65_535, 65_535),
            (65_530, 65_535, 65_545),
        ] {
            let mut reply = OptReply {
                padding: Some(0),
                ..OptReply::default()
            };
            reply.pad(before, limit);
            let mut out = [0xff; 600];
            let length = reply.write(&mut out);
            assert_eq!(before + length, whole, "{before}");
            assert!(out[OPT_LEN + 4..length].iter().all(|octet| *octet == 0));
            let options = &out[OPT_LEN..length];
            assert!(read(512, 0, options).unwrap().padded);
        }
        let mut reply = OptReply::default();
        reply.pad(12, 65_535);
        assert_eq!(reply.length(), OPT_LEN);
    }
}
