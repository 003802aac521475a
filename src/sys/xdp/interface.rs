//! What must be known of a network interface, and the addresses of this machine.

use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// `SIOCETHTOOL` and its command for the numbers of queues.
const ETHTOOL: libc::c_ulong = 0x8946;
const GET_CHANNELS: u32 = 0x3c;

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    most: [u32; 4],
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// A network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its hardware address; `None` when it is not an Ethernet.
    pub mac: Option<[u8; 6]>,
    /// Octets of the largest packet, without the Ethernet header.
    pub mtu: u32,
    /// Queues by which frames come, at least one.
    pub queues: u32,
}

impl Interface {
    /// Looks at the interface `name`.
    ///
    /// # Errors
    /// `ENODEV` when there is none; else what the kernel says.
    pub fn look(name: &str) -> io::Result<Self> {
        let missing = || io::Error::from_raw_os_error(libc::ENODEV);
        let text = CString::new(name).map_err(|_| missing())?;
        if text.as_bytes_with_nul().len() > libc::IFNAMSIZ {
            return Err(missing());
        }
        // SAFETY: no argument is a pointer.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and owned by nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        let look = |command: libc::c_ulong| {
            // SAFETY: called below with commands that write into the request alone.
            unsafe { ask(&socket, &text, command, ptr::null_mut()) }
        };
        let index = look(libc::SIOCGIFINDEX as libc::c_ulong)?;
        // SAFETY: the kernel filled this field, an integer.
        let index = unsafe { index.ifr_ifru.ifru_ifindex } as u32;
        let hardware = look(libc::SIOCGIFHWADDR as libc::c_ulong)?;
        // SAFETY: the kernel filled this field, integers.
        let hardware = unsafe { hardware.ifr_ifru.ifru_hwaddr };
        let mac = (hardware.sa_family == libc::ARPHRD_ETHER).then(|| {
            let mut mac = [0; 6];
            for (to, from) in mac.iter_mut().zip(hardware.sa_data) {
                *to = from as u8;
            }
            mac
        });
        let mtu = look(libc::SIOCGIFMTU as libc::c_ulong)?;
        // SAFETY: the kernel filled this field, an integer.
        let mtu = unsafe { mtu.ifr_ifru.ifru_mtu } as u32;
        let mut channels = Channels {
            command: GET_CHANNELS,
            ..Channels::default()
        };
        // SAFETY: the command writes into `Channels`.
        let asked = unsafe { ask(&socket, &text, ETHTOOL, ptr::from_mut(&mut channels).cast()) };
        let queues = match asked {
            Ok(_) => channels.rx + channels.combined,
            Err(_) => queues_listed(name),
        };
        Ok(Self {
            index,
            mac,
            mtu,
            queues: queues.max(1),
        })
    }
}

/// Asks about an interface.
///
/// # Safety
/// `command` must be one that writes into the request alone, or, with `Channels` at `data`, into that.
unsafe fn ask(
    socket: &OwnedFd,
    name: &CString,
    command: libc::c_ulong,
    data: *mut libc::c_char,
) -> io::Result<libc::ifreq> {
    // SAFETY: integers and a pointer, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.as_bytes_with_nul()) {
        *to = *from as libc::c_char;
    }
    if !data.is_null() {
        request.ifr_ifru.ifru_data = data;
    }
    // SAFETY: the descriptor is open; the kernel reads and writes one `ifreq`, and what it points to, which live.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), command as _, ptr::from_mut(&mut request)) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(request)
    }
}

/// The queues of a driver that does not speak of them.
fn queues_listed(name: &str) -> u32 {
    let Ok(entries) = std::fs::read_dir(format!("/sys/class/net/{name}/queues")) else {
        return 1;
    };
    let count = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"))
        .count();
    u32::try_from(count).unwrap_or(1)
}

/// The addresses that this machine has now, on all its interfaces; without those of the loopback, and each once.
///
/// # Errors
/// What the system says.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut list = ptr::null_mut();
    // SAFETY: the system writes a pointer, which lives.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut entry = list;
    while !entry.is_null() {
        // SAFETY: an entry of the list, which is not freed yet.
        let this = unsafe { &*entry };
        if !this.ifa_addr.is_null() {
            // SAFETY: an address of the family that it says, which need not be aligned.
            let address = unsafe {
                match i32::from((*this.ifa_addr).sa_family) {
                    libc::AF_INET => {
                        let name = this.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                        Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr))))
                    }
                    libc::AF_INET6 => {
                        let name = this.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                        Some(IpAddr::V6(Ipv6Addr::from(name.sin6_addr.s6_addr)))
                    }
                    _ => None,
                }
            };
            found.extend(address.filter(|address| !address.is_loopback()));
        }
        entry = this.ifa_next;
    }
    // SAFETY: the list that the system gave, freed once, with nothing left that points into it.
    unsafe { libc::freeifaddrs(list) };
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_an_interface_but_no_ethernet() {
        let loopback = Interface::look("lo").unwrap();
        assert_eq!(loopback.mac, None);
        assert!(loopback.mtu >= 1500 && loopback.index > 0 && loopback.queues >= 1);
        let missing = ["none-such", "", "a-name-that-is-too-long", "a\0b"];
        for name in missing {
            let error = Interface::look(name).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{name:?}");
        }
        assert!(addresses().unwrap().iter().all(|address| !address.is_loopback()));
    }
}
