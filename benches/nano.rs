//! What the embedded base is made of and what it knows: each subcommand prints JSON.
//!
//! `cargo bench --bench nano` alone makes a small corpus.
#![allow(missing_docs)]
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use antiks::base::world::Stopwatch;
use antiks::database::schema::Schema;
use antiks::grading::Verdict;
use antiks::grading::admission::Split;
use antiks::grading::task::Task as Graded;
use antiks::nano::corpus::{Corpus, Ledger};
use antiks::round::exam::{answer, examine};
use antiks::round::focus::Focus;
use antiks::round::practice::{Mistake, Policy, practice};
use antiks::round::suite::{Item, build};
use antiks::sandbox::{Program, Sandbox};
use antiks::student::adapter::Adapter;
use antiks::student::base::Base;
use antiks::student::device::DeviceChoice;
use antiks::student::model::Model;
use antiks::student::prompt::Prompts;
use antiks::teacher::offline::intents;
use antiks::teacher::proposer::{Proposal, Proposer, Source};
use antiks::train::batch::TokenExample;
use antiks::train::recipe::Recipe;
use antiks::train::run::Training;
use antiks::train::schedule::Schedule;
use clap::{Parser, Subcommand};
use serde_json::{Value as Json, json};

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, global = true, hide = true)]
    bench: bool,
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// The program that is the sandbox's worker, if another than the one that was built
    #[arg(long, global = true)]
    antiks: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Make so many questions and statements; with --show print the first ones
    Corpus {
        turns: usize,
        #[arg(long, default_value_t = 0)]
        show: usize,
    },
    /// Teach a base, and examine it before and after
    Loop {
        base: PathBuf,
        #[arg(long, default_value_t = 10)]
        iterations: usize,
        #[arg(long, default_value_t = 60)]
        challenges: usize,
        #[arg(long, default_value_t = 600)]
        siblings: usize,
        #[arg(long, default_value_t = 20)]
        each: usize,
        #[arg(long, default_value_t = 60)]
        new: usize,
        #[arg(long, default_value_t = 3)]
        sibling_turns: usize,
        #[arg(long, default_value_t = 2)]
        known_turns: usize,
        /// Each iteration's rate is this part of the one before
        #[arg(long, default_value_t = 1.0)]
        decay: f64,
        #[arg(long, default_value_t = 1e-3)]
        rate: f64,
        #[arg(long, default_value_t = 3)]
        batch: usize,
        #[arg(long, default_value_t = 40)]
        count: usize,
        /// Examine after every so many iterations
        #[arg(long, default_value_t = 5)]
        every: usize,
        #[arg(long)]
        show: Option<PathBuf>,
    },
    /// Examine a base
    Exam {
        base: PathBuf,
        #[arg(long, default_value_t = 40)]
        count: usize,
        #[arg(long)]
        show: Option<PathBuf>,
    },
}

fn main() {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()
        .unwrap();
    let seed = arguments.seed;
    let line = match arguments.task {
        None => corpus(seed, 20_000, 0),
        Some(Task::Corpus { turns, show }) => corpus(seed, turns, show),
        Some(Task::Exam { base, count, show }) => {
            let sandbox = sandbox(arguments.antiks, arguments.threads);
            exam(seed, &base, sandbox, count, show)
        }
        Some(Task::Loop {
            base,
            iterations,
            challenges,
            siblings,
            each,
            new,
            sibling_turns,
            known_turns,
            decay,
            rate,
            batch,
            count,
            every,
            show,
        }) => {
            let policy = Policy {
                siblings,
                siblings_each: each,
                new_percent: new,
                sibling_turns,
                known_turns,
            };
            let recipe = Recipe {
                learning_rate: rate,
                epochs: 1,
                micro_batch: batch,
                schedule: Schedule::Linear,
                warmup_ratio: 0.05,
                max_tokens: 1024,
                seed,
                ..Recipe::default()
            };
            let school = School {
                sandbox: sandbox(arguments.antiks, arguments.threads),
                base: Base::open(&base).unwrap(),
                seed,
            };
            school.teach(
                iterations, challenges, policy, &recipe, decay, count, every, show,
            )
        }
    };
    println!("{line}");
}

