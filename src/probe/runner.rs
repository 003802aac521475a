//! Runs what the signal box asks for: as many probes at once as allowed, each in a task of its own.
//!
//! - A probe that must wait for its turn has not begun: its budget starts with its permit. How many wait, and for how
//!   long, is told by [`Runner::load`].
//! - A forgotten probe is aborted at once, its socket closed, and no event comes of it.
//! - A probe that panics ends alone, and is reported as this node's own fault.
//! - The channel of events is bounded. When the signal box is behind, finished probes wait for it.

use std::any::Any;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::control::event::{Event, ProbeTicket};
use crate::model::check::{CheckKind, Target};
use crate::probe::conduct::{self, Conducted, Tools};
use crate::probe::{dial, reference};

/// How often what belongs to vanished checks is looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Waiting longer than this for a turn is worth a line in the log: verdicts come late.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// How much may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Probes; at least 1.
    pub probes: usize,
    /// Programs among them (checks of type `exec`); at least 1.
    pub programs: usize,
}

/// How busy the runner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Probes that may run at once.
    pub limit: usize,
    /// Probes that run.
    pub running: usize,
    /// Probes that wait for their turn.
    pub waiting: usize,
    /// The longest wait of any probe so far.
    pub longest_wait: Duration,
    /// The sum of all waits.
    pub waited: Duration,
    /// Probes that panicked so far.
    pub panics: u64,
}

/// Runs probes. Cheap to clone; may be called from any thread.
#[derive(Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle,
    tools: Arc<Tools>,
    results: mpsc::Sender<Event>,
    permits: Semaphore,
    /// Of probes that run a program; taken before the other, so that programs keep no connection waiting.
    programs: Semaphore,
    limit: usize,
    probes: Mutex<HashMap<ProbeTicket, AbortHandle>>,
    running: AtomicUsize,
    waiting: AtomicUsize,
    longest_wait: AtomicU64,
    waited: AtomicU64,
    panics: AtomicU64,
}

impl Runner {
    /// A runner on the runtime of `handle`, with at most so many probes at once as `limits` says, whose events
    /// (`Event::Probed`, `Event::ReferenceProbed`) go to `results`.
    #[must_use]
    pub fn new(handle: Handle, limits: Limits, clock: Arc<dyn Clock>, results: mpsc::Sender<Event>) -> Self {
        let limit = limits.probes.clamp(1, Semaphore::MAX_PERMITS);
        let runner = Self {
            inner: Arc::new(Inner {
                handle,
                tools: Arc::new(Tools::new(clock)),
                results,
                permits: Semaphore::new(limit),
                programs: Semaphore::new(limits.programs.clamp(1, Semaphore::MAX_PERMITS)),
                limit,
                probes: Mutex::new(HashMap::new()),
                running: AtomicUsize::new(0),
                waiting: AtomicUsize::new(0),
                longest_wait: AtomicU64::new(0),
                waited: AtomicU64::new(0),
                panics: AtomicU64::new(0),
            }),
        };
        let tools = Arc::clone(&runner.inner.tools);
        runner.inner.tools.tracker.spawn_on(
            async move {
                let token = tools.token.clone();
                let sweeping = async {
                    loop {
                        tokio::time::sleep(HOUSEKEEPING).await;
                        tools.sweep();
                    }
                };
                token.run_until_cancelled(sweeping).await;
            },
            &runner.inner.handle,
        );
        runner
    }

    /// Probes `target` as soon as it is its turn, for at most `budget` from then on. One `Event::Probed` with
    /// `ticket` is owed for it, unless it is forgotten or the runner stops.
    pub fn probe(&self, ticket: ProbeTicket, target: &Target, budget: Duration) {
        let tools = Arc::clone(&self.inner.tools);
        let target = target.clone();
        let is_program = matches!(target.check.kind, CheckKind::Exec(_));
        self.launch(ticket, is_program, move || async move {
            conduct::conduct(&target, budget, &tools).await
        });
    }

    /// Ends a probe at once: its connection is closed, no event comes of it. Nothing happens when it has ended.
    pub fn forget(&self, ticket: ProbeTicket) {
        if let Some(handle) = self.inner.probes().remove(&ticket) {
            handle.abort();
        }
    }

