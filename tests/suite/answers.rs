//! What the engine answers: cases as data, laws for whatever may come.

mod cases;
mod laws;
mod packets;
mod publishing;
pub(crate) mod world;
