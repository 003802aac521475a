//! `pointsman token NAME`: a new token for the API. It is printed once; the configuration keeps its hash.

use std::process::ExitCode;

use anyhow::anyhow;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use crate::cli::arguments::{RoleName, Token};
use crate::cli::{Common, output};

/// Octets of chance: past guessing.
const CHANCE: usize = 32;

/// Prints a token, and what is to be written into the configuration.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn run(common: &Common, options: &Token) -> anyhow::Result<ExitCode> {
    let mut chance = [0; CHANCE];
    SystemRandom::new()
        .fill(&mut chance)
        .map_err(|_| anyhow!("the system gives no randomness"))?;
    // So that it is recognized where it should not be.
    let token = format!("pointsman_{}", BASE64URL_NOPAD.encode(&chance));
    let sha256 = HEXLOWER.encode(digest(&SHA256, token.as_bytes()).as_ref());
    let role = match options.role {
        RoleName::Read => "read",
        RoleName::Operate => "operate",
        RoleName::Admin => "admin",
    };
    let name = toml::Value::from(options.name.as_str()).to_string();
    let lines = format!("[[api.tokens]]\nname = {name}\nrole = \"{role}\"\nsha256 = \"{sha256}\"");
    if common.json {
        output::json(&json!({
            "token": token, "name": options.name, "role": role, "sha256": sha256, "configuration": lines,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&token);
    output::note(&format!(
        "\nThis token is not shown again: keep it in a file that only {} can read, and name that by --token-file.\n\
         Write this into pointsman.toml, and reload:\n\n{lines}",
        options.name
    ));
    Ok(ExitCode::SUCCESS)
}
