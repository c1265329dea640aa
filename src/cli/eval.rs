//! `antiks eval`: how good a checkpoint is on a run's frozen suite, or on its sealed one.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::compute::{self, Compute};
use super::desk::RecordedRun;
use super::error::CliError;
use super::place::{Place, Waiting};
use super::sandbox::sandbox;
use super::watch::Watch;
use crate::base::id::Id;
use crate::event::checkpoint::Checkpoint;
use crate::event::evaluation::{Evaluation, Share};
use crate::event::words::Purpose;
use crate::lake::Writer;
use crate::round::measure::{FROZEN, SEALED, evaluation_line};
use crate::round::report::{Phase, RoundError, Show};
use crate::round::write::{read_adapter, record_evaluation};

/// Measure a checkpoint on a suite.
///
/// The frozen suite is the one that the run is measured by; its questions are of families
/// that no training sees. The sealed suite has other ones, for when the frozen one has been
/// looked at often: each opening of it is an event, and says how often it was opened before.
#[derive(Args)]
pub struct Evaluate {
    /// base, latest, or a checkpoint's id by its first digits
    #[arg(long, default_value = "latest", value_name = "CHECKPOINT")]
    checkpoint: String,
    /// Open the sealed suite, and record that it was opened
    #[arg(long)]
    sealed: bool,
    /// Which run [default: the newest]
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    waiting: Waiting,
    /// Print JSON: {checkpoint, suite, items, score, ci95, syntax_pass, best_practices,
    /// complex, by_category}
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let lake = settled.open(None)?;
        let run = RecordedRun::find(&lake, self.run.as_deref())?;
        let found = self.find(&run)?;
        let pupil = run.pupil(self.compute.open()?)?;
        let sandbox = sandbox()?;
        let stages = run.stages(&sandbox, &pupil);
        compute::stop_on_interrupt()?;
        let mut watch = Watch::silent(self.json, 0);
        let name = if self.sealed { SEALED } else { FROZEN };
        let (suite, hash) = run.suite(&stages, name, &mut watch)?;
        let adapter = found
            .as_ref()
            .map(|(_, _, it)| read_adapter(&lake, &pupil, it))
            .transpose()?;
        let candidate = found.as_ref().map(|(_, id, _)| *id).zip(adapter.as_ref());
        let iteration = found.as_ref().map_or(0, |(at, _, _)| *at);
        watch.begin(iteration, Phase::Evaluation, 2 * suite.asked.len());
        let answered = stages.answer(&suite.asked, candidate, Purpose::Eval, &[], &mut watch)?;
        if watch.is_stopped() {
            return Err(RoundError::Stopped.into());
        }
        let grades = stages.grade(&suite.asked, &answered.answers, iteration, &mut watch)?;
        let opened = run.history.evaluations.iter();
        let opened = opened.filter(|(_, _, it)| it.suite == name).count();
        let evaluation = stages.evaluate(
            &suite,
            hash,
            &grades,
            iteration,
            candidate.map(|(id, _)| id),
            self.sealed.then_some(opened as i64),
        );
        if self.sealed {
            let mut writer = Writer::open(&settled.root, &self.waiting.ground()?)?;
            let note = format!("run {}: the sealed suite is opened", run.started.name);
            record_evaluation(
                &mut writer,
                note,
                &suite,
                (&answered, &grades, &evaluation),
                iteration,
            )?;
        }
        watch.finish();
        self.tell(&evaluation)
    }

    fn find(
        &self,
        run: &RecordedRun,
    ) -> Result<Option<(u32, Id<Checkpoint>, Checkpoint)>, CliError> {
        match self.checkpoint.as_str() {
            "base" => Ok(None),
            "latest" => Ok(run.history.in_place(u32::MAX).cloned()),
            digits => {
                let lower = digits.to_lowercase();
                let all = run.history.checkpoints.iter();
                let found: Vec<_> = all
                    .filter(|(_, id, _)| id.to_string().starts_with(&lower))
                    .collect();
                match found.as_slice() {
                    [only] => Ok(Some((*only).clone())),
                    found => Err(CliError::Usage(format!(
                        "{digits} is {} of run {}'s {} checkpoints; give base, latest, or more \
                         digits of an id (`antiks sql \"select id from checkpoints\"`)",
                        if found.is_empty() { "none" } else { "several" },
                        run.started.name,
                        run.history.checkpoints.len()
                    ))),
                }
            }
        }
    }

    fn tell(&self, evaluation: &Evaluation) -> Result<ExitCode, CliError> {
        let mut out = io::stdout().lock();
        if self.json {
            let share = |it: &Option<Share>| it.as_ref().map(|it| it.value);
            let categories = evaluation.groups.iter().filter(|it| it.group == "category");
            let categories: Map<String, Json> = categories
                .map(|it| {
                    let of = json!({
                        "items": it.items, "score": it.score, "right": it.equivalent.value,
                        "ci95": [it.equivalent.low, it.equivalent.high],
                    });
                    (it.name.clone(), of)
                })
                .collect();
            let line = json!({
                "checkpoint": evaluation.checkpoint_id, "suite": evaluation.suite,
                "items": evaluation.items, "score": evaluation.score,
                "ci95": [evaluation.score_low, evaluation.score_high],
                "right": evaluation.equivalent.value,
                "syntax_pass": evaluation.syntax_pass.value,
                "best_practices": share(&evaluation.best_practices),
                "complex": share(&evaluation.complex),
                "by_category": categories, "opened_before": evaluation.opened_before,
            });
            writeln!(out, "{line}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let who = match evaluation.checkpoint_id {
            Some(id) => format!("checkpoint {}", &id.to_string()[..12]),
            None => "the base".to_owned(),
        };
        writeln!(
            out,
            "{who} on the {} suite of {} questions: {}",
            evaluation.suite,
            evaluation.items,
            evaluation_line(evaluation)
        )?;
        for kind in ["category", "difficulty", "part and phrasing"] {
            writeln!(out)?;
            for group in evaluation.groups.iter().filter(|it| it.group == kind) {
                let Share { value, low, high } = &group.equivalent;
                writeln!(
                    out,
                    "  {:<28} {:>4} items  {:>5.1} % right  ({:.1} to {:.1})",
                    group.name,
                    group.items,
                    100.0 * value,
                    100.0 * low,
                    100.0 * high
                )?;
            }
        }
        if let Some(before) = evaluation.opened_before {
            writeln!(out, "\nThe sealed suite was opened {before} times before.")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
