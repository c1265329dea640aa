//! What a model costs, as its server lists it, and what calls may cost before they are made.
//!
//! **Invariants.** Amounts are whole numbers: prices in 10⁻¹⁵ US dollars, sums in millionths
//! of one, rounded up. What is not known is `None`, never 0.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::fault::{Fault, error_of};
use super::transport::Exchange;

/// 10⁻¹⁵ US dollars in a millionth of one.
const FEMTO_IN_MICRO: u128 = 1_000_000_000;
/// Decimals of a price that are read.
const DECIMALS: usize = 15;

/// What a token and a request cost, in 10⁻¹⁵ US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// A token of the prompt.
    pub prompt: u64,
    /// A token of the answer, or of reasoning if that is dearer.
    pub output: u64,
    /// A request whatever its size.
    pub request: u64,
}

impl Prices {
    /// What so many tokens cost, in millionths of a US dollar.
    pub fn cost_microusd(&self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let femto = of(prompt_tokens, self.prompt) + of(output_tokens, self.output);
        let micro = (femto + u128::from(self.request)).div_ceil(FEMTO_IN_MICRO);
        u64::try_from(micro).unwrap_or(u64::MAX)
    }

    /// The most that a call can cost: a token of a prompt has at least one byte, and a
    /// server adds a few around each message.
    pub fn most_microusd(&self, body_len_bytes: usize, max_output_tokens: u32) -> u64 {
        const AROUND_MESSAGES: u64 = 64;
        let prompt_tokens = body_len_bytes as u64 + AROUND_MESSAGES;
        self.cost_microusd(prompt_tokens, u64::from(max_output_tokens))
    }
}

/// What a server says of the model that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The model.
    pub model: String,
    /// Its prices, if the server lists them.
    pub prices: Option<Prices>,
    /// What it takes beside messages, if the server says.
    pub parameters: Option<Vec<String>>,
}

impl Listing {
    /// Whether the model may be given the schema of its answer; so unless the server says
    /// otherwise.
    pub fn takes_schema(&self) -> bool {
        let takes = |parameters: &Vec<String>| {
            let mut names = parameters.iter();
            names.any(|it| it == "structured_outputs" || it == "response_format")
        };
        self.parameters.as_ref().is_none_or(takes)
    }
}

/// Why a model can't be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// The list did not come.
    #[error("the server's list of models did not come: {0}")]
    Failed(String),
    /// The model is not in it.
    #[error("the server has no model {model:?}{near}")]
    Missing {
        /// The model that was asked for.
        model: String,
        /// What it has instead, in words.
        near: String,
    },
    /// No model was named, and the server has several or none.
    #[error("the server has {count} models; say which one in the configuration{near}")]
    Unnamed {
        /// How many there are.
        count: usize,
        /// Some of them, in words.
        near: String,
    },
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(default)]
    pricing: Option<Json>,
    #[serde(default)]
    supported_parameters: Option<Vec<String>>,
}

/// Finds the model in a server's list; the only one there is, if none was named.
///
/// # Errors
/// The list is none, or the model is not in it.
pub fn find(exchange: &Exchange, model: Option<&str>) -> Result<Listing, ListingError> {
    let failed = |fault: Fault| ListingError::Failed(fault.to_string());
    if let Some(fault) = error_of(exchange) {
        return Err(failed(fault));
    }
    let models: Models = serde_json::from_slice(&exchange.body)
        .map_err(|error| ListingError::Failed(format!("it is no list of models: {error}")))?;
    let all = models.data;
    let Some(model) = model else {
        return match <[Model; 1]>::try_from(all) {
            Ok([only]) => Ok(listing(only)),
            Err(all) => Err(ListingError::Unnamed {
                count: all.len(),
                near: some(all.iter().map(|it| it.id.as_str())),
            }),
        };
    };
    let names: Vec<String> = all.iter().map(|it| it.id.clone()).collect();
    match all.into_iter().find(|it| is_named(&it.id, model)) {
        Some(found) => Ok(listing(found)),
        None => Err(ListingError::Missing {
            model: model.to_owned(),
            near: near(model, &names),
        }),
    }
}

/// Ollama lists `qwen3:latest` and answers to `qwen3` as well.
fn is_named(id: &str, model: &str) -> bool {
    id == model || id.strip_suffix(":latest") == Some(model)
}

fn listing(model: Model) -> Listing {
    Listing {
        prices: model.pricing.as_ref().and_then(prices),
        model: model.id,
        parameters: model.supported_parameters,
    }
}

fn near(model: &str, names: &[String]) -> String {
    let wanted = model.rsplit('/').next().unwrap_or(model);
    let close = |name: &&String| strsim::jaro_winkler(name, model) > 0.85 || name.contains(wanted);
    let close: Vec<&str> = names.iter().filter(close).map(String::as_str).collect();
    match close.is_empty() {
        true => some(names.iter().map(String::as_str)),
        false => some(close.into_iter()),
    }
}

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.take(SHOWN).collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!("; there are {}", shown.join(", ")),
    }
}

