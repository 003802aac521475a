//! The signal box handed over to a successor: nothing is decided from then on, unless the successor gives it back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Desk;
use crate::answer::snapshot::Snapshot;
use crate::control::event::Event;
use crate::control::legacy::Legacy;
use crate::model::plan::Plan;
use crate::publish::lanes::Lanes;

/// How long the disk may take to have all that waits for it.
const DISK: Duration = Duration::from_secs(2);

/// What is left.
#[derive(Debug)]
pub struct Left {
    /// What the signal box knows.
    pub legacy: Legacy,
    /// What is answered from until the end.
    pub snapshot: Arc<Snapshot>,
    /// Whose counts are whose.
    pub lanes: Arc<Lanes>,
    /// The configuration in force.
    pub plan: Arc<Plan>,
    /// The number of the history's last entry.
    pub last_entry: u64,
    /// Entries of this life, by kind, and whether somebody should look.
    pub told: Vec<(String, bool, u64)>,
}

/// A successor's wish for the signal box.
#[derive(Debug)]
pub struct Handing {
    /// What is left; or why it cannot be had now.
    pub reply: oneshot::Sender<Result<Box<Left>, String>>,
    /// Whether the successor decides; dropped: it does not.
    pub verdict: oneshot::Receiver<()>,
}

impl Desk {
    /// Hands all over and stands still until the verdict; whether it is over for good.
    pub(super) async fn hand_over(&mut self, handing: Handing) -> bool {
        // What is due is decided first.
        self.step(Event::Woke);
        self.carry_out();
        let legacy = match self.control.legacy() {
            Ok(legacy) => legacy,
            Err(why) => {
                // Whoever asked may have left.
                let _ = handing.reply.send(Err(why));
                return false;
            }
        };
        self.parts
            .chronicle
            .close_all(self.parts.clock.now(), &self.parts.store);
        if let Err(why) = self.close_store().await {
            self.parts.store.reclaim();
            let _ = handing.reply.send(Err(why));
            return false;
        }
        let counts = self.parts.chronicle.counts().iter();
        let left = Left {
            legacy,
            snapshot: Arc::clone(&self.snapshot),
            lanes: Arc::clone(self.parts.publisher.lanes()),
            plan: Arc::clone(&self.parts.plan),
            last_entry: self.parts.chronicle.last(),
            told: counts
                .map(|((kind, alarm), count)| (kind.clone(), *alarm, *count))
                .collect(),
        };
        let over = handing.reply.send(Ok(Box::new(left))).is_ok() && handing.verdict.await.is_ok();
        if !over {
            self.parts.store.reclaim();
        }
        over
    }

    async fn close_store(&self) -> Result<(), String> {
        if !self.parts.store.is_kept() {
            return Ok(());
        }
        let (done, closed) = oneshot::channel();
        let heard = move |result| {
            // It may have come too late.
            let _ = done.send(result);
        };
        self.parts.store.lend(Box::new(heard))?;
        match tokio::time::timeout(DISK, closed).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the thread of the store has ended".to_owned()),
            Err(_) => Err("the disk is slow".to_owned()),
        }
    }
}
