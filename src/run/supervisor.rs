//! The service manager (systemd): what it hands over, and what it is told (sd_notify(3)). Without one nothing is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::live::Request;
use crate::model::plan::Plan;
use crate::serve::counters::Counters;
use crate::serve::given::Given;
use crate::sys::inherit;

/// A UDP worker beats once a second; one that has not for this long does not move.
const SILENCE: Duration = Duration::from_millis(2500);

/// The sockets that the service manager hands over (socket activation, `LISTEN_FDS`). What cannot be used is told and
/// closed: the server then opens what it needs itself.
#[must_use]
pub fn handed_over() -> Given {
    let mut given = Given::default();
    match inherit::descriptors() {
        Ok(descriptors) => {
            for (name, descriptor) in descriptors {
                if let Err(unusable) = given.add(&name, descriptor) {
                    tracing::warn!(target: "pointsman::start", "{unusable}");
                }
            }
        }
        Err(error) => {
            tracing::warn!(target: "pointsman::start", %error, "LISTEN_FDS cannot be read; every socket is opened here");
        }
    }
    given
}

/// Tells the service manager how the server stands.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// Nothing is ready before the sockets are open, whatever is reloaded meanwhile.
    opened: Arc<AtomicBool>,
}

impl Manager {
    /// The sockets are open.
    pub fn opened(&self, plan: &Plan) {
        self.opened.store(true, Ordering::Release);
        self.say(&[NotifyState::Ready, NotifyState::Status(&serving(plan))]);
    }

    /// The files are being read again.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) if self.opened.load(Ordering::Acquire) => {
                self.say(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]);
            }
            _ => {}
        }
    }

    /// They were read: `in_force` is what is served from now on; `refused`: it is what was served before.
    pub fn reloaded(&self, in_force: &Plan, refused: bool) {
        if self.opened.load(Ordering::Acquire) {
            let mut status = serving(in_force);
            if refused {
                status.push_str("; the last reload was refused: see the log");
            }
            self.say(&[NotifyState::Ready, NotifyState::Status(&status)]);
        }
    }

    /// The server ends.
    pub fn stopping(&self) {
        self.say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// Another process of this id serves from now on.
    pub fn succeeded_by(&self, process: u32) {
        self.say(&[NotifyState::MainPid(process)]);
    }

    fn say(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::warn!(target: "pointsman::start", %error, "the service manager cannot be told");
        }
    }

    /// Keeps the watchdog quiet for as long as the server really moves: the signal box answers, and every UDP worker
    /// beats. Returns at once where no watchdog is wanted.
    pub async fn watch(
        self,
        requests: mpsc::Sender<Request>,
        counters: Arc<Counters>,
        stop: CancellationToken,
    ) {
        let Some(period) = sd_notify::watchdog_enabled() else {
            return;
        };
        // Twice within the period, so that one late word is no death.
        let interval = period / 3;
        let mut workers = Workers::default();
        loop {
            let mut stuck = Vec::new();
            if !signal_box_answers(&requests, interval).await {
                stuck.push("the signal box".to_owned());
            }
            stuck.extend(workers.silent(&counters.pulses.counts(), Instant::now()));
            if stuck.is_empty() {
                self.say(&[NotifyState::Watchdog]);
            } else {
                tracing::error!(
                    target: "pointsman::watchdog", stuck = stuck.join(", "),
                    "parts of the server do not move; the watchdog is not told that all is well"
                );
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }
}

fn serving(plan: &Plan) -> String {
    format!(
        "serving {} zones, {} services, {} checked addresses",
        plan.zones.len(),
        plan.services.len(),
        plan.targets.len()
    )
}

async fn signal_box_answers(requests: &mpsc::Sender<Request>, patience: Duration) -> bool {
    let asked = async {
        let (reply, answer) = oneshot::channel();
        requests.send(Request::Seq { reply }).await.is_ok() && answer.await.is_ok()
    };
    timeout(patience, asked).await.unwrap_or(false)
}

/// When each worker was last seen to have moved.
#[derive(Debug, Default)]
struct Workers(Vec<(u32, Instant)>);

impl Workers {
    /// Those that have not moved for too long, given how often each has beaten until `now`.
    fn silent(&mut self, counts: &[u32], now: Instant) -> Vec<String> {
        for (index, &count) in counts.iter().enumerate() {
            match self.0.get_mut(index) {
                Some(seen) if seen.0 != count => *seen = (count, now),
                Some(_) => {}
                None => self.0.push((count, now)),
            }
        }
        let stuck = |(index, (_, at)): (usize, &(u32, Instant))| {
            (now.saturating_duration_since(*at) > SILENCE).then(|| format!("UDP worker {index}"))
        };
        self.0.iter().enumerate().filter_map(stuck).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_beat_is_named() {
        let mut workers = Workers::default();
        let begin = Instant::now();
        let mut look = |counts: &[u32], at: u64| workers.silent(counts, begin + Duration::from_secs(at));
        assert!(look(&[0, 0], 0).is_empty());
        assert!(look(&[1, 0], 2).is_empty(), "one beat may be missing");
        assert_eq!(look(&[2, 0], 4), ["UDP worker 1"]);
        assert!(look(&[4, 1], 6).is_empty(), "it moves again");
    }
}
