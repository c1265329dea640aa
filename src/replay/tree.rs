//! A lineage as trees that a reader can take in.
//!
//! Downwards stands what each event came from, once: an event that was shown before is
//! named again without what is below it, and not at all if it stands below its own
//! sibling (a grade names its challenge, but so does its answer). Runs, which nearly
//! everything refers to, stand at the end. Upwards each event stands below the newest one
//! that it refers to.
//!
//! Long lists are folded, and an adapter below another has a tree of its own, or a mark:
//! every iteration would else stand deeper than the one before.
//!
//! **Invariant.** Of each fold it is known how much of it was retracted or tainted.

use std::collections::{BTreeSet, HashMap};

use super::lineage::{Lineage, is_checkpoint};
use super::taint::Taint;
use crate::event::run_started::RunStarted;
use crate::event::{AnyKind, Kind};
use crate::lake::graph::{Graph, Node};

/// How many of a long list are shown.
const SHOWN: usize = 3;
/// How many older adapters have a tree.
const TREES: usize = 3;
/// How deep a tree goes. Chains may be as long as the lake: forks of forks, siblings of
/// siblings.
const MAX_DEPTH: usize = 40;

/// A line of a tree, and what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// What the line shows.
    pub line: Line,
    /// What is below it.
    pub children: Vec<Branch>,
}

impl Branch {
    /// Tells of adapters where they are named, for they have no tree of their own.
    fn tell_here(&mut self, adapters: &BTreeSet<Node>) {
        if let Line::Below(node) = self.line
            && adapters.contains(&node)
        {
            self.line = Line::Event(node);
        }
        for child in &mut self.children {
            child.tell_here(adapters);
        }
    }
}

/// What a line of a tree shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// An event.
    Event(Node),
    /// An event that was shown before.
    Above(Node),
    /// An adapter that has a tree of its own further below.
    Below(Node),
    /// An adapter, and how many events more rest on it.
    Beyond(Node, usize),
    /// What is left of a long list.
    More(More),
    /// The tree would go deeper.
    Deeper(Node),
}

/// What is left of a long list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct More {
    /// One of the events; the others are of its kind.
    pub example: Node,
    /// How many there are.
    pub events: usize,
    /// How many of them were retracted.
    pub retracted: usize,
    /// How many others of them are tainted.
    pub tainted: usize,
}

/// Trees of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trees {
    /// The tree of the event itself, and then those of adapters in it.
    pub trees: Vec<Branch>,
    /// How many adapters that the event came from have no tree, for want of room.
    pub left_out: usize,
}

impl Trees {
    /// All events that are shown.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut next: Vec<&Branch> = self.trees.iter().collect();
        while let Some(branch) = next.pop() {
            match branch.line {
                Line::Event(node)
                | Line::Above(node)
                | Line::Below(node)
                | Line::Beyond(node, _)
                | Line::Deeper(node) => nodes.push(node),
                Line::More(_) => {}
            }
            next.extend(&branch.children);
        }
        nodes
    }
}

/// What to draw from, and whether all of it.
#[derive(Clone, Copy)]
pub struct Drawing<'a> {
    /// The references.
    pub graph: &'a Graph,
    /// What is retracted.
    pub taint: &'a Taint,
    /// Whether nothing is folded or left out.
    pub all: bool,
}

impl Drawing<'_> {
    /// What an event came from.
    pub fn down(self, lineage: &Lineage) -> Trees {
        let mut down = Down {
            drawing: self,
            placed: HashMap::new(),
            steps: 0,
            waiting: BTreeSet::new(),
        };
        let mut first = down.branch(lineage.event, 0);
        let runs: Vec<Node> = lineage
            .came_from
            .iter()
            .rev()
            .copied()
            .filter(|node| self.graph.kind(*node).name() == RunStarted::KIND)
            .filter(|run| !down.placed.contains_key(run))
            .collect();
        for run in runs {
            if !down.placed.contains_key(&run) {
                first.children.push(down.branch(run, 1));
            }
        }
        let mut trees = vec![first];
        while self.all || trees.len() <= TREES {
            let Some(newest) = down.waiting.pop_last() else {
                break;
            };
            trees.push(down.branch(newest, 0));
        }
        for tree in &mut trees {
            tree.tell_here(&down.waiting);
        }
        let came_from = lineage.came_from.iter();
        let adapters = came_from.filter(|node| is_checkpoint(self.graph, **node));
        Trees {
            left_out: adapters.count().saturating_sub(trees.len() - 1),
            trees,
        }
    }

    /// What rests on an event.
    pub fn up(self, lineage: &Lineage) -> Trees {
        let mut up = Up::new(self, lineage);
        let mut trees = vec![up.branch(lineage.origin, 0)];
        while let Some(oldest) = up.waiting.pop_first() {
            trees.push(up.branch(oldest, 0));
        }
        Trees { trees, left_out: 0 }
    }

    /// The events of a list that are shown, and what is left of it. What was retracted or
    /// tainted is shown first, for it is what a reader looks for.
    fn fold(self, mut list: Vec<Node>) -> (Vec<Node>, Option<More>) {
        // A fold of one event would take the line that the event itself takes.
        if self.all || list.len() <= SHOWN + 1 {
            return (list, None);
        }
        let is_tainted = |node: &Node| self.taint.cause(*node).is_some();
        let is_retracted = |node: &Node| self.taint.is_retracted(*node);
        list.sort_by_key(|node| (!is_retracted(node), !is_tainted(node)));
        let rest = list.split_off(SHOWN);
        let retracted = rest.iter().filter(|node| is_retracted(node)).count();
        let more = rest.first().map(|example| More {
            example: *example,
            events: rest.len(),
            retracted,
            tainted: rest.iter().filter(|node| is_tainted(node)).count() - retracted,
        });
        (list, more)
    }

    fn leaf(self, line: Line) -> Branch {
        Branch {
            line,
            children: Vec::new(),
        }
    }
}

