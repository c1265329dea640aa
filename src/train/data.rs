//! Files of examples: one JSON object a line, in the shapes that people have.
//!
//! | keys | read as |
//! |---|---|
//! | `messages`: [{`role`, `content`}, …] | a chat |
//! | `conversations`: [{`from`, `value`}, …] | a chat (ShareGPT) |
//! | `instruction`, `output`, and `input` if there is one | a chat of one question (Alpaca) |
//! | `prompt`, `completion`, both texts | a text and what follows it, without any template |
//! | `prompt`, `completion`, both lists of {`role`, `content`} | a chat |
//!
//! Where a line has several of these, the first in the table counts; other keys are
//! skipped. A chat ends with the assistant's turn, which is what is learned; an
//! instruction and its input stand one blank line apart.
//!
//! **Invariants.** The same content has the same id, whatever its shape in the file. Lines
//! are read one by one, and none longer than [`MAX_LINE_BYTES`] is held.

mod lines;
mod shapes;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::error::TrainError;
use crate::base::canonical::write_sized;
use crate::base::id::ContentHash;
use crate::student::message::Message;

pub use lines::{Lines, MAX_LINE_BYTES};
pub use shapes::{object, turns};

const TAG: &[u8] = b"antiks.example.v1";
/// How many bad lines an error names.
const NAMED_LINES: usize = 5;

/// What there is to learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A chat that ends with the assistant's turn, which is learned.
    Chat(Vec<Message>),
    /// A text, and what follows it, which is learned; no template is applied.
    Text {
        /// The text; may be empty.
        prompt: String,
        /// What follows it.
        completion: String,
    },
}

impl Content {
    /// The hash of the content: plain BLAKE3 over texts, each behind its length (u32,
    /// little-endian): `antiks.example.v1`; then `chat` and for each turn its role and
    /// its content, or `text`, the prompt and the completion.
    pub fn id(&self) -> ContentHash {
        let mut bytes = Vec::new();
        write_sized(TAG, &mut bytes);
        let mut write = |text: &str| write_sized(text.as_bytes(), &mut bytes);
        match self {
            Self::Chat(messages) => {
                write("chat");
                for message in messages {
                    write(message.role.name());
                    write(&message.content);
                }
            }
            Self::Text { prompt, completion } => {
                write("text");
                write(prompt);
                write(completion);
            }
        }
        ContentHash::of(&bytes)
    }
}

/// Something to learn, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The hash of the content.
    pub id: ContentHash,
    /// What there is to learn.
    pub content: Content,
    /// The line of its file, from 1.
    pub line: u64,
}

/// A line that is no example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {why}", .path.display())]
pub struct BadLine {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// What to do about lines that are no examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLines {
    /// Any of them makes the file unusable.
    Refuse,
    /// They are counted and passed over.
    Skip,
}

/// Lines of a file that are no examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many they are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<BadLine>,
}

impl Skipped {
    /// One more.
    pub fn add(&mut self, bad: BadLine) {
        self.count += 1;
        if self.first.len() < NAMED_LINES {
            self.first.push(bad);
        }
    }

