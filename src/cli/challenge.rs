//! `antiks challenge`: what the offline teacher would ask.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::error::CliError;
use super::sandbox::sandbox;
use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::database::import::import;
use crate::grading::admission::Split;
use crate::grading::{Requirement, Task, Trial};
use crate::query::catalogue::nearest;
use crate::teacher::draft::{Category, Difficulty};
use crate::teacher::offline::{Wish, intents};
use crate::teacher::proposer::{Proposal, Proposer, Source};

/// Show challenges of the offline teacher.
///
/// Each has a question, the database that it is asked over, and a reference that was
/// run, checked and told from its mutants on several instances. `--json` gives one
/// object a line; a file with one of them is what `antiks grade --challenge` reads.
#[derive(Args)]
pub struct ShowChallenges {
    /// How many
    #[arg(short, long, value_name = "COUNT", default_value_t = 5)]
    number: usize,
    /// Only this category, such as "Time-Series"; its first letters are enough
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only this difficulty: easy, medium or hard
    #[arg(long, value_name = "NAME")]
    difficulty: Option<String>,
    /// Only this intent, such as revenue_by_period
    #[arg(long, value_name = "NAME")]
    intent: Option<String>,
    /// Ask about this SQLite file, which is only read
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take the families that are kept for evaluation
    #[arg(long)]
    evaluation: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// A challenge as JSON: what `antiks challenge --json` prints and `antiks grade` reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeFile {
    /// Its category.
    #[serde(default)]
    pub category: String,
    /// Its difficulty.
    #[serde(default)]
    pub difficulty: String,
    /// The intent that it was made from.
    #[serde(default)]
    pub intent: String,
    /// The phrasing that its question was made from.
    #[serde(default)]
    pub phrasing: String,
    /// The business domain of its database.
    #[serde(default)]
    pub domain: String,
    /// The question.
    pub question: String,
    /// The schema as SQL.
    pub schema_sql: String,
    /// The query that answers it.
    pub reference_sql: String,
    /// Whether the order of rows matters.
    pub ordered: bool,
    /// What an answer must use.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// The day that counts as today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_date: Option<String>,
    /// Mutants of the reference that were tried, and how many its instances tell from it.
    #[serde(default)]
    pub mutants: usize,
    /// How many of them the instances tell from the reference.
    #[serde(default)]
    pub mutants_killed: usize,
    /// What it shares with challenges that differ in names and constants only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_hash: Option<ContentHash>,
    /// What training and evaluation never share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_hash: Option<ContentHash>,
    /// The instances that answers are graded on.
    pub instances: Vec<InstanceFile>,
}

/// An instance as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceFile {
    /// The seed that it was made from.
    pub seed: i64,
    /// The script that makes it.
    pub script: String,
}

impl ChallengeFile {
    fn of(proposal: &Proposal) -> Self {
        let (draft, admitted) = (&proposal.draft, &proposal.admitted);
        let trials = admitted.task.trials.iter();
        Self {
            category: draft.category.name().to_owned(),
            difficulty: draft.difficulty.name().to_owned(),
            intent: draft.intent.clone().unwrap_or_default(),
            phrasing: draft.phrasing.clone().unwrap_or_default(),
            domain: proposal.schema.domain.clone(),
            question: draft.question.clone(),
            schema_sql: proposal.schema.create_sql(),
            reference_sql: draft.reference_sql.clone(),
            ordered: draft.ordered,
            requirements: names(&draft.requirements),
            as_of_date: draft.as_of_date.clone(),
            mutants: admitted.mutants,
            mutants_killed: admitted.mutants_killed,
            signature_hash: Some(admitted.signature),
            family_hash: Some(admitted.family),
            instances: trials
                .map(|trial| InstanceFile {
                    seed: trial.seed,
                    script: trial.script.clone(),
                })
                .collect(),
        }
    }

    /// What answers are graded against.
    pub fn task(self) -> Result<Task, CliError> {
        let requirement = |name: &String| {
            Requirement::parse(name).ok_or_else(|| {
                let all = names(&Requirement::ALL).join(", ");
                CliError::Usage(format!("there is no requirement {name}; there are {all}"))
            })
        };
        Ok(Task {
            requirements: self
                .requirements
                .iter()
                .map(requirement)
                .collect::<Result<_, _>>()?,
            reference_sql: self.reference_sql,
            ordered: self.ordered,
            trials: self
                .instances
                .into_iter()
                .map(|instance| Trial {
                    seed: instance.seed,
                    script: instance.script,
                })
                .collect(),
        })
    }
}

fn names(requirements: &[Requirement]) -> Vec<String> {
    requirements.iter().map(|it| it.name().to_owned()).collect()
}

