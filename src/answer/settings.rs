//! What of the node's settings matters for answers, encoded once per plan.

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::chaos;
use crate::model::place::Atlas;
use crate::model::plan::{NodeSettings, Prefix, QuotaSettings, TsigKey};
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
            quotas: node.quotas,
            atlas: node.geo.as_ref().map(|geo| Arc::clone(&geo.atlas)),
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
}
