//! A whole loop with a chat teacher by the real binary: a scripted server on loopback says what
//! stands in `tests/data/chat/club.json`, written by hand as DeepSeek might answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::chat_ground::CANARY;
use crate::chat_server::{Say, Seen, Server};
use crate::chat_session::Session;
use crate::support::{Ran, antiks, repository};

const SMALL: [&str; 12] = [
    "loop",
    "--iterations=2",
    "--challenges=8",
    "--db=club.db",
    "--seed=5",
    "--set=suite_items=2",
    "--set=teacher.sentinels=2",
    "--device=cpu",
    "--threads=2",
    "--json",
    "--max-cost=5",
    "--until-score=100",
];
fn server(say: impl Fn(&Session, &Seen, usize) -> Say + Send + Sync + 'static) -> Server {
    let session = Session::new();
    Server::listing(session.models(), move |seen, before| {
        say(&session, seen, before)
    })
}

/// A folder with the club's file, a key, and a configuration that names it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = fs::read_to_string(repository("tests/data/databases/club.sql")).unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("club.db")).unwrap();
    connection.execute_batch(&script).unwrap();
    fs::write(folder.path().join("key"), format!("{CANARY}\n")).unwrap();
    let config = "[teacher]\nkey_file = \"key\"\nmax_concurrency = 4\n";
    fs::write(folder.path().join("antiks.toml"), config).unwrap();
    folder
}

fn command(url: &str, more: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = SMALL.iter().map(|it| (*it).to_owned()).collect();
    all.push(format!("--teacher={url}"));
    // A later argument of a name takes the place of the earlier one.
    let name = |it: &str| it.split('=').next().unwrap().to_owned();
    all.retain(|it| it.starts_with("--set") || !more.iter().any(|more| name(more) == name(it)));
    all.extend(more.iter().map(|it| (*it).to_owned()));
    all
}

fn teach(folder: &Path, url: &str, more: &[&str]) -> Ran {
    let arguments = command(url, more);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = antiks(folder, &arguments);
    assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY));
    ran
}

