//! Listening sockets that somebody else has opened: a service manager (`LISTEN_FDS`, [`inherit`](crate::sys::inherit)),
//! or the server that ran before this one.
//!
//! A given socket takes the place of one that would be opened: same kind, same address. What nothing asks for is closed,
//! and told.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Socket, Type};

use crate::serve::listen::{self, BindError};

/// What an address is listened on for: UDP and QUIC come in datagrams, all else in streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SOCK_DGRAM`.
    Datagram,
    /// `SOCK_STREAM`, listening.
    Stream,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Datagram => "UDP",
            Self::Stream => "TCP",
        })
    }
}

/// Sockets by kind and address.
#[derive(Debug, Default)]
pub struct Given(Vec<One>);

#[derive(Debug)]
struct One {
    name: String,
    kind: Kind,
    address: SocketAddr,
    socket: Socket,
}

/// A descriptor that is no socket to answer on.
#[derive(Debug, thiserror::Error)]
#[error("the descriptor `{name}` that was handed over is not used: {why}")]
pub struct Unusable {
    name: String,
    why: &'static str,
}

impl Given {
    /// Takes a descriptor that was handed over under `name` (its name is only told).
    ///
    /// # Errors
    /// [`Unusable`]: it is no UDP socket that is bound, nor a TCP socket that listens.
    pub fn add(&mut self, name: &str, descriptor: OwnedFd) -> Result<(), Unusable> {
        let unusable = |why| Unusable {
            name: name.to_owned(),
            why,
        };
        let socket = Socket::from(descriptor);
        let address = socket
            .local_addr()
            .map_err(|_| unusable("it is no socket"))?
            .as_socket()
            .ok_or_else(|| unusable("it has no IP address"))?;
        let kind = match socket.r#type().map_err(|_| unusable("it is no socket"))? {
            Type::DGRAM => Kind::Datagram,
            Type::STREAM if socket.is_listener().unwrap_or(false) => Kind::Stream,
            Type::STREAM => return Err(unusable("it does not listen (systemd: `Accept=no`)")),
            _ => return Err(unusable("it is neither UDP nor TCP")),
        };
        if address.port() == 0 {
            return Err(unusable("it is not bound"));
        }
        self.0.push(One {
            name: name.to_owned(),
            kind,
            address,
            socket,
        });
        Ok(())
    }

    /// Whether there is one.
    #[must_use]
    pub fn has(&self, kind: Kind, address: SocketAddr) -> bool {
        self.0
            .iter()
            .any(|one| one.kind == kind && one.address == address)
    }

    /// Whether there are none (any more).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The UDP sockets on `address`, as [`listen::udp`] would open them. Where sockets were given, there are as many as
    /// were given: the kernel lets nobody but the user who opened the first add others to it. With `lane`, those that are
    /// opened here are followed by one for cookies, see [`listen::udp_with_lane`]; those that were given stand as whoever
    /// opened them arranged them.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn udp(
        &mut self,
        address: SocketAddr,
        workers: usize,
        buffer: usize,
        lane: bool,
    ) -> Result<Vec<UdpSocket>, BindError> {
        let given = self.take(Kind::Datagram, address);
        if given.is_empty() {
            return if lane {
                listen::udp_with_lane(address, workers, buffer)
            } else {
                listen::udp(address, workers, buffer)
            };
        }
        if given.len() < workers {
            tracing::warn!(
                target: "pointsman::start", %address, given = given.len(), workers,
                "fewer UDP sockets were handed over than there are to be workers: each has one worker (systemd: \
                 `ReusePort=yes` and one `ListenDatagram=` for each)"
            );
        }
        let adopt = |socket: Socket| -> io::Result<UdpSocket> {
            // Workers wait in the call.
            socket.set_nonblocking(false)?;
            listen::prepare_datagram(&socket.as_fd(), address, buffer)?;
            Ok(socket.into())
        };
        let adopted: io::Result<Vec<_>> = given.into_iter().map(adopt).collect();
        adopted.map_err(|error| BindError {
            address,
            transport: "UDP",
            error,
        })
    }

    /// The UDP socket for QUIC on `address`, as [`listen::quic`] would open it.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn quic(&mut self, address: SocketAddr) -> Result<UdpSocket, BindError> {
        let given = self.take(Kind::Datagram, address).into_iter().next();
        let Some(socket) = given else {
            return listen::quic(address);
        };
        listen::prepare_quic(&socket).map_err(|error| BindError {
            address,
            transport: "QUIC",
            error,
        })?;
        Ok(socket.into())
    }

    /// The TCP listener on `address`, as [`listen::tcp`] would open it.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn tcp(&mut self, address: SocketAddr) -> Result<TcpListener, BindError> {
        let given = self.take(Kind::Stream, address).into_iter().next();
        let Some(socket) = given else {
            return listen::tcp(address);
        };
        let adopt = || -> io::Result<TcpListener> {
            socket.set_nonblocking(true)?;
            // A service manager's backlog is its own business until now.
            socket.listen(listen::BACKLOG)?;
            Ok(socket.into())
        };
        adopt().map_err(|error| BindError {
            address,
            transport: "TCP",
            error,
        })
    }

    /// Closes what nothing asked for, and tells it: the operator expects answers there.
    pub fn close_rest(&mut self) {
        for one in self.0.drain(..) {
            tracing::warn!(
                target: "pointsman::start", name = one.name, kind = %one.kind, address = %one.address,
                "a socket was handed over that no `listen` names: closed"
            );
        }
    }

    fn take(&mut self, kind: Kind, address: SocketAddr) -> Vec<Socket> {
        let wanted = |one: &mut One| one.kind == kind && one.address == address;
        self.0.extract_if(.., wanted).map(|one| one.socket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn a_given_socket_is_used_in_place_of_one_that_would_be_opened() {
        let mut given = Given::default();
        let theirs = listen::udp(local(), 2, 65_536).unwrap();
        let address = theirs[0].local_addr().unwrap();
        for socket in theirs {
            socket.set_nonblocking(true).unwrap();
            given.add("dns", socket.into()).unwrap();
        }
        let stream = listen::tcp(local()).unwrap();
        let listening = stream.local_addr().unwrap();
        given.add("dns", stream.into()).unwrap();
        assert!(given.has(Kind::Datagram, address) && given.has(Kind::Stream, listening));
        assert!(!given.has(Kind::Stream, address));

        assert_eq!(given.udp(address, 4, 65_536, true).unwrap().len(), 2);
        assert_eq!(given.tcp(listening).unwrap().local_addr().unwrap(), listening);
        assert!(given.is_empty());
        // The sockets are closed again, and what is not given is opened.
        assert_eq!(given.udp(address, 4, 65_536, false).unwrap().len(), 4);
    }

    #[test]
    fn what_cannot_be_answered_on_is_refused_with_its_reason() {
        let mut given = Given::default();
        let file = std::fs::File::open("/dev/null").unwrap();
        let unix = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let listener = listen::tcp(local()).unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let refused =
            |given: &mut Given, descriptor: OwnedFd| given.add("x", descriptor).unwrap_err().to_string();
        assert!(refused(&mut given, file.into()).contains("no socket"));
        assert!(refused(&mut given, unix.into()).contains("no IP address"));
        assert!(refused(&mut given, stream.into()).contains("does not listen"));
        assert!(given.is_empty());
    }
}
