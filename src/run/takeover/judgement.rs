//! Two servers' answers to the same questions, compared octet by octet: what differs must have been announced.

use std::collections::BTreeSet;
use std::fmt;

use crate::api::live::Outlook;
use crate::run::takeover::questions::{Digest, Question};
use crate::wire::name::Name;
use crate::zone::rdata::types::type_name;

/// What an operator says will differ.
#[derive(Clone, Debug, Default)]
pub struct Announced {
    /// These names, and all below them.
    below: Vec<String>,
    /// What the plan lists: these names.
    names: BTreeSet<String>,
    /// Zones whose SOA the plan lists: what does not exist is answered with it.
    starts: BTreeSet<String>,
}

/// A difference that nobody announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An answer.
    Answer {
        /// `www.example.test. A`
        question: String,
        /// Who asked.
        client: String,
        /// The running server's answer.
        theirs: String,
        /// The successor's.
        ours: String,
    },
    /// A zone's records.
    Zone {
        /// Its origin.
        origin: String,
        /// How many there are at the running server; `None`: it has no such zone.
        theirs: Option<usize>,
        /// And here.
        ours: Option<usize>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer {
                question,
                client,
                theirs,
                ours,
            } => write!(
                f,
                "{question} asked by {client}: the running server answers {theirs}; this one would answer {ours}"
            ),
            Self::Zone {
                origin,
                theirs: Some(theirs),
                ours: Some(ours),
            } => write!(
                f,
                "the records of zone {origin} differ: {theirs} in the running server, {ours} in this one's files"
            ),
            Self::Zone {
                origin, theirs: None, ..
            } => write!(f, "zone {origin} is not served by the running server"),
            Self::Zone { origin, .. } => write!(
                f,
                "zone {origin} is served by the running server, and not by this one"
            ),
        }
    }
}

/// In lower case, with the final dot.
fn canonical(name: &str) -> String {
    let mut name = name.to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    name
}

fn is_below(name: &str, ancestor: &str) -> bool {
    ancestor == "."
        || name
            .strip_suffix(ancestor)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

impl Announced {
    /// These names with all below them, and what the plan lists.
    #[must_use]
    pub fn new(below: &[String], plan: Option<&Outlook>) -> Self {
        let mut announced = Self {
            below: below.iter().map(|name| canonical(name)).collect(),
            ..Self::default()
        };
        if let Some(plan) = plan {
            let services = plan.forecast.changes.iter().map(|change| &change.service);
            let owners = plan.records.iter().map(|records| &records.owner);
            announced.names = services.chain(owners).map(|name| canonical(name)).collect();
            let starts = plan.records.iter().filter(|records| records.rtype == "SOA");
            announced.starts = starts.map(|records| canonical(&records.owner)).collect();
        }
        announced
    }

    fn covers(&self, name: &str) -> bool {
        self.below.iter().any(|above| is_below(name, above))
            || self.names.contains(name)
            // What a wildcard answers has no name of its own.
            || self
                .names
                .iter()
                .filter_map(|known| known.strip_prefix("*."))
                .any(|above| is_below(name, above))
    }

    fn covers_absence(&self, name: &str) -> bool {
        self.starts.iter().any(|zone| is_below(name, zone))
    }

    /// Whether something in this zone was announced.
    fn touches(&self, zone: &str) -> bool {
        self.below
            .iter()
            .any(|above| is_below(zone, above) || is_below(above, zone))
            || self.names.iter().any(|name| is_below(name, zone))
    }
}

/// How the comparison went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Questions that were compared.
    pub compared: usize,
    /// Differences that were announced.
    pub announced: usize,
    /// Those that were not.
    pub differences: Vec<Difference>,
}

