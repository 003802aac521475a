//! What the command line writes to: how wide and high it is, and whether colour is welcome there.
//!
//! Into a pipe nothing is wrapped, dropped or coloured, unless it is asked for: `COLUMNS` in the environment is a
//! width, `--color always` is colour. `NO_COLOR` (<https://no-color.org>) and `TERM=dumb` are no colour.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use terminal_size::{Height, Width, terminal_size_of};

use crate::cli::arguments::Color;

/// What `--color` said; set once, before anything is written.
static COLOR: OnceLock<Color> = OnceLock::new();

/// Below this nothing can be laid out; a width that is less is not believed.
const NARROWEST: usize = 20;

/// Takes what `--color` said.
pub(super) fn choose(color: Color) {
    // A second word is not heard: there is one command line.
    let _ = COLOR.set(color);
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard output is to be coloured.
pub(super) fn color() -> bool {
    colored(is_terminal())
}

/// Whether standard error is to be coloured.
pub(super) fn error_color() -> bool {
    colored(io::stderr().is_terminal())
}

fn colored(terminal: bool) -> bool {
    let choice = COLOR.get().copied().unwrap_or(Color::Auto);
    decided(choice, terminal, variable("NO_COLOR"), variable("TERM"))
}

fn decided(choice: Color, terminal: bool, no_color: Option<String>, term: Option<String>) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && no_color.is_none() && term.as_deref() != Some("dumb"),
    }
}

/// Columns that a line may have; `None`: any number.
pub(super) fn width() -> Option<usize> {
    let said = variable("COLUMNS").and_then(|text| text.parse().ok());
    said.or_else(|| Some(size()?.0))
        .filter(|&columns| columns >= NARROWEST)
}

/// Lines that can be seen at once; `None`: any number.
pub(super) fn height() -> Option<usize> {
    let said = variable("LINES").and_then(|text| text.parse().ok());
    said.filter(|&lines: &usize| lines > 0)
        .or_else(|| Some(size()?.1))
}

fn size() -> Option<(usize, usize)> {
    let (Width(columns), Height(lines)) = terminal_size_of(io::stdout())?;
    Some((columns.into(), lines.into()))
}

/// A variable of the environment that says something.
#[allow(
    clippy::disallowed_methods,
    reason = "no setting of the program: what the terminal is, by the names that terminals have for it"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How a piece of text looks where colour is welcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    /// As the terminal writes.
    #[default]
    Plain,
    /// Heads of tables.
    Head,
    /// Well.
    Good,
    /// Not well, or not left to itself.
    Doubtful,
    /// Broken.
    Bad,
    /// Of less weight.
    Faint,
}

impl Style {
    /// `text` in this style.
    pub(super) fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Plain => "",
            Self::Head => "\x1b[1m",
            Self::Good => "\x1b[32m",
            Self::Doubtful => "\x1b[33m",
            Self::Bad => "\x1b[1;31m",
            Self::Faint => "\x1b[2m",
        };
        if code.is_empty() || !color || text.is_empty() {
            return text.to_owned();
        }
        format!("{code}{text}\x1b[0m")
    }

    /// The style of a state's words: `up`, `down`, `degraded`, `drained (up)` …
    pub(super) fn of_state(words: &str) -> Self {
        let first = words.split([' ', ',']).next().unwrap_or_default();
        match first {
            "up" => Self::Good,
            "down" => Self::Bad,
            "degraded" | "drained" | "forced" | "kept" | "held" => Self::Doubtful,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let yes = |value: &str| Some(value.to_owned());
        assert!(decided(Color::Auto, true, None, yes("xterm")));
        assert!(!decided(Color::Auto, false, None, yes("xterm")));
        assert!(!decided(Color::Auto, true, yes("1"), yes("xterm")));
        assert!(!decided(Color::Auto, true, None, yes("dumb")));
        assert!(decided(Color::Always, false, yes("1"), None));
        assert!(!decided(Color::Never, true, None, yes("xterm")));
    }

    #[test]
    fn a_state_has_the_colour_of_its_first_word() {
        assert_eq!(Style::of_state("up, primary"), Style::Good);
        assert_eq!(Style::of_state("drained (up)"), Style::Doubtful);
        assert_eq!(Style::of_state("down"), Style::Bad);
        assert_eq!(Style::of_state("unknown"), Style::Plain);
    }
}
