//! Laws of the two machines together: whatever fails when, somebody answers as long as one of them lives, and never do
//! both decide.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::arriving::{self, Arriving};
use super::parting::{self, Parting};

/// Two processes and what is on its way between them.
#[derive(Default)]
struct World {
    old: Parting,
    new: Arriving,
    old_dead: bool,
    new_dead: bool,
    to_old: VecDeque<parting::Happened>,
    to_new: VecDeque<arriving::Happened>,
    /// Which of them has hung up.
    old_deaf: bool,
    new_deaf: bool,
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Fate {
    OldHears,
    NewHears,
    OldDies,
    NewDies,
    OldLate,
    /// The connection breaks although both live.
    Break,
    JudgedWell,
    JudgedWrong,
    NewUnable,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let one = prop_oneof![
        8 => Just(Fate::OldHears),
        8 => Just(Fate::NewHears),
        4 => Just(Fate::JudgedWell),
        1 => Just(Fate::JudgedWrong),
        1 => Just(Fate::NewUnable),
        1 => Just(Fate::OldDies),
        1 => Just(Fate::NewDies),
        1 => Just(Fate::OldLate),
        1 => Just(Fate::Break),
    ];
    prop::collection::vec(one, 0..60)
}

impl World {
    fn begin() -> Self {
        let mut world = Self::default();
        world.to_old.push_back(parting::Happened::Hello);
        world.to_old.push_back(parting::Happened::Freeze);
        world
    }

    fn old(&mut self, happened: parting::Happened) {
        if self.old_dead {
            return;
        }
        for todo in self.old.step(happened) {
            match todo {
                parting::Do::Welcome => self.to_new.push_back(arriving::Happened::Welcome),
                parting::Do::Bequeath => {
                    self.to_new.push_back(arriving::Happened::Bequest);
                    assert!(self.old.step(parting::Happened::Bequeathed).is_empty());
                }
                parting::Do::Yield => self.to_new.push_back(arriving::Happened::Yielded),
                parting::Do::Dismiss => self.to_new.push_back(arriving::Happened::Dismissed),
                parting::Do::Kill => self.new_dead = true,
                parting::Do::Resume | parting::Do::Leave => {}
            }
        }
        if matches!(self.old, Parting::Serving) {
            self.old_deaf = true;
        }
    }

    fn new_one(&mut self, happened: arriving::Happened) {
        if self.new_dead {
            return;
        }
        for todo in self.new.step(happened) {
            match todo {
                arriving::Do::SayAnswering => self.to_old.push_back(parting::Happened::Answering),
                arriving::Do::SayDeciding => self.to_old.push_back(parting::Happened::Deciding),
                arriving::Do::Refuse => self.to_old.push_back(parting::Happened::Refused),
                _ => {}
            }
        }
        if self.new == Arriving::Failed {
            // It exits.
            self.new_dead = true;
        }
    }

    fn meet(&mut self, fate: Fate) {
        match fate {
            Fate::OldHears => match self.to_old.pop_front() {
                Some(happened) => self.old(happened),
                None if self.new_dead => self.old(parting::Happened::Lost { dead: true }),
                None if self.new_deaf => self.old(parting::Happened::Lost { dead: false }),
                None => {}
            },
            Fate::NewHears => match self.to_new.pop_front() {
                Some(happened) => self.new_one(happened),
                None if self.old_dead => self.new_one(arriving::Happened::Lost { dead: true }),
                None if self.old_deaf => self.new_one(arriving::Happened::Lost { dead: false }),
                None => {}
            },
            Fate::OldDies => self.old_dead = true,
            Fate::NewDies => self.new_dead = true,
            Fate::OldLate => self.old(parting::Happened::Late),
            Fate::Break => {
                self.old_deaf = true;
                self.new_deaf = true;
                self.to_old.clear();
                self.to_new.clear();
            }
            Fate::JudgedWell if self.new == Arriving::Judging => {
                self.new_one(arriving::Happened::Judged { well: true });
            }
            Fate::JudgedWrong if self.new == Arriving::Judging => {
                self.new_one(arriving::Happened::Judged { well: false });
            }
            Fate::JudgedWell | Fate::JudgedWrong => {}
            Fate::NewUnable => self.new_one(arriving::Happened::Unable),
        }
    }

    /// Holds at every moment.
    fn check(&self) -> Result<(), TestCaseError> {
        let old = !self.old_dead;
        let new = !self.new_dead;
        let both = old && self.old.decides() && new && self.new.decides();
        prop_assert!(!both, "both decide: {:?}, {:?}", self.old, self.new);
        if old && (self.new_dead || !self.new.answers()) {
            prop_assert!(
                self.old.answers() || self.new_dead,
                "nobody answers: {:?}, {:?}",
                self.old,
                self.new
            );
        }
        // The old one leaves only after the new one has said that it decides.
        if old && self.old == Parting::Gone {
            prop_assert!(self.new.answers() && self.new.decides());
        }
        Ok(())
    }

    /// Lets all that is on its way arrive, and all that waits run out of time.
    fn come_to_rest(&mut self) {
        for _ in 0..20 {
            self.meet(Fate::OldHears);
            self.meet(Fate::NewHears);
            self.meet(Fate::JudgedWell);
        }
        self.meet(Fate::OldLate);
        for _ in 0..20 {
            self.meet(Fate::OldHears);
            self.meet(Fate::NewHears);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_fails_somebody_answers_and_never_do_both_decide(fates in fates()) {
        let mut world = World::begin();
        world.check()?;
        for fate in fates {
            world.meet(fate);
            world.check()?;
        }
        world.come_to_rest();
        world.check()?;
        let old = !world.old_dead && world.old.answers() && world.old.decides();
        let new = !world.new_dead && world.new.answers() && world.new.decides();
        // A successor that died after it stood alone is not the protocol's matter.
        let died_in_office = world.new_dead && world.old == Parting::Gone;
        let extinct = world.old_dead && world.new_dead;
        if !(extinct || died_in_office) {
            prop_assert!(old != new, "{:?} (dead: {}), {:?} (dead: {})", world.old, world.old_dead, world.new, world.new_dead);
        }
    }
}

#[test]
fn when_nothing_fails_the_successor_reigns_and_the_other_is_gone() {
    let mut world = World::begin();
    world.come_to_rest();
    assert_eq!((world.old, world.new), (Parting::Gone, Arriving::Reigning));
}
