//! Which columns are keys, and which refer to them: as declared, or else as names and
//! values suggest.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::catalogue::{RawReference, RawTable};
use super::contents::is_identifier;
use super::label;
use super::sample::{Profile, Sample};
use crate::database::schema::{Literal, Reference, quoted};

/// So many values of a column are looked up in the table it may refer to.
const MAX_LOOKUPS: usize = 200;
/// Names that every table may have: they say nothing of another table.
const COMMON: [&str; 8] = ["id", "code", "key", "name", "no", "nr", "number", "uuid"];

/// The only column of the table's key.
pub struct Key {
    /// Its place.
    pub column: usize,
    /// Whether it is declared.
    pub declared: bool,
}

/// The key of a table, if that is one column.
pub fn key(table: &RawTable, sample: &Sample, row_words: &[String]) -> Option<Key> {
    let declared: Vec<usize> = (0..table.columns.len())
        .filter(|place| table.columns[*place].key_position.is_some())
        .collect();
    match declared[..] {
        [column] => {
            return Some(Key {
                column,
                declared: true,
            });
        }
        [_, ..] => return None,
        [] => {}
    }
    let mut best = None;
    for (place, (column, profile)) in table.columns.iter().zip(&sample.columns).enumerate() {
        let is_one_kind = profile.integers == sample.rows || profile.texts == sample.rows;
        if sample.rows < 2 || !is_one_kind || !profile.is_unique() {
            continue;
        }
        let words = label::words(&column.name);
        let is_unique = table
            .unique
            .iter()
            .any(|it| it.eq_ignore_ascii_case(&column.name));
        let is_own = words.starts_with(row_words) && words.len() > row_words.len();
        let score = match (is_identifier(&words), words.len()) {
            (true, 1) => 4,
            (true, _) if is_own => 3,
            (true, _) if place == 0 || is_unique => 2,
            _ if is_unique && profile.texts == 0 => 1,
            _ => continue,
        };
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, place));
        }
    }
    best.map(|(_, column)| Key {
        column,
        declared: false,
    })
}

/// The tables with their samples and keys.
pub struct Tables<'a> {
    /// A connection to look values up.
    pub connection: &'a Connection,
    /// The tables.
    pub tables: &'a [RawTable],
    /// Their samples.
    pub samples: &'a [Sample],
    /// Their keys.
    pub keys: &'a [Option<Key>],
    /// The words for one row of each.
    pub row_words: &'a [Vec<String>],
}

impl Tables<'_> {
    /// The references of one table.
    pub fn references(&self, place: usize, notes: &mut Vec<String>) -> Vec<Reference> {
        let table = &self.tables[place];
        let mut found: Vec<Reference> = Vec::new();
        for declared in &table.references {
            match self.declared(table, declared) {
                Some(it) if found.iter().all(|other| other.column != it.column) => found.push(it),
                Some(_) => notes.push(format!(
                    "{}.{} refers to several tables; the first counts",
                    table.name, declared.column
                )),
                None => notes.push(format!(
                    "the reference of {}.{} to {} is left out: its target is no key that was read",
                    table.name, declared.column, declared.table
                )),
            }
        }
        for column in 0..table.columns.len() {
            if found.iter().any(|it| it.column == column) {
                continue;
            }
            if let Some(target) = self.inferred(place, column) {
                let (from, to) = (&table.columns[column].name, &self.tables[target].name);
                notes.push(format!(
                    "{}.{from} is taken to refer to {to}, by its name and values",
                    table.name
                ));
                found.push(Reference {
                    column,
                    target_table: target,
                    target_column: self.keys[target].as_ref().map_or(0, |key| key.column),
                    declared: false,
                });
            }
        }
        found.sort_by_key(|reference| reference.column);
        found
    }

    fn declared(&self, table: &RawTable, declared: &RawReference) -> Option<Reference> {
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        let column = table
            .columns
            .iter()
            .position(|it| is(&it.name, &declared.column))?;
        let target = self
            .tables
            .iter()
            .position(|it| is(&it.name, &declared.table))?;
        let key = self.keys[target].as_ref()?;
        let name = &self.tables[target].columns[key.column].name;
        let is_key = declared.target.as_ref().is_none_or(|it| is(it, name));
        is_key.then_some(Reference {
            column,
            target_table: target,
            target_column: key.column,
            declared: true,
        })
    }

    /// The table that a column refers to without saying so.
    fn inferred(&self, place: usize, column: usize) -> Option<usize> {
        let profile = &self.samples[place].columns[column];
        let is_own_key = self.keys[place]
            .as_ref()
            .is_some_and(|key| key.column == column);
        if is_own_key || profile.filled() == 0 || profile.longs > 0 || profile.reals > 0 {
            return None;
        }
        let mut best: Option<(usize, usize)> = None;
        for (target, key) in self.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            let target_profile = &self.samples[target].columns[key.column];
            if target == place || !same_kind(profile, target_profile) {
                continue;
            }
            let table = &self.tables[target];
            let key_name = &table.columns[key.column].name;
            let row = &self.row_words[target];
            let score = similarity(&self.tables[place].columns[column].name, key_name, row);
            let is_better = best.is_none_or(|(most, _)| score > most);
            if score > 0 && is_better && self.includes(target, key, profile) {
                best = Some((score, target));
            }
        }
        best.map(|(_, target)| target)
    }

    /// Whether nearly all values of a column are keys of a table.
    fn includes(&self, target: usize, key: &Key, profile: &Profile) -> bool {
        let values: Vec<&Literal> = profile.values.iter().map(|(value, _)| value).collect();
        let (table, sample) = (&self.tables[target], &self.samples[target]);
        let (found, count) = if sample.is_whole {
            let keys = sample.columns[key.column].values.iter();
            let keys: BTreeSet<String> = keys.map(|(value, _)| value.sql()).collect();
            let found = values
                .iter()
                .filter(|value| keys.contains(&value.sql()))
                .count();
            (found, values.len())
        } else {
            // Only an index makes looking up cheap.
            let name = &table.columns[key.column].name;
            if !key.declared && !table.unique.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                return false;
            }
            let count = values.len().min(MAX_LOOKUPS);
            let chosen = (0..count).map(|place| values[place * values.len() / count]);
            let found = chosen
                .filter(|value| self.has(&table.name, name, value))
                .count();
            (found, count)
        };
        count > 0 && found * 100 >= count * 95
    }

    fn has(&self, table: &str, column: &str, value: &Literal) -> bool {
        let value = match value {
            Literal::Null => Value::Null,
            Literal::Integer(value) => Value::Integer(*value),
            Literal::Real(value) => Value::Real(*value),
            Literal::Text(text) => Value::Text(text.clone()),
        };
        let sql = format!(
            "SELECT 1 FROM {} WHERE {} = ?1",
            quoted(table),
            quoted(column)
        );
        let statement = self.connection.prepare_cached(&sql);
        statement
            .and_then(|mut it| it.exists([value]))
            .unwrap_or(false)
    }
}

