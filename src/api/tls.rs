//! TLS of the API: what the server shows, and whose certificates it believes.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::model::access::ApiTls;

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

/// What connections are accepted with.
///
/// # Errors
/// [`TlsError`]; what `check` read was good, so that none is expected.
pub fn server(tls: &ApiTls) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if tls.client_ca.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut authorities = RootCertStore::empty();
        for authority in &tls.client_ca {
            authorities.add(CertificateDer::from(authority.clone()))?;
        }
        // A token serves as well: who shows no certificate is asked for that.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
            .allow_unauthenticated()
            .build()?;
        builder.with_client_cert_verifier(verifier)
    };
    let chain = tls.chain.iter().cloned().map(CertificateDer::from).collect();
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(&tls.key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The names in a certificate: common name and alternative names.
#[must_use]
pub fn names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let common = certificate.subject().iter_common_name();
    let common = common.filter_map(|name| name.as_str().ok().map(str::to_owned));
    let others = certificate.subject_alternative_name().ok().flatten();
    let others = others
        .iter()
        .flat_map(|others| &others.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        });
    common.chain(others).collect()
}
