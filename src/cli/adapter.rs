//! Which adapter a student answers with: the checkpoint in place of a run, one by the first
//! digits of its id, a folder, or none.
//!
//! **Invariant.** An adapter is only read for the base that it was made on. A checkpoint
//! says which that is; a folder does not, and is held to the shapes of its tensors.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::place::Settled;
use super::table::short_id;
use crate::base::id::Id;
use crate::base::prefix::Prefix;
use crate::event::Kind;
use crate::event::checkpoint::Checkpoint;
use crate::event::retraction::Retraction;
use crate::event::run_started::RunStarted;
use crate::lake::graph::Graph;
use crate::lake::{Lake, LakeError};
use crate::replay::relative::id_of;
use crate::replay::{Taint, target};
use crate::round::history::{History, runs};
use crate::round::pupil::Pupil;
use crate::round::write::read_adapter;
use crate::student::adapter::Adapter;

/// The base alone.
pub const BASE: &str = "base";
/// The checkpoint in place of the newest run.
pub const LATEST: &str = "latest";

/// What was chosen.
pub enum Chosen {
    /// The base alone.
    Base,
    /// An adapter in PEFT's layout.
    Folder(PathBuf),
    /// A checkpoint of the lake.
    Checkpoint(Box<Kept>),
}

/// A checkpoint of a lake.
pub struct Kept {
    /// Its id.
    pub id: Id<Checkpoint>,
    /// What the student of its run is called.
    pub student: Option<String>,
    checkpoint: Checkpoint,
    lake: Lake,
}

/// Finds what `--adapter` and `--run` name; says on stderr what a user should know of it.
pub fn choose(adapter: &str, run: Option<&str>, settled: &Settled) -> Result<Chosen, CliError> {
    if adapter == LATEST {
        return latest(run, settled);
    }
    if run.is_some() {
        let what = format!("--run says whose latest checkpoint is taken, and not {adapter:?}");
        return Err(CliError::Usage(what));
    }
    if adapter == BASE {
        return Ok(Chosen::Base);
    }
    if Path::new(adapter).is_dir() {
        return Ok(Chosen::Folder(PathBuf::from(adapter)));
    }
    let prefix: Prefix = adapter.parse().map_err(|_| {
        CliError::Usage(format!(
            "--adapter {adapter:?} is none of {BASE}, {LATEST}, a folder with an adapter, and 6 \
             or more digits of a checkpoint's id"
        ))
    })?;
    let lake = settled.open(None)?;
    by_digits(lake, &prefix)
}

fn latest(run: Option<&str>, settled: &Settled) -> Result<Chosen, CliError> {
    let lake = match settled.open_if_any()? {
        Some(lake) => lake,
        None if run.is_none() => {
            let root = settled.root.display();
            eprintln!("note: there is no lake in {root}; the base answers as it is");
            return Ok(Chosen::Base);
        }
        None => return Err(LakeError::Missing(settled.root.clone()).into()),
    };
    let all = runs(&lake)?;
    let found = match run {
        Some(name) => all.iter().rev().find(|(_, it)| it.name == name),
        None => all.last(),
    };
    let Some((run_id, started)) = found else {
        return match run {
            Some(name) => Err(unknown_run(name, &all)),
            None => {
                eprintln!("note: the lake has no runs yet; the base answers as it is");
                Ok(Chosen::Base)
            }
        };
    };
    let history = History::read_places(&lake, *run_id)?;
    let Some((_, id, checkpoint)) = history.in_place(u32::MAX) else {
        let name = &started.name;
        eprintln!("note: run {name} has no checkpoint in place yet; the base answers as it is");
        return Ok(Chosen::Base);
    };
    let (id, checkpoint) = (*id, checkpoint.clone());
    if lake.event_files(Retraction::KIND).next().is_some() {
        let graph = Graph::read(&lake)?;
        let taint = Taint::read(&graph)?;
        warn(&graph, &taint, id);
    }
    Ok(Chosen::Checkpoint(Box::new(Kept {
        id,
        student: Some(started.student.clone()),
        checkpoint,
        lake,
    })))
}

