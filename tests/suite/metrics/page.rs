//! Reads a page of metrics as strictly as OpenMetrics 1.0 asks for (the classic format as far as it is the same).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::support::http;

/// Labels of a series, in order.
type Labels = Vec<(String, String)>;

/// What a page says.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Kind of each family.
    pub(crate) families: BTreeMap<String, String>,
    /// Value of each series.
    samples: BTreeMap<(String, Labels), f64>,
}

impl Page {
    /// Scrapes a server.
    pub(crate) fn of(api: SocketAddr) -> Self {
        let (status, body) = http::request(api, "GET", "/metrics", &[], "");
        assert_eq!(status, 200, "{body}");
        Self::read(&body)
    }

    /// Reads a page.
    ///
    /// # Panics
    /// At whatever the format forbids.
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut family: Option<(String, String)> = None;
        let mut meta = BTreeSet::new();
        assert!(text.ends_with("\n# EOF\n"), "it does not end in EOF");
        for line in text.strip_suffix("# EOF\n").unwrap().lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let (word, rest) = rest.split_once(' ').expect(line);
                let (name, what) = rest.split_once(' ').expect(line);
                if word == "TYPE" {
                    let before = page.families.insert(name.to_owned(), what.to_owned());
                    assert_eq!(before, None, "twice: {line}");
                    family = Some((name.to_owned(), what.to_owned()));
                }
                let (known, _) = family.as_ref().expect(line);
                assert_eq!(known, name, "out of its family: {line}");
                assert!(meta.insert((word.to_owned(), name.to_owned())), "twice: {line}");
                match word {
                    "UNIT" => assert!(name.ends_with(&format!("_{what}")), "{line}"),
                    "HELP" => assert!(what.ends_with('.'), "{line}"),
                    "TYPE" => assert!(
                        ["counter", "gauge", "histogram", "info"].contains(&what),
                        "{line}"
                    ),
                    _ => panic!("{line}"),
                }
            } else {
                page.sample(line, family.as_ref().expect(line));
            }
        }
        page.check_histograms();
        page
    }

    fn sample(&mut self, line: &str, (family, kind): &(String, String)) {
        let (series, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, read_labels(rest.strip_suffix('}').expect(line))),
            None => (series, Vec::new()),
        };
        let ending = name.strip_prefix(family.as_str()).expect(line);
        let endings: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(endings.contains(&ending), "`{ending}` of a {kind}: {line}");
        let value: f64 = value.parse().expect(line);
        assert!(value.is_finite(), "{line}");
        if kind != "gauge" {
            assert!(value >= 0.0, "{line}");
        }
        assert!(kind != "info" || value == 1.0, "{line}");
        assert_eq!(
            ending == "_bucket",
            labels.iter().any(|(name, _)| name == "le"),
            "{line}"
        );
        let before = self.samples.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "the series stands there twice: {line}");
    }

    /// Buckets grow, and the last is the count.
    fn check_histograms(&self) {
        let mut buckets: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            let Some(family) = name.strip_suffix("_bucket") else {
                continue;
            };
            let (le, others): (Labels, Labels) = labels.iter().cloned().partition(|(name, _)| name == "le");
            let bound = match le[0].1.as_str() {
                "+Inf" => f64::INFINITY,
                bound => {
                    assert!(bound.contains('.'), "a bound is written as a float: {bound}");
                    bound.parse().unwrap()
                }
            };
            buckets
                .entry((family.to_owned(), others))
                .or_default()
                .push((bound, *value));
        }
        for ((family, labels), mut buckets) in buckets {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(
                buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1),
                "{family} {labels:?}: {buckets:?}"
            );
            let count = self.samples[&(format!("{family}_count"), labels.clone())];
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{family}");
            assert!(
                self.samples.contains_key(&(format!("{family}_sum"), labels)),
                "{family}"
            );
        }
    }

    /// The sum over all series of `name` that have these labels; `None`: there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |series: &Labels| {
            labels.iter().all(|(name, value)| {
                series
                    .iter()
                    .any(|(n, v)| (n.as_str(), v.as_str()) == (*name, *value))
            })
        };
        let of_name = self.samples.iter().filter(|((known, _), _)| known == name);
        let values: Vec<f64> = of_name
            .filter(|((_, series), _)| has(series))
            .map(|(_, value)| *value)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// How many series there are of names that begin so.
    pub(crate) fn series(&self, prefix: &str) -> usize {
        self.samples
            .keys()
            .filter(|(name, _)| name.starts_with(prefix))
            .count()
    }

    /// Series that only grow and are smaller here than `before`, or gone although all that they are about is still there.
    pub(crate) fn gone_back_since(&self, before: &Self) -> Vec<String> {
        let grows = |name: &str| {
            ["_total", "_bucket", "_count", "_sum"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        let mut back = Vec::new();
        for ((name, labels), value) in before.samples.iter().filter(|((name, _), _)| grows(name)) {
            let now = self.samples.get(&(name.clone(), labels.clone()));
            if now.is_none_or(|now| now < value) {
                back.push(format!("{name}{labels:?}: {value}, then {now:?}"));
            }
        }
        back
    }
}

fn read_labels(text: &str) -> Labels {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect(text);
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(char::is_numeric),
            "{text}"
        );
        let mut octets = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next().expect(text) {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect(text).1 {
                    'n' => octets.push('\n'),
                    other @ ('\\' | '"') => octets.push(other),
                    other => panic!("\\{other} in {text}"),
                },
                (_, other) => octets.push(other),
            }
        };
        assert!(labels.iter().all(|(known, _)| known != name), "{text}");
        labels.push((name.to_owned(), octets));
        rest = &value[end + 1..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').expect(text);
        }
    }
    labels
}
