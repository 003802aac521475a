//! What of the node's settings matters for answers, encoded once per plan.

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::ask::{Ask, Shown};
use crate::answer::chaos;
use crate::answer::fit::Reply;
use crate::answer::limiter::{self, Limiter};
use crate::model::abuse::{CookieSecrets, Require};
use crate::model::place::Atlas;
use crate::model::plan::{NodeSettings, Prefix, QuotaSettings, TsigKey};
use crate::model::time::UnixTime;
use crate::wire::cookie::{Cookies, Said, Secrets, Verdict};
use crate::wire::edns::Edns;
use crate::wire::subnet::Told;

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
    /// How much expensive work may be asked for.
    pub quotas: QuotaSettings,
    /// Who knows where clients are.
    pub atlas: Option<Arc<dyn Atlas>>,
    /// What cookies are made of; `None`: the option is unknown here.
    pub cookies: Option<Secrets>,
    /// Who is told to show a cookie.
    pub require: Require,
    /// Octets of the largest UDP answer to who shows no cookie.
    pub max_without: Option<u16>,
    /// How often one network is answered over UDP. The one thing here that changes: it counts.
    pub limiter: Option<Arc<Limiter>>,
}

impl Settings {
    /// Encodes the node's settings. `seed` makes hashes unpredictable; what `before` has counted stays counted where its
    /// rules have not changed.
    #[must_use]
    pub fn of(node: &NodeSettings, seed: u64, before: Option<&Self>) -> Self {
        let counting = before.and_then(|before| before.limiter.as_ref());
        let limiter = node.rate_limit.as_ref().map(|rules| match counting {
            Some(limiter) if limiter.settings() == rules => Arc::clone(limiter),
            _ => Arc::new(Limiter::new(rules.clone(), seed)),
        });
        let cookies = match &node.cookies.secrets {
            CookieSecrets::Off => None,
            CookieSecrets::Own(seed) => Some(Secrets::Own(*seed)),
            CookieSecrets::Shared(secrets) => Some(Secrets::Shared(secrets.clone().into())),
        };
        Self {
            udp_payload: node.udp_payload.clamp(512, 4096),
            nsid: node.name.bytes().take(128).collect(),
            version: node.version.as_deref().map(chaos::record),
            identity: node.identity.as_deref().map(chaos::record),
            keys: node.keys.clone().into(),
            trust_ecs: node.trust_ecs.clone().into(),
            quotas: node.quotas,
            atlas: node.geo.as_ref().map(|geo| Arc::clone(&geo.atlas)),
            require: match cookies {
                Some(_) => node.cookies.require,
                None => Require::Never,
            },
            max_without: node.cookies.max_without.filter(|_| cookies.is_some()),
            cookies,
            limiter,
        }
    }

    /// What of `told` is heeded when it comes from `resolver`: nothing from strangers, as if the option were unknown
    /// here (RFC 7871 section 7.2.1).
    #[cold]
    pub(crate) fn heeded(&self, told: Told, resolver: IpAddr) -> Told {
        if self.trust_ecs.iter().any(|trusted| trusted.contains(resolver)) {
            told
        } else {
            Told::Nothing
        }
    }

    /// What the cookie of a query from `address` is worth at `wall`, and what goes back.
    #[inline]
    pub(crate) fn examine(&self, edns: Option<Edns>, address: IpAddr, wall: UnixTime) -> Option<Examined> {
        match edns.map_or(Said::Nothing, |edns| edns.cookie) {
            Said::Nothing => None,
            said => self.examined(said, address, wall),
        }
    }

    fn examined(&self, said: Said, address: IpAddr, wall: UnixTime) -> Option<Examined> {
        let secrets = self.cookies.as_ref()?;
        // Servers that share a secret count seconds modulo 2^32 (RFC 9018 section 4.3).
        let now = wall.secs() as u32;
        let Some(client) = said.client() else {
            return Some(Examined::Malformed);
        };
        let new = || (client, secrets.make(client, address, now));
        Some(match said {
            Said::Both(_, server) => match secrets.verify(client, server, address, now) {
                Verdict::Good => Examined::Cookies(Shown::Good, (client, server)),
                Verdict::Renew => Examined::Cookies(Shown::Good, new()),
                Verdict::Wrong => Examined::Cookies(Shown::Wrong, new()),
            },
            Said::Foreign(_) => Examined::Cookies(Shown::Wrong, new()),
            _ => Examined::Cookies(Shown::Itself, new()),
        })
    }

    /// Decides about an answer to somebody whose address is only claimed; whether anything is sent. What is cut short
    /// is never longer than the query was, but by the 16 octets of a cookie, and of those at most every second is sent.
    #[inline]
    pub(crate) fn restrain(
        &self,
        reply: &mut Reply<'_, '_>,
        ask: &Ask<'_>,
        cookie: bool,
        question: bool,
    ) -> bool {
        if self.require == Require::Always && question {
            reply.cut_short(cookie, false);
        }
        let Some(limiter) = &self.limiter else {
            return true;
        };
        match limiter.judge(ask.client.address, reply.kind(), ask.now, ask.dice) {
            limiter::Verdict::Pass => true,
            limiter::Verdict::Withhold => false,
            limiter::Verdict::Slip => {
                let cookie = cookie && self.require != Require::Never;
                reply.cut_short(cookie, true);
                !(cookie && limiter.settings().slip == 1 && ask.dice >> 32 & 1 == 1)
            }
        }
    }
}

/// A COOKIE option, looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Examined {
    /// It has a length that none has.
    Malformed,
    /// What was shown, and what goes back.
    Cookies(Shown, Cookies),
}
