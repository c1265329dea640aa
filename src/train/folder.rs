//! The folder that a training writes into: what it made, and what it goes on from.
//!
//! ```text
//! adapter_config.json, adapter_model.safetensors    the adapter, in PEFT's format (LoRA)
//! model.safetensors and the base's other files      the model (full training)
//! training.json                                     how it was made, and every step
//! receipt.json                                      in its place, of a base made from nothing
//! state/<step>.safetensors, state/<step>.json       what it goes on from, until it has ended
//! lock                                              held while it runs, until it has ended
//! ```
//!
//! A state's second file holds the hash of the first and is written after it; a state
//! without it, or with another hash, is not one. The newest good state counts.
//!
//! **Invariants.**
//! - A training has ended when one of the two receipts is there: it is the last file to be written,
//!   and like every other it has its name only once it is whole and on disk.
//! - No file is ever overwritten: a state is written beside the last one, which is removed
//!   when the new one is safe.
//! - A training goes on only with the base, the recipe and the examples that it began with,
//!   and in one process at a time.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::recipe::{self, Recipe};
use super::run::{State, StepReport};
use crate::base::disk::{Disk, Linked, WriteOnce};
use crate::base::id::ContentHash;
use crate::base::lock::FileLock;
use crate::student::contents::Contents;
use crate::student::weights::{Weights, write_f32};

/// The receipt of a training, and that of a base that was made from nothing.
pub const TRAINING_RECEIPT: &str = "training.json";
/// See [`TRAINING_RECEIPT`].
pub const BASE_RECEIPT: &str = "receipt.json";
const STATES: &str = "state";
const LOCK: &str = "lock";
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

/// A training's folder, which is this process's alone.
pub struct TrainingFolder {
    path: PathBuf,
    files: WriteOnce,
    _lock: FileLock,
}

impl TrainingFolder {
    /// The folder for a new training: it is made, or is empty.
    ///
    /// # Errors
    /// [`TrainError::Exists`] if anything is there, [`TrainError::Running`] if another
    /// training has just begun there, [`TrainError::Write`] and [`TrainError::Disk`].
    pub fn create(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(TrainError::writing(path))?;
        check_empty(path)?;
        let folder = Self::lock(path, disk)?;
        // One that another training has used meanwhile is not empty any more.
        check_empty(path)?;
        folder.files.settle(path)?;
        Ok(folder)
    }

    /// The folder of a training that was begun.
    ///
    /// # Errors
    /// [`TrainError::NothingToResume`] if it has ended, or none is there, and
    /// [`TrainError::Running`] if it runs.
    pub fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, TrainError> {
        check_begun(path)?;
        let folder = Self::lock(path, disk)?;
        // It may have ended meanwhile.
        check_begun(path)?;
        Ok(folder)
    }

