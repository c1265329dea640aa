//! All that an event came from, and all that rests on it.
//!
//! **Invariant.** Each is one pass over the references of the lake: whatever an event
//! refers to has a lower sequence number.

use crate::event::Kind;
use crate::event::checkpoint::Checkpoint;
use crate::event::retraction::Retraction;
use crate::lake::graph::{Graph, Node};

/// An event, what it came from, and what rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The event.
    pub event: Node,
    /// What things rest on: the event, or what it retracts if it is a retraction.
    pub origin: Node,
    /// All that the event came from, the oldest first.
    pub came_from: Vec<Node>,
    /// All that rests on the origin, the oldest first.
    pub touched: Vec<Node>,
}

impl Lineage {
    /// The lineage of `event`.
    pub fn of(graph: &Graph, event: Node) -> Self {
        let target = graph.parents(event).next();
        let origin = target.filter(|_| is_retraction(graph, event));
        let origin = origin.map_or(event, |target| target.node);
        Self {
            event,
            origin,
            came_from: came_from(graph, event),
            touched: touched(graph, origin),
        }
    }

    /// The checkpoints among what rests on the origin, the oldest first.
    pub fn checkpoints(&self, graph: &Graph) -> Vec<Node> {
        let touched = self.touched.iter().copied();
        touched.filter(|node| is_checkpoint(graph, *node)).collect()
    }
}

/// Whether an event is a retraction.
pub fn is_retraction(graph: &Graph, node: Node) -> bool {
    graph.kind(node).name() == Retraction::KIND
}

/// Whether an event is a checkpoint.
pub fn is_checkpoint(graph: &Graph, node: Node) -> bool {
    graph.kind(node).name() == Checkpoint::KIND
}

fn came_from(graph: &Graph, event: Node) -> Vec<Node> {
    let mut is_meant = vec![false; event.place() + 1];
    is_meant[event.place()] = true;
    let mut found = Vec::new();
    for node in graph.nodes().rev() {
        if node > event || !is_meant[node.place()] {
            continue;
        }
        for parent in graph.parents(node) {
            is_meant[parent.node.place()] = true;
        }
        if node != event {
            found.push(node);
        }
    }
    found.reverse();
    found
}

fn touched(graph: &Graph, origin: Node) -> Vec<Node> {
    let mut is_meant = vec![false; graph.len()];
    is_meant[origin.place()] = true;
    let mut found = Vec::new();
    for node in graph.nodes().skip(origin.place() + 1) {
        let mut parents = graph.parents(node);
        if parents.any(|parent| is_meant[parent.node.place()]) && !is_retraction(graph, node) {
            is_meant[node.place()] = true;
            found.push(node);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::graph::fake;

    #[test]
    fn a_retraction_refers_to_its_target_and_does_not_rest_on_it() {
        let (graph, nodes) = fake::graph(&[
            ("run_started", 0, vec![]),
            ("database", 0, vec![("run_id", 0)]),
            ("challenge", 1, vec![("run_id", 0), ("database_id", 1)]),
            ("retraction", 0, vec![("target_id", 1)]),
            ("database", 0, vec![("run_id", 0)]),
            ("checkpoint", 1, vec![("run_id", 0)]),
        ]);
        let of_database = Lineage::of(&graph, nodes[1]);
        assert_eq!(of_database.came_from, [nodes[0]]);
        assert_eq!(of_database.touched, [nodes[2]]);
        // What a retraction touched is what it taints.
        let of_retraction = Lineage::of(&graph, nodes[3]);
        assert_eq!(of_retraction.origin, nodes[1]);
        assert_eq!(of_retraction.came_from, [nodes[0], nodes[1]]);
        assert_eq!(of_retraction.touched, [nodes[2]]);
        let of_run = Lineage::of(&graph, nodes[0]);
        assert_eq!(of_run.touched, [nodes[1], nodes[2], nodes[4], nodes[5]]);
        assert_eq!(of_run.checkpoints(&graph), [nodes[5]]);
    }
}
