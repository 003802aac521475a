//! The successor's beginning: from what it received to a signal box that goes on.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::answer::published::Published;
use crate::clock::{Clock, SystemClock};
use crate::config::check::abuse::go_on_with;
use crate::config::load::Loaded;
use crate::control::Control;
use crate::control::effect::Effect;
use crate::control::event::Remembered;
use crate::model::abuse::CookieSecrets;
use crate::model::plan::Plan;
use crate::publish::publisher::Publisher;
use crate::run::doors::Doors;
use crate::run::signal_box::Begun;
use crate::run::sockets::Opening;
use crate::run::takeover::bid::{Bid, Received, Wishes};
use crate::run::takeover::counts::Counts;
use crate::serve::given::Given;

/// A takeover under way.
#[derive(Debug)]
pub(in crate::run) struct Taking {
    bid: Box<Bid>,
    counts: Option<Counts>,
    last_entry: u64,
}

/// Asks the running server, if there is one.
pub(in crate::run) async fn ask(plan: &Plan, wishes: Option<Wishes>) -> anyhow::Result<Option<Taking>> {
    let Some(wishes) = wishes else { return Ok(None) };
    let directory = plan.node.state_directory.clone();
    let bid = blocking(move || Bid::open(&directory, wishes)).await??;
    if bid.is_none() {
        tracing::warn!(
            target: "pointsman::takeover", "no server runs that could be taken over from: this one starts as usual"
        );
    }
    Ok(bid.map(|bid| Taking {
        bid: Box::new(bid),
        counts: None,
        last_entry: 0,
    }))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the takeover broke off")
}

impl Taking {
    /// The clock that both go by.
    pub(in crate::run) fn clock(&self) -> SystemClock {
        self.bid.clock
    }

    /// The plan that was loaded, with the secret of the other's cookies in place of a new one.
    pub(in crate::run) fn adapt(&self, loaded: &mut Loaded, plan: &mut Arc<Plan>) {
        let (Some(secret), CookieSecrets::Own(_)) = (self.bid.cookies, &plan.node.cookies.secrets) else {
            return;
        };
        go_on_with(secret);
        Arc::make_mut(plan).node.cookies.secrets = CookieSecrets::Own(secret);
        loaded.plan = Some(Arc::clone(plan));
    }

    /// The number of the history's last entry.
    pub(in crate::run) fn last_entry(&self) -> u64 {
        self.last_entry
    }

    /// Gets everything, decides as the other would, and compares; the decisions are in `published`. `None`: the other
    /// died before it gave anything.
    pub(in crate::run) async fn receive(
        self,
        (plan, loaded, file): (&Arc<Plan>, &Arc<Loaded>, &Path),
        (publisher, published): (&mut Publisher, &Published),
        seed: u64,
    ) -> anyhow::Result<Option<(Self, Begun, Given)>> {
        let Self { mut bid, .. } = self;
        let (loaded, file) = (Arc::clone(loaded), file.to_owned());
        let (bid, received) = blocking(move || {
            let received = bid.receive(&loaded, &file);
            (bid, received)
        })
        .await?;
        let Some(Received { bequest, given }) = received? else {
            return Ok(None);
        };
        let clock = bid.clock;
        let mut legacy = bequest.legacy;
        let remembered = Remembered {
            actives: std::mem::take(&mut legacy.actives),
            overrides: std::mem::take(&mut legacy.overrides),
            ..Remembered::default()
        };
        let mut control = Control::new(Arc::clone(plan), remembered, seed, clock.now());
        let mut effects = Vec::new();
        control.take_over(clock.now(), legacy, &mut effects);
        for effect in &mut effects {
            if let Effect::Publish(decisions) = effect {
                drop(published.swap(publisher.apply(&std::mem::take(decisions))));
            }
        }
        let snapshot = published.load_full();
        let mut bid = bid;
        let (bid, judged) = blocking(move || {
            let judged = bid.judge(&snapshot);
            (bid, judged)
        })
        .await?;
        judged?;
        let begun = Begun {
            control: Box::new(control),
            effects,
            from: bid.pid(),
            told: bequest.told,
        };
        let taking = Self {
            bid,
            counts: Some(bequest.counts),
            last_entry: bequest.last_entry,
        };
        Ok(Some((taking, begun, given)))
    }

    /// Answers on the sockets beside the other; when this returns well, the other does not decide any more, and leaves.
    pub(in crate::run) async fn reign(
        self,
        opening: Opening,
        tracker: &tokio_util::task::TaskTracker,
        (publisher, plan): (&Publisher, &Arc<Plan>),
    ) -> anyhow::Result<Arc<Doors>> {
        let Self { mut bid, counts, .. } = self;
        let counters = Arc::clone(&opening.counters);
        let lanes = Arc::clone(publisher.lanes());
        if let Some(counts) = &counts {
            counts.add_to(None, &counters, &lanes, plan);
        }
        let doors = match opening.open(tracker, true).await {
            Ok(doors) => doors,
            Err(error) => {
                bid.refuse(&error.to_string());
                return Err(error);
            }
        };
        let (bid, reigns) = blocking(move || {
            let reigns = bid.reign();
            (bid, reigns)
        })
        .await?;
        if let Err(error) = reigns {
            let ceasing = Arc::clone(&doors);
            blocking(move || ceasing.leave()).await?;
            return Err(error);
        }
        let (left, plan) = (Arc::clone(&doors), Arc::clone(plan));
        // The other's last counts come by and by; nobody waits for them.
        tracker.spawn_blocking(move || {
            let more = bid.left();
            left.hasten(false);
            if let Some(more) = more {
                more.add_to(counts.as_ref(), &counters, &lanes, &plan);
            }
        });
        Ok(doors)
    }
}
