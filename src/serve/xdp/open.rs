//! Interfaces opened for AF_XDP, in the best way that the driver takes; refusals told so that an operator can act on
//! them.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::sys::xdp::channel::{Channel, Copying, LARGEST};
use crate::sys::xdp::interface;
use crate::sys::xdp::kernel::{Link, Place, Sockets};
use crate::sys::xdp::program::{ADDRESSES, Action};
use crate::wire::frame::ETHERNET;

/// The smallest MTU that is of use: what every IPv4 host must take (RFC 791).
const LEAST_MTU: u32 = 576;

/// An interface that queries come from.
pub struct Interface {
    pub(super) index: u32,
    /// Name of the queue, and its frames.
    pub(super) channels: Vec<(String, Channel)>,
    pub(super) link: Link,
    /// How frames come, for the log.
    pub how: How,
}

impl Interface {
    /// How many queues it has.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.channels.len()
    }
}

/// How frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    place: Place,
    copying: Copying,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.place, self.copying) {
            (Place::Driver, Copying::None) => "in the driver, without copying",
            (Place::Driver, Copying::Kernel) => "in the driver, copied by the kernel",
            (Place::Generic, _) => "before the kernel's stack (generic), copied by the kernel",
        })
    }
}

/// The best first.
const WAYS: [How; 3] = [
    How {
        place: Place::Driver,
        copying: Copying::None,
    },
    How {
        place: Place::Driver,
        copying: Copying::Kernel,
    },
    How {
        place: Place::Generic,
        copying: Copying::Kernel,
    },
];

/// Why queries do not come past the kernel.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such interface.
    #[error("there is no such interface: `ip link` lists them")]
    Missing,
    /// The interface has no Ethernet frames.
    #[error("it is no Ethernet (loopback, tunnels and WireGuard are not): name the interface below it")]
    NotEthernet,
    /// Its packets do not fit.
    #[error("its MTU is {0}; frames past the kernel hold {LEAST_MTU} to {most}: `ip link set dev … mtu 1500`", most = LARGEST - ETHERNET as u32)]
    Mtu(u32),
    /// Nothing to take.
    #[error(
        "no address of `listen` can be asked by it: listen on an address of this machine beside the loopback"
    )]
    NoAddress,
    /// The kernel or the driver says no.
    #[error("{call}: {error}; {}", advice(error))]
    Kernel {
        /// What was tried.
        call: &'static str,
        /// What it said; part of the sentence, hence no `source`, which would be said again.
        error: io::Error,
    },
}

impl Refused {
    /// For `map_err`.
    fn at(call: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Kernel { call, error }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "at the start it needs the capabilities NET_ADMIN, NET_RAW and BPF (systemd: AmbientCapabilities=CAP_NET_ADMIN \
             CAP_NET_RAW CAP_BPF and SystemCallFilter=bpf; docker: --cap-add for each)"
        }
        Some(libc::EBUSY) => {
            "another program or process has the interface: `ip link show` names the program (prog/xdp id …), `bpftool net` \
             more of it"
        }
        Some(libc::ENOBUFS | libc::ENOMEM) => {
            "the frames need 7 to 13 MB of locked memory for each queue (systemd: LimitMEMLOCK=infinity; docker: --ulimit \
             memlock=-1)"
        }
        Some(libc::ENOSYS | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => {
            "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS, CONFIG_BPF_SYSCALL), or a sandbox hides it (systemd: \
             RestrictAddressFamilies=AF_XDP)"
        }
        Some(libc::EINVAL | libc::EOPNOTSUPP) => {
            "neither the driver nor this kernel (at least Linux 5.9) takes it"
        }
        _ => "remove the interface from `xdp` if it stays so",
    }
}

/// Opens every queue of the interface `name` for what comes to `listen`, and attaches the program last: from then on
/// queries come to the channels.
///
/// # Errors
/// [`Refused`]; then nothing is attached.
pub fn open(name: &str, listen: &[SocketAddr]) -> Result<Interface, Refused> {
    let interface = interface::Interface::look(name).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => Refused::Missing,
        _ => Refused::at("looking at it")(error),
    })?;
    let mac = interface.mac.ok_or(Refused::NotEthernet)?;
    let largest = interface.mtu.saturating_add(ETHERNET as u32);
    if interface.mtu < LEAST_MTU || largest > LARGEST {
        return Err(Refused::Mtu(interface.mtu));
    }
    let addresses = addresses(listen).map_err(Refused::at("listing the addresses of this machine"))?;
    if addresses.is_empty() {
        return Err(Refused::NoAddress);
    }
    if addresses.len() > ADDRESSES {
        tracing::warn!(
            target: "pointsman::xdp", interface = name, addresses = addresses.len(),
            "only the first {ADDRESSES} addresses are asked past the kernel"
        );
    }
    let mut refusal = Refused::NoAddress;
    for how in WAYS {
        match open_so(name, &interface, mac, &addresses, largest, how) {
            Ok(opened) => return Ok(opened),
            // Without permission, or with another program there, the other ways are no better.
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                tracing::debug!(target: "pointsman::xdp", interface = name, "not {how}: {error}");
                refusal = error;
            }
        }
    }
    Err(refusal)
}

