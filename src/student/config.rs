//! The shape of a Mistral or Llama model, from `config.json`.
//!
//! What a file leaves out stands as transformers has it for that `model_type`; what would
//! change the mathematics in a way that antiks doesn't know is refused by name.

use std::path::Path;

use serde_json::Value;

use super::error::StudentError;
use super::keys::{Keys, short};

const MAX_WIDTH: usize = 1 << 20;
const MAX_HEADS: usize = 4096;
const MAX_HEAD_WIDTH: usize = 1024;
const MAX_LAYERS: usize = 1024;
const MAX_VOCAB: usize = 1 << 22;
const MAX_POSITIONS: usize = 1 << 26;
/// Tables of turns are not made for more positions than this.
const MAX_TABLE_POSITIONS: usize = 1 << 15;
/// transformers' rotary base where a file gives none.
const ROPE_THETA: f64 = 10_000.0;

/// The shape of a model, under the names that `config.json` has. All counts are non-zero;
/// `num_attention_heads` is a multiple of `num_key_value_heads`, and `head_dim` is even.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `mistral` or `llama`; the two differ only in what their files may leave out.
    pub model_type: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Added to the mean square in each norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary angles.
    pub rope_theta: f64,
    /// How many positions a token sees, itself included; `None` for all.
    pub sliding_window: Option<usize>,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: bool,
    /// Positions that the model was made for.
    pub max_position_embeddings: usize,
    /// Ids that end one (`eos_token_id`); may be none.
    pub eos_ids: Vec<u32>,
}

impl Config {
    /// The configuration that the bytes of a `config.json` hold.
    ///
    /// # Errors
    /// [`StudentError::Json`], [`StudentError::Key`] or [`StudentError::Unsupported`],
    /// naming the key.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StudentError> {
        let keys = Keys::parse(path, bytes)?;
        let mistral = match keys.text_if_any("model_type")? {
            Some("mistral") => true,
            Some("llama") => false,
            Some(_) => {
                return Err(keys.unsupported("model_type", "antiks runs mistral and llama"));
            }
            None => return Err(keys.wrong("model_type", "is missing")),
        };
        refuse_unknown_mathematics(&keys)?;
        let hidden = keys.count("hidden_size", MAX_WIDTH)?;
        let heads = keys.count("num_attention_heads", MAX_HEADS)?;
        let vocab = keys.count("vocab_size", MAX_VOCAB)?;
        let config = Self {
            model_type: if mistral { "mistral" } else { "llama" }.to_owned(),
            hidden_size: hidden,
            intermediate_size: keys.count("intermediate_size", MAX_WIDTH)?,
            num_hidden_layers: keys.count("num_hidden_layers", MAX_LAYERS)?,
            num_attention_heads: heads,
            num_key_value_heads: key_value_heads(&keys, mistral, heads)?,
            head_dim: head_width(&keys, hidden, heads)?,
            vocab_size: vocab,
            rms_norm_eps: norm_epsilon(&keys)?,
            rope_theta: rope_theta(&keys)?,
            sliding_window: window(&keys, mistral)?,
            tie_word_embeddings: keys.flag("tie_word_embeddings")?,
            max_position_embeddings: keys.count("max_position_embeddings", MAX_POSITIONS)?,
            eos_ids: keys.token_ids("eos_token_id", vocab)?,
        };
        if config.query_width() > MAX_WIDTH {
            let what = format!("times the width of a head is more than {MAX_WIDTH}");
            return Err(keys.wrong("num_attention_heads", what));
        }
        Ok(config)
    }

    /// Width of all queries of a token.
    pub const fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of all keys of a token; that of its values is the same.
    pub const fn key_value_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// The longest sequence in tokens.
    pub fn max_positions(&self) -> usize {
        self.max_position_embeddings.min(MAX_TABLE_POSITIONS)
    }

    /// How many parameters the model has.
    pub const fn parameters(&self) -> usize {
        let attention = 2 * self.hidden_size * (self.query_width() + self.key_value_width());
        let block =
            attention + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size;
        let embeddings = if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * block
            + embeddings * self.vocab_size * self.hidden_size
            + self.hidden_size
    }
}

