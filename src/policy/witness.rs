//! Reasons, recorded only when asked: `explain` and tests bring a notebook, everyday decisions do not.

use std::ops::Range;

use crate::policy::readings::{Family, Tier};

/// Hears of every candidate that is weighed.
pub trait Witness {
    /// A family's members are weighed (again, with other demands): earlier notes of the family are void.
    fn begin(&mut self, family: Family, demand: &'static str);
    /// A member was weighed.
    fn note(&mut self, note: impl FnOnce() -> Note);
    /// How many notes there are: what is noted next begins there.
    fn mark(&self) -> usize;
    /// None of these is answered after all, whatever their group chose.
    fn overrule(&mut self, notes: Range<usize>, why: &'static str);
}

/// One candidate and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// For this family.
    pub family: Family,
    /// Path of the group: empty for the service's own, else the pool's name.
    pub pool: String,
    /// The member's name.
    pub member: String,
    /// How good it is.
    pub tier: Tier,
    /// Whether it is answered.
    pub chosen: bool,
    /// Why or why not.
    pub why: String,
}

/// Hears nothing, costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Witness for Nobody {
    fn begin(&mut self, _: Family, _: &'static str) {}
    fn note(&mut self, _: impl FnOnce() -> Note) {}
    fn mark(&self) -> usize {
        0
    }
    fn overrule(&mut self, _: Range<usize>, _: &'static str) {}
}

/// Writes everything down.
#[derive(Clone, Debug, Default)]
pub struct Notebook {
    /// What was weighed, in order; only the last weighing of each family.
    pub notes: Vec<Note>,
    /// With which demands: one entry per family weighed.
    pub demands: Vec<(Family, &'static str)>,
}

impl Witness for Notebook {
    fn begin(&mut self, family: Family, demand: &'static str) {
        self.notes.retain(|note| note.family != family);
        self.demands.retain(|(of, _)| *of != family);
        self.demands.push((family, demand));
    }

    fn note(&mut self, note: impl FnOnce() -> Note) {
        self.notes.push(note());
    }

    fn mark(&self) -> usize {
        self.notes.len()
    }

    fn overrule(&mut self, notes: Range<usize>, why: &'static str) {
        for note in self.notes.get_mut(notes).unwrap_or_default() {
            note.chosen = false;
            why.clone_into(&mut note.why);
        }
    }
}
