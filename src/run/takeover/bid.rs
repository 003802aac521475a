//! The successor's side of the conversation.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::answer::snapshot::Snapshot;
use crate::api::live::Outlook;
use crate::clock::{Clock, SystemClock};
use crate::config::load::Loaded;
use crate::model::time::Moment;
use crate::run::takeover::arriving::{Arriving, Do, Happened};
use crate::run::takeover::counts::Counts;
use crate::run::takeover::frame::{Link, SOCKET};
use crate::run::takeover::judgement::{Announced, judge};
use crate::run::takeover::questions::{self, Digest, Question};
use crate::run::takeover::word::{Bequest, Bidding, MAGIC, Parting, VERSION};
use crate::serve::given::Given;

/// How long a word of the running server's is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may be busy.
const BUSY: Duration = Duration::from_secs(60);
/// Between two requests to one that is busy.
const AGAIN: Duration = Duration::from_millis(250);
/// Differences that are named.
const NAMED: usize = 10;

/// What an operator wishes of a takeover.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// These names, and all below them, will be answered otherwise.
    pub announce: Vec<String>,
    /// What `pointsman plan` lists will be answered otherwise.
    pub announce_plan: bool,
    /// So many queries that came are answered on trial, and about as many that are made up.
    pub queries: usize,
    /// For so long they are taken out.
    pub time: Duration,
}

/// A successor's conversation with the server that runs.
#[derive(Debug)]
pub struct Bid {
    link: Link,
    machine: Arriving,
    wishes: Wishes,
    /// Goes on with the other's.
    pub clock: SystemClock,
    questions: Vec<Question>,
    answers: Vec<Vec<u8>>,
    zones: (Vec<Digest>, Vec<Digest>),
    changes: Option<Outlook>,
    /// What the other's own cookies are made of.
    pub cookies: Option<[u8; 16]>,
}

/// What came.
#[derive(Debug)]
pub struct Received {
    /// The state.
    pub bequest: Box<Bequest>,
    /// The sockets.
    pub given: Given,
}

