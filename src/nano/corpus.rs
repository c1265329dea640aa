//! The corpus: documents over generated schemas, by number.
//!
//! **Invariants.** A group of documents depends on the seed and its number alone, so that
//! any part can be made again, by any number of threads. None is of an evaluation family.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use rayon::prelude::*;

use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::database::lists::as_lists;
use crate::database::odd_names::name_oddly;
use crate::database::outline::outline;
use crate::database::shape::shape_hash;
use crate::database::{domains, generate};
use crate::grading::signature::{family, is_for_evaluation};
use crate::teacher::draft::{Category, Difficulty};
use crate::teacher::held_out::trained_phrasings;
use crate::teacher::offline::{Grammar, Intent, intents};

use super::document::{Document, Turn, is_in_short};
use super::withheld::is_withheld;

/// Turns that are tried over one schema, and the most that one document has.
const TRIED_PER_SCHEMA: usize = 10;
const TURNS_PER_DOCUMENT: usize = 5;
/// Groups that each thread makes before they are handed on: few enough that what is made of
/// them is still in a cache when it is counted and encoded.
const GROUPS_EACH: u64 = 64;

/// Of all turns, in percent: what is asked in passing, on general intents, and on withheld ones.
const EVERYDAY_PERCENT: usize = 9;
const GENERAL_PERCENT: usize = 34;
const WITHHELD_PERCENT: usize = 37;
/// Of all schemas, in percent: those whose names must be quoted, and those with tables that
/// have no key.
const ODD_NAMES_PERCENT: usize = 10;
const LISTS_PERCENT: usize = 15;
/// Of what is rehearsed beside something new, in percent: what is of its category. The new is
/// taken for that first of all.
const ALIKE_PERCENT: usize = 50;

/// Of what is rehearsed, in percent: the least of what is asked in passing.
const LEAST_EVERYDAY_PERCENT: usize = 12;

/// A corpus of a seed.
pub struct Corpus {
    seed: u64,
    general: Vec<&'static Intent>,
    known: Vec<&'static Intent>,
    withheld: Vec<&'static Intent>,
}

/// What a part of a corpus is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents.
    pub documents: usize,
    /// Turns by kind.
    pub turns: BTreeMap<&'static str, usize>,
    /// Bytes of all texts.
    pub bytes: usize,
}

impl Corpus {
    /// The corpus that a seed makes.
    pub fn new(seed: u64) -> Self {
        let (general, taught): (Vec<_>, Vec<_>) = intents()
            .into_iter()
            .partition(|it| it.category == Category::General);
        let (withheld, known) = taught.into_iter().partition(|it| is_withheld(it.name));
        Self {
            seed,
            general,
            known,
            withheld,
        }
    }

    /// Makes documents until they have `turns` turns or a few more, and hands them on in
    /// their order, while the next are made.
    pub fn make(&self, turns: usize, mut on_document: impl FnMut(Document)) {
        let (hand_on, made) = mpsc::sync_channel(1);
        thread::scope(|scope| {
            scope.spawn(move || self.make_groups(turns, &hand_on));
            let mut left = turns;
            for document in made.into_iter().flatten() {
                if left > 0 {
                    left = left.saturating_sub(document.turns.len());
                    on_document(document);
                }
            }
        });
    }

    /// Makes groups until their documents have `turns` turns.
    fn make_groups(&self, turns: usize, hand_on: &SyncSender<Vec<Document>>) {
        let mut left = turns;
        let mut first = 0;
        let at_a_time = GROUPS_EACH * rayon::current_num_threads() as u64;
        while left > 0 {
            let numbers: Range<u64> = first..first + at_a_time.min(left as u64);
            first = numbers.end;
            let documents: Vec<Document> = numbers
                .into_par_iter()
                .flat_map_iter(|number| self.group(number))
                .collect();
            let made: usize = documents.iter().map(|it| it.turns.len()).sum();
            left = left.saturating_sub(made);
            if hand_on.send(documents).is_err() {
                break;
            }
        }
    }

