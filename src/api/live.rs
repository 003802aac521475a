//! The running server as the API sees it: two bounded channels of requests, each with a place for its reply.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::announce::desk::Desk;
use crate::api::directory::Directory;
use crate::api::explain::Report as Explained;
use crate::api::problem::Problem;
use crate::api::throttle::Throttle;
use crate::control::drill::StoredDrill;
use crate::control::effect::{Done, HistoryKind, Refusal};
use crate::control::event::{Command, Manner, Word};
use crate::control::forecast::Forecast;
use crate::control::listing::OverrideStatus;
use crate::control::status::ServiceStatus;
use crate::control::step::Control;
use crate::control::timeline::Entry;
use crate::drill::report::Report;
use crate::metrics::page::Meters;
use crate::metrics::panel::Panel;
use crate::model::access::ApiAccess;
use crate::model::plan::Prefix;
use crate::model::time::Now;
use crate::store::history::History;

/// How long a request waits for a place in the queue of the signal box.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Something asked of the signal box.
#[derive(Debug)]
pub enum Request {
    /// The state of one service, or of all.
    Status {
        /// The service's name; `None`: all.
        service: Option<String>,
        /// `None` when there is no such service.
        reply: oneshot::Sender<Option<Vec<ServiceStatus>>>,
    },
    /// A look at everything, which changes nothing and takes less than a millisecond.
    Look(Look),
    /// The decision for one question.
    Explain {
        /// The question.
        question: Question,
        /// The report.
        reply: oneshot::Sender<Explained>,
    },
    /// What operators laid upon endpoints.
    Overrides {
        /// All of it.
        reply: oneshot::Sender<Vec<OverrideStatus>>,
    },
    /// How everything stands, in numbers.
    Metrics {
        /// The numbers.
        reply: oneshot::Sender<Box<Panel>>,
    },
    /// An endpoint reports itself.
    Heartbeat {
        /// The service's name.
        service: String,
        /// The endpoint's name.
        endpoint: String,
        /// What it shows to be believed.
        token: String,
        /// What it says.
        word: Word,
        /// When the next is due; `None`: it may not.
        reply: oneshot::Sender<Option<Duration>>,
    },
    /// Where the timeline is.
    Seq {
        /// The number of its last entry; 0: there is none.
        reply: oneshot::Sender<u64>,
    },
    /// Something for the timeline that happened outside the signal box, which numbers all entries.
    Tell {
        /// Whether somebody should look.
        alarm: bool,
        /// What.
        kind: HistoryKind,
    },
    /// A drill to be kept on disk, with what was measured.
    Keep(StoredDrill),
    /// Something to be done.
    Command {
        /// Who asks, for the log.
        by: String,
        /// What.
        command: Command,
        /// How.
        manner: Manner,
        /// Done, or which rule stands against it.
        reply: oneshot::Sender<Result<Done, Refusal>>,
    },
}

/// Something asked of the desk of drills.
#[derive(Debug)]
pub enum DrillRequest {
    /// Begin one.
    Start {
        /// Who asks.
        by: String,
        /// What.
        wish: DrillWish,
        /// How.
        manner: Manner,
        /// Its number and a sentence (no number when it was not to be done), or which rule stands against it.
        reply: oneshot::Sender<Result<(Option<u64>, Done), Refusal>>,
    },
    /// End one early.
    Cancel {
        /// Its number.
        id: u64,
        /// Who asks.
        by: String,
        /// Done, or why not.
        reply: oneshot::Sender<Result<Done, Refusal>>,
    },
    /// Reports that are kept, the latest first.
    List {
        /// Only those with smaller numbers.
        before: Option<u64>,
        /// So many at the most.
        limit: usize,
        /// They, and how many there are in all.
        reply: oneshot::Sender<(Vec<Report>, usize)>,
    },
    /// One report.
    Show {
        /// Its number.
        id: u64,
        /// It; `None`: there is none of that number.
        reply: oneshot::Sender<Option<Report>>,
    },
}

