//! What each kind of transaction is answered, as hickory's [`RequestHandler`]: transfers to who may have them,
//! refusals to the rest.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use hickory_server::net::NetError;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::{DNSClass, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

use crate::answer::snapshot::Snapshot;
use crate::model::id::ZoneId;
use crate::model::time::Moment;
use crate::serve::quotas::Quotas;
use crate::serve::transactions::PAYLOAD;
use crate::serve::transfer::{Messages, is_current, soa_serial};
use crate::wire::name::Name;

/// Answers one request whose signature, if any, holds.
pub struct Handler {
    snapshot: Arc<Snapshot>,
    now: Moment,
    address: IpAddr,
    /// The name of the key that signed it.
    key: Option<Name>,
    /// Octets of each message that a signature takes.
    reserve: usize,
    quotas: Arc<Quotas>,
    /// The answer was broken off.
    broken: AtomicBool,
    /// What was refused, and how.
    refused: OnceLock<(String, ResponseCode)>,
}

impl Handler {
    /// For one request from `address`, signed with `key`; `reserve` octets of each answer are left for its signature.
    #[must_use]
    pub fn new(
        snapshot: Arc<Snapshot>,
        now: Moment,
        address: IpAddr,
        key: Option<Name>,
        reserve: usize,
    ) -> Self {
        Self {
            snapshot,
            now,
            address: address.to_canonical(),
            key,
            reserve,
            quotas: Arc::default(),
            broken: AtomicBool::new(false),
            refused: OnceLock::new(),
        }
    }

    /// The same, within what `quotas` leave.
    #[must_use]
    pub fn within(self, quotas: Arc<Quotas>) -> Self {
        Self { quotas, ..self }
    }

    /// The zone for which the request was refused, and the RCODE.
    #[must_use]
    pub fn refused(&self) -> Option<(&str, ResponseCode)> {
        self.refused.get().map(|(zone, rcode)| (zone.as_str(), *rcode))
    }

    /// Whether its answer was broken off.
    #[must_use]
    pub fn broke_off(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        response_handle: R,
    ) -> ResponseInfo {
        let metadata = Metadata::response_from_request(&request.metadata);
        let mut exchange = Exchange {
            request,
            metadata,
            edns: request.edns.as_ref().map(|asked| {
                let mut edns = Edns::new();
                edns.set_max_payload(PAYLOAD)
                    .set_dnssec_ok(asked.flags().dnssec_ok);
                edns
            }),
            out: response_handle,
        };
        let done = self.respond(&mut exchange).await;
        let broken = match done {
            Ok(Done::Answered) => false,
            Ok(Done::Refused(rcode)) => {
                let question = request.queries.queries().first();
                let zone = question.map(|question| question.original().name().to_string());
                let _ = self.refused.set((zone.unwrap_or_default(), rcode));
                exchange.refuse(rcode).await.is_err()
            }
            Err(_) => true,
        };
        self.broken.store(broken, Ordering::Relaxed);
        Header {
            metadata: exchange.metadata,
            counts: HeaderCounts::default(),
        }
        .into()
    }
}

/// What became of a request.
enum Done {
    Answered,
    Refused(ResponseCode),
}

impl Handler {
    async fn respond<R: ResponseHandler>(&self, exchange: &mut Exchange<'_, R>) -> Result<Done, NetError> {
        let request = exchange.request;
        if request.version() > 0 {
            return Ok(Done::Refused(ResponseCode::BADVERS));
        }
        let [question] = request.queries.queries() else {
            return Ok(Done::Refused(ResponseCode::FormErr));
        };
        let mut origin = Vec::new();
        for label in question.original().name().iter() {
            origin.push(u8::try_from(label.len()).unwrap_or(0));
            origin.extend_from_slice(label);
        }
        origin.push(0);
        let zone = Some(&self.snapshot)
            .filter(|_| question.query_class() == DNSClass::IN)
            .and_then(|snapshot| snapshot.zone_at(&origin));
        let Some(zone) = zone else {
            return Ok(Done::Refused(ResponseCode::NotAuth));
        };
        match (request.metadata.op_code, question.query_type()) {
            (OpCode::Query, RecordType::AXFR) if request.protocol() == Protocol::Udp => {
                // RFC 5936 section 4.2: not over UDP.
                Ok(Done::Refused(ResponseCode::FormErr))
            }
            (OpCode::Query, kind @ (RecordType::AXFR | RecordType::IXFR)) if self.may_transfer(zone) => {
                let has = match kind {
                    RecordType::IXFR => match serial_of(request) {
                        Some(serial) => Some(serial),
                        None => return Ok(Done::Refused(ResponseCode::FormErr)),
                    },
                    _ => None,
                };
                self.transfer(zone, has, exchange).await
            }
            (OpCode::Update, kind) if kind != RecordType::SOA => Ok(Done::Refused(ResponseCode::FormErr)),
            (OpCode::Query | OpCode::Notify | OpCode::Update, _) => Ok(Done::Refused(ResponseCode::Refused)),
            _ => Ok(Done::Refused(ResponseCode::NotImp)),
        }
    }

