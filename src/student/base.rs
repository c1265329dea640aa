//! A base: the files of a model in Hugging Face's layout, wherever they lie.
//!
//! | file | |
//! |---|---|
//! | `config.json` | needed |
//! | `tokenizer.json` | needed |
//! | `model.safetensors`, or `model.safetensors.index.json` and the files it names | needed |
//! | `generation_config.json`, `tokenizer_config.json`, `chat_template.jinja` | if there |
//!
//! **Invariant.** Two bases with the same [`Base::id`] make the same student: the id
//! covers every byte of every file above, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::chat_template::ChatTemplate;
use super::config::Config;
use super::contents::Contents;
use super::error::StudentError;
use super::generation::Generation;
use super::hub::{HubId, OnDownload};
use super::tokenizer::Tokenizer;
use super::weights::{Weights, shards};
use crate::base::canonical::write_sized;
use crate::base::id::ContentHash;
use crate::base::world::World;

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const TEMPLATE: &str = "chat_template.jinja";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

const TAG: &[u8] = b"antiks.base.v1";
const MAX_SMALL_BYTES: u64 = 16 << 20;
const MAX_TOKENIZER_BYTES: u64 = 128 << 20;

/// The files of a model.
#[derive(Debug)]
pub struct Base {
    name: String,
    place: PathBuf,
    files: BTreeMap<String, Arc<Contents>>,
    id: OnceLock<ContentHash>,
}

impl Base {
    /// Finds a base by what a user calls it: a folder, or an id on the Hugging Face hub
    /// (`owner/name`, or `owner/name@revision`). If the hub's cache has the files that a
    /// base needs, they are used as they are; otherwise all are fetched that are not there,
    /// which `progress` is told of.
    ///
    /// # Errors
    /// [`StudentError::NoSuchBase`] for a name that is neither, and the errors of
    /// [`Base::open`], [`HubId::cached`] and [`HubId::fetch`].
    pub fn find(
        name: &str,
        world: &World,
        progress: Option<OnDownload>,
    ) -> Result<Self, StudentError> {
        if let Some(here) = Self::find_here(name)? {
            return Ok(here);
        }
        let id = hub_id(name)?;
        Self::open_as(name, &id.fetch(world, progress)?)
    }

