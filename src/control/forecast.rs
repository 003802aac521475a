//! A forecast as data: for the command line, for the API, for people.

use serde::{Deserialize, Serialize};

use crate::control::status::AnswerStatus;

/// What a new plan would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forecast {
    /// Answers that would differ, new and gone services among them.
    pub changes: Vec<Change>,
    /// Single failures under which old and new plan would answer differently, beyond `changes`.
    pub failures: Vec<Failure>,
    /// The audit of the new plan: names that one failure leaves with nothing healthy.
    pub bare: Vec<Bare>,
    /// Services that one failure would load past what their members declare.
    pub overloaded: Vec<Overload>,
    /// Addresses that are probed for the first time: presumed up here, unknown until probed.
    pub unknown: Vec<String>,
}

/// One name and type whose answer would differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// `www.example.test`.
    pub service: String,
    /// `A`, `AAAA`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Before; `None`: there is no such service.
    pub from: Option<AnswerStatus>,
    /// After; `None`: there is no such service any more.
    pub to: Option<AnswerStatus>,
    /// `10s` to `stable 10s, 2s in doubt`, when the rule differs.
    pub ttl: Option<(String, String)>,
    /// Whether the old answer stands until new addresses have their first verdict.
    pub waits: bool,
    /// Whether nothing healthy would be left that was there before.
    pub reaches_zero: bool,
}

/// One failure and what differs under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// `192.0.2.10`, `site fra`, `pool eu of example.test`.
    pub lost: String,
    /// Which endpoints that takes.
    pub endpoints: Vec<String>,
    /// Old against new answers.
    pub changes: Vec<Change>,
}

/// A name that one failure leaves with nothing healthy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bare {
    /// `www.example.test`.
    pub service: String,
    /// `A`, `AAAA`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// What is lost.
    pub lost: String,
    /// What would be answered all the same.
    pub answer: AnswerStatus,
    /// Whether the plan in force has the same gap.
    pub known: bool,
}

/// A service whose load would not fit on what one failure leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Overload {
    /// `www.example.test`.
    pub service: String,
    /// What is lost.
    pub lost: String,
    /// The load, in the unit of `demand` and `capacity`.
    pub demand: u64,
    /// What is left to carry it.
    pub capacity: u64,
    /// Whether the plan in force has the same gap.
    pub known: bool,
}

impl Forecast {
    /// What asks for the operator's word before the plan is put in force: names that would have nothing healthy at
    /// once, and gaps that the plan in force does not have.
    #[must_use]
    pub fn alarms(&self) -> usize {
        self.changes.iter().filter(|change| change.reaches_zero).count()
            + self.bare.iter().filter(|bare| !bare.known).count()
            + self.overloaded.iter().filter(|overload| !overload.known).count()
    }
}

impl Change {
    /// Whether the same answers change in the same way.
    pub(super) fn is_the_same(&self, other: &Self) -> bool {
        let words = |answer: &Option<AnswerStatus>| {
            answer
                .as_ref()
                .map(|answer| (answer.addresses.clone(), answer.pick.clone()))
        };
        self.service == other.service
            && self.rtype == other.rtype
            && words(&self.from) == words(&other.from)
            && words(&self.to) == words(&other.to)
    }
}
