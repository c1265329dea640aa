//! An event of a lineage as it is shown.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::summary::{run_names, summaries};
use super::taint::Taint;
use crate::base::id::AnyId;
use crate::event::Kind;
use crate::event::run_started::RunStarted;
use crate::lake::LakeError;
use crate::lake::graph::{Graph, Node};

/// An event of a lineage as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relative {
    /// The event's id.
    pub id: AnyId,
    /// Its kind.
    pub kind: &'static str,
    /// The iteration that it belongs to; 0 for what stands outside of the loop.
    pub iteration: u32,
    /// Its sequence number.
    pub seq: u64,
    /// The name of its run.
    pub run: Option<String>,
    /// What says most of it, in a line.
    pub summary: String,
    /// The events that it refers to, by the columns that hold their ids.
    pub parents: BTreeMap<String, Vec<AnyId>>,
    /// The retractions of it.
    pub retracted_by: Vec<RetractedBy>,
    /// The oldest retracted event that it rests on, if it is another than itself.
    pub rests_on_retracted: Option<AnyId>,
}

/// The retraction of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetractedBy {
    /// The retraction.
    pub id: AnyId,
    /// Its reason.
    pub reason: String,
}

/// Describes events, in the order given; only their bodies are read.
pub fn describe(graph: &Graph, taint: &Taint, nodes: &[Node]) -> Result<Vec<Relative>, LakeError> {
    let summaries = summaries(graph, nodes)?;
    let runs: HashMap<Node, Node> = nodes
        .iter()
        .filter_map(|node| run_of(graph, *node).map(|run| (*node, run)))
        .collect();
    let names = run_names(graph, runs.values().copied())?;
    let described = nodes.iter().map(|node| Relative {
        id: id_of(graph, *node),
        kind: graph.kind(*node).name(),
        iteration: graph.iteration(*node),
        seq: node.seq(),
        run: runs.get(node).and_then(|run| names.get(run)).cloned(),
        summary: summaries.get(node).cloned().unwrap_or_default(),
        parents: parents_of(graph, *node),
        retracted_by: retractions_of(graph, taint, *node),
        rests_on_retracted: taint
            .cause(*node)
            .filter(|cause| cause != node)
            .map(|cause| id_of(graph, cause)),
    });
    Ok(described.collect())
}

/// An event's id.
pub fn id_of(graph: &Graph, node: Node) -> AnyId {
    AnyId::new(*graph.id(node))
}

fn run_of(graph: &Graph, node: Node) -> Option<Node> {
    let mut parents = graph.parents(node);
    let run = parents.find(|parent| parent.role == "run_id")?;
    (graph.kind(run.node).name() == RunStarted::KIND).then_some(run.node)
}

fn parents_of(graph: &Graph, node: Node) -> BTreeMap<String, Vec<AnyId>> {
    let mut parents: BTreeMap<String, Vec<AnyId>> = BTreeMap::new();
    for parent in graph.parents(node) {
        let ids = parents.entry(parent.role.to_owned()).or_default();
        ids.push(id_of(graph, parent.node));
    }
    parents
}

fn retractions_of(graph: &Graph, taint: &Taint, node: Node) -> Vec<RetractedBy> {
    let retractions = taint.retractions_of(node).iter();
    let retractions = retractions.map(|it| RetractedBy {
        id: id_of(graph, it.retraction),
        reason: it.reason.clone(),
    });
    retractions.collect()
}
