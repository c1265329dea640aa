//! The embedded base: the files of `models/nano`, as part of the program.

use super::vocabulary::TEMPLATE;
use crate::student::base::Base;
use crate::student::error::StudentError;

/// What it is called.
pub const NAME: &str = "nano";

/// Its files by name.
const FILES: &[(&str, &[u8])] = &[
    (
        "config.json",
        include_bytes!("../../models/nano/config.json"),
    ),
    (
        "generation_config.json",
        include_bytes!("../../models/nano/generation_config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../models/nano/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        include_bytes!("../../models/nano/tokenizer_config.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../../models/nano/model.safetensors"),
    ),
];

/// The embedded base.
///
/// # Errors
/// A file is missing, which a test would have found.
pub fn embedded() -> Result<Base, StudentError> {
    Base::embedded(NAME, FILES)
}

/// Whether a base reads questions as the embedded one does.
pub fn reads_outlines(base: &Base) -> bool {
    let mut files = base.files();
    let words = files.find(|(name, _)| *name == "tokenizer_config.json");
    let words =
        words.and_then(|(_, bytes)| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    words.is_some_and(|it| it["chat_template"] == TEMPLATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ContentHash;
    use crate::nano::pretrain::Receipt;
    use crate::nano::withheld::WITHHELD;

    #[test]
    fn the_receipt_tells_of_the_embedded_files() {
        let receipt: Receipt =
            serde_json::from_str(include_str!("../../models/nano/receipt.json")).unwrap();
        for (name, bytes) in FILES {
            assert_eq!(receipt.files[*name], ContentHash::of(bytes), "{name}");
        }
        assert_eq!(receipt.withheld, WITHHELD);
        let base = embedded().unwrap();
        assert!(reads_outlines(&base));
        assert!(base.config().is_ok());
    }
}
