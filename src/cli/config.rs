//! `antiks.toml`: settings that hold for every command in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;

use super::error::CliError;
use crate::query::catalogue::nearest;
use crate::teacher::chat::endpoint::Service;
use crate::teacher::chat::pacing::Pace;
use crate::teacher::chat::transport::Limits;

/// The file's name.
pub const FILE_NAME: &str = "antiks.toml";

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A table for people; long texts and hashes are cut short.
    Table,
    /// Comma-separated values with a line of names.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A Parquet file.
    Parquet,
}

/// What stands in the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The lake's folder.
    pub lake: Option<PathBuf>,
    /// The folder of the user's own queries.
    pub queries: Option<PathBuf>,
    /// How rows are shown.
    pub sql: SqlConfig,
    /// Who asks.
    pub teacher: TeacherConfig,
}

/// How rows are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlConfig {
    /// The format, if none is asked for.
    pub format: Option<Format>,
    /// The rows that a table shows at most.
    pub max_rows: Option<usize>,
}

/// Who asks, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeacherConfig {
    /// What `--teacher` is if it is not given.
    pub name: Option<String>,
    /// The model, unless `--teacher` names one.
    pub model: Option<String>,
    /// The file that holds the server's key.
    pub key_file: Option<PathBuf>,
    /// What `--max-cost` is if it is not given.
    pub max_cost_usd: Option<f64>,
    /// Whether rows of the user's own file may be sent.
    pub show_rows: bool,
    /// The calls that run side by side at most.
    pub max_concurrency: Option<usize>,
    /// The calls that are begun in a minute at most.
    pub max_per_minute: Option<u32>,
    /// How long a call may take, in seconds.
    pub timeout_s: Option<u64>,
}

/// How long a call of a server of one's own may take: a small machine thinks long.
const OWN_SERVER_S: u64 = 900;

impl TeacherConfig {
    /// How long a call may take.
    pub fn limits(&self, service: Service) -> Limits {
        let seconds = |it: u64| Limits::patient(Duration::from_secs(it.clamp(1, 86_400)));
        match (self.timeout_s, service) {
            (Some(timeout_s), _) => seconds(timeout_s),
            (None, Service::OpenRouter) => Limits::default(),
            (None, Service::Compatible) => seconds(OWN_SERVER_S),
        }
    }

    /// How many calls at once, and how fast.
    pub fn pace(&self) -> Pace {
        let usual = Pace::default();
        Pace {
            max_concurrency: self
                .max_concurrency
                .unwrap_or(usual.max_concurrency)
                .clamp(1, 512),
            max_per_minute: self.max_per_minute.filter(|it| *it > 0),
        }
    }
}

impl Config {
    /// Reads the file that was named, or the one in the current folder if there is one.
    /// Paths in it count from its own folder.
    pub fn load(named: Option<&Path>) -> Result<Self, CliError> {
        let path = named.unwrap_or(Path::new(FILE_NAME));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => {
                let message = format!("reading {}: {error}", path.display());
                return Err(CliError::Usage(message));
            }
        };
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let near = suggestion(error.message());
            CliError::Usage(format!(
                "{}: {}{near}",
                path.display(),
                error.to_string().trim_end()
            ))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = [
            &mut config.lake,
            &mut config.queries,
            &mut config.teacher.key_file,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

/// ``unknown field `lak`, expected one of `lake`, `queries``` → ` (did you mean lake?)`.
fn suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(unknown) if message.starts_with("unknown field") => nearest(unknown, quoted),
        _ => String::new(),
    }
}
