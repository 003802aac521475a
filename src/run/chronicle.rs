//! The timeline's one owner: numbers what happened, and gives each entry to the store, to the log, to receivers of
//! notifications and to those who watch live. It never waits: who is too slow to watch misses entries and is told so by its receiver.
//!
//! It also keeps the chain of each failover until somebody was sent the new answer, says when the disk fails, and keeps
//! on disk that the server lives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::announce::desk::Postbox;
use crate::answer::first::First;
use crate::control::chain::{Causes, Chain, micros};
use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::control::timeline::Entry;
use crate::model::time::{Moment, Now};
use crate::run::tell::tell;
use crate::store::Store;

/// Entries that a live watcher may be behind before it misses some.
const BEHIND: usize = 4096;
/// How often it is looked whether a new answer was sent, and whether the disk takes what it is given.
const LOOK: Duration = Duration::from_millis(500);
/// How long a new answer may wait to be asked for, before its chain is closed without a first answer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is kept that the server lives: so much of the history's gaps is not known.
const BEAT: Duration = Duration::from_secs(60);

/// Numbers entries and hands them on.
#[derive(Debug)]
pub struct Chronicle {
    last: u64,
    news: broadcast::Sender<Arc<Entry>>,
    postbox: Postbox,
    causes: Causes,
    /// By service: new answers that nobody was sent yet.
    waiting: BTreeMap<String, Waiting>,
    /// When the server last kept that it lives; `None`: not yet.
    beat: Option<Moment>,
    /// Whether it was said that the disk fails.
    failing: bool,
    /// Entries of this life, by kind, and whether somebody should look.
    counts: BTreeMap<(String, bool), u64>,
}

/// A new answer that nobody was sent yet.
#[derive(Debug)]
struct Waiting {
    chain: Chain,
    published: Moment,
    firsts: Vec<Arc<First>>,
}

/// When the last snapshot was decided and swapped in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Swap {
    /// What it shows was decided.
    pub decided: Moment,
    /// It was in force.
    pub published: Now,
}

impl Chronicle {
    /// Goes on after the entry numbered `last`; 0: there is none yet.
    #[must_use]
    pub fn new(last: u64, postbox: Postbox) -> Self {
        let (news, _) = broadcast::channel(BEHIND);
        Self {
            last,
            news,
            postbox,
            causes: Causes::default(),
            waiting: BTreeMap::new(),
            beat: None,
            failing: false,
            counts: BTreeMap::new(),
        }
    }

