//! From a plan to a base in Hugging Face's layout, with the receipt of its making.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use super::corpus::{Corpus, Counts, Ledger};
use super::document::Document;
use super::reader::Reader;
use super::shape::{FirstWeights, Shape};
use super::vocabulary;
use super::withheld::WITHHELD;
use crate::base::canonical::write_sized;
use crate::base::id::ContentHash;
use crate::student::config::Config;
use crate::student::error::StudentError;
use crate::student::model::Model;
use crate::student::tokenizer::Tokenizer;
use crate::train::batch;
use crate::train::example::TokenExample;
use crate::train::recipe::{Method, Recipe};
use crate::train::run::{State, StepReport, Training};
use crate::train::schedule::Schedule;

/// Turns that the tokenizer is learned from.
const VOCABULARY_TURNS: usize = 40_000;

/// Everything that a base depends on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where chance comes from.
    pub seed: u64,
    /// Turns of the corpus.
    pub turns: usize,
    /// How large it is.
    pub shape: Shape,
    /// How it is trained.
    pub recipe: Recipe,
}

impl Plan {
    /// A plan of so many turns, each read once.
    pub fn new(seed: u64, turns: usize) -> Self {
        let shape = Shape::default();
        let recipe = Recipe {
            method: Method::Full,
            learning_rate: 2e-3,
            schedule: Schedule::Cosine,
            warmup_ratio: 0.02,
            adam_beta2: 0.95,
            weight_decay: 0.05,
            epochs: 1,
            micro_batch: 80,
            accumulation: 1,
            max_tokens: shape.max_tokens,
            seed,
            ..Recipe::default()
        };
        Self {
            seed,
            turns,
            shape,
            recipe,
        }
    }
}

/// Why no base was made.
#[derive(Debug, Error)]
pub enum PretrainError {
    /// The tokenizer could not be learned.
    #[error("the tokenizer can't be learned: {0}")]
    Vocabulary(String),
    /// The student refuses what was made for it.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// What the device says.
    #[error(transparent)]
    Device(#[from] candle_core::Error),
}

/// The files of a base that need no training, and its corpus as tokens.
pub struct Prepared {
    /// Name and content of each file but the weights.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// The configuration.
    pub config: Config,
    /// The corpus.
    pub examples: Vec<TokenExample>,
    /// What is known of it.
    pub record: CorpusRecord,
}

impl Prepared {
    /// The hash over the files that are known before the training.
    pub fn id(&self) -> ContentHash {
        let mut bytes = Vec::new();
        for (name, content) in &self.files {
            write_sized(name.as_bytes(), &mut bytes);
            write_sized(content, &mut bytes);
        }
        ContentHash::of(&bytes)
    }
}

/// The corpus in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusRecord {
    /// Its seed.
    pub seed: u64,
    /// The hash of its documents in their order.
    pub blake3: ContentHash,
    /// Documents.
    pub documents: usize,
    /// Their turns by kind.
    pub turns: BTreeMap<String, usize>,
    /// Turns that are left out because the model does not read so far.
    pub too_long: usize,
    /// Bytes of text.
    pub bytes: usize,
    /// Tokens that are read.
    pub tokens: usize,
    /// Tokens that are learned.
    pub loss_tokens: usize,
    /// The hash of the ids of the examples, in order.
    pub examples: ContentHash,
}

/// Makes the corpus and the tokenizer, and reads the one with the other.
///
/// # Errors
/// [`PretrainError::Vocabulary`], and what the student says of its own files.
pub fn prepare(plan: &Plan, mut on_progress: impl FnMut(usize)) -> Result<Prepared, PretrainError> {
    let corpus = Corpus::new(plan.seed);
    let mut ledger = Ledger::default();
    let mut files = written(&plan.shape);
    let tokenizer = learn(&corpus, plan)?;
    files.push(("tokenizer.json", tokenizer.into_bytes()));
    let file = |name: &str| -> &[u8] {
        let found = files.iter().find(|it| it.0 == name);
        found.map_or(&[], |it| it.1.as_slice())
    };
    let config = Config::parse(Path::new("config.json"), file("config.json"))?;
    let tokenizer = Tokenizer::parse(
        Path::new("tokenizer.json"),
        file("tokenizer.json"),
        config.vocab_size,
    )?;
    let mut examples = Vec::with_capacity(plan.turns / 3);
    let mut too_long = 0;
    let mut waiting: Vec<Document> = Vec::new();
    let mut take = |waiting: &mut Vec<Document>| -> Result<(), PretrainError> {
        let max_tokens = plan.recipe.max_tokens;
        let chunks: Vec<_> = waiting
            .par_chunks(READ_BY_ONE)
            .map_init(
                || Reader::new(&tokenizer),
                |reader, documents| {
                    let read = documents
                        .iter()
                        .map(|it| it.encode(|text| reader.read(text), max_tokens));
                    read.collect::<Result<Vec<_>, _>>()
                },
            )
            .collect::<Result<_, _>>()?;
        let turns: usize = waiting.iter().map(|it| it.turns.len()).sum();
        too_long += turns;
        for example in chunks.into_iter().flatten().flatten() {
            too_long -= example.learned.len();
            examples.push(example);
        }
        on_progress(turns);
        waiting.clear();
        Ok(())
    };
    let mut failure = Ok(());
    corpus.make(plan.turns, |document| {
        ledger.add(&document);
        waiting.push(document);
        if waiting.len() == READ_AT_A_TIME && failure.is_ok() {
            failure = take(&mut waiting);
        }
    });
    failure?;
    take(&mut waiting)?;
    let (blake3, counts) = ledger.finish();
    let all: Vec<&TokenExample> = examples.iter().collect();
    let Counts {
        documents,
        turns,
        bytes,
    } = counts;
    let record = CorpusRecord {
        seed: plan.seed,
        blake3,
        documents,
        turns: turns
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect(),
        too_long,
        bytes,
        tokens: examples.iter().map(|it| it.tokens.len()).sum(),
        loss_tokens: examples.iter().map(TokenExample::loss_tokens).sum(),
        examples: batch::hash(&all),
    };
    Ok(Prepared {
        files,
        config,
        examples,
        record,
    })
}

