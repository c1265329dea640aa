//! One request over HTTP, and what came back: always something, in bounded time and memory.
//!
//! **Invariants.**
//! - An exchange ends by its total deadline, whatever the server does.
//! - No more than [`Limits::max_body_bytes`] of a body are ever held.
//! - No redirect is followed, so the key goes to no other host; nothing is sent again
//!   behind our back.
//! - The key is scrubbed from whatever came before anything else sees it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Request, Response, Url};

use super::secret::Key;

/// What remains of a body that is too large or was cut off, for whoever looks into it.
const KEPT_BYTES: usize = 64 << 10;
/// No server is waited for longer, whatever it says.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How long, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to come about.
    pub connect: Duration,
    /// For the next byte to come. A server that doesn't stream is silent until it has its
    /// whole answer.
    pub idle: Duration,
    /// For everything.
    pub total: Duration,
    /// The bytes of a body.
    pub max_body_bytes: usize,
}

impl Limits {
    /// Waits so long for a whole answer, and no shorter for its first byte: a small machine's
    /// server may work for minutes before it says anything.
    pub fn patient(total: Duration) -> Self {
        Self {
            idle: total,
            total,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(300),
            max_body_bytes: 4 << 20,
        }
    }
}

/// What sort of trouble there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Nothing was sent: everything stopped before.
    Unsent,
    /// Nothing was sent: there is no connection.
    Unreachable,
    /// No byte came for too long.
    Silent,
    /// It took too long as a whole.
    Late,
    /// The body is too large.
    TooLarge,
    /// The body is compressed, which was not asked for.
    Compressed,
    /// The server sends us elsewhere, where the key must not go.
    Redirected,
    /// The connection broke.
    Broken,
}

impl TroubleKind {
    const ALL: [Self; 8] = [
        Self::Unsent,
        Self::Unreachable,
        Self::Silent,
        Self::Late,
        Self::TooLarge,
        Self::Compressed,
        Self::Redirected,
        Self::Broken,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Late => "late",
            Self::TooLarge => "too_large",
            Self::Compressed => "compressed",
            Self::Redirected => "redirected",
            Self::Broken => "broken",
        }
    }
}

/// Why there is no whole response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Trouble {
    /// What sort it is.
    pub kind: TroubleKind,
    words: String,
}

impl Trouble {
    /// Trouble of this kind, in words.
    pub fn new(kind: TroubleKind, words: impl Into<String>) -> Self {
        Self {
            kind,
            words: words.into(),
        }
    }

    /// As it is written down.
    pub fn record(&self) -> String {
        format!("{}: {}", self.kind.word(), self.words)
    }

    /// As it was written down; `None` if the text is no trouble's.
    pub fn recall(text: &str) -> Option<Self> {
        let (word, words) = text.split_once(": ")?;
        let mut kinds = TroubleKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.word() == word)?;
        Some(Self::new(kind, words))
    }
}

/// What came back from one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// How long the server asks us to wait.
    pub retry_after: Option<Duration>,
    /// The body, as far as it came and is kept.
    pub body: Vec<u8>,
    /// Why it is not whole.
    pub trouble: Option<Trouble>,
}

impl Exchange {
    /// That of a call that was written down and then not made.
    pub fn unsent(why: &str) -> Self {
        Self::failed(Trouble::new(TroubleKind::Unsent, why))
    }

    fn failed(trouble: Trouble) -> Self {
        Self {
            status: None,
            retry_after: None,
            body: Vec::new(),
            trouble: Some(trouble),
        }
    }
}

/// Sends requests.
#[derive(Debug)]
pub struct Transport {
    client: Client,
    key: Option<Key>,
    limits: Limits,
}

