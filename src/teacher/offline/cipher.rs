//! Tongues of made-up words: what an intent asks for, in words that nobody knows.
//!
//! A base that has learned an intent in them can do what the intent asks for, and not tell
//! that a teacher's words ask for it: they are one more tongue, which it has yet to learn.
//! What comes out is called by such words as well: the names of outputs alone give most
//! intents away.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::database::schema::{Schema, is_in_name};

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
    let columns = || schema.tables.iter().flat_map(|it| &it.columns);
    let is_known = |name: &str| columns().any(|it| it.name.eq_ignore_ascii_case(name));
    let mut renamed = Vec::with_capacity(query.outputs.len());
    for place in 0..query.outputs.len() {
        let output = &query.outputs[place];
        if output.name.starts_with('"') || is_known(&output.name) {
            continue;
        }
        let words = words_for(&output.words, tongue);
        let new = snake(&words);
        if is_known(&new) || query.outputs.iter().any(|it| it.name == new) {
            continue;
        }
        let output = &mut query.outputs[place];
        output.words = words;
        renamed.push((std::mem::replace(&mut output.name, new), place));
    }
    let names = renamed.iter().map(|(old, place)| {
        let new = query.outputs[*place].name.as_str();
        (old.as_str(), new)
    });
    with_names(sql, &names.collect::<Vec<_>>())
}

/// The statement with some names in place of others, outside of quotes.
fn with_names(sql: &str, names: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(sql.len() + 16 * names.len());
    let (mut done, mut place) = (0, 0);
    let bytes = sql.as_bytes();
    while let Some(first) = bytes.get(place) {
        let start = place;
        let after = &bytes[start + 1..];
        let len = match first {
            b'\'' | b'"' => after.iter().position(|it| it == first).map(|it| it + 1),
            _ if is_in_name(*first) => after.iter().position(|it| !is_in_name(*it)),
            _ => Some(0),
        };
        place += 1 + len.unwrap_or(after.len());
        if !is_in_name(*first) {
            continue;
        }
        let name = &sql[start..place];
        if let Some((_, new)) = names.iter().find(|(old, _)| *old == name) {
            text += &sql[done..start];
            text += new;
            done = place;
        }
    }
    text + &sql[done..]
}

fn words_for(between: &str, tongue: usize) -> String {
    let mut letters = String::with_capacity(between.len());
    for letter in between.chars() {
        match letter {
            'a'..='z' | '0'..='9' | ' ' => letters.push(letter),
            _ if letter.is_alphanumeric() => letters.extend(letter.to_lowercase()),
            _ => {}
        }
    }
    let letters = letters.trim();
    if letters.is_empty() {
        return between.to_owned();
    }
    let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
    hasher.update(&[b'0' + tongue as u8]);
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
    let is_sign = |it: char| !it.is_alphanumeric();
    let before = &between[..between.find(char::is_alphanumeric).unwrap_or(0)];
    let after = &between[between.trim_end_matches(is_sign).len()..];
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
        assert_eq!(with_names(sql, &[("b", "c"), ("c", "d")]), wanted);
    }
}
