//! What the lake costs: each subcommand prints one line of JSON with its figures.
//!
//! `scripts/bench_lake.py` runs them one process each and holds them against bars.
//! `cargo bench` alone runs all of them in small.
#![allow(missing_docs)]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod grades;
mod plain;

use std::path::{Path, PathBuf};

use antiks::base::world::Stopwatch;
use antiks::lake::report::Silent;
use antiks::lake::verify::verify;
use antiks::lake::{Ground, Lake, Writer};
use clap::{Parser, Subcommand};
use serde_json::{Value as Json, json};

use grades::{Grades, Random, Targets};

const GRADES_PER_COMMIT: u64 = 100_000;
const INSTANCES: usize = 6;
const OPENINGS: usize = 20;
const ITERATIONS: u64 = 10;

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, global = true, hide = true)]
    bench: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Append realistic grades to a lake, in commits of 100,000
    Append {
        grades: u64,
        /// Make the lake here and keep it
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Write the same rows with arrow-rs and parquet alone
    Plain { grades: u64 },
    /// Verify a lake
    Verify { dir: PathBuf },
    /// Make commits of 100 answers each
    Commit { commits: usize },
    /// Open a lake of so many small commits
    Open { commits: usize },
    /// Make a lake of lean grades, for queries
    Grades { rows: u64, files: u64, dir: PathBuf },
}

fn main() {
    let arguments = Arguments::parse();
    let Some(task) = arguments.task else {
        return run_all_small();
    };
    let figures = match task {
        Task::Append { grades, dir } => in_folder(dir, |dir| append(dir, grades)),
        Task::Plain { grades } => in_folder(None, |dir| plain(dir, grades)),
        Task::Verify { dir } => verify_lake(&dir),
        Task::Commit { commits } => in_folder(None, |dir| commit(dir, commits)),
        Task::Open { commits } => in_folder(None, |dir| open(dir, commits)),
        Task::Grades { rows, files, dir } => lean_grades(&dir, rows, files),
    };
    println!("{figures}");
}

fn run_all_small() {
    in_folder(None, |dir| {
        let lake = dir.join("lake");
        println!("{}", append(&lake, 20_000));
        println!("{}", verify_lake(&lake));
        println!("{}", plain(&dir.join("plain"), 20_000));
        println!("{}", commit(&dir.join("commits"), 20));
        println!("{}", open(&dir.join("open"), 50));
        println!("{}", lean_grades(&dir.join("lean"), 20_000, 10));
    });
}

/// Runs `task` in `dir`, or in a folder that is taken away after it.
fn in_folder<T>(dir: Option<PathBuf>, task: impl FnOnce(&Path) -> T) -> T {
    match dir {
        Some(dir) => task(&dir),
        None => {
            let folder = tempfile::tempdir().unwrap();
            task(folder.path())
        }
    }
}

fn append(dir: &Path, count: u64) -> Json {
    let mut writer = Writer::create(dir, &Ground::system()).unwrap();
    let targets = Targets::committed(&mut writer);
    let mut grades = Grades::new(targets, INSTANCES);
    let mut bytes = 0;
    let (seconds, cpu_seconds) = timed(|| {
        for rows in parts(count, GRADES_PER_COMMIT) {
            bytes += append_commit(&mut writer, &mut grades, rows, 1);
        }
    });
    json!({
        "task": "append",
        "events": count,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events_per_second": count as f64 / seconds,
        "bytes": bytes,
    })
}

/// Commits the next `rows` grades and gives the length of their file.
fn append_commit(writer: &mut Writer, grades: &mut Grades, rows: u64, iteration: u32) -> u64 {
    let mut draft = writer.begin("grades");
    for _ in 0..rows {
        draft.append(grades.next(iteration)).unwrap();
    }
    let entry = draft.commit().unwrap();
    entry.commit.events.iter().map(|file| file.bytes).sum()
}

fn plain(dir: &Path, count: u64) -> Json {
    std::fs::create_dir_all(dir).unwrap();
    let mut grades = Grades::new(Targets::made_up(), INSTANCES);
    let (mut bytes, mut first_seq) = (0, 0);
    let (seconds, cpu_seconds) = timed(|| {
        for (number, rows) in parts(count, GRADES_PER_COMMIT).enumerate() {
            let path = dir.join(format!("{number}.parquet"));
            bytes += plain::write_file(&path, &mut grades, rows, first_seq);
            first_seq += rows;
        }
    });
    json!({
        "task": "plain",
        "events": count,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events_per_second": count as f64 / seconds,
        "bytes": bytes,
    })
}

