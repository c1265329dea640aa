//! From a question to its verdict, over generated databases and over files of users.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use antiks::base::seed::Random;
use antiks::database::import::import;
use antiks::grading::admission::{KILLED_PERCENT, Split};
use antiks::grading::grade;
use antiks::grading::signature::is_for_evaluation;
use antiks::sandbox::Sandbox;
use antiks::teacher::draft::{Category, Difficulty};
use antiks::teacher::offline::Wish;
use antiks::teacher::proposer::{Proposal, Proposer, Source};
use serde_json::Value as Json;

use crate::support::{antiks, program, repository};

fn wish(random: &mut Random) -> Wish {
    Wish {
        category: *random.pick(&Category::ALL).unwrap(),
        difficulty: *random.pick(&Difficulty::ALL).unwrap(),
        intent: None,
        phrasings: Vec::new(),
    }
}

fn propose(workers: usize, source: Source, split: Split, count: usize) -> Vec<Proposal> {
    let sandbox = Sandbox::new(program(), workers);
    let mut proposer = Proposer::new(&sandbox, source, split, 7);
    let proposals = proposer.propose(count, &wish, |_| {}).unwrap();
    let refused = &proposer.counts().refused;
    assert!(!refused.contains_key("reference_fails"), "{refused:?}");
    assert!(!refused.contains_key("reference_unparsed"), "{refused:?}");
    println!("{} drafts, refused: {refused:?}", proposer.counts().drafts);
    proposals
}

#[test]
fn admitted_challenges_tell_right_from_wrong() {
    let proposals = propose(2, Source::Generated, Split::Training, 120);
    assert_eq!(proposals.len(), 120);
    let sandbox = Sandbox::new(program(), 2);
    let mut signatures = BTreeSet::new();
    for proposal in &proposals {
        let admitted = &proposal.admitted;
        assert!(signatures.insert(admitted.signature.bytes()));
        assert!(!is_for_evaluation(admitted.family));
        assert!(admitted.mutants_killed * 100 >= KILLED_PERCENT * admitted.mutants);
        let own = grade(&sandbox, &admitted.task, Some(&admitted.task.reference_sql)).unwrap();
        assert_eq!(own.score, 100, "{}: {own:#?}", admitted.task.reference_sql);
    }
}

#[test]
fn what_is_admitted_does_not_depend_on_the_number_of_workers() {
    let one = propose(1, Source::Generated, Split::Training, 20);
    let three = propose(3, Source::Generated, Split::Training, 20);
    assert_eq!(one, three);
}

#[test]
fn families_of_evaluation_are_never_trained_on() {
    let proposals = propose(2, Source::Generated, Split::Evaluation, 10);
    assert_eq!(proposals.len(), 10);
    assert!(
        proposals
            .iter()
            .all(|it| is_for_evaluation(it.admitted.family))
    );
}

fn database(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.db"));
    let script = fs::read_to_string(repository(&format!("tests/data/databases/{name}.sql")));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(&script.unwrap()).unwrap();
    path
}

#[test]
fn files_of_users_can_be_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["club", "bakery", "survey"] {
        let path = database(folder.path(), name);
        let before = fs::read(&path).unwrap();
        let schema = Arc::new(import(&path).unwrap().schema);
        let proposals = propose(2, Source::Own(schema), Split::Training, 200);
        assert_eq!(proposals.len(), 200, "{name}");
        assert!(fs::read(&path).unwrap() == before, "{name} was written to");
    }
}

#[test]
fn a_challenge_is_shown_and_graded() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "challenge",
        "-n",
        "1",
        "--seed",
        "3",
        "--category",
        "data",
        "--json",
    ];
    let shown = antiks(folder.path(), &arguments);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert_eq!(antiks(folder.path(), &arguments).stdout, shown.stdout);
    let challenge: Json = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(challenge["category"], "Data Cleaning");
    fs::write(folder.path().join("c.json"), &shown.stdout).unwrap();
    let run = |sql: &str| {
        let ran = antiks(
            folder.path(),
            &["grade", "--challenge", "c.json", "--json", "--sql", sql],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str::<Json>(&ran.stdout).unwrap()
    };
    let right = run(challenge["reference_sql"].as_str().unwrap());
    assert_eq!(
        (&right["score"], &right["equivalent"]),
        (&100.into(), &true.into())
    );
    let wrong = run("SELECT 1");
    assert!(wrong["score"].as_i64().unwrap() <= 70);
    assert_eq!(wrong["equivalent"], false);
    assert!(!wrong["instances"].as_array().unwrap().is_empty());
    let broken = run("SELEC 1");
    assert_eq!(
        (&broken["score"], &broken["error_class"]),
        (&0.into(), &"syntax".into())
    );
}

#[test]
fn a_file_that_can_not_be_asked_about_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(
        path("text.db"),
        "hello, I am no database at all\n".repeat(200),
    )
    .unwrap();
    let noise: Vec<u8> = (0..8192u32)
        .map(|it| (it.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    fs::write(path("noise.db"), noise).unwrap();
    fs::write(path("empty.db"), "").unwrap();
    let connection = rusqlite::Connection::open(path("bare.db")).unwrap();
    connection.execute_batch("CREATE TABLE t (a, b)").unwrap();
    drop(connection);
    let whole = fs::read(database(folder.path(), "club")).unwrap();
    let mut torn = whole.clone();
    for page in 1..torn.len() / 4096 {
        torn[page * 4096..page * 4096 + 64].fill(0xff);
    }
    fs::write(path("torn.db"), torn).unwrap();
    for name in [
        "text.db", "noise.db", "empty.db", "bare.db", "torn.db", "none.db", ".",
    ] {
        let ran = antiks(folder.path(), &["challenge", "-n", "1", "--db", name]);
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{name}: {}", ran.stderr);
        println!("{name}: {}", ran.stderr);
    }
}
