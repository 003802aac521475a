//! Tables of text: columns as wide as their widest cell.

/// `rows` under `heads`, two blanks between columns, no trailing blanks.
#[must_use]
pub(super) fn render(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(heads.get(column).map(|head| head.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count()))))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut heads.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["www.example.test".to_owned(), "up".to_owned()],
            vec!["db".to_owned(), "down".to_owned()],
        ];
        let table = super::render(&["SERVICE", "STATE"], &rows);
        assert_eq!(
            table,
            "SERVICE           STATE\nwww.example.test  up\ndb                down"
        );
    }
}