fn verify_lake(dir: &Path) -> Json {
    let mut report = None;
    let (seconds, cpu_seconds) = timed(|| report = Some(verify(dir, None, &mut Silent).unwrap()));
    let report = report.unwrap();
    assert!(report.ok, "the lake is damaged: {:?}", report.findings);
    json!({
        "task": "verify",
        "events": report.events,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events_per_second": report.events as f64 / seconds,
        "events_per_cpu_second": report.events as f64 / cpu_seconds,
    })
}

fn commit(dir: &Path, commits: usize) -> Json {
    let mut milliseconds = small_commits(dir, commits, 100);
    milliseconds.sort_by(f64::total_cmp);
    json!({
        "task": "commit",
        "commits": commits,
        "median_ms": at_share(&milliseconds, 0.5),
        "p99_ms": at_share(&milliseconds, 0.99),
        "max_ms": at_share(&milliseconds, 1.0),
    })
}

fn open(dir: &Path, commits: usize) -> Json {
    small_commits(dir, commits, 1);
    let reading = openings(|| drop(Lake::open(dir).unwrap()));
    let writing = openings(|| drop(Writer::open(dir, &Ground::system()).unwrap()));
    json!({
        "task": "open",
        "commits": commits,
        "median_ms": at_share(&reading, 0.5),
        "writer_median_ms": at_share(&writing, 0.5),
    })
}

fn lean_grades(dir: &Path, rows: u64, files: u64) -> Json {
    let mut writer = Writer::create(dir, &Ground::system()).unwrap();
    let targets = Targets::committed(&mut writer);
    let mut grades = Grades::new(targets, 1);
    let mut bytes = 0;
    let (seconds, cpu_seconds) = timed(|| {
        for (place, rows) in parts(rows, rows.div_ceil(files)).enumerate() {
            let iteration = 1 + place as u64 * ITERATIONS / files;
            bytes += append_commit(&mut writer, &mut grades, rows, iteration as u32);
        }
    });
    json!({
        "task": "grades",
        "events": rows,
        "files": files,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events_per_second": rows as f64 / seconds,
        "bytes": bytes,
    })
}

/// Makes a lake of commits of `answers` answers each; gives how many milliseconds each
/// commit took, from its first event on.
fn small_commits(dir: &Path, commits: usize, answers: usize) -> Vec<f64> {
    let mut writer = Writer::create(dir, &Ground::system()).unwrap();
    let mut random = Random(3);
    let mut draft = writer.begin("a challenge");
    let (run_id, challenge_id) = grades::challenge_alone(&mut draft, &mut random);
    draft.commit().unwrap();
    let mut milliseconds = Vec::with_capacity(commits);
    for number in 0..commits {
        let place = |answer| number * answers + answer;
        let answers: Vec<_> = (0..answers)
            .map(|answer| grades::answer(run_id, challenge_id, place(answer), &mut random))
            .map(grades::event)
            .collect();
        let watch = Stopwatch::start();
        let mut draft = writer.begin("answers");
        for answer in &answers {
            draft.append(answer).unwrap();
        }
        draft.commit().unwrap();
        milliseconds.push(watch.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds
}

/// How many milliseconds each of several openings takes, sorted.
fn openings(open: impl Fn()) -> Vec<f64> {
    let mut milliseconds: Vec<f64> = (0..OPENINGS).map(|_| timed(&open).0 * 1e3).collect();
    milliseconds.sort_by(f64::total_cmp);
    milliseconds
}

/// The sizes of the parts of at most `size` that `total` falls into.
fn parts(total: u64, size: u64) -> impl Iterator<Item = u64> {
    let starts = (0..total).step_by(size.max(1) as usize);
    starts.map(move |start| size.min(total - start))
}

fn at_share(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted[(last * share).round() as usize]
}

/// Seconds by the clock, and of all of this process's threads.
fn timed(task: impl FnOnce()) -> (f64, f64) {
    let cpu_before = cpu_seconds();
    let watch = Stopwatch::start();
    task();
    let seconds = watch.elapsed().as_secs_f64();
    (seconds, cpu_seconds() - cpu_before)
}

/// What proc(5) counts as utime and stime, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}
