//! The running server's side: the control socket, and the conversation with a successor.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::announce::desk::Desk;
use crate::api::live::{Outlook, Rehearsal};
use crate::clock::SystemClock;
use crate::config::load::Loaded;
use crate::model::abuse::CookieSecrets;
use crate::run::doors::Doors;
use crate::run::signal_box::Message;
use crate::run::signal_box::handing::{Handing, Left};
use crate::run::supervisor::Manager;
use crate::run::takeover::counts::Counts;
use crate::run::takeover::frame::{DESCRIPTORS, Link, listen};
use crate::run::takeover::parting::{Do, Happened, Parting};
use crate::run::takeover::questions::{self, Question};
use crate::run::takeover::word::{self, Bequest, Bidding, MAGIC, VERSION};
use crate::serve::counters::Counters;

/// How long a successor may be silent before it asked for the state: it reads its zones before it comes.
const COURTING: Duration = Duration::from_secs(120);
/// How long this server decides nothing for a successor's sake.
const FROZEN: Duration = Duration::from_secs(5);
/// How long a successor that was told to decide may take to say that it does.
const YIELDED: Duration = Duration::from_secs(5);
/// How long deliveries under way are waited for.
const DELIVERIES: Duration = Duration::from_secs(3);
/// Queries that are taken out at the most.
const SAMPLES: usize = 100_000;

/// What it is made of.
pub(in crate::run) struct Parts {
    pub(in crate::run) messages: mpsc::Sender<Message>,
    pub(in crate::run) receivers: Desk,
    pub(in crate::run) loaded: watch::Receiver<Arc<Loaded>>,
    pub(in crate::run) rehearsals: mpsc::Sender<Rehearsal>,
    pub(in crate::run) counters: Arc<Counters>,
    pub(in crate::run) clock: SystemClock,
    /// The API's listener once more.
    pub(in crate::run) api: Option<TcpListener>,
    /// Ends the API.
    pub(in crate::run) api_stop: CancellationToken,
    /// Told when a successor has taken over.
    pub(in crate::run) gone: CancellationToken,
    /// Told who serves from now on.
    pub(in crate::run) manager: Manager,
    pub(in crate::run) seed: u64,
}

/// A server that can be taken over from.
pub(in crate::run) struct Host {
    parts: Parts,
    doors: Arc<Doors>,
}

impl Parts {
    /// With the doors, which are open.
    pub(in crate::run) fn with(self, doors: Arc<Doors>) -> Host {
        Host { parts: self, doors }
    }
}

impl Host {
    /// Waits for successors until `stop`, or until one has taken over.
    pub(in crate::run) async fn run(self, directory: PathBuf, stop: CancellationToken) {
        let opened =
            listen(&directory).and_then(|(listener, path)| Ok((UnixListener::from_std(listener)?, path)));
        let (listener, path) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(
                    target: "pointsman::takeover", %error, directory = %directory.display(),
                    "no control socket: no server can take over from this one"
                );
                return;
            }
        };
        let host = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(target: "pointsman::takeover", %error, "a connection to the control socket failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let this = Arc::clone(&host);
            let conversation = tokio::task::spawn_blocking(move || match Link::new(stream) {
                Ok(link) => Conversation::new(&this, link).hold(),
                Err(error) => {
                    tracing::warn!(target: "pointsman::takeover", %error, "somebody at the control socket is sent away");
                }
            });
            tokio::select! {
                () = stop.cancelled() => break,
                ended = conversation => if ended.is_err() {
                    tracing::error!(target: "pointsman::takeover", "a conversation broke off; this is a fault of ours");
                },
            }
            if host.parts.gone.is_cancelled() {
                // The path is the successor's now.
                return;
            }
        }
        // The path may be the successor's by now; and the directory may be gone.
        if !host.parts.gone.is_cancelled() {
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Conversation<'h> {
    host: &'h Host,
    link: Link,
    machine: Parting,
    runtime: tokio::runtime::Handle,
    /// Questions of the trial.
    trial: Vec<Question>,
    /// What is given while frozen; dropped: this server goes on.
    frozen: Option<Frozen>,
    until: Instant,
}

struct Frozen {
    verdict: oneshot::Sender<()>,
    left: Box<Left>,
}