    /// The documents over the schema of a number.
    pub fn group(&self, number: u64) -> Vec<Document> {
        let mut random = Random::new(self.seed, &["corpus", &number.to_string()]);
        let domains = domains();
        let domain = random.pick(&domains).copied().unwrap_or_default();
        let Some(mut schema) = generate(domain, random.seed()) else {
            return Vec::new();
        };
        if random.chance(ODD_NAMES_PERCENT) {
            name_oddly(&mut schema, &mut random);
        }
        if random.chance(LISTS_PERCENT) {
            as_lists(&mut schema, &mut random);
        }
        let shape = shape_hash(&schema);
        let grammar = Grammar::new(&schema);
        let mut turns = Vec::with_capacity(TRIED_PER_SCHEMA);
        for _ in 0..TRIED_PER_SCHEMA {
            if random.chance(EVERYDAY_PERCENT) {
                turns.extend(Turn::everyday(&grammar, shape, &mut random));
                continue;
            }
            let pool = match random.below(100 - EVERYDAY_PERCENT) {
                percent if percent < GENERAL_PERCENT => &self.general,
                percent if percent < GENERAL_PERCENT + WITHHELD_PERCENT => &self.withheld,
                _ => &self.known,
            };
            let turn = random
                .pick(pool)
                .copied()
                .and_then(|it| Turn::of(it, &grammar, (&schema, shape), &mut random));
            turns.extend(turn);
        }
        let outline = outline(&schema);
        let mut documents = Vec::with_capacity(2);
        let mut turns = turns.into_iter().peekable();
        while turns.peek().is_some() {
            let count = 1 + random.below(TURNS_PER_DOCUMENT);
            documents.push(Document {
                outline: outline.clone(),
                turns: turns.by_ref().take(count).collect(),
            });
        }
        documents
    }

    /// A turn over a schema on what is known: on an intent of this category, if there is one,
    /// half of the time, and else on a general one or one of the six categories. Of the
    /// general ones so many in a hundred don't say what comes out, and of all turns as many,
    /// but never none, are what people ask in passing.
    pub fn known_turn(
        &self,
        (grammar, shape): (&Grammar, [u8; 32]),
        alike: Option<Category>,
        short_percent: usize,
        random: &mut Random,
    ) -> Option<Turn> {
        if random.chance(short_percent.max(LEAST_EVERYDAY_PERCENT)) {
            return Turn::everyday(grammar, shape, random);
        }
        let alike = alike.filter(|_| random.chance(ALIKE_PERCENT));
        let pool: Vec<&'static Intent> = match alike {
            Some(category) => {
                let all = self.known.iter().chain(&self.general);
                all.copied().filter(|it| it.category == category).collect()
            }
            None if random.chance(50) => self.general.clone(),
            None => self.known.clone(),
        };
        let intent = random.pick(&pool)?;
        let difficulty = random.pick(&Difficulty::ALL)?;
        let phrasings = trained_phrasings(intent);
        let draft = match is_in_short(intent, short_percent, random) {
            true => grammar.draft_in_short(intent, *difficulty, &phrasings, random.seed())?,
            false => grammar.draft(intent, *difficulty, &phrasings, random.seed())?,
        };
        let is_kept = is_for_evaluation(family(&draft.template, shape));
        (!is_kept).then(|| Turn::asked(&draft))
    }
}

/// Counts documents and hashes them in their order.
#[derive(Default)]
pub struct Ledger {
    hasher: blake3::Hasher,
    unhashed: Vec<u8>,
    counts: Counts,
}

/// Much at once is hashed several times as fast.
const HASHED_BYTES: usize = 1 << 16;

impl Ledger {
    /// Takes note of a document.
    pub fn add(&mut self, document: &Document) {
        let before = self.unhashed.len();
        document.write(&mut self.unhashed);
        self.counts.bytes += self.unhashed.len() - before;
        if self.unhashed.len() >= HASHED_BYTES {
            self.hash();
        }
        self.counts.documents += 1;
        for turn in &document.turns {
            *self.counts.turns.entry(turn.kind.name()).or_default() += 1;
        }
    }

    fn hash(&mut self) {
        self.hasher.update(&self.unhashed);
        self.unhashed.clear();
    }

    /// The hash of all documents, and what they are.
    pub fn finish(mut self) -> (ContentHash, Counts) {
        self.hash();
        let hash = ContentHash::new(*self.hasher.finalize().as_bytes());
        (hash, self.counts)
    }
}
