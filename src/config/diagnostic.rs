//! Diagnostics as text for people: place, sentence, the line in question, and the nearest thing that was meant.

use std::collections::HashMap;
use std::path::Path;

use crate::model::diagnostic::{Diagnostic, Severity};
pub use crate::model::near::did_you_mean;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[34m";
const RESET: &str = "\x1b[0m";

/// Longest piece of a source line that is shown, in characters: a record may be much longer than a screen.
const SHOWN: usize = 160;

/// All diagnostics as text, each with its line of the file, and a sum at the end; empty for none.
///
/// Files are read again for the excerpts; one that cannot be read is shown without.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    render_with(diagnostics, color, &mut |file| std::fs::read_to_string(file).ok())
}

/// [`render`] with the files' texts from `read`.
#[must_use]
pub fn render_with(
    diagnostics: &[Diagnostic],
    color: bool,
    read: &mut dyn FnMut(&Path) -> Option<String>,
) -> String {
    let paint = |code: &'static str| if color { code } else { "" };
    let mut texts: HashMap<&Path, Option<Lines>> = HashMap::new();
    let mut out = String::new();
    for diagnostic in diagnostics {
        let (word, hue) = match diagnostic.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        out.push_str(&format!(
            "{}{}{}: {}{word}{}: {}",
            paint(BOLD),
            diagnostic.place,
            paint(RESET),
            paint(hue),
            paint(RESET),
            diagnostic.what
        ));
        if let Some(instead) = &diagnostic.instead {
            out.push_str("; ");
            out.push_str(instead);
        }
        out.push('\n');
        let file: &Path = &diagnostic.place.file;
        let text = texts.entry(file).or_insert_with(|| read(file).map(Lines::new));
        if let Some(excerpt) = excerpt(text.as_ref(), diagnostic.place.line, diagnostic.place.column) {
            for line in excerpt.lines() {
                out.push_str(&format!("{}{line}{}\n", paint(BLUE), paint(RESET)));
            }
        }
    }
    out.push_str(&sum(diagnostics));
    out
}

/// `2 errors, 1 warning`; empty for none.
fn sum(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len().saturating_sub(errors);
    let count = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts: Vec<String> = [count(errors, "error"), count(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}\n", parts.join(", "))
    }
}

/// A text and where its lines begin: a large file may have a mistake on each of them.
struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: String) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// The line of this number, counted from 1.
    fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.text.get(*self.starts.get(index)?..)?.lines().next()
    }
}

/// The line with a mark below its column.
fn excerpt(text: Option<&Lines>, line: u32, column: u32) -> Option<String> {
    let source = text?.line(line)?;
    let column = usize::try_from(column).ok()?;
    // What stands too far to the right is brought into view by leaving out the beginning.
    let left_out = column.saturating_sub(SHOWN / 2).min(column);
    let left_out = if source.chars().count() <= SHOWN {
        0
    } else {
        left_out
    };
    let shown: String = source
        .chars()
        .skip(left_out)
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let margin = format!("{line:>5} | ");
    let mut out = format!("{margin}{}\n", shown.trim_end());
    if let Some(before) = column.checked_sub(1) {
        out.push_str(&format!(
            "{}| {}^\n",
            " ".repeat(margin.len().saturating_sub(2)),
            " ".repeat(before.saturating_sub(left_out))
        ));
    }
    Some(out)
}

/// `did you mean …?` when something is near, else the list of what is known.
#[must_use]
pub fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    otherwise: &str,
) -> String {
    match did_you_mean(written, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{otherwise} {}", list(known)),
    }
}

/// `` `a`, `b`, `c` ``.
#[must_use]
pub fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Place;
    use std::sync::Arc;

    #[test]
    fn an_excerpt_marks_the_column() {
        let place = Place {
            file: Arc::from(Path::new("zones/a.toml")),
            line: 2,
            column: 10,
        };
        let found =
            [Diagnostic::error(place, "unknown policy `fallover`").instead("did you mean `failover`?")];
        let text = "[services.www]\npolicy = \"fallover\"\n";
        let rendered = render_with(&found, false, &mut |_| Some(text.to_owned()));
        assert_eq!(
            rendered,
            "zones/a.toml:2:10: error: unknown policy `fallover`; did you mean `failover`?\n    \
             2 | policy = \"fallover\"\n      |          ^\n1 error\n"
        );
        assert!(render_with(&found, true, &mut |_| None).contains("\x1b[1;31merror"));
        assert_eq!(render_with(&[], true, &mut |_| None), "");
    }
}
