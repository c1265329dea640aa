//! A training: step by step from first values to an adapter, with everything that is
//! needed to go on after any step.
//!
//! **Invariants.**
//! - The same model, recipe and examples give the same bits on the same binary and class
//!   of machine, in one go or stopped and resumed after any step, on any number of threads:
//!   the gradients of micro-batches and of their parts are summed in their order.
//! - Nothing is random but what [`Recipe::seed`] decides.

use std::cmp::Reverse;

use candle_core::{DType, Device, Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use super::backward::Pass;
use super::batch::{self, MicroBatch, Plan, Step};
use super::example::{TokenExample, in_parts};
use super::parameters::Layout;
use super::recipe::Recipe;
use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::base::side_by_side::side_by_side;
use crate::ops::{AdamW, adamw_in_place, sum_squares};
use crate::student::adapter::Adapter;
use crate::student::model::Model;

/// Parts of a micro-batch that a CPU goes through side by side; a constant, so that bits don't
/// depend on the machine's threads.
const PARTS: usize = 2;

/// What a step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: usize,
    /// The pass over the examples, from 1.
    pub epoch: usize,
    /// The mean loss over the tokens that were learned.
    pub loss: f64,
    /// The gradient's norm before clipping.
    pub grad_norm: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// Tokens that were read.
    pub tokens: usize,
    /// Tokens that were learned.
    pub loss_tokens: usize,
    /// The hash of the ids of its examples, in order.
    pub batch_hash: ContentHash,
}

/// What a training goes on from: the number of steps that were taken, and three flat f32
/// vectors.
#[derive(Clone, Debug)]
pub struct State {
    /// Steps that were taken.
    pub step: usize,
    /// The parameters.
    pub parameters: Tensor,
    /// AdamW's first moment.
    pub first_moment: Tensor,
    /// AdamW's second moment.
    pub second_moment: Tensor,
}

/// What a step's examples ask for.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// The gradients of all parameters, laid out as [`Training::layout`] says.
    pub vector: Tensor,
    /// The mean loss over the tokens that were learned.
    pub loss: f64,
    /// Tokens that were read.
    pub tokens: usize,
    /// Tokens that were learned.
    pub loss_tokens: usize,
}

impl Gradients {
    fn add(self, other: Self) -> Result<Self> {
        Ok(Self {
            vector: (self.vector + other.vector)?,
            loss: self.loss + other.loss,
            tokens: self.tokens + other.tokens,
            loss_tokens: self.loss_tokens + other.loss_tokens,
        })
    }
}

/// A training.
pub struct Training {
    model: Model,
    /// The same with its adapter in the weights, where steps are made by that.
    merged: Option<Model>,
    recipe: Recipe,
    examples: Vec<TokenExample>,
    plan: Plan,
    layout: Layout,
    state: State,
}

impl Training {
    /// A training that begins. With `parent` the adapter begins with its values, else as
    /// a new one.
    ///
    /// # Errors
    /// No examples, an example longer than the model has positions for, a parent of
    /// another shape, and what the device says.
    pub fn new(
        model: Model,
        recipe: Recipe,
        examples: Vec<TokenExample>,
        parent: Option<&Adapter>,
    ) -> Result<Self> {
        let layout = Layout::new(&model);
        let parameters = match parent {
            Some(parent) => layout.from_adapter(parent, &model)?,
            None => layout.first_values(&model, recipe.seed)?,
        };
        let zeros = || Tensor::zeros(layout.len(), DType::F32, model.device());
        let state = State {
            step: 0,
            parameters,
            first_moment: zeros()?,
            second_moment: zeros()?,
        };
        Self::resume(model, recipe, examples, state)
    }

    /// A training that goes on from `state`.
    ///
    /// # Errors
    /// As [`Training::new`], and a state of another length.
    pub fn resume(
        mut model: Model,
        recipe: Recipe,
        examples: Vec<TokenExample>,
        state: State,
    ) -> Result<Self> {
        let layout = Layout::new(&model);
        let longest = examples
            .iter()
            .map(TokenExample::longest)
            .max()
            .unwrap_or(0);
        if longest == 0 || layout.is_empty() {
            bail!("there is nothing to train on")
        }
        if longest > model.max_positions() {
            bail!(
                "an example has {longest} tokens; the model takes {}",
                model.max_positions()
            )
        }
        for vector in [&state.parameters, &state.first_moment, &state.second_moment] {
            if vector.dims() != [layout.len()] {
                bail!(
                    "a state of {:?} for {} parameters",
                    vector.dims(),
                    layout.len()
                )
            }
        }
        layout.publish(&state.parameters, &mut model)?;
        let plan = Plan::new(examples.len(), &recipe);
        Ok(Self {
            merged: merged(&model, &recipe)?,
            model,
            recipe,
            examples,
            plan,
            layout,
            state,
        })
    }

    /// How many steps there are in all.
    pub fn steps(&self) -> usize {
        self.plan.steps()
    }

