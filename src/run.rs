//! Composition root of `serve`: builds parts, starts threads and tasks, awaits the end.
//!
//! ```text
//!  loader ──► signal box (thread: Control + Publisher) ──► Published ◄── UDP workers (threads), TCP (tasks)
//!  API ─────►      │  ▲
//!                  ▼  │ observations
//!               probe runner (tasks)            store (thread)
//! ```

mod announcing;
#[cfg_attr(not(all(feature = "xdp", target_os = "linux")), path = "run/bypass/absent.rs")]
mod bypass;
pub mod chronicle;
mod doors;
pub mod drills;
pub mod gate;
pub mod loader;
mod metering;
pub mod privileges;
pub mod recorder;
pub mod rehearse;
mod running;
pub mod signal_box;
mod sockets;
pub mod supervisor;
pub mod takeover;
mod tell;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::api::live::Live;
use crate::api::stream::STREAMS;
use crate::clock::SystemClock;
use crate::config::load::{Loaded, load};
use crate::control::event::Remembered;
use crate::metrics::page::Meters;
use crate::model::diagnostic::Diagnostic;
use crate::model::plan::Plan;
use crate::probe::runner::{Limits, Runner};
use crate::publish::publisher::Publisher;
use crate::resolve;
use crate::run::gate::Gates;
use crate::run::takeover::beginning::{self, Taking};
use crate::run::takeover::bid::Wishes;
use crate::serve::given::Given;
use crate::store::Store;
use chronicle::Chronicle;
use loader::Loader;
use privileges::Privileges;
use recorder::Recorder;
pub use running::Running;
use signal_box::{Inbox, SignalBox};
use supervisor::Manager;

/// Reload requests that may wait; more are told that the server is busy.
const RELOADS: usize = 8;
/// Steps of drills that may wait to be noted: one drill has fewer.
const STAGES: usize = 64;
/// API requests that may wait for the signal box.
const REQUESTS: usize = 256;
/// Probe results that may wait for the signal box; then probes wait.
const EVENTS: usize = 4096;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error("the configuration is refused")]
    Configuration(Vec<Diagnostic>),
    /// Anything of the system's.
    #[error(transparent)]
    System(#[from] anyhow::Error),
}

