//! A student at its desk: a base, an adapter, and how questions are put to it.
//!
//! **Invariant.** The same base, adapter and questions give the same answers on the same class
//! of machine. Each answer is the student's own, whatever is asked or guessed beside it.

use std::time::Duration;

use candle_core::Device;

use crate::base::id::ContentHash;
use crate::database::schema::Schema;
use crate::nano::document::prompt as outlined;
use crate::student::adapter::Adapter;
use crate::student::base::Base;
use crate::student::config::Config;
use crate::student::decode::{Ending, Sampling, Settings, generate_guessed};
use crate::student::error::StudentError;
use crate::student::message::Message;
use crate::student::model::Model;
use crate::student::prompt::Prompts;

/// Why there is no answer to a question that is longer than the student reads.
pub const TOO_LONG: &str = "too_long";

/// How a question is put to a base that was not made by us.
const INSTRUCTION: &str = include_str!("../../prompts/student.txt");
/// Tokens of an answer at most.
const MAX_ANSWER_TOKENS: usize = 400;
/// Answers that are made side by side.
const BATCH_ROWS: usize = 32;
/// How freely other answers are drawn: wild enough to differ, not to babble.
const DRAWN_TEMPERATURE: f64 = 0.8;
const DRAWN_TOP_P: f64 = 0.95;

/// How questions are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// The database in outline, as the embedded base has read it.
    Outline,
    /// An instruction with the schema as SQL.
    Instruction,
}

/// A student.
pub struct Pupil {
    base: Base,
    config: Config,
    prompts: Prompts,
    device: Device,
    manner: Manner,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The database that it is about.
    pub schema: &'a Schema,
    /// The question.
    pub text: &'a str,
    /// A statement that the answer may be, if there is one: reading along is faster than
    /// saying token by token what turns out to be the same ([`generate_guessed`]).
    pub guess: Option<&'a str>,
}

/// What a student said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The hash of the prompt's tokens, each as four bytes, the low one first.
    pub prompt_hash: ContentHash,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// All of it.
    pub text: String,
    /// The statement in it.
    pub sql: Option<String>,
    /// Tokens that it said.
    pub output_tokens: usize,
    /// Why it ended: `stop`, `length`, or `too_long` for a question that it can't read.
    pub finish_reason: &'static str,
    /// From when its question began to be read to its last token, others beside it.
    pub duration: Duration,
}

impl Pupil {
    /// A student of this base.
    ///
    /// # Errors
    /// What is wrong with the base's files.
    pub fn new(base: Base, device: Device, manner: Manner) -> Result<Self, StudentError> {
        let config = base.config()?;
        let prompts = Prompts::of(&base, &config)?;
        Ok(Self {
            base,
            config,
            prompts,
            device,
            manner,
        })
    }

    /// Its base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The base's shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its tokenizer and template.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How questions are put to it.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// The question as it is put.
    pub fn ask(&self, schema: &Schema, question: &str) -> Message {
        Message::user(match self.manner {
            Manner::Outline => outlined(schema, question),
            Manner::Instruction => INSTRUCTION
                .trim_end()
                .replace("{schema}", schema.create_sql().trim_end())
                .replace("{question}", question),
        })
    }

    /// The model with an adapter, or the base alone, to answer with.
    ///
    /// # Errors
    /// What is wrong with the weights, and what the device says.
    pub fn model(&self, adapter: Option<&Adapter>) -> Result<Model, StudentError> {
        let shape = adapter.map(|it| &it.config);
        let model = Model::load(&self.base, shape, &self.device)?;
        if let Some(adapter) = adapter {
            model.set_adapter(adapter)?;
        }
        // On a CPU, which computes in f32, an eighth of the arithmetic is the adapter's.
        Ok(match self.device {
            Device::Cpu => model.merged()?,
            _ => model,
        })
    }

