//! Phases of a probe and their times.
//!
//! A probe enters one phase after the other; a redirect enters them again, and the times add up.

use tokio::time::Instant;

use crate::health::observation::{Phase, Phases};

/// Measures one probe. Follows tokio's clock, so that a paused runtime pauses it too.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    phase: Phase,
    entered: Option<Instant>,
    phases: Phases,
}

impl Stopwatch {
    /// Begins now, before the first phase.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            phase: Phase::Connect,
            entered: None,
            phases: Phases::default(),
        }
    }

    /// Ends the phase that is running, begins `phase`.
    pub(crate) fn enter(&mut self, phase: Phase) {
        let now = Instant::now();
        self.close(now);
        self.phase = phase;
        self.entered = Some(now);
    }

    /// The phase entered last; `Connect` before any.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Ends the phase that is running and the measurement.
    pub(crate) fn stop(&mut self) -> Phases {
        let now = Instant::now();
        self.close(now);
        self.phases.total = now.duration_since(self.started);
        self.phases
    }

    fn close(&mut self, now: Instant) {
        let Some(entered) = self.entered.take() else {
            return;
        };
        let slot = match self.phase {
            Phase::Resolve => &mut self.phases.resolve,
            Phase::Connect => &mut self.phases.connect,
            Phase::Tls => &mut self.phases.tls,
            Phase::FirstByte => &mut self.phases.first_byte,
            Phase::Body => &mut self.phases.body,
        };
        let spent = now.duration_since(entered);
        *slot = Some(slot.unwrap_or_default().saturating_add(spent));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_time_and_a_second_visit_adds_up() {
        let mut watch = Stopwatch::start();
        tokio::time::advance(Duration::from_millis(5)).await;
        watch.enter(Phase::Connect);
        tokio::time::advance(Duration::from_millis(20)).await;
        watch.enter(Phase::FirstByte);
        tokio::time::advance(Duration::from_millis(300)).await;
        watch.enter(Phase::Connect);
        tokio::time::advance(Duration::from_millis(2)).await;
        watch.enter(Phase::Body);
        assert_eq!(watch.phase(), Phase::Body);
        let phases = watch.stop();
        assert_eq!(
            phases,
            Phases {
                resolve: None,
                connect: Some(Duration::from_millis(22)),
                tls: None,
                first_byte: Some(Duration::from_millis(300)),
                body: Some(Duration::ZERO),
                total: Duration::from_millis(327),
            }
        );
    }
}
