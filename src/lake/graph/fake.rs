//! Graphs without a lake, for the tests of whoever walks over them.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{Edge, Graph, Node, Rows, role_of};
use crate::base::id::ContentHash;
use crate::event::find_kind;
use crate::lake::commit::EventFile;

/// An event: its kind, its iteration, and what it refers to: columns, and places of events
/// before it.
pub type FakeEvent<'e> = (&'e str, u32, Vec<(&'e str, u32)>);

/// A graph of events whose bodies can't be read.
pub fn graph(events: &[FakeEvent<'_>]) -> (Graph, Vec<Node>) {
    let mut graph = Graph {
        root: PathBuf::new(),
        files: Vec::new(),
        ids: Vec::new(),
        file_of: Vec::new(),
        roles: Vec::new(),
        starts: Vec::new(),
        parents: Vec::new(),
    };
    let mut files: HashMap<(&str, u32), usize> = HashMap::new();
    let mut edges = Vec::new();
    for (seq, (kind, iteration, parents)) in (0..).zip(events) {
        let file = *files.entry((kind, *iteration)).or_insert_with(|| {
            graph.files.push(rows(kind, *iteration));
            graph.files.len() - 1
        });
        graph.files[file].seqs.push(seq);
        graph.file_of.push(file as u32);
        graph.ids.push(ContentHash::of(&seq.to_le_bytes()).bytes());
        for (role, parent) in parents {
            let role = role_of(&mut graph.roles, role);
            let (child, parent) = (seq, *parent);
            edges.push(Edge {
                child,
                parent,
                role,
            });
        }
    }
    graph.sort_edges(&edges);
    let nodes = graph.nodes().collect();
    (graph, nodes)
}

fn rows(kind: &str, iteration: u32) -> Rows {
    Rows {
        file: EventFile {
            kind: kind.to_owned(),
            version: 1,
            iteration,
            blake3: ContentHash::of(b""),
            bytes: 0,
            rows: 0,
        },
        kind: find_kind(kind).unwrap(),
        seqs: Vec::new(),
    }
}
