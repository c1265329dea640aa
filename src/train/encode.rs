//! Examples as the model reads them.

use std::path::Path;

use super::batch::TokenExample;
use super::data::{Content, Example};
use super::error::TrainError;
use crate::base::id::ContentHash;
use crate::student::prompt::Prompts;

/// Examples that fit, and how many don't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// In their order.
    pub examples: Vec<TokenExample>,
    /// How many are longer than allowed.
    pub too_long: usize,
}

impl Encoded {
    /// The hash of the ids of all examples, in order.
    pub fn id(&self) -> ContentHash {
        let all: Vec<&TokenExample> = self.examples.iter().collect();
        super::batch::hash(&all)
    }
}

/// Encodes the examples of the file at `path`, and leaves out those of more than
/// `max_tokens` tokens.
///
/// # Errors
/// [`TrainError::Encode`] that names the line of an example which the base's template or
/// tokenizer refuses, and [`TrainError::AllTooLong`].
pub fn encode(
    path: &Path,
    examples: &[Example],
    prompts: &Prompts,
    max_tokens: usize,
) -> Result<Encoded, TrainError> {
    let mut encoded = Encoded {
        examples: Vec::new(),
        too_long: 0,
    };
    for example in examples {
        let read = match &example.content {
            Content::Chat(messages) => prompts.chat_example(messages),
            Content::Text { prompt, completion } => prompts.text_example(prompt, completion),
        };
        let read = read.map_err(|source| TrainError::Encode {
            path: path.to_owned(),
            line: example.line,
            source: Box::new(source),
        })?;
        if read.ids.len() > max_tokens {
            encoded.too_long += 1;
            continue;
        }
        let example = TokenExample::new(example.id, read.ids, read.prompt_len);
        encoded.examples.push(example);
    }
    match encoded.examples.is_empty() {
        false => Ok(encoded),
        true => Err(TrainError::AllTooLong {
            path: path.to_owned(),
            max_tokens,
        }),
    }
}
