//! `icmp`: one echo (RFC 792, RFC 4443 section 4.1).
//!
//! Over the kernel's datagram sockets, which need no privilege where `net.ipv4.ping_group_range` allows them; else over
//! a raw socket, which needs `CAP_NET_RAW`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::IcmpCheck;
use crate::probe::conduct::Tools;
use crate::probe::fault;
use crate::probe::sheet::{Fault, Sheet};
use crate::sys::option;

/// Octets of the header of an echo.
const HEADER: usize = 8;

/// Octets at the beginning of the payload that nobody else can know, as far as they fit.
const TOKEN: usize = 16;

/// Room for a reply with the IP header that raw sockets of IPv4 show.
const ROOM: usize = 2048;

/// An ICMP socket to one address.
struct Line {
    socket: UdpSocket,
    hears: Hears,
}

/// What such a socket hears.
#[derive(Clone, Copy)]
struct Hears {
    /// Whether IP's header stands before it.
    shows_ip: bool,
    /// Whether the kernel picks our replies by the identifier, which it chooses itself.
    kernel_identifies: bool,
}

/// Sends an echo request to `address`, and waits for the reply.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    check: IcmpCheck,
    address: IpAddr,
    tools: &Tools,
) -> Result<(), Fault> {
    sheet.watch.enter(Phase::Connect);
    let line = match open(address, sheet.way.source(address)) {
        Ok(line) => line,
        Err(error) if is_denied(&error) => {
            let text = "this node may send no ICMP: widen `net.ipv4.ping_group_range`, or grant CAP_NET_RAW";
            return Err(sheet.fault(FaultClass::Local, text));
        }
        Err(error) => return Err(of(sheet, &error)),
    };
    let mut random = [0_u8; TOKEN + 4];
    if tools.provider.secure_random.fill(&mut random).is_err() {
        return Err(sheet.fault(FaultClass::Local, "the system gives no random numbers"));
    }
    let request = request(address, &random, check.payload);
    sheet.watch.enter(Phase::FirstByte);
    if let Err(error) = line.socket.send(&request).await {
        return Err(of(sheet, &error));
    }
    loop {
        let mut heard = [0_u8; ROOM];
        let length = match line.socket.recv(&mut heard).await {
            Ok(length) => length,
            // What a router in between says of the way.
            Err(error) if is_denied(&error) => {
                return Err(sheet.fault(
                    FaultClass::Unreachable,
                    "the way there is administratively prohibited",
                ));
            }
            Err(error) => return Err(of(sheet, &error)),
        };
        if line
            .hears
            .is_reply(heard.get(..length).unwrap_or_default(), &request)
        {
            sheet.word = Some(format!("echo of {} octets", check.payload));
            return Ok(());
        }
    }
}

fn of(sheet: &Sheet, error: &io::Error) -> Fault {
    let (class, text) = fault::of_io(error);
    sheet.fault(class, text)
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn open(address: IpAddr, source: Option<IpAddr>) -> io::Result<Line> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let (socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(error) if is_denied(&error) || error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => {
            (Socket::new(domain, Type::RAW, Some(protocol))?, true)
        }
        Err(error) => return Err(error),
    };
    socket.set_nonblocking(true)?;
    option::hear_errors(&socket, address.is_ipv6())?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&SocketAddr::new(address, 0).into())?;
    Ok(Line {
        // Sent and received alike: what is ours to know of a datagram is not of UDP.
        socket: UdpSocket::from_std(socket.into())?,
        hears: Hears {
            shows_ip: raw && address.is_ipv4(),
            kernel_identifies: !raw,
        },
    })
}

/// Type, code, checksum, identifier, number; then the token and filling.
fn request(address: IpAddr, random: &[u8], payload: u16) -> Vec<u8> {
    let (numbers, token) = random.split_at_checked(4).unwrap_or((&[0; 4], &[]));
    let kind = if address.is_ipv4() { 8 } else { 128 };
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend_from_slice(numbers);
    packet.extend(
        token
            .iter()
            .copied()
            .chain(0_u8..=255)
            .cycle()
            .take(payload.into()),
    );
    // Of ICMPv6 the kernel makes it, since it covers the addresses (RFC 3542 section 3.1).
    if address.is_ipv4() {
        let sum = checksum(&packet).to_be_bytes();
        if let Some(place) = packet.get_mut(2..4) {
            place.copy_from_slice(&sum);
        }
    }
    packet
}

/// The internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum = sum.saturating_add(u32::from(u16::from_be_bytes([high, low])));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff).saturating_add(sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

impl Hears {
    /// Whether `heard` answers `request`: the number and all of the payload are ours.
    fn is_reply(self, heard: &[u8], request: &[u8]) -> bool {
        let skip = match heard.first() {
            Some(first) if self.shows_ip => usize::from(first & 0x0f).saturating_mul(4),
            _ => 0,
        };
        let Some(reply) = heard.get(skip..) else {
            return false;
        };
        let kind = match request.first() {
            Some(8) => 0,
            _ => 129,
        };
        let from = if self.kernel_identifies { 6 } else { 4 };
        reply.len() >= HEADER && reply.starts_with(&[kind, 0]) && reply.get(from..) == request.get(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_packet_with_its_checksum_is_zero() {
        for payload in [0, 1, 16, 56, 1452] {
            let packet = request([192, 0, 2, 1].into(), &[7; TOKEN + 4], payload);
            assert_eq!(packet.len(), HEADER + usize::from(payload));
            assert_eq!(checksum(&packet), 0, "{payload}");
        }
        // RFC 1071 section 3.
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
    }

    #[test]
    fn a_reply_is_ours_by_number_and_payload() {
        let request = request([192, 0, 2, 1].into(), &[7; TOKEN + 4], 56);
        let line = |shows_ip, kernel_identifies| Hears {
            shows_ip,
            kernel_identifies,
        };
        let mut reply = request.clone();
        reply[0] = 0;
        assert!(line(false, true).is_reply(&reply, &request));
        assert!(line(false, false).is_reply(&reply, &request));
        assert!(line(true, false).is_reply(&[&[0x45; 20], &reply[..]].concat(), &request));
        // The kernel's own identifier, where it picks replies by it.
        let mut other = reply.clone();
        other[4] ^= 1;
        assert!(line(false, true).is_reply(&other, &request));
        assert!(!line(false, false).is_reply(&other, &request));
        for place in [0, 7, 8, 63] {
            let mut other = reply.clone();
            other[place] ^= 1;
            assert!(!line(false, true).is_reply(&other, &request), "octet {place}");
        }
        for length in 0..reply.len() {
            assert!(!line(false, true).is_reply(&reply[..length], &request));
        }
        assert!(
            !line(false, false).is_reply(&request, &request),
            "our own request"
        );
    }
}
