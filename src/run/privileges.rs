//! Who the server is to the system, and what it gives up.
//!
//! ```text
//!  first thread: become the user ─► start the doorkeeper ─► give up all capabilities ─► every other thread
//!                                        │ holds them, opens sockets, ends
//!                                        ▼
//!  sockets open: no thread has a capability ─► the filter of system calls, for all threads at once
//! ```
//!
//! Files are read as the user from the beginning: what a reload could not read, the start does not read either.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::sync::oneshot;

use crate::config::check::process::peek;
use crate::model::check::CheckKind;
use crate::model::hook::Way;
use crate::model::plan::Plan;
use crate::model::process::{Filter, ProcessSettings};
use crate::sys::account::Account;
use crate::sys::privilege;
use crate::sys::seccomp::{self, Mode, Reach};

type Task = Box<dyn FnOnce() + Send>;

/// What is still to be given up; by default nothing is.
#[derive(Debug, Default)]
pub struct Privileges {
    settings: Option<ProcessSettings>,
    doorkeeper: Mutex<Option<Doorkeeper>>,
}

/// The one thread that keeps its capabilities until the sockets are open.
#[derive(Debug)]
struct Doorkeeper {
    tasks: mpsc::Sender<Task>,
    thread: JoinHandle<()>,
}

/// Becomes who `[process]` of the server file says, and gives up what is not needed. To be called by the first thread
/// before it starts others.
///
/// # Errors
/// There is no such user, or this process may not become it; or what the system says.
pub fn prepare(file: &Path) -> anyhow::Result<Privileges> {
    let settings = peek(file);
    take_on(&settings)?;
    let confined = settings.no_new_privileges;
    if confined == Some(true) || (settings.user.is_some() && confined.is_none()) {
        privilege::empty_bounding_set().context("cannot empty the bounding set of capabilities")?;
    }
    if confined == Some(true) {
        privilege::no_new_privileges().context("cannot set no_new_privs")?;
    }
    let doorkeeper = if privilege::has_any().context("cannot read the capabilities")? {
        let doorkeeper = Doorkeeper::start()?;
        privilege::give_up(settings.keep_raw_sockets).context("cannot give up the capabilities")?;
        Some(doorkeeper)
    } else {
        None
    };
    // Last: the kernel forgets it when a process becomes another user.
    if !settings.core_dumps
        && let Err(error) = privilege::hide_memory()
    {
        tracing::warn!(target: "pointsman::start", %error, "a crash may write the server's memory to disk");
    }
    Ok(Privileges {
        settings: Some(settings),
        doorkeeper: Mutex::new(doorkeeper),
    })
}

fn take_on(settings: &ProcessSettings) -> anyhow::Result<()> {
    let Some(user) = &settings.user else {
        if privilege::is_root() {
            tracing::warn!(
                target: "pointsman::start",
                "running as root, without its capabilities; `[process] user` names somebody else to be"
            );
        }
        return Ok(());
    };
    let account = Account::find(user, settings.group.as_deref())
        .with_context(|| format!("[process] user = \"{user}\""))?;
    if privilege::is_root() {
        privilege::become_account(&account).with_context(|| format!("cannot become the user `{user}`"))
    } else {
        anyhow::ensure!(
            privilege::user() == account.user,
            "[process] user = \"{user}\": only root can become another user; start the server as root or as that user, \
             or remove the key"
        );
        Ok(())
    }
}

impl Doorkeeper {
    fn start() -> anyhow::Result<Self> {
        let (tasks, inbox) = mpsc::channel::<Task>();
        let thread = std::thread::Builder::new()
            .name("doorkeeper".into())
            .spawn(move || {
                for task in inbox {
                    task();
                }
            })
            .context("cannot start a thread")?;
        Ok(Self { tasks, thread })
    }
}

impl Privileges {
    /// Does what may need a privilege: opening sockets.
    ///
    /// # Errors
    /// When whoever does it broke off.
    pub async fn open<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let (reply, done) = oneshot::channel();
        let task = Box::new(move || {
            // Whoever asked may have left.
            let _ = reply.send(what());
        });
        let tasks = {
            let doorkeeper = self.doorkeeper.lock().unwrap_or_else(PoisonError::into_inner);
            doorkeeper.as_ref().map(|doorkeeper| doorkeeper.tasks.clone())
        };
        match tasks {
            // An ended doorkeeper drops the task, which is told by its reply.
            Some(tasks) => drop(tasks.send(task)),
            None => drop(tokio::task::spawn_blocking(task)),
        }
        done.await.context("opening sockets broke off")
    }

    /// Everything is open: what is left of privileges ends, and the filter is put on. Programs that `plan` names decide
    /// what it may forbid.
    ///
    /// # Errors
    /// Never for a kernel that knows no filters, which is told; when the doorkeeper panicked.
    pub fn settle(&self, plan: &Plan) -> anyhow::Result<()> {
        let doorkeeper = self
            .doorkeeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(doorkeeper) = doorkeeper {
            drop(doorkeeper.tasks);
            anyhow::ensure!(
                doorkeeper.thread.join().is_ok(),
                "the thread that opens sockets panicked"
            );
        }
        let Some(settings) = &self.settings else {
            return Ok(());
        };
        let (confined, programs) = (settings.no_new_privileges, has_programs(plan));
        if confined == Some(false) || (confined.is_none() && programs) {
            if programs && confined.is_none() {
                tracing::info!(
                    target: "pointsman::start",
                    "programs are configured: they may use setuid, and no system calls are filtered; \
                     `[process] no_new_privs = true` confines them and the server"
                );
            }
            return Ok(());
        }
        let reach = if programs { Reach::Programs } else { Reach::Server };
        let done = match settings.filter {
            Filter::Enforce => seccomp::confine(Mode::Enforce, reach),
            Filter::Log => seccomp::confine(Mode::Log, reach),
            Filter::Off => seccomp::no_new_privileges_everywhere(),
        };
        if let Err(error) = done {
            tracing::warn!(target: "pointsman::start", %error, "system calls are not filtered: this kernel refuses");
        }
        Ok(())
    }
}

/// Whether the server starts programs: checks, notifications, gates.
#[must_use]
pub fn has_programs(plan: &Plan) -> bool {
    let checks = plan
        .checks
        .iter()
        .any(|check| matches!(check.kind, CheckKind::Exec(_)));
    let told = plan
        .node
        .hooks
        .iter()
        .any(|hook| matches!(hook.way, Way::Program(..)));
    checks || told || plan.services.iter().any(|service| service.on_failover.is_some())
}

/// What to do about a directory that cannot be written.
#[must_use]
pub fn advice() -> String {
    let user = privilege::user();
    format!("the directory must belong to the user that the server runs as: `chown -R {user} DIRECTORY`")
}
