//! The embedded base: how its corpus is made, how it is trained, and what it must not know.
//!
//! - [`withheld`]: what is left for the loop to teach.
//! - [`pseudo`], [`document`], [`corpus`]: what it reads, from a seed.
//! - [`vocabulary`], [`reader`]: its tokenizer, and documents as tokens at speed.
//! - [`shape`]: its configuration and first weights.
//! - [`pretrain`]: from a recipe to a folder in Hugging Face's layout with a receipt.
//!
//! **Invariants.** The corpus has no question of a withheld intent, no held-out phrasing
//! and no evaluation family. The same recipe gives the same corpus and tokenizer, byte for
//! byte, on any number of threads.

pub mod corpus;
pub mod document;
pub mod embedded;
pub mod pretrain;
pub mod pseudo;
pub mod reader;
pub mod shape;
pub mod vocabulary;
pub mod withheld;
