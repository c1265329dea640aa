//! The canonical encoding: against an independent program, and by its properties.
//!
//! `tests/data/event_vectors.ndjson` was made from `lake/example.ndjson` by
//! `scripts/goldens/event_vectors.py`, which knows `lake/README.md` and nothing else.

use std::collections::HashSet;

use antiks::base::canonical::Record;
use antiks::base::id::to_hex;
use antiks::event::answer::Answer;
use antiks::event::envelope::{event_id, leaf_hash};
use antiks::event::registry::{CheckedRow, ENVELOPE_COLUMNS, RowReader};
use antiks::event::words::Purpose;
use antiks::event::{Event, KINDS, Kind, Observed, Time, find_kind};
use antiks::lake::rows::FileRows;
use antiks::lake::{Lake, Writer};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::{ground, import_text, repository, sample_events};

#[derive(serde::Deserialize)]
struct Vector {
    label: String,
    kind: String,
    iteration: u32,
    canonical: String,
    id: String,
    leaf: String,
}

#[test]
fn every_kind_encodes_as_the_independent_program_says() {
    let path = repository("tests/data/event_vectors.ndjson");
    let vectors: Vec<Vector> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("lake"), &ground()).unwrap();
    import_text(&mut writer, &sample_events(), "samples");
    let kinds: HashSet<&str> = vectors.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds.len(), KINDS.len(), "there are vectors for every kind");
    let mut rows = rows_of(writer.lake());
    rows.push(snapshot_row(rows.len() as i64));
    assert_eq!(rows.len(), vectors.len());
    for (row, vector) in rows.iter().zip(vectors) {
        let name = format!(
            "{} {} of iteration {}",
            vector.kind, vector.label, vector.iteration
        );
        assert_eq!(to_hex(&row.stated_id), vector.id, "id of {name}");
        assert_eq!(
            to_hex(&row.id),
            vector.id,
            "id of {name} made from its columns"
        );
        assert_eq!(to_hex(&row.leaf), vector.leaf, "leaf of {name}");
        assert_eq!(
            blake3::derive_key("antiks.event.v1", &from_hex(&vector.canonical)),
            row.id,
            "canonical bytes of {name}"
        );
    }
}

/// The event of `tests/data/snapshot_event.ndjson`, which no lake holds.
fn snapshot_row(seq: i64) -> CheckedRow {
    let line = std::fs::read_to_string(repository("tests/data/snapshot_event.ndjson")).unwrap();
    let mut line: Json = serde_json::from_str(&line).unwrap();
    put_hashes(&mut line["body"]);
    let observed = Observed {
        recorded_at: Time(line["recorded_at"].as_i64().unwrap()),
        host: line["host"].as_str().unwrap().to_owned(),
        duration_us: line["duration_us"].as_i64(),
        cost_microusd: None,
    };
    let kind = find_kind("snapshot").unwrap();
    let event = kind.parse(2, line["body"].take(), observed).unwrap();
    let mut rows = kind.rows();
    let id = event.id(&mut Vec::new());
    assert!(rows.append(seq, &id, event.as_ref()));
    let mut checked = Vec::new();
    kind.check(2, &rows.finish(), &mut |row| checked.push(row))
        .unwrap();
    checked.remove(0)
}

/// Puts the hash of its text in the place of each `{"$hash": text}`.
fn put_hashes(value: &mut Json) {
    match value {
        Json::Array(values) => values.iter_mut().for_each(put_hashes),
        Json::Object(fields) => {
            if let Some(text) = fields.get("$hash").and_then(Json::as_str) {
                *value = Json::String(blake3::hash(text.as_bytes()).to_string());
            } else {
                fields.values_mut().for_each(put_hashes);
            }
        }
        _ => {}
    }
}

/// Every event of a lake, in the order of sequence numbers.
fn rows_of(lake: &Lake) -> Vec<CheckedRow> {
    let mut rows = Vec::new();
    for entry in lake.entries() {
        for file in &entry.commit.events {
            let mut file = FileRows::open(lake.root(), file).unwrap();
            while file.peek().unwrap().is_some() {
                rows.extend(file.take());
            }
        }
    }
    rows.sort_by_key(|row| row.seq);
    rows
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap())
        .collect()
}

#[test]
fn names_say_what_hashes_point_at() {
    for kind in KINDS {
        for field in kind.schema().fields() {
            let name = field.name();
            assert!(
                ENVELOPE_COLUMNS.contains(&name.as_str()) || name != "iteration" && name != "kind",
                "{name} is the envelope's"
            );
            check_names(kind.name(), name, field.data_type());
        }
    }
}

fn check_names(kind: &str, name: &str, data_type: &DataType) {
    match data_type {
        DataType::FixedSizeBinary(_) if name != "id" => {
            let ends = ["_id", "_ids", "_blob", "_snapshot", "_hash"];
            assert!(ends.iter().any(|end| name.ends_with(end)), "{kind}.{name}");
        }
        DataType::List(element) => check_names(kind, name, element.data_type()),
        DataType::Struct(fields) => {
            for field in fields {
                check_names(kind, field.name(), field.data_type());
            }
        }
        _ => assert!(
            !name.ends_with("_id") && !name.ends_with("_hash"),
            "{kind}.{name}"
        ),
    }
}

