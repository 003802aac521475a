//! Sockets to answers: front ends that differ in framing only. All of them call `Snapshot::answer`, and hand what is
//! more than one question and one answer to [`transactions`].

pub mod admission;
mod cores;
pub mod counters;
pub mod desk;
pub mod dice;
pub mod encrypted;
pub mod framing;
pub mod given;
pub mod kinds;
mod lanes;
pub mod listen;
pub mod newcomers;
pub mod progress;
pub mod pulse;
pub mod quotas;
pub mod sampler;
pub mod tcp;
pub mod transactions;
pub mod transfer;
pub mod tsig;
pub mod udp;
#[cfg(all(feature = "xdp", target_os = "linux"))]
pub mod xdp;
