//! What was asked before: by the signature of the reference and the words of the question.
//!
//! Words are compared by MinHash (Broder 1997): the share of equal minima over many hash
//! functions estimates the share of common word triples. Bands of minima find candidates
//! without comparing each with each.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::ContentHash;

const BANDS: usize = 16;
const ROWS_A_BAND: usize = 4;
const MINIMA: usize = BANDS * ROWS_A_BAND;
/// Questions of which this share of word triples is common are the same question.
const SIMILAR_PERCENT: usize = 80;

type Minima = [u32; MINIMA];

/// The challenges that were asked.
#[derive(Default)]
pub struct Asked {
    signatures: BTreeSet<[u8; 32]>,
    questions: Vec<Minima>,
    bands: BTreeMap<(usize, [u32; ROWS_A_BAND]), Vec<usize>>,
}

impl Asked {
    /// Whether a challenge with this signature was asked.
    pub fn has_signature(&self, signature: ContentHash) -> bool {
        self.signatures.contains(&signature.bytes())
    }

    /// Whether a question in nearly these words was asked.
    pub fn has_question(&self, question: &str) -> bool {
        let minima = minima(question);
        bands(&minima).any(|band| {
            let near = self.bands.get(&band).into_iter().flatten();
            near.into_iter()
                .any(|place| is_similar(&self.questions[*place], &minima))
        })
    }

    /// Remembers a challenge.
    pub fn add(&mut self, signature: ContentHash, question: &str) {
        self.signatures.insert(signature.bytes());
        let minima = minima(question);
        for band in bands(&minima) {
            self.bands
                .entry(band)
                .or_default()
                .push(self.questions.len());
        }
        self.questions.push(minima);
    }
}

fn is_similar(a: &Minima, b: &Minima) -> bool {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal * 100 >= SIMILAR_PERCENT * MINIMA
}

fn bands(minima: &Minima) -> impl Iterator<Item = (usize, [u32; ROWS_A_BAND])> {
    let (bands, _) = minima.as_chunks::<ROWS_A_BAND>();
    bands.iter().copied().enumerate()
}

/// The least hash of any word triple, by each of the hash functions.
fn minima(question: &str) -> Minima {
    let lower = question.to_lowercase();
    let words: Vec<&str> = lower
        .split(|it: char| !it.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut least = [u32::MAX; MINIMA];
    let len = words.len().min(3);
    for triple in words.windows(len.max(1)) {
        let mut hasher = blake3::Hasher::new();
        for word in triple {
            hasher.update(word.as_bytes());
            hasher.update(b" ");
        }
        // Each four bytes of a long output are a hash function of their own.
        let mut output = [0; MINIMA * 4];
        hasher.finalize_xof().fill(&mut output);
        let (hashes, _) = output.as_chunks::<4>();
        for (least, hash) in least.iter_mut().zip(hashes) {
            *least = (*least).min(u32::from_le_bytes(*hash));
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_the_same_words_are_the_same_question() {
        let mut asked = Asked::default();
        let question = "What was the total revenue of paid orders in each month of 2024, \
                        and how many orders were there, by month from the first to the last?";
        let signature = ContentHash::new([1; 32]);
        assert!(!asked.has_question(question));
        asked.add(signature, question);
        assert!(asked.has_signature(signature));
        assert!(asked.has_question(&question.replace("What was", "What is")));
        assert!(!asked.has_question("Which customers never placed an order?"));
        assert!(!asked.has_question(""));
    }
}
