//! An iteration done again, stage by stage, and compared with what was recorded.
//!
//! **Invariants.**
//! - Nothing is written, and nobody is paid: what a chat teacher said comes from the lake.
//! - Each stage gets what was recorded of the one before, so that a stage is named only if
//!   it differs itself.
//! - What was recorded of a stage is compared with, and read along as a guess at each answer,
//!   which costs nothing of an answer but its time ([`Stages::answer`]).
//! - On the class of machine that recorded it, identical means the same ids. On another,
//!   floating-point sums may differ in their last bits: then losses may differ by
//!   [`LOSS_TOLERANCE`], answers in [`ANSWER_TOLERANCE`] of the questions, and scores by
//!   [`SCORE_TOLERANCE`].

use serde_json::Value as Json;

use super::difference::first_difference;
use crate::base::id::Id;
use crate::base::world::Stopwatch;
use crate::event::answer::Answer;
use crate::event::checkpoint::Checkpoint;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::words::Purpose;
use crate::lake::Lake;
use crate::query::materialise;
use crate::round::asked::Asked;
use crate::round::history::{Entry, History, at};
use crate::round::measure::Suite;
use crate::round::planted::is_trusted;
use crate::round::promote::decision;
use crate::round::report::{Phase, PhaseReport, RoundError, Show};
use crate::round::stages::Stages;
use crate::round::tutor::Chat;
use crate::round::write::read_adapter;
use crate::student::adapter::Adapter;
use crate::teacher::chat::ChatTeacher;

/// By how much a loss may differ on another class of machine, as a part of it.
pub const LOSS_TOLERANCE: f64 = 0.02;
/// In how many of the questions an answer may differ there.
pub const ANSWER_TOLERANCE: f64 = 0.05;
/// By how many points a suite's score may differ there.
pub const SCORE_TOLERANCE: f64 = 2.0;

/// The stages that can be done again, in their order.
pub const STAGES: [Phase; 8] = [
    Phase::Challenges,
    Phase::Answers,
    Phase::Sentinels,
    Phase::Grades,
    Phase::Selection,
    Phase::Training,
    Phase::Evaluation,
    Phase::Promotion,
];

/// What doing a stage again showed.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    /// The stage.
    pub stage: Phase,
    /// Whether it gave what was recorded; on another class of machine, within tolerance.
    pub identical: bool,
    /// What was compared, in a line.
    pub compared: String,
    /// The first difference.
    pub first_difference: Option<String>,
    /// How long it took, in seconds; the first that is done again makes the questions too.
    pub seconds: f64,
}

/// What is done again.
pub struct Replay<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The run's stages.
    pub stages: &'a Stages<'a>,
    /// The frozen suite.
    pub suite: &'a Suite,
    /// What the lake holds of the run.
    pub history: &'a History,
    /// The chat teacher, which says what it said, if the run has one.
    pub teacher: Option<(&'a ChatTeacher, &'a Chat)>,
    /// Whether it was recorded on this class of machine.
    pub same_class: bool,
}

type Compared = Result<(String, Option<String>), RoundError>;

