//! `antiks loop`: the main job.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::compute::{self, Compute};
use super::desk::{own_file, pupil};
use super::error::CliError;
use super::place::{Place, Settled, Waiting};
use super::sandbox::sandbox;
use super::teacher::{Asking, Cost, TeacherArguments};
use super::watch::Watch;
use crate::base::id::ContentHash;
use crate::base::world::Stopwatch;
use crate::event::evaluation::Evaluation;
use crate::lake::Writer;
use crate::nano::embedded;
use crate::query::Catalogue;
use crate::round::beginning::Beginning;
use crate::round::history::runs;
use crate::round::learn::{Material, Text};
use crate::round::pupil::{Manner, Pupil};
use crate::round::report::RoundError;
use crate::round::run::Run;
use crate::round::settings::Settings;
use crate::round::tutor::Chat;
use crate::train::data::{BadLines, Content, Examples};

/// Teach a student: ask, grade, train, measure, and again.
///
/// Without arguments the embedded student is taught by the offline teacher in ./lake, ten
/// times over. Everything that happens is an event in the lake. Stopped by Ctrl-C or by a
/// crash, the same command goes on as if nothing had happened.
#[derive(Args)]
pub struct RunLoop {
    /// How many iterations the run has in all
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    iterations: u32,
    /// Questions of an iteration [default: 120 for nano and the offline teacher, else 10]
    #[arg(long, value_name = "NUMBER")]
    challenges: Option<usize>,
    #[command(flatten)]
    teacher: TeacherArguments,
    /// Who learns: nano, a folder in Hugging Face layout, or an id in its cache such as
    /// mistralai/Mistral-7B-Instruct-v0.2
    #[arg(long, default_value = embedded::NAME, value_name = "STUDENT")]
    student: String,
    /// An SQLite file that questions are asked over; it is only read
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Examples to train on before the first iteration, as of `antiks train --data`
    #[arg(long, value_name = "FILE")]
    initial_train: Option<PathBuf>,
    /// Where chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The goal: the lower end of the suite's 95 % interval [default: 95]
    #[arg(long, value_name = "SCORE")]
    until_score: Option<f64>,
    /// Another setting, such as recipe.learning_rate=1e-4; --dry-run lists them
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// The run's name; the run of this name goes on if there is one
    #[arg(long, default_value = "main", value_name = "NAME")]
    run: String,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    waiting: Waiting,
    /// Print a JSON object for each phase and one at the end
    #[arg(long)]
    json: bool,
}

