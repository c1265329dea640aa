//! Typed 32-byte ids and content hashes; hex only at the edge.
//!
//! An [`Id<K>`] names an event of kind `K`; [`BlobHash`], [`SnapshotHash`] and
//! [`ContentHash`] are plain BLAKE3 of some bytes and differ in what they promise:
//! the first two name a file of the lake, the last one names none.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::canonical::{DecodeError, Reference, Tag, Value};

/// A kind that an id can promise.
pub trait Named {
    /// The kind's name; `None` if the id may be of any kind.
    const NAME: Option<&'static str>;
}

/// The kind of an id that may name an event of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anything;

impl Named for Anything {
    const NAME: Option<&'static str> = None;
}

/// An id whose kind is not known until it is looked up.
pub type AnyId = Id<Anything>;

/// The id of an event of kind `K`: BLAKE3 over its canonical bytes.
pub struct Id<K>([u8; 32], PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// The id with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The id's bytes.
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// The same id, its kind forgotten.
    pub const fn any(self) -> AnyId {
        Id::new(self.0)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> From<[u8; 32]> for Id<K> {
    fn from(bytes: [u8; 32]) -> Self {
        Self::new(bytes)
    }
}

impl<K> From<Id<K>> for [u8; 32] {
    fn from(id: Id<K>) -> Self {
        id.0
    }
}

impl<K: Named> Value for Id<K> {
    const TAG: Tag = Tag::Hash;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        <[u8; 32]>::read(bytes).map(Self::new)
    }

    fn references(&self, visit: &mut dyn FnMut(Reference)) {
        visit(Reference::Event {
            kind: K::NAME,
            id: self.0,
        });
    }
}

/// Declares a hash of content, and what a field of that type points at.
macro_rules! content_hash {
    ($(#[$doc:meta])* $name:ident, $reference:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The hash with these bytes.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The hash of `content`.
            pub fn of(content: &[u8]) -> Self {
                Self(*blake3::hash(content).as_bytes())
            }

            /// The hash's bytes.
            pub const fn bytes(self) -> [u8; 32] {
                self.0
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for [u8; 32] {
            fn from(hash: $name) -> Self {
                hash.0
            }
        }

        impl Value for $name {
            const TAG: Tag = Tag::Hash;

            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }

            fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
                <[u8; 32]>::read(bytes).map(Self)
            }

            fn references(&self, visit: &mut dyn FnMut(Reference)) {
                let point: fn([u8; 32]) -> Option<Reference> = $reference;
                if let Some(reference) = point(self.0) {
                    visit(reference);
                }
            }
        }

        hex_at_the_edge!($name);
    };
}

/// Gives a 32-byte newtype its hex form for people, JSON and the command line.
macro_rules! hex_at_the_edge {
    ($name:ident $(<$generic:ident>)?) => {
        impl$(<$generic>)? fmt::Display for $name$(<$generic>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl$(<$generic>)? fmt::Debug for $name$(<$generic>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl$(<$generic>)? FromStr for $name$(<$generic>)? {
            type Err = NotAHash;

            fn from_str(text: &str) -> Result<Self, NotAHash> {
                from_hex(text).map(Self::from)
            }
        }

        impl$(<$generic>)? Serialize for $name$(<$generic>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&to_hex(&self.0))
            }
        }

        impl<'de$(, $generic)?> Deserialize<'de> for $name$(<$generic>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_at_the_edge!(Id<K>);

content_hash!(
    /// The hash of a file in the lake's `blobs/`.
    BlobHash,
    |bytes| Some(Reference::Blob(bytes))
);
content_hash!(
    /// The hash of a file in the lake's `snapshots/`.
    SnapshotHash,
    |bytes| Some(Reference::Snapshot(bytes))
);
content_hash!(
    /// The hash of content that the lake need not hold.
    ContentHash,
    |_| None
);

/// Text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: 64 hexadecimal digits (0-9, a-f) are wanted")]
pub struct NotAHash;

/// 64 lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

/// The bytes of 64 lower-case hexadecimal digits. Capitals are refused, so that
/// every hash has one spelling.
pub fn from_hex(text: &str) -> Result<[u8; 32], NotAHash> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NotAHash);
    }
    blake3::Hash::from_hex(text)
        .map(|hash| *hash.as_bytes())
        .map_err(|_| NotAHash)
}
