//! A database with its rows, made to tell right queries from wrong ones.

use super::cells::{Cells, ensure};
use super::groups::{blank_groups, tie_tops};
use super::hostility::Hostility;
pub use super::plants::Plant;
use super::plants::Planter;
use super::schema::{Column, Content, Fill, Literal, Reference, Schema, Table, quoted};
use crate::base::calendar;
use crate::base::seed::Random;

/// A database with its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The rows of each table, in the schema's order; each has a value a column.
    pub tables: Vec<Vec<Vec<Literal>>>,
    names: Vec<String>,
    create_sql: String,
    create_shuffled_sql: String,
    shuffle_seed: u64,
}

/// An instance of a schema. `place` says in which way it is hard to fool
/// ([`Hostility::at`]); the constants of a query are planted with their neighbours.
pub fn instance(schema: &Schema, seed: u64, place: usize, plants: &[Plant]) -> Instance {
    let mut maker = Maker {
        schema,
        seed,
        place: place.to_string(),
        hostility: Hostility::at(place, seed),
        plants: with_parents(schema, plants),
        tables: Vec::new(),
    };
    for table in 0..schema.tables.len() {
        let rows = maker.table(table);
        maker.tables.push(rows);
    }
    let mut shuffled = schema.clone();
    for column in shuffled
        .tables
        .iter_mut()
        .flat_map(|table| &mut table.columns)
    {
        // Such a key is the rowid itself, and rows would lie in its order again.
        if column.key_position.is_some() && column.declared_type.eq_ignore_ascii_case("INTEGER") {
            column.declared_type = "INT".to_owned();
        }
    }
    Instance {
        names: schema
            .tables
            .iter()
            .map(|table| quoted(&table.name))
            .collect(),
        create_sql: schema.create_sql(),
        create_shuffled_sql: shuffled.create_sql(),
        shuffle_seed: Random::new(seed, &["database", "shuffle", &maker.place]).seed(),
        tables: maker.tables,
    }
}

impl Instance {
    /// The statements that make it in an empty database, as one batch.
    pub fn script(&self) -> String {
        let tables: Vec<Vec<&Vec<Literal>>> = self
            .tables
            .iter()
            .map(|rows| rows.iter().collect())
            .collect();
        self.write(&self.create_sql, &tables)
    }

    /// The same rows in another physical order: shuffled, and no key is a rowid.
    pub fn shuffled(&self) -> String {
        let mut random = Random::new(self.shuffle_seed, &["rows"]);
        let mut tables = Vec::new();
        for rows in &self.tables {
            let mut rows: Vec<&Vec<Literal>> = rows.iter().collect();
            random.shuffle(&mut rows);
            tables.push(rows);
        }
        self.write(&self.create_shuffled_sql, &tables)
    }

    /// How many rows all tables have.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }

    /// BLAKE3 of the script.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.script().as_bytes()).as_bytes()
    }

    fn write(&self, create_sql: &str, tables: &[Vec<&Vec<Literal>>]) -> String {
        // Orphans are part of the trouble, so references are not enforced.
        let mut sql = format!("PRAGMA foreign_keys = OFF;\n{create_sql}");
        for (name, rows) in self.names.iter().zip(tables) {
            for (place, row) in rows.iter().enumerate() {
                if place == 0 {
                    sql.push_str("INSERT INTO ");
                    sql.push_str(name);
                    sql.push_str(" VALUES\n");
                }
                sql.push('(');
                for (column, value) in row.iter().enumerate() {
                    if column > 0 {
                        sql.push_str(", ");
                    }
                    sql.push_str(&value.sql());
                }
                sql.push_str(if place + 1 == rows.len() {
                    ");\n"
                } else {
                    "),\n"
                });
            }
        }
        sql
    }
}

struct Maker<'a> {
    schema: &'a Schema,
    seed: u64,
    place: String,
    hostility: Hostility,
    plants: Vec<Plant>,
    tables: Vec<Vec<Vec<Literal>>>,
}

