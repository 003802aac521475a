//! The report of a drill: what was rehearsed, when what happened, how long clients went by the old answer, and whether
//! the promise was kept.

mod measure;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::drill::{State, StoredDrill, Subject};
use crate::control::promise::PUBLISH;
use crate::drill::panel::{Client, Kind};
use crate::model::time::Moment;

/// Everything that is known of one drill. Times are milliseconds; those without a date count from its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// Its number.
    pub id: u64,
    /// The service.
    pub service: String,
    /// The endpoint that seemed to fail.
    pub endpoint: String,
    /// Who answered instead.
    pub standby: Vec<String>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether the schedule asked.
    pub scheduled: bool,
    /// How far it came.
    pub state: State,
    /// Why it ended so.
    pub why: String,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// How long it was to last at the most.
    pub lasting_ms: u64,
    /// Who was active before, by failover group.
    pub before: Vec<(String, String)>,
    /// Which address the clients asked.
    pub asked: Option<String>,
    /// What happened when.
    pub chain: Chain,
    /// How long clients went by the old answer, by kind.
    pub clients: Vec<Row>,
    /// What was promised, and what was found.
    pub promise: Vec<Line>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// What happened when, in milliseconds since the endpoint seemed to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DrillChain)]
pub struct Chain {
    /// The end of the first probe that was taken for failed.
    pub first_failed_ms: Option<f64>,
    /// The verdict: every address of it counts as down.
    pub verdict_ms: Option<f64>,
    /// The new answer is published.
    pub published_ms: Option<f64>,
    /// The last old answer that a fresh client got.
    pub last_old_ms: Option<f64>,
    /// The first new answer, of each type that was asked for.
    pub first_new_ms: Option<f64>,
    /// What is true is published again.
    pub reverted_ms: Option<f64>,
    /// The first answer that was as before.
    pub back_ms: Option<f64>,
}

/// Clients of one kind and type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// How they ask.
    pub kind: Kind,
    /// `A`, `AAAA`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// How many there were.
    pub clients: usize,
    /// Of these, whose time is computed: they asked no more before the drill was over, and would have when it says.
    pub computed: usize,
    /// Of these, who never got the new answer although they asked.
    pub never: usize,
    /// How many questions they asked.
    pub questions: u64,
    /// How many of them had no answer.
    pub lost: u64,
    /// Half of them had the new answer by then.
    pub p50_ms: Option<f64>,
    /// Nine of ten.
    pub p90_ms: Option<f64>,
    /// All but one of a hundred.
    pub p99_ms: Option<f64>,
    /// All of them.
    pub max_ms: Option<f64>,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DrillLine)]
pub struct Line {
    /// Of what.
    pub what: String,
    /// At the most.
    pub promised_ms: f64,
    /// Found; `None`: it did not come to that.
    pub found_ms: Option<f64>,
    /// Whether it was kept.
    pub kept: bool,
}

/// What a drill comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promise was kept.
    Kept,
    /// One was not.
    Broken,
    /// It did not come far enough to tell.
    NotMeasured,
}

/// Moments of one drill as its steps are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// It began.
    pub began: Moment,
    /// The first rehearsed failure.
    pub failed: Option<Moment>,
    /// The verdict.
    pub detected: Option<Moment>,
    /// The publication after it.
    pub published: Option<Moment>,
    /// The publication of what is true.
    pub reverted: Option<Moment>,
}

/// A duration in milliseconds.
fn ms(duration: Duration) -> f64 {
    // Microseconds: what is measured is no finer.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

impl Report {
    /// What is known of a drill before, and without, any measuring.
    #[must_use]
    pub fn of(stored: &StoredDrill) -> Self {
        let kept = stored
            .report
            .as_deref()
            .and_then(|text| serde_json::from_str::<Self>(text).ok());
        if let Some(report) = kept {
            return report;
        }
        Self {
            id: stored.id,
            service: stored.service.clone(),
            endpoint: stored.endpoint.clone(),
            standby: Vec::new(),
            by: stored.by.clone(),
            reason: stored.reason.clone(),
            scheduled: stored.scheduled,
            state: stored.state,
            why: stored.why.clone(),
            started_unix_ms: stored.started.0,
            lasting_ms: stored.until.0.saturating_sub(stored.started.0),
            before: stored.before.clone(),
            asked: None,
            chain: Chain::default(),
            clients: Vec::new(),
            promise: Vec::new(),
            verdict: Verdict::NotMeasured,
        }
    }

    /// A drill in the middle.
    #[must_use]
    pub fn running(subject: &Subject, steps: &Steps, asked: String) -> Self {
        Self {
            standby: subject.standby.clone(),
            asked: Some(asked),
            chain: Chain::of(steps),
            ..Self::of(&subject.drill)
        }
    }

    /// A drill that is over, with what the clients heard.
    #[must_use]
    pub fn measured(
        subject: &Subject,
        stored: &StoredDrill,
        steps: &Steps,
        clients: &[Client],
        asked: String,
    ) -> Self {
        let mut report = Self::running(subject, steps, asked);
        (report.state, report.why) = (stored.state, stored.why.clone());
        measure::clients(&mut report, subject, steps, clients);
        report.judge(subject);
        report
    }

    fn judge(&mut self, subject: &Subject) {
        let (detection, caches) = subject.promised;
        let published = self.chain.published_ms.zip(self.chain.verdict_ms);
        let never = self.compliant().any(|row| row.never > 0);
        let slowest = self
            .compliant()
            .filter_map(|row| row.max_ms)
            .reduce(f64::max)
            .filter(|_| !never);
        let line = |what: &str, promised: Duration, found_ms: Option<f64>| Line {
            what: what.to_owned(),
            promised_ms: ms(promised),
            found_ms,
            kept: found_ms.is_some_and(|found| found <= ms(promised)),
        };
        self.promise = vec![
            line("until the verdict", detection, self.chain.verdict_ms),
            line(
                "from the verdict to the changed answer",
                PUBLISH,
                published.map(|(published, verdict)| published - verdict),
            ),
            line(
                "until the last compliant cache has the new answer",
                caches,
                slowest,
            ),
        ];
        let early = self.state != State::Done;
        self.verdict = if self.promise.iter().all(|line| line.kept) {
            Verdict::Kept
        } else if self
            .promise
            .iter()
            .any(|line| !line.kept && line.found_ms.is_some())
            || !early
        {
            Verdict::Broken
        } else {
            Verdict::NotMeasured
        };
    }

    /// Clients that the promise speaks of.
    fn compliant(&self) -> impl Iterator<Item = &Row> {
        self.clients.iter().filter(|row| row.kind != Kind::Floor)
    }

    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        words::sentence(self)
    }

    /// For people, several lines.
    #[must_use]
    pub fn text(&self) -> String {
        words::text(self)
    }
}

impl Chain {
    fn of(steps: &Steps) -> Self {
        let since = |moment: Option<Moment>| moment.map(|moment| ms(moment.since(steps.began)));
        Self {
            first_failed_ms: since(steps.failed),
            verdict_ms: since(steps.detected),
            published_ms: since(steps.published),
            reverted_ms: since(steps.reverted),
            ..Self::default()
        }
    }
}
