//! A small DNS client for `demo`: one question over UDP, printed as `dig` would.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;

use crate::api::explain::answer::rcode_named;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// `NOERROR`, `NXDOMAIN` …
    pub(super) rcode: String,
    /// Records in presentation form.
    pub(super) answers: Vec<String>,
}

impl Reply {
    /// The data of the first record, e.g. an address.
    pub(super) fn first(&self) -> Option<&str> {
        self.answers.first()?.split_whitespace().last()
    }
}

/// Asks `server` for the addresses of `name`.
///
/// # Errors
/// When nothing that makes sense comes within a second.
pub(super) async fn ask(server: SocketAddr, name: &str) -> anyhow::Result<Reply> {
    let mut query = Message::new(random_id(), MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from_str(name)?, RecordType::A));
    query.edns = Some(Edns::new());
    let socket = UdpSocket::bind(if server.is_ipv4() {
        "127.0.0.1:0"
    } else {
        "[::1]:0"
    })
    .await?;
    socket.connect(server).await?;
    socket.send(&query.to_vec()?).await?;
    let mut octets = vec![0; 4096];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut octets))
        .await
        .with_context(|| format!("no answer from {server} within {PATIENCE:?}"))??;
    let message = Message::from_vec(octets.get(..length).unwrap_or_default())?;
    Ok(Reply {
        rcode: rcode_named(message.metadata.response_code),
        answers: message.answers.iter().map(ToString::to_string).collect(),
    })
}

fn random_id() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    let octets = std::hash::RandomState::new()
        .build_hasher()
        .finish()
        .to_ne_bytes();
    u16::from_ne_bytes([octets[0], octets[1]])
}
