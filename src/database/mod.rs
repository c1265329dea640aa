//! Databases that questions are asked of: generated ones, their contents, the user's own.
//!
//! - [`schema`]: what is known of a database; all that stands above sees only this.
//! - [`domains`]: the business domains; [`domain`] reads the plan of one.
//! - [`generate`]: a schema out of a plan and a seed; [`filling`]: what its columns hold.
//! - [`naming`], [`invention`]: how names are spelt, and words that nobody has seen.
//!   [`odd_names`]: names that must be quoted, and [`lists`]: tables without keys, for what is
//!   read and not asked about.
//! - [`words`]: pools of names and remarks.
//! - [`instance`]: a schema's rows, made to tell right queries from wrong ones, out of
//!   [`hostility`], [`cells`], [`groups`], [`money_text`] and the [`plants`] of a query's constants.
//! - [`import`]: looks at the user's own file.
//! - [`shape`]: what two databases share that differ in words only; [`content`]: the words
//!   for contents.
//!
//! **Invariants.** The same seed gives the same bytes everywhere. No two tables of a
//! schema, and no two columns of a table, have names that differ in case only, nor the
//! same label. A generated name needs no quotes, but for [`odd_names`]. Nothing here judges
//! SQL or asks questions.

pub mod cells;
pub mod content;
pub mod domain;
pub mod domains;
pub mod filling;
pub mod generate;
pub mod groups;
pub mod hostility;
pub mod import;
pub mod instance;
pub mod invention;
pub mod lists;
pub mod money_text;
pub mod naming;
pub mod odd_names;
pub mod outline;
pub mod plants;
pub mod schema;
pub mod shape;
pub mod words;

pub use domains::domains;
pub use generate::generate;
pub use import::{ImportError, Imported, import, schema_of_sample};
pub use instance::{Instance, Plant, instance};
pub use shape::shape_hash;
