//! Checks: their rules completed from the defaults and judged.

use std::time::Duration;

use crate::config::defaults;
use crate::config::duration::text;
use crate::config::raw::document::Source;
use crate::config::raw::probe::RawRules;
use crate::model::check::{CheckKind, Rules};

/// The rules when neither a check nor `[defaults.check]` says anything.
pub(crate) fn built_in() -> Rules {
    Rules {
        interval: defaults::INTERVAL,
        fast_interval: defaults::FAST_INTERVAL,
        timeout: defaults::TIMEOUT,
        fall: u32::try_from(defaults::FALL).unwrap_or(1),
        rise: u32::try_from(defaults::RISE).unwrap_or(1),
        false_alarm: defaults::FALSE_ALARM,
        min_down: defaults::MIN_DOWN,
        damping: defaults::DAMPING,
    }
}

/// The port of checks of this kind that say none.
pub(crate) fn default_port(kind: &CheckKind) -> Option<u16> {
    let port = match kind {
        CheckKind::Http(http) if !http.tls => defaults::HTTP_PORT,
        CheckKind::Http(_) | CheckKind::Tls(_) => defaults::HTTPS_PORT,
        CheckKind::Postgres(_) => defaults::POSTGRES_PORT,
        CheckKind::Redis(_) => defaults::REDIS_PORT,
        CheckKind::Patroni(_) => defaults::PATRONI_PORT,
        CheckKind::Dns(_) => defaults::DNS_PORT,
        // There are none, or none is needed; a target has the number all the same.
        CheckKind::Icmp(_) | CheckKind::Exec(_) => 0,
        CheckKind::Grpc(_) | CheckKind::Tcp(_) | CheckKind::Combined(_) | CheckKind::Heartbeat(_) => {
            return None;
        }
    };
    u16::try_from(port).ok()
}

/// What is written, with `otherwise` for the rest; what trades safety for speed is warned of where it is written.
pub(crate) fn rules(source: &Source, raw: &RawRules, otherwise: &Rules) -> Rules {
    let count = |written: &Option<_>, otherwise: u32| {
        written
            .as_ref()
            .and_then(|written: &crate::config::raw::document::At<i64>| u32::try_from(written.value).ok())
            .unwrap_or(otherwise)
    };
    let length = |written: &Option<crate::config::raw::document::At<Duration>>, otherwise: Duration| {
        written.map_or(otherwise, |written| written.value)
    };
    let interval = length(&raw.interval, otherwise.interval);
    let mut rules = Rules {
        interval,
        fast_interval: length(&raw.fast_interval, otherwise.fast_interval),
        timeout: length(&raw.timeout, otherwise.timeout),
        fall: count(&raw.fall, otherwise.fall),
        rise: count(&raw.rise, otherwise.rise),
        false_alarm: raw
            .false_alarm
            .map_or(otherwise.false_alarm, |chance| chance.value),
        min_down: length(&raw.min_down, otherwise.min_down),
        damping: raw.damping.map_or(otherwise.damping, |damping| damping.value),
    };
    match raw.fast_interval {
        Some(fast) if fast.value > interval => source.error(
            fast.at,
            format!(
                "`fast_interval` ({}) is longer than `interval` ({})",
                text(fast.value),
                text(interval)
            ),
            "write a shorter one: in doubt, probes come faster",
        ),
        // Inherited: an interval that is shorter than the inherited fast one is fast enough.
        _ => rules.fast_interval = rules.fast_interval.min(interval),
    }
    warn(source, raw, &rules);
    rules
}

fn warn(source: &Source, raw: &RawRules, rules: &Rules) {
    if let Some(interval) = raw.interval.filter(|i| i.value < defaults::HASTY_INTERVAL) {
        source.warn(
            interval.at,
            format!(
                "`interval` of {}: a pause of the backend looks like death",
                text(interval.value)
            ),
            "write \"1s\" or more; `fast_interval` shortens detection as well",
        );
    }
    if let Some(timeout) = raw.timeout.filter(|t| t.value < defaults::HASTY_TIMEOUT) {
        source.warn(
            timeout.at,
            format!(
                "`timeout` of {}: one lost segment is a failure",
                text(timeout.value)
            ),
            format!("write \"{}\" or more", text(defaults::HASTY_TIMEOUT)),
        );
    }
    if let Some(fall) = raw.fall.filter(|fall| fall.value == 1) {
        source.warn(
            fall.at,
            "`fall` of 1: a single lost probe moves every client",
            "write 2 or more",
        );
    }
    let written = raw.timeout.map(|t| t.at).or(raw.interval.map(|i| i.at));
    if let Some(at) = written.filter(|_| rules.timeout > rules.interval) {
        source.warn(
            at,
            format!(
                "`timeout` ({}) is longer than `interval` ({}): silent failures are found later than the interval \
                 suggests",
                text(rules.timeout),
                text(rules.interval)
            ),
            "write a shorter `timeout` or a longer `interval`",
        );
    }
}
