//! Recorded probes fed to a configuration: what it would have done. The probes are as they were sent, at their times;
//! only what is made of them is another's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::event::{CommandTicket, Event, Manner, Remembered};
use crate::control::step::Control;
use crate::model::id::TargetId;
use crate::model::plan::Plan;
use crate::model::time::Now;
use crate::simulate::beat::Beat;
use crate::simulate::recording::{Entry, Happened, Probe, command};
use crate::simulate::told::sentence;

/// A state or an answer changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// Milliseconds since 1970.
    pub at: u64,
    /// In a sentence.
    pub text: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// What happened when it was recorded.
    pub then: Vec<Changed>,
    /// What this configuration would have done.
    pub now: Vec<Changed>,
    /// How many probes were fed to it.
    pub probes: u64,
    /// What was probed that this configuration does not check, and how often.
    pub unchecked: BTreeMap<String, u64>,
    /// What it checks and was never probed: taken as up.
    pub unseen: Vec<String>,
    /// What a reader must know: reloads, lines that were lost.
    pub notes: Vec<String>,
}

/// A recording that is being fed to a configuration, entry by entry.
#[derive(Debug)]
pub struct Replay {
    plan: Arc<Plan>,
    control: Option<Control>,
    places: BTreeMap<(IpAddr, u16), Vec<TargetId>>,
    seen: BTreeSet<TargetId>,
    last: Now,
    commands: u64,
    replayed: Replayed,
}