/// Reads the configuration and starts every part; returns before the sockets are open ([`Running::opened`]). Those that
/// are `given` are not opened; what needs a privilege is done with `privileges`, which end when the sockets are open.
///
/// # Errors
/// [`StartError`]: every mistake of the files, or what the system refused.
pub async fn start(
    file: &Path,
    mut given: Given,
    privileges: Privileges,
    wishes: Option<Wishes>,
) -> Result<Running, StartError> {
    crate::sys::memory::map_large_blocks();
    // One provider for every TLS client; a second installation (in tests) is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let path = file.to_owned();
    let mut loaded = tokio::task::spawn_blocking(move || load(&path))
        .await
        .context("the loader broke off")?;
    let mut plan = servable(&loaded)?;
    for diagnostic in &loaded.diagnostics {
        if diagnostic.is_error() {
            tracing::error!(target: "pointsman::config", "{diagnostic}");
        } else {
            tracing::warn!(target: "pointsman::config", "{diagnostic}");
        }
    }
    let taking = beginning::ask(&plan, wishes).await?;
    if let Some(taking) = &taking {
        taking.adapt(&mut loaded, &mut plan);
    }
    let clock = taking.as_ref().map_or_else(SystemClock::start, Taking::clock);
    if taking.is_none() {
        sockets::try_bind(&plan, &given, &privileges).await?;
    }
    match crate::sys::limit::raise_open_files() {
        Ok(limit) => tracing::debug!(target: "pointsman::start", limit, "file descriptors"),
        Err(error) => {
            tracing::warn!(target: "pointsman::start", %error, "the limit of open files cannot be raised")
        }
    }

    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let (mut resolver, resolving) = resolve::resolver(&plan.node.resolvers, Arc::new(clock));
    tracker.spawn(resolving.run(stop.clone()));
    let plan = loader::with_names(&plan, &mut resolver).await;

    let seed = seed();
    let loaded = Arc::new(loaded);
    let mut publisher = Publisher::new(&plan, &loaded.contents, seed);
    let tables = publisher.tables().clone();
    let published = Arc::new(Published::new(publisher.snapshot()));

    let meters = Arc::new(Meters::new(clock));
    let (tcp_changes, tcp) = watch::channel(plan.node.tcp);
    let (encrypted_changes, encrypted) = watch::channel(Arc::new(plan.node.encrypted.clone()));
    let (mut begun, mut doors, mut last_entry) = (None, None, 0);
    let received = match taking {
        Some(taking) => {
            let files = (&plan, &loaded, file);
            taking.receive(files, (&mut publisher, &published), seed).await?
        }
        None => None,
    };
    let mut taken = None;
    if let Some((taking, signal_box, sockets)) = received {
        (begun, given, last_entry) = (Some(signal_box), sockets, taking.last_entry());
        taken = Some(taking);
    }
    let api = sockets::bind_api(&plan, &mut given, &privileges).await?;
    let opening = sockets::Opening {
        plan: Arc::clone(&plan),
        published: Arc::clone(&published),
        clock,
        counters: Arc::clone(&meters.counters),
        tcp,
        encrypted,
        stop: stop.clone(),
        given,
        privileges,
    };
    let mut opening = Some(opening);
    if let (Some(taking), Some(opening)) = (taken, opening.take_if(|_| begun.is_some())) {
        doors = Some(taking.reign(opening, &tracker, (&publisher, &plan)).await?);
    }
    let (mut store, remembered) = open_store(&plan);

    let ready = Arc::new(AtomicBool::new(doors.is_some()));
    let (messages, message_inbox) = mpsc::channel(RELOADS);
    let (events, event_inbox) = mpsc::channel(EVENTS);
    let (requests, request_inbox) = mpsc::channel(REQUESTS);
    let (reloads, reload_inbox) = mpsc::channel(RELOADS);
    let (rehearsals, rehearsal_inbox) = mpsc::channel(RELOADS);
    let (open, open_wanted) = oneshot::channel();
    let (opened_tx, opened) = oneshot::channel();
    let (failed_tx, failed) = oneshot::channel();

    let handle = tokio::runtime::Handle::current();
    let runner = Runner::new(
        handle,
        Limits {
            probes: plan.node.probe_concurrency,
            programs: plan.node.exec_concurrency,
        },
        Arc::new(clock),
        events.clone(),
    );
    let chance = seed.rotate_left(32);
    let (receivers, postbox) = announcing::open(&plan, &mut store, clock, &tracker, &stop, chance);
    let chronicle = Chronicle::new(store.last_entry().max(last_entry), postbox);
    let (news, history) = (chronicle.news(), store.history());
    let (drills, drill_inbox) = mpsc::channel(RELOADS);
    let (stages, drill_stages) = mpsc::channel(STAGES);
    let (plans, plan_seen) = watch::channel(Arc::clone(&plan));
    let desk = drills::Desk::new(drills::Parts {
        stored: remembered.drills.clone(),
        inbox: drill_inbox,
        stages: drill_stages,
        requests: requests.clone(),
        plans: plan_seen,
        clock: Arc::new(clock),
    });
    let signal_box = SignalBox {
        plan: Arc::clone(&plan),
        publisher,
        published: Arc::clone(&published),
        runner: runner.clone(),
        gates: Gates::new(tokio::runtime::Handle::current(), events.clone()),
        store,
        clock: Arc::new(clock),
        open: Some(open),
        events,
        remembered,
        seed,
        recorder: open_recorder(&plan),
        chronicle,
        stages,
        plans,
        begun,
    };
    let inbox = Inbox {
        messages: message_inbox,
        events: event_inbox,
        requests: request_inbox,
    };
    let thread = signal_box::spawn(signal_box, inbox, failed_tx).context("cannot start a thread")?;

    let manager = Manager::default();
    let (access_changes, access) = watch::channel(Arc::new(plan.node.access.clone()));
    let loader = Loader::new(
        file.to_owned(),
        loaded,
        tables,
        messages.clone(),
        (tcp_changes, access_changes, encrypted_changes, receivers.clone()),
        (resolver, Arc::clone(&plan)),
        (Arc::clone(&meters), manager.clone()),
    );
    let shown = loader.shown();
    tracker.spawn(loader.run(reload_inbox, rehearsal_inbox, stop.clone()));

    tracker.spawn(desk.run(stop.clone()));
    let live = Live {
        requests: requests.clone(),
        reloads: reloads.clone(),
        rehearsals: rehearsals.clone(),
        drills,
        news,
        history,
        verifying: Arc::default(),
        ready: Arc::clone(&ready),
        access,
        throttle: Arc::default(),
        meters: Arc::clone(&meters),
        node: Arc::from(plan.node.name.as_str()),
        streams: Arc::new(Semaphore::new(STREAMS)),
        stop: stop.clone(),
        directory: Arc::default(),
        receivers: receivers.clone(),
    };
    let (api_stop, gone) = (stop.child_token(), CancellationToken::new());
    let kept = match api {
        Some(listener) => {
            let kept = listener.try_clone().context("a listener cannot be kept")?;
            sockets::serve_api(listener, live, &tracker, api_stop.clone())?;
            Some(kept)
        }
        None => None,
    };

    let host = takeover::host::Parts {
        messages: messages.clone(),
        receivers,
        loaded: shown,
        rehearsals,
        counters: Arc::clone(&meters.counters),
        clock,
        api: kept,
        api_stop,
        gone: gone.clone(),
        manager: manager.clone(),
        seed,
    };
    let watching = manager
        .clone()
        .watch(requests, Arc::clone(&meters.counters), stop.clone());
    let (told, planned) = (manager.clone(), Arc::clone(&plan));
    let directory = plan.node.state_directory.clone();
    let (open_tracker, is_ready, stopping) = (tracker.clone(), Arc::clone(&ready), stop.clone());
    let open_doors = Arc::new(OnceLock::new());
    let seen_doors = Arc::clone(&open_doors);
    tracker.spawn(async move {
        // Where another server was taken over from they are open.
        let result = match (doors, opening) {
            (Some(doors), _) => Ok(doors),
            (None, Some(opening)) if open_wanted.await.is_ok() => opening.open(&open_tracker, false).await,
            (None, _) => return,
        };
        let result = result.map(|doors| {
            is_ready.store(true, Ordering::Release);
            told.opened(&planned);
            open_tracker.spawn(watching);
            let _ = seen_doors.set(Arc::clone(&doors));
            open_tracker.spawn(host.with(doors).run(directory, stopping));
        });
        // Whoever started the server may not be waiting any more.
        let _ = opened_tx.send(result);
    });
    Ok(Running {
        plan,
        ready,
        opened: Some(opened),
        failed,
        messages,
        reloads,
        thread,
        runner,
        tracker,
        stop,
        gone,
        doors: open_doors,
        manager,
    })
}

