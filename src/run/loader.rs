//! The loader: reads the configuration again when asked, when a file changes, on SIGHUP; one at a time.
//! Whole and without mistakes, or nothing changes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::announce::desk::Desk;
use crate::api::live::{Rehearsal, Reload};
use crate::config::diagnostic::render;
use crate::config::load::{Loaded, load_with};
use crate::config::watch::Watch;
use crate::metrics::page::Meters;
use crate::model::access::ApiAccess;
use crate::model::diagnostic::Diagnostic;
use crate::model::encrypted::{Door, Encrypted};
use crate::model::plan::{NodeSettings, Plan, TcpSettings};
use crate::publish::tables::Tables;
use crate::resolve::Resolver;
use crate::run::privileges::has_programs;
use crate::run::rehearse::rehearse;
use crate::run::signal_box::Message;
use crate::run::supervisor::Manager;
use crate::sys::memory;
use crate::wire::name::Name;

/// Niceness of the thread that reads and builds, 0..=19.
const GIVES_WAY: i32 = 10;

/// Who is told of settings that take effect at a reload.
pub type Followers = (
    watch::Sender<TcpSettings>,
    watch::Sender<Arc<ApiAccess>>,
    watch::Sender<Arc<Encrypted>>,
    Desk,
);

/// Owns what was loaded last.
#[derive(Debug)]
pub struct Loader {
    file: PathBuf,
    current: Arc<Loaded>,
    tables: Tables,
    messages: mpsc::Sender<Message>,
    tcp: watch::Sender<TcpSettings>,
    access: watch::Sender<Arc<ApiAccess>>,
    encrypted: watch::Sender<Arc<Encrypted>>,
    receivers: Desk,
    resolver: Resolver,
    /// What was loaded, with the addresses that names had when they were looked at last.
    in_force: Arc<Plan>,
    meters: Arc<Meters>,
    /// What was loaded last, for those who want to see it.
    shown: watch::Sender<Arc<Loaded>>,
    manager: Manager,
}

impl Loader {
    /// A loader of `file`, of which `current` is in force with `tables`, and with what the resolver knew of names.
    #[must_use]
    pub fn new(
        file: PathBuf,
        current: Arc<Loaded>,
        tables: Tables,
        messages: mpsc::Sender<Message>,
        (tcp, access, encrypted, receivers): Followers,
        (resolver, in_force): (Resolver, Arc<Plan>),
        (meters, manager): (Arc<Meters>, Manager),
    ) -> Self {
        Self {
            file,
            shown: watch::Sender::new(Arc::clone(&current)),
            current,
            tables,
            messages,
            tcp,
            access,
            encrypted,
            receivers,
            resolver,
            in_force,
            meters,
            manager,
        }
    }

    /// What was loaded last, now and later.
    #[must_use]
    pub fn shown(&self) -> watch::Receiver<Arc<Loaded>> {
        self.shown.subscribe()
    }

    /// Serves reload requests until `stop`; starts the watcher when the configuration wants one.
    pub async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Reload>,
        mut rehearsals: mpsc::Receiver<Rehearsal>,
        stop: CancellationToken,
    ) {
        let (watch, mut changes) = self.watch();
        let mut resolver = self.resolver.clone();
        loop {
            let reply = tokio::select! {
                () = stop.cancelled() => return,
                request = inbox.recv() => match request {
                    None => return,
                    Some(request) => Some(request.reply),
                },
                Some(rehearsal) = rehearsals.recv() => {
                    // Beside reloads, which must not wait for it.
                    let (current, messages) = (Arc::clone(&self.current), self.messages.clone());
                    tokio::spawn(rehearse(rehearsal, current, messages));
                    continue;
                }
                () = changed(&mut changes) => None,
                () = resolver.changed() => {
                    self.follow_names().await;
                    continue;
                }
            };
            self.manager.reloading();
            let outcome = self.reload(watch.as_ref()).await;
            self.manager.reloaded(&self.in_force, outcome.is_err());
            self.meters.reloads.note(outcome.is_ok());
            match &outcome {
                Ok(said) => tracing::info!(target: "pointsman::reload", "{said}"),
                Err(mistakes) => {
                    tracing::error!(target: "pointsman::reload", "reload refused, nothing was changed:\n{mistakes}");
                }
            }
            if let Some(reply) = reply {
                // Whoever asked may have left.
                let _ = reply.send(outcome);
            }
        }
    }

    /// The watch, when the configuration wants one and the system gives it.
    fn watch(&self) -> (Option<Watch>, Option<mpsc::Receiver<()>>) {
        if !self.current.plan.as_ref().is_some_and(|plan| plan.node.watch) {
            return (None, None);
        }
        match Watch::start(&self.current) {
            Ok((watch, changes)) => (Some(watch), Some(changes)),
            Err(error) => {
                tracing::error!(target: "pointsman::reload", %error, "files are not watched; reload by hand");
                (None, None)
            }
        }
    }

    /// Names of endpoints were resolved to something else: the same configuration with other addresses.
    async fn follow_names(&mut self) {
        let Some(loaded) = &self.current.plan else { return };
        let plan = loaded.resolved(&self.resolver.known());
        if plan.services == self.in_force.services && plan.endpoints == self.in_force.endpoints {
            return;
        }
        let plan = Arc::new(plan);
        // Without a signal box the server is stopping.
        let _ = self.put_in_force(&plan, &self.tables).await;
        self.in_force = plan;
    }

    async fn put_in_force(&self, plan: &Arc<Plan>, tables: &Tables) -> Result<(), String> {
        let (reply, in_force) = oneshot::channel();
        let stopping = |_| "the server is stopping".to_owned();
        self.messages
            .send(Message::Replan(Arc::clone(plan), tables.clone(), reply))
            .await
            .map_err(|_| stopping(()))?;
        in_force.await.map_err(|_| stopping(()))
    }

    async fn reload(&mut self, watch: Option<&Watch>) -> Result<String, String> {
        let (file, previous, before) = (self.file.clone(), Arc::clone(&self.current), self.tables.clone());
        let read = in_background(move || {
            let loaded = load_with(&file, Some(&previous.previous));
            // What is refused needs no tables.
            let plan = loaded.plan.as_ref().filter(|_| !loaded.has_errors());
            let tables = plan.map(|plan| before.next(plan, &loaded.contents));
            (loaded, tables)
        });
        let (loaded, tables) = read
            .await
            .map_err(|_| "the loader broke off; this is a fault of ours".to_owned())?;
        if let Some(watch) = watch {
            watch.follow(&loaded);
        }
        let (Some(plan), Some(tables)) = (loaded.plan.clone(), tables) else {
            let is_mistake = |found: &&Diagnostic| found.is_error();
            let mistakes: Vec<Diagnostic> = loaded.diagnostics.iter().filter(is_mistake).cloned().collect();
            return Err(render(&mistakes, false));
        };
        let restart = self.current.plan.as_ref().map_or_else(Vec::new, |old| {
            let mut settings = needs_restart(&old.node, &plan.node);
            if self.current.process != loaded.process {
                settings.push("[process]");
            }
            if has_programs(&plan) && !has_programs(old) && loaded.process.no_new_privileges != Some(false) {
                settings.push("the first program");
            }
            settings
        });
        for setting in restart {
            tracing::warn!(target: "pointsman::reload", "`{setting}` takes effect at the next start");
        }
        for warning in loaded.diagnostics.iter().filter(|d| !d.is_error()) {
            tracing::warn!(target: "pointsman::config", "{warning}");
        }
        let (said, tcp, access) = (said(&plan), plan.node.tcp, plan.node.access.clone());
        let encrypted = plan.node.encrypted.clone();
        let plan = with_names(&plan, &mut self.resolver).await;
        self.put_in_force(&plan, &tables).await?;
        self.tcp.send_replace(tcp);
        self.access.send_replace(Arc::new(access));
        self.encrypted.send_replace(Arc::new(encrypted));
        self.receivers.follow(&plan.node.hooks);
        (self.current, self.tables, self.in_force) = (Arc::new(loaded), tables, plan);
        self.shown.send_replace(Arc::clone(&self.current));
        memory::give_back();
        Ok(said)
    }
}

