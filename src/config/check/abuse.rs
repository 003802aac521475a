//! `[dns.cookies]` and `[dns.rate_limit]`.

use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::keys::{DNS_COOKIES, DNS_RATE_LIMIT};
use crate::config::load::files::Files;
use crate::config::raw::document::{Table, Value};
use crate::model::abuse::{CookieSecrets, CookieSettings, RateSettings, Require};

/// Secrets of which each wrong cookie is tried by all: a roll-over needs two, a mishap three.
const MOST: usize = 4;

/// `[dns.cookies]`
pub(super) fn cookies(dns: &Table<'_>, files: &mut Files) -> CookieSettings {
    let table = dns.table("cookies", &DNS_COOKIES);
    let shared = shared(&table, files);
    let secrets = match shared {
        _ if !table.boolean_or_default("enabled") => CookieSecrets::Off,
        None => own().map_or(CookieSecrets::Off, CookieSecrets::Own),
        Some(secrets) => CookieSecrets::Shared(secrets),
    };
    CookieSettings {
        lane: secrets != CookieSecrets::Off && table.boolean_or_default("lane"),
        secrets,
        require: match table.choice_or_default("require") {
            "never" => Require::Never,
            "always" => Require::Always,
            _ => Require::Limited,
        },
        max_without: table
            .has("max_without")
            .then(|| table.integer_or_default("max_without")),
    }
}

/// One for the process's life, so that cookies stay good over reloads; `None` where the system has no chance to give.
fn own() -> Option<[u8; 16]> {
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if own.is_none() {
        let mut secret = [0; 16];
        *own = SystemRandom::new().fill(&mut secret).ok().map(|()| secret);
    }
    *own
}

static OWN: Mutex<Option<[u8; 16]>> = Mutex::new(None);

/// Goes on with the secret of the server that is taken over from: its clients' cookies stay good.
pub(crate) fn go_on_with(secret: [u8; 16]) {
    *OWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
}

/// What is in `secret_file`; `None` without one, or when it has mistakes, which are reported.
fn shared(table: &Table<'_>, files: &mut Files) -> Option<Vec<[u8; 16]>> {
    let written = table.text("secret_file")?;
    let path = files.below(table.source, &written.value);
    let mistake = |what: String, instead: &str| {
        table.source.error(written.at, what, instead.to_owned());
        None
    };
    let text = match files.text(&path) {
        Ok(text) => text,
        Err(reason) => {
            return mistake(
                format!("cannot read {}: {reason}", path.display()),
                "name a file with a secret of 32 hexadecimal digits, relative to this file",
            );
        }
    };
    let lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
    let mut secrets: Vec<[u8; 16]> = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let octets = HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
        let Some(secret) = octets.and_then(|octets| octets.try_into().ok()) else {
            // The line is not shown: it may be most of a secret.
            return mistake(
                format!("line {number} of {} is not a secret", path.display()),
                "write 32 hexadecimal digits, made by `openssl rand -hex 16`",
            );
        };
        if secrets.contains(&secret) {
            return mistake(
                format!(
                    "line {number} of {} has a secret for the second time",
                    path.display()
                ),
                "remove one of them",
            );
        }
        secrets.push(secret);
    }
    match secrets.len() {
        0 => mistake(
            format!("{} has no secret", path.display()),
            "write one into it: `openssl rand -hex 16`",
        ),
        1..=MOST => Some(secrets),
        many => mistake(
            format!("{} has {many} secrets", path.display()),
            "keep the present one, the next and the one before: four at the most",
        ),
    }
}

/// `[dns.rate_limit]`; `None` when nobody is to be limited.
pub(super) fn rate_limit(dns: &Table<'_>) -> Option<RateSettings> {
    let table = dns.table("rate_limit", &DNS_RATE_LIMIT);
    let all: u32 = table.integer_or_default("per_second");
    let rate = |key: &'static str| {
        if table.has(key) {
            table.integer_or_default(key)
        } else {
            all
        }
    };
    let settings = RateSettings {
        per_second: [
            all,
            rate("nodata_per_second"),
            rate("nxdomain_per_second"),
            rate("referrals_per_second"),
            rate("errors_per_second"),
        ],
        burst: table.integer_or_default("burst"),
        slip: table.integer_or_default("slip"),
        ipv4_prefix: table.integer_or_default("ipv4_prefix"),
        ipv6_prefix: table.integer_or_default("ipv6_prefix"),
        exempt: table
            .each("exempt", Value::network)
            .into_iter()
            .map(|network| network.value)
            .collect(),
        entries: table.integer_or_default("entries"),
    };
    if all == 0 {
        for key in [
            "nodata_per_second",
            "nxdomain_per_second",
            "referrals_per_second",
            "errors_per_second",
        ] {
            if table.has(key) {
                table.source.error(
                    table.place_of(key),
                    format!("`{key}` is written, but `per_second` is not: nobody is limited"),
                    "write `per_second` as well, like `per_second = 200`",
                );
            }
        }
        return None;
    }
    Some(settings)
}
