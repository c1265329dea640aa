//! Whether a new checkpoint takes the place of the old one, and why.

use super::checkpoint::Checkpoint;
use super::envelope::kind;
use super::evaluation::Evaluation;
use super::record::record;
use super::run_started::RunStarted;
use crate::base::id::Id;

record! {
    /// The paired difference of scores in one category.
    pub struct CategoryDifference {
        /// The category.
        pub category: String,
        /// The items that both answered.
        pub items: i64,
        /// The mean difference in points, new less old.
        pub difference: f64,
        /// The lower end of its 95 % interval.
        pub low: f64,
        /// The upper end of its 95 % interval.
        pub high: f64,
    }
}

record! {
    /// The decision on a new checkpoint.
    pub struct Promotion {
        /// The run that it belongs to.
        pub run_id: Id<RunStarted>,
        /// The checkpoint that was tried.
        pub candidate_checkpoint_id: Id<Checkpoint>,
        /// The evaluation of it.
        pub candidate_evaluation_id: Id<Evaluation>,
        /// The checkpoint that was in place; left out for the base.
        pub incumbent_checkpoint_id: Option<Id<Checkpoint>>,
        /// The evaluation of it.
        pub incumbent_evaluation_id: Option<Id<Evaluation>>,
        /// Whether the candidate takes the place.
        pub promoted: bool,
        /// Why, in a sentence.
        pub reason: String,
        /// The mean paired difference in points, new less old.
        pub difference: f64,
        /// The lower end of its 95 % interval.
        pub low: f64,
        /// The upper end of its 95 % interval.
        pub high: f64,
        /// The differences by category.
        pub categories: Vec<CategoryDifference>,
        /// Whether the run has reached its goal.
        pub converged: bool,
    }
}

kind!(Promotion, "promotion", "promotions");
