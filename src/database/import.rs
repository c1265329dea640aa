//! Looks at a user's own SQLite file and says what it holds.
//!
//! - `file` opens it, `catalogue` lists its tables, `sample` takes some rows.
//! - `contents` (with `label`, `hints` and `amount`) says what columns hold, `relations` which are
//!   keys and references; `record` writes the result down.
//!
//! **Invariants.** Nothing of the file, and nothing beside it, is ever written. At most
//! 2,000 rows of a table are looked at, never more than 4 KiB of a cell, and each task has
//! a bound in steps. The same file gives the same result. Whatever the file holds, there
//! is a result or an error that says what to do, never a panic.

mod amount;
mod catalogue;
mod contents;
mod error;
mod file;
mod hints;
mod label;
mod record;
mod relations;
mod sample;

use std::path::Path;

use self::catalogue::{RawColumn, RawTable};
pub use self::error::ImportError;
use self::file::{Opened, is_damage};
use self::relations::{Key, Tables};
use self::sample::Sample;
use super::naming::plural;
use super::schema::{Column, Content, Fill, Reference, Schema, Table, quoted};

/// What a user's file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Its tables.
    pub schema: Schema,
    /// BLAKE3 of the file's bytes.
    pub file_hash: [u8; 32],
    /// The schema with its samples as text: [`schema_of_sample`] makes it again without
    /// the file.
    pub sample: String,
    /// What was left out or guessed, in sentences.
    pub notes: Vec<String>,
}

/// Looks at an SQLite file.
pub fn import(path: &Path) -> Result<Imported, ImportError> {
    let opened = Opened::open(path)?;
    let mut notes = Vec::new();
    opened.begin_task();
    let raw = catalogue::read(&opened.connection, &mut notes).map_err(|it| opened.error(it))?;
    if raw.is_empty() {
        return Err(ImportError::NoTables(path.to_owned()));
    }
    let (tables, samples) = take_samples(&opened, raw, &mut notes)?;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let row_words = label::all_row_words(&names);
    let keys: Vec<Option<Key>> = tables
        .iter()
        .zip(&samples)
        .zip(&row_words)
        .map(|((table, sample), words)| {
            let key = relations::key(table, sample, words);
            // A key of blobs can't be asked for.
            key.filter(|key| sample.columns[key.column].others == 0)
        })
        .collect();
    let known = Tables {
        connection: &opened.connection,
        tables: &tables,
        samples: &samples,
        keys: &keys,
        row_words: &row_words,
    };
    let mut references = Vec::new();
    for place in 0..tables.len() {
        opened.begin_task();
        references.push(known.references(place, &mut notes));
    }
    let order = relations::order(&names, &mut references, &mut notes);
    let mut maker = Maker {
        known,
        references,
        order,
        notes,
    };
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    let schema = maker.schema(name.unwrap_or_default());
    let is_askable = |column: &Column| {
        let is_link = matches!(column.content, Content::Key | Content::Reference);
        let is_empty = matches!(&column.fill, Fill::Samples(samples) if samples.is_empty());
        !is_link && !is_empty
    };
    if !schema
        .tables
        .iter()
        .flat_map(|table| &table.columns)
        .any(is_askable)
    {
        return Err(ImportError::NothingToAsk(path.to_owned()));
    }
    opened.check_unchanged()?;
    // Names may hold what a terminal obeys.
    let notes = maker.notes.iter().map(|note| printable(note)).collect();
    let sample = record::write(&schema)?;
    Ok(Imported {
        schema,
        file_hash: opened.hash,
        sample,
        notes,
    })
}

/// The schema of an [`Imported::sample`].
pub fn schema_of_sample(sample: &str) -> Result<Schema, ImportError> {
    record::read(sample)
}

/// Samples of the tables that have rows and can be read, and these tables.
fn take_samples(
    opened: &Opened,
    raw: Vec<RawTable>,
    notes: &mut Vec<String>,
) -> Result<(Vec<RawTable>, Vec<Sample>), ImportError> {
    let (mut tables, mut samples) = (Vec::new(), Vec::new());
    for table in raw {
        opened.begin_task();
        match sample::take(&opened.connection, &table) {
            Ok(sample) if sample.rows == 0 => {
                notes.push(format!("table {} has no rows and is left out", table.name));
            }
            Ok(sample) => {
                tables.push(table);
                samples.push(sample);
            }
            Err(error) if is_damage(&error) => return Err(opened.error(error)),
            Err(error) => {
                notes.push(format!(
                    "table {} can't be read and is left out: {error}",
                    table.name
                ));
            }
        }
    }
    Ok((tables, samples))
}