fn prices(pricing: &Json) -> Option<Prices> {
    let price = |name: &str| match pricing.get(name) {
        None | Some(Json::Null) => Some(None),
        Some(Json::String(text)) => femto(text).map(Some),
        Some(Json::Number(number)) => femto(&number.to_string()).map(Some),
        Some(_) => None,
    };
    let output = price("completion")??;
    let reasoning = price("internal_reasoning")?.unwrap_or(0);
    Some(Prices {
        prompt: price("prompt")??,
        output: output.max(reasoning),
        request: price("request")?.unwrap_or(0),
    })
}

/// `0.00000027` US dollars in 10⁻¹⁵ of them, rounded up; `None` if the text is no amount.
fn femto(text: &str) -> Option<u64> {
    let (digits, exponent) = match text.trim().split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text.trim(), 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{part}");
    if all.is_empty() || all.len() > 30 || !all.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let number: u128 = all.parse().ok()?;
    let shift = DECIMALS as i32 + exponent - part.len() as i32;
    let ten = |power: i32| 10u128.checked_pow(power.unsigned_abs());
    let value = match shift {
        0.. => number.checked_mul(ten(shift)?)?,
        _ => ten(shift)
            .map_or(1, |it| number.div_ceil(it))
            .max(u128::from(number > 0)),
    };
    u64::try_from(value).ok()
}

/// An amount of US dollars as JSON has it, in millionths, rounded up.
pub fn microusd(amount: &Json) -> Option<u64> {
    let text = match amount {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    let femto = u128::from(femto(&text)?);
    u64::try_from(femto.div_ceil(FEMTO_IN_MICRO)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(body: &str) -> Exchange {
        Exchange {
            status: Some(200),
            retry_after: None,
            body: body.as_bytes().to_vec(),
            trouble: None,
        }
    }

    #[test]
    fn amounts_are_exact_and_rounded_up() {
        assert_eq!(femto("0.00000027"), Some(270_000_000));
        assert_eq!(femto("2.7e-7"), Some(270_000_000));
        assert_eq!(femto("0"), Some(0));
        assert_eq!(femto("0.0000000000000001"), Some(1));
        for wrong in ["-1", "", ".", "free", "1e99", "1e"] {
            assert_eq!(femto(wrong), None, "{wrong}");
        }
        let cost = |text: &str| microusd(&serde_json::from_str(text).unwrap());
        assert_eq!(cost("0.000412"), Some(412));
        assert_eq!(cost("0.0004120001"), Some(413));
        assert_eq!(cost("0"), Some(0));
        assert_eq!(cost("-0.1"), None);
        assert_eq!(cost("null"), None);
        let prices = Prices {
            prompt: 270_000_000,
            output: 1_100_000_000,
            request: 0,
        };
        assert_eq!(prices.cost_microusd(1_000_000, 1_000_000), 1_370_000);
        assert_eq!(prices.cost_microusd(1, 0), 1);
        assert!(prices.most_microusd(4000, 1000) > prices.cost_microusd(4000, 1000));
    }

    #[test]
    fn a_model_is_found_with_its_prices_or_named() {
        let body = r#"{"data":[
            {"id":"deepseek/deepseek-v3.2","pricing":{"prompt":"0.00000025","completion":"0.0000004",
             "internal_reasoning":"0.0000005"},"supported_parameters":["response_format"]},
            {"id":"qwen3:latest"}]}"#;
        let found = find(&list(body), Some("deepseek/deepseek-v3.2")).unwrap();
        let prices = found.prices.unwrap();
        assert_eq!((prices.prompt, prices.output), (250_000_000, 500_000_000));
        let local = find(&list(body), Some("qwen3")).unwrap();
        assert_eq!((local.model.as_str(), local.prices), ("qwen3:latest", None));
        let missing = find(&list(body), Some("deepseek/deepseek-v3")).unwrap_err();
        assert!(missing.to_string().contains("deepseek-v3.2"), "{missing}");
        let unnamed = find(&list(body), None).unwrap_err();
        assert!(unnamed.to_string().contains("2 models"), "{unnamed}");
        let only = find(&list(r#"{"data":[{"id":"a"}]}"#), None).unwrap();
        assert_eq!(only.model, "a");
        let odd = r#"{"data":[{"id":"a","pricing":{"prompt":"-1","completion":"-1"}}]}"#;
        assert_eq!(find(&list(odd), None).unwrap().prices, None);
        assert!(matches!(
            find(&list("<html>"), None),
            Err(ListingError::Failed(_))
        ));
    }
}
