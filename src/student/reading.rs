//! How prompts are read: those that begin alike are read together, what they share once.
//!
//! Questions over one database have its outline in common, and answers to one question that
//! are drawn by chance all of their prompt.
//!
//! **Invariant.** Every prompt is in one family. Which are together depends on the prompts
//! alone.

use std::cmp::Reverse;

use candle_core::{Device, Result, Tensor};

use super::cache::Cache;
use crate::ops::{Heads, Sequences, Slots, embedding};

/// Prompts that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Tokens that all of them begin with. Of each at least one is left.
    pub stem_len: usize,
    /// The numbers of the prompts.
    pub members: Vec<usize>,
}

/// Fewer tokens than these are not worth a stem.
const LEAST_STEM_LEN: usize = 32;

/// Members of a family, so that those who share much don't all wait for each other.
const MOST_MEMBERS: usize = 8;

/// Every prompt in a family of its own, the shortest first.
pub fn apart(prompts: &[Vec<u32>]) -> Vec<Family> {
    let alone = (0..prompts.len()).map(|number| Family {
        stem_len: 0,
        members: vec![number],
    });
    in_order(alone.collect(), prompts)
}

/// Families of prompts that begin alike, those with the shortest prompt first. Two neighbours
/// in the order of their tokens are together, unless they share less than half of what one of
/// them shares with its other neighbour.
pub fn alike(prompts: &[Vec<u32>]) -> Vec<Family> {
    let mut sorted: Vec<usize> = (0..prompts.len()).collect();
    sorted.sort_by_key(|number| (&prompts[*number], *number));
    let mut shared = vec![0; sorted.len() + 1];
    for (place, pair) in sorted.windows(2).enumerate() {
        let (a, b) = (&prompts[pair[0]], &prompts[pair[1]]);
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        // The last token of a prompt is its own: what follows it is asked for.
        shared[place + 1] = same.min(a.len().min(b.len()).saturating_sub(1));
    }
    let mut families: Vec<Family> = Vec::new();
    for (place, number) in sorted.into_iter().enumerate() {
        let (before, own, after) = (
            shared[place.saturating_sub(1)],
            shared[place],
            shared[place + 1],
        );
        let goes_on = own >= LEAST_STEM_LEN && 2 * own >= before.max(after);
        match families.last_mut() {
            Some(family) if goes_on && family.members.len() < MOST_MEMBERS => {
                let is_first = family.members.len() == 1;
                family.stem_len = if is_first {
                    own
                } else {
                    family.stem_len.min(own)
                };
                family.members.push(number);
            }
            _ => families.push(Family {
                stem_len: 0,
                members: vec![number],
            }),
        }
    }
    in_order(families, prompts)
}

fn in_order(mut families: Vec<Family>, prompts: &[Vec<u32>]) -> Vec<Family> {
    families.sort_by_key(|family| {
        let shortest = family.members.iter().map(|number| prompts[*number].len());
        (shortest.min(), family.members.first().copied())
    });
    families
}

/// Families dealt out to so many groups: each to the one that has the fewest prompts so far.
pub fn dealt(families: Vec<Family>, groups: usize) -> Vec<Vec<Family>> {
    let mut dealt = vec![Vec::new(); groups];
    let mut prompts = vec![0; groups];
    for family in families {
        let fewest = (0..groups).max_by_key(|group| Reverse((prompts[*group], *group)));
        let Some(group) = fewest else { continue };
        prompts[group] += family.members.len();
        dealt[group].push(family);
    }
    dealt
}

/// Prompts packed one after the other, each with what is guessed to follow it.
pub struct Reading {
    /// All tokens that are read (u32).
    pub tokens: Tensor,
    /// Where they stand.
    pub sequences: Sequences,
    /// The rows of the last token of each prompt and of its guess's, prompt by prompt (u32).
    pub wanted: Tensor,
    /// Where each row goes in the cache: those of a stem to the first that shares it.
    to: Slots,
    /// The rows of stems again, for each of the others, and where these go.
    again: Option<(Tensor, Slots)>,
}