fn done(ran: &Ran) -> Json {
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn rows(folder: &Path, sql: &str) -> Vec<Json> {
    let ran = antiks(folder, &["sql", "--format=ndjson", sql]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = ran.stdout.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// The ids of all events in their order, but for calls of which nothing came back.
fn ids(folder: &Path) -> Vec<Json> {
    rows(
        folder,
        "select e.id, e.kind from events e left join teacher_calls c on c.id = e.id \
         where c.outcome is null or c.outcome <> 'unknown' order by e.seq",
    )
}

fn verified(folder: &Path) {
    let ran = antiks(folder, &["verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// No file below a folder holds the canary, but for the one that the user keeps it in.
fn nowhere(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere(&path);
        } else if path.file_name().unwrap() != "key" {
            let bytes = fs::read(&path).unwrap();
            let mut windows = bytes.windows(CANARY.len());
            assert!(
                !windows.any(|it| it == CANARY.as_bytes()),
                "{}",
                path.display()
            );
        }
    }
}

/// How often each request came.
fn requests(calls: &[Seen]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.body.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn a_session_drives_a_loop_that_is_replayed_and_survives_kills() {
    let server = server(|session, seen, _| {
        Say::After(Duration::from_millis(25), Box::new(session.answer(seen)))
    });
    let first = folder();
    let plan = teach(first.path(), &server.url(), &["--dry-run"]);
    let plan: Json = serde_json::from_str(&plan.stdout).unwrap();
    assert!(plan["cost_usd"]["low"].as_f64() < plan["cost_usd"]["worst"].as_f64());
    assert!(plan["cost_usd"]["low"].as_f64() > Some(0.0), "{plan}");
    assert!(server.calls().is_empty());

    let ran = teach(first.path(), &server.url(), &[]);
    println!("{}{}", ran.stdout, ran.stderr);
    let ended = done(&ran);
    assert!(ran.stderr.contains("$5.00 at most"), "{}", ran.stderr);
    assert_eq!(
        (&ended["done"], &ended["iterations"]),
        (&json!(true), &json!(2))
    );
    let calls = server.calls();
    assert!(requests(&calls).values().all(|it| *it == 1));
    assert!(calls.iter().all(|it| it.headers.contains(CANARY)));
    verified(first.path());
    nowhere(first.path());
    told_in_the_lake(first.path(), &ended, calls.len());

    // Nobody is asked again: not by replay, and not by the same command.
    let expected = ids(first.path());
    let replayed = antiks(first.path(), &["replay", "--all", "--json", "--threads=2"]);
    println!("{}", replayed.stdout);
    assert_eq!(replayed.code, 0, "{}{}", replayed.stdout, replayed.stderr);
    assert!(replayed.stdout.contains("\"sentinels\""));
    let again = done(&teach(first.path(), &server.url(), &[]));
    assert_eq!(again["cost_usd"], ended["cost_usd"]);
    assert_eq!(again["cost_usd_now"], 0.0);
    assert_eq!(ids(first.path()), expected);
    assert_eq!(server.calls().len(), calls.len());

    let second = folder();
    let killed = kill_amid_calls(second.path(), &server, calls.len());
    done(&teach(second.path(), &server.url(), &[]));
    verified(second.path());
    nowhere(second.path());
    assert_eq!(ids(second.path()), expected);
    let lost = rows(
        second.path(),
        "select count(*) as n from teacher_calls where outcome = 'unknown'",
    );
    let lost = lost[0]["n"].as_u64().unwrap() as usize;
    let twice: usize = requests(&server.calls()[calls.len()..])
        .values()
        .map(|it| it - 1)
        .sum();
    println!("{killed} kills amid calls, {lost} calls lost, {twice} made again");
    assert!(killed > 3);
    assert!(
        twice <= lost,
        "{twice} calls were made again, {lost} were lost"
    );
}

/// What the lake says of the session.
fn told_in_the_lake(folder: &Path, ended: &Json, calls: usize) {
    let money = rows(
        folder,
        "select sum(cost_microusd) / 1e6 as usd, count(*) as n from teacher_calls",
    );
    assert_eq!(money[0]["n"], calls);
    assert!((money[0]["usd"].as_f64().unwrap() - ended["cost_usd"].as_f64().unwrap()).abs() < 1e-9);
    for (what, sql) in [
        (
            "questions by calls",
            "select count(*) as n from challenges where purpose = 'train' and teacher_call_id is not null and seed is null and intent is null",
        ),
        (
            "refused by proof",
            "select count(*) as n from teacher_calls where request = 'propose' and detail like '%not admitted: reference_fails%'",
        ),
        (
            "asked once more",
            "select count(*) as n from teacher_calls where outcome = 'refused' and request in ('grade', 'sentinel')",
        ),
        (
            "judged",
            "select count(*) as n from grades where purpose = 'train' and judge_score is not null and judge_call_id is not null",
        ),
        (
            "corrected",
            "select count(*) as n from grades where correction_call_id is not null and correction_sql is not null and not equivalent",
        ),
        (
            "planted",
            "select count(*) as n from grades where purpose = 'sentinel' and judge_call_id is not null",
        ),
        ("trained", "select count(*) as n from checkpoints"),
        (
            "judges",
            "select count(*) as n from evaluations where suite = 'sentinels' and false_pass['value'] = 0",
        ),
    ] {
        let n = rows(folder, sql)[0]["n"].as_i64().unwrap();
        println!("{what}: {n}");
        assert!(n > 0, "{what}");
    }
    let raised = "select count(*) as n from grades where not equivalent and score >= 80";
    assert_eq!(rows(folder, raised)[0]["n"], 0);
    for query in ["cost", "sentinels", "judge_disagreements", "learning_curve"] {
        let ran = antiks(folder, &["query", query]);
        println!("{}", ran.stdout);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let status: Json = serde_json::from_str(&antiks(folder, &["status", "--json"]).stdout).unwrap();
    assert_eq!(status["runs"][0]["cost_usd"], ended["cost_usd"]);
    assert!(antiks(folder, &["status"]).stdout.contains("cost"));
}

/// Kills the loop at moments spread over its calls; gives how many kills came amid them.
fn kill_amid_calls(folder: &Path, server: &Server, all: usize) -> usize {
    let before = server.calls().len();
    let mut killed = 0;
    for kill in 1..=6 {
        let target = before + all * kill / 7;
        let mut child = Command::new(env!("CARGO_BIN_EXE_antiks"))
            .args(command(&server.url(), &[]))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let is_running = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if server.calls().len() >= target || begun.elapsed() > Duration::from_secs(120) {
                break true;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        if is_running {
            // Some answers are on their way then, and some are being written down.
            std::thread::sleep(Duration::from_millis(5 * kill as u64));
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        verified(folder);
    }
    killed
}

#[test]
fn without_credit_a_loop_stops_and_goes_on() {
    let is_paid = Arc::new(AtomicBool::new(false));
    let server = {
        let is_paid = Arc::clone(&is_paid);
        server(move |session, seen, before| {
            let body = r#"{"error":{"code":402,"message":"Insufficient credits"}}"#;
            match is_paid.load(Ordering::SeqCst) || before < 9 {
                true => session.answer(seen),
                false => Say::Whole(402, Vec::new(), body.into()),
            }
        })
    };
    let folder = folder();
    let more = ["--iterations=1", "--challenges=4"];
    let stopped = teach(folder.path(), &server.url(), &more);
    println!("{}", stopped.stderr);
    assert_eq!(stopped.code, 1);
    for part in [
        "Insufficient credits",
        "needs credits",
        "the same command goes on",
        "so far this cost $0.0",
    ] {
        assert!(stopped.stderr.contains(part), "{part}: {}", stopped.stderr);
    }
    verified(folder.path());
    let answered: Vec<Seen> = server.calls()[..9].to_vec();
    is_paid.store(true, Ordering::SeqCst);
    let ended = done(&teach(folder.path(), &server.url(), &more));
    assert_eq!(ended["iterations"], 1);
    let calls = requests(&server.calls());
    assert!(
        answered.iter().all(|it| calls[&it.body] == 1),
        "paid for again"
    );
    verified(folder.path());
    nowhere(folder.path());
}

#[test]
fn a_cap_on_cost_stops_a_loop_which_goes_on_with_a_higher_one() {
    let server = server(|session, seen, _| session.answer(seen));
    let folder = folder();
    let stopped = teach(folder.path(), &server.url(), &["--max-cost=0.008"]);
    println!("{}", stopped.stderr);
    assert_eq!(stopped.code, 1);
    assert!(
        stopped.stderr.contains("the budget of $0.008 is used up"),
        "{}",
        stopped.stderr
    );
    let calls = server.calls().len();
    assert!(calls > 0);
    let ended = done(&teach(folder.path(), &server.url(), &["--max-cost=1"]));
    assert!(ended["cost_usd"].as_f64() > ended["cost_usd_now"].as_f64());
    assert!(requests(&server.calls()).values().all(|it| *it == 1));
    verified(folder.path());
}

#[test]
fn nothing_is_trained_by_a_judge_that_lets_wrong_answers_pass() {
    let server = server(
        |session, seen, _| match seen.body.contains("\"name\":\"grade\"") {
            true => Say::json(session.completion(r#"{"reason":"fine","score":100}"#, 4_000)),
            false => session.answer(seen),
        },
    );
    let folder = folder();
    let more = ["--iterations=1", "--challenges=4"];
    let ran = teach(folder.path(), &server.url(), &more);
    done(&ran);
    assert!(ran.stdout.contains("\"trusted\":false"), "{}", ran.stdout);
    let count = |sql: &str| rows(folder.path(), sql)[0]["n"].as_i64().unwrap();
    assert_eq!(count("select count(*) as n from checkpoints"), 0);
    assert_eq!(count("select count(*) as n from snapshots"), 0);
    assert_eq!(
        count(
            "select count(*) as n from grades where purpose = 'train' and judge_score is not null"
        ),
        0
    );
    assert_eq!(
        count(
            "select count(*) as n from evaluations where suite = 'sentinels' and false_pass['value'] = 1"
        ),
        1
    );
    let replayed = antiks(folder.path(), &["replay", "--all", "--threads=2"]);
    assert_eq!(replayed.code, 0, "{}{}", replayed.stdout, replayed.stderr);
}

#[test]
fn a_teacher_that_talks_nonsense_is_refused_with_reasons() {
    let server = server(|session, _, before| {
        let nonsense = [
            "SELECT nothing",
            "{}",
            "{\"challenges\": [{\"question\": \"Why?\"}]}",
        ];
        Say::json(session.completion(nonsense[before % 3], 2_000))
    });
    let folder = folder();
    let ran = teach(folder.path(), &server.url(), &[]);
    println!("{}", ran.stderr);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("nothing that the teacher proposed may be asked (0 drafts)"),
        "{}",
        ran.stderr
    );
    // Two calls that propose, each asked once more.
    assert_eq!(server.calls().len(), 4);
    let refused =
        "select count(*) as n from teacher_calls where outcome = 'refused' and detail is not null";
    assert_eq!(rows(folder.path(), refused)[0]["n"], 4);
    let count = rows(
        folder.path(),
        "select count(*) as n from challenges where purpose = 'train'",
    );
    assert_eq!(count[0]["n"], 0);
    verified(folder.path());
    // What it said is not asked for again.
    assert_eq!(teach(folder.path(), &server.url(), &[]).code, 1);
    assert_eq!(server.calls().len(), 4);
}

#[test]
fn a_teacher_that_can_not_be_asked_is_refused_before_anything_begins() {
    let server = server(|session, seen, _| session.answer(seen));
    let folder = folder();
    let refused = |more: &[&str], teacher: &str| {
        let ran = teach(folder.path(), teacher, more);
        println!("{}", ran.stderr);
        assert!(!folder.path().join("lake").exists());
        (ran.code, ran.stderr)
    };
    let (code, said) = refused(&[], "http://127.0.0.1:9/v1");
    assert!(
        code == 1 && said.contains("list of models did not come"),
        "{said}"
    );
    let (code, said) = refused(&[], "http://someone:secret@127.0.0.1:9/v1");
    assert!(code == 2 && !said.contains("secret"), "{said}");
    let (code, said) = refused(&[], "deepseek");
    assert!(code == 2 && said.contains("openrouter"), "{said}");
    let (code, said) = refused(&["--max-cost=-1"], &server.url());
    assert!(code == 2 && said.contains("--max-cost"), "{said}");
    let (code, said) = refused(&["--set=teacher.sentinels=0"], &server.url());
    assert!(code == 2 && said.contains("teacher.sentinels"), "{said}");
    let config = "[teacher]\nmodel = \"deepseek/deepseek-chat-v4\"\n";
    fs::write(folder.path().join("antiks.toml"), config).unwrap();
    let (code, said) = refused(&[], &server.url());
    assert!(
        code == 1 && said.contains("deepseek-chat-v3-0324"),
        "{said}"
    );
    fs::write(
        folder.path().join("antiks.toml"),
        "[teacher]\nkeyfile = \"key\"\n",
    )
    .unwrap();
    let (code, said) = refused(&[], &server.url());
    assert!(code == 2 && said.contains("key_file"), "{said}");
    assert!(server.calls().is_empty());
}
