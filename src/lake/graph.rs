//! Who refers to whom: the id of every event and the ids that it holds, for walks over a
//! whole lake.
//!
//! Only the columns of ids are read, in two passes: ids first, then references, which
//! become sequence numbers. A walk then touches no file.
//!
//! **Invariants.**
//! - What an event refers to has a lower sequence number. So one pass upwards finds all
//!   that rests on an event, and one pass downwards all that it came from.
//! - No body is in memory: about 40 bytes for each event and 8 for each reference, and
//!   twice as much while they are read.
//! - The bytes of every file are checked before they are parsed.

#[cfg(test)]
pub mod fake;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};

use super::Lake;
use super::commit::EventFile;
use super::error::{LakeError, damaged};
use super::known::{FirstBytes, first_16};
use super::table;
use crate::base::prefix::Prefix;
use crate::event::{AnyKind, Event, Kind, find_kind};

/// An event in a [`Graph`]. Nodes compare as their sequence numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u32);

impl Node {
    /// Its place in a list with an entry for each event of the lake.
    pub fn place(self) -> usize {
        self.0 as usize
    }

    /// The event's sequence number.
    pub fn seq(self) -> u64 {
        u64::from(self.0)
    }
}

/// An event that another refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent<'g> {
    /// The event.
    pub node: Node,
    /// The column that holds its id, such as `challenge_id`.
    pub role: &'g str,
}

impl Parent<'_> {
    /// Whether the column holds a list of ids.
    pub fn is_in_list(&self) -> bool {
        self.role.ends_with("_ids")
    }
}

/// Every event of a lake at one version, and what it refers to.
pub struct Graph {
    root: PathBuf,
    files: Vec<Rows>,
    ids: Vec<[u8; 32]>,
    /// The place in `files` of each event's file.
    file_of: Vec<u32>,
    roles: Vec<String>,
    /// Where each event's references begin in `parents`, and where the last one's end.
    starts: Vec<usize>,
    parents: Vec<(u32, u8)>,
}

/// A file, and the sequence numbers of its rows.
struct Rows {
    file: EventFile,
    kind: &'static dyn AnyKind,
    seqs: Vec<u32>,
}

type NodesById = HashMap<u128, u32, BuildHasherDefault<FirstBytes>>;

/// Stands for a sequence number that no event has had yet.
const NO_FILE: u32 = u32::MAX;

