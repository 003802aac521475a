//! TTLs of service answers: fixed, stable, strict.

use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Value};
use crate::config::defaults;
use crate::config::keys;
use crate::model::service::TtlRule;
use crate::model::time::Ttl;

/// A TTL: whole seconds, at most 2^31 - 1 (RFC 2181 section 8).
fn seconds(value: &Value<'_>) -> Option<At<Ttl>> {
    let length = value.duration(Duration::ZERO, Ttl::MAX.duration())?;
    if length.value.subsec_nanos() > 0 {
        return value.refuse(
            format!("a TTL is in whole seconds, not {}", value.written()),
            "write \"1s\" or more",
        );
    }
    let secs = u32::try_from(length.value.as_secs()).unwrap_or(u32::MAX);
    Some(At::new(length.at, Ttl::from_secs(secs)))
}

/// The forms of `ttl`.
pub(crate) fn rule(value: &Value<'_>) -> Option<TtlRule> {
    if !matches!(value.toml, DeValue::Table(_)) {
        let fixed = seconds(value)?;
        judge_ttl(value, fixed);
        return Some(TtlRule::Fixed(fixed.value));
    }
    let table = value.table(vec![&keys::TTL])?;
    let mode = table.choice("mode", &[]);
    let (max, min) = (table.value("max"), table.value("min"));
    // Both are read before anything is given up, so that every mistake is reported.
    let read_max = max.as_ref().map(seconds);
    let read_min = min.as_ref().map(seconds);
    let mode = mode?;
    let default = Ttl::from_secs(u32::try_from(defaults::TTL.as_secs()).unwrap_or(u32::MAX));
    let max_ttl = read_max.unwrap_or(Some(At::new(value.at, default)))?;
    judge_ttl(max.as_ref().unwrap_or(value), max_ttl);
    if mode.value == "fixed" {
        if let Some(min) = min {
            return min.refuse(
                "a fixed TTL has no `min`",
                "remove it, or write mode = \"stable\"",
            );
        }
        return Some(TtlRule::Fixed(max_ttl.value));
    }
    let default = match mode.value {
        "stable" => defaults::TTL_MIN_STABLE,
        _ => defaults::TTL_MIN_STRICT,
    };
    let default = Ttl::from_secs(u32::try_from(default.as_secs()).unwrap_or(u32::MAX)).min(max_ttl.value);
    let least = read_min.unwrap_or(Some(At::new(value.at, default)))?;
    if least.value > max_ttl.value {
        value.source.error(
            least.at,
            format!(
                "`min` ({}s) is above `max` ({}s)",
                least.value.secs(),
                max_ttl.value.secs()
            ),
            "swap them, or write a fixed TTL",
        );
        return None;
    }
    if least.value.secs() == 0 {
        judge_ttl(min.as_ref().unwrap_or(value), least);
    }
    let (max, min) = (max_ttl.value, least.value);
    Some(match mode.value {
        "stable" => TtlRule::Stable { max, min },
        _ => TtlRule::Strict { max, min },
    })
}

/// Warns of a TTL that hardly anybody means.
fn judge_ttl(value: &Value<'_>, ttl: At<Ttl>) {
    if ttl.value.secs() == 0 {
        value.source.warn(
            ttl.at,
            "a TTL of 0 turns every lookup into a query, and some resolvers replace it by more",
            "write \"1s\" or more",
        );
    } else if ttl.value.duration() > defaults::SLOW_TTL {
        value.source.warn(
            ttl.at,
            format!(
                "a TTL of {} keeps clients at a dead address for longer than a day",
                value.written()
            ),
            "write \"1m\" or less for what shall fail over",
        );
    }
}
