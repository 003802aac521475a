//! Says when a target that answers is less than well, and when it is well again.

use crate::control::effect::{Effect, HistoryKind};
use crate::control::step::Control;
use crate::control::watch::Watch;
use crate::health::monitor::Role;
use crate::health::observation::{FaultClass, Finding, Observation};
use crate::health::standing::Health;
use crate::model::check::Rules;
use crate::model::id::TargetId;
use crate::model::time::{Now, UnixTime};

impl Watch {
    /// What a probe of this role found, by the check's own measure. `None`: an inverted check cannot tell, since
    /// silence would be a success and the probe had less time than it should.
    pub(crate) fn measured(&self, seen: Observation, role: Role) -> Option<Observation> {
        let silent = matches!(
            seen.finding,
            Finding::Bad { class, .. } if class != FaultClass::Local && !class.is_spoken()
        );
        match (self.treatment.inverted, silent && role == Role::Hurried) {
            (true, true) => None,
            (true, false) => Some(seen.inverted()),
            (false, _) => Some(seen),
        }
    }

    /// Measures a success.
    pub(crate) fn measure(&mut self, seen: &Observation, rules: &Rules) {
        if seen.finding.is_good() {
            self.degradation.good(
                seen.phases.total,
                seen.evidence.certificate_expiry,
                seen.report.degraded.clone(),
                (&self.treatment, rules.rise),
                seen.at.wall,
            );
        }
    }

    /// Why it is less than well, while it is up.
    pub(crate) fn degraded(&self, wall: UnixTime) -> Option<String> {
        if self.gate.effective() == Health::Down || self.monitor.health() == Health::Down {
            return None;
        }
        self.degradation.in_words(&self.treatment, wall)
    }
}

impl Control {
    /// Tells of the beginning and the end of being degraded.
    pub(super) fn tell_degradation(&mut self, now: Now, target: TargetId, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let why = watch.degraded(now.wall);
        let before = std::mem::replace(&mut watch.said_degraded, why.is_some());
        // That it went down is told of by itself.
        let down = watch.gate.effective() == Health::Down;
        if before == why.is_some() || down {
            return;
        }
        let kind = HistoryKind::TargetDegraded {
            target: self.target_name(target),
            services: self.service_names(target),
            why: why.clone(),
        };
        Self::tell(now, why.is_some(), kind, effects);
    }
}
