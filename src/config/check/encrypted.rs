//! `[dns.tls]`, `[dns.quic]`, `[dns.https]`: where DNS is encrypted, and as whom.

use std::net::SocketAddr;

use crate::config::check::identity;
use crate::config::defaults;
use crate::config::keys::{self, Section};
use crate::config::load::files::Files;
use crate::config::raw::document::{Table, Value};
use crate::model::encrypted::{Door, Encrypted, EncryptedLimits};
use crate::model::identity::Identity;

/// An address that is taken, whether it is TCP's or UDP's, and by whom.
type Taken = (SocketAddr, Protocol, &'static str);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
}

/// What `[dns]` says of them; `plain` and `api` have their addresses already.
pub(super) fn read(
    dns: &Table<'_>,
    plain: &[SocketAddr],
    api: Option<SocketAddr>,
    files: &mut Files,
) -> Encrypted {
    let mut taken: Vec<Taken> = Vec::new();
    for address in plain {
        taken.push((*address, Protocol::Tcp, "[dns]"));
        taken.push((*address, Protocol::Udp, "[dns]"));
    }
    taken.extend(api.map(|address| (address, Protocol::Tcp, "[api]")));
    let mut door = |name, section, protocol, common: Option<&Identity>| {
        let table = dns.has(name).then(|| dns.table(name, section))?;
        door(&table, section, protocol, common, &mut taken, files)
    };
    let tls = door("tls", &keys::DNS_TLS, Protocol::Tcp, None);
    let common = tls.as_ref().map(|door: &Door| &door.identity);
    let quic = door("quic", &keys::DNS_QUIC, Protocol::Udp, common);
    let https = door("https", &keys::DNS_HTTPS, Protocol::Tcp, common);
    Encrypted {
        tls,
        quic,
        https,
        path: path(dns),
        limits: limits(&dns.table("encrypted", &keys::DNS_ENCRYPTED)),
    }
}

fn door(
    table: &Table<'_>,
    section: &'static Section,
    protocol: Protocol,
    common: Option<&Identity>,
    taken: &mut Vec<Taken>,
    files: &mut Files,
) -> Option<Door> {
    let listen = listen(table, section, protocol, taken);
    let is_own = table.has("certificate") || table.has("key");
    let identity = if is_own || section.title == keys::DNS_TLS.title {
        complete(table, section)
            .then(|| identity::read(table, files))
            .flatten()
    } else if let Some(common) = common {
        Some(common.clone())
    } else {
        table.source.error(
            table.at,
            format!(
                "{} has no certificate, and there is no [dns.tls] whose it could show",
                section.title
            ),
            "write `certificate = \"FILE.pem\"` and `key = \"FILE.key\"`",
        );
        None
    };
    Some(Door {
        listen,
        identity: identity?,
    })
}

/// Whether there is nothing missing of certificate and key, where they are not required by their table.
fn complete(table: &Table<'_>, section: &'static Section) -> bool {
    if section.title == keys::DNS_TLS.title {
        return true;
    }
    for (there, missing) in [("certificate", "key"), ("key", "certificate")] {
        if table.has(there) && !table.has(missing) {
            table.source.error(
                table.place_of(there),
                format!("`{there}` without `{missing}` in {}", section.title),
                format!("write `{missing} = \"FILE\"` too, or neither: those of [dns.tls] are shown then"),
            );
            return false;
        }
    }
    true
}

fn listen(
    table: &Table<'_>,
    section: &'static Section,
    protocol: Protocol,
    taken: &mut Vec<Taken>,
) -> Vec<SocketAddr> {
    let written = table.each("listen", Value::socket);
    if table.has("listen")
        && table
            .value("listen")
            .is_some_and(|value| value.elements().is_empty())
    {
        table.source.error(
            table.place_of("listen"),
            format!("`listen` is empty: {} would answer nobody", section.title),
            "write one like \"192.0.2.53:853\", or take the table out",
        );
    }
    let mut sockets = Vec::new();
    for socket in written {
        let address = socket.value;
        let other = taken
            .iter()
            .find(|(other, of, _)| *of == protocol && same(address, *other));
        if let Some((other, _, whose)) = other {
            let what = match protocol {
                Protocol::Tcp => "TCP connections",
                Protocol::Udp => "UDP datagrams",
            };
            table.source.error(
                socket.at,
                format!("{address} is taken: {whose} has {what} at {other}"),
                "give one of them another port",
            );
            continue;
        }
        taken.push((address, protocol, section.title));
        sockets.push(address);
    }
    sockets
}

/// Whether the kernel would give only one of them; port 0 is any free one.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    let shared = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && shared
}

fn path(dns: &Table<'_>) -> String {
    let table = dns.table("https", &keys::DNS_HTTPS);
    let Some(written) = table.text("path") else {
        return defaults::DOH_PATH.to_owned();
    };
    let is_path = written.value.starts_with('/')
        && written.value.len() <= 255
        && written
            .value
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"/-._~".contains(&octet));
    if !is_path {
        table.source.error(
            written.at,
            format!("`{}` is no path", written.value.escape_debug()),
            format!(
                "write one of letters, digits, `-`, `.`, `_`, `~` and `/`, like \"{}\"",
                defaults::DOH_PATH
            ),
        );
    }
    written.value
}

fn limits(table: &Table<'_>) -> EncryptedLimits {
    EncryptedLimits {
        connections: table.integer_or_default("connections"),
        per_client: table.integer_or_default("per_client"),
        handshakes: table.integer_or_default("handshakes"),
        handshakes_per_client: table.integer_or_default("handshakes_per_client"),
        handshake: table.duration_or_default("handshake"),
        idle: table.duration_or_default("idle"),
        streams: table.integer_or_default("streams"),
    }
}