impl Replay<'_> {
    /// Does the wanted stages of an iteration again.
    ///
    /// # Errors
    /// That the lake does not hold the iteration, and what the stages say.
    pub fn iteration(
        &self,
        number: u32,
        wanted: &[Phase],
        show: &mut dyn Show,
    ) -> Result<Vec<StageReport>, RoundError> {
        if self.history.asked(number, Purpose::Train).is_empty() {
            let what = format!("the run has no iteration {number}");
            return Err(RoundError::Refused(what));
        }
        let mut watch = Stopwatch::start();
        let needs_questions = [
            Phase::Challenges,
            Phase::Answers,
            Phase::Sentinels,
            Phase::Grades,
        ];
        let asked = match wanted.iter().any(|it| needs_questions.contains(it)) {
            true => {
                show.begin(number, Phase::Challenges, self.stages.settings.challenges);
                self.questions(number, show)
            }
            false => Ok(Vec::new()),
        };
        let (asked, unasked) = match asked {
            Ok(asked) => (asked, None),
            // The lake does not hold what was said: that is a difference, and no failure.
            Err(RoundError::Teacher(stop)) => (Vec::new(), Some(stop.to_string())),
            Err(error) => return Err(error),
        };
        let mut reports = Vec::new();
        for stage in STAGES {
            if !wanted.contains(&stage) || (stage == Phase::Sentinels && self.teacher.is_none()) {
                continue;
            }
            if show.is_stopped() {
                return Err(RoundError::Stopped);
            }
            let unasked = unasked.clone().filter(|_| needs_questions.contains(&stage));
            let (compared, first_difference) = match stage {
                _ if unasked.is_some() => (String::new(), unasked),
                Phase::Sentinels => self.sentinels(number, &asked, show)?,
                Phase::Answers => self.answers(number, &asked, show)?,
                Phase::Grades => self.grades(number, &asked, show)?,
                Phase::Selection => self.selection(number)?,
                Phase::Training => self.training(number, show)?,
                Phase::Evaluation => self.evaluation(number, show)?,
                Phase::Promotion => self.promotion(number)?,
                _ => self.challenges(number, &asked),
            };
            let report = StageReport {
                stage,
                identical: first_difference.is_none(),
                compared,
                first_difference,
                seconds: watch.elapsed().as_secs_f64(),
            };
            watch = Stopwatch::start();
            let line = match &report.first_difference {
                None => format!("identical: {}", report.compared),
                Some(difference) => format!("differs: {difference}"),
            };
            show.end(&PhaseReport {
                iteration: number,
                phase: stage,
                line,
                figures: Json::Null,
                seconds: Some(report.seconds),
            });
            reports.push(report);
        }
        Ok(reports)
    }

    fn questions(&self, number: u32, show: &mut dyn Show) -> Result<Vec<Asked>, RoundError> {
        let teacher = self.teacher.map(|(teacher, _)| teacher);
        let posed = self.stages.propose(number, self.history, teacher, show)?;
        Ok(self.stages.asked(posed, number, &self.history.call_ids()))
    }

    fn challenges(&self, number: u32, asked: &[Asked]) -> (String, Option<String>) {
        let recorded = self.history.asked(number, Purpose::Train);
        let again: Vec<_> = asked.iter().map(|it| it.challenge.clone()).collect();
        let bodies: Vec<_> = recorded.iter().map(|it| it.2.clone()).collect();
        let difference = first_difference(number, &bodies, &again, "question").or_else(|| {
            let databases = recorded.iter().zip(asked).position(|(recorded, asked)| {
                self.history.databases.get(&recorded.2.database_id) != Some(&asked.database)
            });
            databases.map(|place| format!("the database of question {}", place + 1))
        });
        (format!("{} questions", recorded.len()), difference)
    }

    fn answers(&self, number: u32, asked: &[Asked], show: &mut dyn Show) -> Compared {
        let recorded = self.history.answered(number, Purpose::Train);
        if recorded.is_empty() {
            return Ok(("nothing was recorded".to_owned(), None));
        }
        let adapter = self.learner_before(number)?;
        let learner = adapter.as_ref().map(|(id, adapter)| (*id, adapter));
        show.begin(number, Phase::Answers, asked.len());
        let again = self
            .stages
            .answer(asked, learner, Purpose::Train, &recorded, show)?
            .answers;
        let compared = format!("{} answers", recorded.len());
        Ok((compared, self.differing_answers(number, &recorded, &again)))
    }

    fn differing_answers(
        &self,
        number: u32,
        recorded: &[Answer],
        again: &[Answer],
    ) -> Option<String> {
        let difference = first_difference(number, recorded, again, "answer")?;
        let same = recorded
            .iter()
            .zip(again)
            .filter(|(a, b)| a.text == b.text)
            .count();
        let differing = (recorded.len() - same) as f64 / recorded.len().max(1) as f64;
        let is_near = recorded.len() == again.len() && differing <= ANSWER_TOLERANCE;
        (self.same_class || !is_near).then_some(difference)
    }

    fn sentinels(&self, number: u32, asked: &[Asked], show: &mut dyn Show) -> Compared {
        let recorded = self.history.evaluation_of_judge(number);
        let (Some(recorded), Some((teacher, chat))) = (recorded, self.teacher) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        show.begin(number, Phase::Sentinels, recorded.items as usize);
        let planted = match self.stages.plant((teacher, chat), asked, number, show) {
            Err(RoundError::Teacher(stop)) => return Ok((String::new(), Some(stop.to_string()))),
            planted => planted?,
        };
        let ids = self.history.call_ids();
        let again = self.stages.planted(chat, asked, &planted, number, &ids);
        let answers = self.history.answered(number, Purpose::Sentinel);
        let grades = self.history.graded(number, Purpose::Sentinel);
        let one = std::slice::from_ref(recorded);
        let difference = first_difference(number, &answers, &again.answers, "answer")
            .or_else(|| first_difference(number, &grades, &again.grades, "grade"))
            .or_else(|| {
                let again = std::slice::from_ref(&again.evaluation);
                first_difference(number, one, again, "evaluation")
            });
        Ok((format!("{} planted answers", recorded.items), difference))
    }

    fn grades(&self, number: u32, asked: &[Asked], show: &mut dyn Show) -> Compared {
        let recorded = self.history.graded(number, Purpose::Train);
        let answers = self.history.answered(number, Purpose::Train);
        if recorded.is_empty() {
            return Ok(("nothing was recorded".to_owned(), None));
        }
        let asks = |it: &(&Answer, &Asked)| it.0.challenge_id != it.1.id;
        if answers.len() != asked.len() || answers.iter().zip(asked).any(|it| asks(&it)) {
            let what = "the answers are not to the questions that were made again";
            return Ok((String::new(), Some(what.to_owned())));
        }
        show.begin(number, Phase::Grades, asked.len());
        let again = match self.marked(number, asked, &answers, show) {
            Err(RoundError::Teacher(stop)) => return Ok((String::new(), Some(stop.to_string()))),
            again => again?,
        };
        let difference = first_difference(number, &recorded, &again, "grade");
        Ok((format!("{} grades", recorded.len()), difference))
    }

    /// Grades answers again, with what the chat teacher said of them.
    fn marked(
        &self,
        number: u32,
        asked: &[Asked],
        answers: &[Answer],
        show: &mut dyn Show,
    ) -> Result<Vec<Grade>, RoundError> {
        let judge = self.history.evaluation_of_judge(number);
        let heard = self
            .teacher
            .filter(|(_, chat)| judge.is_some_and(|it| is_trusted(it, chat.false_pass_limit)));
        let Some(teacher) = heard else {
            return self.stages.grade(asked, answers, number, show);
        };
        let verdicts = self.stages.examine(asked, answers, show)?;
        let both = (answers, verdicts.as_slice());
        let opinions = self.stages.consult(teacher, asked, both, show)?;
        let heard = (opinions.all.as_slice(), &self.history.call_ids());
        Ok(self.stages.mark(asked, answers, number, verdicts, heard))
    }

    fn selection(&self, number: u32) -> Compared {
        let Some((_, _, snapshot)) = at(&self.history.snapshots, number) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let difference = materialise::difference(self.lake, snapshot)?;
        Ok((format!("{} rows", snapshot.rows), difference))
    }

    fn training(&self, number: u32, show: &mut dyn Show) -> Compared {
        let Some((_, training_id, started)) = at(&self.history.trainings, number) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let snapshot = self.history.snapshots.iter();
        let snapshot = snapshot
            .clone()
            .find(|(_, id, _)| Some(*id) == started.snapshot_id);
        let Some((_, snapshot_id, snapshot)) = snapshot else {
            let what = "it was trained on a file of the user's, which the lake does not hold";
            return Ok((what.to_owned(), None));
        };
        let rows = materialise::read_rows(self.lake, snapshot)?;
        let material = self
            .stages
            .material(self.lake, self.history, &rows, number)?;
        let adapter = self.learner_before(number)?;
        let learner = adapter.as_ref().map(|(id, adapter)| (*id, adapter));
        let recorded: Vec<_> = self
            .history
            .steps
            .iter()
            .filter(|(_, _, it)| it.training_id == *training_id)
            .map(|(_, _, it)| it.clone())
            .collect();
        show.begin(number, Phase::Training, recorded.len());
        let on_step = |_: usize, _: usize, loss: f64| {
            show.advance(&format!("loss {loss:.3}"));
            !show.is_stopped()
        };
        let again = self.stages.train(
            &material,
            number,
            Some(*snapshot_id),
            None,
            learner,
            on_step,
        )?;
        let Some(again) = again else {
            return Err(RoundError::Stopped);
        };
        let checkpoint = self.history.checkpoints.iter();
        let checkpoint = checkpoint
            .clone()
            .find(|(_, _, it)| it.training_id == *training_id);
        let compared = format!("{} steps and the adapter", recorded.len());
        let begun = [started.clone()];
        if let Some(difference) = first_difference(
            number,
            &begun,
            std::slice::from_ref(&again.started),
            "training",
        ) {
            return Ok((compared, Some(difference)));
        }
        if let Some(difference) = first_difference(number, &recorded, &again.steps, "step") {
            let is_near = recorded.len() == again.steps.len()
                && recorded.iter().zip(&again.steps).all(|(a, b)| {
                    (a.loss - b.loss).abs() <= LOSS_TOLERANCE * a.loss.abs().max(0.01)
                });
            let is_told = self.same_class || !is_near;
            return Ok((compared, is_told.then_some(difference)));
        }
        let difference = checkpoint.and_then(|(_, _, recorded)| {
            let again = [again.checkpoint.clone()];
            first_difference(number, std::slice::from_ref(recorded), &again, "checkpoint")
        });
        let is_told = self.same_class;
        Ok((compared, difference.filter(|_| is_told)))
    }

    fn evaluation(&self, number: u32, show: &mut dyn Show) -> Compared {
        let Some((_, id, checkpoint)) = at(&self.history.checkpoints, number) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let Some((_, _, recorded)) = self.history.evaluation_of(Some(*id)) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let adapter = read_adapter(self.lake, self.stages.pupil, checkpoint)?;
        show.begin(number, Phase::Evaluation, 2 * self.suite.asked.len());
        let (again, _) = self.examine(number, Some((*id, &adapter)), recorded, show)?;
        let compared = format!("{} questions, score {:.1}", recorded.items, recorded.score);
        let one = std::slice::from_ref(recorded);
        let difference = first_difference(number, one, std::slice::from_ref(&again), "evaluation");
        let is_near = (recorded.score - again.score).abs() <= SCORE_TOLERANCE;
        let is_told = self.same_class || !is_near;
        Ok((compared, difference.filter(|_| is_told)))
    }

    /// Answers the suite again and grades it.
    fn examine(
        &self,
        number: u32,
        candidate: Option<(Id<Checkpoint>, &Adapter)>,
        recorded: &Evaluation,
        show: &mut dyn Show,
    ) -> Result<(Evaluation, Vec<Answer>), RoundError> {
        let asked = &self.suite.asked;
        let expected = self.history.answered(number, Purpose::Eval);
        let answers = self
            .stages
            .answer(asked, candidate, Purpose::Eval, &expected, show)?
            .answers;
        let grades = self.stages.grade(asked, &answers, number, show)?;
        let checkpoint = candidate.map(|(id, _)| id);
        let evaluation = self.stages.evaluate(
            self.suite,
            recorded.suite_hash,
            &grades,
            number,
            checkpoint,
            recorded.opened_before,
        );
        Ok((evaluation, answers))
    }

    fn promotion(&self, number: u32) -> Compared {
        let recorded = at(&self.history.promotions, number);
        let checkpoint = at(&self.history.checkpoints, number);
        let (Some((_, _, recorded)), Some((_, id, _))) = (recorded, checkpoint) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let Some((_, _, evaluation)) = self.history.evaluation_of(Some(*id)) else {
            return Ok(("nothing was recorded".to_owned(), None));
        };
        let incumbent = self.history.in_place(number - 1).map(|(_, id, _)| *id);
        let again = decision(
            self.history,
            (self.stages.run_id, self.stages.settings.until_score),
            &self.suite.asked,
            number,
            (*id, evaluation),
            incumbent,
        );
        let one = std::slice::from_ref(recorded);
        let difference = first_difference(number, one, &[again], "promotion");
        Ok((recorded.reason.clone(), difference))
    }

    fn learner_before(&self, number: u32) -> Result<Option<(Id<Checkpoint>, Adapter)>, RoundError> {
        let learner: Option<&Entry<Checkpoint>> = self.stages.learner(self.history, number);
        learner
            .map(|(_, id, checkpoint)| {
                let adapter = read_adapter(self.lake, self.stages.pupil, checkpoint)?;
                Ok((*id, adapter))
            })
            .transpose()
    }
}
