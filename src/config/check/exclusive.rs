//! Exclusive services: what may not stand beside `exclusive = true`, and what it defaults.

use super::builder::Builder;
use crate::config::raw::document::Source;
use crate::config::raw::service::RawService;
use crate::model::check::CheckKind;
use crate::model::service::{Group, Handover, MemberKind, Policy, WhenAllDown};

/// How the writer is handed over, when the service is exclusive. Mistakes are reported.
pub(crate) fn judge(source: &Source, raw: &RawService, group: &Group, builder: &Builder) -> Option<Handover> {
    let Some(exclusive) = &raw.exclusive else {
        if let Some(at) = raw.handover_at {
            source.warn(
                at,
                "`handover` has no effect without `exclusive = true`",
                "remove it, or write exclusive = true",
            );
        }
        return None;
    };
    let at = exclusive.at;
    let label = &raw.label.value;
    if group.policy != Policy::Failover {
        source.error(
            at,
            format!(
                "exclusive service `{label}` has policy `{}`",
                group.policy.as_str()
            ),
            "write policy = \"failover\": one writer, in the order written where an operator must choose",
        );
    }
    if group
        .members
        .iter()
        .any(|member| matches!(member.kind, MemberKind::Pool(_)))
    {
        source.error(
            at,
            format!("exclusive service `{label}` has pools"),
            "list its endpoints themselves: a pool has no say in who is the writer",
        );
    }
    match &raw.when_all_down {
        Some(WhenAllDown::AssumeUp) => source.error(
            raw.when_all_down_at,
            format!("exclusive service `{label}` would guess a writer when nobody claims to be one"),
            "write when_all_down = \"none\", \"servfail\" or \"last\"",
        ),
        Some(WhenAllDown::Fallback(_)) => source.error(
            raw.when_all_down_at,
            format!("the fallback of exclusive service `{label}` would be a second writer"),
            "write when_all_down = \"none\", \"servfail\" or \"last\"",
        ),
        _ => {}
    }
    let mut blind = None;
    for member in &group.members {
        let MemberKind::Endpoint(id) = member.kind else {
            continue;
        };
        let Some(endpoint) = builder.endpoint_at(id) else {
            continue;
        };
        for address in &endpoint.addresses {
            match address.target.and_then(|target| builder.target_at(target)) {
                None => source.error(
                    at,
                    format!(
                        "endpoint `{}` of exclusive service `{label}` has no check",
                        endpoint.name
                    ),
                    "write `check = …`: only what is asked can claim to be the primary",
                ),
                Some(target) => {
                    if matches!(target.check.kind, CheckKind::Tcp(_)) {
                        blind = Some(target.check.name.clone());
                    }
                }
            }
        }
    }
    if let Some(check) = blind {
        source.warn(
            at,
            format!(
                "check `{check}` cannot tell who is the primary: every endpoint of `{label}` that answers claims to be"
            ),
            "ask for the role: type postgres, redis or patroni, or an http check that only the primary passes",
        );
    }
    Some(exclusive.value)
}
