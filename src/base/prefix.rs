//! The first digits of an id or a hash, as a user gives them.
//!
//! **Invariant.** At least [`MIN_DIGITS`] digits: fewer would name another event as soon
//! as the lake grows.

use std::fmt;
use std::str::FromStr;

/// The fewest digits that stand for an id.
pub const MIN_DIGITS: usize = 6;
const ID_DIGITS: usize = 64;

/// The first digits of an id or a hash, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    digits: String,
    bytes: [u8; 32],
}

/// Text that is not the beginning of an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id: give {MIN_DIGITS} to {ID_DIGITS} of its hexadecimal digits (0-9, a-f)")]
pub struct NotAPrefix(String);

impl Prefix {
    /// Whether an id begins with it.
    pub fn matches(&self, id: &[u8; 32]) -> bool {
        let whole = self.digits.len() / 2;
        self.bytes[..whole] == id[..whole]
            && (self.digits.len().is_multiple_of(2) || self.bytes[whole] == id[whole] & 0xf0)
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    /// Tables cut ids off with an ellipsis, so one at the end is let pass.
    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let digits = text.trim().trim_end_matches('…');
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_long_enough = (MIN_DIGITS..=ID_DIGITS).contains(&digits.len());
        if !is_long_enough || !digits.bytes().all(is_digit) {
            return Err(NotAPrefix(text.to_owned()));
        }
        let mut bytes = [0; 32];
        for (place, digit) in digits.bytes().enumerate() {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                _ => digit - b'a' + 10,
            };
            bytes[place / 2] |= value << (4 * (1 - place % 2));
        }
        Ok(Self {
            digits: digits.to_owned(),
            bytes,
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{ContentHash, to_hex};

    #[test]
    fn an_id_has_each_of_its_beginnings_and_no_other() {
        let id = ContentHash::of(b"an event").bytes();
        let hex = to_hex(&id);
        for len in MIN_DIGITS..=ID_DIGITS {
            let own: Prefix = hex[..len].parse().unwrap();
            assert!(own.matches(&id), "{own}");
            let last = if hex.as_bytes()[len - 1] == b'0' {
                "1"
            } else {
                "0"
            };
            let other: Prefix = format!("{}{last}", &hex[..len - 1]).parse().unwrap();
            assert!(!other.matches(&id), "{other}");
        }
        assert_eq!("abcdef…".parse::<Prefix>().unwrap().to_string(), "abcdef");
    }

    #[test]
    fn what_is_no_beginning_of_an_id_is_refused() {
        for text in ["", "abcde", "abcdeg", "ABCDEF", "abc def", &"a".repeat(65)] {
            let refused = text.parse::<Prefix>().unwrap_err().to_string();
            assert!(refused.contains("6 to 64"), "{refused}");
        }
    }
}
