//! The bytes of a base's file, wherever they lie.

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use super::error::{StudentError, reading};

/// The bytes of one file: dereferences to them.
#[derive(Debug)]
pub enum Contents {
    /// A file's pages, brought in as they are touched.
    Mapped(Mmap),
    /// A small file, read whole.
    Owned(Vec<u8>),
    /// Part of the program.
    Static(&'static [u8]),
}

impl Contents {
    /// Maps a file that may be as large as it likes.
    ///
    /// # Errors
    /// [`StudentError::Read`] if the file can't be opened or mapped.
    pub fn map(path: &Path) -> Result<Self, StudentError> {
        let file = File::open(path).map_err(reading(path))?;
        map_read_only(&file)
            .map(Self::Mapped)
            .map_err(reading(path))
    }

    /// Reads a file of at most `max_bytes` whole.
    ///
    /// # Errors
    /// [`StudentError::TooLarge`] for a larger one, without reading it.
    pub fn read(path: &Path, max_bytes: u64) -> Result<Self, StudentError> {
        let file = File::open(path).map_err(reading(path))?;
        let mut bytes = Vec::new();
        let mut bounded = file.take(max_bytes.saturating_add(1));
        bounded.read_to_end(&mut bytes).map_err(reading(path))?;
        if bytes.len() as u64 > max_bytes {
            let len_bytes = std::fs::metadata(path).map_or(bytes.len() as u64, |data| data.len());
            return Err(StudentError::TooLarge {
                path: path.to_owned(),
                len_bytes,
                max_bytes,
            });
        }
        Ok(Self::Owned(bytes))
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

/// Maps a file. Whoever writes to it meanwhile changes what is read, and whoever cuts it
/// short ends the process; nobody edits a base that is in use.
#[allow(unsafe_code)]
fn map_read_only(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and only ever seen as bytes, every value of which is
    // valid. That the file stays as it is while it is mapped can't be enforced from here;
    // it is what the documentation above asks for, as every reader of such files does.
    unsafe { Mmap::map(file) }
}
