//! What is known of one probe so far.
//!
//! The probe fills it while it goes; whoever ends the probe — itself, or the clock — reads from it how far it came.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::health::observation::{Evidence, FaultClass, Phase, Report};
use crate::model::check::Way;
use crate::probe::http::heard::Heard;
use crate::probe::stopwatch::Stopwatch;

/// Octets of a refused body that are kept as evidence.
pub(crate) const EXCERPT: usize = 256;

/// Closes a connection politely; runs after the observation was handed over.
pub(crate) type Farewell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a probe is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In which phase.
    pub(crate) phase: Phase,
    /// How.
    pub(crate) class: FaultClass,
    /// The sentence.
    pub(crate) text: String,
}

/// One probe's notes.
pub(crate) struct Sheet {
    /// Phases and times.
    pub(crate) watch: Stopwatch,
    /// Status, excerpt, certificate; the sentence comes last.
    pub(crate) evidence: Evidence,
    /// What the endpoint said of itself.
    pub(crate) report: Report,
    /// How connections are made.
    pub(crate) way: Way,
    /// The sentence should all be well, when the kind of check has more to say than its status.
    pub(crate) word: Option<String>,
    /// A verdict that stands although the probe still gathers evidence.
    pub(crate) settled: Option<Fault>,
    /// What the connection heard, for probes whose protocol is read by a library.
    pub(crate) heard: Option<Arc<Heard>>,
    /// Octets of the answer's content so far.
    pub(crate) octets: usize,
    /// How the connection is to be closed, when it is still open.
    pub(crate) farewell: Option<Farewell>,
}

impl Sheet {
    /// An empty sheet for connections of this `way`; the stopwatch runs.
    pub(crate) fn begin(way: Way) -> Self {
        Self {
            watch: Stopwatch::start(),
            evidence: Evidence::default(),
            report: Report::default(),
            way,
            word: None,
            settled: None,
            heard: None,
            octets: 0,
            farewell: None,
        }
    }

    /// A fault in the phase that the probe is in.
    pub(crate) fn fault(&self, class: FaultClass, text: impl Into<String>) -> Fault {
        Fault {
            phase: self.watch.phase(),
            class,
            text: text.into(),
        }
    }

    /// Keeps the beginning of what was refused.
    pub(crate) fn keep_excerpt(&mut self, body: &[u8]) {
        self.evidence.body = body.get(..EXCERPT).unwrap_or(body).to_vec();
    }

    /// The fault of a probe whose `budget` is over, unless a verdict stands already.
    pub(crate) fn out_of_time(&self, budget: Duration) -> Fault {
        if let Some(settled) = &self.settled {
            return settled.clone();
        }
        let head = self.heard.as_ref().map_or(0, |heard| heard.octets());
        let doing = match self.watch.phase() {
            Phase::Resolve => "while finding the address".to_owned(),
            Phase::Connect => "while connecting".to_owned(),
            Phase::Tls => "during the TLS handshake".to_owned(),
            Phase::FirstByte if head > 0 => format!("while reading the header ({head} octets came)"),
            Phase::FirstByte => "while waiting for an answer".to_owned(),
            Phase::Body => format!("while reading the answer ({} octets came)", self.octets),
        };
        self.fault(
            FaultClass::Timeout,
            format!("timeout after {:.3} s {doing}", budget.as_secs_f64()),
        )
    }
}
