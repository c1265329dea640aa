//! What a student reads: chats and texts as ids, and examples to learn from.
//!
//! **Invariant.** The ids in front of an example's completion are those that the student
//! is prompted with later: it learns to go on from exactly what it will see. So the time
//! that templates are told is always the same one.

use super::base::Base;
use super::chat_template::ChatTemplate;
use super::config::Config;
use super::error::StudentError;
use super::message::{Message, Role};
use super::tokenizer::Tokenizer;

/// The time that templates are told, in microseconds since 1970: the first moment of 2026,
/// UTC.
const TOLD_US: i64 = 1_767_225_600_000_000;

/// Ids to learn from: the first `prompt_len` are given, the others are to be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleIds {
    /// Ids of the prompt and then of the completion, which ends with an id that ends
    /// answers if the base has one.
    pub ids: Vec<u32>,
    /// How many of them are the prompt's; less than their number.
    pub prompt_len: usize,
}

/// A base's tokenizer and template, and how its answers end.
#[derive(Debug)]
pub struct Prompts {
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    eos_ids: Vec<u32>,
}

impl Prompts {
    /// Of these parts.
    pub fn new(tokenizer: Tokenizer, template: Option<ChatTemplate>, eos_ids: Vec<u32>) -> Self {
        Self {
            tokenizer,
            template,
            eos_ids,
        }
    }

    /// Of a base.
    ///
    /// # Errors
    /// Those of [`Base::tokenizer`], [`Base::chat_template`] and [`Base::eos_ids`].
    pub fn of(base: &Base, config: &Config) -> Result<Self, StudentError> {
        Ok(Self::new(
            base.tokenizer(config)?,
            base.chat_template()?,
            base.eos_ids(config)?,
        ))
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Whether chats can be given.
    pub fn takes_chats(&self) -> bool {
        self.template.is_some()
    }

    /// Ids that end an answer; may be none.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// The ids that prompt for an answer to a chat.
    ///
    /// # Errors
    /// [`StudentError::NoTemplate`] if the base has none, and those of
    /// [`ChatTemplate::render`] and [`Tokenizer::encode`].
    pub fn chat(&self, messages: &[Message]) -> Result<Vec<u32>, StudentError> {
        let text = self.template()?.render(messages, true, TOLD_US)?;
        self.tokenizer.encode(&text, false)
    }

    /// The ids that prompt for what follows a text.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn text(&self, text: &str) -> Result<Vec<u32>, StudentError> {
        let mut ids = self.tokenizer.encode(text, true)?;
        // Some tokenizers end every text; an open one is wanted.
        if ids.last().is_some_and(|id| self.eos_ids.contains(id)) {
            let bare = self.tokenizer.encode(text, false)?;
            if bare.last() != ids.last() {
                ids.pop();
            }
        }
        Ok(ids)
    }

    /// A chat as an example: its last message, the assistant's, is to be learned.
    ///
    /// # Errors
    /// [`StudentError::NotTrainable`] if the chat doesn't end with the assistant, or the
    /// template renders it as something else than its beginning and then the answer;
    /// [`StudentError::Boundary`] if tokens span the two; and those of [`Prompts::chat`].
    pub fn chat_example(&self, messages: &[Message]) -> Result<ExampleIds, StudentError> {
        let template = self.template()?;
        let untrainable = |what: &str| StudentError::NotTrainable {
            path: template.path().to_owned(),
            what: what.to_owned(),
        };
        let asked = match messages.split_last() {
            Some((last, asked)) if last.role == Role::Assistant => asked,
            _ => return Err(untrainable("the chat doesn't end with an answer")),
        };
        let prompt = template.render(asked, true, TOLD_US)?;
        let whole = template.render(messages, false, TOLD_US)?;
        if !whole.starts_with(&prompt) {
            let what = "a chat with its answer does not begin with the prompt for that answer";
            return Err(untrainable(what));
        }
        let given = self.tokenizer.encode(&prompt, false)?;
        let all = self.tokenizer.encode(&whole, false)?;
        self.joined(given, all, &whole[prompt.len()..])
    }

