//! The stages of a round as functions of what came before.
//!
//! **Invariant.** A stage reads the lake at most, and writes nothing: the loop commits what
//! it gives, replay compares it with what was committed.

mod answers;
mod questions;
mod training;

use std::sync::Arc;

use rayon::prelude::*;

use super::asked::{Asked, Occasion, OwnFile, proposal_of, schema_of};
use super::history::{Entry, History};
use super::measure::{Measured, Suite, SuiteItem, evaluation, suite_hash};
use super::pupil::Pupil;
use super::report::{RoundError, Show};
use super::settings::Settings;
use super::suite::{Item, build};
use crate::base::id::{ContentHash, Id};
use crate::base::seed::Random;
use crate::event::challenge::Challenge;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::words::{Purpose, Start};
use crate::sandbox::Sandbox;
use crate::student::adapter::Adapter;
use crate::teacher::proposer::Proposal;

/// Who asks the questions of suites, whoever asks those of a loop.
const GRAMMAR: &str = "offline";

/// What every stage of a run stands on.
pub struct Stages<'a> {
    /// Where SQL runs.
    pub sandbox: &'a Sandbox,
    /// The student.
    pub pupil: &'a Pupil,
    /// The run's settings.
    pub settings: Settings,
    /// The run's seed.
    pub seed: u64,
    /// The run.
    pub run_id: Id<RunStarted>,
    /// Who asks.
    pub teacher: String,
    /// The user's file, if questions are over it.
    pub own: Option<OwnFile>,
}

/// A checkpoint that answers, with its adapter; none for the base.
pub type Answering<'a> = Option<(Id<Checkpoint>, &'a Adapter)>;

/// The frozen suite of a run's seed, before the run has an id.
///
/// # Errors
/// The sandbox can't run.
pub fn suite_items(
    sandbox: &Sandbox,
    seed: u64,
    name: &str,
    items: usize,
    own: Option<&OwnFile>,
    show: &mut dyn Show,
) -> Result<(Vec<Item>, ContentHash), RoundError> {
    let seed = Random::new(seed, &["suite", name]).seed();
    let own = own.map(|it| Arc::clone(&it.schema));
    let items = build(sandbox, seed, own, |_, _| items, || show.advance(""))?;
    let hash = suite_hash(&items);
    Ok((items, hash))
}

/// The frozen suite as a run recorded it when it began: its questions, references and instances
/// are made again, the proofs that they tell right from wrong are not. `None` if this version
/// makes another one.
pub fn recorded_suite(
    started: &RunStarted,
    history: &History,
    items: usize,
    own: Option<&OwnFile>,
) -> Option<(Vec<Item>, ContentHash)> {
    let all = history.asked(0, Purpose::Eval);
    let proposals = recorded_proposals(all.get(..6 * items)?, history, own)?;
    let items = proposals.into_iter().map(Item::of);
    let items: Vec<Item> = items.collect::<Option<_>>()?;
    let hash = suite_hash(&items);
    (Some(hash) == started.suite_hash).then_some((items, hash))
}

/// What recorded challenges of the grammar's were made from, as [`proposal_of`] makes it.
fn recorded_proposals(
    challenges: &[&Entry<Challenge>],
    history: &History,
    own: Option<&OwnFile>,
) -> Option<Vec<Proposal>> {
    let again = challenges.par_iter().map(|(_, _, challenge)| {
        let database = history.databases.get(&challenge.database_id)?;
        let schema = match (database.seed, own) {
            (None, Some(own)) => Arc::clone(&own.schema),
            _ => Arc::new(schema_of(database, |_| None)?),
        };
        proposal_of(challenge, database, schema)
    });
    again.collect()
}

impl Stages<'_> {
    /// A suite's items as questions of this run.
    pub fn suite(&self, name: &'static str, items: Vec<Item>) -> Suite {
        let about = items.iter().map(SuiteItem::from).collect();
        let proposals = items.into_iter().map(|it| it.proposal).collect();
        let occasion = self.occasion(0, Purpose::Eval);
        Suite {
            name,
            items: about,
            asked: Asked::all(proposals, occasion, 0),
        }
    }

    /// Who is taught in an iteration: it answers, and is trained further. If trainings start
    /// from the parent it is what was trained last, also where that did not take the place:
    /// what it lost it gets back, as its own mistakes are asked for and practised; to begin
    /// again from the one in place would lose what it has learned. Otherwise it is the one in
    /// place.
    pub fn learner<'h>(&self, history: &'h History, number: u32) -> Option<&'h Entry<Checkpoint>> {
        let before = number.checked_sub(1)?;
        match self.settings.start {
            Start::Parent => history.newest(before),
            Start::Base => history.in_place(before),
        }
    }

    fn occasion(&self, iteration: u32, purpose: Purpose) -> Occasion<'_> {
        Occasion {
            run_id: self.run_id,
            iteration,
            purpose,
            teacher: match purpose {
                Purpose::Eval => GRAMMAR,
                _ => &self.teacher,
            },
            own: self.own.as_ref(),
        }
    }

    /// The figures of a checkpoint's grades on a suite.
    pub fn evaluate(
        &self,
        suite: &Suite,
        suite_hash: ContentHash,
        grades: &[Grade],
        iteration: u32,
        checkpoint_id: Option<Id<Checkpoint>>,
        opened_before: Option<i64>,
    ) -> Evaluation {
        let mut scratch = Vec::new();
        let grades: Vec<(Id<Grade>, &Grade)> = grades
            .iter()
            .map(|it| (event_id(iteration, it, &mut scratch), it))
            .collect();
        let measured = Measured {
            run_id: self.run_id,
            checkpoint_id,
            base_hash: self.pupil.base().id(),
            opened_before,
        };
        evaluation(suite, suite_hash, &grades, measured)
    }
}
