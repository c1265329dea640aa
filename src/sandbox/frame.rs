//! Messages between the parent and a worker: a length of four bytes, then MessagePack.
//!
//! **Invariant.** Neither side believes the other's length: it is capped before memory is
//! reserved, and memory grows only as bytes arrive.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message.
const MAX_FRAME_BYTES: u32 = 256 << 20;

/// Writes one message.
pub fn write_frame(sink: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = rmp_serde::to_vec(message).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).ok();
    let Some(len) = len.filter(|len| *len <= MAX_FRAME_BYTES) else {
        return Err(io::Error::other("the message is too long"));
    };
    sink.write_all(&len.to_le_bytes())?;
    sink.write_all(&bytes)?;
    sink.flush()
}

/// Reads one message; `None` if the other side has closed.
pub fn read_frame<T: DeserializeOwned>(source: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    if let Err(error) = source.read_exact(&mut len) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
    }
    let len = u32::from_le_bytes(len);
    if len > MAX_FRAME_BYTES {
        return Err(io::Error::other("the message is too long"));
    }
    let mut bytes = Vec::new();
    source.take(len.into()).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != u64::from(len) {
        return Ok(None);
    }
    rmp_serde::from_slice(&bytes)
        .map(Some)
        .map_err(io::Error::other)
}
