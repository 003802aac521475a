//! `[api]`: where it listens, and who may use it. A configuration that would let strangers steer is refused.

use std::net::SocketAddr;

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::digest::{SHA256, digest};
use toml::de::DeValue;

use crate::config::check::identity;
use crate::config::defaults;
use crate::config::keys::{API, API_CLIENT, API_TLS, API_TOKEN, Section};
use crate::config::load::files::Files;
use crate::config::raw::document::{At, Table};
use crate::model::access::{ApiAccess, ApiClient, ApiTls, ApiToken, Loopback, Role};

/// Who shows the content of `token_file`, in the audit.
const TOKEN_FILE: &str = "token_file";
/// A token that people think up is shorter.
const SHORT_TOKEN: usize = 16;

/// Address and access.
pub(super) fn read(
    server: &Table<'_>,
    dns: &[SocketAddr],
    files: &mut Files,
) -> (Option<SocketAddr>, ApiAccess) {
    let table = server.table("api", &API);
    let listen = listen(&table, dns);
    let written_tls = table.table("tls", &API_TLS);
    let mut tokens: Vec<ApiToken> = token_file(&table, files).into_iter().collect();
    tokens.extend(tokens_written(&table));
    let access = ApiAccess {
        tokens,
        clients: clients(&table),
        tls: table.has("tls").then(|| tls(&written_tls, files)).flatten(),
        loopback: table
            .choice("loopback", &[])
            .map(|choice| Role::named(choice.value).map_or(Loopback::Nothing, Loopback::Role)),
    };
    if !access.clients.is_empty() && !written_tls.has("client_ca") {
        table.source.error(
            table.place_of("clients"),
            "`[[api.clients]]` without `client_ca`: nobody's certificate would be believed",
            "write `client_ca = \"clients.pem\"` in `[api.tls]`",
        );
    }
    if let Some(listen) = &listen
        && !listen.value.ip().is_loopback()
    {
        off_loopback(&table, &written_tls, listen);
    }
    (listen.map(|listen| listen.value), access)
}

/// Others reach it: they must be told apart, and what they show must not be read on the way.
fn off_loopback(table: &Table<'_>, tls: &Table<'_>, listen: &At<SocketAddr>) {
    let knows = table.has("token_file") || table.has("tokens") || tls.has("client_ca");
    if !knows {
        table.source.error(
            listen.at,
            format!("the API would be open to everybody on {}", listen.value),
            "add a token (`pointsman token NAME` makes one), or listen on \"127.0.0.1:8053\"",
        );
    }
    if !table.has("tls") {
        table.source.error(
            listen.at,
            format!("tokens would cross the network in clear on {}", listen.value),
            "add `[api.tls]` with `certificate` and `key`, or listen on \"127.0.0.1:8053\"",
        );
    }
}

fn listen(table: &Table<'_>, dns: &[SocketAddr]) -> Option<At<SocketAddr>> {
    let listen = match table.value("listen") {
        None => defaults::API_LISTEN
            .parse()
            .ok()
            .map(|socket| At::new(table.at, socket)),
        Some(value) if matches!(value.toml, DeValue::Boolean(false)) => None,
        Some(value) => value.socket(),
    };
    // Both take TCP connections; port 0 is any free one.
    let same = |api: SocketAddr, dns: &SocketAddr| {
        let shared = api.ip() == dns.ip() || api.ip().is_unspecified() || dns.ip().is_unspecified();
        api.port() == dns.port() && api.port() != 0 && api.is_ipv4() == dns.is_ipv4() && shared
    };
    if let Some(listen) = &listen
        && let Some(taken) = dns.iter().find(|dns| same(listen.value, dns))
    {
        table.source.error(
            listen.at,
            format!(
                "{} takes connections for DNS already (`[dns] listen` has {taken})",
                listen.value
            ),
            "give one of them another port",
        );
    }
    listen
}

