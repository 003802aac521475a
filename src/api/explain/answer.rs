//! The engine asked with a query of our own, and its answer decoded beside the very octets.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{Record, RecordType};
use serde::Serialize;

use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use crate::api::live::Question;
use crate::model::time::Now;

/// An answer in presentation form.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Answer {
    /// `NOERROR`, `NXDOMAIN`, …; empty when nothing is sent.
    pub rcode: String,
    /// Whether AA is set.
    pub authoritative: bool,
    /// Extended errors (RFC 8914): code and text.
    pub extended_errors: Vec<String>,
    /// Answer section.
    pub answers: Vec<String>,
    /// Authority section.
    pub authorities: Vec<String>,
    /// Additional section, OPT left out.
    pub additionals: Vec<String>,
    /// The query that was answered, in hexadecimal.
    pub query: String,
    /// The answer's octets as they are sent, in hexadecimal; empty when nothing is sent.
    pub wire: String,
}

/// As `dig` prints it: `NOERROR`, `NXDOMAIN`, `SERVFAIL`.
#[must_use]
pub fn rcode_named(code: ResponseCode) -> String {
    format!("{code:?}").to_ascii_uppercase()
}

/// The query: EDNS with a payload of 1,232 octets, the client's network when it is to be told, and ID 0.
fn query(question: &Question) -> Option<Vec<u8>> {
    let name = hickory_proto::rr::Name::from_str(&question.name.to_string()).ok()?;
    let mut query = Message::new(0, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(name, RecordType::from(question.rtype)));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    if let Some(network) = question.subnet {
        let told = ClientSubnet::new(network.address, network.length, 0);
        edns.options_mut().insert(EdnsOption::Subnet(told));
    }
    query.edns = Some(edns);
    query.to_vec().ok()
}

/// Asks the engine.
pub(super) fn ask(snapshot: &Snapshot, question: &Question, now: Now) -> Answer {
    let Some(octets) = query(question) else {
        return Answer::default();
    };
    let mut out = vec![0; 65_535];
    let ask = Ask {
        query: &octets,
        client: Client {
            address: question.client,
            transport: Transport::Tcp,
        },
        now: now.moment,
        wall: now.wall,
        dice: question.dice,
    };
    let mut answer = match snapshot.answer(&ask, &mut Scratch::default(), &mut out) {
        Outcome::Reply { len, .. } => {
            let sent = out.get(..len).unwrap_or(&[]);
            let mut answer = Message::from_vec(sent).map_or_else(|_| Answer::default(), decode);
            answer.wire = hex(sent);
            answer
        }
        Outcome::Transaction | Outcome::Drop | Outcome::Withhold => Answer::default(),
    };
    answer.query = hex(&octets);
    answer
}

/// What of the client's address an answer may depend on: what is told of it and heeded, else all of it.
pub(super) fn client_of(question: &Question, heeded: bool) -> (IpAddr, Option<u8>) {
    match question.subnet.filter(|network| heeded && network.length > 0) {
        Some(network) => (network.address, Some(network.length)),
        None => (question.client.to_canonical(), None),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A message in presentation form.
#[must_use]
pub fn decode(message: Message) -> Answer {
    let lines = |records: &[Record]| records.iter().map(ToString::to_string).collect();
    Answer {
        rcode: rcode_named(message.metadata.response_code),
        authoritative: message.metadata.authoritative,
        extended_errors: message.edns.as_ref().map(extended_errors).unwrap_or_default(),
        answers: lines(&message.answers),
        authorities: lines(&message.authorities),
        additionals: lines(&message.additionals),
        ..Answer::default()
    }
}

/// Extended errors (RFC 8914 section 2): INFO-CODE and EXTRA-TEXT.
fn extended_errors(edns: &Edns) -> Vec<String> {
    let text = |option: &(EdnsCode, EdnsOption)| match option {
        (_, EdnsOption::Unknown(15, data)) => {
            let (code, text) = data.split_at_checked(2)?;
            let code = u16::from_be_bytes(code.try_into().ok()?);
            Some(
                format!("{code} {}", String::from_utf8_lossy(text))
                    .trim_end()
                    .to_owned(),
            )
        }
        _ => None,
    };
    edns.options().as_ref().iter().filter_map(text).collect()
}