    fn may_transfer(&self, zone: ZoneId) -> bool {
        let rules = self.snapshot.transfer_rules(zone);
        let signed = self.key.as_ref().is_some_and(|key| rules.keys.contains(key));
        signed || rules.allow.iter().any(|network| network.contains(self.address))
    }

    /// Sends `zone` whole; to a client that has it (serial `has`), and by UDP, the SOA alone (RFC 1995 sections 2, 4).
    async fn transfer<R: ResponseHandler>(
        &self,
        zone: ZoneId,
        has: Option<u32>,
        exchange: &mut Exchange<'_, R>,
    ) -> Result<Done, NetError> {
        let Some(_pass) = self.quotas.transfer(self.address, self.snapshot.quotas()) else {
            return Ok(Done::Refused(ResponseCode::Refused));
        };
        exchange.metadata.authoritative = true;
        let name = exchange
            .request
            .queries
            .queries()
            .first()
            .map(|question| question.original().name());
        let name = name.map(ToString::to_string).unwrap_or_default();
        let messages = Messages::new(self.snapshot.records(zone, self.now), self.reserve);
        let (mut count, mut sent) = (0, 0);
        for message in messages {
            let mut message = match message {
                Ok(message) => message,
                Err(error) => {
                    tracing::error!(zone = %name, client = %self.address, %error, "a transfer was broken off");
                    return match sent {
                        0 => Ok(Done::Refused(ResponseCode::ServFail)),
                        _ => Err(NetError::from("broken off")),
                    };
                }
            };
            if sent == 0
                && let (Some(has), Some(soa)) = (has, message.first())
                && (exchange.request.protocol() == Protocol::Udp
                    || current(soa).is_some_and(|ours| is_current(has, ours)))
            {
                message.truncate(1);
                exchange.send(&message).await?;
                return Ok(Done::Answered);
            }
            exchange.send(&message).await?;
            sent += 1;
            count += message.len();
        }
        let key = self.key.as_ref().map(ToString::to_string);
        tracing::info!(zone = %name, client = %self.address, key, records = count, messages = sent, "transferred");
        Ok(Done::Answered)
    }
}

/// The serial of a record made by [`Messages`].
fn current(soa: &Record) -> Option<u32> {
    match &soa.data {
        RData::Unknown { rdata, .. } => soa_serial(&rdata.anything),
        _ => None,
    }
}

/// The serial that the client of an IXFR has (RFC 1995 section 3).
fn serial_of(request: &Request) -> Option<u32> {
    request.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// One request and its answers.
struct Exchange<'r, R> {
    request: &'r Request,
    metadata: Metadata,
    edns: Option<Edns>,
    out: R,
}

impl<R: ResponseHandler> Exchange<'_, R> {
    async fn send(&mut self, answers: &[Record]) -> Result<(), NetError> {
        let mut builder = MessageResponseBuilder::from_message_request(self.request);
        if let Some(edns) = &self.edns {
            builder.edns(edns);
        }
        let none: [Record; 0] = [];
        let response = builder.build(
            self.metadata,
            answers.iter(),
            none.iter(),
            none.iter(),
            none.iter(),
        );
        let info = self.out.send_response(response).await?;
        // What had to fit did not: the client must not take it for whole.
        if info.truncation && !answers.is_empty() {
            Err(NetError::from("too long"))
        } else {
            Ok(())
        }
    }

    async fn refuse(&mut self, rcode: ResponseCode) -> Result<(), NetError> {
        self.metadata.authoritative = false;
        self.metadata.response_code = rcode;
        self.send(&[]).await
    }
}