impl RunLoop {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        if self.run.trim().is_empty() || self.run.len() > 100 {
            let what = "--run must be a name of 1 to 100 characters".to_owned();
            return Err(CliError::Usage(what));
        }
        let device = self.compute.open()?;
        let pupil = pupil(&self.student, device)?;
        let own = self.db.as_deref().map(own_file).transpose()?;
        let of = (settled.root.as_path(), self.run.as_str());
        let chosen = self
            .teacher
            .choose(&settled.config.teacher, of, self.dry_run)?;
        let chat = chosen.as_ref().map(|it| it.chat.clone());
        let mut settings = self.settings(pupil.manner(), chat)?;
        settings.database = own.as_ref().map(|it| it.file_hash.to_string());
        let material = self.read_examples(&pupil, &settings)?;
        settings.initial_train = material.as_ref().map(|(_, hash)| hash.to_string());
        let sandbox = sandbox()?;
        let asking = Asking::of(chosen, &settings, &sandbox, own.as_ref(), self.iterations)?;
        if self.dry_run {
            return self.show_plan(&settings, &asking, &settled);
        }
        let catalogue = Catalogue::load(settled.config.queries.as_deref())?;
        let selection = catalogue.find("training_set")?.clone();
        let mut writer = Writer::open_or_create(&settled.root, &self.waiting.ground()?)?;
        compute::stop_on_interrupt()?;
        let mut watch = Watch::new(self.json, self.iterations);
        let clock = Stopwatch::start();
        let beginning = Beginning {
            name: self.run.clone(),
            seed: self.seed,
            teacher: asking.name.clone(),
            student: self.student.clone(),
            settings,
            means: asking.means.clone(),
            own,
            parent: None,
            sandbox: &sandbox,
            pupil: &pupil,
            selection,
        };
        let mut run = Run::begin(&mut writer, beginning, &mut watch)?;
        asking.tell(run.spent());
        let ended = self.teach(&mut run, material, &mut watch);
        watch.finish();
        let cost = Cost::of(run.spent());
        match ended {
            Ok(ended) => self.sum_up(&ended, clock.elapsed().as_secs_f64(), &cost, &settled),
            Err(error) => {
                if asking.means.is_some() {
                    eprintln!("so far this {}", cost.words());
                }
                if let RoundError::Stopped = error {
                    eprintln!("stopped; the same command goes on where it stands");
                    return Ok(ExitCode::FAILURE);
                }
                Err(error.into())
            }
        }
    }

    fn settings(&self, manner: Manner, chat: Option<Chat>) -> Result<Settings, CliError> {
        let mut settings = match manner {
            Manner::Outline if self.db.is_some() => Settings::nano_over_file(),
            Manner::Outline => Settings::nano(),
            Manner::Instruction => Settings::large(),
        };
        if chat.is_some() {
            // Each of them is paid for.
            settings.challenges = Settings::large().challenges;
        }
        settings.teacher = chat;
        if let Some(challenges) = self.challenges {
            settings.challenges = challenges;
        }
        if let Some(score) = self.until_score {
            settings.until_score = score;
        }
        settings = settings.with_all(&self.set).map_err(CliError::Usage)?;
        settings.check().map_err(CliError::Usage)?;
        Ok(settings)
    }

    /// The examples of --initial-train, and the hash of the file.
    fn read_examples(
        &self,
        pupil: &Pupil,
        settings: &Settings,
    ) -> Result<Option<(Material, ContentHash)>, CliError> {
        let Some(path) = &self.initial_train else {
            return Ok(None);
        };
        let bytes = std::fs::read(path)
            .map_err(|error| CliError::Usage(format!("reading {}: {error}", path.display())))?;
        let read = Examples::read(path, BadLines::Refuse)?;
        let longest = settings
            .recipe
            .max_tokens
            .min(pupil.config().max_positions());
        let mut chats = Vec::with_capacity(read.examples.len());
        for example in read.examples {
            let Content::Chat(messages) = example.content else {
                return Err(CliError::Usage(format!(
                    "{}: --initial-train wants chats, not prompts and completions",
                    path.display()
                )));
            };
            let grade = None;
            chats.push(Text { messages, grade });
        }
        let mut material = Material::default();
        // As many at a time as a lesson has, so that steps are as large.
        for some in chats.chunks(settings.practice.turns()) {
            material.add(some, pupil, settings.recipe.max_tokens)?;
        }
        if material.too_long > 0 {
            let count = material.too_long;
            eprintln!("note: {count} examples have more than {longest} tokens and are left out");
        }
        Ok(Some((material, ContentHash::of(&bytes))))
    }

    fn show_plan(
        &self,
        settings: &Settings,
        asking: &Asking,
        settled: &Settled,
    ) -> Result<ExitCode, CliError> {
        let is_there = match settled.open_if_any()? {
            Some(lake) => runs(&lake)?.iter().any(|(_, it)| it.name == self.run),
            None => false,
        };
        let mut out = io::stdout().lock();
        if self.json {
            let words = settings.to_words();
            let all: serde_json::Map<String, serde_json::Value> = words
                .into_iter()
                .map(|it| (it.name, json!(it.value)))
                .collect();
            let cost = asking.estimate.as_ref().map(|it| {
                let usd = |amount: Option<u64>| amount.map(|it| it as f64 / 1e6);
                json!({
                    "low": usd(it.low_microusd), "expected": usd(it.expected_microusd),
                    "worst": usd(it.worst_microusd),
                })
            });
            let line = json!({
                "run": self.run, "is_there": is_there, "teacher": asking.name, "settings": all,
                "cost_usd": cost,
            });
            writeln!(out, "{line}")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(
            out,
            "run {} in {}: {} iterations of {} questions by {}, {} learns; seed {}",
            self.run,
            settled.root.display(),
            self.iterations,
            settings.challenges,
            asking.name,
            self.student,
            self.seed
        )?;
        for word in settings.to_words() {
            writeln!(out, "  {:<26} {}", word.name, word.value)?;
        }
        if let Some(estimate) = &asking.estimate {
            writeln!(out, "Cost of the teacher in the whole run: {estimate}.")?;
        }
        if is_there {
            writeln!(
                out,
                "A run of this name is there already: with the same settings it goes on, with \
                 others it is refused. --run NAME begins another."
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn teach(
        &self,
        run: &mut Run<'_>,
        material: Option<(Material, ContentHash)>,
        watch: &mut Watch,
    ) -> Result<Ended, RoundError> {
        let first = run.measure_base(watch)?;
        let mut ended = Ended {
            last: first.clone(),
            first,
            iterations: 0,
            converged: false,
            adapter: None,
            goal: run.goal(),
        };
        if let Some((material, hash)) = material
            && let Some(evaluation) = run.initial(&material, hash, watch)?
        {
            ended.last = evaluation;
        }
        for number in 1..=self.iterations {
            let outcome = run.iteration(number, watch)?;
            ended.iterations = number;
            if outcome.promoted {
                ended.last = outcome.evaluation;
            }
            if outcome.converged {
                ended.converged = true;
                break;
            }
        }
        ended.adapter = run.in_place().map(|id| id.to_string());
        Ok(ended)
    }

    fn sum_up(
        &self,
        ended: &Ended,
        seconds: f64,
        cost: &Cost,
        settled: &Settled,
    ) -> Result<ExitCode, CliError> {
        let mut out = io::stdout().lock();
        if self.json {
            let line = json!({
                "done": true, "iterations": ended.iterations, "converged": ended.converged,
                "eval_first": ended.first.score, "eval_last": ended.last.score,
                "adapter": ended.adapter, "cost_usd": cost.run_usd(),
                "cost_usd_now": cost.now_usd(),
            });
            writeln!(out, "{line}")?;
            return Ok(ExitCode::SUCCESS);
        }
        table(&ended.first, &ended.last, &mut out)?;
        writeln!(out)?;
        let reached = match ended.converged {
            true => "reached its goal",
            false => "has not reached its goal yet",
        };
        writeln!(
            out,
            "After {} iterations the student {reached} (lower end {:.1}, goal {:.0}). This took \
             {:.0} min {:.0} s and {}.",
            ended.iterations,
            ended.last.score_low,
            ended.goal,
            (seconds / 60.0).floor(),
            seconds % 60.0,
            cost.words()
        )?;
        let lake = match settled.root == Path::new("lake") {
            true => String::new(),
            false => format!(" --lake {}", settled.root.display()),
        };
        if let Some(adapter) = &ended.adapter {
            writeln!(
                out,
                "Its adapter is checkpoint {}. What to do next:",
                &adapter[..12]
            )?;
            writeln!(
                out,
                "  antiks ask \"…\" --db FILE{lake}    put a question to it\n  \
                   antiks why {}{lake}      where its weights came from\n  \
                   antiks query learning_curve{lake}\n  \
                   antiks replay --iteration {}{lake}",
                &adapter[..12],
                ended.iterations.max(1)
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a run came to.
struct Ended {
    first: Evaluation,
    last: Evaluation,
    iterations: u32,
    converged: bool,
    adapter: Option<String>,
    goal: f64,
}

/// Before, after and change by category and part.
pub fn table(first: &Evaluation, last: &Evaluation, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<32} {:>6} {:>7} {:>7} {:>8}   95 % of after",
        "right, in percent", "items", "before", "after", "change"
    )?;
    for kind in ["category", "part and phrasing"] {
        for group in last.groups.iter().filter(|it| it.group == kind) {
            let mut before = first.groups.iter();
            let before = before.find(|it| it.group == kind && it.name == group.name);
            let old = before.map_or(0.0, |it| 100.0 * it.equivalent.value);
            row(out, &group.name, group.items, old, &group.equivalent)?;
        }
        writeln!(out)?;
    }
    let old = 100.0 * first.equivalent.value;
    row(out, "all", last.items, old, &last.equivalent)?;
    let old = 100.0 * first.syntax_pass.value;
    row(out, "runs", last.items, old, &last.syntax_pass)?;
    for (name, before, after) in [
        (
            "CLEAN_NUMERIC where needed",
            &first.best_practices,
            &last.best_practices,
        ),
        ("CTEs and windows", &first.complex, &last.complex),
    ] {
        if let (Some(before), Some(after)) = (before, after) {
            row(out, name, last.items, 100.0 * before.value, after)?;
        }
    }
    writeln!(
        out,
        "{:<32} {:>6} {:>7.1} {:>7.1} {:>+8.1}   {:.1} to {:.1}",
        "score",
        last.items,
        first.score,
        last.score,
        last.score - first.score,
        last.score_low,
        last.score_high
    )
}

fn row(
    out: &mut impl Write,
    name: &str,
    items: i64,
    before: f64,
    after: &crate::event::evaluation::Share,
) -> io::Result<()> {
    writeln!(
        out,
        "{name:<32} {items:>6} {before:>7.1} {:>7.1} {:>+8.1}   {:.1} to {:.1}",
        100.0 * after.value,
        100.0 * after.value - before,
        100.0 * after.low,
        100.0 * after.high
    )
}
