//! What says most of an event, in a line.
//!
//! To add a kind: its [`Summary`], and its line in [`summaries`].

use std::collections::HashMap;

use crate::event::Kind;
use crate::event::answer::Answer;
use crate::event::challenge::Challenge;
use crate::event::checkpoint::Checkpoint;
use crate::event::database::Database;
use crate::event::evaluation::Evaluation;
use crate::event::export::Export;
use crate::event::grade::Grade;
use crate::event::promotion::Promotion;
use crate::event::retraction::Retraction;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::teacher_call::TeacherCall;
use crate::event::training_started::TrainingStarted;
use crate::event::training_step::TrainingStep;
use crate::event::words::Purpose;
use crate::lake::LakeError;
use crate::lake::graph::{Graph, Node};

/// The most characters of a text of somebody else's, such as an answer.
const MAX_CHARS: usize = 160;

/// A kind of event that can be told in a line.
pub trait Summary: Kind {
    /// What says most of it.
    fn summary(&self) -> String;
}

/// The summaries of events.
pub fn summaries(graph: &Graph, nodes: &[Node]) -> Result<HashMap<Node, String>, LakeError> {
    let mut found = HashMap::with_capacity(nodes.len());
    read::<RunStarted>(graph, nodes, &mut found)?;
    read::<Database>(graph, nodes, &mut found)?;
    read::<TeacherCall>(graph, nodes, &mut found)?;
    read::<Challenge>(graph, nodes, &mut found)?;
    read::<Answer>(graph, nodes, &mut found)?;
    read::<Grade>(graph, nodes, &mut found)?;
    read::<Snapshot>(graph, nodes, &mut found)?;
    read::<TrainingStarted>(graph, nodes, &mut found)?;
    read::<TrainingStep>(graph, nodes, &mut found)?;
    read::<Checkpoint>(graph, nodes, &mut found)?;
    read::<Evaluation>(graph, nodes, &mut found)?;
    read::<Promotion>(graph, nodes, &mut found)?;
    read::<Export>(graph, nodes, &mut found)?;
    read::<Retraction>(graph, nodes, &mut found)?;
    Ok(found)
}

/// The names of runs.
pub fn run_names(
    graph: &Graph,
    runs: impl Iterator<Item = Node>,
) -> Result<HashMap<Node, String>, LakeError> {
    let mut runs: Vec<Node> = runs.collect();
    runs.sort();
    runs.dedup();
    let mut names = HashMap::new();
    graph.read_events::<RunStarted>(&runs, |node, event| {
        names.insert(node, event.body.name);
    })?;
    Ok(names)
}

fn read<K: Summary>(
    graph: &Graph,
    nodes: &[Node],
    found: &mut HashMap<Node, String>,
) -> Result<(), LakeError> {
    graph.read_events::<K>(nodes, |node, event| {
        found.insert(node, event.body.summary());
    })
}

impl Summary for RunStarted {
    fn summary(&self) -> String {
        let fork = match (self.parent_run_id, self.parent_iteration) {
            (Some(_), Some(iteration)) => format!(", a fork at iteration {iteration}"),
            (Some(_), None) => ", a fork".to_owned(),
            (None, _) => String::new(),
        };
        format!(
            "{}: {} asks, {} answers, seed {}{fork}",
            self.name, self.teacher, self.student, self.seed
        )
    }
}

impl Summary for Database {
    fn summary(&self) -> String {
        let tables = counted(self.tables.len() as i64, "table");
        format!("{}, {} ({}), {tables}", self.name, self.source, self.domain)
    }
}

impl Summary for TeacherCall {
    fn summary(&self) -> String {
        let detail = self.detail.as_ref();
        let detail = detail.map_or_else(String::new, |it| format!(": {}", cut(it)));
        format!(
            "{} by {}, {}{detail}",
            self.request, self.model, self.outcome
        )
    }
}