impl Replay {
    /// Nothing fed yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut places: BTreeMap<(IpAddr, u16), Vec<TargetId>> = BTreeMap::new();
        for target in &plan.targets {
            places
                .entry((target.address, target.port))
                .or_default()
                .push(target.id);
        }
        Self {
            plan,
            control: None,
            places,
            seen: BTreeSet::new(),
            last: Now::default(),
            commands: 0,
            replayed: Replayed::default(),
        }
    }

    /// Feeds one entry.
    pub fn feed(&mut self, entry: &Entry) {
        let now = entry.stamp.now();
        if let Happened::Start {
            actives, overrides, ..
        } = &entry.what
        {
            if *overrides > 0 {
                self.note(
                    now,
                    format!("{overrides} overrides were in force, which a recording does not hold"),
                );
            }
            self.begin(now, actives.clone());
            return;
        }
        if self.control.is_none() {
            self.note(
                now,
                "the recording does not begin with a start: states are unknown at first".to_owned(),
            );
            self.begin(now, Vec::new());
        }
        self.let_pass(now);
        match &entry.what {
            Happened::Probe(probe) => self.probe(now, probe),
            Happened::Heartbeat(beat) => self.beat(now, beat),
            Happened::Reference { reference, reachable } => self.step(
                now,
                Event::ReferenceProbed {
                    reference: *reference,
                    reachable: *reachable,
                },
            ),
            Happened::Command {
                by,
                what,
                on,
                to,
                lasting,
                break_glass,
            } => {
                let Some(command) = command(what, on, to.as_deref(), *lasting) else {
                    self.note(now, format!("`{what}` is not known to this version"));
                    return;
                };
                self.commands += 1;
                let event = Event::Commanded {
                    ticket: CommandTicket(self.commands),
                    by: by.clone(),
                    command,
                    manner: Manner {
                        break_glass: *break_glass,
                        dry_run: false,
                    },
                };
                self.step(now, event);
            }
            Happened::Reload => self.note(
                now,
                "another configuration was put in force when this was recorded; the replay goes on with its own".to_owned(),
            ),
            Happened::Told { text } => self.replayed.then.push(Changed {
                at: entry.stamp.at,
                text: text.clone(),
            }),
            Happened::Lost { count } => {
                self.note(now, format!("{count} lines were lost, since the disk was too slow"));
            }
            Happened::Start { .. } => {}
        }
    }

    /// What came of all that was fed.
    #[must_use]
    pub fn finish(mut self) -> Replayed {
        let targets = self.plan.targets.iter();
        self.replayed.unseen = targets
            .filter(|target| !target.is_derived() && !self.seen.contains(&target.id))
            .map(|target| format!("{} {}", target.check.name, target.place()))
            .collect();
        self.replayed
    }

    fn note(&mut self, now: Now, text: String) {
        self.replayed.notes.push(format!("{}: {text}", now.wall.0));
    }

    fn begin(&mut self, now: Now, actives: Vec<(String, String)>) {
        let remembered = Remembered {
            actives,
            ..Remembered::default()
        };
        self.control = Some(Control::listening(Arc::clone(&self.plan), remembered, now));
        self.last = now;
    }

    /// Lets happen what comes by itself before `now`: the ends of holds and waits.
    fn let_pass(&mut self, now: Now) {
        while let Some(wake) = self.control.as_ref().and_then(Control::next_wake)
            && wake < now.moment
        {
            // The wall clock of that moment, from the one that is known.
            let back = now.moment.since(wake).as_millis();
            let wall = now.wall.0.saturating_sub(u64::try_from(back).unwrap_or(0));
            let at = Now {
                moment: wake.max(self.last.moment),
                wall: crate::model::time::UnixTime(wall),
            };
            self.step(at, Event::Woke);
        }
    }

    fn probe(&mut self, now: Now, probe: &Probe) {
        let Some(target) = self.find((&probe.zone, &probe.check), (probe.address, probe.port)) else {
            let socket = std::net::SocketAddr::new(probe.address, probe.port);
            *self
                .replayed
                .unchecked
                .entry(format!("{} {socket}", probe.check))
                .or_default() += 1;
            return;
        };
        self.seen.insert(target);
        self.replayed.probes += 1;
        let event = Event::Heard {
            target,
            role: probe.role(),
            regular: probe.regular,
            began: crate::model::time::Moment::from_nanos(probe.began),
            seen: probe.seen(now),
        };
        self.step(now, event);
    }

    fn beat(&mut self, now: Now, beat: &Beat) {
        let found = self.find((&beat.zone, &beat.check), (beat.address, 0));
        let (Some(target), Some(word)) = (found, beat.word()) else {
            let name = format!("{} {}", beat.check, beat.address);
            *self.replayed.unchecked.entry(name).or_default() += 1;
            return;
        };
        self.seen.insert(target);
        self.replayed.probes += 1;
        self.step(now, Event::Heartbeat { target, word });
    }

    /// The same check at the same address and port; else the only check there.
    fn find(&self, (zone, check): (&str, &str), place: (IpAddr, u16)) -> Option<TargetId> {
        let here = self.places.get(&place)?;
        let is_the_same = |id: &&TargetId| {
            let target = self.plan.targets.get(id.index());
            target.is_some_and(|target| {
                let known = self.plan.zones.get(target.check.zone.index());
                target.check.name == check
                    && known.is_some_and(|known| known.origin.to_string().eq_ignore_ascii_case(zone))
            })
        };
        match (here.iter().find(is_the_same), here.as_slice()) {
            (Some(found), _) => Some(*found),
            (None, [only]) => Some(*only),
            (None, _) => None,
        }
    }

    fn step(&mut self, now: Now, event: Event) {
        let Some(control) = &mut self.control else { return };
        self.last = now;
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut effects = Vec::new();
            control.step(now, event, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Tell(event) => {
                        let tells = matches!(
                            event.kind,
                            HistoryKind::StateChanged { .. } | HistoryKind::AnswerChanged { .. }
                        );
                        if tells {
                            self.replayed.now.push(Changed {
                                at: event.at.wall.0,
                                text: sentence(&event),
                            });
                        }
                    }
                    // The disk is never the matter here.
                    Effect::Persist(ticket, _) => events.push(Event::Stored {
                        ticket,
                        result: Ok(()),
                    }),
                    _ => {}
                }
            }
        }
    }
}

/// One line of a comparison: `then`, `now`, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What changed, and when; as it was recorded when it is both.
    pub changed: Changed,
    /// Whether it happened when it was recorded.
    pub then: bool,
    /// Whether this configuration would have done it.
    pub now: bool,
}

/// How far apart, in milliseconds, the same change may be said: a real node is a little late.
const LATE: u64 = 250;

/// Both timelines, in the order of time.
#[must_use]
pub fn compare(replayed: &Replayed) -> Vec<Line> {
    let mut left: BTreeMap<&str, Vec<&Changed>> = BTreeMap::new();
    for changed in &replayed.now {
        left.entry(&changed.text).or_default().push(changed);
    }
    let mut lines: Vec<Line> = Vec::new();
    for changed in &replayed.then {
        let same = left.get_mut(changed.text.as_str()).and_then(|all| {
            let near = all
                .iter()
                .position(|other| other.at.abs_diff(changed.at) <= LATE)?;
            Some(all.remove(near))
        });
        lines.push(Line {
            changed: changed.clone(),
            then: true,
            now: same.is_some(),
        });
    }
    lines.extend(left.into_values().flatten().map(|changed| Line {
        changed: changed.clone(),
        then: false,
        now: true,
    }));
    lines.sort_by_key(|line| line.changed.at);
    lines
}
