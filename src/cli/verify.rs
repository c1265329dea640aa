//! `antiks verify`: everything in the lake recomputed.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CliError;
use super::place::Place;
use super::statement::runtime;
use crate::base::id::ContentHash;
use crate::lake::Lake;
use crate::lake::report::{Progress, Report};
use crate::lake::verify::verify;
use crate::query::materialise::check_snapshots;

/// Recompute everything in the lake and name what is not as it must be.
///
/// Checks the log, every file's hash, the id and leaf of every event, every reference,
/// every training set against its query, and the spool of paid calls. Writes nothing.
/// Exits with 0 if the lake is whole and with 3 if it is not.
#[derive(Args)]
pub struct Verify {
    /// Print the report as JSON: {ok, findings[], ...}
    #[arg(long)]
    json: bool,
    /// The hash of a commit that must be in the lake: tells a lake from its own past
    #[arg(long, value_name = "HASH")]
    expect: Option<ContentHash>,
}

impl Verify {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let mut bar = Bar::new();
        let mut report = verify(&settled.root, self.expect, &mut bar)?;
        bar.0.finish_and_clear();
        if report.ok {
            let lake = Lake::open(&settled.root)?;
            runtime()?.block_on(check_snapshots(&lake, &mut report))?;
        }
        match self.print(&report, &mut io::stdout().lock()) {
            // The verdict holds, whether anybody reads on or not.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
        Ok(match report.ok {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(3),
        })
    }

    fn print(&self, report: &Report, out: &mut impl Write) -> io::Result<()> {
        match self.json {
            true => {
                serde_json::to_writer_pretty(&mut *out, report)?;
                writeln!(out)
            }
            false => print(report, out),
        }
    }
}

fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for finding in &report.findings {
        write!(out, "{}", finding.path)?;
        if let Some(commit) = finding.commit {
            write!(out, " (commit {commit})")?;
        }
        if let Some(event) = &finding.event {
            write!(out, "\n  event {event}")?;
        }
        writeln!(out, "\n  {}", finding.what)?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    let looked_at = format!(
        "{} commits, {} files, {} events",
        report.commits, report.files, report.events
    );
    match report.findings.len() {
        0 => writeln!(out, "whole: {looked_at}")?,
        1 => writeln!(out, "DAMAGED: 1 finding in {looked_at}")?,
        many => writeln!(out, "DAMAGED: {many} findings in {looked_at}")?,
    }
    match (report.ok, report.newest_commit) {
        (true, Some(hash)) => writeln!(out, "newest commit {hash}"),
        _ => Ok(()),
    }
}

/// A bar on stderr, if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "verifying {bar:30} {binary_bytes} of {binary_total_bytes}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn total_bytes(&mut self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn advance(&mut self, bytes: u64) {
        self.0.inc(bytes);
    }
}