impl Maker<'_> {
    fn random(&self, table: usize, what: &str) -> Random {
        let table = table.to_string();
        Random::new(
            self.seed,
            &["database", "instance", &self.place, &table, what],
        )
    }

    fn table(&self, place: usize) -> Vec<Vec<Literal>> {
        let table = &self.schema.tables[place];
        let mut random = self.random(place, "rows");
        let wanted = self.row_count(place, &mut random);
        let keys = self.keys(place, wanted);
        let count = keys.as_ref().map_or(wanted, |(_, keys)| keys.len());
        let mut columns: Vec<Vec<Literal>> = Vec::with_capacity(table.columns.len());
        for (at, column) in table.columns.iter().enumerate() {
            let made = match &keys {
                Some((key, keys)) if *key == at => keys.clone(),
                _ => self.column(
                    place,
                    at,
                    count,
                    keys.as_ref().map(|it| &it.1[..]),
                    &columns,
                ),
            };
            debug_assert_eq!(made.len(), count, "{}", column.name);
            columns.push(made);
        }
        let mut rows: Vec<Vec<Literal>> = (0..count)
            .map(|row| columns.iter().map(|column| column[row].clone()).collect())
            .collect();
        if self.hostility.ties > 50 {
            repeat_rows(table, &mut rows, &mut random);
        }
        let key = keys.map(|it| it.0);
        if self.hostility.ties >= 30 {
            tie_tops(table, key, &mut rows, &mut random);
        }
        self.plant(place, key, &mut rows);
        if self.hostility.wants_gaps() {
            blank_groups(table, key, &mut rows, &mut random);
        }
        drop_double_keys(table, &mut rows);
        rows
    }

    fn row_count(&self, place: usize, random: &mut Random) -> usize {
        let refers = |from: &Table| from.references.iter().any(|it| it.target_table == place);
        let others = self.schema.tables.iter().enumerate();
        let is_parent = others
            .clone()
            .any(|(at, table)| at != place && refers(table));
        let has_parent = self.schema.tables[place]
            .references
            .iter()
            .any(|it| it.target_table != place);
        let count = match (is_parent, has_parent) {
            (true, false) => random.between(5, 15),
            (true, true) => random.between(12, 30),
            _ => random.between(15, 45),
        };
        let few = random.below(7);
        if !random.chance(self.hostility.few) {
            return count.unsigned_abs() as usize;
        }
        // Without parents there would seldom be children.
        if is_parent {
            [0, 1, 1, 1, 2, 2, 3][few]
        } else {
            [1, 1, 1, 2, 2, 3, 4][few]
        }
    }

    /// The key of a table, if that is one column: its place and values.
    fn keys(&self, place: usize, count: usize) -> Option<(usize, Vec<Literal>)> {
        let table = &self.schema.tables[place];
        let key = table.key()?;
        let mut random = self.random(place, "keys");
        let own = |it: &&Reference| it.column == key && it.target_table != place;
        let mut keys = match table.references.iter().find(own) {
            Some(reference) => {
                let mut keys = self.parent_keys(reference, None);
                random.shuffle(&mut keys);
                keys.truncate(count);
                keys
            }
            None => own_keys(&table.columns[key], count, &mut random),
        };
        for plant in self
            .plants
            .iter()
            .filter(|it| it.table == place && it.column == key)
        {
            if !keys.is_empty() && plant.value != Literal::Null && !keys.contains(&plant.value) {
                let row = random.below(keys.len());
                keys[row] = plant.value.clone();
            }
        }
        Some((key, keys))
    }

    fn column(
        &self,
        place: usize,
        at: usize,
        count: usize,
        keys: Option<&[Literal]>,
        columns: &[Vec<Literal>],
    ) -> Vec<Literal> {
        let table = &self.schema.tables[place];
        let column = &table.columns[at];
        let mut random = self.random(place, &format!("column {at}"));
        if let Some(reference) = table.references.iter().find(|it| it.column == at) {
            return self.references(place, reference, count, keys, &mut random);
        }
        let is_earlier = |(_, it): &(usize, &Column)| {
            matches!(it.fill, Fill::Days { .. }) && it.fill == column.fill
        };
        let earlier = table.columns[..at].iter().enumerate().find(is_earlier);
        let earlier = earlier.map(|(earlier, _)| &columns[earlier][..]);
        Cells {
            column,
            hostility: self.hostility,
            earlier,
        }
        .make(count, &mut random)
    }

    fn references(
        &self,
        place: usize,
        reference: &Reference,
        count: usize,
        keys: Option<&[Literal]>,
        random: &mut Random,
    ) -> Vec<Literal> {
        let column = &self.schema.tables[place].columns[reference.column];
        let is_own = reference.target_table == place;
        let mut parents = self.parent_keys(reference, keys.filter(|_| is_own));
        let orphan = orphan(&parents);
        if !is_own {
            random.shuffle(&mut parents);
            let childless = parents.len() * self.hostility.childless / 100;
            parents.truncate((parents.len() - childless).max(parents.len().min(2)));
        }
        let mut made = Vec::with_capacity(count);
        for row in 0..count {
            // Rows refer to earlier ones of their own table: no circles.
            let end = if is_own {
                row.min(parents.len())
            } else {
                parents.len()
            };
            let is_null = column.nullable && random.chance(self.hostility.nulls);
            let is_orphan = random.chance(self.hostility.orphans);
            let chosen = random.below(end).min(random.below(end));
            let own = parents.get(row).filter(|_| is_own);
            made.push(match parents[..end].get(chosen).or(own) {
                _ if is_null => Literal::Null,
                Some(_) if is_own && row == 0 && column.nullable => Literal::Null,
                Some(_) if is_orphan => orphan.clone(),
                Some(key) => key.clone(),
                None if column.nullable => Literal::Null,
                None => orphan.clone(),
            });
        }
        if self.hostility.wants_gaps() && !is_own {
            ensure(&mut made, orphan, random);
        }
        if self.hostility.wants_gaps() && column.nullable {
            ensure(&mut made, Literal::Null, random);
        }
        made
    }

    fn parent_keys(&self, reference: &Reference, own: Option<&[Literal]>) -> Vec<Literal> {
        if let Some(own) = own {
            return own.to_vec();
        }
        let rows = self
            .tables
            .get(reference.target_table)
            .into_iter()
            .flatten();
        let mut keys: Vec<Literal> = rows
            .map(|row| row[reference.target_column].clone())
            .collect();
        keys.retain(|key| *key != Literal::Null);
        keys
    }

    fn plant(&self, place: usize, key: Option<usize>, rows: &mut [Vec<Literal>]) {
        let table = &self.schema.tables[place];
        let mut random = self.random(place, "plants");
        let mut planter = Planter::new(rows.len(), &mut random);
        for plant in self.plants.iter().filter(|it| it.table == place) {
            let Some(column) = table.columns.get(plant.column) else {
                continue;
            };
            // Those in the key are there already.
            if Some(plant.column) != key {
                let cells = Cells {
                    column,
                    hostility: self.hostility,
                    earlier: None,
                };
                planter.plant(rows, plant.column, &plant.value, &cells, &mut random);
            }
        }
    }
}

