//! What is known of each name, and when it is asked for again. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::ask::{Family, Heard};
use crate::model::alias::{Resolution, Resolutions, Trouble};
use crate::model::time::{Moment, Now, Ttl, UnixTime};
use crate::wire::name::Name;

/// A name is not asked for more often, however short its TTL: what is kept so long too long is probed anyway.
const LEAST: Duration = Duration::from_secs(5);
/// A name is asked for at least so often, however long its TTL: somebody may have made a mistake in it.
const MOST: Duration = Duration::from_secs(3600);
/// How soon a question that failed is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// All names that are wanted.
#[derive(Debug, Default)]
pub(super) struct Book(BTreeMap<Name, Entry>);

#[derive(Debug)]
struct Entry {
    /// Nothing while it is asked for.
    due: Option<Moment>,
    /// The last good result of each family.
    good: [Option<(Vec<IpAddr>, Ttl)>; 2],
    good_at: Option<UnixTime>,
    trouble: Option<String>,
    /// Whether it was ever heard of.
    heard: bool,
}

/// What is worth telling of a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    /// Other addresses than before.
    Addresses(Vec<IpAddr>),
    /// It cannot be resolved any more; whether there is a last good result.
    Trouble {
        why: String,
        kept: bool,
    },
    /// It can be resolved again, to the same.
    Recovered,
}

impl Book {
    /// Forgets all but `names`; new ones are due at once.
    pub(super) fn want(&mut self, names: &BTreeSet<Name>) {
        self.0.retain(|name, _| names.contains(name));
        for name in names {
            if !self.0.contains_key(name) {
                let entry = Entry {
                    due: Some(Moment::ZERO),
                    good: [None, None],
                    good_at: None,
                    trouble: None,
                    heard: false,
                };
                self.0.insert(name.clone(), entry);
            }
        }
    }

    /// The names to ask for now, at most so many; they are under way then.
    pub(super) fn due(&mut self, now: Moment, most: usize) -> Vec<Name> {
        let due = self
            .0
            .iter_mut()
            .filter(|(_, entry)| entry.due.is_some_and(|due| due <= now));
        due.take(most)
            .map(|(name, entry)| {
                entry.due = None;
                name.clone()
            })
            .collect()
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Moment> {
        self.0.values().filter_map(|entry| entry.due).min()
    }

    /// Enters what was heard of `name`.
    pub(super) fn enter(&mut self, name: &Name, heard: Heard, now: Now) -> News {
        let Some(entry) = self.0.get_mut(name) else {
            return News::Nothing; // not wanted any more
        };
        let before = entry.addresses();
        let was_in_trouble = entry.trouble.take();
        let mut wait = MOST;
        let empty = |family: &Family| matches!(family, Ok((addresses, _)) if addresses.is_empty());
        if heard.iter().all(empty) {
            entry.trouble = Some("it has no address".to_owned());
            wait = AGAIN;
        } else {
            for (family, slot) in heard.into_iter().zip(&mut entry.good) {
                match family {
                    Ok((addresses, ttl)) => {
                        wait = wait.min(ttl.duration().max(LEAST));
                        *slot = Some((addresses, ttl));
                    }
                    Err(why) => {
                        wait = AGAIN;
                        entry.trouble = Some(why);
                    }
                }
            }
        }
        entry.heard = true;
        entry.due = Some(now.moment.after(wait));
        let after = entry.addresses();
        if entry.trouble.is_none() {
            entry.good_at = Some(now.wall);
        }
        match (&entry.trouble, was_in_trouble) {
            (Some(why), None) => News::Trouble {
                why: why.clone(),
                kept: !after.is_empty(),
            },
            _ if after != before => News::Addresses(after),
            (None, Some(_)) => News::Recovered,
            _ => News::Nothing,
        }
    }

    /// What is known; a name that was not heard of yet is not among it.
    pub(super) fn resolutions(&self) -> Resolutions {
        let heard = self.0.iter().filter(|(_, entry)| entry.heard);
        heard
            .map(|(name, entry)| {
                let resolution = Resolution {
                    addresses: entry.addresses(),
                    ttl: entry.ttl(),
                    trouble: entry.trouble.as_ref().map(|why| Trouble {
                        good: entry.good_at,
                        why: why.clone(),
                    }),
                };
                (name.clone(), resolution)
            })
            .collect()
    }
}

impl Entry {
    fn addresses(&self) -> Vec<IpAddr> {
        let families = self.good.iter().flatten();
        families
            .flat_map(|(addresses, _)| addresses.iter().copied())
            .collect()
    }

