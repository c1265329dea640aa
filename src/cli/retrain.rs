//! `antiks retrain`: an iteration trained again in another way, as a run of its own.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::compute::{self, Compute};
use super::desk::RecordedRun;
use super::error::CliError;
use super::place::{Place, Waiting};
use super::run_loop::table;
use super::sandbox::sandbox;
use super::watch::Watch;
use crate::lake::Writer;
use crate::query::{Catalogue, Query};
use crate::round::beginning::Beginning;
use crate::round::run::Run;

/// Train an iteration again with another recipe or another selection.
///
/// The questions, answers and grades are those of the run that is forked; the new run names
/// it as its parent. Both are compared on the frozen suite.
#[derive(Args)]
pub struct Retrain {
    /// Which iteration
    #[arg(long, value_name = "NUMBER")]
    iteration: u32,
    /// The new run's name
    #[arg(long, value_name = "NAME")]
    run: String,
    /// The run that is forked [default: the newest]
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// A setting that is another, such as recipe.learning_rate=1e-4
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Another query for the training set (`antiks query training_set --show` is one)
    #[arg(long, value_name = "FILE")]
    select: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    waiting: Waiting,
    /// Print a JSON object for each phase and one at the end
    #[arg(long)]
    json: bool,
}

impl Retrain {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let lake = settled.open(None)?;
        let parent = RecordedRun::find(&lake, self.from.as_deref())?;
        let recorded = crate::round::history::at(&parent.history.checkpoints, self.iteration);
        let evaluated = recorded.and_then(|(_, id, _)| parent.history.evaluation_of(Some(*id)));
        let Some((_, _, before)) = evaluated.filter(|_| self.iteration > 0) else {
            return Err(CliError::Usage(format!(
                "run {} has no trained and measured iteration {}",
                parent.started.name, self.iteration
            )));
        };
        let settings = parent
            .settings
            .with_all(&self.set)
            .map_err(CliError::Usage)?;
        settings.check().map_err(CliError::Usage)?;
        let selection = match &self.select {
            None => Catalogue::load(settled.config.queries.as_deref())?
                .find("training_set")?
                .clone(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    CliError::Usage(format!("reading {}: {error}", path.display()))
                })?;
                let name = path.file_stem().and_then(|it| it.to_str());
                Query::parse(name.unwrap_or("selection"), &text, true)?
            }
        };
        let pupil = parent.pupil(self.compute.open()?)?;
        let sandbox = sandbox()?;
        let mut writer = Writer::open(&settled.root, &self.waiting.ground()?)?;
        compute::stop_on_interrupt()?;
        let mut watch = Watch::new(self.json, self.iteration);
        let beginning = Beginning {
            name: self.run.clone(),
            seed: parent.started.seed.cast_unsigned(),
            teacher: parent.started.teacher.clone(),
            student: parent.started.student.clone(),
            settings,
            means: None,
            own: parent.own.clone(),
            parent: Some((parent.id, self.iteration)),
            sandbox: &sandbox,
            pupil: &pupil,
            selection,
        };
        let mut fork = Run::begin(&mut writer, beginning, &mut watch)?;
        let origin = (parent.id, &parent.history);
        let after = fork.fork(self.iteration, origin, &mut watch)?;
        let mut out = io::stdout().lock();
        if self.json {
            let line = json!({
                "done": true, "run": self.run, "parent": parent.started.name,
                "iteration": self.iteration, "score_parent": before.score,
                "score": after.score, "checkpoint": after.checkpoint_id,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "iteration {}: before is run {}, after is run {}",
                self.iteration, parent.started.name, self.run
            )?;
            table(before, &after, &mut out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
