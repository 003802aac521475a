//! Services from files, and how well their addresses are: from there to decisions and to a snapshot.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman::answer::snapshot::Snapshot;
use pointsman::config::load::{Loaded, load};
use pointsman::model::id::TargetId;
use pointsman::model::plan::Plan;
use pointsman::model::service::Service;
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::policy::choice::Choice;
use pointsman::policy::choice::client::ClientKey;
use pointsman::policy::decide::{Decided, decide};
use pointsman::policy::readings::{Memory, Reading, Tier};
use pointsman::policy::witness::Nobody;
use pointsman::publish::publisher::Publisher;

/// Services of a zone `example.test`, and how well their addresses are.
pub(crate) struct Town {
    pub(crate) loaded: Loaded,
    pub(crate) plan: Arc<Plan>,
    tiers: HashMap<IpAddr, Tier>,
    pub(crate) latencies: HashMap<IpAddr, Duration>,
    memories: Vec<Memory>,
}

/// What every zone of these tests begins with.
const ZONE: &str = "origin = \"example.test\"\nnameservers = [\"ns.example.net\"]\nhostmaster = \"h.example.test\"\n\
                    [checks.c]\ntype = \"tcp\"\nport = 80\n";

impl Town {
    /// `server` behind the tables of every server file, `zone` behind those of every zone.
    pub(crate) fn new(server: &str, zone: &str, database: Option<&[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("zones")).unwrap();
        std::fs::write(
            path("pointsman.toml"),
            format!("zones.directory = \"zones\"\n{server}"),
        )
        .unwrap();
        std::fs::write(path("zones/a.toml"), format!("{ZONE}{zone}")).unwrap();
        if let Some(octets) = database {
            std::fs::write(path("places.mmdb"), octets).unwrap();
        }
        let loaded = load(&path("pointsman.toml"));
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        let plan = loaded.plan.clone().unwrap();
        Self {
            memories: vec![Memory::default(); plan.services.len()],
            plan,
            loaded,
            tiers: HashMap::new(),
            latencies: HashMap::new(),
        }
    }

    pub(crate) fn set(&mut self, address: &str, tier: Tier) {
        self.tiers.insert(address.parse().unwrap(), tier);
    }

    fn service(&self, label: &str) -> &Service {
        self.plan
            .services
            .iter()
            .find(|service| service.label == label)
            .unwrap()
    }

    pub(crate) fn decide(&mut self, label: &str) -> Decided {
        let service = self.service(label).clone();
        let readings = |target: TargetId| {
            let address = self.plan.targets[target.index()].address;
            let smooth = self.latencies.get(&address).copied();
            Reading {
                tier: self.tiers.get(&address).copied().unwrap_or(Tier::Up),
                smooth,
                latency: smooth,
                ..Reading::UNPROBED
            }
        };
        let now = Now {
            moment: Moment::from_secs(1000),
            wall: UnixTime(0),
        };
        let memory = &mut self.memories[service.id.index()];
        decide(
            &service,
            &self.plan.endpoints,
            &readings,
            memory,
            now,
            &mut Nobody,
        )
    }

    /// What is answered for type A.
    pub(crate) fn choice(&mut self, label: &str) -> Choice {
        self.decide(label).decision.a
    }

    /// The snapshot of all services as they are now.
    pub(crate) fn snapshot(&mut self) -> Arc<Snapshot> {
        let labels: Vec<String> = self
            .plan
            .services
            .iter()
            .map(|service| service.label.clone())
            .collect();
        let decisions: Vec<_> = labels.iter().map(|label| self.decide(label).decision).collect();
        Publisher::new(&self.plan, &self.loaded.contents, 7).apply(&decisions)
    }

    /// Whom `client` gets, told where it is.
    pub(crate) fn give(&self, choice: &Choice, client: &str, dice: u64) -> Vec<IpAddr> {
        let atlas = self.plan.node.geo.as_ref().map(|geo| &*geo.atlas);
        picked(choice, &ClientKey::whole(client.parse().unwrap(), atlas), dice)
    }
}

/// The addresses that are picked, in order.
pub(crate) fn picked(choice: &Choice, client: &ClientKey<'_>, dice: u64) -> Vec<IpAddr> {
    let Some(picked) = choice.pick(client, dice) else {
        return Vec::new();
    };
    (0..picked.take)
        .map(|nth| choice.addresses[usize::from(picked.first + (picked.start + nth) % picked.count)])
        .collect()
}

/// Endpoints `e0`, `e1` … at 192.0.2.0, .1 …; `more` of each number is what else is said of it.
pub(crate) fn endpoints(count: u8, more: impl Fn(u8) -> String) -> String {
    let each: Vec<String> = (0..count)
        .map(|n| format!("{{ name = \"e{n}\", address = \"192.0.2.{n}\"{} }}", more(n)))
        .collect();
    format!("check = \"c\"\nendpoints = [\n{}\n]\n", each.join(",\n"))
}
