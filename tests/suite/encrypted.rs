//! DNS over TLS, QUIC and HTTPS: the real binary, asked by clients of all kinds.

mod certificates;
mod clients;
mod corpus;
mod handshakes;
mod https;
mod quic;
mod tls;
