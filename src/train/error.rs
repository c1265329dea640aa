//! What can go wrong with training, by what the caller should do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::disk::WriteError;
use crate::student::error::StudentError;

/// Why a student could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The base, its tokenizer or an operation failed.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// An operation on tensors failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A file of examples can't be read.
    #[error("reading {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Lines of a file of examples are no examples.
    #[error(
        "{count} of the lines of {path} {} no {}:\n{}\nmend them or take them out; antiks train can skip them with --skip-bad-lines",
        if *.count == 1 { "is" } else { "are" },
        if *.count == 1 { "example" } else { "examples" },
        .first.join("\n")
    )]
    BadLines {
        /// The file.
        path: PathBuf,
        /// How many lines.
        count: u64,
        /// The first of them, each as `file:line: why`.
        first: Vec<String>,
    },
    /// A file has nothing to train on.
    #[error(
        "{path} has no examples; give one JSON object a line, such as \
         {{\"messages\": [{{\"role\": \"user\", \"content\": \"…\"}}, {{\"role\": \"assistant\", \"content\": \"…\"}}]}}"
    )]
    NoExamples {
        /// The file.
        path: PathBuf,
    },
    /// No example is short enough.
    #[error("all examples of {path} have more than {max_tokens} tokens; raise --max-tokens")]
    AllTooLong {
        /// The file.
        path: PathBuf,
        /// The most that was allowed.
        max_tokens: usize,
    },
    /// A number of the recipe with which nothing could be trained.
    #[error("{flag} {what}")]
    Recipe {
        /// The flag that gives the number.
        flag: String,
        /// What it must be.
        what: &'static str,
    },
    /// A file of a training can't be brought to disk.
    #[error(transparent)]
    Disk(#[from] WriteError),
    /// A training's folder can't be changed.
    #[error("writing {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Somebody trains in the folder.
    #[error("another training runs in {path}; wait for it, or give another folder")]
    Running {
        /// The folder.
        path: PathBuf,
    },
    /// The folder for a new training is not empty.
    #[error("{path} is not empty; give a new folder, or go on with the training in it by --resume")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// There is no training to go on with.
    #[error("there is nothing to resume in {path}: {why}")]
    NothingToResume {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The training in a folder is not the one that is to go on.
    #[error(
        "the training in {path} is another one: {what}; give what it began with, or a new folder"
    )]
    OtherOrigin {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}

impl TrainError {
    /// For `map_err` on reads of `path`.
    pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// For `map_err` on writes of `path`.
    pub fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}
