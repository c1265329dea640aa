//! Tongues of made-up words: what an intent asks for, in words that nobody knows.
//!
//! A base that has learned an intent in them can do what the intent asks for, and not tell
//! that a teacher's words ask for it: they are one more tongue, which it has yet to learn.
//! What comes out is called by such words as well: the names of outputs alone give most
//! intents away.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::database::schema::Schema;

use super::query::{Query, snake};

static CONTEXT: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("antiks.cipher.v1"));

/// How many tongues there are. Of an intent that is said in several, what it means is
/// learned, and not only which words go with which statement.
pub const TONGUES: usize = 2;
/// Words of a frame that one made-up word stands for.
const WORDS_EACH: usize = 3;
const FIRST: [&str; 16] = [
    "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "kr", "st",
];
const MIDDLE: [&str; 8] = ["a", "e", "i", "o", "u", "au", "ei", "oo"];
const LAST: [&str; 8] = ["", "l", "n", "r", "s", "t", "k", "m"];

/// The frame with its slots, and made-up words for what stands between them: in a tongue the
/// same ones for the same words.
pub fn encipher(frame: &str, tongue: usize) -> String {
    let mut text = String::new();
    let mut rest = frame;
    while !rest.is_empty() {
        let begin = rest.find('{').unwrap_or(rest.len());
        let (between, slot) = rest.split_at(begin);
        text += &words_for(between, tongue);
        let end = slot.find('}').map_or(slot.len(), |it| it + 1);
        text += &slot[..end];
        rest = &slot[end..];
    }
    text
}

/// Calls what a query computes by made-up words of a tongue; gives its statement with their
/// names.
pub fn encipher_outputs(schema: &Schema, query: &mut Query, sql: &str, tongue: usize) -> String {
    let columns = schema.tables.iter().flat_map(|it| &it.columns);
    let known: Vec<&str> = columns.map(|it| it.name.as_str()).collect();
    let mut sql = sql.to_owned();
    for place in 0..query.outputs.len() {
        let name = query.outputs[place].name.clone();
        if name.starts_with('"') || known.iter().any(|it| it.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let words = words_for(&query.outputs[place].words, tongue);
        let new = snake(&words);
        let is_taken = |it: &&str| it.eq_ignore_ascii_case(&new);
        if known.iter().any(is_taken) || query.outputs.iter().any(|it| it.name == new) {
            continue;
        }
        sql = with_name(&sql, &name, &new);
        let output = &mut query.outputs[place];
        (output.words, output.name) = (words, new);
    }
    sql
}

/// The statement with one name in place of another, outside of quotes.
fn with_name(sql: &str, old: &str, new: &str) -> String {
    let is_in = |it: char| it.is_alphanumeric() || it == '_';
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |it| it + 2),
            _ if is_in(first) => rest.find(|it| !is_in(it)).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at(len);
        text += if piece == old { new } else { piece };
        rest = after;
    }
    text
}

fn words_for(between: &str, tongue: usize) -> String {
    let letters: String = between
        .chars()
        .filter(|it| it.is_alphanumeric() || *it == ' ')
        .collect();
    let letters = letters.trim().to_lowercase();
    if letters.is_empty() {
        return between.to_owned();
    }
    let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
    hasher.update(tongue.to_string().as_bytes());
    hasher.update(letters.as_bytes());
    let hash = *hasher.finalize().as_bytes();
    let count = letters.split(' ').count().div_ceil(WORDS_EACH).min(3);
    let mut words = String::with_capacity(12 * count);
    for bytes in hash.chunks(8).take(count) {
        if !words.is_empty() {
            words.push(' ');
        }
        for syllable in bytes[..6].chunks(3) {
            words += FIRST[usize::from(syllable[0]) % FIRST.len()];
            words += MIDDLE[usize::from(syllable[1]) % MIDDLE.len()];
            words += LAST[usize::from(syllable[2]) % LAST.len()];
        }
    }
    // Slots stay apart from the words, as they were.
    let (first, last) = (
        between.find(char::is_alphanumeric),
        between.rfind(char::is_alphanumeric),
    );
    let end = |at: usize| {
        between[at..]
            .chars()
            .next()
            .map_or(at, |it| at + it.len_utf8())
    };
    let before = &between[..first.unwrap_or(0)];
    let after = &between[last.map_or(between.len(), end)..];
    [before, &words, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stay_and_words_are_others_but_always_the_same() {
        let text = encipher("What total {m} did {rows} bring in each {p} of {d}?", 0);
        for slot in ["{m}", "{rows}", "{p}", "{d}"] {
            assert!(text.contains(slot), "{text}");
        }
        for word in ["total", "did", "bring", "each"] {
            assert!(!text.contains(word), "{text}");
        }
        let other = encipher("the total of {m} for each {p} of {d}", 0);
        let of = |text: &str| text.split("{p}").nth(1).map(str::to_owned);
        assert_eq!(of(text.trim_end_matches('?')), of(&other));
        assert_ne!(
            encipher("the total of {m}", 0),
            encipher("the total of {m}", 1)
        );
    }

    #[test]
    fn names_are_replaced_where_they_are_names() {
        let sql = "SELECT a AS b, 'b ''b' FROM \"b\" ORDER BY b, bb";
        let wanted = "SELECT a AS c, 'b ''b' FROM \"b\" ORDER BY c, bb";
        assert_eq!(with_name(sql, "b", "c"), wanted);
    }
}
