//! Made-up questions: what a statement says, in a muddle of words.
//!
//! They tie names and constants to the parts of a statement without asking for it as a
//! teacher would: the statements of withheld intents are learned so, their questions not.

use std::borrow::Cow;

use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::database::words::look;

/// What stands between the words now and then.
const FILLERS: [&str; 24] = [
    "please", "the", "of", "for", "and", "with", "show", "data", "we", "need", "by", "in", "all",
    "their", "then", "give", "only", "from", "each", "get", "out", "want", "to", "table",
];
/// Of a name, in percent: that it is named at all, and that it is in words.
const NAMED_PERCENT: usize = 88;
const IN_WORDS_PERCENT: usize = 65;
const KEYWORD_PERCENT: usize = 45;
const FILLER_PERCENT: usize = 12;
/// How far a word may move from its place.
const REACH: usize = 4;

/// A part of a statement that may be spoken of.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Name(&'a str),
    Constant(&'a str),
    Keyword(&'a str),
}

/// The words of a statement over a schema in a muddle.
pub fn pseudo_question(sql: &str, schema: &Schema, random: &mut Random) -> String {
    let labels = labels(schema);
    let label = |name| {
        let look = look(name);
        labels.iter().find(|it| it.0 == look).map(|it| it.1)
    };
    let mut words: Vec<Cow<str>> = Vec::new();
    for piece in pieces(sql) {
        let word = match piece {
            Piece::Constant(text) => text.into(),
            Piece::Name(name) => {
                if !random.chance(NAMED_PERCENT) {
                    continue;
                }
                match label(name) {
                    Some(label) if random.chance(IN_WORDS_PERCENT) => label.into(),
                    Some(_) => name.into(),
                    // A name that the statement gives is told in words.
                    None => name.replace('_', " ").into(),
                }
            }
            Piece::Keyword(word) => {
                if !random.chance(KEYWORD_PERCENT) {
                    continue;
                }
                word.to_lowercase().into()
            }
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    for place in 0..words.len() {
        let other = (place + random.below(REACH)).min(words.len() - 1);
        words.swap(place, other);
    }
    let mut text = String::new();
    for word in &words {
        if random.chance(FILLER_PERCENT) {
            text += random.pick(&FILLERS).copied().unwrap_or_default();
            text.push(' ');
        }
        text += word;
        text.push(' ');
    }
    text.truncate(text.trim_end().len());
    text
}

/// What tables and columns are called, by the looks of their names; tables come first.
fn labels(schema: &Schema) -> Vec<(u64, &str)> {
    let tables = schema.tables.iter();
    let tables = tables.map(|it| (look(&it.name), it.many.as_str()));
    let columns = schema.tables.iter().flat_map(|it| &it.columns);
    let columns = columns.map(|it| (look(&it.name), it.label.as_str()));
    tables.chain(columns).collect()
}

fn pieces(sql: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '\'' | '"' => {
                let end = closing(rest, first);
                found.push(match first {
                    '"' => Piece::Name(&rest[1..end - 1]),
                    _ => Piece::Constant(&rest[..end]),
                });
                end
            }
            _ if first.is_alphabetic() || first == '_' => {
                let is_in = |it: char| it.is_alphanumeric() || it == '_';
                let end = rest.find(|it| !is_in(it)).unwrap_or(rest.len());
                let word = &rest[..end];
                let is_alias = word.len() == 2 && word.starts_with('t');
                if word.chars().all(|it| it.is_ascii_uppercase() || it == '_') {
                    found.push(Piece::Keyword(word));
                } else if !is_alias {
                    found.push(Piece::Name(word));
                }
                end
            }
            _ if first.is_ascii_digit() => {
                let is_in = |it: char| it.is_ascii_digit() || it == '.';
                let end = rest.find(|it| !is_in(it)).unwrap_or(rest.len());
                found.push(Piece::Constant(&rest[..end]));
                end
            }
            other => other.len_utf8(),
        };
        rest = &rest[len..];
    }
    found
}

/// Where a quoted text at the beginning of `text` ends; doubled quotes belong to it.
fn closing(text: &str, quote: char) -> usize {
    let mut marks = text.char_indices().skip(1).peekable();
    while let Some((place, mark)) = marks.next() {
        if mark == quote && marks.next_if(|(_, next)| *next == quote).is_none() {
            return place + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::generate;

    #[test]
    fn a_statement_is_taken_apart() {
        let sql = "SELECT COUNT(*) AS n FROM \"my \"\"t\" AS t1 WHERE a <> 'it''s' AND b > 1.5";
        let found = pieces(sql);
        assert!(found.contains(&Piece::Name("my \"\"t")));
        assert!(found.contains(&Piece::Constant("'it''s'")));
        assert!(found.contains(&Piece::Constant("1.5")));
        assert!(found.contains(&Piece::Keyword("COUNT")));
        assert!(!found.contains(&Piece::Name("t1")));
    }

    #[test]
    fn constants_are_kept_and_names_are_mostly_in_words() {
        let schema = generate("retail", 1).unwrap();
        let table = &schema.tables[0];
        let sql = format!("SELECT COUNT(*) FROM {} WHERE x = 'paid'", table.name);
        let mut named = 0;
        for seed in 0..100 {
            let text = pseudo_question(&sql, &schema, &mut Random::new(seed, &[]));
            assert!(text.contains("'paid'"), "{text}");
            named += usize::from(text.contains(&table.many));
        }
        assert!((35..85).contains(&named), "{named}");
    }
}
