//! What is true of each target: observations become verdicts. Pure: time comes in, verdicts go out.

pub mod observation;
pub mod standing;
