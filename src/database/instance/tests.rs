use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;
use crate::database::{domains, generate};

fn load(script: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(script)
        .unwrap_or_else(|error| panic!("{error}: {script}"));
    connection
}

fn rows_of(connection: &Connection, table: &Table) -> Vec<String> {
    let sql = format!("SELECT * FROM {}", quoted(&table.name));
    let mut statement = connection.prepare(&sql).unwrap();
    let count = statement.column_count();
    let row = |row: &rusqlite::Row| {
        let values = (0..count).map(|it| row.get_unwrap::<_, Value>(it));
        Ok(format!("{:?}", values.collect::<Vec<_>>()))
    };
    statement
        .query_map([], row)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn violations(connection: &Connection) -> usize {
    let mut statement = connection.prepare("PRAGMA foreign_key_check").unwrap();
    statement.query_map([], |_| Ok(())).unwrap().count()
}

fn texts(instance: &Instance, table: usize, column: usize) -> Vec<String> {
    let rows = instance.tables[table].iter();
    let texts = rows.filter_map(|row| match &row[column] {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let schema = generate("hotel", 11).unwrap();
    let made = instance(&schema, 5, 6, &[]);
    assert_eq!(made, instance(&schema, 5, 6, &[]));
    assert_ne!(made.hash(), instance(&schema, 5, 7, &[]).hash());
    assert_ne!(made.hash(), instance(&schema, 6, 6, &[]).hash());
    let mut hasher = blake3::Hasher::new();
    for (number, domain) in domains().into_iter().enumerate() {
        let schema = generate(domain, number as u64).unwrap();
        for place in 0..8 {
            hasher.update(&instance(&schema, 1, place, &[]).hash());
        }
    }
    let golden = "7a58571f50cfb36db217cf416f77652e0a6143d56ebc64aa4841462936b0d059";
    assert_eq!(hasher.finalize().to_hex().as_str(), golden);
}

#[test]
fn every_domain_loads_and_only_planted_orphans_break_references() {
    let mut orphans = 0;
    for domain in domains() {
        for seed in 0..20 {
            let schema = generate(domain, seed).unwrap();
            let place = seed as usize % 8;
            let made = instance(&schema, seed, place, &[]);
            let connection = load(&made.script());
            let broken = violations(&connection);
            if matches!(place, 0 | 1 | 3 | 4) {
                assert_eq!(broken, 0, "{domain} {seed}");
                assert!(
                    (20..=260).contains(&made.rows()),
                    "{domain} {seed}: {}",
                    made.rows()
                );
            }
            orphans += usize::from(place == 2 && broken > 0);
            let shuffled = load(&made.shuffled());
            let mut moved = false;
            for table in &schema.tables {
                let (mut one, mut two) = (rows_of(&connection, table), rows_of(&shuffled, table));
                moved |= one != two;
                one.sort();
                two.sort();
                assert_eq!(one, two);
            }
            assert!(moved || made.rows() < 20, "{domain} {seed}");
        }
    }
    assert!(orphans > 30, "{orphans}");
}

#[test]
fn cells_look_like_their_contents() {
    for domain in domains() {
        for seed in 0..20 {
            let schema = generate(domain, seed).unwrap();
            let place = (seed as usize + 3) % 9;
            let made = instance(&schema, seed, place, &[]);
            for (at, table) in schema.tables.iter().enumerate() {
                for (column, plan) in table.columns.iter().enumerate() {
                    let texts = texts(&made, at, column);
                    let nulls = made.tables[at]
                        .iter()
                        .filter(|row| row[column] == Literal::Null)
                        .count();
                    assert!(plan.nullable || nulls == 0, "{domain} {seed} {}", plan.name);
                    match plan.content {
                        Content::Date => {
                            assert!(texts.iter().all(|it| calendar::day_number(it).is_some()))
                        }
                        Content::DateTime => assert!(texts.iter().all(|it| {
                            it.len() == 19 && &it[10..11] == " " && &it[13..14] == ":"
                        })),
                        Content::MoneyText => {
                            let junk = |it: &&String| !it.chars().any(|it| it.is_ascii_digit());
                            let junk = texts.iter().filter(junk).count();
                            assert!(junk * 10 <= texts.len() * 3, "{texts:?}");
                        }
                        Content::Money | Content::Quantity | Content::Measure | Content::Flag => {
                            assert!(texts.is_empty());
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

#[test]
fn plants_stand_there_with_their_neighbours() {
    for (domain, seed) in domains()
        .into_iter()
        .flat_map(|it| (0..6).map(move |seed| (it, seed)))
    {
        let schema = generate(domain, seed).unwrap();
        let leaf = schema.tables.len() - 1;
        let mut plants = Vec::new();
        let mut wanted: BTreeMap<usize, Vec<Literal>> = BTreeMap::new();
        let text = |text: &str| Literal::Text(text.to_owned());
        for (column, plan) in schema.tables[leaf].columns.iter().enumerate() {
            let (value, near) = match plan.content {
                Content::Date => (
                    text("2024-03-31"),
                    vec![text("2024-03-30"), text("2024-04-01")],
                ),
                Content::DateTime => (
                    text("2024-03-31"),
                    vec![
                        text("2024-03-31 00:00:00"),
                        text("2024-03-31 23:59:59"),
                        text("2024-04-01 00:00:00"),
                    ],
                ),
                Content::Money => (
                    Literal::Integer(100),
                    vec![
                        Literal::Real(100.0),
                        Literal::Real(99.99),
                        Literal::Real(100.01),
                    ],
                ),
                Content::Quantity => (
                    Literal::Integer(4),
                    vec![
                        Literal::Integer(3),
                        Literal::Integer(4),
                        Literal::Integer(5),
                    ],
                ),
                Content::Category => (text("planted"), vec![text("planted")]),
                Content::Reference => (Literal::Integer(4_242), vec![Literal::Integer(4_242)]),
                _ => continue,
            };
            plants.push(Plant {
                table: leaf,
                column,
                value,
            });
            wanted.insert(column, near);
        }
        // At other places gaps may take a constant's place.
        for place in [0, 1, 3, 4] {
            let made = instance(&schema, seed, place, &plants);
            let rows = &made.tables[leaf];
            if rows.len() < 15 {
                continue;
            }
            for (column, wanted) in &wanted {
                for value in wanted {
                    let found = rows.iter().any(|row| row[*column] == *value);
                    assert!(found, "{domain} {seed} {place} {value:?}");
                }
            }
            if place == 0 {
                assert_eq!(violations(&load(&made.script())), 0, "{domain} {seed}");
            }
            // One row has them all.
            let has_all = |row: &&Vec<Literal>| {
                wanted.iter().all(|(column, wanted)| {
                    wanted.contains(&row[*column])
                        || wanted[0] == row[*column]
                        || row[*column] == text("2024-03-31")
                })
            };
            assert!(
                rows.iter().any(|row| has_all(&row)),
                "{domain} {seed} {place}"
            );
        }
    }
}