    /// The number of the last entry; 0: there is none yet.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many entries there were in this life, by kind, and whether somebody should look.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<(String, bool), u64> {
        &self.counts
    }

    /// Where entries can be watched.
    #[must_use]
    pub fn news(&self) -> broadcast::Sender<Arc<Entry>> {
        self.news.clone()
    }

    /// Tells that the server begins, and until when the one before it is known to have lived; `from`: it takes over from
    /// that process.
    pub fn begin(&mut self, now: Now, from: Option<i32>, store: &Store) {
        let version = env!("CARGO_PKG_VERSION");
        let alive = store.last_alive();
        let (text, alive) = match from {
            Some(pid) => (
                format!("pointsman {version} takes over from process {pid}"),
                Some(now.wall.0),
            ),
            None => (format!("pointsman {version} starts"), alive),
        };
        let facts = json!({ "version": version, "alive_unix_ms": alive, "takes_over_from": from });
        self.say(now, false, "started", text, facts, store);
        self.look(now, store);
    }

    /// Looks at all that is about to be told in one go.
    pub fn expect<'e>(&mut self, events: impl Iterator<Item = &'e HistoryEvent>) {
        self.causes.expect(events);
    }

    /// Tells one event; `swap` is when the last snapshot was swapped in, `firsts` who will know when a service's new
    /// answers were first sent.
    pub fn tell(
        &mut self,
        event: &HistoryEvent,
        swap: Swap,
        firsts: impl FnOnce(&str) -> Vec<Arc<First>>,
        store: &Store,
    ) {
        tell(event, swap.published.moment);
        self.causes.hear(event);
        let mut entry = Entry::of(self.last + 1, event);
        if let HistoryKind::AnswerChanged {
            service, from, to, ..
        } = &event.kind
        {
            let mut chain = self
                .causes
                .explain(event, (service, from, to), swap.decided, swap.published);
            chain.change = entry.seq;
            if let (Value::Object(facts), Ok(known)) = (&mut entry.facts, serde_json::to_value(&chain)) {
                facts.insert("chain".to_owned(), known);
            }
            self.hand_on(entry, store);
            let waiting = Waiting {
                chain,
                published: swap.published.moment,
                firsts: firsts(service),
            };
            self.wait(event.at, service, waiting, store);
        } else {
            self.hand_on(entry, store);
        }
    }

    /// When [`Chronicle::look`] is wanted next, from now on.
    #[must_use]
    pub fn next_look(&self, now: Moment) -> Moment {
        now.after(LOOK)
    }

    /// Looks whether new answers were sent meanwhile, whether the disk takes what it is given, and keeps that the server
    /// lives.
    pub fn look(&mut self, now: Now, store: &Store) {
        let due = self.beat.is_none_or(|beat| now.moment.since(beat) >= BEAT);
        if due {
            self.beat = Some(now.moment);
            store.alive(now.wall.0);
        }
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            for (service, waiting) in waiting {
                if waiting.sent().is_some() || now.moment.since(waiting.published) >= PATIENCE {
                    self.close(now, service, waiting, store);
                } else {
                    self.waiting.insert(service, waiting);
                }
            }
        }
        let trouble = store.trouble();
        if trouble.is_some() != self.failing {
            self.failing = trouble.is_some();
            let (kind, text) = match &trouble {
                Some(why) => (
                    "store-failed",
                    format!("the disk does not take what it is given; answers go on: {why}"),
                ),
                None => (
                    "store-restored",
                    "the disk takes what it is given again".to_owned(),
                ),
            };
            self.say(now, self.failing, kind, text, json!({ "why": trouble }), store);
        }
    }

    /// Entries that the server before this one told, by kind.
    pub fn inherit(&mut self, told: Vec<(String, bool, u64)>) {
        for (kind, alarm, count) in told {
            let sum = self.counts.entry((kind, alarm)).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Tells the chains of all failovers, as far as they came.
    pub fn close_all(&mut self, now: Now, store: &Store) {
        for (service, waiting) in std::mem::take(&mut self.waiting) {
            self.close(now, service, waiting, store);
        }
    }

    /// Tells that the server ends.
    pub fn end(&mut self, now: Now, store: &Store) {
        self.close_all(now, store);
        self.say(
            now,
            false,
            "stopped",
            "the server stops".to_owned(),
            json!({}),
            store,
        );
        store.alive(now.wall.0);
    }

    fn wait(&mut self, now: Now, service: &str, waiting: Waiting, store: &Store) {
        // Of two changes of one service the first is over: what it said is answered no more.
        if let Some(before) = self.waiting.insert(service.to_owned(), waiting) {
            self.close(now, service.to_owned(), before, store);
        }
    }

    /// Tells the chain of a failover, as far as it came.
    fn close(&mut self, now: Now, service: String, waiting: Waiting, store: &Store) {
        let sent = waiting.sent();
        let Waiting {
            mut chain, published, ..
        } = waiting;
        if let Some(sent) = sent {
            chain.answered(micros(sent.since(published)));
        }
        let text = in_words(&service, &chain);
        let facts = serde_json::to_value(&chain).unwrap_or_default();
        self.last += 1;
        let entry = Entry {
            seq: self.last,
            unix_ms: now.wall.0,
            alarm: false,
            kind: "failover".to_owned(),
            services: vec![service],
            endpoint: chain.target,
            by: None,
            text,
            facts,
        };
        self.pass(entry, store);
    }

    fn say(&mut self, now: Now, alarm: bool, kind: &str, text: String, facts: Value, store: &Store) {
        if alarm {
            tracing::warn!(target: "pointsman::history", "{text}");
        } else {
            tracing::info!(target: "pointsman::history", "{text}");
        }
        let entry = Entry {
            seq: self.last + 1,
            unix_ms: now.wall.0,
            alarm,
            kind: kind.to_owned(),
            services: Vec::new(),
            endpoint: None,
            by: None,
            text,
            facts,
        };
        self.hand_on(entry, store);
    }

    fn hand_on(&mut self, entry: Entry, store: &Store) {
        self.last = entry.seq;
        let count = self.counts.entry((entry.kind.clone(), entry.alarm)).or_default();
        *count = count.saturating_add(1);
        self.pass(entry, store);
    }

    fn pass(&mut self, entry: Entry, store: &Store) {
        let entry = Arc::new(entry);
        store.note(Arc::clone(&entry));
        self.postbox.post(&entry);
        // Nobody may be watching.
        let _ = self.news.send(entry);
    }
}

impl Waiting {
    /// When the new answer was first sent.
    fn sent(&self) -> Option<Moment> {
        self.firsts.iter().filter_map(|first| first.at()).min()
    }
}

/// A chain as a sentence.
fn in_words(service: &str, chain: &Chain) -> String {
    let ms = |us: u64| format!("{}.{:03} ms", us / 1000, us % 1000);
    let answered = match chain.first_answer_us {
        Some(us) => format!("first answer {} later", ms(us)),
        None => "nobody asked for it in time".to_owned(),
    };
    let steps = format!(
        "decided in {}, in force in {}, {answered}",
        ms(chain.decision_us),
        ms(chain.publish_us)
    );
    match (chain.total_us, chain.detection_us) {
        (Some(total), Some(detection)) => format!(
            "{service}: {} from the first probe to the first changed answer: detected in {}, {steps}",
            ms(total),
            ms(detection)
        ),
        (None, Some(detection)) => format!("{service}: detected in {}, {steps}", ms(detection)),
        (_, None) => format!("{service}: {steps}"),
    }
}
