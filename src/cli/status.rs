//! `antiks status`: what the lake holds.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use arrow::datatypes::TimestampMicrosecondType;
use arrow::temporal_conversions::as_datetime;
use clap::Args;
use comfy_table::CellAlignment;
use serde::Serialize;

use super::curve::Curve;
use super::error::CliError;
use super::place::Place;
use super::table::{MAX_CELL_CHARS, new_table, short_id, shorten, terminal_chars};
use crate::base::id::ContentHash;
use crate::event::retraction::Retraction;
use crate::event::run_started::RunStarted;
use crate::event::teacher_call::TeacherCall;
use crate::event::{KINDS, Kind};
use crate::lake::Lake;
use crate::lake::graph::Graph;
use crate::replay::relative::describe;
use crate::replay::{Relative, Taint};

/// Say what the lake holds.
#[derive(Args)]
pub struct Status {
    /// Print it as JSON: {commits, events{}, runs[], tainted[], ...}
    #[arg(long)]
    json: bool,
    /// Say what the lake held after this commit
    #[arg(long, value_name = "COMMIT")]
    at: Option<u64>,
}

#[derive(Serialize)]
struct Holdings {
    lake: String,
    commits: u64,
    newest_commit: ContentHash,
    committed_at_us: i64,
    note: String,
    bytes: u64,
    events: BTreeMap<&'static str, u64>,
    runs: Vec<Run>,
    /// The checkpoints that rest on a retracted event.
    tainted: Vec<Relative>,
    /// What the newest run has learned, for people.
    #[serde(skip)]
    curve: Option<Curve>,
}

#[derive(Serialize)]
struct Run {
    name: String,
    id: String,
    teacher: String,
    student: String,
    seed: i64,
    started_at_us: i64,
    /// What its teacher's calls cost, as far as that is known.
    cost_usd: f64,
    calls_of_unknown_cost: u64,
}

impl Run {
    fn cost(&self) -> String {
        match self.calls_of_unknown_cost {
            0 => format!("${:.4}", self.cost_usd),
            calls => format!("${:.4} and {calls} calls of unknown cost", self.cost_usd),
        }
    }
}

impl Status {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let lake = settled.open(self.at)?;
        let holdings = Holdings::of(&lake)?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &holdings).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            holdings.print(&mut out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Holdings {
    fn of(lake: &Lake) -> Result<Self, CliError> {
        let mut events = BTreeMap::new();
        let mut bytes = 0;
        for kind in KINDS {
            let files = lake.event_files(kind.name());
            let rows = files.fold(0, |rows, file| {
                bytes += file.bytes;
                rows + file.rows
            });
            if rows > 0 {
                events.insert(kind.name(), rows);
            }
        }
        for entry in lake.entries() {
            bytes += entry.commit.blobs.iter().map(|it| it.bytes).sum::<u64>();
            bytes += entry
                .commit
                .snapshots
                .iter()
                .map(|it| it.bytes)
                .sum::<u64>();
        }
        let mut runs = Vec::new();
        lake.read_events::<RunStarted>(|_, id, event| {
            runs.push(Run {
                name: event.body.name,
                id: id.to_string(),
                teacher: event.body.teacher,
                student: event.body.student,
                seed: event.body.seed,
                started_at_us: event.observed.recorded_at.0,
                cost_usd: 0.0,
                calls_of_unknown_cost: 0,
            });
        })?;
        let mut costs: BTreeMap<String, (i64, u64)> = BTreeMap::new();
        lake.read_events::<TeacherCall>(|_, _, event| {
            let Some(run) = event.body.run_id else { return };
            let cost = costs.entry(run.to_string()).or_default();
            match event.observed.cost_microusd {
                Some(microusd) => cost.0 += microusd,
                None => cost.1 += 1,
            }
        })?;
        for run in &mut runs {
            if let Some((microusd, unknown)) = costs.get(&run.id) {
                run.cost_usd = *microusd as f64 / 1e6;
                run.calls_of_unknown_cost = *unknown;
            }
        }
        let newest = lake.newest();
        Ok(Self {
            lake: lake.root().display().to_string(),
            commits: lake.entries().len() as u64,
            newest_commit: newest.hash,
            committed_at_us: newest.commit.committed_at_us,
            note: newest.commit.note.clone(),
            bytes,
            events,
            runs,
            tainted: tainted(lake)?,
            curve: Curve::of_newest_run(lake)?,
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "Lake {}: {} commits, {} events, {}",
            self.lake,
            self.commits,
            self.events.values().sum::<u64>(),
            indicatif::BinaryBytes(self.bytes)
        )?;
        writeln!(
            out,
            "Newest commit {} of {}: {}\n",
            self.commits - 1,
            when(self.committed_at_us),
            shorten(&self.note, MAX_CELL_CHARS)
        )?;
        if self.events.is_empty() {
            return writeln!(out, "It holds no events yet.");
        }
        let mut table = new_table();
        table.set_header(["kind", "events", "SQL table"]);
        for kind in KINDS {
            if let Some(rows) = self.events.get(kind.name()) {
                table.add_row([kind.name(), &rows.to_string(), kind.table()]);
            }
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{table}")?;
        if !self.runs.is_empty() {
            let mut table = new_table();
            table.set_header(["run", "teacher", "student", "seed", "started", "cost"]);
            for run in &self.runs {
                let started = when(run.started_at_us);
                let seed = run.seed.to_string();
                let cost = run.cost();
                let row = [
                    &run.name,
                    &run.teacher,
                    &run.student,
                    &seed,
                    &started,
                    &cost,
                ];
                table.add_row(row.map(|text| shorten(text, MAX_CELL_CHARS)));
            }
            writeln!(out, "\n{table}")?;
        }
        if let Some(curve) = &self.curve {
            writeln!(out, "\n{}", curve.draw(terminal_chars()))?;
        }
        if !self.tainted.is_empty() {
            let mut table = new_table();
            table.set_header(["tainted adapter", "run", "iteration", "rests on retracted"]);
            for adapter in &self.tainted {
                let run = adapter.run.as_deref().unwrap_or_default();
                let cause = adapter.rests_on_retracted;
                let cause = cause.map_or_else(|| "it is itself".to_owned(), short_id);
                let iteration = adapter.iteration.to_string();
                let row = [&short_id(adapter.id), run, &iteration, &cause];
                table.add_row(row.map(|text| shorten(text, MAX_CELL_CHARS)));
            }
            writeln!(out, "\n{table}")?;
            writeln!(
                out,
                "`antiks query tainted` names all that is retracted below them."
            )?;
        }
        Ok(())
    }
}

/// The checkpoints that rest on a retracted event. References are read only if anything
/// was ever retracted.
fn tainted(lake: &Lake) -> Result<Vec<Relative>, CliError> {
    if lake.event_files(Retraction::KIND).next().is_none() {
        return Ok(Vec::new());
    }
    let graph = Graph::read(lake)?;
    let taint = Taint::read(&graph)?;
    Ok(describe(&graph, &taint, &taint.checkpoints(&graph))?)
}

/// A time as people read it, in UTC.
fn when(at_us: i64) -> String {
    as_datetime::<TimestampMicrosecondType>(at_us).map_or_else(
        || at_us.to_string(),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
