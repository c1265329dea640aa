//! What a chat teacher says of answers, held against execution: its score, and its correction.
//!
//! **Invariant.** A correction that is handed on was executed and gave the reference's rows.

use super::asked::Asked;
use super::calls::Remark;
use super::report::{RoundError, Show};
use super::tutor::{after_each, check_stopped};
use crate::base::id::ContentHash;
use crate::event::answer::Answer;
use crate::event::words::Request;
use crate::grading::Verdict;
use crate::sandbox::Sandbox;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::chat::evidence::Evidence;
use crate::teacher::chat::judgement::{Judgement, weigh};

/// What a teacher says of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opinion {
    /// Its judgement, and the request that gave it.
    pub judged: Option<(Judgement, ContentHash)>,
    /// Its correction, proven.
    pub corrected: Option<Corrected>,
}

/// A correction that gives the reference's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrected {
    /// The statement.
    pub sql: String,
    /// What was wrong.
    pub explanation: String,
    /// The request that gave it.
    pub request: ContentHash,
}

/// What a teacher says of the answers of an iteration.
#[derive(Clone, Debug, Default)]
pub struct Opinions {
    /// One for each answer.
    pub all: Vec<Opinion>,
    /// Corrections that execution refused.
    pub remarks: Vec<Remark>,
}

/// Whose answers are looked at, and how.
#[derive(Clone, Copy)]
pub struct Viewpoint<'a> {
    /// Where corrections are proven.
    pub sandbox: &'a Sandbox,
    /// Scores below it are mistakes.
    pub threshold: i64,
    /// Whether values that a statement gave may be shown.
    pub shows_values: bool,
}

/// Has a teacher judge all answers, and correct those that are mistakes.
///
/// # Errors
/// The teacher stopped, or the sandbox can't run.
pub fn opinions(
    teacher: &ChatTeacher,
    viewpoint: Viewpoint<'_>,
    asked: &[Asked],
    (answers, verdicts): (&[Answer], &[Verdict]),
    show: &mut dyn Show,
) -> Result<Opinions, RoundError> {
    let shown: Vec<Verdict> = verdicts
        .iter()
        .map(|it| shown(it, viewpoint.shows_values))
        .collect();
    let evidence = |place: usize| Evidence {
        schema: &asked[place].proposal.schema,
        question: &asked[place].challenge.question,
        task: &asked[place].proposal.admitted.task,
        answer: &answers[place].text,
        verdict: &shown[place],
    };
    let mut opinions = Opinions {
        all: vec![Opinion::default(); answers.len()],
        remarks: Vec::new(),
    };
    // Who said nothing has nothing to be judged.
    let said: Vec<usize> = (0..answers.len())
        .filter(|place| !answers[*place].text.trim().is_empty())
        .collect();
    let all: Vec<Evidence<'_>> = said.iter().map(|place| evidence(*place)).collect();
    let judged = teacher.judge(&all, Request::Grade, after_each(teacher, show));
    check_stopped(teacher)?;
    for (place, judged) in said.iter().zip(judged) {
        opinions.all[*place].judged = judged.ok().map(|it| (it.value, it.request));
    }
    let wrong: Vec<usize> = said
        .into_iter()
        .filter(|place| {
            let judge = opinions.all[*place].judged.as_ref();
            let score = judge.map(|it| it.0.score);
            weigh(&verdicts[*place], score) < viewpoint.threshold
        })
        .collect();
    let all: Vec<Evidence<'_>> = wrong.iter().map(|place| evidence(*place)).collect();
    let corrected = teacher.correct(&all, after_each(teacher, show));
    check_stopped(teacher)?;
    let corrected: Vec<_> = wrong
        .into_iter()
        .zip(corrected)
        .filter_map(|(place, it)| Some((place, it.ok()?)))
        .collect();
    let sandbox = viewpoint.sandbox;
    let proven = sandbox.each(&corrected, |(place, said)| {
        let task = &asked[*place].proposal.admitted.task;
        said.value.prove(sandbox, task)
    })?;
    for ((place, said), proven) in corrected.into_iter().zip(proven) {
        let request = said.request;
        if proven.is_none() {
            let what = "the correction does not give the reference's rows".to_owned();
            opinions.remarks.push(Remark {
                request,
                what,
                is_refusal: true,
            });
            continue;
        }
        opinions.all[place].corrected = Some(Corrected {
            sql: said.value.sql,
            explanation: said.value.explanation,
            request,
        });
    }
    Ok(opinions)
}

/// A verdict as it may be shown: without the rows of a user's file, if those are the user's.
pub(super) fn shown(verdict: &Verdict, shows_values: bool) -> Verdict {
    let mut verdict = verdict.clone();
    if !shows_values {
        for instance in &mut verdict.instances {
            instance.first_difference = None;
        }
    }
    verdict
}
