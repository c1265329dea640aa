//! The grammar as a whole: what it covers, that it repeats, and that its SQL runs.

use super::*;
use crate::database::instance::instance;
use crate::database::{domains, generate};
use crate::teacher::held_out::held_out_phrasings;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;

fn wish(intent: &Intent, difficulty: Difficulty) -> Wish {
    Wish {
        category: intent.category,
        difficulty,
        intent: Some(intent.name.to_owned()),
        phrasings: Vec::new(),
    }
}

fn schemas() -> Vec<Schema> {
    let schemas = domains().into_iter().map(|domain| generate(domain, 1));
    schemas.collect::<Option<_>>().unwrap()
}

#[test]
fn every_category_has_enough_intents_and_names_are_unique() {
    let names: BTreeSet<&str> = intents().iter().map(|it| it.name).collect();
    assert_eq!(names.len(), intents().len());
    for category in Category::ALL {
        let own = intents()
            .iter()
            .filter(|it| it.category == category)
            .count();
        assert!(own >= 10, "{}: {own}", category.name());
    }
}

#[test]
fn a_question_in_short_asks_the_same_without_saying_what_comes_out() {
    let mut shorter = 0;
    for schema in &schemas() {
        let grammar = Grammar::new(schema);
        let own = intents().into_iter();
        for intent in own.filter(|it| it.category == Category::General) {
            for seed in 0..4 {
                // Easy: with no modifiers, which a short question may have fewer of.
                let both = [
                    grammar.draft(intent, Difficulty::Easy, &[0, 1, 2, 5], seed),
                    grammar.draft_in_short(intent, Difficulty::Easy, &[0, 1, 2, 3, 4, 5], seed),
                ];
                let [Some(long), Some(short)] = both else {
                    continue;
                };
                if long.phrasing != short.phrasing || long.template != short.template {
                    continue;
                }
                assert_eq!(long.reference_sql, short.reference_sql);
                assert!(short.question.len() < long.question.len(), "{short:?}");
                shorter += 1;
            }
        }
    }
    assert!(shorter > 300, "{shorter}");
}