fn token_file(table: &Table<'_>, files: &mut Files) -> Option<ApiToken> {
    let written = table.text("token_file")?;
    let path = files.below(table.source, &written.value);
    let problem = match files.text(&path) {
        Ok(text) if text.trim().is_empty() => "it is empty".to_owned(),
        Ok(text) if text.trim().contains(char::is_whitespace) => "it holds more than one token".to_owned(),
        Ok(text) => {
            let token = text.trim();
            if token.len() < SHORT_TOKEN {
                table.source.warn(
                    written.at,
                    format!("a token of {} characters can be guessed", token.len()),
                    "put one made by `openssl rand -hex 32` into the file",
                );
            }
            return Some(ApiToken {
                name: TOKEN_FILE.to_owned(),
                role: Role::Admin,
                sha256: hash(token.as_bytes()),
            });
        }
        Err(reason) => reason,
    };
    table.source.error(
        written.at,
        format!("cannot use {}: {problem}", path.display()),
        "put one long random token into it, for example by `openssl rand -hex 32`",
    );
    None
}

/// SHA-256: a token is random, so that no slow hash is needed.
fn hash(token: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, token).as_ref());
    sha256
}

/// The tables of a list, each with its place.
fn tables<'d>(table: &Table<'d>, key: &'static str, section: &'static Section) -> Vec<Table<'d>> {
    let Some(value) = table.value(key) else {
        return Vec::new();
    };
    if !matches!(value.toml, DeValue::Array(_)) {
        return value
            .refuse(
                format!("`{key}` is not a list of tables"),
                format!("write `[[api.{key}]]` before each"),
            )
            .unwrap_or_default();
    }
    let tables = value.elements();
    tables
        .iter()
        .filter_map(|value| value.table(vec![section]))
        .collect()
}

/// Name and role; both are there, or reported.
fn known(table: &Table<'_>, before: &[String]) -> Option<(String, Role)> {
    let name = table.text("name");
    let role = table.choice("role", &[]).and_then(|role| Role::named(role.value));
    let name = name?;
    if name.value.trim().is_empty() || name.value.len() > 255 || name.value.chars().any(char::is_control) {
        table.source.error(
            name.at,
            "this name cannot be told in an audit",
            "write 1 to 255 visible characters",
        );
        return None;
    }
    if before.contains(&name.value) {
        table.source.error(
            name.at,
            format!("`{}` is there already", name.value),
            "give each a name of its own",
        );
    }
    Some((name.value, role?))
}

fn tokens_written(table: &Table<'_>) -> Vec<ApiToken> {
    let (mut names, mut tokens) = (vec![TOKEN_FILE.to_owned()], Vec::new());
    for table in tables(table, "tokens", &API_TOKEN) {
        let sha256 = table.text("sha256");
        let octets = sha256.as_ref().and_then(|written| {
            let octets = HEXLOWER_PERMISSIVE.decode(written.value.as_bytes()).ok();
            let octets = octets.and_then(|octets| <[u8; 32]>::try_from(octets).ok());
            if octets.is_none() {
                table.source.error(
                    written.at,
                    "this is no SHA-256 in hexadecimal (64 digits)",
                    "write what `pointsman token NAME` prints",
                );
            }
            octets
        });
        if let Some((name, role)) = known(&table, &names) {
            names.push(name.clone());
            tokens.extend(octets.map(|sha256| ApiToken { name, role, sha256 }));
        }
    }
    tokens
}

fn clients(table: &Table<'_>) -> Vec<ApiClient> {
    let mut names = Vec::new();
    let tables = tables(table, "clients", &API_CLIENT);
    let known = tables.iter().filter_map(|table| {
        let (name, role) = known(table, &names)?;
        names.push(name.clone());
        Some(ApiClient { name, role })
    });
    known.collect()
}

fn tls(table: &Table<'_>, files: &mut Files) -> Option<ApiTls> {
    let client_ca = table
        .text("client_ca")
        .map(|written| identity::certificates(table, files, &written));
    let identity = identity::read(table, files)?;
    Some(ApiTls {
        identity,
        client_ca: match client_ca {
            Some(authorities) => authorities?,
            None => Vec::new(),
        },
    })
}
