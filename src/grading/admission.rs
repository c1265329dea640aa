//! Which challenges may be asked: those whose reference can be trusted to tell right
//! from wrong.
//!
//! The reference must run, give rows, give the same rows when the tables' rows lie in
//! another order, and differ from its mutants on the chosen instances. It must not be a
//! repetition, nor of a family of the other side of the split.
//!
//! **Invariant.** The same candidate is proven with the same instances or refused for the
//! same reason, whoever proposed it and whenever; only [`Past`] knows what came before.

use std::collections::BTreeSet;

use sqlparser::ast::Query;

use super::compare::compare;
use super::constants::plants;
use super::duplicates::Asked;
use super::grader::{expected, rows_of, width_of};
use super::instances::{INSTANCES, MAX_TRIED, WITHOUT_ROWS, instance_at, instance_seed, trial};
use super::mistake::of_ending;
use super::mutants::{Mutant, mutants};
use super::refusal::{Reason, Refusal};
use super::rows::{Row, result_hash};
use super::signature::{family, is_for_evaluation, signature};
use super::sql::{Style, parse};
use super::task::{Reference, Requirement, Task, TaskError, Trial, Truth, run};
use crate::base::id::ContentHash;
use crate::database::instance::Plant;
use crate::database::schema::Schema;
use crate::database::shape::shape_hash;
use crate::sandbox::{Outcome, Sandbox, SandboxError, Value};

/// The instances on which a reference must say something.
const TELLING: usize = 3;
/// The share of mutants that must be told from the reference, in percent.
pub const KILLED_PERCENT: usize = 95;
/// The rows that a reference may give.
const MAX_ROWS: usize = 1_000;
/// The steps that a reference may take, and a mutant: one that takes more is told apart.
const MAX_STEPS: i64 = 300_000;

/// What is proposed.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The database that it is asked over.
    pub schema: &'a Schema,
    /// Which side of the split it is for.
    pub split: Split,
    /// The query that answers it.
    pub reference_sql: &'a str,
    /// Whether the order of rows matters.
    pub ordered: bool,
    /// What an answer must use.
    pub requirements: &'a [Requirement],
    /// The template that it was made from; the reference itself if there is none.
    pub template: &'a str,
    /// What its instances are made from.
    pub seed: u64,
}

/// A challenge that may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// What answers are graded against.
    pub task: Task,
    /// The reference's result on each instance.
    pub results: Vec<TrialResult>,
    /// How many mutants were tried.
    pub mutants: usize,
    /// How many the instances tell from the reference.
    pub mutants_killed: usize,
    /// What it has in common with challenges of other names and constants.
    pub signature: ContentHash,
    /// What training and evaluation never share.
    pub family: ContentHash,
}

/// The reference's result on one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// The rows that it gives.
    pub rows: usize,
    /// Their hash.
    pub result_hash: ContentHash,
    /// The steps that it took.
    pub steps: i64,
    /// The mutants that this instance tells from it.
    pub mutants_killed: usize,
}

fn refusal(reason: Reason, detail: impl Into<String>) -> Refusal {
    Refusal {
        reason,
        detail: detail.into(),
    }
}

fn refuse<T>(reason: Reason, detail: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Challenge(refusal(reason, detail)))
}

enum Refused {
    Challenge(Refusal),
    Sandbox(SandboxError),
}

impl From<SandboxError> for Refused {
    fn from(error: SandboxError) -> Self {
        Self::Sandbox(error)
    }
}

/// Which side of the split between training and evaluation a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// It may be trained on.
    Training,
    /// It may be evaluated on.
    Evaluation,
}

/// What was asked so far.
#[derive(Default)]
pub struct Past {
    asked: Asked,
}

impl Past {
    /// Remembers what was asked elsewhere.
    pub fn remember(&mut self, signature: ContentHash, question: &str) {
        self.asked.add(signature, question);
    }

    /// Remembers a proven challenge, unless it repeats one.
    pub fn admit(&mut self, question: &str, proven: Admitted) -> Result<Admitted, Refusal> {
        if self.asked.has_signature(proven.signature) {
            let detail = "the same was asked of other names or constants";
            return Err(refusal(Reason::SameSignature, detail));
        }
        if self.asked.has_question(question) {
            return Err(refusal(
                Reason::SameQuestion,
                "nearly the same question was asked",
            ));
        }
        self.asked.add(proven.signature, question);
        Ok(proven)
    }
}

