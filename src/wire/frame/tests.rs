//! Frames held against the textbook.

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
