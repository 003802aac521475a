//! The text that scrapers read: OpenMetrics 1.0, or the classic format of Prometheus for those who ask for that only.
//!
//! Written by hand: a page of twenty thousand endpoints is twenty megabytes, of which each line is a few copies of octets
//! that are made once.

use std::io::Write;

use crate::model::histogram::Histogram;

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
    /// `text/plain; version=0.0.4`
    Classic,
}

impl Form {
    /// What a client of this `Accept` gets: the classic format only when that is all it takes.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let kinds: Vec<&str> = accept
            .into_iter()
            .flat_map(|accept| accept.split(','))
            .map(|kind| kind.split(';').next().unwrap_or("").trim())
            .collect();
        let names = |wanted: &str| kinds.iter().any(|kind| kind.eq_ignore_ascii_case(wanted));
        if names("text/plain") && !names("application/openmetrics-text") {
            return Self::Classic;
        }
        Self::OpenMetrics
    }

    /// For `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Kinds of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; samples end in `_total`.
    Counter,
    /// Any number.
    Gauge,
    /// Counts by size.
    Histogram,
    /// Always 1; its labels say something. Samples end in `_info`.
    Info,
}

/// A family of metrics.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Without the endings of samples.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// `seconds`, `bytes`; empty: a number of things. The name ends in it.
    pub unit: &'static str,
    /// What it counts.
    pub help: &'static str,
}

/// A page under way.
#[derive(Debug)]
pub struct Text {
    out: Vec<u8>,
    form: Form,
}

/// A family under way.
#[derive(Debug)]
pub struct Samples<'t> {
    out: &'t mut Vec<u8>,
    name: String,
    family: &'static str,
}

impl Text {
    /// An empty page; `size` octets are expected.
    #[must_use]
    pub fn new(form: Form, size: usize) -> Self {
        Self {
            out: Vec::with_capacity(size),
            form,
        }
    }

    /// Begins a family. Each stands once on a page.
    pub fn family(&mut self, family: &'static Family) -> Samples<'_> {
        let Family {
            name,
            kind,
            unit,
            help,
        } = family;
        let ending = match kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let open = self.form == Form::OpenMetrics;
        let declared = if open { "" } else { ending };
        let kind = match (kind, open) {
            (Kind::Counter, _) => "counter",
            (Kind::Histogram, _) => "histogram",
            (Kind::Info, true) => "info",
            (Kind::Gauge, _) | (Kind::Info, false) => "gauge",
        };
        // Writing to memory does not fail.
        let _ = writeln!(self.out, "# TYPE {name}{declared} {kind}");
        if open && !unit.is_empty() {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.out, "# HELP {name}{declared} {help}");
        Samples {
            name: format!("{name}{ending}"),
            family: name,
            out: &mut self.out,
        }
    }

    /// The whole page.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.form == Form::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.out
    }
}

impl Samples<'_> {
    fn begin(&mut self, labels: &str) {
        self.out.extend_from_slice(self.name.as_bytes());
        if !labels.is_empty() {
            self.out.push(b'{');
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    /// A number of things. `labels` as [`labels`] makes them; no two samples of a family have the same.
    pub fn count(&mut self, labels: &str, value: u64) {
        self.begin(labels);
        number(self.out, value);
        self.out.push(b'\n');
    }

    /// A time, given in nanoseconds, shown in seconds.
    pub fn nanos(&mut self, labels: &str, value: u64) {
        self.begin(labels);
        seconds(self.out, value);
        self.out.push(b'\n');
    }

    /// Whether something is so: 1 or 0.
    pub fn flag(&mut self, labels: &str, value: bool) {
        self.count(labels, u64::from(value));
    }

    /// A histogram of nanoseconds, shown in seconds.
    pub fn times(&mut self, labels: &str, histogram: &Histogram) {
        self.buckets(labels, histogram, seconds);
    }

    /// A histogram of whole seconds.
    pub fn sizes(&mut self, labels: &str, histogram: &Histogram) {
        self.buckets(labels, histogram, number);
    }

    fn buckets(&mut self, labels: &str, histogram: &Histogram, show: fn(&mut Vec<u8>, u64)) {
        let comma = if labels.is_empty() { "" } else { "," };
        for (bound, count) in histogram.cumulative() {
            let _ = write!(self.out, "{}_bucket{{{labels}{comma}le=\"", self.family);
            show(self.out, bound);
            // OpenMetrics writes them as floats.
            let mut digits = self.out.iter().rev().take_while(|octet| **octet != b'"');
            if !digits.any(|octet| *octet == b'.') {
                self.out.extend_from_slice(b".0");
            }
            let _ = writeln!(self.out, "\"}} {count}");
        }
        let (family, count) = (self.family, histogram.count());
        let _ = writeln!(self.out, "{family}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
        for (ending, value, show) in [
            ("_sum", histogram.sum(), show),
            ("_count", count, number as fn(&mut Vec<u8>, u64)),
        ] {
            let _ = write!(self.out, "{family}{ending}");
            if !labels.is_empty() {
                let _ = write!(self.out, "{{{labels}}}");
            }
            self.out.push(b' ');
            show(self.out, value);
            self.out.push(b'\n');
        }
    }
}

/// `a="b",c="d"`, escaped.
#[must_use]
pub fn labels(pairs: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (name, value) in pairs {
        if !all.is_empty() {
            all.push(',');
        }
        label(&mut all, name, value);
    }
    all
}

/// Appends one label, escaped.
pub fn label(all: &mut String, name: &str, value: &str) {
    all.push_str(name);
    all.push_str("=\"");
    if value.contains(['\\', '"', '\n']) {
        for character in value.chars() {
            match character {
                '\\' => all.push_str("\\\\"),
                '"' => all.push_str("\\\""),
                '\n' => all.push_str("\\n"),
                other => all.push(other),
            }
        }
    } else {
        all.push_str(value);
    }
    all.push('"');
}

/// Writes a whole number.
fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut count = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        count += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - count..).unwrap_or(&[]));
}

