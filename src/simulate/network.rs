//! The network of a simulation: what becomes of a probe, by address, time and chance.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::control::chance::Chance;
use crate::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases, Report};
use crate::model::check::CheckKind;
use crate::model::time::{Moment, Now};

/// How an address is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// It answers after this time; when that is longer than the probe may take, it times out.
    Well {
        /// Until the answer.
        after: Duration,
    },
    /// It refuses connections.
    Refusing,
    /// Nothing comes back.
    Silent,
    /// It answers with an error, always or by this chance (else it is well).
    Failing {
        /// In 0..=1.
        chance: f64,
    },
    /// Well for `up`, then in a fault for `down`, again and again from the moment the condition began.
    Wave {
        /// How long it is well.
        up: Duration,
        /// How long it is not.
        down: Duration,
        /// Refusing, or silent.
        refuses: bool,
    },
    /// Slower and slower from the moment the condition began, evenly, and then as slow as that.
    Slowing {
        /// Until it answers in the end.
        to: Duration,
        /// How long it takes until then.
        over: Duration,
    },
    /// Well, behind a path that loses so many of all packets' exchanges.
    Lossy {
        /// In 0..=1.
        loss: f64,
    },
    /// Well, but its certificate is not trusted: nothing changes for those who do not speak TLS.
    Untrusted,
    /// Silent towards this node, well towards everybody else: an asymmetric loss.
    Unheard,
    /// Well towards this node, silent towards everybody else.
    Hollow,
}

impl Condition {
    /// Well, and near.
    pub const WELL: Self = Self::Well {
        after: Duration::from_millis(5),
    };
}

/// One address: its conditions in the order of time, and what its path loses.
#[derive(Clone, Debug)]
pub struct Path {
    conditions: Vec<(Moment, Condition)>,
    /// Chance that a probe is lost, in 0..=1.
    pub loss: f64,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            conditions: vec![(Moment::ZERO, Condition::WELL)],
            loss: 0.0,
        }
    }
}

/// All addresses; those never mentioned are well.
#[derive(Clone, Debug, Default)]
pub struct Network {
    paths: BTreeMap<IpAddr, Path>,
    references: BTreeMap<SocketAddr, Vec<(Moment, bool)>>,
    /// While one of these spans lasts, the node itself reaches nobody.
    cut_off: Vec<(Moment, Moment)>,
}

/// How a probe ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// After so much time.
    pub after: Duration,
    /// With this.
    pub finding: Finding,
}

impl End {
    /// As the signal box hears of it, at `at`.
    #[must_use]
    pub fn seen(&self, at: Now) -> Observation {
        let text = match self.finding {
            Finding::Good => String::new(),
            Finding::Bad { phase, class } => format!("{class} in phase {phase}"),
        };
        Observation {
            at,
            finding: self.finding,
            phases: Phases {
                total: self.after,
                ..Phases::default()
            },
            evidence: Evidence {
                text,
                ..Evidence::default()
            },
            report: Report::default(),
        }
    }
}

/// Whether a probe of this kind fails on a certificate that is not trusted.
#[must_use]
pub fn looks_at_certificates(kind: &CheckKind) -> bool {
    matches!(kind, CheckKind::Http(http) if http.tls && http.security.verify)
        || matches!(kind, CheckKind::Tls(tls) if tls.security.verify)
        || matches!(kind, CheckKind::Grpc(grpc) if grpc.tls && grpc.security.verify)
}

impl Network {
    /// From `at` on, `address` is so; say it in the order of time.
    pub fn set(&mut self, address: IpAddr, at: Moment, condition: Condition) {
        self.paths
            .entry(address)
            .or_default()
            .conditions
            .push((at, condition));
    }

    /// What the path to `address` loses.
    pub fn lose(&mut self, address: IpAddr, loss: f64) {
        self.paths.entry(address).or_default().loss = loss;
    }

    /// From `at` on, a reference answers or not.
    pub fn set_reference(&mut self, reference: SocketAddr, at: Moment, reachable: bool) {
        self.references
            .entry(reference)
            .or_default()
            .push((at, reachable));
    }

    /// The addresses that were ever spoken of keep what they are; from `at` on, this node reaches nobody or everybody
    /// again, until further notice.
    pub fn set_cut_off(&mut self, at: Moment, cut_off: bool) {
        match self.cut_off.last_mut() {
            Some((_, until)) if !cut_off && *until == Moment::FAR => *until = at,
            _ if cut_off => self.cut_off.push((at, Moment::FAR)),
            _ => {}
        }
    }

    /// The node is cut off from everybody.
    pub fn cut_off(&mut self, from: Moment, until: Moment) {
        self.cut_off.push((from, until));
    }

    fn is_cut_off(&self, at: Moment) -> bool {
        self.cut_off
            .iter()
            .any(|(from, until)| (*from..*until).contains(&at))
    }

