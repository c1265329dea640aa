//! What the teacher is told: templates, and the schemas of its answers.
//!
//! **Invariants.** A prompt's hash covers its template and its schema. A template sees only
//! what it is given, and names nothing that it is not given.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value as Json;

use crate::base::canonical::write_sized;
use crate::base::id::ContentHash;

/// Stands between the system's message and the user's.
const DIVIDER: &str = "=== user ===\n";

/// A prompt: its files and their version.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    name: &'static str,
    version: u32,
    template: &'static str,
    schema: &'static str,
}

/// Asks for challenges.
pub const PROPOSE: Prompt = Prompt {
    name: "propose",
    version: 2,
    template: include_str!("../../../prompts/propose.jinja"),
    schema: include_str!("../../../prompts/propose.schema.json"),
};

/// Asks for a judgement.
pub const GRADE: Prompt = Prompt {
    name: "grade",
    version: 1,
    template: include_str!("../../../prompts/grade.jinja"),
    schema: include_str!("../../../prompts/grade.schema.json"),
};

/// Asks for a correction.
pub const CORRECT: Prompt = Prompt {
    name: "correct",
    version: 1,
    template: include_str!("../../../prompts/correct.jinja"),
    schema: include_str!("../../../prompts/correct.schema.json"),
};

/// A prompt filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Its name and version.
    pub name: String,
    /// The hash of template and schema.
    pub hash: ContentHash,
    /// The messages: who speaks, and what is said.
    pub messages: Vec<(&'static str, String)>,
    /// The schema's name.
    pub schema_name: &'static str,
    /// The schema of the answer.
    pub schema: Json,
}

/// Why a prompt can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prompt {0}")]
pub struct PromptError(String);

impl Prompt {
    /// The hash of template and schema.
    pub fn hash(&self) -> ContentHash {
        let mut bytes = Vec::new();
        write_sized(self.template.as_bytes(), &mut bytes);
        write_sized(self.schema.as_bytes(), &mut bytes);
        ContentHash::of(&bytes)
    }

    /// Fills it in.
    ///
    /// # Errors
    /// The template lacks something, or is none.
    pub fn render(&self, context: &impl Serialize) -> Result<Rendered, PromptError> {
        let wrong = |error: String| PromptError(format!("{}: {error}", self.name));
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let template = environment
            .template_from_str(self.template)
            .map_err(|error| wrong(error.to_string()))?;
        let text = template
            .render(Serde(context))
            .map_err(|error| wrong(error.to_string()))?;
        // What is filled in stands below the first divider, whatever it holds.
        let (system, user) = text.split_once(DIVIDER).ok_or_else(|| {
            wrong("the line that begins the user's message is missing".to_owned())
        })?;
        let schema = serde_json::from_str(self.schema).map_err(|error| wrong(error.to_string()))?;
        Ok(Rendered {
            name: format!("{} {}", self.name, self.version),
            hash: self.hash(),
            messages: vec![
                ("system", system.trim().to_owned()),
                ("user", user.trim().to_owned()),
            ],
            schema_name: self.name,
            schema,
        })
    }
}

impl Rendered {
    /// The same prompt, with an answer to it that could not be used and why.
    pub fn again(&self, answer: &str, problem: &str) -> Self {
        let mut again = self.clone();
        if !answer.trim().is_empty() {
            again.messages.push(("assistant", answer.to_owned()));
        }
        let request = format!(
            "That can't be used: {problem}. Answer the request once more, with JSON alone, in the \
             form that was asked for."
        );
        again.messages.push(("user", request));
        again
    }
}
