//! What a student practises after an iteration: siblings of its mistakes, new and old, and
//! what it knows already, lest it forgets.
//!
//! A sibling asks the same over another schema, in another of the phrasings that training
//! may use: a mistake itself is learned by heart, its siblings are understood. Several
//! share a schema, as in the corpus, and what is rehearsed stands among them.
//!
//! **Invariant.** The same mistakes, policy and seed give the same documents.

use rayon::prelude::*;

use crate::base::seed::Random;
use crate::database::outline::outline;
use crate::database::shape::shape_hash;
use crate::database::{domains, generate};
use crate::grading::signature::{family, is_for_evaluation};
use crate::nano::corpus::Corpus;
use crate::nano::document::{Document, Turn};
use crate::teacher::draft::Draft;
use crate::teacher::held_out::trained_phrasings;
use crate::teacher::offline::{Grammar, intents};

/// How much of what is practised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// A mistake, and when it was made.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The iteration, from 1.
    pub iteration: usize,
    /// The question that was answered wrong.
    pub draft: Draft,
}

/// How often another schema is drawn for siblings.
const SCHEMAS_TRIED: usize = 6;

/// The documents to practise after `iteration`.
pub fn practice(
    mistakes: &[Mistake],
    iteration: usize,
    policy: Policy,
    corpus: &Corpus,
    seed: u64,
) -> Vec<Document> {
    let path = |what| [what, "practice"];
    let round = iteration.to_string();
    let mut random = Random::new(seed, &path(&round));
    let wanted = wanted(mistakes, iteration, policy, &mut random);
    wanted
        .par_chunks(policy.sibling_turns.max(1))
        .enumerate()
        .filter_map(|(number, mistakes)| {
            let number = number.to_string();
            let mut random = Random::new(seed, &["practice", &round, &number]);
            document(mistakes, policy.known_turns, corpus, &mut random)
        })
        .collect()
}

/// The mistakes in the order in which their siblings are practised, each as often as
/// wanted.
fn wanted<'a>(
    mistakes: &'a [Mistake],
    iteration: usize,
    policy: Policy,
    random: &mut Random,
) -> Vec<&'a Draft> {
    let (mut new, mut old): (Vec<&Mistake>, Vec<&Mistake>) =
        mistakes.iter().partition(|it| it.iteration == iteration);
    random.shuffle(&mut new);
    random.shuffle(&mut old);
    let fill = |from: &[&'a Mistake], count: usize| -> Vec<&'a Draft> {
        let most = from.len() * policy.siblings_each;
        let all = from.iter().cycle().take(count.min(most));
        all.map(|it| &it.draft).collect()
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

/// A document with siblings of these mistakes, or of those that a schema can be asked.
fn document(
    mistakes: &[&Draft],
    known_turns: usize,
    corpus: &Corpus,
    random: &mut Random,
) -> Option<Document> {
    let domains = domains();
    let mut best: Option<Document> = None;
    for _ in 0..SCHEMAS_TRIED {
        let schema = generate(random.pick(&domains)?, random.seed())?;
        let grammar = Grammar::new(&schema);
        let shape = shape_hash(&schema);
        let mut turns: Vec<Turn> = mistakes
            .iter()
            .filter_map(|draft| sibling_of(draft, &grammar, shape, random))
            .collect();
        let asked = turns.len();
        if best.as_ref().is_some_and(|it| it.turns.len() >= asked) {
            continue;
        }
        if asked == mistakes.len() {
            turns.extend(
                (0..known_turns).filter_map(|_| corpus.known_turn(&grammar, shape, random)),
            );
            random.shuffle(&mut turns);
        }
        best = Some(Document {
            outline: outline(&schema),
            turns,
        });
        if asked == mistakes.len() {
            break;
        }
    }
    best.filter(|it| !it.turns.is_empty())
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
