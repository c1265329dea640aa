//! The Merkle tree over the leaves of all events, in the shape of RFC 6962.
//!
//! `node = BLAKE3.derive_key("antiks.node.v1")` over `left · right`. A tree of n leaves
//! splits at the largest power of two below n. The root of no leaves is the hash of
//! nothing under the same context.
//!
//! **Invariant.** [`Tree`] holds the roots of the perfect subtrees from left to right,
//! one for each bit that is set in its size, so that appending never looks back.

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

static NODE_CONTEXT: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("antiks.node.v1"));

/// A Merkle tree that grows at its right end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<[u8; 32]>,
}

impl Tree {
    /// The tree with these peaks; `None` if they are not as many as the size has bits.
    pub fn from_peaks(size: u64, peaks: Vec<[u8; 32]>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its perfect subtrees, the largest first.
    pub fn peaks(&self) -> &[[u8; 32]] {
        &self.peaks
    }

    /// Adds a leaf at the right end.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = parent(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The hash that stands for all leaves in their order.
    pub fn root(&self) -> [u8; 32] {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| parent(left, &right)),
            None => *Hasher::new_from_context_key(&NODE_CONTEXT)
                .finalize()
                .as_bytes(),
        }
    }
}

fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Hasher::new_from_context_key(&NODE_CONTEXT);
    hasher.update(left);
    hasher.update(right);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, read literally.
    fn by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Tree::default().root(),
            [leaf] => *leaf,
            _ => {
                let mut split = 1;
                while split * 2 < leaves.len() {
                    split *= 2;
                }
                parent(
                    &by_definition(&leaves[..split]),
                    &by_definition(&leaves[split..]),
                )
            }
        }
    }

    #[test]
    fn grows_into_the_tree_of_the_rfc() {
        let mut tree = Tree::default();
        let mut leaves = Vec::new();
        for number in 0..300u64 {
            assert_eq!(tree.root(), by_definition(&leaves), "{number} leaves");
            let leaf = *blake3::hash(&number.to_le_bytes()).as_bytes();
            tree.push(leaf);
            leaves.push(leaf);
            let again = Tree::from_peaks(tree.size(), tree.peaks().to_vec());
            assert_eq!(again.as_ref(), Some(&tree));
        }
        assert_eq!(Tree::from_peaks(3, vec![[0; 32]]), None);
    }
}