/// The plants, and for each in a reference one in the key referred to.
fn with_parents(schema: &Schema, plants: &[Plant]) -> Vec<Plant> {
    let mut all = plants.to_vec();
    for plant in plants {
        let Some(table) = schema.tables.get(plant.table) else {
            continue;
        };
        let references = table
            .references
            .iter()
            .filter(|it| it.column == plant.column);
        all.extend(references.map(|reference| Plant {
            table: reference.target_table,
            column: reference.target_column,
            value: plant.value.clone(),
        }));
    }
    all
}

fn own_keys(column: &Column, count: usize, random: &mut Random) -> Vec<Literal> {
    let mut keys: Vec<Literal> = match &column.fill {
        Fill::Words(words) => words.iter().cloned().map(Literal::Text).collect(),
        Fill::Samples(samples) => samples.clone(),
        _ => Vec::new(),
    };
    random.shuffle(&mut keys);
    keys.retain(|key| *key != Literal::Null);
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| seen.insert(key.sql()));
    keys.truncate(count);
    // Numbers leave gaps, so that a key is not its row's place.
    let greatest = keys.iter().filter_map(|key| match key {
        Literal::Integer(key) => Some(*key),
        _ => None,
    });
    let mut next = match column.fill {
        Fill::Serial(first) => first,
        Fill::Number { min, .. } => min,
        _ => greatest.max().unwrap_or(0).saturating_add(1),
    };
    let is_text =
        matches!(column.fill, Fill::Words(_)) || matches!(keys.first(), Some(Literal::Text(_)));
    while keys.len() < count {
        let key = match &column.fill {
            Fill::Days { first, .. } => {
                let day = calendar::day_number(first).unwrap_or_default();
                Literal::Text(calendar::day_text(day + next))
            }
            _ if is_text => Literal::Text(format!("K-{next:05}")),
            _ => Literal::Integer(next),
        };
        next = next.saturating_add(1 + i64::from(random.chance(20)));
        keys.push(key);
    }
    keys
}

/// A key that no row has.
fn orphan(keys: &[Literal]) -> Literal {
    match keys.iter().max_by_key(|key| key.sql().len()) {
        Some(Literal::Text(text)) => Literal::Text(format!("{text}-0")),
        _ => {
            let numbers = keys.iter().filter_map(|key| match key {
                Literal::Integer(key) => Some(*key),
                Literal::Real(key) => Some(*key as i64),
                _ => None,
            });
            Literal::Integer(numbers.max().unwrap_or(0).saturating_add(977))
        }
    }
}

/// Makes some rows equal to earlier ones in all but the key.
fn repeat_rows(table: &Table, rows: &mut [Vec<Literal>], random: &mut Random) {
    for row in 1..rows.len() {
        if !random.chance(20) {
            continue;
        }
        let earlier = rows[random.below(row)].clone();
        for (column, value) in earlier.into_iter().enumerate() {
            let column_plan = &table.columns[column];
            // A row that refers to its own table stays below those it came from.
            if column_plan.key_position.is_none() && column_plan.content != Content::Key {
                rows[row][column] = value;
            }
        }
    }
}

fn drop_double_keys(table: &Table, rows: &mut Vec<Vec<Literal>>) {
    let is_key = |column: &usize| table.columns[*column].key_position.is_some();
    let keys: Vec<usize> = (0..table.columns.len()).filter(is_key).collect();
    if keys.is_empty() {
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|row| {
        let key: Vec<String> = keys.iter().map(|column| row[*column].sql()).collect();
        !key.iter().any(|it| it == "NULL") && seen.insert(key)
    });
}

#[cfg(test)]
mod tests;