    /// The error that names them.
    pub fn refused(&self, path: &Path) -> TrainError {
        TrainError::BadLines {
            path: path.to_owned(),
            count: self.count,
            first: self.first.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The examples of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// In the file's order, repetitions included.
    pub examples: Vec<Example>,
    /// Lines that were no examples and were skipped.
    pub skipped: Skipped,
}

impl Examples {
    /// Reads all examples of a file.
    ///
    /// # Errors
    /// [`TrainError::Read`] if the file can't be read; [`TrainError::BadLines`] if a line
    /// is no example and that is to be refused; [`TrainError::NoExamples`] if there is
    /// none at all.
    pub fn read(path: &Path, bad_lines: BadLines) -> Result<Self, TrainError> {
        let mut read = Self {
            examples: Vec::new(),
            skipped: Skipped::default(),
        };
        for item in Reader::open(path)? {
            match item? {
                Ok(example) => read.examples.push(example),
                Err(bad) => read.skipped.add(bad),
            }
        }
        if read.skipped.count > 0 && bad_lines == BadLines::Refuse {
            return Err(read.skipped.refused(path));
        }
        match read.examples.is_empty() {
            true => Err(TrainError::NoExamples {
                path: path.to_owned(),
            }),
            false => Ok(read),
        }
    }
}

/// Reads a file line by line; blank lines are passed over. It ends after an error of the
/// file system.
pub struct Reader<R> {
    path: PathBuf,
    lines: Lines<R>,
    failed: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`TrainError::Read`] if it can't be opened.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let file = File::open(path).map_err(|source| TrainError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::new(path, BufReader::with_capacity(1 << 16, file)))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads from `input`; `path` names it in messages.
    pub fn new(path: &Path, input: R) -> Self {
        Self {
            path: path.to_owned(),
            lines: Lines::new(input),
            failed: false,
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Result<Example, BadLine>, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let (line, text) = match self.lines.next_line() {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(source) => {
                self.failed = true;
                let path = self.path.clone();
                return Some(Err(TrainError::Read { path, source }));
            }
        };
        let read = text.and_then(|text| shapes::content(&text));
        Some(Ok(match read {
            Ok(content) => Ok(Example {
                id: content.id(),
                content,
                line,
            }),
            Err(why) => Err(BadLine {
                path: self.path.clone(),
                line,
                why,
            }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const GOOD: &str = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn contents(text: &str) -> Vec<Result<Content, String>> {
        let reader = Reader::new(Path::new("data.jsonl"), text.as_bytes());
        let item = |item: Result<Result<Example, BadLine>, TrainError>| match item.unwrap() {
            Ok(example) => Ok(example.content),
            Err(bad) => Err(bad.to_string()),
        };
        reader.map(item).collect()
    }

    #[test]
    fn one_content_has_one_id_in_every_shape() {
        let text = [
            GOOD,
            r#"{"id": 7, "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#,
            r#"{"instruction": "q", "input": "", "output": "a"}"#,
            r#"{"instruction": "q", "output": "a", "prompt": "other"}"#,
            r#"{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}"#,
        ]
        .join("\n");
        let path = Path::new("data.jsonl");
        let examples: Vec<Example> = Reader::new(path, text.as_bytes())
            .map(|item| item.unwrap().unwrap())
            .collect();
        assert_eq!(examples.len(), 5);
        assert!(examples.iter().all(|example| example.id == examples[0].id));
        assert_eq!(examples[4].line, 5);

        // As the documentation spells it.
        let mut bytes = Vec::new();
        for text in ["antiks.example.v1", "chat", "user", "q", "assistant", "a"] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        assert_eq!(examples[0].id, ContentHash::of(&bytes));
        let plain = Content::Text {
            prompt: "q".to_owned(),
            completion: "a".to_owned(),
        };
        assert_ne!(plain.id(), examples[0].id);
    }

    #[test]
    fn bad_lines_are_named_and_counted_or_skipped() {
        let mut text = format!("{GOOD}\n\n  \r\n");
        for _ in 0..7 {
            text.push_str("{\"messages\": 5}\n");
        }
        text.push_str(GOOD);
        let file = file(text.as_bytes());
        let error = Examples::read(file.path(), BadLines::Refuse)
            .unwrap_err()
            .to_string();
        for wanted in ["7 of the lines", ":4: ", ":8: ", "--skip-bad-lines"] {
            assert!(error.contains(wanted), "{error}");
        }
        assert!(!error.contains(":9: "), "{error}");
        let read = Examples::read(file.path(), BadLines::Skip).unwrap();
        assert_eq!((read.examples.len(), read.skipped.count), (2, 7));
        assert_eq!((read.examples[1].line, read.skipped.first.len()), (11, 5));
    }

    #[test]
    fn a_file_without_examples_says_what_is_wanted() {
        for text in ["", "\n\n", "{}\n"] {
            let file = file(text.as_bytes());
            let error = Examples::read(file.path(), BadLines::Skip).unwrap_err();
            assert!(error.to_string().contains("messages"), "{error}");
        }
        let missing = Examples::read(Path::new("no/such/file.jsonl"), BadLines::Skip);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("no/such/file.jsonl")
        );
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data() {
        let text = format!("\u{feff}{GOOD}\r\n{GOOD}\r\n");
        let found = contents(&text);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
}
