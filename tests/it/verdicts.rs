//! The grader against answers whose verdicts are known: `tests/data/verdicts`, proven by
//! `scripts/goldens/verdicts.py`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use antiks::database::import::import;
use antiks::database::schema::Schema;
use antiks::grading::admission::{Candidate, Split, task_of};
use antiks::grading::{Requirement, grade};
use antiks::sandbox::Sandbox;

use crate::support::{program, repository};

struct Case {
    file: String,
    schema: String,
    reference: String,
    ordered: bool,
    requirements: Vec<Requirement>,
    answers: Vec<Answer>,
}

struct Answer {
    is_equivalent: bool,
    why: String,
    sql: String,
}

/// Reads the cases of a file; its head explains the format.
fn cases(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut schema = String::new();
    let mut target: Option<&mut String> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("-- schema: ") {
            schema = name.trim().to_owned();
            target = None;
        } else if let Some(words) = line.strip_prefix("-- reference, ") {
            let words: Vec<&str> = words.split_whitespace().collect();
            cases.push(Case {
                file: file.to_owned(),
                schema: schema.clone(),
                reference: String::new(),
                ordered: words[0] == "ordered",
                requirements: words
                    .iter()
                    .filter_map(|it| Requirement::parse(it))
                    .collect(),
                answers: Vec::new(),
            });
            target = cases.last_mut().map(|case| &mut case.reference);
        } else if let Some((is_equivalent, why)) = heading(line) {
            let case = cases.last_mut().unwrap();
            case.answers.push(Answer {
                is_equivalent,
                why: why.to_owned(),
                sql: String::new(),
            });
            target = case.answers.last_mut().map(|answer| &mut answer.sql);
        } else if let Some(sql) = &mut target {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    cases
}

fn heading(line: &str) -> Option<(bool, &str)> {
    let equivalent = line.strip_prefix("-- equivalent:").map(|why| (true, why));
    equivalent.or_else(|| line.strip_prefix("-- different:").map(|why| (false, why)))
}

#[test]
fn every_known_verdict_is_reached() {
    let sandbox = Sandbox::new(program(), 2);
    let folder = tempfile::tempdir().unwrap();
    let mut schemas: BTreeMap<String, Schema> = BTreeMap::new();
    let mut all: Vec<Case> = Vec::new();
    for entry in fs::read_dir(repository("tests/data/verdicts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        match name.strip_suffix(".schema.sql") {
            Some(schema) => {
                let file = folder.path().join(schema);
                let connection = rusqlite::Connection::open(&file).unwrap();
                connection.execute_batch(&text).unwrap();
                drop(connection);
                schemas.insert(schema.to_owned(), import(&file).unwrap().schema);
            }
            None => all.extend(cases(&name, &text)),
        }
    }
    let wrong = Mutex::new((Vec::new(), Vec::new()));
    let (next, graded) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(&sandbox, &schemas[&case.schema], case);
                    graded.fetch_add(case.answers.len(), Ordering::Relaxed);
                    let mut wrong = wrong.lock().unwrap();
                    wrong.0.extend(found.0);
                    wrong.1.extend(found.1);
                }
            });
        }
    });
    let (passes, fails) = wrong.into_inner().unwrap();
    let graded = graded.into_inner();
    println!(
        "{graded} verdicts: {} false passes, {} false fails",
        passes.len(),
        fails.len()
    );
    assert!(graded >= 300, "{graded}");
    assert!(passes.is_empty(), "false passes: {passes:#?}");
    assert!(fails.len() * 100 <= graded, "false fails: {fails:#?}");
}

/// The false passes and the false fails of a case.
fn check(sandbox: &Sandbox, schema: &Schema, case: &Case) -> (Vec<String>, Vec<String>) {
    let candidate = Candidate {
        schema,
        split: Split::Training,
        reference_sql: &case.reference,
        ordered: case.ordered,
        requirements: &case.requirements,
        template: &case.reference,
        seed: 1,
    };
    let (task, _) = task_of(sandbox, &candidate).unwrap();
    let (mut passes, mut fails) = (Vec::new(), Vec::new());
    for answer in &case.answers {
        let verdict = grade(sandbox, &task, Some(&answer.sql)).unwrap();
        assert_eq!(verdict.equivalent, verdict.score >= 80, "{}", answer.sql);
        let shown = || {
            format!(
                "{}:{} \nreference: {}answer: {}{}",
                case.file, answer.why, case.reference, answer.sql, verdict.explanation
            )
        };
        match (answer.is_equivalent, verdict.equivalent) {
            (true, false) => fails.push(shown()),
            (false, true) => passes.push(shown()),
            _ => {}
        }
    }
    (passes, fails)
}
