//! What the student said to a challenge.

use super::challenge::Challenge;
use super::checkpoint::Checkpoint;
use super::envelope::kind;
use super::record::record;
use super::run_started::RunStarted;
use super::words::Purpose;
use crate::base::id::{ContentHash, Id};

record! {
    /// What the student said to a challenge. How long it took is observed.
    pub struct Answer {
        /// The run that it was given in; left out outside of a run.
        pub run_id: Option<Id<RunStarted>>,
        /// The challenge that it answers.
        pub challenge_id: Id<Challenge>,
        /// The checkpoint that answered; left out for the base.
        pub checkpoint_id: Option<Id<Checkpoint>>,
        /// What it is for.
        pub purpose: Purpose,
        /// Which of several answers to the challenge it is, from 0 on.
        pub sample: i64,
        /// The hash of the prompt's text as the model got it.
        pub prompt_hash: ContentHash,
        /// Tokens in the prompt.
        pub prompt_tokens: i64,
        /// Everything the model said.
        pub text: String,
        /// The SQL found in it; left out if there is none.
        pub sql: Option<String>,
        /// Tokens in the answer.
        pub output_tokens: i64,
        /// Why it ended: `stop`, `length` or `planted` for a sentinel.
        pub finish_reason: String,
        /// The sampling temperature; 0 is greedy.
        pub temperature: f64,
        /// The seed of the sampling; left out if greedy.
        pub seed: Option<i64>,
    }
}

kind!(Answer, "answer", "answers");