/// Proves that a candidate tells right from wrong, whatever was asked before; or says why
/// it does not.
pub fn prove(
    sandbox: &Sandbox,
    candidate: &Candidate<'_>,
) -> Result<Result<Admitted, Refusal>, SandboxError> {
    match try_prove(sandbox, candidate) {
        Ok(proven) => Ok(Ok(proven)),
        Err(Refused::Challenge(refusal)) => Ok(Err(refusal)),
        Err(Refused::Sandbox(error)) => Err(error),
    }
}

fn try_prove(sandbox: &Sandbox, candidate: &Candidate<'_>) -> Result<Admitted, Refused> {
    let Some(query) = parse(candidate.reference_sql) else {
        return refuse(Reason::Unparsed, "the reference can't be taken apart");
    };
    let shape = shape_hash(candidate.schema);
    let family = family(candidate.template, shape);
    match (candidate.split, is_for_evaluation(family)) {
        (Split::Training, true) => {
            return refuse(
                Reason::EvaluationFamily,
                "its family is kept for evaluation",
            );
        }
        (Split::Evaluation, false) => {
            return refuse(Reason::TrainingFamily, "its family is one of training");
        }
        _ => {}
    }
    let mut proof = Proof::new(sandbox, candidate, Some(&query));
    proof.try_instances(INSTANCES)?;
    proof.check_rows()?;
    proof.check_order()?;
    proof.kill_mutants()?;
    let proven = Admitted {
        task: proof.task(),
        results: proof
            .chosen()
            .map(|tried| tried.result(candidate.ordered))
            .collect(),
        mutants: proof.mutants.len(),
        mutants_killed: proof.killed(),
        signature: signature(candidate.schema, shape, &query),
        family,
    };
    check_requirements(sandbox, &proven.task)?;
    Ok(proven)
}

/// The task that a candidate makes whether or not it may be asked, with all that speaks
/// against it: for a reference that a user gives.
pub fn task_of(
    sandbox: &Sandbox,
    candidate: &Candidate<'_>,
) -> Result<(Task, Vec<Refusal>), TaskError> {
    let query = parse(candidate.reference_sql);
    let mut proof = Proof::new(sandbox, candidate, query.as_ref());
    let mut complaints = Vec::new();
    let mut note = |step: Result<(), Refused>| match step {
        Ok(()) => Ok(()),
        Err(Refused::Sandbox(error)) => Err(TaskError::Sandbox(error)),
        Err(Refused::Challenge(refusal)) if refusal.reason == Reason::Fails => {
            Err(TaskError::Reference(refusal.detail))
        }
        Err(Refused::Challenge(refusal)) => {
            complaints.push(refusal);
            Ok(())
        }
    };
    note(proof.try_instances(INSTANCES))?;
    note(proof.check_rows())?;
    note(proof.check_order())?;
    note(proof.kill_mutants())?;
    Ok((proof.task(), complaints))
}

/// An instance, and what was seen on it.
struct Tried {
    trial: Trial,
    shuffled: String,
    truth: Truth,
    /// Which mutants give something else here.
    kills: Vec<bool>,
}

impl Tried {
    fn result(&self, ordered: bool) -> TrialResult {
        TrialResult {
            rows: self.truth.rows.len(),
            result_hash: result_hash(&self.truth.rows, ordered),
            steps: self.truth.steps,
            mutants_killed: self.kills.iter().filter(|killed| **killed).count(),
        }
    }
}

struct Proof<'a> {
    sandbox: &'a Sandbox,
    candidate: &'a Candidate<'a>,
    reference: Reference,
    plants: Vec<Plant>,
    mutants: Vec<Mutant>,
    tried: Vec<Tried>,
}

