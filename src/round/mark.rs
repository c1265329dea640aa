//! Answers and grades as events: what the student said, and what its execution showed.

use super::asked::Asked;
use super::exam::examine;
use super::pupil::Said;
use crate::base::id::Id;
use crate::event::answer::Answer;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::words::Purpose;
use crate::grading::task::{Task, TaskError};
use crate::grading::{GRADER_VERSION, Verdict};
use crate::sandbox::{Sandbox, sqlite_source};

/// The events of answers to questions, in their order.
pub fn answers(
    asked: &[Asked],
    said: &[Said],
    checkpoint_id: Option<Id<Checkpoint>>,
    run_id: Id<RunStarted>,
    purpose: Purpose,
) -> Vec<Answer> {
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
    answer.collect()
}

/// The events of the grades of answers, in their order: each answer is executed.
///
/// # Errors
/// The sandbox can't run, or a reference fails.
pub fn grades(
    sandbox: &Sandbox,
    asked: &[Asked],
    answers: &[Answer],
    iteration: u32,
    mut on_grade: impl FnMut(),
) -> Result<Vec<Grade>, TaskError> {
    let tasks: Vec<(&Task, &str)> = asked
        .iter()
        .zip(answers)
        .map(|(asked, answer)| {
            let sql = answer.sql.as_deref().unwrap_or_default();
            (&asked.proposal.admitted.task, sql)
        })
        .collect();
    let verdicts = examine(sandbox, &tasks)?;
    let mut scratch = Vec::new();
    let all = asked.iter().zip(answers).zip(verdicts);
    let grades = all.map(|((asked, answer), verdict)| {
        on_grade();
        let answer_id = event_id(iteration, answer, &mut scratch);
        grade(asked, answer, answer_id, verdict)
    });
    Ok(grades.collect())
}

fn grade(asked: &Asked, answer: &Answer, answer_id: Id<Answer>, verdict: Verdict) -> Grade {
    // The reference was executed when the question was admitted.
    let is_corrected = !verdict.equivalent && answer.purpose == Purpose::Train;
    Grade {
        run_id: answer.run_id,
        challenge_id: asked.id,
        answer_id,
        purpose: answer.purpose,
        score: verdict.score,
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
        judge_score: None,
        judge_call_id: None,
        correction_sql: is_corrected.then(|| asked.challenge.reference_sql.clone()),
        explanation: (!verdict.explanation.is_empty()).then_some(verdict.explanation),
        correction_call_id: None,
    }
}