impl<'h> Conversation<'h> {
    fn new(host: &'h Host, link: Link) -> Self {
        Self {
            host,
            link,
            machine: Parting::default(),
            runtime: tokio::runtime::Handle::current(),
            trial: Vec::new(),
            frozen: None,
            until: now() + COURTING,
        }
    }

    fn hold(mut self) {
        loop {
            let left = self.until.saturating_duration_since(now());
            let heard = self
                .link
                .patience(left)
                .and_then(|()| self.link.receive::<Bidding>());
            let (happened, asked) = match heard {
                Ok((
                    Bidding::Hello {
                        magic,
                        version,
                        program,
                    },
                    _,
                )) => {
                    if magic != MAGIC || version != VERSION {
                        self.send_away(&format!(
                            "this server is pointsman {} and speaks version {VERSION} of the protocol, not {version}: \
                             stop it and start the new one instead",
                            env!("CARGO_PKG_VERSION")
                        ));
                        return;
                    }
                    tracing::info!(
                        target: "pointsman::takeover", pid = self.link.pid(), program, "a successor has come"
                    );
                    (Happened::Hello, Vec::new())
                }
                Ok((
                    Bidding::Court {
                        most,
                        for_ms,
                        changes,
                    },
                    _,
                )) => {
                    self.court(most, for_ms, changes);
                    continue;
                }
                Ok((Bidding::Freeze(questions), _)) => (Happened::Freeze, questions),
                Ok((Bidding::Refuse(why), _)) => {
                    tracing::warn!(target: "pointsman::takeover", pid = self.link.pid(), %why, "the successor does not take over");
                    (Happened::Refused, Vec::new())
                }
                Ok((Bidding::Answering, _)) => (Happened::Answering, Vec::new()),
                Ok((Bidding::Deciding, _)) => (Happened::Deciding, Vec::new()),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    (Happened::Late, Vec::new())
                }
                Err(_) => {
                    let dead = self.link.is_dead();
                    (Happened::Lost { dead }, Vec::new())
                }
            };
            for todo in self.machine.step(happened) {
                self.act(todo, &asked);
            }
            match self.machine {
                Parting::Gone => return,
                Parting::Serving => {
                    self.host.doors.sampler.close();
                    self.host.doors.hasten(false);
                    return;
                }
                Parting::Courted | Parting::Frozen | Parting::Yielded => {}
            }
        }
    }

    fn act(&mut self, todo: Do, asked: &[Question]) {
        match todo {
            Do::Welcome => {
                self.host.doors.hasten(true);
                let plan = self.host.parts.loaded.borrow().plan.clone();
                let secrets = plan.map(|plan| plan.node.cookies.secrets.clone());
                self.say(&word::Parting::Welcome {
                    cookies: match secrets {
                        Some(CookieSecrets::Own(secret)) => Some(secret),
                        _ => None,
                    },
                    program: env!("CARGO_PKG_VERSION").to_owned(),
                    moment: self.host.parts.clock.moment().nanos(),
                });
            }
            Do::Bequeath => match self.bequeath(asked) {
                Ok(()) => {
                    self.until = now() + FROZEN;
                    // Nothing is to be done for it.
                    let _ = self.machine.step(Happened::Bequeathed);
                }
                Err(why) => {
                    self.resume();
                    self.say(&word::Parting::Busy(why));
                }
            },
            Do::Yield => {
                self.until = now() + YIELDED;
                self.say(&word::Parting::Yours);
            }
            Do::Dismiss => self.send_away("it took too long"),
            Do::Kill => {
                tracing::error!(
                    target: "pointsman::takeover", pid = self.link.pid(),
                    "the successor was told to decide and does not say that it does: its process is ended"
                );
                if !self.link.kill() {
                    tracing::error!(target: "pointsman::takeover", "it does not end; this server decides again all the same");
                }
            }
            Do::Resume => {
                self.resume();
                tracing::warn!(target: "pointsman::takeover", "no successor took over; this server goes on");
            }
            Do::Leave => self.leave(),
        }
    }

    fn resume(&mut self) {
        self.frozen = None;
        self.host.doors.keep();
        self.host.parts.receivers.resume();
    }

    /// What fails here is noticed at the next frame.
    fn say(&mut self, word: &word::Parting) {
        if let Err(error) = self.link.send(word, &[]) {
            tracing::debug!(target: "pointsman::takeover", %error, "a successor does not hear");
        }
    }

    fn send_away(&mut self, why: &str) {
        tracing::warn!(target: "pointsman::takeover", pid = self.link.pid(), why, "a successor is sent away");
        self.say(&word::Parting::Dismiss(why.to_owned()));
    }

    /// Takes queries out for a while, and looks at what the successor's configuration would change.
    fn court(&mut self, most: usize, for_ms: u64, changes: Option<PathBuf>) {
        let time = Duration::from_millis(for_ms).min(COURTING / 4);
        self.host.doors.sampler.open(most.min(SAMPLES), time);
        let changes = changes.map(|config| self.rehearse(config));
        let loaded = Arc::clone(&self.host.parts.loaded.borrow());
        let zones = questions::digests(&loaded);
        self.runtime.block_on(tokio::time::sleep(time));
        self.trial = questions::of_samples(self.host.doors.sampler.close(), self.host.parts.seed);
        self.until = now() + COURTING;
        let questions = self.trial.clone();
        self.say(&word::Parting::Trial {
            questions,
            changes,
            zones,
        });
    }

    fn rehearse(&self, config: PathBuf) -> Result<Outlook, String> {
        let (reply, outlook) = oneshot::channel();
        let stopping = || "the server is stopping".to_owned();
        self.host
            .parts
            .rehearsals
            .blocking_send(Rehearsal { config, reply })
            .map_err(|_| stopping())?;
        outlook.blocking_recv().map_err(|_| stopping())?
    }

    /// Freezes and sends everything.
    fn bequeath(&mut self, asked: &[Question]) -> Result<(), String> {
        let quiet = async { tokio::time::timeout(DELIVERIES, self.host.parts.receivers.pause()).await };
        if self.runtime.block_on(quiet).is_err() {
            return Err("a notification is being delivered".to_owned());
        }
        let (reply, left) = oneshot::channel();
        let (verdict, heard) = oneshot::channel();
        let handing = Handing {
            reply,
            verdict: heard,
        };
        let stopping = || "the server is stopping".to_owned();
        self.host
            .parts
            .messages
            .blocking_send(Message::HandOver(handing))
            .map_err(|_| stopping())?;
        let mut left = left.blocking_recv().map_err(|_| stopping())??;
        let mut answers = questions::answers(&left.snapshot, &self.trial);
        answers.extend(questions::answers(&left.snapshot, asked));
        let bequest = Bequest {
            legacy: std::mem::take(&mut left.legacy),
            answers,
            counts: Counts::of(&self.host.parts.counters, &left.lanes, &left.plan),
            last_entry: left.last_entry,
            told: std::mem::take(&mut left.told),
        };
        let send = || -> io::Result<()> {
            let mut sockets = self.host.doors.share()?;
            if let Some(api) = &self.host.parts.api {
                sockets.push(api.as_fd().try_clone_to_owned()?);
            }
            self.link.send(&word::Parting::Bequest(Box::new(bequest)), &[])?;
            let count = sockets.len().div_ceil(DESCRIPTORS);
            for (index, some) in sockets.chunks(DESCRIPTORS).enumerate() {
                let some: Vec<BorrowedFd<'_>> = some.iter().map(OwnedFd::as_fd).collect();
                let last = index + 1 == count;
                self.link.send(&word::Parting::Sockets { last }, &some)?;
            }
            Ok(())
        };
        // Should it not hear, that is noticed at the next frame.
        send().map_err(|error| format!("the state could not be sent: {error}"))?;
        self.frozen = Some(Frozen { verdict, left });
        Ok(())
    }

    /// The successor decides: answers no more, tells what was counted, and lets the process end.
    fn leave(&mut self) {
        let pid = self.link.pid();
        self.host.parts.api_stop.cancel();
        self.host.doors.leave();
        let Some(Frozen { verdict, left }) = self.frozen.take() else {
            return;
        };
        let counts = Counts::of(&self.host.parts.counters, &left.lanes, &left.plan);
        self.say(&word::Parting::Left(counts));
        self.host.parts.manager.succeeded_by(pid.unsigned_abs());
        // Not before: whoever hears it closes what is left of the doors.
        self.host.parts.gone.cancel();
        // The thread of the signal box waits for it.
        let _ = verdict.send(());
        tracing::info!(target: "pointsman::takeover", pid, "a successor has taken over");
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