impl Summary for Challenge {
    fn summary(&self) -> String {
        format!(
            "{:?}, {}, {}{}",
            cut(&self.question),
            self.category,
            self.difficulty,
            purpose(self.purpose)
        )
    }
}

impl Summary for Answer {
    fn summary(&self) -> String {
        let said = self.sql.as_ref().unwrap_or(&self.text);
        let by = match self.checkpoint_id {
            Some(_) => "",
            None => ", by the base",
        };
        format!("{}{by}{}", cut(said), purpose(self.purpose))
    }
}

impl Summary for Grade {
    fn summary(&self) -> String {
        let class = self.error_class.as_ref();
        let class = class.map_or_else(String::new, |it| format!(", {it}"));
        let corrected = match self.correction_sql {
            Some(_) => ", corrected",
            None => "",
        };
        format!(
            "score {}, {}{class}{corrected}{}",
            self.score,
            self.verdict,
            purpose(self.purpose)
        )
    }
}

impl Summary for Snapshot {
    fn summary(&self) -> String {
        let rows = counted(self.rows, "row");
        format!(
            "{rows} by {} at version {}",
            self.query_name, self.lake_version
        )
    }
}

impl Summary for TrainingStarted {
    fn summary(&self) -> String {
        let set = match self.file_hash {
            Some(_) => " of a file",
            None => "",
        };
        let method = match self.recipe.lora_rank {
            0 => String::new(),
            rank => format!(" of rank {rank}"),
        };
        format!(
            "{}{set}, {}, {}, {}{method}, from the {}",
            counted(self.examples, "example"),
            counted(self.recipe.epochs, "epoch"),
            counted(self.steps, "step"),
            self.recipe.method,
            self.start
        )
    }
}

impl Summary for TrainingStep {
    fn summary(&self) -> String {
        format!(
            "step {} in epoch {}, loss {:.4}",
            self.step, self.epoch, self.loss
        )
    }
}

impl Summary for Checkpoint {
    fn summary(&self) -> String {
        let last = if self.last {
            ", the training's last"
        } else {
            ""
        };
        format!(
            "adapter {} after step {}{last}",
            short(self.adapter_blob),
            self.step
        )
    }
}

impl Summary for Evaluation {
    fn summary(&self) -> String {
        let of = match self.checkpoint_id {
            Some(_) => "",
            None => " of the base",
        };
        format!(
            "{:.1} ({:.1} to {:.1}){of} on {}, {}",
            self.score,
            self.score_low,
            self.score_high,
            self.suite,
            counted(self.items, "item")
        )
    }
}

impl Summary for Promotion {
    fn summary(&self) -> String {
        let promoted = if self.promoted {
            "promoted"
        } else {
            "not promoted"
        };
        format!("{promoted}: {}", cut(&self.reason))
    }
}

impl Summary for Export {
    fn summary(&self) -> String {
        let numbers = self.quantization.as_ref();
        let numbers = numbers.map_or_else(String::new, |it| format!(" in {it}"));
        let files = counted(self.files.len() as i64, "file");
        format!("{}{numbers}, {files}", self.format)
    }
}

impl Summary for Retraction {
    fn summary(&self) -> String {
        format!("of {}: {}", short(self.target_id), cut(&self.reason))
    }
}

/// What an event is for, unless it is for training.
fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Train => "",
        Purpose::Eval => ", of a suite",
        Purpose::Sentinel => ", planted",
    }
}

/// `1 row`, `2 rows`.
fn counted(count: i64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn short(hash: impl std::fmt::Display) -> String {
    hash.to_string().chars().take(12).collect()
}

/// At most [`MAX_CHARS`] characters, white space drawn together.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_one_line() {
        assert_eq!(cut("select\n  1"), "select 1");
        assert_eq!(cut(&"ä".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
        assert_eq!(
            cut(&"ä".repeat(MAX_CHARS + 1)).chars().count(),
            MAX_CHARS + 1
        );
        assert_eq!(
            (counted(1, "row"), counted(2, "row")),
            ("1 row".to_owned(), "2 rows".to_owned())
        );
    }
}
