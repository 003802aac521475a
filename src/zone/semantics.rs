//! What a zone must and must not contain.
//!
//! Errors are what cannot be served without saying something wrong; such a zone is refused. Warnings are what is
//! served as written although it hardly can be meant. One walk in canonical order: whatever lies below a name
//! follows it, so that a delegation or DNAME is remembered until the walk leaves it.

mod names;
mod node;
mod targets;

use crate::model::diagnostic::Diagnostic;
use crate::wire::name::Name;
use crate::zone::contents::Contents;
use crate::zone::places::Places;
use crate::zone::report::Report;
use crate::zone::semantics::names::Names;

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const AAAA: u16 = 28;
pub(crate) const DNAME: u16 = 39;
pub(crate) const DS: u16 = 43;

/// Checks a zone's static records. `services` are the names that services answer for: they exist although no record
/// says so.
#[must_use]
pub fn check(contents: &Contents, places: &Places, services: &[Name]) -> Vec<Diagnostic> {
    let mut report = Report::default();
    let names = Names::new(contents);
    node::check(&names, places, services, &mut report);
    report.sort();
    report.finish(&places.whole())
}

/// The delegation or DNAME that hides `name`, if one does: data there would never be answered. For services.
#[must_use]
pub fn hidden_by(contents: &Contents, name: &Name) -> Option<Name> {
    let mut above = name.parent();
    while let Some(ancestor) = above.filter(|ancestor| ancestor.is_within(contents.origin())) {
        let is_apex = ancestor == *contents.origin();
        let hides = contents
            .owned_by(ancestor.as_wire())
            .filter_map(|index| contents.get(index))
            .any(|record| record.rtype == DNAME || record.rtype == NS && !is_apex);
        if hides {
            return Some(ancestor);
        }
        above = ancestor.parent();
    }
    None
}
