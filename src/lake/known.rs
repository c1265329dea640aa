//! Which ids the lake holds, so that a writer can refuse what is there already and
//! what points nowhere.
//!
//! **Invariant.** A kind's ids are read from its files when they are first asked for,
//! and kept up to date from then on. An id is known by its first 16 bytes, which
//! nobody can make two events share.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::AsArray;

use super::Lake;
use super::error::{LakeError, damaged};
use super::table;
use crate::event::KINDS;

type Ids = HashSet<u128, BuildHasherDefault<FirstBytes>>;

/// The ids of the kinds that were asked for.
#[derive(Default)]
pub struct KnownIds {
    by_kind: Vec<(&'static str, Ids)>,
}

impl KnownIds {
    /// Whether an event of `kind` in `lake`, or one that was inserted, has this id.
    pub fn contains(
        &mut self,
        lake: &Lake,
        kind: &'static str,
        id: &[u8; 32],
    ) -> Result<bool, LakeError> {
        Ok(self.ids(lake, kind)?.contains(&first_16(id)))
    }

    /// The same for an event of any kind.
    pub fn contains_any(&mut self, lake: &Lake, id: &[u8; 32]) -> Result<bool, LakeError> {
        for kind in KINDS {
            if self.contains(lake, kind.name(), id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds an id; `false` if it was there.
    pub fn insert(
        &mut self,
        lake: &Lake,
        kind: &'static str,
        id: &[u8; 32],
    ) -> Result<bool, LakeError> {
        Ok(self.ids(lake, kind)?.insert(first_16(id)))
    }

    /// Forgets everything, so that it is read again when it is next asked for.
    pub fn clear(&mut self) {
        self.by_kind.clear();
    }

    fn ids(&mut self, lake: &Lake, kind: &'static str) -> Result<&mut Ids, LakeError> {
        let known = self.by_kind.iter().position(|(known, _)| *known == kind);
        let place = match known {
            Some(place) => place,
            None => {
                self.by_kind.push((kind, read(lake, kind)?));
                self.by_kind.len() - 1
            }
        };
        Ok(&mut self.by_kind[place].1)
    }
}

fn read(lake: &Lake, kind: &str) -> Result<Ids, LakeError> {
    let mut ids = Ids::default();
    for file in lake.event_files(kind) {
        let path = lake.root().join(file.path());
        table::check_file(&path, file.blake3.bytes(), file.bytes, |_| {})?;
        for batch in table::open(&path, Some(&["id"]))? {
            let batch = batch.map_err(|error| damaged(&path, error.to_string()))?;
            let column = batch
                .column_by_name("id")
                .and_then(|column| column.as_fixed_size_binary_opt())
                .filter(|column| column.value_length() == 32)
                .ok_or_else(|| damaged(&path, "it has no column of ids"))?;
            ids.extend(column.iter().flatten().map(first_16));
        }
    }
    Ok(ids)
}

/// The first 16 bytes of an id.
pub fn first_16(id: &(impl AsRef<[u8]> + ?Sized)) -> u128 {
    let mut bytes = [0; 16];
    let id = id.as_ref();
    let len = id.len().min(16);
    bytes[..len].copy_from_slice(&id[..len]);
    u128::from_le_bytes(bytes)
}

/// Ids are random already; hashing them again would be waste.
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = (value >> 64) as u64;
    }
}
