//! DNS cookies (RFC 7873): a client that shows the cookie it was given can be reached at the address it claims.
//!
//! Server cookies are of version 1 (RFC 9018 section 4), which every server with the same secret makes and verifies
//! alike: version, three reserved octets, time, and SipHash-2-4 over the client's cookie, those eight octets and the
//! client's address. Nothing is stored.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use siphasher::sip128;

/// COOKIE, the option's code.
pub const COOKIE: u16 = 10;
/// Octets of a client's cookie.
pub const CLIENT: usize = 8;
/// Octets of a server's cookie of version 1.
pub const SERVER: usize = 16;
/// Octets of the option with both cookies, code and length included.
pub const OPTION: usize = 4 + CLIENT + SERVER;

/// A client's cookie and the server's for it.
pub type Cookies = ([u8; CLIENT], [u8; SERVER]);

/// Seconds for which a cookie is good (RFC 9018 section 4.3).
const LIFETIME: i32 = 3600;
/// Seconds by which the clocks of servers may differ.
const AHEAD: i32 = 300;
/// Seconds after which a client gets a new cookie.
const RENEWAL: i32 = 1800;
/// Seconds for which a secret that is made here is used.
const PERIOD: u32 = 86_400;
/// The first octet of a server's cookie.
const VERSION: u8 = 1;

/// What a query's COOKIE option says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Said {
    /// There is none.
    #[default]
    Nothing,
    /// It has a length that none has: FORMERR (RFC 7873 section 5.2.2).
    Malformed,
    /// The client's cookie alone: it has none of ours yet.
    Client([u8; CLIENT]),
    /// The client's cookie and one of ours, if it is one.
    Both([u8; CLIENT], [u8; SERVER]),
    /// The client's cookie and one that cannot be ours, since it is longer or shorter.
    Foreign([u8; CLIENT]),
}

impl Said {
    /// With the data of one more option: only the first counts (RFC 7873 section 5.2).
    #[must_use]
    pub fn and(self, data: &[u8]) -> Self {
        if self != Self::Nothing {
            return self;
        }
        let Some((&client, server)) = data.split_first_chunk::<CLIENT>() else {
            return Self::Malformed;
        };
        match (server.len(), server.try_into()) {
            (0, _) => Self::Client(client),
            (_, Ok(server)) => Self::Both(client, server),
            (8..=32, _) => Self::Foreign(client),
            _ => Self::Malformed,
        }
    }

    /// The client's cookie.
    #[must_use]
    pub const fn client(self) -> Option<[u8; CLIENT]> {
        match self {
            Self::Nothing | Self::Malformed => None,
            Self::Client(client) | Self::Both(client, _) | Self::Foreign(client) => Some(client),
        }
    }

    /// Whether a server's cookie was shown, of whatever kind.
    #[must_use]
    pub const fn shows_server(self) -> bool {
        matches!(self, Self::Both(..) | Self::Foreign(_))
    }
}

/// What cookies are made of and verified by. Not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Secrets {
    /// Shared between servers: the first makes cookies, all verify them. At least one.
    Shared(Box<[[u8; 16]]>),
    /// This process's own: the secret of each day follows from it.
    Own([u8; 16]),
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Own(_) => "Own",
        })
    }
}

/// How good a server's cookie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not made for this client, or is too old.
    Wrong,
    /// It is good, and shall be replaced.
    Renew,
    /// It is good.
    Good,
}

impl Secrets {
    /// The cookie of the client at `address` whose own is `client`, made at `now` (seconds since 1970, modulo 2^32).
    #[must_use]
    pub fn make(&self, client: [u8; CLIENT], address: IpAddr, now: u32) -> [u8; SERVER] {
        let [a, b, c, d] = now.to_be_bytes();
        let head = [VERSION, 0, 0, 0, a, b, c, d];
        let secret = match self {
            Self::Shared(secrets) => secrets.first().copied().unwrap_or_default(),
            Self::Own(seed) => of_period(seed, now),
        };
        join(head, hash(&secret, client, head, address))
    }

