//! Ethernet frames that carry a UDP datagram whole: read, and turned round for the answer. For what comes past the
//! kernel's own network stack, so everything that the stack would check is checked here.
//!
//! Only the plainest form is read: no VLAN tag, no IP options, no extension headers, no fragments. The rest is the
//! kernel's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Octets of an Ethernet header.
pub const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
/// Octets of the longest headers that are read or written: Ethernet, IPv6, UDP.
pub const HEADERS: usize = ETHERNET + IPV6 + UDP;

const TYPE_IPV4: [u8; 2] = [0x08, 0x00];
const TYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const PROTOCOL: u8 = 17;
/// TTL and hop limit of answers (RFC 1700's default, and what the kernel sends with).
const TTL: u8 = 64;
/// "Don't fragment": with it, the identification may be zero (RFC 6864 section 4.1).
const DONT_FRAGMENT: [u8; 2] = [0x40, 0x00];

/// A datagram as it lies in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'f> {
    /// Who sent it.
    pub source: IpAddr,
    /// From which port; never 0.
    pub source_port: u16,
    /// The address asked.
    pub destination: IpAddr,
    /// The port asked.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'f [u8],
    /// Ethernet, IP and UDP headers.
    headers: &'f [u8],
}

/// Reads a frame. `None` for what is no whole and correct UDP datagram in its plainest form, and for senders that
/// nobody can answer: the kernel would drop those, too.
#[must_use]
pub fn read(frame: &[u8]) -> Option<Datagram<'_>> {
    let (ethernet, packet) = frame.split_at_checked(ETHERNET)?;
    // Groups do not send (IEEE 802.3: the lowest bit of the first octet).
    if ethernet.get(6)? & 1 != 0 {
        return None;
    }
    match *ethernet.last_chunk()? {
        TYPE_IPV4 => read_ipv4(frame, packet),
        TYPE_IPV6 => read_ipv6(frame, packet),
        _ => None,
    }
}

fn read_ipv4<'f>(frame: &'f [u8], packet: &'f [u8]) -> Option<Datagram<'f>> {
    let header: &[u8; IPV4] = packet.first_chunk()?;
    let length = usize::from(be16(header, 2)?);
    let fragment = be16(header, 6)? & 0x3fff;
    if header[0] != 0x45 || header[9] != PROTOCOL || fragment != 0 || fold(sum(header, 0)) != 0xffff {
        return None;
    }
    let source = Ipv4Addr::from(*header.get(12..)?.first_chunk()?);
    let destination = Ipv4Addr::from(*header.get(16..)?.first_chunk()?);
    let senders = source.is_loopback() || source.is_multicast() || source.octets()[0] == 0;
    if senders || source.is_broadcast() {
        return None;
    }
    let segment = packet.get(IPV4..length)?;
    read_udp(
        frame,
        segment,
        ETHERNET + IPV4,
        (source.into(), destination.into()),
        header.get(12..)?,
    )
}

fn read_ipv6<'f>(frame: &'f [u8], packet: &'f [u8]) -> Option<Datagram<'f>> {
    let header: &[u8; IPV6] = packet.first_chunk()?;
    let length = usize::from(be16(header, 4)?);
    if header[0] >> 4 != 6 || header[6] != PROTOCOL {
        return None;
    }
    let source = Ipv6Addr::from(*header.get(8..)?.first_chunk()?);
    let destination = Ipv6Addr::from(*header.get(24..)?.first_chunk()?);
    if source.is_unspecified() || source.is_loopback() || source.is_multicast() {
        return None;
    }
    let segment = packet.get(IPV6..)?.get(..length)?;
    read_udp(
        frame,
        segment,
        ETHERNET + IPV6,
        (source.into(), destination.into()),
        header.get(8..)?,
    )
}

