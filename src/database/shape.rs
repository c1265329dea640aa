//! What two databases share that differ in words only.
//!
//! The hash is BLAKE3 with a derived key over, for each table in order: the count of its
//! columns, then their signatures, sorted. A signature is the length-prefixed word of the
//! content, a byte that says whether the column belongs to the key, and the place of the
//! table it refers to plus one, or zero. Numbers are eight bytes, the lowest first.

use super::schema::{Schema, Table};

const CONTEXT: &str = "antiks.shape.v1";

/// The hash of the contents and references of a schema, without names, types and fills.
/// The order of a table's columns does not matter.
pub fn shape_hash(schema: &Schema) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let add = |hasher: &mut blake3::Hasher, number: usize| {
        hasher.update(&(number as u64).to_le_bytes());
    };
    add(&mut hasher, schema.tables.len());
    for table in &schema.tables {
        add(&mut hasher, table.columns.len());
        let columns = 0..table.columns.len();
        let mut signatures: Vec<Vec<u8>> = columns.map(|place| signature(table, place)).collect();
        signatures.sort();
        for signature in signatures {
            hasher.update(&signature);
        }
    }
    *hasher.finalize().as_bytes()
}

fn signature(table: &Table, place: usize) -> Vec<u8> {
    let column = &table.columns[place];
    let word = column.content.word();
    let mut bytes = (word.len() as u64).to_le_bytes().to_vec();
    bytes.extend(word.as_bytes());
    bytes.push(u8::from(column.key_position.is_some()));
    let mut references = table.references.iter().filter(|it| it.column == place);
    let target = references.next().map_or(0, |it| it.target_table as u64 + 1);
    bytes.extend(target.to_le_bytes());
    bytes
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
