//! Events of a run on their way into the lake, and adapters on their way out.

use std::path::Path;

use super::asked::Asked;
use super::mark::Answered;
use super::measure::Suite;
use super::pupil::Pupil;
use super::report::RoundError;
use crate::base::id::Id;
use crate::event::checkpoint::Checkpoint;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::{Event, Kind, Observed};
use crate::lake::{Draft, Lake, LakeError, Writer};
use crate::student::adapter::Adapter;
use crate::student::contents::Contents;

/// Adds an event.
///
/// # Errors
/// What the lake says.
pub fn append<K: Kind>(
    draft: &mut Draft<'_>,
    iteration: u32,
    body: &K,
    observed: &Observed,
) -> Result<Id<K>, LakeError> {
    draft.append(&Event {
        iteration,
        body: body.clone(),
        observed: observed.clone(),
    })
}

/// Adds a question and its database.
///
/// # Errors
/// What the lake says.
pub fn append_question(
    draft: &mut Draft<'_>,
    asked: &Asked,
    iteration: u32,
    observed: &Observed,
) -> Result<(), LakeError> {
    let at = asked.database_iteration(iteration);
    // A user's file is asked more than once.
    recorded_once(append(draft, at, &asked.database, observed))?;
    append(draft, iteration, &asked.challenge, observed)?;
    Ok(())
}

/// Adds answers, each with how long it took.
///
/// # Errors
/// What the lake says.
pub fn append_answers(
    draft: &mut Draft<'_>,
    iteration: u32,
    answered: &Answered,
    observed: &Observed,
) -> Result<(), LakeError> {
    for (answer, duration) in answered.answers.iter().zip(&answered.durations) {
        let observed = Observed {
            duration_us: i64::try_from(duration.as_micros()).ok(),
            ..observed.clone()
        };
        // On a sealed suite a checkpoint gives the same answers every time.
        recorded_once(append(draft, iteration, answer, &observed))?;
    }
    Ok(())
}

/// Records what was answered on a suite that is opened by hand, with its questions if they
/// are not there yet.
///
/// # Errors
/// What the lake says.
pub fn record_evaluation(
    writer: &mut Writer,
    note: String,
    suite: &Suite,
    (answered, grades, evaluation): (&Answered, &[Grade], &Evaluation),
    iteration: u32,
) -> Result<(), RoundError> {
    let observed = Observed::now(writer.world());
    let mut draft = writer.begin(note);
    for asked in &suite.asked {
        recorded_once(append_question(&mut draft, asked, 0, &observed))?;
    }
    append_answers(&mut draft, iteration, answered, &observed)?;
    for grade in grades {
        recorded_once(append(&mut draft, iteration, grade, &observed))?;
    }
    append(&mut draft, iteration, evaluation, &observed)?;
    draft.commit()?;
    Ok(())
}

/// An event that is there already stays as it is.
fn recorded_once<T>(appended: Result<T, LakeError>) -> Result<(), LakeError> {
    match appended {
        Ok(_) | Err(LakeError::AlreadyRecorded { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The adapter of a checkpoint.
///
/// # Errors
/// What the lake says, and that the adapter is not one of this student.
pub fn read_adapter(
    lake: &Lake,
    pupil: &Pupil,
    checkpoint: &Checkpoint,
) -> Result<Adapter, RoundError> {
    let weights = lake.read_blob(checkpoint.adapter_blob)?;
    let config = lake.read_blob(checkpoint.config_blob)?;
    let place = Path::new("the lake's adapter");
    let weights = Contents::Owned(weights);
    Ok(Adapter::from_contents(
        place,
        &config,
        weights,
        pupil.config(),
    )?)
}
