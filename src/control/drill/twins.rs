//! Twins: what probes would have led to if the drilled endpoint refused every connection.

use std::time::Duration;

use crate::control::drill::{Stage, Twins};
use crate::control::effect::Effect;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::watch::{Flight, Watch};
use crate::health::isolation::Judgement;
use crate::health::monitor::{Role, Seen};
use crate::health::observation::{FaultClass, Finding, Phase};
use crate::health::standing::{Health, Hold};
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::decide::Decided;
use crate::policy::witness::Nobody;

/// What every probe of a drilled endpoint is said to have found: the hard failure that the promise speaks of.
const REFUSED: Finding = Finding::Bad {
    phase: Phase::Connect,
    class: FaultClass::Refused,
};
/// How often a verdict that waits for a reference or at the brake is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

impl Control {
    /// What a service looks at while it is drilled.
    pub(crate) fn twins_for(&self, service: ServiceId) -> Option<&Twins> {
        let drill = self.drill.as_ref().filter(|drill| drill.service == service);
        drill.map(|drill| &drill.twins)
    }

    /// Copies of everything that is probed for an endpoint and counts.
    pub(super) fn twins_of(&self, endpoint: EndpointId) -> Twins {
        let mut twins = Twins::new();
        let described = self.plan.endpoints.get(endpoint.index());
        for known in described.into_iter().flat_map(|endpoint| &endpoint.addresses) {
            if let Some(target) = known.target {
                self.twin(target, &mut twins);
            }
        }
        twins
    }

    fn twin(&self, target: TargetId, into: &mut Twins) {
        let (Some(described), Some(watch)) = (
            self.plan.targets.get(target.index()),
            self.watches.get(target.index()),
        ) else {
            return;
        };
        if described.check.treatment.shadow {
            return;
        }
        if !watch.derived {
            into.insert(target, watch.clone());
        }
        // Parts have smaller numbers than what is made of them: this ends.
        for part in described.parts.iter().filter(|part| **part < target) {
            self.twin(*part, into);
        }
    }

    fn twin_of(&self, target: TargetId) -> Option<&Watch> {
        self.drill.as_ref()?.twins.get(&target)
    }

    /// Whether a twin has failures and no verdict yet: then its target is probed as one in doubt.
    pub(crate) fn rehearses_doubt(&self, target: TargetId) -> bool {
        self.twin_of(target)
            .is_some_and(|twin| twin.monitor.in_doubt() && twin.monitor.health() != Health::Down)
    }

    /// How many confirming probes a twin asks for.
    pub(crate) fn rehearsed_confirming(&self, target: TargetId, flying: u16) -> u16 {
        match (self.twin_of(target), self.rules(target)) {
            (Some(twin), Some(rules)) => twin.monitor.confirming(flying, &rules),
            _ => 0,
        }
    }

    /// A twin is probed when its target is.
    pub(crate) fn follow_target(&mut self, target: TargetId) {
        if let Some(drill) = &mut self.drill
            && let Some(twin) = drill.twins.get_mut(&target)
            && let Some(watch) = self.watches.get(target.index())
        {
            (twin.regular, twin.due, twin.began) = (watch.regular, watch.due, watch.began);
        }
    }

    /// A probe of `target` has ended: its twin hears that it was refused, when it was sent after the drill began; what
    /// was under way before tells the truth.
    pub(crate) fn rehearse(
        &mut self,
        now: Now,
        target: TargetId,
        flight: Flight,
        found: Finding,
        effects: &mut Vec<Effect>,
    ) {
        let Some(drill) = &self.drill else { return };
        let rehearsed = flight.began >= drill.began;
        let seen = Seen {
            role: flight.role,
            began: flight.began,
            ended: now.moment,
            finding: if rehearsed { REFUSED } else { found },
        };
        self.tell_twin(now, target, &seen, rehearsed, effects);
    }

    /// An endpoint that reports itself fails by silence: the moment has come at which its last word would not do.
    pub(crate) fn rehearse_silence(&mut self, now: Now, target: TargetId, effects: &mut Vec<Effect>) {
        let seen = Seen {
            role: Role::Scheduled,
            began: now.moment,
            ended: now.moment,
            finding: REFUSED,
        };
        self.tell_twin(now, target, &seen, true, effects);
    }

