//! Who answers and over what: the arguments that `loop`, `replay`, `eval` and `ask` share.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use super::compute;
use super::error::CliError;
use super::watch::Watch;
use crate::base::id::{ContentHash, Id};
use crate::base::world::World;
use crate::database::import::{import, schema_of_sample};
use crate::event::run_started::RunStarted;
use crate::lake::Lake;
use crate::nano::embedded::{self, embedded, reads_outlines};
use crate::round::asked::OwnFile;
use crate::round::history::{History, runs};
use crate::round::measure::{FROZEN, Suite};
use crate::round::pupil::{Manner, Pupil};
use crate::round::report::{Phase, Show};
use crate::round::settings::Settings;
use crate::round::stages::{Stages, recorded_suite, suite_items};
use crate::sandbox::Sandbox;
use crate::student::base::Base;

/// The base of this name: `nano`, a folder, or an id on the Hugging Face hub.
pub fn base(name: &str) -> Result<Base, CliError> {
    Ok(match name {
        embedded::NAME => embedded()?,
        name => Base::find(name, &World::system(), compute::on_download())?,
    })
}

/// The student of this name.
pub fn pupil(name: &str, device: Device) -> Result<Pupil, CliError> {
    let base = base(name)?;
    let manner = match reads_outlines(&base) {
        true => Manner::Outline,
        false => Manner::Instruction,
    };
    Ok(Pupil::new(base, device, manner)?)
}

/// The user's database file.
pub fn own_file(path: &Path) -> Result<OwnFile, CliError> {
    let imported = import(path).map_err(|error| CliError::failure(error.to_string()))?;
    for note in &imported.notes {
        eprintln!("note: {note}");
    }
    Ok(OwnFile {
        schema: Arc::new(imported.schema),
        file_hash: ContentHash::new(imported.file_hash),
        sample: Arc::new(imported.sample),
    })
}

/// A run that the lake holds.
pub struct RecordedRun {
    /// Its id.
    pub id: Id<RunStarted>,
    /// How it began.
    pub started: RunStarted,
    /// Its settings.
    pub settings: Settings,
    /// What happened in it.
    pub history: History,
    /// The user's file, from the sample that the lake holds.
    pub own: Option<OwnFile>,
}

impl RecordedRun {
    /// The run of this name; the newest one if none is said.
    pub fn find(lake: &Lake, name: Option<&str>) -> Result<Self, CliError> {
        let mut all = runs(lake)?;
        let names: Vec<String> = all.iter().map(|(_, it)| it.name.clone()).collect();
        if let Some(name) = name {
            all.retain(|(_, it)| it.name == name);
        }
        let Some((id, started)) = all.pop() else {
            let message = match (name, names.is_empty()) {
                (_, true) => "the lake holds no run; `antiks loop` makes one".to_owned(),
                (name, false) => format!(
                    "there is no run {}; there are {}",
                    name.unwrap_or_default(),
                    names.join(", ")
                ),
            };
            return Err(CliError::Usage(message));
        };
        let settings = Settings::from_words(&started.settings).map_err(|what| {
            CliError::failure(format!(
                "the settings of run {} are not those of a loop of this version ({}): {what}; \
                 version {} made it",
                started.name,
                env!("CARGO_PKG_VERSION"),
                started.code_version
            ))
        })?;
        let history = History::read(lake, id)?;
        let own = own_of(lake, &history)?;
        Ok(Self {
            id,
            started,
            settings,
            history,
            own,
        })
    }

    /// Its student, which must have the base that it had.
    pub fn pupil(&self, device: Device) -> Result<Pupil, CliError> {
        let pupil = pupil(&self.started.student, device)?;
        if pupil.base().id() != self.started.base_hash {
            return Err(CliError::failure(format!(
                "the base {} is not the one that run {} was made with: its hash is {}, not {}",
                self.started.student,
                self.started.name,
                pupil.base().id(),
                self.started.base_hash
            )));
        }
        Ok(pupil)
    }

    /// Its stages.
    pub fn stages<'a>(&self, sandbox: &'a Sandbox, pupil: &'a Pupil) -> Stages<'a> {
        Stages {
            sandbox,
            pupil,
            settings: self.settings.clone(),
            seed: self.started.seed.cast_unsigned(),
            run_id: self.id,
            teacher: self.started.teacher.clone(),
            own: self.own.clone(),
        }
    }

    /// A suite of the run, made again, and its hash: the frozen one must be what it was.
    pub fn suite(
        &self,
        stages: &Stages<'_>,
        name: &'static str,
        watch: &mut Watch,
    ) -> Result<(Suite, ContentHash), CliError> {
        let count = self.settings.suite_items;
        watch.begin(0, Phase::Begin, 6 * count);
        let own = self.own.as_ref();
        let recorded = match name {
            FROZEN => recorded_suite(&self.started, &self.history, count, own),
            _ => None,
        };
        let (items, hash) = match recorded {
            Some(recorded) => recorded,
            None => suite_items(stages.sandbox, stages.seed, name, count, own, watch)?,
        };
        if name == FROZEN && Some(hash) != self.started.suite_hash {
            let what = "the frozen suite that this version makes is another than the run's; use \
                        the version that made it";
            return Err(CliError::failure(what));
        }
        Ok((stages.suite(name, items), hash))
    }
}

fn own_of(lake: &Lake, history: &History) -> Result<Option<OwnFile>, CliError> {
    let mut databases = history.databases.values();
    let found = databases.find_map(|it| it.sample_blob.zip(it.file_hash));
    let Some((blob, file_hash)) = found else {
        return Ok(None);
    };
    let sample = String::from_utf8_lossy(&lake.read_blob(blob)?).into_owned();
    let schema = schema_of_sample(&sample).map_err(|error| CliError::failure(error.to_string()))?;
    Ok(Some(OwnFile {
        schema: Arc::new(schema),
        file_hash,
        sample: Arc::new(sample),
    }))
}
