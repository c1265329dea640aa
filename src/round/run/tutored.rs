//! What a chat teacher adds to the phases of an iteration.

use serde_json::json;

use super::super::asked::Asked;
use super::super::calls::{CallIds, Remark};
use super::super::planted::{is_trusted, planted_line};
use super::super::proposals::Posed;
use super::super::report::{Phase, RoundError, Show, begin};
use super::super::tutor::PLANTS;
use super::super::write::append;
use super::{Run, Tutor};
use crate::event::Observed;
use crate::event::grade::Grade;
use crate::grading::grader::EQUIVALENT_SCORE;
use crate::lake::Draft;
use crate::teacher::chat::ChatTeacher;

impl Run<'_> {
    /// The chat teacher, if the run has one: to be asked, or to be heard again.
    pub(super) fn teacher(&self, is_new: bool) -> Result<Option<&ChatTeacher>, RoundError> {
        match (&self.tutor, &self.stages.settings.teacher) {
            (Some(tutor), _) if is_new => Ok(Some(&tutor.teacher)),
            (Some(tutor), _) => Ok(Some(&tutor.memory)),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let what = "the run's chat teacher was not opened";
                Err(RoundError::Refused(what.to_owned()))
            }
        }
    }

    /// Why there are no questions; what the teacher said is recorded all the same.
    pub(super) fn unasked(
        &mut self,
        number: u32,
        posed: Posed,
        losses: &str,
    ) -> Result<RoundError, RoundError> {
        let Some(tutor) = &self.tutor else {
            let what = "no question could be made that was not asked before; begin another run \
                        with another --seed";
            return Ok(RoundError::Refused(what.to_owned()));
        };
        if tutor.calls.has_news()? {
            let note = self.note(number, Phase::Challenges) + ", none of them admitted";
            let mut draft = self.writer.begin(note);
            record_calls(self.tutor.as_ref(), &mut draft, number, posed.remarks)?;
            draft.commit()?;
        }
        Ok(RoundError::Refused(format!(
            "nothing that the teacher proposed may be asked ({} drafts): {losses}. `antiks sql \
             \"select detail from teacher_calls\"` says why; begin another run with another \
             model or --seed",
            posed.drafts
        )))
    }

    /// Plants answers among those of the student and has them judged; gives whether the judge
    /// may be trusted. Without a chat teacher there is nobody to be tested.
    pub(super) fn test_judge(
        &mut self,
        number: u32,
        asked: &[Asked],
        show: &mut dyn Show,
    ) -> Result<bool, RoundError> {
        let Some(tutor) = &self.tutor else {
            return Ok(true);
        };
        let limit = tutor.chat.false_pass_limit;
        let parts = PLANTS * tutor.chat.sentinels.min(asked.len());
        let watch = begin(show, number, Phase::Sentinels, parts)?;
        let recorded = self.history.evaluation_of_judge(number).cloned();
        let is_new = recorded.is_none();
        let evaluation = match recorded {
            Some(evaluation) => evaluation,
            None => {
                let chat = &tutor.chat;
                let planted = self
                    .stages
                    .plant((&tutor.teacher, chat), asked, number, show)?;
                let observed = Observed::now(self.writer.world());
                let note = self.note(number, Phase::Sentinels);
                let mut draft = self.writer.begin(note);
                let calls = tutor.calls.record(&mut draft, number)?;
                let events = self.stages.planted(chat, asked, &planted, number, &calls);
                for answer in &events.answers {
                    append(&mut draft, number, answer, &observed)?;
                }
                for grade in &events.grades {
                    append(&mut draft, number, grade, &observed)?;
                }
                append(&mut draft, number, &events.evaluation, &observed)?;
                draft.commit()?;
                events.evaluation
            }
        };
        let is_trusted = is_trusted(&evaluation, limit);
        self.end(show, number, Phase::Sentinels, is_new, watch, |run| {
            let (cost, cost_usd) = run.cost();
            let figures = json!({
                "planted": evaluation.items, "trusted": is_trusted, "cost_usd": cost_usd,
                "false_pass": evaluation.false_pass.as_ref().map(|it| it.value),
            });
            (planted_line(&evaluation, limit) + &cost, figures)
        })?;
        Ok(is_trusted)
    }
}

/// Adds what the teacher was asked since the last time to a commit.
pub(super) fn record_calls(
    tutor: Option<&Tutor>,
    draft: &mut Draft<'_>,
    number: u32,
    remarks: Vec<Remark>,
) -> Result<CallIds, RoundError> {
    let Some(tutor) = tutor else {
        return Ok(CallIds::new());
    };
    for remark in remarks {
        tutor.calls.remark(remark);
    }
    Ok(tutor.calls.record(draft, number)?)
}

/// Whether a judge contradicts what execution found.
pub(super) fn is_disputed(grade: &Grade) -> bool {
    let judge = grade.judge_score;
    judge.is_some_and(|score| (score >= EQUIVALENT_SCORE) != grade.equivalent)
}
