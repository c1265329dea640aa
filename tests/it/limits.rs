//! The real program where it may not write as much as it wants to: file sizes that are
//! limited, a full disk, and nobody who listens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::lakes::{
    ANTIKS, acknowledged, assert_whole, database_line, import_command, run_line, stderr,
};
use crate::random::Random;

const BLOB_BYTES: usize = 200_000;
/// `ulimit -f` counts blocks of so many bytes, or of twice as many.
const BLOCK_BYTES: usize = 512;

/// A process that writes beyond its limit is ended by a signal. Ours says why.
#[test]
fn a_limited_file_size_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let small = write(folder.path(), "small", &run_line("small"));
    let blob = Random::new(1).text(BLOB_BYTES);
    let large = write(folder.path(), "large", &database_line("large", &blob));
    assert!(
        import_command(&root)
            .arg(&small)
            .status()
            .unwrap()
            .success()
    );
    for blocks in [0, 1, 2, 7, 64, 150] {
        let output = with_limit(blocks, &root, &large);
        let when = format!("{blocks} blocks: {output:?}");
        assert_eq!(output.status.code(), Some(1), "{when}");
        assert!(stderr(&output).contains("file too large"), "{when}");
        let report = assert_whole(&root, &when);
        assert_eq!(report.events, 1, "{when}");
    }
    let output = with_limit(2 * BLOB_BYTES / BLOCK_BYTES, &root, &large);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(assert_whole(&root, "with enough blocks").events, 2);
}

fn with_limit(blocks: usize, root: &Path, file: &Path) -> Output {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, ANTIKS, "--lake"]).arg(root);
    command.args(["lake", "import-events"]).arg(file);
    command.output().unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(format!("{name}.ndjson"));
    fs::write(&path, text).unwrap();
    path
}

/// Whoever read our output has gone: what was asked is done all the same.
#[test]
fn an_import_that_nobody_listens_to_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let names = ["a", "b", "c"];
    let files = names.map(|name| write(folder.path(), name, &run_line(name)));
    let mut command = import_command(&root);
    command
        .args(&files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(assert_whole(&root, "after").events, names.len() as u64);
}

/// An acknowledgement that can't be given is an error, and no panic.
#[test]
fn an_acknowledgement_that_can_not_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let file = write(folder.path(), "a", &run_line("a"));
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = import_command(&root);
    let output = command.arg(&file).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("No space left"), "{output:?}");
    assert_eq!(assert_whole(&root, "after").events, 1);
}

const DISK_FILES: usize = 10;
const DISK_BLOB_BYTES: usize = 60_000;
/// What is in the way at first, so that the disk is full at different moments.
const BALLASTS: [usize; 12] = [
    450_000, 455_000, 460_000, 465_000, 470_000, 475_000, 480_000, 485_000, 490_000, 495_000,
    500_000, 505_000,
];

/// Imports onto a disk of 1 MiB until it is full, makes room, and imports again.
const FULL_DISK: &str = r#"
mount -t tmpfs -o size=1m tmpfs "$DISK" || exit 77
for ballast in $BALLASTS; do
    import() { "$ANTIKS" --lake "$DISK/lake" lake import-events --json "$FILES"/*.ndjson \
        > "$FILES/$ballast.$1.out" 2> "$FILES/$ballast.$1.err"; echo "$ballast import $1 $?"; }
    check() { "$ANTIKS" --lake "$DISK/lake" verify > "$FILES/$ballast.verify" 2>&1
        echo "$ballast verify $1 $?"; }
    head -c "$ballast" /dev/zero > "$DISK/ballast"
    import full
    check full
    rm "$DISK/ballast"
    import room
    check room
    rm -r "$DISK/lake"
done
"#;

#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(2);
    for file in 0..DISK_FILES {
        let text = database_line(&format!("{file}"), &random.text(DISK_BLOB_BYTES));
        write(folder.path(), &file.to_string(), &text);
    }
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // As root a namespace for mounts is enough; others need one for users as well.
    let ran = ["-m", "-rm"].into_iter().find_map(|namespaces| {
        let mut command = Command::new("unshare");
        command.args([namespaces, "sh", "-c", FULL_DISK]);
        command.env("DISK", &disk).env("FILES", folder.path());
        command.env("ANTIKS", ANTIKS);
        command.env("BALLASTS", BALLASTS.map(|it| it.to_string()).join(" "));
        let output = command.output().ok()?;
        output.status.success().then_some(output)
    });
    let Some(output) = ran else {
        println!("NOT TESTED: no small disk can be mounted on this machine");
        return;
    };
    let steps = String::from_utf8(output.stdout).unwrap();
    let mut expected = String::new();
    for ballast in BALLASTS {
        for step in [
            "import full 1",
            "verify full 0",
            "import room 0",
            "verify room 0",
        ] {
            expected.push_str(&format!("{ballast} {step}\n"));
        }
        check_full_disk(folder.path(), ballast);
    }
    assert_eq!(steps, expected);
}

fn check_full_disk(folder: &Path, ballast: usize) {
    let read = |name: &str| fs::read_to_string(folder.join(format!("{ballast}.{name}"))).unwrap();
    let said = read("full.err");
    let names_a_file = said.contains("/disk/lake/");
    assert!(
        said.contains("No space left") && names_a_file,
        "{ballast}: {said}"
    );
    let first = acknowledged(read("full.out").as_bytes());
    assert!(
        (1..DISK_FILES).contains(&first.len()),
        "{ballast}: {first:?}"
    );
    let second = acknowledged(read("room.out").as_bytes());
    let again = second.iter().filter(|line| line.commit.is_none()).count();
    assert_eq!(
        (second.len(), again),
        (DISK_FILES, first.len()),
        "{ballast}"
    );
}