/// `plan` with the addresses of its names: waits for new names as long as the first answers wait for verdicts.
pub(super) async fn with_names(plan: &Arc<Plan>, resolver: &mut Resolver) -> Arc<Plan> {
    let names: BTreeSet<Name> = plan.aliases().cloned().collect();
    let some = !names.is_empty();
    resolver.want(names);
    if !some {
        return Arc::clone(plan);
    }
    if tokio::time::timeout(plan.node.startup_wait, resolver.settled())
        .await
        .is_err()
    {
        tracing::warn!(target: "pointsman::resolve", "not every name of an endpoint was resolved in time; it follows");
    }
    Arc::new(plan.resolved(&resolver.known()))
}

/// Runs `work` on a thread that gives way to those that answer. It ends with the work: who is not root cannot make it
/// urgent again.
fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("loader".to_owned())
        .spawn(move || {
            // A refusal leaves it as urgent as the others.
            let _ = rustix::process::setpriority_process(None, GIVES_WAY);
            // Whoever waited may have left.
            let _ = done.send(work());
            memory::give_back();
        });
    // Without a thread the sender is dropped, which the receiver is told.
    drop(thread);
    result
}

fn said(plan: &Plan) -> String {
    format!(
        "reloaded: {} zones, {} services, {} checked addresses",
        plan.zones.len(),
        plan.services.len(),
        plan.targets.len()
    )
}

async fn changed(changes: &mut Option<mpsc::Receiver<()>>) {
    match changes {
        Some(receiver) => {
            if receiver.recv().await.is_none() {
                *changes = None;
            }
        }
        None => std::future::pending().await,
    }
}

fn addresses(door: &Option<Door>) -> Option<&[SocketAddr]> {
    door.as_ref().map(|door| &*door.listen)
}

/// Settings that a running server cannot change.
fn needs_restart(old: &NodeSettings, new: &NodeSettings) -> Vec<&'static str> {
    [
        ("[dns] listen", old.listen != new.listen),
        (
            "[dns.tls] listen",
            addresses(&old.encrypted.tls) != addresses(&new.encrypted.tls),
        ),
        (
            "[dns.quic] listen",
            addresses(&old.encrypted.quic) != addresses(&new.encrypted.quic),
        ),
        (
            "[dns.https] listen",
            addresses(&old.encrypted.https) != addresses(&new.encrypted.https),
        ),
        ("[dns] workers", old.workers != new.workers),
        ("[dns] affinity", old.affinity != new.affinity),
        ("[dns] xdp", old.xdp != new.xdp),
        (
            "[probes] concurrency",
            old.probe_concurrency != new.probe_concurrency,
        ),
        (
            "[probes] exec_concurrency",
            old.exec_concurrency != new.exec_concurrency,
        ),
        ("[resolver] nameservers", old.resolvers != new.resolvers),
        ("[state] directory", old.state_directory != new.state_directory),
        (
            "[state] record",
            (&old.record, old.record_limit) != (&new.record, new.record_limit),
        ),
        ("[api] listen", old.api != new.api),
        ("[zones] watch", old.watch != new.watch),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect()
}
