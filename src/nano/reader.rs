//! Documents as tokens, many times as fast as a tokenizer alone reads them.
//!
//! **Invariant.** The ids are those of the tokenizer: it merges nothing across the pieces that
//! a text is split into, so what it makes of a piece holds wherever the piece stands, and most
//! pieces come again and again.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::vocabulary::{self, BOS, EOS};
use crate::student::error::StudentError;
use crate::student::tokenizer::Tokenizer;

/// Pieces that are remembered at most: names are made up without end.
const REMEMBERED: usize = 1 << 17;

/// Special tokens, which nothing is split into, and the pieces between them.
static PIECES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("{BOS}|{EOS}|{}", vocabulary::pieces())).ok());

/// Reads for one thread by the embedded base's tokenizer.
pub struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    known: HashMap<String, Box<[u32]>>,
}

impl<'a> Reader<'a> {
    /// A reader that knows no piece yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            known: HashMap::new(),
        }
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn read(&mut self, text: &str) -> Result<Vec<u32>, StudentError> {
        let Some(pieces) = PIECES.as_ref() else {
            return self.tokenizer.encode(text, false);
        };
        let mut ids = Vec::with_capacity(text.len() / 2);
        for piece in pieces.find_iter(text) {
            let piece = piece.as_str();
            if let Some(known) = self.known.get(piece) {
                ids.extend_from_slice(known);
                continue;
            }
            let read = self.tokenizer.encode(piece, false)?;
            ids.extend_from_slice(&read);
            if self.known.len() == REMEMBERED {
                self.known.clear();
            }
            self.known.insert(piece.to_owned(), read.into());
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nano::corpus::Corpus;
    use std::path::Path;

    #[test]
    fn what_is_read_is_what_the_tokenizer_reads() {
        let mut texts =
            vec!["na\u{ef}ve 'Gr\u{f6}\u{df}e' \u{1f600}\r\n\t SELECTx _AND AND_ 12.50".to_owned()];
        Corpus::new(7).make(300, |document| {
            texts.extend(document.messages().into_iter().map(|it| it.content));
        });
        let learned = vocabulary::learn(texts.clone().into_iter(), 700).unwrap();
        let tokenizer = Tokenizer::parse(Path::new("t"), learned.as_bytes(), 700).unwrap();
        let mut reader = Reader::new(&tokenizer);
        for text in &texts {
            let text = format!("{BOS}{text}\nA:SELECT 1{EOS}");
            let ids = reader.read(&text).unwrap();
            assert_eq!(ids, tokenizer.encode(&text, false).unwrap(), "{text}");
        }
    }
}
