//! `antiks init`: a commented configuration to start from.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::config::FILE_NAME;
use super::error::CliError;
use super::output::new_file;

/// The file as it is written; every setting is commented out and shows its default.
const TEMPLATE: &str = include_str!("antiks.toml");

/// Write a commented antiks.toml.
#[derive(Args)]
pub struct Init {
    /// The folder to write it to; it is made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Say what was done as JSON: {path}
    #[arg(long)]
    json: bool,
}

impl Init {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let failed = |error| CliError::failure(format!("{}: {error}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(FILE_NAME);
        let mut file = new_file(&path)?;
        file.write_all(TEMPLATE.as_bytes())?;
        file.flush()?;
        let mut out = io::stdout().lock();
        match self.json {
            true => writeln!(out, "{}", serde_json::json!({ "path": path }))?,
            false => writeln!(out, "wrote {}", path.display())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
