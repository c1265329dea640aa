//! Events: the envelope, and one file per kind.
//!
//! - [`record`]: a struct whose fields are written down once.
//! - [`columns`]: values as Arrow columns.
//! - [`words`]: closed sets of words.
//! - [`envelope`]: ids, leaves, and what is observed beside a body.
//! - [`registry`]: all kinds by name, for code that does not know which it meets.
//!
//! **Invariants.**
//! - The id of an event never depends on time, host, duration or cost.
//! - Every 32-byte field says by the end of its name what it points at: `_id`, `_ids`
//!   an event, `_blob` a blob, `_snapshot` a snapshot file, `_hash` nothing in the lake.
//! - A kind's fields change only by adding optional ones at any place; anything else
//!   raises its version.
//!
//! To add a kind: one new file, and its line below and in [`registry::KINDS`].

pub mod columns;
pub mod envelope;
pub mod record;
pub mod registry;
pub mod words;

pub mod answer;
pub mod challenge;
pub mod checkpoint;
pub mod database;
pub mod evaluation;
pub mod export;
pub mod grade;
pub mod promotion;
pub mod retraction;
pub mod run_started;
pub mod snapshot;
pub mod teacher_call;
pub mod training_started;
pub mod training_step;

pub use envelope::{Event, Kind, Observed, Time};
pub use registry::{AnyKind, KINDS, find_kind};