const READ_AT_A_TIME: usize = 1 << 15;
const READ_BY_ONE: usize = 1 << 10;

fn written(shape: &Shape) -> Vec<(&'static str, Vec<u8>)> {
    let pretty = |value: &Json| format!("{value:#}\n").into_bytes();
    vec![
        ("config.json", pretty(&shape.config())),
        ("generation_config.json", pretty(&Shape::generation())),
        (
            "tokenizer_config.json",
            pretty(&vocabulary::config(shape.max_tokens)),
        ),
    ]
}

fn learn(corpus: &Corpus, plan: &Plan) -> Result<String, PretrainError> {
    let mut texts = Vec::new();
    corpus.make(VOCABULARY_TURNS.min(plan.turns), |document| {
        let said = document.messages().into_iter().map(|it| it.content);
        texts.extend(said);
    });
    vocabulary::learn(texts.into_iter(), plan.shape.vocabulary)
        .map_err(|error| PretrainError::Vocabulary(error.to_string()))
}

/// A training from first weights, or from a state that was kept.
///
/// # Errors
/// What the device says.
pub fn begin(
    plan: &Plan,
    config: &Config,
    examples: Vec<TokenExample>,
    state: Option<State>,
    device: &Device,
) -> Result<Training, PretrainError> {
    let mut source = FirstWeights {
        seed: plan.seed,
        layers: plan.shape.layers,
        device,
        dtype: if device.is_cpu() {
            DType::F32
        } else {
            DType::BF16
        },
    };
    let model = Model::build(config.clone(), None, device, &mut source)?;
    let recipe = plan.recipe.clone();
    Ok(match state {
        Some(state) => Training::resume(model, recipe, examples, state)?,
        None => Training::new(model, recipe, examples, None)?,
    })
}

/// A loss of so many is kept in a receipt.
const LOSSES_EVERY: usize = 50;

/// `receipt.json`: how a base was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The version of antiks.
    pub version: String,
    /// The class of machine.
    pub host: String,
    /// The card, or the CPU.
    pub device: String,
    /// The corpus.
    pub corpus: CorpusRecord,
    /// The recipe.
    pub recipe: Recipe,
    /// The intents whose questions it has not seen.
    pub withheld: Vec<String>,
    /// Steps with their losses, one in fifty.
    pub losses: Vec<(usize, f64)>,
    /// Seconds for the corpus, and for the training.
    pub seconds: [f64; 2],
    /// The hash of every file beside this one.
    pub files: BTreeMap<String, ContentHash>,
}

impl Receipt {
    /// The receipt of a plan whose files are these.
    pub fn new(plan: &Plan, corpus: CorpusRecord, files: &[(&'static str, Vec<u8>)]) -> Self {
        let hashed = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), ContentHash::of(bytes)));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: String::new(),
            device: String::new(),
            corpus,
            recipe: plan.recipe.clone(),
            withheld: WITHHELD.iter().map(|it| (*it).to_owned()).collect(),
            losses: Vec::new(),
            seconds: [0.0; 2],
            files: hashed.collect(),
        }
    }

    /// Keeps some of the losses, the last one among them.
    pub fn keep_losses(&mut self, steps: &[StepReport]) {
        let last = steps.len();
        let kept = steps
            .iter()
            .filter(|it| it.step % LOSSES_EVERY == 0 || it.step == last);
        self.losses = kept.map(|it| (it.step, it.loss)).collect();
    }
}

/// The model card: what a base is and what it is not.
pub fn card(receipt: &Receipt) -> String {
    let corpus = &receipt.corpus;
    format!(
        "---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n\n\
         # The embedded base of antiks\n\n\
         A model of the Mistral architecture that answers questions about a database with one\n\
         SQLite statement. It is made to be taught: of the questions that antiks knows, those of\n\
         {} intents were withheld from it.\n\n\
         It has read {} documents ({} million tokens, of which {} million were learned),\n\
         all made by the grammar of antiks from seed {}; no text of anybody else's. The corpus has\n\
         the BLAKE3 hash `{}`. How it was trained stands in `receipt.json`, and\n\
         `antiks pretrain` makes it again.\n\n\
         It knows no language but the grammar's English, and no SQL beyond what that asks for.\n",
        receipt.withheld.len(),
        corpus.documents,
        corpus.tokens / 1_000_000,
        corpus.loss_tokens / 1_000_000,
        corpus.seed,
        corpus.blake3,
    )
}