    /// Whether a reference answers at `at`, and after how long that is known.
    #[must_use]
    pub fn reference(&self, reference: SocketAddr, at: Moment) -> (Duration, bool) {
        let reachable = self
            .references
            .get(&reference)
            .and_then(|states| states.iter().rev().find(|(from, _)| *from <= at))
            .is_none_or(|(_, reachable)| *reachable);
        if reachable && !self.is_cut_off(at) {
            (Duration::from_millis(3), true)
        } else {
            (Duration::from_secs(2), false)
        }
    }

    /// Whether a client that connects at `at` would be served.
    #[must_use]
    pub fn serves(&self, address: IpAddr, at: Moment) -> bool {
        match self.condition(address, at) {
            Condition::Well { .. }
            | Condition::Failing { .. }
            | Condition::Lossy { .. }
            | Condition::Unheard => true,
            Condition::Refusing
            | Condition::Silent
            | Condition::Wave { .. }
            | Condition::Slowing { .. }
            | Condition::Untrusted
            | Condition::Hollow => false,
        }
    }

    /// Whether a client that connects at `at` and waits for `patience` is served, chance included; `tls`: whether it
    /// speaks TLS and looks at certificates.
    #[must_use]
    pub fn serves_client(
        &self,
        address: IpAddr,
        at: Moment,
        patience: Duration,
        tls: bool,
        chance: &mut Chance,
    ) -> bool {
        match self.condition(address, at) {
            Condition::Well { after } => after <= patience,
            Condition::Failing { chance: share } | Condition::Lossy { loss: share } => {
                chance.share() >= share
            }
            Condition::Untrusted => !tls,
            Condition::Unheard => true,
            Condition::Refusing
            | Condition::Silent
            | Condition::Hollow
            | Condition::Wave { .. }
            | Condition::Slowing { .. } => false,
        }
    }

    /// The condition at `at`, waves resolved.
    fn condition(&self, address: IpAddr, at: Moment) -> Condition {
        let found = self
            .paths
            .get(&address)
            .and_then(|path| path.conditions.iter().rev().find(|(from, _)| *from <= at));
        match found {
            None => Condition::WELL,
            Some((from, Condition::Wave { up, down, refuses })) => {
                let period = up.saturating_add(*down).as_nanos().max(1);
                let place = at.since(*from).as_nanos() % period;
                match (place < up.as_nanos(), refuses) {
                    (true, _) => Condition::WELL,
                    (false, true) => Condition::Refusing,
                    (false, false) => Condition::Silent,
                }
            }
            Some((from, Condition::Slowing { to, over })) => {
                let share = at.since(*from).as_secs_f64() / over.as_secs_f64().max(1e-9);
                Condition::Well {
                    after: to.mul_f64(share.min(1.0)).max(Duration::from_millis(5)),
                }
            }
            Some((_, condition)) => *condition,
        }
    }

    /// What becomes of a probe sent at `at` that may take `budget`; `tls`: whether it looks at certificates.
    pub fn probe(
        &self,
        address: IpAddr,
        at: Moment,
        budget: Duration,
        tls: bool,
        chance: &mut Chance,
    ) -> End {
        let bad = |after, phase, class| End {
            after,
            finding: Finding::Bad { phase, class },
        };
        let loss = self.paths.get(&address).map_or(0.0, |path| path.loss);
        let lost = chance.share() < loss;
        if lost || self.is_cut_off(at) {
            return bad(budget, Phase::Connect, FaultClass::Timeout);
        }
        match self.condition(address, at) {
            Condition::Well { after } if after <= budget => End {
                after,
                finding: Finding::Good,
            },
            Condition::Well { .. } => bad(budget, Phase::FirstByte, FaultClass::Timeout),
            Condition::Refusing => bad(Duration::from_millis(1), Phase::Connect, FaultClass::Refused),
            Condition::Silent => bad(budget, Phase::Connect, FaultClass::Timeout),
            Condition::Failing { chance: share } => {
                if chance.share() < share {
                    bad(Duration::from_millis(5), Phase::FirstByte, FaultClass::Status)
                } else {
                    End {
                        after: Duration::from_millis(5),
                        finding: Finding::Good,
                    }
                }
            }
            Condition::Untrusted if tls => bad(Duration::from_millis(5), Phase::Tls, FaultClass::Tls),
            Condition::Lossy { loss } if chance.share() < loss => {
                bad(budget, Phase::Connect, FaultClass::Timeout)
            }
            Condition::Untrusted | Condition::Lossy { .. } | Condition::Hollow => End {
                after: Duration::from_millis(5),
                finding: Finding::Good,
            },
            // The last two are resolved above.
            Condition::Unheard | Condition::Wave { .. } | Condition::Slowing { .. } => {
                bad(budget, Phase::Connect, FaultClass::Timeout)
            }
        }
    }
}
