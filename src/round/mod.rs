//! One round: propose, answer, grade, select, train, evaluate, promote; and again.
//!
//! - [`settings`]: everything that a run depends on, as text and back.
//! - [`suite`], [`focus`], [`practice`]: what is measured, asked next, and trained on.
//! - [`pupil`], [`exam`], [`learn`]: how the student answers, is graded, and learns.
//! - [`asked`], [`mark`], [`measure`], [`promote`]: all of it as events.
//! - [`history`]: what the lake holds of a run.
//! - [`stages`]: the stages as functions of what came before.
//! - [`tutor`], [`proposals`], [`planted`], [`opinions`]: what a chat teacher does in a round.
//! - [`calls`]: its calls in a lake; [`recollection`]: the same for replay.
//! - [`beginning`], [`run`], [`write`]: the loop, which commits what the stages give.
//!
//! **Invariant.** What a stage gives depends on the run's event and on what was committed
//! before: that is what replay proves.

pub mod asked;
pub mod beginning;
pub mod calls;
pub mod exam;
pub mod focus;
pub mod history;
pub mod learn;
pub mod mark;
pub mod measure;
pub mod opinions;
pub mod planted;
pub mod practice;
pub mod promote;
pub mod proposals;
pub mod pupil;
pub mod recollection;
pub mod report;
pub mod run;
pub mod settings;
pub mod stages;
pub mod statistics;
pub mod suite;
pub mod tutor;
pub mod write;
