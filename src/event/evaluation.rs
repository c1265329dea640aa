//! How good a checkpoint is on a suite.

use super::checkpoint::Checkpoint;
use super::envelope::kind;
use super::grade::Grade;
use super::record::record;
use super::run_started::RunStarted;
use crate::base::id::{ContentHash, Id};

record! {
    /// A share of items with its 95 % interval. All three are 0 to 1.
    pub struct Share {
        /// The share that was measured.
        pub value: f64,
        /// The interval's lower end.
        pub low: f64,
        /// The interval's upper end.
        pub high: f64,
    }
}

record! {
    /// The figures of one group of items, such as a category.
    pub struct GroupScore {
        /// What the items have in common: `category`, `difficulty` or `phrasing`.
        pub group: String,
        /// Which of these they are.
        pub name: String,
        /// How many they are.
        pub items: i64,
        /// Their average score, 0 to 100.
        pub score: f64,
        /// The share that is equivalent to the reference.
        pub equivalent: Share,
    }
}

record! {
    /// How good a checkpoint is on a suite.
    pub struct Evaluation {
        /// The run that it belongs to; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The checkpoint that was measured; left out for the base.
        pub checkpoint_id: Option<Id<Checkpoint>>,
        /// The hash over the base's files.
        pub base_hash: ContentHash,
        /// The suite: `frozen`, `sealed`, `sentinels` or a user's.
        pub suite: String,
        /// The hash of its questions and references.
        pub suite_hash: ContentHash,
        /// How often the suite was opened before; counted for the sealed one.
        pub opened_before: Option<i64>,
        /// How many items it has.
        pub items: i64,
        /// The average score, 0 to 100.
        pub score: f64,
        /// The lower end of the average's 95 % interval.
        pub score_low: f64,
        /// The upper end of the average's 95 % interval.
        pub score_high: f64,
        /// The share that is equivalent to the reference.
        pub equivalent: Share,
        /// The share that runs.
        pub syntax_pass: Share,
        /// The share that uses CLEAN_NUMERIC where it is needed.
        pub best_practices: Option<Share>,
        /// The share that is equivalent where CTEs or windows are asked for.
        pub complex: Option<Share>,
        /// The share of planted wrong answers that a judge let pass; for sentinels.
        pub false_pass: Option<Share>,
        /// The figures by group.
        pub groups: Vec<GroupScore>,
        /// The grades that the figures are made from.
        pub grade_ids: Vec<Id<Grade>>,
    }
}

kind!(Evaluation, "evaluation", "evaluations");
