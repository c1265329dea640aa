//! Which lake a command works on: `--lake`, the configuration, or `./lake`; and how long it
//! waits for another writer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::config::Config;
use super::error::CliError;
use crate::lake::import::import;
use crate::lake::{Ground, Lake, LakeError, Wait, Writer};

/// The lake's folder if nothing else is said.
const DEFAULT_LAKE: &str = "lake";

/// The events of the example lake.
const EXAMPLE: &str = include_str!("../../lake/example.ndjson");

/// Which lake a command works on.
#[derive(Args)]
#[command(next_help_heading = "The lake")]
pub struct Place {
    /// The lake's folder [default: the configuration's, else ./lake]
    #[arg(long, value_name = "DIR", global = true)]
    lake: Option<PathBuf>,
    /// Use a small example lake, made anew in a temporary folder
    #[arg(long, global = true, conflicts_with = "lake")]
    example: bool,
    /// The configuration file [default: ./antiks.toml if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// The options of every command that writes to a lake.
#[derive(Args)]
pub struct Waiting {
    /// Wait until another writer is done, or at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<f64>>,
}

impl Waiting {
    /// What a writer stands on.
    pub fn ground(&self) -> Result<Ground, CliError> {
        let wait = match self.wait {
            None => Wait::No,
            Some(None) => Wait::Forever,
            Some(Some(seconds)) => Wait::For(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|error| CliError::Usage(format!("--wait: {error}")))?,
            ),
        };
        Ok(Ground {
            wait,
            ..Ground::system()
        })
    }
}

/// Where a command works, and by which settings.
pub struct Settled {
    /// The lake's folder.
    pub root: PathBuf,
    /// The settings.
    pub config: Config,
    /// Holds the example's folder until the command ends.
    _example: Option<tempfile::TempDir>,
}

impl Place {
    /// Reads the configuration and settles on a folder.
    pub fn settle(&self) -> Result<Settled, CliError> {
        let config = Config::load(self.config.as_deref())?;
        if self.example {
            let folder = tempfile::tempdir()?;
            let root = folder.path().join(DEFAULT_LAKE);
            let mut writer = Writer::create(&root, &Ground::system())?;
            import(&mut writer, EXAMPLE.as_bytes(), "the example")?;
            return Ok(Settled {
                root,
                config,
                _example: Some(folder),
            });
        }
        let chosen = self.lake.clone().or_else(|| config.lake.clone());
        Ok(Settled {
            root: chosen.unwrap_or_else(|| Path::new(DEFAULT_LAKE).to_owned()),
            config,
            _example: None,
        })
    }
}

impl Settled {
    /// Opens the lake for reading, as it is or as it was after commit `at`.
    pub fn open(&self, at: Option<u64>) -> Result<Lake, CliError> {
        let lake = match at {
            Some(version) => Lake::open_at(&self.root, version),
            None => Lake::open(&self.root),
        };
        Ok(lake?)
    }

    /// The lake as it is, if there is one.
    pub fn open_if_any(&self) -> Result<Option<Lake>, CliError> {
        match Lake::open(&self.root) {
            Ok(lake) => Ok(Some(lake)),
            Err(LakeError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
