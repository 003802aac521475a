//! The timeline's one owner: numbers what happened, and gives each entry to the store, to the log, to whoever is notified
//! and to those who watch live. It never waits: who is too slow to watch misses entries and is told so by its receiver.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::announce::desk::Postbox;
use crate::control::effect::HistoryEvent;
use crate::control::timeline::Entry;
use crate::model::time::Moment;
use crate::run::tell::tell;

/// Entries that a live watcher may be behind before it misses some.
const BEHIND: usize = 4096;

/// Numbers entries and hands them on.
#[derive(Debug)]
pub struct Chronicle {
    last: u64,
    news: broadcast::Sender<Arc<Entry>>,
    postbox: Postbox,
}

impl Chronicle {
    /// Goes on after the entry numbered `last`; 0: there is none yet.
    #[must_use]
    pub fn new(last: u64, postbox: Postbox) -> Self {
        let (news, _) = broadcast::channel(BEHIND);
        Self { last, news, postbox }
    }

    /// The number of the last entry; 0: there is none yet.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Where entries can be watched.
    #[must_use]
    pub fn news(&self) -> broadcast::Sender<Arc<Entry>> {
        self.news.clone()
    }

    /// Tells one event; `published` is when the last snapshot was swapped in.
    pub fn tell(&mut self, event: &HistoryEvent, published: Moment) -> Arc<Entry> {
        tell(event, published);
        self.last += 1;
        let entry = Arc::new(Entry::of(self.last, event));
        self.postbox.post(&entry);
        // Nobody may be watching.
        let _ = self.news.send(Arc::clone(&entry));
        entry
    }
}
