//! Descriptors that this process was started with (`LISTEN_FDS`, sd_listen_fds(3)).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The descriptors that a service manager hands over to this very process, each with its name (`LISTEN_FDNAMES`;
/// `unknown` where there are none). They are not passed on to programs. A second call gets none: they are given once.
///
/// # Errors
/// The variables are not as sd_listen_fds(3) has them, or name what is not open.
pub fn descriptors() -> io::Result<Vec<(String, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(Vec::new());
    }
    // All are looked at first (each is marked as not to be passed on, which fails where it is not open).
    let listed: Vec<_> = sd_notify::listen_fds_with_names()?.collect();
    let owned = listed.into_iter().map(|(raw, name)| {
        // SAFETY: whoever started this process gave it this number, open, to own it: it said so by this process's id.
        // Nothing here opened or closed it before, and nobody gets it a second time.
        (name, unsafe { OwnedFd::from_raw_fd(raw) })
    });
    Ok(owned.collect())
}
