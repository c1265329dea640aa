//! Answers of a student to questions, and the verdicts on them.

use crate::database::schema::Schema;
use crate::grading::task::{Task, TaskError};
use crate::grading::{Verdict, grade};
use crate::nano::document::prompt;
use crate::sandbox::Sandbox;
use crate::student::decode::{Sampling, Settings, generate};
use crate::student::error::StudentError;
use crate::student::message::Message;
use crate::student::model::Model;
use crate::student::prompt::Prompts;

/// Tokens of an answer at most.
const MAX_ANSWER_TOKENS: usize = 320;
/// Answers that are made side by side.
const BATCH_ROWS: usize = 32;

/// What a student says to each question, greedily. A question that is too long for it gets
/// an empty answer.
///
/// # Errors
/// A template that refuses the question, and what the device says.
pub fn answer(
    model: &Model,
    prompts: &Prompts,
    questions: &[(&Schema, &str)],
    mut on_answer: impl FnMut(),
) -> Result<Vec<String>, StudentError> {
    let mut asked = Vec::with_capacity(questions.len());
    let mut numbers = Vec::with_capacity(questions.len());
    for (number, (schema, question)) in questions.iter().enumerate() {
        let ids = prompts.chat(&[Message::user(prompt(schema, question))])?;
        if ids.len() < model.max_positions() {
            asked.push(ids);
            numbers.push(number);
        }
    }
    let settings = Settings {
        sampling: Sampling::Greedy,
        max_new_tokens: MAX_ANSWER_TOKENS,
        stop_tokens: prompts.eos_ids().to_vec(),
        batch_rows: BATCH_ROWS,
        logprobs: false,
    };
    let answers = generate(model, &asked, &settings, &mut |_, token| {
        if prompts.eos_ids().contains(&token) {
            on_answer();
        }
    })?;
    let mut texts = vec![String::new(); questions.len()];
    for (number, answer) in numbers.into_iter().zip(answers) {
        texts[number] = prompts.tokenizer().decode(&answer.tokens, true)?;
    }
    Ok(texts)
}

/// The verdicts on answers, in their order.
///
/// # Errors
/// The sandbox can't run, or a reference fails.
pub fn examine(sandbox: &Sandbox, asked: &[(&Task, &str)]) -> Result<Vec<Verdict>, TaskError> {
    sandbox.each(asked, |(task, sql)| {
        let sql = (!sql.trim().is_empty()).then_some(*sql);
        grade(sandbox, task, sql)
    })
}
