//! Whether a new checkpoint takes the place of the one before: by the paired differences
//! of both on the frozen suite.
//!
//! **Invariant.** A checkpoint that is surely worse, on the whole or in a category, never
//! takes the place.

use std::collections::BTreeMap;

use super::asked::Asked;
use super::history::History;
use super::statistics::{Interval, mean};
use crate::base::id::Id;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::promotion::{CategoryDifference, Promotion};
use crate::event::run_started::RunStarted;

/// How much wider the interval of a category must be, for the chance that one of seven is
/// wrongly called worse to be that of one alone: the 0.025 / 7 point of the normal
/// distribution over its 0.025 point (Bonferroni).
const AMONG_SEVEN: f64 = 2.690 / 1.960;

/// One side of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a, C> {
    /// The checkpoint; for the one in place none if it is the base.
    pub checkpoint_id: C,
    /// Its evaluation.
    pub evaluation_id: Option<Id<Evaluation>>,
    /// Its grades, in the order of the suite.
    pub grades: &'a [Grade],
}

/// The decision on a candidate.
pub fn decide(
    run_id: Id<RunStarted>,
    asked: &[Asked],
    candidate: Side<'_, Id<Checkpoint>>,
    candidate_evaluation: (Id<Evaluation>, &Evaluation),
    incumbent: Side<'_, Option<Id<Checkpoint>>>,
    until_score: f64,
) -> Promotion {
    let pairs = candidate.grades.iter().zip(incumbent.grades);
    let differences: Vec<f64> = pairs
        .map(|(new, old)| (new.score - old.score) as f64)
        .collect();
    let mut by_category: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (asked, difference) in asked.iter().zip(&differences) {
        let category = asked.challenge.category.as_str();
        by_category.entry(category).or_default().push(*difference);
    }
    let whole = mean(&differences);
    let categories: Vec<(&str, usize, Interval)> = by_category
        .into_iter()
        .map(|(category, values)| (category, values.len(), mean(&values)))
        .collect();
    let falls: Vec<&str> = categories
        .iter()
        .filter(|(_, _, it)| it.value + (it.high - it.value) * AMONG_SEVEN < 0.0)
        .map(|(category, _, _)| *category)
        .collect();
    let promoted = whole.high >= 0.0 && falls.is_empty();
    let reason = match (whole.high < 0.0, falls.is_empty()) {
        (true, _) => "it is worse on the whole".to_owned(),
        (false, false) => format!("it is worse in {}", falls.join(", ")),
        (false, true) if whole.low > 0.0 => "it is better".to_owned(),
        (false, true) => "it is not worse".to_owned(),
    };
    Promotion {
        run_id,
        candidate_checkpoint_id: candidate.checkpoint_id,
        candidate_evaluation_id: candidate_evaluation.0,
        incumbent_checkpoint_id: incumbent.checkpoint_id,
        incumbent_evaluation_id: incumbent.evaluation_id,
        promoted,
        reason,
        difference: whole.value,
        low: whole.low,
        high: whole.high,
        categories: categories
            .into_iter()
            .map(|(category, items, difference)| CategoryDifference {
                category: category.to_owned(),
                items: items as i64,
                difference: difference.value,
                low: difference.low,
                high: difference.high,
            })
            .collect(),
        converged: promoted && candidate_evaluation.1.score_low >= until_score,
    }
}

/// The decision on the checkpoint of an iteration, from what the lake holds.
pub fn decision(
    history: &History,
    (run_id, until_score): (Id<RunStarted>, f64),
    asked: &[Asked],
    number: u32,
    candidate: (Id<Checkpoint>, &Evaluation),
    incumbent: Option<Id<Checkpoint>>,
) -> Promotion {
    let mut scratch = Vec::new();
    let before = history.evaluation_of(incumbent);
    let old = before.map_or(Vec::new(), |(_, _, it)| history.grades_of(it));
    let new = history.grades_of(candidate.1);
    decide(
        run_id,
        asked,
        Side {
            checkpoint_id: candidate.0,
            evaluation_id: None,
            grades: &new,
        },
        (event_id(number, candidate.1, &mut scratch), candidate.1),
        Side {
            checkpoint_id: incumbent,
            evaluation_id: before.map(|(_, id, _)| *id),
            grades: &old,
        },
        until_score,
    )
}
