//! The core on virtual time: a heap of moments and events around [`Control`](crate::control::Control), a network that answers
//! probes by scenario, clients with caches. Nothing sleeps: a day takes seconds, and the same seed gives the same day.

mod asked;
pub mod beat;
pub mod client;
pub mod incident;
pub mod network;
pub mod recording;
pub mod rehearsal;
pub mod replay;
pub mod scenario;
pub mod told;
pub mod world;
