//! The main job by the real binary: a small run of the embedded student.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use antiks::lake::Lake;
use serde_json::{Value as Json, json};

use crate::support::{Ran, antiks, repository};

/// A run that takes seconds: two iterations of six questions, not all of which the base answers
/// right, twelve in the suite.
const SMALL: [&str; 11] = [
    "loop",
    "--iterations=2",
    "--challenges=6",
    "--seed=5",
    "--set=suite_items=2",
    "--set=practice.siblings=8",
    "--set=practice.siblings_each=4",
    "--set=practice.sibling_turns=2",
    "--device=cpu",
    "--threads=2",
    "--json",
];

fn small(folder: &Path, more: &[&str]) -> Ran {
    let arguments: Vec<&str> = SMALL.iter().chain(more).copied().collect();
    antiks(folder, &arguments)
}

/// The ids of all events in their order, and the hashes of all blobs.
fn ids(folder: &Path) -> (String, Vec<String>) {
    let ran = antiks(
        folder,
        &[
            "sql",
            "--format=csv",
            "select id, kind from events order by seq",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lake = Lake::open(&folder.join("lake")).unwrap();
    let blobs = lake.entries().iter().flat_map(|it| &it.commit.blobs);
    (ran.stdout, blobs.map(|it| it.blake3.to_string()).collect())
}

fn last_line(ran: &Ran) -> Json {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn verify(folder: &Path) {
    let ran = antiks(folder, &["verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_run_repeats_itself_is_replayed_and_goes_on_after_kills() {
    let first = tempfile::tempdir().unwrap();
    let done = last_line(&small(first.path(), &[]));
    assert_eq!(done["done"], true);
    assert_eq!(done["iterations"], 2);
    verify(first.path());
    let trained = "select count(distinct iteration) from trainings";
    let ran = antiks(first.path(), &["sql", "--format=csv", trained]);
    assert_eq!(
        ran.stdout.lines().nth(1),
        Some("2"),
        "each taught something"
    );
    let expected = ids(first.path());

    // The same command again finds that all is done.
    last_line(&small(first.path(), &[]));
    assert_eq!(ids(first.path()), expected);
    let plan = last_line(&small(first.path(), &["--dry-run"]));
    assert_eq!(plan["is_there"], true, "{plan}");
    assert_eq!(ids(first.path()), expected);

    // Killed at any moment, it comes to the same events.
    let second = tempfile::tempdir().unwrap();
    let mut kills = 0;
    for milliseconds in [900u64, 2_000, 3_100, 4_300, 5_500, 7_000, 9_000, 12_000] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_antiks"))
            .args(SMALL)
            .current_dir(second.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        if second.path().join("lake").exists() {
            verify(second.path());
        }
    }
    assert!(kills > 0);
    last_line(&small(second.path(), &[]));
    verify(second.path());
    let found = ids(second.path());
    let differing = found
        .0
        .lines()
        .zip(expected.0.lines())
        .find(|(a, b)| a != b);
    assert_eq!(differing, None);
    assert_eq!(found, expected);

    let ran = antiks(first.path(), &["replay", "--all", "--device=cpu", "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["identical"], true);
    assert_eq!(report["stages"].as_array().unwrap().len(), 14);
    assert_eq!(ids(first.path()), expected);

    other_settings_are_refused(first.path());
    a_fork_is_a_run_of_its_own(first.path());
    the_sealed_suite_counts_its_openings(first.path());
    its_adapter_answers(first.path());
}

fn other_settings_are_refused(folder: &Path) {
    let ran = small(folder, &["--set=recipe.learning_rate=0.003"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("recipe.learning_rate is"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--run"), "{}", ran.stderr);
    let ran = small(folder, &["--set=recipe.rate=1"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("there is no setting"), "{}", ran.stderr);
    let ran = antiks(folder, &["replay", "--iteration=7"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("it has 1 to 2"), "{}", ran.stderr);
}

fn a_fork_is_a_run_of_its_own(folder: &Path) {
    let ran = antiks(
        folder,
        &[
            "retrain",
            "--iteration=1",
            "--run=gentle",
            "--set=recipe.learning_rate=0.0001",
            "--device=cpu",
            "--json",
        ],
    );
    let done = last_line(&ran);
    assert_eq!(done["parent"], "main");
    verify(folder);
    let ran = antiks(
        folder,
        &[
            "sql",
            "--format=csv",
            "select parent.name, fork.parent_iteration from runs fork join runs parent on \
             parent.id = fork.parent_run_id",
        ],
    );
    assert_eq!(ran.stdout.lines().nth(1), Some("main,1"), "{}", ran.stdout);
}

fn the_sealed_suite_counts_its_openings(folder: &Path) {
    for opened in 0..2 {
        let ran = antiks(
            folder,
            &["eval", "--sealed", "--run=main", "--device=cpu", "--json"],
        );
        let line = last_line(&ran);
        assert_eq!(line["suite"], "sealed");
        assert_eq!(line["items"], 12);
        assert_eq!(line["opened_before"], opened);
    }
    verify(folder);
    let frozen = antiks(
        folder,
        &[
            "eval",
            "--checkpoint=base",
            "--run=main",
            "--device=cpu",
            "--json",
        ],
    );
    assert!(last_line(&frozen)["checkpoint"].is_null());
}

fn its_adapter_answers(folder: &Path) {
    let club = fs::read_to_string(repository("tests/data/databases/club.sql")).unwrap();
    let connection = rusqlite::Connection::open(folder.join("club.db")).unwrap();
    connection.execute_batch(&club).unwrap();
    let asked = |adapter: &[&str]| {
        let question = "What is the average weight kg of boats? Return only average weight kg.";
        let question = ["ask", question, "--db=club.db"];
        let ran = antiks(
            folder,
            &[
                &question,
                adapter,
                &["--sql-only", "--device=cpu", "--json"],
            ]
            .concat(),
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str::<Json>(&ran.stdout).unwrap()
    };
    let latest = asked(&["--run=main"]);
    let checkpoint = latest["checkpoint"].as_str().unwrap();
    let by_id = asked(&["--adapter", &checkpoint[..12]]);
    assert_eq!(by_id, latest);
    let sql = latest["sql"].as_str().unwrap();
    assert!(sql.starts_with("SELECT "), "{latest}");
    let base = asked(&["--adapter=base"]);
    assert!(base["checkpoint"].is_null());
}

#[test]
fn what_is_refused_is_taught_further_and_does_not_take_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let ruin = [
        "--set=recipe.learning_rate=0.05",
        "--set=practice.siblings=16",
    ];
    let done = last_line(&small(folder.path(), &ruin));
    assert_eq!(done["adapter"], Json::Null);
    let one = |sql: &str| {
        let ran = antiks(folder.path(), &["sql", "--format=csv", sql]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(one("select count(*) from promotions where promoted"), "0");
    let first = one("select id from checkpoints where iteration = 1");
    let taught = one("select parent_checkpoint_id from trainings where iteration = 2");
    assert_eq!(taught, first);
    let answering = "select distinct checkpoint_id from answers \
                     where purpose = 'train' and iteration = 2";
    assert_eq!(one(answering), first);
    let compared = "select incumbent_checkpoint_id from promotions where iteration = 2";
    assert_eq!(one(compared), "\"\"");
    let ran = antiks(folder.path(), &["replay", "--iteration=2", "--device=cpu"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn examples_of_the_users_own_are_trained_on_first() {
    let folder = tempfile::tempdir().unwrap();
    let example = |number: usize| {
        let outline = format!("orders(id key, total money, city{number} text)");
        json!({ "messages": [
            { "role": "user", "content": format!("{outline}\nQ: How many orders are there?") },
            { "role": "assistant", "content": "SELECT COUNT(*) AS orders FROM orders" },
        ] })
    };
    let lines: Vec<String> = (0..6).map(|it| example(it).to_string()).collect();
    fs::write(folder.path().join("own.jsonl"), lines.join("\n")).unwrap();
    let arguments = ["--initial-train=own.jsonl", "--iterations=1"];
    let arguments: Vec<&str> = SMALL.iter().chain(&arguments).copied().collect();
    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|it| *it != "--iterations=2")
        .collect();
    last_line(&antiks(folder.path(), &arguments));
    verify(folder.path());
    let query = "select iteration, count(*) from training_steps group by 1 order by 1";
    let ran = antiks(folder.path(), &["sql", "--format=csv", query]);
    // Three to a lesson, and two lessons a step.
    assert!(ran.stdout.contains("\n0,1\n"), "{}", ran.stdout);
    let before = ids(folder.path());
    last_line(&antiks(folder.path(), &arguments));
    assert_eq!(ids(folder.path()), before);
    // Other examples would be another run.
    fs::write(folder.path().join("own.jsonl"), lines[1..].join("\n")).unwrap();
    let ran = antiks(folder.path(), &arguments);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("initial_train is"), "{}", ran.stderr);
}

#[test]
fn a_plan_is_shown_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let ran = antiks(folder.path(), &["loop", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("practice.siblings"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("is there already"), "{}", ran.stdout);
    assert!(!folder.path().join("lake").exists());
    let ran = antiks(folder.path(), &["loop", "--teacher=nobody"]);
    assert_eq!(ran.code, 2);
    let ran = antiks(folder.path(), &["eval"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
}
