//! Lakes that were rewritten with everything that hangs on the change, hashes and all: only
//! doing an iteration again can tell.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use antiks::base::id::{from_hex, to_hex};
use antiks::event::answer::Answer;
use antiks::event::challenge::Challenge;
use antiks::event::checkpoint::Checkpoint;
use antiks::event::database::Database;
use antiks::event::evaluation::Evaluation;
use antiks::event::grade::Grade;
use antiks::event::promotion::Promotion;
use antiks::event::run_started::RunStarted;
use antiks::event::snapshot::Snapshot;
use antiks::event::training_started::TrainingStarted;
use antiks::event::training_step::TrainingStep;
use antiks::event::{Kind, Observed, find_kind};
use antiks::lake::{Ground, Lake, Writer, layout, table};
use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, RecordBatchReader,
    StringArray,
};
use arrow::datatypes::Int64Type;
use serde_json::{Value as Json, json};

use crate::support::antiks;

struct Row {
    seq: i64,
    iteration: u32,
    kind: &'static str,
    id: String,
    body: Json,
    observed: Observed,
}

fn rows_of<K: Kind>(lake: &Lake, rows: &mut Vec<Row>) {
    lake.read_events::<K>(|seq, id, event| {
        rows.push(Row {
            seq,
            iteration: event.iteration,
            kind: K::KIND,
            id: id.to_string(),
            body: serde_json::to_value(&event.body).unwrap(),
            observed: event.observed,
        });
    })
    .unwrap();
}

fn rows(lake: &Lake) -> Vec<Row> {
    let mut rows = Vec::new();
    rows_of::<RunStarted>(lake, &mut rows);
    rows_of::<Database>(lake, &mut rows);
    rows_of::<Challenge>(lake, &mut rows);
    rows_of::<Answer>(lake, &mut rows);
    rows_of::<Grade>(lake, &mut rows);
    rows_of::<Snapshot>(lake, &mut rows);
    rows_of::<TrainingStarted>(lake, &mut rows);
    rows_of::<TrainingStep>(lake, &mut rows);
    rows_of::<Checkpoint>(lake, &mut rows);
    rows_of::<Evaluation>(lake, &mut rows);
    rows_of::<Promotion>(lake, &mut rows);
    rows.sort_by_key(|it| it.seq);
    rows
}

/// Changes the body of an event of a kind, if it is the one.
type ChangeBody<'a> = &'a dyn Fn(&str, &mut Json) -> bool;

/// What is changed on the way.
#[derive(Default)]
struct Change<'a> {
    body: Option<ChangeBody<'a>>,
    weights: bool,
    rows: bool,
    /// The score in the training set's first row, which is the first mistake's.
    score: bool,
}

/// Writes a lake again, commit by commit, with one change and all that follows from it.
fn rewrite(from: &Path, to: &Path, change: &Change<'_>) {
    let lake = Lake::open(&from.join("lake")).unwrap();
    let mut writer = Writer::create(&to.join("lake"), &Ground::system()).unwrap();
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut rows = rows(&lake).into_iter().peekable();
    let (mut is_changed, mut is_weight_changed) = (false, false);
    let (mut are_rows_changed, mut is_score_changed) = (false, false);
    let first = lake.entries()[0].hash.to_string();
    renamed.insert(first, writer.lake().newest().hash.to_string());
    for entry in &lake.entries()[1..] {
        let mut draft = writer.begin(entry.commit.note.clone());
        for blob in &entry.commit.blobs {
            let mut bytes = lake.read_blob(blob.blake3).unwrap();
            // Weights are the largest of all.
            if change.weights && !is_weight_changed && bytes.len() > 1 << 20 {
                let last = bytes.len() - 3;
                bytes[last] ^= 1;
                is_weight_changed = true;
            }
            let hash = draft.blob(bytes.as_slice()).unwrap();
            renamed.insert(blob.blake3.to_string(), hash.to_string());
        }
        for file in &entry.commit.snapshots {
            let path = lake.root().join(layout::snapshot(file.blake3));
            let reader = table::open(&path, None).unwrap();
            let schema = reader.schema();
            let read = reader.map(|it| with_new_ids(&it.unwrap(), &renamed));
            let mut batches: Vec<RecordBatch> = read.collect();
            if change.rows && !are_rows_changed {
                batches[0] = with_another_text(&batches[0]);
                are_rows_changed = true;
            }
            if change.score && !is_score_changed {
                batches[0] = with_another_score(&batches[0]);
                is_score_changed = true;
            }
            let hash = draft.snapshot(schema, &batches).unwrap();
            renamed.insert(file.blake3.to_string(), hash.to_string());
        }
        let end = entry.commit.tree.size as i64;
        while let Some(mut row) = rows.next_if(|it| it.seq < end) {
            if let Some(body) = change.body
                && !is_changed
            {
                is_changed = body(row.kind, &mut row.body);
            }
            rename(&mut row.body, &renamed);
            let kind = find_kind(row.kind).unwrap();
            let event = kind.parse(row.iteration, row.body, row.observed).unwrap();
            let id = draft.append_any(&*event).unwrap();
            renamed.insert(row.id, to_hex(&id));
        }
        let made = draft.commit().unwrap();
        renamed.insert(entry.hash.to_string(), made.hash.to_string());
    }
    assert!(is_changed || is_weight_changed || are_rows_changed);
}

