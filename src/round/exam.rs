//! The verdicts on answers to many questions at once.

use crate::grading::task::{Task, TaskError};
use crate::grading::{Verdict, grade};
use crate::sandbox::Sandbox;

/// The verdicts on answers, in their order.
///
/// # Errors
/// The sandbox can't run, or a reference fails.
pub fn examine(sandbox: &Sandbox, asked: &[(&Task, &str)]) -> Result<Vec<Verdict>, TaskError> {
    sandbox.each(asked, |(task, sql)| {
        let sql = (!sql.trim().is_empty()).then_some(*sql);
        grade(sandbox, task, sql)
    })
}
