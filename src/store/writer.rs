//! The thread that writes: what operators wait for first, then what must survive, then a piece of the history. What
//! failed is tried again later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::control::effect::Record;
use crate::control::timeline::Entry;
use crate::store::history::scribe::{BATCH, Retention, Scribe, forget, pulse};
use crate::store::owed::Slips;
use crate::store::{Counts, Heard, actives, drills, overrides};

mod lending;
use lending::{Lent, returned};

/// How long to wait after a failure before the next try: a full disk is not freed in milliseconds.
const RETRY: Duration = Duration::from_secs(5);
/// Entries of the history that may wait for the disk: a minute of a storm of two hundred a second, in some ten MB.
const QUEUE: usize = 16_384;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What may wait, by what it is about: only the last value counts.
    records: BTreeMap<Key, Record>,
    /// What somebody waits for, in the order asked.
    asked: Vec<(Vec<Record>, Heard)>,
    /// What is owed to receivers of notifications, and what is not any more.
    slips: Slips,
    trouble: Option<String>,
    /// Entries of the history, in order; bounded.
    entries: VecDeque<Arc<Entry>>,
    /// When the server was last alive, if that is to be written.
    alive: Option<u64>,
    retention: Option<Retention>,
    history_trouble: Option<String>,
    counts: Counts,
    closing: bool,
    lent: Lent,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("records", &self.records)
            .field("asked", &self.asked.len())
            .field("trouble", &self.trouble)
            .field("entries", &self.entries.len())
            .field("history_trouble", &self.history_trouble)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(String),
    Override(u64),
    Drill(u64),
}

