//! What an exchange without a usable answer means: whether to wait, to give up, or to stop.
//!
//! **Invariant.** Every exchange without an answer is exactly one fault, and every fault
//! says what follows from it ([`Fault::follows`]).

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use super::transport::{Exchange, Trouble, TroubleKind};

/// As much of a server's words as is shown.
const SHOWN: usize = 300;

/// Why an exchange gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No whole response came.
    Transport(Trouble),
    /// The server says that something is wrong.
    Server {
        /// The status: that of HTTP, or the one in the body of a 200.
        status: u16,
        /// What it says.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// A whole response came that is no answer.
    Garbled(String),
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The server is too busy: fewer calls at a time, and this one again after a while.
    Wait,
    /// It may go better next time.
    Again,
    /// Once more at most: the server has worked for it and may want to be paid each time.
    OnceMore,
    /// This call can't succeed; others may.
    GiveUp,
    /// No call can succeed until somebody does something.
    Stop,
}

impl Fault {
    /// What follows from it.
    pub fn follows(&self) -> Follows {
        match self {
            Self::Transport(trouble) => match trouble.kind {
                TroubleKind::Unsent | TroubleKind::Unreachable | TroubleKind::Broken => {
                    Follows::Again
                }
                TroubleKind::Silent | TroubleKind::Late => Follows::OnceMore,
                TroubleKind::TooLarge | TroubleKind::Compressed => Follows::GiveUp,
                TroubleKind::Redirected => Follows::Stop,
            },
            Self::Server {
                status,
                retry_after,
                ..
            } => match status {
                // Without a time to wait until, an account is empty until it is filled.
                402 if retry_after.is_some() => Follows::Wait,
                401..=404 => Follows::Stop,
                408 | 425 => Follows::Again,
                429 | 503 | 529 => Follows::Wait,
                500.. => Follows::Again,
                _ => Follows::GiveUp,
            },
            Self::Garbled(_) => Follows::OnceMore,
        }
    }

