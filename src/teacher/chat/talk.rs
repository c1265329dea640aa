//! One question to the teacher, and what it is worth: JSON of the form that was asked for, or
//! a refusal after it was asked once more.
//!
//! **Invariant.** A question costs two calls at most that are answered.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::asker::{Asker, ChatError};
use super::call::{Call, Desk, Manner};
use super::completion::Completion;
use super::ledger::Conclusion;
use super::prompts::Rendered;
use crate::base::id::ContentHash;
use crate::event::words::Request;

/// As much of an unusable answer as the teacher is shown again.
const QUOTED_BYTES: usize = 2_000;
/// Whose tokens ran out gets so many times as many.
const MORE_TOKENS: u32 = 4;

/// A usable answer, and the call that it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Said<T> {
    /// What was said.
    pub value: T,
    /// The hash of the request that it answers.
    pub request: ContentHash,
}

/// What is asked for, and how.
#[derive(Clone, Debug)]
pub struct Question {
    /// What it is for.
    pub request: Request,
    /// The prompt.
    pub rendered: Rendered,
    /// How the model is asked.
    pub manner: Manner,
    /// Which of several equal questions it is.
    pub ordinal: u32,
}

/// Asks, checks, and asks once more if the answer can't be used.
///
/// # Errors
/// There is no answer, or none that `check` takes.
pub async fn talk<T: DeserializeOwned, R>(
    asker: &Asker,
    desk: &Desk,
    question: &Question,
    check: impl Fn(T) -> Result<R, String>,
) -> Result<Said<R>, ChatError> {
    let first = Arc::new(desk.call(
        question.request,
        &question.rendered,
        question.manner,
        question.ordinal,
    ));
    let (completion, problem) = match once(asker, &first, &check).await? {
        Ok(said) => return Ok(said),
        Err(refused) => refused,
    };
    let rendered = question
        .rendered
        .again(quoted(&completion.content), &problem);
    let mut manner = question.manner;
    if completion.is_cut_off() || completion.content.trim().is_empty() {
        manner.max_tokens = manner.max_tokens.saturating_mul(MORE_TOKENS);
    }
    let second = Arc::new(desk.call(question.request, &rendered, manner, question.ordinal));
    match once(asker, &second, &check).await? {
        Ok(said) => Ok(said),
        Err((_, problem)) => Err(ChatError::Refused(problem)),
    }
}

/// One call; what it said, or the answer and why it can't be used.
async fn once<T: DeserializeOwned, R>(
    asker: &Asker,
    call: &Arc<Call>,
    check: &impl Fn(T) -> Result<R, String>,
) -> Result<Result<Said<R>, (Completion, String)>, ChatError> {
    let completion = asker.ask(call).await?;
    let value = parse(&completion).and_then(check);
    Ok(match value {
        Ok(value) => {
            asker.conclude(call, Conclusion::Used);
            Ok(Said {
                value,
                request: call.hash,
            })
        }
        Err(problem) => {
            asker.conclude(call, Conclusion::Refused(problem.clone()));
            Err((completion, problem))
        }
    })
}

/// The JSON in an answer.
fn parse<T: DeserializeOwned>(completion: &Completion) -> Result<T, String> {
    let text = completion.content.trim();
    if text.is_empty() {
        let reasoning = completion.usage.reasoning_tokens.unwrap_or(0);
        return Err(match (completion.is_cut_off(), reasoning) {
            (_, 1..) => format!("it is empty, after {reasoning} tokens of reasoning"),
            (true, _) => "it is empty, since its tokens ran out".to_owned(),
            _ => "it is empty".to_owned(),
        });
    }
    serde_json::from_str(without_fence(text)).map_err(|error| match completion.is_cut_off() {
        true => "it was cut off, since its tokens ran out".to_owned(),
        false => format!("it is not the JSON that was asked for: {error}"),
    })
}

/// Models like to put JSON into a fence of backquotes, schema or not.
fn without_fence(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("```") else {
        return text;
    };
    let Some(inner) = rest.trim_end().strip_suffix("```") else {
        return text;
    };
    inner.strip_prefix("json").unwrap_or(inner).trim()
}

fn quoted(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTED_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teacher::chat::completion::Usage;

    fn said(content: &str, reason: &str, reasoning: u64) -> Completion {
        Completion {
            content: content.to_owned(),
            finish_reason: Some(reason.to_owned()),
            usage: Usage {
                reasoning_tokens: Some(reasoning),
                ..Usage::default()
            },
            ..Completion::default()
        }
    }

    #[test]
    fn an_answer_is_json_in_a_fence_or_not() {
        let read = |text: &str| parse::<Vec<u8>>(&said(text, "stop", 0));
        for text in [
            "[1, 2]",
            " [1,2]\n",
            "```json\n[1,2]\n```",
            "```\n[1,2]```\n",
        ] {
            assert_eq!(read(text), Ok(vec![1, 2]), "{text}");
        }
        for text in ["", "[1", "```json\n[1,2]", "[1] and more", "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
        let problem = |completion| parse::<Vec<u8>>(&completion).unwrap_err();
        assert!(problem(said(" ", "length", 900)).contains("900 tokens of reasoning"));
        assert!(problem(said("", "length", 0)).contains("ran out"));
        assert!(problem(said("[1, ", "length", 0)).contains("cut off"));
    }
}
