//! Text to ids of tokens and back, by a `tokenizer.json`.
//!
//! The tokenizers crate panics on some files that parse, so every call into it is guarded:
//! a panic becomes an error that names the file. What can't be guarded is a file that
//! makes it slow; a tokenizer is bounded in size, a text by its caller.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokenizers::step_decode_stream;

use super::error::StudentError;

/// A tokenizer whose every id is below the model's vocabulary.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// The tokenizer that the bytes of a `tokenizer.json` hold, for a model of
    /// `vocab_size` tokens. Its truncation and padding are switched off.
    ///
    /// # Errors
    /// [`StudentError::Tokenizer`] if they hold none, or one with ids that the model
    /// has not.
    pub fn parse(path: &Path, bytes: &[u8], vocab_size: usize) -> Result<Self, StudentError> {
        let unusable = |what: String| StudentError::Tokenizer {
            path: path.to_owned(),
            what,
        };
        let parse = || {
            let mut inner = tokenizers::Tokenizer::from_bytes(bytes)?;
            inner.with_truncation(None)?;
            inner.with_padding(None);
            let largest = inner
                .get_vocab(true)
                .into_iter()
                .map(|(token, id)| (id, token))
                .max();
            Ok((inner, largest))
        };
        let (inner, largest) = guarded(parse).map_err(unusable)?;
        match largest {
            None => Err(unusable("it has no tokens".to_owned())),
            Some((id, token)) if id as usize >= vocab_size => Err(unusable(format!(
                "its token {token:?} has the id {id}, and the model has {vocab_size} tokens; \
                 take the tokenizer.json of this model"
            ))),
            Some(_) => Ok(Self {
                path: path.to_owned(),
                inner,
            }),
        }
    }

    /// The ids of a text, with the special tokens that begin (and, for some tokenizers,
    /// end) a text if `add_special`. Special tokens that are written out in the text get
    /// their ids in either case.
    ///
    /// # Errors
    /// [`StudentError::Tokenize`] if the tokenizer fails.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, StudentError> {
        let encode = || {
            Ok(self
                .inner
                .encode_fast(text, add_special)?
                .get_ids()
                .to_vec())
        };
        guarded(encode).map_err(|what| self.failed(what))
    }

    /// The text of ids, without special tokens if `skip_special`. Ids that no token has
    /// (models have spare rows) are left out.
    ///
    /// # Errors
    /// [`StudentError::Tokenize`] if the tokenizer fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, StudentError> {
        let decode = || self.inner.decode(ids, skip_special);
        guarded(decode).map_err(|what| self.failed(what))
    }

    /// Begins to decode ids that come one by one.
    pub fn stream(&self, skip_special: bool) -> TextStream<'_> {
        TextStream {
            tokenizer: self,
            skip_special,
            ids: Vec::new(),
            prefix: String::new(),
            prefix_index: 0,
        }
    }

    fn failed(&self, what: String) -> StudentError {
        StudentError::Tokenize {
            path: self.path.clone(),
            what,
        }
    }
}

/// Decodes ids one by one: text comes as soon as it is certain, so that no character is
/// torn and the pieces put together are what [`Tokenizer::decode`] gives for all ids.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    skip_special: bool,
    ids: Vec<u32>,
    prefix: String,
    prefix_index: usize,
}

impl TextStream<'_> {
    /// Takes the next id; gives the text that became certain, if any did.
    ///
    /// # Errors
    /// [`StudentError::Tokenize`] if the tokenizer fails.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, StudentError> {
        let Self {
            tokenizer,
            skip_special,
            ids,
            prefix,
            prefix_index,
        } = self;
        let step = || {
            let inner: &tokenizers::TokenizerImpl<_, _, _, _, _> = &tokenizer.inner;
            step_decode_stream(inner, vec![id], *skip_special, ids, prefix, prefix_index)
        };
        guarded(step).map_err(|what| self.tokenizer.failed(what))
    }

    /// The rest: what never became certain, with � for bytes that are no character.
    ///
    /// # Errors
    /// [`StudentError::Tokenize`] if the tokenizer fails.
    pub fn finish(self) -> Result<String, StudentError> {
        let all = self.tokenizer.decode(&self.ids, self.skip_special)?;
        // Before the first certain text there is no prefix; `prefix` is what was given
        // out of `ids` already.
        Ok(all.strip_prefix(&self.prefix).unwrap_or("").to_owned())
    }
}

