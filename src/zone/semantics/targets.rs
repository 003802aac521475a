//! Names that records point to: whether they have addresses, where the zone itself can tell.

use std::collections::HashSet;

use crate::model::diagnostic::Diagnostic;
use crate::wire::name::{Name, is_within};
use crate::zone::places::Places;
use crate::zone::rdata::{target, type_name};
use crate::zone::report::Report;
use crate::zone::semantics::names::{Found, Names, Node, parent};
use crate::zone::semantics::node::shown;
use crate::zone::semantics::{A, AAAA, CNAME, DNAME, NS};

pub(super) struct Targets<'z, 'r> {
    names: &'r Names<'z>,
    places: &'r Places,
    services: HashSet<&'r Name>,
    /// The last target found in order: neighbours often share one.
    sound: Vec<u8>,
}

impl<'z, 'r> Targets<'z, 'r> {
    pub(super) fn new(names: &'r Names<'z>, places: &'r Places, services: &'r [Name]) -> Self {
        Self {
            names,
            places,
            services: services.iter().collect(),
            sound: Vec::new(),
        }
    }

    /// Checks what the records of `node` point to; `cut` is the delegation that it is at or below.
    pub(super) fn check(&mut self, node: Node, owner: &[u8], cut: Option<&[u8]>, report: &mut Report) {
        let origin = self.names.contents.origin().as_wire();
        for (index, record) in self.names.records(node) {
            // What a cut hides is none of ours, except its own NS.
            if cut.is_some_and(|cut| cut.len() < owner.len() || record.rtype != NS) {
                continue;
            }
            let Some(name) = target(record.rtype, record.rdata).filter(|name| is_within(name, origin)) else {
                continue;
            };
            if self.sound == name {
                continue;
            }
            let of = (record.rtype, owner);
            let wrong = match self.hidden(name) {
                Some(above) if cut.is_some_and(|cut| above.eq_ignore_ascii_case(cut)) => self.glue(name, of),
                // Another delegation's, or redirected: not ours to tell.
                Some(_) => None,
                None => self.addresses(name, of),
            };
            match wrong {
                Some((what, instead)) => {
                    let place = self.places.of(index).unwrap_or_else(|| self.places.whole());
                    report.add(Diagnostic::warning(place, what).instead(instead));
                }
                None => {
                    self.sound.clear();
                    self.sound.extend_from_slice(name);
                }
            }
        }
    }

    /// The uppermost delegation at or above `name`, or DNAME above it.
    fn hidden<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        let origin = self.names.contents.origin().as_wire();
        let mut uppermost = None;
        let mut at = Some(name);
        while let Some(ancestor) = at.filter(|ancestor| ancestor.len() > origin.len()) {
            if let Some(node) = self.names.node(ancestor) {
                let hides = |rtype| rtype == NS || rtype == DNAME && ancestor.len() < name.len();
                if self.names.types(node).any(hides) {
                    uppermost = Some(ancestor);
                }
            }
            at = parent(ancestor);
        }
        uppermost
    }

    fn has_address(&self, node: Node) -> bool {
        self.names.types(node).any(|rtype| matches!(rtype, A | AAAA))
    }

    fn glue(&self, name: &[u8], of: (u16, &[u8])) -> Option<(String, &'static str)> {
        match self.names.node(name) {
            Some(node) if self.has_address(node) => None,
            _ => Some((
                says(of, name, "which has no glue: nobody can find it"),
                "add its A or AAAA here too",
            )),
        }
    }

    fn addresses(&self, name: &[u8], of: (u16, &[u8])) -> Option<(String, &'static str)> {
        let is_service = !self.services.is_empty()
            && Name::from_wire(name).is_ok_and(|name| self.services.contains(&name));
        if is_service {
            return None;
        }
        let no_address = "add its A or AAAA, or end the name with a dot if it was meant whole";
        match self.names.find(name) {
            Found::Node(node) | Found::Wildcard(node)
                if self.names.types(node).any(|rtype| rtype == CNAME) =>
            {
                Some((
                    says(of, name, "which is a CNAME"),
                    "name what has the addresses (RFC 2181 section 10.3)",
                ))
            }
            Found::Node(node) | Found::Wildcard(node) if self.has_address(node) => None,
            Found::Missing => Some((says(of, name, "which does not exist"), no_address)),
            _ => Some((says(of, name, "which has no address"), no_address)),
        }
    }
}

/// `the MX of example.test. names mail.example.test., …`
fn says((rtype, owner): (u16, &[u8]), name: &[u8], what: &str) -> String {
    format!(
        "the {} of {} names {}, {what}",
        type_name(rtype),
        shown(owner),
        shown(name)
    )
}
