//! The walk: what stands at one owner, and what lies above it.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use crate::model::diagnostic::{Diagnostic, Place};
use crate::wire::name::{Name, is_within};
use crate::zone::places::Places;
use crate::zone::rdata::type_name;
use crate::zone::report::Report;
use crate::zone::semantics::names::{Names, Node};
use crate::zone::semantics::targets::Targets;
use crate::zone::semantics::{A, AAAA, CNAME, DNAME, DS, NS, SOA};

/// A TTL above a week is more often a slip than a wish (RFC 8767 section 4 advises caches to cap there).
const LONG: u32 = 604_800;

/// Something seen several times, of which the first is shown.
#[derive(Default)]
struct Repeated {
    first: Option<usize>,
    count: usize,
}

impl Repeated {
    fn see(&mut self, index: usize) {
        self.first = self.first.or(Some(index));
        self.count += 1;
    }
}

struct Walk<'z, 'r> {
    names: &'r Names<'z>,
    places: &'r Places,
    report: &'r mut Report,
    apex: &'r [u8],
    /// The uppermost delegation that the walk is at or below.
    cut: Option<&'z [u8]>,
    /// The DNAME that the walk is below.
    dname: Option<&'z [u8]>,
    /// What NS records name within the zone: addresses below a cut are glue for these.
    servers: HashSet<Node, FixedState>,
    zero: Repeated,
    long: Repeated,
}

/// Walks all of `names`.
pub(super) fn check(names: &Names<'_>, places: &Places, services: &[Name], report: &mut Report) {
    let apex = names.contents.origin().as_wire();
    let servers = names
        .contents
        .records()
        .filter(|record| record.rtype == NS && is_within(record.rdata, apex))
        .filter_map(|record| names.node(record.rdata))
        .collect();
    let mut walk = Walk {
        names,
        places,
        report,
        apex,
        cut: None,
        dname: None,
        servers,
        zero: Repeated::default(),
        long: Repeated::default(),
    };
    walk.apex();
    let mut targets = Targets::new(names, places, services);
    for node in names.nodes() {
        let owner = names.owner(node);
        walk.cut = walk.cut.filter(|cut| is_within(owner, cut));
        walk.dname = walk.dname.filter(|dname| is_within(owner, dname));
        walk.node(node, owner);
        targets.check(node, owner, walk.cut, walk.report);
    }
    walk.ttls();
}

pub(super) fn shown(name: &[u8]) -> String {
    Name::from_wire(name)
        .map(|name| name.to_string())
        .unwrap_or_default()
}

