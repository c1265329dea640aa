//! An example as the model reads it: a text, or several that begin alike and are joined, so
//! that what they share is read once.
//!
//! **Invariant.** Each text of a joined example sees the tokens that all share, the stem, and
//! its own, and no other's: joined or apart, texts have the same losses, and the same sum of
//! gradients but for its rounding.

use std::ops::Range;

use crate::base::id::ContentHash;

/// An example as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExample {
    /// The hash of its content.
    pub id: ContentHash,
    /// Prompts and completions; of joined texts first what they share.
    pub tokens: Vec<u32>,
    /// Which of them are completions, and learned: in order, and not the first token of a
    /// text or of what is its own, which has nothing to be learned from.
    pub learned: Vec<Range<usize>>,
    /// Where each joined text's own tokens begin; empty for a text alone.
    pub branches: Vec<usize>,
}

impl TokenExample {
    /// A prompt of so many tokens, and what is learned to follow it.
    pub fn new(id: ContentHash, tokens: Vec<u32>, prompt_len: usize) -> Self {
        let learned = prompt_len.max(1)..tokens.len();
        Self {
            id,
            tokens,
            learned: vec![learned],
            branches: Vec::new(),
        }
    }

    /// Texts, each of one example alone, joined at what their prompts share; `None` if there
    /// are none.
    pub fn joined(id: ContentHash, texts: &[Self]) -> Option<Self> {
        let (first, others) = texts.split_first()?;
        if others.is_empty() {
            return Some(Self {
                id,
                ..first.clone()
            });
        }
        // The last token of a prompt is each text's own: what follows it is learned.
        let prompt = |text: &Self| text.learned.first().map_or(0, |it| it.start - 1);
        let shared = texts.iter().map(|text| {
            let pairs = first.tokens.iter().zip(&text.tokens);
            let same = pairs.take_while(|(a, b)| a == b).count();
            same.min(prompt(text))
        });
        let stem = shared.min().unwrap_or(0);
        let mut joined = Self {
            id,
            tokens: first.tokens[..stem].to_vec(),
            learned: Vec::new(),
            branches: Vec::with_capacity(texts.len()),
        };
        for text in texts {
            let begin = joined.tokens.len();
            let moved = |it: &Range<usize>| begin + it.start - stem..begin + it.end - stem;
            joined.learned.extend(text.learned.iter().map(moved));
            joined.branches.push(begin);
            joined.tokens.extend_from_slice(&text.tokens[stem..]);
        }
        Some(joined)
    }

    /// How many tokens are learned.
    pub fn loss_tokens(&self) -> usize {
        self.learned.iter().map(Range::len).sum()
    }

    /// The places of the tokens that its texts share; none of a text alone.
    pub fn stem(&self) -> Range<usize> {
        0..self.branches.first().copied().unwrap_or(0)
    }

    /// The places of each text's own tokens.
    pub fn texts(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts: &[usize] = match self.branches.is_empty() {
            true => &[0],
            false => &self.branches,
        };
        let ends = starts[1..].iter().copied().chain([self.tokens.len()]);
        starts.iter().zip(ends).map(|(start, end)| *start..end)
    }

    /// Some of its texts, by their numbers, joined as they are here.
    fn some(&self, texts: Range<usize>) -> Self {
        let all: Vec<Range<usize>> = self.texts().collect();
        let mut some = Self {
            id: self.id,
            tokens: self.tokens[self.stem()].to_vec(),
            learned: Vec::new(),
            branches: Vec::new(),
        };
        for text in &all[texts] {
            let begin = some.tokens.len();
            let own = self.learned.iter().filter(|it| text.contains(&it.start));
            let moved = own.map(|it| begin + it.start - text.start..begin + it.end - text.start);
            some.learned.extend(moved);
            if !self.branches.is_empty() {
                some.branches.push(begin);
            }
            some.tokens.extend_from_slice(&self.tokens[text.clone()]);
        }
        some
    }

    /// Tokens of its longest text, those that are shared among them.
    pub fn longest(&self) -> usize {
        let longest = self.texts().map(|it| it.len()).max();
        self.stem().len() + longest.unwrap_or(0)
    }
}