/// The plan, when at least one zone can be served (or there is none to serve).
fn servable(loaded: &Loaded) -> Result<Arc<Plan>, StartError> {
    let refused = || StartError::Configuration(loaded.diagnostics.clone());
    let plan = loaded.plan.clone().ok_or_else(refused)?;
    if loaded.has_errors() && plan.zones.iter().all(|zone| zone.refused) {
        Err(refused())
    } else {
        Ok(plan)
    }
}

fn open_store(plan: &Plan) -> (Store, Remembered) {
    match Store::open(&plan.node.state_directory) {
        Ok((store, remembered, note)) => {
            if let Some(note) = note {
                tracing::error!(target: "pointsman::store", "{note}");
            }
            (store, remembered)
        }
        Err(error) => {
            tracing::error!(
                target: "pointsman::store", advice = privileges::advice(),
                "{error}; serving without memory: nothing will survive a restart"
            );
            {
                let remembered = Remembered {
                    lost: true,
                    ..Remembered::default()
                };
                (Store::nowhere(), remembered)
            }
        }
    }
}

/// The recorder, where one is wanted; without it the server serves all the same.
fn open_recorder(plan: &Plan) -> Option<Recorder> {
    let path = plan.node.record.as_ref()?;
    match Recorder::open(path, plan.node.record_limit) {
        Ok(recorder) => Some(recorder),
        Err(error) => {
            tracing::error!(target: "pointsman::record", %error, path = %path.display(), "probes are not recorded");
            None
        }
    }
}

/// Chance from the system, once, for jitter and hashing.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
