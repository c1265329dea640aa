//! A run of the loop began, with everything that decides what it will do.

use super::envelope::kind;
use super::record::record;
use crate::base::id::{ContentHash, Id};

record! {
    /// One setting of a run, as text.
    pub struct Setting {
        /// The setting's key in `antiks.toml`.
        pub name: String,
        /// Its value.
        pub value: String,
    }
}

record! {
    /// A run of the loop began.
    pub struct RunStarted {
        /// The run's name, unique in the lake.
        pub name: String,
        /// The run that this one is a fork of.
        pub parent_run_id: Option<Id<RunStarted>>,
        /// The parent's iteration at which the fork leaves it.
        pub parent_iteration: Option<i64>,
        /// The seed that all of the run's randomness comes from.
        pub seed: i64,
        /// The teacher, such as `offline` or `openrouter:deepseek/deepseek-v3.2`.
        pub teacher: String,
        /// The student, such as `nano` or a model's name.
        pub student: String,
        /// The hash over the files of the student's base.
        pub base_hash: ContentHash,
        /// The hash of the frozen suite that the run is measured by.
        pub suite_hash: Option<ContentHash>,
        /// Every other setting, sorted by name.
        pub settings: Vec<Setting>,
        /// The version of antiks, which replay needs again.
        pub code_version: String,
    }
}

kind!(RunStarted, "run_started", "runs");
