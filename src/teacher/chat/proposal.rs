//! Asking for challenges: what the teacher is told, and the drafts it answers with.
//!
//! **Invariant.** A draft is a function of the ask and the answer alone, the seed of its
//! instances among it: the same answer makes the same challenge when it is read again.

use serde::{Deserialize, Serialize};

use super::asker::{Asker, ChatError};
use super::call::{Desk, Manner};
use super::prompts::{PROPOSE, PromptError};
use super::talk::{Question, Said, talk};
use crate::base::seed::Random;
use crate::database::instance::instance;
use crate::database::schema::{Schema, quoted};
use crate::database::shape::shape_hash;
use crate::event::words::Request;
use crate::grading::Requirement;
use crate::grading::signature::signature;
use crate::grading::sql::parse;
use crate::teacher::draft::{Category, Difficulty, Draft};

/// Challenges of one call at most.
pub const MAX_COUNT: usize = 8;
/// Earlier questions that the teacher is shown at most: the newest.
const MAX_EARLIER: usize = 40;
const MAX_WEAKNESSES: usize = 12;
/// More than this no small model reads.
const MAX_QUESTION_BYTES: usize = 1_200;
const MAX_SQL_BYTES: usize = 6_000;
/// Rows of each table that are shown, and the length of a value.
const SAMPLE_ROWS: usize = 3;
const SAMPLE_VALUE_CHARS: usize = 60;
/// Tokens of an answer: for each challenge, and around them.
const TOKENS_EACH: u32 = 700;
const TOKENS_AROUND: u32 = 200;

/// A wish for challenges over one database.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The database.
    pub schema: &'a Schema,
    /// Whether rows of it may be shown; those of a user's own file are the user's data.
    pub shows_rows: bool,
    /// What they are to be about.
    pub category: Category,
    /// How much they are to ask for.
    pub difficulty: Difficulty,
    /// How many, up to [`MAX_COUNT`].
    pub count: usize,
    /// What the student is weak at, in words.
    pub weaknesses: Vec<String>,
    /// Questions that were asked before, the newest last.
    pub earlier: Vec<String>,
    /// Which of several equal asks it is.
    pub ordinal: u32,
}

#[derive(Serialize)]
struct Context<'a> {
    schema_sql: String,
    samples: Vec<Sample>,
    count: usize,
    category: &'static str,
    about: &'static str,
    difficulty: &'static str,
    demands: &'static str,
    weaknesses: &'a [String],
    earlier: &'a [String],
}

#[derive(Serialize)]
struct Sample {
    name: String,
    columns: String,
    rows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    challenges: Vec<Proposed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    question: String,
    reference_sql: String,
    ordered: bool,
    requirements: Vec<String>,
}

/// Asks for challenges; gives the drafts that are worth proving. None of them is admitted
/// yet.
///
/// # Errors
/// There is no usable answer.
pub async fn propose(
    asker: &Asker,
    desk: &Desk,
    ask: &Ask<'_>,
) -> Result<Said<Vec<Draft>>, ChatError> {
    let question = question(ask)?;
    talk(asker, desk, &question, |answer| drafts(ask, answer)).await
}

/// The question that is put.
pub(super) fn question(ask: &Ask<'_>) -> Result<Question, PromptError> {
    let count = ask.count.clamp(1, MAX_COUNT);
    let earlier = &ask.earlier[ask.earlier.len().saturating_sub(MAX_EARLIER)..];
    let context = Context {
        schema_sql: ask.schema.create_sql(),
        samples: match ask.shows_rows {
            true => samples(ask.schema),
            false => Vec::new(),
        },
        count,
        category: ask.category.name(),
        about: about(ask.category),
        difficulty: ask.difficulty.name(),
        demands: demands(ask.difficulty),
        weaknesses: &ask.weaknesses[..ask.weaknesses.len().min(MAX_WEAKNESSES)],
        earlier,
    };
    Ok(Question {
        request: Request::Propose,
        rendered: PROPOSE.render(&context)?,
        manner: Manner {
            max_tokens: TOKENS_AROUND + TOKENS_EACH * count as u32,
            temperature: 0.9,
        },
        ordinal: ask.ordinal,
    })
}

