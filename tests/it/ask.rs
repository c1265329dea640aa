//! Questions over a user's file: by the real binary, and under attack in the sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use antiks::sandbox::{
    Allowance, Ending, Job, Layer, MAX_STEPS, Outcome, Sandbox, SandboxError, Setup, Value,
};
use serde_json::Value as Json;

use crate::loops::LoopLake;
use crate::sandbox::{attacks, script};
use crate::support::{antiks, program, repository};

/// A database file that `script` makes.
fn file(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(script).unwrap();
    path
}

fn club(folder: &Path) -> PathBuf {
    let script = fs::read_to_string(repository("tests/data/databases/club.sql")).unwrap();
    file(folder, "club.db", &script)
}

fn setup(path: &Path, without: &[Layer]) -> Setup {
    let mut setup = Setup::over_file(path, Allowance::of_question(20)).unwrap();
    setup.without = without.iter().copied().collect();
    setup
}

fn run(setup: Setup, sql: &str, max_steps: i64) -> Result<Outcome, SandboxError> {
    run_in(&Sandbox::set_up(program(), 1, setup), sql, max_steps)
}

fn run_in(sandbox: &Sandbox, sql: &str, max_steps: i64) -> Result<Outcome, SandboxError> {
    let outcomes = sandbox.run(&Job {
        scripts: vec![String::new()],
        statements: vec![sql.to_owned()],
        max_steps,
    })?;
    Ok(outcomes.into_iter().flatten().next().unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_question_is_answered_over_the_real_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = club(folder.path());
    let before = fs::read(&path).unwrap();
    let arguments = [
        "ask",
        "What is the average weight kg of boats? Return only average weight kg.",
        "--db",
        "club.db",
        "--adapter",
        "base",
    ];
    let shown = antiks(folder.path(), &arguments);
    println!("{}{}", shown.stdout, shown.stderr);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let ran = antiks(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let answer: Json = serde_json::from_str(&ran.stdout).unwrap();
    let sql = answer["sql"].as_str().unwrap();
    assert!(shown.stdout.starts_with(sql), "{}", shown.stdout);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let average: f64 = connection
        .query_row("SELECT avg(weight_kg) FROM boats", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    assert_eq!(answer["rows"], serde_json::json!([[average]]), "{answer}");
    assert_eq!(answer["question"], arguments[1]);
    assert_eq!(answer["truncated"], false);
    assert!(answer["checkpoint"].is_null() && answer["error"].is_null());
    let only = antiks(folder.path(), &[&arguments[..], &["--sql-only"]].concat());
    assert_eq!((only.code, only.stdout.trim_end()), (0, sql));
    // Without a lake, latest is the base, and says so.
    let latest = antiks(folder.path(), &[&arguments[..4], &["--json"]].concat());
    assert_eq!(latest.stdout, ran.stdout);
    assert!(
        latest.stderr.contains("there is no lake"),
        "{}",
        latest.stderr
    );
    assert!(
        fs::read(&path).unwrap() == before,
        "the file was written to"
    );
    assert_eq!(names(folder.path()), ["club.db"]);
}

#[test]
fn what_can_not_be_asked_says_why() {
    let folder = tempfile::tempdir().unwrap();
    club(folder.path());
    fs::write(folder.path().join("text.db"), "no database\n".repeat(99)).unwrap();
    let ask = |more: &[&str]| {
        let ran = antiks(
            folder.path(),
            &[&["ask", "How many members are there?"], more].concat(),
        );
        assert!(ran.stdout.is_empty(), "{more:?}: {}", ran.stdout);
        println!("{more:?}: {}", ran.stderr);
        (ran.code, ran.stderr)
    };
    for (more, code, wanted) in [
        (&["--db", "none.db"][..], 1, "there is no file none.db"),
        (&["--db", "text.db"], 1, "not an SQLite database"),
        (&["--db", "club.db", "--max-rows", "0"], 2, "--max-rows"),
        (
            &["--db", "club.db", "--adapter", "newest"],
            2,
            "none of base, latest",
        ),
        (
            &["--db", "club.db", "--adapter", "abcdef"],
            1,
            "there is no lake",
        ),
        (&["--db", "club.db", "--run", "main"], 1, "there is no lake"),
        (
            &["--db", "club.db", "--adapter", "."],
            1,
            "adapter_config.json",
        ),
        (
            &["--db", "club.db", "--adapter", "base", "--run", "x"],
            2,
            "--run",
        ),
    ] {
        let (found, error) = ask(more);
        assert!(
            found == code && error.contains(wanted),
            "{more:?}: {found}: {error}"
        );
    }
    let beside = folder.path().join("club.db-wal");
    fs::write(beside, "changes").unwrap();
    let (code, error) = ask(&["--db", "club.db", "--adapter", "base"]);
    assert!(code == 1 && error.contains("in use"), "{error}");
}

#[test]
fn an_answer_that_fails_is_shown_with_what_sqlite_says() {
    let folder = tempfile::tempdir().unwrap();
    club(folder.path());
    let mut failed = 0;
    for question in ["Why?", "blue seven of tomorrow", "x y z ( ) ' ; --"] {
        let arguments = ["ask", question, "--db", "club.db", "--adapter", "base"];
        let shown = antiks(folder.path(), &arguments);
        let ran = antiks(folder.path(), &[&arguments[..], &["--json"]].concat());
        let answer: Json = serde_json::from_str(&ran.stdout).unwrap();
        println!("{question}: {answer}\n{}", shown.stderr);
        assert_eq!(shown.code, ran.code);
        assert_eq!(ran.code == 1, !answer["error"].is_null());
        if ran.code == 1 {
            failed += 1;
            assert!(answer["rows"].is_null() && answer["columns"].is_null());
            assert!(shown.stderr.contains("hint: "), "{}", shown.stderr);
            assert!(shown.stderr.contains("antiks loop --db club.db"));
        }
    }
    println!("{failed} failed");
}

#[test]
fn others_are_tried_where_the_likeliest_answer_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    club(folder.path());
    let mut failed = 0;
    for question in [
        "What is the total of payments by year?",
        "How many outings are there for each boat name?",
        "What is the average weight kg of boats? Return only average weight kg.",
        "seven blue of tomorrow",
        "x y z ( ) ' ; --",
    ] {
        let ask = |tries: &str| {
            let question = ["ask", question, "--db=club.db", "--adapter=base", "--json"];
            let ran = antiks(
                folder.path(),
                &[&question[..], &["--tries", tries]].concat(),
            );
            (ran.code, serde_json::from_str::<Json>(&ran.stdout).unwrap())
        };
        let (code, likeliest) = ask("1");
        assert_eq!(likeliest["failed"], serde_json::json!([]));
        let (code_of_many, of_many) = ask("16");
        println!("{question}: {likeliest}\n{of_many}");
        assert_eq!(
            (code_of_many, of_many.clone()),
            ask("16"),
            "not the same twice"
        );
        let tried = of_many["failed"].as_array().unwrap();
        assert!(tried.iter().all(|it| it["error"].is_string()));
        if code == 0 {
            assert_eq!(of_many, likeliest);
            continue;
        }
        failed += 1;
        if code_of_many == 0 {
            assert_eq!(tried[0]["sql"], likeliest["sql"]);
            assert_eq!(tried[0]["error"], likeliest["error"]);
            assert!(of_many["rows"].is_array() && of_many["error"].is_null());
        } else {
            assert_eq!(of_many["sql"], likeliest["sql"]);
            assert_eq!(of_many["error"], likeliest["error"]);
        }
    }
    assert!((1..5).contains(&failed), "{failed} failed");
}

#[test]
fn a_checkpoint_is_named_by_its_digits_and_wants_its_base() {
    let folder = tempfile::tempdir().unwrap();
    club(folder.path());
    let lake = LoopLake::whole(folder.path(), 2);
    let ask = |adapter: &str| {
        let question = "How many members are there?";
        antiks(
            folder.path(),
            &[
                "ask",
                question,
                "--db",
                "club.db",
                "--student",
                "nano",
                "--adapter",
                adapter,
            ],
        )
    };
    let ran = ask(&lake.ids["k1"][..16]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("belongs to another base"),
        "{}",
        ran.stderr
    );
    let ran = ask(&lake.ids["q0"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("is a challenge and not"),
        "{}",
        ran.stderr
    );
    let ids = lake.ids.clone();
    drop(lake);
    let retracted = ["retract", &ids["q0"], "--reason", "ambiguous"];
    assert_eq!(antiks(folder.path(), &retracted).code, 0);
    let ran = ask(&ids["k1"]);
    assert!(ran.stderr.contains("is tainted"), "{}", ran.stderr);
    let unknown = ["ask", "How many?", "--db", "club.db", "--run", "none"];
    let ran = antiks(folder.path(), &unknown);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("there are first"), "{}", ran.stderr);
}

#[test]
fn status_draws_what_was_learned() {
    let folder = tempfile::tempdir().unwrap();
    let shown = antiks(folder.path(), &["--example", "status"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    println!("{}", shown.stdout);
    let wanted = "20.0 in iteration 0, 100.0 in iteration 1\n100 ┤     ██\n";
    assert!(shown.stdout.contains(wanted), "{}", shown.stdout);
    let ran = antiks(folder.path(), &["--example", "status", "--json"]);
    let status: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert!(status.get("curve").is_none());
}

#[test]
fn a_file_is_read_whole_behind_all_layers() {
    let folder = tempfile::tempdir().unwrap();
    // Larger than SQLite's cache, so that pages are read after the worker was confined; and
    // in WAL mode, whose log was emptied when it was closed.
    let path = file(
        folder.path(),
        "large.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT, price); \
         WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 60000) \
         INSERT INTO t SELECT n, printf('%.*c', 900, 'x'), printf('%d,50 EUR', n) FROM r;",
    );
    assert!(fs::metadata(&path).unwrap().len() > 48 << 20);
    let sandbox = Sandbox::set_up(program(), 1, setup(&path, &[]));
    for _ in 0..2 {
        let sql = "SELECT count(*), sum(length(text)), sum(CLEAN_NUMERIC(price)) FROM t";
        let outcome = run_in(&sandbox, sql, 1 << 30).unwrap();
        let Ending::Rows { rows, .. } = outcome.ending else {
            panic!("{outcome:?}");
        };
        let sum = 60_000.0 * 60_001.0 / 2.0 + 30_000.0;
        let wanted = [
            Value::Integer(60_000),
            Value::Integer(54_000_000),
            Value::Real(sum),
        ];
        assert_eq!(rows, [wanted]);
    }
    let sql = "SELECT n FROM t ORDER BY text, n DESC";
    let outcome = run_in(&sandbox, sql, 1 << 30).unwrap();
    let Ending::Rows { rows, .. } = &outcome.ending else {
        panic!("{outcome:?}");
    };
    assert_eq!((rows.len(), outcome.left_out), (20, 59_980));
    assert_eq!(rows[0], [Value::Integer(60_000)]);
}

#[test]
fn no_attack_gets_out_of_a_file_or_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.db", &script());
    let before = fs::read(&path).unwrap();
    // Values may be long here, so copying them takes more time than steps: then the deadline
    // is what ends a statement, which somebody waits for and nobody grades.
    let mut hasty = setup(&path, &[]);
    hasty.allowance.deadline = Duration::from_secs(2);
    hasty.allowance.cpu_seconds = 600;
    let sandbox = Sandbox::set_up(program(), 1, hasty);
    let mut late = 0;
    let check = "SELECT count(*), sum(a), max(b) FROM t";
    let right = run_in(&sandbox, check, MAX_STEPS).unwrap();
    let mut slowest = (Duration::ZERO, String::new());
    let mut count = 0;
    let mut paths: Vec<_> = fs::read_dir(repository("tests/data/hostile"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    for attack in paths {
        let name = attack.file_name().unwrap().to_str().unwrap().to_owned();
        for sql in attacks(&attack) {
            count += 1;
            let start = Instant::now();
            let outcome = run_in(&sandbox, &sql, MAX_STEPS);
            let took = start.elapsed();
            let shown: String = sql.chars().take(200).collect();
            if took > slowest.0 {
                slowest = (took, shown.clone());
            }
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(SandboxError::Late(_)) => {
                    late += 1;
                    continue;
                }
                Err(error) => panic!("{name}: {error}: {shown}"),
            };
            let ran = matches!(outcome.ending, Ending::Rows { .. });
            let is_meant = !["files.sql", "environment.sql"].contains(&name.as_str());
            assert!(!ran || is_meant, "{name}: {shown} ran: {outcome:?}");
        }
        assert_eq!(
            run_in(&sandbox, check, MAX_STEPS).unwrap(),
            right,
            "after {name}"
        );
    }
    assert!(count >= 700, "{count} statements");
    assert!(
        fs::read(&path).unwrap() == before,
        "the file was written to"
    );
    assert_eq!(names(folder.path()), ["t.db"]);
    assert!(late < 30, "{late} of {count} ended by the deadline");
    println!("{count} hostile statements, {late} were late, the slowest took {slowest:?}");
}

#[test]
fn past_sqlite_s_layers_a_file_still_can_not_be_written_or_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.db", &script());
    let other = file(folder.path(), "other.db", "CREATE TABLE secret (a)");
    let before = fs::read(&path).unwrap();
    let past = [Layer::Authorizer, Layer::ReadOnly, Layer::SqliteLimits];
    let copy = folder.path().join("copy.db");
    let statements = [
        "DELETE FROM t RETURNING a".to_owned(),
        "UPDATE t SET a = 0 RETURNING a".to_owned(),
        "PRAGMA journal_mode = DELETE".to_owned(),
        format!("ATTACH '{}' AS other", other.display()),
        format!("ATTACH '{}' AS made", copy.display()),
        format!("VACUUM INTO '{}'", copy.display()),
    ];
    for (place, left) in [Layer::Landlock, Layer::Seccomp].into_iter().enumerate() {
        let mut without = past.to_vec();
        without.push([Layer::Seccomp, Layer::Landlock][place]);
        let sandbox = Sandbox::set_up(program(), 1, setup(&path, &without));
        for sql in &statements {
            let outcome = run_in(&sandbox, sql, MAX_STEPS).unwrap();
            let failed = matches!(outcome.ending, Ending::Error(_));
            let is_pragma = sql.starts_with("PRAGMA");
            assert!(failed || is_pragma, "only {left:?}: {sql}: {outcome:?}");
        }
        let rows = run_in(&sandbox, "SELECT count(*) FROM t", MAX_STEPS).unwrap();
        let fifty = vec![vec![Value::Integer(50)]];
        assert!(
            matches!(&rows.ending, Ending::Rows { rows, .. } if *rows == fifty),
            "{rows:?}"
        );
    }
    assert!(
        fs::read(&path).unwrap() == before,
        "the file was written to"
    );
    assert_eq!(names(folder.path()), ["other.db", "t.db"]);
}

#[test]
fn budgets_end_what_would_not_end() {
    const ENDLESS: &str =
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.db", &script());
    let outcome = run(setup(&path, &[]), ENDLESS, MAX_STEPS).unwrap();
    assert_eq!(outcome.ending, Ending::Limit("steps".to_owned()));
    let mut hasty = setup(&path, &[]);
    hasty.allowance.deadline = Duration::from_millis(300);
    let start = Instant::now();
    let late = run(hasty, ENDLESS, i64::MAX);
    assert!(matches!(late, Err(SandboxError::Late(_))), "{late:?}");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "it was tried again"
    );
    // 6.25 million rows: those that are kept come, the others are counted as far as allowed.
    let outcome = run(
        setup(&path, &[]),
        "SELECT a.a FROM t a, t b, t c, t d",
        i64::MAX,
    )
    .unwrap();
    let Ending::Rows { rows, .. } = &outcome.ending else {
        panic!("{outcome:?}");
    };
    assert_eq!((rows.len(), outcome.left_out), (20, 1_000_000));
    // What does not fit is left out with all that follows.
    let sql = "SELECT printf('%.*c', 7000000, 'x') FROM t LIMIT 9";
    let outcome = run(setup(&path, &[]), sql, MAX_STEPS).unwrap();
    let Ending::Rows { rows, .. } = &outcome.ending else {
        panic!("{:?}", outcome.steps);
    };
    assert_eq!((rows.len(), outcome.left_out), (2, 7));
    let gone = setup(&path, &[]);
    fs::remove_file(&path).unwrap();
    let error = run(gone, "SELECT 1", MAX_STEPS).unwrap_err();
    assert!(matches!(error, SandboxError::Instance(_)), "{error}");
}
