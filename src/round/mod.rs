//! One iteration, and the suite that it is measured by.
//!
//! - [`suite`]: questions that no training sees.
//! - [`focus`]: what to ask next.
//! - [`exam`]: answers, and the verdicts on them.
//! - [`practice`]: what is trained on.

pub mod exam;
pub mod focus;
pub mod practice;
pub mod suite;