    /// A text and what is to follow it as an example, without any template.
    ///
    /// # Errors
    /// [`StudentError::Boundary`] if tokens span the two, and those of
    /// [`Tokenizer::encode`].
    pub fn text_example(&self, prompt: &str, completion: &str) -> Result<ExampleIds, StudentError> {
        let given = self.text(prompt)?;
        let all = self.text(&format!("{prompt}{completion}"))?;
        self.joined(given, all, completion)
    }

    /// `given`, and then the completion: what follows `given` in `all`, or, where the
    /// tokenizer merged across the boundary, the completion by itself if the two then
    /// still spell the same text.
    fn joined(
        &self,
        given: Vec<u32>,
        all: Vec<u32>,
        completion: &str,
    ) -> Result<ExampleIds, StudentError> {
        let prompt_len = given.len();
        let mut ids = all;
        if !ids.starts_with(&given) {
            let wanted = self.tokenizer.decode(&ids, false)?;
            ids = given;
            ids.extend(self.tokenizer.encode(completion, false)?);
            if self.tokenizer.decode(&ids, false)? != wanted {
                let what = "the tokenizer merges the end of the prompt with the completion";
                return Err(boundary(what));
            }
        }
        self.end_answer(&mut ids, prompt_len);
        match ids.len() > prompt_len {
            true => Ok(ExampleIds { ids, prompt_len }),
            false => Err(boundary("the completion has no tokens")),
        }
    }

    /// Cuts what a template puts behind the end of the answer, which is never generated,
    /// and ends the answer where the template doesn't.
    fn end_answer(&self, ids: &mut Vec<u32>, prompt_len: usize) {
        let completion = ids.get(prompt_len..).unwrap_or_default();
        let end = completion.iter().rposition(|id| self.eos_ids.contains(id));
        match (end, self.eos_ids.first()) {
            (Some(end), _) => ids.truncate(prompt_len + end + 1),
            (None, Some(eos)) => ids.push(*eos),
            (None, None) => {}
        }
    }

    fn template(&self) -> Result<&ChatTemplate, StudentError> {
        self.template.as_ref().ok_or(StudentError::NoTemplate)
    }
}