fn rename(body: &mut Json, renamed: &HashMap<String, String>) {
    match body {
        Json::String(text) => {
            if let Some(new) = renamed.get(text) {
                *text = new.clone();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|it| rename(it, renamed)),
        Json::Object(map) => map.values_mut().for_each(|it| rename(it, renamed)),
        _ => {}
    }
}

fn with_new_ids(batch: &RecordBatch, renamed: &HashMap<String, String>) -> RecordBatch {
    let new = |bytes: &[u8]| -> [u8; 32] {
        let old = to_hex(bytes.try_into().unwrap());
        from_hex(renamed.get(&old).unwrap_or(&old)).unwrap()
    };
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.as_fixed_size_binary_opt() {
            None => Arc::clone(column),
            Some(ids) => {
                let ids = ids.iter().map(|it| it.map(new));
                let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids, 32);
                Arc::new(ids.unwrap())
            }
        }
    });
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
}

fn with_another_score(batch: &RecordBatch) -> RecordBatch {
    let place = batch.schema().index_of("score").unwrap();
    let old = batch.column(place).as_primitive::<Int64Type>();
    let scores = old.iter().enumerate().map(|(row, score)| match row {
        0 => score.map(|it| it + 1),
        _ => score,
    });
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[place] = Arc::new(scores.collect::<Int64Array>());
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

fn with_another_text(batch: &RecordBatch) -> RecordBatch {
    let place = batch.schema().index_of("correction_sql").unwrap();
    let old = batch.column(place).as_string::<i32>();
    let texts = old.iter().enumerate().map(|(row, text)| match row {
        0 => Some("SELECT 42".to_owned()),
        _ => text.map(str::to_owned),
    });
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[place] = Arc::new(texts.collect::<StringArray>());
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The stages that replay says differ, in order.
fn differing(folder: &Path) -> Vec<String> {
    let ran = antiks(
        folder,
        &["replay", "--iteration=1", "--device=cpu", "--json"],
    );
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let report: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["identical"] == true, ran.code == 0);
    let stages = report["stages"].as_array().unwrap();
    let differing = stages.iter().filter(|it| it["identical"] == false);
    differing
        .map(|it| format!("{}: {}", it["name"], it["first_difference"]))
        .collect()
}

#[test]
fn replay_names_the_stage_that_was_forged() {
    let honest = tempfile::tempdir().unwrap();
    let ran = antiks(
        honest.path(),
        &[
            "loop",
            "--iterations=1",
            "--challenges=6",
            "--seed=5",
            "--set=suite_items=1",
            "--set=practice.siblings=6",
            "--set=practice.sibling_turns=2",
            "--device=cpu",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(differing(honest.path()).is_empty());

    let score = |kind: &str, body: &mut Json| {
        let is_it = kind == "grade" && body["purpose"] == "train" && body["equivalent"] == false;
        if is_it {
            body["score"] = json!(body["score"].as_i64().unwrap() + 1);
        }
        is_it
    };
    let rate = |kind: &str, body: &mut Json| {
        let is_it = kind == "training_started";
        if is_it {
            body["recipe"]["learning_rate"] = json!(0.25);
        }
        is_it
    };
    let cases: [(&str, Change<'_>); 4] = [
        (
            "\"grades\": \"grade",
            Change {
                body: Some(&score),
                score: true,
                ..Change::default()
            },
        ),
        (
            "\"training\": \"training: recipe.learning_rate",
            Change {
                body: Some(&rate),
                ..Change::default()
            },
        ),
        (
            "\"training\": \"checkpoint: adapter_blob",
            Change {
                weights: true,
                ..Change::default()
            },
        ),
        (
            "\"selection\": ",
            Change {
                rows: true,
                ..Change::default()
            },
        ),
    ];
    for (wanted, change) in cases {
        let forged = tempfile::tempdir().unwrap();
        rewrite(honest.path(), forged.path(), &change);
        if !change.rows {
            let ran = antiks(forged.path(), &["verify"]);
            assert_eq!(ran.code, 0, "{wanted}: {}{}", ran.stdout, ran.stderr);
        }
        let found = differing(forged.path());
        let first = found.first().map_or("nothing", String::as_str);
        assert!(first.starts_with(wanted), "{wanted}: {found:?}");
    }
}
