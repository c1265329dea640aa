//! The teacher's own opinion of an answer, and what it is worth beside execution.
//!
//! **Invariant.** A judge never raises a verdict: not a failed one to a pass, and not a pass
//! to a better one.

use serde::Deserialize;

use super::asker::{Asker, ChatError};
use super::call::{Desk, Manner};
use super::evidence::Evidence;
use super::prompts::{GRADE, PromptError};
use super::talk::{Question, Said, talk};
use crate::event::words::Request;
use crate::grading::Verdict;
use crate::grading::grader::EQUIVALENT_SCORE;

/// A reason is short.
const MAX_TOKENS: u32 = 400;
const MAX_REASON_BYTES: usize = 2_000;

/// What the teacher thinks of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Its score, 0 to 100.
    pub score: i64,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    reason: String,
    score: f64,
}

impl Judgement {
    /// Whether it takes the answer for right.
    pub fn is_pass(&self) -> bool {
        self.score >= EQUIVALENT_SCORE
    }

    /// Whether it and execution contradict each other.
    pub fn disagrees_with(&self, verdict: &Verdict) -> bool {
        self.is_pass() != verdict.equivalent
    }
}

/// The score of a verdict beside which a judge gave its own: only a pass is lowered.
pub fn weigh(verdict: &Verdict, judge_score: Option<i64>) -> i64 {
    match judge_score {
        Some(score) if verdict.equivalent => verdict.score.min(score),
        _ => verdict.score,
    }
}

/// Asks what the teacher thinks of an answer.
///
/// # Errors
/// There is no usable answer.
pub async fn judge(
    asker: &Asker,
    desk: &Desk,
    evidence: &Evidence<'_>,
    request: Request,
) -> Result<Said<Judgement>, ChatError> {
    let question = question(evidence, request)?;
    talk(asker, desk, &question, read).await
}

/// The question that is put.
pub(super) fn question(evidence: &Evidence<'_>, request: Request) -> Result<Question, PromptError> {
    Ok(Question {
        request,
        rendered: GRADE.render(&evidence.context())?,
        manner: Manner {
            max_tokens: MAX_TOKENS,
            temperature: 0.0,
        },
        ordinal: 0,
    })
}

fn read(answer: Answer) -> Result<Judgement, String> {
    if !(0.0..=100.0).contains(&answer.score) {
        return Err(format!("the score {} is not from 0 to 100", answer.score));
    }
    let reason = answer.reason.trim();
    Ok(Judgement {
        // A score between two whole numbers counts as the lower one.
        score: answer.score as i64,
        reason: reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(score: i64) -> Verdict {
        Verdict {
            score,
            equivalent: score >= EQUIVALENT_SCORE,
            executed: true,
            word: "equivalent",
            error_class: None,
            error_message: None,
            partial_credit: 1.0,
            practices: Vec::new(),
            instances: Vec::new(),
            explanation: String::new(),
        }
    }

    #[test]
    fn a_judge_can_only_lower_a_pass() {
        for score in 0..=100 {
            for judge in 0..=100 {
                let weighed = weigh(&verdict(score), Some(judge));
                assert!(weighed <= score);
                assert!(score >= EQUIVALENT_SCORE || weighed == score);
            }
            assert_eq!(weigh(&verdict(score), None), score);
        }
        assert_eq!(weigh(&verdict(95), Some(40)), 40);
    }

    #[test]
    fn a_score_is_from_0_to_100() {
        let read = |text: &str| {
            let answer = serde_json::from_str(text).map_err(|error| error.to_string())?;
            read(answer)
        };
        let judgement = read(r#"{"reason":" fine ","score":79.9}"#).unwrap();
        assert_eq!((judgement.score, judgement.reason.as_str()), (79, "fine"));
        assert!(!judgement.is_pass());
        assert!(judgement.disagrees_with(&verdict(80)));
        for wrong in [
            r#"{"reason":"","score":101}"#,
            r#"{"reason":"","score":-1}"#,
            r#"{"reason":"","score":"100"}"#,
            r#"{"score":100}"#,
            r#"{"reason":"","score":100,"equivalent":true}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
