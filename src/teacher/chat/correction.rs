//! The teacher's correction of an answer, which is executed before anybody learns from it.

use serde::Deserialize;

use super::asker::{Asker, ChatError};
use super::call::{Desk, Manner};
use super::evidence::Evidence;
use super::prompts::{CORRECT, PromptError};
use super::proposal::bare;
use super::talk::{Question, Said, talk};
use crate::event::words::Request;
use crate::grading::{Task, TaskError, Verdict, grade};
use crate::sandbox::Sandbox;

const MAX_TOKENS: u32 = 1_000;
const MAX_SQL_BYTES: usize = 6_000;
const MAX_EXPLANATION_BYTES: usize = 2_000;

/// A correction that nobody has executed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The statement.
    pub sql: String,
    /// What was wrong, and how it is done right.
    pub explanation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    sql: String,
    explanation: String,
}

impl Correction {
    /// Executes it beside the reference; gives its verdict if it may be trained on.
    ///
    /// # Errors
    /// The sandbox can't run, or the reference fails.
    pub fn prove(&self, sandbox: &Sandbox, task: &Task) -> Result<Option<Verdict>, TaskError> {
        let verdict = grade(sandbox, task, Some(&self.sql))?;
        Ok(verdict.equivalent.then_some(verdict))
    }
}

/// Asks for the correction of an answer.
///
/// # Errors
/// There is no usable answer.
pub async fn correct(
    asker: &Asker,
    desk: &Desk,
    evidence: &Evidence<'_>,
) -> Result<Said<Correction>, ChatError> {
    let question = question(evidence)?;
    talk(asker, desk, &question, read).await
}

/// The question that is put.
pub(super) fn question(evidence: &Evidence<'_>) -> Result<Question, PromptError> {
    Ok(Question {
        request: Request::Correct,
        rendered: CORRECT.render(&evidence.context())?,
        manner: Manner {
            max_tokens: MAX_TOKENS,
            temperature: 0.0,
        },
        ordinal: 0,
    })
}

fn read(answer: Answer) -> Result<Correction, String> {
    let sql = bare(&answer.sql);
    if sql.is_empty() || sql.len() > MAX_SQL_BYTES {
        return Err(format!("a correction has 1 to {MAX_SQL_BYTES} characters"));
    }
    let explanation = answer.explanation.trim();
    Ok(Correction {
        sql,
        explanation: explanation[..explanation.floor_char_boundary(MAX_EXPLANATION_BYTES)]
            .to_owned(),
    })
}
