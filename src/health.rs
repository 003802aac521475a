//! What is true of each target: observations become verdicts. Pure: time comes in, verdicts go out.
//!
//! A probe's result passes three desks, each a small state machine of its own:
//!
//! 1. [`monitor`]: what the target's probes alone say (`rise`, `fall`, the sequential test of [`suspicion`] over the
//!    record of [`loss`], the slow leak of [`leak`]): *real* health.
//! 2. [`isolation`] and [`brake`]: whether a verdict of down may be believed now, or whether this node is the one
//!    that is cut off.
//! 3. [`gate`]: how long down lasts at least, and how long a flapping target must prove itself ([`damping`]):
//!    *effective* health, which is what policies see.
//!
//! Beside them [`degradation`] watches what answers, but not as it should.

pub mod brake;
pub mod damping;
pub mod degradation;
pub mod gate;
pub mod isolation;
pub mod leak;
pub mod loss;
pub mod monitor;
pub mod observation;
pub mod standing;
pub mod suspicion;