    fn lock(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, TrainError> {
        let name = path.join(LOCK);
        let lock = FileLock::try_take(&name).map_err(TrainError::writing(&name))?;
        let Some(lock) = lock else {
            let path = path.to_owned();
            return Err(TrainError::Running { path });
        };
        Ok(Self {
            path: path.to_owned(),
            files: WriteOnce::new(disk, path, &path.join(STATES)),
            _lock: lock,
        })
    }

    /// Keeps a state, then lets go of all others.
    ///
    /// # Errors
    /// [`TrainError::Write`] and [`TrainError::Disk`].
    pub fn save(
        &self,
        origin: &Origin,
        state: &State,
        steps: &[StepReport],
    ) -> Result<(), TrainError> {
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
        // A state of this step that was not gone on from is a broken one.
        for path in [&record, &weights] {
            remove(path)?;
        }
        let bytes = write_f32(&weights, &matrices)?;
        self.write_new(&weights, &bytes)?;
        let written = StateRecord {
            origin: origin.clone(),
            step: state.step,
            blake3: ContentHash::of(&bytes),
            steps: steps.to_vec(),
        };
        self.write_new(&record, &to_json(&record, &written)?)?;
        self.remove_states_but(&[weights, record])
    }

    /// Removes what else is among the states, also what dead processes left half done.
    fn remove_states_but(&self, kept: &[PathBuf]) -> Result<(), TrainError> {
        let folder = self.path.join(STATES);
        let entries = fs::read_dir(&folder).map_err(TrainError::reading(&folder))?;
        for entry in entries {
            let path = entry.map_err(TrainError::reading(&folder))?.path();
            if !kept.contains(&path) {
                remove(&path)?;
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
            let what = difference(&record.origin, origin);
            if let Some(what) =
                what.map_err(|error| TrainError::reading(&self.path)(error.into()))?
            {
                return Err(TrainError::OtherOrigin {
                    path: self.path.clone(),
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
            path: self.path.clone(),
            why: "it has no whole state; remove the folder and begin anew",
        })
    }

    /// Writes a file of the result.
    ///
    /// # Errors
    /// [`TrainError::Write`] and [`TrainError::Disk`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        // A run that died before it had ended may have left one, of another machine.
        remove(&path)?;
        self.write_new(&path, bytes)
    }

    /// Writes the receipt (one of the two names above), with which the training has ended:
    /// what it could go on from is removed.
    ///
    /// # Errors
    /// [`TrainError::Write`] and [`TrainError::Disk`].
    pub fn finish(self, name: &str, receipt: &impl Serialize) -> Result<(), TrainError> {
        let path = self.path.join(name);
        self.write_new(&path, &to_json(&path, receipt)?)?;
        let states = self.path.join(STATES);
        fs::remove_dir_all(&states).map_err(TrainError::writing(&states))?;
        remove(&self.path.join(LOCK))
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
        match self.files.write(path, bytes)? {
            Linked::New => Ok(()),
            Linked::Taken => Err(TrainError::writing(path)(ErrorKind::AlreadyExists.into())),
        }
    }

    /// Steps of which there is a state.
    fn states(&self) -> Result<Vec<usize>, TrainError> {
        let folder = self.path.join(STATES);
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
        let folder = self.path.join(STATES);
        [
            folder.join(format!("{step}.safetensors")),
            folder.join(format!("{step}.json")),
        ]
    }
}

/// Refuses a folder that holds more than the lock of a training that kept no state.
fn check_empty(path: &Path) -> Result<(), TrainError> {
    for entry in fs::read_dir(path).map_err(TrainError::reading(path))? {
        if entry.map_err(TrainError::reading(path))?.file_name() != LOCK {
            return Err(TrainError::Exists {
                path: path.to_owned(),
            });
        }
    }
    Ok(())
}

/// Refuses a folder without a training that can go on.
fn check_begun(path: &Path) -> Result<(), TrainError> {
    let mut receipts = [TRAINING_RECEIPT, BASE_RECEIPT].into_iter();
    let has_ended = receipts.any(|name| path.join(name).exists());
    let why = match (has_ended, path.join(STATES).is_dir()) {
        (false, true) => return Ok(()),
        (true, _) => "the training there has ended",
        (false, false) => "no training was begun there",
    };
    Err(TrainError::NothingToResume {
        path: path.to_owned(),
        why,
    })
}

/// What differs between the training that is there and the one that is to go on.
fn difference(there: &Origin, here: &Origin) -> serde_json::Result<Option<String>> {
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
        return Ok(Some(format!("{name} is another")));
    }
    let there = serde_json::to_value(&there.recipe)?;
    let here = serde_json::to_value(&here.recipe)?;
    let fields = there.as_object().into_iter().flatten();
    let differing = fields.filter(|(name, was)| here[*name] != **was);
    let named = differing
        .map(|(name, was)| format!("{} was {was} and is {}", recipe::flag(name), here[name]));
    let all: Vec<String> = named.collect();
    Ok((!all.is_empty()).then(|| all.join(", ")))
}

fn to_json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, TrainError> {
    let json = serde_json::to_vec_pretty(value);
    let mut bytes = json.map_err(|error| TrainError::writing(path)(error.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(TrainError::writing(path)(error)),
        _ => Ok(()),
    }
}
