//! What the arguments of LUA records mean: URLs, sets of addresses, weights, views, times.

use crate::cli::import::draft::{Answer, Endpoint, Value};
use crate::cli::import::lua::Lua;

pub(super) struct Url {
    pub(super) scheme: &'static str,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Url {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (scheme, rest, port) = match text.split_once("://")? {
            ("http", rest) => ("http", rest, 80),
            ("https", rest) => ("https", rest, 443),
            _ => return None,
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, written)) if !written.is_empty() && !written.contains(']') => {
                (host, written.parse().ok()?)
            }
            _ => (authority, port),
        };
        let host = host.trim_matches(['[', ']']);
        (!host.is_empty()).then(|| Self {
            scheme,
            host: host.to_owned(),
            port,
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        })
    }
}

/// Address sets: a list of lists, or one list.
pub(super) fn sets_of(value: &Lua) -> Vec<&Lua> {
    let list = value.list();
    if list.iter().any(|inner| matches!(inner, Lua::Table(..))) {
        list.iter().collect()
    } else {
        vec![value]
    }
}

pub(super) fn endpoint(text: &str) -> Endpoint {
    match text.parse() {
        Ok(address) => Endpoint::at(text, address),
        Err(_) => Endpoint::answering(text.trim_end_matches('.'), Answer::Cname(text.to_owned())),
    }
}

pub(super) fn answers(list: &Lua) -> Vec<Endpoint> {
    match list {
        Lua::Text(one) => vec![endpoint(one)],
        _ => list.list().iter().filter_map(Lua::text).map(endpoint).collect(),
    }
}

pub(super) fn weighted(list: &Lua) -> Vec<Endpoint> {
    list.list()
        .iter()
        .filter_map(|pair| match pair.list() {
            [weight, answer] => Some(endpoint(answer.text()?).with("weight", whole(weight.number()?))),
            _ => None,
        })
        .collect()
}

pub(super) fn views(pairs: &Lua) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for pair in pairs.list() {
        let [networks, values] = pair.list() else { continue };
        let networks: Vec<&str> = match networks {
            Lua::Text(one) => vec![one],
            _ => networks.list().iter().filter_map(Lua::text).collect(),
        };
        for answer in answers(values) {
            found.push(answer.with("networks", Value::texts(&networks)));
        }
    }
    found
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to a range that holds")]
pub(super) fn whole(number: f64) -> Value {
    Value::Number(number.clamp(0.0, 65_535.0).round() as i64)
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to a range that holds")]
pub(super) fn millis(seconds: f64) -> Value {
    let millis = (seconds.clamp(0.0, 86_400.0) * 1000.0).round() as i64;
    Value::Text(if millis % 1000 == 0 {
        format!("{}s", millis / 1000)
    } else {
        format!("{millis}ms")
    })
}
