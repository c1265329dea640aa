//! `antiks retract`, and who heeds it: the selection of training sets, `status`, `why` and
//! the catalogue.

use serde_json::Value as Json;

use crate::lakes::assert_whole;
use crate::loops::LoopLake;
use crate::support::{Ran, antiks};

fn run(folder: &tempfile::TempDir, arguments: &[&str]) -> Ran {
    antiks(folder.path(), arguments)
}

fn json(ran: &Ran) -> Json {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn retract(folder: &tempfile::TempDir, id: &str) -> Json {
    let arguments = [
        "retract",
        id,
        "--reason",
        "the question is ambiguous",
        "--json",
    ];
    json(&run(folder, &arguments))
}

fn status_of(folder: &tempfile::TempDir) -> Json {
    json(&run(folder, &["status", "--json"]))
}

/// The ids of a lake's events, whose writer is gone.
fn whole(folder: &tempfile::TempDir) -> std::collections::HashMap<String, String> {
    LoopLake::whole(folder.path(), 3).ids
}

/// The names of the grades that would be selected now.
fn selected(folder: &tempfile::TempDir, ids: &std::collections::HashMap<String, String>) -> String {
    let rows = json(&run(folder, &["query", "training_set", "--json"]));
    let names = rows.as_array().unwrap().iter().map(|row| {
        let found = ids.iter().find(|(_, id)| row["grade_id"] == **id);
        found.unwrap().0.as_str()
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_retraction_taints_every_adapter_that_rests_on_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let ids = whole(&folder);
    let status = status_of(&folder);
    assert_eq!(status["tainted"], serde_json::json!([]));
    let commits = status["commits"].as_u64().unwrap();

    let told = run(
        &folder,
        &[
            "retract",
            &ids["q0"][..8],
            "--reason",
            "the question is ambiguous",
        ],
    );
    assert_eq!(told.code, 0, "{}", told.stderr);
    for expected in [
        "retracted challenge",
        "What is asked by q0?",
        &format!("in commit {commits}\n"),
        "The next training set leaves it out",
        "3 adapters are tainted",
        &ids["kf"][..12],
        "run second",
    ] {
        assert!(
            told.stdout.contains(expected),
            "{expected}: {}",
            told.stdout
        );
    }
    assert_whole(&folder.path().join("lake"), "after a retraction");

    let status = status_of(&folder);
    assert_eq!(status["commits"], commits + 1);
    let tainted = status["tainted"].as_array().unwrap();
    let names: Vec<&Json> = tainted.iter().map(|it| &it["id"]).collect();
    assert_eq!(names, [&ids["k1"], &ids["k2"], &ids["kf"]]);
    assert_eq!(tainted[2]["rests_on_retracted"], ids["q0"]);
    let told = run(&folder, &["status"]).stdout;
    assert!(
        told.contains("tainted adapter") && told.contains(&ids["q0"][..12]),
        "{told}"
    );
    let before = run(&folder, &["status", "--at", &(commits - 1).to_string()]).stdout;
    assert!(!before.contains("tainted"), "{before}");

    let rows = json(&run(&folder, &["query", "tainted", "--json"]));
    let rows = rows.as_array().unwrap();
    let names: Vec<&Json> = rows.iter().map(|it| &it["checkpoint_id"]).collect();
    assert_eq!(names, [&ids["k1"], &ids["k2"], &ids["kf"]]);
    assert_eq!(rows[0]["retracted_kind"], "challenge");
    assert_eq!(rows[2]["run"], "second");

    let told = run(&folder, &["why", &ids["k1"]]).stdout;
    assert!(told.contains("tainted: it rests on"), "{told}");
    assert!(told.contains("(iteration 1, RETRACTED)"), "{told}");
    // The other mistakes of the set are as good as before.
    let (down, _) = told.split_once("On it rest").unwrap();
    assert_eq!(down.matches("tainted): score").count(), 1, "{told}");
    assert_eq!(down.matches("): score").count(), 3, "{told}");
    let told = json(&run(&folder, &["why", &ids["q0"], "--json"]));
    assert_eq!(
        told["retracted_by"][0]["reason"],
        "the question is ambiguous"
    );
    let retraction = told["retracted_by"][0]["id"].as_str().unwrap().to_owned();
    // A retraction shows what it tainted.
    let told = json(&run(&folder, &["why", &retraction, "--json"]));
    assert_eq!(told["checkpoints"].as_array().unwrap().len(), 3);
}

#[test]
fn what_can_not_be_retracted_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let ids = whole(&folder);
    let id = ids["q0"].as_str();
    let retraction = retract(&folder, id)["retraction"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = status_of(&folder);
    for (arguments, code, expected) in [
        (
            &["retract", id, "--reason", "again"][..],
            1,
            "retracted already, by",
        ),
        (&["retract", id, "--reason", "again"], 1, &retraction),
        (
            &["retract", &retraction, "--reason", "no"],
            1,
            "a retraction stays",
        ),
        (
            &["retract", &ids["q1"], "--reason", " \t"],
            2,
            "needs a reason",
        ),
        (&["retract", &ids["q1"]], 2, "--reason"),
        (
            &["retract", "000000000000", "--reason", "no"],
            2,
            "nothing in the lake",
        ),
        (&["retract", "12", "--reason", "no"], 2, "6 to 64"),
    ] {
        let told = run(&folder, arguments);
        assert_eq!(told.code, code, "{arguments:?}: {}", told.stdout);
        assert!(
            told.stderr.contains(expected),
            "{arguments:?}: {}",
            told.stderr
        );
    }
    assert_eq!(status_of(&folder), before);
    let nowhere = tempfile::tempdir().unwrap();
    let told = run(&nowhere, &["retract", id, "--reason", "no"]);
    assert_eq!(told.code, 1);
    assert!(told.stderr.contains("there is no lake"), "{}", told.stderr);
}

#[test]
fn the_next_training_set_leaves_out_what_rests_on_a_retracted_event() {
    // By what is retracted: the mistakes that are still selected, and the adapters that are
    // tainted. A mistake of an adapter that is merely tainted stays; the mistake g is one of
    // k1's, over a sibling of q0.
    for (retracted, left, tainted) in [
        ("g0", "g1 g2 g gf", "k1 k2 kf"),
        ("a0", "g1 g2 g gf", "k1 k2 kf"),
        ("q0", "g1 g2 gf", "k1 k2 kf"),
        ("q", "g0 g1 g2 gf", "k2"),
        ("hotel", "g1 gf", "k1 k2 kf"),
        ("school", "g0 g2 g gf", "k1 k2 kf"),
        ("k1", "g0 g1 g2 gf", "k1 k2"),
        ("k2", "g0 g1 g2 g gf", "k2"),
        ("fork", "g0 g1 g2 g", "kf"),
        // The fork rests on the run that it leaves.
        ("run", "", "k1 k2 kf"),
        ("s1", "g0 g1 g2 g gf", "k1 k2 kf"),
        ("step1", "g0 g1 g2 g gf", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ids = whole(&folder);
        assert_eq!(selected(&folder, &ids), "g0 g1 g2 g gf");
        let told = retract(&folder, &ids[retracted]);
        assert_eq!(selected(&folder, &ids), left, "{retracted}");
        let adapters = tainted.split_whitespace().map(|name| ids[name].clone());
        let adapters: Vec<String> = adapters.collect();
        let ids_in = |list: &Json, field: &str| -> Vec<String> {
            let entries = list.as_array().unwrap().iter();
            let ids = entries.filter_map(|it| it[field].as_str().map(str::to_owned));
            ids.collect()
        };
        assert_eq!(ids_in(&told["checkpoints"], "id"), adapters, "{retracted}");
        // It tells of them as everybody does from now on.
        assert_eq!(told["target"]["retracted_by"][0]["id"], told["retraction"]);
        assert_eq!(
            told["checkpoints"],
            status_of(&folder)["tainted"],
            "{retracted}"
        );
        let status = status_of(&folder);
        assert_eq!(ids_in(&status["tainted"], "id"), adapters, "{retracted}");
        let rows = json(&run(&folder, &["query", "tainted", "--json"]));
        assert_eq!(ids_in(&rows, "checkpoint_id"), adapters, "{retracted}");
    }
}

#[test]
fn a_retracted_call_takes_its_challenge_and_its_judgement_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = LoopLake::whole(folder.path(), 1);
    lake.commit(|add| {
        for name in ["asked", "judged", "corrected"] {
            let call = serde_json::json!({
                "run_id": {"$ref": "run"}, "request_hash": {"$hash": name},
            });
            add.event("call", name, 3, call);
        }
        let asked = serde_json::json!({"teacher_call_id": {"$ref": "asked"}});
        add.mistake("run", "hotel", "c", 3, asked, serde_json::json!({}));
        for (name, field) in [
            ("judged", "judge_call_id"),
            ("corrected", "correction_call_id"),
        ] {
            let mut of = serde_json::json!({
                "run_id": {"$ref": "run"}, "challenge_id": {"$ref": "q0"},
                "answer_id": {"$ref": "a0"},
            });
            of[field] = serde_json::json!({"$ref": name});
            add.event("g1", &format!("g_{name}"), 3, of);
        }
    });
    let LoopLake { writer, ids } = lake;
    // It holds the lock.
    drop(writer);
    assert_eq!(selected(&folder, &ids), "g0 g gf gc g_judged g_corrected");
    let told = run(
        &folder,
        &["retract", &ids["judged"], "--reason", "it hallucinated"],
    );
    assert!(
        told.stdout.contains("No adapter is tainted"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    assert_eq!(selected(&folder, &ids), "g0 g gf gc g_corrected");
    retract(&folder, &ids["corrected"]);
    assert_eq!(selected(&folder, &ids), "g0 g gf gc");
    retract(&folder, &ids["asked"]);
    assert_eq!(selected(&folder, &ids), "g0 g gf");
}
