//! The page: all parts, one after the other.

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::metrics::panel::Panel;
use crate::metrics::reloads::Reloads;
use crate::metrics::text::{Form, Text, labels};
use crate::metrics::{answering, deciding, endpoints, families as f, probing, process, services};
use crate::serve::counters::Counters;

/// Octets of the page besides what grows with the configuration; and for each endpoint.
const BASE: usize = 64 * 1024;
const PER_ENDPOINT: usize = 1500;

/// What counts all the time.
#[derive(Debug)]
pub struct Meters {
    /// Of the front ends.
    pub counters: Arc<Counters>,
    /// Of the loader.
    pub reloads: Reloads,
    /// Held by who makes a page.
    pub turn: tokio::sync::Mutex<()>,
}

impl Meters {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(clock: SystemClock) -> Self {
        Self {
            counters: Arc::new(Counters::new()),
            reloads: Reloads::new(clock),
            turn: tokio::sync::Mutex::new(()),
        }
    }
}

/// What is not counted, and how much is wanted.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The program's version.
    pub version: &'a str,
    /// The commit that it was built from.
    pub commit: &'a str,
    /// Whether the DNS sockets are open.
    pub ready: bool,
    /// Whether each endpoint has rows of its own.
    pub endpoints: bool,
    /// How it goes with receivers of notifications.
    pub receivers: &'a [Receiver],
}

/// What a receiver of notifications was told.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// Entries that are owed to it.
    pub owed: u64,
    /// Entries that it confirmed.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Entries that were given up.
    pub given_up: u64,
}

/// Makes the page.
#[must_use]
pub fn page(form: Form, about: About<'_>, panel: &Panel, meters: &Meters) -> Vec<u8> {
    let each = if about.endpoints {
        panel.plan.endpoints.len()
    } else {
        0
    };
    let mut text = Text::new(form, BASE + each * PER_ENDPOINT + panel.plan.services.len() * 512);
    let build = labels(&[
        ("version", about.version),
        ("commit", about.commit),
        ("node", &panel.plan.node.name),
    ]);
    text.family(&f::BUILD).count(&build, 1);
    text.family(&f::READY).flag("", about.ready);
    answering::write(&mut text, &meters.counters.totals());
    let mut lanes = vec![0; panel.lanes.end as usize];
    meters.counters.read_lanes(&mut lanes);
    services::write(&mut text, panel, &lanes);
    endpoints::write_sums(&mut text, panel);
    if about.endpoints {
        endpoints::write(&mut text, panel, &lanes);
    }
    probing::write(&mut text, panel);
    deciding::write(&mut text, panel, &meters.reloads);
    told(&mut text, about.receivers);
    process::write(&mut text);
    text.finish()
}

fn told(text: &mut Text, receivers: &[Receiver]) {
    let rows = [
        (&f::OWED, 0),
        (&f::DELIVERED, 1),
        (&f::UNDELIVERED, 2),
        (&f::GIVEN_UP, 3),
    ];
    for (family, which) in rows {
        let mut samples = text.family(family);
        for receiver in receivers {
            let count = match which {
                0 => receiver.owed,
                1 => receiver.delivered,
                2 => receiver.failed,
                _ => receiver.given_up,
            };
            samples.count(&labels(&[("receiver", &receiver.name)]), count);
        }
    }
}
