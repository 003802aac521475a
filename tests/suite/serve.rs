//! The front ends on real sockets of the loopback, with a real snapshot.

mod fixture;
mod tcp;
mod transfers;
mod tsig;
mod udp;
mod zones;
