//! The folder that a training writes into: what it made, and what it goes on from.
//!
//! ```text
//! adapter_config.json, adapter_model.safetensors    the adapter, in PEFT's format (LoRA)
//! model.safetensors and the base's other files      the model (full training)
//! training.json                                     how it was made, and every step
//! state/<step>.safetensors, state/<step>.json       what it goes on from
//! ```
//!
//! A state's second file holds the hash of the first and is written after it; a state
//! without it, or with another hash, is not one. The newest good state counts.
//!
//! **Invariants.** No file is ever overwritten: a state is written beside the last one,
//! which is removed when the new one is safe. A training goes on only with the base, the
//! recipe and the examples that it began with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::recipe::Recipe;
use super::run::{State, StepReport};
use crate::base::id::ContentHash;
use crate::student::contents::Contents;
use crate::student::weights::{Weights, write_f32};

const RECEIPT: &str = "training.json";
const STATES: &str = "state";
const MAX_RECORD_BYTES: u64 = 1 << 30;

/// What a training's result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The hash over the base's files.
    pub base: ContentHash,
    /// The hash of the adapter's weights that it started from, if not from a new one.
    pub parent: Option<ContentHash>,
    /// The hash of the ids of all examples, in order.
    pub examples: ContentHash,
    /// How it is done.
    pub recipe: Recipe,
    /// `cpu` or `cuda`.
    pub device: String,
}

/// `training.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What it depends on.
    pub origin: Origin,
    /// The class of machine on which it ends.
    pub host: String,
    /// The version of antiks.
    pub version: String,
    /// Examples that were trained on.
    pub examples: usize,
    /// Examples that were left out because they are too long.
    pub too_long: usize,
    /// The hash of the weights that it made.
    pub weights: ContentHash,
    /// Every step.
    pub steps: Vec<StepReport>,
}

#[derive(Serialize, Deserialize)]
struct StateRecord {
    origin: Origin,
    step: usize,
    blake3: ContentHash,
    steps: Vec<StepReport>,
}

/// A training's folder.
#[derive(Clone, Debug)]
pub struct TrainingFolder(PathBuf);

