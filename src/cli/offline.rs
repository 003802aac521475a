//! A signal box on a configuration alone: no server, no probes, every endpoint taken as up.

use crate::clock::{Clock, SystemClock};
use crate::control::effect::Effect;
use crate::control::event::{Event, Remembered};
use crate::control::step::Control;
use crate::model::plan::Plan;
use crate::model::time::Now;

/// The signal box past `startup_wait`, when what has no verdict counts as up; now; and what it asked for.
pub(super) fn signal_box(plan: &std::sync::Arc<Plan>) -> (Control, Now, Vec<Effect>) {
    let now = SystemClock::start().now();
    let mut control = Control::new(std::sync::Arc::clone(plan), Remembered::default(), 0, now);
    let mut effects = Vec::new();
    control.step(now, Event::Woke, &mut effects);
    let now = Now {
        moment: now.moment.after(plan.node.startup_wait),
        wall: now.wall,
    };
    control.step(now, Event::Woke, &mut effects);
    (control, now, effects)
}
