//! Which server is asked, and which of its models.
//!
//! **Invariants.** A URL with a user or a password in it is refused, so that what is shown
//! and recorded of an endpoint is never a secret. A key goes in the clear over no network
//! but one's own.

use std::net::IpAddr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// What `--teacher openrouter` asks.
pub const DEFAULT_MODEL: &str = "deepseek/deepseek-chat-v3-0324";
const OPENROUTER: &str = "https://openrouter.ai/api/v1";

/// Whose conventions a server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// OpenRouter's: routing, prices, what a call cost.
    OpenRouter,
    /// OpenAI's as Ollama, vLLM and llama.cpp have them: no prices.
    Compatible,
}

/// A server, and the model that is asked, if that is known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    service: Service,
    base: Url,
    model: Option<String>,
}

/// Why text names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is neither.
    #[error(
        "there is no teacher {0:?}; there are offline, openrouter, openrouter:MODEL, and the \
         URL of an OpenAI-compatible server such as http://localhost:11434/v1"
    )]
    Unknown(String),
    /// It holds what would be recorded with it.
    #[error(
        "a teacher's URL must not hold a user, a password, a query or a fragment; \
         give the key in a file"
    )]
    Secrets,
    /// A key would be read by whoever listens.
    #[error(
        "the key would go to {0} unencrypted; use https, or leave the key out if the server \
         needs none"
    )]
    Clear(String),
}

impl Endpoint {
    /// Reads what `--teacher` was given; `model` is that of the configuration.
    ///
    /// # Errors
    /// [`EndpointError::Unknown`] and [`EndpointError::Secrets`].
    pub fn parse(text: &str, model: Option<&str>) -> Result<Self, EndpointError> {
        let unknown = || EndpointError::Unknown(shown(text));
        let model = model.filter(|it| !it.is_empty());
        if let Some(rest) = text.strip_prefix("openrouter") {
            let named = match rest.strip_prefix(':') {
                Some(name) if !name.trim().is_empty() => Some(name.trim()),
                None if rest.is_empty() => None,
                _ => return Err(unknown()),
            };
            let base = Url::parse(OPENROUTER).map_err(|_| unknown())?;
            let model = named.or(model).unwrap_or(DEFAULT_MODEL);
            return Ok(Self::new(Service::OpenRouter, base, Some(model)));
        }
        let mut base = Url::parse(text).map_err(|_| unknown())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(unknown());
        }
        let has_secrets = !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some();
        if has_secrets {
            return Err(EndpointError::Secrets);
        }
        if base.path() == "/" {
            base.set_path("/v1");
        }
        Ok(Self::new(Service::Compatible, base, model))
    }

    /// A server at `base`, such as `https://openrouter.ai/api/v1`, whoever keeps it.
    pub fn new(service: Service, base: Url, model: Option<&str>) -> Self {
        Self {
            service,
            base,
            model: model.map(str::to_owned),
        }
    }

    /// The server that a run was begun with.
    ///
    /// # Errors
    /// [`EndpointError::Unknown`].
    pub fn recorded(service: Service, url: &str, model: &str) -> Result<Self, EndpointError> {
        let base = Url::parse(url).map_err(|_| EndpointError::Unknown(shown(url)))?;
        Ok(Self::new(service, base, Some(model)))
    }

    /// Where its paths begin.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Whether it is on this machine or its own network, where no proxy leads.
    pub fn is_near(&self) -> bool {
        is_own_network(self.base.host_str().unwrap_or_default())
    }

    /// Whose conventions it keeps.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The model, if one was named.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The same server, asked for this model.
    pub fn with_model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// Scheme, host and port, as events name a server.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// What a run calls its teacher, such as `openrouter:deepseek/deepseek-v3.2`.
    pub fn name(&self) -> String {
        let model = self.model.as_deref().unwrap_or("?");
        match self.service {
            Service::OpenRouter => format!("openrouter:{model}"),
            Service::Compatible => format!("{}:{model}", self.origin()),
        }
    }

    /// Where answers come from.
    pub fn completions(&self) -> Url {
        self.below("chat/completions")
    }

    /// Where the list of models is.
    pub fn models(&self) -> Url {
        self.below("models")
    }

    /// Where the server says whether it knows the key.
    pub fn key_status(&self) -> Url {
        self.below("key")
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}/{path}",
            self.base.path().trim_end_matches('/')
        ));
        url
    }

    /// Whether a key may be sent to it.
    ///
    /// # Errors
    /// [`EndpointError::Clear`].
    pub fn check_key(&self) -> Result<(), EndpointError> {
        let is_safe = self.base.scheme() == "https" || self.is_near();
        match is_safe {
            true => Ok(()),
            false => Err(EndpointError::Clear(self.origin())),
        }
    }
}

