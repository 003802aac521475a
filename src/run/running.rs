//! A server that runs, for whoever started it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::live::Reload;
use crate::model::plan::Plan;
use crate::probe::runner::Runner;
use crate::run::doors::Doors;
use crate::run::signal_box::Message;
use crate::run::supervisor::Manager;

/// How long clients of a server that was taken over from may keep their connections: they are answered as it was then.
const LINGER: Duration = Duration::from_secs(10);
/// How often it is looked whether they have left.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running server.
pub struct Running {
    pub(super) plan: Arc<Plan>,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) opened: Option<oneshot::Receiver<anyhow::Result<()>>>,
    pub(super) failed: oneshot::Receiver<()>,
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) reloads: mpsc::Sender<Reload>,
    pub(super) thread: std::thread::JoinHandle<()>,
    pub(super) runner: Runner,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) manager: Manager,
    /// Told when a successor has taken over.
    pub(super) gone: CancellationToken,
    pub(super) doors: Arc<OnceLock<Arc<Doors>>>,
}

impl Running {
    /// The configuration that the server was started with.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Waits until the sockets are open: every endpoint has a verdict, or `startup_wait` is over.
    ///
    /// # Errors
    /// When a socket cannot be opened after all.
    pub async fn opened(&mut self) -> anyhow::Result<()> {
        match self.opened.take() {
            Some(opened) => opened
                .await
                .context("the signal box broke off before the sockets were open")?,
            None => Ok(()),
        }
    }

    /// Whether the sockets are open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Returns when the signal box has ended by itself: answering on without decisions would be a silent lie.
    pub async fn failed(&mut self) {
        // A dropped sender means the same as a sent one.
        let _ = (&mut self.failed).await;
    }

    /// Returns when a successor has taken over: nothing is answered any more but what comes by connections that are open.
    pub fn taken_over(&self) -> impl Future<Output = ()> + use<> {
        self.gone.clone().cancelled_owned()
    }

    /// Waits until the clients of those connections have ended them, [`LINGER`] at the most.
    pub async fn linger(&self) {
        let Some(doors) = self.doors.get() else { return };
        let all = async {
            while doors.connections() > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        // Who stays longer is cut: it knows nothing of what was decided since.
        let _ = tokio::time::timeout(LINGER, all).await;
    }

    /// Asks for a reload; the outcome is logged.
    pub async fn reload(&self) {
        let (reply, _) = oneshot::channel();
        // A full queue means that reloads are on their way already.
        let _ = self.reloads.try_send(Reload { reply });
    }

    /// Stops accepting, answers what is queued, writes what waits, and leaves.
    pub async fn stop(self) {
        if !self.gone.is_cancelled() {
            self.manager.stopping();
        }
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.runner.stop().await;
        // The signal box may have ended already.
        let _ = self.messages.send(Message::Stop).await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!(target: "pointsman::stop", "the signal box ended by a panic");
        }
    }
}
