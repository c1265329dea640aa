//! The offline teacher: a grammar of intents × modifiers × phrasings over any schema.
//!
//! - `calendar`, `constants`, `phrase`, `spoken`, `sql`: small tools.
//! - `query`: a query under construction, with its outputs in words.
//! - `roles`, `parts`, `ask`, `draws`: which tables and columns play which part.
//! - `modifiers`, `wording`, `cipher`: what makes it harder, and how it is said.
//! - `intent`, then one file or two per category with its intents.
//! - `everyday`: what people ask in passing, which is read and not examined.
//!
//! **Invariants.** SQL and words of a part are made together, so that the question says
//! what the SQL does. What a seed draws for the SQL, the constants, the phrasing and the
//! words are four streams: a held-out phrasing changes nothing else.

mod advanced;
mod advanced_more;
mod ask;
mod calendar;
mod cipher;
mod cleaning;
mod cleaning_more;
mod constants;
mod customers;
mod customers_more;
mod draws;
mod everyday;
mod everyday_figures;
mod everyday_rows;
mod general;
mod hierarchy;
mod intent;
mod modifiers;
mod parts;
mod phrase;
mod pivot;
mod pivot_more;
mod query;
mod revenue;
mod revenue_more;
mod roles;
mod spoken;
mod sql;
#[cfg(test)]
mod tests;
mod time_series;
mod time_series_more;
mod wording;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::grading::Requirement;
use crate::teacher::draft::{Category, Difficulty, Draft, NoFit};

use ask::{Ask, Modifier, Modifiers};
pub use intent::Intent;
use spoken::spoken;

const ATTEMPTS: u64 = 40;
const SIBLING_ATTEMPTS: u64 = 400;
const FITTING_SEEDS: u64 = 3;
/// More than this is no longer a question that a small model can read.
const MAX_QUESTION_BYTES: usize = 900;

/// What a draft is wished to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What it is about.
    pub category: Category,
    /// How much it asks for.
    pub difficulty: Difficulty,
    /// The intent, if it matters.
    pub intent: Option<String>,
    /// Which phrasings may be used, by index; all of them if there are none.
    pub phrasings: Vec<usize>,
}

/// Every intent, by category.
pub fn intents() -> Vec<&'static Intent> {
    let all = [
        revenue::INTENTS,
        revenue_more::INTENTS,
        customers::INTENTS,
        customers_more::INTENTS,
        time_series::INTENTS,
        time_series_more::INTENTS,
        cleaning::INTENTS,
        cleaning_more::INTENTS,
        pivot::INTENTS,
        pivot_more::INTENTS,
        advanced::INTENTS,
        advanced_more::INTENTS,
        hierarchy::INTENTS,
        general::INTENTS,
    ];
    all.into_iter().flatten().collect()
}

/// The frames of every intent in every tongue.
static CIPHERED: LazyLock<HashMap<&str, Vec<[String; cipher::TONGUES]>>> = LazyLock::new(|| {
    let in_all = |frame| std::array::from_fn(|tongue| cipher::encipher(frame, tongue));
    let all = intents().into_iter().chain(everyday_intents());
    all.map(|it| (it.name, it.frames.into_iter().map(in_all).collect()))
        .collect()
});

/// What people ask in passing, for [`Grammar::draft_everyday`]. No teacher asks it.
pub fn everyday_intents() -> &'static [Intent] {
    everyday::INTENTS
}

/// A schema that questions are put into words for.
pub struct Grammar<'a>(Cow<'a, Schema>);

impl<'a> Grammar<'a> {
    /// The grammar over a schema.
    pub fn new(schema: &'a Schema) -> Self {
        Self(spoken(schema))
    }

    /// A draft of an intent in one of these phrasings (of all if there are none), drawn
    /// with a seed; `None` if the schema has nothing that it could ask about.
    pub fn draft(
        &self,
        intent: &Intent,
        difficulty: Difficulty,
        phrasings: &[usize],
        seed: u64,
    ) -> Option<Draft> {
        draft(&self.0, intent, difficulty, phrasings, seed)
    }

