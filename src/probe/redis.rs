//! `redis`: asks a server which role it has (`ROLE`), and Sentinels whether they agree.

mod resp;
mod sentinel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::health::observation::FaultClass;
use crate::model::check::{Check, Claim, RedisCheck};
use crate::probe::conduct::Tools;
use crate::probe::line::Line;
use crate::probe::redis::resp::{Reply, ask};
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tls::secure::Secure;
use crate::probe::{dial, role};

/// What the answer is held to be.
const PROTOCOL: &str = "Redis";

/// Probes the server at `address` within `budget`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    (check, settings): (&Arc<Check>, &RedisCheck),
    secure: &Arc<Secure>,
    address: SocketAddr,
    budget: Duration,
    tools: &Arc<Tools>,
) -> Result<(), Fault> {
    // Sentinels are asked meanwhile; asking ends when nobody waits for it any more.
    let poll = settings
        .sentinels
        .as_ref()
        .map(|whom| sentinel::Poll::begin(check, settings, whom, secure, budget, tools));
    let mut line = connect(sheet, settings.tls, secure, address, tools).await?;
    let spoken = converse(sheet, settings, &mut line).await;
    sheet.farewell = Some(Box::pin(line.leave(b"QUIT\r\n")));
    let (claim, lag) = spoken?;
    sheet.report.lag = lag;
    let (Claim::Primary, Some(poll)) = (claim, poll) else {
        sheet.report.claim = Some(claim);
        sheet.word = Some(role::word(claim, lag));
        return Ok(());
    };
    let votes = poll.votes(address).await;
    match votes.verdict() {
        sentinel::Verdict::Agreed => {
            sheet.report.claim = Some(Claim::Primary);
            sheet.word = Some(format!("primary, {}", votes.in_words()));
        }
        sentinel::Verdict::Denied => {
            sheet.word = Some(format!("says master, but {}", votes.in_words()));
        }
        // Nobody can say who the master is: that is no word against this endpoint.
        sentinel::Verdict::Unknown => {
            return Err(sheet.fault(
                FaultClass::Local,
                format!("no majority of the Sentinels answers: {}", votes.in_words()),
            ));
        }
    }
    Ok(())
}

async fn connect(
    sheet: &mut Sheet,
    tls: bool,
    secure: &Secure,
    address: SocketAddr,
    tools: &Tools,
) -> Result<Line, Fault> {
    let stream = dial::connect(sheet, address).await?;
    if tls {
        Line::secure(sheet, secure, stream, address, tools).await
    } else {
        Ok(Line::plain(stream, address))
    }
}

async fn converse(
    sheet: &mut Sheet,
    check: &RedisCheck,
    line: &mut Line,
) -> Result<(Claim, Option<Duration>), Fault> {
    if let Some(password) = &check.password {
        let mut words = vec!["AUTH"];
        words.extend(check.user.as_deref());
        words.push(password.reveal());
        match ask(sheet, line, &words).await? {
            Reply::Simple(ok) if ok == "OK" => {}
            Reply::Error(text) => return Err(refusal(sheet, &text)),
            _ => return Err(line.garbage(sheet, PROTOCOL, "no answer to AUTH")),
        }
    }
    let answer = ask(sheet, line, &["ROLE"]).await?;
    if let Reply::Error(text) = &answer {
        return Err(refusal(sheet, text));
    }
    match standing(&answer) {
        Some(Standing::Master) => Ok((Claim::Primary, None)),
        Some(Standing::Replica { connected: false }) => Ok((Claim::Standby, None)),
        Some(Standing::Replica { connected: true }) => {
            match ask(sheet, line, &["INFO", "replication"]).await? {
                Reply::Bulk(info) => Ok((Claim::Standby, lag(&info))),
                Reply::Error(text) => Err(refusal(sheet, &text)),
                _ => Err(line.garbage(sheet, PROTOCOL, "no answer to INFO")),
            }
        }
        Some(Standing::Sentinel) => {
            Err(sheet.fault(FaultClass::Content, "a Sentinel answers there, no Redis server"))
        }
        None => Err(line.garbage(sheet, PROTOCOL, "no answer to ROLE")),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Master,
    Replica { connected: bool },
    Sentinel,
}

/// `ROLE`: `master`, offset, replicas; or `slave`, master's address and port, state of the link, offset.
fn standing(answer: &Reply) -> Option<Standing> {
    let Reply::Array(parts) = answer else { return None };
    match parts.first()?.text()? {
        "master" => Some(Standing::Master),
        "slave" => Some(Standing::Replica {
            connected: parts.get(3)?.text()? == "connected",
        }),
        "sentinel" => Some(Standing::Sentinel),
        _ => None,
    }
}

/// How long a replica has not heard from its master, in whole seconds; nothing while their link is down.
fn lag(info: &str) -> Option<Duration> {
    let value = |key: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .map(str::trim)
    };
    if value("master_link_status")? != "up" || value("master_sync_in_progress") == Some("1") {
        return None;
    }
    value("master_last_io_seconds_ago")?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// What an operator should know of an error, by its first word.
fn refusal(sheet: &mut Sheet, text: &str) -> Fault {
    sheet.keep_excerpt(text.as_bytes());
    let shown: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    let what = match text.split_whitespace().next().unwrap_or_default() {
        "LOADING" => "not ready: ",
        "NOAUTH" => "the server asks for a password; write `password_file`: ",
        "WRONGPASS" => "login refused: ",
        "NOPERM" => "the user may not ask for its role (ACL `+role +info`): ",
        "MASTERDOWN" => "cut off from its master: ",
        _ if text.contains("max number of clients") => "no room for another connection: ",
        _ => "error: ",
    };
    sheet.fault(FaultClass::Status, format!("{what}{shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(parts: &[&str]) -> Reply {
        Reply::Array(parts.iter().map(|part| Reply::Bulk((*part).to_owned())).collect())
    }

    #[test]
    fn roles_are_read_as_documented() {
        assert_eq!(standing(&texts(&["master", "3129659"])), Some(Standing::Master));
        for (state, connected) in [("connected", true), ("connect", false), ("sync", false)] {
            assert_eq!(
                standing(&texts(&["slave", "127.0.0.1", "9000", state, "3167038"])),
                Some(Standing::Replica { connected })
            );
        }
        assert_eq!(standing(&texts(&["sentinel"])), Some(Standing::Sentinel));
        assert_eq!(standing(&texts(&["slave"])), None);
        assert_eq!(standing(&texts(&["king"])), None);
        assert_eq!(standing(&Reply::Simple("OK".to_owned())), None);
    }

    #[test]
    fn a_replica_whose_link_is_down_claims_no_lag() {
        let info = |status: &str, io: &str, sync: &str| {
            format!(
                "# Replication\r\nrole:slave\r\nmaster_link_status:{status}\r\nmaster_last_io_seconds_ago:{io}\r\n\
                 master_sync_in_progress:{sync}\r\n"
            )
        };
        assert_eq!(lag(&info("up", "3", "0")), Some(Duration::from_secs(3)));
        assert_eq!(lag(&info("down", "-1", "0")), None);
        assert_eq!(lag(&info("up", "-1", "0")), None);
        assert_eq!(lag(&info("up", "0", "1")), None);
        assert_eq!(lag(""), None);
    }
}
