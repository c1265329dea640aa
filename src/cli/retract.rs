//! `antiks retract`: an event should not be relied on any more.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::error::CliError;
use super::place::{Place, Waiting};
use super::table::{short_id, shorten};
use crate::base::prefix::Prefix;
use crate::lake::Writer;
use crate::replay::retract::{Retracted, retract};

/// Say that an event should not be relied on any more.
///
/// Nothing is taken out of the lake: a retraction is one more event, in a commit of its
/// own, and can't be taken back. From then on training sets are selected without the event
/// and without mistakes that were made on it, and every adapter that rests on it is shown
/// as tainted. What a tainted adapter got wrong may still be selected: that it was wrong is
/// true, whatever it had been taught.
#[derive(Args)]
pub struct RetractEvent {
    /// The event's id or at least 6 of its first digits; or the hash of a blob or of a
    /// training set's file, which means the event that holds it
    id: Prefix,
    /// Why: whoever meets a tainted adapter will read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    waiting: Waiting,
    /// Print it as JSON: {retraction, commit, hash, target{}, touched, checkpoints[]}, events
    /// as antiks why has them
    #[arg(long)]
    json: bool,
}

/// The widest line of an event.
const MAX_CHARS: usize = 160;
/// How many tainted adapters are listed.
const ADAPTERS: usize = 10;

impl RetractEvent {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let mut writer = Writer::open(&settled.root, &self.waiting.ground()?)?;
        let retracted = retract(&mut writer, &self.id, &self.reason)?;
        match self.print(&retracted) {
            // The commit is made, whether anybody reads on or not.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, retracted: &Retracted) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let number = retracted.entry.commit.number;
        let Retracted {
            target,
            touched,
            checkpoints,
            ..
        } = retracted;
        if self.json {
            let answer = serde_json::json!({
                "retraction": retracted.retraction_id,
                "commit": number,
                "hash": retracted.entry.hash,
                "target": target,
                "touched": touched,
                "checkpoints": checkpoints,
            });
            serde_json::to_writer_pretty(&mut out, &answer)?;
            return writeln!(out);
        }
        let text = format!(
            "retracted {} {}: {}",
            target.kind,
            short_id(target.id),
            target.summary
        );
        writeln!(out, "{}", shorten(&text, MAX_CHARS))?;
        writeln!(
            out,
            "  by retraction {} in commit {number}",
            short_id(retracted.retraction_id)
        )?;
        match retracted.is_selected_from {
            true => writeln!(
                out,
                "The next training set leaves it out, and every mistake made on it or by it."
            )?,
            false => writeln!(
                out,
                "No training set is selected from a {}: this only marks what rests on it.",
                target.kind
            )?,
        }
        match checkpoints.len() {
            0 => writeln!(
                out,
                "No adapter is tainted by it ({touched} events rest on it)."
            )?,
            1 => writeln!(out, "1 adapter is tainted ({touched} events rest on it):")?,
            many => writeln!(
                out,
                "{many} adapters are tainted ({touched} events rest on it):"
            )?,
        }
        for adapter in checkpoints.iter().take(ADAPTERS) {
            let run = adapter.run.as_deref().unwrap_or_default();
            let text = format!(
                "  checkpoint {} (iteration {}): {}, run {run}",
                short_id(adapter.id),
                adapter.iteration,
                adapter.summary
            );
            writeln!(out, "{}", shorten(&text, MAX_CHARS))?;
        }
        if checkpoints.len() > ADAPTERS {
            writeln!(
                out,
                "  … and {} more checkpoints",
                checkpoints.len() - ADAPTERS
            )?;
        }
        writeln!(out, "`antiks why {}` shows all of it.", short_id(target.id))
    }
}
