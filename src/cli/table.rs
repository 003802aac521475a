//! Tables of text that fit where they are written.
//!
//! With no limit (a pipe) each row is one line, whatever its length. With a limit, text that may wrap is wrapped; when
//! that is not enough, the columns of least weight are left out and named below the table; when even that is not
//! enough, every column is broken.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::terminal::{self, Style};

/// Blanks between columns.
const GAP: usize = 2;
/// Text is not wrapped to less than this, as long as a column can be left out instead.
const READABLE: usize = 20;

/// A column: its head, and what may be done to it where there is little room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    head: &'static str,
    /// Left out in the order of this number, highest first; 0: never.
    spare: u8,
    wraps: bool,
}

impl Column {
    /// A column that stays as it is.
    pub(super) const fn new(head: &'static str) -> Self {
        Self {
            head,
            spare: 0,
            wraps: false,
        }
    }

    /// The same, of text that may go over several lines.
    pub(super) const fn wraps(self) -> Self {
        Self { wraps: true, ..self }
    }

    /// The same, which may be left out; of several the one with the highest number goes first.
    pub(super) const fn spare(self, order: u8) -> Self {
        Self { spare: order, ..self }
    }
}

/// A cell: text in a style.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }

    /// The words of a state, in its colour.
    pub(super) fn state(text: impl Into<String>) -> Self {
        let text = text.into();
        let style = Style::of_state(&text);
        Self { text, style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::Plain)
    }
}

/// `rows` under `heads`, for standard output; the last column wraps where it must.
#[must_use]
pub(super) fn render(heads: &[&'static str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Column> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| Column {
            head,
            spare: 0,
            wraps: at + 1 == heads.len(),
        })
        .collect();
    let cells = |row: &Vec<String>| row.iter().map(|cell| cell.as_str().into()).collect();
    show(&columns, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// `rows` under the heads of `columns`, for standard output as it is now.
#[must_use]
pub(super) fn show(columns: &[Column], rows: &[Vec<Cell>]) -> String {
    laid_out(columns, rows, terminal::width(), terminal::color())
}

/// `rows` in at most `limit` columns of the terminal.
fn laid_out(columns: &[Column], rows: &[Vec<Cell>], limit: Option<usize>, color: bool) -> String {
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| row.iter().map(printable).collect())
        .collect();
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells
                .map(|cell| cell.text.width())
                .chain([column.head.width()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let widths = fit(columns, &natural, limit);
    let mut lines = Vec::new();
    let heads: Vec<Cell> = columns
        .iter()
        .map(|column| Cell::styled(column.head, Style::Head))
        .collect();
    for row in std::iter::once(&heads).chain(&rows) {
        lay_row(row, &widths, color, &mut lines);
    }
    let left_out: Vec<&str> = columns
        .iter()
        .zip(&widths)
        .filter_map(|(column, width)| width.is_none().then_some(column.head))
        .collect();
    if let (false, Some(limit)) = (left_out.is_empty(), limit) {
        let said = format!("(no room for {}; --json has it)", left_out.join(", "));
        lines.extend(
            wrapped(&said, limit)
                .iter()
                .map(|line| Style::Faint.paint(line, color)),
        );
    }
    lines.join("\n")
}

/// The width of each column, `None` for one that is left out.
fn fit(columns: &[Column], natural: &[usize], limit: Option<usize>) -> Vec<Option<usize>> {
    let mut shown: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(limit) = limit else {
        return shown;
    };
    loop {
        if let Some(widths) = squeezed(&shown, limit, |at| {
            let wraps = columns.get(at).is_some_and(|column| column.wraps);
            if wraps { READABLE } else { usize::MAX }
        }) {
            return widths;
        }
        let least = columns
            .iter()
            .enumerate()
            .filter(|(at, column)| column.spare > 0 && shown.get(*at).is_some_and(Option::is_some))
            .max_by_key(|(_, column)| column.spare);
        match least.and_then(|(at, _)| shown.get_mut(at)) {
            Some(column) => *column = None,
            None => break,
        }
    }
    // Two: some letters are that wide.
    for least in [READABLE / 2, 2] {
        if let Some(widths) = squeezed(&shown, limit, |_| least) {
            return widths;
        }
    }
    shown
}

/// Takes from the widest of those that may give, down to what each must keep, until all fit; `None` when they cannot.
fn squeezed(
    natural: &[Option<usize>],
    limit: usize,
    keeps: impl Fn(usize) -> usize,
) -> Option<Vec<Option<usize>>> {
    let mut widths = natural.to_vec();
    let gaps = GAP * widths.iter().flatten().count().saturating_sub(1);
    loop {
        let sum: usize = widths.iter().flatten().sum::<usize>() + gaps;
        let over = sum.saturating_sub(limit);
        if over == 0 {
            return Some(widths);
        }
        let widest = widths
            .iter_mut()
            .enumerate()
            .filter_map(|(at, width)| {
                let width = width.as_mut()?;
                let gives = width.saturating_sub(keeps(at));
                (gives > 0).then_some((width, gives))
            })
            .max_by_key(|(width, _)| **width)?;
        // By halves, so that two long columns share the loss.
        *widest.0 -= over.div_ceil(2).min(widest.1);
    }
}

fn lay_row(row: &[Cell], widths: &[Option<usize>], color: bool, lines: &mut Vec<String>) {
    let cells: Vec<(Vec<String>, usize, Style)> = row
        .iter()
        .zip(widths)
        .filter_map(|(cell, width)| Some((wrapped(&cell.text, (*width)?), (*width)?, cell.style)))
        .collect();
    let high = cells.iter().map(|(pieces, ..)| pieces.len()).max().unwrap_or(1);
    for at in 0..high {
        let mut line = String::new();
        let mut blanks = 0;
        for (pieces, width, style) in &cells {
            let piece = pieces.get(at).map_or("", String::as_str);
            if !piece.is_empty() {
                line.push_str(&" ".repeat(blanks));
                line.push_str(&style.paint(piece, color));
                blanks = 0;
            }
            blanks += width.saturating_sub(piece.width()) + GAP;
        }
        lines.push(line);
    }
}

/// `text` in lines of at most `width`: broken between words, within one only where it is longer than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.width());
        if line > 0 && line + 1 + word.width() <= width {
            add(&mut lines, " ");
            add(&mut lines, word);
            continue;
        }
        if line > 0 {
            lines.push(String::new());
        }
        for letter in word.chars() {
            let line = lines.last().map_or(0, |line| line.width());
            if line > 0 && line + letter.width().unwrap_or(0) > width {
                lines.push(String::new());
            }
            add(&mut lines, letter.encode_utf8(&mut [0; 4]));
        }
    }
    lines
}

