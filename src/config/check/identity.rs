//! `certificate` and `key` of a table: read, and made sure that they belong together.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::load::files::Files;
use crate::config::raw::document::{At, Table};
use crate::model::identity::Identity;

/// Both of them, or nothing; what is wrong is reported.
pub(super) fn read(table: &Table<'_>, files: &mut Files) -> Option<Identity> {
    let certificate = table.text("certificate");
    let place = certificate.as_ref().map(|written| table.source.place(written.at));
    let chain = certificate.map(|written| certificates(table, files, &written));
    let written = table.text("key")?;
    let path = files.below(table.source, &written.value);
    let refuse = |reason: String| {
        table.source.error(
            written.at,
            format!("cannot use {}: {reason}", path.display()),
            "name the key that was made for `certificate`",
        );
    };
    let key = files.text(&path).map_err(refuse).ok()?.into_bytes();
    let Ok(secret) = PrivateKeyDer::from_pem_slice(&key) else {
        refuse("it holds no private key in PEM".to_owned());
        return None;
    };
    let chain = chain??;
    let shown = chain.iter().cloned().map(CertificateDer::from).collect();
    if let Err(error) = CertifiedKey::from_der(shown, secret, &default_provider()) {
        refuse(match error {
            rustls::Error::InconsistentKeys(_) => "it is not the key of the certificate".to_owned(),
            other => other.to_string(),
        });
        return None;
    }
    Some(Identity {
        chain,
        key,
        place: place?,
    })
}

/// Certificates of a PEM file, at least one.
pub(super) fn certificates(
    table: &Table<'_>,
    files: &mut Files,
    written: &At<String>,
) -> Option<Vec<Vec<u8>>> {
    let path = files.below(table.source, &written.value);
    let read = files.text(&path).and_then(|text| {
        CertificateDer::pem_slice_iter(text.as_bytes())
            .map(|found| found.map(|certificate| certificate.to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| "it holds no certificate in PEM".to_owned())
    });
    read.map_err(|reason| {
        table.source.error(
            written.at,
            format!("cannot use {}: {reason}", path.display()),
            "name a PEM file, relative to this file",
        );
    })
    .ok()
}
