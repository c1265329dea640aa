//! Commands whose output nobody reads to its end.

use std::fs;

use crate::support::example_folder;

#[test]
fn who_reads_only_the_first_rows_sees_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_antiks");
    let rows = "select a.kind, b.kind, c.kind from events a, events b, events c";
    for format in ["table", "csv", "json", "ndjson"] {
        let command = format!("{binary} --example sql --max-rows 50000 --format {format} '{rows}'");
        let script = format!("{command} | head -c 1; exit ${{PIPESTATUS[0]}}");
        let ran = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((ran.status.code(), &*said), (Some(0), ""), "{format}");
    }
}

#[test]
fn the_verdict_holds_though_nobody_reads_it() {
    let folder = example_folder();
    let record = folder.path().join("lake/log/00000000000000000001.json");
    fs::write(&record, "{}").unwrap();
    let binary = env!("CARGO_BIN_EXE_antiks");
    let script = format!("{binary} verify | true; exit ${{PIPESTATUS[0]}}");
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert_eq!(ran.code(), Some(3));
}
