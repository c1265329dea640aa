//! A LoRA adapter on the host, and its folder in PEFT's layout.
//!
//! A pair adds `scale · (x · Aᵀ) · Bᵀ` to a layer's output. In `adapter_model.safetensors`
//! the pair of block N's q_proj is
//! `base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight`, (r, in), and
//! `….lora_B.weight`, (out, r).
//!
//! **Invariant.** An adapter has a pair for each target of its configuration in each block
//! of the model, and no other; the same adapter has the same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::adapter_config::AdapterConfig;
use super::config::Config;
use super::contents::Contents;
use super::error::StudentError;
use super::target::Target;
use super::weights::{Weights, write_f32};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The two matrices of an adapted layer, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// (rank, inputs).
    pub a: Vec<f32>,
    /// (outputs, rank).
    pub b: Vec<f32>,
}

/// A LoRA adapter in the memory of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// Rank, strength and layers.
    pub config: AdapterConfig,
    /// The pairs by block and layer.
    pub pairs: BTreeMap<(usize, Target), Pair>,
}

/// The bytes of an adapter's two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterBytes {
    /// `adapter_config.json`.
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`.
    pub weights: Vec<u8>,
}

impl Adapter {
    /// Reads the adapter in a folder, for a model of this shape.
    ///
    /// # Errors
    /// Those of [`Adapter::from_contents`], and [`StudentError::Read`].
    pub fn read(folder: &Path, model: &Config) -> Result<Self, StudentError> {
        let config = Contents::read(&folder.join(CONFIG), MAX_CONFIG_BYTES)?;
        let weights = Contents::map(&folder.join(WEIGHTS))?;
        Self::from_contents(folder, &config, weights, model)
    }

    /// Reads an adapter from its two files' contents; `place` names them in messages.
    ///
    /// # Errors
    /// Those of [`AdapterConfig::parse`] and [`Weights::open`]; and
    /// [`StudentError::MissingTensor`] or [`StudentError::Tensor`] if the tensors are not
    /// those of the configuration on this model, or hold values that are not finite.
    pub fn from_contents(
        place: &Path,
        config: &[u8],
        weights: Contents,
        model: &Config,
    ) -> Result<Self, StudentError> {
        let config = AdapterConfig::parse(&place.join(CONFIG), config)?;
        let path = place.join(WEIGHTS);
        let weights = Weights::open(&path, vec![(path.clone(), Arc::new(weights))])?;
        let mut pairs = BTreeMap::new();
        let mut known = std::collections::BTreeSet::new();
        for layer in 0..model.num_hidden_layers {
            for target in &config.targets {
                let shapes = shapes(*target, config.rank, model);
                let [a, b] = names(layer, *target);
                let pair = Pair {
                    a: matrix(&weights, &a, shapes[0])?,
                    b: matrix(&weights, &b, shapes[1])?,
                };
                pairs.insert((layer, *target), pair);
                known.extend([a, b]);
            }
        }
        match weights.names().find(|name| !known.contains(*name)) {
            None => Ok(Self { config, pairs }),
            Some(name) => Err(StudentError::Tensor {
                path,
                name: name.to_owned(),
                what: "is of no layer that adapter_config.json adapts in this model".to_owned(),
            }),
        }
    }

    /// The bytes of the two files.
    ///
    /// # Errors
    /// [`StudentError::Tensor`] if a matrix has not the length of its shape on this model.
    pub fn to_bytes(&self, model: &Config) -> Result<AdapterBytes, StudentError> {
        let mut tensors = BTreeMap::new();
        for ((layer, target), pair) in &self.pairs {
            let [a, b] = names(*layer, *target);
            let shapes = shapes(*target, self.config.rank, model);
            tensors.insert(a, (shapes[0], pair.a.as_slice()));
            tensors.insert(b, (shapes[1], pair.b.as_slice()));
        }
        Ok(AdapterBytes {
            config: self.config.to_bytes(),
            weights: write_f32(Path::new(WEIGHTS), &tensors)?,
        })
    }
}

/// Names of the tensors A and B.
fn names(layer: usize, target: Target) -> [String; 2] {
    let module = target.module();
    ["A", "B"]
        .map(|one| format!("base_model.model.model.layers.{layer}.{module}.lora_{one}.weight"))
}

/// Shapes of A and B.
fn shapes(target: Target, rank: usize, model: &Config) -> [[usize; 2]; 2] {
    [[rank, target.inputs(model)], [target.outputs(model), rank]]
}

fn matrix(weights: &Weights, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, StudentError> {
    // The file is as long as its tensors say, so looking at it first bounds the allocation.
    let view = weights.tensor(name, &shape)?;
    let mut values = vec![0.0; view.len()];
    weights.read_f32(name, &shape, &mut values)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Config {
        let text = r#"{"model_type": "mistral", "hidden_size": 6, "intermediate_size": 10,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
            "head_dim": 4, "vocab_size": 9, "max_position_embeddings": 16}"#;
        Config::parse(Path::new("config.json"), text.as_bytes()).unwrap()
    }

    fn adapter(targets: &[Target]) -> Adapter {
        let config = AdapterConfig {
            base: "a/b".to_owned(),
            rank: 3,
            alpha: 6.0,
            dropout: 0.0,
            targets: targets.iter().copied().collect(),
        };
        let mut next = 0.0;
        let mut matrix = |[rows, columns]: [usize; 2]| {
            let counted = std::iter::repeat_with(|| {
                next += 0.5;
                next
            });
            counted.take(rows * columns).collect()
        };
        let mut pairs = BTreeMap::new();
        for layer in 0..model().num_hidden_layers {
            for target in &config.targets {
                let [a, b] = shapes(*target, config.rank, &model()).map(&mut matrix);
                pairs.insert((layer, *target), Pair { a, b });
            }
        }
        Adapter { config, pairs }
    }

    fn read(bytes: &AdapterBytes) -> Result<Adapter, StudentError> {
        let weights = Contents::Owned(bytes.weights.clone());
        Adapter::from_contents(Path::new("adapter"), &bytes.config, weights, &model())
    }

    #[test]
    fn an_adapter_survives_its_files() {
        let adapter = adapter(&Target::ALL);
        let bytes = adapter.to_bytes(&model()).unwrap();
        assert_eq!(read(&bytes).unwrap(), adapter);
        assert_eq!(read(&bytes).unwrap().to_bytes(&model()).unwrap(), bytes);
    }

    #[test]
    fn names_and_shapes_are_peft_s() {
        let bytes = adapter(&[Target::Key, Target::Down])
            .to_bytes(&model())
            .unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes.weights).unwrap();
        let mut found: Vec<_> = tensors
            .iter()
            .map(|(name, view)| format!("{name} {:?}", view.shape()))
            .collect();
        found.sort();
        let wanted = ["0", "1"].iter().flat_map(|layer| {
            [
                format!(
                    "base_model.model.model.layers.{layer}.mlp.down_proj.lora_A.weight [3, 10]"
                ),
                format!("base_model.model.model.layers.{layer}.mlp.down_proj.lora_B.weight [6, 3]"),
                format!(
                    "base_model.model.model.layers.{layer}.self_attn.k_proj.lora_A.weight [3, 6]"
                ),
                format!(
                    "base_model.model.model.layers.{layer}.self_attn.k_proj.lora_B.weight [4, 3]"
                ),
            ]
        });
        assert_eq!(found, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn tensors_that_don_t_fit_are_named() {
        let mut bytes = adapter(&[Target::Query]).to_bytes(&model()).unwrap();
        let both = adapter(&[Target::Query, Target::Up])
            .to_bytes(&model())
            .unwrap();
        bytes.weights.clone_from(&both.weights);
        let message = read(&bytes).unwrap_err().to_string();
        assert!(
            message.contains("up_proj.lora_A.weight is of no layer"),
            "{message}"
        );
        let lonely = AdapterBytes {
            config: both.config,
            weights: adapter(&[Target::Query])
                .to_bytes(&model())
                .unwrap()
                .weights,
        };
        let message = read(&lonely).unwrap_err().to_string();
        assert!(message.contains("no tensor"), "{message}");
        let mut broken = adapter(&[Target::Query]);
        broken.pairs.values_mut().next().unwrap().a[4] = f32::NAN;
        let message = read(&broken.to_bytes(&model()).unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains("[0, 4]"), "{message}");
        broken.pairs.values_mut().next().unwrap().a.pop();
        assert!(broken.to_bytes(&model()).is_err());
    }
}
