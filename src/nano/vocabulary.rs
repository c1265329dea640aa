//! The embedded base's tokenizer: byte-level BPE, learned from documents of the corpus.
//!
//! Words, single digits and single spaces are split before anything is merged, so that a
//! name is the same tokens wherever it stands and can be copied; a run of key words is one
//! piece with the spaces around it.

use std::collections::HashSet;

use serde_json::{Value as Json, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// Begins every text.
pub const BOS: &str = "<s>";
/// Ends every answer.
pub const EOS: &str = "</s>";

/// Key words that are merged with their neighbours.
const KEYWORDS: &str = "SELECT|DISTINCT|FROM|JOIN|LEFT|CROSS|ON|WHERE|AND|OR|NOT|IN|IS|NULL|GROUP|BY|\
    HAVING|ORDER|ASC|DESC|LIMIT|WITH|RECURSIVE|AS|CASE|WHEN|THEN|ELSE|END|OVER|PARTITION|ROWS|\
    BETWEEN|UNBOUNDED|PRECEDING|FOLLOWING|CURRENT|ROW|UNION|ALL|EXCEPT|INTERSECT|EXISTS|CAST|\
    INTEGER|REAL|TEXT|FILTER|LIKE|COUNT|SUM|AVG|MIN|MAX|CLEAN_NUMERIC";

/// The chat template: the database in outline and the question, then `A:`. No space follows,
/// as it would be one piece with the key word behind it.
pub const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}\
    {% if message['role'] == 'assistant' %}A:{{ message['content'] }}{{ eos_token }}\
    {% else %}{{ message['content'] }}\n{% endif %}{% endfor %}\
    {% if add_generation_prompt %}A:{% endif %}";

/// The pieces that a text is split into before anything is merged, as a regular expression.
pub fn pieces() -> String {
    format!(
        r" ?\b(?:{KEYWORDS})\b(?: (?:{KEYWORDS})\b)* ?|[A-Za-z]+|[0-9]|, ?| ?[=<>*/+|\-]+ ?|\s|."
    )
}

/// Learns a tokenizer of `size` tokens from texts; gives its `tokenizer.json`.
///
/// # Errors
/// What the trainer says; texts too few for so many tokens give fewer.
pub fn learn(
    texts: impl Iterator<Item = String> + Send,
    size: usize,
) -> tokenizers::Result<String> {
    let split = Split::new(
        SplitPattern::Regex(pieces()),
        SplitDelimiterBehavior::Isolated,
        false,
    )?;
    let bytes = ByteLevel::new(false, false, false);
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![split.into(), bytes.into()])));
    tokenizer.with_decoder(Some(bytes));
    let special = [BOS, EOS].map(|it| AddedToken::from(it, true));
    // Every byte has a token, whatever the texts hold.
    let alphabet: HashSet<char> = ByteLevel::alphabet().into_iter().collect();
    let trainer = BpeTrainerBuilder::new()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(alphabet)
        .build();
    let mut trainer = TrainerWrapper::from(trainer);
    tokenizer.train(&mut trainer, texts)?;
    tokenizer.to_string(true)
}

/// The `tokenizer_config.json` that goes with it.
pub fn config(max_tokens: usize) -> Json {
    json!({
        "bos_token": BOS,
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": false,
        "eos_token": EOS,
        "model_max_length": max_tokens,
        "pad_token": EOS,
        "tokenizer_class": "PreTrainedTokenizerFast",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::student::tokenizer::Tokenizer as Student;
    use std::path::Path;

    #[test]
    fn a_name_is_the_same_tokens_everywhere_and_texts_come_back() {
        let texts = || {
            let text = "orders(order_nr key, total money text)\nQ: How many orders?\n\
                A:SELECT COUNT(*) AS n FROM orders WHERE total > 12 GROUP BY order_nr";
            std::iter::repeat_n(text.to_owned(), 50)
        };
        let learned = learn(texts(), 400).unwrap();
        assert_eq!(learned, learn(texts(), 400).unwrap());
        let tokenizer = Student::parse(Path::new("t"), learned.as_bytes(), 400).unwrap();
        let ids = |text: &str| tokenizer.encode(text, false).unwrap();
        let name = ids("order_nr");
        for text in ["SELECT order_nr FROM x", "(order_nr key", "t1.order_nr = 5"] {
            let all = ids(text);
            let is_in = all.windows(name.len()).any(|it| it == name.as_slice());
            assert!(is_in, "{text}");
            assert_eq!(tokenizer.decode(&all, true).unwrap(), text);
        }
        let odd = "naïve 'Größe' \u{1f600} \t x";
        assert_eq!(tokenizer.decode(&ids(odd), true).unwrap(), odd);
        assert_eq!(ids(" GROUP BY ").len(), 1);
    }
}