/// Writes nanoseconds as seconds, exactly.
fn seconds(out: &mut Vec<u8>, nanos: u64) {
    number(out, nanos / 1_000_000_000);
    let mut rest = nanos % 1_000_000_000;
    if rest == 0 {
        return;
    }
    out.push(b'.');
    let mut place = 100_000_000;
    while rest > 0 {
        out.push(b'0' + u8::try_from(rest / place).unwrap_or(0));
        rest %= place;
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COUNTER: Family = Family {
        name: "thing_seconds",
        kind: Kind::Counter,
        unit: "seconds",
        help: "What it is.",
    };
    static TIMES: Family = Family {
        name: "time_seconds",
        kind: Kind::Histogram,
        unit: "seconds",
        help: "Times.",
    };

    fn page(form: Form) -> String {
        let mut text = Text::new(form, 0);
        let mut samples = text.family(&COUNTER);
        samples.nanos(&labels(&[("name", "a\"b\\c\nd")]), 1_500_000_000);
        samples.count("", u64::MAX);
        static BOUNDS: [u64; 2] = [250_000, 1_000_000_000];
        let mut histogram = Histogram::new(&BOUNDS);
        histogram.observe(7);
        histogram.observe(2_000_000_000);
        text.family(&TIMES).times("a=\"b\"", &histogram);
        String::from_utf8(text.finish()).unwrap()
    }

    #[test]
    fn openmetrics_names_families_without_endings_and_ends_in_eof() {
        let expected = "# TYPE thing_seconds counter\n# UNIT thing_seconds seconds\n# HELP thing_seconds What it is.\n\
            thing_seconds_total{name=\"a\\\"b\\\\c\\nd\"} 1.5\nthing_seconds_total 18446744073709551615\n\
            # TYPE time_seconds histogram\n# UNIT time_seconds seconds\n# HELP time_seconds Times.\n\
            time_seconds_bucket{a=\"b\",le=\"0.00025\"} 1\ntime_seconds_bucket{a=\"b\",le=\"1.0\"} 1\n\
            time_seconds_bucket{a=\"b\",le=\"+Inf\"} 2\ntime_seconds_sum{a=\"b\"} 2.000000007\n\
            time_seconds_count{a=\"b\"} 2\n# EOF\n";
        assert_eq!(page(Form::OpenMetrics), expected);
    }

    #[test]
    fn the_classic_format_names_samples() {
        let page = page(Form::Classic);
        assert!(
            page.starts_with("# TYPE thing_seconds_total counter\n# HELP thing_seconds_total What it is.\n")
        );
        assert!(!page.contains("# UNIT") && !page.contains("# EOF"));
    }

    #[test]
    fn the_classic_format_is_for_those_who_ask_for_nothing_else() {
        for (accept, form) in [
            (None, Form::OpenMetrics),
            (Some("*/*"), Form::OpenMetrics),
            (
                Some(
                    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
                ),
                Form::OpenMetrics,
            ),
            (Some("text/plain;version=0.0.4"), Form::Classic),
            (Some("text/plain, */*;q=0.1"), Form::Classic),
            (Some("text/html,application/*"), Form::OpenMetrics),
        ] {
            assert_eq!(Form::accepted(accept), form, "{accept:?}");
        }
    }
}