impl<'z> Walk<'z, '_> {
    fn place(&self, index: usize) -> Place {
        self.places.of(index).unwrap_or_else(|| self.places.whole())
    }

    fn error(&mut self, index: usize, what: String, instead: &str) {
        self.report
            .add(Diagnostic::error(self.place(index), what).instead(instead));
    }

    fn warn(&mut self, index: usize, what: String, instead: &str) {
        self.report
            .add(Diagnostic::warning(self.place(index), what).instead(instead));
    }

    /// SOA and NS at the origin.
    fn apex(&mut self) {
        let origin = self.names.contents.origin();
        // The apex is before all that lies below it.
        let node = self
            .names
            .nodes()
            .next()
            .filter(|&node| self.names.owner(node).eq_ignore_ascii_case(self.apex));
        let of = |rtype: u16| {
            node.into_iter()
                .flat_map(|node| self.names.records(node))
                .filter(move |(_, record)| record.rtype == rtype)
        };
        let (soas, servers) = (of(SOA).count(), of(NS).count());
        let second = of(SOA).nth(1);
        if soas == 0 {
            let sample = "write `@ SOA ns1 hostmaster 1 7200 1800 1209600 300`";
            let what = format!("the zone {origin} has no SOA");
            self.report
                .add(Diagnostic::error(self.places.whole(), what).instead(sample));
        }
        if let Some((index, _)) = second {
            self.error(index, format!("the zone {origin} has {soas} SOA"), "keep one");
        }
        if servers == 0 {
            let what = format!("the zone {origin} has no NS at its apex");
            let sample = "write `@ NS ns1` for each of its name servers";
            self.report
                .add(Diagnostic::error(self.places.whole(), what).instead(sample));
        }
    }

    fn node(&mut self, node: Node, owner: &'z [u8]) {
        let is_apex = owner.eq_ignore_ascii_case(self.apex);
        let first_of = |rtype: u16| self.names.records(node).find(|(_, record)| record.rtype == rtype);
        let (cname, dname, ns) = (first_of(CNAME), first_of(DNAME), first_of(NS));
        self.alone(node, owner, is_apex, cname.is_some());
        self.records(node, owner, is_apex);
        if let Some((index, _)) = self.names.records(node).next() {
            if let Some(above) = self.dname.filter(|above| above.len() < owner.len()) {
                let what = format!("{} lies below the DNAME of {}", shown(owner), shown(above));
                self.error(
                    index,
                    what,
                    "take the record out, or the DNAME (RFC 6672 section 2.4)",
                );
            } else if let Some(cut) = self.cut.filter(|cut| cut.len() < owner.len()) {
                self.below_cut(node, owner, cut);
            }
            self.doubled(index, owner);
        }
        if self.cut.is_some() {
            return;
        }
        if let Some((index, _)) = ns.filter(|_| !is_apex) {
            self.at_cut(node, owner);
            self.cut = Some(owner);
            if owner.starts_with(b"\x01*") {
                let what = format!("{} is a wildcard with NS", shown(owner));
                self.warn(
                    index,
                    what,
                    "write each delegation out: what this means is undefined (RFC 4592 section 4.2)",
                );
            }
        } else if let Some((index, _)) = dname {
            self.dname = self.dname.or(Some(owner));
            if owner.starts_with(b"\x01*") {
                let what = format!("{} is a wildcard with DNAME", shown(owner));
                self.warn(index, what, "write each DNAME out (RFC 6672 section 3.3)");
            }
        }
    }

    /// CNAME stands alone; CNAME and DNAME are one each.
    fn alone(&mut self, node: Node, owner: &[u8], is_apex: bool, has_cname: bool) {
        for rtype in [CNAME, DNAME] {
            let second = self
                .names
                .records(node)
                .filter(|(_, record)| record.rtype == rtype)
                .nth(1);
            if let Some((index, _)) = second {
                let what = format!("{} has more than one {}", shown(owner), type_name(rtype));
                self.error(index, what, "keep one: to share load, make it a service");
            }
        }
        if !has_cname {
            return;
        }
        let other = self.names.records(node).find(|(_, record)| record.rtype != CNAME);
        if let Some((index, record)) = other {
            let what = format!(
                "{} has a CNAME and {} besides",
                shown(owner),
                type_name(record.rtype)
            );
            let instead = if is_apex {
                "a zone's apex has no CNAME: make it a service, with `alias` for its endpoint"
            } else {
                "keep the CNAME or the other records (RFC 1034 section 3.6.2)"
            };
            self.error(index, what, instead);
        }
    }

    /// What concerns each record for itself.
    fn records(&mut self, node: Node, owner: &[u8], is_apex: bool) {
        let is_cut = self.names.types(node).any(|rtype| rtype == NS) && !is_apex;
        let mut last = None;
        for (index, record) in self.names.records(node) {
            if record.rtype == SOA && !is_apex {
                let what = format!("{} has a SOA, but is not the zone's apex", shown(owner));
                self.error(
                    index,
                    what,
                    "give the child zone a file of its own, and here its NS",
                );
            }
            if record.rtype == DS && !is_cut {
                let what = format!("{} has a DS, but no delegation", shown(owner));
                self.warn(index, what, "add the child's NS, or take the DS out");
            }
            if last != Some(record.rtype) {
                match record.ttl {
                    0 => self.zero.see(index),
                    LONG.. if record.ttl > LONG => self.long.see(index),
                    _ => {}
                }
            }
            last = Some(record.rtype);
        }
    }

    fn is_glue(&self, node: Node, rtype: u16) -> bool {
        matches!(rtype, A | AAAA) && self.servers.contains(&node)
    }

    fn below_cut(&mut self, node: Node, owner: &[u8], cut: &[u8]) {
        let hidden = self
            .names
            .records(node)
            .find(|(_, record)| !self.is_glue(node, record.rtype));
        if let Some((index, record)) = hidden {
            let what = if record.rtype == NS {
                format!(
                    "the delegation of {} lies within that of {}",
                    shown(owner),
                    shown(cut)
                )
            } else {
                format!(
                    "the {} of {} lies within the delegation of {} and is never answered",
                    type_name(record.rtype),
                    shown(owner),
                    shown(cut)
                )
            };
            self.warn(index, what, "it belongs into the child's zone");
        }
    }

    fn at_cut(&mut self, node: Node, owner: &[u8]) {
        let hidden = self.names.records(node).find(|(_, record)| {
            !matches!(record.rtype, NS | DS | CNAME | SOA) && !self.is_glue(node, record.rtype)
        });
        if let Some((index, record)) = hidden {
            let what = format!(
                "the {} of {} stands at a delegation and is never answered",
                type_name(record.rtype),
                shown(owner)
            );
            self.warn(index, what, "it belongs into the child's zone");
        }
    }

    /// `www.example.test` without its dot in the zone `example.test`.
    fn doubled(&mut self, index: usize, owner: &[u8]) {
        if self.apex.len() < 2 {
            return;
        }
        let stem = owner
            .get(..owner.len().saturating_sub(self.apex.len()))
            .unwrap_or(&[]);
        let as_name = [stem, &[0]].concat();
        if is_within(&as_name, self.apex) {
            let what = format!("{} ends in the zone's name twice", shown(owner));
            self.warn(index, what, "end the name with a dot, if it was meant whole");
        }
    }

    /// TTLs that are served, but hardly meant.
    fn ttls(&mut self) {
        let zero = std::mem::take(&mut self.zero);
        let long = std::mem::take(&mut self.long);
        for (seen, what, instead) in [
            (
                zero,
                "a TTL of 0 lets no resolver keep the answer",
                "write a few seconds at least",
            ),
            (
                long,
                "a TTL of more than a week holds on to mistakes",
                "write `1d` or less",
            ),
        ] {
            if let Some(first) = seen.first {
                let more = match seen.count - 1 {
                    0 => String::new(),
                    1 => " (and in another RRset)".into(),
                    more => format!(" (and in {more} RRsets more)"),
                };
                self.warn(first, format!("{what}{more}"), instead);
            }
        }
    }
}