    fn tell_twin(
        &mut self,
        now: Now,
        target: TargetId,
        seen: &Seen,
        rehearsed: bool,
        effects: &mut Vec<Effect>,
    ) {
        let rules = self.rules(target);
        let Some(drill) = &mut self.drill else { return };
        let (Some(twin), Some(rules)) = (drill.twins.get_mut(&target), rules) else {
            return;
        };
        let was_failing = twin.monitor.run().failures() > 0;
        let turn = twin.monitor.observe(seen, &rules);
        if turn.is_some_and(|turn| turn.to == Health::Down) {
            twin.degradation.down();
        }
        let failing = twin.monitor.run().failures() > 0;
        if rehearsed && !std::mem::replace(&mut drill.failed, true) {
            effects.push(Effect::Drilled(Stage::Failed(drill.stored.id, now)));
        }
        let service = drill.service;
        self.mark(service);
        self.follow_target(target);
        if (failing && !was_failing || turn.is_some()) && self.isolation.is_on() {
            self.ask_references(now, effects);
        }
    }

    /// Verdicts of down of twins: believed as those of targets are. Neither the brake nor the freezing of states is
    /// touched by them: what is rehearsed costs nobody else anything.
    pub(crate) fn believe_twins(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(mut drill) = self.drill.take() else {
            return;
        };
        let (mut changed, mut waits) = (false, false);
        for (target, twin) in &mut drill.twins {
            if twin.monitor.health() != Health::Down || twin.gate.effective() != Health::Up {
                continue;
            }
            let hold = self.holds_back(now, *target, twin);
            match hold {
                Some(hold) => {
                    changed |= twin.gate.held() != Some(hold);
                    twin.gate.doubt(hold);
                    waits = true;
                }
                None => changed |= twin.gate.down(now),
            }
        }
        if waits && drill.again.is_none_or(|at| at <= now.moment) {
            let at = now.moment.after(AGAIN);
            drill.again = Some(at);
            self.schedule.enter(at, Due::Drill);
            self.ask_references(now, effects);
        }
        let down = |twin: &Watch| twin.gate.effective() == Health::Down;
        if !drill.detected && drill.twins.values().all(down) {
            drill.detected = true;
            effects.push(Effect::Drilled(Stage::Detected(drill.stored.id, now)));
        }
        let service = drill.service;
        self.drill = Some(drill);
        if changed {
            self.mark(service);
        }
    }

    /// Decides a drilled service by its twins, on a copy of what it remembers; `None` when it is not drilled.
    pub(crate) fn rehearsed(
        &mut self,
        now: Now,
        service: &Service,
        real: &Decided,
        said: &mut Vec<Effect>,
    ) -> Option<Decided> {
        let mut drill = self.drill.take_if(|drill| drill.service == service.id)?;
        let (twins, memory) = (&drill.twins, &mut drill.memory);
        let mut decided = self.weigh_rehearsed(twins, service, memory, false, now, &mut Nobody);
        for why in &mut decided.why {
            why.insert_str(0, &format!("drill {}: ", drill.stored.id));
        }
        // What is true is to be looked at again in its time, too.
        decided.wake = decided.wake.into_iter().chain(real.wake).min();
        if drill.detected && !drill.answered && !decided.answered.contains(&drill.endpoint) {
            drill.answered = true;
            said.push(Effect::Drilled(Stage::Answered(drill.stored.id, now)));
        }
        self.drill = Some(drill);
        Some(decided)
    }

    /// What would hold a verdict of down back if it were true.
    fn holds_back(&self, now: Now, target: TargetId, twin: &Watch) -> Option<Hold> {
        if self.isolation.is_on() && self.them_or_us(now, twin.monitor.first()) != Judgement::Them {
            return Some(Hold::Isolated);
        }
        let check = self.plan.targets.get(target.index())?.check.id;
        let brake = self.brakes.get(check.index())?.as_ref()?;
        // On a copy: a rehearsal takes nobody's place at the brake.
        (!brake.clone().admit(target, now.moment)).then_some(Hold::Brake)
    }
}
