//! Plain text tables for a terminal.

use unicode_width::UnicodeWidthStr;

/// Rows of text in aligned columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    /// Columns set flush left; the others hold numbers and are set flush right.
    text_columns: usize,
}

impl Table {
    /// A table with these headings; the first `text_columns` columns hold text.
    pub fn new<S: Into<String>>(headings: impl IntoIterator<Item = S>, text_columns: usize) -> Self {
        Table { rows: vec![headings.into_iter().map(Into::into).collect()], text_columns }
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        // A line break in a name would make a row of its own.
        let breaks = |c: char| c == '\n' || c == '\r' || c == '\t' || c == '\u{2028}' || c == '\u{2029}';
        self.rows.push(cells.into_iter().map(|cell| without_empty_sign(cell.into().replace(breaks, " "))).collect());
    }

    /// One line per row, two spaces between columns, no space at the end of a line.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[column] - cell.width());
                if column > 0 {
                    line.push_str("  ");
                }
                if column < self.text_columns {
                    line.push_str(cell);
                    line.push_str(&gap);
                } else {
                    line.push_str(&gap);
                    line.push_str(cell);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A zero without the sign and the exponent that formats leave it: `-0.0000` and `0.0000e0` are `0.0000` and `0`.
fn without_empty_sign(cell: String) -> String {
    let zero = !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | '0' | '.' | 'e')) && cell.contains('0');
    match zero && cell.parse::<f64>() == Ok(0.0) {
        false => cell,
        true if cell.contains('e') => "0".to_owned(),
        true => cell.trim_start_matches('-').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["name", "ΔE", "n"], 1);
        table.row(["a", "1.25", "7"]);
        table.row(["longer", "-", "1000"]);
        assert_eq!(table.render(), "name      ΔE     n\na       1.25     7\nlonger     -  1000\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(["name", "n"], 1);
        table.row(["量子点", "7"]);
        table.row(["cafe\u{301}s", "8"]);
        assert_eq!(table.render(), "name    n\n量子点  7\ncafe\u{301}s   8\n");
    }
}