    /// As [`Base::find`], but nothing is fetched: `None` for an id that the hub's cache
    /// does not have whole.
    ///
    /// # Errors
    /// Those of [`Base::find`].
    pub fn find_here(name: &str) -> Result<Option<Self>, StudentError> {
        let folder = Path::new(name);
        if folder.is_dir() {
            return Self::open(folder).map(Some);
        }
        let Some(cached) = hub_id(name)?.cached()? else {
            return Ok(None);
        };
        match Self::open_as(name, &cached) {
            // A fetch that was broken off leaves a part.
            Err(StudentError::MissingFile { .. }) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the base in a folder. Weights are mapped, not read.
    ///
    /// # Errors
    /// [`StudentError::MissingFile`] if a needed file is not there,
    /// [`StudentError::TooLarge`] or [`StudentError::Read`] if one can't be read.
    pub fn open(folder: &Path) -> Result<Self, StudentError> {
        Self::open_as(&folder.display().to_string(), folder)
    }

    fn open_as(name: &str, folder: &Path) -> Result<Self, StudentError> {
        Self::gather(name, folder, |file| {
            let path = folder.join(file);
            if !path.is_file() {
                return Ok(None);
            }
            let contents = match file {
                TOKENIZER => Contents::read(&path, MAX_TOKENIZER_BYTES),
                small if !small.ends_with(".safetensors") => Contents::read(&path, MAX_SMALL_BYTES),
                _ => Contents::map(&path),
            };
            contents.map(Some)
        })
    }

    /// A base that is part of the program: its files by name.
    ///
    /// # Errors
    /// [`StudentError::MissingFile`] if a needed file is not there.
    pub fn embedded(name: &str, files: &[(&str, &'static [u8])]) -> Result<Self, StudentError> {
        Self::gather(name, Path::new(name), |file| {
            let found = files.iter().find(|(name, _)| *name == file);
            Ok(found.map(|(_, bytes)| Contents::Static(bytes)))
        })
    }

    fn gather(
        name: &str,
        place: &Path,
        get: impl Fn(&str) -> Result<Option<Contents>, StudentError>,
    ) -> Result<Self, StudentError> {
        let missing = |file: &str, needed| StudentError::MissingFile {
            place: place.to_owned(),
            file: file.to_owned(),
            needed,
        };
        let mut files = BTreeMap::new();
        let mut keep = |file: &str| -> Result<Option<Arc<Contents>>, StudentError> {
            let Some(contents) = get(file)? else {
                return Ok(None);
            };
            let contents = Arc::new(contents);
            files.insert(file.to_owned(), Arc::clone(&contents));
            Ok(Some(contents))
        };
        for file in [GENERATION, TOKENIZER_CONFIG, TEMPLATE] {
            keep(file)?;
        }
        const LAYOUT: &str = "a model in Hugging Face's layout: config.json, tokenizer.json and \
            model.safetensors (or model.safetensors.index.json with its files)";
        for file in [CONFIG, TOKENIZER] {
            keep(file)?.ok_or_else(|| missing(file, LAYOUT))?;
        }
        if keep(WEIGHTS)?.is_none() {
            let index = keep(INDEX)?.ok_or_else(|| missing(WEIGHTS, LAYOUT))?;
            for shard in shards(&place.join(INDEX), &index)? {
                const NAMED: &str = "every file that its model.safetensors.index.json names";
                keep(&shard)?.ok_or_else(|| missing(&shard, NAMED))?;
            }
        }
        Ok(Self {
            name: name.to_owned(),
            place: place.to_owned(),
            files,
            id: OnceLock::new(),
        })
    }

    /// What it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that its files lie in; for an embedded base its name.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The names of its files, sorted, and their bytes.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &***bytes))
    }

    /// The hash of the base. It is plain BLAKE3 over, with all lengths little-endian:
    /// the length (u32) of `antiks.base.v1` and its bytes; then for each file of the
    /// table above that the base has, in the order of the names' bytes: the length (u32)
    /// of the name, the name, the length (u64) of the contents, and plain BLAKE3 of the
    /// contents (32 bytes). The index does not count where `model.safetensors` is there.
    ///
    /// Reads everything once, on all cores, and remembers the answer.
    pub fn id(&self) -> ContentHash {
        *self.id.get_or_init(|| {
            let hashes: Vec<[u8; 32]> = self
                .files
                .par_iter()
                .map(|(_, bytes)| hash(bytes))
                .collect();
            let mut list = Vec::new();
            write_sized(TAG, &mut list);
            for ((name, bytes), hash) in self.files.iter().zip(hashes) {
                write_sized(name.as_bytes(), &mut list);
                list.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                list.extend_from_slice(&hash);
            }
            ContentHash::of(&list)
        })
    }

    /// The shape of the model.
    ///
    /// # Errors
    /// Those of [`Config::parse`].
    pub fn config(&self) -> Result<Config, StudentError> {
        Config::parse(&self.place.join(CONFIG), self.bytes(CONFIG))
    }

    /// How the base wants to be decoded; nothing if it doesn't say.
    ///
    /// # Errors
    /// Those of [`Generation::parse`].
    pub fn generation(&self, config: &Config) -> Result<Generation, StudentError> {
        match self.files.get(GENERATION) {
            Some(bytes) => {
                Generation::parse(&self.place.join(GENERATION), bytes, config.vocab_size)
            }
            None => Ok(Generation::default()),
        }
    }

    /// The ids that end an answer: those of `generation_config.json`, else those of
    /// `config.json`; may be none.
    ///
    /// # Errors
    /// Those of [`Generation::parse`].
    pub fn eos_ids(&self, config: &Config) -> Result<Vec<u32>, StudentError> {
        let generation = self.generation(config)?;
        Ok(match generation.eos_ids.is_empty() {
            true => config.eos_ids.clone(),
            false => generation.eos_ids,
        })
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// Those of [`Tokenizer::parse`].
    pub fn tokenizer(&self, config: &Config) -> Result<Tokenizer, StudentError> {
        let path = self.place.join(TOKENIZER);
        Tokenizer::parse(&path, self.bytes(TOKENIZER), config.vocab_size)
    }

    /// The chat template, if the base has one.
    ///
    /// # Errors
    /// Those of [`ChatTemplate::find`].
    pub fn chat_template(&self) -> Result<Option<ChatTemplate>, StudentError> {
        let config = self.place.join(TOKENIZER_CONFIG);
        let jinja = self.place.join(TEMPLATE);
        let file = |name: &str| self.files.get(name).map(|bytes| &***bytes);
        ChatTemplate::find(
            file(TOKENIZER_CONFIG).map(|bytes| (config.as_path(), bytes)),
            file(TEMPLATE).map(|bytes| (jinja.as_path(), bytes)),
        )
    }

    /// The weights.
    ///
    /// # Errors
    /// Those of [`Weights::open`].
    pub fn weights(&self) -> Result<Weights, StudentError> {
        let files = self.files.iter();
        let files = files.filter(|(name, _)| name.ends_with(".safetensors"));
        let files = files.map(|(name, bytes)| (self.place.join(name), Arc::clone(bytes)));
        Weights::open(&self.place, files.collect())
    }

    /// A file that is always there.
    fn bytes(&self, name: &str) -> &[u8] {
        self.files.get(name).map_or(&[], |bytes| bytes)
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update_rayon(bytes);
    *hasher.finalize().as_bytes()
}

fn hub_id(name: &str) -> Result<HubId, StudentError> {
    HubId::parse(name).ok_or_else(|| StudentError::NoSuchBase {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::weights::write_f32;
    use super::*;

    const SMALL: &str = r#"{"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 4,
        "max_position_embeddings": 16, "eos_token_id": 2}"#;
    const WORDS: &str = r#"{"version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": null, "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 3}, "unk_token": "a"}}"#;

    fn weights(name: &str) -> Vec<u8> {
        let tensors = BTreeMap::from([(name.to_owned(), ([1, 2], &[1.0, 2.0][..]))]);
        write_f32(Path::new("x"), &tensors).unwrap()
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let mut file = std::fs::File::create_new(folder.path().join(name)).unwrap();
            std::io::Write::write_all(&mut file, bytes).unwrap();
        }
        folder
    }

    fn whole(weights: &[u8]) -> [(&'static str, &[u8]); 3] {
        [
            (CONFIG, SMALL.as_bytes()),
            (TOKENIZER, WORDS.as_bytes()),
            (WEIGHTS, weights),
        ]
    }

    #[test]
    fn a_folder_and_the_same_files_in_the_program_have_one_id() {
        let weights = weights("w");
        let folder = folder(&whole(&weights));
        let base = Base::open(folder.path()).unwrap();
        let config = base.config().unwrap();
        assert_eq!(base.eos_ids(&config).unwrap(), [2]);
        let tokenizer = base.tokenizer(&config).unwrap();
        assert_eq!(tokenizer.encode("b", false).unwrap(), [3]);
        assert!(base.chat_template().unwrap().is_none());
        assert_eq!(base.weights().unwrap().names().collect::<Vec<_>>(), ["w"]);

        let bytes: &'static [u8] = weights.clone().leak();
        let files = [
            (CONFIG, SMALL.as_bytes()),
            (TOKENIZER, WORDS.as_bytes()),
            (WEIGHTS, bytes),
        ];
        let embedded = Base::embedded("nano", &files).unwrap();
        assert_eq!(embedded.id(), base.id());

        // As the documentation spells it.
        let mut list = vec![14, 0, 0, 0];
        list.extend_from_slice(b"antiks.base.v1");
        let mut files = whole(&weights);
        files.sort_unstable();
        for (name, bytes) in files {
            list.extend_from_slice(&(name.len() as u32).to_le_bytes());
            list.extend_from_slice(name.as_bytes());
            list.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            list.extend_from_slice(blake3::hash(bytes).as_bytes());
        }
        assert_eq!(base.id(), ContentHash::of(&list));
    }

    #[test]
    fn every_file_that_counts_moves_the_id_and_no_other_does() {
        let weights = weights("w");
        let plain = Base::open(folder(&whole(&weights)).path()).unwrap().id();
        let with = |name: &'static str, bytes: &'static [u8]| {
            let mut files = whole(&weights).to_vec();
            files.push((name, bytes));
            Base::open(folder(&files).path()).unwrap().id()
        };
        for name in [GENERATION, TOKENIZER_CONFIG, TEMPLATE] {
            assert_ne!(with(name, b"{}"), plain, "{name}");
        }
        for name in [
            "README.md",
            INDEX,
            "consolidated.safetensors",
            "optimizer.pt",
        ] {
            assert_eq!(with(name, b"{}"), plain, "{name}");
        }
    }

    #[test]
    fn shards_are_found_by_their_index() {
        let (one, two) = (weights("a"), weights("b"));
        let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
        let mut files = vec![
            (CONFIG, SMALL.as_bytes()),
            (TOKENIZER, WORDS.as_bytes()),
            (INDEX, &index[..]),
            ("model-1.safetensors", &one[..]),
        ];
        let message = Base::open(folder(&files).path()).unwrap_err().to_string();
        assert!(message.contains("model-2.safetensors"), "{message}");
        files.push(("model-2.safetensors", &two));
        let base = Base::open(folder(&files).path()).unwrap();
        assert_eq!(
            base.weights().unwrap().names().collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let weights = weights("w");
        for missing in 0..3 {
            let mut files = whole(&weights).to_vec();
            let (name, _) = files.remove(missing);
            let message = Base::open(folder(&files).path()).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
        let message = Base::find("no such/base", &World::system(), None)
            .unwrap_err()
            .to_string();
        assert!(message.contains("no such/base"), "{message}");
    }
}
