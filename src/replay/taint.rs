//! What was retracted, and what rests on that.
//!
//! **Invariant.** An event is tainted if it was retracted or if one that it refers to is
//! tainted. A retraction never is, or every retracted event would taint its own.

use std::collections::BTreeMap;

use super::lineage::{is_checkpoint, is_retraction};
use crate::event::Kind;
use crate::event::retraction::Retraction;
use crate::lake::LakeError;
use crate::lake::graph::{Graph, Node};

/// What is retracted and tainted in a lake.
#[derive(Debug, Default)]
pub struct Taint {
    retracted: BTreeMap<Node, Vec<Retracting>>,
    /// For each event the oldest retracted one that it rests on; empty if nothing was
    /// ever retracted.
    causes: Vec<Option<Node>>,
}

/// A retraction, from the side of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retracting {
    /// The retraction.
    pub retraction: Node,
    /// Its reason.
    pub reason: String,
}

impl Taint {
    /// Reads the retractions of a lake and follows what they taint.
    pub fn read(graph: &Graph) -> Result<Self, LakeError> {
        let retractions: Vec<Node> = graph.of_kind(Retraction::KIND).collect();
        if retractions.is_empty() {
            return Ok(Self::default());
        }
        let mut retracted: BTreeMap<Node, Vec<Retracting>> = BTreeMap::new();
        graph.read_events::<Retraction>(&retractions, |retraction, event| {
            if let Some(target) = graph.parents(retraction).next() {
                retracted.entry(target.node).or_default().push(Retracting {
                    retraction,
                    reason: event.body.reason,
                });
            }
        })?;
        let mut causes: Vec<Option<Node>> = vec![None; graph.len()];
        for node in graph.nodes() {
            if is_retraction(graph, node) {
                continue;
            }
            let parents = graph.parents(node);
            let inherited = parents
                .filter_map(|parent| causes[parent.node.place()])
                .min();
            let own = retracted.contains_key(&node).then_some(node);
            causes[node.place()] = inherited.or(own);
        }
        Ok(Self { retracted, causes })
    }

    /// The retractions of an event, the oldest first.
    pub fn retractions_of(&self, node: Node) -> &[Retracting] {
        self.retracted.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Whether an event was retracted.
    pub fn is_retracted(&self, node: Node) -> bool {
        self.retracted.contains_key(&node)
    }

    /// The oldest retracted event that an event rests on: itself, if it was retracted and
    /// rests on no other. None if it is not tainted.
    pub fn cause(&self, node: Node) -> Option<Node> {
        self.causes.get(node.place()).copied().flatten()
    }

    /// All tainted checkpoints, the oldest first.
    pub fn checkpoints(&self, graph: &Graph) -> Vec<Node> {
        let tainted = graph.nodes().filter(|node| self.cause(*node).is_some());
        tainted.filter(|node| is_checkpoint(graph, *node)).collect()
    }
}