impl Reading {
    /// Packs the prompts of families, in their order; `slots` has one for each. A `guess` is
    /// read behind its prompt.
    pub fn new<'a>(
        families: &[Family],
        slots: &[usize],
        prompt: impl Fn(usize) -> &'a [u32],
        guess: impl Fn(usize) -> &'a [u32],
        device: &Device,
    ) -> Result<Self> {
        let (mut tokens, mut parts, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        let (mut to, mut again, mut again_to) = (Vec::new(), Vec::new(), Vec::new());
        let mut again_positions = Vec::new();
        let mut slots = slots.iter().map(|slot| *slot as u32);
        for family in families {
            let stem_len = match family.members.len() {
                1 => 0,
                _ => family.stem_len,
            };
            let mut stem = None;
            for number in &family.members {
                let (prompt, guess) = (prompt(*number), guess(*number));
                let slot = slots.next().unwrap_or(0);
                let (shared, own) = prompt.split_at(stem_len);
                match stem {
                    None if stem_len > 0 => {
                        stem = Some((parts.len(), tokens.len() as u32));
                        parts.push((stem_len, None));
                        tokens.extend_from_slice(shared);
                        to.extend(std::iter::repeat_n(slot, stem_len));
                    }
                    Some((_, first)) => {
                        again.extend(first..first + stem_len as u32);
                        again_to.extend(std::iter::repeat_n(slot, stem_len));
                        again_positions.extend(0..stem_len as u32);
                    }
                    None => {}
                }
                parts.push((own.len() + guess.len(), stem.map(|(part, _)| part)));
                tokens.extend_from_slice(own);
                tokens.extend_from_slice(guess);
                to.extend(std::iter::repeat_n(slot, own.len() + guess.len()));
                let end = tokens.len() as u32;
                wanted.extend(end - 1 - guess.len() as u32..end);
            }
        }
        let on_device = |numbers: Vec<u32>| Tensor::new(numbers.as_slice(), device);
        let sequences = Sequences::with_stems(&parts, device)?;
        let again = match again.is_empty() {
            true => None,
            false => Some((
                on_device(again)?,
                Slots {
                    slots: on_device(again_to)?,
                    positions: on_device(again_positions)?,
                },
            )),
        };
        Ok(Self {
            tokens: on_device(tokens)?,
            to: Slots {
                slots: on_device(to)?,
                positions: sequences.positions.clone(),
            },
            sequences,
            wanted: on_device(wanted)?,
            again,
        })
    }

    /// Keeps the keys (already turned) and values of a layer's `qkv` in every slot.
    pub fn keep(&self, cache: &Cache, layer: usize, qkv: &Tensor, heads: Heads) -> Result<()> {
        cache.write(layer, qkv, &self.to, heads)?;
        match &self.again {
            Some((rows, to)) => cache.write(layer, &embedding(qkv, rows)?, to, heads),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prompt whose beginning is said by a number, and then its own tokens.
    fn prompt(beginning: u32, len: usize, own: &[u32]) -> Vec<u32> {
        let shared = (0..len as u32).map(|it| it + 100 * beginning);
        shared.chain(own.iter().copied()).collect()
    }

    #[test]
    fn prompts_that_begin_alike_are_together() {
        let prompts = [
            prompt(1, 50, &[7, 8]),
            prompt(2, 60, &[7]),
            prompt(1, 50, &[9]),
            prompt(3, 40, &[1]),
            prompt(2, 60, &[8]),
            prompt(1, 50, &[8]),
        ];
        let family = |stem_len, members: &[usize]| Family {
            stem_len,
            members: members.to_vec(),
        };
        let found = alike(&prompts);
        let wanted = [family(0, &[3]), family(50, &[0, 5, 2]), family(60, &[1, 4])];
        assert_eq!(found, wanted);
        // All begin with the same few words, and some with much more.
        let longer: Vec<Vec<u32>> = prompts.iter().map(|it| prompt(0, 34, it)).collect();
        let wanted = [family(0, &[3]), family(84, &[0, 5, 2]), family(94, &[1, 4])];
        assert_eq!(alike(&longer), wanted);
        assert_eq!(apart(&prompts).len(), 6);
        assert_eq!(alike(&[]), []);
    }

    #[test]
    fn the_same_prompt_over_and_over_leaves_a_token_to_each() {
        let prompts = vec![prompt(1, 40, &[]); 10];
        let found = alike(&prompts);
        let sizes: Vec<usize> = found.iter().map(|it| it.members.len()).collect();
        assert_eq!(sizes, [8, 2]);
        assert!(found.iter().all(|it| it.stem_len == 39));
        let dealt = dealt(found, 2);
        assert_eq!((dealt[0].len(), dealt[1].len()), (1, 1));
    }

    #[test]
    fn stems_are_read_once_and_kept_for_each() {
        let prompts = [vec![1, 2, 3, 4], vec![1, 2, 5], vec![9, 9]];
        let families = [
            Family {
                stem_len: 2,
                members: vec![0, 1],
            },
            Family {
                stem_len: 0,
                members: vec![2],
            },
        ];
        let guesses: [&[u32]; 3] = [&[6], &[], &[]];
        let reading = Reading::new(
            &families,
            &[5, 3, 4],
            |number| &prompts[number],
            |number| guesses[number],
            &Device::Cpu,
        )
        .unwrap();
        let numbers = |it: &Tensor| it.to_vec1::<u32>().unwrap();
        assert_eq!(numbers(&reading.tokens), [1, 2, 3, 4, 6, 5, 9, 9]);
        assert_eq!(numbers(&reading.wanted), [3, 4, 5, 7]);
        assert_eq!(numbers(&reading.to.slots), [5, 5, 5, 5, 5, 3, 4, 4]);
        assert_eq!(numbers(&reading.to.positions), [0, 1, 2, 3, 4, 2, 0, 1]);
        let (rows, to) = reading.again.unwrap();
        assert_eq!(numbers(&rows), [0, 1]);
        assert_eq!(numbers(&to.slots), [3, 3]);
        assert_eq!(numbers(&to.positions), [0, 1]);
    }
}
