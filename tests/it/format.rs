//! `lake/README.md` says what the code does: field tables and worked example are made
//! from the code and compared. Run with `ANTIKS_BLESS=1` to write them anew.

use std::fmt::Write as _;
use std::fs;

use antiks::base::id::to_hex;
use antiks::event::KINDS;
use antiks::event::envelope::canonical_bytes;
use antiks::event::registry::ENVELOPE_COLUMNS;
use antiks::event::run_started::RunStarted;
use antiks::lake::{Lake, Writer, layout};
use arrow::datatypes::{DataType, Field};

use crate::support::{ground, import_text, repository};

#[test]
fn the_page_lists_every_field() {
    compare(
        "<!-- fields: made from the code; tests/it/format.rs checks it -->\n",
        "<!-- /fields -->",
        &field_tables(),
    );
}

#[test]
fn the_page_shows_a_true_example() {
    compare("<!-- example -->\n", "<!-- /example -->", &worked_example());
}

/// Compares the part of the page between two marks with what it must be.
fn compare(from: &str, to: &str, expected: &str) {
    let path = repository("lake/README.md");
    let page = fs::read_to_string(&path).unwrap();
    let start = page.find(from).expect("the mark is there") + from.len();
    let end = page.find(to).expect("the mark is there");
    if page[start..end] == *expected {
        return;
    }
    if std::env::var("ANTIKS_BLESS").is_ok() {
        let page = format!("{}{expected}{}", &page[..start], &page[end..]);
        fs::write(&path, page).unwrap();
        return;
    }
    panic!("lake/README.md is not true any more; it should say:\n{expected}");
}

fn field_tables() -> String {
    let mut text = String::new();
    for kind in KINDS {
        writeln!(
            text,
            "\n#### {}\n\nSQL table `{}`.\n",
            kind.name(),
            kind.table()
        )
        .unwrap();
        writeln!(text, "| field | type |\n|---|---|").unwrap();
        let schema = kind.schema();
        let body = schema
            .fields()
            .iter()
            .filter(|field| !ENVELOPE_COLUMNS.contains(&field.name().as_str()));
        for field in body {
            let optional = if field.is_nullable() { "?" } else { "" };
            writeln!(
                text,
                "| `{}`{optional} | {} |",
                field.name(),
                type_name(field)
            )
            .unwrap();
        }
    }
    text.push('\n');
    text
}

fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int64 => "int".to_owned(),
        DataType::Float64 => "float".to_owned(),
        DataType::Utf8 => "text".to_owned(),
        DataType::FixedSizeBinary(32) => "hash".to_owned(),
        DataType::List(element) => format!("list of {}", type_name(element)),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| {
                    let optional = if field.is_nullable() { "?" } else { "" };
                    format!("`{}`{optional} {}", field.name(), type_name(field))
                })
                .collect();
            format!("record ({})", fields.join(", "))
        }
        other => panic!("the format has no type {other}"),
    }
}

/// A lake of one event, in all its bytes.
fn worked_example() -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let mut writer = Writer::create(&root, &ground()).unwrap();
    let line = r#"{"kind":"run_started","iteration":0,"duration_us":1500,"body":{
        "name":"demo","seed":7,"teacher":"offline","student":"nano",
        "base_hash":{"$hash":"base"},"settings":[{"name":"threshold","value":"80"}],
        "code_version":"0.1.0"}}"#
        .replace('\n', "");
    import_text(&mut writer, &line, "a run");
    drop(writer);
    let lake = Lake::open(&root).unwrap();
    let mut canonical = Vec::new();
    let mut text = String::new();
    lake.read_events::<RunStarted>(|seq, id, event| {
        canonical_bytes(event.iteration, &event.body, &mut canonical);
        writeln!(
            text,
            "A lake with one run_started event in commit 1. Its body, with `base_hash` the BLAKE3 of the \
             text `base`:\n\n```json\n{}\n```\n",
            serde_json::to_string(&event.body).unwrap()
        )
        .unwrap();
        writeln!(text, "Its canonical bytes, of iteration 0:\n\n```\n{}```\n", hex_dump(&canonical)).unwrap();
        writeln!(text, "Its id:\n\n```\n{id}\n```\n").unwrap();
        let observed = &event.observed;
        writeln!(
            text,
            "With the sequence number {seq}, recorded at {} on `{}` in {} µs at a cost that is not \
             known, its leaf, which is the root of the tree as well:\n\n```\n{}\n```\n",
            observed.recorded_at.0,
            observed.host,
            observed.duration_us.unwrap(),
            to_hex(&lake.newest().commit.tree.root.bytes()),
        )
        .unwrap();
    })
    .unwrap();
    let zero = fs::read_to_string(root.join(layout::commit(0))).unwrap();
    writeln!(
        text,
        "The record of commit 0, to the letter:\n\n```\n{zero}```\n"
    )
    .unwrap();
    text
}

fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(16) {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let readable: String = line
            .iter()
            .map(|&byte| {
                if byte.is_ascii_graphic() || byte == b' ' {
                    byte as char
                } else {
                    '.'
                }
            })
            .collect();
        writeln!(text, "{:<47}  {readable}", hex.join(" ")).unwrap();
    }
    text
}
