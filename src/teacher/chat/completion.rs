//! A server's answer: what the model said, and what that used up.

use serde::Deserialize;
use serde_json::Value as Json;

use super::fault::{Fault, error_of, without_comments};
use super::prices::microusd;
use super::transport::Exchange;

/// A whole answer of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// What the model said; empty if it said nothing.
    pub content: String,
    /// Why it stopped, in the server's word.
    pub finish_reason: Option<String>,
    /// What it used up.
    pub usage: Usage,
    /// The model that says it answered.
    pub model: Option<String>,
    /// The provider that says it answered.
    pub provider: Option<String>,
    /// The server's fingerprint of its model and settings.
    pub fingerprint: Option<String>,
}

/// What a call used up, as the server counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens in the prompt.
    pub prompt_tokens: Option<u64>,
    /// Tokens in the answer, those of reasoning among them.
    pub output_tokens: Option<u64>,
    /// Tokens of reasoning.
    pub reasoning_tokens: Option<u64>,
    /// What it cost, in millionths of a US dollar.
    pub cost_microusd: Option<u64>,
}

#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Json>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    system_fingerprint: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

impl Completion {
    /// Reads the answer in an exchange.
    ///
    /// # Errors
    /// What the exchange holds instead.
    pub fn read(exchange: &Exchange) -> Result<Self, Fault> {
        if let Some(fault) = error_of(exchange) {
            return Err(fault);
        }
        let text = std::str::from_utf8(without_comments(&exchange.body))
            .map_err(|_| Fault::Garbled("the answer is not UTF-8".to_owned()))?;
        if text.starts_with("data:") || text.starts_with("event:") {
            let what = "the answer is an event stream, which was not asked for";
            return Err(Fault::Garbled(what.to_owned()));
        }
        let body: Body = serde_json::from_str(text)
            .map_err(|error| Fault::Garbled(format!("the answer is no completion: {error}")))?;
        let Some(choice) = body.choices.into_iter().next() else {
            return Err(Fault::Garbled("the answer has no choices".to_owned()));
        };
        Ok(Self {
            content: choice.message.content.unwrap_or_default(),
            finish_reason: choice.finish_reason,
            usage: body.usage.as_ref().map(usage).unwrap_or_default(),
            model: body.model,
            provider: body.provider,
            fingerprint: body.system_fingerprint,
        })
    }

    /// Whether it ended because its tokens did.
    pub fn is_cut_off(&self) -> bool {
        self.finish_reason.as_deref() == Some("length")
    }
}

fn usage(usage: &Json) -> Usage {
    let tokens = |path: &str| usage.pointer(path).and_then(Json::as_u64);
    Usage {
        prompt_tokens: tokens("/prompt_tokens"),
        output_tokens: tokens("/completion_tokens"),
        reasoning_tokens: tokens("/completion_tokens_details/reasoning_tokens"),
        cost_microusd: usage.get("cost").and_then(microusd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<Completion, Fault> {
        Completion::read(&Exchange {
            status: Some(200),
            retry_after: None,
            body: body.to_vec(),
            trouble: None,
        })
    }

    #[test]
    fn an_answer_is_read_with_what_it_used_up() {
        let body = br#": PROCESSING

            {"model":"m","provider":"p","system_fingerprint":"f","choices":[{"finish_reason":
            "length","message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":12,
            "completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":3},"cost":0.0001}}"#;
        let answer = read(body).unwrap();
        assert_eq!((answer.content.as_str(), answer.is_cut_off()), ("hi", true));
        assert_eq!(answer.provider.as_deref(), Some("p"));
        assert_eq!(answer.usage.prompt_tokens, Some(12));
        assert_eq!(answer.usage.reasoning_tokens, Some(3));
        assert_eq!(answer.usage.cost_microusd, Some(100));
        // A local server tells no cost; that is not 0.
        let local = br#"{"choices":[{"message":{"content":null}}],"usage":{"prompt_tokens":1}}"#;
        let local = read(local).unwrap();
        assert_eq!(
            (local.content.as_str(), local.usage.cost_microusd),
            ("", None)
        );
    }

    #[test]
    fn what_is_no_answer_is_garbled() {
        let whole = br#"{"choices":[{"message":{"content":"hi"}}]}"#;
        assert!(read(whole).is_ok());
        for end in 0..whole.len() {
            assert!(
                matches!(read(&whole[..end]), Err(Fault::Garbled(_))),
                "cut at {end}"
            );
        }
        let bodies: [&[u8]; 4] = [
            b"{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}",
            b"data: {\"choices\":[]}\n\n",
            br#"{"choices":[]}"#,
            b"[]",
        ];
        for body in bodies {
            assert!(matches!(read(body), Err(Fault::Garbled(_))));
        }
    }
}
