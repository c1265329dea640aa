//! antiks teaches a small language model SQL by finding what it gets wrong.
//!
//! The map; each layer imports only layers above it (`tests/it/tidy.rs` holds this).
//!
//! Ground:
//! - [`base`]: canonical bytes and ids, the outside world, write-once files.
//! - [`event`]: the envelope, and one file per kind of event.
//!
//! Memory:
//! - [`lake`]: commit log, Parquet tables, blobs, call spool, verification.
//! - [`query`]: SQL over one version of the lake, the catalogue, materialisation.
//!
//! Truth:
//! - [`sandbox`]: SQL that nobody trusts, run where it can do no harm.
//! - [`database`]: databases that questions are asked of, and their instances.
//! - [`grading`]: verdicts by execution, and which challenges may be asked.
//! - [`teacher`]: who asks.
//!
//! Learning:
//! - [`ops`]: operations on tensors, forward and backward, on CPU and CUDA.
//! - [`student`]: a base and its adapter, and how they answer.
//! - [`train`]: from examples to an adapter.
//!
//! Above them:
//! - [`nano`]: the embedded base and how it is made.
//! - [`round`]: one iteration, and the suite that it is measured by.
//! - [`replay`]: what was recorded, looked at again: why, retract.
//! - [`cli`]: arguments and one file per command; the only layer that prints.

/// Of everything that is linked with this crate: the program, its tests and its benches.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod base;
pub mod cli;
pub mod database;
pub mod event;
pub mod grading;
pub mod lake;
pub mod nano;
pub mod ops;
pub mod query;
pub mod replay;
pub mod round;
pub mod sandbox;
pub mod student;
pub mod teacher;
pub mod train;
