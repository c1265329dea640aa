//! Decoding: answers to many prompts, one token for each of them at a time.
//!
//! Prompts are read several at once, packed without padding; then every row goes on at a
//! position of its own until it ends, and its slot is given to a prompt that waits. On a
//! CPU what prompts share is read once, and several groups of rows go on side by side, so
//! that no thread waits for another at each product.
//!
//! Who has a guess at an answer can have it read along with the prompt. Of each of its
//! tokens the model then says what it would have chosen in its place, all in one pass; the
//! answer takes them up to the first that differs and goes on from there, token by token.
//! Yang et al., "Inference with Reference", arXiv 2304.04487.
//!
//! **Invariants.**
//! - Every token is the model's own choice after those before it, whatever was guessed.
//! - The same prompts with the same guesses and settings give the same answers. Others
//!   beside them, and guesses, may change one where two tokens are all but equally likely,
//!   since products of other shapes round differently.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use candle_core::{D, DType, Device, Result, Tensor, bail};
use candle_transformers::generation::{LogitsProcessor, Sampling as CandleSampling};

use super::cache::Cache;
use super::model::Model;
use super::reading::{Family, Reading, alike, apart, dealt};
use crate::base::seed::Random;
use crate::base::side_by_side::side_by_side;
use crate::base::world::Stopwatch;
use crate::ops::{Slots, embedding};

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

/// Rows whose logits are made at a time to check guesses by: 64 MiB for 32,000 tokens.
const CHECKED_AT_ONCE: usize = 512;

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
    generate_guessed(model, prompts, &[], settings, on_token)
}