    /// What `server` is worth when the client at `address` shows it at `now`.
    #[must_use]
    pub fn verify(&self, client: [u8; CLIENT], server: [u8; SERVER], address: IpAddr, now: u32) -> Verdict {
        let [v, r0, r1, r2, a, b, c, d, ref tail @ ..] = server;
        let made = u32::from_be_bytes([a, b, c, d]);
        // Serial numbers (RFC 1982): the difference is a signed number, whatever the clock has passed.
        let age = now.wrapping_sub(made).cast_signed();
        if v != VERSION || !(-AHEAD..=LIFETIME).contains(&age) {
            return Verdict::Wrong;
        }
        let head = [v, r0, r1, r2, a, b, c, d];
        let shown = u64::from_le_bytes(*tail);
        let is_by = |secret: &[u8; 16]| hash(secret, client, head, address) == shown;
        let place = match self {
            Self::Shared(secrets) => secrets.iter().position(is_by),
            Self::Own(seed) => is_by(&of_period(seed, made)).then_some(0),
        };
        match place {
            None => Verdict::Wrong,
            Some(0) if age <= RENEWAL => Verdict::Good,
            Some(_) => Verdict::Renew,
        }
    }
}

/// The secret of the period in which `time` lies.
fn of_period(seed: &[u8; 16], time: u32) -> [u8; 16] {
    let period = (time / PERIOD).to_be_bytes();
    sip128::SipHasher24::new_with_key(seed).hash(&period).as_bytes()
}

fn hash(secret: &[u8; 16], client: [u8; CLIENT], head: [u8; 8], address: IpAddr) -> u64 {
    let mut input = [0; CLIENT + 8 + 16];
    let (fixed, place) = input.split_at_mut(CLIENT + 8);
    for (octet, from) in fixed.iter_mut().zip(client.into_iter().chain(head)) {
        *octet = from;
    }
    let length = match address.to_canonical() {
        IpAddr::V4(four) => put(place, &four.octets()),
        IpAddr::V6(six) => put(place, &six.octets()),
    };
    let input = input.get(..CLIENT + 8 + length).unwrap_or(&[]);
    SipHasher24::new_with_key(secret).hash(input)
}

fn put(place: &mut [u8], octets: &[u8]) -> usize {
    for (octet, from) in place.iter_mut().zip(octets) {
        *octet = *from;
    }
    octets.len()
}

