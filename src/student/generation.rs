//! How a base wants to be decoded, from `generation_config.json` where there is one.

use std::path::Path;

use super::error::StudentError;
use super::keys::Keys;

/// What `generation_config.json` says of what antiks uses. Sampling and lengths are the
/// caller's choice, so they are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// Ids that end an answer; empty if the file names none.
    pub eos_ids: Vec<u32>,
}

impl Generation {
    /// What the bytes of a `generation_config.json` say, for a model of `vocab` tokens.
    ///
    /// # Errors
    /// [`StudentError::Json`] or [`StudentError::Key`], naming the key.
    pub fn parse(path: &Path, bytes: &[u8], vocab: usize) -> Result<Self, StudentError> {
        let keys = Keys::parse(path, bytes)?;
        Ok(Self {
            eos_ids: keys.token_ids("eos_token_id", vocab)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Generation, StudentError> {
        Generation::parse(Path::new("generation_config.json"), text.as_bytes(), 100)
    }

    #[test]
    fn ids_are_one_or_several() {
        assert_eq!(parse(r#"{"eos_token_id": 2}"#).unwrap().eos_ids, [2]);
        let several = parse(r#"{"eos_token_id": [2, 9], "max_new_tokens": 5, "top_p": 1}"#);
        assert_eq!(several.unwrap().eos_ids, [2, 9]);
        assert_eq!(parse("{}").unwrap(), Generation::default());
        assert!(parse(r#"{"eos_token_id": 100}"#).is_err());
    }
}
