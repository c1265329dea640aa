//! Which examples each step is made of, and how they are packed.
//!
//! **Invariant.** The order depends on the seed, the number of examples and the recipe
//! alone; no step depends on another, so that a training can go on at any of them.

use candle_core::{Device, Result, Tensor};

use super::example::TokenExample;
use super::recipe::Recipe;
use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::ops::Sequences;

/// One step's examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The pass over the examples, from 1.
    pub epoch: usize,
    /// Their numbers, a list for each micro-batch.
    pub micro_batches: Vec<Vec<usize>>,
}

/// The steps of a training.
#[derive(Clone, Debug)]
pub struct Plan {
    examples: usize,
    /// The order of the pass that was asked for last: of millions of examples, to make it
    /// takes longer than a step.
    order: Order,
    steps_per_epoch: usize,
    epochs: usize,
    micro_batch: usize,
    step_examples: usize,
    seed: u64,
}

/// The order in which a pass takes the examples; of none at first.
#[derive(Clone, Debug, Default)]
struct Order {
    epoch: usize,
    examples: Vec<usize>,
}

impl Plan {
    /// The plan for so many examples.
    pub fn new(examples: usize, recipe: &Recipe) -> Self {
        Self {
            examples,
            order: Order::default(),
            steps_per_epoch: examples.div_ceil(recipe.step_examples()),
            epochs: recipe.epochs,
            micro_batch: recipe.micro_batch,
            step_examples: recipe.step_examples(),
            seed: recipe.seed,
        }
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.steps_per_epoch * self.epochs
    }

    /// The step with this number, from 1. Every epoch has an order of its own.
    pub fn step(&mut self, number: usize) -> Step {
        let (epoch, place) = (
            (number - 1) / self.steps_per_epoch,
            (number - 1) % self.steps_per_epoch,
        );
        if self.order.epoch != epoch + 1 {
            let mut examples: Vec<usize> = (0..self.examples).collect();
            Random::new(self.seed, &["order", &epoch.to_string()]).shuffle(&mut examples);
            self.order = Order {
                epoch: epoch + 1,
                examples,
            };
        }
        let own = self
            .order
            .examples
            .chunks(self.step_examples)
            .nth(place)
            .unwrap_or_default();
        Step {
            epoch: epoch + 1,
            micro_batches: own
                .chunks(self.micro_batch)
                .map(<[usize]>::to_vec)
                .collect(),
        }
    }
}

/// The hash of a step's examples: BLAKE3 of their ids, in their order.
pub fn hash(examples: &[&TokenExample]) -> ContentHash {
    let ids: Vec<u8> = examples.iter().flat_map(|it| it.id.bytes()).collect();
    ContentHash::of(&ids)
}

/// Examples packed one after the other, on a device.
#[derive(Debug)]
pub struct MicroBatch {
    /// All tokens (u32, rows).
    pub tokens: Tensor,
    /// The same, on the host.
    pub host_tokens: Vec<u32>,
    /// Where each text begins, and what it goes on from.
    pub sequences: Sequences,
    /// Rows whose next token is learned (u32).
    pub loss_rows: Tensor,
    /// For each row its place among `loss_rows`, or their number if it is none (u32).
    pub places: Tensor,
    /// The tokens that are learned (u32), one for each of `loss_rows`.
    pub targets: Tensor,
    /// How many they are.
    pub loss_tokens: usize,
}

