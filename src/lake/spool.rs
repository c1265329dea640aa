//! The spool of paid calls: the intent before a call, the response after it.
//!
//! A call is known by its request hash, `BLAKE3.derive_key("antiks.request.v1")` over
//! `endpoint length (u32) · endpoint · ordinal (u32) · body`; the ordinal tells calls
//! apart that ask the same thing on purpose. Each attempt has two framed documents in
//! `calls/`, written once.
//!
//! **Invariants.**
//! - An intent is on disk before its call is made; so money spent is accounted for
//!   after a crash at any point.
//! - A response that is on disk is never asked for again.
//! - No key and no header is ever in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{LakeError, damaged, reading};
use super::layout;
use super::walk::{files_below, read_file};
use crate::base::disk::{Linked, WriteOnce};
use crate::base::framed;
use crate::base::id::ContentHash;
pub use crate::base::request::request_hash;

/// What is about to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The request's hash.
    pub request: ContentHash,
    /// Which attempt it is, from 0 on.
    pub attempt: u32,
    /// When, in microseconds since 1970-01-01 00:00 UTC.
    pub at_us: i64,
    /// The URL, without credentials.
    pub endpoint: String,
    /// Which of several equal requests it is, from 0 on.
    pub ordinal: u32,
    /// The request's body.
    pub body: Body,
    /// The most that the call can cost, in millionths of a US dollar, if that is known.
    pub reserved_microusd: Option<i64>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The request's hash.
    pub request: ContentHash,
    /// Which attempt it answers.
    pub attempt: u32,
    /// When, in microseconds since 1970-01-01 00:00 UTC.
    pub at_us: i64,
    /// The HTTP status; left out if none came.
    pub http_status: Option<u16>,
    /// The response's body, as far as it came.
    pub body: Body,
    /// Why it is not a whole response; left out if it is.
    pub error: Option<String>,
}

/// Bytes that are text almost always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Bytes that are UTF-8.
    Text(String),
    /// Bytes that are not, each as two hexadecimal digits.
    Hex(String),
}

impl Body {
    /// The body with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Hex(
                error
                    .as_bytes()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            ),
        }
    }

    /// Its bytes; `None` if its digits are not hexadecimal.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Hex(digits) => digits
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect(),
        }
    }
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallState {
    /// It was never made.
    New,
    /// It was made so many times, and no response reached the disk.
    Unanswered {
        /// The attempts, each of which may have cost money.
        attempts: Vec<Intent>,
    },
    /// A response is there.
    Answered(Response),
}

/// The spool of one lake.
pub struct Spool {
    root: PathBuf,
    files: Arc<WriteOnce>,
}

impl Spool {
    pub(super) fn new(root: &Path, files: Arc<WriteOnce>) -> Self {
        Self {
            root: root.to_owned(),
            files,
        }
    }

    /// How far the call with this request hash has come.
    pub fn state(&self, request: ContentHash) -> Result<CallState, LakeError> {
        let mut attempts: Vec<Intent> = Vec::new();
        loop {
            let attempt = attempts.len() as u32;
            let path = self.root.join(layout::call_intent(request, attempt));
            let Some(intent) = read::<Intent>("intent", &path)? else {
                break;
            };
            attempts.push(intent);
        }
        for attempt in (0..attempts.len() as u32).rev() {
            let path = self.root.join(layout::call_response(request, attempt));
            if let Some(response) = read::<Response>("response", &path)? {
                // Its process may have died before the name was on disk; from now on
                // the call counts as answered.
                self.files.settle(path.parent().unwrap_or(&self.root))?;
                return Ok(CallState::Answered(response));
            }
        }
        Ok(match attempts.is_empty() {
            true => CallState::New,
            false => CallState::Unanswered { attempts },
        })
    }

    /// Every attempt at the call with this request hash, the first one first, with the
    /// response to it if one is on disk.
    pub fn attempts(
        &self,
        request: ContentHash,
    ) -> Result<Vec<(Intent, Option<Response>)>, LakeError> {
        let mut attempts = Vec::new();
        loop {
            let attempt = attempts.len() as u32;
            let path = self.root.join(layout::call_intent(request, attempt));
            let Some(intent) = read::<Intent>("intent", &path)? else {
                return Ok(attempts);
            };
            let path = self.root.join(layout::call_response(request, attempt));
            let response = read::<Response>("response", &path)?;
            // Its process may have died before the names were on disk; from now on this
            // one counts on them.
            self.files.settle(path.parent().unwrap_or(&self.root))?;
            attempts.push((intent, response));
        }
    }