fn corpus(seed: u64, turns: usize, show: usize) -> Json {
    let watch = Stopwatch::start();
    let mut ledger = Ledger::default();
    let mut shown = 0;
    Corpus::new(seed).make(turns, |document| {
        if shown < show {
            println!("--- {}", document.outline);
            for turn in &document.turns {
                println!("{}: {}\nA:{}", turn.kind.name(), turn.question, turn.sql);
            }
            shown += 1;
        }
        ledger.add(&document);
    });
    let seconds = watch.elapsed().as_secs_f64();
    let (hash, counts) = ledger.finish();
    json!({
        "task": "corpus", "turns_per_s": turns as f64 / seconds, "blake3": hash,
        "documents": counts.documents, "turns": counts.turns, "bytes": counts.bytes,
    })
}

fn sandbox(antiks: Option<PathBuf>, workers: usize) -> Sandbox {
    let program = Program {
        path: antiks.unwrap_or_else(|| env!("CARGO_BIN_EXE_antiks").into()),
        arguments: vec!["sandbox-worker".to_owned()],
    };
    Sandbox::new(program, workers)
}

fn exam(seed: u64, base: &Path, sandbox: Sandbox, count: usize, show: Option<PathBuf>) -> Json {
    let school = School {
        sandbox,
        base: Base::open(base).unwrap(),
        seed,
    };
    let watch = Stopwatch::start();
    let items = build(&school.sandbox, seed, |_, _| count, || {}).unwrap();
    let build_s = watch.elapsed().as_secs_f64();
    let watch = Stopwatch::start();
    let marks = school.examine(&items, None, show);
    json!({ "task": "exam", "build_s": build_s, "exam_s": watch.elapsed().as_secs_f64(), "marks": marks })
}

struct School {
    sandbox: Sandbox,
    base: Base,
    seed: u64,
}

impl School {
    fn model(&self, adapter: Option<&Adapter>, recipe: &Recipe) -> Model {
        let lora = adapter.map(|_| recipe.adapter("nano").unwrap());
        let device = DeviceChoice::Cpu.open().unwrap();
        let model = Model::load(&self.base, lora.as_ref(), &device).unwrap();
        if let Some(adapter) = adapter {
            model.set_adapter(adapter).unwrap();
        }
        model
    }

    fn prompts(&self) -> Prompts {
        Prompts::of(&self.base, &self.base.config().unwrap()).unwrap()
    }

    fn answers(
        &self,
        asked: &[&Proposal],
        adapter: Option<&Adapter>,
    ) -> (Vec<String>, Vec<Verdict>) {
        let model = self.model(adapter, &Recipe::default());
        let questions: Vec<(&Schema, &str)> = asked
            .iter()
            .map(|it| (&*it.schema, it.draft.question.as_str()))
            .collect();
        let answers = answer(&model, &self.prompts(), &questions, || {}).unwrap();
        let tasks: Vec<(&Graded, &str)> = asked
            .iter()
            .zip(&answers)
            .map(|(it, answer)| (&it.admitted.task, answer.as_str()))
            .collect();
        let verdicts = examine(&self.sandbox, &tasks).unwrap();
        (answers, verdicts)
    }