impl TrainingFolder {
    /// The folder for a new training: it is made, or is empty.
    ///
    /// # Errors
    /// [`TrainError::Exists`] if a training is or was there, and [`TrainError::Write`].
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(TrainError::writing(path))?;
        let mut entries = fs::read_dir(path).map_err(TrainError::reading(path))?;
        match entries.next() {
            None => Ok(Self(path.to_owned())),
            Some(_) => Err(TrainError::Exists {
                path: path.to_owned(),
            }),
        }
    }

    /// The folder of a training that was begun.
    ///
    /// # Errors
    /// [`TrainError::NothingToResume`] if it has ended, or none is there.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self(path.to_owned());
        let why = match (path.join(RECEIPT).exists(), path.join(STATES).is_dir()) {
            (false, true) => return Ok(folder),
            (true, _) => "the training there has ended",
            (false, false) => "no training was begun there",
        };
        Err(TrainError::NothingToResume {
            path: path.to_owned(),
            why,
        })
    }

    /// Keeps a state, then lets go of those before it.
    ///
    /// # Errors
    /// [`TrainError::Write`].
    pub fn save(
        &self,
        origin: &Origin,
        state: &State,
        steps: &[StepReport],
    ) -> Result<(), TrainError> {
        let folder = self.0.join(STATES);
        fs::create_dir_all(&folder).map_err(TrainError::writing(&folder))?;
        let before = self.states()?;
        if before.contains(&state.step) {
            return Ok(());
        }
        let host = |tensor: &Tensor| tensor.to_device(&Device::Cpu)?.to_vec1::<f32>();
        let vectors = [
            ("first_moment", host(&state.first_moment)?),
            ("parameters", host(&state.parameters)?),
            ("second_moment", host(&state.second_moment)?),
        ];
        let matrices: BTreeMap<String, _> = vectors
            .iter()
            .map(|(name, values)| ((*name).to_owned(), ([1, values.len()], values.as_slice())))
            .collect();
        let [weights, record] = self.state_files(state.step);
        // A torn state of a run that died here may be in the way.
        for path in [&weights, &record] {
            remove(path)?;
        }
        let bytes = write_f32(&weights, &matrices)?;
        write_new(&weights, &bytes)?;
        let written = StateRecord {
            origin: origin.clone(),
            step: state.step,
            blake3: ContentHash::of(&bytes),
            steps: steps.to_vec(),
        };
        write_new(&record, &to_json(&written))?;
        sync_folder(&folder)?;
        for step in before {
            for path in self.state_files(step).iter().rev() {
                remove(path)?;
            }
        }
        Ok(())
    }

    /// The newest good state for a training of this origin, with its steps so far.
    ///
    /// # Errors
    /// [`TrainError::OtherOrigin`] if the training there is another one, and
    /// [`TrainError::NothingToResume`] if no state is good.
    pub fn newest(
        &self,
        origin: &Origin,
        device: &Device,
    ) -> Result<(State, Vec<StepReport>), TrainError> {
        let mut steps = self.states()?;
        steps.sort_unstable();
        for step in steps.into_iter().rev() {
            let [weights, record] = self.state_files(step);
            let Ok(text) = Contents::read(&record, MAX_RECORD_BYTES) else {
                continue;
            };
            let Ok(record) = serde_json::from_slice::<StateRecord>(&text) else {
                continue;
            };
            let Ok(bytes) = Contents::map(&weights) else {
                continue;
            };
            if ContentHash::of(&bytes) != record.blake3 || record.step != step {
                continue;
            }
            if let Some(what) = difference(&record.origin, origin) {
                return Err(TrainError::OtherOrigin {
                    path: self.0.clone(),
                    what,
                });
            }
            let file = Weights::open(&weights, vec![(weights.clone(), Arc::new(bytes))])?;
            let vector = |name: &str| {
                let len = file.shape(name).map_or(0, |shape| shape.iter().product());
                let mut values = vec![0f32; len];
                file.read_f32(name, &[1, len], &mut values)?;
                Ok::<_, TrainError>(Tensor::from_vec(values, len, device)?)
            };
            let state = State {
                step,
                parameters: vector("parameters")?,
                first_moment: vector("first_moment")?,
                second_moment: vector("second_moment")?,
            };
            return Ok((state, record.steps));
        }
        Err(TrainError::NothingToResume {
            path: self.0.clone(),
            why: "it has no whole state; remove the folder and begin anew",
        })
    }

    /// Writes a file of the result.
    ///
    /// # Errors
    /// [`TrainError::Write`], also if the file is there.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.0.join(name);
        // A run that died while it wrote its result left a part of it.
        if !self.0.join(RECEIPT).exists() {
            remove(&path)?;
        }
        write_new(&path, bytes)
    }

    /// Writes the receipt, with which the training has ended.
    ///
    /// # Errors
    /// [`TrainError::Write`].
    pub fn finish(&self, receipt: &Receipt) -> Result<(), TrainError> {
        write_new(&self.0.join(RECEIPT), &to_json(receipt))?;
        sync_folder(&self.0)
    }

    /// Steps of which there is a state.
    fn states(&self) -> Result<Vec<usize>, TrainError> {
        let folder = self.0.join(STATES);
        let entries = fs::read_dir(&folder).map_err(TrainError::reading(&folder))?;
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry.map_err(TrainError::reading(&folder))?.file_name();
            let step = name.to_str().and_then(|name| name.strip_suffix(".json"));
            steps.extend(step.and_then(|step| step.parse::<usize>().ok()));
        }
        Ok(steps)
    }

    fn state_files(&self, step: usize) -> [PathBuf; 2] {
        let folder = self.0.join(STATES);
        [
            folder.join(format!("{step}.safetensors")),
            folder.join(format!("{step}.json")),
        ]
    }
}

/// What differs between the training that is there and the one that is to go on.
fn difference(there: &Origin, here: &Origin) -> Option<String> {
    let sides = [
        ("the base", there.base != here.base),
        (
            "the adapter that it started from",
            there.parent != here.parent,
        ),
        ("the examples", there.examples != here.examples),
        ("the device", there.device != here.device),
    ];
    if let Some((name, _)) = sides.into_iter().find(|(_, differs)| *differs) {
        return Some(format!("{name} is another"));
    }
    let (there, here) = (json_of(&there.recipe), json_of(&here.recipe));
    let names = there.as_object()?.keys();
    let named = names
        .filter(|name| there[*name] != here[*name])
        .map(|name| format!("{name} was {} and is {}", there[name], here[name]));
    let all: Vec<String> = named.collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn json_of<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = File::create_new(path).map_err(TrainError::writing(path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(TrainError::writing(path))
}

fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(TrainError::writing(path)(error)),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<(), TrainError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(TrainError::writing(path))
}