    /// Greedy answers to questions, in their order.
    ///
    /// # Errors
    /// A template that refuses the question, and what the device says.
    pub fn answer(
        &self,
        model: &Model,
        questions: &[Question<'_>],
        on_answer: impl FnMut() + Send,
    ) -> Result<Vec<Said>, StudentError> {
        self.say(model, questions, Sampling::Greedy, on_answer)
    }

    /// `count` answers to one question, drawn by chance from a seed: what else the student
    /// might say.
    ///
    /// # Errors
    /// Those of [`Self::answer`].
    pub fn drawn(
        &self,
        model: &Model,
        question: Question<'_>,
        count: usize,
        seed: u64,
    ) -> Result<Vec<Said>, StudentError> {
        let sampling = Sampling::Random {
            temperature: DRAWN_TEMPERATURE,
            top_p: Some(DRAWN_TOP_P),
            top_k: None,
            seed,
        };
        self.say(model, &vec![question; count], sampling, || {})
    }

    fn say(
        &self,
        model: &Model,
        questions: &[Question<'_>],
        sampling: Sampling,
        mut on_answer: impl FnMut() + Send,
    ) -> Result<Vec<Said>, StudentError> {
        let mut said = Vec::with_capacity(questions.len());
        let (mut asked, mut guesses, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (number, question) in questions.iter().enumerate() {
            let message = self.ask(question.schema, question.text);
            let ids = self.prompts.chat(std::slice::from_ref(&message))?;
            let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
            said.push(Said {
                prompt_hash: ContentHash::of(&bytes),
                prompt_tokens: ids.len(),
                text: String::new(),
                sql: None,
                output_tokens: 0,
                finish_reason: TOO_LONG,
                duration: Duration::ZERO,
            });
            if ids.len() < model.max_positions() {
                guesses.push(self.guess(message, question.guess, &ids));
                asked.push(ids);
                numbers.push(number);
            }
        }
        let settings = Settings {
            sampling,
            max_new_tokens: MAX_ANSWER_TOKENS,
            stop_tokens: self.prompts.eos_ids().to_vec(),
            batch_rows: BATCH_ROWS,
            logprobs: false,
        };
        let answers = generate_guessed(model, &asked, &guesses, &settings, &mut |_, token| {
            if self.prompts.eos_ids().contains(&token) {
                on_answer();
            }
        })?;
        for (number, answer) in numbers.into_iter().zip(answers) {
            let text = self.prompts.tokenizer().decode(&answer.tokens, true)?;
            let said = &mut said[number];
            said.sql = statement_in(&text);
            said.text = text;
            said.output_tokens = answer.tokens.len();
            said.duration = answer.duration;
            said.finish_reason = match answer.ending {
                Ending::Stop => "stop",
                Ending::Length => "length",
            };
        }
        Ok(said)
    }

    /// The tokens of a guess at the answer to a message, as they would be learned; none
    /// where a template or tokenizer has no way to put it behind the `prompt`.
    fn guess(&self, message: Message, guess: Option<&str>, prompt: &[u32]) -> Vec<u32> {
        let Some(guess) = guess else {
            return Vec::new();
        };
        let chat = [message, Message::assistant(guess)];
        match self.prompts.chat_example(&chat) {
            Ok(example) if example.ids.starts_with(prompt) => example.ids[prompt.len()..].to_vec(),
            _ => Vec::new(),
        }
    }
}

/// The statement in an answer: the first block between fences, else from the first line
/// that begins like a query on.
fn statement_in(text: &str) -> Option<String> {
    let fenced = text.split("```").nth(1).map(|block| {
        let (first, rest) = block.split_once('\n').unwrap_or(("", block));
        let is_language = first.chars().all(|it| it.is_ascii_alphanumeric());
        if is_language { rest } else { block }
    });
    let begins = |line: &&str| {
        let line = line.trim_start().to_lowercase();
        ["select", "with", "values"]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let sql = match fenced {
        Some(block) => block,
        None => {
            let line = text.lines().find(begins)?;
            &text[line.as_ptr() as usize - text.as_ptr() as usize..]
        }
    };
    let sql = sql.trim().trim_end_matches(';').trim_end();
    (!sql.is_empty()).then(|| sql.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_in_what_is_said() {
        for (text, wanted) in [
            ("SELECT 1", Some("SELECT 1")),
            (
                "  with a as (select 1)\nselect 2;",
                Some("with a as (select 1)\nselect 2"),
            ),
            (
                "Here:\n```sql\nSELECT 1;\n```\nIt counts.",
                Some("SELECT 1"),
            ),
            ("```SELECT 1```", Some("SELECT 1")),
            ("The answer is:\nSELECT 1\nFROM t", Some("SELECT 1\nFROM t")),
            ("I do not know.", None),
            ("", None),
            ("```sql\n```", None),
        ] {
            assert_eq!(statement_in(text).as_deref(), wanted, "{text}");
        }
    }
}
