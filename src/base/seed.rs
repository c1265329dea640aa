//! Random choices that repeat: everything drawn comes from a seed and a path of names.
//!
//! The stream is BLAKE3's extendable output, so it is the same on every machine and in
//! every version, which the distributions of the rand crates do not promise.
//!
//! **Invariant.** What one path draws never moves what another draws: a new use gets a
//! name of its own and leaves all others as they were.

use std::sync::LazyLock;

use blake3::OutputReader;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("antiks.seed.v1"));
/// A block of the output: most streams are short.
const BUFFER_BYTES: usize = blake3::BLOCK_LEN;

/// A stream of random choices.
pub struct Random {
    source: Source,
    buffer: [u8; BUFFER_BYTES],
    used: usize,
}

/// Where the bits of a stream come from. Many a stream is made and never drawn from, so that
/// its path is hashed with the first draw.
enum Source {
    Path(Vec<u8>),
    Output(OutputReader),
}

impl Random {
    /// The stream that `seed` has for what `path` names.
    pub fn new(seed: u64, path: &[&str]) -> Self {
        // In one piece: to hash many short ones takes longer than to copy them.
        let len = path.iter().map(|name| 8 + name.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(8 + len);
        bytes.extend_from_slice(&seed.to_le_bytes());
        for name in path {
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        Self {
            source: Source::Path(bytes),
            buffer: [0; BUFFER_BYTES],
            used: BUFFER_BYTES,
        }
    }

    /// Whether anything was drawn from it.
    pub fn is_begun(&self) -> bool {
        matches!(self.source, Source::Output(_))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        if self.used == BUFFER_BYTES {
            self.fill();
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    fn fill(&mut self) {
        if let Source::Path(bytes) = &self.source {
            let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
            hasher.update(bytes);
            self.source = Source::Output(hasher.finalize_xof());
        }
        if let Source::Output(reader) = &mut self.source {
            reader.fill(&mut self.buffer);
        }
        self.used = 0;
    }

    /// A seed for something that draws its own stream.
    pub fn seed(&mut self) -> u64 {
        // Seeds stand in signed columns.
        self.bits() >> 1
    }

    /// A number below `end`, each as likely as any other; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end as u64;
        if end < 2 {
            return 0;
        }
        loop {
            let bits = self.bits();
            let number = bits % end;
            // Numbers past the last whole multiple of `end` would favour the small ones.
            if u64::MAX - (bits - number) >= end - 1 {
                return number as usize;
            }
        }
    }

    /// A number from `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        let len = last.saturating_sub(first).max(0).cast_unsigned() as usize;
        first.wrapping_add(self.below(len.saturating_add(1)) as i64)
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`; `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Brings `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_own_stream_which_repeats() {
        let draw = |path: &[&str]| Random::new(7, path).bits();
        assert_eq!(draw(&["a", "b"]), draw(&["a", "b"]));
        assert_ne!(draw(&["a", "b"]), draw(&["ab"]));
        assert_ne!(draw(&["a"]), Random::new(8, &["a"]).bits());
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_reach_them() {
        let mut random = Random::new(1, &[]);
        let drawn: Vec<i64> = (0..500).map(|_| random.between(-2, 2)).collect();
        for number in -2..=2 {
            assert!(drawn.contains(&number));
        }
        assert!(drawn.iter().all(|number| (-2..=2).contains(number)));
        assert_eq!(random.between(5, 5), 5);
        assert_eq!(random.below(0), 0);
        assert!(random.pick::<u8>(&[]).is_none());
        let _ = random.between(i64::MIN, i64::MAX);
    }
}
