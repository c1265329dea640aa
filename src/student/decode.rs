//! Decoding: answers to many prompts, one token for each of them at a time.
//!
//! Prompts are read several at once, packed without padding; then every row goes on at a
//! position of its own until it ends, and its slot is given to a prompt that waits. On a
//! CPU several groups of rows go on side by side, so that no thread waits for another at
//! each product.
//!
//! **Invariant.** The same prompts with the same settings give the same answers. Others
//! beside them may change one where two tokens are all but equally likely, since products of
//! other shapes round differently.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use candle_core::{D, DType, Device, Result, Tensor, bail};
use candle_transformers::generation::{LogitsProcessor, Sampling as CandleSampling};

use super::cache::Cache;
use super::model::Model;
use crate::base::seed::Random;
use crate::base::side_by_side::side_by_side;
use crate::base::world::Stopwatch;
use crate::ops::{Sequences, Slots, embedding};

/// How a token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    /// The likeliest one.
    Greedy,
    /// By chance, from a seed of one's own for each answer.
    Random {
        /// Logits are divided by this; more is wilder. Above 0.
        temperature: f64,
        /// Only the likeliest tokens that together have this probability may be chosen.
        top_p: Option<f64>,
        /// Only so many of the likeliest tokens may be chosen.
        top_k: Option<usize>,
        /// Where chance comes from.
        seed: u64,
    },
}

/// How answers are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How a token is chosen.
    pub sampling: Sampling,
    /// The most tokens of an answer.
    pub max_new_tokens: usize,
    /// Tokens that end an answer; it keeps the one that ended it.
    pub stop_tokens: Vec<u32>,
    /// Rows that go on together.
    pub batch_rows: usize,
    /// Whether to tell how likely each token was; it costs time on a GPU.
    pub logprobs: bool,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a token that ends answers.
    Stop,
    /// With the most tokens that were allowed, or that the model has positions for.
    Length,
}

/// An answer to a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its tokens, with the one that ended it.
    pub tokens: Vec<u32>,
    /// The natural logarithm of each token's probability, if asked for.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub ending: Ending,
    /// From the reading of its prompt to its last token.
    pub duration: Duration,
}

impl Answer {
    fn empty() -> Self {
        Self {
            tokens: Vec::new(),
            logprobs: Vec::new(),
            ending: Ending::Length,
            duration: Duration::ZERO,
        }
    }
}

/// Free slots that are worth reading prompts for.
const READ_AT_ONCE: usize = 6;

/// Groups of rows on a CPU; a constant, so that answers don't depend on the machine's
/// threads.
const GROUPS: usize = 2;

/// Who is told of each new token: the number of its prompt, and the token.
pub type OnToken<'a> = &'a mut (dyn FnMut(usize, u32) + Send);

/// Answers to `prompts`, in their order.
///
/// # Errors
/// A prompt that is empty or leaves no position for an answer, and what the device says.
pub fn generate(
    model: &Model,
    prompts: &[Vec<u32>],
    settings: &Settings,
    on_token: OnToken<'_>,
) -> Result<Vec<Answer>> {
    for (number, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() || prompt.len() >= model.max_positions() {
            bail!(
                "prompt {} has {} tokens; the model takes 1 to {}",
                number + 1,
                prompt.len(),
                model.max_positions() - 1
            )
        }
    }
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|number| (prompts[*number].len(), *number));
    if settings.max_new_tokens == 0 {
        return Ok(vec![Answer::empty(); prompts.len()]);
    }
    let groups = match model.device() {
        Device::Cpu => GROUPS.min(settings.batch_rows).min(order.len()).max(1),
        _ => 1,
    };
    let on_token = Mutex::new(on_token);
    let tell = |number: usize, token: u32| {
        let mut on_token = on_token.lock().unwrap_or_else(PoisonError::into_inner);
        on_token(number, token);
    };
    let rows = side_by_side(groups, |group| {
        let own = order.iter().copied().skip(group).step_by(groups).collect();
        let slots = settings.batch_rows / groups;
        let mut group = Group::new(model, prompts, own, slots, settings)?;
        while group.step(&tell)? {}
        Ok(group.rows)
    });
    let rows: Vec<Vec<Row>> = rows.into_iter().collect::<Result<_>>()?;
    let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
    rows.sort_by_key(|row| row.number);
    Ok(rows.into_iter().map(|row| row.answer).collect())
}