/// Draws what events came from.
struct Down<'a> {
    drawing: Drawing<'a>,
    /// When each event was first shown, or shown with what is below it.
    placed: HashMap<Node, usize>,
    steps: usize,
    /// Adapters that were named and have no tree yet.
    waiting: BTreeSet<Node>,
}

impl Down<'_> {
    fn branch(&mut self, node: Node, depth: usize) -> Branch {
        let began = self.place(node);
        let mut children = Vec::new();
        for group in self.groups(node) {
            let (shown, more) = self.drawing.fold(group);
            for child in shown {
                children.extend(self.child(child, began, depth + 1));
            }
            children.extend(more.map(|more| self.drawing.leaf(Line::More(more))));
        }
        Branch {
            line: Line::Event(node),
            children,
        }
    }

    fn child(&mut self, node: Node, began: usize, depth: usize) -> Option<Branch> {
        let drawing = self.drawing;
        if self.placed.get(&node).is_some_and(|step| *step > began) {
            return None;
        }
        let line = if is_checkpoint(drawing.graph, node) {
            let is_new = !self.placed.contains_key(&node) && self.waiting.insert(node);
            self.place(node);
            match is_new || self.waiting.contains(&node) {
                true => Line::Below(node),
                false => Line::Above(node),
            }
        } else if self.placed.contains_key(&node) {
            Line::Above(node)
        } else if depth >= MAX_DEPTH {
            Line::Deeper(node)
        } else {
            return Some(self.branch(node, depth));
        };
        Some(drawing.leaf(line))
    }

    /// What an event refers to: one by one, the newest first, and then lists.
    fn groups(&self, node: Node) -> Vec<Vec<Node>> {
        let (mut single, mut list) = (Vec::new(), Vec::new());
        for parent in self.drawing.graph.parents(node) {
            match parent.is_in_list() {
                true => list.push(parent.node),
                false if parent.role != "run_id" => single.push(parent.node),
                false => {}
            }
        }
        single.sort_by(|a, b| b.cmp(a));
        single.dedup();
        let mut groups: Vec<Vec<Node>> = single.into_iter().map(|node| vec![node]).collect();
        groups.extend((!list.is_empty()).then_some(list));
        groups
    }

    fn place(&mut self, node: Node) -> usize {
        self.steps += 1;
        self.placed.insert(node, self.steps);
        self.steps
    }
}

/// Draws what rests on an event.
struct Up<'a> {
    drawing: Drawing<'a>,
    children: HashMap<Node, Vec<Node>>,
    /// How many events stand below each.
    sizes: HashMap<Node, usize>,
    waiting: BTreeSet<Node>,
}

impl<'a> Up<'a> {
    fn new(drawing: Drawing<'a>, lineage: &Lineage) -> Self {
        let graph = drawing.graph;
        let mut children: HashMap<Node, Vec<Node>> = HashMap::new();
        let mut sizes: HashMap<Node, usize> = HashMap::from([(lineage.origin, 0)]);
        let mut stands_below = Vec::with_capacity(lineage.touched.len());
        for node in &lineage.touched {
            // Below the adapter that it is the evaluation of, say, and not below one of the
            // grades; and below its run only if there is nothing else.
            let parents = graph.parents(*node);
            let above = parents
                .filter(|parent| sizes.contains_key(&parent.node))
                .map(|parent| (!parent.is_in_list(), parent.role != "run_id", parent.node))
                .max();
            sizes.insert(*node, 0);
            if let Some((_, _, above)) = above {
                children.entry(above).or_default().push(*node);
                stands_below.push((*node, above));
            }
        }
        for (node, above) in stands_below.into_iter().rev() {
            let size = sizes.get(&node).map_or(0, |below| below + 1);
            *sizes.entry(above).or_default() += size;
        }
        Self {
            drawing,
            children,
            sizes,
            waiting: BTreeSet::new(),
        }
    }

    fn branch(&mut self, node: Node, depth: usize) -> Branch {
        let graph = self.drawing.graph;
        let mut groups: Vec<(&dyn AnyKind, Vec<Node>)> = Vec::new();
        for child in self.children.remove(&node).unwrap_or_default() {
            let kind = graph.kind(child);
            match groups
                .iter_mut()
                .find(|(known, _)| known.name() == kind.name())
            {
                Some((_, group)) => group.push(child),
                None => groups.push((kind, vec![child])),
            }
        }
        let mut children = Vec::new();
        for (_, group) in groups {
            let (shown, more) = self.drawing.fold(group);
            for child in shown {
                children.push(self.child(child, depth + 1));
            }
            children.extend(more.map(|more| self.drawing.leaf(Line::More(more))));
        }
        Branch {
            line: Line::Event(node),
            children,
        }
    }

    fn child(&mut self, node: Node, depth: usize) -> Branch {
        let size = self.sizes.get(&node).copied().unwrap_or(0);
        let line = match is_checkpoint(self.drawing.graph, node) && size > 0 {
            true if self.drawing.all => {
                self.waiting.insert(node);
                Line::Below(node)
            }
            true => Line::Beyond(node, size),
            false if depth >= MAX_DEPTH && size > 0 => Line::Deeper(node),
            false => return self.branch(node, depth),
        };
        self.drawing.leaf(line)
    }
}

#[cfg(test)]
mod tests;