impl Refused {
    fn is_final(&self) -> bool {
        let Self::Kernel { error, .. } = self else {
            return true;
        };
        matches!(
            error.raw_os_error(),
            Some(libc::EPERM | libc::EACCES | libc::EBUSY | libc::ENOBUFS | libc::ENOMEM)
        )
    }
}

fn open_so(
    name: &str,
    interface: &interface::Interface,
    mac: [u8; 6],
    addresses: &[SocketAddr],
    largest: u32,
    how: How,
) -> Result<Interface, Refused> {
    let sockets = Sockets::new(interface.queues).map_err(Refused::at("making a BPF map"))?;
    let program = sockets
        .program(mac, addresses, Action::Pass)
        .map_err(Refused::at("loading the BPF program"))?;
    // The program first: some drivers give queues for AF_XDP only then. Until a queue has its socket, it passes all.
    let link = program
        .attach(interface.index, how.place)
        .map_err(Refused::at("attaching the BPF program"))?;
    let mut channels = Vec::new();
    for queue in 0..interface.queues {
        let channel = Channel::open(interface.index, queue, largest, how.copying)
            .map_err(Refused::at("opening a queue by AF_XDP"))?;
        channels.push((format!("{name}-{queue}"), channel));
    }
    for (queue, (_, channel)) in (0..).zip(&channels) {
        sockets
            .insert(queue, channel)
            .map_err(Refused::at("handing a queue over"))?;
    }
    Ok(Interface {
        index: interface.index,
        channels,
        link,
        how,
    })
}

/// The addresses that can be asked from outside, wildcards spelled out: the program must not take what is for others.
fn addresses(listen: &[SocketAddr]) -> io::Result<Vec<SocketAddr>> {
    let own = if listen.iter().any(|address| address.ip().is_unspecified()) {
        interface::addresses()?
    } else {
        Vec::new()
    };
    Ok(spelled_out(listen, &own))
}

fn spelled_out(listen: &[SocketAddr], own: &[std::net::IpAddr]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in listen {
        if address.ip().is_unspecified() {
            let own = own.iter().filter(|own| own.is_ipv4() == address.is_ipv4());
            addresses.extend(own.map(|own| SocketAddr::new(*own, address.port())));
        } else if !address.ip().is_loopback() {
            addresses.push(SocketAddr::new(address.ip(), address.port()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    addresses.retain(|address| seen.insert(*address));
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_the_machines_own_addresses() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| address.parse().unwrap()).collect()
        };
        let own = ["192.0.2.1", "2001:db8::1", "fe80::1"].map(|address| address.parse().unwrap());
        let listen = parse(&[
            "0.0.0.0:53",
            "192.0.2.1:53",
            "127.0.0.1:5353",
            "[2001:db8::2]:53",
            "[::]:54",
        ]);
        let expected = parse(&[
            "192.0.2.1:53",
            "[2001:db8::2]:53",
            "[2001:db8::1]:54",
            "[fe80::1]:54",
        ]);
        assert_eq!(spelled_out(&listen, &own), expected);
    }

    #[test]
    fn refusals_say_what_to_do() {
        let listen = ["192.0.2.1:53".parse().unwrap()];
        let said = |name: &str| open(name, &listen).err().unwrap().to_string();
        assert!(said("none-such").contains("`ip link` lists them"));
        assert!(said("lo").contains("no Ethernet"));
        let kernel = |code| Refused::at("trying")(io::Error::from_raw_os_error(code));
        for (code, words) in [
            (libc::EPERM, "CAP_NET_ADMIN"),
            (libc::EBUSY, "bpftool net"),
            (libc::ENOBUFS, "LimitMEMLOCK"),
            (libc::EAFNOSUPPORT, "CONFIG_XDP_SOCKETS"),
            (libc::EOPNOTSUPP, "driver"),
            (libc::EIO, "remove the interface"),
        ] {
            let said = kernel(code).to_string();
            assert!(said.starts_with("trying: ") && said.contains(words), "{said}");
        }
    }
}
