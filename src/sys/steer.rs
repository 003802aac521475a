//! Which of the sockets that share an address gets a datagram: a small program in the kernel
//! (`SO_ATTACH_REUSEPORT_CBPF`) gives those that bring a whole DNS cookie to the last socket, and spreads the others over
//! the rest by source address and port, as the kernel would.
//!
//! At line rate a flood fills its sockets' queues, and what is not the flood's is lost with it. A client with a cookie
//! has a queue of its own so. The program cannot verify a cookie, only see that one is there.
//!
//! It runs for every datagram and is made for the common one to cost least: without OPT it reads one number. Offsets
//! count from the beginning of the DNS message.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libc::sock_filter;

const LOAD_WORD: u16 = 0x20; // A = four octets at k
const LOAD_HALF: u16 = 0x28;
const LOAD_HALF_AT_X: u16 = 0x48; // A = two octets at X + k
const LOAD_OCTET_AT_X: u16 = 0x50;
const LOAD_MEMORY: u16 = 0x60;
const STORE_MEMORY: u16 = 0x02;
const X_IS: u16 = 0x01;
const X_IS_A: u16 = 0x07;
const A_IS_X: u16 = 0x87;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const SUB_X: u16 = 0x1c;
const MUL: u16 = 0x24;
const MOD: u16 = 0x94;
const RIGHT: u16 = 0x74;
const XOR_X: u16 = 0xac;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const RETURN_A: u16 = 0x16;

/// Offsets from here on count from the IP header (`SKF_NET_OFF`).
const IP: u32 = -0x10_0000i32 as u32;
/// Labels of a name that are walked over; longer names are spread like datagrams without a cookie.
const LABELS: usize = 16;
/// Options that are looked at; a cookie behind more of them is not seen.
const OPTIONS: usize = 6;
/// Octets of an option with both cookies.
const OPTION: u32 = 4 + 24;
/// OPT, the type of record.
const OPT: u32 = 41;
/// COOKIE, the option.
const COOKIE: u32 = 10;

/// Where a jump leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    /// No cookie: by source.
    Spread,
    /// The name's root label.
    Root,
    /// A COOKIE option.
    Cookie,
}

#[derive(Default)]
struct Program {
    code: Vec<sock_filter>,
    /// Jumps whose targets are not known yet.
    open: Vec<(usize, To)>,
}

impl Program {
    fn push(&mut self, code: u16, k: u32) {
        self.code.push(sock_filter {
            code,
            jt: 0,
            jf: 0,
            k,
        });
    }

    fn jump(&mut self, to: To) {
        self.open.push((self.code.len(), to));
        self.push(JUMP, 0);
    }

    /// Goes on when the comparison holds, else to `to`.
    fn unless(&mut self, comparison: u16, k: u32, to: To) {
        self.compare(comparison, k, 1, 0);
        self.jump(to);
    }

    /// Goes to `to` when the comparison holds.
    fn when(&mut self, comparison: u16, k: u32, to: To) {
        self.compare(comparison, k, 0, 1);
        self.jump(to);
    }

    fn compare(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.code.push(sock_filter { code, jt, jf, k });
    }

    /// Jumps to `to` lead here.
    fn here(&mut self, to: To) {
        let here = self.code.len();
        for &(at, wanted) in &self.open {
            if wanted == to
                && let Some(jump) = self.code.get_mut(at)
            {
                jump.k = u32::try_from(here - at - 1).unwrap_or(0);
            }
        }
        self.open.retain(|(_, wanted)| *wanted != to);
    }
}

/// The program for `workers` sockets and one more behind them.
fn program(workers: u32, ipv6: bool) -> Vec<sock_filter> {
    let mut p = Program::default();
    p.push(LOAD_HALF, 10); // ARCOUNT
    p.unless(IF_EQUAL, 1, To::Spread);
    p.push(LOAD_HALF, 4); // QDCOUNT
    p.unless(IF_EQUAL, 1, To::Spread);
    p.push(LOAD_WORD, 6); // ANCOUNT, NSCOUNT
    p.unless(IF_EQUAL, 0, To::Spread);
    p.push(X_IS, 12);
    for _ in 0..LABELS {
        p.push(LOAD_OCTET_AT_X, 0);
        p.when(IF_EQUAL, 0, To::Root);
        p.when(IF_GREATER, 63, To::Spread);
        p.push(ADD_X, 0);
        p.push(ADD, 1);
        p.push(X_IS_A, 0);
    }
    p.jump(To::Spread);
    // X: the root label. QTYPE, QCLASS, then a record at the root.
    p.here(To::Root);
    p.push(LOAD_OCTET_AT_X, 5);
    p.unless(IF_EQUAL, 0, To::Spread);
    p.push(LOAD_HALF_AT_X, 6);
    p.unless(IF_EQUAL, OPT, To::Spread);
    p.push(LOAD_HALF_AT_X, 14);
    p.when(IF_EQUAL, 0, To::Spread);
    p.push(ADD_X, 0);
    p.push(ADD, 16);
    p.push(STORE_MEMORY, 0); // where the options end
    p.push(A_IS_X, 0);
    p.push(ADD, 16);
    p.push(X_IS_A, 0);
    for _ in 0..OPTIONS {
        // X: an option.
        p.push(LOAD_MEMORY, 0);
        p.push(SUB_X, 0);
        p.when(IF_GREATER, 0xffff, To::Spread); // past the end
        p.unless(IF_AT_LEAST, OPTION, To::Spread);
        p.push(LOAD_HALF_AT_X, 0);
        p.when(IF_EQUAL, COOKIE, To::Cookie);
        p.push(LOAD_HALF_AT_X, 2);
        p.push(ADD_X, 0);
        p.push(ADD, 4);
        p.push(X_IS_A, 0);
    }
    p.jump(To::Spread);
    p.here(To::Cookie);
    p.push(LOAD_HALF_AT_X, 2);
    p.unless(IF_EQUAL, OPTION - 4, To::Spread);
    p.push(LOAD_OCTET_AT_X, 12); // the server's cookie is of version 1
    p.unless(IF_EQUAL, 1, To::Spread);
    p.push(RETURN, workers);
    p.here(To::Spread);
    if workers < 2 {
        p.push(RETURN, 0);
        return p.code;
    }
    // The source's last word and port; for IPv6 as if there were no extension headers, which does no harm.
    let (address, port) = if ipv6 {
        (IP + 20, IP + 40)
    } else {
        (IP + 12, IP + 20)
    };
    p.push(LOAD_WORD, address);
    p.push(X_IS_A, 0);
    p.push(LOAD_HALF, port);
    p.push(XOR_X, 0);
    p.push(MUL, 0x9e37_79b1);
    p.push(RIGHT, 16);
    p.push(MOD, workers);
    p.push(RETURN_A, 0);
    p.code
}

