//! What a teacher hands over: a question, the SQL that answers it, and what they are about.

use thiserror::Error;

use crate::grading::Requirement;

/// What a question is about, as reports group it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Money that comes in.
    Revenue,
    /// What those do whom the rows belong to.
    Customers,
    /// How something goes with time.
    TimeSeries,
    /// Missing, unreadable, doubled and odd values.
    Cleaning,
    /// One dimension as columns.
    Pivot,
    /// Windows, islands, sets and recursion.
    Advanced,
    /// Counts, lists and lookups: what everyone asks first. No teacher asks it of a
    /// student in training; suites do, to see that nothing is forgotten.
    General,
}

impl Category {
    /// Those that a teacher asks about, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Revenue,
        Self::Customers,
        Self::TimeSeries,
        Self::Cleaning,
        Self::Pivot,
        Self::Advanced,
    ];

    /// Its name in reports and in the lake.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revenue => "Revenue/Finance",
            Self::Customers => "Customer Analytics",
            Self::TimeSeries => "Time-Series",
            Self::Cleaning => "Data Cleaning",
            Self::Pivot => "Pivot/Cross-tabs",
            Self::Advanced => "Advanced Patterns",
            Self::General => "General",
        }
    }

    /// The category with this name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter().chain([Self::General]);
        all.find(|it| it.name() == name)
    }
}

/// How much a question asks for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difficulty {
    /// The bare intent.
    Easy,
    /// The intent with one modifier.
    Medium,
    /// The intent with two modifiers.
    Hard,
}

impl Difficulty {
    /// All of them, the easy one first.
    pub const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// Its name in reports and in the lake.
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }

    /// The difficulty with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// How many modifiers it adds to an intent.
    pub fn modifiers(self) -> usize {
        match self {
            Self::Easy => 0,
            Self::Medium => 1,
            Self::Hard => 2,
        }
    }
}

/// A proposed challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is about.
    pub category: Category,
    /// How much it asks for.
    pub difficulty: Difficulty,
    /// The intent behind it, such as `revenue_by_period`; none if a chat teacher made it.
    pub intent: Option<String>,
    /// Which construction of the question was used, such as `revenue_by_period/3`; none if a
    /// chat teacher made it.
    pub phrasing: Option<String>,
    /// The question.
    pub question: String,
    /// The SQL that answers it.
    pub reference_sql: String,
    /// Whether the order of the rows is asked for.
    pub ordered: bool,
    /// What an answer must use, sorted.
    pub requirements: Vec<Requirement>,
    /// The day that counts as today, if one does.
    pub as_of_date: Option<String>,
    /// The intent and the structure of its modifiers without names, constants and wording:
    /// what families of challenges are made of.
    pub template: String,
    /// The seed it was drawn with.
    pub seed: u64,
}

/// A schema can't be asked what was wished.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no question of {wish} fits the database {schema}")]
pub struct NoFit {
    /// What was wished.
    pub wish: String,
    /// The schema's name.
    pub schema: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.name()), Some(category));
        }
        for difficulty in Difficulty::ALL {
            assert_eq!(Difficulty::parse(difficulty.name()), Some(difficulty));
        }
    }
}
