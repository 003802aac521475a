//! Asking for the addresses of a name, through hickory's resolver.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::model::time::Ttl;
use crate::wire::name::Name;

/// How long one server may take for one question.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often a question is asked before it has failed.
const ATTEMPTS: usize = 2;
/// TTL of "no such address": how soon a family that appears is found.
const ABSENT: u32 = 60;

/// What was heard of a family: its addresses (perhaps none) and their least TTL, or why it is not known.
pub(super) type Family = Result<(Vec<IpAddr>, Ttl), String>;

/// What was heard of a name: A and AAAA.
pub(super) type Heard = [Family; 2];

/// Who asks. Cheap to clone.
#[derive(Clone)]
pub(super) struct Asker(Result<Arc<TokioResolver>, String>);

impl Asker {
    /// One that asks `nameservers`, or those of the system when there are none.
    pub(super) fn new(nameservers: &[SocketAddr]) -> Self {
        let builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = nameservers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            Ok(TokioResolver::builder_with_config(
                config,
                TokioRuntimeProvider::default(),
            ))
        };
        let built = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            // A name is asked for when its TTL is over: a cache could only answer what is over.
            options.cache_size = 0;
            options.timeout = TIMEOUT;
            options.attempts = ATTEMPTS;
            if !nameservers.is_empty() {
                options.use_hosts_file = ResolveHosts::Never;
            }
            builder.build()
        });
        Self(
            built
                .map(Arc::new)
                .map_err(|error| format!("no resolver: {error}")),
        )
    }

    /// Both families at once.
    pub(super) async fn ask(&self, name: &Name) -> Heard {
        let resolver = match &self.0 {
            Ok(resolver) => resolver,
            Err(why) => return [Err(why.clone()), Err(why.clone())],
        };
        let Ok(name) = hickory_proto::rr::Name::from_str(&name.to_string()) else {
            let why = || Err("not a name that can be asked for".to_owned());
            return [why(), why()];
        };
        let one = |rtype| family(resolver, name.clone(), rtype);
        let (a, aaaa) = tokio::join!(one(RecordType::A), one(RecordType::AAAA));
        [a, aaaa]
    }
}

async fn family(resolver: &TokioResolver, name: hickory_proto::rr::Name, rtype: RecordType) -> Family {
    let lookup = match resolver.lookup(name, rtype).await {
        Ok(lookup) => lookup,
        Err(error) if error.is_nx_domain() => return Err("the name does not exist".to_owned()),
        Err(error) if error.is_no_records_found() => return Ok((Vec::new(), Ttl::from_secs(ABSENT))),
        Err(error) => return Err(error.to_string()),
    };
    // Aliases on the way are records of the answer, too: what they lead to holds no longer than they do.
    let ttl = lookup.answers().iter().map(|record| record.ttl).min();
    let address = |data: &RData| match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    };
    let mut addresses: Vec<IpAddr> = lookup
        .answers()
        .iter()
        .filter_map(|record| address(&record.data))
        .filter(|address| !address.is_unspecified() && !address.is_multicast())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok((addresses, Ttl::from_secs(ttl.unwrap_or(ABSENT))))
}
