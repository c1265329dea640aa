//! A process that pays for calls, killed at 100 random moments: what was answered and written
//! down is never asked for again, and no more is spent than the cap allows.
//!
//! The process is this test binary itself, told by a variable to be the caller.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use antiks::lake::report::Silent;
use antiks::lake::verify::verify;
use antiks::teacher::chat::budget::Spent;
use antiks::teacher::chat::ledger::Ledger;
use antiks::teacher::chat::{ChatError, Stop};

use crate::chat_ground::{CANARY, ask, calls, open, schema, settings, usable, writer};
use crate::chat_server::{Say, Server};
use crate::random::Random;

const LAKES: usize = 5;
const KILLS_PER_LAKE: usize = 20;
const CALLS: u32 = 1_500;
/// More than all kills may leave open.
const CAP_MICROUSD: u64 = 40_000_000;
const LATENCY: Duration = Duration::from_millis(8);
/// What the scripted server charges for a call.
const COST_MICROUSD: u64 = 1_000;
const MAX_WAIT_US: u64 = 30_000;
/// Milliseconds until the first call of a process.
const MAX_WAITS: usize = 10_000;
const CALLER: &str = "ANTIKS_TEST_CALLER";
const FLOODED: &str = "ANTIKS_TEST_FLOODED";

/// The caller: asks for everything that is still to be asked, and says what it spent.
#[test]
#[ignore = "the other tests here start it as a process of its own"]
fn caller() {
    let Ok(told) = std::env::var(CALLER) else {
        panic!("start it by way of the tests");
    };
    let [root, url, cap] = told.split('|').collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    let writer = writer(Path::new(root));
    let calls = calls(&writer);
    let mut settings = settings(url);
    settings.max_cost_microusd = Some(cap.parse().unwrap());
    let teacher = open(settings, &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..CALLS).map(|ordinal| ask(&schema, ordinal)).collect();
    println!("\nbegun");
    let results = teacher.propose(&asks, |_| {});
    let over = |it: &Result<_, ChatError>| matches!(it, Err(ChatError::Stopped(Stop::Budget(_))));
    assert!(
        results.iter().all(|it| it.is_ok() || over(it)),
        "{results:?}"
    );
    let answered = results.iter().filter(|it| it.is_ok()).count();
    println!("\nanswered {answered}");
}

fn start(told: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "chat_crash::caller", "--ignored", "--nocapture"])
        .env(CALLER, told)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn kill_at_100_random_moments_during_paid_calls() {
    let mut random = Random::new(0x5eed_0002);
    let (mut kills, mut answered_before) = (0, 0);
    for lake in 0..LAKES {
        // In every second lake the last process has a cap that is reached.
        let met = one_lake(lake % 2 == 1, &mut random);
        kills += met.kills;
        answered_before += met.answered_before;
    }
    println!("{kills} kills for {} amid calls", LAKES * KILLS_PER_LAKE);
    println!("{answered_before} calls were answered by processes that were killed");
    assert!(answered_before > LAKES * KILLS_PER_LAKE);
}