    fn examine(&self, items: &[Item], adapter: Option<&Adapter>, show: Option<PathBuf>) -> Json {
        let asked: Vec<&Proposal> = items.iter().map(|it| &it.proposal).collect();
        let (answers, verdicts) = self.answers(&asked, adapter);
        let mut parts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
        let mut wrong: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        let mut text = String::new();
        for ((item, verdict), answer) in items.iter().zip(&verdicts).zip(&answers) {
            let held = if item.is_held_out {
                "held out"
            } else {
                "trained"
            };
            let key = format!("{} / {held}", item.part.name());
            let draft = &item.proposal.draft;
            let part = parts.entry(key.clone()).or_default();
            part[0] += 1;
            part[1] += usize::from(verdict.equivalent);
            part[2] += usize::from(verdict.executed);
            let intent = wrong
                .entry(format!(
                    "{} {}",
                    item.part.name(),
                    draft.intent.as_deref().unwrap_or_default()
                ))
                .or_default();
            intent[0] += 1;
            intent[1] += usize::from(verdict.equivalent);
            text += &format!(
                "--- {key} {} {} {:?}\n{}\n  is: {answer}\nwant: {}\n",
                draft.intent.as_deref().unwrap_or_default(),
                verdict.score,
                verdict.error_class,
                draft.question,
                draft.reference_sql,
            );
        }
        if let Some(path) = show {
            let mut file = File::create_new(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        wrong.retain(|_, [all, right]| all != right);
        let parts: BTreeMap<String, Json> = parts
            .into_iter()
            .map(|(key, [all, right, runs])| {
                let percent = |n: usize| (1000.0 * n as f64 / all as f64).round() / 10.0;
                (
                    key,
                    json!({ "items": all, "right": percent(right), "runs": percent(runs) }),
                )
            })
            .collect();
        json!({ "parts": parts, "wrong": wrong })
    }

    #[allow(clippy::too_many_arguments)]
    fn teach(
        &self,
        iterations: usize,
        challenges: usize,
        policy: Policy,
        recipe: &Recipe,
        decay: f64,
        count: usize,
        every: usize,
        show: Option<PathBuf>,
    ) -> Json {
        let items = build(&self.sandbox, 1000 + self.seed, |_, _| count, || {}).unwrap();
        eprintln!("before {}", self.examine(&items, None, None)["parts"]);
        let corpus = Corpus::new(77);
        let mut proposer =
            Proposer::new(&self.sandbox, Source::Generated, Split::Training, self.seed);
        let (mut focus, mut mistakes, mut adapter) = (Focus::default(), Vec::new(), None);
        let mut last = json!(null);
        let watch = Stopwatch::start();
        for iteration in 1..=iterations {
            let begun = Stopwatch::start();
            let proposals = proposer
                .propose(challenges, &|random| focus.wish(random), |_| {})
                .unwrap();
            let proposed_s = begun.elapsed().as_secs_f64();
            let asked: Vec<&Proposal> = proposals.iter().collect();
            let (_, verdicts) = self.answers(&asked, adapter.as_ref());
            let answered_s = begun.elapsed().as_secs_f64();
            let mut right = 0;
            for (proposal, verdict) in proposals.iter().zip(&verdicts) {
                let intent = intents()
                    .into_iter()
                    .find(|it| proposal.draft.intent.as_deref() == Some(it.name))
                    .unwrap();
                focus.observe(intent, !verdict.equivalent);
                match verdict.equivalent {
                    true => right += 1,
                    false => mistakes.push(Mistake {
                        iteration,
                        draft: proposal.draft.clone(),
                    }),
                }
            }
            let examples = practice(&mistakes, iteration, policy, &corpus, self.seed);
            let practised_s = begun.elapsed().as_secs_f64();
            let prompts = self.prompts();
            let encoded: Vec<TokenExample> = examples
                .iter()
                .filter_map(|it| it.encode(&prompts, 1024).unwrap())
                .collect();
            let turns: usize = encoded.iter().map(|it| it.learned.len()).sum();
            let device = DeviceChoice::Cpu.open().unwrap();
            let model = Model::load(&self.base, recipe.adapter("nano").as_ref(), &device).unwrap();
            let recipe = Recipe {
                seed: self.seed + iteration as u64,
                learning_rate: recipe.learning_rate * decay.powi(iteration as i32 - 1),
                ..recipe.clone()
            };
            let mut training = Training::new(model, recipe, encoded, adapter.as_ref()).unwrap();
            let (mut tokens, mut losses) = (0, Vec::new());
            while let Some(step) = training.step().unwrap() {
                tokens += step.tokens;
                losses.push(step.loss);
            }
            adapter = Some(training.adapter().unwrap());
            let third = (losses.len() / 3).max(1);
            let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
            eprintln!(
                "iteration {iteration}: {right}/{} right; {} mistakes, {} documents, {turns} turns, {tokens} tokens, loss {:.3} to {:.3}; \
                 proposed {proposed_s:.1} s, answered {:.1} s, siblings {:.1} s, trained {:.1} s",
                proposals.len(),
                mistakes.len(),
                examples.len(),
                mean(&losses[..third]),
                mean(&losses[losses.len() - third..]),
                answered_s - proposed_s,
                practised_s - answered_s,
                begun.elapsed().as_secs_f64() - practised_s,
            );
            if iteration % every == 0 || iteration == iterations {
                let path = show.clone().filter(|_| iteration == iterations);
                last = self.examine(&items, adapter.as_ref(), path);
                eprintln!("after {iteration}: {}", last["parts"]);
            }
        }
        json!({ "task": "loop", "seconds": watch.elapsed().as_secs_f64(), "last": last })
    }
}
