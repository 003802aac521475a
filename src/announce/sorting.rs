//! Which receivers want an entry. Decided once, when it happens: what is owed does not change with the configuration.

use std::collections::HashSet;

use crate::announce::signal::Signal;
use crate::control::timeline::Entry;
use crate::model::hook::{Events, Hook};

/// Knows which problems were told and are not over: only the end of such a one is worth telling.
#[derive(Clone, Debug, Default)]
pub struct Sorter {
    open: HashSet<String>,
}

/// What an entry changes for whoever is told of problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This problem begins.
    Opened(String),
    /// This problem is over.
    Closed(String),
}

/// An entry, looked at: by which every receiver judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// What becomes of the problems that are open.
    pub change: Option<Change>,
    signal: Signal,
}

impl Sorter {
    /// One that knows of these open problems.
    #[must_use]
    pub fn new(open: impl IntoIterator<Item = String>) -> Self {
        Self {
            open: open.into_iter().collect(),
        }
    }

    /// Looks at an entry, in the order of the history.
    pub fn sort(&mut self, entry: &Entry) -> Sorted {
        let signal = Signal::of(entry);
        let change = match &signal {
            Signal::Begins(key) => self.open.insert(key.clone()).then(|| Change::Opened(key.clone())),
            Signal::Ends(key) => self.open.remove(key).then(|| Change::Closed(key.clone())),
            Signal::Note => None,
        };
        Sorted { change, signal }
    }
}

impl Sorted {
    /// Whether `hook` wants it.
    #[must_use]
    pub fn wanted(&self, entry: &Entry, hook: &Hook) -> bool {
        let matters = match &self.signal {
            Signal::Begins(_) => true,
            Signal::Ends(_) => self.change.is_some(),
            Signal::Note => entry.alarm,
        };
        let wanted = match &hook.events {
            Events::Alarms => matters || entry.alarm,
            // Who is paged by everything is paged by nothing.
            Events::All => !hook.format.pages() || matters,
            Events::Kinds(kinds) => {
                let named = |kind: &String| match kind.strip_suffix('*') {
                    Some(head) => entry.kind.starts_with(head),
                    None => *kind == entry.kind,
                };
                kinds.iter().any(named)
            }
        };
        let concerned = || {
            let service = |name: &String| hook.services.iter().any(|selector| selector.names_service(name));
            hook.services.is_empty() || entry.services.is_empty() || entry.services.iter().any(service)
        };
        // What an answer changed to is told by the problem that made it change.
        let paged_twice =
            hook.format.pages() && entry.kind == "answer-changed" && hook.events == Events::Alarms;
        wanted && !paged_twice && concerned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::hook::{Format, Way};
    use crate::model::selector::Selector;
    use serde_json::json;

    fn hook(format: Format, events: Events, services: &[&str]) -> Hook {
        Hook {
            name: "n".to_owned(),
            way: Way::Log(None),
            format,
            events,
            services: services
                .iter()
                .map(|text| Selector::parse(text).unwrap())
                .collect(),
            timeout: Duration::from_secs(1),
            longest_wait: Duration::from_secs(1),
            backlog: 10,
        }
    }

    fn state(to: &str, service: &str) -> Entry {
        Entry {
            seq: 1,
            unix_ms: 0,
            alarm: to == "down",
            kind: "state-changed".to_owned(),
            services: vec![service.to_owned()],
            endpoint: None,
            by: None,
            text: String::new(),
            facts: json!({"check": "c", "target": "192.0.2.1:80", "to": to}),
        }
    }

    #[test]
    fn the_end_of_a_problem_is_wanted_once_and_first_verdicts_are_not() {
        let mut sorter = Sorter::new([]);
        let alarms = hook(Format::Json, Events::Alarms, &[]);
        let mut wanted = |to| {
            let entry = state(to, "www.a.test");
            let sorted = sorter.sort(&entry);
            (sorted.wanted(&entry, &alarms), sorted.change.is_some())
        };
        assert_eq!(wanted("up"), (false, false), "the first verdict after a start");
        assert_eq!(wanted("down"), (true, true));
        assert_eq!(wanted("down"), (true, false), "told again after a restart");
        assert_eq!(wanted("up"), (true, true));
        assert_eq!(wanted("up"), (false, false));
        let mut restarted = Sorter::new(["state c 192.0.2.1:80".to_owned()]);
        let up = state("up", "www.a.test");
        assert!(
            restarted.sort(&up).wanted(&up, &alarms),
            "its end is told after a restart, too"
        );
    }

    #[test]
    fn kinds_services_and_formats_choose() {
        let commanded = Entry {
            kind: "commanded".to_owned(),
            services: Vec::new(),
            ..state("up", "")
        };
        let down = state("down", "www.a.test");
        let kinds = |kinds: &[&str]| Events::Kinds(kinds.iter().map(|&kind| kind.to_owned()).collect());
        for (events, format, services, entry, expected) in [
            (Events::All, Format::Json, &[][..], &commanded, true),
            (Events::All, Format::PagerDuty, &[], &commanded, false),
            (Events::Alarms, Format::Json, &[], &commanded, false),
            (kinds(&["commanded"]), Format::PagerDuty, &[], &commanded, true),
            (
                kinds(&["drill-*", "com*"]),
                Format::Json,
                &["x.test"],
                &commanded,
                true,
            ),
            (kinds(&["commanded"]), Format::Json, &[], &down, false),
            (Events::Alarms, Format::Json, &["*.a.test"], &down, true),
            (Events::Alarms, Format::Json, &["*.b.test"], &down, false),
        ] {
            let sorted = Sorter::default().sort(entry);
            let hook = hook(format, events, services);
            assert_eq!(sorted.wanted(entry, &hook), expected, "{hook:?} {entry:?}");
        }
    }
}
