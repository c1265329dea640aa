//! Bases on the Hugging Face hub: the cache first, the network if need be.
//!
//! The hub's client honours HF_HOME, HF_HUB_CACHE, HF_TOKEN and HF_ENDPOINT by itself;
//! HF_HUB_OFFLINE it does not know, so that is done here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hf_hub::HFClient;
use hf_hub::progress::{DownloadEvent, Progress, ProgressEvent, ProgressHandler};

use super::error::StudentError;
use crate::base::world::World;

/// What a base may consist of; anything else in its repository stays there.
const WANTED: [&str; 4] = ["*.json", "*.jinja", "*.safetensors", "tokenizer.model"];
/// Weights in a second format, and other folders such as `original/` and `onnx/`.
const UNWANTED: [&str; 2] = ["consolidated*.safetensors", "*/*"];
const MAX_ID_BYTES: usize = 200;

/// Called while files come: bytes that are here, and bytes in all.
pub type OnDownload = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// A repository on the hub: `owner/name`, or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId {
    owner: String,
    name: String,
    revision: Option<String>,
}

impl HubId {
    /// The id that `text` spells, if it spells one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        let (owner, name) = id.split_once('/')?;
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.len() <= MAX_ID_BYTES
                && !part.contains("..")
                && part
                    .chars()
                    .all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
        };
        let is_id = is_part(owner) && is_part(name) && revision.is_none_or(is_part);
        is_id.then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// The folder in which the cache has this base; `None` if it has none. Whether all
    /// files are there is not asked.
    ///
    /// # Errors
    /// [`StudentError::Hub`] if the client can't be made.
    pub fn cached(&self) -> Result<Option<PathBuf>, StudentError> {
        Ok(self.snapshot(true, None)?.ok())
    }

    /// Fetches what is not in the cache yet; gives the folder.
    ///
    /// # Errors
    /// [`StudentError::NotCached`] if HF_HUB_OFFLINE is set, [`StudentError::Hub`] if the
    /// hub refuses or can't be reached.
    pub fn fetch(
        &self,
        world: &World,
        progress: Option<OnDownload>,
    ) -> Result<PathBuf, StudentError> {
        if is_offline(world) {
            return Err(StudentError::NotCached {
                id: self.to_string(),
            });
        }
        let progress = progress.map(|on_download| {
            Progress::new(Reporter {
                on_download,
                state: Mutex::default(),
            })
        });
        self.snapshot(false, progress)?
            .map_err(|error| self.refused(&error))
    }

    fn snapshot(
        &self,
        local_files_only: bool,
        progress: Option<Progress>,
    ) -> Result<Result<PathBuf, hf_hub::HFError>, StudentError> {
        let client = HFClient::builder().build_sync();
        let client = client.map_err(|error| self.refused(&error))?;
        let repository = client.model(self.owner.as_str(), self.name.as_str());
        let snapshot = repository
            .snapshot_download()
            .maybe_revision(self.revision.clone())
            .allow_patterns(WANTED.map(str::to_owned).to_vec())
            .ignore_patterns(UNWANTED.map(str::to_owned).to_vec())
            .local_files_only(local_files_only)
            .maybe_progress(progress)
            .send();
        Ok(snapshot)
    }

    fn refused(&self, error: &hf_hub::HFError) -> StudentError {
        StudentError::Hub {
            id: self.to_string(),
            what: error.to_string(),
        }
    }
}

impl std::fmt::Display for HubId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// As huggingface_hub reads it.
fn is_offline(world: &World) -> bool {
    world
        .variable("HF_HUB_OFFLINE")
        .is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str()))
}

/// Sums up what the client reports: files that come by plain HTTP report one by one,
/// those that come by its chunk store all together.
struct Reporter {
    on_download: OnDownload,
    state: Mutex<Downloaded>,
}

#[derive(Default)]
struct Downloaded {
    files: BTreeMap<String, u64>,
    together: u64,
    total: u64,
}

impl ProgressHandler for Reporter {
    fn on_progress(&self, event: &ProgressEvent) {
        let ProgressEvent::Download(event) = event else {
            return;
        };
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        match event {
            DownloadEvent::Start { total_bytes, .. } => state.total = *total_bytes,
            DownloadEvent::Progress { files } => {
                for file in files {
                    state
                        .files
                        .insert(file.filename.clone(), file.bytes_completed);
                }
            }
            DownloadEvent::AggregateProgress {
                bytes_completed, ..
            } => {
                state.together = *bytes_completed;
            }
            DownloadEvent::Complete => state.together = state.total,
        }
        let one_by_one: u64 = state.files.values().sum();
        let done = one_by_one.max(state.together).min(state.total);
        (self.on_download)(done, state.total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_paths() {
        for id in [
            "mistralai/Mistral-7B-Instruct-v0.2",
            "a/b@main",
            "o-1/n_2.x@0123abcd",
        ] {
            assert_eq!(HubId::parse(id).unwrap().to_string(), id);
        }
        for path in [
            "", "nano", "./a/b", "../a", "a/../b", "/a/b", "a/b/c", "a/", "/b", "a b/c", "a/b@",
        ] {
            assert_eq!(HubId::parse(path), None, "{path}");
        }
    }
}