/// Reads the UDP datagram in `segment`, which begins at octet `at` of `frame`; `addresses` are those of the IP header.
fn read_udp<'f>(
    frame: &'f [u8],
    segment: &'f [u8],
    at: usize,
    (source, destination): (IpAddr, IpAddr),
    addresses: &[u8],
) -> Option<Datagram<'f>> {
    let header: &[u8; UDP] = segment.first_chunk()?;
    let length = usize::from(be16(header, 4)?);
    let segment = segment.get(..length)?;
    let payload = segment.get(UDP..)?;
    let source_port = be16(header, 0)?;
    if source_port == 0 {
        return None;
    }
    let said = be16(header, 6)?;
    let absent = said == 0;
    if absent && destination.is_ipv6() {
        // RFC 8200 section 8.1.
        return None;
    }
    if !absent {
        let pseudo = pseudo(addresses, length);
        // What a virtual interface hands over was never on a wire: its checksum covers the pseudo-header alone, for
        // the hardware to complete.
        let whole = fold(sum(segment, pseudo)) == 0xffff;
        if !whole && said.to_be_bytes() != fold(pseudo).to_ne_bytes() {
            return None;
        }
    }
    Some(Datagram {
        source,
        source_port,
        destination,
        destination_port: be16(header, 2)?,
        payload,
        headers: frame.get(..at + UDP)?,
    })
}

impl Datagram<'_> {
    /// How many octets of headers an answer begins with.
    #[inline]
    #[must_use]
    pub fn headers(&self) -> usize {
        self.headers.len()
    }

    /// Writes the headers of the answer to this datagram before the `payload` of `frame`: addresses and ports change
    /// sides. Which octets of `frame` are the answer; `None` when there is not enough room before the payload, or
    /// more of it than a datagram carries.
    #[must_use]
    pub fn turn(&self, frame: &mut [u8], payload: Range<usize>) -> Option<Range<usize>> {
        let start = payload.start.checked_sub(self.headers.len())?;
        let answer = frame.get_mut(start..payload.end)?;
        let udp_length = u16::try_from(payload.len() + UDP).ok()?;
        answer
            .get_mut(..self.headers.len())?
            .copy_from_slice(self.headers);
        let (ethernet, packet) = answer.split_at_mut_checked(ETHERNET)?;
        ethernet.get_mut(..12)?.rotate_left(6);
        let (ip, segment) = packet.split_at_mut_checked(self.headers.len() - ETHERNET - UDP)?;
        if ip.len() == IPV4 {
            let header: &mut [u8; IPV4] = ip.first_chunk_mut()?;
            let total = udp_length.checked_add(IPV4 as u16)?.to_be_bytes();
            header[1] = 0;
            header[2..4].copy_from_slice(&total);
            header[4..6].fill(0);
            header[6..8].copy_from_slice(&DONT_FRAGMENT);
            header[8] = TTL;
            header[10..12].fill(0);
            header[12..20].rotate_left(4);
            let checksum = !fold(sum(header, 0));
            header[10..12].copy_from_slice(&checksum.to_ne_bytes());
        } else {
            let header: &mut [u8; IPV6] = ip.first_chunk_mut()?;
            header[..4].copy_from_slice(&[0x60, 0, 0, 0]);
            header[4..6].copy_from_slice(&udp_length.to_be_bytes());
            header[7] = TTL;
            header[8..40].rotate_left(16);
        }
        let addresses = if ip.len() == IPV4 { 12 } else { 8 };
        let pseudo = pseudo(ip.get(addresses..)?, usize::from(udp_length));
        let header: &mut [u8; UDP] = segment.first_chunk_mut()?;
        header[..4].rotate_left(2);
        header[4..6].copy_from_slice(&udp_length.to_be_bytes());
        header[6..8].fill(0);
        let checksum = match !fold(sum(segment, pseudo)) {
            // Zero would mean "none" (RFC 768).
            0 => 0xffff,
            checksum => checksum,
        };
        segment.get_mut(6..8)?.copy_from_slice(&checksum.to_ne_bytes());
        Some(start..payload.end)
    }
}

/// The sum over the pseudo-header (RFC 768; RFC 8200 section 8.1): both say the same of addresses, protocol and length.
fn pseudo(addresses: &[u8], length: usize) -> u64 {
    let rest = u32::from(PROTOCOL).wrapping_add(length as u32);
    sum(addresses, u64::from(rest.to_be()))
}

/// Adds the sixteen-bit words of `octets` to `sum`, in the processor's order of octets: the sum of ones' complements
/// is the same in either (RFC 1071 section 2(B)). The last word is filled with a zero.
#[inline]
fn sum(octets: &[u8], sum: u64) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let mut sum = words
        .iter()
        .fold(sum, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
    let mut last = [0; 4];
    for (place, octet) in last.iter_mut().zip(rest) {
        *place = *octet;
    }
    sum += u64::from(u32::from_ne_bytes(last));
    sum
}

/// The sum folded into sixteen bits, in the processor's order of octets.
#[inline]
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    octets
        .get(at..)?
        .first_chunk()
        .map(|pair| u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests;
