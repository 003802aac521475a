//! The desk of drills: takes orders from the API and from the calendar, lets the panel measure, keeps the reports.
//!
//! What is rehearsed and when it ends is the signal box's business alone. Were this task to die in the middle, the drill
//! would end by its time all the same; only its report would be lost.

mod schedule;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::api::live::{DrillRequest, DrillWish, Request};
use crate::clock::Clock;
use crate::control::drill::{News, Order, Stage, State, StoredDrill, Subject};
use crate::control::effect::{Done, HistoryKind, Refusal};
use crate::control::event::{Command, Manner};
use crate::drill::panel::Panel;
use crate::drill::report::{Report, Steps, Verdict};
use crate::model::plan::Plan;
use crate::model::service::Service;
use crate::model::time::{Moment, UnixTime};

/// How often the calendar is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long the clients stay to see the old answer come back.
const AFTER: Duration = Duration::from_millis(1500);
/// Drills that are kept, as in the store: so many, and of each service the last one of each state.
const KEPT: usize = 1000;

/// What the desk works with.
pub struct Parts {
    /// What the store held.
    pub stored: Vec<StoredDrill>,
    /// Orders and questions.
    pub inbox: mpsc::Receiver<DrillRequest>,
    /// Steps of drills, from the signal box, each with the moment of the last publication.
    pub stages: mpsc::Receiver<(Stage, Moment)>,
    /// To the signal box.
    pub requests: mpsc::Sender<Request>,
    /// The plan in force.
    pub plans: watch::Receiver<Arc<Plan>>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
}

/// A drill that is being measured.
struct Running {
    subject: Subject,
    steps: Steps,
    panel: Option<Panel>,
    asked: SocketAddr,
}

/// The task.
pub struct Desk {
    parts: Parts,
    drills: BTreeMap<u64, StoredDrill>,
    last: u64,
    running: Option<Running>,
    /// Since when each service is known, for those that were never drilled.
    known: HashMap<String, UnixTime>,
    /// Whom the calendar is for.
    calendar: Option<schedule::Calendar>,
    /// The panel of the drill that is about to begin.
    waiting: Option<(Panel, SocketAddr)>,
}

