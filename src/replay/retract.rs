//! The retraction of an event: one more event, in a commit of its own.

use super::error::ReplayError;
use super::lineage::{Lineage, is_checkpoint, is_retraction};
use super::relative::{Relative, RetractedBy, describe, id_of};
use super::taint::Taint;
use super::target;
use crate::base::id::Id;
use crate::base::prefix::Prefix;
use crate::event::answer::Answer;
use crate::event::challenge::Challenge;
use crate::event::checkpoint::Checkpoint;
use crate::event::database::Database;
use crate::event::grade::Grade;
use crate::event::retraction::Retraction;
use crate::event::run_started::RunStarted;
use crate::event::teacher_call::TeacherCall;
use crate::event::{Event, Kind, Observed};
use crate::lake::graph::{Graph, Node};
use crate::lake::{Entry, Writer};

/// The kinds whose retraction `queries/training_set.sql` heeds: what a mistake that may
/// be trained on rests on.
const SELECTED_FROM: [&str; 7] = [
    RunStarted::KIND,
    Database::KIND,
    TeacherCall::KIND,
    Challenge::KIND,
    Answer::KIND,
    Grade::KIND,
    Checkpoint::KIND,
];

/// An event that was retracted.
pub struct Retracted {
    /// The retraction.
    pub retraction_id: Id<Retraction>,
    /// Its commit.
    pub entry: Entry,
    /// The event, as it is shown from now on.
    pub target: Relative,
    /// How many events rest on it: they are tainted from now on.
    pub touched: usize,
    /// The checkpoints among them, and the event itself if it is one, as they are shown
    /// from now on.
    pub checkpoints: Vec<Relative>,
    /// Whether training sets are selected from what rests on events of this kind.
    pub is_selected_from: bool,
}

/// Retracts the event that is meant by `prefix`.
pub fn retract(
    writer: &mut Writer,
    prefix: &Prefix,
    reason: &str,
) -> Result<Retracted, ReplayError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ReplayError::NoReason);
    }
    let graph = Graph::read(writer.lake())?;
    let taint = Taint::read(&graph)?;
    let event = target::find(&graph, &taint, prefix)?;
    check(&graph, &taint, event)?;
    let target_id = id_of(&graph, event);
    let kind = graph.kind(event).name();
    let observed = Observed::now(writer.world());
    let mut draft = writer.begin(format!("retraction of the {kind} {target_id}: {reason}"));
    // It stands outside of the loop, whatever iteration its target belongs to.
    let retraction_id = draft.append(&Event {
        iteration: 0,
        body: Retraction {
            target_id,
            reason: reason.to_owned(),
        },
        observed,
    })?;
    // All that can fail comes before the commit: a retraction that was made is told of.
    let lineage = Lineage::of(&graph, event);
    let mut shown = vec![event];
    shown.extend(Some(event).filter(|event| is_checkpoint(&graph, *event)));
    shown.extend(lineage.checkpoints(&graph));
    let mut relatives = describe(&graph, &taint, &shown)?;
    for (relative, node) in relatives.iter_mut().zip(&shown) {
        if *node == event {
            relative.retracted_by.push(RetractedBy {
                id: retraction_id.any(),
                reason: reason.to_owned(),
            });
        }
        let cause = taint.cause(*node).map_or(event, |cause| cause.min(event));
        relative.rests_on_retracted = (cause != *node).then(|| id_of(&graph, cause));
    }
    let checkpoints = relatives.split_off(1);
    let target = relatives.remove(0);
    let entry = draft.commit()?;
    Ok(Retracted {
        retraction_id,
        entry,
        target,
        touched: lineage.touched.len(),
        checkpoints,
        is_selected_from: SELECTED_FROM.contains(&kind),
    })
}

/// Fails if an event can't be retracted.
fn check(graph: &Graph, taint: &Taint, event: Node) -> Result<(), ReplayError> {
    let target_id = id_of(graph, event);
    if is_retraction(graph, event) {
        return Err(ReplayError::OfRetraction(target_id));
    }
    match taint.retractions_of(event).first() {
        Some(first) => Err(ReplayError::AlreadyRetracted {
            kind: graph.kind(event).name(),
            target_id,
            retraction_id: id_of(graph, first.retraction),
            reason: first.reason.clone(),
        }),
        None => Ok(()),
    }
}