/// The first rows of each table, as SQL writes values.
fn samples(schema: &Schema) -> Vec<Sample> {
    let made = instance(schema, 0, 0, &[]);
    let shorten = |text: String| match text.char_indices().nth(SAMPLE_VALUE_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    };
    let tables = schema.tables.iter().zip(&made.tables);
    let sample = tables.map(|(table, rows)| {
        let names: Vec<String> = table.columns.iter().map(|it| quoted(&it.name)).collect();
        let row = |row: &Vec<_>| -> String {
            let values: Vec<String> = row
                .iter()
                .map(|value: &crate::database::schema::Literal| shorten(value.sql()))
                .collect();
            values.join(", ")
        };
        Sample {
            name: quoted(&table.name),
            columns: names.join(", "),
            rows: rows.iter().take(SAMPLE_ROWS).map(row).collect(),
        }
    });
    sample.collect()
}

/// The drafts in an answer; those that are none are left out, unless all are.
fn drafts(ask: &Ask<'_>, answer: Answer) -> Result<Vec<Draft>, String> {
    let mut problem = "there are no challenges in it".to_owned();
    let mut drafts = Vec::new();
    for proposed in answer.challenges.into_iter().take(MAX_COUNT) {
        match draft(ask, proposed) {
            Ok(draft) => drafts.push(draft),
            Err(why) => problem = why,
        }
    }
    match drafts.is_empty() {
        true => Err(problem),
        false => Ok(drafts),
    }
}

fn draft(ask: &Ask<'_>, proposed: Proposed) -> Result<Draft, String> {
    let question = proposed.question.trim().to_owned();
    let reference_sql = bare(&proposed.reference_sql);
    if question.is_empty() || question.len() > MAX_QUESTION_BYTES {
        return Err(format!(
            "a question has 1 to {MAX_QUESTION_BYTES} characters"
        ));
    }
    if reference_sql.len() > MAX_SQL_BYTES {
        return Err(format!(
            "a reference has at most {MAX_SQL_BYTES} characters"
        ));
    }
    let query = parse(&reference_sql).ok_or("a reference is one SELECT statement of SQLite")?;
    let mut requirements: Vec<Requirement> = proposed
        .requirements
        .iter()
        .filter_map(|name| Requirement::parse(name))
        .collect();
    requirements.sort_unstable();
    requirements.dedup();
    let signature = signature(ask.schema, shape_hash(ask.schema), &query);
    let seed = Random::new(0, &["chat", &question, &reference_sql]).seed();
    Ok(Draft {
        category: ask.category,
        difficulty: ask.difficulty,
        intent: None,
        phrasing: None,
        question,
        reference_sql,
        ordered: proposed.ordered,
        requirements,
        as_of_date: None,
        // What has the same structure is one family, however it is written.
        template: format!("chat {signature}"),
        seed,
    })
}

/// A statement without the semicolon and the fence that models like to write.
pub(super) fn bare(sql: &str) -> String {
    let text = sql.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .map(|rest| rest.strip_prefix("sql").unwrap_or(rest));
    let text = inner.unwrap_or(text);
    text.trim().trim_end_matches(';').trim_end().to_owned()
}

fn about(category: Category) -> &'static str {
    match category {
        Category::Revenue => "money that comes in: sums, shares, margins, discounts, refunds",
        Category::Customers => {
            "what those do whom rows belong to: first and repeated purchases, churn, cohorts, ranks"
        }
        Category::TimeSeries => {
            "how something goes with time: periods, growth, running and moving figures, gaps"
        }
        Category::Cleaning => "missing, unreadable, doubled and odd values, and amounts as text",
        Category::Pivot => "one dimension as columns, by conditional aggregation",
        Category::Advanced => "windows, islands, sets, recursion, relational division",
        Category::General => "counts, lists and lookups, as everyone asks them first",
    }
}

fn demands(difficulty: Difficulty) -> &'static str {
    match difficulty {
        Difficulty::Easy => "one idea, at most one join",
        Difficulty::Medium => "one idea with a twist: a further condition, a join more, a rank",
        Difficulty::Hard => "two or three ideas that must work together",
    }
}
