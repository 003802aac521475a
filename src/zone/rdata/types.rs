//! The table of record types: numbers, names, fields, and one example each.
//!
//! From the registry of IANA. Meta types (questions only) and what DNSSEC computes are known by name, so that they
//! can be refused with the reason.

use std::borrow::Cow;

/// One field of a record's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// A domain name, never compressed here.
    Name,
    /// A number of one octet, called so.
    U8(&'static str),
    /// A number of two octets.
    U16(&'static str),
    /// A number of four octets.
    U32(&'static str),
    /// Seconds, in four octets; `1h30m` too.
    Period(&'static str),
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
    /// A string of at most 255 octets, its length before it.
    Text,
    /// One such string or more.
    Texts,
    /// One string to the end of the data, without a length.
    Rest,
    /// A CAA tag: letters and digits, its length before it (RFC 8659 section 4.1).
    Tag,
    /// A DNSSEC algorithm: number or mnemonic, one octet.
    Algorithm,
    /// A certificate type: number or mnemonic, two octets (RFC 4398).
    CertType,
    /// Octets to the end, in hexadecimal, whose number the octet before them fixes.
    Digest(&'static [(u8, usize)]),
    /// Octets to the end, in base 64.
    Base64,
    /// That many octets as `00-00-5e-…`.
    Dashes(usize),
    /// Eight octets as `0014:4fff:ff20:ee64`.
    Groups,
    /// The types of CSYNC, as a bitmap.
    Types,
    /// Address prefixes (RFC 3123).
    Prefixes,
    /// Kind of a gateway, algorithm, the gateway and its key to the end (RFC 4025 section 2).
    Gateway,
    /// A place on Earth (RFC 1876).
    Location,
    /// Service parameters (RFC 9460).
    Parameters,
}

/// How a type is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// As these fields.
    Fields(&'static [Field]),
    /// As RFC 3597 says, only.
    Generic,
    /// DNSSEC computes it: not in a file.
    Computed,
    /// It is for questions and envelopes: not data.
    Meta,
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its number.
    pub(crate) number: u16,
    /// Its mnemonic.
    pub(crate) name: &'static str,
    /// How its data is written.
    pub(crate) form: Form,
    /// An example: type and data.
    pub(crate) sample: &'static str,
}

use Field::*;

const fn of(number: u16, name: &'static str, fields: &'static [Field], sample: &'static str) -> Kind {
    Kind {
        number,
        name,
        form: Form::Fields(fields),
        sample,
    }
}

const fn other(number: u16, name: &'static str, form: Form) -> Kind {
    Kind {
        number,
        name,
        form,
        sample: "",
    }
}

const DS_DIGESTS: &[(u8, usize)] = &[(1, 20), (2, 32), (3, 32), (4, 48)];
const DS: &[Field] = &[U16("key tag"), Algorithm, U8("digest type"), Digest(DS_DIGESTS)];
const KEY: &[Field] = &[U16("flags field"), U8("protocol"), Algorithm, Base64];
const TLSA: &[Field] = &[
    U8("usage"),
    U8("selector"),
    U8("matching type"),
    Digest(&[(1, 32), (2, 64)]),
];
const SVCB: &[Field] = &[U16("priority"), Name, Parameters];

/// All types known by name; the common ones first, since they are looked for in this order.
pub(crate) static TYPES: &[Kind] = &[
    of(1, "A", &[V4], "A 192.0.2.1"),
    of(28, "AAAA", &[V6], "AAAA 2001:db8::1"),
    of(5, "CNAME", &[Name], "CNAME www.example.com."),
    of(2, "NS", &[Name], "NS ns1.example.com."),
    of(12, "PTR", &[Name], "PTR host.example.com."),
    of(15, "MX", &[U16("preference"), Name], "MX 10 mail.example.com."),
    of(16, "TXT", &[Texts], "TXT \"text\" \"more text\""),
    of(
        33,
        "SRV",
        &[U16("priority"), U16("weight"), U16("port"), Name],
        "SRV 10 60 5060 sip.example.com.",
    ),
    of(
        6,
        "SOA",
        &[
            Name,
            Name,
            U32("serial"),
            Period("refresh"),
            Period("retry"),
            Period("expire"),
            Period("minimum"),
        ],
        "SOA ns1.example.com. hostmaster.example.com. 1 7200 1800 1209600 300",
    ),
    of(
        257,
        "CAA",
        &[U8("flags octet"), Tag, Rest],
        "CAA 0 issue \"ca.example.net\"",
    ),
    of(39, "DNAME", &[Name], "DNAME example.net."),
    of(65, "HTTPS", SVCB, "HTTPS 1 . alpn=h2,h3"),
    of(64, "SVCB", SVCB, "SVCB 1 svc.example.com. port=8443"),
    of(52, "TLSA", TLSA, "TLSA 3 1 1 0123…EF (64 hexadecimal digits)"),
    of(43, "DS", DS, "DS 60485 13 2 0123…EF (64 hexadecimal digits)"),
    of(
        44,
        "SSHFP",
        &[
            U8("algorithm"),
            U8("fingerprint type"),
            Digest(&[(1, 20), (2, 32)]),
        ],
        "SSHFP 4 2 0123…EF (64 hexadecimal digits)",
    ),
    of(
        35,
        "NAPTR",
        &[U16("order"), U16("preference"), Text, Text, Text, Name],
        "NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.com!\" .",
    ),
    of(99, "SPF", &[Texts], "SPF \"v=spf1 -all\""),
    of(13, "HINFO", &[Text, Text], "HINFO \"\" \"Linux\""),
    of(
        29,
        "LOC",
        &[Location],
        "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 1m 10000m 10m",
    ),
    of(17, "RP", &[Name, Name], "RP hostmaster.example.com. ."),
    of(
        256,
        "URI",
        &[U16("priority"), U16("weight"), Rest],
        "URI 10 1 \"https://example.com/\"",
    ),
    of(42, "APL", &[Prefixes], "APL 1:192.0.2.0/24 !2:2001:db8::/32"),
    of(18, "AFSDB", &[U16("subtype"), Name], "AFSDB 1 afs.example.com."),
    of(59, "CDS", DS, "CDS 60485 13 2 0123…EF (64 hexadecimal digits)"),
    of(60, "CDNSKEY", KEY, "CDNSKEY 257 3 13 BASE64"),
    of(
        37,
        "CERT",
        &[CertType, U16("key tag"), Algorithm, Base64],
        "CERT PGP 0 0 BASE64",
    ),
    of(53, "SMIMEA", TLSA, "SMIMEA 3 1 1 0123…EF (64 hexadecimal digits)"),
    of(61, "OPENPGPKEY", &[Base64], "OPENPGPKEY BASE64"),
    of(
        62,
        "CSYNC",
        &[U32("serial"), U16("flags field"), Types],
        "CSYNC 66 3 A NS AAAA",
    ),
    of(
        63,
        "ZONEMD",
        &[
            U32("serial"),
            U8("scheme"),
            U8("hash"),
            Digest(&[(1, 48), (2, 64)]),
        ],
        "ZONEMD 2018031500 1 1 0123…EF (96 hexadecimal digits)",
    ),
    of(7, "MB", &[Name], "MB mail.example.com."),
    of(8, "MG", &[Name], "MG mail.example.com."),
    of(9, "MR", &[Name], "MR mail.example.com."),
    of(14, "MINFO", &[Name, Name], "MINFO a.example.com. b.example.com."),
    of(19, "X25", &[Text], "X25 \"311061700956\""),
    of(20, "ISDN", &[Texts], "ISDN \"150862028003217\" \"004\""),
    of(21, "RT", &[U16("preference"), Name], "RT 10 relay.example.com."),
    of(
        26,
        "PX",
        &[U16("preference"), Name, Name],
        "PX 10 a.example.com. b.example.com.",
    ),
    of(
        27,
        "GPOS",
        &[Text, Text, Text],
        "GPOS \"-32.6882\" \"116.8652\" \"10.0\"",
    ),
    of(36, "KX", &[U16("preference"), Name], "KX 10 kx.example.com."),
    of(
        45,
        "IPSECKEY",
        &[U8("precedence"), Gateway],
        "IPSECKEY 10 1 2 192.0.2.38 BASE64",
    ),
    of(49, "DHCID", &[Base64], "DHCID BASE64"),
    of(56, "NINFO", &[Texts], "NINFO \"text\""),
    of(
        58,
        "TALINK",
        &[Name, Name],
        "TALINK a.example.com. b.example.com.",
    ),
    of(
        104,
        "NID",
        &[U16("preference"), Groups],
        "NID 10 0014:4fff:ff20:ee64",
    ),
    of(105, "L32", &[U16("preference"), V4], "L32 10 192.0.2.1"),
    of(
        106,
        "L64",
        &[U16("preference"), Groups],
        "L64 10 2001:0db8:1140:1000",
    ),
    of(107, "LP", &[U16("preference"), Name], "LP 10 l64.example.com."),
    of(108, "EUI48", &[Dashes(6)], "EUI48 00-00-5e-00-53-2a"),
    of(109, "EUI64", &[Dashes(8)], "EUI64 00-00-5e-ef-10-00-00-2a"),
    of(258, "AVC", &[Texts], "AVC \"text\""),
    of(261, "RESINFO", &[Texts], "RESINFO \"qnamemin\""),
    of(262, "WALLET", &[Texts], "WALLET \"BTC\" \"address\""),
    of(32769, "DLV", DS, "DLV 60485 13 2 0123…EF (64 hexadecimal digits)"),
    of(25, "KEY", KEY, "KEY 512 3 13 BASE64"),
    other(3, "MD", Form::Generic),
    other(4, "MF", Form::Generic),
    other(10, "NULL", Form::Generic),
    other(11, "WKS", Form::Generic),
    other(22, "NSAP", Form::Generic),
    other(23, "NSAP-PTR", Form::Generic),
    other(31, "EID", Form::Generic),
    other(32, "NIMLOC", Form::Generic),
    other(34, "ATMA", Form::Generic),
    other(38, "A6", Form::Generic),
    other(40, "SINK", Form::Generic),
    other(55, "HIP", Form::Generic),
    other(57, "RKEY", Form::Generic),
    other(66, "DSYNC", Form::Generic),
    other(67, "HHIT", Form::Generic),
    other(68, "BRID", Form::Generic),
    other(259, "DOA", Form::Generic),
    other(260, "AMTRELAY", Form::Generic),
    other(32768, "TA", Form::Generic),
    other(24, "SIG", Form::Computed),
    other(30, "NXT", Form::Computed),
    other(46, "RRSIG", Form::Computed),
    other(47, "NSEC", Form::Computed),
    other(48, "DNSKEY", Form::Computed),
    other(50, "NSEC3", Form::Computed),
    other(51, "NSEC3PARAM", Form::Computed),
    other(0, "TYPE0", Form::Meta),
    other(41, "OPT", Form::Meta),
    other(128, "NXNAME", Form::Meta),
    other(249, "TKEY", Form::Meta),
    other(250, "TSIG", Form::Meta),
    other(251, "IXFR", Form::Meta),
    other(252, "AXFR", Form::Meta),
    other(253, "MAILB", Form::Meta),
    other(254, "MAILA", Form::Meta),
    other(255, "ANY", Form::Meta),
];

/// The type of this number, when the table has it.
pub(crate) fn by_number(number: u16) -> Option<&'static Kind> {
    TYPES.iter().find(|kind| kind.number == number)
}

/// The type of this mnemonic, in any case.
pub(crate) fn by_name(name: &[u8]) -> Option<&'static Kind> {
    TYPES
        .iter()
        .find(|kind| kind.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The number behind a mnemonic or `TYPEnnn` (RFC 3597 section 5), in any case.
#[must_use]
pub fn type_number(name: &str) -> Option<u16> {
    match by_name(name.as_bytes()) {
        Some(kind) => Some(kind.number),
        None => numbered(name.as_bytes(), b"TYPE"),
    }
}

/// The mnemonic of a type, or `TYPEnnn`.
#[must_use]
pub fn type_name(number: u16) -> Cow<'static, str> {
    match by_number(number) {
        Some(kind) => Cow::Borrowed(kind.name),
        None => Cow::Owned(format!("TYPE{number}")),
    }
}

/// The number in `TYPE123` or `CLASS123`.
pub(crate) fn numbered(word: &[u8], before: &[u8]) -> Option<u16> {
    let (start, digits) = word.split_at_checked(before.len())?;
    if !start.eq_ignore_ascii_case(before) || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_of_types_are_unique_and_agree() {
        for (index, kind) in TYPES.iter().enumerate() {
            assert_eq!(by_number(kind.number).unwrap().name, kind.name);
            assert_eq!(type_number(&kind.name.to_lowercase()), Some(kind.number));
            assert!(TYPES[index + 1..].iter().all(|later| later.name != kind.name));
        }
        assert_eq!(type_number("type65280"), Some(65280));
        assert_eq!(type_name(65280), "TYPE65280");
        assert_eq!(type_number("TYPE"), None);
        assert_eq!(type_number("TYPE65536"), None);
    }

    #[test]
    fn numbers_are_those_of_another_registry() {
        use hickory_proto::rr::RecordType;
        for kind in TYPES {
            if let Ok(theirs) = kind.name.parse::<RecordType>() {
                assert_eq!(u16::from(theirs), kind.number, "{}", kind.name);
            }
        }
    }
}
