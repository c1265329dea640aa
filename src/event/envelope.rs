//! What every event has around its body: identity, place and circumstances.
//!
//! `id = BLAKE3.derive_key("antiks.event.v1")` over
//! `name length (u32) · kind's name · version (u32) · iteration (u32) · body's fields`.
//! `leaf = BLAKE3.derive_key("antiks.leaf.v1")` over
//! `id · sequence number (u64) · the observed fields`.
//!
//! **Invariant.** The id depends on the kind, its version, the iteration and the body
//! alone; what was [`Observed`] (time, host, duration, cost) is covered by the leaf.

use std::sync::LazyLock;

use arrow::array::AsArray;
use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::columns::{Column, ColumnError};
use super::record::record;
use crate::base::canonical::{DecodeError, Record, Tag, Value, write_sized};
use crate::base::id::{Id, Named};
use crate::base::world::World;

/// A kind of event: a record with a name.
pub trait Kind: Record + Column + Named + Clone + Serialize + DeserializeOwned + 'static {
    /// The name that stands in the bytes, in paths and in the log.
    const KIND: &'static str;
    /// The table that SQL knows it by.
    const TABLE: &'static str;
    /// Raised when a field changes its meaning; not when an optional one is added.
    const VERSION: u32 = 1;
}

/// Gives a record its names as a kind of event.
macro_rules! kind {
    ($record:ident, $kind:literal, $table:literal) => {
        impl $crate::base::id::Named for $record {
            const NAME: Option<&'static str> = Some($kind);
        }

        impl $crate::event::Kind for $record {
            const KIND: &'static str = $kind;
            const TABLE: &'static str = $table;
        }
    };
}

pub(crate) use kind;

/// Microseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

record! {
    /// The circumstances under which an event was recorded.
    pub struct Observed {
        /// When it was recorded.
        pub recorded_at: Time,
        /// The class of machine it was made on.
        pub host: String,
        /// How long it took to make, in microseconds.
        pub duration_us: Option<i64>,
        /// What it cost, in millionths of a US dollar; left out if unknown, which is not 0.
        pub cost_microusd: Option<i64>,
    }
}

impl Observed {
    /// Here and now, with nothing measured.
    pub fn now(world: &World) -> Self {
        Self {
            recorded_at: Time(world.now_us()),
            host: world.host().to_owned(),
            duration_us: None,
            cost_microusd: None,
        }
    }
}

/// One immutable fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<K> {
    /// The iteration it belongs to; 0 for what stands outside of the loop.
    pub iteration: u32,
    /// What happened.
    pub body: K,
    /// Under which circumstances.
    pub observed: Observed,
}

impl<K: Kind> Event<K> {
    /// The event's id.
    pub fn id(&self) -> Id<K> {
        event_id(self.iteration, &self.body, &mut Vec::new())
    }
}

static EVENT_CONTEXT: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("antiks.event.v1"));
static LEAF_CONTEXT: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("antiks.leaf.v1"));

/// The canonical bytes of an event: all that its id is a hash of.
pub fn canonical_bytes<K: Kind>(iteration: u32, body: &K, out: &mut Vec<u8>) {
    write_sized(K::KIND.as_bytes(), out);
    out.extend_from_slice(&K::VERSION.to_le_bytes());
    out.extend_from_slice(&iteration.to_le_bytes());
    body.write_fields(out);
}

/// The id of the event with this body; `scratch` is overwritten.
pub fn event_id<K: Kind>(iteration: u32, body: &K, scratch: &mut Vec<u8>) -> Id<K> {
    scratch.clear();
    canonical_bytes(iteration, body, scratch);
    Id::new(hash_under(&EVENT_CONTEXT, scratch))
}

/// The hash that stands for an event in the lake's Merkle tree; `scratch` is overwritten.
pub fn leaf_hash(id: &[u8; 32], seq: u64, observed: &Observed, scratch: &mut Vec<u8>) -> [u8; 32] {
    scratch.clear();
    scratch.extend_from_slice(id);
    scratch.extend_from_slice(&seq.to_le_bytes());
    observed.write_fields(scratch);
    hash_under(&LEAF_CONTEXT, scratch)
}

fn hash_under(context: &ContextKey, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new_from_context_key(context);
    hasher.update(bytes);
    *hasher.finalize().as_bytes()
}

impl Value for Time {
    const TAG: Tag = Tag::Int;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        i64::read(bytes).map(Self)
    }
}

/// A builder of times, which knows its time zone from the start.
pub struct TimeBuilder(TimestampMicrosecondBuilder);

impl Default for TimeBuilder {
    fn default() -> Self {
        Self(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
    }
}

impl Column for Time {
    type Builder = TimeBuilder;
    type Reader = TimestampMicrosecondArray;

    fn data_type() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }

    fn append(&self, builder: &mut Self::Builder) {
        builder.0.append_value(self.0);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.0.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.0.finish())
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .cloned()
            .ok_or_else(|| ColumnError::Type {
                name: name.to_owned(),
                found: array.data_type().to_string(),
                wanted: Self::data_type().to_string(),
            })
    }

    fn get(reader: &Self::Reader, row: usize) -> Self {
        Self(reader.value(row))
    }
}
