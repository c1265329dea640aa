//! `antiks lake import-events`: events given as NDJSON, for tests, benches and migration.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::error::CliError;
use super::place::{Place, Waiting};
use crate::lake::Writer;
use crate::lake::import::{ImportError, Imported, import};

/// Append events given as NDJSON, one commit for each file.
#[derive(Args)]
pub struct ImportEvents {
    /// The files; `-` reads stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    waiting: Waiting,
    /// Print one JSON object for each file: {file, commit, events, hash}
    #[arg(long)]
    json: bool,
}

impl ImportEvents {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let ground = self.waiting.ground()?;
        // A name that is mistyped should not leave an empty lake behind.
        for path in self.files.iter().filter(|path| path.as_os_str() != "-") {
            File::open(path)
                .map_err(|error| CliError::Usage(format!("reading {}: {error}", path.display())))?;
        }
        let mut writer = Writer::open_or_create(&settled.root, &ground)?;
        for path in &self.files {
            let imported = import_file(&mut writer, path)?;
            match self.print(path, &imported) {
                // The work is the point: what is left of it is done, heard or not.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                printed => printed?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Says what became of a file, at once: from here on the commit is acknowledged.
    fn print(&self, path: &Path, imported: &Imported) -> io::Result<()> {
        let file = path.display().to_string();
        let mut out = io::stdout().lock();
        match (self.json, imported) {
            (true, Imported::Now(entry)) => {
                let line = serde_json::json!({
                    "file": file,
                    "commit": entry.commit.number,
                    "events": entry.commit.rows(),
                    "hash": entry.hash,
                });
                writeln!(out, "{line}")?;
            }
            (true, Imported::Before { .. } | Imported::Empty) => {
                let line = serde_json::json!({ "file": file, "commit": null, "events": 0 });
                writeln!(out, "{line}")?;
            }
            (false, Imported::Now(entry)) => writeln!(
                out,
                "{file}: {} events in commit {}",
                entry.commit.rows(),
                entry.commit.number
            )?,
            (false, Imported::Before { events }) => {
                writeln!(out, "{file}: all {events} events are in the lake already")?;
            }
            (false, Imported::Empty) => writeln!(out, "{file}: no events")?,
        }
        out.flush()
    }
}

fn import_file(writer: &mut Writer, path: &Path) -> Result<Imported, CliError> {
    let named = |error: ImportError| match error {
        ImportError::Lake(error) => error.into(),
        error => CliError::failure(format!("{}: {error}", path.display())),
    };
    let lines: Box<dyn BufRead> = match path.as_os_str() == "-" {
        true => Box::new(stdin().lock()),
        false => {
            let file = File::open(path)
                .map_err(|error| CliError::Usage(format!("reading {}: {error}", path.display())))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        }
    };
    let note = format!(
        "import of {}",
        path.file_name().unwrap_or_default().to_string_lossy()
    );
    import(writer, lines, note).map_err(named)
}
