//! Every way in which a base, a tokenizer, a template or an adapter can be wrong.
//!
//! **Invariant.** Each message names the file and says what to do, so that it can stand
//! alone in front of a user.

use std::io;
use std::path::{Path, PathBuf};

/// Why a student could not be made from its files, or could not run.
#[derive(Debug, thiserror::Error)]
pub enum StudentError {
    /// A name that is neither a folder nor an id on the Hugging Face hub.
    #[error(
        "{name}: there is no such folder, and it is no Hugging Face id such as \
         mistralai/Mistral-7B-Instruct-v0.2; give one of the two"
    )]
    NoSuchBase {
        /// What was given.
        name: String,
    },
    /// The base is not in the Hugging Face cache, and the network may not be asked.
    #[error(
        "{id} is not whole in the Hugging Face cache, and HF_HUB_OFFLINE forbids to fetch it; \
         unset it, or give a folder with the base's files"
    )]
    NotCached {
        /// The base's id.
        id: String,
    },
    /// The Hugging Face hub could not be asked, or refused.
    #[error(
        "fetching {id} from the Hugging Face hub: {what}; check the id, the network and, for a \
         gated base, that HF_TOKEN is set; or give a folder with the base's files"
    )]
    Hub {
        /// The base's id.
        id: String,
        /// What the hub's client said.
        what: String,
    },
    /// A file that must be there is not.
    #[error("{place} has no {file}; a base needs {needed}")]
    MissingFile {
        /// The folder, or the name of an embedded base.
        place: PathBuf,
        /// The file.
        file: String,
        /// What is needed in its place.
        needed: &'static str,
    },
    /// The file system refused to read.
    #[error("reading {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A file is larger than one of its kind may be.
    #[error("{path} has {len_bytes} bytes, more than the {max_bytes} that such a file may have")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        len_bytes: u64,
        /// The most that is read.
        max_bytes: u64,
    },
    /// A file is not the JSON that it must be.
    #[error("{path} is not the JSON that it must be: {what}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        what: String,
    },
    /// A key of a configuration has a value that can't be.
    #[error("{path}: {key} {what}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// A configuration asks for something that antiks does not do.
    #[error("{path}: {key} = {value} is not supported; {hint}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is supported, or what to do.
        hint: &'static str,
    },
    /// A file is no safetensors file, or a broken one.
    #[error("{path} is not a whole safetensors file: {what}; fetch or copy it again")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A tensor is in none of the files.
    #[error(
        "{path} has no tensor {name}; these weights are not of the model that the configuration describes"
    )]
    MissingTensor {
        /// The file, or the folder of the files.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor is not what was expected.
    #[error("{path}: the tensor {name} {what}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file is no tokenizer, or one that the model can't use.
    #[error("{path} is not a usable tokenizer: {what}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The tokenizer failed on a text or on ids.
    #[error("the tokenizer {path} failed: {what}")]
    Tokenize {
        /// The tokenizer's file.
        path: PathBuf,
        /// What it said.
        what: String,
    },
    /// A base has no chat template.
    #[error(
        "the base has no chat template (neither chat_template.jinja nor a chat_template in \
         tokenizer_config.json), so it takes no chats; give {{\"prompt\", \"completion\"}} texts, \
         or put a chat_template.jinja into its folder"
    )]
    NoTemplate,
    /// A chat template can't be read, or refuses a chat.
    #[error("the chat template in {path}: {what}")]
    Template {
        /// The file with the template.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A chat template from which no training example can be cut.
    #[error(
        "the chat template in {path} can't be trained with: {what}; give the base a \
         chat_template.jinja that renders a chat as its beginning followed by the last answer"
    )]
    NotTrainable {
        /// The file with the template.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A prompt and its completion that don't keep their tokens apart.
    #[error("{what}; end the prompt or begin the completion at a space or a new line")]
    Boundary {
        /// What was found.
        what: String,
    },
    /// An operation on tensors failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// For `map_err` on reads of `path`.
pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> StudentError {
    let path = path.to_owned();
    move |source| StudentError::Read { path, source }
}

/// For `map_err` on JSON of `path`.
pub fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> StudentError {
    let path = path.to_owned();
    move |error| StudentError::Json {
        path,
        what: error.to_string(),
    }
}

/// What is wrong with a tensor of `path`.
pub fn tensor(path: &Path, name: &str, what: impl Into<String>) -> StudentError {
    StudentError::Tensor {
        path: path.to_owned(),
        name: name.to_owned(),
        what: what.into(),
    }
}