impl Graph {
    /// Reads the ids and references of all events of `lake`.
    pub fn read(lake: &Lake) -> Result<Self, LakeError> {
        let mut graph = Self {
            root: lake.root().to_owned(),
            files: Vec::new(),
            ids: Vec::new(),
            file_of: Vec::new(),
            roles: Vec::new(),
            starts: Vec::new(),
            parents: Vec::new(),
        };
        for entry in lake.entries() {
            graph.read_ids(&entry.commit.events)?;
        }
        graph.read_references()?;
        Ok(graph)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All events, in the order in which they were recorded.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Node> + use<> {
        (0..self.ids.len() as u32).map(Node)
    }

    /// The events of a kind, in the order of its files.
    pub fn of_kind<'g>(&'g self, kind: &'g str) -> impl Iterator<Item = Node> + 'g {
        let files = self.files.iter().filter(move |it| it.file.kind == kind);
        files.flat_map(|it| it.seqs.iter().copied().map(Node))
    }

    /// The events whose ids begin with `prefix`.
    pub fn with_prefix(&self, prefix: &Prefix) -> Vec<Node> {
        let nodes = self.nodes();
        nodes
            .filter(|node| prefix.matches(self.id(*node)))
            .collect()
    }

    /// The events that hold a blob or a snapshot file whose hash begins with `prefix`.
    pub fn holders(&self, prefix: &Prefix) -> Result<Vec<Node>, LakeError> {
        let mut found = Vec::new();
        for rows in &self.files {
            let columns = columns_of(rows.kind, |name| {
                name.ends_with("_blob") || name.ends_with("_snapshot")
            });
            self.visit_hashes(rows, &columns, |node, _, hash| {
                if prefix.matches(hash) {
                    found.push(node);
                }
                Ok(())
            })?;
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// An event's id.
    pub fn id(&self, node: Node) -> &[u8; 32] {
        &self.ids[node.place()]
    }

    /// An event's kind.
    pub fn kind(&self, node: Node) -> &'static dyn AnyKind {
        self.rows_of(node).kind
    }

    /// The iteration that an event belongs to.
    pub fn iteration(&self, node: Node) -> u32 {
        self.rows_of(node).file.iteration
    }

    /// The events that an event refers to, in the order of its fields.
    pub fn parents(&self, node: Node) -> impl Iterator<Item = Parent<'_>> {
        let place = node.place();
        let parents = &self.parents[self.starts[place]..self.starts[place + 1]];
        parents.iter().map(|&(parent, role)| Parent {
            node: Node(parent),
            role: &self.roles[usize::from(role)],
        })
    }

    /// Hands those of `nodes` that are of kind `K` to `visit`, whole. Only their rows are
    /// read.
    pub fn read_events<K: Kind>(
        &self,
        nodes: &[Node],
        mut visit: impl FnMut(Node, Event<K>),
    ) -> Result<(), LakeError> {
        let mut rows_by_file: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for node in nodes {
            let file = self.file_of[node.place()];
            let rows = &self.files[file as usize];
            if rows.file.kind == K::KIND
                && let Ok(row) = rows.seqs.binary_search(&node.0)
            {
                rows_by_file.entry(file).or_default().push(row);
            }
        }
        for (file, mut wanted) in rows_by_file {
            wanted.sort_unstable();
            wanted.dedup();
            let rows = &self.files[file as usize];
            let mut nodes = wanted.iter().map(|row| Node(rows.seqs[*row]));
            let path = self.root.join(rows.file.path());
            table::read_rows::<K>(&path, rows.file.iteration, &wanted, |event| {
                if let Some(node) = nodes.next() {
                    visit(node, event);
                }
            })?;
        }
        Ok(())
    }

    fn rows_of(&self, node: Node) -> &Rows {
        &self.files[self.file_of[node.place()] as usize]
    }

    /// Adds the events in the files of one commit.
    fn read_ids(&mut self, files: &[EventFile]) -> Result<(), LakeError> {
        let mut added = Vec::new();
        let first_file = self.files.len();
        for file in files {
            let path = self.root.join(file.path());
            table::check_file(&path, file.blake3.bytes(), file.bytes, |_| {})?;
            let kind = find_kind(&file.kind).ok_or_else(|| {
                let what = format!(
                    "the kind {} is not known to this version of antiks",
                    file.kind
                );
                damaged(&path, what)
            })?;
            let mut seqs = Vec::new();
            for batch in table::open(&path, Some(&["seq", "id"]))? {
                let batch = batch.map_err(|error| damaged(&path, error.to_string()))?;
                read_ids_of(&path, &batch, &mut seqs, &mut added)?;
            }
            if !seqs.is_sorted() {
                return Err(damaged(&path, "its sequence numbers do not rise"));
            }
            let file = file.clone();
            self.files.push(Rows { file, kind, seqs });
        }
        // Room is made for what was read, not for what a record says that there is.
        let len = self.ids.len() + added.len();
        self.ids.resize(len, [0; 32]);
        self.file_of.resize(len, NO_FILE);
        let mut added = added.into_iter();
        for (file, rows) in self.files.iter().enumerate().skip(first_file) {
            // Numbers first: a zip that began with the ids would take one too many.
            for (seq, id) in rows.seqs.iter().zip(&mut added) {
                let place = *seq as usize;
                match self.file_of.get_mut(place) {
                    Some(free) if *free == NO_FILE => *free = file as u32,
                    _ => {
                        let path = self.root.join(rows.file.path());
                        return Err(damaged(
                            &path,
                            format!("sequence number {seq} is not its own"),
                        ));
                    }
                }
                self.ids[place] = id;
            }
        }
        Ok(())
    }

    fn read_references(&mut self) -> Result<(), LakeError> {
        let mut by_id = NodesById::default();
        by_id.reserve(self.ids.len());
        by_id.extend(self.ids.iter().map(first_16).zip(0..));
        let mut roles: Vec<String> = Vec::new();
        let mut edges: Vec<Edge> = Vec::new();
        for rows in &self.files {
            let columns = columns_of(rows.kind, |name| {
                name.ends_with("_id") || name.ends_with("_ids")
            });
            let own_roles: Vec<u8> = columns.iter().map(|it| role_of(&mut roles, it)).collect();
            self.visit_hashes(rows, &columns, |child, column, id| {
                let found = by_id.get(&first_16(id)).copied();
                let parent = found.filter(|parent| *parent < child.0).ok_or_else(|| {
                    let what = "an event of it refers to one that is not in the lake before it";
                    damaged(&self.root.join(rows.file.path()), what)
                })?;
                let role = own_roles[column];
                edges.push(Edge {
                    child: child.0,
                    parent,
                    role,
                });
                Ok(())
            })?;
        }
        self.roles = roles;
        self.sort_edges(&edges);
        Ok(())
    }

    /// Puts the references of each event next to each other, in their order.
    fn sort_edges(&mut self, edges: &[Edge]) {
        let mut ends = vec![0; self.ids.len() + 1];
        for edge in edges {
            ends[edge.child as usize + 1] += 1;
        }
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        self.starts.clone_from(&ends);
        self.parents = vec![(0, 0); edges.len()];
        for edge in edges {
            let next = &mut ends[edge.child as usize];
            self.parents[*next] = (edge.parent, edge.role);
            *next += 1;
        }
    }

    /// Hands every hash in `columns` of a file to `visit`, with the place of its column
    /// in `columns`.
    fn visit_hashes(
        &self,
        rows: &Rows,
        columns: &[String],
        mut visit: impl FnMut(Node, usize, &[u8; 32]) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        if columns.is_empty() {
            return Ok(());
        }
        let path = self.root.join(rows.file.path());
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut seqs = rows.seqs.as_slice();
        for batch in table::open(&path, Some(&names))? {
            let batch = batch.map_err(|error| damaged(&path, error.to_string()))?;
            let (batch_seqs, rest) = seqs
                .split_at_checked(batch.num_rows())
                .ok_or_else(|| damaged(&path, "its columns have different numbers of rows"))?;
            seqs = rest;
            for (place, name) in names.iter().enumerate() {
                // A file of an older version may lack a column that may be left out.
                let Some(column) = batch.column_by_name(name) else {
                    continue;
                };
                visit_column(&path, name, column, &mut |row, hash| {
                    visit(Node(batch_seqs[row]), place, hash)
                })?;
            }
        }
        Ok(())
    }
}

/// One reference, by sequence numbers.
struct Edge {
    child: u32,
    parent: u32,
    role: u8,
}

/// The place of a role, which is added if it is new. There are some twenty of them.
fn role_of(roles: &mut Vec<String>, name: &str) -> u8 {
    let known = roles.iter().position(|role| role == name);
    let place = known.unwrap_or_else(|| {
        roles.push(name.to_owned());
        roles.len() - 1
    });
    place as u8
}

/// The columns of a kind's own fields that hold hashes, or lists of them, and whose names
/// `are_meant`.
fn columns_of(kind: &dyn AnyKind, are_meant: fn(&str) -> bool) -> Vec<String> {
    let schema = kind.schema();
    let fields = schema.fields().iter().filter(|field| {
        let is_hash = match field.data_type() {
            DataType::List(element) => element.data_type() == &DataType::FixedSizeBinary(32),
            other => other == &DataType::FixedSizeBinary(32),
        };
        is_hash && are_meant(field.name())
    });
    fields.map(|field| field.name().clone()).collect()
}

fn read_ids_of(
    path: &Path,
    batch: &RecordBatch,
    seqs: &mut Vec<u32>,
    ids: &mut Vec<[u8; 32]>,
) -> Result<(), LakeError> {
    let column = batch.column_by_name("id");
    let column = column.ok_or_else(|| damaged(path, "it has no column of ids"))?;
    visit_column(path, "id", column, &mut |_, id| {
        ids.push(*id);
        Ok(())
    })?;
    let numbers = batch
        .column_by_name("seq")
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| damaged(path, "it has no column of sequence numbers"))?;
    for number in numbers.iter().flatten() {
        seqs.push(u32::try_from(number).map_err(|_| {
            damaged(
                path,
                format!("sequence number {number} is too large to be walked to"),
            )
        })?);
    }
    match column.null_count() + numbers.null_count() {
        0 => Ok(()),
        _ => Err(damaged(
            path,
            "an event of it has no id or no sequence number",
        )),
    }
}

