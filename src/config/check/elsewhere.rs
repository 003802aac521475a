//! Endpoints that are known by a name elsewhere.

use std::sync::Arc;

use super::binding::MOST_LEVELS;
use super::group::Expansion;
use super::service::Around;
use crate::config::raw::document::{At, Source};
use crate::config::raw::service::RawEndpoint;
use crate::config::raw::zone::RawZone;
use crate::model::alias::{Alias, AliasProbe};
use crate::model::check::CheckKind;

impl<'a> Expansion<'_, 'a> {
    /// The alias of an endpoint that is probed by `check` and, beside it, by `shadow`.
    pub(super) fn alias(
        &self,
        raw: &RawEndpoint,
        check: Option<&'a At<String>>,
        shadow: Option<&'a At<String>>,
    ) -> Option<Alias> {
        let probe = |name: Option<&At<String>>| self.probe(&name?.value, raw.port, 0);
        Some(Alias {
            name: raw.alias.as_ref()?.value.clone(),
            probe: probe(check),
            shadow: probe(shadow),
            probe_address: raw.probed.first().map(|probed| probed.value),
            trouble: None,
        })
    }

    /// How the check `name` probes; nothing when there is a mistake, which was reported.
    fn probe(&self, name: &str, own: Option<u16>, level: usize) -> Option<AliasProbe> {
        let known = self.looked_up.checks.get(name)?;
        let check = Arc::clone(known.check.as_ref()?);
        if !matches!(check.kind, CheckKind::Combined(_)) {
            let port = known.port_for(own, level > 0)?;
            return Some(AliasProbe {
                check,
                port,
                parts: Vec::new(),
            });
        }
        // Too deep or a loop, which was reported.
        if level == MOST_LEVELS {
            return None;
        }
        let parts = known.parts.iter();
        let parts: Option<Vec<AliasProbe>> = parts
            .map(|part| self.probe(&part.value, own, level + 1))
            .collect();
        Some(AliasProbe {
            check,
            port: 0,
            parts: parts?,
        })
    }
}

/// Reports aliases that lie in a zone of this server: resolved through it, they would wait for themselves.
pub(super) fn report_own(raw: &RawZone, around: &Around<'_>) {
    let services = raw.services.iter().map(|service| &service.group);
    let groups = services.chain(raw.pools.iter().map(|pool| &pool.group));
    for alias in groups
        .flat_map(|group| &group.endpoints)
        .filter_map(|endpoint| endpoint.alias.as_ref())
    {
        let own = around
            .origins
            .iter()
            .filter(|origin| alias.value.is_within(origin));
        if let Some(own) = own.max_by_key(|origin| origin.label_count()) {
            around.source.error(
                alias.at,
                format!("`{}` lies in zone `{own}`, which is served here", alias.value),
                "write its `address`, or name the pool that it stands for in `pools`",
            );
        }
    }
}

/// Reports an endpoint that is known by none or by several of `address` and `alias`.
pub(in crate::config) fn one_way(source: &Source, at: usize, written: &[&str]) {
    match written {
        [] => source.error(
            at,
            "neither `address` nor `alias` in an endpoint",
            "write `address = \"192.0.2.10\"`, or `alias = \"lb.example.net\"`",
        ),
        [_] => {}
        several => source.error(
            at,
            format!("an endpoint is known by one of `{}`", several.join("`, `")),
            "keep one of them, or write an endpoint for each",
        ),
    }
}
