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
    process::write(&mut text);
    text.finish()
}
