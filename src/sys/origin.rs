//! Where a datagram came from and which of our addresses it asked, and an answer sent back by the same way.

use std::ffi::c_int;
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

/// Room for control messages: the address asked (at most 40 octets).
pub(super) const CONTROL: usize = 128;

/// Control messages, aligned as `cmsghdr` wants it.
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; CONTROL]);

/// How to answer a query after its batch is gone: to whom, and from which address.
pub struct ReturnPath {
    pub(super) peer: SocketAddr,
    pub(super) asked: Control,
    /// Octets of `asked` in use.
    pub(super) length: usize,
}

impl std::fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReturnPath")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl ReturnPath {
    /// To `peer`, from our address `asked`; link-local ones are those of the interface `scope`.
    #[must_use]
    pub fn new(mut peer: SocketAddr, asked: IpAddr, scope: u32) -> Self {
        if let SocketAddr::V6(peer) = &mut peer
            && peer.ip().is_unicast_link_local()
        {
            peer.set_scope_id(scope);
        }
        let mut control = Control([0; CONTROL]);
        let at = control.0.as_mut_ptr();
        // SAFETY: `Control` is aligned for `cmsghdr`, and has room: CMSG_SPACE of either packet info is at most 40
        // octets of 128.
        let length = unsafe {
            match asked {
                IpAddr::V4(asked) => {
                    let address = libc::in_addr {
                        s_addr: u32::from(asked).to_be(),
                    };
                    let info = libc::in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: address,
                        ipi_addr: address,
                    };
                    control_message(at, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
                }
                IpAddr::V6(asked) => {
                    let info = libc::in6_pktinfo {
                        ipi6_addr: libc::in6_addr {
                            s6_addr: asked.octets(),
                        },
                        ipi6_ifindex: if asked.is_unicast_link_local() { scope } else { 0 },
                    };
                    control_message(at, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
                }
            }
        };
        Self {
            peer,
            asked: control,
            length,
        }
    }

    /// To whom.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends `octets` without waiting.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn send(&mut self, socket: &UdpSocket, octets: &[u8]) -> io::Result<()> {
        let peer = socket2::SockAddr::from(self.peer);
        // SAFETY: `msghdr` is integers and pointers, for which zeros are a value.
        let mut header: libc::msghdr = unsafe { zeroed() };
        let mut vec = libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        header.msg_name = peer.as_ptr().cast_mut().cast();
        header.msg_namelen = peer.len();
        header.msg_iov = &mut vec;
        header.msg_iovlen = 1;
        if self.length > 0 {
            header.msg_control = self.asked.0.as_mut_ptr().cast();
            header.msg_controllen = self.length as _;
        }
        // SAFETY: the descriptor is borrowed, hence open; name, vector, octets and control live and are as long as
        // said; the kernel only reads them.
        let sent = unsafe {
            libc::sendmsg(
                socket.as_raw_fd(),
                &header,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

/// # Safety
/// `storage` must point to an initialised `sockaddr_storage` of which the kernel wrote `length` octets.
pub(super) unsafe fn socket_address(
    storage: *const libc::sockaddr_storage,
    length: libc::socklen_t,
) -> Option<SocketAddr> {
    let length = length as usize;
    // SAFETY: the caller's promise; both kinds are smaller than the storage, whose alignment suffices for both.
    unsafe {
        match c_int::from((*storage).ss_family) {
            libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
                let name = storage.cast::<libc::sockaddr_in>().read();
                let address = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
                Some(SocketAddr::V4(SocketAddrV4::new(
                    address,
                    u16::from_be(name.sin_port),
                )))
            }
            libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
                let name = storage.cast::<libc::sockaddr_in6>().read();
                let address = Ipv6Addr::from(name.sin6_addr.s6_addr);
                let port = u16::from_be(name.sin6_port);
                Some(SocketAddr::V6(SocketAddrV6::new(
                    address,
                    port,
                    name.sin6_flowinfo,
                    name.sin6_scope_id,
                )))
            }
            _ => None,
        }
    }
}

/// Writes one control message at `at` and says how many octets it takes.
///
/// # Safety
/// `at` must be aligned for `cmsghdr` and have room for `CMSG_SPACE(size_of::<T>())` octets.
pub(super) unsafe fn control_message<T>(at: *mut u8, level: c_int, kind: c_int, payload: T) -> usize {
    let size = size_of::<T>() as u32;
    // SAFETY: the caller's promise; `CMSG_DATA` is within that room, and is written unaligned.
    unsafe {
        let message = at.cast::<libc::cmsghdr>();
        (*message).cmsg_len = libc::CMSG_LEN(size) as _;
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(payload);
        libc::CMSG_SPACE(size) as usize
    }
}
