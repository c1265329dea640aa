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
    Path([u8; PATH_BYTES], usize),
    LongPath(Vec<u8>),
    Output(OutputReader),
}

/// Most paths are shorter: to ask for memory for each takes longer than to hash it.
const PATH_BYTES: usize = 112;

impl Random {
    /// The stream that `seed` has for what `path` names.
    pub fn new(seed: u64, path: &[&str]) -> Self {
        // In one piece: to hash many short ones takes longer than to copy them.
        let len = 8 + path.iter().map(|name| 8 + name.len()).sum::<usize>();
        let source = if len <= PATH_BYTES {
            let mut bytes = [0; PATH_BYTES];
            write_path(seed, path, &mut bytes);
            Source::Path(bytes, len)
        } else {
            let mut bytes = vec![0; len];
            write_path(seed, path, &mut bytes);
            Source::LongPath(bytes)
        };
        Self {
            source,
            buffer: [0; BUFFER_BYTES],
            used: BUFFER_BYTES,
        }
    }

    /// Whether anything was drawn from it.
    pub fn is_begun(&self) -> bool {
        matches!(self.source, Source::Output(_))
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        if self.used == BUFFER_BYTES {
            self.fill();
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    #[inline(never)]
    fn fill(&mut self) {
        let path = match &mut self.source {
            Source::Path(bytes, len) => &bytes[..*len],
            Source::LongPath(bytes) => bytes,
            Source::Output(reader) => {
                reader.fill(&mut self.buffer);
                self.used = 0;
                return;
            }
        };
        let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
        let mut reader = hasher.update(path).finalize_xof();
        reader.fill(&mut self.buffer);
        self.used = 0;
        self.source = Source::Output(reader);
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

/// Writes a seed and the names of a path, each behind its length.
fn write_path(seed: u64, path: &[&str], mut bytes: &mut [u8]) {
    let mut write = |part: &[u8]| {
        let (here, rest) = std::mem::take(&mut bytes).split_at_mut(part.len());
        here.copy_from_slice(part);
        bytes = rest;
    };
    write(&seed.to_le_bytes());
    for name in path {
        write(&(name.len() as u64).to_le_bytes());
        write(name.as_bytes());
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
    fn a_stream_is_the_output_for_its_path_however_long() {
        for len in [0, 60, PATH_BYTES - 16, PATH_BYTES - 15, 400] {
            let name = "x".repeat(len);
            let mut hasher = blake3::Hasher::new_derive_key("antiks.seed.v1");
            hasher.update(&7_u64.to_le_bytes());
            hasher.update(&(len as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            let mut wanted = [0; 96];
            hasher.finalize_xof().fill(&mut wanted);
            let mut random = Random::new(7, &[&name]);
            assert!(!random.is_begun());
            let drawn: Vec<u8> = (0..12).flat_map(|_| random.bits().to_le_bytes()).collect();
            assert_eq!(drawn, wanted);
            assert!(random.is_begun());
        }
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
