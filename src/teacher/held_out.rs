//! Which phrasings training never sees.
//!
//! Of every intent two of its constructions are kept for evaluation, by the hash of its
//! name; which ones differs from intent to intent, so that each construction is learned
//! from some intents and tried on others.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::offline::{Intent, intents};

/// What training may use of every intent that is taught: it is asked for with every question.
static TRAINED: LazyLock<HashMap<&str, Vec<usize>>> = LazyLock::new(|| {
    (intents().into_iter())
        .map(|it| (it.name, trained(it)))
        .collect()
});

/// Of the constructions of an intent, how many are held out.
const HELD_OUT: usize = 2;

/// Whether a phrasing of an intent is kept for evaluation.
pub fn is_held_out(intent: &Intent, phrasing: usize) -> bool {
    held_out_phrasings(intent).contains(&phrasing)
}

/// The phrasings that training may use.
pub fn trained_phrasings(intent: &Intent) -> Vec<usize> {
    let known = TRAINED.get(intent.name).cloned();
    known.unwrap_or_else(|| trained(intent))
}

fn trained(intent: &Intent) -> Vec<usize> {
    let held_out = held_out_phrasings(intent);
    let mut all: Vec<usize> = (0..intent.phrasings()).collect();
    all.retain(|it| !held_out.contains(it));
    all
}

/// The phrasings that only evaluation uses, in their order.
pub fn held_out_phrasings(intent: &Intent) -> Vec<usize> {
    let hash = blake3::derive_key("antiks.held-out.v1", intent.name.as_bytes());
    let first = usize::from(hash[0]);
    let places = first..first + HELD_OUT.min(intent.phrasings());
    let mut held_out: Vec<usize> = places.map(|it| it % intent.phrasings()).collect();
    held_out.sort_unstable();
    held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_construction_is_learned_from_most_intents_and_held_out_of_some() {
        let all = intents();
        for intent in &all {
            assert_eq!(held_out_phrasings(intent).len(), HELD_OUT);
            assert_eq!(
                trained_phrasings(intent).len(),
                intent.phrasings() - HELD_OUT
            );
        }
        for phrasing in 0..all[0].phrasings() {
            let held_out = all.iter().filter(|it| is_held_out(it, phrasing)).count();
            assert!(
                (all.len() / 6..=all.len() / 2).contains(&held_out),
                "{held_out}"
            );
        }
    }
}