struct Maker<'a> {
    known: Tables<'a>,
    references: Vec<Vec<Reference>>,
    order: Vec<usize>,
    notes: Vec<String>,
}

impl Maker<'_> {
    fn schema(&mut self, name: String) -> Schema {
        let mut schema = Schema {
            domain: name.clone(),
            name,
            tables: Vec::new(),
        };
        // For each table that was read: where it went, and where its columns went.
        let mut moved: Vec<Option<(usize, Vec<Option<usize>>)>> = Vec::new();
        moved.resize_with(self.known.tables.len(), || None);
        for place in self.order.clone() {
            let (columns, columns_moved) = self.columns(place);
            if columns.is_empty() {
                let name = &self.known.tables[place].name;
                self.notes.push(format!(
                    "table {name} has no readable column and is left out"
                ));
                continue;
            }
            moved[place] = Some((schema.tables.len(), columns_moved));
            let (one, many) = self.row_words(place, &schema);
            let mut table = Table {
                name: self.known.tables[place].name.clone(),
                one,
                many,
                columns,
                references: Vec::new(),
            };
            for reference in &self.references[place] {
                let to = |table: usize, column: usize| {
                    let (table, columns) = moved[table].as_ref()?;
                    Some((*table, (*columns.get(column)?)?))
                };
                let target = to(reference.target_table, reference.target_column);
                if let (Some((_, column)), Some((target_table, target_column))) =
                    (to(place, reference.column), target)
                {
                    let declared = reference.declared;
                    let it = Reference {
                        column,
                        target_table,
                        target_column,
                        declared,
                    };
                    table.references.push(it);
                }
            }
            self.finish(place, &mut table);
            schema.tables.push(table);
        }
        schema
    }

    /// The columns of a table, and where each that was read went.
    fn columns(&mut self, place: usize) -> (Vec<Column>, Vec<Option<usize>>) {
        let (table, sample) = (&self.known.tables[place], &self.known.samples[place]);
        let key = self.known.keys[place].as_ref().map(|key| key.column);
        let mut columns = Vec::new();
        let mut moved = Vec::new();
        for (at, (raw, profile)) in table.columns.iter().zip(&sample.columns).enumerate() {
            let is_reference = self.references[place].iter().any(|it| it.column == at);
            let found = if is_reference {
                Some((Content::Reference, Fill::Reference))
            } else if key == Some(at) {
                Some((Content::Key, contents::key_fill(profile)))
            } else {
                contents::find(raw, profile).map(|found| (found.content, found.fill))
            };
            let Some((content, fill)) = found else {
                let (table, column) = (&table.name, &raw.name);
                self.notes.push(format!(
                    "{table}.{column} has no readable values and is left out"
                ));
                moved.push(None);
                continue;
            };
            moved.push(Some(columns.len()));
            columns.push(Column {
                name: raw.name.clone(),
                label: String::new(),
                declared_type: safe_type(raw),
                content,
                // What could be NULL but never is would make all questions about NULL; a
                // few rows are no proof of that.
                nullable: key != Some(at)
                    && !raw.is_not_null
                    && (profile.nulls > 0 || sample.rows < MIN_ROWS_WITHOUT_NULL),
                key_position: if key == Some(at) {
                    Some(1)
                } else {
                    raw.key_position
                },
                fill,
            });
        }
        (columns, moved)
    }

    /// Keys of several columns, the name, and labels: what wants the whole table.
    fn finish(&self, place: usize, table: &mut Table) {
        let (raw, sample) = (&self.known.tables[place], &self.known.samples[place]);
        let is_part = |column: &RawColumn| column.key_position.is_some();
        let wanted = raw.columns.iter().filter(|column| is_part(column)).count();
        let kept = table
            .columns
            .iter()
            .filter(|it| it.key_position.is_some())
            .count();
        let is_whole = self.known.keys[place].is_some() || kept == wanted;
        for column in &mut table.columns {
            if !is_whole {
                column.key_position = None;
            } else if column.key_position.is_some() {
                column.nullable = false;
            }
        }
        // A column whose reference went away holds what it would hold without it.
        for at in 0..table.columns.len() {
            let column = &mut table.columns[at];
            let is_reference = table.references.iter().any(|it| it.column == at);
            if column.content == Content::Reference && !is_reference {
                column.content = Content::Text;
                let name = &column.name;
                let raw = raw
                    .columns
                    .iter()
                    .zip(&sample.columns)
                    .find(|it| it.0.name == *name);
                column.fill = raw.map_or(Fill::Samples(Vec::new()), |it| contents::key_fill(it.1));
            }
        }
        if !table
            .columns
            .iter()
            .any(|column| column.content == Content::Name)
        {
            let score = |column: &Column| {
                let raw = raw.columns.iter().position(|it| it.name == column.name);
                let words = label::words(&column.name);
                let is_other = words.iter().any(|word| NO_NAMES.contains(&word.as_str()));
                match raw {
                    Some(at) if column.content == Content::Text && !is_other => {
                        contents::name_score(&sample.columns[at])
                    }
                    _ => 0,
                }
            };
            // The first of the best.
            let mut best = (0, 0);
            for (at, column) in table.columns.iter().enumerate() {
                if score(column) > best.1 {
                    best = (at, score(column));
                }
            }
            if best.1 > 0 {
                table.columns[best.0].content = Content::Name;
            }
        }
        let mut labels: Vec<String> = Vec::new();
        for column in &mut table.columns {
            let words = label::words(&column.name);
            let is_bare = column.content == Content::Key && words.len() == 1;
            let mut label = words.join(" ");
            if is_bare && words != [table.one.clone()] {
                label = format!("{} {label}", table.one);
            }
            if label.is_empty() || labels.contains(&label) {
                label = printable(&column.name);
            }
            if label.trim().is_empty() || labels.contains(&label) {
                label = format!("column {}", labels.len() + 1);
            }
            labels.push(label.clone());
            column.label = label;
        }
    }

    fn row_words(&self, place: usize, schema: &Schema) -> (String, String) {
        let name = &self.known.tables[place].name;
        let one = self.known.row_words[place].join(" ");
        let is_taken = |one: &String| schema.tables.iter().any(|table| table.one == *one);
        if !one.is_empty() && !is_taken(&one) {
            return (one.clone(), plural(&one));
        }
        let one = format!("row of {}", printable(&quoted(name)));
        (one.clone(), one.replacen("row", "rows", 1))
    }
}

