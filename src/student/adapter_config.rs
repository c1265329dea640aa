//! What an adapter is, as PEFT's `adapter_config.json` says it.
//!
//! Keys that antiks doesn't know are skipped, except those that change the mathematics:
//! these are refused by name unless they are switched off.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::error::StudentError;
use super::keys::{Keys, short};
use super::target::Target;

const MAX_RANK: usize = 4096;

/// Keys that must be false, null or empty.
const SWITCHED_OFF: [&str; 16] = [
    "use_rslora",
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "fan_in_fan_out",
    "lora_bias",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "exclude_modules",
    "layers_to_transform",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "arrow_config",
];
/// Initialisations that leave the base as it is.
const INITIALISATIONS: [&str; 4] = ["gaussian", "orthogonal", "eva", "true"];

/// A LoRA adapter's rank, strength and layers.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// The base as its maker named it (`base_model_name_or_path`); may be empty.
    pub base: String,
    /// The rank r of every pair, from 1.
    pub rank: usize,
    /// `lora_alpha`: what a pair adds is scaled by this over the rank. Not 0.
    pub alpha: f64,
    /// The chance with which an input is dropped in training.
    pub dropout: f64,
    /// The layers that are adapted, in every block; not empty.
    pub targets: BTreeSet<Target>,
}

impl AdapterConfig {
    /// What is added is multiplied by this.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Whether adapters of the two have the same matrices, and add them alike.
    pub fn same_shape(&self, other: &Self) -> bool {
        (self.rank, self.alpha, &self.targets) == (other.rank, other.alpha, &other.targets)
    }

    /// The configuration that the bytes of an `adapter_config.json` hold.
    ///
    /// # Errors
    /// [`StudentError::Json`], [`StudentError::Key`] or [`StudentError::Unsupported`],
    /// naming the key.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StudentError> {
        let keys = Keys::parse(path, bytes)?;
        refuse_other_mathematics(&keys)?;
        let rank = keys
            .count_if_any("r", MAX_RANK)?
            .ok_or_else(|| keys.wrong("r", "is missing"))?;
        let alpha = keys
            .number_if_any("lora_alpha")?
            .ok_or_else(|| keys.wrong("lora_alpha", "is missing"))?;
        if alpha == 0.0 {
            return Err(keys.wrong("lora_alpha", "is 0, so that the adapter does nothing"));
        }
        let dropout = keys.number_if_any("lora_dropout")?.unwrap_or(0.0);
        if !(0.0..1.0).contains(&dropout) {
            let what = format!("is {dropout}, and must be at least 0 and less than 1");
            return Err(keys.wrong("lora_dropout", what));
        }
        let base = keys.text_if_any("base_model_name_or_path")?;
        Ok(Self {
            base: base.unwrap_or_default().to_owned(),
            rank,
            alpha,
            dropout,
            targets: targets(&keys)?,
        })
    }

    /// The bytes of an `adapter_config.json` that PEFT reads; the same for the same
    /// configuration.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut names: Vec<&str> = self.targets.iter().map(|target| target.name()).collect();
        names.sort_unstable();
        let value = json!({
            "alpha_pattern": {},
            "base_model_name_or_path": self.base,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": whole(self.alpha),
            "lora_dropout": self.dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.rank,
            "rank_pattern": {},
            "revision": null,
            "target_modules": names,
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": false,
        });
        format!("{value:#}\n").into_bytes()
    }
}

/// A whole number without the `.0`: PEFT's alpha is an integer.
fn whole(alpha: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match alpha.fract() == 0.0 && alpha.abs() < EXACT {
        true => Value::from(alpha as i64),
        false => Value::from(alpha),
    }
}