impl MicroBatch {
    /// Packs examples. The last token of each text is only learned and not read: its row
    /// would give nothing. On CUDA, whose attention has no stems, a stem is read by each of
    /// its texts.
    pub fn new(examples: &[&TokenExample], device: &Device) -> Result<Self> {
        let (mut tokens, mut parts) = (Vec::new(), Vec::new());
        let (mut loss_rows, mut targets) = (Vec::new(), Vec::new());
        for example in examples {
            let stem = &example.tokens[example.stem()];
            let mut shared = None;
            if device.is_cpu() && !stem.is_empty() {
                shared = Some(parts.len());
                parts.push((stem.len(), None));
                tokens.extend_from_slice(stem);
            }
            let own_stem = if shared.is_none() { stem } else { &[] };
            let mut learned = example.learned.iter().cloned().flatten().peekable();
            for text in example.texts() {
                tokens.extend_from_slice(own_stem);
                let first = tokens.len();
                while let Some(token) = learned.next_if(|it| text.contains(it)) {
                    loss_rows.push((first + token - text.start - 1) as u32);
                    targets.push(example.tokens[token]);
                }
                let read = &example.tokens[text.start..text.end - 1];
                tokens.extend_from_slice(read);
                parts.push((own_stem.len() + read.len(), shared));
            }
        }
        let mut places = vec![loss_rows.len() as u32; tokens.len()];
        for (place, row) in loss_rows.iter().enumerate() {
            places[*row as usize] = place as u32;
        }
        Ok(Self {
            sequences: Sequences::with_stems(&parts, device)?,
            tokens: Tensor::new(tokens.as_slice(), device)?,
            host_tokens: tokens,
            loss_rows: Tensor::new(loss_rows.as_slice(), device)?,
            places: Tensor::new(places.as_slice(), device)?,
            targets: Tensor::new(targets.as_slice(), device)?,
            loss_tokens: loss_rows.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(len: usize, prompt_len: usize) -> TokenExample {
        let tokens = (0..len as u32).collect();
        TokenExample::new(ContentHash::of(&[len as u8]), tokens, prompt_len)
    }

    #[test]
    fn every_epoch_has_every_example_once_in_another_order() {
        let recipe = Recipe {
            epochs: 2,
            micro_batch: 3,
            accumulation: 2,
            ..Recipe::default()
        };
        let mut plan = Plan::new(10, &recipe);
        assert_eq!(plan.steps(), 4);
        let mut epoch = |first: usize| {
            let steps = [plan.step(first), plan.step(first + 1)];
            assert_eq!(steps[0].micro_batches.len(), 2);
            steps
                .into_iter()
                .flat_map(|step| step.micro_batches)
                .flatten()
                .collect::<Vec<_>>()
        };
        let (first, second) = (epoch(1), epoch(3));
        assert_eq!(first, epoch(1));
        assert_ne!(first, second);
        for mut order in [first, second] {
            order.sort_unstable();
            assert_eq!(order, (0..10).collect::<Vec<_>>());
        }
        assert_eq!(plan.step(3).epoch, 2);
    }

    #[test]
    fn only_completions_are_learned() {
        let (mut a, b) = (example(6, 4), example(4, 0));
        a.learned.insert(0, 1..3);
        let batch = MicroBatch::new(&[&a, &b], &Device::Cpu).unwrap();
        assert_eq!(batch.host_tokens, [0, 1, 2, 3, 4, 0, 1, 2]);
        let rows = batch.loss_rows.to_vec1::<u32>().unwrap();
        assert_eq!(rows, [0, 1, 3, 4, 5, 6, 7]);
        let targets = batch.targets.to_vec1::<u32>().unwrap();
        assert_eq!(targets, [1, 2, 4, 5, 1, 2, 3]);
        let places = batch.places.to_vec1::<u32>().unwrap();
        assert_eq!(places, [0, 1, 7, 2, 3, 4, 5, 6]);
        assert_eq!(batch.loss_tokens, a.loss_tokens() + b.loss_tokens());
    }

    #[test]
    fn what_texts_share_is_read_once() {
        let text = |own: [u32; 2]| {
            let tokens = vec![7, 8, 9, own[0], own[1]];
            TokenExample::new(ContentHash::of(b"text"), tokens, 4)
        };
        let texts = [text([1, 2]), text([3, 4])];
        let joined = TokenExample::joined(ContentHash::of(b"joined"), &texts).unwrap();
        let batch = MicroBatch::new(&[&joined, &texts[1]], &Device::Cpu).unwrap();
        assert_eq!(batch.host_tokens, [7, 8, 9, 1, 3, 7, 8, 9, 3]);
        let positions = batch.sequences.positions.to_vec1::<u32>().unwrap();
        assert_eq!(positions, [0, 1, 2, 3, 3, 0, 1, 2, 3]);
        assert_eq!(batch.sequences.starts(), [0, 3, 4, 5, 9]);
        assert_eq!(batch.loss_rows.to_vec1::<u32>().unwrap(), [3, 4, 8]);
        assert_eq!(batch.targets.to_vec1::<u32>().unwrap(), [2, 4, 4]);
    }
}
