//! The instances that a challenge is graded on, by their place.
//!
//! **Invariant.** An instance depends on the schema, the reference, the challenge's seed and its
//! place alone, so that what was proven once can be graded again without another proof.

use super::constants::plants;
use super::sql::{Style, parse};
use super::task::Trial;
use crate::base::seed::Random;
use crate::database::instance::{Instance, Plant, instance};
use crate::database::schema::Schema;

/// The instances that a challenge is graded on at least: seven of different sorts, and one
/// without any rows.
pub const INSTANCES: usize = 8;
/// Which of them has no rows.
pub const WITHOUT_ROWS: usize = 6;
/// The instances that are tried until the mutants are told apart.
pub const MAX_TRIED: usize = 16;

/// The seed of the instance at a place.
pub fn instance_seed(seed: u64, place: usize) -> u64 {
    Random::new(seed, &["instance", &place.to_string()]).seed()
}

/// The instance at a place.
pub fn instance_at(schema: &Schema, seed: u64, place: usize, plants: &[Plant]) -> Instance {
    let mut made = instance(schema, seed, place, plants);
    if place == WITHOUT_ROWS {
        made.tables.iter_mut().for_each(Vec::clear);
    }
    made
}

/// What is graded on an instance.
pub fn trial(made: &Instance, seed: u64) -> Trial {
    Trial {
        seed: seed.cast_signed(),
        script: made.script(),
    }
}

/// The instances with these seeds, made again for a reference that was proven on them; `None`
/// if it would not be tried on one of them.
pub fn trials_again(
    schema: &Schema,
    reference_sql: &str,
    seed: u64,
    seeds: &[i64],
) -> Option<Vec<Trial>> {
    let plants = plants(schema, &Style::of(&parse(reference_sql)?));
    let all: Vec<u64> = (0..MAX_TRIED)
        .map(|place| instance_seed(seed, place))
        .collect();
    let again = seeds.iter().map(|wanted| {
        let place = all.iter().position(|it| it.cast_signed() == *wanted)?;
        let made = instance_at(schema, all[place], place, &plants);
        Some(trial(&made, all[place]))
    });
    again.collect()
}
