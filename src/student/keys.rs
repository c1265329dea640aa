//! Keys of the JSON documents that configure a model, each checked as it is read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{StudentError, json};

/// A JSON object whose errors name the file and the key. A key that is `null` counts as
/// one that is not there, as in Python.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Keys {
    /// The object that `bytes` hold.
    ///
    /// # Errors
    /// [`StudentError::Json`] if they hold none.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StudentError> {
        let map = serde_json::from_slice(bytes).map_err(json(path))?;
        Ok(Self {
            path: path.to_owned(),
            map,
        })
    }

    /// Whether the key is there, be it null.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The key's value, unless it is null or not there.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The object under `key`, unless it is null or not there.
    ///
    /// # Errors
    /// [`StudentError::Key`] if something else stands there.
    pub fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, StudentError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(key, "must be an object")),
        }
    }

    /// A whole number from 1 to `max`.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is missing or anything else.
    pub fn count(&self, key: &str, max: usize) -> Result<usize, StudentError> {
        self.count_if_any(key, max)?
            .ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// The same, for a key that may be missing.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is there and no whole number from 1 to `max`.
    pub fn count_if_any(&self, key: &str, max: usize) -> Result<Option<usize>, StudentError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        match count.filter(|count| (1..=max).contains(count)) {
            Some(count) => Ok(Some(count)),
            None => {
                let what = format!(
                    "is {}, and must be a whole number from 1 to {max}",
                    short(value)
                );
                Err(self.wrong(key, what))
            }
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is there and anything else.
    pub fn number_if_any(&self, key: &str) -> Result<Option<f64>, StudentError> {
        self.get(key)
            .map(|value| self.number_of(key, value))
            .transpose()
    }

    /// The finite number that stands in `value`, which is what `key` has.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is anything else.
    pub fn number_of(&self, key: &str, value: &Value) -> Result<f64, StudentError> {
        value
            .as_f64()
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong(key, format!("is {}, and must be a number", short(value))))
    }

    /// True or false; false if missing.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is anything else.
    pub fn flag(&self, key: &str) -> Result<bool, StudentError> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => {
                let what = format!("is {}, and must be true or false", short(value));
                Err(self.wrong(key, what))
            }
        }
    }

    /// A text, if it is there.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is anything else.
    pub fn text_if_any(&self, key: &str) -> Result<Option<&str>, StudentError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(self.wrong(key, format!("is {}, and must be a text", short(value)))),
        }
    }

    /// Ids of tokens: a number, a list of numbers, or none.
    ///
    /// # Errors
    /// [`StudentError::Key`] if it is anything else, or an id is not below `end`.
    pub fn token_ids(&self, key: &str, end: usize) -> Result<Vec<u32>, StudentError> {
        let values = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        let id_of = |value: &Value| {
            let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
            id.filter(|id| (*id as usize) < end).ok_or_else(|| {
                let what = format!("holds {}, and must hold ids below {end}", short(value));
                self.wrong(key, what)
            })
        };
        values.iter().map(id_of).collect()
    }

    /// The error that `key` is wrong in the way of `what`.
    pub fn wrong(&self, key: &str, what: impl Into<String>) -> StudentError {
        StudentError::Key {
            path: self.path.clone(),
            key: key.to_owned(),
            what: what.into(),
        }
    }

    /// The error that the value of `key` asks for something that is not done here.
    pub fn unsupported(&self, key: &str, hint: &'static str) -> StudentError {
        StudentError::Unsupported {
            path: self.path.clone(),
            key: key.to_owned(),
            value: self.map.get(key).map_or_else(String::new, short),
            hint,
        }
    }
}

/// A value as JSON, cut to what a message can bear.
pub fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
