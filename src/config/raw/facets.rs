//! The shape of what a service answers besides addresses.

use toml::de::DeValue;

use super::document::{At, Table, Value};
use super::service::{RawGroup, RawPool};
use crate::config::keys;

/// Type numbers of bindings.
const SVCB: u16 = 64;
const HTTPS: u16 = 65;

/// Parameters of SVCB (RFC 9460 section 14.3.2).
const ALPN: u16 = 1;
const PORT: u16 = 3;

/// `endpoint_names`, `srv`, `mx`, `https`, `svcb` as they are written.
#[derive(Debug, Default)]
pub(crate) struct RawFacets {
    pub(crate) endpoint_names: Option<At<bool>>,
    pub(crate) srv: Vec<At<RawSrv>>,
    /// The preference.
    pub(crate) mx: Option<At<u16>>,
    pub(crate) bindings: Vec<At<RawBinding>>,
}

/// An element of `srv`.
#[derive(Debug)]
pub(crate) struct RawSrv {
    pub(crate) name: At<String>,
    pub(crate) port: u16,
    pub(crate) priority: u16,
    pub(crate) weight: Option<u16>,
}

/// `https` or `svcb`.
#[derive(Debug)]
pub(crate) struct RawBinding {
    pub(crate) rtype: u16,
    /// Priority, target and parameters up to where hints belong, in wire form.
    pub(crate) head: Vec<u8>,
    pub(crate) hints: bool,
}

impl RawFacets {
    /// Reads them from a service's table.
    pub(crate) fn read(table: &Table<'_>) -> Self {
        let srv = table.value("srv").map_or_else(Vec::new, |value| {
            if !matches!(value.toml, DeValue::Array(_)) {
                value.wrong_type::<()>("a list", "write `srv = [{ name = \"_sip._tcp\", port = 5060 }]`");
                return Vec::new();
            }
            value.elements().iter().filter_map(RawSrv::read).collect()
        });
        let binding = |key, rtype| {
            let value = table.value(key)?;
            let inner = value.table(vec![&keys::BINDING])?;
            Some(At::new(value.at, RawBinding::read(rtype, &inner)))
        };
        Self {
            endpoint_names: table.boolean("endpoint_names"),
            srv,
            mx: table.value("mx").and_then(|value| {
                let inner = value.table(vec![&keys::MX])?;
                Some(At::new(value.at, inner.integer_or_default("preference")))
            }),
            bindings: [binding("https", HTTPS), binding("svcb", SVCB)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Whether endpoints need host names, and where that is written.
    pub(crate) fn names_hosts(&self) -> Option<usize> {
        let written = self
            .endpoint_names
            .filter(|names| names.value)
            .map(|names| names.at);
        let srv = self.srv.first().map(|srv| srv.at);
        written.or(srv).or(self.mx.map(|mx| mx.at))
    }
}

impl RawSrv {
    fn read(value: &Value<'_>) -> Option<At<Self>> {
        let element = Value {
            name: "srv",
            ..*value
        };
        let table = element.table(vec![&keys::SRV])?;
        // All are read before anything is given up, so that every mistake is reported.
        let (name, port) = (table.text("name"), table.value("port"));
        let port = port.and_then(|_| table.integer("port"));
        let srv = Self {
            priority: table.integer_or_default("priority"),
            weight: table
                .integer("weight")
                .and_then(|weight| u16::try_from(weight.value).ok()),
            port: u16::try_from(port?.value).ok()?,
            name: name?,
        };
        Some(At::new(value.at, srv))
    }
}

impl RawBinding {
    fn read(rtype: u16, table: &Table<'_>) -> Self {
        let priority: u16 = table.integer_or_default("priority");
        let mut head = priority.to_be_bytes().to_vec();
        head.push(0);
        let mut protocols = Vec::new();
        for protocol in table.each("alpn", Value::text) {
            match u8::try_from(protocol.value.len()) {
                Ok(length) if protocols.len() < 256 => {
                    protocols.push(length);
                    protocols.extend(protocol.value.bytes());
                }
                _ => table.source.error(
                    protocol.at,
                    "too long for the names of protocols",
                    "write names of at most 255 octets, and few of them",
                ),
            }
        }
        let port: Option<u16> = table
            .integer("port")
            .and_then(|port| u16::try_from(port.value).ok());
        let port = port.map(|port| port.to_be_bytes().to_vec()).unwrap_or_default();
        for (number, data) in [(ALPN, protocols), (PORT, port)] {
            if !data.is_empty() {
                head.extend(number.to_be_bytes());
                head.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
                head.extend(data);
            }
        }
        Self {
            rtype,
            head,
            hints: table.boolean_or_default("hints"),
        }
    }
}

/// The names of all endpoints below a group.
pub(crate) fn endpoint_names<'a>(group: &'a RawGroup, pools: &'a [RawPool]) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    let mut groups = vec![group];
    while let Some(group) = groups.pop() {
        found.extend(
            group
                .endpoints
                .iter()
                .map(|endpoint| endpoint.name.value.as_str()),
        );
        for name in &group.pools {
            // Pools may form a loop, which is reported elsewhere.
            if !known.contains(&name.value.as_str()) {
                known.push(&name.value);
                let pool = pools.iter().find(|pool| pool.name.value == name.value);
                groups.extend(pool.map(|pool| &pool.group));
            }
        }
    }
    found
}
