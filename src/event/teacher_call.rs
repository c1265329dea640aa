//! One call of a chat teacher: what was asked, what came back, what it used up.

use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::words::{CallOutcome, Request};
use crate::base::id::{BlobHash, ContentHash, Id};

record! {
    /// One call of a chat teacher. Duration and cost are observed.
    pub struct TeacherCall {
        /// The run that it was made for; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// What it was made for.
        pub request: Request,
        /// The spool's key of the request.
        pub request_hash: ContentHash,
        /// Which attempt at the request it is, from 0 on: those first that were answered.
        pub attempt: i64,
        /// The server, as scheme and host.
        pub endpoint: String,
        /// The model that was asked.
        pub model: String,
        /// The model that says it answered.
        pub answering_model: Option<String>,
        /// The provider that says it answered.
        pub provider: Option<String>,
        /// The server's fingerprint of its model and settings.
        pub fingerprint: Option<String>,
        /// The prompt's name and version.
        pub prompt_name: String,
        /// The hash of the prompt's template.
        pub prompt_hash: ContentHash,
        /// The whole request body.
        pub request_blob: BlobHash,
        /// The whole response body; left out if none came.
        pub response_blob: Option<BlobHash>,
        /// How it ended.
        pub outcome: CallOutcome,
        /// The HTTP status; left out if none came.
        pub http_status: Option<i64>,
        /// What was wrong with it or with a part of it; left out if nothing was.
        pub detail: Option<String>,
        /// Why the model stopped, in the server's word.
        pub finish_reason: Option<String>,
        /// Tokens in the prompt, as the server counts.
        pub prompt_tokens: Option<i64>,
        /// Tokens in the answer, as the server counts.
        pub output_tokens: Option<i64>,
        /// Tokens of reasoning among these.
        pub reasoning_tokens: Option<i64>,
    }
}

kind!(TeacherCall, "teacher_call", "teacher_calls");
