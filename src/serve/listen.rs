//! Sockets opened, and refusals told in a way that an operator can act on.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::sys::{option, steer};

/// Connections that may wait to be accepted. Servers with 10 lose SYNs to twenty clients at once; each then waits a
/// second.
pub(super) const BACKLOG: i32 = 4096;

/// An address that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address} for {transport}: {error}; {}", advice(error, *address))]
pub struct BindError {
    /// Which address.
    pub address: SocketAddr,
    /// `UDP`, `TCP`, `the API`.
    pub transport: &'static str,
    /// What the kernel said; part of the sentence, hence no `source`, which would be said again.
    pub error: io::Error,
}

fn advice(error: &io::Error, address: SocketAddr) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 need the capability NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; \
             docker: --cap-add NET_BIND_SERVICE) or sysctl net.ipv4.ip_unprivileged_port_start={port}"
        ),
        io::ErrorKind::AddrInUse => format!(
            "another program has it: `ss -lnup sport = :{port}; ss -lntp sport = :{port}` names it \
             (systemd-resolved holds 127.0.0.53:53; listen on this machine's own address instead of the wildcard)"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "{} is not an address of this machine: `ip address` lists them",
            address.ip()
        ),
        _ => "correct `listen`".to_owned(),
    }
}

/// Opens `address` for UDP and TCP and closes it again: what cannot work is told before anything is waited for.
///
/// # Errors
/// [`BindError`] for the first that fails. Also when another program shares the port by `SO_REUSEPORT`, which would
/// silently take a part of the queries.
pub fn probe(address: SocketAddr) -> Result<(), BindError> {
    datagram(address, false, None).map_err(|error| BindError {
        address,
        transport: "UDP",
        error,
    })?;
    tcp(address)?;
    Ok(())
}

/// `workers` UDP sockets that share `address`: the kernel spreads clients over them. `buffer` octets each way.
///
/// # Errors
/// [`BindError`].
pub fn udp(address: SocketAddr, workers: usize, buffer: usize) -> Result<Vec<UdpSocket>, BindError> {
    let failed = |error| BindError {
        address,
        transport: "UDP",
        error,
    };
    // Alone first: sharing with another program must fail, not halve the traffic.
    datagram(address, false, None).map_err(failed)?;
    let mut address = address;
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers.max(1) {
        let socket = datagram(address, true, Some(buffer)).map_err(failed)?;
        // Port 0 is the first socket's to choose.
        address = socket.local_addr().map_err(failed)?;
        sockets.push(socket);
    }
    if let Some(socket) = sockets.first() {
        say_when_small(socket, address, buffer);
    }
    Ok(sockets)
}

/// The same and one more socket, the last, for the datagrams that bring a whole DNS cookie: a flood without cookies does not
/// crowd them out. Where the kernel cannot tell them apart, it is one worker more.
///
/// # Errors
/// [`BindError`].
pub fn udp_with_lane(
    address: SocketAddr,
    workers: usize,
    buffer: usize,
) -> Result<Vec<UdpSocket>, BindError> {
    let workers = workers.max(1);
    let sockets = udp(address, workers + 1, buffer)?;
    if let Some(socket) = sockets.first()
        && let Err(error) = steer::cookies_to_the_last(socket, workers, address.is_ipv6())
    {
        tracing::warn!(%address, %error, "the kernel does not tell datagrams with a cookie from others");
    }
    Ok(sockets)
}

/// A buffer smaller than wanted loses queries when many come at once: the operator can do something about it.
fn say_when_small(socket: &UdpSocket, address: SocketAddr, wanted: usize) {
    // The kernel doubles what it is asked for, for its own bookkeeping.
    let got = socket2::SockRef::from(socket).recv_buffer_size().unwrap_or(0) / 2;
    if got < wanted {
        tracing::warn!(
            %address, wanted, got,
            "the UDP receive buffer is smaller than wanted: raise net.core.rmem_max and net.core.wmem_max"
        );
    }
}

/// A TCP listener on `address`, not blocking.
///
/// # Errors
/// [`BindError`].
pub fn tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of the process before us may linger in TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|error| BindError {
        address,
        transport: "TCP",
        error,
    })
}

/// Makes a UDP socket ready for QUIC.
pub(super) fn prepare_quic(socket: &Socket) -> io::Result<()> {
    option::buffers(&socket.as_fd(), QUIC_BUFFER)?;
    socket.set_nonblocking(true)
}

/// Socket buffers of QUIC, each way: a second of handshakes.
const QUIC_BUFFER: usize = 1 << 20;

/// A UDP socket for QUIC on `address`, which nobody shares.
///
/// # Errors
/// [`BindError`].
pub fn quic(address: SocketAddr) -> Result<UdpSocket, BindError> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        prepare_quic(&socket)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| BindError {
        address,
        transport: "QUIC",
        error,
    })
}

fn datagram(address: SocketAddr, shared: bool, buffer: Option<usize>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` stand beside each other.
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    if let Some(octets) = buffer {
        prepare_datagram(&socket.as_fd(), address, octets)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The options of a UDP socket that answers on `address`; `buffer` octets each way.
pub(super) fn prepare_datagram(socket: &impl AsFd, address: SocketAddr, buffer: usize) -> io::Result<()> {
    let ipv6 = address.is_ipv6();
    option::buffers(socket, buffer)?;
    if address.ip().is_unspecified() {
        option::say_asked_address(socket, ipv6)?;
    }
    // Not every kernel knows it; answers are small enough not to be fragmented anyway.
    let _ = option::ignore_path_mtu(socket, ipv6);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_refused_with_the_way_to_find_who_has_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let error = probe(address).unwrap_err().to_string();
        assert!(
            error.contains(&address.to_string()) && error.contains("UDP") && error.contains("ss -lnup"),
            "{error}"
        );
    }

    #[test]
    fn a_port_shared_by_another_program_is_in_use() {
        let theirs = udp("127.0.0.1:0".parse().unwrap(), 1, 65_536).unwrap();
        let address = theirs[0].local_addr().unwrap();
        assert_eq!(
            udp(address, 2, 65_536).unwrap_err().error.kind(),
            io::ErrorKind::AddrInUse
        );
    }

    #[test]
    fn a_foreign_address_is_refused_with_advice() {
        let error = probe("192.0.2.1:5300".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("not an address of this machine"), "{error}");
    }

    #[test]
    fn both_wildcards_stand_beside_each_other() {
        let four = udp("0.0.0.0:0".parse().unwrap(), 2, 65_536).unwrap();
        let port = four[0].local_addr().unwrap().port();
        assert_eq!(
            four[1].local_addr().unwrap().port(),
            port,
            "workers share the port"
        );
        let six: SocketAddr = format!("[::]:{port}").parse().unwrap();
        udp(six, 2, 65_536).unwrap();
    }
}