/// This machine, an address that no router forwards, or a name without a domain.
fn is_own_network(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(it)) => it.is_loopback() || it.is_private() || it.is_link_local(),
        Ok(IpAddr::V6(it)) => {
            it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local()
        }
        Err(_) => !host.contains('.') || host.ends_with(".local") || host.ends_with(".localhost"),
    }
}

/// As much of a wrong argument as may be shown: somebody may have given a key instead.
fn shown(text: &str) -> String {
    const SHOWN: usize = 24;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end.min(8)]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teacher_is_openrouter_or_a_url() {
        let parse = |text| Endpoint::parse(text, None);
        let default = parse("openrouter").unwrap();
        assert_eq!(default.model(), Some(DEFAULT_MODEL));
        assert_eq!(default.origin(), "https://openrouter.ai");
        assert_eq!(
            default.completions().as_str(),
            "https://openrouter.ai/api/v1/chat/completions"
        );
        let named = Endpoint::parse("openrouter:a/b", Some("c/d")).unwrap();
        assert_eq!(named.name(), "openrouter:a/b");
        let configured = Endpoint::parse("openrouter", Some("c/d")).unwrap();
        assert_eq!(configured.model(), Some("c/d"));
        let local = parse("http://localhost:11434").unwrap();
        assert_eq!(local.models().as_str(), "http://localhost:11434/v1/models");
        assert_eq!(local.service(), Service::Compatible);
        let slash = parse("http://[::1]:8000/api/").unwrap();
        assert_eq!(slash.models().as_str(), "http://[::1]:8000/api/models");
        for wrong in [
            "openrouter:",
            "openroute",
            "ftp://a",
            "",
            "file:///a",
            "openrouterx",
        ] {
            assert!(
                matches!(parse(wrong), Err(EndpointError::Unknown(_))),
                "{wrong}"
            );
        }
        for secret in [
            "http://u@h/v1",
            "http://:p@h/v1",
            "http://h/v1?key=1",
            "http://h/#a",
        ] {
            assert_eq!(parse(secret), Err(EndpointError::Secrets), "{secret}");
        }
        let key = "sk-or-v1-0123456789012345678901234567890123456789";
        let error = parse(key).unwrap_err().to_string();
        assert!(!error.contains("0123456789"), "{error}");
    }

    #[test]
    fn a_key_goes_in_the_clear_over_ones_own_network_alone() {
        let check = |url| Endpoint::parse(url, None).unwrap().check_key();
        for safe in [
            "https://example.org/v1",
            "http://localhost:1/v1",
            "http://127.0.0.1:1/v1",
            "http://[::1]:1/v1",
            "http://192.168.0.7:8000/v1",
            "http://gpu.local/v1",
        ] {
            assert_eq!(check(safe), Ok(()), "{safe}");
        }
        for clear in ["http://example.org/v1", "http://8.8.8.8/v1"] {
            assert!(
                matches!(check(clear), Err(EndpointError::Clear(_))),
                "{clear}"
            );
        }
    }
}
