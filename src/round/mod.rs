//! One iteration, and the suite that it is measured by.
//!
//! - [`suite`]: questions that no training sees.
//! - [`focus`]: what to ask next.
//! - [`exam`]: answers, and the verdicts on them.
//! - [`practice`]: what is trained on.
//! - [`calls`]: a chat teacher's calls in a lake; [`recollection`]: the same for replay.

pub mod calls;
pub mod exam;
pub mod focus;
pub mod practice;
pub mod recollection;
pub mod suite;
