//! How a check's connections are made.

use std::net::IpAddr;

use super::document::Table;
use crate::model::check::{ProxyHeader, Way};

/// As it is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawWay(pub(crate) Way);

impl RawWay {
    /// Reads `source`.
    pub(super) fn read_source(&mut self, table: &Table<'_>) {
        for address in table.each("source", |value| value.address()) {
            let twice = match address.value {
                IpAddr::V4(v4) => self.0.source_v4.replace(v4).is_some(),
                IpAddr::V6(v6) => self.0.source_v6.replace(v6).is_some(),
            };
            if twice {
                table.source.error(
                    address.at,
                    format!("`source` has two addresses of the family of {}", address.value),
                    "keep one for IPv4 and one for IPv6",
                );
            }
        }
    }

    /// Reads `proxy_header`.
    pub(super) fn read_proxy_header(&mut self, table: &Table<'_>) {
        self.0.proxy_header = table.integer("proxy_header").map(|version| match version.value {
            1 => ProxyHeader::V1,
            _ => ProxyHeader::V2,
        });
    }
}
