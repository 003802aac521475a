//! Endpoints that are known by a name elsewhere.

use std::sync::Arc;

use super::service::Around;
use crate::config::raw::document::Source;
use crate::config::raw::service::RawEndpoint;
use crate::config::raw::zone::RawZone;
use crate::model::alias::{Alias, AliasProbe};
use crate::model::check::Check;

/// The alias of an endpoint that is checked by `check` at `port`.
pub(super) fn alias(raw: &RawEndpoint, check: Option<(&Arc<Check>, u16)>) -> Option<Alias> {
    let name = raw.alias.as_ref()?.value.clone();
    let probe = check.map(|(check, port)| AliasProbe {
        check: Arc::clone(check),
        port,
        address: raw.probed.first().map(|probed| probed.value),
    });
    Some(Alias {
        name,
        probe,
        trouble: None,
    })
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