    /// Tries a reference target for at most `budget`; `Event::ReferenceProbed` tells whether it was reachable.
    /// References do not wait for a turn: they are few, and asked when everything else hangs.
    pub fn probe_reference(&self, reference: usize, address: SocketAddr, budget: Duration) {
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let token = inner.tools.token.clone();
            let asking = async {
                let (reachable, stream) = reference::is_reachable(address, budget).await;
                // The signal box is gone: the process is ending.
                let _ = inner
                    .results
                    .send(Event::ReferenceProbed { reference, reachable })
                    .await;
                if let Some(stream) = stream {
                    dial::leave(stream).await;
                }
            };
            token.run_until_cancelled(asking).await;
        };
        self.inner.tools.tracker.spawn_on(work, &self.inner.handle);
    }

    /// How busy it is.
    #[must_use]
    pub fn load(&self) -> Load {
        let inner = &self.inner;
        Load {
            limit: inner.limit,
            running: inner.running.load(Ordering::Relaxed),
            waiting: inner.waiting.load(Ordering::Relaxed),
            longest_wait: Duration::from_nanos(inner.longest_wait.load(Ordering::Relaxed)),
            waited: Duration::from_nanos(inner.waited.load(Ordering::Relaxed)),
            panics: inner.panics.load(Ordering::Relaxed),
        }
    }

    /// Ends every probe, closes every connection, and waits until all tasks are gone. No event is owed any more.
    pub async fn stop(&self) {
        self.inner.tools.token.cancel();
        self.inner.tools.clear();
        self.inner.tools.tracker.close();
        self.inner.tools.tracker.wait().await;
        self.inner.probes().clear();
    }

    /// The probe's own state is made when its turn has come: thousands may wait, and it takes kilobytes.
    fn launch<F>(&self, ticket: ProbeTicket, is_program: bool, probe: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = Conducted> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let token = inner.tools.token.clone();
            token
                .run_until_cancelled(inner.run(ticket, is_program, probe))
                .await;
        };
        // Held until the handle is noted: the task cannot end before.
        let mut probes = self.inner.probes();
        let handle = self
            .inner
            .tools
            .tracker
            .spawn_on(work, &self.inner.handle)
            .abort_handle();
        probes.insert(ticket, handle);
    }
}

impl Inner {
    async fn run<F>(&self, ticket: ProbeTicket, is_program: bool, probe: impl FnOnce() -> F + Send)
    where
        F: Future<Output = Conducted> + Send,
    {
        let permits = {
            let _counted = Counted::one(&self.waiting);
            let asked = Instant::now();
            let program = match is_program {
                true => Some(self.programs.acquire().await),
                false => None,
            };
            let permit = self.permits.acquire().await;
            self.note_wait(asked.elapsed());
            (permit, program)
        };
        let counted = Counted::one(&self.running);
        let Conducted { seen, farewell } = match uncaught(Box::pin(probe())).await {
            Ok(conducted) => conducted,
            Err(panic) => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(ticket = ticket.0, panic, "a probe panicked");
                conduct::broken(
                    format!("internal error, please report: {panic}"),
                    self.tools.clock.as_ref(),
                )
            }
        };
        if self.probes().remove(&ticket).is_none() {
            return;
        }
        // The signal box is gone: the process is ending.
        let _ = self.results.send(Event::Probed { ticket, seen }).await;
        // Politeness keeps nobody waiting for a turn.
        drop(permits);
        drop(counted);
        if let Some(farewell) = farewell {
            farewell.await;
        }
    }

    fn probes(&self) -> std::sync::MutexGuard<'_, HashMap<ProbeTicket, AbortHandle>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_wait(&self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanos, Ordering::Relaxed);
        let before = self.longest_wait.fetch_max(nanos, Ordering::Relaxed);
        // Each doubling of the record is told once, so that an overload does not fill the log.
        if wait >= LONG_WAIT && nanos / 2 >= before {
            tracing::warn!(
                limit = self.limit,
                waiting = self.waiting.load(Ordering::Relaxed),
                waited = ?wait,
                "probes wait for their turn: raise `[probes] concurrency` (`exec_concurrency` for programs), or probe less"
            );
        }
    }
}

/// Counts one as long as it lives, however it ends.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn one(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs `work`; a panic becomes its message. What the panic left half done is dropped with `work`, and shared
/// state is behind locks whose poison is ignored since each update is a single step.
async fn uncaught<T>(mut work: Pin<Box<impl Future<Output = T> + Send>>) -> Result<T, String> {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
        },
    )
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests;