fn refuse_other_mathematics(keys: &Keys) -> Result<(), StudentError> {
    match keys.text_if_any("peft_type")? {
        Some("LORA") => {}
        Some(_) => return Err(keys.unsupported("peft_type", "antiks reads LORA adapters")),
        None => return Err(keys.wrong("peft_type", "is missing")),
    }
    let task = keys.text_if_any("task_type")?.unwrap_or("CAUSAL_LM");
    if task != "CAUSAL_LM" {
        return Err(keys.unsupported("task_type", "antiks reads CAUSAL_LM adapters"));
    }
    let bias = keys.text_if_any("bias")?.unwrap_or("none");
    if bias != "none" {
        return Err(keys.unsupported("bias", "layers have no bias here"));
    }
    for key in SWITCHED_OFF {
        if !keys.get(key).is_none_or(is_off) {
            let hint = "antiks computes plain LoRA, the same in every block";
            return Err(keys.unsupported(key, hint));
        }
    }
    let harmless = match keys.get("init_lora_weights") {
        None | Some(Value::Bool(_)) => true,
        Some(value) => value
            .as_str()
            .is_some_and(|name| INITIALISATIONS.contains(&name)),
    };
    match harmless {
        true => Ok(()),
        false => Err(keys.unsupported(
            "init_lora_weights",
            "such an adapter fits a base that was changed; convert it to plain LoRA with PEFT",
        )),
    }
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn targets(keys: &Keys) -> Result<BTreeSet<Target>, StudentError> {
    const KEY: &str = "target_modules";
    let names = match keys.get(KEY) {
        Some(Value::Array(names)) if !names.is_empty() => names,
        Some(Value::String(name)) if name == "all-linear" => return Ok(Target::ALL.into()),
        _ => {
            let what = "must be a list of layers' names, such as q_proj";
            return Err(keys.wrong(KEY, what));
        }
    };
    let target = |name: &Value| {
        name.as_str().and_then(Target::named).ok_or_else(|| {
            let known = Target::ALL.map(Target::name).join(", ");
            keys.wrong(KEY, format!("has {}; antiks adapts {known}", short(name)))
        })
    };
    names.iter().map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peft() -> Value {
        // As PEFT 0.17 writes it.
        json!({
            "alpha_pattern": {}, "auto_mapping": null, "bias": "none", "corda_config": null,
            "base_model_name_or_path": "mistralai/Mistral-7B-Instruct-v0.2",
            "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false,
            "inference_mode": true, "init_lora_weights": true, "layer_replication": null,
            "layers_pattern": null, "layers_to_transform": null, "loftq_config": {},
            "lora_alpha": 64, "lora_bias": false, "lora_dropout": 0.05,
            "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
            "peft_type": "LORA", "qalora_group_size": 16, "r": 32, "rank_pattern": {},
            "revision": null, "target_modules": ["v_proj", "q_proj", "down_proj"],
            "target_parameters": null, "task_type": "CAUSAL_LM",
            "trainable_token_indices": null, "use_dora": false, "use_qalora": false,
            "use_rslora": false, "a_key_of_next_year": 7
        })
    }

    fn parse(value: &Value) -> Result<AdapterConfig, StudentError> {
        AdapterConfig::parse(
            Path::new("adapter_config.json"),
            value.to_string().as_bytes(),
        )
    }

    #[test]
    fn what_peft_writes_is_read_and_what_is_written_is_read_again() {
        let config = parse(&peft()).unwrap();
        assert_eq!((config.rank, config.alpha, config.scale()), (32, 64.0, 2.0));
        let targets = [Target::Query, Target::Value, Target::Down];
        assert_eq!(config.targets, BTreeSet::from(targets));
        let bytes = config.to_bytes();
        let again = AdapterConfig::parse(Path::new("x"), &bytes).unwrap();
        assert_eq!((again.to_bytes(), &again), (bytes.clone(), &config));
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            written["target_modules"],
            json!(["down_proj", "q_proj", "v_proj"])
        );
        assert_eq!(written["lora_alpha"].to_string(), "64");
    }

    #[test]
    fn what_changes_the_mathematics_is_named() {
        for (key, value) in [
            ("peft_type", json!("IA3")),
            ("task_type", json!("SEQ_CLS")),
            ("bias", json!("all")),
            ("use_rslora", json!(true)),
            ("use_dora", json!(true)),
            ("rank_pattern", json!({"q_proj": 8})),
            ("alpha_pattern", json!({"q_proj": 8})),
            ("modules_to_save", json!(["lm_head"])),
            ("layers_to_transform", json!([1])),
            ("layers_to_transform", json!(1)),
            ("fan_in_fan_out", json!(true)),
            ("lora_bias", json!(true)),
            ("init_lora_weights", json!("pissa")),
            ("trainable_token_indices", json!([5])),
            ("r", json!(0)),
            ("r", json!(1e9)),
            ("lora_alpha", json!(0)),
            ("lora_alpha", json!("strong")),
            ("lora_dropout", json!(1)),
            ("target_modules", json!([])),
            ("target_modules", json!("^model.*q_proj$")),
            ("target_modules", json!(["lm_head"])),
        ] {
            let mut changed = peft();
            changed[key] = value.clone();
            let message = parse(&changed).unwrap_err().to_string();
            assert!(message.contains(key), "{key} {value}: {message}");
        }
    }
}
