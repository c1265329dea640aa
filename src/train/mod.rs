//! Training: from examples to an adapter, or to other weights of a small base.
//!
//! As it flows: [`data`] reads files of examples, [`encode`] makes each an [`example`] of
//! tokens, [`batch`] decides on steps and packs, [`backward`] gives gradients of what
//! [`parameters`] lays out, [`run`] takes the steps of a [`recipe`] at the rates of its
//! [`schedule`], and [`folder`] keeps what comes of it.
//!
//! **Invariants.**
//! - No gradient of a frozen weight is computed or kept.
//! - Whatever happens in a training is decided by the model, the recipe, the examples and
//!   the adapter that it starts from, if it starts from one.
//! - Nothing here knows of lakes, grades or teachers.

pub mod backward;
pub mod batch;
pub mod data;
pub mod encode;
pub mod error;
pub mod example;
pub mod folder;
pub mod memory;
pub mod parameters;
pub mod recipe;
pub mod run;
pub mod schedule;
