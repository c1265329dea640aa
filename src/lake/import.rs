//! Events given as NDJSON: for tests, benches and migration.
//!
//! One event a line: `{"kind": …, "iteration": …, "body": {…}}`, with `recorded_at`
//! (µs), `host`, `duration_us` and `cost_microusd` if they are known. `"label": "g1"`
//! names the event within the file. In a body, `{"$ref": "g1"}` stands for that event's
//! id, `{"$blob": "text"}` adds a blob and stands for its hash, and `{"$hash": "text"}`
//! stands for the hash of the text.
//!
//! **Invariant.** A file is one commit, whole or not at all. A file whose events are
//! all in the lake already is not an error: it was imported before.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value as Json;

use super::writer::{Draft, Writer};
use super::{Entry, LakeError};
use crate::base::id::{ContentHash, to_hex};
use crate::event::{KINDS, Observed, Time, find_kind};

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is not an event.
    #[error("line {line}: {what}")]
    Line {
        /// The line, from 1 on.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Some events of the file are in the lake already and some are not.
    #[error(
        "line {line}: this event is in the lake or in the file already, but not all others are; \
         nothing was imported"
    )]
    Mixed {
        /// The line of the first one that is, or is not.
        line: u64,
    },
    /// The file could not be read.
    #[error("reading the file: {0}")]
    Read(#[from] std::io::Error),
    /// The lake could not take the events.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// What became of a file.
#[derive(Debug)]
pub enum Imported {
    /// Its events are in this new commit.
    Now(Box<Entry>),
    /// All of its events were in the lake before.
    Before {
        /// How many they are.
        events: u64,
    },
    /// It holds no event.
    Empty,
}

/// The times that have a date with four digits for the year.
const WRITABLE_TIMES_US: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    iteration: u32,
    label: Option<String>,
    recorded_at: Option<i64>,
    host: Option<String>,
    duration_us: Option<i64>,
    cost_microusd: Option<i64>,
    body: Json,
}

/// Appends the events in `lines` as one commit.
pub fn import(
    writer: &mut Writer,
    lines: impl BufRead,
    note: impl Into<String>,
) -> Result<Imported, ImportError> {
    let world = writer.world().clone();
    let mut draft = writer.begin(note);
    let mut labels = HashMap::new();
    let mut before = 0;
    for (line, text) in (1u64..).zip(lines.lines()) {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |what: String| ImportError::Line { line, what };
        let parsed: Line = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let Some(kind) = find_kind(&parsed.kind) else {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
            let what = format!("no kind {:?}; there are {}", parsed.kind, names.join(", "));
            return Err(wrong(what));
        };
        let mut body = parsed.body;
        resolve(&mut body, &labels, &mut draft).map_err(|error| match error {
            Unresolved::Lake(error) => error.into(),
            Unresolved::What(what) => wrong(what),
        })?;
        if let Some(time) = parsed.recorded_at
            && !WRITABLE_TIMES_US.contains(&time)
        {
            return Err(wrong(format!(
                "recorded_at: {time} µs is not in the years 1 to 9999"
            )));
        }
        let now = Observed::now(&world);
        let observed = Observed {
            recorded_at: parsed.recorded_at.map_or(now.recorded_at, Time),
            host: parsed.host.unwrap_or(now.host),
            duration_us: parsed.duration_us,
            cost_microusd: parsed.cost_microusd,
        };
        let event = kind
            .parse(parsed.iteration, body, observed)
            .map_err(|what| wrong(format!("{}: {what}", kind.name())))?;
        let id = match draft.append_any(event.as_ref()) {
            Ok(id) => id,
            Err(LakeError::AlreadyRecorded { id, .. }) => {
                before += 1;
                id
            }
            Err(error @ LakeError::UnknownReference { .. }) => {
                return Err(wrong(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        if before > 0 && draft.len_events() > 0 {
            return Err(ImportError::Mixed { line });
        }
        if let Some(label) = parsed.label
            && labels.insert(label.clone(), id).is_some()
        {
            return Err(wrong(format!("the label {label:?} was given before")));
        }
    }
    match (draft.len_events(), before) {
        (0, 0) => Ok(Imported::Empty),
        (0, events) => Ok(Imported::Before { events }),
        _ => Ok(Imported::Now(Box::new(draft.commit()?))),
    }
}

/// Why a stand-in has no hash.
enum Unresolved {
    /// The file is wrong.
    What(String),
    /// The lake could not take a blob.
    Lake(LakeError),
}

/// Puts hashes in the place of `$ref`, `$blob` and `$hash`.
fn resolve(
    value: &mut Json,
    labels: &HashMap<String, [u8; 32]>,
    draft: &mut Draft<'_>,
) -> Result<(), Unresolved> {
    match value {
        Json::Array(values) => values
            .iter_mut()
            .try_for_each(|value| resolve(value, labels, draft)),
        Json::Object(fields) => {
            let stand_in = match fields.iter().next() {
                Some((name, Json::String(text))) if fields.len() == 1 && name.starts_with('$') => {
                    Some((name.clone(), text.clone()))
                }
                _ => None,
            };
            let Some((name, text)) = stand_in else {
                return fields
                    .values_mut()
                    .try_for_each(|value| resolve(value, labels, draft));
            };
            let hex = match name.as_str() {
                "$ref" => labels.get(&text).map(to_hex).ok_or_else(|| {
                    Unresolved::What(format!("no line before has the label {text:?}"))
                })?,
                "$blob" => draft
                    .blob(text.as_bytes())
                    .map_err(Unresolved::Lake)?
                    .to_string(),
                "$hash" => ContentHash::of(text.as_bytes()).to_string(),
                other => {
                    let what = format!("{other} is not $ref, $blob or $hash");
                    return Err(Unresolved::What(what));
                }
            };
            *value = Json::String(hex);
            Ok(())
        }
        _ => Ok(()),
    }
}