    /// The least TTL of what there is.
    fn ttl(&self) -> Ttl {
        let families = self
            .good
            .iter()
            .flatten()
            .filter(|(addresses, _)| !addresses.is_empty());
        families.map(|(_, ttl)| *ttl).min().unwrap_or(Ttl::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(secs: u64) -> Now {
        Now {
            moment: Moment::from_secs(secs),
            wall: UnixTime(secs * 1000),
        }
    }

    fn good(address: &str, ttl: u32) -> Family {
        Ok((vec![address.parse().unwrap()], Ttl::from_secs(ttl)))
    }

    fn absent() -> Family {
        Ok((Vec::new(), Ttl::from_secs(60)))
    }

    fn book() -> (Book, Name) {
        let name = Name::from_text("lb.example.net").unwrap();
        let mut book = Book::default();
        book.want(&BTreeSet::from([name.clone()]));
        assert_eq!(book.due(Moment::ZERO, 9), std::slice::from_ref(&name));
        assert_eq!(book.due(Moment::ZERO, 9), [], "asked for once");
        assert!(book.resolutions().is_empty());
        (book, name)
    }

    #[test]
    fn a_name_is_asked_for_again_when_its_ttl_is_over_within_bounds() {
        for (ttl, wait) in [(0, 5), (30, 30), (86_400, 60)] {
            let (mut book, name) = book();
            let news = book.enter(&name, [good("192.0.2.1", ttl), absent()], now(0));
            assert_eq!(news, News::Addresses(vec!["192.0.2.1".parse().unwrap()]));
            assert_eq!(book.next_due(), Some(Moment::from_secs(wait)), "{ttl}");
            assert_eq!(book.resolutions()[&name].ttl, Ttl::from_secs(ttl));
        }
    }

    #[test]
    fn the_last_good_result_is_kept_each_family_on_its_own() {
        let (mut book, name) = book();
        book.enter(&name, [good("192.0.2.1", 30), good("2001:db8::1", 30)], now(1));
        let news = book.enter(&name, [good("192.0.2.2", 30), Err("timed out".into())], now(31));
        assert_eq!(
            news,
            News::Trouble {
                why: "timed out".into(),
                kept: true
            }
        );
        let known = book.resolutions()[&name].clone();
        let wanted: Vec<IpAddr> = vec!["192.0.2.2".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(known.addresses, wanted);
        assert_eq!(known.trouble.unwrap().good, Some(UnixTime(1000)));
        assert_eq!(book.next_due(), Some(Moment::from_secs(36)));
        // No address at all is no reason to answer nothing.
        assert_eq!(book.enter(&name, [absent(), absent()], now(36)), News::Nothing);
        assert_eq!(book.resolutions()[&name].addresses, wanted);
        assert_eq!(
            book.enter(&name, [good("192.0.2.2", 30), good("2001:db8::1", 30)], now(41)),
            News::Recovered
        );
    }

    #[test]
    fn what_was_never_resolved_has_no_address_and_says_why() {
        let (mut book, name) = book();
        let news = book.enter(&name, [Err("a".into()), Err("b".into())], now(0));
        assert_eq!(
            news,
            News::Trouble {
                why: "b".into(),
                kept: false
            }
        );
        let known = book.resolutions()[&name].clone();
        assert!(known.addresses.is_empty());
        assert_eq!(known.trouble.unwrap().good, None);
    }

    #[test]
    fn names_that_are_not_wanted_any_more_are_forgotten() {
        let (mut book, name) = book();
        book.want(&BTreeSet::new());
        assert_eq!(
            book.enter(&name, [good("192.0.2.1", 1), absent()], now(0)),
            News::Nothing
        );
        assert!(book.resolutions().is_empty() && book.next_due().is_none());
    }
}
