//! The words for contents, as they are written down and hashed.

use super::schema::Content;

/// All contents and their words.
const WORDS: [(Content, &str); 12] = [
    (Content::Key, "key"),
    (Content::Reference, "reference"),
    (Content::Name, "name"),
    (Content::Category, "category"),
    (Content::Money, "money"),
    (Content::MoneyText, "money_text"),
    (Content::Quantity, "quantity"),
    (Content::Measure, "measure"),
    (Content::Date, "date"),
    (Content::DateTime, "datetime"),
    (Content::Flag, "flag"),
    (Content::Text, "text"),
];

impl Content {
    /// The word for this content; it never changes, as hashes rest on it.
    pub fn word(self) -> &'static str {
        let mut words = WORDS.iter().filter(|(content, _)| *content == self);
        words.next().map_or("", |(_, word)| word)
    }

    /// The content with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut contents = WORDS.iter().filter(|(_, it)| *it == word);
        contents.next().map(|(content, _)| *content)
    }
}
