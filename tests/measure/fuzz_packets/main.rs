//! Sends made-up DNS messages to a running server, each of them wrong in its own way, and sees that every reply is a
//! reply: `fuzz_packets udp ADDRESS COUNT SEED`, `fuzz_packets tcp ADDRESS COUNT SEED`, `fuzz_packets dump COUNT SEED`
//! (each message with its length before it, for other transports). Everything follows from the seed. Nothing but std, so
//! that `rustc -O` builds it in seconds; `tests/measure/fuzz.py` starts it beside a server that was built with
//! AddressSanitizer.
//!
//! Over UDP every burst ends with a question whose answer is known: it comes after all others of its socket, so that no
//! packet is lost in a buffer, and every one has been through the whole server before the next burst.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that meets the unexpected must fail loudly"
)]

mod make;
mod reply;
mod streams;

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use make::Maker;

/// Messages between two known questions; each is one of the kernel's datagrams, and the server's buffer holds them all.
const BURST: usize = 100;
/// Sockets, hence workers of the server that are reached.
const SOCKETS: usize = 24;
/// How long the known answer may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let told = match words[..] {
        ["udp", server, count, seed] => udp(address(server), number(count), number(seed)),
        ["tcp", server, count, seed] => streams::tcp(address(server), number(count), number(seed)),
        ["noise", server, count, seed] => streams::noise(address(server), number(count), number(seed)),
        ["dump", count, seed] => dump(number(count), number(seed)),
        _ => panic!("fuzz_packets udp|tcp|noise ADDRESS COUNT SEED, or dump COUNT SEED"),
    };
    match told {
        Ok(told) => {
            if !told.is_empty() {
                println!("{told}");
            }
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

/// What was sent and came back.
#[derive(Default)]
struct Counts {
    sent: u64,
    refused: u64,
    replies: u64,
    truncated: u64,
    rcodes: [u64; 16],
}

fn udp(server: SocketAddr, count: u64, seed: u64) -> Result<String, String> {
    let open = || -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(if server.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        })?;
        socket.connect(server)?;
        Ok(socket)
    };
    let sockets: Vec<UdpSocket> = (0..SOCKETS)
        .map(|_| open().map_err(|error| format!("a socket: {error}")))
        .collect::<Result<_, _>>()?;
    let (mut maker, mut counts) = (Maker::new(seed), Counts::default());
    // By ID, which comes round after 65,000 messages: what the runtime answers (transactions) may come some bursts later.
    let (mut asked, mut begun) = (Asked::new(), Instant::now());
    let all = Instant::now();
    while counts.sent < count {
        // All sockets first, so that the server has work while this one reads.
        for (at, socket) in sockets.iter().enumerate() {
            burst(socket, at, &mut maker, &mut asked, &mut counts)?;
        }
        for (at, socket) in sockets.iter().enumerate() {
            hear(socket, at, &asked, &mut counts)?;
        }
        if begun.elapsed() > Duration::from_secs(10) {
            begun = Instant::now();
            eprintln!(
                "{} packets in {:.0} s, {} replies",
                counts.sent,
                all.elapsed().as_secs_f64(),
                counts.replies
            );
        }
    }
    let rcodes: Vec<String> = (0..16)
        .filter(|&code| counts.rcodes[code] > 0)
        .map(|code| format!("{code}:{}", counts.rcodes[code]))
        .collect();
    Ok(format!(
        "UDP: {} packets in {:.0} s, {} replies ({} truncated), {} not taken by the kernel; RCODEs {}",
        counts.sent,
        all.elapsed().as_secs_f64(),
        counts.replies,
        counts.truncated,
        counts.refused,
        rcodes.join(" ")
    ))
}

/// What was sent last under each ID, and by which socket.
type Asked = HashMap<u16, (usize, Vec<u8>)>;

/// Sends a burst and the known question behind it.
fn burst(
    socket: &UdpSocket,
    at: usize,
    maker: &mut Maker,
    asked: &mut Asked,
    counts: &mut Counts,
) -> Result<(), String> {
    for _ in 0..BURST {
        let message = maker.message();
        // A refused packet (too long for the kernel) was not sent.
        match socket.send(&message) {
            Ok(_) => counts.sent += 1,
            Err(_) => counts.refused += 1,
        }
        if let Some(id) = message.first_chunk().map(|id| u16::from_be_bytes(*id)) {
            asked.insert(id, (at, message));
        }
    }
    ask(socket)
}

fn ask(socket: &UdpSocket) -> Result<(), String> {
    let question = make::known(make::KNOWN_ID);
    let sent = socket.send(&question);
    sent.map(drop)
        .map_err(|error| format!("the server is gone: {error}"))
}

/// Reads replies until the known answer is there, asking anew now and then. Replies of the burst before may come late: what
/// the runtime answers does not wait.
fn hear(socket: &UdpSocket, at: usize, asked: &Asked, counts: &mut Counts) -> Result<(), String> {
    let id = make::KNOWN_ID;
    let begun = Instant::now();
    let mut octets = [0; 65_535];
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .map_err(|error| error.to_string())?;
    loop {
        let got = match socket.recv(&mut octets) {
            Ok(length) => &octets[..length],
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if begun.elapsed() > PATIENCE {
                    return Err(format!("no answer to the known question within {PATIENCE:?}"));
                }
                ask(socket)?;
                continue;
            }
            Err(error) => return Err(format!("the server is gone: {error}")),
        };
        let heard =
            reply::read(got).map_err(|why| format!("malformed reply ({why}): {}", reply::hex(got)))?;
        if heard.id == id && reply::is_known(got) {
            return Ok(());
        }
        counts.replies += 1;
        counts.truncated += u64::from(heard.truncated);
        counts.rcodes[usize::from(heard.rcode)] += 1;
        match asked.get(&heard.id) {
            Some((socket, query)) if *socket == at => reply::fits(query, got, true)
                .map_err(|why| format!("{why}: query {} reply {}", reply::hex(query), reply::hex(got)))?,
            _ if heard.id == id => {}
            _ => {
                return Err(format!("a reply to nothing that was asked: {}", reply::hex(got)));
            }
        }
    }
}

fn dump(count: u64, seed: u64) -> Result<String, String> {
    let (mut maker, mut out) = (Maker::new(seed), io::BufWriter::new(io::stdout().lock()));
    for _ in 0..count {
        let message = maker.message();
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let written = out
            .write_all(&length.to_be_bytes())
            .and_then(|()| out.write_all(&message[..usize::from(length)]));
        written.map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())?;
    Ok(String::new())
}