/// A folder that syncs cost nothing in, if the system has one: a killed process loses nothing
/// that it wrote, and losses of power are the matter of `power`.
fn in_memory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    match shared.is_dir() {
        true => tempfile::tempdir_in(shared).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

struct Met {
    kills: usize,
    answered_before: usize,
}

fn one_lake(is_capped: bool, random: &mut Random) -> Met {
    let server = Server::start(|_, _| Say::After(LATENCY, Box::new(Say::answer(&usable()))));
    let folder = in_memory();
    let root = folder.path().join("lake");
    let told = |cap_microusd: u64| format!("{}|{}|{cap_microusd}", root.display(), server.url());
    // What was on disk when a process died, and how many calls the server had seen.
    let mut stands: Vec<(BTreeSet<String>, usize)> = Vec::new();
    let (mut amid, mut open_before, mut most_before) = (0, 0, 0);
    while amid < KILLS_PER_LAKE {
        assert!(
            stands.len() < 4 * KILLS_PER_LAKE,
            "only {amid} came amid calls"
        );
        let calls_before = server.calls().len();
        let mut child = start(&told(CAP_MICROUSD));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines
            .by_ref()
            .map_while(Result::ok)
            .find(|it| it == "begun")
            .unwrap();
        // It first hears again what was answered before; the calls come after that.
        for _ in 0..MAX_WAITS {
            if server.calls().len() > calls_before {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(random.below(MAX_WAIT_US)));
        child.kill().unwrap();
        child.wait().unwrap();
        let stand = stand(&root);
        amid += usize::from(stand.open > open_before);
        open_before = stand.open;
        most_before = most(&stand.spent);
        assert!(most_before <= CAP_MICROUSD);
        stands.push((stand.answered, server.calls().len()));
    }
    let met = Met {
        kills: stands.len(),
        answered_before: stands.last().map_or(0, |it| it.0.len()),
    };
    let cap_microusd = match is_capped {
        true => most_before + 50 * COST_MICROUSD,
        false => CAP_MICROUSD,
    };
    let told = told(cap_microusd);
    let mut child = start(&told);
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .collect();
    assert!(child.wait().unwrap().success(), "{lines:?}");
    let seen = server.calls();
    let Stand {
        answered: done,
        spent,
        ..
    } = stand(&root);
    for (kill, (before, count)) in stands.iter().enumerate() {
        for call in &seen[*count..] {
            assert!(
                !before.contains(&call.body),
                "paid for again after kill {kill}"
            );
        }
    }
    let charged = seen.len() as u64 * COST_MICROUSD;
    let most = most(&spent);
    assert_eq!(spent.known_microusd, done.len() as u64 * COST_MICROUSD);
    assert!(
        charged <= most,
        "{charged} were charged, {most} are accounted for"
    );
    assert!(most <= cap_microusd, "{most} of {cap_microusd}");
    assert_eq!(
        done.len() < CALLS as usize,
        is_capped,
        "{} are done",
        done.len()
    );
    assert!(
        verify(&root, None, &mut Silent)
            .unwrap()
            .findings
            .is_empty()
    );
    met
}

/// What is on disk.
struct Stand {
    /// The bodies of the requests whose response is there.
    answered: BTreeSet<String>,
    /// The attempts without a response.
    open: usize,
    spent: Spent,
}

fn stand(root: &Path) -> Stand {
    let writer = writer(root);
    let spool = writer.spool();
    let mut begun = spool.begun().unwrap();
    begun.dedup_by_key(|it| it.0);
    let mut stand = Stand {
        answered: BTreeSet::new(),
        open: 0,
        spent: calls(&writer).spent_before().unwrap(),
    };
    for (request, _) in begun {
        let attempts = spool.attempts(request).unwrap();
        let responses = attempts.iter().filter(|it| it.1.is_some()).count();
        stand.open += attempts.len() - responses;
        // Nothing is asked for again once it was answered.
        assert!(responses <= 1, "{request} was answered {responses} times");
        if let (intent, Some(_)) = attempts.last().unwrap() {
            let body = intent.body.bytes().unwrap();
            stand.answered.insert(String::from_utf8(body).unwrap());
        } else {
            assert_eq!(responses, 0, "{request} was asked again");
        }
    }
    stand
}

fn most(spent: &Spent) -> u64 {
    spent.known_microusd + spent.possible_microusd
}

/// Asks a server that sends a gigabyte, and says how much memory that took.
#[test]
#[ignore = "the other tests here start it as a process of its own"]
fn flooded() {
    let Ok(url) = std::env::var(FLOODED) else {
        panic!("start it by way of the tests");
    };
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let mut settings = settings(&url);
    settings.limits.total = Duration::from_secs(60);
    let teacher = open(settings, &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..8).map(|ordinal| ask(&schema, ordinal)).collect();
    let before = peak_kib();
    let results = teacher.propose(&asks, |_| {});
    for result in &results {
        let error = result.as_ref().unwrap_err().to_string();
        assert!(
            error.contains("larger than") && !error.contains(CANARY),
            "{error}"
        );
    }
    println!("\ngrown {}", peak_kib() - before);
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_flat_under_bodies_of_a_gigabyte() {
    let server = Server::start(|_, before| Say::Flood {
        bytes: 1 << 30,
        in_chunks: before % 2 == 0,
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "chat_crash::flooded", "--ignored", "--nocapture"])
        .env(FLOODED, server.url())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains(CANARY));
    let grown = text
        .lines()
        .find_map(|it| it.strip_prefix("grown "))
        .unwrap();
    let grown: u64 = grown.parse().unwrap();
    println!("8 bodies of 1 GiB at once took {grown} KiB");
    assert!(grown < 64 << 10, "{grown} KiB");
}
