//! The signal box: events in, decisions and other effects out. Pure: no clock, no chance, no I/O.

pub mod effect;
pub mod event;