fn add(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// A backend's words may come from a stranger: nothing of them moves the cursor or changes the colour.
fn printable(cell: &Cell) -> Cell {
    let text = cell
        .text
        .chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    Cell {
        text,
        style: cell.style,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::new("ENDPOINT"),
        Column::new("STATE"),
        Column::new("CHECK").spare(1),
        Column::new("NOTE").wraps(),
    ];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![
                "www.example.test/fra".into(),
                Cell::state("up"),
                "web".into(),
                "".into(),
            ],
            vec![
                "www.example.test/nyc".into(),
                Cell::state("down"),
                "web".into(),
                "status 503, expected 200-299 or what else was asked".into(),
            ],
        ]
    }

    #[test]
    fn without_a_limit_each_row_is_a_line() {
        let table = laid_out(&COLUMNS, &rows(), None, false);
        assert_eq!(
            table,
            "ENDPOINT              STATE  CHECK  NOTE\n\
             www.example.test/fra  up     web\n\
             www.example.test/nyc  down   web    status 503, expected 200-299 or what else was asked"
        );
    }

    #[test]
    fn text_wraps_before_a_column_is_left_out() {
        let table = laid_out(&COLUMNS, &rows(), Some(60), false);
        assert_eq!(
            table,
            "ENDPOINT              STATE  CHECK  NOTE\n\
             www.example.test/fra  up     web\n\
             www.example.test/nyc  down   web    status 503, expected\n\
             \u{20}                                   200-299 or what else was\n\
             \u{20}                                   asked"
        );
        let narrow = laid_out(&COLUMNS, &rows(), Some(50), false);
        assert!(narrow.contains("(no room for CHECK; --json has it)"), "{narrow}");
        assert!(!narrow.contains("web"), "{narrow}");
    }

    #[test]
    fn no_line_is_wider_than_the_limit() {
        let mut rows = rows();
        rows.push(vec![
            "日本.example.test/東京".into(),
            Cell::state("forced up (down)"),
            "a-check-with-a-long-name".into(),
            "ein Wort-das-länger-ist-als-jede-Spalte-sein-darf und 漢字かな混じり文".into(),
        ]);
        for limit in 20..140 {
            for line in laid_out(&COLUMNS, &rows, Some(limit), false).lines() {
                assert!(line.width() <= limit, "{limit}: {line}");
            }
        }
    }

    #[test]
    fn what_is_wrapped_is_all_there() {
        let text = "ein Wort-das-länger-ist-als-jede-Spalte-sein-darf und 漢字かな混じり文";
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        for limit in 2..80 {
            let table = laid_out(
                &[Column::new("").wraps()],
                &[vec![text.into()]],
                Some(limit),
                false,
            );
            assert_eq!(squeezed(&table), squeezed(text), "{limit}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let colored = laid_out(&COLUMNS, &rows(), Some(60), true);
        assert!(colored.contains("\x1b[32mup\x1b[0m") && colored.contains("\x1b[1;31mdown\x1b[0m"));
        let mut plain = colored;
        for code in ["\x1b[1m", "\x1b[32m", "\x1b[1;31m", "\x1b[2m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, laid_out(&COLUMNS, &rows(), Some(60), false));
    }

    #[test]
    fn a_strangers_words_do_not_reach_the_terminal_as_commands() {
        let rows = vec![vec![Cell::from("a\x1b[2Jb\r\n\u{9b}c")]];
        let table = laid_out(&[Column::new("NOTE")], &rows, None, false);
        assert!(!table.contains('\x1b') && !table.contains('\u{9b}') && table.lines().count() == 2);
    }
}
