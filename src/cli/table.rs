//! Tables for people: one line a row, or one line a value where rows are too wide.

use std::fmt::{Display, Write};
use std::io::{IsTerminal, stdout};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{CellAlignment, Table};

/// The widest text that a cell shows whole.
pub const MAX_CELL_CHARS: usize = 60;
/// The characters of a hash that a cell shows.
const HASH_CHARS: usize = 13;

/// A table in the style of all of antiks' tables.
pub fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset("     ──            ");
    table
}

/// The width of the terminal that stdout is; none if it is none.
pub fn terminal_chars() -> Option<usize> {
    let stdout = stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|chars| *chars > 0)
}

/// Rows as text.
pub struct Grid {
    names: Vec<String>,
    is_number: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// No rows yet.
    pub fn new(schema: &Schema) -> Self {
        let fields = schema.fields();
        Self {
            names: fields.iter().map(|field| field.name().clone()).collect(),
            is_number: fields
                .iter()
                .map(|field| field.data_type().is_numeric())
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Rows that are there already, each with a text for each name; numbers stand on the
    /// right.
    pub fn of(names: &[String], is_number: Vec<bool>, rows: Vec<Vec<String>>) -> Self {
        let one_line = |text: &String| shorten(text, MAX_CELL_CHARS);
        Self {
            names: names.iter().map(one_line).collect(),
            is_number,
            rows: rows
                .iter()
                .map(|row| row.iter().map(one_line).collect())
                .collect(),
        }
    }

    /// How many rows there are.
    pub fn len_rows(&self) -> usize {
        self.rows.len()
    }

    /// Adds the rows of a batch.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let options = FormatOptions::default()
            .with_null("")
            .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S"));
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().zip(&formatters);
            let cells = cells.map(|(column, text)| {
                let is_hash = matches!(column.data_type(), DataType::FixedSizeBinary(32));
                let max_chars = if is_hash { HASH_CHARS } else { MAX_CELL_CHARS };
                shorten(&text.value(row).to_string(), max_chars)
            });
            self.rows.push(cells.collect());
        }
        Ok(())
    }

    /// The rows as a table, or one under the other if it were wider than `max_chars`.
    pub fn render(&self, max_chars: Option<usize>) -> String {
        if self.names.is_empty() {
            return String::new();
        }
        let mut table = new_table();
        table.set_header(&self.names);
        table.add_rows(&self.rows);
        for (place, is_number) in self.is_number.iter().enumerate() {
            if let (true, Some(column)) = (is_number, table.column_mut(place)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().collect();
        let is_wide = |max_chars| {
            lines
                .iter()
                .any(|line| line.trim_end().chars().count() > max_chars)
        };
        match max_chars {
            Some(max_chars) if is_wide(max_chars) && !self.rows.is_empty() => self.render_tall(),
            _ => format!("{table}\n"),
        }
    }

    fn render_tall(&self) -> String {
        let mut text = String::new();
        let width = self.names.iter().map(|it| it.chars().count()).max();
        let width = width.unwrap_or(0);
        for (number, row) in self.rows.iter().enumerate() {
            let title = format!("row {} ", number + 1);
            // Writing to a string does not fail.
            let _ = writeln!(text, "{title:─<width$}");
            for (name, value) in self.names.iter().zip(row) {
                let _ = writeln!(text, "{}", format!("{name:<width$}  {value}").trim_end());
            }
        }
        text
    }
}

/// An id as far as people read it; tables cut it off at the same digit.
pub fn short_id(id: impl Display) -> String {
    id.to_string().chars().take(HASH_CHARS - 1).collect()
}

/// One line of at most so many characters.
pub fn shorten(text: &str, max_chars: usize) -> String {
    let visible = |character: char| match character {
        '\n' => '⏎',
        character if character.is_control() => '·',
        character => character,
    };
    let mut line: String = text.chars().take(max_chars).map(visible).collect();
    if text.chars().nth(max_chars).is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(shorten("a\nb\x07", 9), "a⏎b·");
        assert_eq!(shorten("abcdef", 5), "abcd…");
        assert_eq!(shorten("äöüßé", 5), "äöüßé");
    }

    #[test]
    fn a_wide_table_stands_upright() {
        let grid = Grid {
            names: vec!["a".to_owned(), "name".to_owned()],
            is_number: vec![true, false],
            rows: vec![vec!["1".to_owned(), "x".to_owned()]],
        };
        assert_eq!(grid.render(Some(4)), "row 1 \na     1\nname  x\n");
        assert!(
            grid.render(Some(80)).ends_with(" 1   x    \n"),
            "{:?}",
            grid.render(None)
        );
        assert_eq!(grid.render(None), grid.render(Some(80)));
    }
}