/// [`generate`] with a guess at each answer, as tokens, which may be empty; without any
/// for prompts beyond them. They are of use to greedy answers without probabilities alone,
/// and not read for others.
///
/// # Errors
/// Those of [`generate`].
pub fn generate_guessed(
    model: &Model,
    prompts: &[Vec<u32>],
    guesses: &[Vec<u32>],
    settings: &Settings,
    on_token: OnToken<'_>,
) -> Result<Vec<Answer>> {
    let is_checked = settings.sampling == Sampling::Greedy && !settings.logprobs;
    let guesses = if is_checked { guesses } else { &[] };
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
    if settings.max_new_tokens == 0 {
        return Ok(vec![Answer::empty(); prompts.len()]);
    }
    // Attention on a GPU has no stems.
    let (families, groups) = match model.device() {
        Device::Cpu => (alike(prompts), GROUPS),
        _ => (apart(prompts), 1),
    };
    let groups = groups.min(settings.batch_rows).min(families.len()).max(1);
    let dealt = dealt(families, groups);
    let on_token = Mutex::new(on_token);
    let tell = |number: usize, token: u32| {
        let mut on_token = on_token.lock().unwrap_or_else(PoisonError::into_inner);
        on_token(number, token);
    };
    let rows = side_by_side(groups, |group| {
        let own = dealt[group].iter().cloned().collect();
        let slots = settings.batch_rows / groups;
        let mut group = Group::new(model, (prompts, guesses), own, slots, settings)?;
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
    guesses: &'a [Vec<u32>],
    cache: Cache,
    len_tokens: usize,
    /// Slots of the cache that nobody has.
    free: Vec<usize>,
    /// Prompts that wait for a slot.
    waiting: VecDeque<Family>,
    rows: Vec<Row>,
    /// The rows that go on. Of each, all is read but its last token.
    open: Vec<usize>,
}

struct Row {
    number: usize,
    slot: usize,
    answer: Answer,
    most_tokens: usize,
    begun: Stopwatch,
    chance: Option<LogitsProcessor>,
}

impl<'a> Group<'a> {
    /// Nobody yet.
    fn new(
        model: &'a Model,
        (prompts, guesses): (&'a [Vec<u32>], &'a [Vec<u32>]),
        waiting: VecDeque<Family>,
        slots: usize,
        settings: &'a Settings,
    ) -> Result<Self> {
        let count: usize = waiting.iter().map(|it| it.members.len()).sum();
        let slots = slots.clamp(1, count.max(1));
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let len_tokens = longest
            .saturating_add(settings.max_new_tokens)
            .min(model.max_positions());
        Ok(Self {
            cache: Cache::new(model, slots, len_tokens)?,
            len_tokens,
            free: (0..slots).rev().collect(),
            waiting,
            rows: Vec::with_capacity(prompts.len()),
            open: Vec::new(),
            model,
            settings,
            prompts,
            guesses,
        })
    }

    /// The most tokens of the answer to a prompt.
    fn most_tokens(&self, number: usize) -> usize {
        let room = self.len_tokens - self.prompts[number].len();
        self.settings.max_new_tokens.min(room)
    }

    /// The tokens that are guessed to answer a prompt and are worth reading: what follows
    /// the last one is not asked.
    fn guess(&self, number: usize) -> &'a [u32] {
        let guess = self.guesses.get(number).map_or(&[][..], Vec::as_slice);
        let stops = |token: &u32| self.settings.stop_tokens.contains(token);
        let count = guess
            .iter()
            .position(stops)
            .map_or(guess.len(), |it| it + 1);
        let count = count.min(self.most_tokens(number));
        &guess[..count.saturating_sub(1)]
    }

    /// Families for the free slots, of the first one only a part if it needs more than there
    /// are.
    fn next_families(&mut self) -> Vec<Family> {
        let mut free = self.free.len();
        let mut families: Vec<Family> = Vec::new();
        while let Some(family) = self.waiting.front_mut() {
            if family.members.len() > free {
                if families.is_empty() && free > 0 {
                    let rest = family.members.split_off(free);
                    let members = std::mem::replace(&mut family.members, rest);
                    families.push(Family { members, ..*family });
                }
                return families;
            }
            free -= family.members.len();
            families.extend(self.waiting.pop_front());
        }
        families
    }

    /// Reads as many waiting prompts as there are free slots, with what is guessed to
    /// follow, and chooses the next token of each.
    fn admit(&mut self, tell: &dyn Fn(usize, u32)) -> Result<()> {
        let families = self.next_families();
        let members = families.iter().flat_map(|it| &it.members);
        let numbers: Vec<usize> = members.copied().collect();
        let given = self.free.split_off(self.free.len() - numbers.len());
        if numbers.is_empty() {
            return Ok(());
        }
        let begun = Stopwatch::start();
        let (model, cache, prompts) = (self.model, &self.cache, self.prompts);
        let reading = Reading::new(
            &families,
            &given,
            |number| &prompts[number],
            |number| self.guess(number),
            model.device(),
        )?;
        let packed = model.packed(&reading.sequences, Some(&reading.wanted));
        let mut attend = |layer: usize, qkv: &Tensor, spare: usize| {
            let mixed = packed(layer, qkv, spare)?;
            reading.keep(cache, layer, qkv, model.heads())?;
            Ok(mixed)
        };
        let x = model.run(&reading.tokens, Some(&reading.wanted), &mut attend)?;
        let (right, logits) = self.check(&numbers, &x)?;
        let first = self.rows.len();
        for ((number, slot), right) in numbers.into_iter().zip(given).zip(right) {
            let tokens = self.guess(number)[..right].to_vec();
            tokens.iter().for_each(|token| tell(number, *token));
            self.rows.push(Row {
                number,
                slot,
                answer: Answer {
                    tokens,
                    ..Answer::empty()
                },
                most_tokens: self.most_tokens(number),
                begun,
                chance: chance(&self.settings.sampling, number),
            });
        }
        self.choose((first..self.rows.len()).collect(), &logits, tell)
    }

    /// How many tokens of each prompt's guess are what the model would choose, and the logits
    /// of what follows these; from the residual stream behind each prompt and each token of
    /// its guess.
    fn check(&self, numbers: &[usize], x: &Tensor) -> Result<(Vec<usize>, Tensor)> {
        let rows = x.dim(0)?;
        if rows == numbers.len() {
            return Ok((vec![0; rows], self.model.logits(x)?));
        }
        let mut chosen: Vec<u32> = Vec::with_capacity(rows);
        for first in (0..rows).step_by(CHECKED_AT_ONCE) {
            let some = x.narrow(0, first, CHECKED_AT_ONCE.min(rows - first))?;
            let logits = self.model.logits(&some)?;
            chosen.extend(logits.argmax(D::Minus1)?.to_vec1::<u32>()?);
        }
        let mut right = Vec::with_capacity(numbers.len());
        let (mut first, mut next) = (0, Vec::with_capacity(numbers.len()));
        for number in numbers {
            let guess = self.guess(*number);
            let pairs = chosen[first..].iter().zip(guess);
            let same = pairs.take_while(|(chosen, guess)| chosen == guess);
            let count = same.count();
            right.push(count);
            next.push((first + count) as u32);
            first += guess.len() + 1;
        }
        let next = Tensor::new(next.as_slice(), x.device())?;
        Ok((right, self.model.logits(&embedding(x, &next)?)?))
    }

    /// Gives every row its next token; `false` if none is left.
    fn step(&mut self, tell: &dyn Fn(usize, u32)) -> Result<bool> {
        // A few prompts at once are read faster than one by one.
        let few = |it: &Self| it.open.is_empty() || it.free.len() >= READ_AT_ONCE;
        while !self.waiting.is_empty() && few(self) {
            self.admit(tell)?;
        }
        if self.open.is_empty() {
            return Ok(false);
        }
        let rows = std::mem::take(&mut self.open);
        let logits = self.read(&rows)?;
        self.choose(rows, &logits, tell)?;
        Ok(true)
    }

    /// Chooses the next token of each of `rows` by its logits; those that it doesn't end
    /// stay open.
    fn choose(
        &mut self,
        rows: Vec<usize>,
        logits: &Tensor,
        tell: &dyn Fn(usize, u32),
    ) -> Result<()> {
        let (tokens, logprobs) = self.chosen(&rows, logits)?;
        for (place, number) in rows.into_iter().enumerate() {
            let (row, token) = (&mut self.rows[number], tokens[place]);
            row.answer.tokens.push(token);
            row.answer.logprobs.extend(logprobs.get(place));
            tell(row.number, token);
            let stops = self.settings.stop_tokens.contains(&token);
            if stops {
                row.answer.ending = Ending::Stop;
            }
            if stops || row.answer.tokens.len() == row.most_tokens {
                self.free.push(row.slot);
                row.answer.duration = row.begun.elapsed();
            } else {
                self.open.push(number);
            }
        }
        Ok(())
    }

    /// The next tokens of `rows`, and how likely each was if that is asked for.
    fn chosen(&mut self, rows: &[usize], logits: &Tensor) -> Result<(Vec<u32>, Vec<f32>)> {
        let is_greedy = self.settings.sampling == Sampling::Greedy;
        if is_greedy && !self.settings.logprobs {
            return Ok((logits.argmax(D::Minus1)?.to_vec1()?, Vec::new()));
        }
        let logits = logits.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        let mut tokens = Vec::with_capacity(rows.len());
        let mut logprobs = Vec::new();
        for (place, row) in rows.iter().enumerate() {
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

    /// Reads the last token of each of `rows`, and gives the logits (rows, vocabulary) of
    /// the next.
    fn read(&self, rows: &[usize]) -> Result<Tensor> {
        let device = self.model.device();
        let of_each = |what: &dyn Fn(&Row) -> u32| {
            let all: Vec<u32> = rows.iter().map(|row| what(&self.rows[*row])).collect();
            Tensor::new(all.as_slice(), device)
        };
        let before = |row: &Row| self.prompts[row.number].len() + row.answer.tokens.len() - 1;
        let at = Slots {
            slots: of_each(&|row| row.slot as u32)?,
            positions: of_each(&|row| before(row) as u32)?,
        };
        let tokens = of_each(&|row| row.answer.tokens.last().copied().unwrap_or(0))?;
        let (model, cache) = (self.model, &self.cache);
        let (heads, window) = (model.heads(), model.config.sliding_window);
        let x = model.run(&tokens, None, &mut |layer, qkv, spare| {
            cache.attend(layer, qkv, &at, &model.rope, heads, window, spare)
        })?;
        model.logits(&x)
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
