//! Answers and grades as events: what the student said, and what its execution showed.

use std::time::Duration;

use super::asked::Asked;
use super::calls::CallIds;
use super::exam::examine;
use super::opinions::Opinion;
use super::pupil::Said;
use crate::base::id::{ContentHash, Id};
use crate::event::answer::Answer;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::words::Purpose;
use crate::grading::task::{Task, TaskError};
use crate::grading::{GRADER_VERSION, Verdict};
use crate::sandbox::{Sandbox, sqlite_source};
use crate::teacher::chat::judgement::weigh;

/// Answers, and how long each took to make.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// The answers.
    pub answers: Vec<Answer>,
    /// Their durations.
    pub durations: Vec<Duration>,
}

/// The events of answers to questions, in their order.
pub fn answers(
    asked: &[Asked],
    said: &[Said],
    checkpoint_id: Option<Id<Checkpoint>>,
    run_id: Id<RunStarted>,
    purpose: Purpose,
) -> Answered {
    let pairs = asked.iter().zip(said);
    let answer = pairs.map(|(asked, said)| Answer {
        run_id: Some(run_id),
        challenge_id: asked.id,
        checkpoint_id,
        purpose,
        sample: 0,
        prompt_hash: said.prompt_hash,
        prompt_tokens: said.prompt_tokens as i64,
        text: said.text.clone(),
        sql: said.sql.clone(),
        output_tokens: said.output_tokens as i64,
        finish_reason: said.finish_reason.to_owned(),
        temperature: 0.0,
        seed: None,
    });
    Answered {
        answers: answer.collect(),
        durations: said.iter().map(|it| it.duration).collect(),
    }
}

/// The verdicts on answers, in their order: each answer is executed.
///
/// # Errors
/// The sandbox can't run, or a reference fails.
pub fn verdicts(
    sandbox: &Sandbox,
    asked: &[Asked],
    answers: &[Answer],
) -> Result<Vec<Verdict>, TaskError> {
    let tasks: Vec<(&Task, &str)> = asked
        .iter()
        .zip(answers)
        .map(|(asked, answer)| {
            let sql = answer.sql.as_deref().unwrap_or_default();
            (&asked.proposal.admitted.task, sql)
        })
        .collect();
    examine(sandbox, &tasks)
}

/// The events of the grades of answers, in their order. `opinions` are a chat teacher's, if
/// there is one; `calls` are the events of its calls.
pub fn grades(
    asked: &[Asked],
    answers: &[Answer],
    iteration: u32,
    verdicts: Vec<Verdict>,
    (opinions, calls): (&[Opinion], &CallIds),
) -> Vec<Grade> {
    let mut scratch = Vec::new();
    let all = asked.iter().zip(answers).zip(verdicts).enumerate();
    let grades = all.map(|(place, ((asked, answer), verdict))| {
        let marked = Marked {
            asked,
            answer,
            answer_id: event_id(iteration, answer, &mut scratch),
            opinion: opinions.get(place),
        };
        grade_of(marked, verdict, calls)
    });
    grades.collect()
}

/// An answer that is graded.
#[derive(Clone, Copy)]
pub struct Marked<'a> {
    /// The question.
    pub asked: &'a Asked,
    /// The answer.
    pub answer: &'a Answer,
    /// Its id.
    pub answer_id: Id<Answer>,
    /// What a chat teacher says of it.
    pub opinion: Option<&'a Opinion>,
}

/// The event of a grade. A judge lowers the score of a pass, and does nothing else.
pub fn grade_of(marked: Marked<'_>, verdict: Verdict, calls: &CallIds) -> Grade {
    let Marked {
        asked,
        answer,
        answer_id,
        opinion,
    } = marked;
    let judged = opinion.and_then(|it| it.judged.as_ref());
    let corrected = opinion.and_then(|it| it.corrected.as_ref());
    let judge_score = judged.map(|(judgement, _)| judgement.score);
    let score = weigh(&verdict, judge_score);
    // The reference was executed when the question was admitted.
    let is_corrected = !verdict.equivalent && answer.purpose == Purpose::Train;
    let correction_sql = match corrected {
        Some(corrected) => Some(corrected.sql.clone()),
        None => is_corrected.then(|| asked.challenge.reference_sql.clone()),
    };
    let reason = judged.filter(|_| score < verdict.score);
    let explanation = match (corrected, reason) {
        (Some(corrected), _) => corrected.explanation.clone(),
        (None, Some((judgement, _))) => judgement.reason.clone(),
        (None, None) => verdict.explanation,
    };
    let call = |request: ContentHash| calls.get(&request).copied();
    Grade {
        run_id: answer.run_id,
        challenge_id: asked.id,
        answer_id,
        purpose: answer.purpose,
        score,
        equivalent: verdict.equivalent,
        executed: verdict.executed,
        verdict: verdict.word.to_owned(),
        error_class: verdict.error_class.map(str::to_owned),
        error_message: verdict.error_message,
        partial_credit: verdict.partial_credit,
        practices: verdict.practices,
        instances: verdict.instances,
        grader_version: GRADER_VERSION.to_owned(),
        sqlite_source: sqlite_source(),
        judge_score,
        judge_call_id: judged.and_then(|(_, request)| call(*request)),
        correction_sql,
        explanation: (!explanation.is_empty()).then_some(explanation),
        correction_call_id: corrected.and_then(|it| call(it.request)),
    }
}
