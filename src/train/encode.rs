//! Examples as the model reads them.

use std::path::Path;

use super::data::{BadLine, BadLines, Content, Example, Skipped};
use super::error::TrainError;
use super::example::TokenExample;
use crate::base::id::ContentHash;
use crate::student::prompt::Prompts;

/// Examples that the base can read and that fit, and how many don't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedExamples {
    /// In their order.
    pub examples: Vec<TokenExample>,
    /// How many are longer than allowed.
    pub too_long: usize,
    /// Those that nothing can be learned from with this base.
    pub skipped: Skipped,
}

impl EncodedExamples {
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
/// [`TrainError::BadLines`] if the base's template or tokenizer refuses an example, or makes
/// a single token of it, and that is to be refused, or is so for all of them;
/// [`TrainError::AllTooLong`].
pub fn encode(
    path: &Path,
    examples: &[Example],
    prompts: &Prompts,
    max_tokens: usize,
    bad_lines: BadLines,
) -> Result<EncodedExamples, TrainError> {
    let mut encoded = EncodedExamples {
        examples: Vec::new(),
        too_long: 0,
        skipped: Skipped::default(),
    };
    for example in examples {
        match encode_one(example, prompts) {
            Ok(read) if read.tokens.len() > max_tokens => encoded.too_long += 1,
            Ok(read) => encoded.examples.push(read),
            Err(why) => encoded.skipped.add(BadLine {
                path: path.to_owned(),
                line: example.line,
                why,
            }),
        }
    }
    let nothing_left = encoded.examples.is_empty() && encoded.too_long == 0;
    if encoded.skipped.count > 0 && (nothing_left || bad_lines == BadLines::Refuse) {
        return Err(encoded.skipped.refused(path));
    }
    match encoded.examples.is_empty() {
        false => Ok(encoded),
        true => Err(TrainError::AllTooLong {
            path: path.to_owned(),
            max_tokens,
        }),
    }
}

fn encode_one(example: &Example, prompts: &Prompts) -> Result<TokenExample, String> {
    let read = match &example.content {
        Content::Chat(messages) => prompts.chat_example(messages),
        Content::Text { prompt, completion } => prompts.text_example(prompt, completion),
    };
    let read = read.map_err(|error| error.to_string())?;
    let read = TokenExample::new(example.id, read.ids, read.prompt_len);
    match read.loss_tokens() {
        0 => Err("it is a single token, and none stands before it to learn it from".to_owned()),
        _ => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::student::chat_template::ChatTemplate;
    use crate::student::message::Message;
    use crate::student::tokenizer::Tokenizer;

    const WORDS: &str = r#"{"version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}}"#;

    /// Words are tokens, nothing begins or ends a text, and the template refuses "no".
    fn prompts() -> Prompts {
        let tokenizer = Tokenizer::parse(Path::new("tokenizer.json"), WORDS.as_bytes(), 2);
        let source = "{% for message in messages %}{% if message.content == 'no' %}\
            {{ raise_exception('not this') }}{% endif %}{{ message.content }} {% endfor %}";
        let path = Path::new("chat_template.jinja");
        let template = ChatTemplate::new(path, source.to_owned(), BTreeMap::new());
        Prompts::new(tokenizer.unwrap(), Some(template.unwrap()), Vec::new())
    }

    fn examples(contents: &[Content]) -> Vec<Example> {
        let numbered = contents.iter().zip(1..);
        let example = |(content, line): (&Content, u64)| Example {
            id: content.id(),
            content: content.clone(),
            line,
        };
        numbered.map(example).collect()
    }

    fn chat(question: &str) -> Content {
        Content::Chat(vec![Message::user(question), Message::assistant("b")])
    }

    fn text(completion: &str) -> Content {
        Content::Text {
            prompt: String::new(),
            completion: completion.to_owned(),
        }
    }

    #[test]
    fn lines_that_teach_nothing_are_all_named_or_skipped() {
        let path = Path::new("data.jsonl");
        let all = [chat("a"), chat("no"), text("b"), text("a b"), chat("no")];
        let all = examples(&all);
        let run = |bad_lines| encode(path, &all, &prompts(), 9, bad_lines);
        let error = run(BadLines::Refuse).unwrap_err().to_string();
        for wanted in [
            "3 of the lines",
            "data.jsonl:2: ",
            "not this",
            "data.jsonl:3: it is a single token",
            "data.jsonl:5: ",
        ] {
            assert!(error.contains(wanted), "{error}");
        }
        let encoded = run(BadLines::Skip).unwrap();
        assert_eq!((encoded.examples.len(), encoded.skipped.count), (2, 3));
        assert!(encoded.examples.iter().all(|it| it.loss_tokens() > 0));

        let none = encode(path, &all[1..3], &prompts(), 9, BadLines::Skip);
        assert!(none.unwrap_err().to_string().contains("2 of the lines"));
        let long = encode(path, &all[..1], &prompts(), 1, BadLines::Skip);
        assert!(long.unwrap_err().to_string().contains("raise --max-tokens"));
    }
}
