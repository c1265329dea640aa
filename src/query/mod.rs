//! SQL over one version of a lake.
//!
//! - [`table`]: a kind's files as a DataFusion table.
//! - [`views`]: the views that every session has.
//! - [`session`]: tables, views and functions of one version, and running SQL on them.
//! - [`catalogue`]: the queries of `queries/` and of the user's own folder.
//! - [`materialise`]: training sets, and whether a recorded one is what its query gives.
//!
//! **Invariants.** A session reads one version and writes nothing. What is trained on
//! is read from files whose bytes were checked first.

pub mod catalogue;
pub mod materialise;
pub mod session;
pub mod table;
pub mod views;

pub use catalogue::{Catalogue, Query};
pub use session::{QueryError, Session};
