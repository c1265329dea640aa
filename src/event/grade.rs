//! The verdict on an answer, and the evidence for it.

use super::answer::Answer;
use super::challenge::Challenge;
use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::teacher_call::TeacherCall;
use super::words::Purpose;
use crate::base::id::{ContentHash, Id};

record! {
    /// What happened on one instance of the database.
    pub struct InstanceEvidence {
        /// The instance's seed.
        pub seed: i64,
        /// How it ended: `equal`, `different`, `error`, `limit`.
        pub status: String,
        /// The rows that the answer gave.
        pub rows: i64,
        /// The hash of those rows in canonical order; left out if there are none to hash.
        pub result_hash: Option<ContentHash>,
        /// The VDBE steps that it took.
        pub steps: i64,
        /// The first row that differs, as text: expected and found.
        pub first_difference: Option<String>,
    }
}

record! {
    /// Credit for one practice in an equivalent answer.
    pub struct Practice {
        /// The practice, such as `clean_numeric` or `no_select_star`.
        pub name: String,
        /// Points that were given.
        pub points: i64,
        /// Points that could be given.
        pub points_max: i64,
    }
}

record! {
    /// The verdict on an answer.
    pub struct Grade {
        /// The run that it was given in; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The challenge that was answered.
        pub challenge_id: Id<Challenge>,
        /// The answer that is graded.
        pub answer_id: Id<Answer>,
        /// What it is for.
        pub purpose: Purpose,
        /// The score, 0 to 100: below 80 if not equivalent, and from 80 up if so, unless a
        /// judge lowered it.
        pub score: i64,
        /// Whether the answer gave the reference's rows on every instance.
        pub equivalent: bool,
        /// Whether the answer ran on every instance.
        pub executed: bool,
        /// The verdict in a word, such as `equivalent`, `different` or `error`.
        pub verdict: String,
        /// What kind of mistake it is; left out if there is none.
        pub error_class: Option<String>,
        /// What SQLite or the sandbox said; left out if the answer ran.
        pub error_message: Option<String>,
        /// Partial credit by shape and rows, 0 to 1.
        pub partial_credit: f64,
        /// Credit for practices; empty if not equivalent.
        pub practices: Vec<Practice>,
        /// The evidence, instance by instance.
        pub instances: Vec<InstanceEvidence>,
        /// The grader's version.
        pub grader_version: String,
        /// The source id of the SQLite that ran it.
        pub sqlite_source: String,
        /// The chat teacher's own score, 0 to 100; it can only lower a pass.
        pub judge_score: Option<i64>,
        /// The call in which the chat teacher judged.
        pub judge_call_id: Option<Id<TeacherCall>>,
        /// The query that is trained on in place of the answer; it was executed.
        pub correction_sql: Option<String>,
        /// What the answer got wrong, for a reader.
        pub explanation: Option<String>,
        /// The call in which the chat teacher corrected.
        pub correction_call_id: Option<Id<TeacherCall>>,
    }
}

kind!(Grade, "grade", "grades");
