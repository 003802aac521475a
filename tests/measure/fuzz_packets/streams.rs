//! The same over TCP: frames that come whole, torn, with a length that lies, with the end cut off.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::make::{self, Maker};
use crate::reply;

/// How long a connection is listened to.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages in connections of up to forty, with known questions among them.
pub(crate) fn tcp(server: SocketAddr, count: u64, seed: u64) -> Result<String, String> {
    let mut maker = Maker::new(seed);
    let (mut sent, mut replies, mut connections, mut known, begun) = (0, 0, 0u64, 0u64, Instant::now());
    while sent < count {
        let broken = maker.one_in(4);
        let (mut octets, mut messages) = (Vec::new(), 0);
        for _ in 0..=maker.below(40) {
            let mut message = maker.message();
            // AXFR and IXFR are many messages; they have their own tests, and would be most of the octets here.
            message.truncate(60_000);
            let length = message.len() as u16;
            octets.extend(length.to_be_bytes());
            octets.extend(&message);
            messages += 1;
        }
        if broken {
            match maker.below(3) {
                0 => octets.truncate(maker.below(octets.len())),
                1 => {
                    let length = maker.below(300);
                    octets.extend(maker.noise(length));
                }
                _ => {
                    let at = maker.below(octets.len());
                    octets[at] ^= 0xFF;
                }
            }
        } else {
            let question = make::known(make::KNOWN_ID);
            octets.extend((question.len() as u16).to_be_bytes());
            octets.extend(question);
        }
        let (heard, was_known) =
            converse(server, &octets, &mut maker).map_err(|why| format!("TCP, after {sent}: {why}"))?;
        if !broken && !was_known {
            return Err(format!(
                "TCP, after {sent}: the known question was not answered among {heard} replies"
            ));
        }
        known += u64::from(was_known);
        replies += heard;
        sent += messages;
        connections += 1;
    }
    Ok(format!(
        "TCP: {sent} messages in {connections} connections, {replies} replies, {known} known answers, {:.0} s",
        begun.elapsed().as_secs_f64()
    ))
}

/// Sends `octets` in pieces, ends its side, and reads what comes until the other side ends; how many replies, and whether
/// the known one was among them.
fn converse(server: SocketAddr, octets: &[u8], maker: &mut Maker) -> Result<(u64, bool), String> {
    let text = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| format!("{what}: {error}")
    };
    let stream = TcpStream::connect_timeout(&server, PATIENCE).map_err(text("connects"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(text("a timeout"))?;
    let torn = maker.one_in(4);
    let piece = if torn {
        1 + maker.below(200)
    } else {
        octets.len().max(1)
    };
    let mut got = Vec::new();
    std::thread::scope(|scope| -> Result<(), String> {
        let mut writer = &stream;
        scope.spawn(move || {
            for piece in octets.chunks(piece) {
                // A server that has heard nonsense may have ended.
                if writer.write_all(piece).is_err() {
                    return;
                }
            }
            let _ = writer.shutdown(Shutdown::Write);
        });
        match (&stream).read_to_end(&mut got) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(format!("reads: {error}")),
        }
    })?;
    let (mut rest, mut replies, mut known) = (&got[..], 0, false);
    while let Some(length) = rest
        .first_chunk::<2>()
        .map(|length| usize::from(u16::from_be_bytes(*length)))
    {
        let message = rest.get(2..2 + length).ok_or("a reply is cut short")?;
        let heard = reply::read(message)
            .map_err(|why| format!("malformed reply ({why}): {}", reply::hex(message)))?;
        known |= heard.id == make::KNOWN_ID && reply::is_known(message);
        replies += 1;
        rest = &rest[2 + length..];
    }
    Ok((replies, known))
}

/// Octets that mean nothing to a listener that expects TLS or HTTP, by connections that end at once.
pub(crate) fn noise(server: SocketAddr, count: u64, seed: u64) -> Result<String, String> {
    let (mut maker, begun) = (Maker::new(seed), Instant::now());
    for _ in 0..count {
        let length = maker.below(2000);
        let mut octets = match maker.below(3) {
            // A TLS record of a handshake, a request, anything.
            0 => vec![22, 3, 1, 1, 0, 1, 0, 0, 0xFC, 3, 3],
            1 => b"POST /dns-query HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n".to_vec(),
            _ => Vec::new(),
        };
        octets.extend(maker.noise(length));
        let stream =
            TcpStream::connect_timeout(&server, PATIENCE).map_err(|error| format!("connects: {error}"))?;
        // What is refused may be closed before all of it was written.
        let _ = (&stream).write_all(&octets);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        let _ = (&stream).read(&mut [0; 512]);
    }
    Ok(format!(
        "noise: {count} connections, {:.0} s",
        begun.elapsed().as_secs_f64()
    ))
}
