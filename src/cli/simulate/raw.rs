//! A scenario's file as it is written.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use toml::Spanned;

use crate::model::plan::Plan;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    #[serde(rename = "about")]
    pub(super) _about: Option<String>,
    pub(super) config: Option<String>,
    pub(super) server: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) lasts: Spanned<String>,
    #[serde(default)]
    pub(super) clients: RawClients,
    #[serde(default)]
    pub(super) objective: RawObjective,
    #[serde(default)]
    pub(super) event: Vec<Spanned<RawEvent>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClients {
    pub(super) count: Option<u32>,
    pub(super) every: Option<Spanned<String>>,
    pub(super) patience: Option<Spanned<String>>,
    pub(super) cache_floor: Option<Spanned<String>>,
    pub(super) tls: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObjective {
    pub(super) recover_within: Option<Spanned<String>>,
    pub(super) max_switches: Option<usize>,
    pub(super) availability: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) never_named: Vec<Spanned<RawNever>>,
    #[serde(default)]
    pub(super) answers: Vec<Spanned<RawAnswer>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNever {
    pub(super) service: Option<String>,
    pub(super) site: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) from: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnswer {
    pub(super) at: String,
    pub(super) service: String,
    pub(super) are: Vec<IpAddr>,
}

/// Addresses, by what operators call them.
#[derive(Debug, Default)]
pub(super) struct Whom {
    pub(super) site: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) reference: Option<SocketAddr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvent {
    pub(super) at: String,
    pub(super) site: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) reference: Option<SocketAddr>,
    pub(super) is: Option<String>,
    pub(super) share: Option<String>,
    pub(super) after: Option<String>,
    pub(super) over: Option<String>,
    pub(super) up: Option<String>,
    pub(super) down: Option<String>,
    pub(super) refuses: Option<bool>,
    #[serde(rename = "do")]
    pub(super) deed: Option<String>,
    pub(super) by: Option<String>,
    pub(super) service: Option<String>,
    pub(super) to: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) server: Option<String>,
}

impl RawNever {
    pub(super) fn whom(&self) -> Whom {
        Whom {
            site: self.site.clone(),
            endpoint: self.endpoint.clone(),
            address: self.address,
            reference: None,
        }
    }
}

impl RawEvent {
    pub(super) fn whom(&self) -> Whom {
        Whom {
            site: self.site.clone(),
            endpoint: self.endpoint.clone(),
            address: self.address,
            reference: self.reference,
        }
    }
}

impl Whom {
    pub(super) fn told(&self) -> String {
        let site = self.site.as_ref().map(|site| format!("site {site}"));
        let address = self.address.map(|address| address.to_string());
        let reference = self.reference.map(|reference| format!("reference {reference}"));
        site.or_else(|| self.endpoint.clone())
            .or(address)
            .or(reference)
            .unwrap_or_default()
    }

    pub(super) fn addresses(&self, plan: &Plan) -> Result<Vec<IpAddr>, String> {
        let named = |wanted: &dyn Fn(&str, &str) -> bool| -> Vec<IpAddr> {
            let mut found: Vec<IpAddr> = plan
                .endpoints
                .iter()
                .filter(|endpoint| {
                    let service = plan.services.get(endpoint.service.index());
                    service.is_some_and(|service| wanted(&service.display_name(), &endpoint.name))
                })
                .flat_map(|endpoint| endpoint.addresses.iter().map(|address| address.address))
                .collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        let found = match (&self.site, &self.endpoint, self.address) {
            (Some(site), None, None) => named(&|_, name| name == site),
            (None, Some(endpoint), None) => match endpoint.rsplit_once('/') {
                Some((service, name)) => named(&|s, n| s.eq_ignore_ascii_case(service) && n == name),
                None => return Err(format!("`{endpoint}` is no endpoint; write SERVICE/ENDPOINT")),
            },
            (None, None, Some(address)) => vec![address],
            _ => return Err("say whom: one of `site`, `endpoint`, `address`".to_owned()),
        };
        if found.is_empty() {
            return Err(format!("the configuration has no {}", self.told()));
        }
        Ok(found)
    }
}
