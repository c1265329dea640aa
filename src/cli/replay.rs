//! `antiks replay`: an iteration done again and compared, stage by stage.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::compute::{self, Compute};
use super::desk::RecordedRun;
use super::error::CliError;
use super::place::Place;
use super::sandbox::sandbox;
use super::watch::Watch;
use crate::base::world::{Stopwatch, World};
use crate::replay::again::{Replay, STAGES, StageReport};
use crate::round::measure::FROZEN;
use crate::round::report::{Phase, RoundError};
use crate::round::tutor::remembering;

/// Do an iteration again and compare it with what the lake holds.
///
/// Questions, answers, grades, training set, training, evaluation and promotion are made
/// again from what was recorded before each, and compared id by id. Exits with 0 only if
/// all is identical, and with 3 and the first difference if not. Nothing is written, and no
/// teacher is asked: what a chat teacher said is in the lake. On another class of machine
/// sums may differ in their last bits: there losses may differ by 2 %, answers in 5 % of the
/// questions, a score by 2 points.
#[derive(Args)]
pub struct ReplayIteration {
    /// Which iteration
    #[arg(long, value_name = "NUMBER", required_unless_present = "all")]
    iteration: Option<u32>,
    /// Every iteration of the run
    #[arg(long, conflicts_with = "iteration")]
    all: bool,
    /// Which run [default: the newest]
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Only this stage: challenges, answers, sentinels, grades, selection, training,
    /// evaluation or promotion; may be given several times
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    #[command(flatten)]
    compute: Compute,
    /// Print JSON: {identical, stages: [{iteration, name, identical, first_difference, seconds}]}
    #[arg(long)]
    json: bool,
}

impl ReplayIteration {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let wanted = self.stages()?;
        let settled = place.settle()?;
        let lake = settled.open(None)?;
        let run = RecordedRun::find(&lake, self.run.as_deref())?;
        let done: std::collections::BTreeSet<u32> = run
            .history
            .challenges
            .iter()
            .map(|(at, _, _)| *at)
            .collect();
        let numbers: Vec<u32> = match self.iteration {
            Some(number) => vec![number],
            None => done.iter().copied().filter(|it| *it > 0).collect(),
        };
        if let Some(missing) = numbers.iter().find(|it| **it == 0 || !done.contains(it)) {
            return Err(CliError::Usage(format!(
                "run {} has no iteration {missing}; it has 1 to {}",
                run.started.name,
                done.last().copied().unwrap_or(0)
            )));
        }
        let pupil = run.pupil(self.compute.open()?)?;
        let sandbox = sandbox()?;
        let stages = run.stages(&sandbox, &pupil);
        compute::stop_on_interrupt()?;
        let last = numbers.last().copied().unwrap_or(0);
        let mut watch = Watch::silent(self.json, last);
        let same_class = run
            .history
            .hosts
            .iter()
            .all(|it| it == World::system().host());
        if !same_class {
            eprintln!("recorded on another class of machine: compared within tolerances");
        }
        let clock = Stopwatch::start();
        let needs_suite = [Phase::Evaluation, Phase::Promotion];
        let suite = match wanted.iter().any(|it| needs_suite.contains(it)) {
            true => run.suite(&stages, FROZEN, &mut watch)?.0,
            false => stages.suite(FROZEN, Vec::new()),
        };
        let chat = run.settings.teacher.as_ref();
        let teacher = chat.map(|it| remembering(it, &lake, run.id)).transpose()?;
        let replay = Replay {
            lake: &lake,
            stages: &stages,
            suite: &suite,
            history: &run.history,
            teacher: teacher.as_ref().zip(chat),
            same_class,
        };
        let mut all: Vec<(u32, StageReport)> = Vec::new();
        for number in numbers {
            match replay.iteration(number, &wanted, &mut watch) {
                Ok(reports) => all.extend(reports.into_iter().map(|it| (number, it))),
                Err(RoundError::Stopped) => return Err(CliError::failure("stopped")),
                Err(error) => return Err(error.into()),
            }
        }
        if all.is_empty() {
            let stages: Vec<&str> = wanted.iter().map(|it| it.name()).collect();
            return Err(CliError::Usage(format!(
                "run {} has nothing to do again of this stage: {}",
                run.started.name,
                stages.join(", ")
            )));
        }
        self.tell(&all, clock.elapsed().as_secs_f64())
    }

    fn stages(&self) -> Result<Vec<Phase>, CliError> {
        if self.stage.is_empty() {
            return Ok(STAGES.to_vec());
        }
        let names = STAGES.map(Phase::name);
        let find = |name: &String| {
            let found = STAGES.into_iter().find(|it| it.name() == name);
            found.ok_or_else(|| {
                let all = names.join(", ");
                CliError::Usage(format!("there is no stage {name:?}; there are {all}"))
            })
        };
        self.stage.iter().map(find).collect()
    }

    fn tell(&self, all: &[(u32, StageReport)], seconds: f64) -> Result<ExitCode, CliError> {
        let identical = all.iter().all(|(_, it)| it.identical);
        let mut out = io::stdout().lock();
        if self.json {
            let stages: Vec<Json> = all
                .iter()
                .map(|(number, it)| {
                    json!({
                        "iteration": number, "name": it.stage.name(),
                        "identical": it.identical, "first_difference": it.first_difference,
                        "seconds": it.seconds,
                    })
                })
                .collect();
            writeln!(
                out,
                "{}",
                json!({ "identical": identical, "stages": stages })
            )?;
        } else {
            for (number, it) in all {
                let (word, what) = match &it.first_difference {
                    None => ("identical", &it.compared),
                    Some(difference) => ("DIFFERS  ", difference),
                };
                let (name, seconds) = (it.stage.name(), it.seconds);
                writeln!(
                    out,
                    "{number:>3} {name:<11} {word} {seconds:>6.1} s  {what}"
                )?;
            }
            let verdict = match identical {
                true => "All of it is identical",
                false => "It is not identical",
            };
            writeln!(out, "{verdict}; this took {seconds:.1} s.")?;
        }
        Ok(match identical {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(3),
        })
    }
}
