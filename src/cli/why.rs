//! `antiks why`: what an event came from, and what rests on it.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Args;
use serde::ser::{Error as _, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::error::CliError;
use super::place::Place;
use super::table::{short_id, shorten, terminal_chars};
use crate::base::prefix::Prefix;
use crate::event::{AnyKind, KINDS};
use crate::lake::LakeError;
use crate::lake::graph::{Graph, Node};
use crate::replay::relative::describe;
use crate::replay::tree::{Branch, Drawing, Line, More, Trees};
use crate::replay::{Lineage, Relative, Taint, target};

/// Show what an event came from, and what rests on it.
///
/// Downwards: the training that made an adapter, its training set, the grades in it, and
/// the answers, challenges and databases below them. Upwards: everything that rests on the
/// event, and every adapter that it touched. What was retracted is marked, and so is what
/// rests on it (tainted).
///
/// With --json: {event, came_from[], touched[], checkpoints[], retracted_by[]}. `event` and
/// each entry of the first three lists have {id, kind, iteration, seq, run, summary,
/// parents{column: [ids]}, retracted_by[{id, reason}], rests_on_retracted}; the lists are
/// whole and in the order in which the events were recorded.
#[derive(Args)]
pub struct Why {
    /// The event's id or at least 6 of its first digits; or the hash of a blob or of a
    /// training set's file, which means the event that holds it
    id: Prefix,
    /// Show long lists whole, and a tree for each adapter
    #[arg(long)]
    all: bool,
    /// Print it as JSON; see above
    #[arg(long)]
    json: bool,
    /// Show what the lake held after this commit
    #[arg(long, value_name = "COMMIT")]
    at: Option<u64>,
}

impl Why {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let lake = settled.open(self.at)?;
        let graph = Graph::read(&lake)?;
        let taint = Taint::read(&graph)?;
        let event = target::find(&graph, &taint, &self.id)?;
        let lineage = Lineage::of(&graph, event);
        let mut out = BufWriter::new(io::stdout().lock());
        let drawing = Drawing {
            graph: &graph,
            taint: &taint,
            all: self.all,
        };
        match self.json {
            true => {
                let whole = Whole { drawing, lineage };
                serde_json::to_writer_pretty(&mut out, &whole).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            false => Picture::of(drawing, lineage)?.print(&mut out)?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How many touched adapters are listed.
const ADAPTERS: usize = 10;
/// The widest line where there is no terminal to ask.
const DEFAULT_CHARS: usize = 160;

/// A lineage with all that is printed of it.
struct Picture<'a> {
    drawing: Drawing<'a>,
    lineage: Lineage,
    down: Trees,
    up: Trees,
    adapters: Vec<Node>,
    relatives: HashMap<Node, Relative>,
    max_chars: usize,
}

impl<'a> Picture<'a> {
    fn of(drawing: Drawing<'a>, lineage: Lineage) -> Result<Self, CliError> {
        let (down, up) = (drawing.down(&lineage), drawing.up(&lineage));
        let adapters = lineage.checkpoints(drawing.graph);
        let mut shown = down.nodes();
        shown.extend(up.nodes());
        shown.extend(adapters.iter().take(listed(&adapters, drawing.all)));
        shown.sort();
        shown.dedup();
        let relatives = describe(drawing.graph, drawing.taint, &shown)?;
        Ok(Self {
            relatives: shown.into_iter().zip(relatives).collect(),
            max_chars: terminal_chars().unwrap_or(DEFAULT_CHARS),
            drawing,
            lineage,
            down,
            up,
            adapters,
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.print_event(out)?;
        match self.lineage.came_from.is_empty() {
            true => writeln!(out, "\nIt came from nothing else in the lake.")?,
            false => {
                writeln!(
                    out,
                    "\nIt came from {}:",
                    self.counts(&self.lineage.came_from)
                )?;
                self.print_trees(&self.down, out)?;
            }
        }
        let subject = match self.lineage.origin == self.lineage.event {
            true => "it".to_owned(),
            false => format!("what it retracts, {},", self.name(self.lineage.origin)),
        };
        match self.lineage.touched.is_empty() {
            true => writeln!(out, "\nNothing rests on {}.", subject.trim_end_matches(','))?,
            false => {
                let rest = if self.lineage.touched.len() == 1 {
                    "rests"
                } else {
                    "rest"
                };
                let counts = self.counts(&self.lineage.touched);
                writeln!(out, "\nOn {subject} {rest} {counts}:")?;
                self.print_trees(&self.up, out)?;
            }
        }
        self.print_adapters(out)?;
        match self.is_folded() {
            true => writeln!(out, "\n--all shows what is left out here."),
            false => Ok(()),
        }
    }

    fn print_event(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(event) = self.relatives.get(&self.lineage.event) else {
            return Ok(());
        };
        writeln!(out, "{} {}", event.kind, event.id)?;
        writeln!(out, "  {}", shorten(&event.summary, self.max_chars))?;
        let run = event.run.as_ref();
        let run = run.map_or_else(String::new, |run| format!("run {run}, "));
        let iteration = match event.iteration {
            0 => "outside of the loop".to_owned(),
            iteration => format!("iteration {iteration}"),
        };
        let place = format!("{run}{iteration}, event number {}", event.seq);
        writeln!(out, "  {}", shorten(&place, self.max_chars))?;
        for retraction in &event.retracted_by {
            let by = format!(
                "RETRACTED by {}: {}",
                short_id(retraction.id),
                retraction.reason
            );
            writeln!(out, "  {}", shorten(&by, self.max_chars))?;
        }
        if let Some(cause) = event.rests_on_retracted {
            writeln!(
                out,
                "  tainted: it rests on {}, which is retracted",
                short_id(cause)
            )?;
        }
        Ok(())
    }

    /// Prints the trees below their roots; the first root was named before.
    fn print_trees(&self, trees: &Trees, out: &mut impl Write) -> io::Result<()> {
        for (place, tree) in trees.trees.iter().enumerate() {
            if place > 0 {
                writeln!(out, "{}", self.line(tree.line, ""))?;
            }
            self.print_children(tree, "", out)?;
        }
        match trees.left_out {
            0 => Ok(()),
            1 => writeln!(out, "… and 1 older checkpoint"),
            more => writeln!(out, "… and {more} older checkpoints"),
        }
    }

    fn print_children(
        &self,
        branch: &Branch,
        indent: &str,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for (place, child) in branch.children.iter().enumerate() {
            let is_last = place + 1 == branch.children.len();
            let (corner, below) = if is_last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            writeln!(
                out,
                "{}",
                self.line(child.line, &format!("{indent}{corner}"))
            )?;
            self.print_children(child, &format!("{indent}{below}"), out)?;
        }
        Ok(())
    }

    fn line(&self, line: Line, indent: &str) -> String {
        let text = match line {
            Line::Event(node) => self.told(node),
            Line::Above(node) => format!("{} (above)", self.name(node)),
            Line::Below(node) => format!("{} (below)", self.name(node)),
            Line::Deeper(node) => format!("{} (antiks why shows more of it)", self.name(node)),
            Line::Beyond(node, 1) => format!("{}; on it rests 1 more event", self.told(node)),
            Line::Beyond(node, more) => {
                format!("{}; on it rest {more} more events", self.told(node))
            }
            Line::More(more) => self.more(more),
        };
        shorten(&format!("{indent}{text}"), self.max_chars)
    }

    /// `… and 57 more grades, 2 of them retracted`
    fn more(&self, more: More) -> String {
        let mut text = format!(
            "… and {} more {}",
            more.events,
            plural(self.drawing.graph.kind(more.example))
        );
        if more.retracted > 0 {
            text.push_str(&format!(", {} of them retracted", more.retracted));
        }
        if more.tainted > 0 {
            text.push_str(&format!(", {} of them tainted", more.tainted));
        }
        text
    }

    /// An event's kind, its short id, and its marks.
    fn name(&self, node: Node) -> String {
        let Drawing { graph, taint, .. } = self.drawing;
        let mut marks = Vec::new();
        match graph.iteration(node) {
            0 => {}
            iteration => marks.push(format!("iteration {iteration}")),
        }
        match taint.is_retracted(node) {
            true => marks.push("RETRACTED".to_owned()),
            false => marks.extend(taint.cause(node).map(|_| "tainted".to_owned())),
        }
        let marks = match marks.is_empty() {
            true => String::new(),
            false => format!(" ({})", marks.join(", ")),
        };
        let id = self.relatives.get(&node).map(|it| short_id(it.id));
        format!(
            "{} {}{marks}",
            graph.kind(node).name(),
            id.unwrap_or_default()
        )
    }

    /// An event's name, and what says most of it.
    fn told(&self, node: Node) -> String {
        let summary = self.relatives.get(&node).map(|it| it.summary.as_str());
        format!("{}: {}", self.name(node), summary.unwrap_or_default())
    }

    /// `3 answers, 1 grade`, in the order in which a round meets the kinds.
    fn counts(&self, nodes: &[Node]) -> String {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for node in nodes {
            *counts
                .entry(self.drawing.graph.kind(*node).name())
                .or_default() += 1;
        }
        let counted = KINDS
            .iter()
            .filter_map(|kind| match counts.get(kind.name()) {
                None => None,
                Some(1) => Some(format!("1 {}", kind.name())),
                Some(count) => Some(format!("{count} {}", plural(*kind))),
            });
        counted.collect::<Vec<_>>().join(", ")
    }

    fn print_adapters(&self, out: &mut impl Write) -> io::Result<()> {
        match self.adapters.len() {
            0 => return writeln!(out, "\nNo adapter rests on it."),
            1 => writeln!(out, "\n1 adapter rests on it:")?,
            many => writeln!(out, "\n{many} adapters rest on it:")?,
        }
        let listed = listed(&self.adapters, self.drawing.all);
        for adapter in &self.adapters[..listed] {
            let run = self.relatives.get(adapter).and_then(|it| it.run.as_ref());
            let run = run.map_or_else(String::new, |run| format!(", run {run}"));
            let text = format!("  {}{run}", self.told(*adapter));
            writeln!(out, "{}", shorten(&text, self.max_chars))?;
        }
        match self.adapters.len() - listed {
            0 => Ok(()),
            more => writeln!(out, "  … and {more} more checkpoints"),
        }
    }

    fn is_folded(&self) -> bool {
        fn folds(branch: &Branch) -> bool {
            matches!(branch.line, Line::More(_) | Line::Beyond(..))
                || branch.children.iter().any(folds)
        }
        let mut trees = self.down.trees.iter().chain(&self.up.trees);
        self.down.left_out > 0
            || self.adapters.len() > listed(&self.adapters, self.drawing.all)
            || trees.any(folds)
    }
}

/// How many of the adapters are listed; a fold of one would take the line of that one.
fn listed(adapters: &[Node], all: bool) -> usize {
    match all || adapters.len() <= ADAPTERS + 1 {
        true => adapters.len(),
        false => ADAPTERS,
    }
}

/// Several events of a kind.
fn plural(kind: &dyn AnyKind) -> String {
    kind.table().replace('_', " ")
}

/// A lineage as JSON.
struct Whole<'a> {
    drawing: Drawing<'a>,
    lineage: Lineage,
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Drawing { graph, taint, .. } = self.drawing;
        let several = |nodes: &[Node]| Several {
            drawing: self.drawing,
            nodes: nodes.to_vec(),
        };
        let event = describe(graph, taint, &[self.lineage.event]).map_err(S::Error::custom)?;
        let event = event.first();
        let mut fields = serializer.serialize_struct("Whole", 5)?;
        fields.serialize_field("event", &event)?;
        fields.serialize_field("came_from", &several(&self.lineage.came_from))?;
        fields.serialize_field("touched", &several(&self.lineage.touched))?;
        let checkpoints = self.lineage.checkpoints(graph);
        fields.serialize_field("checkpoints", &several(&checkpoints))?;
        fields.serialize_field("retracted_by", &event.map(|event| &event.retracted_by))?;
        fields.end()
    }
}

/// Events whose bodies are read while they are written: there may be a million of them.
struct Several<'a> {
    drawing: Drawing<'a>,
    nodes: Vec<Node>,
}

/// How many events are described at a time. Fewer would mean to decode the same pages
/// again and again.
const AT_A_TIME: usize = 1 << 16;

impl Serialize for Several<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Drawing { graph, taint, .. } = self.drawing;
        let mut list = serializer.serialize_seq(Some(self.nodes.len()))?;
        for some in self.nodes.chunks(AT_A_TIME) {
            let some: Result<Vec<Relative>, LakeError> = describe(graph, taint, some);
            for relative in some.map_err(S::Error::custom)? {
                list.serialize_element(&relative)?;
            }
        }
        list.end()
    }
}
