//! Endpoints' addresses bound to their probe streams, through combined checks to the streams of their parts.

use std::collections::HashSet;
use std::net::IpAddr;

use super::group::Expansion;
use super::looked_up::{KnownCheck, LookedUp};
use crate::config::raw::document::At;
use crate::config::raw::service::RawEndpoint;
use crate::model::check::CheckKind;
use crate::model::id::TargetId;
use crate::model::service::EndpointAddress;

/// Levels of checks within checks.
pub(super) const MOST_LEVELS: usize = 8;

impl<'a> LookedUp<'a> {
    /// Reports parts that do not exist, and loops of combined checks (each once, with its path).
    pub(super) fn report_combined(&self) {
        let mut names: Vec<(&usize, &str)> = self
            .checks
            .iter()
            .map(|(name, check)| (&check.at, *name))
            .collect();
        names.sort_unstable();
        for (_, name) in &names {
            for part in self.checks.get(name).map_or(&[][..], |check| &check.parts) {
                self.check(part);
            }
        }
        let mut done = HashSet::new();
        for (_, name) in names {
            self.walk_check(name, &mut Vec::new(), &mut done);
        }
    }

    /// Whether combined checks at or below `name` nest too deep; those in a loop do.
    fn is_too_deep(&self, name: &str, level: usize) -> bool {
        let parts = self.checks.get(name).map_or(&[][..], |check| &check.parts);
        !parts.is_empty()
            && (level == MOST_LEVELS || parts.iter().any(|part| self.is_too_deep(&part.value, level + 1)))
    }

    fn walk_check<'n>(&'n self, name: &'n str, path: &mut Vec<&'n str>, done: &mut HashSet<&'n str>) {
        let Some(check) = self.checks.get(name) else {
            return;
        };
        if let Some(from) = path.iter().position(|seen| *seen == name) {
            let mut steps: Vec<&str> = path.get(from..).unwrap_or(&[]).to_vec();
            steps.push(name);
            self.looping.set(true);
            self.source.error(
                check.at,
                format!("checks form a loop: {}", steps.join(" -> ")),
                "take one of them out of another's `all_of` or `any_of`",
            );
            return;
        }
        // What nests deeper is reported where an endpoint uses it.
        if done.contains(name) || path.len() > 4 * MOST_LEVELS {
            return;
        }
        path.push(name);
        for part in &check.parts {
            self.walk_check(&part.value, path, done);
        }
        path.pop();
        done.insert(name);
    }
}

impl KnownCheck {
    /// The port to probe at, for an endpoint that says `own`. Part of another check, its own port is the nearer word.
    /// A heartbeat has none: 0.
    pub(super) fn port_for(&self, own: Option<u16>, is_part: bool) -> Option<u16> {
        if let Some(CheckKind::Heartbeat(_)) = self.check.as_ref().map(|check| &check.kind) {
            return Some(0);
        }
        if is_part {
            self.port.or(own).or(self.usual_port)
        } else {
            own.or(self.port).or(self.usual_port)
        }
    }
}

impl<'a> Expansion<'_, 'a> {
    /// The addresses of an endpoint with what is probed for them, by `check` and, beside it, by `shadow`.
    pub(super) fn addresses(
        &mut self,
        raw: &'a RawEndpoint,
        check: Option<&'a At<String>>,
        shadow: Option<&'a At<String>>,
    ) -> Vec<EndpointAddress> {
        for name in [check, shadow].into_iter().flatten() {
            if self.looked_up.is_too_deep(&name.value, 0) && !self.looked_up.looping.get() {
                self.looked_up.source.error(
                    name.at,
                    format!("check `{}` nests deeper than {MOST_LEVELS} levels", name.value),
                    "flatten it",
                );
            }
            if let Some(without) = self.without_port(&name.value, raw.port, 0) {
                self.looked_up.source.error(
                    raw.name.at,
                    format!("no port to probe endpoint `{}` at", raw.name.value),
                    format!("write `port = …` in `[checks.{without}]` or in the endpoint"),
                );
            }
        }
        raw.addresses
            .iter()
            .enumerate()
            .map(|(nth, address)| {
                let probed = raw.probed.get(nth).map_or(address.value, |probed| probed.value);
                let mut bind = |name: Option<&At<String>>| self.bind(&name?.value, probed, raw.port, 0);
                EndpointAddress {
                    address: address.value,
                    target: bind(check),
                    shadow: bind(shadow),
                }
            })
            .collect()
    }

    /// The first check at or below `name` that knows no port.
    fn without_port(&self, name: &str, own: Option<u16>, level: usize) -> Option<String> {
        let known = self.looked_up.checks.get(name)?;
        match &known.check.as_ref()?.kind {
            CheckKind::Combined(_) if level < MOST_LEVELS => known
                .parts
                .iter()
                .find_map(|part| self.without_port(&part.value, own, level + 1)),
            CheckKind::Combined(_) => None,
            _ => known.port_for(own, level > 0).is_none().then(|| name.to_owned()),
        }
    }

    /// The stream of the check `name` against `address`; nothing when there is a mistake, which was reported.
    pub(super) fn bind(
        &mut self,
        name: &str,
        address: IpAddr,
        own: Option<u16>,
        level: usize,
    ) -> Option<TargetId> {
        let looked_up = self.looked_up;
        let known = looked_up.checks.get(name)?;
        let check = known.check.as_ref()?;
        if let CheckKind::Combined(_) = check.kind {
            // Too deep or a loop, which was reported.
            if level == MOST_LEVELS {
                return None;
            }
            let parts: Option<Vec<TargetId>> = known
                .parts
                .iter()
                .map(|part| self.bind(&part.value, address, own, level + 1))
                .collect();
            return Some(self.builder.derived(check, address, parts?));
        }
        let port = known.port_for(own, level > 0)?;
        Some(self.builder.target(check, address, port))
    }
}
