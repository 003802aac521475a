//! AF_XDP: frames taken from a network interface before the kernel's stack sees them, and sent past it.
//!
//! A small program in the kernel ([`program`]) chooses frames and hands them, by a map, to the [`channel::Channel`] of the
//! queue on which they came.

pub mod channel;
pub mod interface;
pub mod kernel;
mod option;
pub mod program;
mod ring;