/// Runs something of the tokenizers crate; its panics and errors become text.
fn guarded<T>(call: impl FnOnce() -> Result<T, tokenizers::Error>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it made the tokenizers library panic".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A tokenizer as Mistral's: byte fallback, a word's space as part of it.
    fn mistral_like() -> Value {
        let mut vocab = serde_json::Map::new();
        for token in ["<unk>", "<s>", "</s>"] {
            vocab.insert(token.to_owned(), vocab.len().into());
        }
        for byte in 0..=255 {
            vocab.insert(format!("<0x{byte:02X}>"), vocab.len().into());
        }
        for token in ["▁", "h", "i", "hi", "▁hi", "S", "]", "[", "ü"] {
            vocab.insert(token.to_owned(), vocab.len().into());
        }
        let special = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        };
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"},
            "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "pre_tokenizer": null,
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
                "byte_fallback": true, "vocab": vocab, "merges": ["h i", "▁ hi"]}
        })
    }

    fn parse(value: &Value, vocab_size: usize) -> Result<Tokenizer, StudentError> {
        let path = Path::new("tokenizer.json");
        Tokenizer::parse(path, value.to_string().as_bytes(), vocab_size)
    }

    fn tokenizer() -> Tokenizer {
        parse(&mistral_like(), 300).unwrap()
    }

    #[test]
    fn text_becomes_ids_and_ids_become_text() {
        let tokenizer = tokenizer();
        let hi = tokenizer.inner.token_to_id("▁hi").unwrap();
        assert_eq!(tokenizer.encode("hi", true).unwrap(), [1, hi]);
        assert_eq!(tokenizer.encode("hi hi", false).unwrap(), [hi, hi]);
        // Neither cut to four nor padded to nine, as the file would have it.
        assert_eq!(tokenizer.encode("hi hi hi hi hi", true).unwrap().len(), 6);
        assert!(tokenizer.encode("", false).unwrap().is_empty());
        assert_eq!(tokenizer.encode("<s>hi</s>", false).unwrap(), [1, hi, 2]);
        assert_eq!(tokenizer.decode(&[1, hi, hi, 2], true).unwrap(), "hi hi");
        assert_eq!(tokenizer.decode(&[299], false).unwrap(), "");
        let text = "hi 世界 ü\n🎉 hi";
        let ids = tokenizer.encode(text, true).unwrap();
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
    }

    #[test]
    fn a_stream_gives_what_decoding_at_once_gives() {
        let tokenizer = tokenizer();
        let texts = ["hi hi", " hi 世界🎉", "ü", "", "hi\n"];
        let mut cases: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| tokenizer.encode(text, true).unwrap())
            .collect();
        // Bytes that are no character, at the end and inside.
        let byte = |byte: u32| 3 + byte;
        cases.push(vec![1, byte(0xe4), byte(0xb8)]);
        let h = tokenizer.inner.token_to_id("h").unwrap();
        cases.push(vec![1, byte(0xff), h, byte(0xe4)]);
        for ids in cases {
            let mut stream = tokenizer.stream(true);
            let mut text = String::new();
            for id in &ids {
                if let Some(piece) = stream.push(*id).unwrap() {
                    assert!(!piece.is_empty());
                    text.push_str(&piece);
                }
            }
            text.push_str(&stream.finish().unwrap());
            assert_eq!(text, tokenizer.decode(&ids, true).unwrap(), "{ids:?}");
        }
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        for bytes in [
            &b""[..],
            b"{}",
            b"[]",
            b"null",
            b"\xff",
            b"{\"model\": 5}",
            b"PK\x03\x04",
        ] {
            let error = Tokenizer::parse(Path::new("tokenizer.json"), bytes, 300).unwrap_err();
            assert!(error.to_string().contains("tokenizer.json"), "{error}");
        }
        let mut empty = mistral_like();
        empty["added_tokens"] = json!([]);
        empty["post_processor"] = Value::Null;
        empty["model"] = json!({"type": "WordLevel", "vocab": {}, "unk_token": "x"});
        let error = parse(&empty, 300).unwrap_err().to_string();
        assert!(error.contains("no tokens"), "{error}");
        let error = parse(&mistral_like(), 260).unwrap_err().to_string();
        assert!(error.contains("the model has 260 tokens"), "{error}");
    }

    #[test]
    fn hostile_tokenizers_are_errors_and_never_panics() {
        let changes = [
            ("/model/merges", json!(["h x"])),
            ("/model/merges", json!(["h i j"])),
            ("/model/merges", json!([""])),
            ("/model/vocab/hi", json!(4_294_967_295_u32)),
            ("/model/vocab/hi", json!(-1)),
            ("/model/dropout", json!(7)),
            ("/model/unk_token", json!("not there")),
            (
                "/model",
                json!({"type": "Unigram", "unk_id": 99, "vocab": []}),
            ),
            (
                "/model",
                json!({"type": "Unigram", "unk_id": 0, "vocab": [["", 0.0]]}),
            ),
            (
                "/model",
                json!({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "no",
                "continuing_subword_prefix": "##", "max_input_chars_per_word": 0}),
            ),
            (
                "/pre_tokenizer",
                json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}),
            ),
            (
                "/pre_tokenizer",
                json!({"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false}),
            ),
            (
                "/normalizer",
                json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            ),
            (
                "/normalizer",
                json!({"type": "Precompiled", "precompiled_charsmap": "/////wAAAAA="}),
            ),
            (
                "/normalizer",
                json!({"type": "Replace", "pattern": {"String": ""}, "content": "x"}),
            ),
            (
                "/decoder",
                json!({"type": "Strip", "content": " ", "start": 99, "stop": 99}),
            ),
            (
                "/decoder",
                json!({"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": true}),
            ),
            ("/post_processor/special_tokens", json!({})),
            ("/post_processor/special_tokens/<s>/ids", json!([])),
            ("/added_tokens/0/id", json!(4_000_000_000_u32)),
            ("/added_tokens/0/content", json!("")),
        ];
        for (place, value) in changes {
            let mut hostile = mistral_like();
            *hostile.pointer_mut(place).unwrap() = value.clone();
            // Whether it is refused or does something odd is its own affair.
            if let Ok(tokenizer) = parse(&hostile, 300) {
                let _ = tokenizer.encode("hi 世界 </s>x", true);
                let _ = tokenizer.decode(&[1, 2, 200, 299], false);
                let mut stream = tokenizer.stream(true);
                let _ = stream.push(5);
                let _ = stream.finish();
            }
        }
    }
}