/// Takes a hash and its row.
type VisitHash<'v> = dyn FnMut(usize, &[u8; 32]) -> Result<(), LakeError> + 'v;

/// Hands every hash of a column to `visit`, with its row.
fn visit_column(
    path: &Path,
    name: &str,
    column: &ArrayRef,
    visit: &mut VisitHash<'_>,
) -> Result<(), LakeError> {
    let wrong = || damaged(path, format!("its column {name} does not hold hashes"));
    let Some(list) = column.as_list_opt::<i32>() else {
        let hashes = column.as_fixed_size_binary_opt().ok_or_else(wrong)?;
        for row in 0..hashes.len() {
            visit_hash(hashes, row, row, visit).unwrap_or_else(|| Err(wrong()))?;
        }
        return Ok(());
    };
    let hashes = list.values().as_fixed_size_binary_opt().ok_or_else(wrong)?;
    for (row, ends) in list.offsets().windows(2).enumerate() {
        for place in ends[0] as usize..ends[1] as usize {
            visit_hash(hashes, place, row, visit).unwrap_or_else(|| Err(wrong()))?;
        }
    }
    Ok(())
}

/// Hands the hash at `place` to `visit`; `None` if it is no hash.
fn visit_hash(
    hashes: &FixedSizeBinaryArray,
    place: usize,
    row: usize,
    visit: &mut VisitHash<'_>,
) -> Option<Result<(), LakeError>> {
    if hashes.is_null(place) {
        return Some(Ok(()));
    }
    let hash = hashes.value(place).try_into().ok()?;
    Some(visit(row, hash))
}
