//! Tables as a spreadsheet leaves them: no key, and nothing that refers to another table. A
//! domain's plan makes none of them, people's files have many.
//!
//! **Invariants.** A list has [`LEAST_COLUMNS`] or more, and no table refers to it. What refers
//! elsewhere still names the columns that it named.

use super::schema::{Column, Content, Fill, Schema, Table};
use crate::base::seed::Random;

/// Of schemas, in percent: those that have lists only; of the tables of others: lists.
const ALL_PERCENT: usize = 60;
const LIST_PERCENT: usize = 50;
/// Of what were keys and references, in percent: what a list has no column for, and what is
/// read as one of few words.
const LEFT_OUT_PERCENT: usize = 50;
const WORD_PERCENT: usize = 60;
/// A list keeps so many columns.
const LEAST_COLUMNS: usize = 3;

/// Makes lists of some or all tables of a schema.
pub fn as_lists(schema: &mut Schema, random: &mut Random) {
    let are_all = random.chance(ALL_PERCENT);
    let tables = schema.tables.iter();
    let is_list: Vec<bool> = tables
        .map(|_| are_all || random.chance(LIST_PERCENT))
        .collect();
    for (place, table) in schema.tables.iter_mut().enumerate() {
        loosen(table, |target| is_list[place] || is_list[target], random);
        if is_list[place] {
            make_list(table, random);
        }
    }
}

/// Takes from a table its references to some others; their columns stay.
fn loosen(table: &mut Table, is_lost: impl Fn(usize) -> bool, random: &mut Random) {
    let references = table
        .references
        .extract_if(.., |it| is_lost(it.target_table));
    for reference in references {
        let column = &mut table.columns[reference.column];
        column.content = match random.chance(WORD_PERCENT) {
            true => Content::Category,
            false => Content::Text,
        };
    }
}

/// Takes from a table without references its key, and perhaps the columns that identify.
fn make_list(table: &mut Table, random: &mut Random) {
    let mut left = table.columns.len();
    table.columns.retain(|column| {
        let is_out = is_link(column) && left > LEAST_COLUMNS && random.chance(LEFT_OUT_PERCENT);
        left -= usize::from(is_out);
        !is_out
    });
    for column in &mut table.columns {
        if column.key_position.take().is_some() {
            column.content = Content::Text;
        }
    }
    if random.chance(50) {
        random.shuffle(&mut table.columns);
    }
}

/// Whether a column names rows: of its own table, or of one that it referred to.
fn is_link(column: &Column) -> bool {
    column.key_position.is_some() || column.fill == Fill::Reference
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::generate;
    use crate::database::outline::outline;

    #[test]
    fn lists_have_no_key_and_the_references_that_stay_name_what_they_named() {
        let (mut lists, mut others) = (0, 0);
        for seed in 0..80 {
            let before = generate("hotel", seed).unwrap();
            let mut schema = before.clone();
            as_lists(&mut schema, &mut Random::new(seed, &["lists"]));
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.execute_batch(&schema.create_sql()).unwrap();
            for (table, was) in schema.tables.iter().zip(&before.tables) {
                let at = outline(&schema);
                assert!(table.columns.len() >= LEAST_COLUMNS, "{at}");
                if table.key().is_some() {
                    others += 1;
                    assert!(
                        table
                            .references
                            .iter()
                            .all(|it| was.references.contains(it))
                    );
                    for it in &table.references {
                        assert!(schema.tables[it.target_table].key().is_some(), "{at}");
                    }
                    continue;
                }
                lists += 1;
                assert!(table.references.is_empty(), "{at}");
                let is_loose =
                    |it: &Column| !matches!(it.content, Content::Key | Content::Reference);
                assert!(table.columns.iter().all(is_loose), "{at}");
            }
        }
        assert!(
            lists > others && others > 20,
            "{lists} lists, {others} others"
        );
    }
}
