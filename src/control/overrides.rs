//! What operators laid upon endpoints: what stands, on whom, until when.
//!
//! On one endpoint the latest counts. The entries of `overrides.toml` are older than every command: the file is how
//! things are meant to be, a command is somebody's word on top of it, and goes away.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::diagnostic::Place;
use crate::model::force::{FileOverride, ForceKind};
use crate::model::id::{EndpointId, ServiceId};
use crate::model::plan::Plan;
use crate::model::reach::matching;
use crate::model::selector::Selector;
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::readings::Forced;

/// An override as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredOverride {
    /// Larger ones came later.
    pub id: u64,
    /// What it lies upon, as a [`Selector`].
    pub select: String,
    /// What it makes of that.
    pub kind: ForceKind,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was laid.
    pub created: UnixTime,
    /// When it ends, by the wall clock.
    pub until: Option<UnixTime>,
    /// For how long it was laid: it never lasts longer, whatever the wall clock does.
    pub length: Option<Duration>,
    /// Whether it went past a rule of safety.
    pub break_glass: bool,
}

/// An override in force.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    /// 0 for those of the file.
    pub id: u64,
    pub select: Selector,
    pub kind: ForceKind,
    pub owner: String,
    pub reason: Option<String>,
    pub created: UnixTime,
    pub expiry: Option<Expiry>,
    pub break_glass: bool,
    /// Where in `overrides.toml` it stands; `None`: it was a command.
    pub place: Option<Place>,
}

/// When an override ends, on both clocks. A running server goes by the moment, which never steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub at: Moment,
    pub wall: UnixTime,
    pub length: Duration,
}

impl Expiry {
    pub(crate) fn after(length: Duration, now: Now) -> Self {
        Self {
            at: now.moment.after(length),
            wall: now.wall.after(length),
            length,
        }
    }
}

impl Override {
    /// What an earlier life left on disk; `None` when it cannot be read (a later version wrote it).
    pub(crate) fn restored(stored: StoredOverride, now: Now) -> Option<Self> {
        Some(Self {
            id: stored.id,
            select: Selector::parse(&stored.select).ok()?,
            kind: stored.kind,
            owner: stored.owner,
            reason: stored.reason,
            created: stored.created,
            expiry: stored.until.map(|until| {
                let length = stored.length.unwrap_or(Duration::MAX);
                Expiry {
                    length,
                    ..Expiry::after(until.since(now.wall).min(length), now)
                }
            }),
            break_glass: stored.break_glass,
            place: None,
        })
    }

    /// An entry of the file.
    pub(crate) fn of_file(entry: &FileOverride, now: Now) -> Self {
        Self {
            id: 0,
            select: entry.select.clone(),
            kind: entry.kind,
            owner: entry.owner.clone().unwrap_or_else(|| "the file".to_owned()),
            reason: entry.reason.clone(),
            created: now.wall,
            expiry: entry.until.map(|until| Expiry {
                wall: until,
                ..Expiry::after(until.since(now.wall), now)
            }),
            break_glass: false,
            place: Some(entry.place.clone()),
        }
    }

    pub(crate) fn stored(&self) -> StoredOverride {
        StoredOverride {
            id: self.id,
            select: self.select.as_str().to_owned(),
            kind: self.kind,
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            created: self.created,
            until: self.expiry.map(|expiry| expiry.wall),
            length: self.expiry.map(|expiry| expiry.length),
            break_glass: self.break_glass,
        }
    }

    /// `drained by alice@ops (maintenance)`; where it stands, when it stands in the file.
    pub(crate) fn words(&self) -> String {
        let mut words = format!("{} by {}", self.kind.done(), self.owner);
        if let Some(reason) = &self.reason {
            words.push_str(&format!(" ({reason})"));
        }
        if let Some(place) = &self.place {
            words.push_str(&format!(" in {}", place_in_words(place)));
        }
        words
    }
}

/// `overrides.toml:7`.
pub(crate) fn place_in_words(place: &Place) -> String {
    let file = place.file.file_name().unwrap_or(place.file.as_os_str());
    format!("{}:{}", file.to_string_lossy(), place.line)
}

/// All that stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// Those of the file, then commands, oldest first.
    pub standing: Vec<Override>,
    /// By `EndpointId`: which of them counts. Empty while nothing stands.
    pub on: Vec<Option<usize>>,
    /// The same as policies see it.
    pub forced: Vec<Option<Forced>>,
    /// Addresses of what is taken out, and every service that has them.
    pub sharing: BTreeMap<IpAddr, Vec<ServiceId>>,
}

impl Overrides {
    pub(crate) fn new(standing: Vec<Override>, plan: &Plan) -> Self {
        let mut on = Vec::new();
        if !standing.is_empty() {
            on = vec![None; plan.endpoints.len()];
            for (index, over) in standing.iter().enumerate() {
                for id in matching(&over.select, plan) {
                    if let Some(slot) = on.get_mut(id.index()) {
                        *slot = Some(index);
                    }
                }
            }
        }
        let forced: Vec<Option<Forced>> = on
            .iter()
            .map(|index| {
                let over = standing.get((*index)?)?;
                Some(Forced {
                    kind: over.kind,
                    until: over.expiry.map_or(Moment::FAR, |expiry| expiry.at),
                })
            })
            .collect();
        let sharing = sharing(&forced, plan);
        Self {
            standing,
            on,
            forced,
            sharing,
        }
    }

    /// What counts for an endpoint.
    pub(crate) fn upon(&self, endpoint: EndpointId) -> Option<&Override> {
        self.standing
            .get(self.on.get(endpoint.index()).copied().flatten()?)
    }

    pub(crate) fn forced(&self, endpoint: EndpointId) -> Option<Forced> {
        self.forced.get(endpoint.index()).copied().flatten()
    }
}

fn sharing(forced: &[Option<Forced>], plan: &Plan) -> BTreeMap<IpAddr, Vec<ServiceId>> {
    let mut sharing: BTreeMap<IpAddr, Vec<ServiceId>> = BTreeMap::new();
    for (endpoint, forced) in plan.endpoints.iter().zip(forced) {
        if forced.is_some_and(|forced| forced.kind.removes()) {
            let addresses = endpoint.addresses.iter().map(|known| known.address);
            sharing.extend(addresses.map(|address| (address, Vec::new())));
        }
    }
    if !sharing.is_empty() {
        for endpoint in &plan.endpoints {
            for known in &endpoint.addresses {
                if let Some(services) = sharing.get_mut(&known.address)
                    && services.last() != Some(&endpoint.service)
                {
                    services.push(endpoint.service);
                }
            }
        }
    }
    sharing
}
