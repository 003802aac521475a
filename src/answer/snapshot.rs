//! Snapshot: what is answered from.

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::admit::{Admission, admit};
use crate::answer::fit::Reply;
pub use crate::answer::scratch::Scratch;
use crate::answer::service::ServiceAnswers;
use crate::answer::table::Table;
use crate::answer::zones::{Tenant, Zone, Zones};
use crate::answer::{chaos, lookup};
use crate::model::id::{ServiceId, ZoneId};
use crate::model::place::Atlas;
use crate::model::plan::{NodeSettings, Prefix, TransferRules, TsigKey};
use crate::model::time::Moment;
use crate::policy::choice::client::ClientKey;
use crate::wire::edns::Keepalive;
use crate::wire::query::{Query, Question};
use crate::wire::rtype::rcode;
use crate::wire::subnet::{ClientSubnet, Told};

/// Services per chunk of the spine: publishing one service copies one chunk and the spine.
pub const SERVICES_PER_CHUNK: usize = 64;

/// A part of the services.
pub type ServiceChunk = Arc<[Arc<ServiceAnswers>]>;

/// Everything that is answered from, immutable.
#[derive(Debug)]
pub struct Snapshot {
    zones: Arc<Zones>,
    services: Arc<[ServiceChunk]>,
    settings: Arc<Settings>,
}

/// What of the node's settings matters for answers, encoded.
#[derive(Debug)]
pub struct Settings {
    /// EDNS payload limit, 512..=4096.
    pub udp_payload: u16,
    /// NSID; at most 128 octets, so that question, OPT and it fit into 512 octets.
    pub nsid: Box<[u8]>,
    /// The record of `version.bind`.
    pub version: Option<Box<[u8]>>,
    /// The record of `id.server`.
    pub identity: Option<Box<[u8]>>,
    /// TSIG keys.
    pub keys: Box<[TsigKey]>,
    /// Resolvers whose word on their clients' networks is taken.
    pub trust_ecs: Box<[Prefix]>,
    /// Who knows where clients are.
    pub atlas: Option<Arc<dyn Atlas>>,
}

impl Settings {
    /// Encodes the node's settings.
    #[must_use]
    pub fn of(node: &NodeSettings) -> Self {
        Self {
            udp_payload: node.udp_payload.clamp(512, 4096),
            nsid: node.name.bytes().take(128).collect(),
            version: node.version.as_deref().map(chaos::record),
            identity: node.identity.as_deref().map(chaos::record),
            keys: node.keys.clone().into(),
            trust_ecs: node.trust_ecs.clone().into(),
            atlas: node.geo.as_ref().map(|geo| Arc::clone(&geo.atlas)),
        }
    }

    /// What of `told` is heeded when it comes from `resolver`: nothing from strangers, as if the option were unknown
    /// here (RFC 7871 section 7.2.1).
    #[cold]
    fn heeded(&self, told: Told, resolver: IpAddr) -> Told {
        if self.trust_ecs.iter().any(|trusted| trusted.contains(resolver)) {
            told
        } else {
            Told::Nothing
        }
    }
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP: answers are limited in size, and nobody has shown that the source address is the sender's.
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over QUIC (RFC 9250).
    Quic,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

impl Transport {
    /// Every way that a query can come.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Quic, Self::Https];

    /// Whether answers are limited in size and the source address is only claimed; the others carry 65,535 octets.
    #[inline]
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp)
    }

    /// Whether nobody on the way can read the answer, so that its length is worth hiding (RFC 8467).
    #[inline]
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Quic | Self::Https)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Source address.
    pub address: IpAddr,
    /// How the query came.
    pub transport: Transport,
}

/// One query to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The message's octets.
    pub query: &'a [u8],
    /// Who asks.
    pub client: Client,
    /// When (coarse is good enough).
    pub now: Moment,
    /// Chance: uniform in `u64`.
    pub dice: u64,
}

/// What becomes of a query. Total: every packet has an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the first `len` octets of `out`.
    Reply {
        /// How many octets of `out` are the answer.
        len: usize,
        /// What the counters need.
        about: About,
    },
    /// AXFR, IXFR, NOTIFY, UPDATE, or TSIG present: for `serve::transactions`.
    Transaction,
    /// Send nothing.
    Drop,
}

/// What the counters need of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// RCODE, extended bits included.
    pub rcode: u16,
    /// QTYPE; 0 when the question could not be read.
    pub qtype: u16,
    /// Whether the answer was cut short (TC).
    pub truncated: bool,
}

/// A query that was read and whose zone is known. To be finished by the snapshot that prepared it.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'q> {
    query: Option<Query<'q>>,
    hash: u64,
    zone: Option<usize>,
}

impl Snapshot {
    pub(crate) fn new(zones: Arc<Zones>, services: Arc<[ServiceChunk]>, settings: Arc<Settings>) -> Self {
        Self {
            zones,
            services,
            settings,
        }
    }