    /// The request hash and number of every attempt that was ever begun, in the order of
    /// their names.
    pub fn begun(&self) -> Result<Vec<(ContentHash, u32)>, LakeError> {
        let mut begun = Vec::new();
        for path in files_below(&self.root.join(layout::CALLS))? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(stem) = name.and_then(|name| name.strip_suffix(".intent.json")) else {
                continue;
            };
            let parts = stem
                .split_once('.')
                .and_then(|(hash, attempt)| Some((hash.parse().ok()?, attempt.parse().ok()?)));
            begun.push(parts.ok_or_else(|| damaged(&path, "it is no document of a call"))?);
        }
        begun.sort_unstable();
        Ok(begun)
    }

    /// Brings an intent to disk. The call may be made after that, and not before.
    pub fn intend(&self, intent: &Intent) -> Result<(), LakeError> {
        let path = layout::call_intent(intent.request, intent.attempt);
        self.write("intent", &path, intent)
    }

    /// Brings a response to disk.
    pub fn respond(&self, response: &Response) -> Result<(), LakeError> {
        let path = layout::call_response(response.request, response.attempt);
        self.write("response", &path, response)
    }

    fn write<T: Serialize>(&self, name: &str, path: &Path, body: &T) -> Result<(), LakeError> {
        let path = self.root.join(path);
        let (bytes, _) =
            framed::seal(name, body).map_err(|error| damaged(&path, error.to_string()))?;
        match self.files.write(&path, &bytes)? {
            Linked::New => Ok(()),
            Linked::Taken if fs::read(&path).is_ok_and(|there| there == bytes) => Ok(()),
            Linked::Taken => Err(damaged(&path, "another attempt has this name already")),
        }
    }
}

fn read<T: DeserializeOwned>(name: &str, path: &Path) -> Result<Option<T>, LakeError> {
    let bytes = match read_file(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(path)(error)),
    };
    match framed::open(name, &bytes) {
        Ok((body, _)) => Ok(Some(body)),
        Err(error) => Err(damaged(path, error.to_string())),
    }
}

/// Checks every document of the spool below `root`, and gives what is wrong with which.
pub fn check(root: &Path) -> Result<Vec<LakeError>, LakeError> {
    let mut wrong = Vec::new();
    for path in files_below(&root.join(layout::CALLS))? {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if let Err(error) = check_document(root, &path, relative) {
            wrong.push(error);
        }
    }
    Ok(wrong)
}

fn check_document(root: &Path, path: &Path, relative: &Path) -> Result<(), LakeError> {
    let name = path.to_string_lossy();
    let (expected, before) = if name.ends_with(".intent.json") {
        let intent = read_there::<Intent>("intent", path)?;
        let body = intent.body.bytes();
        let body = body.ok_or_else(|| damaged(path, "its body is not hexadecimal"))?;
        if request_hash(&intent.endpoint, intent.ordinal, &body) != intent.request {
            return Err(damaged(path, "its request does not have the stated hash"));
        }
        let before = intent.attempt.checked_sub(1);
        (
            layout::call_intent(intent.request, intent.attempt),
            before.map(|attempt| layout::call_intent(intent.request, attempt)),
        )
    } else if name.ends_with(".response.json") {
        let response = read_there::<Response>("response", path)?;
        (
            layout::call_response(response.request, response.attempt),
            Some(layout::call_intent(response.request, response.attempt)),
        )
    } else {
        return Err(damaged(path, "it is no document of a call"));
    };
    if expected != relative {
        return Err(damaged(path, "its name is not that of its content"));
    }
    // What was on disk before this one: an intent before its response and before the
    // next attempt.
    match before.filter(|before| !root.join(before).exists()) {
        Some(before) => Err(damaged(
            &root.join(before),
            format!("it is missing, but {} is there", relative.display()),
        )),
        None => Ok(()),
    }
}

fn read_there<T: DeserializeOwned>(name: &str, path: &Path) -> Result<T, LakeError> {
    read(name, path)?.ok_or_else(|| damaged(path, "it is missing"))
}
