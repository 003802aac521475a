//! What safe Rust cannot say to the kernel and to the processor: the only unsafe code of the house.
//!
//! Each type and function here is safe to call with any arguments; what makes it so is said at each block.
#![allow(
    unsafe_code,
    reason = "system calls and prefetching have no safe form; it stands nowhere else"
)]

pub mod account;
pub mod batch;
pub mod inherit;
pub mod limit;
pub mod local_time;
pub mod memory;
pub mod option;
pub mod origin;
pub mod privilege;
pub mod process;
pub mod seccomp;
pub mod steer;
#[cfg(all(feature = "xdp", target_os = "linux"))]
pub mod xdp;