    /// As [`Self::draft`], but not what comes out is said: people ask so who think of things
    /// and not of columns. Only in phrasings that are prose, and for intents whose frames
    /// say enough.
    pub fn draft_in_short(
        &self,
        intent: &Intent,
        difficulty: Difficulty,
        phrasings: &[usize],
        seed: u64,
    ) -> Option<Draft> {
        let prose: Vec<usize> = phrasings
            .iter()
            .copied()
            .filter(|it| wording::is_prose(*it))
            .collect();
        let telling = Telling::Short(phrasing(intent, &prose, seed)?);
        told(&self.0, intent, difficulty, telling, seed)
    }

    /// What people ask in passing: short, and without what comes out.
    pub fn draft_everyday(&self, intent: &Intent, seed: u64) -> Option<Draft> {
        let telling = Telling::InPassing(phrasing(intent, &[], seed)?);
        told(&self.0, intent, Difficulty::Easy, telling, seed)
    }

    /// As [`Self::draft`], but what is asked for, and what comes out, is said in the made-up
    /// words of one of several tongues.
    pub fn draft_in_cipher(
        &self,
        intent: &Intent,
        difficulty: Difficulty,
        phrasings: &[usize],
        seed: u64,
    ) -> Option<Draft> {
        let telling = Telling::Cipher {
            phrasing: phrasing(intent, phrasings, seed)?,
            tongue: tongue(intent, seed),
        };
        told(&self.0, intent, difficulty, telling, seed)
    }

    /// As [`Self::draft_in_cipher`], but nothing is asked: the statement alone.
    pub fn draft_unasked(
        &self,
        intent: &Intent,
        difficulty: Difficulty,
        seed: u64,
    ) -> Option<Draft> {
        let telling = Telling::Unasked {
            tongue: tongue(intent, seed),
        };
        told(&self.0, intent, difficulty, telling, seed)
    }

    /// A draft of the same intent and difficulty whose template is equal, or as near as
    /// this schema lets it be; `None` if it has nothing that the intent could ask about.
    pub fn sibling(&self, of: &Draft, phrasings: &[usize], seed: u64) -> Option<Draft> {
        let schema = self.0.as_ref();
        let all = intents();
        let intent = all
            .iter()
            .find(|intent| of.intent.as_deref() == Some(intent.name))?;
        let wanted: BTreeSet<&str> = of.template.split('|').collect();
        let phrasing = phrasing(intent, phrasings, seed)?;
        let mut best: Option<(usize, Draft)> = None;
        for attempt in 0..SIBLING_ATTEMPTS {
            let telling = Telling::Plain(phrasing);
            let draft = match attempted(schema, intent, of.difficulty, telling, seed, attempt) {
                Ok(draft) => draft,
                Err(Failure::ByChance) => continue,
                Err(Failure::Always) => break,
            };
            let own: BTreeSet<&str> = draft.template.split('|').collect();
            let distance = wanted.symmetric_difference(&own).count();
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                best = Some((distance, draft));
            }
            if distance == 0 {
                break;
            }
        }
        best.map(|(_, draft)| draft)
    }
}

/// The intents that a schema can be asked.
pub fn fitting(schema: &Schema) -> Vec<&'static Intent> {
    let schema = spoken(schema);
    let mut found = intents();
    found.retain(|intent| {
        let mut seeds = 0..FITTING_SEEDS;
        seeds.any(|seed| draft(&schema, intent, Difficulty::Easy, &[], seed).is_some())
    });
    found
}

/// A draft as wished, drawn with a seed.
///
/// # Errors
///
/// The schema has nothing that any such intent could ask about.
pub fn propose(schema: &Schema, wish: &Wish, seed: u64) -> Result<Draft, NoFit> {
    let schema = spoken(schema);
    let mut pool = intents();
    pool.retain(|intent| match &wish.intent {
        Some(name) => intent.name == name,
        None => intent.category == wish.category,
    });
    Random::new(seed, &["offline", "intent"]).shuffle(&mut pool);
    let mut drafts = pool
        .iter()
        .filter_map(|intent| draft(&schema, intent, wish.difficulty, &wish.phrasings, seed));
    drafts.next().ok_or_else(|| no_fit(&schema, wish))
}

