//! The phases of an iteration: what is recorded is read, what is not is made and committed.

use arrow::array::RecordBatch;
use serde_json::json;

use super::super::asked::Asked;
use super::super::history::at;
use super::super::learn::{Learned, Material};
use super::super::measure::evaluation_line;
use super::super::opinions::Opinions;
use super::super::promote::decision;
use super::super::report::{Phase, RoundError, Show, begin};
use super::super::stages::Answering;
use super::super::write::{append, append_answers, append_question};
use super::Run;
use super::tutored::{is_disputed, record_calls};
use crate::base::id::{ContentHash, Id};
use crate::base::world::Stopwatch;
use crate::event::Observed;
use crate::event::answer::Answer;
use crate::event::checkpoint::Checkpoint;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::words::Purpose;
use crate::query::materialise::read_rows;
use crate::query::session::block_on;
use crate::student::adapter::Adapter;

impl Run<'_> {
    pub(super) fn propose(
        &mut self,
        number: u32,
        show: &mut dyn Show,
    ) -> Result<Vec<Asked>, RoundError> {
        let watch = begin(
            show,
            number,
            Phase::Challenges,
            self.stages.settings.challenges,
        )?;
        let is_new = self.history.asked(number, Purpose::Train).is_empty();
        let recorded = (!is_new).then(|| self.stages.recorded(number, &self.history));
        if let Some(asked) = recorded.flatten() {
            self.end_asking(show, number, is_new, watch, &asked, None)?;
            return Ok(asked);
        }
        let teacher = self.teacher(is_new)?;
        let mut posed = self.stages.propose(number, &self.history, teacher, show)?;
        let (drafts, losses) = (posed.drafts, posed.losses());
        if posed.proposals.is_empty() {
            return Err(self.unasked(number, posed, &losses)?);
        }
        let remarks = std::mem::take(&mut posed.remarks);
        let asked = if !is_new {
            let asked = self.stages.asked(posed, number, &self.history.call_ids());
            let recorded = self.history.asked(number, Purpose::Train);
            let same = recorded.len() == asked.len();
            let same = same
                && recorded
                    .iter()
                    .zip(&asked)
                    .all(|(it, asked)| it.1 == asked.id);
            if !same {
                let what = format!(
                    "iteration {number} of run {} was begun with other questions than this \
                     version makes; go on with the version that began it ({}), or begin \
                     another run with --run",
                    self.started.name, self.started.code_version
                );
                return Err(RoundError::Refused(what));
            }
            asked
        } else {
            let observed = Observed::now(self.writer.world());
            let note = self.note(number, Phase::Challenges);
            let mut draft = self.writer.begin(note);
            let calls = record_calls(self.tutor.as_ref(), &mut draft, number, remarks)?;
            let asked = self.stages.asked(posed, number, &calls);
            for asked in &asked {
                append_question(&mut draft, asked, number, &observed)?;
            }
            draft.commit()?;
            asked
        };
        let became = Some((drafts, losses));
        self.end_asking(show, number, is_new, watch, &asked, became)?;
        Ok(asked)
    }

    /// Says what is asked, and what became of a teacher's drafts, if there were any.
    fn end_asking(
        &mut self,
        show: &mut dyn Show,
        number: u32,
        is_new: bool,
        watch: Stopwatch,
        asked: &[Asked],
        became: Option<(usize, String)>,
    ) -> Result<(), RoundError> {
        self.end(show, number, Phase::Challenges, is_new, watch, |run| {
            let databases: std::collections::BTreeSet<&str> =
                asked.iter().map(|it| it.database.domain.as_str()).collect();
            let mut line = format!("{} questions from ", asked.len());
            line += &match databases.len() {
                1 => "1 domain".to_owned(),
                count => format!("{count} domains"),
            };
            let (drafts, losses) = became.unwrap_or_default();
            if !losses.is_empty() {
                line += &format!(" of {drafts} drafts; refused: {losses}");
            }
            let (cost, cost_usd) = run.cost();
            let figures = json!({
                "challenges": asked.len(), "drafts": drafts, "refused": losses,
                "cost_usd": cost_usd,
            });
            (line + &cost, figures)
        })
    }

    pub(super) fn answer(
        &mut self,
        number: u32,
        asked: &[Asked],
        show: &mut dyn Show,
    ) -> Result<Vec<Answer>, RoundError> {
        let watch = begin(show, number, Phase::Answers, asked.len())?;
        let recorded = self.history.answered(number, Purpose::Train);
        let is_new = recorded.is_empty();
        let answers = match is_new {
            false => recorded,
            true => {
                let learner = self.learner.as_ref().map(|(id, adapter)| (*id, adapter));
                let answered = self
                    .stages
                    .answer(asked, learner, Purpose::Train, &[], show)?;
                let observed = Observed::now(self.writer.world());
                let note = self.note(number, Phase::Answers);
                let mut draft = self.writer.begin(note);
                append_answers(&mut draft, number, &answered, &observed)?;
                draft.commit()?;
                answered.answers
            }
        };
        self.end(show, number, Phase::Answers, is_new, watch, |_| {
            let tokens: i64 = answers.iter().map(|it| it.output_tokens).sum();
            let line = format!("{} answers, {tokens} tokens", answers.len());
            (line, json!({ "answers": answers.len(), "tokens": tokens }))
        })?;
        Ok(answers)
    }

    pub(super) fn grade(
        &mut self,
        number: u32,
        asked: &[Asked],
        answers: &[Answer],
        is_judged: bool,
        show: &mut dyn Show,
    ) -> Result<Vec<Grade>, RoundError> {
        let watch = begin(show, number, Phase::Grades, answers.len())?;
        let recorded = self.history.graded(number, Purpose::Train);
        let is_new = recorded.is_empty();
        let grades = match is_new {
            false => recorded,
            true => {
                let verdicts = self.stages.examine(asked, answers, show)?;
                // A judge that is not to be trusted is not heard.
                let tutor = self.tutor.as_ref().filter(|_| is_judged);
                let opinions = match tutor {
                    None => Opinions::default(),
                    Some(tutor) => {
                        show.begin(number, Phase::Grades, answers.len());
                        let teacher = (&tutor.teacher, &tutor.chat);
                        let all = (answers, verdicts.as_slice());
                        self.stages.consult(teacher, asked, all, show)?
                    }
                };
                let observed = Observed::now(self.writer.world());
                let note = self.note(number, Phase::Grades);
                let mut draft = self.writer.begin(note);
                let calls = record_calls(tutor, &mut draft, number, opinions.remarks)?;
                let heard = (opinions.all.as_slice(), &calls);
                let grades = self.stages.mark(asked, answers, number, verdicts, heard);
                for grade in &grades {
                    append(&mut draft, number, grade, &observed)?;
                }
                draft.commit()?;
                grades
            }
        };
        self.end(show, number, Phase::Grades, is_new, watch, |run| {
            let right = grades.iter().filter(|it| it.equivalent).count();
            let runs = grades.iter().filter(|it| it.executed).count();
            let score =
                grades.iter().map(|it| it.score).sum::<i64>() as f64 / grades.len().max(1) as f64;
            let mut line = format!(
                "{right} of {} right, {runs} run, score {score:.1}",
                grades.len()
            );
            let disagreements = grades.iter().filter(|it| is_disputed(it)).count();
            if disagreements > 0 {
                line += &format!(", the judge disagrees with {disagreements}");
            }
            let (cost, cost_usd) = run.cost();
            let figures = json!({
                "right": right, "run": runs, "score": score, "cost_usd": cost_usd,
                "disagreements": disagreements,
            });
            (line + &cost, figures)
        })?;
        Ok(grades)
    }

    pub(super) fn select(
        &mut self,
        number: u32,
        of: Id<RunStarted>,
        show: &mut dyn Show,
    ) -> Result<(Id<Snapshot>, RecordBatch), RoundError> {
        let watch = begin(show, number, Phase::Selection, 1)?;
        let recorded = at(&self.history.snapshots, number).cloned();
        let is_new = recorded.is_none();
        let (id, rows) = match recorded {
            Some((_, id, snapshot)) => (id, read_rows(self.writer.lake(), &snapshot)?),
            None => {
                let select = self
                    .stages
                    .select(self.writer.lake(), &self.selection, number, of);
                let set = block_on(select)??;
                let observed = Observed::now(self.writer.world());
                let note = self.note(number, Phase::Selection);
                let run_id = Some(self.stages.run_id);
                let mut draft = self.writer.begin(note);
                let id = set.record(&mut draft, run_id, number, observed)?;
                draft.commit()?;
                (id, set.rows)
            }
        };
        self.end(show, number, Phase::Selection, is_new, watch, |_| {
            let count = rows.num_rows();
            let line = format!("{count} mistakes selected");
            (line, json!({ "snapshot": id, "rows": count }))
        })?;
        Ok((id, rows))
    }

    pub(super) fn train_on(
        &mut self,
        number: u32,
        snapshot_id: Option<Id<Snapshot>>,
        file_hash: Option<ContentHash>,
        show: &mut dyn Show,
        material: impl FnOnce(&Self) -> Result<Material, RoundError>,
    ) -> Result<Option<(Id<Checkpoint>, Adapter)>, RoundError> {
        let watch = begin(show, number, Phase::Training, 1)?;
        if let Some((_, id, checkpoint)) = at(&self.history.checkpoints, number).cloned() {
            let adapter = self.read_adapter(&checkpoint)?;
            self.end(show, number, Phase::Training, false, watch, |_| {
                (
                    format!("adapter {}", short(checkpoint.adapter_blob.bytes())),
                    json!({}),
                )
            })?;
            return Ok(Some((id, adapter)));
        }
        let material = material(self)?;
        if material.examples.is_empty() {
            self.end(show, number, Phase::Training, false, watch, |_| {
                ("nothing to train on".to_owned(), json!({ "examples": 0 }))
            })?;
            return Ok(None);
        }
        let learner = self.learner.as_ref().map(|(id, adapter)| (*id, adapter));
        let mut is_first = true;
        let on_step = |_: usize, steps: usize, loss: f64| {
            if std::mem::take(&mut is_first) {
                show.begin(number, Phase::Training, steps);
            }
            show.advance(&format!("loss {loss:.3}"));
            !show.is_stopped()
        };
        let learned =
            self.stages
                .train(&material, number, snapshot_id, file_hash, learner, on_step)?;
        let Some(learned) = learned else {
            return Err(RoundError::Stopped);
        };
        let checkpoint_id = self.record_training(number, &learned, &material.text)?;
        self.end(show, number, Phase::Training, true, watch, |_| {
            let losses: Vec<f64> = learned.steps.iter().map(|it| it.loss).collect();
            let tokens: i64 = learned.steps.iter().map(|it| it.tokens).sum();
            let (first, last) = ends(&losses);
            let (answers, too_long) = (material.answers(), material.too_long);
            let left_out = match too_long {
                0 => String::new(),
                count => format!("; {count} too long and left out"),
            };
            let line = format!(
                "{answers} answers in {} steps, {tokens} tokens, loss {first:.3} to {last:.3}{left_out}",
                losses.len(),
            );
            let figures = json!({
                "checkpoint": checkpoint_id, "adapter": learned.checkpoint.adapter_blob,
                "examples": material.examples.len(), "answers": answers, "too_long": too_long,
                "steps": losses.len(), "tokens": tokens,
                "loss_first": first, "loss_last": last,
            });
            (line, figures)
        })?;
        Ok(Some((checkpoint_id, learned.adapter)))
    }

    pub(super) fn record_training(
        &mut self,
        number: u32,
        learned: &Learned,
        examples: &[u8],
    ) -> Result<Id<Checkpoint>, RoundError> {
        let observed = Observed::now(self.writer.world());
        let note = self.note(number, Phase::Training);
        let mut draft = self.writer.begin(note);
        draft.blob(examples)?;
        draft.blob(learned.bytes.weights.as_slice())?;
        draft.blob(learned.bytes.config.as_slice())?;
        append(&mut draft, number, &learned.started, &observed)?;
        for step in &learned.steps {
            append(&mut draft, number, step, &observed)?;
        }
        let id = append(&mut draft, number, &learned.checkpoint, &observed)?;
        draft.commit()?;
        Ok(id)
    }

    pub(super) fn evaluate(
        &mut self,
        number: u32,
        candidate: Answering<'_>,
        show: &mut dyn Show,
    ) -> Result<Evaluation, RoundError> {
        let watch = begin(show, number, Phase::Evaluation, 2 * self.suite.asked.len())?;
        let checkpoint = candidate.map(|(id, _)| id);
        let recorded = self.history.evaluation_of(checkpoint);
        let recorded = recorded.map(|(_, _, it)| it.clone());
        let is_new = recorded.is_none();
        let evaluation = match recorded {
            Some(evaluation) => evaluation,
            None => {
                let asked = &self.suite.asked;
                let stages = &self.stages;
                let answered = stages.answer(asked, candidate, Purpose::Eval, &[], show)?;
                if show.is_stopped() {
                    return Err(RoundError::Stopped);
                }
                let grades = stages.grade(asked, &answered.answers, number, show)?;
                let evaluation = stages.evaluate(
                    &self.suite,
                    self.suite_hash,
                    &grades,
                    number,
                    checkpoint,
                    None,
                );
                let observed = Observed::now(self.writer.world());
                let note = self.note(number, Phase::Evaluation);
                let mut draft = self.writer.begin(note);
                append_answers(&mut draft, number, &answered, &observed)?;
                for grade in &grades {
                    append(&mut draft, number, grade, &observed)?;
                }
                append(&mut draft, number, &evaluation, &observed)?;
                draft.commit()?;
                evaluation
            }
        };
        self.end(show, number, Phase::Evaluation, is_new, watch, |_| {
            (
                evaluation_line(&evaluation),
                json!({
                    "score": evaluation.score,
                    "ci95": [evaluation.score_low, evaluation.score_high],
                    "right": evaluation.equivalent.value,
                    "syntax_pass": evaluation.syntax_pass.value,
                }),
            )
        })?;
        Ok(evaluation)
    }

    pub(super) fn promote(
        &mut self,
        number: u32,
        checkpoint_id: Id<Checkpoint>,
        evaluation: &Evaluation,
        show: &mut dyn Show,
    ) -> Result<(bool, bool), RoundError> {
        let watch = begin(show, number, Phase::Promotion, 1)?;
        let recorded = at(&self.history.promotions, number);
        let recorded = recorded.map(|(_, _, it)| it.clone());
        let is_new = recorded.is_none();
        let promotion = match recorded {
            Some(promotion) => promotion,
            None => {
                let before = number.checked_sub(1);
                let incumbent = before.and_then(|it| self.history.in_place(it));
                let incumbent = incumbent.map(|(_, id, _)| *id);
                let promotion = decision(
                    &self.history,
                    (self.stages.run_id, self.stages.settings.until_score),
                    &self.suite.asked,
                    number,
                    (checkpoint_id, evaluation),
                    incumbent,
                );
                let events = std::slice::from_ref(&promotion);
                self.commit(number, Phase::Promotion, events)?;
                promotion
            }
        };
        let (promoted, converged) = (promotion.promoted, promotion.converged);
        self.end(show, number, Phase::Promotion, is_new, watch, |_| {
            let verb = if promoted { "takes" } else { "does not take" };
            let line = format!(
                "the adapter {verb} its place: {} ({:+.1} points, {:+.1} to {:+.1})",
                promotion.reason, promotion.difference, promotion.low, promotion.high
            );
            (
                line,
                json!({ "promoted": promoted, "converged": converged }),
            )
        })?;
        Ok((promoted, converged))
    }
}

fn ends(losses: &[f64]) -> (f64, f64) {
    let third = (losses.len() / 3).max(1).min(losses.len());
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    (
        mean(&losses[..third]),
        mean(&losses[losses.len() - third..]),
    )
}

fn short(hash: [u8; 32]) -> String {
    crate::base::id::to_hex(&hash)[..12].to_owned()
}
