//! Some rows of a table, spread evenly, and what they say of each column.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::catalogue::RawTable;
use super::file::is_interrupted;
use crate::base::calendar;
use crate::database::schema::{Literal, quoted};

/// At most so many rows are looked at.
const MAX_ROWS: usize = 2_000;
/// Larger cells are not read at all.
const MAX_CELL_BYTES: usize = 4_096;
/// Longer texts are known to be texts, but not kept.
const MAX_KEPT_BYTES: usize = 240;

/// What a sample says of a table.
pub struct Sample {
    /// How many rows were looked at.
    pub rows: usize,
    /// Whether these are all its rows.
    pub is_whole: bool,
    /// What they say of each column.
    pub columns: Vec<Profile>,
}

/// What a sample says of a column.
#[derive(Default)]
pub struct Profile {
    /// Cells that are NULL.
    pub nulls: usize,
    /// Cells that are integers.
    pub integers: usize,
    /// Cells that are finite reals.
    pub reals: usize,
    /// Cells that are text, long ones included.
    pub texts: usize,
    /// Texts too long to keep.
    pub longs: usize,
    /// Blobs, and texts that can't be written as SQL.
    pub others: usize,
    /// Texts that are a day.
    pub days: usize,
    /// Texts that are a moment as `2024-03-31 17:05:00`.
    pub moments: usize,
    /// Texts that are a moment written in another ISO way.
    pub other_moments: usize,
    /// The different values that were kept, the most frequent first.
    pub values: Vec<(Literal, usize)>,
    /// All kept texts together in bytes.
    pub text_bytes: usize,
    /// Days that occur, sorted, of dates and moments.
    pub day_numbers: Vec<i64>,
    /// Numbers that occur, sorted.
    pub numbers: Vec<f64>,
}

impl Profile {
    /// Cells that have a value which can be asked for.
    pub fn filled(&self) -> usize {
        self.integers + self.reals + self.texts
    }

    /// Whether the sample has no value twice.
    pub fn is_unique(&self) -> bool {
        self.longs == 0 && self.values.iter().all(|(_, count)| *count == 1)
    }

    fn add(&mut self, cell: &Cell) {
        match cell {
            Cell::Null => self.nulls += 1,
            Cell::Integer(value) => {
                self.integers += 1;
                self.numbers.push(*value as f64);
            }
            Cell::Real(value) => {
                self.reals += 1;
                self.numbers.push(*value);
            }
            Cell::Long => {
                self.texts += 1;
                self.longs += 1;
            }
            Cell::Other => self.others += 1,
            Cell::Text(text) => {
                self.texts += 1;
                self.text_bytes += text.len();
                let day = text.get(..10).and_then(calendar::day_number);
                match (day, text.get(10..).unwrap_or_default()) {
                    (Some(_), "") => self.days += 1,
                    (Some(_), time) if is_time(time) => self.moments += 1,
                    (Some(_), time) if is_other_time(time) => self.other_moments += 1,
                    _ => return,
                }
                self.day_numbers.extend(day);
            }
        }
    }
}

enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Long,
    Other,
}

/// Samples a table. Some rows are enough if reading takes too many steps.
pub fn take(connection: &Connection, table: &RawTable) -> rusqlite::Result<Sample> {
    let mut taker = Taker {
        profiles: Vec::new(),
        counts: Vec::new(),
        rows: 0,
    };
    for _ in &table.columns {
        taker.profiles.push(Profile::default());
        taker.counts.push(BTreeMap::new());
    }
    let is_whole = match taker.take_rows(connection, table) {
        Err(error) if is_interrupted(&error) => false,
        other => other?,
    };
    Ok(taker.finish(is_whole))
}

struct Taker {
    profiles: Vec<Profile>,
    /// For each column the kept values by their SQL, with the place of the first and the
    /// count.
    counts: Vec<BTreeMap<String, (usize, usize, Literal)>>,
    rows: usize,
}

impl Taker {
    fn take_rows(&mut self, connection: &Connection, table: &RawTable) -> rusqlite::Result<bool> {
        let name = quoted(&table.name);
        let mut cells = Vec::new();
        for column in &table.columns {
            let column = quoted(&column.name);
            // The length is known without reading the cell, whatever its size.
            cells.push(format!(
                "CASE WHEN octet_length({column}) <= {MAX_CELL_BYTES} THEN {column} END, \
                 typeof({column})"
            ));
        }
        if cells.is_empty() {
            return Ok(true);
        }
        let cells = cells.join(", ");
        let Some(row_id) = table.row_id else {
            return self.take_by_place(connection, &name, &cells);
        };
        let ids =
            format!("SELECT {row_id} FROM {name} ORDER BY {row_id} LIMIT 1 OFFSET {MAX_ROWS}");
        let is_small = !connection.prepare(&ids)?.exists([])?;
        if is_small {
            let sql = format!("SELECT {cells} FROM {name} ORDER BY {row_id}");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                self.add(row)?;
            }
            return Ok(true);
        }
        let end = |which| format!("SELECT {which}({row_id}) FROM {name}");
        let first: i64 = connection.query_row(&end("min"), [], |row| row.get(0))?;
        let last: i64 = connection.query_row(&end("max"), [], |row| row.get(0))?;
        let sql = format!(
            "SELECT {cells}, {row_id} FROM {name} WHERE {row_id} >= ?1 ORDER BY {row_id} LIMIT 1"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut next = i128::from(first);
        for place in 0..MAX_ROWS as i128 {
            let span = i128::from(last) - i128::from(first);
            next = next.max(i128::from(first) + span * place / (MAX_ROWS as i128 - 1));
            let Ok(wanted) = i64::try_from(next) else {
                break;
            };
            let mut rows = statement.query([wanted])?;
            let Some(row) = rows.next()? else {
                break;
            };
            self.add(row)?;
            let found: i64 = row.get(2 * self.profiles.len())?;
            next = i128::from(found) + 1;
        }
        Ok(false)
    }

