//! Commands whose output nobody reads to its end.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::example_folder;

/// What a command in `folder` ends with whose output goes to `reader`.
fn read_by(reader: &str, arguments: &str, folder: &Path) -> Output {
    let binary = env!("CARGO_BIN_EXE_antiks");
    let script = format!("{binary} {arguments} | {reader}; exit ${{PIPESTATUS[0]}}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder);
    command.output().unwrap()
}

#[test]
fn who_reads_only_the_first_rows_sees_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "select a.kind, b.kind, c.kind from events a, events b, events c";
    for format in ["table", "csv", "json", "ndjson"] {
        let sql = format!("--example sql --max-rows 50000 --format {format} '{rows}'");
        let ran = read_by("head -c 1", &sql, folder.path());
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((ran.status.code(), &*said), (Some(0), ""), "{format}");
    }
}

#[test]
fn the_verdict_holds_though_nobody_reads_it() {
    let folder = example_folder();
    let record = folder.path().join("lake/log/00000000000000000001.json");
    fs::write(&record, "{}").unwrap();
    let ran = read_by("true", "verify", folder.path());
    assert_eq!(ran.status.code(), Some(3));
}
