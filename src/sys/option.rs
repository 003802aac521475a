//! Socket options that neither std nor socket2 know.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Receive and send buffers of `octets`, past the system's limit where this process may (`CAP_NET_ADMIN`),
/// else as large as the limit allows.
///
/// # Errors
/// What the kernel says to `SO_RCVBUF` and `SO_SNDBUF`.
pub fn buffers(socket: &impl AsFd, octets: usize) -> io::Result<()> {
    let octets = c_int::try_from(octets).unwrap_or(c_int::MAX);
    for (forced, plain) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
    ] {
        set(socket, libc::SOL_SOCKET, forced, octets)
            .or_else(|_| set(socket, libc::SOL_SOCKET, plain, octets))?;
    }
    Ok(())
}

/// Has each datagram say how many were lost before it because the buffer was full (`SO_RXQ_OVFL`).
///
/// # Errors
/// What the kernel says.
pub fn count_overflow(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)
}

/// Has each datagram say which of our addresses was asked (`IP_PKTINFO`, RFC 3542 section 6.1): needed where the
/// socket is bound to the wildcard, since an answer must leave from that address (RFC 2181 section 4.1).
///
/// # Errors
/// What the kernel says.
pub fn say_asked_address(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// Ignores path MTU news, which anybody can forge to have answers fragmented (RFC 9715 section 3.1).
///
/// # Errors
/// What the kernel says.
pub fn ignore_path_mtu(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set(
            socket,
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_OMIT,
        )
    } else {
        set(
            socket,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_OMIT,
        )
    }
}

fn set(socket: &impl AsFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<c_int>()).unwrap_or(4);
    // SAFETY: the descriptor is borrowed, hence open; the kernel reads `length` octets of `value`, which lives.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            length,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