    /// How long the server asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the server can't have worked for it, and so can't be paid.
    pub fn is_free(&self) -> bool {
        match self {
            Self::Transport(trouble) => matches!(
                trouble.kind,
                TroubleKind::Unsent | TroubleKind::Unreachable | TroubleKind::Redirected
            ),
            Self::Server { status, .. } => matches!(status, 400..=499 | 503 | 529),
            _ => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(trouble) => trouble.fmt(f),
            Self::Garbled(what) => f.write_str(what),
            Self::Server {
                status, message, ..
            } => {
                write!(f, "the server says {status}")?;
                if !message.is_empty() {
                    write!(f, ": {message}")?;
                }
                match status {
                    401 => f.write_str("; is the key right?"),
                    402 => f.write_str("; the account needs credits"),
                    403 => f.write_str("; the key may not do this, or has reached its limit"),
                    404 => f.write_str("; is the model's name right, and its routing possible?"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The fault in an exchange, as far as status and an `error` in the body tell.
pub fn error_of(exchange: &Exchange) -> Option<Fault> {
    if let Some(trouble) = &exchange.trouble {
        return Some(Fault::Transport(trouble.clone()));
    }
    let status = exchange.status.unwrap_or(0);
    let error = serde_json::from_slice::<Json>(without_comments(&exchange.body))
        .ok()
        .and_then(|body| said_in(&body));
    match (status, error) {
        (200..=299, None) => None,
        (200..=299, Some((code, message))) => Some(Fault::Server {
            // An error without a number is the server's own.
            status: code.filter(|it| *it >= 400).unwrap_or(500),
            message,
            retry_after: exchange.retry_after,
        }),
        (_, error) => Some(Fault::Server {
            status,
            message: error.map_or_else(|| text_of(&exchange.body), |(_, message)| message),
            retry_after: exchange.retry_after,
        }),
    }
}

/// The code and message of an `error`, wherever servers put it.
fn said_in(body: &Json) -> Option<(Option<u16>, String)> {
    let of_choice = || body.pointer("/choices/0/error");
    let error = body.get("error").or_else(of_choice);
    let error = error.filter(|it| !it.is_null())?;
    let code = match error.get("code") {
        Some(Json::Number(number)) => number.as_u64().and_then(|it| u16::try_from(it).ok()),
        Some(Json::String(text)) => text.parse().ok(),
        _ => None,
    };
    let message = error.get("message").and_then(Json::as_str);
    let message = message.or(error.as_str()).unwrap_or_default();
    Some((code, shorten(message)))
}

fn text_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
    match text.trim_start().starts_with('<') {
        // A page for people; its first lines say nothing.
        true => String::new(),
        false => shorten(&text),
    }
}

/// One line of bounded length without control characters.
fn shorten(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|it: char| it.is_whitespace() || it.is_control()) {
        if word.is_empty() {
            continue;
        }
        if line.len() + word.len() > SHOWN {
            let room = SHOWN.saturating_sub(line.len());
            line.extend(word.chars().take(room));
            line.push_str("...");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A body without the blank lines and comments (`: PROCESSING`) that some servers send to
/// keep a connection open.
pub fn without_comments(body: &[u8]) -> &[u8] {
    let mut rest = body.trim_ascii_start();
    while rest.first() == Some(&b':') {
        let end = rest.iter().position(|it| *it == b'\n');
        rest = end.map_or(&[][..], |end| &rest[end..]).trim_ascii_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str, retry_after: Option<u64>) -> Option<Fault> {
        error_of(&Exchange {
            status: Some(status),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.as_bytes().to_vec(),
            trouble: None,
        })
    }

    #[test]
    fn what_follows_stands_in_status_or_body() {
        let error = |code: &str| format!(r#"{{"error":{{"code":{code},"message":"no"}}}}"#);
        let cases: &[(u16, String, Option<u64>, Follows)] = &[
            (429, String::new(), Some(2), Follows::Wait),
            (503, String::new(), None, Follows::Wait),
            (500, "<html>".to_owned(), None, Follows::Again),
            (402, error("402"), None, Follows::Stop),
            (402, error("402"), Some(1), Follows::Wait),
            (403, error("403"), None, Follows::Stop),
            (401, error("401"), None, Follows::Stop),
            (400, error("400"), None, Follows::GiveUp),
            (200, error("429"), None, Follows::Wait),
            (200, error("\"502\""), None, Follows::Again),
            (200, error("null"), None, Follows::Again),
            (
                200,
                r#"{"error":"it broke"}"#.to_owned(),
                None,
                Follows::Again,
            ),
            (
                200,
                r#"{"choices":[{"error":{"code":503,"message":"no"}}]}"#.to_owned(),
                None,
                Follows::Wait,
            ),
        ];
        for (status, body, retry_after, follows) in cases {
            let found = fault(*status, body, *retry_after).unwrap();
            assert_eq!(found.follows(), *follows, "{status} {body}: {found}");
        }
        assert_eq!(fault(200, r#"{"error":null,"choices":[]}"#, None), None);
        assert_eq!(fault(200, "not json", None), None);
    }

    #[test]
    fn a_servers_words_are_one_short_line() {
        let long = "word \n\u{1b}[31m".repeat(500);
        let found = fault(400, &long, None).unwrap().to_string();
        assert!(
            found.len() < 400 && !found.contains(['\n', '\u{1b}']),
            "{found}"
        );
    }

    #[test]
    fn comments_before_a_body_are_passed_over() {
        let body = b"\n: PROCESSING\n\n: PROCESSING\n\n{\"a\":1}";
        assert_eq!(without_comments(body), b"{\"a\":1}");
        assert_eq!(without_comments(b": only"), b"");
        assert_eq!(without_comments(b"{}"), b"{}");
    }
}
