//! The student: a model of the Mistral architecture that answers.
//!
//! Its files: [`base`] finds and hashes them ([`hub`] in the Hugging Face cache), and
//! [`config`], [`weights`], [`tokenizer`], [`chat_template`] and [`generation`] each read
//! one of them; [`adapter`] is what training makes of it, in PEFT's format. From prompt to
//! answer: [`prompt`], [`model`] with [`linear`] inside, [`cache`], [`decode`], which reads
//! what prompts share once.
//!
//! **Invariants.**
//! - A file that is broken, of another model or hostile gives an error that names it.
//! - A base is known by the hash over its files ([`base::Base::id`]).
//! - Nothing here knows where prompts come from, or what becomes of answers.

pub mod adapter;
pub mod adapter_config;
pub mod base;
pub mod cache;
pub mod chat_template;
pub mod config;
pub mod contents;
pub mod decode;
pub mod device;
pub mod error;
pub mod generation;
pub mod hub;
mod keys;
pub mod linear;
pub mod message;
pub mod model;
pub mod prompt;
mod reading;
mod save;
pub mod target;
mod template_functions;
pub mod tokenizer;
pub mod weights;