    /// What it can go on from.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Where parameters and gradients stand in their vectors.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> usize {
        self.layout.len()
    }

    /// The adapter as it is now; an error in a full training.
    pub fn adapter(&self) -> Result<Adapter> {
        self.layout.to_adapter(&self.state.parameters, &self.model)
    }

    /// Takes the next step; `None` after the last.
    ///
    /// # Errors
    /// A loss or gradient that is not finite, and what the device says.
    pub fn step(&mut self) -> Result<Option<StepReport>> {
        let number = self.state.step + 1;
        if number > self.plan.steps() {
            return Ok(None);
        }
        let step = self.plan.step(number);
        self.take(&step).map(Some)
    }

    /// Takes a step with the examples of `step`, which need not be those of the plan.
    ///
    /// # Errors
    /// Those of [`Training::step`].
    pub fn take(&mut self, step: &Step) -> Result<StepReport> {
        let number = self.state.step + 1;
        let Gradients {
            vector,
            loss,
            tokens,
            loss_tokens,
        } = self.gradients(step)?;
        let grad_norm = sum_squares(&vector)?.sqrt();
        if !(loss.is_finite() && grad_norm.is_finite()) {
            bail!(
                "step {number}: the loss is {loss} and the gradient's norm {grad_norm}; \
                 lower the learning rate, or look for examples that are not text"
            )
        }
        let learning_rate = self.optimize(number, &vector, grad_norm)?;
        self.state.step = number;
        let examples: Vec<_> = self.examples_of(step.micro_batches.iter().flatten());
        Ok(StepReport {
            step: number,
            epoch: step.epoch,
            loss,
            grad_norm,
            learning_rate,
            tokens,
            loss_tokens,
            batch_hash: batch::hash(&examples),
        })
    }

    /// The gradients of the mean loss of a step's examples; nothing is changed by it.
    ///
    /// # Errors
    /// What the device says.
    pub fn gradients(&self, step: &Step) -> Result<Gradients> {
        let number = self.state.step + 1;
        let all = self.examples_of(step.micro_batches.iter().flatten());
        let loss_tokens: usize = all.iter().map(|it| it.loss_tokens()).sum();
        let scale = 1.0 / loss_tokens as f64;
        let batches = step.micro_batches.iter().map(|it| self.examples_of(it));
        let mut made: Vec<(usize, Result<Gradients>)> = match self.model.device() {
            Device::Cpu => {
                let parts: Vec<_> = batches.flat_map(|it| in_parts(&it, PARTS)).collect();
                // The longest begin first, so that threads end at about the same time.
                let tokens = |part: &[TokenExample]| -> usize {
                    part.iter().map(|it| it.tokens.len()).sum()
                };
                let mut order: Vec<usize> = (0..parts.len()).collect();
                order.sort_by_key(|place| Reverse(tokens(&parts[*place])));
                side_by_side(order.len(), |turn| {
                    let place = order[turn];
                    let part: Vec<&TokenExample> = parts[place].iter().collect();
                    (place, self.part(number, place, &part, scale))
                })
            }
            _ => {
                let make = |(place, batch): (usize, Vec<_>)| {
                    (place, self.part(number, place, &batch, scale))
                };
                batches.enumerate().map(make).collect()
            }
        };
        made.sort_by_key(|(place, _)| *place);
        let parts = made.into_iter().map(|(_, part)| part);
        let sum = parts.reduce(|sum, part| sum?.add(part?));
        match sum.transpose()? {
            Some(sum) => Ok(Gradients {
                loss: sum.loss * scale,
                ..sum
            }),
            None => bail!("step {number} has no examples"),
        }
    }

    /// The gradients of `scale` times the sum of some examples' losses, and that sum.
    fn part(
        &self,
        step: usize,
        place: usize,
        examples: &[&TokenExample],
        scale: f64,
    ) -> Result<Gradients> {
        let device = self.model.device();
        let packed = MicroBatch::new(examples, device)?;
        let vector = Tensor::zeros(self.layout.len(), DType::F32, device)?;
        let path = ["dropout", &step.to_string(), &place.to_string()];
        let pass = Pass {
            model: &self.model,
            merged: self.merged.as_ref(),
            layout: &self.layout,
            gradients: &vector,
            recompute: self.recipe.recompute,
            dropout: self.recipe.lora_dropout,
            seed: Random::new(self.recipe.seed, &path).bits(),
        };
        Ok(Gradients {
            loss: pass.run(&packed, scale)?,
            vector,
            tokens: packed.host_tokens.len(),
            loss_tokens: packed.loss_tokens,
        })
    }

    fn examples_of<'a>(&self, numbers: impl IntoIterator<Item = &'a usize>) -> Vec<&TokenExample> {
        numbers
            .into_iter()
            .map(|number| &self.examples[*number])
            .collect()
    }

    /// Moves the parameters; gives the learning rate.
    fn optimize(&mut self, number: usize, gradients: &Tensor, grad_norm: f64) -> Result<f64> {
        let recipe = &self.recipe;
        let warmup = (recipe.warmup_ratio * self.plan.steps() as f64).ceil() as usize;
        let factor = recipe.schedule.factor(number, warmup, self.plan.steps());
        let step = AdamW {
            rate: recipe.learning_rate * factor,
            beta1: recipe.adam_beta1,
            beta2: recipe.adam_beta2,
            epsilon: recipe.adam_epsilon,
            weight_decay: recipe.weight_decay,
            step: i32::try_from(number).unwrap_or(i32::MAX),
            // As PyTorch clips: never above the norm, and a little below it.
            gradient_scale: (recipe.max_grad_norm / (grad_norm + 1e-6)).min(1.0),
        };
        let State {
            parameters,
            first_moment,
            second_moment,
            ..
        } = &self.state;
        adamw_in_place(parameters, gradients, first_moment, second_moment, &step)?;
        self.layout.publish(parameters, &mut self.model)?;
        self.merged = merged(&self.model, recipe)?;
        Ok(step.rate)
    }
}

/// The model with its adapter in the weights, if it can be merged: if it is in f32, and what
/// the adapter reads is what the base reads.
fn merged(model: &Model, recipe: &Recipe) -> Result<Option<Model>> {
    let is_apt =
        model.lora.is_some() && model.embedding.dtype() == DType::F32 && recipe.lora_dropout == 0.0;
    is_apt.then(|| model.clone().merged()).transpose()
}
