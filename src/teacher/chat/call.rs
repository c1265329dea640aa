//! A call that may be made: its request to the last byte, and what it costs at most.
//!
//! **Invariant.** The same question to the same model by the same prompt makes the same
//! bytes, and so the same request hash: what was answered once is known again.

use reqwest::Url;
use serde_json::{Value as Json, json};

use super::endpoint::{Endpoint, Service};
use super::prices::{Listing, Prices};
use super::prompts::Rendered;
use crate::base::id::ContentHash;
use crate::base::request::request_hash;
use crate::event::words::Request;

/// A call of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What it is for.
    pub request: Request,
    /// The prompt's name and version.
    pub prompt_name: String,
    /// The hash of the prompt's template and schema.
    pub prompt_hash: ContentHash,
    /// Where it goes.
    pub url: Url,
    /// The server, as scheme, host and port.
    pub origin: String,
    /// The model that is asked.
    pub model: String,
    /// Which of several equal requests it is.
    pub ordinal: u32,
    /// The request's body.
    pub body: Vec<u8>,
    /// The request's hash.
    pub hash: ContentHash,
    /// What it costs at most, if that is known.
    pub most_microusd: Option<u64>,
}

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// The tokens that it may say.
    pub max_tokens: u32,
    /// How freely it chooses; 0 is greedy.
    pub temperature: f64,
}

/// The server and model that calls go to.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    endpoint: Endpoint,
    model: String,
    prices: Option<Prices>,
    takes_schema: bool,
}

impl Desk {
    /// The model that a server listed.
    pub fn new(endpoint: Endpoint, listing: Listing) -> Self {
        Self {
            endpoint,
            takes_schema: listing.takes_schema(),
            prices: listing.prices,
            model: listing.model,
        }
    }

    /// The server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What the model costs, if its server says.
    pub fn prices(&self) -> Option<Prices> {
        self.prices
    }

    /// The call that asks the model with this prompt.
    pub fn call(
        &self,
        request: Request,
        rendered: &Rendered,
        manner: Manner,
        ordinal: u32,
    ) -> Call {
        let body = self.body(rendered, manner);
        let url = self.endpoint.completions();
        Call {
            request,
            prompt_name: rendered.name.clone(),
            prompt_hash: rendered.hash,
            origin: self.endpoint.origin(),
            model: self.model.clone(),
            hash: request_hash(url.as_str(), ordinal, &body),
            most_microusd: self
                .prices
                .map(|it| it.most_microusd(body.len(), manner.max_tokens)),
            url,
            ordinal,
            body,
        }
    }

    fn body(&self, rendered: &Rendered, manner: Manner) -> Vec<u8> {
        let messages: Vec<Json> = rendered
            .messages
            .iter()
            .map(|(role, content)| json!({"role": role, "content": content}))
            .collect();
        let mut body = json!({
            "model": self.model,
            "messages": messages,
            "max_tokens": manner.max_tokens,
            "temperature": manner.temperature,
            "stream": false,
        });
        if self.takes_schema {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {
                    "name": rendered.schema_name,
                    "strict": true,
                    "schema": rendered.schema,
                },
            });
        }
        if self.endpoint.service() == Service::OpenRouter {
            body["provider"] = self.routing();
        }
        // Whether objects keep their order is a matter of which crates are compiled in.
        body.sort_all_objects();
        body.to_string().into_bytes()
    }

    /// No provider that ignores the schema, charges more than was listed, or whose model
    /// may not be learned from.
    fn routing(&self) -> Json {
        let mut routing = json!({
            "require_parameters": true,
            "allow_fallbacks": false,
            "enforce_distillable_text": true,
        });
        if let Some(prices) = self.prices {
            // US dollars for a million tokens; 10⁻¹⁵ of one for a token is 10⁻⁹ for a million.
            let of = |price: u64| price as f64 / 1e9;
            routing["max_price"] =
                json!({"prompt": of(prices.prompt), "completion": of(prices.output)});
            if prices.request > 0 {
                // US dollars for a request.
                routing["max_price"]["request"] = json!(prices.request as f64 / 1e15);
            }
        }
        routing
    }
}
