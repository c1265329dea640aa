//! What a run is begun with, and whether a run of its name is the same.

use super::asked::OwnFile;
use super::history::runs;
use super::pupil::Pupil;
use super::report::RoundError;
use super::settings::Settings;
use super::tutor::Means;
use crate::base::id::Id;
use crate::event::run_started::RunStarted;
use crate::lake::Lake;
use crate::query::Query;
use crate::sandbox::Sandbox;

/// What a run is begun with.
pub struct Beginning<'a> {
    /// Its name.
    pub name: String,
    /// Where chance comes from.
    pub seed: u64,
    /// Who asks.
    pub teacher: String,
    /// What the student is called.
    pub student: String,
    /// The settings.
    pub settings: Settings,
    /// What the chat teacher is asked with, if it is to be asked.
    pub means: Option<Means>,
    /// The user's file.
    pub own: Option<OwnFile>,
    /// The run and the iteration that it leaves another run at.
    pub parent: Option<(Id<RunStarted>, u32)>,
    /// Where SQL runs.
    pub sandbox: &'a Sandbox,
    /// The student.
    pub pupil: &'a Pupil,
    /// How training sets are selected.
    pub selection: Query,
}

/// Refuses to go on with a run of this name that was begun otherwise.
///
/// # Errors
/// What differs, and what the lake says.
pub fn refuse_another(lake: &Lake, started: &RunStarted) -> Result<(), RoundError> {
    let recorded = runs(lake)?
        .into_iter()
        .find(|(_, it)| it.name == started.name);
    let Some((_, recorded)) = recorded else {
        return Ok(());
    };
    if recorded == *started {
        return Ok(());
    }
    let mut differences = Vec::new();
    let mut note = |name: &str, here: String, there: String| {
        if here != there {
            differences.push(format!("{name} is {there} there and {here} here"));
        }
    };
    note("seed", started.seed.to_string(), recorded.seed.to_string());
    note("teacher", started.teacher.clone(), recorded.teacher.clone());
    note("student", started.student.clone(), recorded.student.clone());
    let version = |it: &RunStarted| it.code_version.clone();
    note("the version", version(started), version(&recorded));
    let value = |of: &RunStarted, name: &str| {
        let mut settings = of.settings.iter();
        let found = settings.find(|it| it.name == name);
        found.map_or_else(|| "nothing".to_owned(), |it| it.value.clone())
    };
    let mut names: Vec<&str> = started
        .settings
        .iter()
        .chain(&recorded.settings)
        .map(|it| it.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        note(name, value(started, name), value(&recorded, name));
    }
    if started.base_hash != recorded.base_hash {
        differences.push("the student's base is another".to_owned());
    }
    if started.parent_run_id != recorded.parent_run_id {
        differences.push("one of the two is a fork of another run".to_owned());
    }
    if differences.is_empty() {
        differences.push("the suite is another".to_owned());
    }
    Err(RoundError::Refused(format!(
        "the lake has a run {} with other settings: {}. Use the same settings to go on with \
         it, or --run NAME to begin another run",
        started.name,
        differences.join("; ")
    )))
}
