//! `patroni`: asks Patroni's REST API (`GET /patroni`) which role its server has, and how far behind it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::health::observation::FaultClass;
use crate::model::check::Claim;
use crate::model::time::UnixTime;
use crate::probe::conduct::Tools;
use crate::probe::http::question::Question;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::{http, role};

/// What is read of the answer; everything else is Patroni's own business.
#[derive(Debug, Deserialize)]
struct Member {
    state: String,
    role: String,
    #[serde(default)]
    xlog: Option<Xlog>,
    #[serde(default)]
    replication_state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Xlog {
    #[serde(default)]
    received_location: Option<u64>,
    #[serde(default)]
    replayed_location: Option<u64>,
    #[serde(default)]
    replayed_timestamp: Option<String>,
}

/// Probes the API at `address`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    question: &Arc<Question>,
    address: SocketAddr,
    tools: &Arc<Tools>,
) -> Result<(), Fault> {
    let body = http::fetch(sheet, question, address, tools).await?;
    let now = tools.clock.now().wall;
    let member: Member = serde_json::from_slice(&body).map_err(|error| {
        sheet.keep_excerpt(&body);
        sheet.fault(
            FaultClass::Garbage,
            format!("the answer is not Patroni's: {error}"),
        )
    })?;
    if member.state != "running" && member.state != "streaming" {
        let state: String = member
            .state
            .chars()
            .filter(|c| !c.is_control())
            .take(40)
            .collect();
        return Err(sheet.fault(FaultClass::Status, format!("not ready: the server is `{state}`")));
    }
    let Some(claim) = claim(&member.role) else {
        sheet.keep_excerpt(&body);
        return Err(sheet.fault(FaultClass::Content, "Patroni names a role that is not known here"));
    };
    let lag = Some(claim)
        .filter(|claim| *claim == Claim::Standby)
        .and_then(|_| lag(&member, now));
    sheet.report.claim = Some(claim);
    sheet.report.lag = lag;
    sheet.word = Some(role::word(claim, lag));
    Ok(())
}

/// `master` until Patroni 4, `primary` since; the leader of a standby cluster takes no writes.
fn claim(role: &str) -> Option<Claim> {
    match role {
        "master" | "primary" => Some(Claim::Primary),
        "replica" | "standby_leader" | "sync_standby" | "quorum_standby" => Some(Claim::Standby),
        _ => None,
    }
}

/// As for `postgres`: nothing is known of a standby that does not receive.
fn lag(member: &Member, now: UnixTime) -> Option<Duration> {
    if member.replication_state.as_deref() != Some("streaming") {
        return None;
    }
    let xlog = member.xlog.as_ref()?;
    if xlog.received_location? == xlog.replayed_location? {
        return Some(Duration::ZERO);
    }
    let replayed = milliseconds(xlog.replayed_timestamp.as_deref()?)?;
    Some(Duration::from_millis(now.0.saturating_sub(replayed)))
}

/// `2023-08-18 11:03:37.966359+00:00` as milliseconds since 1970; Patroni writes times of PostgreSQL so, in UTC or
/// with another offset.
fn milliseconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let sign_at = time.find(['+', '-', 'Z'])?;
    let (clock, offset) = time.split_at(sign_at);
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (
        clock.next()?.parse::<i64>().ok()?,
        clock.next()?.parse::<i64>().ok()?,
    );
    let seconds = clock
        .next()?
        .parse::<f64>()
        .ok()
        .filter(|s| (0.0..61.0).contains(s))?;
    let offset = match offset.split_at_checked(1)? {
        ("Z", _) => 0,
        (sign, rest) => {
            let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days of the civil calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let (y, m) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let minutes = (days * 24 + hour) * 60 + minute - offset;
    let milliseconds = minutes * 60_000 + (seconds * 1000.0) as i64;
    u64::try_from(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Member {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn times_of_postgresql_are_read() {
        for (text, expected) in [
            ("1970-01-01 00:00:00+00:00", Some(0)),
            ("2023-08-18 11:03:37.966359+00:00", Some(1_692_356_617_966)),
            ("2023-08-18 13:03:37.966+02:00", Some(1_692_356_617_966)),
            ("2024-02-29 00:00:00+00", Some(1_709_164_800_000)),
            ("2023-08-18", None),
            ("yesterday", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_replica_that_does_not_stream_claims_no_lag() {
        let now = UnixTime(1_692_356_620_000);
        let with = |more: &str| {
            member(&format!(
                "{{\"state\": \"running\", \"role\": \"replica\", \"xlog\": {{\"received_location\": 2, \
                 \"replayed_location\": 1, \"replayed_timestamp\": \"2023-08-18 11:03:37+00:00\"}}{more}}}"
            ))
        };
        assert_eq!(
            lag(&with(", \"replication_state\": \"streaming\""), now),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            lag(&with(", \"replication_state\": \"in archive recovery\""), now),
            None
        );
        assert_eq!(lag(&with(""), now), None);
    }
}