fn join(head: [u8; 8], hash: u64) -> [u8; SERVER] {
    let mut cookie = [0; SERVER];
    for (octet, from) in cookie.iter_mut().zip(head.into_iter().chain(hash.to_le_bytes())) {
        *octet = from;
    }
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    fn shared(secrets: &[&str]) -> Secrets {
        Secrets::Shared(secrets.iter().map(|secret| octets(secret)).collect())
    }

    /// RFC 9018, appendix A.
    #[test]
    fn the_vectors_of_rfc_9018_hold() {
        const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
        let secrets = shared(&[SECRET]);
        let (client, at) = (octets("2464c4abcf10c957"), "198.51.100.100".parse().unwrap());
        // A.1: a new cookie.
        let first = secrets.make(client, at, 0x5cf7_9f11);
        assert_eq!(first, octets("010000005cf79f111f8130c3eee29480"));
        // A.2: the same client, forty minutes later.
        let later = 0x5cf7_a871;
        assert_eq!(secrets.verify(client, first, at, later), Verdict::Renew);
        assert_eq!(
            secrets.make(client, at, later),
            octets("010000005cf7a871d4a564a1442aca77")
        );
        // A.3: another client; what is reserved is set, and part of what is hashed.
        let (client, at) = (octets("fc93fc62807ddb86"), "203.0.113.203".parse().unwrap());
        let (shown, now) = (octets("01abcdef5cf78f71a314227b6679ebf5"), 0x5cf7_94e4);
        assert_eq!(secrets.verify(client, shown, at, now), Verdict::Good);
        assert_eq!(
            secrets.make(client, at, 0x5cf7_a9ac),
            octets("010000005cf7a9acf73a7810aca2381e")
        );
        // A.4: IPv6, and a secret rolled over.
        let (old, new) = (
            "dd3bdf9344b678b185a6f5cb60fca715",
            "445536bcd2513298075a5d379663c962",
        );
        let (client, at) = (
            octets("22681ab97d52c298"),
            "2001:db8:220:1:59de:d0f4:8769:82b8".parse().unwrap(),
        );
        let (shown, now) = (octets("010000005cf7c57926556bd0934c72f8"), 0x5cf7_c609);
        assert_eq!(shared(&[new]).verify(client, shown, at, now), Verdict::Wrong);
        assert_eq!(shared(&[new, old]).verify(client, shown, at, now), Verdict::Renew);
        assert_eq!(
            shared(&[new, old]).make(client, at, now),
            octets("010000005cf7c609a6bb79d16625507a")
        );
    }

    #[test]
    fn only_lengths_that_cookies_have_are_read_and_only_the_first_option_counts() {
        for length in 0..=48 {
            let said = Said::Nothing.and(&vec![7; length]);
            let right = match length {
                8 => Said::Client([7; 8]),
                24 => Said::Both([7; 8], [7; 16]),
                16..=40 => Said::Foreign([7; 8]),
                _ => Said::Malformed,
            };
            assert_eq!(said, right, "{length} octets");
            assert_eq!(said.and(&[1; 8]), right, "{length} octets, then another option");
        }
    }

    #[test]
    fn cookies_live_for_an_hour_and_no_longer_on_either_side_of_a_day_and_of_the_end_of_the_clock() {
        let (client, at) = ([3; 8], "192.0.2.1".parse().unwrap());
        for secrets in [Secrets::Own([9; 16]), Secrets::Shared(Box::from([[9; 16]]))] {
            for made in [86_400 * 20_000 - 100, 0, u32::MAX - 20] {
                let cookie = secrets.make(client, at, made);
                for (age, verdict) in [
                    (-301, Verdict::Wrong),
                    (-300, Verdict::Good),
                    (0, Verdict::Good),
                    (1800, Verdict::Good),
                    (1801, Verdict::Renew),
                    (3600, Verdict::Renew),
                    (3601, Verdict::Wrong),
                    (i32::MIN, Verdict::Wrong),
                ] {
                    let now = made.wrapping_add_signed(age);
                    assert_eq!(secrets.verify(client, cookie, at, now), verdict, "{made} {age}");
                }
            }
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secrets::Own([77; 16])), "Own");
    }

    proptest! {
        /// What is made is good for the client it was made for, and for nobody and nothing else.
        #[test]
        fn a_cookie_is_good_for_its_client_alone(
            secret: [u8; 16], client: [u8; 8], four: [u8; 4], six: [u8; 16], v6: bool, now: u32, own: bool,
            bit in 0..8 * SERVER,
        ) {
            let secrets = if own { Secrets::Own(secret) } else { Secrets::Shared(Box::from([secret])) };
            let at: IpAddr = if v6 { six.into() } else { four.into() };
            let cookie = secrets.make(client, at, now);
            prop_assert_eq!(secrets.verify(client, cookie, at, now), Verdict::Good);
            let mut other = cookie;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(secrets.verify(client, other, at, now), Verdict::Wrong);
            let mut stranger = client;
            stranger[bit % 8] ^= 1;
            prop_assert_eq!(secrets.verify(stranger, cookie, at, now), Verdict::Wrong);
            let elsewhere: IpAddr = if v6 { four.into() } else { six.into() };
            prop_assert_eq!(secrets.verify(client, cookie, elsewhere, now), Verdict::Wrong);
            let mut secret = secret;
            secret[bit % 16] ^= 1;
            let others = if own { Secrets::Own(secret) } else { Secrets::Shared(Box::from([secret])) };
            prop_assert_eq!(others.verify(client, cookie, at, now), Verdict::Wrong);
        }
    }
}
