//! What the teacher is shown of an answer: the question, the reference, what execution found,
//! and the student's words behind a fence.
//!
//! **Invariant.** Whatever the student wrote, or a value that its statement made, stands
//! between fences whose name the student could not know: it depends on all that is fenced.

use serde::Serialize;

use crate::database::schema::Schema;
use crate::grading::{Task, Verdict};

/// As much of an answer as is shown.
const MAX_ANSWER_BYTES: usize = 6_000;
const MAX_QUOTED_BYTES: usize = 2_000;
/// Instances whose first difference is quoted.
const MAX_DIFFERENCES: usize = 3;

/// An answer and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The database.
    pub schema: &'a Schema,
    /// The question.
    pub question: &'a str,
    /// What the answer was graded against.
    pub task: &'a Task,
    /// Everything the student said.
    pub answer: &'a str,
    /// What execution found.
    pub verdict: &'a Verdict,
}

/// What a template sees of it.
#[derive(Serialize)]
pub(super) struct Context<'a> {
    schema_sql: String,
    question: &'a str,
    reference_sql: &'a str,
    requirements: Vec<&'static str>,
    equal: usize,
    instances: usize,
    equivalent: bool,
    fence: String,
    answer: &'a str,
    quoted: String,
}

impl<'a> Evidence<'a> {
    pub(super) fn context(&self) -> Context<'a> {
        let answer = cut(self.answer, MAX_ANSWER_BYTES);
        let quoted = self.quoted();
        let instances = &self.verdict.instances;
        let equal = instances.iter().filter(|it| it.status == "equal").count();
        let mut hasher = blake3::Hasher::new_derive_key("antiks.fence.v1");
        hasher.update(answer.as_bytes());
        hasher.update(quoted.as_bytes());
        let name = hasher.finalize().to_hex();
        Context {
            schema_sql: self.schema.create_sql(),
            question: self.question,
            reference_sql: &self.task.reference_sql,
            requirements: self.task.requirements.iter().map(|it| it.name()).collect(),
            equal,
            instances: self.task.trials.len(),
            equivalent: self.verdict.equivalent,
            fence: format!("student-{}", &name[..16]),
            answer,
            quoted,
        }
    }

    /// What the database said, which may hold the student's own values.
    fn quoted(&self) -> String {
        let message = self.verdict.error_message.iter().cloned();
        let differences = self.verdict.instances.iter();
        let differences = differences.filter_map(|it| it.first_difference.clone());
        let lines: Vec<String> = message.chain(differences.take(MAX_DIFFERENCES)).collect();
        cut(&lines.join("\n"), MAX_QUOTED_BYTES).to_owned()
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