fn same_kind(one: &Profile, other: &Profile) -> bool {
    let is_integer = |it: &Profile| it.integers == it.filled() && it.integers > 0;
    let is_text = |it: &Profile| it.texts == it.filled() && it.texts > 0;
    (is_integer(one) && is_integer(other)) || (is_text(one) && is_text(other))
}

/// How much a column's name speaks for a table; 0 if it does not.
fn similarity(name: &str, key_name: &str, row: &[String]) -> usize {
    let words = label::words(name);
    let key_words = label::words(key_name);
    let is_common = key_words.len() == 1 && COMMON.contains(&key_words[0].as_str());
    if name.eq_ignore_ascii_case(key_name) && !is_common {
        return 4;
    }
    if row.is_empty() {
        return 0;
    }
    let stem: Vec<String> = if words.len() > 1 && is_identifier(&words) {
        words[..words.len() - 1].to_vec()
    } else if words.len() > 1 && ["fk", "id", "ref"].contains(&words[0].as_str()) {
        words[1..].to_vec()
    } else {
        words.clone()
    };
    let stem: Vec<String> = stem.iter().map(|word| label::singular(word)).collect();
    let is_marked = stem.len() < words.len();
    // `custid` is one word.
    let joined = row.concat();
    let is_joined = words.len() == 1
        && IDENTIFIER_ENDS
            .iter()
            .any(|end| words[0].strip_suffix(end) == Some(&joined));
    if stem == row || is_joined {
        return if is_marked || is_joined { 3 } else { 2 };
    }
    // A role before the table's word, as in `billing_customer_id`.
    if is_marked && stem.ends_with(row) {
        1
    } else {
        0
    }
}

const IDENTIFIER_ENDS: [&str; 5] = ["id", "no", "nr", "code", "key"];

/// An order of tables in which references go backwards. References that stand in the way
/// are taken out: inferred ones first.
pub fn order(
    names: &[&str],
    references: &mut [Vec<Reference>],
    notes: &mut Vec<String>,
) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < names.len() {
        let left = (0..names.len()).filter(|place| !order.contains(place));
        let waits = |place: &usize| {
            let mut targets = references[*place].iter().map(|it| it.target_table);
            targets.any(|target| target != *place && !order.contains(&target))
        };
        if let Some(free) = left.clone().find(|place| !waits(place)) {
            order.push(free);
            continue;
        }
        let left: Vec<usize> = left.collect();
        let Some((place, at)) = in_the_way(&left, references) else {
            break;
        };
        let dropped = references[place].remove(at);
        notes.push(format!(
            "tables refer to each other in a circle; the {} reference of {} to {} is left out",
            if dropped.declared {
                "declared"
            } else {
                "inferred"
            },
            names[place],
            names[dropped.target_table],
        ));
    }
    order
}

/// A reference that belongs to a circle among the tables that are left.
fn in_the_way(left: &[usize], references: &[Vec<Reference>]) -> Option<(usize, usize)> {
    let mut found = None;
    for place in left {
        for (at, reference) in references[*place].iter().enumerate() {
            let target = reference.target_table;
            if target == *place || !reaches(target, *place, references) {
                continue;
            }
            if !reference.declared {
                return Some((*place, at));
            }
            found = found.or(Some((*place, at)));
        }
    }
    found
}

fn reaches(from: usize, to: usize, references: &[Vec<Reference>]) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(place) = open.pop() {
        if place == to {
            return true;
        }
        for reference in &references[place] {
            if seen.insert(reference.target_table) {
                open.push(reference.target_table);
            }
        }
    }
    false
}