impl Desk {
    /// A desk that goes on where the last process ended.
    #[must_use]
    pub fn new(mut parts: Parts) -> Self {
        let stored = std::mem::take(&mut parts.stored);
        let drills: BTreeMap<u64, StoredDrill> = stored.into_iter().map(|drill| (drill.id, drill)).collect();
        Self {
            last: drills.keys().next_back().copied().unwrap_or(0),
            parts,
            drills,
            running: None,
            known: HashMap::new(),
            calendar: None,
            waiting: None,
        }
    }

    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some((stage, published)) = self.parts.stages.recv() => self.step(stage, published).await,
                Some(request) = self.parts.inbox.recv() => self.serve(request).await,
                _ = looks.tick() => self.look().await,
            }
        }
    }

    async fn serve(&mut self, request: DrillRequest) {
        // In every arm: whoever asked may have left.
        match request {
            DrillRequest::List { before, limit, reply } => {
                let before = before.unwrap_or(u64::MAX);
                let wanted = self.drills.range(..before).rev().take(limit);
                let reports = wanted.map(|(_, drill)| self.report(drill)).collect();
                let _ = reply.send((reports, self.drills.len()));
            }
            DrillRequest::Show { id, reply } => {
                let found = self.drills.get(&id).map(|drill| self.report(drill));
                let _ = reply.send(found);
            }
            DrillRequest::Cancel { id, by, reply } => {
                let _ = reply.send(
                    self.command(by, Command::CancelDrill(id), Manner::default())
                        .await,
                );
            }
            DrillRequest::Start {
                by,
                wish,
                manner,
                reply,
            } => {
                let _ = reply.send(self.start(by, wish, manner, false).await);
            }
        }
    }

    /// What is known of a drill now.
    fn report(&self, drill: &StoredDrill) -> Report {
        match &self.running {
            Some(running) if running.subject.drill.id == drill.id => {
                Report::running(&running.subject, &running.steps, running.asked.to_string())
            }
            _ => Report::of(drill),
        }
    }

    /// Begins a drill, or says which rule stands against it: its number and a sentence.
    async fn start(
        &mut self,
        by: String,
        wish: DrillWish,
        manner: Manner,
        scheduled: bool,
    ) -> Result<(Option<u64>, Done), Refusal> {
        let order = Order {
            id: self.last + 1,
            service: wish.service,
            endpoint: wish.endpoint,
            lasting: wish.lasting,
            reason: wish.reason,
            scheduled,
        };
        // Nobody is asked anything for the sake of a drill that is refused.
        let rehearsed = Manner {
            dry_run: true,
            ..manner
        };
        let said = self
            .command(by.clone(), Command::Drill(order.clone()), rehearsed)
            .await?;
        if manner.dry_run {
            return Ok((None, said));
        }
        self.last = order.id;
        let id = order.id;
        self.waiting = self.panel(&order.service).await;
        let begun = self.command(by, Command::Drill(order), manner).await;
        match begun {
            Ok(done) => {
                // Its beginning was told before its answer: so that whoever is answered can ask for it.
                while self.running.is_none() {
                    match self.parts.stages.try_recv() {
                        Ok((stage, published)) => self.step(stage, published).await,
                        Err(_) => break,
                    }
                }
                Ok((Some(id), done))
            }
            Err(refusal) => {
                self.dismiss().await;
                Err(refusal)
            }
        }
    }

    /// Sends the clients of a drill that did not begin home.
    async fn dismiss(&mut self) {
        if let Some((panel, _)) = self.waiting.take() {
            panel.close().await;
        }
    }

    /// Clients that have their first answers; `None`, which is logged, when there are none to be had.
    async fn panel(&self, service: &str) -> Option<(Panel, SocketAddr)> {
        let (server, owner, families) = {
            let plan = self.parts.plans.borrow();
            let service = plan.service_named(service)?;
            let server = reachable(*plan.node.listen.first()?);
            (server, service.owner.to_string(), families(&plan, service))
        };
        let opened = Panel::open(server, &owner, families, Arc::clone(&self.parts.clock)).await;
        match opened {
            Ok(mut panel) => {
                if !panel.warmed_up().await {
                    tracing::warn!(target: "pointsman::drill", %server, "not every client of the panel was answered");
                }
                Some((panel, server))
            }
            Err(error) => {
                tracing::error!(target: "pointsman::drill", %error, "nobody can measure: there are no clients to be had");
                None
            }
        }
    }

    async fn command(&self, by: String, command: Command, manner: Manner) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Command {
            by,
            command,
            manner,
            reply,
        };
        let stopping = || Refusal {
            rule: "stopping",
            detail: "the server is stopping".to_owned(),
        };
        self.parts.requests.send(request).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    async fn step(&mut self, stage: Stage, published: Moment) {
        match stage {
            Stage::Began(subject) => {
                let (panel, asked) = match self.waiting.take() {
                    Some((panel, asked)) => (Some(panel), asked),
                    None => (None, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
                };
                self.keep(subject.drill.clone(), false).await;
                self.running = Some(Running {
                    steps: Steps {
                        began: subject.at.moment,
                        ..Steps::default()
                    },
                    subject: *subject,
                    panel,
                    asked,
                });
            }
            Stage::Failed(id, at) => self.note(id, |steps| steps.failed = Some(at.moment)),
            Stage::Detected(id, at) => self.note(id, |steps| steps.detected = Some(at.moment)),
            Stage::Answered(id, _) => self.note(id, |steps| steps.published = Some(published)),
            Stage::Ended(id, _, state, why) => {
                self.note(id, |steps| steps.reverted = Some(published));
                self.conclude(state, why).await;
            }
            Stage::Left(stored) => {
                let report = Report::of(&stored);
                self.keep_report(*stored, &report).await;
            }
        }
    }

    fn note(&mut self, id: u64, what: impl FnOnce(&mut Steps)) {
        if let Some(running) = &mut self.running
            && running.subject.drill.id == id
        {
            what(&mut running.steps);
        }
    }

    /// The drill is over: the clients stay for a moment to see the old answer come back, then all is written down.
    async fn conclude(&mut self, state: State, why: String) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let stored = StoredDrill {
            state,
            why,
            ..running.subject.drill.clone()
        };
        let clients = match running.panel.take() {
            Some(panel) => {
                tokio::time::sleep(AFTER).await;
                panel.close().await
            }
            None => Vec::new(),
        };
        let asked = running.asked.to_string();
        let report = Report::measured(&running.subject, &stored, &running.steps, &clients, asked);
        let news = News::Measured {
            id: report.id,
            service: report.service.clone(),
            kept: report.verdict != Verdict::Broken,
            text: report.sentence(),
        };
        self.keep_report(stored, &report).await;
        self.tell(news).await;
    }

    async fn keep_report(&mut self, stored: StoredDrill, report: &Report) {
        let text = serde_json::to_string(report).ok();
        self.keep(
            StoredDrill {
                report: text,
                ..stored
            },
            true,
        )
        .await;
    }

    /// Remembers a drill, and lets the store do so.
    async fn keep(&mut self, drill: StoredDrill, on_disk: bool) {
        self.last = self.last.max(drill.id);
        self.drills.insert(drill.id, drill.clone());
        prune(&mut self.drills);
        if on_disk {
            // A signal box that is gone has no store either.
            let _ = self.parts.requests.send(Request::Keep(drill)).await;
        }
    }

    async fn tell(&self, news: News) {
        let request = Request::Tell {
            alarm: news.is_alarm(),
            kind: HistoryKind::Drill(news),
        };
        let _ = self.parts.requests.send(request).await;
    }
}

/// Lets the oldest go that nobody asks for any more.
fn prune(drills: &mut BTreeMap<u64, StoredDrill>) {
    while drills.len() > KEPT {
        let mut later = HashSet::new();
        let superseded = drills
            .iter()
            .rev()
            .filter(|(_, drill)| !later.insert((drill.service.clone(), drill.state)))
            .last();
        let Some((id, _)) = superseded else { return };
        let id = *id;
        drills.remove(&id);
    }
}

/// Which types a service has addresses for.
fn families(plan: &Plan, service: &Service) -> [bool; 2] {
    let of_it = plan
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.service == service.id);
    let mut families = [false; 2];
    for known in of_it.flat_map(|endpoint| &endpoint.addresses) {
        let [a, aaaa] = &mut families;
        *(if known.address.is_ipv4() { a } else { aaaa }) = true;
    }
    families
}

/// A wildcard address is listened on, not asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