fn refuse_unknown_mathematics(keys: &Keys) -> Result<(), StudentError> {
    let refuse = |key, refused: bool, hint| match refused {
        true => Err(keys.unsupported(key, hint)),
        false => Ok(()),
    };
    let activation = keys.text_if_any("hidden_act")?.unwrap_or("silu");
    refuse("hidden_act", activation != "silu", "antiks knows silu")?;
    for key in ["attention_bias", "mlp_bias"] {
        refuse(key, keys.flag(key)?, "layers have no bias here")?;
    }
    let hint = "antiks reads F32, F16 and BF16 weights: take the base that was not quantised";
    refuse(
        "quantization_config",
        keys.get("quantization_config").is_some(),
        hint,
    )?;
    let hint = "antiks computes rotary angles of the type \"default\" only";
    let scaling = keys.object("rope_scaling")?;
    let scaled = scaling.is_some_and(|scaling| !is_default_rope(scaling));
    refuse("rope_scaling", scaled, hint)?;
    let partial = keys.number_if_any("partial_rotary_factor")?.unwrap_or(1.0);
    let hint = "antiks turns the whole width of a head";
    refuse("partial_rotary_factor", partial != 1.0, hint)?;
    let layer_types = keys.get("layer_types").and_then(Value::as_array);
    let mixed = layer_types.is_some_and(|types| types.windows(2).any(|pair| pair[0] != pair[1]));
    refuse("layer_types", mixed, "all layers must attend alike")
}

fn is_default_rope(parameters: &serde_json::Map<String, Value>) -> bool {
    let kind = parameters.get("rope_type").or(parameters.get("type"));
    kind.is_none_or(|kind| kind.is_null() || kind == "default")
}

fn key_value_heads(keys: &Keys, mistral: bool, heads: usize) -> Result<usize, StudentError> {
    const KEY: &str = "num_key_value_heads";
    let left_out = if mistral && !keys.has(KEY) { 8 } else { heads };
    let count = keys.count_if_any(KEY, MAX_HEADS)?.unwrap_or(left_out);
    if !heads.is_multiple_of(count) {
        let what = format!("is {count}, which does not divide num_attention_heads, {heads}");
        return Err(keys.wrong(KEY, what));
    }
    Ok(count)
}

fn head_width(keys: &Keys, hidden: usize, heads: usize) -> Result<usize, StudentError> {
    const KEY: &str = "head_dim";
    let width = match keys.count_if_any(KEY, MAX_HEAD_WIDTH)? {
        Some(width) => width,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            let what = format!("is {hidden}, which num_attention_heads, {heads}, does not divide");
            return Err(keys.wrong("hidden_size", what));
        }
    };
    if !width.is_multiple_of(2) || width > MAX_HEAD_WIDTH {
        let what = format!("is {width}, and must be even and at most {MAX_HEAD_WIDTH}");
        return Err(keys.wrong(KEY, what));
    }
    Ok(width)
}

fn norm_epsilon(keys: &Keys) -> Result<f64, StudentError> {
    const KEY: &str = "rms_norm_eps";
    let epsilon = keys.number_if_any(KEY)?.unwrap_or(1e-6);
    if !(0.0..=1.0).contains(&epsilon) {
        return Err(keys.wrong(KEY, format!("is {epsilon}, and must be from 0 to 1")));
    }
    Ok(epsilon)
}

/// `rope_theta`, or the newer `rope_parameters: {rope_theta, rope_type}`, which wins.
fn rope_theta(keys: &Keys) -> Result<f64, StudentError> {
    let mut theta = keys.number_if_any("rope_theta")?;
    let mut key = "rope_theta";
    if let Some(parameters) = keys.object("rope_parameters")? {
        if !is_default_rope(parameters) {
            let hint = "antiks computes rotary angles of the type \"default\" only";
            return Err(keys.unsupported("rope_parameters", hint));
        }
        let partial = parameters.get("partial_rotary_factor");
        if partial.is_some_and(|factor| !factor.is_null() && factor.as_f64() != Some(1.0)) {
            let hint = "antiks turns the whole width of a head";
            return Err(keys.unsupported("rope_parameters", hint));
        }
        if let Some(inner) = parameters
            .get("rope_theta")
            .filter(|value| !value.is_null())
        {
            key = "rope_parameters.rope_theta";
            theta = Some(keys.number_of(key, inner)?);
        }
    }
    let theta = theta.unwrap_or(ROPE_THETA);
    if !(1.0..=1e12).contains(&theta) {
        return Err(keys.wrong(key, format!("is {theta}, and must be from 1 to 1e12")));
    }
    Ok(theta)
}

