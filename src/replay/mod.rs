//! What was recorded, looked at again: where an event came from, what it touched, and
//! what should not be relied on any more.
//!
//! - [`again`]: an iteration done again, and compared; [`difference`]: how.
//! - [`target`]: which event a user means by the first digits of an id.
//! - [`lineage`]: all that an event came from, and all that rests on it.
//! - [`taint`]: what was retracted, and what rests on that.
//! - [`tree`]: a lineage as trees that a reader can take in.
//! - [`relative`], [`summary`]: an event of a lineage, in a line.
//! - [`retract`]: the retraction of an event.
//!
//! **Invariants.**
//! - An event rests on whatever it refers to, and on what that rests on. A retraction
//!   refers to its target and does not rest on it.
//! - Nothing here changes an event: a retraction is one more.

pub mod again;
pub mod difference;
pub mod error;
pub mod lineage;
pub mod relative;
pub mod retract;
pub mod summary;
pub mod taint;
pub mod target;
pub mod tree;

pub use error::ReplayError;
pub use lineage::Lineage;
pub use relative::Relative;
pub use taint::Taint;
