//! What a student practises after an iteration: siblings of its mistakes, new and old, and
//! what it knows already, lest it forgets.
//!
//! A sibling asks the same over another schema, in another of the phrasings that training
//! may use: a mistake itself is learned by heart, its siblings are understood. Several
//! share a schema, as in the corpus, and what is rehearsed stands among them.
//!
//! **Invariant.** The same mistakes, policy and seed give the same lessons.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::base::seed::Random;
use crate::database::outline::outline;
use crate::database::schema::Schema;
use crate::database::shape::shape_hash;
use crate::database::{domains, generate};
use crate::grading::signature::{family, is_for_evaluation};
use crate::nano::corpus::Corpus;
use crate::nano::document::Turn;
use crate::teacher::draft::{Category, Draft};
use crate::teacher::held_out::trained_phrasings;
use crate::teacher::offline::{Grammar, intents};

/// How much of what is practised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Siblings of mistakes in an iteration.
    pub siblings: usize,
    /// The most siblings of one mistake.
    pub siblings_each: usize,
    /// Of all siblings, those of mistakes of this iteration, in percent: if there are
    /// older ones.
    pub new_percent: usize,
    /// Turns of a document on mistakes.
    pub sibling_turns: usize,
    /// Turns of a document on what is known.
    pub known_turns: usize,
    /// A control of the loop, in which nothing true is taught of a mistake: its siblings'
    /// statements are dealt out among all siblings.
    pub shuffled: bool,
}

impl Policy {
    /// Turns of a lesson.
    pub fn turns(&self) -> usize {
        self.sibling_turns + self.known_turns
    }
}

/// What is practised over one schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The schema.
    pub schema: Arc<Schema>,
    /// The questions and their statements, and the mistakes they are siblings of, by their
    /// places; none for what is rehearsed.
    pub turns: Vec<(Turn, Option<usize>)>,
}

/// Where siblings are asked, and what is rehearsed.
#[derive(Clone, Copy)]
pub struct Practised<'a> {
    /// How much of what.
    pub policy: Policy,
    /// Where what is known comes from.
    pub corpus: &'a Corpus,
    /// The user's own database, over which every second lesson is, if there is one.
    pub own: Option<&'a Arc<Schema>>,
    /// Where chance comes from.
    pub seed: u64,
}

impl Practised<'_> {
    /// Who brings a database will ask as people ask, without saying what is to come out; a
    /// suite asks as the corpus does.
    fn short_percent(&self) -> usize {
        match self.own {
            Some(_) => SHORT_PERCENT,
            None => 0,
        }
    }

    /// Turns over a schema on what is known, beside what is new in these categories.
    fn rehearsed<'s>(
        &'s self,
        over: (&'s Grammar, [u8; 32]),
        new: &'s [Category],
        random: &'s mut Random,
    ) -> impl Iterator<Item = (Turn, Option<usize>)> + 's {
        (0..self.policy.known_turns).filter_map(move |_| {
            let alike = random.pick(new).copied();
            let short = self.short_percent();
            let turn = self.corpus.known_turn(over, alike, short, random)?;
            Some((turn, None))
        })
    }
}

/// A mistake, and when it was made.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The iteration, from 1.
    pub iteration: u32,
    /// The question that was answered wrong.
    pub draft: Draft,
    /// How surely its like would be answered wrong now, from 0 to 1.
    pub need: f64,
}

/// Of general questions that are rehearsed for a user's own database, those in short, in
/// percent.
const SHORT_PERCENT: usize = 50;
/// Lessons over the user's own database, in percent.
const OWN_PERCENT: usize = 50;
/// What is mastered is practised still, but seldom.
const LEAST_NEED: f64 = 0.05;
/// How many schemas are drawn for siblings, of which one is taken.
const SCHEMAS_DRAWN: usize = 8;

/// The lessons after `iteration`.
pub fn practice(mistakes: &[Mistake], iteration: u32, practised: Practised<'_>) -> Vec<Lesson> {
    let (policy, seed) = (practised.policy, practised.seed);
    let round = iteration.to_string();
    let mut random = Random::new(seed, &[&round, "practice"]);
    let wanted = wanted(mistakes, iteration, policy, &mut random);
    let mut lessons: Vec<Lesson> = wanted
        .par_chunks(policy.sibling_turns.max(1))
        .enumerate()
        .filter_map(|(number, wanted)| {
            let number = number.to_string();
            let mut random = Random::new(seed, &["practice", &round, &number]);
            lesson(mistakes, wanted, practised, &mut random)
        })
        .collect();
    if policy.shuffled {
        deal_out(&mut lessons, &mut random);
    }
    lessons
}

/// Gives each sibling the statement of any of them.
fn deal_out(lessons: &mut [Lesson], random: &mut Random) {
    let turns = lessons.iter().flat_map(|it| &it.turns);
    let siblings = turns.filter(|(_, place)| place.is_some());
    let mut statements: Vec<String> = siblings.map(|(turn, _)| turn.sql.clone()).collect();
    random.shuffle(&mut statements);
    let turns = lessons.iter_mut().flat_map(|it| &mut it.turns);
    let siblings = turns.filter(|(_, place)| place.is_some());
    for ((turn, _), sql) in siblings.zip(statements) {
        turn.sql = sql;
    }
}

