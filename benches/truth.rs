//! What questions and verdicts cost: each subcommand prints one line of JSON.
//!
//! `cargo bench --bench truth` alone runs all of them in small.
#![allow(missing_docs)]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use antiks::base::seed::Random;
use antiks::base::world::Stopwatch;
use antiks::grading::admission::Split;
use antiks::grading::sql::parse;
use antiks::grading::{Verdict, grade};
use antiks::sandbox::{Program, Sandbox};
use antiks::teacher::draft::{Category, Difficulty};
use antiks::teacher::offline::{Wish, intents};
use antiks::teacher::proposer::{Proposal, Proposer, Source};
use clap::{Parser, Subcommand};
use serde_json::{Value as Json, json};

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, global = true, hide = true)]
    bench: bool,
    /// Worker processes, and threads that give them work
    #[arg(long, global = true, default_value_t = 2)]
    workers: usize,
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Make proposals until so many drafts were seen, and say what became of them
    Drafts { drafts: usize },
    /// Admit so many challenges
    Admit { challenges: usize },
    /// Grade so many answers to 100 challenges: right ones, mutants and broken ones
    Grade { answers: usize },
}

fn main() {
    let arguments = Arguments::parse();
    let program = Program {
        path: env!("CARGO_BIN_EXE_antiks").into(),
        arguments: vec!["sandbox-worker".to_owned()],
    };
    let sandbox = Sandbox::new(program, arguments.workers);
    let seed = arguments.seed;
    match arguments.task {
        Some(Task::Drafts { drafts }) => println!("{}", make_drafts(&sandbox, seed, drafts)),
        Some(Task::Admit { challenges }) => println!("{}", admit(&sandbox, seed, challenges)),
        Some(Task::Grade { answers }) => println!("{}", grade_answers(&sandbox, seed, answers)),
        None => {
            println!("{}", admit(&sandbox, seed, 40));
            println!("{}", grade_answers(&sandbox, seed, 400));
        }
    }
}

fn wish(random: &mut Random) -> Wish {
    Wish {
        category: *random.pick(&Category::ALL).unwrap(),
        difficulty: *random.pick(&Difficulty::ALL).unwrap(),
        intent: None,
        phrasings: Vec::new(),
    }
}

fn admit(sandbox: &Sandbox, seed: u64, challenges: usize) -> Json {
    let watch = Stopwatch::start();
    let mut proposer = Proposer::new(sandbox, Source::Generated, Split::Training, seed);
    let proposals = proposer.propose(challenges, &wish, |_| {}).unwrap();
    let seconds = watch.elapsed().as_secs_f64();
    json!({
        "task": "admit",
        "challenges": proposals.len(),
        "seconds": seconds,
        "per_second": proposals.len() as f64 / seconds,
        "drafts": proposer.counts().drafts,
        "refused": proposer.counts().refused,
    })
}

fn make_drafts(sandbox: &Sandbox, seed: u64, drafts: usize) -> Json {
    let watch = Stopwatch::start();
    let mut proposer = Proposer::new(sandbox, Source::Generated, Split::Training, seed);
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    let mut least_killed_percent = 100.0f64;
    let mut signatures = BTreeSet::new();
    while proposer.counts().drafts < drafts {
        let proposals = proposer.propose(16, &wish, |_| {}).unwrap();
        for proposal in &proposals {
            *met.entry(proposal.draft.intent.clone().unwrap_or_default())
                .or_default() += 1;
            let admitted = &proposal.admitted;
            let killed = 100.0 * admitted.mutants_killed as f64 / admitted.mutants.max(1) as f64;
            least_killed_percent = least_killed_percent.min(killed);
            signatures.insert(admitted.signature.bytes());
        }
    }
    let missing: Vec<&str> = intents()
        .iter()
        .map(|intent| intent.name)
        .filter(|name| !met.contains_key(*name))
        .collect();
    let counts = proposer.counts();
    json!({
        "task": "drafts",
        "drafts": counts.drafts,
        "admitted": counts.admitted,
        "refused": counts.refused,
        "distinct_signatures": signatures.len(),
        "least_killed_percent": least_killed_percent,
        "intents_met": met.len(),
        "intents_missing": missing,
        "seconds": watch.elapsed().as_secs_f64(),
    })
}

/// Answers to a challenge: the reference, mutants of it, and what breaks.
fn answers_to(proposal: &Proposal) -> Vec<String> {
    let reference = &proposal.draft.reference_sql;
    let mut answers = vec![reference.clone(), format!("{reference}; SELECT 1")];
    if let Some(query) = parse(reference) {
        let mutants = antiks::grading::mutants::mutants(&query);
        answers.extend(mutants.into_iter().take(7).map(|mutant| mutant.sql));
    }
    answers.push("SELECT nothing FROM nowhere".to_owned());
    answers
}

fn grade_answers(sandbox: &Sandbox, seed: u64, answers: usize) -> Json {
    let mut proposer = Proposer::new(sandbox, Source::Generated, Split::Training, seed);
    let proposals = proposer.propose(100.min(answers), &wish, |_| {}).unwrap();
    let all: Vec<(&Proposal, String)> = proposals
        .iter()
        .flat_map(|proposal| {
            answers_to(proposal)
                .into_iter()
                .map(move |sql| (proposal, sql))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let watch = Stopwatch::start();
    let mut verdicts: Vec<(usize, Verdict)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= answers {
                    return done;
                }
                let (proposal, sql) = &all[place % all.len()];
                let verdict = grade(sandbox, &proposal.admitted.task, Some(sql)).unwrap();
                done.push((place, verdict));
            }
        };
        let threads: Vec<_> = (0..sandbox.workers()).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let seconds = watch.elapsed().as_secs_f64();
    verdicts.sort_by_key(|(place, _)| *place);
    let mut hasher = blake3::Hasher::new();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    let mut instances = 0;
    for (_, verdict) in &verdicts {
        hasher.update(format!("{verdict:?}").as_bytes());
        *words.entry(verdict.word).or_default() += 1;
        instances += verdict.instances.len();
    }
    json!({
        "task": "grade",
        "answers": answers,
        "instances_each": instances as f64 / answers as f64,
        "seconds": seconds,
        "per_second": answers as f64 / seconds,
        "verdicts": words,
        "hash": hasher.finalize().to_hex().as_str(),
    })
}
