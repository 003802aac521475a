//! Snapshot: what is answered from.

use std::net::IpAddr;
use std::sync::Arc;

pub use crate::answer::ask::{About, Ask, Client, Outcome, Shown, Transport};
pub use crate::answer::scratch::Scratch;
pub use crate::answer::settings::Settings;

use crate::answer::admit::{Admission, admit};
use crate::answer::fit::{Known, Reply};
use crate::answer::service::ServiceAnswers;
use crate::answer::settings::Examined;
use crate::answer::table::Table;
use crate::answer::zones::{Tenant, Zone, Zones};
use crate::answer::{chaos, lookup};
use crate::model::id::{ServiceId, ZoneId};
use crate::model::plan::{Prefix, QuotaSettings, TransferRules, TsigKey};
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
        let (subnet, mut admission) = match told {
            Told::Nothing => (None, admission),
            Told::Subnet(subnet) => (Some(subnet), admission),
            Told::Malformed => (None, Admission::Refuse(rcode::FORMERR)),
        };
        let (shown, cookie) = match self.settings.examine(query.edns, ask.client.address, ask.wall) {
            None => (Shown::Nothing, None),
            Some(Examined::Cookies(shown, cookies)) => {
                if query.bare {
                    admission = for_a_cookie(query, shown);
                }
                (shown, Some(cookies))
            }
            Some(Examined::Malformed) => {
                admission = Admission::Refuse(rcode::FORMERR);
                (Shown::Nothing, None)
            }
        };
        let known = Known {
            transport: ask.client.transport,
            subnet,
            shown,
            cookie,
        };
        // Only a front end that keeps connections sets it: elsewhere the option is passed over (RFC 7828 section 3.2.1).
        let asked = query.edns.map_or(Keepalive::Unasked, |edns| edns.keepalive);
        let (keepalive, admission) = match (*keepalive, asked) {
            (Some(tenths), Keepalive::Asked) => (Some(tenths), admission),
            (Some(_), Keepalive::Malformed) => (None, Admission::Refuse(rcode::FORMERR)),
            (_, Keepalive::Unasked) | (None, _) => (None, admission),
        };
        let mut reply = Reply::begin(query, &self.settings, &known, out, (places, served));
        if let Some(tenths) = keepalive {
            reply.keep(tenths);
        }
        match admission {
            Admission::Answer(question) => {
                let asked = lookup::Asked {
                    snapshot: self,
                    question,
                    client: self.client(ask, subnet),
                    source: ask.client.address,
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
        if known.is_claimed() {
            let question = !matches!(admission, Admission::Refuse(_));
            if !self
                .settings
                .restrain(&mut reply, ask, cookie.is_some(), question)
            {
                reply.served.clear();
                return Outcome::Withhold;
            }
        }
        reply.finish()
    }

    /// Asks for what is known of who asks to be near: for the second of three passes over a batch of datagrams.
    #[inline]
    pub fn expect(&self, address: Option<IpAddr>) {
        if let (Some(limiter), Some(address)) = (&self.settings.limiter, address) {
            limiter.fetch(address);
        }
    }

    /// The network of `address`, when answers to it were just limited and that is news.
    #[cold]
    #[must_use]
    pub fn news_of_limit(&self, address: IpAddr, now: Moment) -> Option<Prefix> {
        let limiter = self.settings.limiter.as_ref()?;
        limiter.begins(now).then(|| limiter.network(address))
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

    /// How much expensive work may be asked for.
    #[must_use]
    pub fn quotas(&self) -> &QuotaSettings {
        &self.settings.quotas
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

/// What becomes of a query that asks nothing but for a cookie (RFC 7873 section 5.4).
#[cold]
fn for_a_cookie(query: &Query<'_>, shown: Shown) -> Admission {
    Admission::Refuse(match (query.opcode(), query.edns) {
        (1.., _) => rcode::NOTIMP,
        (0, Some(edns)) if edns.version != 0 => rcode::BADVERS,
        (0, _) if shown == Shown::Wrong => rcode::BADCOOKIE,
        (0, _) => rcode::NOERROR,
    })
}

impl Prepared<'_> {
    /// The question, when it could be read.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        self.query.as_ref().and_then(|query| query.question)
    }
}
