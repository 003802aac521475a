//! Options of AF_XDP sockets.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

/// Sets an option of an AF_XDP socket.
pub(super) fn set<T>(socket: &OwnedFd, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed, hence open; the kernel reads `length` octets of `value`, which lives.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            name,
            ptr::from_ref(value).cast(),
            length,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads an option of an AF_XDP socket.
///
/// # Safety
/// `T` must be integers, for which any octets are a value.
pub(super) unsafe fn get<T: Copy>(socket: &OwnedFd, name: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed, hence open; the kernel writes at most `length` octets into `value`, which
    // lives and, as the caller promises, takes any.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            name,
            ptr::from_mut(value).cast(),
            &mut length,
        )
    };
    match done {
        0 if length as usize == size_of::<T>() => Ok(()),
        // Before Linux 5.4 there was no flag for waking.
        0 => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        _ => Err(io::Error::last_os_error()),
    }
}
