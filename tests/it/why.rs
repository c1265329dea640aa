//! `antiks why` on lakes like those of the loop, and the walks that it stands on.

use std::collections::BTreeSet;

use antiks::base::id::to_hex;
use antiks::event::run_started::RunStarted;
use antiks::event::{Event, Observed};
use antiks::lake::graph::Graph;
use antiks::replay::Lineage;
use serde_json::{Value as Json, json};

use crate::loops::LoopLake;
use crate::support::{Ran, antiks, import_text};

fn why(folder: &tempfile::TempDir, arguments: &[&str]) -> Ran {
    let mut all = vec!["why"];
    all.extend(arguments);
    antiks(folder.path(), &all)
}

fn why_json(folder: &tempfile::TempDir, id: &str) -> Json {
    let ran = why(folder, &[id, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn ids(list: &Json) -> Vec<&str> {
    let events = list.as_array().unwrap().iter();
    events.map(|event| event["id"].as_str().unwrap()).collect()
}

fn whole(mistakes: usize) -> (tempfile::TempDir, LoopLake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = LoopLake::whole(folder.path(), mistakes);
    (folder, lake)
}

#[test]
fn an_adapter_is_followed_down_to_the_databases() {
    let (folder, lake) = whole(3);
    let answer = why_json(&folder, &lake.ids["k1"]);
    let expected = [
        "run", "hotel", "school", "q0", "a0", "g0", "q1", "a1", "g1", "q2", "a2", "g2", "s1", "t1",
    ];
    let expected: Vec<&str> = expected
        .iter()
        .map(|name| lake.ids[*name].as_str())
        .collect();
    assert_eq!(ids(&answer["came_from"]), expected);
    assert_eq!(ids(&answer["checkpoints"]), [&lake.ids["k2"]]);
    assert_eq!(answer["event"]["id"], lake.ids["k1"]);
    assert_eq!(answer["event"]["run"], "first");
    assert_eq!(answer["retracted_by"], json!([]));
    let set = &answer["came_from"][12];
    assert_eq!(
        (&set["kind"], &set["iteration"]),
        (&json!("snapshot"), &json!(1))
    );
    assert_eq!(set["summary"], "3 rows by training_set at version 2");
    assert_eq!(set["parents"]["grade_ids"][2], lake.ids["g2"]);

    let told = why(&folder, &[&lake.ids["k1"]]).stdout;
    for expected in [
        &format!("checkpoint {}", lake.ids["k1"]),
        "run first, iteration 1",
        "─ training_started",
        "3 rows by training_set",
        "score 35, different, no_clean_numeric, corrected",
        "select sum(price) from bookings, by the base",
        "\"What is asked by q2?\", Revenue/Finance, medium",
        "Hotel, generated (hotel), 2 tables",
        "School, generated (hotel), 2 tables",
        "first: offline asks, nano answers, seed 7",
        "1 adapter rests on it:",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    // What stands in two places is told in one of them.
    assert_eq!(told.matches(": Hotel").count(), 1, "{told}");
    assert!(told.contains("(above)"), "{told}");
}

#[test]
fn a_question_is_followed_up_to_every_adapter_over_a_fork() {
    let (folder, lake) = whole(3);
    let answer = why_json(&folder, &lake.ids["q0"]);
    let touched = ids(&answer["touched"]);
    for name in [
        "a0",
        "g0",
        "s1",
        "t1",
        "step1",
        "k1",
        "exam_answer",
        "q",
        "s2",
        "k2",
        "tf",
        "kf",
    ] {
        assert!(touched.contains(&lake.ids[name].as_str()), "{name}");
    }
    for name in [
        "run", "hotel", "q1", "a1", "g1", "exam", "own", "qf", "fork", "q0",
    ] {
        assert!(!touched.contains(&lake.ids[name].as_str()), "{name}");
    }
    let adapters = ["k1", "k2", "kf"].map(|name| lake.ids[name].as_str());
    assert_eq!(ids(&answer["checkpoints"]), adapters);
    let told = why(&folder, &[&lake.ids["q0"]]).stdout;
    assert!(told.contains("3 adapters rest on it:"), "{told}");
    assert!(told.contains(", run second"), "{told}");
    assert!(told.contains("more events"), "{told}");
    let older = why(&folder, &[&lake.ids["q0"], "--at", "2"]).stdout;
    assert!(older.contains("No adapter rests on it."), "{older}");
}

#[test]
fn walks_agree_with_each_other_and_with_sql() {
    let (folder, lake) = whole(2);
    let graph = Graph::read(lake.writer.lake()).unwrap();
    let lineages: Vec<Lineage> = graph.nodes().map(|it| Lineage::of(&graph, it)).collect();
    let mut pairs = 0;
    for event in &lineages {
        for touched in &event.touched {
            assert!(lineages[touched.place()].came_from.contains(&event.event));
            pairs += 1;
        }
    }
    let all: usize = lineages.iter().map(|it| it.came_from.len()).sum();
    assert_eq!(pairs, all);
    for name in [
        "hotel",
        "q0",
        "exam_grade",
        "s2",
        "t2",
        "k2",
        "exam_result",
        "gf",
    ] {
        let of = format!("id={}", lake.ids[name]);
        let sql = ["query", "lineage", "--param", &of, "--json"];
        let rows: Json = serde_json::from_str(&antiks(folder.path(), &sql).stdout).unwrap();
        let rows = rows.as_array().unwrap().iter();
        let by_sql: BTreeSet<&str> = rows.map(|row| row["parent_id"].as_str().unwrap()).collect();
        let answer = why_json(&folder, &lake.ids[name]);
        assert_eq!(
            ids(&answer["came_from"])
                .into_iter()
                .collect::<BTreeSet<_>>(),
            by_sql,
            "{name}"
        );
    }
}

#[test]
fn long_lists_are_folded_unless_all_is_asked_for() {
    let (folder, lake) = whole(60);
    let told = why(&folder, &[&lake.ids["k1"]]).stdout;
    assert!(told.contains("… and 57 more grades\n"), "{told}");
    assert!(told.contains("--all shows"), "{told}");
    assert!(told.lines().count() < 50, "{told}");
    let all = why(&folder, &[&lake.ids["k1"], "--all"]).stdout;
    assert!(!all.contains('…') && !all.contains("--all"), "{all}");
    for number in 0..60 {
        assert!(
            all.contains(&format!("\"What is asked by q{number}?\"")),
            "{number}"
        );
    }
    let up = why(&folder, &[&lake.ids["hotel"]]).stdout;
    assert!(up.contains("more challenges"), "{up}");
    assert!(up.lines().count() < 50, "{up}");
}

#[test]
fn an_id_is_known_by_its_first_digits() {
    let (folder, lake) = whole(1);
    let id = &lake.ids["k1"];
    for given in [&id[..6], &id[..7], &format!("{}…", &id[..12]), id] {
        let told = why(&folder, &[given]);
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert!(told.stdout.starts_with(&format!("checkpoint {id}\n")));
    }
    for (given, expected) in [
        (&id[..5], "6 to 64"),
        ("no id", "6 to 64"),
        (&id.to_uppercase(), "6 to 64"),
        ("000000000000", "antiks sql"),
    ] {
        let told = why(&folder, &[given]);
        assert_eq!(told.code, 2, "{given}");
        assert!(told.stderr.contains(expected), "{}", told.stderr);
    }
}

/// A run, and what its id begins with.
fn run(number: usize) -> (String, Event<RunStarted>) {
    let body: RunStarted = serde_json::from_value(json!({
        "name": format!("run {number}"), "seed": 7, "teacher": "offline", "student": "nano",
        "base_hash": "0".repeat(64), "settings": [], "code_version": "0.1.0",
    }))
    .unwrap();
    let world = antiks::base::world::World::fixed(1, "example machine");
    let event = Event {
        iteration: 0,
        body,
        observed: Observed::now(&world),
    };
    (event.id().to_string()[..6].to_owned(), event)
}

#[test]
fn digits_that_may_mean_several_events_list_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = LoopLake::new(folder.path());
    let mut seen = std::collections::HashMap::new();
    // Two of some five thousand runs share six digits: the numbers are the same each time.
    let (digits, first, second) = (0..100_000)
        .find_map(|number| {
            let (digits, event) = run(number);
            let first = seen.insert(digits.clone(), number)?;
            Some((digits, run(first).1, event))
        })
        .unwrap();
    let mut draft = lake.writer.begin("two runs");
    draft.append(&first).unwrap();
    draft.append(&second).unwrap();
    draft.commit().unwrap();
    let told = why(&folder, &[&digits]);
    assert_eq!(told.code, 2);
    assert!(told.stderr.contains("may mean 2 events"), "{}", told.stderr);
    for event in [&first, &second] {
        let line = format!("run_started {}: {}", event.id(), event.body.name);
        assert!(told.stderr.contains(&line), "{}", told.stderr);
    }
    let told = why(&folder, &[&second.id().to_string()]);
    assert!(told.stdout.contains(&second.body.name), "{}", told.stderr);
}

#[test]
fn the_hash_of_a_file_means_the_event_that_holds_it() {
    let (folder, lake) = whole(1);
    let weights = blake3_hex(b"weights 2");
    let told = why(&folder, &[&weights[..10]]);
    assert!(
        told.stdout
            .starts_with(&format!("checkpoint {}\n", lake.ids["k2"])),
        "{}",
        told.stderr
    );
    let commits = lake.writer.lake().entries().iter();
    let set = commits.flat_map(|it| &it.commit.snapshots).next().unwrap();
    let told = why(&folder, &[&set.blake3.to_string()]);
    assert!(
        told.stdout
            .starts_with(&format!("snapshot {}\n", lake.ids["s1"])),
        "{}",
        told.stderr
    );
    // All three adapters have the same configuration.
    let told = why(&folder, &[&blake3_hex(b"{\"r\":32}")]);
    assert_eq!(told.code, 2);
    assert!(told.stderr.contains("may mean 3 events"), "{}", told.stderr);
}

fn blake3_hex(bytes: &[u8]) -> String {
    to_hex(&antiks::base::id::ContentHash::of(bytes).bytes())
}

#[test]
fn the_help_says_what_the_json_holds() {
    let (folder, lake) = whole(1);
    let help = why(&folder, &["--help"]).stdout;
    let answer = why_json(&folder, &lake.ids["k1"]);
    let fields = answer.as_object().unwrap().keys();
    for field in fields.chain(answer["event"].as_object().unwrap().keys()) {
        assert!(help.contains(field.as_str()), "{field}: {help}");
    }
}

#[test]
fn every_kind_is_told_in_a_line() {
    let folder = crate::support::example_folder();
    let sql = ["sql", "select kind, id from events order by seq", "--json"];
    let events: Json = serde_json::from_str(&antiks(folder.path(), &sql).stdout).unwrap();
    let mut kinds = BTreeSet::new();
    for event in events.as_array().unwrap() {
        let answer = why_json(&folder, event["id"].as_str().unwrap());
        let told = &answer["event"];
        assert_eq!(told["kind"], event["kind"]);
        let summary = told["summary"].as_str().unwrap();
        assert!(summary.len() > 5 && !summary.contains('\n'), "{told}");
        kinds.insert(event["kind"].as_str().unwrap());
    }
    // The example holds no training set; other tests' lakes do.
    assert_eq!(kinds.len(), antiks::event::KINDS.len() - 1);
}

#[test]
fn a_lake_of_a_hundred_thousand_events_gives_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = LoopLake::whole(folder.path(), 2);
    let (run, training) = (lake.ids["run"].clone(), lake.ids["t1"].clone());
    let line = |step: usize| {
        format!(
            r#"{{"kind":"training_step","iteration":1,"body":{{"run_id":"{run}","training_id":"{training}","step":{step},"epoch":1,"loss":1,"grad_norm":1,"learning_rate":1,"tokens":1,"loss_tokens":1,"batch_hash":{{"$hash":"b"}}}}}}"#
        )
    };
    let lines: Vec<String> = (2..120_000).map(line).collect();
    import_text(&mut lake.writer, &lines.join("\n"), "steps");
    let told = why(&folder, &[&training]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(
        told.stdout.contains("… and 119996 more training steps"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.lines().count() < 50, "{}", told.stdout);
    let answer = why_json(&folder, &training);
    let touched = answer["touched"].as_array().unwrap();
    assert!(touched.len() > 119_999);
    let steps = touched.iter().filter(|it| it["kind"] == "training_step");
    // Each with its own body, whichever piece it was read in.
    let told: BTreeSet<&str> = steps.map(|it| it["summary"].as_str().unwrap()).collect();
    assert!(told.len() > 119_990, "{}", told.len());
    assert!(told.contains("step 119999 in epoch 1, loss 1.0000"));
}
