//! How a call of somebody else's server is known: by what it asks.

use super::canonical::write_sized;
use super::id::ContentHash;

/// The hash that a request is known by: `BLAKE3.derive_key("antiks.request.v1")` over
/// `endpoint length (u32) · endpoint · ordinal (u32) · body`. The ordinal tells calls apart
/// that ask the same thing on purpose.
pub fn request_hash(endpoint: &str, ordinal: u32, body: &[u8]) -> ContentHash {
    let mut bytes = Vec::with_capacity(body.len() + endpoint.len() + 8);
    write_sized(endpoint.as_bytes(), &mut bytes);
    bytes.extend_from_slice(&ordinal.to_le_bytes());
    bytes.extend_from_slice(body);
    ContentHash::new(blake3::derive_key("antiks.request.v1", &bytes))
}
