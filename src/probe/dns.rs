//! `dns`: one question to the server at the address, and what its answer holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable, BinEncoder, Restrict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::{DnsCheck, RCODES, Transport};
use crate::probe::conduct::Tools;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tcp::quote;
use crate::probe::{dial, fault};

/// Octets of the longest answer without EDNS (RFC 1035 section 4.2.1), and room to see that a longer one came.
const DATAGRAM: usize = 4096;

/// Answers that are told when none is the expected one.
const TOLD: usize = 3;

/// Asks the server at `address`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    check: &DnsCheck,
    address: SocketAddr,
    tools: &Tools,
) -> Result<(), Fault> {
    let query = query(check, tools).map_err(|text| sheet.fault(FaultClass::Local, text))?;
    let octets = query
        .to_vec()
        .map_err(|error| sheet.fault(FaultClass::Local, error.to_string()))?;
    let mut answer = match check.transport {
        Transport::Udp => over_udp(sheet, &query, &octets, address).await?,
        Transport::Tcp => over_tcp(sheet, &query, &octets, address).await?,
    };
    if check.transport == Transport::Udp && answer.metadata.truncation {
        answer = over_tcp(sheet, &query, &octets, address).await?;
    }
    judge(sheet, check, &answer)
}

/// The question, under a number that nobody can guess.
fn query(check: &DnsCheck, tools: &Tools) -> Result<Message, String> {
    let mut id = [0_u8; 2];
    let random = tools.provider.secure_random;
    random
        .fill(&mut id)
        .map_err(|_failed| "the system gives no random numbers".to_owned())?;
    let mut message = Message::new(u16::from_be_bytes(id), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = check.recursion;
    let name = Name::from_bytes(check.name.as_wire()).map_err(|error| format!("`name`: {error}"))?;
    message.add_query(Query::query(name, RecordType::from(check.rtype)));
    Ok(message)
}

async fn over_udp(
    sheet: &mut Sheet,
    query: &Message,
    octets: &[u8],
    address: SocketAddr,
) -> Result<Message, Fault> {
    sheet.watch.enter(Phase::Connect);
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = sheet.way.source(address.ip()).unwrap_or(any);
    let of = |sheet: &Sheet, error: std::io::Error| {
        let (class, text) = fault::of_io(&error);
        sheet.fault(class, text)
    };
    // A socket of its own for each question, so that its port cannot be guessed either; connected, so that only the
    // server is heard, and ICMP errors too.
    let socket = match UdpSocket::bind(SocketAddr::new(source, 0)).await {
        Ok(socket) => socket,
        Err(error) => return Err(of(sheet, error)),
    };
    if let Err(error) = socket.connect(address).await {
        return Err(of(sheet, error));
    }
    sheet.watch.enter(Phase::FirstByte);
    if let Err(error) = socket.send(octets).await {
        return Err(of(sheet, error));
    }
    let mut heard = vec![0_u8; DATAGRAM];
    loop {
        let length = match socket.recv(&mut heard).await {
            Ok(length) => length,
            Err(error) => return Err(of(sheet, error)),
        };
        let heard = heard.get(..length).unwrap_or_default();
        let id = query.metadata.id.to_be_bytes();
        if heard.starts_with(&id) {
            return understand(sheet, query, heard);
        }
        // Perhaps somebody else's guess: the right one may still come. Told when it does not.
        sheet.keep_excerpt(heard);
        let text = format!(
            "the answer is none to this question; it begins with {}",
            quote(heard)
        );
        sheet.settled = Some(sheet.fault(FaultClass::Garbage, text));
    }
}

async fn over_tcp(
    sheet: &mut Sheet,
    query: &Message,
    octets: &[u8],
    address: SocketAddr,
) -> Result<Message, Fault> {
    let mut stream = dial::connect(sheet, address).await?;
    sheet.watch.enter(Phase::FirstByte);
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    let framed = [length.to_be_bytes().as_slice(), octets].concat();
    let mut prefix = [0_u8; 2];
    let asked = async {
        stream.write_all(&framed).await?;
        stream.read_exact(&mut prefix).await
    };
    if let Err(error) = asked.await {
        let (class, text) = fault::of_io(&error);
        return Err(sheet.fault(class, format!("{text} before an answer")));
    }
    sheet.watch.enter(Phase::Body);
    let wanted = usize::from(u16::from_be_bytes(prefix));
    let mut heard = Vec::new();
    let mut limited = (&mut stream).take(wanted as u64);
    while heard.len() < wanted {
        let read = limited.read_buf(&mut heard).await;
        sheet.octets = heard.len();
        match read {
            Ok(0) => {
                let got = heard.len();
                let text = format!("connection closed after {got} of {wanted} octets of the answer");
                return Err(sheet.fault(FaultClass::Reset, text));
            }
            Ok(_) => {}
            Err(error) => {
                let (class, text) = fault::of_io(&error);
                return Err(sheet.fault(class, format!("{text} within the answer")));
            }
        }
    }
    let understood = understand(sheet, query, &heard);
    sheet.farewell = Some(Box::pin(dial::leave(stream)));
    understood
}

/// `heard` as an answer to `query`.
fn understand(sheet: &mut Sheet, query: &Message, heard: &[u8]) -> Result<Message, Fault> {
    let garbage = |sheet: &mut Sheet, what: &str| {
        sheet.keep_excerpt(heard);
        sheet.fault(
            FaultClass::Garbage,
            format!("{what}; it begins with {}", quote(heard)),
        )
    };
    let Ok(answer) = Message::from_vec(heard) else {
        return Err(garbage(sheet, "the answer is not DNS"));
    };
    let fits = answer.metadata.id == query.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.metadata.op_code == OpCode::Query
        // A server that cannot read a question need not repeat it.
        && (answer.queries == query.queries || answer.queries.is_empty());
    if fits {
        Ok(answer)
    } else {
        Err(garbage(sheet, "the answer is none to this question"))
    }
}

fn judge(sheet: &mut Sheet, check: &DnsCheck, answer: &Message) -> Result<(), Fault> {
    let code = u16::from(answer.metadata.response_code);
    let named = |code: u16| {
        RCODES
            .get(usize::from(code))
            .map_or_else(|| format!("RCODE{code}"), |name| (*name).to_owned())
    };
    if code != u16::from(check.rcode) {
        let text = format!("{}, expected {}", named(code), named(check.rcode.into()));
        return Err(sheet.fault(FaultClass::Status, text));
    }
    let rtype = RecordType::from(check.rtype);
    let found: Vec<&RData> = answer
        .answers
        .iter()
        .filter(|record| rtype == RecordType::ANY || record.record_type() == rtype)
        .map(|record| &record.data)
        .collect();
    let shown = || {
        let mut told: Vec<String> = found.iter().take(TOLD).map(ToString::to_string).collect();
        if found.len() > TOLD {
            told.push(format!("{} more", found.len().saturating_sub(TOLD)));
        }
        told.join(", ")
    };
    if !check.expect.is_empty() {
        let wanted: Vec<Vec<u8>> = check
            .expect
            .iter()
            .filter_map(|rdata| canonical(&decode(rtype, &rdata.wire)?))
            .collect();
        let is_there = found
            .iter()
            .filter_map(|data| canonical(data))
            .any(|data| wanted.contains(&data));
        if !is_there {
            let expected: Vec<&str> = check.expect.iter().map(|rdata| rdata.text.as_str()).collect();
            let holds = if found.is_empty() {
                format!("no {rtype}")
            } else {
                shown()
            };
            let text = format!("answer holds {holds}, expected {}", expected.join(" or "));
            return Err(sheet.fault(FaultClass::Content, text));
        }
    } else if check.rcode == 0 && found.is_empty() {
        return Err(sheet.fault(
            FaultClass::Content,
            format!("NOERROR, but no {rtype} in the answer"),
        ));
    }
    sheet.word = Some(if found.is_empty() {
        named(code)
    } else {
        format!("{}, {}", named(code), shown())
    });
    Ok(())
}

fn decode(rtype: RecordType, wire: &[u8]) -> Option<RData> {
    let length = u16::try_from(wire.len()).ok()?;
    RData::read(&mut BinDecoder::new(wire), rtype, Restrict::new(length)).ok()
}

/// Uncompressed, names in lower case where DNSSEC has them so (RFC 4034 section 6.2).
fn canonical(data: &RData) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_canonical_form(true);
    data.emit(&mut encoder).ok()?;
    Some(octets)
}
