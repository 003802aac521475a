//! Probes against real nginx and against servers that misbehave: each failure has its class, its phase and a sentence
//! that an operator understands.

pub(crate) mod authority;
mod database_cases;
mod dns_kind;
mod exec;
mod grpc_kind;
mod haproxy;
mod http_cases;
mod icmp_kind;
mod kept;
mod nginx;
mod own_faults;
mod patroni_cases;
mod patroni_real;
mod postgres_cases;
mod redis_cases;
mod runner;
mod script;
mod tcp_cases;
mod tls_cases;
mod tls_kind;
mod ways;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pointsman::clock::SystemClock;
use pointsman::control::event::{Event, ProbeTicket};
use pointsman::health::observation::{FaultClass, Finding, Observation, Phase};
use pointsman::model::check::{Check, CheckKind, HttpCheck, HttpVersion, Rules, Security, Target, TcpCheck};
use pointsman::model::id::{CheckId, TargetId, ZoneId};
use pointsman::probe::{Limits, Runner};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// What a case expects.
enum Expect {
    /// Good, and this in the evidence.
    Good(&'static str),
    /// Bad in this phase, of this class, with this in the sentence.
    Bad(Phase, FaultClass, &'static str),
}

/// Holds what was seen against what was expected.
fn hold(case: &str, seen: &Observation, expect: &Expect) -> Result<(), String> {
    let text = &seen.evidence.text;
    let (fits, wanted) = match expect {
        Expect::Good(part) => (
            seen.finding == Finding::Good && text.contains(part),
            format!("Good `{part}`"),
        ),
        Expect::Bad(phase, class, part) => (
            seen.finding
                == Finding::Bad {
                    phase: *phase,
                    class: *class,
                }
                && text.contains(part),
            format!("{phase:?} {class:?} `{part}`"),
        ),
    };
    if fits {
        Ok(())
    } else {
        Err(format!(
            "{case}:\n  expected {wanted}\n  seen     {:?} `{text}` {:?}",
            seen.finding,
            String::from_utf8_lossy(&seen.evidence.body)
        ))
    }
}

/// A runner on the test's runtime, and its events.
fn runner(concurrency: usize) -> (Runner, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel(4096);
    let runner = Runner::new(
        Handle::current(),
        Limits {
            probes: concurrency,
            programs: 3,
        },
        Arc::new(SystemClock::start()),
        sender,
    );
    (runner, events)
}

/// Probes once.
async fn probe(target: &Target, budget: Duration) -> Observation {
    let (runner, mut events) = runner(1);
    runner.probe(ProbeTicket(1), target, budget);
    let seen = next(&mut events).await;
    runner.stop().await;
    seen
}

/// The next observation.
async fn next(events: &mut mpsc::Receiver<Event>) -> Observation {
    let event = tokio::time::timeout(Duration::from_secs(20), events.recv())
        .await
        .expect("an event within 20 s")
        .expect("the runner lives");
    match event {
        Event::Probed { seen, .. } => seen,
        other => panic!("expected a probe's event, got {other:?}"),
    }
}

fn target(kind: CheckKind, address: SocketAddr) -> Target {
    Target {
        id: TargetId(0),
        check: Arc::new(Check {
            id: CheckId(0),
            zone: ZoneId(0),
            name: "test".to_owned(),
            kind,
            rules: Rules {
                interval: Duration::from_secs(5),
                fast_interval: Duration::from_secs(1),
                timeout: Duration::from_secs(2),
                fall: 3,
                rise: 2,
                false_alarm: 1e-6,
                min_down: Duration::from_secs(10),
                damping: true,
            },
            expects: Default::default(),
            way: Default::default(),
            treatment: Default::default(),
        }),
        address: address.ip(),
        port: address.port(),
        parts: Vec::new(),
    }
}

fn tcp(send: Option<&[u8]>, expect: Option<&[u8]>) -> CheckKind {
    CheckKind::Tcp(TcpCheck {
        send: send.map(<[u8]>::to_vec),
        expect: expect.map(<[u8]>::to_vec),
    })
}

/// `http` at `path`, and what else `change` sets.
fn http(path: &str, change: impl FnOnce(&mut HttpCheck)) -> CheckKind {
    let mut check = HttpCheck {
        tls: false,
        method: "GET".to_owned(),
        host: None,
        path: path.to_owned(),
        headers: Vec::new(),
        status: vec![(200, 299)],
        body: None,
        follow_redirects: false,
        security: Security::default(),
        version: HttpVersion::Http1,
        keepalive: false,
    };
    change(&mut check);
    CheckKind::Http(Box::new(check))
}

/// `https` to `host` at `path`, trusting `authority`.
fn https(host: &str, path: &str, authority: PathBuf, change: impl FnOnce(&mut HttpCheck)) -> CheckKind {
    http(path, |check| {
        check.tls = true;
        check.host = Some(host.to_owned());
        check.security.ca_file = Some(authority);
        change(check);
    })
}
