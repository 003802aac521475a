//! Whom an answer is for, as far as a choice may depend on it.

use std::net::IpAddr;

use crate::model::place::{Atlas, Located};

/// The client, or as much of its address as its resolver tells.
#[derive(Clone, Copy, Debug)]
pub struct ClientKey<'a> {
    /// The address; bits past `length` are zero.
    pub address: IpAddr,
    /// How many bits of it are known: 0..=32 or 0..=128.
    pub length: u8,
    /// Who knows where addresses are.
    pub atlas: Option<&'a dyn Atlas>,
}

impl<'a> ClientKey<'a> {
    /// A client whose whole address is known. An IPv4 address in IPv6 clothes counts as what it is.
    #[must_use]
    #[inline]
    pub fn whole(address: IpAddr, atlas: Option<&'a dyn Atlas>) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            length: width(address),
            atlas,
        }
    }

    /// Where the client is.
    pub(super) fn locate(&self) -> Located {
        self.atlas
            .map_or_else(Located::default, |atlas| atlas.locate(self.address))
    }
}

/// Bits of an address of this family.
#[must_use]
pub fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address as a number; of IPv4, only the lower 32 bits are used.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The last of the addresses of a family, as a number.
#[must_use]
pub fn last_number(is_ipv4: bool) -> u128 {
    if is_ipv4 { u128::from(u32::MAX) } else { u128::MAX }
}