fn boundary(what: &str) -> StudentError {
    StudentError::Boundary {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::json;

    use super::*;

    const MISTRAL: &str = "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}\
        {{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}\
        {{ message['content'] + eos_token }}{% endif %}{% endfor %}";
    const CHATML: &str = "{% for message in messages %}{{ '<|' + message['role'] + '|>' + \
        message['content'] + '</s>' + '\n' }}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

    /// Every character is a token, and `ab` is one; `</s>` ends each text if `closed`.
    fn tokenizer(closed: bool) -> Tokenizer {
        let mut vocab = serde_json::Map::new();
        for token in ["<s>", "</s>", "ab"] {
            vocab.insert(token.to_owned(), vocab.len().into());
        }
        for character in ' '..='~' {
            vocab.insert(character.to_string(), vocab.len().into());
        }
        vocab.insert("\n".to_owned(), vocab.len().into());
        let special = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        };
        let piece = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
        let mut single = vec![piece("<s>"), json!({"Sequence": {"id": "A", "type_id": 0}})];
        if closed {
            single.push(piece("</s>"));
        }
        let value = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [special(0, "<s>"), special(1, "</s>")], "pre_tokenizer": null,
            "post_processor": {"type": "TemplateProcessing", "single": single, "pair": single,
                "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                    "</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
            "decoder": {"type": "Fuse"},
            "model": {"type": "BPE", "vocab": vocab, "merges": ["a b"]}
        });
        let path = Path::new("tokenizer.json");
        Tokenizer::parse(path, value.to_string().as_bytes(), 200).unwrap()
    }

    fn prompts(template: Option<&str>, closed: bool) -> Prompts {
        let special = [("bos_token", "<s>"), ("eos_token", "</s>")];
        let special = special.map(|(name, token)| (name.to_owned(), token.to_owned()));
        let template = template.map(|source| {
            let path = Path::new("chat_template.jinja");
            ChatTemplate::new(path, source.to_owned(), BTreeMap::from(special)).unwrap()
        });
        Prompts::new(tokenizer(closed), template, vec![1])
    }

    /// The prompt and the completion as text.
    fn split(prompts: &Prompts, example: &ExampleIds) -> (String, String) {
        let (prompt, completion) = example.ids.split_at(example.prompt_len);
        let text = |ids: &[u32]| prompts.tokenizer().decode(ids, false).unwrap();
        (text(prompt), text(completion))
    }

    fn chat() -> Vec<Message> {
        vec![
            Message::user("one"),
            Message::assistant("two"),
            Message::user("three"),
            Message::assistant("four"),
        ]
    }

    #[test]
    fn the_last_answer_is_learned_behind_the_prompt_that_asks_for_it() {
        for (template, prompt) in [
            (MISTRAL, "<s>[INST] one [/INST]two</s>[INST] three [/INST]"),
            (
                CHATML,
                "<|user|>one</s>\n<|assistant|>two</s>\n<|user|>three</s>\n<|assistant|>",
            ),
        ] {
            let prompts = prompts(Some(template), false);
            let example = prompts.chat_example(&chat()).unwrap();
            // The line feed behind ChatML's end is never generated, so it is not learned.
            let wanted = (prompt.to_owned(), "four</s>".to_owned());
            assert_eq!(split(&prompts, &example), wanted);
            let asked = prompts.chat(&chat()[..3]).unwrap();
            assert_eq!(asked, example.ids[..example.prompt_len]);
        }
    }

    #[test]
    fn a_text_is_learned_without_a_template_and_is_ended() {
        for closed in [false, true] {
            let prompts = prompts(None, closed);
            let example = prompts.text_example("Q: x\nA:", " y").unwrap();
            let wanted = ("<s>Q: x\nA:".to_owned(), " y</s>".to_owned());
            assert_eq!(split(&prompts, &example), wanted);
            assert_eq!(
                prompts.text("Q: x\nA:").unwrap(),
                example.ids[..example.prompt_len]
            );
            assert!(!prompts.takes_chats());
            let error = prompts.chat_example(&chat()).unwrap_err().to_string();
            assert!(error.contains("chat_template.jinja"), "{error}");
        }
    }

    #[test]
    fn a_token_across_the_boundary_is_taken_apart() {
        let prompts = prompts(None, false);
        let example = prompts.text_example("xa", "by").unwrap();
        let wanted = ("<s>xa".to_owned(), "by</s>".to_owned());
        assert_eq!(split(&prompts, &example), wanted);
        assert!(prompts.tokenizer().encode("ab", false).unwrap().len() == 1);
    }

    #[test]
    fn templates_are_told_one_time_when_trained_and_asked() {
        let dated = format!("{{{{ strftime_now('%F %T') }}}}{MISTRAL}");
        let prompts = prompts(Some(&dated), false);
        let example = prompts.chat_example(&chat()).unwrap();
        assert!(
            split(&prompts, &example)
                .0
                .starts_with("2026-01-01 00:00:00<s>")
        );
        let asked = prompts.chat(&chat()[..3]).unwrap();
        assert_eq!(asked, example.ids[..example.prompt_len]);
    }

    #[test]
    fn a_template_that_changes_the_past_is_refused() {
        let last_only = "{{ messages[-1].content }}</s>";
        let prompts = prompts(Some(last_only), false);
        let error = prompts.chat_example(&chat()).unwrap_err().to_string();
        assert!(error.contains("can't be trained with"), "{error}");
        let error = prompts.chat_example(&chat()[..3]).unwrap_err().to_string();
        assert!(error.contains("doesn't end with an answer"), "{error}");
    }
}
