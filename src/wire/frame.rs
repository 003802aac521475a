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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as a client's kernel makes it, checksums by the textbook.
    fn frame(source: (IpAddr, u16), destination: (IpAddr, u16), payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() + UDP) as u16;
        let mut udp = [source.1, destination.1, length, 0]
            .map(u16::to_be_bytes)
            .concat();
        udp.extend_from_slice(payload);
        let (mut addresses, mut frame) = (Vec::new(), vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        for address in [source.0, destination.0] {
            match address {
                IpAddr::V4(address) => addresses.extend(address.octets()),
                IpAddr::V6(address) => addresses.extend(address.octets()),
            }
        }
        if source.0.is_ipv4() {
            frame.extend(TYPE_IPV4);
            let total = (length + 20).to_be_bytes();
            let mut header = vec![0x45, 0xb8, total[0], total[1], 7, 7, 0, 0, 63, PROTOCOL, 0, 0];
            header.extend(&addresses);
            let checksum = textbook(&header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            frame.extend(header);
        } else {
            frame.extend(TYPE_IPV6);
            let [high, low] = length.to_be_bytes();
            frame.extend([0x61, 2, 3, 4, high, low, PROTOCOL, 61]);
            frame.extend(&addresses);
        }
        let checksum = udp_checksum(&addresses, &udp);
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        frame.extend(udp);
        frame
    }

    fn udp_checksum(addresses: &[u8], udp: &[u8]) -> u16 {
        let mut all = addresses.to_vec();
        all.extend([0, PROTOCOL]);
        all.extend((udp.len() as u16).to_be_bytes());
        all.extend(udp);
        match textbook(&all) {
            0 => 0xffff,
            sum => sum,
        }
    }

    /// RFC 1071 section 1, word by word.
    fn textbook(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
        let four = (any::<[u8; 3]>(), any::<u32>())
            .prop_map(|([a, b, c], to)| (IpAddr::from([100, a, b, c]), IpAddr::from(to.to_be_bytes())));
        let six = (any::<u64>(), any::<u128>()).prop_map(|(from, to)| {
            let from = 0x2001_0db8 << 96 | u128::from(from);
            (Ipv6Addr::from(from).into(), Ipv6Addr::from(to).into())
        });
        prop_oneof![four, six]
    }

    proptest! {
        #[test]
        fn what_was_asked_is_read_and_turned_round(
            (from, to) in addresses(),
            ports in (1u16.., any::<u16>()),
            query in proptest::collection::vec(any::<u8>(), 0..1400),
            reply in proptest::collection::vec(any::<u8>(), 0..1400),
            trailer in 0usize..30,
        ) {
            let mut asked = frame((from, ports.0), (to, ports.1), &query);
            asked.extend(vec![0xaa; trailer]);
            let read = super::read(&asked).unwrap();
            prop_assert_eq!((read.source, read.source_port), (from, ports.0));
            prop_assert_eq!((read.destination, read.destination_port), (to, ports.1));
            prop_assert_eq!(read.payload, &query[..]);

            let mut room = vec![0x55; HEADERS + 2 + reply.len()];
            room[HEADERS + 2..].copy_from_slice(&reply);
            let end = room.len();
            let range = read.turn(&mut room, HEADERS + 2..end).unwrap();
            let answer = room[range].to_vec();
            prop_assert_eq!(&answer[..6], &asked[6..12]);
            prop_assert_eq!(&answer[6..12], &asked[..6]);
            // The other way round it is the same frame but for what kernels choose.
            let mut expected = frame((to, ports.1), (from, ports.0), &reply);
            expected[..12].rotate_left(6);
            if to.is_ipv4() {
                expected[15] = 0;
                expected[18..24].copy_from_slice(&[0, 0, 0x40, 0, 64, PROTOCOL]);
                expected[24..26].fill(0);
                let checksum = textbook(&expected[14..34]);
                expected[24..26].copy_from_slice(&checksum.to_be_bytes());
            } else {
                expected[14..18].copy_from_slice(&[0x60, 0, 0, 0]);
                expected[21] = 64;
            }
            expected[..12].copy_from_slice(&answer[..12]);
            prop_assert_eq!(answer, expected);
        }

        #[test]
        fn one_wrong_octet_is_noticed(
            (from, to) in addresses(),
            at in 14usize..,
            by in 1u8..,
            query in proptest::collection::vec(any::<u8>(), 20..60),
        ) {
            let right = frame((from, 4000), (to, 53), &query);
            let mut wrong = right.clone();
            let at = 14 + (at - 14) % (wrong.len() - 14);
            wrong[at] ^= by;
            // Of IPv6 the first four octets and the hop limit are protected by nothing.
            let free = from.is_ipv6() && (matches!(at, 15..18 | 21) || (at == 14 && by < 0x10));
            // A checksum of zero is none.
            let none = from.is_ipv4() && wrong[40..42] == [0, 0];
            if !free && !none {
                prop_assert_eq!(super::read(&wrong), None);
            }
        }

        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..3) {
            let mut octets = octets;
            if let (0..2, Some(place)) = (kind, octets.get_mut(12..24)) {
                let four = [8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 9, PROTOCOL];
                let six = [0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, PROTOCOL, 9, 9, 9];
                place.copy_from_slice(&[four, six][kind as usize]);
            }
            if let Some(read) = super::read(&octets) {
                prop_assert!(read.turn(&mut [0; 100], 0..100).is_none(), "no room for headers");
                prop_assert!(read.turn(&mut [0; 100], 90..101).is_none());
                prop_assert!(read.turn(&mut [0; 100], HEADERS..100).is_some());
            }
        }
    }

    #[test]
    fn a_checksum_left_to_the_hardware_or_left_out_is_taken() {
        let (from, to) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 53]));
        let whole = frame((from, 4000), (to, 53), b"a question?");
        let mut partial = whole.clone();
        let sum = !textbook(&[192, 0, 2, 1, 192, 0, 2, 53, 0, PROTOCOL, 0, 19]);
        partial[40..42].copy_from_slice(&sum.to_be_bytes());
        assert!(read(&partial).is_some());
        partial[41] ^= 1;
        assert!(read(&partial).is_none());
        let mut none = whole;
        none[40..42].fill(0);
        assert!(read(&none).is_some());
        let six = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let mut none = frame((six(1), 4000), (six(2), 53), b"a question?");
        none[60..62].fill(0);
        assert!(read(&none).is_none(), "IPv6 does not allow it");
    }

    #[test]
    fn senders_that_nobody_can_answer_are_refused() {
        let to = IpAddr::from([192, 0, 2, 53]);
        for from in [[127, 0, 0, 1], [224, 0, 0, 1], [255; 4], [0, 0, 0, 1]] {
            assert!(read(&frame((from.into(), 4000), (to, 53), b"?")).is_none());
        }
        let from = IpAddr::from([192, 0, 2, 1]);
        assert!(read(&frame((from, 0), (to, 53), b"?")).is_none());
        let mut group = frame((from, 4000), (to, 53), b"?");
        assert!(read(&group).is_some());
        group[6] |= 1;
        assert!(read(&group).is_none());
    }
}
