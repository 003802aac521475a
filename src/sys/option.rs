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

/// Datagrams that the kernel has dropped at `socket` since it was opened, because its buffer was full or their checksum
/// was wrong (`SO_MEMINFO`, Linux 4.12). Asked for now and then, it costs nothing; as a control message with each
/// datagram (`SO_RXQ_OVFL`) it took two hundredths of the time of an answer.
///
/// # Errors
/// What the kernel says.
pub fn dropped(socket: &impl AsFd) -> io::Result<u32> {
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
    let mut info = [0u32; DROPS + 1];
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is borrowed, hence open; the kernel writes at most `length` octets into `info`, and
    // `length`, both of which live.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if done == 0 {
        Ok(info[DROPS])
    } else {
        Err(io::Error::last_os_error())
    }
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

/// Lets `bind` fix the address alone; the port is chosen by `connect`, which knows the destination
/// (`IP_BIND_ADDRESS_NO_PORT`, Linux 4.2; for IPv6 too).
///
/// # Errors
/// What the kernel says.
pub fn bind_address_only(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Has every ICMP error about what `socket` sent fail its next call, also those that a host may ignore
/// (`IP_RECVERR`, ip(7)).
///
/// # Errors
/// What the kernel says.
pub fn hear_errors(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)
    }
}

/// Has `listener` hand out a connection when its first octets have come, or after `seconds` (`TCP_DEFER_ACCEPT`): until then
/// it takes neither a descriptor nor a look at it.
///
/// # Errors
/// What the kernel says.
pub fn defer_accept(listener: &impl AsFd, seconds: u16) -> io::Result<()> {
    set(
        listener,
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        seconds.into(),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn every_datagram_is_either_received_or_dropped() {
        const SENT: u32 = 500;
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        buffers(&to, 4096).unwrap();
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(dropped(&to).unwrap(), 0);
        for _ in 0..SENT {
            from.send_to(&[0; 100], to.local_addr().unwrap()).unwrap();
        }
        to.set_nonblocking(true).unwrap();
        let received = (0..SENT).filter(|_| to.recv(&mut [0; 128]).is_ok()).count();
        assert!(received < SENT as usize, "the buffer is small");
        assert_eq!(dropped(&to).unwrap() as usize, SENT as usize - received);
    }
}
