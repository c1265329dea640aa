//! What can be asked: an intent is one business question over any schema that has the
//! tables and columns for it.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::query::Query;
use super::wording::CONSTRUCTIONS;

/// A business question over any schema.
pub struct Intent {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub category: Category,
    /// What may make it harder; the same modifier twice may be drawn twice.
    pub(super) modifiers: &'static [Modifier],
    /// Its core in each construction; slots in braces.
    pub frames: [&'static str; CONSTRUCTIONS],
    /// Makes the query, or none if this draw doesn't fit the schema.
    pub(super) make: fn(&mut Ask) -> Option<Query>,
}

impl Intent {
    /// How many phrasings it has.
    pub fn phrasings(&self) -> usize {
        self.frames.len()
    }
}
