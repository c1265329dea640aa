//! What a run shows: a bar while a phase runs, and a line when it is done.

use std::io::{self, Write};

use indicatif::ProgressBar;
use serde_json::json;

use super::compute::{is_interrupted, progress_bar};
use crate::round::report::{Phase, PhaseReport, RoundError, Show};

use super::error::CliError;

/// Lines on stderr for people, or JSON on stdout for scripts.
pub struct Watch {
    is_json: bool,
    is_silent: bool,
    bar: Option<ProgressBar>,
    iterations: u32,
}

impl Watch {
    /// For a run of so many iterations.
    pub fn new(is_json: bool, iterations: u32) -> Self {
        Self {
            is_json,
            is_silent: false,
            bar: None,
            iterations,
        }
    }

    /// Only bars: whoever asks tells what came out.
    pub fn silent(is_json: bool, iterations: u32) -> Self {
        Self {
            is_silent: true,
            ..Self::new(is_json, iterations)
        }
    }
}

impl Watch {
    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Show for Watch {
    fn begin(&mut self, iteration: u32, phase: Phase, parts: usize) {
        self.finish();
        let template = "{prefix} {bar:30} {pos}/{len}  {msg}  {eta} left";
        let bar = progress_bar(parts as u64, template);
        bar.set_prefix(format!("{} {:<11}", self.place(iteration), phase.name()));
        self.bar = Some(bar);
    }

    fn advance(&mut self, note: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if !note.is_empty() {
                bar.set_message(note.to_owned());
            }
        }
    }

    fn end(&mut self, report: &PhaseReport) {
        self.finish();
        if self.is_silent {
            return;
        }
        if self.is_json {
            let line = json!({
                "iteration": report.iteration, "phase": report.phase.name(),
                "seconds": report.seconds, "figures": report.figures,
            });
            // Whoever reads may have gone; the run goes on for the lake's sake.
            let _ = writeln!(io::stdout().lock(), "{line}");
            return;
        }
        let seconds = match report.seconds {
            Some(seconds) => format!("{seconds:>6.1} s"),
            None => "    done".to_owned(),
        };
        eprintln!(
            "{} {:<11}{seconds}  {}",
            self.place(report.iteration),
            report.phase.name(),
            report.line
        );
    }

    fn is_stopped(&self) -> bool {
        is_interrupted()
    }
}

impl Watch {
    fn place(&self, iteration: u32) -> String {
        let all = self.iterations.to_string();
        match iteration {
            0 => " ".repeat(2 * all.len() + 1),
            number => format!("{number:>width$}/{all}", width = all.len()),
        }
    }
}

impl From<RoundError> for CliError {
    fn from(error: RoundError) -> Self {
        match error {
            RoundError::Refused(message) => Self::failure(message),
            RoundError::Lake(error) => error.into(),
            RoundError::Query(error) => error.into(),
            RoundError::Teacher(_) => Self::with_hint(
                error.to_string(),
                "what was answered is kept and is not paid for again; the same command goes on, \
                 with a higher --max-cost if the budget was used up",
            ),
            error => Self::failure(error.to_string()),
        }
    }
}
