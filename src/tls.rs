//! What is shown to whoever connects by TLS: certificates that are exchanged while connections go on.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use crate::model::identity::Identity;
use crate::model::time::UnixTime;

/// Why a configuration cannot be used after all.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key cannot be read.
    #[error("the key: {0}")]
    Key(#[from] rustls::pki_types::pem::Error),
    /// Certificates or key are refused.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
    /// The authorities are.
    #[error("client_ca: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
}

/// A certificate that can be exchanged: handshakes show the present one, connections that stand are not touched.
#[derive(Debug, Default)]
pub struct Shown(ArcSwapOption<CertifiedKey>);

impl Shown {
    /// Nothing to show: handshakes fail.
    #[must_use]
    pub fn nothing() -> Arc<Self> {
        Arc::default()
    }

    /// Shows `identity` from now on.
    ///
    /// # Errors
    /// [`TlsError`]; what was shown before is shown still. None is expected, `check` read what is good.
    pub fn show(&self, identity: &Identity) -> Result<(), TlsError> {
        let provider = rustls::crypto::ring::default_provider();
        let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::from_pem_slice(&identity.key)?;
        let certified = CertifiedKey::from_der(chain, key, &provider)?;
        self.0.store(Some(Arc::new(certified)));
        Ok(())
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// What connections are accepted with: TLS 1.2 and 1.3, `shown` as the certificate, `protocols` by ALPN. With
/// authorities in `client_ca` (DER), clients may show a certificate of theirs.
///
/// # Errors
/// [`TlsError`] when an authority is refused.
pub fn server(
    shown: Arc<Shown>,
    client_ca: &[Vec<u8>],
    protocols: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if client_ca.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut authorities = RootCertStore::empty();
        for authority in client_ca {
            authorities.add(CertificateDer::from(authority.clone()))?;
        }
        // A token serves as well: who shows no certificate is asked for that.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
            .allow_unauthenticated()
            .build()?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(shown);
    // Sessions are resumed from what clients keep, not from what we do.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// From when until when the certificate of `identity` holds; `None` when that cannot be read.
#[must_use]
pub fn validity(identity: &Identity) -> Option<(UnixTime, UnixTime)> {
    let (_, certificate) = parse_x509_certificate(identity.chain.first()?).ok()?;
    let validity = certificate.validity();
    let at = |secs: i64| UnixTime(u64::try_from(secs).unwrap_or(0).saturating_mul(1000));
    Some((
        at(validity.not_before.timestamp()),
        at(validity.not_after.timestamp()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Place;
    use std::path::Path;

    fn identity(name: &str) -> Identity {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Identity {
            chain: vec![made.cert.der().to_vec()],
            key: made.signing_key.serialize_pem().into_bytes(),
            place: Place::file(Path::new("x")),
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_used_does_not_drive_out_the_one_before() {
        let (one, other) = (identity("one.test"), identity("other.test"));
        let shown = Shown::nothing();
        shown.show(&one).unwrap();
        let of_another = Identity {
            key: other.key.clone(),
            ..one.clone()
        };
        assert!(shown.show(&of_another).is_err());
        let chain = |shown: &Shown| shown.0.load_full().unwrap().cert.first().unwrap().to_vec();
        assert_eq!(chain(&shown), one.chain[0]);
        shown.show(&other).unwrap();
        assert_eq!(chain(&shown), other.chain[0]);
        assert!(validity(&one).is_some_and(|(from, until)| from < until));
    }
}