fn by_digits(lake: Lake, prefix: &Prefix) -> Result<Chosen, CliError> {
    let graph = Graph::read(&lake)?;
    let taint = Taint::read(&graph)?;
    let node = target::find(&graph, &taint, prefix)?;
    let mut found = None;
    graph.read_events::<Checkpoint>(&[node], |_, event| found = Some(event.body))?;
    let Some(checkpoint) = found else {
        return Err(CliError::Usage(format!(
            "{prefix} is a {} and not a checkpoint; antiks sql \"select id, run_id, iteration from \
             checkpoints\" lists them",
            graph.kind(node).name()
        )));
    };
    let id = Id::from(*graph.id(node));
    warn(&graph, &taint, id);
    let all = runs(&lake)?;
    let run = all.into_iter().find(|(run, _)| *run == checkpoint.run_id);
    Ok(Chosen::Checkpoint(Box::new(Kept {
        id,
        student: run.map(|(_, it)| it.student),
        checkpoint,
        lake,
    })))
}

/// Says so if a checkpoint rests on what was retracted.
fn warn(graph: &Graph, taint: &Taint, id: Id<Checkpoint>) {
    let bytes: [u8; 32] = id.into();
    let node = graph
        .of_kind(Checkpoint::KIND)
        .find(|node| *graph.id(*node) == bytes);
    let Some(cause) = node.and_then(|node| taint.cause(node)) else {
        return;
    };
    let id = short_id(id);
    let cause = short_id(id_of(graph, cause));
    eprintln!(
        "note: checkpoint {id} is tainted: it rests on {cause}, which was retracted; \
         antiks why {id} says how"
    );
}

fn unknown_run(name: &str, all: &[(Id<RunStarted>, RunStarted)]) -> CliError {
    let names: Vec<&str> = all.iter().map(|(_, it)| it.name.as_str()).collect();
    CliError::Usage(match names.is_empty() {
        true => format!("there is no run {name:?}; the lake has none yet"),
        false => format!("there is no run {name:?}; there are {}", names.join(", ")),
    })
}

impl Chosen {
    /// What the student is called that the adapter was made for, if the lake says so.
    pub fn student(&self) -> Option<&str> {
        match self {
            Self::Checkpoint(kept) => kept.student.as_deref(),
            _ => None,
        }
    }

    /// The checkpoint's id; none if it is no event of the lake.
    pub fn checkpoint(&self) -> Option<Id<Checkpoint>> {
        match self {
            Self::Checkpoint(kept) => Some(kept.id),
            _ => None,
        }
    }

    /// Reads it for a student.
    pub fn read(&self, pupil: &Pupil) -> Result<Option<Adapter>, CliError> {
        match self {
            Self::Base => Ok(None),
            Self::Folder(folder) => {
                let adapter = Adapter::read(folder, pupil.config()).map_err(|error| {
                    let hint = "an adapter fits the base that it was trained on; name that one \
                                with --student";
                    CliError::with_hint(error.to_string(), hint)
                })?;
                Ok(Some(adapter))
            }
            Self::Checkpoint(kept) => {
                if kept.checkpoint.base_hash != pupil.base().id() {
                    let made_for = kept.student.as_deref().unwrap_or("another student");
                    return Err(CliError::with_hint(
                        format!(
                            "checkpoint {} belongs to another base: its run taught {made_for}, \
                             whose files have the hash {}, and those of the one that is asked {}",
                            short_id(kept.id),
                            short_id(kept.checkpoint.base_hash),
                            short_id(pupil.base().id()),
                        ),
                        "name the student that it was made for with --student, or take \
                         --adapter base",
                    ));
                }
                Ok(Some(read_adapter(&kept.lake, pupil, &kept.checkpoint)?))
            }
        }
    }
}