impl Bid {
    /// Asks the server that keeps its state in `directory`; `None`: there is none.
    ///
    /// # Errors
    /// When there is one that cannot be taken over from.
    pub fn open(directory: &Path, wishes: Wishes) -> anyhow::Result<Option<Self>> {
        let path = directory.join(SOCKET);
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot speak to the running server at {}", path.display()));
            }
        };
        let mut link = Link::new(stream).context("cannot speak to the running server")?;
        let hello = Bidding::Hello {
            magic: MAGIC.to_owned(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        link.patience(PATIENCE)?;
        link.send(&hello, &[])
            .context("cannot speak to the running server")?;
        let mut bid = Self {
            link,
            machine: Arriving::default(),
            wishes,
            clock: SystemClock::start(),
            questions: Vec::new(),
            answers: Vec::new(),
            zones: Default::default(),
            changes: None,
            cookies: None,
        };
        match bid.hear()? {
            Some((
                Parting::Welcome {
                    program,
                    moment,
                    cookies,
                },
                _,
            )) => {
                bid.cookies = cookies;
                bid.clock = SystemClock::going_on(Moment::from_nanos(moment));
                bid.machine.step(Happened::Welcome);
                tracing::info!(
                    target: "pointsman::takeover", pid = bid.link.pid(), program, "taking over from a running server"
                );
                Ok(Some(bid))
            }
            Some(_) => bail!("the running server does not speak this protocol"),
            None => Ok(None),
        }
    }

    /// The process that is taken over from.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.link.pid()
    }

    /// The next word; `None`: the other is dead. Being sent away is an error.
    fn hear(&mut self) -> anyhow::Result<Option<(Parting, Vec<std::os::fd::OwnedFd>)>> {
        match self.link.receive() {
            Ok((Parting::Dismiss(why), _)) => {
                let todo = self.machine.step(Happened::Dismissed);
                debug_assert!(!todo.contains(&Do::Decide));
                bail!("the running server sends this one away: {why}")
            }
            Ok(word) => Ok(Some(word)),
            Err(error) => {
                let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                let dead = !late && self.link.is_dead();
                self.machine.step(Happened::Lost { dead });
                if dead && self.machine != Arriving::Failed {
                    tracing::warn!(target: "pointsman::takeover", pid = self.link.pid(), "the running server has ended");
                    return Ok(None);
                }
                Err(error).context("nothing is heard of the running server any more")
            }
        }
    }

    /// Gets the state and the sockets; from then on the other decides nothing. `None`: it died before that.
    ///
    /// # Errors
    /// When it does not give them.
    pub fn receive(&mut self, loaded: &Loaded, config: &Path) -> anyhow::Result<Option<Received>> {
        let config = config
            .canonicalize()
            .context("the configuration file cannot be found again")?;
        let changes: Option<PathBuf> = self.wishes.announce_plan.then_some(config);
        self.say(&Bidding::Court {
            most: self.wishes.queries,
            for_ms: u64::try_from(self.wishes.time.as_millis()).unwrap_or(u64::MAX),
            changes,
        })?;
        self.zones.1 = questions::digests(loaded);
        let Some((word, _)) = self.hear()? else {
            return Ok(None);
        };
        let Parting::Trial {
            questions,
            changes,
            zones,
        } = word
        else {
            bail!("the running server does not speak this protocol");
        };
        self.zones.0 = zones;
        self.changes = match changes {
            None => None,
            Some(Ok(outlook)) => Some(outlook),
            Some(Err(why)) => bail!("what the new configuration changes cannot be said: {why}"),
        };
        self.questions = questions;
        let own = questions::made_up(loaded, self.wishes.queries, self.clock.now(), u64::from(VERSION));
        self.questions.extend(own.iter().cloned());
        let deadline = now() + BUSY;
        let bequest = loop {
            self.say(&Bidding::Freeze(own.clone()))?;
            match self.hear()? {
                None => return Ok(None),
                Some((Parting::Bequest(bequest), _)) => break bequest,
                Some((Parting::Busy(why), _)) if now() < deadline => {
                    tracing::info!(target: "pointsman::takeover", %why, "the running server cannot be left now; it is asked again");
                    std::thread::sleep(AGAIN);
                }
                Some((Parting::Busy(why), _)) => bail!("the running server cannot be left: {why}"),
                Some(_) => bail!("the running server does not speak this protocol"),
            }
        };
        let mut given = Given::default();
        loop {
            let Some((word, descriptors)) = self.hear()? else {
                return Ok(None);
            };
            for descriptor in descriptors {
                if let Err(unusable) = given.add("takeover", descriptor) {
                    tracing::warn!(target: "pointsman::takeover", "{unusable}");
                }
            }
            match word {
                Parting::Sockets { last: true } => break,
                Parting::Sockets { last: false } => {}
                _ => bail!("the running server does not speak this protocol"),
            }
        }
        self.machine.step(Happened::Bequest);
        let mut bequest = bequest;
        self.answers = std::mem::take(&mut bequest.answers);
        Ok(Some(Received { bequest, given }))
    }

    /// Compares the other's answers with what `snapshot` answers.
    ///
    /// # Errors
    /// When something differs that was not announced: the other goes on as if nothing had been.
    pub fn judge(&mut self, snapshot: &Arc<Snapshot>) -> anyhow::Result<()> {
        let ours = questions::answers(snapshot, &self.questions);
        let announced = Announced::new(&self.wishes.announce, self.changes.as_ref());
        let judgement = judge(
            &self.questions,
            (&self.answers, &ours),
            (&self.zones.0, &self.zones.1),
            &announced,
        );
        let complete = self.answers.len() == self.questions.len();
        let well = judgement.differences.is_empty() && complete;
        self.machine.step(Happened::Judged { well });
        if well {
            tracing::info!(
                target: "pointsman::takeover", compared = judgement.compared, announced = judgement.announced,
                "the same is answered"
            );
            return Ok(());
        }
        let count = judgement.differences.len();
        let named: Vec<String> = judgement
            .differences
            .iter()
            .take(NAMED)
            .map(ToString::to_string)
            .collect();
        let mut said = if complete {
            format!(
                "{count} differences that were not announced, of {} questions; the running server goes on:\n  {}",
                judgement.compared,
                named.join("\n  ")
            )
        } else {
            "the running server did not answer every question".to_owned()
        };
        // It is told in one line.
        self.refuse(
            named
                .first()
                .map_or("it did not answer every question", String::as_str),
        );
        if complete {
            said.push_str(
                "\nIf that is meant: let the running server reload first (`pointsman reload`), or say what is to differ: \
                 `--announce NAME`, or `--announce-plan` for what `pointsman plan` lists",
            );
        }
        bail!(said)
    }

    /// Tells the other that this one will not take over, for whatever reason.
    pub fn refuse(&mut self, why: &str) {
        self.machine.step(Happened::Unable);
        // It notices in any case that nobody is there any more.
        let _ = self.say(&Bidding::Refuse(why.to_owned()));
    }

    /// Tells the other that this one answers on the same sockets, and waits for its word; then this one decides.
    ///
    /// # Errors
    /// When the other goes on: this one must cease.
    pub fn reign(&mut self) -> anyhow::Result<()> {
        if self.say(&Bidding::Answering).is_err() && !self.link.is_dead() {
            self.machine.step(Happened::Lost { dead: false });
            bail!("the running server does not hear any more");
        }
        match self.hear()? {
            // It died, and this one stands alone.
            None => Ok(()),
            Some((Parting::Yours, _)) => {
                self.machine.step(Happened::Yielded);
                // Should it not hear, it has died or will end this process.
                let _ = self.say(&Bidding::Deciding);
                Ok(())
            }
            Some(_) => {
                self.machine.step(Happened::Unable);
                bail!("the running server does not speak this protocol")
            }
        }
    }

    /// Waits until the other answers no more; what it counted until then, if it says so.
    pub fn left(mut self) -> Option<Counts> {
        loop {
            match self.link.receive::<Parting>() {
                Ok((Parting::Left(counts), _)) => return Some(counts),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    fn say(&mut self, word: &Bidding) -> io::Result<()> {
        self.link.send(word, &[])
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
