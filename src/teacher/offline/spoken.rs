//! A schema as it can be spoken of: every table and column has words.

use std::borrow::Cow;

use crate::database::schema::Schema;

const MAX_WORDS_LEN: usize = 60;

/// The schema with its names as words where it has none, and without signs in its words
/// that would break a question.
pub fn spoken(schema: &Schema) -> Cow<'_, Schema> {
    let mut tables = schema.tables.iter();
    let is_spoken = tables.all(|table| {
        let labels = table.columns.iter().map(|it| &it.label);
        [&table.one, &table.many]
            .into_iter()
            .chain(labels)
            .all(|it| is_plain(it))
    });
    if is_spoken {
        return Cow::Borrowed(schema);
    }
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        let name = plain(&table.name, || "table".to_owned());
        say(&mut table.one, || format!("row of {name}"));
        say(&mut table.many, || format!("rows of {name}"));
        for (place, column) in table.columns.iter_mut().enumerate() {
            let name = &column.name;
            let other = || plain(name, || format!("column {}", place + 1));
            say(&mut column.label, other);
        }
    }
    Cow::Owned(schema)
}

/// Makes words plain, or others where there are none.
fn say(words: &mut String, other: impl FnOnce() -> String) {
    if !is_plain(words) {
        *words = plain(words, other);
    }
}

/// Whether nothing is to be changed: letters and digits with single spaces between them, as
/// most words are.
fn is_plain(words: &str) -> bool {
    let mut parts = words.as_bytes().split(|it| *it == b' ');
    let is_plain = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric);
    words.len() <= MAX_WORDS_LEN && parts.all(is_plain)
}

fn plain(text: &str, other: impl FnOnce() -> String) -> String {
    let signs = text.chars().map(|it| {
        let is_odd = it.is_control() || "{}()'\"".contains(it);
        if is_odd { ' ' } else { it }
    });
    let text: String = signs.take(MAX_WORDS_LEN).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        other()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_words_gets_its_name() {
        let said = |words: &str| {
            let mut words = words.to_owned();
            say(&mut words, || "row of x".to_owned());
            words
        };
        assert_eq!(said("  "), "row of x");
        assert_eq!(said(""), "row of x");
        assert_eq!(said("a {b}\u{1}c"), "a b c");
        assert_eq!(said("a  b "), "a b");
        assert_eq!(said("weight in kg"), "weight in kg");
        assert_eq!(said(&"long ".repeat(20)), "long ".repeat(12).trim_end());
    }
}
