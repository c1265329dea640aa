//! A question over a database, with a reference that was proven to tell right from wrong.

use super::database::Database;
use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::teacher_call::TeacherCall;
use super::words::Purpose;
use crate::base::id::{ContentHash, Id};

record! {
    /// The reference's result on one instance of the database.
    pub struct ReferenceResult {
        /// The instance's seed.
        pub seed: i64,
        /// The hash of the script that makes the instance.
        pub script_hash: ContentHash,
        /// The rows that the reference gives.
        pub rows: i64,
        /// The hash of those rows in canonical order.
        pub result_hash: ContentHash,
        /// The VDBE steps that the reference took.
        pub steps: i64,
        /// The mutants of the reference that this instance tells from it.
        pub mutants_killed: i64,
    }
}

record! {
    /// A question over a database.
    pub struct Challenge {
        /// The run that it was asked in; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The database that it is asked over.
        pub database_id: Id<Database>,
        /// What it is for.
        pub purpose: Purpose,
        /// Its place among the challenges of its iteration, from 0 on.
        pub position: i64,
        /// The category, such as `Time-Series`.
        pub category: String,
        /// The difficulty: `easy`, `medium` or `hard`.
        pub difficulty: String,
        /// The intent that it was made from; left out for a chat teacher.
        pub intent: Option<String>,
        /// The phrasing that the question was made from; left out for a chat teacher.
        pub phrasing: Option<String>,
        /// The hash of template and schema shape: training and evaluation never share one.
        pub family_hash: ContentHash,
        /// The hash of the reference's syntax tree without names: what finds duplicates.
        pub signature_hash: ContentHash,
        /// The question as the student reads it.
        pub question: String,
        /// The day that counts as today, as YYYY-MM-DD.
        pub as_of_date: Option<String>,
        /// The query that answers it.
        pub reference_sql: String,
        /// Whether the order of rows matters.
        pub ordered: bool,
        /// What an answer must use, such as `cte`, `window` or `clean_numeric`.
        pub requirements: Vec<String>,
        /// The reference's result on each instance.
        pub instances: Vec<ReferenceResult>,
        /// How many mutants of the reference were tried.
        pub mutants: i64,
        /// How many of them some instance tells from the reference.
        pub mutants_killed: i64,
        /// The seed that it was made from; left out for a chat teacher.
        pub seed: Option<i64>,
        /// The teacher that proposed it.
        pub teacher: String,
        /// The call that it came from.
        pub teacher_call_id: Option<Id<TeacherCall>>,
        /// The failed challenge that this one is a sibling of.
        pub sibling_of_challenge_id: Option<Id<Challenge>>,
    }
}

kind!(Challenge, "challenge", "challenges");