/// A draft of the same intent and difficulty whose template is equal, or as near as this
/// schema lets it be: what to practise after a mistake.
///
/// # Errors
///
/// The schema has nothing that the intent could ask about.
pub fn sibling(
    schema: &Schema,
    of: &Draft,
    phrasings: &[usize],
    seed: u64,
) -> Result<Draft, NoFit> {
    let found = Grammar::new(schema).sibling(of, phrasings, seed);
    found.ok_or_else(|| {
        let wish = Wish {
            category: of.category,
            difficulty: of.difficulty,
            intent: of.intent.clone(),
            phrasings: phrasings.to_vec(),
        };
        no_fit(schema, &wish)
    })
}

fn no_fit(schema: &Schema, wish: &Wish) -> NoFit {
    let about = wish.intent.as_deref().unwrap_or(wish.category.name());
    NoFit {
        wish: format!("{about} ({})", wish.difficulty.name()),
        schema: schema.name.clone(),
    }
}

fn draft(
    schema: &Schema,
    intent: &Intent,
    difficulty: Difficulty,
    phrasings: &[usize],
    seed: u64,
) -> Option<Draft> {
    let telling = Telling::Plain(phrasing(intent, phrasings, seed)?);
    told(schema, intent, difficulty, telling, seed)
}

/// How a question is told.
#[derive(Clone, Copy)]
enum Telling {
    /// In an intent's own words.
    Plain(usize),
    /// In them, without what comes out.
    Short(usize),
    /// In them and nothing else.
    InPassing(usize),
    /// With made-up words of a tongue for them.
    Cipher { phrasing: usize, tongue: usize },
    /// Not at all; what comes out has made-up words of a tongue.
    Unasked { tongue: usize },
}

impl Telling {
    /// Which of the intent's phrasings.
    fn phrasing(self) -> usize {
        match self {
            Self::Plain(phrasing) | Self::Short(phrasing) | Self::InPassing(phrasing) => phrasing,
            Self::Cipher { phrasing, .. } => phrasing,
            // Any frame will do: it is not told.
            Self::Unasked { .. } => 0,
        }
    }
}

/// The tongue of what is said in made-up words.
fn tongue(intent: &Intent, seed: u64) -> usize {
    Random::new(seed, &["offline", intent.name, "cipher"]).below(cipher::TONGUES)
}

/// One of the phrasings that may be used; all of them if none are named.
fn phrasing(intent: &Intent, phrasings: &[usize], seed: u64) -> Option<usize> {
    let all = 0..intent.phrasings();
    let usable = all.filter(|it| phrasings.is_empty() || phrasings.contains(it));
    let usable: Vec<usize> = usable.collect();
    Random::new(seed, &["offline", intent.name, "phrasing"])
        .pick(&usable)
        .copied()
}

/// The first draft that an attempt gives.
fn told(
    schema: &Schema,
    intent: &Intent,
    difficulty: Difficulty,
    telling: Telling,
    seed: u64,
) -> Option<Draft> {
    for attempt in 0..ATTEMPTS {
        match attempted(schema, intent, difficulty, telling, seed, attempt) {
            Ok(draft) => return Some(draft),
            Err(Failure::ByChance) => {}
            Err(Failure::Always) => return None,
        }
    }
    None
}

/// Why an attempt gave no draft.
enum Failure {
    /// Of what was drawn; another attempt draws anew.
    ByChance,
    /// The schema has nothing that the intent could ask about.
    Always,
}

