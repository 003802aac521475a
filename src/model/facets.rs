//! What a service answers besides its addresses: host names of single endpoints, SRV, MX, SVCB and HTTPS.
//!
//! All of it follows the one decision that A and AAAA follow, so that no type names what another would not.

use crate::model::id::EndpointId;
use crate::wire::name::Name;

/// Names and types beside A and AAAA at the service's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// A host name for each endpoint: what SRV and MX can name.
    pub hosts: Vec<Host>,
    /// SRV at names below the service's.
    pub srv: Vec<Srv>,
    /// The preference of MX at the service's name.
    pub mx: Option<u16>,
    /// SVCB and HTTPS at the service's name.
    pub bindings: Vec<Binding>,
}

/// The host name of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Whose.
    pub endpoint: EndpointId,
    /// `fra.www.example.test.`
    pub name: Name,
    /// Its share where the service names several: its `weight`.
    pub weight: u16,
}

/// SRV records (RFC 2782), one for each endpoint that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// `_sip._tcp.www.example.test.`
    pub owner: Name,
    /// Port.
    pub port: u16,
    /// Priority, the same for all: the policy has chosen already.
    pub priority: u16,
    /// Weight; `None`: that of each endpoint.
    pub weight: Option<u16>,
}

/// A record of SVCB or HTTPS (RFC 9460) in service form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Type number: 64 or 65.
    pub rtype: u16,
    /// The data up to where hints belong: priority, the root as target (it stands for the owner), and the parameters
    /// with numbers below 4 in wire form.
    pub head: Vec<u8>,
    /// Whether the addresses that are answered follow as hints.
    pub hints: bool,
}

impl Facets {
    /// The names besides the service's own, numbered from 1 in this order.
    pub fn owners(&self) -> impl Iterator<Item = &Name> {
        let hosts = self.hosts.iter().map(|host| &host.name);
        hosts.chain(self.srv.iter().map(|srv| &srv.owner))
    }

    /// Whether there is nothing but A and AAAA.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