#[test]
fn every_frame_differs_and_has_only_slots_that_are_filled() {
    for intent in intents() {
        let frames: BTreeSet<&str> = intent.frames.into_iter().collect();
        assert_eq!(frames.len(), intent.phrasings(), "{}", intent.name);
    }
    for schema in schemas().iter().take(6) {
        for intent in intents() {
            for difficulty in Difficulty::ALL {
                for phrasing in 0..intent.phrasings() {
                    let mut wish = wish(intent, difficulty);
                    wish.phrasings = vec![phrasing];
                    let Ok(draft) = propose(schema, &wish, 3) else {
                        continue;
                    };
                    let named = draft.phrasing.as_deref().unwrap();
                    assert!(named.ends_with(&format!("/{phrasing}")));
                    let question = &draft.question;
                    assert!(
                        !question.contains(['{', '}', '\u{1}', '\u{2}']),
                        "{question}"
                    );
                    assert!(!question.contains("  "), "{question}");
                    assert!(!draft.reference_sql.contains(['\u{1}', '\u{2}']));
                }
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_draft_whatever_the_phrasing() {
    let schemas = schemas();
    for intent in intents() {
        for (seed, schema) in schemas.iter().enumerate() {
            let mut wish = wish(intent, Difficulty::Hard);
            let Ok(draft) = propose(schema, &wish, seed as u64) else {
                continue;
            };
            assert_eq!(propose(schema, &wish, seed as u64).as_ref(), Ok(&draft));
            wish.phrasings = vec![2];
            let other = propose(schema, &wish, seed as u64).unwrap();
            assert_eq!(other.reference_sql, draft.reference_sql);
            assert_eq!(other.template, draft.template);
        }
    }
}

#[test]
fn siblings_keep_intent_and_mostly_structure() {
    let schemas = schemas();
    let (mut same, mut all) = (0, 0);
    for (seed, intent) in intents().into_iter().enumerate() {
        let Ok(draft) = propose(&schemas[0], &wish(intent, Difficulty::Medium), seed as u64) else {
            continue;
        };
        for schema in &schemas[1..4] {
            let Ok(other) = sibling(schema, &draft, &[1, 2], 7) else {
                continue;
            };
            assert_eq!(other.intent, draft.intent);
            let named = other.phrasing.as_deref().unwrap();
            assert!(named.ends_with("/1") || named.ends_with("/2"));
            same += usize::from(other.template == draft.template);
            all += 1;
        }
    }
    assert!(all > 150 && same * 10 > all * 7, "{same} of {all}");
}

#[test]
fn every_intent_fits_some_domain_and_most_fit_each() {
    let mut met = BTreeSet::new();
    let staff = (0..40).filter_map(|seed| generate("staff", seed));
    for schema in schemas().into_iter().chain(staff) {
        let fitting: Vec<&str> = fitting(&schema).iter().map(|it| it.name).collect();
        assert!(fitting.len() > 60, "{}: {}", schema.name, fitting.len());
        met.extend(fitting);
    }
    assert_eq!(met.len(), intents().len());
}

#[test]
fn everyday_questions_are_in_full_and_their_statements_run() {
    let mut asked = BTreeSet::new();
    for (number, schema) in schemas().iter().enumerate() {
        let grammar = Grammar::new(schema);
        let made = database(&instance(schema, 3, number % 6, &[]).script());
        for intent in everyday_intents() {
            for seed in 0..12 {
                let Some(draft) = grammar.draft_everyday(intent, seed) else {
                    continue;
                };
                let question = &draft.question;
                assert!(!question.contains(['{', '}', '\u{1}']), "{question}");
                rows(&made, &draft);
                asked.insert(intent.name);
            }
        }
    }
    assert_eq!(asked.len(), everyday_intents().len(), "{asked:?}");
}

#[test]
fn no_everyday_frame_is_one_that_evaluation_keeps() {
    let plain = |frame: &str| {
        let words = frame.replace("{rows}", "{many}").to_lowercase();
        words.trim_end_matches(['.', '?']).to_owned()
    };
    let mut kept = BTreeSet::new();
    for intent in intents() {
        let held_out = held_out_phrasings(intent).into_iter();
        kept.extend(held_out.map(|place| plain(intent.frames[place])));
    }
    for intent in everyday_intents() {
        for frame in intent.frames {
            assert!(!kept.contains(&plain(frame)), "{}: {frame}", intent.name);
        }
    }
}

#[test]
fn what_fits_nothing_says_so() {
    let schema = Schema {
        name: "empty".to_owned(),
        domain: "empty".to_owned(),
        tables: Vec::new(),
    };
    let wish = wish(intents()[0], Difficulty::Easy);
    let error = propose(&schema, &wish, 1).unwrap_err();
    assert!(error.to_string().contains("empty"));
    assert!(fitting(&schema).is_empty());
}

#[test]
fn every_category_is_served_in_every_difficulty() {
    for (seed, schema) in schemas().iter().enumerate() {
        for category in Category::ALL {
            for difficulty in Difficulty::ALL {
                let wish = Wish {
                    category,
                    difficulty,
                    intent: None,
                    phrasings: vec![0, 5],
                };
                let draft = propose(schema, &wish, seed as u64).unwrap();
                assert_eq!((draft.category, draft.difficulty), (category, difficulty));
                let cleans = draft.requirements.contains(&Requirement::CleanNumeric);
                assert_eq!(cleans, draft.reference_sql.contains("CLEAN_NUMERIC("));
            }
        }
    }
}

#[test]
fn references_run_and_give_the_same_rows_in_a_shuffled_database() {
    for (seed, schema) in schemas().iter().enumerate() {
        let made = instance(schema, 3, seed % 6, &[]);
        let plain = database(&made.script());
        let shuffled = database(&made.shuffled());
        for intent in intents() {
            for difficulty in Difficulty::ALL {
                let wish = wish(intent, difficulty);
                let Ok(draft) = propose(schema, &wish, seed as u64) else {
                    continue;
                };
                let rows = rows(&plain, &draft);
                assert_eq!(
                    rows,
                    self::rows(&shuffled, &draft),
                    "{}",
                    draft.reference_sql
                );
            }
        }
    }
}

/// A database in memory, with a rough CLEAN_NUMERIC: what it reads doesn't matter here.
fn database(script: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let clean = |context: &rusqlite::functions::Context<'_>| {
        Ok(match context.get::<Value>(0)? {
            Value::Integer(value) => Some(value as f64),
            Value::Real(value) => Some(value),
            Value::Text(text) => text.trim_matches(['$', ' ', '(']).parse().ok(),
            _ => None::<f64>,
        })
    };
    connection
        .create_scalar_function("CLEAN_NUMERIC", 1, flags, clean)
        .unwrap();
    connection.execute_batch(script).unwrap();
    connection
}

/// The rows as text, real numbers to seven digits; sorted unless the order is asked for.
fn rows(connection: &Connection, draft: &Draft) -> Vec<Vec<String>> {
    let sql = &draft.reference_sql;
    let mut statement = connection
        .prepare(sql)
        .unwrap_or_else(|why| panic!("{why}: {sql}"));
    let columns = statement.column_count();
    let found = statement.query_map([], |row| {
        let values = (0..columns).map(|place| {
            Ok(match row.get::<_, Value>(place)? {
                Value::Real(value) => format!("{value:.6e}"),
                other => format!("{other:?}"),
            })
        });
        values.collect()
    });
    let mut rows: Vec<Vec<String>> = found.unwrap().collect::<Result<_, _>>().unwrap();
    if !draft.ordered {
        rows.sort();
    }
    rows
}
