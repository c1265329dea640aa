//! The key of a server, which no output may ever hold.
//!
//! **Invariants.** A key has no text form: `Debug` shows dots, there is no `Display` and no
//! serialisation, and no error here quotes it. The one way out is [`Key::bearer`], a header
//! that is marked as sensitive. What a server sends back is scrubbed of it before anything
//! else sees the bytes, since a server may quote what it was sent.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::endpoint::Service;
use crate::base::world::World;

/// No key is longer.
const MAX_KEY_BYTES: u64 = 4096;
/// What is shorter is a placeholder that local servers ask for, such as `ollama`, and would
/// be found in any text.
const LEAST_SECRET_BYTES: usize = 12;
/// Where OpenRouter's key stands.
const VARIABLE: &str = "OPENROUTER_API_KEY";
/// What stands where a key stood.
const SCRUBBED: &[u8] = b"[key]";

/// A server's key.
#[derive(Clone)]
pub struct Key(Zeroizing<String>);

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("reading the key file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the key in {0} is empty; it must hold the server's key on one line")]
    Empty(String),
    /// It holds what no key holds.
    #[error("the key in {0} is not one: a key is one line of printable ASCII without blanks")]
    NoKey(String),
}

impl Key {
    /// The key in this text, which came from `origin`, such as a variable's name.
    ///
    /// # Errors
    /// The text is empty or no key.
    pub fn new(text: &str, origin: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty(origin.to_owned()));
        }
        let is_key =
            text.len() as u64 <= MAX_KEY_BYTES && text.bytes().all(|it| it.is_ascii_graphic());
        match is_key {
            true => Ok(Self(Zeroizing::new(text.to_owned()))),
            false => Err(KeyError::NoKey(origin.to_owned())),
        }
    }

    /// The key in a file.
    ///
    /// # Errors
    /// There is no such file, or no key in it.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |source| KeyError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_BYTES as usize + 1));
        let file = fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_KEY_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        let origin = path.display().to_string();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::new(text, &origin),
            Err(_) => Err(KeyError::NoKey(origin)),
        }
    }

    /// The key that the environment or a file gives; `None` if neither does. The file counts
    /// if both do. The variable is OpenRouter's and goes to nobody else.
    ///
    /// # Errors
    /// What is there is no key.
    pub fn find(
        world: &World,
        service: Service,
        file: Option<&Path>,
    ) -> Result<Option<Self>, KeyError> {
        match (file, service) {
            (Some(path), _) => Self::read(path).map(Some),
            (None, Service::OpenRouter) => world
                .variable(VARIABLE)
                .map(|text| Self::new(&text, VARIABLE))
                .transpose(),
            (None, Service::Compatible) => Ok(None),
        }
    }

    /// The header that shows it to the server.
    pub(super) fn bearer(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", self.0.as_str()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The bytes with every occurrence of the key replaced.
    pub(super) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        let key = self.0.as_bytes();
        if key.len() < LEAST_SECRET_BYTES {
            return bytes;
        }
        let mut clean = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some(place) = find(rest, key) {
            clean.extend_from_slice(&rest[..place]);
            clean.extend_from_slice(SCRUBBED);
            rest = &rest[place + key.len()..];
        }
        match clean.is_empty() {
            true => bytes,
            false => {
                clean.extend_from_slice(rest);
                clean
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn find(bytes: &[u8], key: &[u8]) -> Option<usize> {
    let first = *key.first()?;
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(|it| *it == first) {
        let start = from + place;
        if bytes[start..].starts_with(key) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "sk-or-v1-canary-0123456789";

    #[test]
    fn a_key_is_shown_nowhere() {
        let key = Key::new(&format!(" {CANARY}\n"), "a test").unwrap();
        assert!(!format!("{key:?} {key:#?}").contains("canary"));
        assert!(!format!("{:?}", key.bearer()).contains("canary"));
        let header = key.bearer().unwrap();
        assert_eq!(header.to_str().unwrap(), format!("Bearer {CANARY}"));
        let error = Key::new("canary with blanks", "KEY").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert!(matches!(Key::new(" \n", "KEY"), Err(KeyError::Empty(_))));
    }

    #[test]
    fn what_quotes_the_key_is_scrubbed() {
        let key = Key::new(CANARY, "a test").unwrap();
        let scrub = |text: &str| String::from_utf8(key.scrub(text.into())).unwrap();
        assert_eq!(scrub(CANARY), "[key]");
        assert_eq!(scrub(&format!("s{CANARY}sk{CANARY}")), "s[key]sk[key]");
        assert_eq!(scrub("sk-or-v1-canary"), "sk-or-v1-canary");
        let placeholder = Key::new("ollama", "a test").unwrap();
        assert_eq!(placeholder.scrub(b"ollama".to_vec()), b"ollama");
    }

    #[test]
    fn a_key_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(Key::read(&path), Err(KeyError::Unreadable { .. })));
        let write = |bytes: &[u8]| {
            let mut file = fs::File::create(&path).unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
        };
        write(format!("{CANARY}\n").as_bytes());
        assert!(Key::read(&path).is_ok());
        write(&[0xff; 20]);
        assert!(matches!(Key::read(&path), Err(KeyError::NoKey(_))));
        write(&[b'a'; MAX_KEY_BYTES as usize + 1]);
        assert!(matches!(Key::read(&path), Err(KeyError::NoKey(_))));
    }
}