/// Prompts that are answered together: as answers end, others take their slots.
struct Group<'a> {
    model: &'a Model,
    settings: &'a Settings,
    prompts: &'a [Vec<u32>],
    cache: Cache,
    len_tokens: usize,
    /// Slots of the cache that nobody has.
    free: Vec<usize>,
    /// Prompts that wait for a slot.
    waiting: VecDeque<usize>,
    rows: Vec<Row>,
    /// Logits (open rows, vocabulary) of the next token.
    logits: Tensor,
    /// The rows that go on.
    open: Vec<usize>,
}

struct Row {
    number: usize,
    slot: usize,
    answer: Answer,
    /// Where its next token goes.
    position: usize,
    most_tokens: usize,
    begun: Stopwatch,
    chance: Option<LogitsProcessor>,
}

impl<'a> Group<'a> {
    /// Reads the first prompts.
    fn new(
        model: &'a Model,
        prompts: &'a [Vec<u32>],
        order: VecDeque<usize>,
        slots: usize,
        settings: &'a Settings,
    ) -> Result<Self> {
        let slots = slots.clamp(1, order.len().max(1));
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let len_tokens = longest
            .saturating_add(settings.max_new_tokens)
            .min(model.max_positions());
        let none = Tensor::zeros((0, 0), model.embedding.dtype(), model.device())?;
        let mut group = Self {
            cache: Cache::new(model, slots, len_tokens)?,
            len_tokens,
            free: (0..slots).rev().collect(),
            waiting: order,
            rows: Vec::with_capacity(prompts.len()),
            logits: none,
            open: Vec::new(),
            model,
            settings,
            prompts,
        };
        group.admit()?;
        Ok(group)
    }

    /// Reads as many waiting prompts as there are free slots.
    fn admit(&mut self) -> Result<()> {
        let count = self.free.len().min(self.waiting.len());
        let numbers: Vec<usize> = self.waiting.drain(..count).collect();
        let given = self.free.split_off(self.free.len() - count);
        if numbers.is_empty() {
            return Ok(());
        }
        let begun = Stopwatch::start();
        let (model, device, cache) = (self.model, self.model.device(), &self.cache);
        let prompts = numbers.iter().map(|number| &self.prompts[*number]);
        let lens: Vec<usize> = prompts.clone().map(Vec::len).collect();
        let sequences = Sequences::new(&lens, device)?;
        let tokens: Vec<u32> = prompts.flatten().copied().collect();
        let slot_of = |(slot, len): (&usize, &usize)| std::iter::repeat_n(*slot as u32, *len);
        let slots: Vec<u32> = given.iter().zip(&lens).flat_map(slot_of).collect();
        let to = Slots {
            slots: Tensor::new(slots.as_slice(), device)?,
            positions: sequences.positions.clone(),
        };
        let packed = model.packed(&sequences);
        let tokens = Tensor::new(tokens.as_slice(), device)?;
        let x = model.run(&tokens, &mut |layer, qkv, spare| {
            let mixed = packed(qkv, spare)?;
            cache.write(layer, qkv, &to, model.heads())?;
            Ok(mixed)
        })?;
        let last: Vec<u32> = sequences.starts()[1..].iter().map(|end| end - 1).collect();
        let last = embedding(&x, &Tensor::new(last.as_slice(), device)?)?;
        let logits = model.logits(&last)?;
        self.logits = match self.open.is_empty() {
            true => logits,
            false => Tensor::cat(&[&self.logits, &logits], 0)?,
        };
        for ((number, slot), len) in numbers.into_iter().zip(given).zip(lens) {
            self.open.push(self.rows.len());
            self.rows.push(Row {
                number,
                slot,
                answer: Answer::empty(),
                position: len,
                most_tokens: self.settings.max_new_tokens.min(self.len_tokens - len),
                begun,
                chance: chance(&self.settings.sampling, number),
            });
        }
        Ok(())
    }

