//! A training set, materialised by a query at one version of the lake.

use super::envelope::kind;
use super::grade::Grade;
use super::record::record;
use super::run_started::RunStarted;
use crate::base::id::{ContentHash, Id, SnapshotHash};

record! {
    /// One parameter of the query, as text.
    pub struct Parameter {
        /// Its name, without the `$`.
        pub name: String,
        /// Its value; left out for NULL.
        pub value: Option<String>,
    }
}

record! {
    /// A training set, materialised.
    pub struct Snapshot {
        /// The run that it was made for; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The query's name in the catalogue, or its file's.
        pub query_name: String,
        /// The query's whole text.
        pub query_text: String,
        /// The hash of that text.
        pub query_hash: ContentHash,
        /// The parameters that it was run with, sorted by name.
        pub parameters: Vec<Parameter>,
        /// The lake's version that it was run at: a commit's number.
        pub lake_version: i64,
        /// The hash of that commit; left out in a run, whose ids must not depend on the
        /// time that a commit's hash covers.
        pub lake_commit_hash: Option<ContentHash>,
        /// The file that holds the rows.
        pub rows_snapshot: SnapshotHash,
        /// How many rows it has.
        pub rows: i64,
        /// The grades that the rows come from: the column `grade_id`, once each, in order.
        pub grade_ids: Vec<Id<Grade>>,
    }
}

kind!(Snapshot, "snapshot", "snapshots");
