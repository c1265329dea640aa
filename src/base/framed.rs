//! JSON documents that carry the hash of their own bytes.
//!
//! A framed document is `{"NAME":BODY,"blake3":"HEX"}` and a line feed, where HEX is
//! plain BLAKE3 of BODY's bytes as they stand.
//!
//! **Invariant.** Every byte is covered: the frame must match to the letter and the
//! body by its hash, so that no changed document opens.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::id::ContentHash;

/// Why bytes are not a framed document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first or last bytes are not the frame's.
    #[error("torn or changed: its frame is not whole")]
    Torn,
    /// The body's bytes are not those that were hashed.
    #[error("changed: its bytes hash to {actual}, it says {stated}")]
    Changed {
        /// The hash in the frame.
        stated: ContentHash,
        /// The hash of the body's bytes.
        actual: ContentHash,
    },
    /// The body is whole, but not what was expected in it.
    #[error("not understood: {0}")]
    Unknown(String),
}

const BEFORE_HASH: &str = ",\"blake3\":\"";
const AFTER_HASH: &str = "\"}\n";

/// The document's bytes, and its body's hash.
pub fn seal<T: Serialize>(name: &str, body: &T) -> serde_json::Result<(Vec<u8>, ContentHash)> {
    let body = serde_json::to_vec(body)?;
    let hash = ContentHash::of(&body);
    let mut bytes = Vec::with_capacity(body.len() + name.len() + 96);
    bytes.extend_from_slice(opening(name).as_bytes());
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(BEFORE_HASH.as_bytes());
    bytes.extend_from_slice(hash.to_string().as_bytes());
    bytes.extend_from_slice(AFTER_HASH.as_bytes());
    Ok((bytes, hash))
}

/// The body of a document that [`seal`] made, and its hash.
pub fn open<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<(T, ContentHash), FrameError> {
    let (body, stated) = split(name, bytes).ok_or(FrameError::Torn)?;
    let actual = ContentHash::of(body);
    if actual != stated {
        return Err(FrameError::Changed { stated, actual });
    }
    let body =
        serde_json::from_slice(body).map_err(|error| FrameError::Unknown(error.to_string()))?;
    Ok((body, stated))
}

fn opening(name: &str) -> String {
    format!("{{\"{name}\":")
}

fn split<'a>(name: &str, bytes: &'a [u8]) -> Option<(&'a [u8], ContentHash)> {
    let rest = bytes.strip_prefix(opening(name).as_bytes())?;
    let rest = rest.strip_suffix(AFTER_HASH.as_bytes())?;
    let (rest, hex) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    let body = rest.strip_suffix(BEFORE_HASH.as_bytes())?;
    let stated = std::str::from_utf8(hex).ok()?.parse().ok()?;
    Some((body, stated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_refused() {
        let (bytes, hash) = seal("commit", &vec![1, 22, 333]).unwrap();
        assert_eq!(open::<Vec<i64>>("commit", &bytes).unwrap().1, hash);
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert!(
                    open::<Vec<i64>>("commit", &changed).is_err(),
                    "bit {bit} of {place}"
                );
            }
            assert!(
                open::<Vec<i64>>("commit", &bytes[..place]).is_err(),
                "cut at {place}"
            );
        }
    }
}
