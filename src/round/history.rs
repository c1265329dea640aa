//! What the lake holds of a run, read once.
//!
//! **Invariant.** Events stand in the order in which they were recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::id::{BlobHash, Id};
use crate::database::schema::Schema;
use crate::event::answer::Answer;
use crate::event::challenge::Challenge;
use crate::event::checkpoint::Checkpoint;
use crate::event::database::Database;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::promotion::Promotion;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::teacher_call::TeacherCall;
use crate::event::training_started::TrainingStarted;
use crate::event::training_step::TrainingStep;
use crate::event::words::Purpose;
use crate::event::{Event, Kind};
use crate::lake::{Lake, LakeError};

use super::asked::schema_of;
use super::calls::{CallIds, rank};
use super::measure::FROZEN;
use super::planted::SENTINELS;

/// An event of a run: its iteration, its id, and what it says.
pub type Entry<K> = (u32, Id<K>, K);

/// The events of one run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The databases.
    pub databases: HashMap<Id<Database>, Database>,
    /// The calls of a chat teacher.
    pub calls: Vec<Entry<TeacherCall>>,
    /// The questions.
    pub challenges: Vec<Entry<Challenge>>,
    /// The answers.
    pub answers: Vec<Entry<Answer>>,
    /// The grades.
    pub grades: Vec<Entry<Grade>>,
    /// The training sets.
    pub snapshots: Vec<Entry<Snapshot>>,
    /// The trainings.
    pub trainings: Vec<Entry<TrainingStarted>>,
    /// Their steps.
    pub steps: Vec<Entry<TrainingStep>>,
    /// The checkpoints.
    pub checkpoints: Vec<Entry<Checkpoint>>,
    /// The evaluations.
    pub evaluations: Vec<Entry<Evaluation>>,
    /// The promotions.
    pub promotions: Vec<Entry<Promotion>>,
    /// The classes of machine that its checkpoints were made on.
    pub hosts: BTreeSet<String>,
}

/// All runs of a lake, in their order.
///
/// # Errors
/// What the lake says.
pub fn runs(lake: &Lake) -> Result<Vec<(Id<RunStarted>, RunStarted)>, LakeError> {
    let mut runs = Vec::new();
    lake.read_events::<RunStarted>(|_, id, event| runs.push((id, event.body)))?;
    Ok(runs)
}

impl History {
    /// Reads the events of a run.
    ///
    /// # Errors
    /// What the lake says.
    pub fn read(lake: &Lake, run: Id<RunStarted>) -> Result<Self, LakeError> {
        let mut databases = HashMap::new();
        lake.read_events::<Database>(|_, id, event| {
            if event.body.run_id == Some(run) {
                databases.insert(id, event.body);
            }
        })?;
        let mut hosts = BTreeSet::new();
        lake.read_events::<Checkpoint>(|_, _, event| {
            if event.body.run_id == run {
                hosts.insert(event.observed.host);
            }
        })?;
        Ok(Self {
            databases,
            hosts,
            calls: of(lake, |it: &TeacherCall| it.run_id == Some(run))?,
            challenges: of(lake, |it: &Challenge| it.run_id == Some(run))?,
            answers: of(lake, |it: &Answer| it.run_id == Some(run))?,
            grades: of(lake, |it: &Grade| it.run_id == Some(run))?,
            snapshots: of(lake, |it: &Snapshot| it.run_id == Some(run))?,
            trainings: of(lake, |it: &TrainingStarted| it.run_id == run)?,
            steps: of(lake, |it: &TrainingStep| it.run_id == run)?,
            checkpoints: of(lake, |it: &Checkpoint| it.run_id == run)?,
            evaluations: of(lake, |it: &Evaluation| it.run_id == Some(run))?,
            promotions: of(lake, |it: &Promotion| it.run_id == run)?,
        })
    }

    /// Reads of a run only which checkpoints there are and which took the place: what
    /// [`History::in_place`] needs.
    ///
    /// # Errors
    /// What the lake says.
    pub fn read_places(lake: &Lake, run: Id<RunStarted>) -> Result<Self, LakeError> {
        Ok(Self {
            checkpoints: of(lake, |it: &Checkpoint| it.run_id == run)?,
            promotions: of(lake, |it: &Promotion| it.run_id == run)?,
            ..Self::default()
        })
    }

