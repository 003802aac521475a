//! Names of endpoints elsewhere, resolved: asked again when their TTL is over, the last good result kept when that fails.
//!
//! One task owns what is known ([`book`]) and asks through hickory's resolver ([`ask`]). It hands whole results on; who
//! answers never waits for it.

mod ask;
mod book;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::alias::Resolutions;
use crate::wire::name::Name;
use ask::{Asker, Heard};
use book::Book;

/// Names that are asked for at once, at the most: a resolver is no target of floods.
const AT_ONCE: usize = 16;

/// What others see of the resolver.
#[derive(Clone, Debug)]
pub struct Resolver {
    wanted: watch::Sender<BTreeSet<Name>>,
    known: watch::Receiver<Arc<Resolutions>>,
}

/// The task that resolves, not running yet.
pub struct Resolving {
    wanted: watch::Receiver<BTreeSet<Name>>,
    known: watch::Sender<Arc<Resolutions>>,
    asker: Asker,
    clock: Arc<dyn Clock>,
}

/// A resolver that asks `nameservers`, or those of the system when there are none.
#[must_use]
pub fn resolver(nameservers: &[SocketAddr], clock: Arc<dyn Clock>) -> (Resolver, Resolving) {
    let (wanted, wanted_inbox) = watch::channel(BTreeSet::new());
    let (known_outlet, known) = watch::channel(Arc::default());
    let resolving = Resolving {
        wanted: wanted_inbox,
        known: known_outlet,
        asker: Asker::new(nameservers),
        clock,
    };
    (Resolver { wanted, known }, resolving)
}

impl Resolver {
    /// Says which names are wanted from now on.
    pub fn want(&self, names: BTreeSet<Name>) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != names;
            *wanted = names;
            changed
        });
    }

    /// What is known now.
    #[must_use]
    pub fn known(&self) -> Arc<Resolutions> {
        Arc::clone(&self.known.borrow())
    }

    /// Waits until each wanted name was resolved, or could not be.
    pub async fn settled(&mut self) {
        let wanted = self.wanted.borrow().clone();
        let all = |known: &Arc<Resolutions>| wanted.iter().all(|name| known.contains_key(name));
        // A task that has ended resolves nothing more: there is nothing to wait for.
        let _ = self.known.wait_for(all).await;
    }

    /// Waits for something new; for ever when the task has ended.
    pub async fn changed(&mut self) {
        if self.known.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Resolving {
    /// Resolves until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut book = Book::default();
        let mut asked: JoinSet<(Name, Heard)> = JoinSet::new();
        loop {
            book.want(&self.wanted.borrow_and_update());
            let now = self.clock.now();
            for name in book.due(now.moment, AT_ONCE.saturating_sub(asked.len())) {
                let asker = self.asker.clone();
                asked.spawn(async move {
                    let heard = asker.ask(&name).await;
                    (name, heard)
                });
            }
            let resolutions = book.resolutions();
            self.known.send_if_modified(|known| {
                let changed = **known != resolutions;
                if changed {
                    *known = Arc::new(resolutions);
                }
                changed
            });
            let next = book.next_due().filter(|_| asked.len() < AT_ONCE);
            tokio::select! {
                () = stop.cancelled() => return,
                wanted = self.wanted.changed() => if wanted.is_err() {
                    return;
                },
                Some(joined) = asked.join_next() => match joined {
                    Ok((name, heard)) => self.enter(&mut book, &name, heard),
                    // A lookup that panicked is asked again when its time is over.
                    Err(error) => tracing::error!(target: "pointsman::resolve", %error, "a lookup broke off"),
                },
                () = until(next, &*self.clock) => {}
            }
        }
    }

    fn enter(&self, book: &mut Book, name: &Name, heard: Heard) {
        let now = self.clock.now();
        match book.enter(name, heard, now) {
            book::News::Nothing => {}
            book::News::Addresses(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                tracing::info!(target: "pointsman::resolve", alias = %name, addresses = addresses.join(" "), "resolved");
            }
            book::News::Trouble { why, kept: true } => {
                tracing::warn!(target: "pointsman::resolve", alias = %name, why, "cannot be resolved; the last good addresses are kept");
            }
            book::News::Trouble { why, kept: false } => {
                tracing::warn!(target: "pointsman::resolve", alias = %name, why, "cannot be resolved, and never was; the endpoint is down");
            }
            book::News::Recovered => {
                tracing::info!(target: "pointsman::resolve", alias = %name, "resolved again");
            }
        }
    }
}

async fn until(due: Option<crate::model::time::Moment>, clock: &dyn Clock) {
    match due {
        Some(due) => tokio::time::sleep(due.since(clock.now().moment)).await,
        None => std::future::pending().await,
    }
}
