//! Judging by execution: whether an answer is as good as the reference, and why not.
//!
//! - [`task`]: what an answer is graded against. [`grader`]: the verdict.
//! - [`rows`], [`compare`]: when results are equal. [`mistake`]: what is wrong if not.
//! - [`sql`]: how a query is written. [`practices`]: credit for writing it well.
//! - [`mutants`]: wrong queries that a challenge must tell from its reference; [`idle`]:
//!   changes that would make no wrong one; [`neighbours`]: constants beside the right ones.
//! - [`admission`]: which challenges may be asked; [`refusal`]: why not. [`instances`]: on what
//!   they are graded; [`constants`]: what instances hold for a challenge's sake.
//! - [`signature`], [`duplicates`]: what was asked before.
//!
//! **Invariants.** Execution decides: nothing but equal rows on every instance makes an
//! answer equivalent, and nothing else lifts it over 80. A verdict is a pure function of
//! task and answer; it holds no time and no name of a machine.

pub mod admission;
pub mod compare;
pub mod constants;
pub mod duplicates;
pub mod grader;
pub mod idle;
pub mod instances;
pub mod mistake;
pub mod mutants;
pub mod neighbours;
pub mod practices;
pub mod refusal;
pub mod rows;
pub mod signature;
pub mod sql;
pub mod task;

pub use grader::{GRADER_VERSION, Verdict, grade};
pub use task::{Requirement, Task, TaskError, Trial};
