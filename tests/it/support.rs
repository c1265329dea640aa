//! What several tests stand on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use antiks::base::disk::OsDisk;
use antiks::base::world::World;
use antiks::lake::import::{Imported, import};
use antiks::lake::{Entry, Ground, Wait, Writer};
use antiks::sandbox::Program;

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A fixed world on the real disk, so that lakes come out the same each time.
pub fn ground() -> Ground {
    Ground {
        world: World::fixed(1_767_225_600_000_000, "example machine"),
        disk: Arc::new(OsDisk),
        wait: Wait::No,
    }
}

/// Imports events given as NDJSON as one commit.
pub fn import_text(writer: &mut Writer, lines: &str, note: &str) -> Entry {
    match import(writer, lines.as_bytes(), note).unwrap() {
        Imported::Now(entry) => *entry,
        other => panic!("nothing new: {other:?}"),
    }
}

/// The lines of `lake/example.ndjson`: every kind, with and without options.
pub fn sample_events() -> String {
    std::fs::read_to_string(repository("lake/example.ndjson")).unwrap()
}

/// How the sandbox of a test starts its workers: by the real binary.
pub fn program() -> Program {
    Program {
        path: env!("CARGO_BIN_EXE_antiks").into(),
        arguments: vec!["sandbox-worker".to_owned()],
    }
}

/// What a command printed, and how it ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the real binary in `folder`, with `input` on stdin.
pub fn antiks_with(folder: &Path, input: &str, arguments: &[&str]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_antiks"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the real binary in `folder`.
pub fn antiks(folder: &Path, arguments: &[&str]) -> Ran {
    antiks_with(folder, "", arguments)
}

/// A folder with the example in `lake`, made by the real binary.
pub fn example_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = repository("lake/example.ndjson");
    let ran = antiks(
        folder.path(),
        &["lake", "import-events", example.to_str().unwrap()],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    folder
}

/// Compares `text` with a file of the repository; `ANTIKS_BLESS=1` writes it anew.
pub fn compare_with_golden(path: &str, text: &str) {
    let path = repository(path);
    if std::env::var("ANTIKS_BLESS").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{}", path.display());
}
