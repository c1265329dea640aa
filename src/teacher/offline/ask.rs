//! What an intent works with: the schema, the streams of choices, and what the question
//! has to say besides its core.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

use crate::base::seed::Random;
use crate::database::schema::{Column, Schema, Table, text_literal};
use crate::grading::Requirement;

use super::calendar;
use super::constants;

/// What makes a question harder than its bare intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// A condition on rows; may be drawn twice.
    Where,
    /// A second measure.
    Second,
    /// A condition on groups.
    Having,
    /// The first so many only.
    Top,
    /// One more thing to group by.
    By,
    /// The intent's own harder form.
    Harder,
}

/// The modifiers of a question, and whether anybody asked for them.
#[derive(Clone, Debug)]
pub struct Modifiers {
    left: Vec<Modifier>,
    are_seen: Cell<bool>,
}

impl Modifiers {
    /// Those that were drawn.
    pub fn new(drawn: Vec<Modifier>) -> Self {
        Self {
            left: drawn,
            are_seen: Cell::new(false),
        }
    }

    /// Whether a modifier is still to be applied; it counts as done then.
    pub fn take(&mut self, modifier: Modifier) -> bool {
        let place = self.left().iter().position(|it| *it == modifier);
        if let Some(place) = place {
            self.left.remove(place);
        }
        place.is_some()
    }

    /// Those that are still to be applied.
    pub fn left(&self) -> &[Modifier] {
        self.are_seen.set(true);
        &self.left
    }
}

/// A condition in words.
#[derive(Clone, Debug)]
pub struct Clause {
    /// As it follows `whose`.
    pub predicate: String,
    /// In key words.
    pub terse: String,
}

/// A sentence that the question needs besides its core.
#[derive(Clone, Debug)]
pub struct Note {
    /// In full.
    pub full: String,
    /// In key words.
    pub terse: String,
}

/// A question under construction.
pub struct Ask<'a> {
    /// What is asked about.
    pub schema: &'a Schema,
    /// What is said of it; slots in braces.
    pub frame: &'static str,
    /// Choices that shape the SQL.
    pub draw: Random,
    /// Constants.
    pub constants: Random,
    /// Choices of words.
    pub wording: Random,
    /// The modifiers to apply, as far as not yet done.
    pub modifiers: Modifiers,
    /// Conditions on the rows.
    pub clauses: Vec<Clause>,
    /// What else must be said.
    pub notes: Vec<Note>,
    /// The structure, in words of the template.
    pub tags: Vec<Cow<'static, str>>,
    /// What a good answer uses.
    pub requirements: BTreeSet<Requirement>,
    /// The day that counts as today.
    pub as_of: Option<String>,
    /// What the frames of the intent name in braces.
    pub slots: Vec<(&'static str, String)>,
    /// The table whose rows are meant, for words about them.
    pub base: usize,
    /// A table that conditions must not lead to, as the question is about it anyway.
    pub barred: Option<usize>,
    /// Whether conditions must stand beside the rows they are about.
    pub is_inline: bool,
    /// Whether the question does not say what comes out.
    pub is_short: bool,
    /// What a group is called.
    pub group_word: String,
    /// What is counted, if not rows of the base table.
    pub counted: Option<String>,
    /// The most that is kept, if the question keeps the first rows only.
    pub limit: Option<usize>,
}
impl<'a> Ask<'a> {
    /// The schema's table at a place.
    pub fn table_at(&self, table: usize) -> &'a Table {
        &self.schema.tables[table]
    }

    /// The table whose rows are meant.
    pub fn base_table(&self) -> &'a Table {
        self.table_at(self.base)
    }

    /// Several rows of it in words.
    pub fn many(&self) -> String {
        self.base_table().many.clone()
    }

    /// What counts count, in words.
    pub fn counted(&self) -> String {
        self.counted.clone().unwrap_or_else(|| self.many())
    }

    /// Sets a slot of the frames.
    pub fn say(&mut self, slot: &'static str, words: impl Into<String>) {
        self.slots.push((slot, words.into()));
    }

    /// Adds a word to the template.
    pub fn tag(&mut self, tag: impl Into<Cow<'static, str>>) {
        self.tags.push(tag.into());
    }

    /// Adds a sentence and its short form.
    pub fn note(&mut self, full: impl Into<String>, terse: impl Into<String>) {
        let note = Note {
            full: full.into(),
            terse: terse.into(),
        };
        if self.notes.iter().all(|it| it.full != note.full) {
            self.notes.push(note);
        }
    }

    /// Adds a condition's words.
    pub fn clause(&mut self, predicate: impl Into<String>, terse: impl Into<String>) {
        let clause = Clause {
            predicate: predicate.into(),
            terse: terse.into(),
        };
        if self
            .clauses
            .iter()
            .all(|it| it.predicate != clause.predicate)
        {
            self.clauses.push(clause);
        }
    }

    /// Whether a modifier was drawn; it counts as done then.
    pub fn takes(&mut self, modifier: Modifier) -> bool {
        self.modifiers.take(modifier)
    }

    /// Whether chance had a say so far. Where it had none, every other attempt would come
    /// as far as this one.
    pub fn is_by_chance(&self) -> bool {
        let streams = [&self.draw, &self.constants, &self.wording];
        self.modifiers.are_seen.get() || streams.iter().any(|it| it.is_begun())
    }

    /// One of some wordings.
    pub fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.wording.pick(words).copied().unwrap_or_default()
    }

    /// One of a column's words, as SQL.
    pub fn word_of(&mut self, column: &Column) -> Option<String> {
        self.words_of(column, 1)?.pop()
    }

    /// Some different ones of a column's words, as SQL.
    pub fn words_of(&mut self, column: &Column, count: usize) -> Option<Vec<String>> {
        let mut words = constants::words(column);
        self.constants.shuffle(&mut words);
        words.truncate(count);
        let sql = words.iter().map(|word| text_literal(word));
        (words.len() == count).then(|| sql.collect())
    }

    /// A day inside a column's values.
    pub fn day_in(&mut self, column: (usize, usize), from: i64, to: i64) -> Option<i64> {
        let (first, last) = calendar::span(&self.table_at(column.0).columns[column.1])?;
        let percent = self.constants.between(from, to);
        Some(first + (last - first) * percent / 100)
    }
}
