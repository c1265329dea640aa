//! The real program, killed at 300 random moments while it writes: what it has
//! acknowledged is there, nothing is torn, and the next one goes on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use antiks::base::id::ContentHash;
use antiks::event::run_started::RunStarted;
use antiks::lake::{Lake, LakeError, layout};

use crate::lakes::{
    Acknowledged, acknowledged, assert_whole, database_line, import_command, run_line,
};
use crate::random::Random;

const KILLS: usize = 300;
/// After so many kills a new lake is begun, so that it stays small.
const KILLS_PER_LAKE: usize = 30;
const FILES_PER_LAKE: usize = 150;
const RUNS_PER_FILE: usize = 3;
const MAX_WAIT_US: u64 = 30_000;
const SIGKILL: i32 = 9;

/// What the kills met, so that a run in which they all came too early or too late
/// is seen.
#[derive(Debug, Default)]
struct Met {
    /// The process was still at work.
    at_work: usize,
    /// It had acknowledged a commit before.
    after_a_commit: usize,
    /// It left files in the staging folder.
    with_staged_files: usize,
    /// A commit was in the lake that nobody was told of.
    with_unacknowledged_commit: usize,
    commits: usize,
}

#[test]
fn kill_at_300_random_moments() {
    let seed = 0x5eed_0001;
    let mut random = Random::new(seed);
    let mut met = Met::default();
    for _ in 0..KILLS / KILLS_PER_LAKE {
        one_lake(&mut random, &mut met);
    }
    println!("{met:?}");
    assert!(
        met.at_work * 10 >= KILLS * 9,
        "too many came too late: {met:?}"
    );
    assert!(
        met.after_a_commit * 4 >= KILLS,
        "too many came too early: {met:?}"
    );
    assert!(
        met.with_staged_files > 0,
        "none came amid a commit: {met:?}"
    );
}

/// Kills the writers of one lake again and again, and then lets one finish.
fn one_lake(random: &mut Random, met: &mut Met) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let mut waiting = write_files(folder.path(), random);
    let mut told: Vec<(u64, ContentHash)> = Vec::new();
    for kill in 0..KILLS_PER_LAKE {
        let wait = Duration::from_micros(random.below(MAX_WAIT_US));
        // Every second one is sure to be amid its commits, however slow the machine is.
        let lines = killed_import(&root, &waiting, kill % 2 == 1, wait, met);
        take_in(&lines, &mut waiting, &mut told);
        check(&root, &told, &format!("kill {kill} after {wait:?}"), met);
    }
    let output = import_command(&root).args(&waiting).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = acknowledged(&output.stdout);
    take_in(&lines, &mut waiting, &mut told);
    assert!(waiting.is_empty(), "not imported: {waiting:?}");
    check(&root, &told, "after the last import", met);
    each_once(&root);
    met.commits += Lake::open(&root).unwrap().entries().len();
}

fn write_files(folder: &Path, random: &mut Random) -> Vec<PathBuf> {
    (0..FILES_PER_LAKE)
        .map(|file| {
            let mut text: String = (0..RUNS_PER_FILE)
                .map(|run| run_line(&run_name(file, run)))
                .collect();
            text.push_str(&database_line(
                &format!("database {file}"),
                &random.text(5000),
            ));
            let path = folder.join(format!("{file}.ndjson"));
            fs::write(&path, text).unwrap();
            path
        })
        .collect()
}

fn run_name(file: usize, run: usize) -> String {
    format!("run {run} of file {file}")
}

/// Starts an import, kills it a while after its start or after its first
/// acknowledgement, and gives what it had said until then.
fn killed_import(
    root: &Path,
    files: &[PathBuf],
    acknowledged_first: bool,
    wait: Duration,
    met: &mut Met,
) -> Vec<Acknowledged> {
    let mut command = import_command(root);
    command
        .args(files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    if acknowledged_first {
        stdout.read_until(b'\n', &mut said).unwrap();
    }
    std::thread::sleep(wait);
    child.kill().unwrap();
    stdout.read_to_end(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    let was_killed = output.status.signal() == Some(SIGKILL);
    assert!(was_killed || output.status.success(), "{output:?}");
    let lines = acknowledged(&said);
    met.at_work += usize::from(was_killed);
    met.after_a_commit += usize::from(lines.iter().any(|line| line.commit.is_some()));
    let staged = fs::read_dir(root.join(layout::STAGING));
    met.with_staged_files += usize::from(staged.is_ok_and(|files| files.count() > 0));
    lines
}

fn take_in(lines: &[Acknowledged], waiting: &mut Vec<PathBuf>, told: &mut Vec<(u64, ContentHash)>) {
    for line in lines {
        waiting.retain(|file| *file != line.file);
        told.extend(line.commit);
    }
}

/// Every commit that was told of is there, and everything is whole.
fn check(root: &Path, told: &[(u64, ContentHash)], when: &str, met: &mut Met) {
    let lake = match Lake::open(root) {
        Err(LakeError::Missing(_)) if told.is_empty() => return,
        lake => lake.unwrap_or_else(|error| panic!("{when}: {error}")),
    };
    for (number, hash) in told {
        let entry = lake.entries().get(*number as usize);
        let found = entry.unwrap_or_else(|| panic!("{when}: commit {number} is gone"));
        assert_eq!(found.hash, *hash, "{when}: commit {number} is another");
    }
    let last_told = told.last().map_or(0, |(number, _)| *number);
    met.with_unacknowledged_commit += usize::from(lake.version() > last_told);
    assert_whole(root, when);
}

/// All events of all files are in the lake exactly once.
fn each_once(root: &Path) {
    let lake = Lake::open(root).unwrap();
    let mut names = BTreeSet::new();
    let mut events = 0;
    lake.read_events::<RunStarted>(|_, _, event| {
        events += 1;
        names.insert(event.body.name.clone());
    })
    .unwrap();
    let expected: BTreeSet<String> = (0..FILES_PER_LAKE)
        .flat_map(|file| (0..RUNS_PER_FILE).map(move |run| run_name(file, run)))
        .collect();
    assert_eq!(names, expected);
    assert_eq!(events, expected.len());
    let databases = FILES_PER_LAKE as u64;
    assert_eq!(lake.newest().commit.tree.size, events as u64 + databases);
}
