//! Words and columns for people: durations, counts, likelihood, tables.
//!
//! Commands build text here and print it once; nothing else writes to stdout.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

/// Says how likely something is, on the one ladder that every screen uses.
pub(crate) fn likelihood(probability: f64) -> &'static str {
    match probability {
        p if p >= 0.97 => "seen",
        p if p >= 0.9 => "very likely",
        p if p >= 0.5 => "likely",
        p if p >= 0.2 => "possible",
        _ => "not known",
    }
}

/// Prints `1 account` or `4 accounts`, with commas in large numbers.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", thousands(u64::try_from(number).unwrap_or(u64::MAX)))
}

/// Prints `6,500,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints `45 s`, `12 min`, `3 h 05 min`.
pub(crate) fn duration(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Prints a time of day in UTC: `01:47:12Z`.
pub(crate) fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}

/// Which side a column's cells lean to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells, printed with aligned columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table with a heading per column.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let heading = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Self { align: columns.iter().map(|(_, align)| *align).collect(), rows: vec![heading] }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Lays the table out, each line indented by `indent` spaces.
    pub(crate) fn render(&self, indent: usize) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.align.len()).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for ((cell, width), align) in row.iter().zip(&widths).zip(&self.align) {
                let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
                let _ = match align {
                    Align::Left => write!(line, "{cell}{fill}  "),
                    Align::Right => write!(line, "{fill}{cell}  "),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Joins words as `a, b and c`; `none` for an empty list.
pub(crate) fn list<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// Joins at most `most` words, and says how many more there are.
pub(crate) fn short_list<S: AsRef<str>>(words: &[S], most: usize) -> String {
    match words.split_at_checked(most) {
        Some((shown, hidden)) if !hidden.is_empty() => {
            let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
            format!("{} and {} more", shown.join(", "), thousands(hidden.len() as u64))
        }
        _ => list(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_read_well() {
        assert_eq!(thousands(6_500_000), "6,500,000");
        assert_eq!(count(1, "account", "accounts"), "1 account");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(short_list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(duration(SignedDuration::from_secs(11_100)), "3 h 05 min");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right)]);
        table.row(["tills".into(), "7".into()]);
        table.row(["x".into(), "1200".into()]);
        assert_eq!(table.render(2), "  name      n\n  tills     7\n  x      1200\n");
    }
}