fn key(record: &Record) -> Key {
    match record {
        Record::Active { group, .. } => Key::Group(group.clone()),
        Record::Override(over) => Key::Override(over.id),
        Record::Released(id) => Key::Override(*id),
        Record::Drill(drill) => Key::Drill(drill.id),
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; were it so, the data would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, record: Record) {
        self.lock().records.insert(key(&record), record);
        self.changed.notify_one();
    }

    pub(super) fn ask(&self, records: Vec<Record>, done: Heard) {
        let mut state = self.lock();
        for record in &records {
            // What waits is older, and would be written over this when it is tried again.
            state.records.remove(&key(record));
        }
        state.asked.push((records, done));
        drop(state);
        self.changed.notify_one();
    }

    /// Changes what is owed to receivers of notifications.
    pub(super) fn owing(&self, change: impl FnOnce(&mut Slips)) {
        change(&mut self.lock().slips);
        self.changed.notify_one();
    }

    pub(super) fn trouble(&self) -> Option<String> {
        let state = self.lock();
        let history = state
            .history_trouble
            .as_ref()
            .map(|why| format!("the history is not written: {why}"));
        state.trouble.clone().or(history)
    }

    /// Lets an entry wait for the disk; drops and counts it when too many wait.
    pub(super) fn note(&self, entry: Arc<Entry>) {
        let mut state = self.lock();
        if state.entries.len() < QUEUE {
            state.entries.push_back(entry);
        } else {
            state.counts.dropped += 1;
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn alive(&self, unix_ms: u64) {
        self.lock().alive = Some(unix_ms);
        self.changed.notify_one();
    }

    pub(super) fn keep(&self, retention: Retention) {
        self.lock().retention = Some(retention);
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts {
            waiting: state.entries.len() as u64,
            ..state.counts
        }
    }
}

/// Owns the thread; dropping it writes what waits, once, and joins.
#[derive(Debug)]
pub(super) struct Writer {
    pending: Arc<Pending>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        pending: Arc<Pending>,
    ) -> std::io::Result<Self> {
        let shared = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || run(connection, &path, &shared))?;
        Ok(Self {
            pending,
            thread: Some(thread),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.pending.lock().closing = true;
        self.pending.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged by the panic hook; there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, path: &Path, pending: &Pending) {
    let mut work = History::default();
    loop {
        let Turn {
            records,
            slips,
            asked,
            entries,
            closing,
        } = pending.turn(work.tidying());
        // Somebody waits for these; each stands or falls by itself.
        let mut trouble = None;
        for (records, done) in asked {
            let written = write(&mut connection, records.iter());
            if let Err(error) = &written {
                tracing::error!(%error, "what an operator asked for could not be written");
                trouble = Some(error.to_string());
            }
            done(written.map_err(|error| error.to_string()));
        }
        let mut failed = false;
        if let Err(error) = write_some(&mut connection, &records, &slips) {
            tracing::error!(%error, entries = records.len(), "state could not be written; it is tried again");
            trouble = Some(error.to_string());
            pending.put_back(records, slips);
            failed = true;
        }
        pending.lock().trouble = trouble;
        failed |= !work.see_to(&mut connection, pending, &entries);
        if closing && (failed || pending.lock().is_done()) {
            return;
        }
        if let Some(done) = pending.to_be_lent(failed) {
            if failed {
                done(Err("what waits for the disk cannot be written".to_owned()));
                continue;
            }
            drop(connection);
            done(Ok(()));
            let Some(again) = returned(path, pending) else {
                return;
            };
            connection = again;
            work = History::default();
            continue;
        }
        if failed {
            pending.wait_for_better();
        }
    }
}

/// What one round of the thread is about.
struct Turn {
    records: BTreeMap<Key, Record>,
    slips: Slips,
    asked: Vec<(Vec<Record>, Heard)>,
    /// The oldest entries of the history that wait; they are taken away when they are on disk.
    entries: Vec<Arc<Entry>>,
    closing: bool,
}

impl Pending {
    /// Waits until there is something to do, and takes it; with `tidying` there is.
    fn turn(&self, tidying: bool) -> Turn {
        let mut state = self.lock();
        let asked = |state: &State| matches!(state.lent, Lent::Asked(_));
        while !tidying && state.is_done() && state.alive.is_none() && !state.closing && !asked(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Turn {
            asked: std::mem::take(&mut state.asked),
            records: std::mem::take(&mut state.records),
            slips: std::mem::take(&mut state.slips),
            entries: state.entries.iter().take(BATCH).cloned().collect(),
            closing: state.closing,
        }
    }

    /// What could not be written waits again, unless what was asked for meanwhile is newer.
    fn put_back(&self, records: BTreeMap<Key, Record>, slips: Slips) {
        let mut state = self.lock();
        state.slips.put_back(slips);
        let asked: BTreeSet<Key> = state
            .asked
            .iter()
            .flat_map(|(records, _)| records.iter().map(key))
            .collect();
        for (key, record) in records {
            if !asked.contains(&key) {
                state.records.entry(key).or_insert(record);
            }
        }
    }
}

impl State {
    /// Whether nothing waits to be written.
    fn is_done(&self) -> bool {
        self.records.is_empty() && self.slips.is_empty() && self.asked.is_empty() && self.entries.is_empty()
    }
}

/// The thread's part in the history.
#[derive(Default)]
struct History {
    /// `None`: to be read from the disk, now or again.
    scribe: Option<Scribe>,
    /// When what may be forgotten was looked for, while there is still some.
    tidy_at: Option<u64>,
}

impl History {
    /// Whether old entries wait to be taken away.
    fn tidying(&self) -> bool {
        self.tidy_at.is_some()
    }

    /// Writes a piece of the history and forgets a piece; whether that could be done.
    fn see_to(&mut self, connection: &mut Connection, pending: &Pending, entries: &[Arc<Entry>]) -> bool {
        let (alive, retention) = {
            let mut state = pending.lock();
            (state.alive.take(), state.retention)
        };
        let mut done = self.write(connection, pending, entries);
        if let Some(unix_ms) = alive {
            done = done.and_then(|()| pulse(connection, unix_ms));
            self.tidy_at = Some(unix_ms);
        }
        if let (Some(unix_ms), Ok(())) = (self.tidy_at, &done) {
            let gone = retention.map_or(Ok(0), |retention| forget(connection, retention, unix_ms));
            match gone {
                Ok(0) => self.tidy_at = None,
                Ok(gone) => pending.lock().counts.forgotten += gone as u64,
                Err(error) => done = Err(error),
            }
        }
        let mut state = pending.lock();
        match done {
            Ok(()) => {
                if state.history_trouble.take().is_some() {
                    tracing::warn!("the history is written again");
                }
                true
            }
            Err(error) => {
                let why = error.to_string();
                if state.history_trouble.as_ref() != Some(&why) {
                    tracing::error!(%error, "the history cannot be written; answers go on, and it is tried again");
                }
                state.history_trouble = Some(why);
                state.counts.failures += 1;
                self.tidy_at = None;
                false
            }
        }
    }

    fn write(
        &mut self,
        connection: &mut Connection,
        pending: &Pending,
        entries: &[Arc<Entry>],
    ) -> rusqlite::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let scribe = match &mut self.scribe {
            Some(scribe) => scribe,
            empty => empty.insert(Scribe::open(connection)?),
        };
        let added = scribe.add(connection, entries);
        if added.is_err() {
            // Whether a failed commit came about is read from the disk.
            self.scribe = None;
        }
        let mut state = pending.lock();
        state.counts.written += added?;
        state.entries.drain(..entries.len());
        Ok(())
    }
}

/// What must survive and what is owed: one transaction.
fn write_some(
    connection: &mut Connection,
    records: &BTreeMap<Key, Record>,
    slips: &Slips,
) -> rusqlite::Result<()> {
    if records.is_empty() && slips.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    write_to(&transaction, records.values())?;
    slips.write(&transaction)?;
    transaction.commit()
}

fn write<'a>(connection: &mut Connection, records: impl Iterator<Item = &'a Record>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    write_to(&transaction, records)?;
    transaction.commit()
}

fn write_to<'a>(connection: &Connection, records: impl Iterator<Item = &'a Record>) -> rusqlite::Result<()> {
    for record in records {
        match record {
            Record::Active { group, active } => actives::write(connection, group, active)?,
            Record::Override(over) => overrides::write(connection, over)?,
            Record::Released(id) => overrides::remove(connection, *id)?,
            Record::Drill(drill) => drills::write(connection, drill)?,
        }
    }
    Ok(())
}
