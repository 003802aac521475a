//! TLS towards endpoints: whom to trust, who we are, what the certificate was.
//!
//! Sessions are never resumed. A resumed session shows no certificate, and a probe that does not look at the
//! certificate would call an endpoint healthy that every new client refuses.

pub(crate) mod check;
pub(crate) mod secure;
pub(crate) mod words;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::model::check::Identity;
use crate::probe::certificate;

/// Whom a check trusts, and who we are to its endpoints. Shared by all its probes.
#[derive(Debug)]
pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    /// `None` when the check does not verify.
    authorities: Option<Arc<Authorities>>,
    /// Shown to endpoints that ask for a certificate.
    identity: Option<Arc<CertifiedKey>>,
}

/// Whose signature makes a certificate good.
#[derive(Debug)]
pub(crate) struct Authorities {
    verifier: Arc<WebPkiServerVerifier>,
    /// Certificates of `ca_file`: an endpoint that shows one of them itself is trusted too.
    pinned: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Those of a PEM file, and nobody else. Reads the file.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn file(provider: &Arc<CryptoProvider>, path: &Path) -> Result<Self, String> {
        let pinned = certificates("ca_file", path)?;
        let verifier =
            verifier(provider, &pinned).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
        Ok(Self { verifier, pinned })
    }

    /// Those of the system. Reads them.
    ///
    /// # Errors
    ///
    /// A sentence: the system has none.
    pub(crate) fn system(provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let verifier = verifier(provider, &found.certs)
            .map_err(|error| format!("the system has no trusted authorities ({error}); set `ca_file`"))?;
        Ok(Self {
            verifier,
            pinned: Vec::new(),
        })
    }
}

impl Trust {
    /// Trusts those whom `authorities` sign for, everybody when `None` (`verify = false`); is `identity` to them.
    pub(crate) fn new(
        provider: Arc<CryptoProvider>,
        authorities: Option<Arc<Authorities>>,
        identity: Option<Arc<CertifiedKey>>,
    ) -> Self {
        Self {
            provider,
            authorities,
            identity,
        }
    }

    /// Settings for one handshake, and where the certificate will be found after it, even a failed one.
    ///
    /// # Errors
    ///
    /// A sentence; not with the provider that is built in.
    pub(crate) fn settings(
        self: &Arc<Self>,
        alpn: &[&[u8]],
    ) -> Result<(Arc<ClientConfig>, Arc<Shown>), String> {
        let shown = Arc::new(Shown::default());
        let witness = Arc::new(Witness {
            trust: Arc::clone(self),
            shown: Arc::clone(&shown),
        });
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(witness);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok((Arc::new(config), shown))
    }
}

/// The certificates of the PEM file at `path`, which the key `called` names.
fn certificates(called: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = path.display();
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{called} {name}: {error}"))?;
    if found.is_empty() {
        return Err(format!("{called} {name}: no certificate in it"));
    }
    Ok(found)
}

/// Certificate and key of our own. Reads their files.
///
/// # Errors
///
/// A sentence that names the file.
pub(crate) fn identity(provider: &CryptoProvider, from: &Identity) -> Result<CertifiedKey, String> {
    let chain = certificates("client_cert", &from.certificate)?;
    let name = from.key.display();
    let key =
        PrivateKeyDer::from_pem_file(&from.key).map_err(|error| format!("client_key {name}: {error}"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| format!("client_key {name}: {error}"))
}

fn verifier(
    provider: &Arc<CryptoProvider>,
    certificates: &[CertificateDer<'static>],
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// What the endpoint showed in one handshake, and whether it asked for ours.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    expiry: Mutex<Option<crate::model::time::UnixTime>>,
    asked: AtomicBool,
    in_vain: AtomicBool,
}

impl Shown {
    /// When its certificate ends; `None` before it was shown, or when it cannot be read.
    pub(crate) fn expiry(&self) -> Option<crate::model::time::UnixTime> {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it asked for a certificate of ours.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it asked, and there was none.
    pub(crate) fn asked_in_vain(&self) -> bool {
        self.in_vain.load(Ordering::Relaxed)
    }
}

/// Looks at the certificate before it is judged.
#[derive(Debug)]
struct Witness {
    trust: Arc<Trust>,
    shown: Arc<Shown>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.shown.expiry.lock().unwrap_or_else(PoisonError::into_inner) = certificate::expiry(end_entity);
        let Some(authorities) = &self.trust.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        let judged = authorities.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // A self-signed certificate made by the usual one-liner calls itself an authority, which webpki refuses
        // for a server. The operator who wrote that very certificate into `ca_file` meant it.
        if judged.is_err()
            && authorities.pinned.iter().any(|pinned| pinned == end_entity)
            && certificate::is_valid_at(end_entity, Duration::from_secs(now.as_secs()))
        {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.trust.authorities {
            Some(authorities) => authorities.verifier.verify_tls12_signature(message, cert, dss),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.trust.authorities {
            Some(authorities) => authorities.verifier.verify_tls13_signature(message, cert, dss),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust
            .provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.shown.asked.store(true, Ordering::Relaxed);
        self.shown
            .in_vain
            .store(self.trust.identity.is_none(), Ordering::Relaxed);
        self.trust.identity.clone()
    }

    fn has_certs(&self) -> bool {
        // Said even when there is none: whether the endpoint asks is worth knowing.
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_authority_file_is_named() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let told = Authorities::file(&provider, &missing).unwrap_err();
        assert!(told.contains("missing.pem"), "{told}");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing here\n").unwrap();
        let told = Authorities::file(&provider, &empty).unwrap_err();
        assert!(told.ends_with("empty.pem: no certificate in it"), "{told}");
    }
}