/// A drill as somebody wishes it.
#[derive(Clone, Debug)]
pub struct DrillWish {
    /// The service's name.
    pub service: String,
    /// The endpoint that shall seem to fail; `None`: the one that is answered.
    pub endpoint: Option<String>,
    /// How long at the most.
    pub lasting: Duration,
    /// Why.
    pub reason: Option<String>,
}

/// What somebody wants to see of the signal box.
pub struct Look(pub Seeing);

/// What is done with it.
pub type Seeing = Box<dyn FnOnce(&Control, Now) + Send>;

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look(…)")
    }
}

/// One question, as `explain` takes it.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name.
    pub name: crate::wire::name::Name,
    /// The type's number.
    pub rtype: u16,
    /// Who asks.
    pub client: IpAddr,
    /// The network that it tells of its own client (RFC 7871).
    pub subnet: Option<Prefix>,
    /// The throw of the dice that policies with chance go by.
    pub dice: u64,
}

/// A reload: the sentence to tell, or every mistake.
#[derive(Debug)]
pub struct Reload {
    /// Where the outcome goes; `Err` holds the mistakes, rendered.
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// A configuration to be tried on a copy of the running server's state.
#[derive(Debug)]
pub struct Rehearsal {
    /// Its `pointsman.toml`, absolute.
    pub config: std::path::PathBuf,
    /// What it would change, or why that cannot be said.
    pub reply: oneshot::Sender<Result<Outlook, String>>,
}

/// What a configuration would change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outlook {
    /// Services: now, under each single failure, and the audit.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// Static RRsets that differ.
    pub records: Vec<RecordsDiffer>,
}

/// A static RRset that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordsDiffer {
    /// `mail.example.test.`
    pub owner: String,
    /// `MX`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Records before; 0: there was none.
    pub before: usize,
    /// Records after; 0: it is gone.
    pub after: usize,
}

/// What the API needs of the running server.
#[derive(Clone, Debug)]
pub struct Live {
    /// To the signal box.
    pub requests: mpsc::Sender<Request>,
    /// To the loader.
    pub reloads: mpsc::Sender<Reload>,
    /// To the loader, too.
    pub rehearsals: mpsc::Sender<Rehearsal>,
    /// What happens, as it happens.
    pub news: broadcast::Sender<Arc<Entry>>,
    /// Who is told of events.
    pub receivers: Desk,
    /// What happened, as it was written down.
    pub history: History,
    /// Held by whoever verifies the history.
    pub verifying: Arc<Mutex<()>>,
    /// To the desk of drills.
    pub drills: mpsc::Sender<DrillRequest>,
    /// Whether the sockets are open.
    pub ready: Arc<AtomicBool>,
    /// Who may use it; follows reloads.
    pub access: watch::Receiver<Arc<ApiAccess>>,
    /// Slows whoever guesses.
    pub throttle: Arc<Throttle>,
    /// What counts all the time.
    pub meters: Arc<Meters>,
    /// The node's name.
    pub node: Arc<str>,
    /// Places for streams.
    pub streams: Arc<Semaphore>,
    /// The server is stopping: whatever has no end must end.
    pub stop: CancellationToken,
    /// The names of the plan that was looked at last.
    pub directory: Arc<ArcSwapOption<Directory>>,
}

impl Live {
    /// Hands a request to the signal box and waits for its reply.
    ///
    /// # Errors
    /// When the signal box is busy or gone.
    pub async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send_timeout(make(reply), PATIENCE)
            .await
            .map_err(|_| Problem::busy())?;
        answer.await.map_err(|_| Problem::busy())
    }

    /// What `look` sees. It runs on the thread that decides: it must be short.
    ///
    /// # Errors
    /// When the signal box is busy or gone.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Control, Now) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.ask(|reply| {
            Request::Look(Look(Box::new(move |control, now| {
                // Whoever asked may have left.
                let _ = reply.send(look(control, now));
            })))
        })
        .await
    }
}
