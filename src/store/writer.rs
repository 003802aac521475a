//! The thread that writes: takes all that waits, writes it in one transaction, tries again later what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::control::effect::Record;
use crate::store::owed::Slips;
use crate::store::{Heard, actives, drills, overrides};

/// How long to wait after a failure before the next try: a full disk is not freed in milliseconds.
const RETRY: Duration = Duration::from_secs(5);

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
    closing: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("records", &self.records)
            .field("asked", &self.asked.len())
            .field("trouble", &self.trouble)
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
        self.lock().trouble.clone()
    }
}

/// Owns the thread; dropping it writes what waits, once, and joins.
#[derive(Debug)]
pub(super) struct Writer {
    pending: Arc<Pending>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, pending: Arc<Pending>) -> std::io::Result<Self> {
        let shared = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || run(connection, &shared))?;
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

fn run(mut connection: Connection, pending: &Pending) {
    loop {
        let (batch, slips, asked, closing) = {
            let mut state = pending.lock();
            while state.records.is_empty()
                && state.slips.is_empty()
                && state.asked.is_empty()
                && !state.closing
            {
                state = pending
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let asked = std::mem::take(&mut state.asked);
            let slips = std::mem::take(&mut state.slips);
            (std::mem::take(&mut state.records), slips, asked, state.closing)
        };
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
        if batch.is_empty() && slips.is_empty() {
            pending.lock().trouble = trouble;
        } else if let Err(error) = write_all(&mut connection, &batch, &slips) {
            tracing::error!(%error, entries = batch.len(), "state could not be written; it is tried again");
            let mut state = pending.lock();
            state.trouble = Some(error.to_string());
            state.slips.put_back(slips);
            // What was asked for meanwhile is newer.
            let asked: BTreeSet<Key> = state
                .asked
                .iter()
                .flat_map(|(records, _)| records.iter().map(key))
                .collect();
            for (key, record) in batch {
                if !asked.contains(&key) {
                    state.records.entry(key).or_insert(record);
                }
            }
            if !closing {
                let waited = pending
                    .changed
                    .wait_timeout_while(state, RETRY, |state| !state.closing && state.asked.is_empty());
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        } else {
            pending.lock().trouble = trouble;
        }
        if closing {
            return;
        }
    }
}

fn write_all(
    connection: &mut Connection,
    records: &BTreeMap<Key, Record>,
    slips: &Slips,
) -> rusqlite::Result<()> {
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