/// Compares answers (to the same questions, in the same order) and zones.
#[must_use]
pub fn judge(
    questions: &[Question],
    (theirs, ours): (&[Vec<u8>], &[Vec<u8>]),
    (their_zones, our_zones): (&[Digest], &[Digest]),
    announced: &Announced,
) -> Judgement {
    let mut judgement = Judgement::default();
    for (question, (theirs, ours)) in questions.iter().zip(theirs.iter().zip(ours)) {
        judgement.compared += 1;
        if theirs == ours {
            continue;
        }
        let (name, asked) = asked(&question.query);
        let absent = is_negative(theirs) && is_negative(ours);
        if announced.covers(&name) || (absent && announced.covers_absence(&name)) {
            judgement.announced += 1;
            continue;
        }
        judgement.differences.push(Difference::Answer {
            question: asked,
            client: question.client.to_string(),
            theirs: in_words(theirs),
            ours: in_words(ours),
        });
    }
    let of = |zones: &[Digest], origin: &str| zones.iter().find(|zone| zone.origin == origin).cloned();
    let origins: BTreeSet<&String> = their_zones
        .iter()
        .chain(our_zones)
        .map(|zone| &zone.origin)
        .collect();
    for origin in origins {
        let (theirs, ours) = (of(their_zones, origin), of(our_zones, origin));
        if theirs == ours {
            continue;
        }
        if announced.touches(&canonical(origin)) {
            judgement.announced += 1;
            continue;
        }
        judgement.differences.push(Difference::Zone {
            origin: origin.clone(),
            theirs: theirs.map(|zone| zone.records),
            ours: ours.map(|zone| zone.records),
        });
    }
    judgement
}

/// The name in lower case, and the question as printed.
fn asked(query: &[u8]) -> (String, String) {
    let rest = query.get(12..).unwrap_or_default();
    let mut end = 0;
    while let Some(length) = rest
        .get(end)
        .map(|length| usize::from(*length))
        .filter(|l| *l > 0)
    {
        end += length + 1;
    }
    let name = rest.get(..=end).and_then(|wire| Name::from_wire(wire).ok());
    let name = name.map_or_else(|| "?".to_owned(), |name| name.to_lower().to_string());
    let number = |at: usize| {
        let octets = rest.get(end + at..end + at + 2)?;
        Some(u16::from_be_bytes(octets.try_into().ok()?))
    };
    let rtype = number(1).map_or_else(|| "?".to_owned(), |number| type_name(number).into_owned());
    let name = canonical(&name);
    let asked = format!("{name} {rtype}");
    (name, asked)
}

fn is_negative(answer: &[u8]) -> bool {
    answer.get(6..8) == Some(&[0, 0])
}

/// An answer as people read it.
fn in_words(answer: &[u8]) -> String {
    if answer.is_empty() {
        return "nothing".to_owned();
    }
    let Ok(message) = hickory_proto::op::Message::from_vec(answer) else {
        return format!("{} octets that are no message", answer.len());
    };
    let code = message.response_code.to_str();
    let records: Vec<String> = message
        .answers
        .iter()
        .map(|record| format!("{} {} {}", record.ttl, record.record_type(), record.data))
        .collect();
    if records.is_empty() {
        format!("{code} without records ({} octets)", answer.len())
    } else {
        format!("{code} [{}] ({} octets)", records.join(", "), answer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Now;

    fn question(name: &str) -> Question {
        let mut query = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(Name::from_text(name).unwrap().as_wire());
        query.extend([0, 1, 0, 1]);
        Question {
            query,
            client: "198.18.0.1".parse().unwrap(),
            at: Now::default(),
            dice: 0,
        }
    }

    fn judged(below: &[&str]) -> Vec<String> {
        let questions = [
            question("www.a.test."),
            question("x.b.test."),
            question("b.test."),
        ];
        let (theirs, ours) = ([vec![1], vec![2], vec![3]], [vec![1], vec![9], vec![9]]);
        let zone = |origin: &str, sum| Digest {
            origin: origin.to_owned(),
            records: 3,
            sum,
        };
        let below: Vec<String> = below.iter().map(|name| (*name).to_owned()).collect();
        let judgement = judge(
            &questions,
            (&theirs, &ours),
            (
                &[zone("a.test.", 1), zone("b.test.", 1)],
                &[zone("a.test.", 1), zone("b.test.", 2)],
            ),
            &Announced::new(&below, None),
        );
        assert_eq!(judgement.compared, 3);
        judgement.differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_is_named_unless_it_was_announced() {
        let found = judged(&[]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("x.b.test. A asked by 198.18.0.1"),
            "{found:?}"
        );
        assert!(found[2].contains("zone b.test. differ"), "{found:?}");
        assert_eq!(judged(&["B.test"]), [""; 0]);
        // A name announces itself and what is below it, not what is above.
        assert_eq!(judged(&["x.b.test"]).len(), 1);
    }
}