fn attempted(
    schema: &Schema,
    intent: &Intent,
    difficulty: Difficulty,
    telling: Telling,
    seed: u64,
    attempt: u64,
) -> Result<Draft, Failure> {
    let mut ask = begun(schema, intent, difficulty, seed, attempt, telling);
    let Some(mut query) = (intent.make)(&mut ask) else {
        return Err(match ask.is_by_chance() {
            true => Failure::ByChance,
            false => Failure::Always,
        });
    };
    if !ask.modifiers.left().is_empty() || query.outputs.is_empty() {
        return Err(Failure::ByChance);
    }
    let mut reference_sql = query.text();
    let phrasing = telling.phrasing();
    let frame = ask.frame;
    let question = match telling {
        Telling::InPassing(_) => wording::in_passing(&mut ask, frame),
        Telling::Plain(_) | Telling::Short(_) => {
            ask_for_tools(&mut ask, &reference_sql);
            wording::question(&mut ask, &query, frame, phrasing)
        }
        Telling::Cipher { tongue, .. } => {
            ask_for_tools(&mut ask, &reference_sql);
            reference_sql = cipher::encipher_outputs(schema, &mut query, &reference_sql, tongue);
            let frames = &CIPHERED[intent.name];
            wording::question(&mut ask, &query, &frames[phrasing][tongue], phrasing)
        }
        Telling::Unasked { tongue } => {
            reference_sql = cipher::encipher_outputs(schema, &mut query, &reference_sql, tongue);
            String::new()
        }
    };
    if question.len() > MAX_QUESTION_BYTES {
        return Err(Failure::ByChance);
    }
    Ok(Draft {
        category: intent.category,
        difficulty,
        intent: Some(intent.name.to_owned()),
        phrasing: Some([intent.name, "/", &phrasing.to_string()].concat()),
        question,
        ordered: !query.order.is_empty(),
        requirements: ask.requirements.iter().copied().collect(),
        reference_sql,
        as_of_date: ask.as_of.clone(),
        template: template(intent, &ask),
        seed,
    })
}

fn begun<'a>(
    schema: &'a Schema,
    intent: &Intent,
    difficulty: Difficulty,
    seed: u64,
    attempt: u64,
    telling: Telling,
) -> Ask<'a> {
    let is_short = matches!(telling, Telling::Short(_));
    let attempt = attempt.to_string();
    let stream = |what: &str| Random::new(seed, &["offline", intent.name, what, &attempt]);
    let mut modifiers = Vec::new();
    if difficulty.modifiers() > 0 {
        modifiers.extend_from_slice(intent.modifiers);
        stream("modifiers").shuffle(&mut modifiers);
        modifiers.truncate(difficulty.modifiers());
    }
    if is_short {
        // What these add to the result is said with the outputs alone.
        let adds = [Modifier::Second, Modifier::By, Modifier::Harder];
        modifiers.retain(|it| !adds.contains(it));
    }
    Ask {
        schema,
        frame: intent.frames[telling.phrasing()],
        draw: stream("structure"),
        constants: stream("constants"),
        wording: stream("wording"),
        modifiers: Modifiers::new(modifiers),
        clauses: Vec::new(),
        notes: Vec::new(),
        tags: Vec::new(),
        requirements: BTreeSet::new(),
        as_of: None,
        slots: Vec::new(),
        base: 0,
        barred: None,
        is_inline: false,
        is_short,
        group_word: "group".to_owned(),
        counted: None,
        limit: None,
    }
}

/// The intent and its structure; in which order modifiers were drawn doesn't matter.
fn template(intent: &Intent, ask: &Ask) -> String {
    let mut tags: Vec<&str> = ask.tags.iter().map(AsRef::as_ref).collect();
    tags.sort_unstable();
    tags.insert(0, intent.name);
    tags.join("|")
}

/// Sometimes asks for what the SQL is built with. Only what the question says may be
/// required of an answer: there are other ways to the same rows.
fn ask_for_tools(ask: &mut Ask, sql: &str) {
    if !ask.wording.chance(30) {
        return;
    }
    let mut tools = Vec::new();
    if sql.starts_with("WITH RECURSIVE ") {
        tools.push((
            Requirement::RecursiveCte,
            "a recursive common table expression",
        ));
    } else if sql.starts_with("WITH ") {
        tools.push((Requirement::Cte, "a common table expression (WITH)"));
    }
    if sql.contains(" OVER (") {
        tools.push((Requirement::Window, "a window function"));
    }
    if tools.is_empty() {
        return;
    }
    ask.requirements.extend(tools.iter().map(|(tool, _)| *tool));
    let names: Vec<String> = tools.iter().map(|(_, name)| (*name).to_owned()).collect();
    let names = phrase::listed(&names, "and");
    let start = ask.word(&["Use", "Solve it with", "Write it with"]);
    ask.note(format!("{start} {names}"), format!("with {names}"));
}