impl ShowChallenges {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let category = self.category.as_deref().map(find_category).transpose()?;
        let difficulty = self
            .difficulty
            .as_deref()
            .map(find_difficulty)
            .transpose()?;
        let (intent, category) = match &self.intent {
            Some(name) => {
                let found = find_intent(name)?;
                (Some(name.clone()), Some(found))
            }
            None => (None, category),
        };
        let wish = move |random: &mut Random| Wish {
            category: category
                .or_else(|| random.pick(&Category::ALL).copied())
                .unwrap_or(Category::Revenue),
            difficulty: difficulty
                .or_else(|| random.pick(&Difficulty::ALL).copied())
                .unwrap_or(Difficulty::Easy),
            intent: intent.clone(),
            phrasings: Vec::new(),
        };
        let source = self.source()?;
        let split = match self.evaluation {
            true => Split::Evaluation,
            false => Split::Training,
        };
        let sandbox = sandbox()?;
        let mut proposer = Proposer::new(&sandbox, source, split, self.seed);
        let bar = bar(self.number);
        let proposals = proposer.propose(self.number, &wish, |_| bar.inc(1));
        bar.finish_and_clear();
        let proposals = proposals.map_err(|error| CliError::failure(error.to_string()))?;
        let mut out = io::stdout().lock();
        for (place, proposal) in proposals.iter().enumerate() {
            match self.json {
                true => {
                    serde_json::to_writer(&mut out, &ChallengeFile::of(proposal))
                        .map_err(io::Error::from)?;
                    writeln!(out)?;
                }
                false => show(place + 1, proposal, &mut out)?,
            }
        }
        self.sum_up(&proposer, proposals.len())
    }

    fn source(&self) -> Result<Source, CliError> {
        let Some(path) = &self.db else {
            return Ok(Source::Generated);
        };
        let imported = import(path).map_err(|error| CliError::failure(error.to_string()))?;
        for note in &imported.notes {
            eprintln!("note: {note}");
        }
        Ok(Source::Own(Arc::new(imported.schema)))
    }

    /// Says on stderr what was refused, and fails if too little came.
    fn sum_up(&self, proposer: &Proposer<'_>, admitted: usize) -> Result<ExitCode, CliError> {
        let counts = proposer.counts();
        let refused: usize = counts.refused.values().sum();
        let mut reasons: Vec<(&str, usize)> = counts
            .refused
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect();
        reasons.sort_by_key(|(reason, count)| (usize::MAX - count, *reason));
        let reasons: Vec<String> = reasons
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let drafts = counts.drafts;
        if io::stderr().is_terminal() || refused > 0 {
            eprintln!(
                "{admitted} of {drafts} drafts admitted{}{}",
                if refused > 0 { "; refused: " } else { "" },
                reasons.join(", ")
            );
        }
        if admitted < self.number {
            return Err(CliError::with_hint(
                format!(
                    "only {admitted} of {} challenges could be made",
                    self.number
                ),
                "ask for fewer, or leave out --category, --difficulty and --intent: not every \
                 database has what every question needs",
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(number: usize, proposal: &Proposal, out: &mut impl Write) -> io::Result<()> {
    let (draft, admitted) = (&proposal.draft, &proposal.admitted);
    writeln!(
        out,
        "{number}. {} · {} · {} · {}",
        draft.category.name(),
        draft.difficulty.name(),
        proposal.schema.domain,
        draft.intent.as_deref().unwrap_or_default()
    )?;
    writeln!(out, "\n{}\n", draft.question)?;
    for line in proposal.schema.create_sql().lines() {
        let line = line.strip_prefix("CREATE TABLE ").unwrap_or(line);
        writeln!(out, "    {}", line.trim_end_matches(';'))?;
    }
    writeln!(out, "\n    {}\n", draft.reference_sql)?;
    let rows: Vec<String> = admitted
        .results
        .iter()
        .map(|it| it.rows.to_string())
        .collect();
    writeln!(
        out,
        "    {} of {} mutants told apart; rows on the instances: {}\n",
        admitted.mutants_killed,
        admitted.mutants,
        rows.join(", ")
    )
}

fn find_category(name: &str) -> Result<Category, CliError> {
    let lower = name.to_lowercase();
    let starts = |it: &&Category| it.name().to_lowercase().starts_with(&lower);
    let found: Vec<&Category> = Category::ALL.iter().filter(starts).collect();
    match found.as_slice() {
        [only] => Ok(**only),
        _ => {
            let all = Category::ALL.map(Category::name);
            Err(unknown("category", name, &all))
        }
    }
}

fn find_difficulty(name: &str) -> Result<Difficulty, CliError> {
    let all = Difficulty::ALL.map(Difficulty::name);
    Difficulty::parse(&name.to_lowercase()).ok_or_else(|| unknown("difficulty", name, &all))
}

fn find_intent(name: &str) -> Result<Category, CliError> {
    let all = intents();
    let names: Vec<&str> = all.iter().map(|intent| intent.name).collect();
    let found = all.iter().find(|intent| intent.name == name);
    found
        .map(|intent| intent.category)
        .ok_or_else(|| unknown("intent", name, &names))
}

fn unknown(what: &str, name: &str, all: &[&str]) -> CliError {
    let near = nearest(name, all.iter().copied());
    CliError::Usage(format!(
        "there is no {what} {name:?}{near}; there are {}",
        all.join(", ")
    ))
}

/// A bar on stderr, if that is a terminal.
fn bar(len: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("proving {bar:30} {pos} of {len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