/// A lesson with a mistake itself, whose siblings nobody can make, beside what is known.
pub fn alone(
    schema: Arc<Schema>,
    turn: Turn,
    place: usize,
    iteration: u32,
    practised: Practised<'_>,
) -> Lesson {
    let path = [iteration.to_string(), place.to_string()];
    let mut random = Random::new(practised.seed, &["alone", &path[0], &path[1]]);
    let (grammar, shape) = (Grammar::new(&schema), shape_hash(&schema));
    let over = (&grammar, shape);
    let mut turns: Vec<_> = practised.rehearsed(over, &[], &mut random).collect();
    turns.push((turn, Some(place)));
    random.shuffle(&mut turns);
    Lesson { schema, turns }
}

/// The places of mistakes in the order in which their siblings are practised, each as
/// often as wanted.
fn wanted(mistakes: &[Mistake], iteration: u32, policy: Policy, random: &mut Random) -> Vec<usize> {
    let (mut new, mut old): (Vec<usize>, Vec<usize>) =
        (0..mistakes.len()).partition(|place| mistakes[*place].iteration == iteration);
    random.shuffle(&mut new);
    old = shuffled_by_need(old, mistakes, random);
    let fill = |from: &[usize], count: usize| -> Vec<usize> {
        let most = from.len() * policy.siblings_each;
        from.iter().copied().cycle().take(count.min(most)).collect()
    };
    let share = match old.is_empty() {
        true => policy.siblings,
        false => policy.siblings * policy.new_percent / 100,
    };
    let mut all = fill(&new, share);
    all.extend(fill(&old, policy.siblings - all.len()));
    random.shuffle(&mut all);
    all
}

/// Old mistakes in an order in which those that would be made again tend to stand first.
/// Each gets a draw to the power of one over its weight: Efraimidis and Spirakis, 2006.
fn shuffled_by_need(old: Vec<usize>, mistakes: &[Mistake], random: &mut Random) -> Vec<usize> {
    const PARTS: usize = 1 << 30;
    let mut keyed: Vec<(f64, usize)> = old
        .into_iter()
        .map(|place| {
            let drawn = (random.below(PARTS) + 1) as f64 / PARTS as f64;
            (drawn.ln() / mistakes[place].need.max(LEAST_NEED), place)
        })
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
    keyed.into_iter().map(|(_, place)| place).collect()
}

/// A lesson with siblings of these mistakes, or of those that a schema can be asked: over the
/// user's own if half of them fit, or of several drawn ones over the first that all fit, or
/// the most. The shortest outline comes first, as outlines are read and not learned.
fn lesson(
    mistakes: &[Mistake],
    wanted: &[usize],
    practised: Practised<'_>,
    random: &mut Random,
) -> Option<Lesson> {
    let domains = domains();
    let mut schemas = Vec::with_capacity(1 + SCHEMAS_DRAWN);
    for _ in 0..SCHEMAS_DRAWN {
        schemas.push(Arc::new(generate(random.pick(&domains)?, random.seed())?));
    }
    schemas.sort_by_cached_key(|it| outline(it).len());
    let mut tried: Vec<_> = schemas.into_iter().map(|it| (it, wanted.len())).collect();
    if let Some(own) = practised.own.filter(|_| random.chance(OWN_PERCENT)) {
        tried.insert(0, (Arc::clone(own), wanted.len().div_ceil(2)));
    }
    let mut best: (Vec<_>, Option<Arc<Schema>>) = (Vec::new(), None);
    for (schema, enough) in tried {
        let (grammar, shape) = (Grammar::new(&schema), shape_hash(&schema));
        let siblings = wanted.iter().filter_map(|place| {
            let turn = sibling_of(&mistakes[*place].draft, &grammar, shape, random)?;
            Some((turn, Some(*place)))
        });
        let turns: Vec<(Turn, Option<usize>)> = siblings.collect();
        if turns.len() > best.0.len() {
            best = (turns, Some(schema));
        }
        if best.0.len() >= enough {
            break;
        }
    }
    let (mut turns, schema) = (best.0, best.1?);
    let new: Vec<Category> = wanted
        .iter()
        .map(|place| mistakes[*place].draft.category)
        .collect();
    let over = (&Grammar::new(&schema), shape_hash(&schema));
    turns.extend(practised.rehearsed(over, &new, random));
    random.shuffle(&mut turns);
    Some(Lesson { schema, turns })
}

fn sibling_of(
    draft: &Draft,
    grammar: &Grammar,
    shape: [u8; 32],
    random: &mut Random,
) -> Option<Turn> {
    let named = draft.intent.as_deref()?;
    let intent = intents().into_iter().find(|it| it.name == named)?;
    let found = grammar.sibling(draft, &trained_phrasings(intent), random.seed())?;
    let is_kept = is_for_evaluation(family(&found.template, shape));
    (!is_kept).then(|| Turn::asked(&found))
}
