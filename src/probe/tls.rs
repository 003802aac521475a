//! TLS towards endpoints: whom to trust, what the certificate was, and what went wrong in words.
//!
//! Sessions are never resumed. A resumed session shows no certificate, and a probe that does not look at the
//! certificate would call an endpoint healthy that every new client refuses.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::health::observation::FaultClass;
use crate::probe::certificate;

/// The sentence when ALPN (RFC 7301) finds nothing in common.
pub(crate) const NO_VERSION: &str = "the endpoint speaks none of the HTTP versions that were offered";

/// Whom a check trusts. Shared by all its probes.
#[derive(Debug)]
pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    /// `None` when the check does not verify.
    authorities: Option<Authorities>,
}

#[derive(Debug)]
struct Authorities {
    verifier: Arc<WebPkiServerVerifier>,
    /// Certificates of `ca_file`: an endpoint that shows one of them itself is trusted too.
    pinned: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trusts everybody: `verify = false`.
    pub(crate) fn anybody(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            authorities: None,
        }
    }

    /// Trusts the authorities of a PEM file, and nobody else. Reads the file.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn file(provider: Arc<CryptoProvider>, path: &Path) -> Result<Self, String> {
        let name = path.display();
        let mut pinned = Vec::new();
        let found =
            CertificateDer::pem_file_iter(path).map_err(|error| format!("ca_file {name}: {error}"))?;
        for certificate in found {
            pinned.push(certificate.map_err(|error| format!("ca_file {name}: {error}"))?);
        }
        if pinned.is_empty() {
            return Err(format!("ca_file {name}: no certificate in it"));
        }
        let verifier = verifier(&provider, &pinned).map_err(|error| format!("ca_file {name}: {error}"))?;
        Ok(Self {
            provider,
            authorities: Some(Authorities { verifier, pinned }),
        })
    }

    /// Trusts the authorities of the system. Reads them.
    ///
    /// # Errors
    ///
    /// A sentence: the system has none.
    pub(crate) fn system(provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let verifier = verifier(&provider, &found.certs)
            .map_err(|error| format!("the system has no trusted authorities ({error}); set `ca_file`"))?;
        Ok(Self {
            provider,
            authorities: Some(Authorities {
                verifier,
                pinned: Vec::new(),
            }),
        })
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
            .with_custom_certificate_verifier(witness)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok((Arc::new(config), shown))
    }
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

/// The certificate that the endpoint showed in one handshake.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<Option<crate::model::time::UnixTime>>);

impl Shown {
    /// When it ends; `None` before it was shown, or when it cannot be read.
    pub(crate) fn expiry(&self) -> Option<crate::model::time::UnixTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = certificate::expiry(end_entity);
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

/// Class and sentence of a failed handshake.
pub(crate) fn describe(error: &rustls::Error) -> (FaultClass, String) {
    let text = match error {
        rustls::Error::InvalidCertificate(wrong) => describe_certificate(wrong),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => NO_VERSION.to_owned(),
        rustls::Error::AlertReceived(alert) => {
            format!(
                "the endpoint refused the TLS handshake: {}",
                words(&format!("{alert:?}"))
            )
        }
        rustls::Error::InvalidMessage(_) => {
            return (FaultClass::Garbage, "the answer is not TLS".to_owned());
        }
        rustls::Error::NoCertificatesPresented => "the endpoint showed no certificate".to_owned(),
        other => format!("TLS failed: {other}"),
    };
    (FaultClass::Tls, text)
}

fn describe_certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "certificate expired {} ago",
            certificate::span(Duration::from_secs(
                time.as_secs().saturating_sub(not_after.as_secs())
            ))
        ),
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "certificate is not valid before {} from now",
            certificate::span(Duration::from_secs(
                not_before.as_secs().saturating_sub(time.as_secs())
            ))
        ),
        CertificateError::NotValidYet => "certificate is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => "certificate is from an unknown issuer".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "certificate is not for {}, but for {}",
            expected.to_str(),
            if presented.is_empty() {
                "no name at all".to_owned()
            } else {
                presented
                    .iter()
                    .map(|name| plain(name))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        ),
        CertificateError::NotValidForName => "certificate is not for the expected name".to_owned(),
        CertificateError::Revoked => "certificate is revoked".to_owned(),
        CertificateError::BadSignature => "certificate has a bad signature".to_owned(),
        CertificateError::BadEncoding => "certificate cannot be read".to_owned(),
        other => format!("certificate is refused: {other}"),
    }
}

/// `DnsName("a.test")` and `IpAddress(192.0.2.1)`, as webpki lists names, without their wrapping.
fn plain(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

/// `NoApplicationProtocol` as `no application protocol`.
fn words(camel: &str) -> String {
    let mut words = String::with_capacity(camel.len().saturating_add(4));
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Class and sentence of a handshake that the connection did not survive.
pub(crate) fn describe_handshake(error: &io::Error) -> (FaultClass, String) {
    let (class, text) = crate::probe::fault::of_io(error);
    match class {
        FaultClass::Reset => (class, format!("{text} during the TLS handshake")),
        _ => (class, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_and_names_are_told_in_words() {
        assert_eq!(words("NoApplicationProtocol"), "no application protocol");
        assert_eq!(plain("DnsName(\"a.test\")"), "a.test");
        assert_eq!(plain("IpAddress(192.0.2.1)"), "192.0.2.1");
        assert_eq!(plain("a.test"), "a.test");
    }

    #[test]
    fn a_missing_or_empty_authority_file_is_named() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let told = Trust::file(Arc::clone(&provider), &missing).unwrap_err();
        assert!(told.contains("missing.pem"), "{told}");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing here\n").unwrap();
        let told = Trust::file(provider, &empty).unwrap_err();
        assert!(told.ends_with("empty.pem: no certificate in it"), "{told}");
    }
}
