//! What every other layer stands on: bytes, ids, the outside world, files.
//!
//! - [`canonical`]: the one byte string that a value has, and its inverse.
//! - [`id`]: typed 32-byte ids and content hashes.
//! - [`prefix`]: the first digits of an id, as a user gives them.
//! - [`framed`]: JSON documents that carry the hash of their own bytes.
//! - [`disk`]: the few file operations that durability rests on, behind a trait.
//! - [`lock`]: a file that one process at a time holds.
//! - [`calendar`]: days as numbers and text.
//! - [`request`]: the hash that a call of a server is known by.
//! - [`seed`]: random choices that repeat.
//! - [`world`]: time, host and environment; the only place that asks for them.
//!
//! **Invariants.** Nothing here knows what an event or a lake is. Nothing outside
//! [`world`] reads a clock, the environment or a random source (clippy holds this).

pub mod calendar;
pub mod canonical;
pub mod disk;
pub mod framed;
pub mod id;
pub mod lock;
pub mod prefix;
pub mod request;
pub mod seed;
pub mod side_by_side;
pub mod world;
