//! What a run tells while it runs, and why it may end.

use serde_json::Value as Json;
use thiserror::Error;

use crate::base::world::Stopwatch;
use crate::grading::task::TaskError;
use crate::lake::LakeError;
use crate::query::QueryError;
use crate::sandbox::SandboxError;
use crate::student::error::StudentError;
use crate::teacher::chat::{ChatError, OpenError, Stop};

/// A phase of a round, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The run begins: its settings and its suites.
    Begin,
    /// Questions are asked.
    Challenges,
    /// The student answers.
    Answers,
    /// The judge is tested by planted answers, if there is one.
    Sentinels,
    /// The answers are executed and graded.
    Grades,
    /// What is trained on is selected.
    Selection,
    /// The student is trained.
    Training,
    /// It is measured on the frozen suite.
    Evaluation,
    /// It takes its place, or does not.
    Promotion,
}

impl Phase {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Challenges => "challenges",
            Self::Answers => "answers",
            Self::Sentinels => "sentinels",
            Self::Grades => "grades",
            Self::Selection => "selection",
            Self::Training => "training",
            Self::Evaluation => "evaluation",
            Self::Promotion => "promotion",
        }
    }
}

/// What a phase did.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// The iteration, 0 before the first.
    pub iteration: u32,
    /// The phase.
    pub phase: Phase,
    /// What it did, in a line.
    pub line: String,
    /// The same for scripts.
    pub figures: Json,
    /// How long it took, in seconds; nothing if it was done before.
    pub seconds: Option<f64>,
}

/// Whoever watches a run.
pub trait Show: Send {
    /// A phase begins that has so many parts.
    fn begin(&mut self, iteration: u32, phase: Phase, parts: usize);
    /// One more part is done; `note` says what of it is worth seeing.
    fn advance(&mut self, note: &str);
    /// The phase is over.
    fn end(&mut self, report: &PhaseReport);
    /// Whether the run shall stop at the next safe point.
    fn is_stopped(&self) -> bool;
}

/// Why a run did not go on.
#[derive(Debug, Error)]
pub enum RoundError {
    /// It was asked to stop; what was committed stays.
    #[error("stopped; the same command goes on")]
    Stopped,
    /// It can't go on for a reason that the user can do something about.
    #[error("{0}")]
    Refused(String),
    /// The chat teacher is not asked any more.
    #[error("the teacher is not asked any more: {0}")]
    Teacher(Stop),
    /// The chat teacher can't be asked.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A question to the chat teacher could not be put.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The selection of a training set.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The student's files.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// The sandbox, or a reference that fails in it.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What the device says.
    #[error(transparent)]
    Device(#[from] candle_core::Error),
}

/// Begins a phase, unless the user wants to stop.
///
/// # Errors
/// [`RoundError::Stopped`].
pub fn begin(
    show: &mut dyn Show,
    iteration: u32,
    phase: Phase,
    parts: usize,
) -> Result<Stopwatch, RoundError> {
    if show.is_stopped() {
        return Err(RoundError::Stopped);
    }
    show.begin(iteration, phase, parts);
    Ok(Stopwatch::start())
}
