//! The loop: each phase is made by its stage and becomes one commit.
//!
//! **Invariants.**
//! - What was committed is not made again, but for questions: they are made from the same
//!   seeds, and must get the ids that they have. That they tell right from wrong was proven
//!   when they were recorded.
//! - A crash at any point loses at most the phase that was not committed, and the run goes
//!   on to the same events as if nothing had happened.

mod phases;
mod tutored;

use std::sync::Arc;

use serde_json::json;

use super::beginning::{Beginning, refuse_another};
use super::calls::Calls;
use super::history::{History, runs};
use super::learn::Material;
use super::measure::{FROZEN, Suite};
use super::report::{Phase, PhaseReport, RoundError, Show};
use super::settings::SELECTION;
use super::stages::{Stages, recorded_suite, suite_items};
use super::tutor::{Chat, Means, open, remembering};
use super::write::{append, append_question, read_adapter};
use crate::base::id::{ContentHash, Id};
use crate::base::world::Stopwatch;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::evaluation::Evaluation;
use crate::event::run_started::{RunStarted, Setting};
use crate::event::{Kind, Observed};
use crate::lake::Writer;
use crate::query::Query;
use crate::student::adapter::Adapter;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::chat::budget::{Spent, usd};

/// A run that goes on.
pub struct Run<'a> {
    writer: &'a mut Writer,
    stages: Stages<'a>,
    started: RunStarted,
    selection: Query,
    suite: Suite,
    suite_hash: ContentHash,
    history: History,
    /// Who is taught in the iteration.
    learner: Option<(Id<Checkpoint>, Adapter)>,
    tutor: Option<Tutor>,
}

/// The chat teacher of a run that goes on.
struct Tutor {
    chat: Chat,
    /// Answers what is new.
    teacher: ChatTeacher,
    calls: Arc<Calls>,
    /// Says again what it said in phases that are recorded.
    memory: ChatTeacher,
}

/// What an iteration came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The evaluation of what was trained.
    pub evaluation: Evaluation,
    /// Whether it took the place.
    pub promoted: bool,
    /// Whether the goal is reached.
    pub converged: bool,
}