/// Has the last of the `workers + 1` sockets that share the address of `socket` get the datagrams with a whole cookie;
/// they were bound in this order.
///
/// # Errors
/// What the kernel says (`SO_ATTACH_REUSEPORT_CBPF`, Linux 4.5).
pub fn cookies_to_the_last(socket: &impl AsFd, workers: usize, ipv6: bool) -> io::Result<()> {
    let mut code = program(u32::try_from(workers).unwrap_or(u32::MAX), ipv6);
    let filter = libc::sock_fprog {
        len: u16::try_from(code.len()).unwrap_or(0),
        filter: code.as_mut_ptr(),
    };
    // SAFETY: the descriptor is borrowed, hence open; the kernel reads `filter` and the `len` instructions it points to,
    // both of which live until the call returns, and keeps a copy.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            std::ptr::from_ref(&filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    /// A query for `labels` labels with these options in its OPT.
    fn query(labels: usize, options: &[(u16, usize)]) -> Vec<u8> {
        let mut message = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        for _ in 0..labels {
            message.extend(b"\x03abc");
        }
        message.extend(b"\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0");
        let data: Vec<u8> = options
            .iter()
            .flat_map(|&(code, length)| {
                let mut option = [code.to_be_bytes(), (length as u16).to_be_bytes()].concat();
                option.resize(4 + length, 1);
                option
            })
            .collect();
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        message
    }

    fn group(address: &str, workers: usize) -> Vec<UdpSocket> {
        let mut address: std::net::SocketAddr = address.parse().unwrap();
        let mut sockets = Vec::new();
        for _ in 0..=workers {
            let domain = socket2::Domain::for_address(address);
            let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None).unwrap();
            socket.set_reuse_port(true).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.bind(&address.into()).unwrap();
            let socket = UdpSocket::from(socket);
            address = socket.local_addr().unwrap();
            sockets.push(socket);
        }
        cookies_to_the_last(&sockets[0], workers, address.is_ipv6()).unwrap();
        sockets
    }

    /// How many datagrams wait at each socket.
    fn waiting(sockets: &[UdpSocket]) -> Vec<usize> {
        let count = |socket: &UdpSocket| std::iter::from_fn(|| socket.recv(&mut [0; 2048]).ok()).count();
        sockets.iter().map(count).collect()
    }

    #[test]
    fn whole_cookies_have_a_socket_of_their_own_and_the_rest_is_spread() {
        for (address, from) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:0", "[::1]:0")] {
            for workers in [1, 2, 3] {
                let sockets = group(address, workers);
                let to = sockets[0].local_addr().unwrap();
                for with in [
                    &[(10, 24)][..],
                    &[(3, 0), (10, 24)],
                    &[(3, 5), (8, 7), (10, 24), (12, 100)],
                ] {
                    for labels in [0, 2, 15] {
                        let client = UdpSocket::bind(from).unwrap();
                        client.send_to(&query(labels, with), to).unwrap();
                        let counts = waiting(&sockets);
                        assert_eq!(counts[workers], 1, "{with:?} {labels} {counts:?}");
                    }
                }
                let mut all = vec![0; workers + 1];
                for number in 0..120usize {
                    let client = UdpSocket::bind(from).unwrap();
                    let plain = match number % 6 {
                        0 => query(2, &[]),
                        1 => query(2, &[(10, 8)]),
                        2 => query(2, &[(10, 32)]),
                        3 => query(2, &[(3, 0), (12, 60)]),
                        4 => query(2, &[])[..30].to_vec(),
                        _ => {
                            let mut plain = query(2, &[]);
                            plain[11] = 0;
                            plain
                        }
                    };
                    client.send_to(&plain, to).unwrap();
                    for (sum, count) in all.iter_mut().zip(waiting(&sockets)) {
                        *sum += count;
                    }
                }
                assert_eq!((all.iter().sum::<usize>(), all[workers]), (120, 0), "{all:?}");
                assert!(
                    all[..workers].iter().all(|count| *count > 60 / workers),
                    "{all:?}"
                );
            }
        }
    }
}