    /// The questions of an iteration, in their order.
    pub fn asked(&self, iteration: u32, purpose: Purpose) -> Vec<&Entry<Challenge>> {
        let all = self.challenges.iter();
        all.filter(|(at, _, it)| *at == iteration && it.purpose == purpose)
            .collect()
    }

    /// The answers of an iteration, in their order.
    pub fn answered(&self, iteration: u32, purpose: Purpose) -> Vec<Answer> {
        let all = self.answers.iter();
        all.filter(|(at, _, it)| *at == iteration && it.purpose == purpose)
            .map(|(_, _, it)| it.clone())
            .collect()
    }

    /// The grades of an iteration, in their order.
    pub fn graded(&self, iteration: u32, purpose: Purpose) -> Vec<Grade> {
        let all = self.grades.iter();
        all.filter(|(at, _, it)| *at == iteration && it.purpose == purpose)
            .map(|(_, _, it)| it.clone())
            .collect()
    }

    /// The grades that an evaluation's figures are made from, in its order.
    pub fn grades_of(&self, evaluation: &Evaluation) -> Vec<Grade> {
        let by_id: HashMap<Id<Grade>, &Grade> =
            self.grades.iter().map(|(_, id, it)| (*id, it)).collect();
        let ids = evaluation.grade_ids.iter();
        ids.filter_map(|id| by_id.get(id).map(|it| (*it).clone()))
            .collect()
    }

    /// The evaluation of a checkpoint on the frozen suite; of the base if there is none.
    pub fn evaluation_of(&self, checkpoint: Option<Id<Checkpoint>>) -> Option<&Entry<Evaluation>> {
        let mut all = self.evaluations.iter();
        all.find(|(_, _, it)| it.checkpoint_id == checkpoint && it.suite == FROZEN)
    }

    /// The evaluation of an iteration's judge.
    pub fn evaluation_of_judge(&self, iteration: u32) -> Option<&Evaluation> {
        let mut all = self.evaluations.iter();
        let found = all.find(|(at, _, it)| *at == iteration && it.suite == SENTINELS);
        found.map(|(_, _, it)| it)
    }

    /// For each request to a chat teacher, the event by which its answer is known.
    pub fn call_ids(&self) -> CallIds {
        let mut best = BTreeMap::new();
        for (_, id, call) in &self.calls {
            let found = (rank(call), *id);
            let kept = best.entry(call.request_hash).or_insert(found);
            if found.0 >= kept.0 {
                *kept = found;
            }
        }
        best.into_iter()
            .map(|(request, (_, id))| (request, id))
            .collect()
    }

    /// The checkpoint that is in place after an iteration; none if it is the base.
    pub fn in_place(&self, after: u32) -> Option<&Entry<Checkpoint>> {
        let promoted = self
            .promotions
            .iter()
            .rev()
            .find(|(at, _, it)| *at <= after && it.promoted)?;
        let wanted = promoted.2.candidate_checkpoint_id;
        self.checkpoints.iter().find(|(_, id, _)| *id == wanted)
    }

    /// The checkpoint that was trained last up to an iteration, whether or not it took the
    /// place; none if there is none yet.
    pub fn newest(&self, up_to: u32) -> Option<&Entry<Checkpoint>> {
        let mut newest_first = self.checkpoints.iter().rev();
        newest_first.find(|(at, _, _)| *at <= up_to)
    }

    /// The schema of a recorded database of this run.
    pub fn schema(&self, lake: &Lake, id: Id<Database>) -> Option<Schema> {
        let read = |blob: BlobHash| String::from_utf8(lake.read_blob(blob).ok()?).ok();
        schema_of(self.databases.get(&id)?, read)
    }
}

/// What belongs to an iteration, if there is one.
pub fn at<K>(entries: &[Entry<K>], iteration: u32) -> Option<&Entry<K>> {
    entries.iter().find(|(at, _, _)| *at == iteration)
}

fn of<K: Kind>(lake: &Lake, is_wanted: impl Fn(&K) -> bool) -> Result<Vec<Entry<K>>, LakeError> {
    let mut found = Vec::new();
    lake.read_events::<K>(|_, id, event: Event<K>| {
        if is_wanted(&event.body) {
            found.push((event.iteration, id, event.body));
        }
    })?;
    Ok(found)
}