    /// Reads `query`, finds its zone and hashes its name. A worker prepares a batch before it finishes it, so that
    /// the batch's cache misses overlap.
    #[inline]
    #[must_use]
    pub fn prepare<'q>(&self, query: &'q [u8]) -> Prepared<'q> {
        let mut prepared = Prepared {
            query: Query::read(query),
            hash: 0,
            zone: None,
        };
        if let Some(query) = &prepared.query
            && let Some(question) = query.question
        {
            prepared.hash = self.zones.hash().of(query.name());
            prepared.zone = self.zones.find(query.name(), usize::from(question.labels));
            if let Some(table) = self.table_of(&prepared) {
                table.prefetch_slot(prepared.hash);
            }
        }
        prepared
    }

    /// Asks for the prepared name's records to be near: for the second of three passes over a batch. Changes nothing else.
    #[inline]
    pub fn fetch(&self, prepared: &Prepared<'_>) {
        if let Some(table) = self.table_of(prepared) {
            table.prefetch_node(prepared.hash);
        }
    }

    #[inline]
    fn table_of(&self, prepared: &Prepared<'_>) -> Option<&Table> {
        self.zones.get(prepared.zone?)?.table.as_deref()
    }

    /// Answers what was prepared into `out` (at least 512 octets; 65,535 for TCP). `ask.query` must be the octets
    /// that were prepared.
    #[inline]
    pub fn finish(
        &self,
        prepared: Prepared<'_>,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Outcome {
        scratch.served.clear();
        let Some(query) = &prepared.query else {
            return Outcome::Drop;
        };
        let admission = admit(query);
        if admission == Admission::Transaction {
            return Outcome::Transaction;
        }
        let Scratch {
            places,
            data,
            firsts,
            served,
            keepalive,
        } = scratch;
        let told = match query.edns {
            None => Told::Nothing,
            Some(edns) if edns.told == Told::Nothing => Told::Nothing,
            Some(edns) => self.settings.heeded(edns.told, ask.client.address),
        };
        let (subnet, admission) = match told {
            Told::Nothing => (None, admission),
            Told::Subnet(subnet) => (Some(subnet), admission),
            Told::Malformed => (None, Admission::Refuse(rcode::FORMERR)),
        };
        // Only a front end that keeps connections sets it: elsewhere the option is passed over (RFC 7828 section 3.2.1).
        let asked = query.edns.map_or(Keepalive::Unasked, |edns| edns.keepalive);
        let (keepalive, admission) = match (*keepalive, asked) {
            (Some(tenths), Keepalive::Asked) => (Some(tenths), admission),
            (Some(_), Keepalive::Malformed) => (None, Admission::Refuse(rcode::FORMERR)),
            (_, Keepalive::Unasked) | (None, _) => (None, admission),
        };
        let mut reply = Reply::begin(
            query,
            &self.settings,
            ask.client.transport,
            subnet,
            out,
            (places, served),
        );
        if let Some(tenths) = keepalive {
            reply.keep(tenths);
        }
        match admission {
            Admission::Answer(question) => {
                let asked = lookup::Asked {
                    snapshot: self,
                    question,
                    client: self.client(ask, subnet),
                    dice: ask.dice,
                    now: ask.now,
                    firsts,
                };
                asked.answer(&mut reply, prepared.zone, prepared.hash, query.name(), data);
            }
            Admission::Chaos(question) => {
                chaos::answer(&mut reply, &self.settings, question, query.name());
            }
            Admission::Refuse(rcode) => reply.rcode = rcode,
            Admission::Transaction => {}
        }
        reply.finish()
    }

    /// Whom the answer is for: whom the resolver named, else whoever sent the query.
    #[inline]
    fn client(&self, ask: &Ask<'_>, subnet: Option<ClientSubnet>) -> ClientKey<'_> {
        let atlas = self.settings.atlas.as_deref();
        match subnet.and_then(|subnet| subnet.network()) {
            None => ClientKey::whole(ask.client.address, atlas),
            Some((address, length)) => ClientKey {
                address,
                length,
                atlas,
            },
        }
    }

    /// Answers `ask` into `out` (at least 512 octets; 65,535 for TCP).
    pub fn answer(&self, ask: &Ask<'_>, scratch: &mut Scratch, out: &mut [u8]) -> Outcome {
        self.finish(self.prepare(ask.query), ask, scratch, out)
    }

    /// The zone with exactly this origin (wire form, any case), unless it was refused.
    #[must_use]
    pub fn zone_at(&self, origin: &[u8]) -> Option<ZoneId> {
        let index = self.zones.exact(origin)?;
        self.zones.get(index)?.table.as_ref()?;
        Some(ZoneId::from_index(index))
    }

    /// Who may transfer `zone`; nobody when there is no such zone.
    #[must_use]
    pub fn transfer_rules(&self, zone: ZoneId) -> &TransferRules {
        static NOBODY: TransferRules = TransferRules {
            allow: Vec::new(),
            keys: Vec::new(),
        };
        self.zones
            .get(zone.index())
            .map_or(&NOBODY, |zone| &zone.transfer)
    }

    /// TSIG keys.
    #[must_use]
    pub fn keys(&self) -> &[TsigKey] {
        &self.settings.keys
    }

    #[inline]
    pub(crate) fn zones(&self) -> &Zones {
        &self.zones
    }

    /// What the service with this number in `zone` answers.
    #[inline]
    pub(crate) fn service(&self, zone: &Zone, number: usize) -> Option<&ServiceAnswers> {
        let &Tenant {
            service: ServiceId(id),
            facet,
        } = zone.tenants.get(number)?;
        let chunk = self.services.get(id as usize / SERVICES_PER_CHUNK)?;
        let answers = &**chunk.get(id as usize % SERVICES_PER_CHUNK)?;
        match facet.checked_sub(1) {
            None => Some(answers),
            Some(index) => answers.facets.get(index as usize),
        }
    }
}

impl Prepared<'_> {
    /// The question, when it could be read.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        self.query.as_ref().and_then(|query| query.question)
    }
}
