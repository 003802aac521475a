//! A small DNS client: one question over UDP, over TCP when the answer does not fit.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use data_encoding::HEXLOWER;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::api::explain::answer::{Answer, decode};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A record's data: what stands behind its name, TTL, class and type.
pub(super) fn data(record: &str) -> Option<&str> {
    let mut rest = record;
    for _ in 0..4 {
        rest = rest.trim_start().split_once(char::is_whitespace)?.1;
    }
    Some(rest.trim())
}

/// Asks `server` for the records of `name` of the type with this number.
///
/// # Errors
/// When nothing that makes sense comes within two seconds.
pub(super) async fn ask(server: SocketAddr, name: &str, rtype: u16) -> anyhow::Result<Answer> {
    let asked = tokio::time::timeout(PATIENCE, exchange(server, name, rtype)).await;
    let (query, reply) = asked
        .with_context(|| {
            format!("no answer from {server} within {PATIENCE:?}; does a DNS server listen there?")
        })?
        .with_context(|| format!("no answer from {server}"))?;
    Ok(Answer {
        query: HEXLOWER.encode(&query),
        wire: HEXLOWER.encode(&reply),
        ..decode(Message::from_vec(&reply)?)
    })
}

/// The query, and the answer to it.
async fn exchange(server: SocketAddr, name: &str, rtype: u16) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let id = random_id();
    let mut query = Message::new(id, MessageType::Query, OpCode::Query);
    // A name without its last dot is meant from the root all the same.
    let mut asked = Name::from_str(name)?;
    asked.set_fqdn(true);
    query.add_query(Query::query(asked, RecordType::from(rtype)));
    query.edns = Some(Edns::new());
    let octets = query.to_vec()?;
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&octets).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let reply = buffer.get(..length).unwrap_or_default();
        // Anybody may send to this port; what is no answer to the question is not looked at.
        match Message::from_vec(reply) {
            Ok(message) if message.metadata.id != id => {}
            Ok(message) if message.metadata.truncation => break,
            Ok(_) => return Ok((octets, reply.to_vec())),
            Err(_) => {}
        }
    }
    let mut stream = TcpStream::connect(server).await?;
    stream.write_u16(u16::try_from(octets.len())?).await?;
    stream.write_all(&octets).await?;
    let mut buffer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut buffer).await?;
    Ok((octets, buffer))
}

fn random_id() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    let octets = std::hash::RandomState::new()
        .build_hasher()
        .finish()
        .to_ne_bytes();
    u16::from_ne_bytes([octets[0], octets[1]])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_data_of_a_record_is_what_stands_behind_its_type() {
        assert_eq!(super::data("www.a.test. 10 IN A 192.0.2.1"), Some("192.0.2.1"));
        assert_eq!(
            super::data("a.test. 10 IN MX 10 mx.a.test."),
            Some("10 mx.a.test.")
        );
        assert_eq!(super::data("a.test."), None);
    }
}