impl<'a> Run<'a> {
    /// Begins a run, or goes on with the one of this name.
    ///
    /// # Errors
    /// [`RoundError::Refused`] if the run of this name has other settings; what the sandbox
    /// and the lake say.
    pub fn begin(
        writer: &'a mut Writer,
        beginning: Beginning<'a>,
        show: &mut dyn Show,
    ) -> Result<Self, RoundError> {
        let Beginning {
            name,
            seed,
            teacher,
            student,
            settings,
            means,
            own,
            parent,
            sandbox,
            pupil,
            selection,
        } = beginning;
        let watch = Stopwatch::start();
        show.begin(0, Phase::Begin, 6 * settings.suite_items);
        let lake = writer.lake();
        let count = settings.suite_items;
        let recorded = match runs(lake)?.into_iter().find(|(_, it)| it.name == name) {
            Some((id, it)) => recorded_suite(&it, &History::read(lake, id)?, count, own.as_ref()),
            None => None,
        };
        let (items, suite_hash) = match recorded {
            Some(recorded) => recorded,
            None => suite_items(sandbox, seed, FROZEN, count, own.as_ref(), show)?,
        };
        let mut words = settings.to_words();
        // The selection's text decides what is trained on.
        words.push(Setting {
            name: SELECTION.to_owned(),
            value: ContentHash::of(selection.text.as_bytes()).to_string(),
        });
        words.sort_by(|a, b| a.name.cmp(&b.name));
        let started = RunStarted {
            name,
            parent_run_id: parent.map(|(run, _)| run),
            parent_iteration: parent.map(|(_, iteration)| i64::from(iteration)),
            seed: seed.cast_signed(),
            teacher: teacher.clone(),
            student,
            base_hash: pupil.base().id(),
            suite_hash: Some(suite_hash),
            settings: words,
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        refuse_another(writer.lake(), &started)?;
        let run_id = event_id(0, &started, &mut Vec::new());
        let stages = Stages {
            sandbox,
            pupil,
            settings,
            seed,
            run_id,
            teacher,
            own,
        };
        let suite = stages.suite(FROZEN, items);
        let mut run = Self {
            writer,
            stages,
            started,
            selection,
            suite,
            suite_hash,
            history: History::default(),
            learner: None,
            tutor: None,
        };
        let is_new = run.record_beginning()?;
        run.refresh()?;
        run.tutor = means.map(|it| run.engage(&it)).transpose()?.flatten();
        let name = &run.started.name;
        let line = match is_new {
            true => format!(
                "run {name} begins, {} questions in its suite",
                run.suite.asked.len()
            ),
            false => format!("run {name} goes on"),
        };
        let seconds = watch.elapsed().as_secs_f64();
        show.end(&PhaseReport {
            iteration: 0,
            phase: Phase::Begin,
            line,
            figures: json!({ "run": name, "run_id": run_id, "suite": suite_hash }),
            seconds: is_new.then_some(seconds),
        });
        Ok(run)
    }

    /// The run's id.
    pub fn id(&self) -> Id<RunStarted> {
        self.stages.run_id
    }

    /// What the lake holds of it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was spent on a chat teacher, by this process and by the run as a whole; nothing
    /// if there is none.
    pub fn spent(&self) -> Option<(Spent, Spent)> {
        self.tutor.as_ref().map(|it| it.teacher.spent())
    }

    /// Opens the chat teacher, if the run has one.
    fn engage(&self, means: &Means) -> Result<Option<Tutor>, RoundError> {
        let Some(chat) = &self.stages.settings.teacher else {
            return Ok(None);
        };
        let run_id = self.stages.run_id;
        let calls = Arc::new(Calls::open(self.writer, Some(run_id), chat.prices)?);
        Ok(Some(Tutor {
            chat: chat.clone(),
            teacher: open(chat, means, Arc::clone(&calls) as _)?,
            calls,
            memory: remembering(chat, self.writer.lake(), run_id)?,
        }))
    }

    /// The score at which it has reached its goal.
    pub fn goal(&self) -> f64 {
        self.stages.settings.until_score
    }

    /// The checkpoint in place.
    pub fn in_place(&self) -> Option<Id<Checkpoint>> {
        self.history.in_place(u32::MAX).map(|(_, id, _)| *id)
    }

    /// Measures the base: iteration 0.
    ///
    /// # Errors
    /// What the stages and the lake say.
    pub fn measure_base(&mut self, show: &mut dyn Show) -> Result<Evaluation, RoundError> {
        self.evaluate(0, None, show)
    }

    /// Trains on the user's examples before the first iteration.
    ///
    /// # Errors
    /// What the stages and the lake say.
    pub fn initial(
        &mut self,
        material: &Material,
        file_hash: ContentHash,
        show: &mut dyn Show,
    ) -> Result<Option<Evaluation>, RoundError> {
        let trained = self.train_on(0, None, Some(file_hash), show, |_| Ok(material.clone()))?;
        let Some((checkpoint_id, adapter)) = trained else {
            return Ok(None);
        };
        let evaluation = self.evaluate(0, Some((checkpoint_id, &adapter)), show)?;
        self.promote(0, checkpoint_id, &evaluation, show)?;
        Ok(Some(evaluation))
    }

    /// One round, read aloud. What was done before is not done again.
    ///
    /// # Errors
    /// [`RoundError::Stopped`] if it was asked to stop, and what the stages and the lake say.
    pub fn iteration(&mut self, number: u32, show: &mut dyn Show) -> Result<Outcome, RoundError> {
        self.learner = self.learner_of(&self.history, number)?;
        let asked = self.propose(number, show)?;
        let answers = self.answer(number, &asked, show)?;
        let is_trusted = self.test_judge(number, &asked, show)?;
        self.grade(number, &asked, &answers, is_trusted, show)?;
        if !is_trusted {
            return self.without_training();
        }
        let (snapshot_id, rows) = self.select(number, self.stages.run_id, show)?;
        let trained = self.train_on(number, Some(snapshot_id), None, show, |run| {
            let lake = run.writer.lake();
            run.stages.material(lake, &run.history, &rows, number)
        })?;
        let Some((checkpoint_id, adapter)) = trained else {
            return self.without_training();
        };
        let evaluation = self.evaluate(number, Some((checkpoint_id, &adapter)), show)?;
        let (promoted, converged) = self.promote(number, checkpoint_id, &evaluation, show)?;
        Ok(Outcome {
            evaluation,
            promoted,
            converged,
        })
    }

    /// An iteration of another run with this run's selection and recipe, on that run's
    /// questions, answers and grades, from the checkpoint that was taught there.
    ///
    /// # Errors
    /// That nothing is selected, and what the stages and the lake say.
    pub fn fork(
        &mut self,
        number: u32,
        parent: (Id<RunStarted>, &History),
        show: &mut dyn Show,
    ) -> Result<Evaluation, RoundError> {
        let (parent_id, history) = parent;
        self.learner = self.learner_of(history, number)?;
        let (snapshot_id, rows) = self.select(number, parent_id, show)?;
        let trained = self.train_on(number, Some(snapshot_id), None, show, |run| {
            let lake = run.writer.lake();
            run.stages.material(lake, history, &rows, number)
        })?;
        let Some((checkpoint_id, adapter)) = trained else {
            let what = "the selection gives nothing to train on";
            return Err(RoundError::Refused(what.to_owned()));
        };
        self.evaluate(number, Some((checkpoint_id, &adapter)), show)
    }

    /// There is nothing to train on, or nothing that may be trained on.
    fn without_training(&self) -> Result<Outcome, RoundError> {
        let mut evaluations = self.history.evaluations.iter().rev();
        let newest = evaluations.find(|(_, _, it)| it.suite == FROZEN);
        let Some((_, _, evaluation)) = newest else {
            return Err(RoundError::Refused("nothing was measured yet".to_owned()));
        };
        Ok(Outcome {
            evaluation: evaluation.clone(),
            promoted: false,
            converged: evaluation.score_low >= self.stages.settings.until_score,
        })
    }

    /// Records the run's event and its suite, unless they are there.
    fn record_beginning(&mut self) -> Result<bool, RoundError> {
        if self.writer.contains(self.stages.run_id)? {
            return Ok(false);
        }
        let observed = Observed::now(self.writer.world());
        let mut draft = self
            .writer
            .begin(format!("run {} begins", self.started.name));
        append(&mut draft, 0, &self.started, &observed)?;
        if let Some(own) = &self.stages.own {
            draft.blob(own.sample.as_bytes())?;
        }
        for asked in &self.suite.asked {
            append_question(&mut draft, asked, 0, &observed)?;
        }
        draft.commit()?;
        Ok(true)
    }

    fn learner_of(
        &self,
        history: &History,
        number: u32,
    ) -> Result<Option<(Id<Checkpoint>, Adapter)>, RoundError> {
        match self.stages.learner(history, number) {
            None => Ok(None),
            Some((_, id, checkpoint)) => Ok(Some((*id, self.read_adapter(checkpoint)?))),
        }
    }

    fn read_adapter(&self, checkpoint: &Checkpoint) -> Result<Adapter, RoundError> {
        read_adapter(self.writer.lake(), self.stages.pupil, checkpoint)
    }

    fn commit<K: Kind>(
        &mut self,
        number: u32,
        phase: Phase,
        bodies: &[K],
    ) -> Result<(), RoundError> {
        let observed = Observed::now(self.writer.world());
        let note = self.note(number, phase);
        let mut draft = self.writer.begin(note);
        for body in bodies {
            append(&mut draft, number, body, &observed)?;
        }
        draft.commit()?;
        Ok(())
    }

    fn note(&self, number: u32, phase: Phase) -> String {
        let name = &self.started.name;
        format!("run {name}, iteration {number}: {}", phase.name())
    }

    /// What the teacher cost so far, for the end of a line and for scripts.
    fn cost(&self) -> (String, Option<f64>) {
        let Some((_, all)) = self.spent() else {
            return (String::new(), None);
        };
        let known = usd(all.known_microusd);
        let line = match (all.calls_of_unknown_cost, all.possible_microusd) {
            (0, 0) => format!("; ${known} so far"),
            (0, some) => format!("; ${known} so far, and ${} perhaps", usd(some)),
            (unknown, _) => format!("; ${known} so far, and {unknown} calls of unknown cost"),
        };
        let is_known = all.calls_of_unknown_cost == 0;
        (line, is_known.then_some(all.known_microusd as f64 / 1e6))
    }

    fn refresh(&mut self) -> Result<(), RoundError> {
        self.history = History::read(self.writer.lake(), self.stages.run_id)?;
        Ok(())
    }

    fn end(
        &mut self,
        show: &mut dyn Show,
        iteration: u32,
        phase: Phase,
        is_new: bool,
        watch: Stopwatch,
        tell: impl FnOnce(&Self) -> (String, serde_json::Value),
    ) -> Result<(), RoundError> {
        if is_new {
            self.refresh()?;
        }
        let (line, figures) = tell(self);
        show.end(&PhaseReport {
            iteration,
            phase,
            line,
            figures,
            seconds: is_new.then(|| watch.elapsed().as_secs_f64()),
        });
        Ok(())
    }
}
