//! Whether every reference points at an event that came before, in bounded memory.
//!
//! Ids and references are sorted into buckets by their first byte; a bucket that
//! grows is spilled to a temporary file without a name, and at the end the buckets are
//! compared one by one.
//!
//! **Invariant.** Memory is bounded by [`SPILL_BYTES`] per bucket while collecting,
//! and by one bucket's share of the lake's ids while comparing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::known::first_16;
use crate::event::KINDS;

const BUCKETS: usize = 256;
const SPILL_BYTES: usize = 32 * 1024;
const ANY_KIND: u8 = u8::MAX;
/// First 16 bytes of the id, place of the kind, sequence number.
const ENTRY_BYTES: usize = 16 + 1 + 8;
const RECENT: usize = 4096;

/// What is wrong with a reference or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event at `seq` refers to an event that is not in the lake before it.
    Dangling {
        /// The sequence number of the event that refers.
        seq: u64,
    },
    /// The event at `seq` has the id of one that came before.
    Repeated {
        /// Its sequence number.
        seq: u64,
    },
}

/// Collects ids and references, and then compares them.
pub struct References {
    ids: Buckets,
    references: Buckets,
    recent: Vec<Option<(u128, u8)>>,
}

impl References {
    /// Nothing collected yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            ids: Buckets::new()?,
            references: Buckets::new()?,
            recent: vec![None; RECENT],
        })
    }

    /// An event of `kind` has this id.
    pub fn add_id(&mut self, kind: &str, id: &[u8; 32], seq: u64) -> io::Result<()> {
        self.ids.push(first_16(id), place_of(Some(kind)), seq)
    }

    /// The event at `seq` refers to one of `kind`, or of any.
    pub fn add_reference(&mut self, kind: Option<&str>, id: &[u8; 32], seq: u64) -> io::Result<()> {
        let (id, kind) = (first_16(id), place_of(kind));
        // Events come in order, so the first of many that refer to the same one is the
        // only one that need be compared. Forgetting some is harmless.
        let recent = &mut self.recent[id as usize % RECENT];
        if *recent == Some((id, kind)) {
            return Ok(());
        }
        *recent = Some((id, kind));
        self.references.push(id, kind, seq)
    }

    /// Hands every fault to `visit`.
    pub fn compare(mut self, mut visit: impl FnMut(Fault)) -> io::Result<()> {
        let mut events: HashMap<u128, (u8, u64)> = HashMap::new();
        for bucket in 0..BUCKETS {
            events.clear();
            self.ids.drain(bucket, |id, kind, seq| {
                let first = events.entry(id).or_insert((kind, seq));
                if first.1 != seq {
                    visit(Fault::Repeated {
                        seq: seq.max(first.1),
                    });
                    first.1 = seq.min(first.1);
                }
            })?;
            self.references.drain(bucket, |id, kind, seq| {
                let found = events.get(&id).is_some_and(|&(its_kind, its_seq)| {
                    (kind == ANY_KIND || kind == its_kind) && its_seq < seq
                });
                if !found {
                    visit(Fault::Dangling { seq });
                }
            })?;
        }
        Ok(())
    }
}

fn place_of(kind: Option<&str>) -> u8 {
    let Some(kind) = kind else { return ANY_KIND };
    KINDS
        .iter()
        .position(|candidate| candidate.name() == kind)
        .map_or(ANY_KIND - 1, |place| place as u8)
}

/// Entries by the first byte of their id, in memory or in one file.
struct Buckets {
    open: Vec<Vec<u8>>,
    spilled: Vec<Vec<(u64, usize)>>,
    file: File,
    len_file: u64,
}

impl Buckets {
    fn new() -> io::Result<Self> {
        Ok(Self {
            open: vec![Vec::new(); BUCKETS],
            spilled: vec![Vec::new(); BUCKETS],
            file: tempfile::tempfile()?,
            len_file: 0,
        })
    }

    fn push(&mut self, id: u128, kind: u8, seq: u64) -> io::Result<()> {
        let place = id as usize % BUCKETS;
        let bucket = &mut self.open[place];
        bucket.extend_from_slice(&id.to_le_bytes());
        bucket.push(kind);
        bucket.extend_from_slice(&seq.to_le_bytes());
        if bucket.len() + ENTRY_BYTES > SPILL_BYTES {
            self.file.write_all(bucket)?;
            self.spilled[place].push((self.len_file, bucket.len()));
            self.len_file += bucket.len() as u64;
            bucket.clear();
        }
        Ok(())
    }

    fn drain(&mut self, place: usize, mut visit: impl FnMut(u128, u8, u64)) -> io::Result<()> {
        let mut buffer = Vec::new();
        for (start, len) in std::mem::take(&mut self.spilled[place]) {
            buffer.resize(len, 0);
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut buffer)?;
            decode(&buffer, &mut visit);
        }
        decode(&std::mem::take(&mut self.open[place]), &mut visit);
        Ok(())
    }
}

fn decode(entries: &[u8], visit: &mut impl FnMut(u128, u8, u64)) {
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let (id, rest) = entry.split_at(16);
        let mut seq = [0; 8];
        seq.copy_from_slice(&rest[1..]);
        visit(first_16(id), rest[0], u64::from_le_bytes(seq));
    }
}