fn window(keys: &Keys, mistral: bool) -> Result<Option<usize>, StudentError> {
    const KEY: &str = "sliding_window";
    // A Llama has no window, whatever its file says.
    if !mistral {
        return Ok(None);
    }
    match keys.get(KEY) {
        None if keys.has(KEY) => Ok(None),
        None => Ok(Some(4096)),
        // transformers takes 0 for no window.
        Some(value) if value.as_u64() == Some(0) => Err(keys.wrong(
            KEY,
            format!("is {}; null stands for no window", short(value)),
        )),
        Some(_) => keys.count_if_any(KEY, MAX_POSITIONS),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mistral() -> Value {
        json!({
            "architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
            "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
            "max_position_embeddings": 32768, "model_type": "mistral",
            "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
            "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null,
            "tie_word_embeddings": false, "torch_dtype": "bfloat16", "vocab_size": 32000
        })
    }

    fn parse(value: &Value) -> Result<Config, StudentError> {
        Config::parse(Path::new("config.json"), value.to_string().as_bytes())
    }

    /// The message about a Mistral with one key changed.
    fn message(key: &str, value: Value) -> String {
        let mut changed = mistral();
        changed[key] = value;
        parse(&changed).unwrap_err().to_string()
    }

    fn without(key: &str) -> Value {
        let mut changed = mistral();
        changed.as_object_mut().unwrap().remove(key);
        changed
    }

    #[test]
    fn mistral_instruct_is_what_it_says() {
        let config = parse(&mistral()).unwrap();
        assert_eq!(config.head_dim, 128);
        assert_eq!(
            (config.query_width(), config.key_value_width()),
            (4096, 1024)
        );
        assert_eq!(config.rope_theta, 1e6);
        assert_eq!(config.sliding_window, None);
        assert_eq!(config.eos_ids, [2]);
        assert_eq!(config.parameters(), 7_241_732_096);
    }

    #[test]
    fn what_is_left_out_is_as_transformers_has_it() {
        assert_eq!(
            parse(&without("num_key_value_heads"))
                .unwrap()
                .num_key_value_heads,
            8
        );
        assert_eq!(
            parse(&without("sliding_window")).unwrap().sliding_window,
            Some(4096)
        );
        assert_eq!(parse(&without("rms_norm_eps")).unwrap().rms_norm_eps, 1e-6);
        assert_eq!(parse(&without("rope_theta")).unwrap().rope_theta, 1e4);
        let mut llama = without("num_key_value_heads");
        llama["model_type"] = json!("llama");
        llama["sliding_window"] = json!(17);
        let config = parse(&llama).unwrap();
        assert_eq!(
            (config.num_key_value_heads, config.sliding_window),
            (32, None)
        );
    }

    #[test]
    fn the_newer_spelling_of_rotary_parameters_wins() {
        let mut config = mistral();
        config["rope_parameters"] = json!({"rope_theta": 5000, "rope_type": "default"});
        assert_eq!(parse(&config).unwrap().rope_theta, 5000.0);
        let scaled = message(
            "rope_parameters",
            json!({"rope_type": "llama3", "factor": 8}),
        );
        assert!(scaled.contains("rope_parameters"), "{scaled}");
    }

    #[test]
    fn several_ids_may_end_a_text() {
        let mut config = mistral();
        config["eos_token_id"] = json!([2, 7]);
        assert_eq!(parse(&config).unwrap().eos_ids, [2, 7]);
    }

    #[test]
    fn each_wrong_key_is_named() {
        for (key, value) in [
            ("num_attention_heads", json!(0)),
            ("num_attention_heads", json!(-1)),
            ("num_attention_heads", json!(1e30)),
            ("num_key_value_heads", json!(0)),
            ("num_key_value_heads", json!(5)),
            ("hidden_size", json!(4097)),
            ("hidden_size", json!(u64::MAX)),
            ("intermediate_size", json!("wide")),
            ("num_hidden_layers", json!(0)),
            ("vocab_size", json!(0)),
            ("head_dim", json!(127)),
            ("rms_norm_eps", json!(-1)),
            ("rope_theta", json!(0)),
            ("sliding_window", json!(0)),
            ("max_position_embeddings", json!(0)),
            ("eos_token_id", json!(32000)),
            ("eos_token_id", json!(["</s>"])),
            ("tie_word_embeddings", json!("no")),
            ("model_type", json!("qwen2")),
            ("model_type", Value::Null),
            ("hidden_act", json!("gelu")),
            ("attention_bias", json!(true)),
            ("mlp_bias", json!(true)),
            ("quantization_config", json!({"bits": 4})),
            ("rope_scaling", json!({"type": "linear", "factor": 2.0})),
            ("partial_rotary_factor", json!(0.5)),
            (
                "layer_types",
                json!(["full_attention", "sliding_attention"]),
            ),
        ] {
            let message = message(key, value);
            assert!(message.contains(key), "{key}: {message}");
            assert!(message.contains("config.json"), "{message}");
        }
        for key in ["hidden_size", "vocab_size", "max_position_embeddings"] {
            let message = parse(&without(key)).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for bytes in [&b""[..], b"[]", b"{", b"\xff\xfe", b"null"] {
            let error = Config::parse(Path::new("config.json"), bytes).unwrap_err();
            assert!(matches!(error, StudentError::Json { .. }), "{error}");
        }
    }
}
