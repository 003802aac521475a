//! Keys of TLS, shared by the checks that speak it.

use std::path::Path;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::document::{At, Table};
use crate::config::keys::CHECK_SECURITY;
use crate::config::load::files::Files;
use crate::model::check::{Identity, Security};

/// What is written; files that it names are looked at.
pub(super) fn read(table: &Table<'_>, files: &mut Files) -> Security {
    Security {
        sni: table
            .value("sni")
            .and_then(|value| value.name().map(|_| ()).and(value.text()))
            .map(|text| text.value),
        verify: table.boolean_or_default("verify"),
        ca_file: table.text("ca_file").and_then(|written| {
            let path = files.below(table.source, &written.value);
            files
                .certificates(table.source, written.at, &path)
                .then_some(path)
        }),
        identity: identity(table, files),
    }
}

/// Reports keys of TLS where none is spoken: they belong to `whom`.
pub(super) fn refuse(table: &Table<'_>, whom: &str, instead: &str) {
    for key in CHECK_SECURITY.keys.iter().filter(|key| table.has(key.name)) {
        table.source.error(
            table.place_of(key.name),
            format!("`{}` belongs to {whom}", key.name),
            format!("remove it, or {instead}"),
        );
    }
}

fn identity(table: &Table<'_>, files: &mut Files) -> Option<Identity> {
    let (certificate, key) = (table.text("client_cert"), table.text("client_key"));
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (one, _) => {
            let (there, missing) = if one.is_some() {
                ("client_cert", "client_key")
            } else {
                ("client_key", "client_cert")
            };
            // Written with a mistake is reported as such.
            if !table.has(missing) {
                table.source.error(
                    table.place_of(there),
                    format!("`{there}` without `{missing}`"),
                    format!("write `{missing} = …` beside it"),
                );
            }
            return None;
        }
    };
    let path = |written: &At<String>| files.below(table.source, &written.value);
    let identity = Identity {
        certificate: path(&certificate),
        key: path(&key),
    };
    let chain = pem(table, files, &certificate, &identity.certificate, |text| {
        CertificateDer::pem_slice_iter(text)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or("it holds no certificate in PEM")
    });
    let secret = pem(table, files, &key, &identity.key, |text| {
        PrivateKeyDer::from_pem_slice(text).map_err(|_| "it holds no private key in PEM")
    });
    if let Err(error) = CertifiedKey::from_der(chain?, secret?, &default_provider()) {
        let what = match error {
            rustls::Error::InconsistentKeys(_) => "it is not the key of the certificate".to_owned(),
            other => other.to_string(),
        };
        table.source.error(
            key.at,
            format!("cannot use {}: {what}", identity.key.display()),
            "name the key that was made for `client_cert`",
        );
        return None;
    }
    Some(identity)
}

/// What `find` finds in the file at `path`, which `written` names.
fn pem<T>(
    table: &Table<'_>,
    files: &mut Files,
    written: &At<String>,
    path: &Path,
    find: impl FnOnce(&[u8]) -> Result<T, &'static str>,
) -> Option<T> {
    let found = files
        .text(path)
        .and_then(|text| find(text.as_bytes()).map_err(str::to_owned));
    found
        .map_err(|reason| {
            table.source.error(
                written.at,
                format!("cannot use {}: {reason}", path.display()),
                "name a PEM file, relative to this file",
            );
        })
        .ok()
}