/// Examples in so many parts of about as many tokens, in their order, or in fewer where there
/// are fewer texts. Where one part of a joined example ends, the next has its stem again.
pub fn in_parts(examples: &[&TokenExample], count: usize) -> Vec<Vec<TokenExample>> {
    let all: usize = examples.iter().map(|it| it.tokens.len()).sum();
    let mut parts = vec![Vec::new(); count];
    let mut before = 0;
    for example in examples {
        before += example.stem().len();
        let mut places = Vec::with_capacity(example.branches.len().max(1));
        for text in example.texts() {
            // Each text belongs where its middle is.
            places.push((before + text.len() / 2) * count / all.max(1));
            before += text.len();
        }
        for (number, part) in parts.iter_mut().enumerate() {
            let first = places.partition_point(|it| *it < number);
            let end = places.partition_point(|it| *it <= number);
            if first < end {
                part.push(example.some(first..end));
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tokens: &[u32], prompt_len: usize) -> TokenExample {
        TokenExample::new(ContentHash::of(b"text"), tokens.to_vec(), prompt_len)
    }

    fn joined(texts: &[TokenExample]) -> TokenExample {
        TokenExample::joined(ContentHash::of(b"joined"), texts).unwrap()
    }

    #[test]
    fn texts_share_what_their_prompts_begin_with() {
        let all = joined(&[text(&[7, 8, 1, 2, 3], 3), text(&[7, 8, 4, 5, 6, 9], 4)]);
        assert_eq!(all.tokens, [7, 8, 1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(all.learned, [3..5, 7..9]);
        assert_eq!((all.stem(), all.branches.as_slice()), (0..2, &[2, 5][..]));
        assert_eq!(all.texts().collect::<Vec<_>>(), [2..5, 5..9]);
        assert_eq!((all.longest(), all.loss_tokens()), (6, 4));
    }

    #[test]
    fn what_is_learned_follows_a_token_of_ones_own() {
        let all = joined(&[text(&[7, 8, 1], 2), text(&[7, 8, 2], 2)]);
        assert_eq!((all.stem(), all.tokens.len()), (0..1, 5));
        assert_eq!(all.learned, [2..3, 4..5]);
    }

    #[test]
    fn texts_that_share_nothing_and_one_alone_stay_as_they_are() {
        let all = joined(&[text(&[1, 2], 1), text(&[3, 4, 5], 1)]);
        assert_eq!((all.stem(), all.longest()), (0..0, 3));
        assert_eq!(all.texts().collect::<Vec<_>>(), [0..2, 2..5]);
        let one = text(&[1, 2], 1);
        let alone = joined(std::slice::from_ref(&one));
        assert_eq!((&alone.tokens, &alone.learned), (&one.tokens, &one.learned));
        assert_eq!(alone.texts().next(), Some(0..2));
        assert_eq!(TokenExample::joined(one.id, &[]), None);
    }

    #[test]
    fn parts_have_every_text_once_and_about_as_many_tokens() {
        let texts = |lens: &[usize]| -> TokenExample {
            let own = |len: &usize| {
                let first = 1000 * *len as u32;
                let tokens: Vec<u32> = (0..20).chain(first..first + *len as u32).collect();
                text(&tokens, 20 + len / 2)
            };
            joined(&lens.iter().map(own).collect::<Vec<_>>())
        };
        let (long, short) = (texts(&[30, 40, 50, 60, 70]), texts(&[20, 25, 30]));
        let parts = in_parts(&[&long, &short], 2);
        assert_eq!(parts.len(), 2);
        let counts: Vec<usize> = parts.iter().map(|it| it.len()).collect();
        assert_eq!(counts, [1, 2]);
        let tokens =
            |part: &[TokenExample]| -> usize { part.iter().map(|it| it.tokens.len()).sum() };
        let (a, b) = (tokens(&parts[0]), tokens(&parts[1]));
        assert!(a.abs_diff(b) < 60, "{a} and {b}");
        let whole = long.tokens.len() + short.tokens.len();
        assert_eq!(a + b, whole + long.stem().len());

        let learned = |examples: &[&TokenExample]| -> Vec<u32> {
            let own = |it: &&TokenExample| -> Vec<u32> {
                let places = it.learned.iter().cloned().flatten();
                places.map(|place| it.tokens[place]).collect()
            };
            examples.iter().flat_map(own).collect()
        };
        let again: Vec<&TokenExample> = parts.iter().flatten().collect();
        assert_eq!(learned(&again), learned(&[&long, &short]));
        assert!(again.iter().all(|it| it.stem() == (0..20)));

        let alone = text(&[1, 2, 3], 1);
        assert_eq!(in_parts(&[&alone], 2), [vec![alone]]);
        assert!(in_parts(&[], 2).is_empty());
    }
}
