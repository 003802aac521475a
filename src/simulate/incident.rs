//! A written incident: what happens when, who asks meanwhile, and what must hold.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::control::event::Command;
use crate::model::plan::Plan;
use crate::model::time::Moment;
use crate::simulate::network::Condition;

/// Everything of one scenario.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The configuration to begin with.
    pub plan: Arc<Plan>,
    /// In the order of time.
    pub events: Vec<Turn>,
    /// Until when.
    pub lasts: Moment,
    /// Drives jitter, losses and dice.
    pub seed: u64,
    /// Who asks and connects.
    pub clients: Clients,
    /// What must hold.
    pub objective: Objective,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When.
    pub at: Moment,
    /// In words, for the timeline: `site fra: silent`.
    pub told: String,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// Addresses are so from now on.
    Become(Vec<IpAddr>, Condition),
    /// A reference answers or not.
    Reference(SocketAddr, bool),
    /// This node reaches nobody, or everybody again.
    CutOff(bool),
    /// The wall clock steps by so many milliseconds.
    ClockStep(i64),
    /// pointsman ends and starts again so much later.
    Restart(Duration),
    /// Another configuration is put in force.
    Reload(Arc<Plan>),
    /// An operator asks for something.
    Command(Command),
}

/// Who asks and connects, for every service and family it has.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// How many, each behind a cache of its own.
    pub count: u32,
    /// From one connection to the next.
    pub every: Duration,
    /// How long an answer may take.
    pub patience: Duration,
    /// A cache keeps every answer for so long at least, whatever its TTL.
    pub floor: Duration,
    /// Whether they speak TLS and look at certificates.
    pub tls: bool,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            count: 20,
            every: Duration::from_secs(1),
            patience: Duration::from_secs(3),
            floor: Duration::ZERO,
            tls: true,
        }
    }
}

/// What must hold; nothing is asked unless it is said.
#[derive(Clone, Debug, Default)]
pub struct Objective {
    /// From an event to the last connection that failed before the next event, at the most.
    pub recover_within: Option<Duration>,
    /// How often answers change, all services together, at the most.
    pub max_switches: Option<usize>,
    /// Share of connections that succeed, of the worst service; in 0..=1.
    pub availability: Option<f64>,
    /// What no answer may name.
    pub never_named: Vec<Never>,
    /// What must be answered.
    pub expect: Vec<Expect>,
}

/// Addresses that no answer of a service may name for a while.
#[derive(Clone, Debug)]
pub struct Never {
    /// In words.
    pub told: String,
    /// Of this service alone.
    pub service: Option<String>,
    /// None of these.
    pub addresses: Vec<IpAddr>,
    /// From then.
    pub from: Moment,
    /// Until then.
    pub until: Moment,
}

/// What must be answered at a moment.
#[derive(Clone, Debug)]
pub struct Expect {
    /// When.
    pub at: Moment,
    /// Whose answer.
    pub service: String,
    /// Exactly these addresses, in any order.
    pub addresses: Vec<IpAddr>,
}
