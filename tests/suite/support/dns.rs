//! A DNS client: hickory's messages over std's sockets.

use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};

static ID: AtomicU16 = AtomicU16::new(1);

/// A query with EDNS.
pub(crate) fn query(name: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(
        ID.fetch_add(1, Ordering::Relaxed),
        MessageType::Query,
        OpCode::Query,
    );
    message.add_query(Query::query(Name::from_str(name).expect("a name"), rtype));
    message.edns = Some(Edns::new());
    message
}

/// Asks over UDP; `None` when nothing comes within a second.
pub(crate) fn udp(server: SocketAddr, name: &str, rtype: RecordType) -> Option<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("connects");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a timeout");
    let asked = query(name, rtype);
    socket.send(&asked.to_vec().expect("encodes")).ok()?;
    let mut octets = [0; 4096];
    let length = socket.recv(&mut octets).ok()?;
    let answer = Message::from_vec(&octets[..length]).expect("decodes");
    assert_eq!(answer.metadata.id, asked.metadata.id);
    Some(answer)
}

/// The addresses that are answered for `name`, sorted; empty for anything else.
pub(crate) fn addresses(server: SocketAddr, name: &str) -> Vec<String> {
    let Some(answer) = udp(server, name, RecordType::A) else {
        return Vec::new();
    };
    let mut found: Vec<String> = answer
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    found.sort();
    found
}
