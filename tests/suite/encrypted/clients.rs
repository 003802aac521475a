//! A server with all transports, certificates for it, and clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::free_port;
use crate::support::server::{Folder, Server};

/// How long any answer may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate in PEM and DER, and its key.
pub(crate) struct Made {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: String,
}

/// A certificate for `localhost` and 127.0.0.1 that is its own authority.
pub(crate) fn made() -> Made {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Made {
        pem: made.cert.pem(),
        der: made.cert.der().clone(),
        key: made.signing_key.serialize_pem(),
    }
}

/// A folder with a server that has all transports.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) made: Made,
    /// TLS, and QUIC.
    pub(crate) port: u16,
    pub(crate) https: SocketAddr,
}

impl Site {
    /// `more` follows the tables.
    pub(crate) fn new(more: &str) -> Self {
        let (port, https_port) = (free_port(), free_port());
        let folder = Folder::new(&format!(
            "[dns.tls]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"dns.pem\"\n\
             key = \"dns.key\"\n[dns.quic]\nlisten = \"127.0.0.1:{port}\"\n[dns.https]\nlisten = \"127.0.0.1:{https_port}\"\n{more}"
        ));
        let made = made();
        folder.write("dns.pem", &made.pem);
        folder.write("dns.key", &made.key);
        folder.zone("[transfer]\nallow = [\"127.0.0.0/8\"]\n");
        Self {
            folder,
            made,
            port,
            https: local(https_port),
        }
    }

    pub(crate) fn start(&self) -> Server {
        self.folder.start()
    }

    /// Where TLS is, by TCP, and QUIC, by UDP.
    pub(crate) fn secure(&self) -> SocketAddr {
        local(self.port)
    }

    /// A TLS client that believes the server's certificate and offers `alpn`.
    pub(crate) fn client(&self, alpn: &[&str]) -> ClientConfig {
        client(&self.made.der, alpn)
    }

    /// A connection by TLS.
    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        connect(self.secure(), self.client(&["dot"])).await.unwrap()
    }

    /// A connection by QUIC.
    pub(crate) async fn quic(&self) -> quinn::Connection {
        quic(self.secure(), self.client(&["doq"])).await.unwrap()
    }

    /// A client of HTTPS.
    pub(crate) fn web(&self) -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = reqwest::Certificate::from_pem(self.made.pem.as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([authority])
            .timeout(PATIENCE)
            .build()
            .unwrap()
    }

    /// Where queries are taken by HTTPS.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/dns-query", self.https)
    }
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A TLS client that believes `authority` and offers `alpn`.
pub(crate) fn client(authority: &CertificateDer<'static>, alpn: &[&str]) -> ClientConfig {
    let mut authorities = RootCertStore::empty();
    authorities.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authorities)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(crate) async fn connect(
    server: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
}

pub(crate) async fn quic(
    server: SocketAddr,
    config: ClientConfig,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    let endpoint = quinn::Endpoint::client(local(0)).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, server, "localhost").unwrap().await
}

/// Asks over a stream with the framing of TCP; the answer.
pub(crate) async fn ask<S: AsyncReadExt + AsyncWriteExt + Unpin>(
    stream: &mut S,
    query: &[u8],
) -> std::io::Result<Vec<u8>> {
    stream.write_all(&framed(query)).await?;
    stream.flush().await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

/// Asks over QUIC; the messages of the answer. The ID is set to 0.
pub(crate) async fn ask_quic(connection: &quinn::Connection, query: &[u8]) -> Vec<Vec<u8>> {
    let mut query = query.to_vec();
    query[..2].fill(0);
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&framed(&query)).await.unwrap();
    send.finish().unwrap();
    let octets = receive.read_to_end(1 << 24).await.unwrap();
    let mut rest = &octets[..];
    let mut messages = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (message, tail) = tail.split_at(usize::from(u16::from_be_bytes(*length)));
        messages.push(message.to_vec());
        rest = tail;
    }
    messages
}

/// A query: ID 7, RD, one question, and `opt` as the additional record, if any.
pub(crate) fn query(name: &str, qtype: u16, opt: Option<&[u8]>) -> Vec<u8> {
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(opt.unwrap_or(&[]));
    message
}

/// An OPT record with these flags and options.
pub(crate) fn opt(payload: u16, version: u8, dnssec_ok: bool, options: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 41];
    record.extend_from_slice(&payload.to_be_bytes());
    record.extend_from_slice(&[0, version, if dnssec_ok { 0x80 } else { 0 }, 0]);
    record.extend_from_slice(&(options.len() as u16).to_be_bytes());
    record.extend_from_slice(options);
    record
}