fn printable(text: &str) -> String {
    let shown = |it: char| {
        if it.is_control() {
            it.escape_default().to_string()
        } else {
            it.into()
        }
    };
    text.chars().map(shown).collect()
}

/// A column of at least so many rows, none of which is NULL, counts as never NULL.
const MIN_ROWS_WITHOUT_NULL: usize = 100;

/// Texts that differ from row to row, but don't name it.
const NO_NAMES: [&str; 16] = [
    "address",
    "bio",
    "body",
    "comment",
    "comments",
    "content",
    "description",
    "email",
    "mail",
    "message",
    "note",
    "notes",
    "remark",
    "remarks",
    "text",
    "url",
];

/// The declared type, or that of its affinity where it could be read as something else:
/// SQLite lets quoted words be a type.
fn safe_type(column: &RawColumn) -> String {
    let declared = column.declared_type.trim();
    let (words, rest) = declared.split_once('(').unwrap_or((declared, ")"));
    let is_plain = words.split_whitespace().all(|word| quoted(word) == word);
    let is_size = |it: char| it.is_ascii_digit() || matches!(it, ',' | ' ' | '+' | '-' | '.');
    let size = rest.strip_suffix(')');
    let digits = size.filter(|it| it.chars().all(is_size)).map(str::trim);
    let is_sized = digits.is_some_and(|it| !it.is_empty()) == declared.contains('(');
    if is_plain && is_sized && declared.len() <= 60 {
        return declared.to_owned();
    }
    let upper = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    // The rules of sqlite.org/datatype3.html, section 3.1.
    if has(&["INT"]) {
        "INTEGER".to_owned()
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        "TEXT".to_owned()
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        "REAL".to_owned()
    } else if has(&["BLOB"]) {
        String::new()
    } else {
        "NUMERIC".to_owned()
    }
}

#[cfg(test)]
mod tests;
