//! Which intents to ask about next: within a category those that were never asked, and
//! those that were answered wrong.

use std::collections::{BTreeMap, HashMap};

use super::history::History;
use crate::base::id::Id;
use crate::base::seed::Random;
use crate::event::challenge::Challenge;
use crate::event::words::Purpose;
use crate::teacher::curriculum::Curriculum;
use crate::teacher::draft::{Category, Difficulty};
use crate::teacher::held_out::trained_phrasings;
use crate::teacher::offline::{Intent, Wish, intents};

/// What a result of an intent still weighs after one more.
const MEMORY: f64 = 0.35;
/// The weight of an intent that is always right; of one that is always wrong it is 1.
const LEAST: f64 = 0.05;

/// What is known of a student's weaknesses.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    curriculum: Curriculum,
    failures: BTreeMap<&'static str, f64>,
}

impl Focus {
    /// What was answered wrong before an iteration.
    pub fn before(history: &History, iteration: u32) -> Self {
        let intents = intents();
        let asked: HashMap<Id<Challenge>, &Challenge> = history
            .challenges
            .iter()
            .map(|(_, id, it)| (*id, it))
            .collect();
        let mut focus = Self::default();
        for (at, _, grade) in &history.grades {
            if *at >= iteration || grade.purpose != Purpose::Train {
                continue;
            }
            let name = asked
                .get(&grade.challenge_id)
                .and_then(|it| it.intent.as_deref());
            let intent = intents.iter().find(|it| Some(it.name) == name);
            if let Some(intent) = intent {
                focus.observe(intent, !grade.equivalent);
            }
        }
        focus
    }

    /// Takes note of a result.
    pub fn observe(&mut self, intent: &'static Intent, is_failure: bool) {
        self.curriculum.observe(intent.category, is_failure);
        let now = if is_failure { 1.0 } else { 0.0 };
        let failures = self.failures.entry(intent.name).or_insert(1.0);
        *failures = MEMORY * *failures + (1.0 - MEMORY) * now;
    }

    /// How surely an intent would be answered wrong, from 0 to 1; 1 if it was never asked.
    pub fn need(&self, intent: &str) -> f64 {
        self.failures.get(intent).copied().unwrap_or(1.0)
    }

    /// Draws what is asked next.
    pub fn wish(&self, random: &mut Random) -> Wish {
        let category = self.curriculum.draw(random);
        let intent = self.intent(category, random);
        let difficulty = random.pick(&Difficulty::ALL).copied();
        Wish {
            category,
            difficulty: difficulty.unwrap_or(Difficulty::Easy),
            intent: intent.map(|it| it.name.to_owned()),
            phrasings: intent.map(trained_phrasings).unwrap_or_default(),
        }
    }

    fn intent(&self, category: Category, random: &mut Random) -> Option<&'static Intent> {
        const PARTS: usize = 1_000_000;
        let mut pool = intents();
        pool.retain(|it| it.category == category);
        let weight = |it: &&Intent| LEAST + (1.0 - LEAST) * self.need(it.name);
        let all: f64 = pool.iter().map(weight).sum();
        let drawn = random.below(PARTS) as f64 / PARTS as f64 * all;
        let mut end = 0.0;
        let found = pool.iter().find(|it| {
            end += weight(it);
            drawn < end
        });
        found.or(pool.last()).copied()
    }
}
