//! Who asks: drafts of challenges, each a question with the SQL that answers it.
//!
//! - [`draft`]: what every teacher hands over, and the words for it.
//! - [`held_out`]: which phrasings training never sees.
//! - [`offline`]: a grammar that asks about any schema without a model or a network.
//! - [`proposer`]: drafts until enough of them are admitted.
//! - [`chat`]: a model behind a server, which also judges and corrects.
//! - [`curriculum`]: which categories to ask about next.
//!
//! **Invariants.** A draft is only a proposal: nothing here runs SQL or decides whether a
//! question is good enough to be asked. The same schema, wish and seed give the same
//! draft, byte for byte. A question names all that its answer needs: the outputs and their
//! order, every constant, direction and tie-break, and what happens to missing values.

pub mod chat;
pub mod curriculum;
pub mod draft;
pub mod held_out;
pub mod offline;
pub mod proposer;
