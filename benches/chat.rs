//! What a chat teacher's calls cost in time and memory, against a scripted server: prints
//! one line of JSON.
//!
//! `cargo bench --bench chat` alone runs it in small; `-- --challenges 10000` is the real
//! one. Server and client are processes of their own, so that memory is the client's.
#![allow(missing_docs)]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code
)]

#[path = "../tests/it/chat_ground.rs"]
mod chat_ground;
#[path = "../tests/it/chat_server.rs"]
mod chat_server;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use antiks::base::world::Stopwatch;
use antiks::event::words::Request;
use antiks::grading::{Task, Trial, Verdict};
use antiks::teacher::chat::evidence::Evidence;
use antiks::teacher::chat::pacing::Pace;
use antiks::teacher::chat::transport::Limits;
use clap::Parser;
use serde_json::json;

use chat_server::{Say, Server};

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
    /// Challenges: each is a call that proposes, one that judges, and every second one a
    /// call that corrects
    #[arg(long, default_value_t = 200)]
    challenges: u32,
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// How long the server takes for an answer
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Be the server; said by the bench to a process of its own
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let latency = Duration::from_millis(arguments.latency_ms);
    if arguments.serve {
        serve(latency);
        return;
    }
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", "--latency-ms", &arguments.latency_ms.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    ask_all(&arguments, latency, url.trim());
    // Its input ends, and so does it.
    drop(server.stdin.take());
    server.wait().unwrap();
}

fn serve(latency: Duration) {
    let proposal = chat_ground::usable();
    let server = Server::start(move |seen, _| {
        let content = match seen.body.contains("\"name\":\"propose\"") {
            true => proposal.clone(),
            false if seen.body.contains("\"name\":\"grade\"") => {
                json!({"reason": "so", "score": 90}).to_string()
            }
            false => json!({"sql": "SELECT 1", "explanation": "so"}).to_string(),
        };
        Say::After(latency, Box::new(Say::answer(&content)))
    });
    println!("{}", server.url());
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().lines().next();
}

fn ask_all(arguments: &Arguments, latency: Duration, url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let writer = chat_ground::writer(&folder.path().join("lake"));
    let calls = chat_ground::calls(&writer);
    let mut settings = chat_ground::settings(url);
    settings.limits = Limits::default();
    settings.pace = Pace {
        max_concurrency: arguments.concurrency,
        max_per_minute: None,
    };
    settings.max_cost_microusd = Some(u64::MAX / 4);
    let teacher = chat_ground::open(settings, &calls).unwrap();
    let schema = chat_ground::schema();
    let count = arguments.challenges;
    let asks: Vec<_> = (0..count).map(|it| chat_ground::ask(&schema, it)).collect();
    let questions: Vec<String> = (0..count).map(|it| format!("Question {it}?")).collect();
    let (task, verdict) = graded();
    let answers: Vec<Evidence<'_>> = questions
        .iter()
        .map(|question| Evidence {
            schema: &schema,
            question,
            task: &task,
            answer: "SELECT 1",
            verdict: &verdict,
        })
        .collect();
    let watch = Stopwatch::start();
    let proposed = teacher.propose(&asks, |_| {});
    let judged = teacher.judge(&answers, Request::Grade, |_| {});
    let corrected = teacher.correct(&answers[..answers.len() / 2], |_| {});
    let seconds = watch.elapsed().as_secs_f64();
    let good = proposed.iter().filter(|it| it.is_ok()).count()
        + judged.iter().filter(|it| it.is_ok()).count()
        + corrected.iter().filter(|it| it.is_ok()).count();
    let made = proposed.len() + judged.len() + corrected.len();
    let ideal = made as f64 * latency.as_secs_f64() / arguments.concurrency as f64;
    let (spent, _) = teacher.spent();
    println!(
        "{}",
        json!({
            "task": "chat",
            "challenges": count,
            "calls": made,
            "answered": good,
            "concurrency": arguments.concurrency,
            "latency_ms": arguments.latency_ms,
            "seconds": seconds,
            "calls_per_second": made as f64 / seconds,
            "of_ideal_percent": 100.0 * ideal / seconds,
            "peak_mib": peak_kib() / 1024,
            "spent_usd": spent.known_microusd as f64 / 1e6,
        })
    );
}

fn graded() -> (Task, Verdict) {
    let task = Task {
        reference_sql: "SELECT 2".to_owned(),
        ordered: false,
        requirements: Vec::new(),
        trials: vec![Trial {
            seed: 1,
            script: String::new(),
        }],
    };
    let verdict = Verdict {
        score: 40,
        equivalent: false,
        executed: true,
        word: "different",
        error_class: None,
        error_message: None,
        partial_credit: 0.5,
        practices: Vec::new(),
        instances: Vec::new(),
        explanation: String::new(),
    };
    (task, verdict)
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmHWM:"));
    line.and_then(|it| it.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}
