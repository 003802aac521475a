//! What a zone's services refer to by name: checks and pools, whether they exist, are used, and form no loop.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::group::MOST_LEVELS;
use crate::config::diagnostic::suggestion;
use crate::config::raw::document::{At, Source};
use crate::config::raw::service::RawPool;
use crate::model::check::Check;

/// A check of the zone.
pub(crate) struct KnownCheck {
    /// Where it is defined.
    pub(crate) at: usize,
    /// Nothing when it has mistakes, which were reported.
    pub(crate) check: Option<Arc<Check>>,
    /// The port it says.
    pub(crate) port: Option<u16>,
    /// The port that its type implies.
    pub(crate) usual_port: Option<u16>,
    /// Of a combined check: the names of its parts.
    pub(crate) parts: Vec<At<String>>,
    /// Whether something names it.
    pub(crate) used: Cell<bool>,
}

/// What endpoints and services refer to by name.
pub(crate) struct LookedUp<'a> {
    pub(super) source: &'a Source,
    pub(super) checks: HashMap<&'a str, KnownCheck>,
    pools: HashMap<&'a str, &'a RawPool>,
    /// In the order written, for reports.
    pool_order: &'a [RawPool],
    pub(super) used_pools: RefCell<HashSet<&'a str>>,
    /// Whether checks form a loop.
    pub(super) looping: Cell<bool>,
}

impl<'a> LookedUp<'a> {
    pub(crate) fn new(
        source: &'a Source,
        checks: HashMap<&'a str, KnownCheck>,
        pools: &'a [RawPool],
    ) -> Self {
        Self {
            source,
            checks,
            pools: pools
                .iter()
                .map(|pool| (pool.name.value.as_str(), pool))
                .collect(),
            pool_order: pools,
            used_pools: Default::default(),
            looping: Cell::new(false),
        }
    }

    /// Reports each loop of pools once, with its path.
    pub(crate) fn report_loops(&self) {
        let mut done: HashSet<&str> = HashSet::new();
        for start in self.pool_order {
            let mut path: Vec<&str> = Vec::new();
            self.walk(start, &mut path, &mut done);
        }
    }

    fn walk(&self, pool: &'a RawPool, path: &mut Vec<&'a str>, done: &mut HashSet<&'a str>) {
        let name = pool.name.value.as_str();
        if let Some(from) = path.iter().position(|seen| *seen == name) {
            let mut steps: Vec<&str> = path.get(from..).unwrap_or(&[]).to_vec();
            steps.push(name);
            self.source.error(
                pool.name.at,
                format!("pools form a loop: {}", steps.join(" -> ")),
                "take one of them out of another's `pools`",
            );
            return;
        }
        // What nests deeper is reported where a service uses it.
        if done.contains(name) || path.len() > 4 * MOST_LEVELS {
            return;
        }
        path.push(name);
        for inner in &pool.group.pools {
            if let Some(inner) = self.pools.get(inner.value.as_str()) {
                self.walk(inner, path, done);
            }
        }
        path.pop();
        done.insert(name);
    }

    /// Warns of checks and pools that nothing names.
    pub(crate) fn report_unused(&self) {
        for (name, check) in &self.checks {
            if !check.used.get() {
                self.source.warn(
                    check.at,
                    format!("nothing uses check `{name}`"),
                    "write `check = …` in a service, or remove it",
                );
            }
        }
        let used = self.used_pools.borrow();
        for pool in self.pool_order {
            let name = pool.name.value.as_str();
            if !used.contains(name) {
                self.source.warn(
                    pool.name.at,
                    format!("no service uses pool `{name}`"),
                    "write `pools = […]` in a service, or remove it",
                );
            }
        }
    }

    pub(super) fn check(&self, written: &At<String>) -> Option<&KnownCheck> {
        let known = self.checks.get(written.value.as_str());
        match known {
            Some(known) => known.used.set(true),
            None => {
                let mut names: Vec<&str> = self.checks.keys().copied().collect();
                names.sort_unstable();
                let instead = if names.is_empty() {
                    format!("define `[checks.{}]`", written.value)
                } else {
                    suggestion(&written.value, names, "defined are")
                };
                self.source.error(
                    written.at,
                    format!("there is no check `{}`", written.value),
                    instead,
                );
            }
        }
        known
    }

    pub(super) fn pool(&self, written: &At<String>) -> Option<&'a RawPool> {
        let known = self.pools.get(written.value.as_str()).copied();
        if known.is_none() {
            let mut names: Vec<&str> = self.pools.keys().copied().collect();
            names.sort_unstable();
            let instead = if names.is_empty() {
                format!("define `[pools.{}]`", written.value)
            } else {
                suggestion(&written.value, names, "defined are")
            };
            self.source.error(
                written.at,
                format!("there is no pool `{}`", written.value),
                instead,
            );
        }
        known
    }
}
