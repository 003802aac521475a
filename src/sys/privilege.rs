//! Capabilities (capabilities(7)) of the calling thread, and what becomes of this process's memory.
//!
//! Threads inherit what the one that starts them has: what the first thread gives up before it starts others, none of
//! them ever had.

use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, geteuid, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
};

use crate::sys::account::Account;

/// Whether this process may do whatever it wants to files (its user is root).
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// The user that this process is, by number.
#[must_use]
pub fn user() -> u32 {
    geteuid().as_raw()
}

/// Whether the calling thread has any capability, or could take one back.
///
/// # Errors
/// What the kernel says.
pub fn has_any() -> io::Result<bool> {
    let sets = capabilities(None)?;
    Ok(!(sets.effective | sets.permitted).is_empty())
}

/// Becomes `account`, keeping for the calling thread the capabilities that it has.
///
/// # Errors
/// What the kernel says; nothing may go on then.
pub fn become_account(account: &Account) -> io::Result<()> {
    let before = capabilities(None)?;
    set_keep_capabilities(true)?;
    account.put_on()?;
    set_keep_capabilities(false)?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: before.permitted,
            permitted: before.permitted,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

/// Gives up every capability but raw sockets, which stay with `raw_sockets` where they are there; for the calling thread
/// and those that it starts.
///
/// # Errors
/// What the kernel says.
pub fn give_up(raw_sockets: bool) -> io::Result<()> {
    let kept = if raw_sockets {
        capabilities(None)?.permitted & CapabilitySet::NET_RAW
    } else {
        CapabilitySet::empty()
    };
    // Kernels before 4.3 have no ambient set.
    let _ = clear_ambient_capability_set();
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

/// Programs that the calling thread and its children start can never have a capability again, whatever their files say.
/// Does nothing where this may not be said (`CAP_SETPCAP`): then there is little to give up.
///
/// # Errors
/// What the kernel says.
pub fn empty_bounding_set() -> io::Result<()> {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(one) {
            Ok(true) => match remove_capability_from_bounding_set(one) {
                Err(error) if error == rustix::io::Errno::PERM => return Ok(()),
                done => done?,
            },
            Ok(false) => {}
            // This kernel has no more.
            Err(_) => break,
        }
    }
    Ok(())
}

/// Programs that the calling thread and its children start never have more privileges than it.
///
/// # Errors
/// What the kernel says.
pub fn no_new_privileges() -> io::Result<()> {
    Ok(set_no_new_privs(true)?)
}

/// Nobody of the same user can read this process's memory, and none of it is written to disk when it crashes: there are
/// keys in it.
///
/// # Errors
/// What the kernel says.
pub fn hide_memory() -> io::Result<()> {
    let most = getrlimit(Resource::Core).maximum;
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: most,
        },
    )?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_gives_up_those_that_it_starts_do_not_have() {
        std::thread::spawn(|| {
            empty_bounding_set().unwrap();
            give_up(false).unwrap();
            assert!(!has_any().unwrap());
            let heir = std::thread::spawn(|| {
                (
                    has_any().unwrap(),
                    std::fs::read_to_string("/proc/thread-self/status"),
                )
            });
            let (any, status) = heir.join().unwrap();
            assert!(!any);
            assert!(status.unwrap().contains("CapEff:\t0000000000000000"));
        })
        .join()
        .unwrap();
    }
}
