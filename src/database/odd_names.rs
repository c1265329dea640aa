//! Names that must be quoted: with blanks, hyphens and signs, of keywords, with other letters
//! than English ones. A domain's plan makes none of them, people's files are full of them.
//!
//! **Invariant.** Tables, and columns of a table, still have names that differ by more than case.
//! Two may come to share a label, since nobody grades what is asked over them.

use std::collections::BTreeSet;

use super::naming::plural;
use super::schema::{Column, Schema, Table};
use crate::base::seed::Random;

/// Of a table's columns, in percent: those that are named by a keyword, and those with a sign.
const KEYWORD_PERCENT: usize = 8;
const SIGN_PERCENT: usize = 10;
/// Of all schemas, in percent: those that are not spelt in English letters only.
const LETTERS_PERCENT: usize = 35;

const COLUMN_KEYWORDS: [&str; 16] = [
    "order", "group", "index", "desc", "from", "to", "when", "select", "default", "check",
    "values", "limit", "key", "set", "in", "column",
];
const TABLE_KEYWORDS: [&str; 6] = ["order", "group", "transaction", "index", "table", "trigger"];
const LETTERS: [(char, &str); 8] = [
    ('a', "äáåą"),
    ('c', "ç"),
    ('e', "éèë"),
    ('i', "í"),
    ('n', "ñ"),
    ('o', "öøó"),
    ('s', "ß"),
    ('u', "ü"),
];

/// How a database spells its names.
#[derive(Clone, Copy)]
enum Spelling {
    Blanks,
    TitleBlanks,
    Hyphens,
    Dots,
}

/// Gives a schema other names, and the words that go with them.
pub fn name_oddly(schema: &mut Schema, random: &mut Random) {
    let spelling = match random.below(10) {
        0..4 => Spelling::TitleBlanks,
        4..7 => Spelling::Blanks,
        7..9 => Spelling::Hyphens,
        _ => Spelling::Dots,
    };
    let has_letters = random.chance(LETTERS_PERCENT);
    let mut taken: BTreeSet<String> = schema.tables.iter().map(|it| lower(&it.name)).collect();
    for table in &mut schema.tables {
        name_table(table, &mut taken, (spelling, has_letters), random);
        let columns = table.columns.iter();
        let mut taken: BTreeSet<String> = columns.map(|it| lower(&it.name)).collect();
        for column in &mut table.columns {
            name_column(column, &mut taken, (spelling, has_letters), random);
        }
    }
}

fn name_table(
    table: &mut Table,
    taken: &mut BTreeSet<String>,
    (spelling, has_letters): (Spelling, bool),
    random: &mut Random,
) {
    if random.chance(KEYWORD_PERCENT)
        && let Some(keyword) = random.pick(&TABLE_KEYWORDS)
        && taken.insert((*keyword).to_owned())
    {
        (*keyword).clone_into(&mut table.name);
        (*keyword).clone_into(&mut table.one);
        table.many = plural(keyword);
        return;
    }
    let one = with_letters(&table.one, has_letters, random);
    let many = plural(&one);
    let name = spelt(if random.chance(50) { &many } else { &one }, spelling);
    if taken.insert(lower(&name)) {
        (table.name, table.one, table.many) = (name, one, many);
    }
}

fn name_column(
    column: &mut Column,
    taken: &mut BTreeSet<String>,
    (spelling, has_letters): (Spelling, bool),
    random: &mut Random,
) {
    if random.chance(KEYWORD_PERCENT)
        && let Some(keyword) = random.pick(&COLUMN_KEYWORDS)
        && taken.insert((*keyword).to_owned())
    {
        (*keyword).clone_into(&mut column.name);
        (*keyword).clone_into(&mut column.label);
        return;
    }
    let label = with_letters(&column.label, has_letters, random);
    let mut name = spelt(&label, spelling);
    if random.chance(SIGN_PERCENT) {
        name = match random.below(6) {
            0 => format!("% {name}"),
            1 => format!("{name} (%)"),
            2 => format!("{name} #"),
            3 => format!("{name} €"),
            4 => format!("{name}?"),
            _ => format!("{name}."),
        };
    }
    if taken.insert(lower(&name)) {
        (column.name, column.label) = (name, label);
    }
}

fn spelt(words: &str, spelling: Spelling) -> String {
    let words = words.split(' ');
    match spelling {
        Spelling::Blanks => words.collect::<Vec<_>>().join(" "),
        Spelling::TitleBlanks => words.map(capital).collect::<Vec<_>>().join(" "),
        Spelling::Hyphens => words.collect::<Vec<_>>().join("-"),
        Spelling::Dots => words.map(capital).collect::<Vec<_>>().join("."),
    }
}

/// The words with a letter of other alphabets here and there.
fn with_letters(words: &str, has_letters: bool, random: &mut Random) -> String {
    if !has_letters || !random.chance(60) {
        return words.to_owned();
    }
    let Some((letter, others)) = random.pick(&LETTERS) else {
        return words.to_owned();
    };
    let others: Vec<char> = others.chars().collect();
    let other = random.pick(&others).copied().unwrap_or(*letter);
    words.replacen(*letter, &other.to_string(), 1)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn lower(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::generate;
    use crate::database::schema::is_bare;

    #[test]
    fn many_names_must_be_quoted_and_the_tables_can_be_made() {
        let (mut count, mut odd) = (0, 0);
        for seed in 0..40 {
            let mut schema = generate("retail", seed).unwrap();
            name_oddly(&mut schema, &mut Random::new(seed, &["odd"]));
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.execute_batch(&schema.create_sql()).unwrap();
            for table in &schema.tables {
                let names = table.columns.iter().map(|it| &it.name);
                for name in names.chain([&table.name]) {
                    count += 1;
                    odd += usize::from(!is_bare(name));
                }
            }
        }
        assert!(2 * odd > count, "{odd} of {count}");
    }
}
