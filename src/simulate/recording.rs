//! What a node saw and what it made of it, one entry a line of JSON: written by `serve`, read by `replay`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::control::event::{Command, Event, Remembered};
use crate::control::step::Control;
use crate::health::monitor::Role;
use crate::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases, Report};
use crate::model::check::Claim;
use crate::model::force::ForceKind;
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now, UnixTime};
use crate::simulate::beat::Beat;
use crate::simulate::told::sentence;

/// Octets of a probe's sentence that are kept.
const TEXT: usize = 240;

/// When: milliseconds since 1970, and nanoseconds since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// By the wall clock.
    pub at: u64,
    /// By the monotonic clock.
    pub ns: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Happened {
    /// A process began.
    Start {
        /// `node`.
        node: String,
        /// The active member of each failover group, as remembered.
        actives: Vec<(String, String)>,
        /// How many overrides were in force: they are not part of a recording.
        overrides: usize,
    },
    /// A probe ended.
    Probe(Box<Probe>),
    /// An endpoint reported itself.
    Heartbeat(Beat),
    /// A reference was probed.
    Reference {
        /// Index into `[isolation] references`.
        reference: usize,
        /// Whether it answered.
        reachable: bool,
    },
    /// An operator asked for something.
    Command {
        /// Who.
        by: String,
        /// `failover`, `drain`, `up`, `down`, `release`.
        what: String,
        /// Service, or selector.
        on: String,
        /// Endpoint to switch to.
        to: Option<String>,
        /// For how long, in milliseconds.
        lasting: Option<u64>,
        /// Whether it went past rules of safety.
        break_glass: bool,
    },
    /// Another configuration was put in force.
    Reload,
    /// A state or an answer changed.
    Told {
        /// In a sentence.
        text: String,
    },
    /// So many lines were not written, since the disk was too slow.
    Lost {
        /// How many.
        count: u64,
    },
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The zone that defines the check.
    pub zone: String,
    /// The check.
    pub check: String,
    /// What was probed.
    pub address: IpAddr,
    /// At which port.
    pub port: u16,
    /// `scheduled`, `confirming`, `hurried`.
    pub role: String,
    /// Whether it was one of those that are sent at the interval.
    pub regular: bool,
    /// When it was sent, in nanoseconds since the process began.
    pub began: u64,
    /// `good`, or how it failed: `refused`.
    pub finding: String,
    /// In which phase it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Microseconds of each phase that was reached: resolve, connect, tls, first octet, body; and of the whole.
    pub us: ([Option<u64>; 5], u64),
    /// A sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the certificate ends, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<u64>,
    /// `primary`, `standby`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// How far it was behind, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// Why it is less than well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

const PHASES: [Phase; 5] = [
    Phase::Resolve,
    Phase::Connect,
    Phase::Tls,
    Phase::FirstByte,
    Phase::Body,
];
const ROLES: [(Role, &str); 3] = [
    (Role::Scheduled, "scheduled"),
    (Role::Confirming, "confirming"),
    (Role::Hurried, "hurried"),
];

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Stamp {
    /// Both clocks.
    #[must_use]
    pub fn now(self) -> Now {
        Now {
            moment: Moment::from_nanos(self.ns),
            wall: UnixTime(self.at),
        }
    }
}

impl From<Now> for Stamp {
    fn from(now: Now) -> Self {
        Self {
            at: now.wall.0,
            ns: now.moment.nanos(),
        }
    }
}

impl Entry {
    /// A process begins.
    #[must_use]
    pub fn start(plan: &Plan, remembered: &Remembered, now: Now) -> Self {
        Self {
            stamp: now.into(),
            what: Happened::Start {
                node: plan.node.name.clone(),
                actives: remembered.actives.clone(),
                overrides: remembered.overrides.len(),
            },
        }
    }

    /// What `control` is about to take in; `None` for what need not be known.
    #[must_use]
    pub fn of(control: &Control, now: Now, event: &Event) -> Option<Self> {
        let what = match event {
            Event::Probed { ticket, seen } => {
                let (target, role, regular, began) = control.flight(*ticket)?;
                let plan = control.plan();
                let target = plan.targets.get(target.index())?;
                let zone = plan.zones.get(target.check.zone.index())?;
                let mut probe = Probe::of(seen, role, began);
                probe.regular = regular;
                probe.zone = zone.origin.to_string();
                probe.check.clone_from(&target.check.name);
                (probe.address, probe.port) = (target.address, target.port);
                Happened::Probe(Box::new(probe))
            }
            Event::Heartbeat { target, word } => {
                Happened::Heartbeat(Beat::of(control.plan(), *target, word)?)
            }
            Event::ReferenceProbed { reference, reachable } => Happened::Reference {
                reference: *reference,
                reachable: *reachable,
            },
            Event::Commanded {
                by, command, manner, ..
            } if !manner.dry_run => commanded(by, command, manner.break_glass)?,
            Event::Planned(_) => Happened::Reload,
            _ => return None,
        };
        Some(Self {
            stamp: now.into(),
            what,
        })
    }

    /// What was told, when it is a change of state or answer.
    #[must_use]
    pub fn told(event: &HistoryEvent) -> Option<Self> {
        matches!(
            event.kind,
            HistoryKind::StateChanged { .. } | HistoryKind::AnswerChanged { .. }
        )
        .then(|| Self {
            stamp: event.at.into(),
            what: Happened::Told {
                text: sentence(event),
            },
        })
    }
}

/// `None` for a rehearsal: what really happens meanwhile is recorded, and a replay rehearses nothing.
fn commanded(by: &str, command: &Command, break_glass: bool) -> Option<Happened> {
    let (what, on, to, lasting) = match command {
        Command::Failover { service, to } => ("failover", service, to.clone(), None),
        Command::Force {
            kind,
            select,
            lasting,
            ..
        } => (kind.as_str(), select, None, lasting.map(millis)),
        Command::Release { select } => ("release", select, None, None),
        Command::Drill(_) | Command::CancelDrill(_) => return None,
    };
    Some(Happened::Command {
        by: by.to_owned(),
        what: what.to_owned(),
        on: on.clone(),
        to,
        lasting,
        break_glass,
    })
}

/// The command that was written down; `None` for one that this version does not know.
#[must_use]
pub fn command(what: &str, on: &str, to: Option<&str>, lasting: Option<u64>) -> Option<Command> {
    Some(match what {
        "failover" => Command::Failover {
            service: on.to_owned(),
            to: to.map(str::to_owned),
        },
        "release" => Command::Release {
            select: on.to_owned(),
        },
        kind => Command::Force {
            kind: ForceKind::named(kind)?,
            select: on.to_owned(),
            reason: None,
            lasting: lasting.map(Duration::from_millis),
        },
    })
}

impl Probe {
    fn of(seen: &Observation, role: Role, began: Moment) -> Self {
        let (finding, phase) = match seen.finding {
            Finding::Good => ("good".to_owned(), None),
            Finding::Bad { phase, class } => (class.to_string(), Some(phase.to_string())),
        };
        let phases = &seen.phases;
        let role = ROLES.iter().find(|(known, _)| *known == role);
        let mut text = seen.evidence.text.clone();
        if text.len() > TEXT {
            text = text.chars().take(TEXT).collect();
        }
        Self {
            zone: String::new(),
            check: String::new(),
            address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            port: 0,
            role: role.map_or("scheduled", |(_, name)| name).to_owned(),
            regular: false,
            began: began.nanos(),
            finding,
            phase,
            us: (
                [
                    phases.resolve,
                    phases.connect,
                    phases.tls,
                    phases.first_byte,
                    phases.body,
                ]
                .map(|phase| phase.map(micros)),
                micros(phases.total),
            ),
            text,
            status: seen.evidence.status,
            certificate: seen.evidence.certificate_expiry.map(|at| at.0),
            claim: seen.report.claim.map(|claim| claim.as_str().to_owned()),
            lag: seen.report.lag.map(millis),
            degraded: seen.report.degraded.clone(),
        }
    }

    /// Why it was sent.
    #[must_use]
    pub fn role(&self) -> Role {
        let known = ROLES.iter().find(|(_, name)| *name == self.role);
        known.map_or(Role::Scheduled, |(role, _)| *role)
    }

    /// What it found; what a later version wrote and this one does not know counts as this node's own fault.
    #[must_use]
    pub fn seen(&self, at: Now) -> Observation {
        let class = FaultClass::ALL
            .into_iter()
            .find(|class| class.to_string() == self.finding);
        let phase = PHASES
            .into_iter()
            .find(|phase| self.phase.as_deref() == Some(phase.to_string().as_str()));
        let ([resolve, connect, tls, first_byte, body], total) = self.us;
        let time = |us: Option<u64>| us.map(Duration::from_micros);
        Observation {
            at,
            finding: if self.finding == "good" {
                Finding::Good
            } else {
                Finding::Bad {
                    phase: phase.unwrap_or(Phase::Resolve),
                    class: class.unwrap_or(FaultClass::Local),
                }
            },
            phases: Phases {
                resolve: time(resolve),
                connect: time(connect),
                tls: time(tls),
                first_byte: time(first_byte),
                body: time(body),
                total: Duration::from_micros(total),
            },
            evidence: Evidence {
                text: self.text.clone(),
                status: self.status,
                body: Vec::new(),
                certificate_expiry: self.certificate.map(UnixTime),
            },
            report: Report {
                claim: match self.claim.as_deref() {
                    Some("primary") => Some(Claim::Primary),
                    Some("standby") => Some(Claim::Standby),
                    _ => None,
                },
                lag: self.lag.map(Duration::from_millis),
                degraded: self.degraded.clone(),
            },
        }
    }
}