    /// Without rowids there is no seeking: all rows pass by, some are looked at.
    fn take_by_place(
        &mut self,
        connection: &Connection,
        name: &str,
        cells: &str,
    ) -> rusqlite::Result<bool> {
        let count = format!("SELECT count(*) FROM {name}");
        let count: i64 = match connection.query_row(&count, [], |row| row.get(0)) {
            Err(error) if is_interrupted(&error) => 0,
            other => other?,
        };
        let count = count.unsigned_abs() as usize;
        let mut statement = connection.prepare(&format!("SELECT {cells} FROM {name}"))?;
        let mut rows = statement.query([])?;
        let mut place = 0;
        while let Some(row) = rows.next()? {
            // Where the count is unknown, the first rows have to do.
            if place * MAX_ROWS >= self.rows * count.max(MAX_ROWS) {
                self.add(row)?;
            }
            if self.rows == MAX_ROWS {
                break;
            }
            place += 1;
        }
        Ok(count <= MAX_ROWS && count == self.rows)
    }

    fn add(&mut self, row: &Row) -> rusqlite::Result<()> {
        for (place, profile) in self.profiles.iter_mut().enumerate() {
            let kind = row.get_ref(2 * place + 1)?;
            let cell = cell(row.get_ref(2 * place)?, kind);
            let kept = match &cell {
                Cell::Integer(value) => Some(Literal::Integer(*value)),
                Cell::Real(value) => Some(Literal::Real(*value)),
                Cell::Text(text) => Some(Literal::Text(text.clone())),
                _ => None,
            };
            if let Some(literal) = kept {
                let first = (self.rows, 0, literal);
                self.counts[place].entry(first.2.sql()).or_insert(first).1 += 1;
            }
            profile.add(&cell);
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self, is_whole: bool) -> Sample {
        for (profile, counts) in self.profiles.iter_mut().zip(self.counts) {
            let mut values: Vec<(usize, usize, Literal)> = counts.into_values().collect();
            values.sort_by_key(|(first, count, _)| (usize::MAX - count, *first));
            profile.values = values
                .into_iter()
                .map(|(_, count, value)| (value, count))
                .collect();
            profile.numbers.sort_by(f64::total_cmp);
            profile.day_numbers.sort_unstable();
        }
        Sample {
            rows: self.rows,
            is_whole,
            columns: self.profiles,
        }
    }
}

fn cell(value: ValueRef, kind: ValueRef) -> Cell {
    match value {
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) if value.is_finite() => Cell::Real(value),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Cell::Other,
            Ok(text) if text.len() > MAX_KEPT_BYTES => Cell::Long,
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Other,
        },
        ValueRef::Null => match kind {
            ValueRef::Text(b"null") => Cell::Null,
            ValueRef::Text(b"text") => Cell::Long,
            _ => Cell::Other,
        },
        _ => Cell::Other,
    }
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 9 && bytes[0] == b' ' && is_clock(&bytes[1..])
}

/// Such as `T17:05:00Z`, ` 17:05`, ` 17:05:00.123+02:00`.
fn is_other_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_separated = bytes.first().is_some_and(|it| matches!(it, b'T' | b' '));
    let end = bytes.len().min(9);
    let is_short = bytes.len() >= 6 && is_clock(&[&bytes[1..6], b":00"].concat());
    let is_long = bytes.len() > 9 && is_clock(&bytes[1..end]);
    let tail = bytes.get(6..).unwrap_or_default();
    let is_tail = |it: &u8| it.is_ascii_digit() || b":.Z+-".contains(it);
    is_separated && (is_short || is_long) && tail.iter().all(is_tail)
}

fn is_clock(bytes: &[u8]) -> bool {
    let pair = |at: usize| -> Option<u8> {
        let (tens, ones) = (bytes.get(at)?, bytes.get(at + 1)?);
        let is_pair = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_pair.then(|| (tens - b'0') * 10 + ones - b'0')
    };
    let is_below = |at, end| pair(at).is_some_and(|it| it < end);
    bytes.len() == 8
        && is_below(0, 24)
        && is_below(3, 60)
        && is_below(6, 60)
        && bytes[2] == b':'
        && bytes[5] == b':'
}
