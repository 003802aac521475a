//! EDNS Client Subnet (RFC 7871): from which network a resolver's client asks, and for which network an answer holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The option's code.
pub const CLIENT_SUBNET: u16 = 8;
/// Octets of the longest option, header included.
pub const LONGEST: usize = 4 + 4 + 16;

/// What a query's option says (RFC 7871 section 6), kept as it came so that it can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    family: u8,
    source: u8,
    address: [u8; 16],
}

/// What a query says of its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// This.
    Subnet(ClientSubnet),
    /// Something that breaks the option's format, or two of it: FORMERR, where the option is heeded.
    Malformed,
}

impl Told {
    /// Reads an option's data, after what was told before.
    #[must_use]
    pub fn and(self, data: &[u8]) -> Self {
        match (self, ClientSubnet::read(data)) {
            (Self::Nothing, Some(subnet)) => Self::Subnet(subnet),
            _ => Self::Malformed,
        }
    }
}

impl ClientSubnet {
    /// Reads an option's data. FAMILY 0 stands for nobody: then nothing else may be said. SCOPE PREFIX-LENGTH must be
    /// 0, ADDRESS as long as SOURCE PREFIX-LENGTH needs, and zero past it.
    fn read(data: &[u8]) -> Option<Self> {
        let (&[family_high, family, source, scope], octets) = data.split_first_chunk()?;
        let most = match (family_high, family) {
            (0, 0) => 0,
            (0, 1) => 32,
            (0, 2) => 128,
            _ => return None,
        };
        if source > most || scope != 0 || octets.len() != usize::from(source).div_ceil(8) {
            return None;
        }
        let mut address = [0; 16];
        address.get_mut(..octets.len())?.copy_from_slice(octets);
        let past = (8 - source % 8) % 8;
        let last = octets.last().copied().unwrap_or(0);
        (u32::from(last).trailing_zeros() >= u32::from(past)).then_some(Self {
            family,
            source,
            address,
        })
    }

    /// The client's network: address with zeros past the number of bits; `None` when it is not to be known (SOURCE
    /// PREFIX-LENGTH 0).
    #[must_use]
    pub fn network(&self) -> Option<(IpAddr, u8)> {
        if self.source == 0 {
            return None;
        }
        let [a, b, c, d, ..] = self.address;
        Some(match self.family {
            1 => (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), self.source),
            _ => (IpAddr::V6(Ipv6Addr::from(self.address)), self.source),
        })
    }

    /// Octets of the option in a reply, header included.
    #[must_use]
    pub fn length(&self) -> usize {
        8 + usize::from(self.source).div_ceil(8)
    }

    /// The option's data in a reply with SCOPE PREFIX-LENGTH `scope`: the head, and the address.
    #[must_use]
    pub fn reply(&self, scope: u8) -> ([u8; 4], &[u8]) {
        let octets = usize::from(self.source).div_ceil(8);
        // Whose network is not known gets what everybody of that kind may share (section 7.1.2).
        let scope = if self.source == 0 { 0 } else { scope };
        (
            [0, self.family, self.source, scope],
            self.address.get(..octets).unwrap_or(&[]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_rfc_writes_them() {
        for (data, network, what) in [
            (&[0, 1, 24, 0, 192, 0, 2][..], Some("192.0.2.0/24"), "a /24"),
            (
                &[0, 1, 32, 0, 192, 0, 2, 9],
                Some("192.0.2.9/32"),
                "a whole address",
            ),
            (
                &[0, 1, 20, 0, 192, 0, 0x20],
                Some("192.0.32.0/20"),
                "bits within an octet",
            ),
            (&[0, 1, 1, 0, 0x80], Some("128.0.0.0/1"), "one bit"),
            (
                &[0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 1],
                Some("2001:db8:0:100::/56"),
                "a /56",
            ),
            (&[0, 1, 0, 0], None, "nobody, of IPv4"),
            (&[0, 2, 0, 0], None, "nobody, of IPv6"),
            (&[0, 0, 0, 0], None, "nobody at all"),
        ] {
            let Told::Subnet(subnet) = Told::Nothing.and(data) else {
                panic!("{what} is refused");
            };
            let read = subnet
                .network()
                .map(|(address, length)| format!("{address}/{length}"));
            assert_eq!(read.as_deref(), network, "{what}");
            let (head, address) = subnet.reply(17);
            assert_eq!(subnet.length(), 4 + head.len() + address.len());
            let scope = if network.is_some() { 17 } else { 0 };
            let mut expected = data.to_vec();
            expected[3] = scope;
            assert_eq!([&head[..], address].concat(), expected, "{what}");
        }
    }

    #[test]
    fn what_breaks_the_format_is_seen() {
        for (data, what) in [
            (&[][..], "no data"),
            (&[0, 1, 24], "cut off"),
            (&[0, 1, 24, 0, 192, 0], "too few octets"),
            (&[0, 1, 24, 0, 192, 0, 2, 0], "too many octets"),
            (&[0, 1, 20, 0, 192, 0, 0x28], "bits past the prefix"),
            (&[0, 1, 33, 0, 192, 0, 2, 1, 0], "a prefix too long for IPv4"),
            (&[0, 1, 24, 24, 192, 0, 2], "a scope in a query"),
            (&[0, 0, 8, 0, 10], "an address of no family"),
            (&[0, 3, 0, 0], "a family that is none"),
            (&[1, 1, 24, 0, 192, 0, 2], "family 257"),
        ] {
            assert_eq!(Told::Nothing.and(data), Told::Malformed, "{what}");
        }
        let one = Told::Nothing.and(&[0, 1, 0, 0]);
        assert_eq!(one.and(&[0, 1, 0, 0]), Told::Malformed, "twice");
        let long = [&[0, 2, 129, 0][..], &[0; 17]].concat();
        assert_eq!(Told::Nothing.and(&long), Told::Malformed, "too long for IPv6");
    }
}
