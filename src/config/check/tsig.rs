//! `[keys.NAME]`: shared secrets of TSIG.

use data_encoding::BASE64;

use crate::config::defaults;
use crate::config::keys::KEY;
use crate::config::load::files::Files;
use crate::config::raw::document::Table;
use crate::model::plan::{TsigAlgorithm, TsigKey};
use crate::wire::name::Name;

/// All of them, by name.
pub(super) fn keys(server: &Table<'_>, files: &mut Files) -> Vec<TsigKey> {
    let mut found: Vec<TsigKey> = Vec::new();
    for (written, value) in server.named("keys") {
        let Some(table) = value.table(vec![&KEY]) else {
            continue;
        };
        let name = match Name::from_text(written.value) {
            Ok(name) => Some(name),
            Err(error) => {
                server.source.error(
                    written.at,
                    format!("`{}` is not a domain name: {error}", written.value),
                    "name the key like a host, for example `transfer.example.test`",
                );
                None
            }
        };
        if let Some(name) = &name
            && found.iter().any(|key| key.name == *name)
        {
            server.source.error(
                written.at,
                format!("key `{}` is there already, in other letter case", written.value),
                "remove one of them",
            );
        }
        let algorithm = match table.choice_or_default("algorithm") {
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            _ => TsigAlgorithm::HmacSha256,
        };
        if let (Some(name), Some(secret)) = (name, secret(&table, files)) {
            found.push(TsigKey {
                name,
                algorithm,
                secret,
            });
        }
    }
    found
}

fn secret(table: &Table<'_>, files: &mut Files) -> Option<Vec<u8>> {
    const GENERATE: &str = "write one made by `openssl rand -base64 32`";
    let (at, text) = match (table.text("secret"), table.text("secret_file")) {
        (Some(secret), None) => (secret.at, secret.value),
        (None, Some(file)) => {
            let path = files.below(table.source, &file.value);
            match files.text(&path) {
                Ok(text) => (file.at, text),
                Err(reason) => {
                    table.source.error(
                        file.at,
                        format!("cannot read {}: {reason}", path.display()),
                        "name a file with the secret in base64, relative to this file",
                    );
                    return None;
                }
            }
        }
        (Some(_), Some(file)) => {
            table
                .source
                .error(file.at, "both `secret` and `secret_file`", "keep one of them");
            return None;
        }
        (None, None) => {
            // One that is there with a mistake was reported already.
            if !table.has("secret") && !table.has("secret_file") {
                table
                    .source
                    .error(table.at, "neither `secret` nor `secret_file`", GENERATE);
            }
            return None;
        }
    };
    match BASE64.decode(text.trim().as_bytes()) {
        Ok(secret) if secret.is_empty() => {
            table.source.error(at, "the secret is empty", GENERATE);
            None
        }
        Ok(secret) => {
            if secret.len() < defaults::SHORT_SECRET {
                table.source.warn(
                    at,
                    format!("a secret of {} octets can be guessed", secret.len()),
                    GENERATE,
                );
            }
            Some(secret)
        }
        Err(_) => {
            table.source.error(at, "the secret is not base64", GENERATE);
            None
        }
    }
}