impl Transport {
    /// A transport that shows this key to whatever it asks. `use_proxy`: whether the
    /// system's proxy is used.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(key: Option<Key>, limits: Limits, use_proxy: bool) -> Result<Self, Trouble> {
        let mut builder = Client::builder()
            .user_agent(concat!("antiks/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Another crate may switch decompression on for all: a bomb must stay small.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .http1_only();
        if !use_proxy {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| Trouble::new(TroubleKind::Unreachable, causes(&error)))?;
        Ok(Self {
            client,
            key,
            limits,
        })
    }

    /// Reads what lies at `url`.
    pub async fn get(&self, url: Url) -> Exchange {
        self.exchange(Request::new(reqwest::Method::GET, url)).await
    }

    /// Sends JSON to `url`.
    pub async fn post(&self, url: Url, body: Vec<u8>) -> Exchange {
        let mut request = Request::new(reqwest::Method::POST, url);
        *request.body_mut() = Some(body.into());
        let json = reqwest::header::HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        self.exchange(request).await
    }

    async fn exchange(&self, mut request: Request) -> Exchange {
        if let Some(header) = self.key.as_ref().and_then(Key::bearer) {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        let late = format!(
            "the answer was not whole after {}",
            seconds(self.limits.total)
        );
        let mut exchange = Exchange::failed(Trouble::new(TroubleKind::Late, late));
        let whole = self.receive(request, &mut exchange);
        // What came until the deadline stays in `exchange`.
        if let Ok(trouble) = tokio::time::timeout(self.limits.total, whole).await {
            exchange.trouble = trouble;
        }
        if exchange.trouble.is_some() {
            exchange.body.truncate(KEPT_BYTES);
            exchange.body.shrink_to_fit();
        }
        if let Some(key) = &self.key {
            exchange.body = key.scrub(exchange.body);
            exchange.trouble = exchange.trouble.map(|it| scrubbed(it, key));
        }
        exchange
    }

    /// Fills `exchange` as the response comes; gives what went wrong.
    async fn receive(&self, request: Request, exchange: &mut Exchange) -> Option<Trouble> {
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Some(self.trouble(&error)),
        };
        exchange.status = Some(response.status().as_u16());
        exchange.retry_after = retry_after(response.headers());
        if response.status().is_redirection() {
            let words = "the server sends elsewhere, where the key must not go; give the address \
                         that it sends to";
            return Some(Trouble::new(TroubleKind::Redirected, words));
        }
        let encoding = response.headers().get(CONTENT_ENCODING);
        if let Some(encoding) = encoding.filter(|it| *it != "identity") {
            let encoding: String = encoding.to_str().unwrap_or("?").chars().take(20).collect();
            let words = format!("the answer is compressed ({encoding}), which was not asked for");
            return Some(Trouble::new(TroubleKind::Compressed, words));
        }
        self.read(response, exchange).await
    }

    async fn read(&self, mut response: Response, exchange: &mut Exchange) -> Option<Trouble> {
        let most = self.limits.max_body_bytes;
        let too_large = || {
            let words = format!("the answer is larger than {most} bytes");
            Some(Trouble::new(TroubleKind::TooLarge, words))
        };
        if response
            .content_length()
            .is_some_and(|len| len > most as u64)
        {
            return too_large();
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if exchange.body.len() + chunk.len() > most => {
                    return too_large();
                }
                Ok(Some(chunk)) => exchange.body.extend_from_slice(&chunk),
                Ok(None) => return None,
                Err(error) => return Some(self.trouble(&error)),
            }
        }
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        if error.is_connect() {
            return Trouble::new(
                TroubleKind::Unreachable,
                format!(
                    "no connection (is a server running there?): {}",
                    causes(error)
                ),
            );
        }
        if error.is_timeout() {
            let words = format!("the server was silent for {}", seconds(self.limits.idle));
            return Trouble::new(TroubleKind::Silent, words);
        }
        let words = format!("the connection broke: {}", causes(error));
        Trouble::new(TroubleKind::Broken, words)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}

/// What an error says with all that caused it; the outermost only repeats the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if words.last().is_none_or(|last| !last.contains(&text)) {
            words.push(text);
        }
        cause = error.source();
    }
    match words.is_empty() {
        true => "the request could not be made".to_owned(),
        false => words.join(": "),
    }
}

/// Texts of trouble may quote the server.
fn scrubbed(trouble: Trouble, key: &Key) -> Trouble {
    let bytes = key.scrub(trouble.words.into_bytes());
    Trouble {
        kind: trouble.kind,
        words: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Seconds; a date is not understood and counts as none, so that the usual waiting holds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = text.trim().parse().ok()?;
    let seconds = Duration::try_from_secs_f64(seconds).ok()?;
    Some(seconds.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_recalled_as_it_was_recorded() {
        for kind in TroubleKind::ALL {
            let trouble = Trouble::new(kind, "it broke: badly");
            assert_eq!(Trouble::recall(&trouble.record()), Some(trouble));
        }
        assert_eq!(Trouble::recall("the server says 400: no"), None);
    }
}