impl<'a> Proof<'a> {
    fn new(sandbox: &'a Sandbox, candidate: &'a Candidate<'a>, query: Option<&Query>) -> Self {
        Self {
            sandbox,
            candidate,
            reference: Reference::new(candidate.reference_sql, candidate.ordered),
            plants: query.map_or_else(Vec::new, |it| plants(candidate.schema, &Style::of(it))),
            mutants: query.map_or_else(Vec::new, mutants),
            tried: Vec::new(),
        }
    }

    /// What answers are graded against: the chosen instances.
    fn task(&self) -> Task {
        Task {
            reference_sql: self.candidate.reference_sql.to_owned(),
            ordered: self.candidate.ordered,
            requirements: self.candidate.requirements.to_vec(),
            trials: self.chosen().map(|tried| tried.trial.clone()).collect(),
        }
    }

    fn chosen(&self) -> impl Iterator<Item = &Tried> {
        self.choose().into_iter().map(|place| &self.tried[place])
    }

    /// Tries more instances until enough mutants are told from the reference.
    fn kill_mutants(&mut self) -> Result<(), Refused> {
        let all = self.mutants.len();
        if all == 0 {
            return refuse(Reason::NoMutants, "there is nothing in it to get wrong");
        }
        while self.killed() * 100 < KILLED_PERCENT * all && self.tried.len() < MAX_TRIED {
            self.try_instances(self.tried.len() + 2)?;
        }
        let killed = self.killed();
        if killed * 100 >= KILLED_PERCENT * all {
            return Ok(());
        }
        let survivor = self.survivors().next();
        let survivor = survivor.map_or("", |mutant| mutant.sql.as_str());
        let detail = format!("{killed} of {all} mutants are told apart; not this one: {survivor}");
        refuse(Reason::MutantsSurvive, detail)
    }

    /// Makes instances until there are `count`, and runs reference and mutants on them.
    fn try_instances(&mut self, count: usize) -> Result<(), Refused> {
        let mut fresh = Vec::new();
        for place in self.tried.len()..count {
            let seed = instance_seed(self.candidate.seed, place);
            let made = instance_at(self.candidate.schema, seed, place, &self.plants);
            fresh.push((trial(&made, seed), made.shuffled()));
        }
        let scripts = fresh
            .iter()
            .map(|(trial, _)| trial.script.clone())
            .collect();
        // Those that are told apart already need no further instance.
        let open: Vec<usize> = (0..self.mutants.len())
            .filter(|place| !self.is_killed(*place))
            .collect();
        let others: Vec<String> = open
            .iter()
            .map(|place| self.mutants[*place].sql.clone())
            .collect();
        let outcomes = run(self.sandbox, &self.reference, scripts, &others, MAX_STEPS)?;
        for ((trial, shuffled), outcomes) in fresh.into_iter().zip(&outcomes) {
            let (columns, truth, rest) = match self.reference.read(outcomes) {
                Ok(read) => read,
                Err(fault) => return refuse(fault.reason(), fault.message()),
            };
            if truth.rows.len() > MAX_ROWS {
                return refuse(Reason::TooMuch, format!("{} rows", truth.rows.len()));
            }
            let mut kills = vec![false; self.mutants.len()];
            for (place, outcome) in open.iter().zip(rest) {
                kills[*place] = is_other(&truth, columns.len(), outcome);
            }
            self.tried.push(Tried {
                trial,
                shuffled,
                truth,
                kills,
            });
        }
        Ok(())
    }

    fn is_killed(&self, mutant: usize) -> bool {
        self.tried.iter().any(|tried| tried.kills[mutant])
    }

    fn killed(&self) -> usize {
        (0..self.mutants.len())
            .filter(|place| self.is_killed(*place))
            .count()
    }

    fn survivors(&self) -> impl Iterator<Item = &Mutant> {
        let open = |(place, _): &(usize, &Mutant)| !self.is_killed(*place);
        self.mutants
            .iter()
            .enumerate()
            .filter(open)
            .map(|(_, mutant)| mutant)
    }

