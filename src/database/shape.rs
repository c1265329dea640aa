//! What two databases share that differ in words only.
//!
//! The hash is BLAKE3 with a derived key over, for each table in order: the count of its
//! columns, then their signatures, sorted. A signature is the length-prefixed word of the
//! content, a byte that says whether the column belongs to the key, and the place of the
//! table it refers to plus one, or zero. Numbers are eight bytes, the lowest first.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::schema::{Schema, Table};

static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("antiks.shape.v1"));

/// The hash of the contents and references of a schema, without names, types and fills.
/// The order of a table's columns does not matter.
pub fn shape_hash(schema: &Schema) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(1024);
    let add = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u64).to_le_bytes());
    add(&mut bytes, schema.tables.len());
    for table in &schema.tables {
        add(&mut bytes, table.columns.len());
        let columns = 0..table.columns.len();
        let mut signatures: Vec<Signature> = columns.map(|it| signature(table, it)).collect();
        signatures.sort_unstable();
        for (word_len, word, is_key, target) in signatures {
            bytes.extend(word_len);
            bytes.extend(word.as_bytes());
            bytes.push(is_key);
            bytes.extend(target);
        }
    }
    let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
    hasher.update(&bytes);
    *hasher.finalize().as_bytes()
}

/// The parts of a signature; they sort as its bytes do.
type Signature = ([u8; 8], &'static str, u8, [u8; 8]);

fn signature(table: &Table, place: usize) -> Signature {
    let column = &table.columns[place];
    let word = column.content.word();
    let mut references = table.references.iter().filter(|it| it.column == place);
    let target = references.next().map_or(0, |it| it.target_table as u64 + 1);
    let is_key = u8::from(column.key_position.is_some());
    (
        (word.len() as u64).to_le_bytes(),
        word,
        is_key,
        target.to_le_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::generate;

    #[test]
    fn names_and_the_order_of_columns_do_not_matter_contents_do() {
        let schema = generate("hotel", 4).unwrap();
        let hash = shape_hash(&schema);
        let mut other = schema.clone();
        other.tables[0].name.push('x');
        other.tables[0].columns[1].declared_type.clear();
        let last = other.tables[0].columns.len() - 1;
        assert!(other.tables[0].references.is_empty());
        other.tables[0].columns.swap(1, last);
        assert_eq!(hash, shape_hash(&other));
        other.tables[0].columns.pop();
        assert_ne!(hash, shape_hash(&other));
    }
}
