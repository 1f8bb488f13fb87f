//! Rows of text in columns, as commands print lists.

use std::fmt::Write as _;

/// The rows, the first of them the heads of the columns, each column as wide as its widest cell. Names come from whoever
/// made what is listed: a control character among them could move a terminal's cursor, and is shown as `�`.
pub fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", printable(cell)));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The text with `�` for each control character.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A", "B"], ["long", "é"], ["", "b\u{1b}[2J"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong  é\n      b\u{fffd}[2J\n");
    }
}