    /// The reference must say something on some instances; more are tried until it does.
    fn check_rows(&mut self) -> Result<(), Refused> {
        while self.telling().count() < TELLING && self.tried.len() < MAX_TRIED {
            self.try_instances(self.tried.len() + 2)?;
        }
        let rows = |tried: &Tried| result_hash(&tried.truth.rows, self.candidate.ordered);
        let first = self.tried.first().map(rows);
        if self.tried.iter().all(|tried| Some(rows(tried)) == first) {
            return refuse(
                Reason::Empty,
                "the result is the same whatever the tables hold",
            );
        }
        match self.telling().count() {
            TELLING.. => Ok(()),
            few => refuse(
                Reason::Empty,
                format!("only {few} of {} results say something", self.tried.len()),
            ),
        }
    }

    /// The instances on which the reference gives something else than NULL; of those
    /// without rows there is none.
    fn telling(&self) -> impl Iterator<Item = usize> {
        let tells = |(place, tried): &(usize, &Tried)| {
            let mut values = tried.truth.rows.iter().flatten();
            *place != WITHOUT_ROWS && values.any(|value| *value != Value::Null)
        };
        let tried = self.tried.iter().enumerate();
        tried.filter(tells).map(|(place, _)| place)
    }

    /// The reference must give the same on tables whose rows lie in another order.
    fn check_order(&self) -> Result<(), Refused> {
        let scripts = self
            .tried
            .iter()
            .map(|tried| tried.shuffled.clone())
            .collect();
        let outcomes = run(self.sandbox, &self.reference, scripts, &[], MAX_STEPS)?;
        for (tried, outcomes) in self.tried.iter().zip(&outcomes) {
            let (columns, truth, _) = match self.reference.read(outcomes) {
                Ok(read) => read,
                Err(fault) => return refuse(fault.reason(), fault.message()),
            };
            let found = [truth.rows.as_slice()];
            let comparison = compare(
                &[expected(&tried.truth)],
                columns.len(),
                &found,
                columns.len(),
            );
            if !comparison.is_equivalent() {
                let seed = tried.trial.seed;
                return refuse(
                    Reason::OrderDependent,
                    format!("on the instance of seed {seed}"),
                );
            }
        }
        Ok(())
    }

    /// The instances to keep: the first ones, of all sorts, and as few others as tell the
    /// mutants apart that those do not.
    fn choose(&self) -> Vec<usize> {
        let mut chosen: BTreeSet<usize> = (0..self.tried.len().min(INSTANCES)).collect();
        let kills = |place: usize, mutant: &usize| self.tried[place].kills[*mutant];
        let mut open: BTreeSet<usize> = (0..self.mutants.len())
            .filter(|mutant| self.is_killed(*mutant))
            .filter(|mutant| !chosen.iter().any(|place| kills(*place, mutant)))
            .collect();
        while !open.is_empty() {
            let gain = |place: &usize| open.iter().filter(|mutant| kills(*place, mutant)).count();
            let best = (0..self.tried.len()).max_by_key(|place| (gain(place), usize::MAX - place));
            let Some(best) = best else { break };
            open.retain(|mutant| !kills(best, mutant));
            chosen.insert(best);
        }
        for place in self.telling() {
            let telling = self
                .telling()
                .filter(|place| chosen.contains(place))
                .count();
            if telling < TELLING {
                chosen.insert(place);
            }
        }
        chosen.into_iter().collect()
    }
}

/// Whether a mutant's outcome differs from the reference's result.
fn is_other(truth: &Truth, width: usize, outcome: &Outcome) -> bool {
    if of_ending(&outcome.ending).is_some() {
        return true;
    }
    let found: [&[Row]; 1] = [rows_of(outcome)];
    !compare(&[expected(truth)], width, &found, width_of(outcome)).is_equivalent()
}

/// The reference itself must need what is required of answers.
fn check_requirements(sandbox: &Sandbox, task: &Task) -> Result<(), Refused> {
    let verdict = match super::grade(sandbox, task, Some(&task.reference_sql)) {
        Ok(verdict) => verdict,
        Err(TaskError::Sandbox(error)) => return Err(error.into()),
        Err(TaskError::Reference(message)) => return refuse(Reason::Fails, message),
    };
    let unmet = verdict.practices.iter().find(|practice| {
        let name = practice.name.as_str();
        Requirement::parse(name).is_some() && practice.points < practice.points_max
    });
    match unmet {
        Some(practice) => refuse(Reason::NeedlessRequirement, practice.name.clone()),
        None => Ok(()),
    }
}