    /// Chooses the next token of every open row, and reads it; `false` if none is open.
    fn step(&mut self, tell: &dyn Fn(usize, u32)) -> Result<bool> {
        let (tokens, logprobs) = self.choose()?;
        for (place, row) in self.open.iter().enumerate() {
            let row = &mut self.rows[*row];
            row.answer.tokens.push(tokens[place]);
            row.answer.logprobs.extend(logprobs.get(place));
            tell(row.number, tokens[place]);
            if self.settings.stop_tokens.contains(&tokens[place]) {
                row.answer.ending = Ending::Stop;
                row.most_tokens = row.answer.tokens.len();
            }
        }
        let Self {
            rows, open, free, ..
        } = self;
        open.retain(|row| {
            let row = &mut rows[*row];
            let goes_on = row.answer.tokens.len() < row.most_tokens;
            if !goes_on {
                free.push(row.slot);
                row.answer.duration = row.begun.elapsed();
            }
            goes_on
        });
        if !self.open.is_empty() {
            self.read()?;
        }
        // A few prompts at once are read faster than one by one.
        if self.open.is_empty() || self.free.len() >= READ_AT_ONCE {
            self.admit()?;
        }
        Ok(!self.open.is_empty())
    }

    /// The chosen tokens of the open rows, and how likely each was if that is asked for.
    fn choose(&mut self) -> Result<(Vec<u32>, Vec<f32>)> {
        let is_greedy = self.settings.sampling == Sampling::Greedy;
        if is_greedy && !self.settings.logprobs {
            return Ok((self.logits.argmax(D::Minus1)?.to_vec1()?, Vec::new()));
        }
        let logits = self.logits.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        let mut tokens = Vec::with_capacity(self.open.len());
        let mut logprobs = Vec::new();
        for (place, row) in self.open.iter().enumerate() {
            let logits = logits.get(place)?;
            let token = match &mut self.rows[*row].chance {
                Some(chance) => chance.sample(&logits)?,
                None => logits.argmax(D::Minus1)?.to_scalar()?,
            };
            if self.settings.logprobs {
                let all = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
                logprobs.push(all.get(token as usize)?.to_scalar()?);
            }
            tokens.push(token);
        }
        Ok((tokens, logprobs))
    }

    /// Reads the last token of every open row, and makes the logits of the next.
    fn read(&mut self) -> Result<()> {
        let device = self.model.device();
        let last = |row: &usize| self.rows[*row].answer.tokens.last().copied().unwrap_or(0);
        let tokens: Vec<u32> = self.open.iter().map(last).collect();
        let slot = |row: &usize| self.rows[*row].slot as u32;
        let slots: Vec<u32> = self.open.iter().map(slot).collect();
        let positions: Vec<u32> = self
            .open
            .iter()
            .map(|row| self.rows[*row].position as u32)
            .collect();
        let at = Slots {
            slots: Tensor::new(slots.as_slice(), device)?,
            positions: Tensor::new(positions.as_slice(), device)?,
        };
        let (model, cache) = (self.model, &self.cache);
        let (heads, window) = (model.heads(), model.config.sliding_window);
        let tokens = Tensor::new(tokens.as_slice(), device)?;
        let x = model.run(&tokens, &mut |layer, qkv, spare| {
            cache.attend(layer, qkv, &at, &model.rope, heads, window, spare)
        })?;
        self.logits = model.logits(&x)?;
        for row in &self.open {
            self.rows[*row].position += 1;
        }
        Ok(())
    }
}

/// What chooses the tokens of the prompt `number`; `None` where nothing is left to chance.
fn chance(sampling: &Sampling, number: usize) -> Option<LogitsProcessor> {
    let Sampling::Random {
        temperature,
        top_p,
        top_k,
        seed,
    } = sampling
    else {
        return None;
    };
    let temperature = *temperature;
    let sampling = match (*top_k, *top_p) {
        (None, None) => CandleSampling::All { temperature },
        (Some(k), None) => CandleSampling::TopK { k, temperature },
        (None, Some(p)) => CandleSampling::TopP { p, temperature },
        (Some(k), Some(p)) => CandleSampling::TopKThenTopP { k, p, temperature },
    };
    let seed = Random::new(*seed, &["decode", &number.to_string()]).seed();
    Some(LogitsProcessor::from_sampling(seed, sampling))
}