fn any_hash() -> impl Strategy<Value = [u8; 32]> {
    // Few values, so that equal ones come up.
    (0u8..3).prop_map(|byte| [byte; 32])
}

prop_compose! {
    fn any_answer()(
        run in proptest::option::of(any_hash()),
        challenge in any_hash(),
        checkpoint in proptest::option::of(any_hash()),
        purpose in proptest::sample::select(Purpose::ALL),
        sample in -2i64..3,
        prompt in any_hash(),
        text in "[ab\\x00é]{0,3}",
        sql in proptest::option::of("[ab]{0,2}"),
        finish_reason in "[ab]{0,2}",
        temperature in prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN)],
        seed in proptest::option::of(-1i64..2),
    ) -> Answer {
        Answer {
            run_id: run.map(Into::into),
            challenge_id: challenge.into(),
            checkpoint_id: checkpoint.map(Into::into),
            purpose,
            sample,
            prompt_hash: prompt.into(),
            prompt_tokens: i64::MIN,
            text,
            sql,
            output_tokens: i64::MAX,
            finish_reason,
            temperature,
            seed,
        }
    }
}

prop_compose! {
    fn any_event()(
        iteration in 0u32..3,
        body in any_answer(),
        recorded_at in any::<i64>(),
        host in "[ab]{0,2}",
        duration_us in proptest::option::of(any::<i64>()),
        cost_microusd in proptest::option::of(any::<i64>()),
    ) -> Event<Answer> {
        let observed = Observed { recorded_at: Time(recorded_at), host, duration_us, cost_microusd };
        Event { iteration, body, observed }
    }
}

/// Equal to the last bit: NaN is itself, and 0 is not -0.
fn same(a: &Answer, b: &Answer) -> bool {
    let key = |it: &Answer| {
        (
            it.temperature.to_bits(),
            Answer {
                temperature: 0.0,
                ..it.clone()
            },
        )
    };
    key(a) == key(b)
}

proptest! {
    #[test]
    fn decoding_gives_back_what_was_encoded(event in any_event()) {
        let bytes = event.body.encode();
        let back = Answer::decode(&bytes).unwrap();
        prop_assert!(same(&back, &event.body));
        prop_assert_eq!(back.encode(), bytes);
        let again = event_id(event.iteration, &back, &mut Vec::new());
        prop_assert_eq!(again, event.id());
    }

    #[test]
    fn different_events_encode_differently(a in any_event(), b in any_event()) {
        let is_same = a.iteration == b.iteration && same(&a.body, &b.body);
        prop_assert_eq!(a.id() == b.id(), is_same);
    }

    #[test]
    fn ids_do_not_depend_on_what_was_observed(a in any_event(), observed in any_event()) {
        let b = Event { observed: observed.observed, ..a.clone() };
        prop_assert_eq!(a.id(), b.id());
        let leaf = |event: &Event<Answer>| {
            leaf_hash(&event.id().bytes(), 7, &event.observed, &mut Vec::new())
        };
        prop_assert_eq!(leaf(&a) == leaf(&b), a.observed == b.observed);
    }

    #[test]
    fn other_bytes_are_another_event_or_none(event in any_event(), place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let bytes = event.body.encode();
        let place = place.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        // A cut that takes away whole optional fields leaves another event, as a flip may.
        for bytes in [&flipped[..], &bytes[..place]] {
            if let Ok(other) = Answer::decode(bytes) {
                prop_assert_eq!(&other.encode(), bytes);
                prop_assert!(!same(&other, &event.body));
            }
        }
    }

    #[test]
    fn columns_give_back_what_was_appended(events in prop::collection::vec(any_event(), 1..20)) {
        let kind = find_kind(Answer::KIND).unwrap();
        let mut rows = kind.rows();
        for (seq, event) in events.iter().enumerate() {
            prop_assert!(rows.append(seq as i64, &event.id().bytes(), event));
        }
        let batch = rows.finish();
        let reader = RowReader::<Answer>::new(&batch).unwrap();
        for (row, event) in events.iter().enumerate() {
            let (seq, id, back) = reader.event(event.iteration, row);
            prop_assert_eq!(seq, row as i64);
            prop_assert_eq!(id, event.id().bytes());
            prop_assert!(same(&back.body, &event.body));
            prop_assert_eq!(back.observed, event.observed.clone());
        }
    }
}

#[test]
fn a_null_where_a_value_must_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("lake"), &ground()).unwrap();
    import_text(&mut writer, sample_events().lines().next().unwrap(), "one");
    let kind = find_kind("run_started").unwrap();
    let schema = kind.schema();
    let nulls: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    let columns = nulls
        .iter()
        .map(|field| arrow::array::new_null_array(field.data_type(), 1))
        .collect();
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(nulls));
    let batch = RecordBatch::try_new(schema, columns).unwrap();
    let refused = kind.check(0, &batch, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("null"), "{refused}");
}
