//! Closed sets of words: enums that stand as text in bytes and columns.

/// Declares an enum and the word of each of its values.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$word_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in declared order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that stands for the value.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        const _: () = {
            use arrow::array::{Array, ArrayRef, StringBuilder};
            use arrow::datatypes::DataType;

            use $crate::base::canonical::{DecodeError, Tag, Value};
            use $crate::event::columns::{Column, ColumnError};

            impl Value for $name {
                const TAG: Tag = Tag::Text;

                fn write(&self, out: &mut Vec<u8>) {
                    out.extend_from_slice(self.word().as_bytes());
                }

                fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
                    let word = String::read(bytes)?;
                    Self::from_word(&word).ok_or_else(|| DecodeError::unknown_word(&word))
                }
            }

            impl Column for $name {
                type Builder = StringBuilder;
                type Reader = Vec<Option<Self>>;

                fn data_type() -> DataType {
                    DataType::Utf8
                }

                fn append(&self, builder: &mut StringBuilder) {
                    builder.append_value(self.word());
                }

                fn append_null(builder: &mut StringBuilder) {
                    builder.append_null();
                }

                fn finish(builder: &mut StringBuilder) -> ArrayRef {
                    String::finish(builder)
                }

                fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
                    let column = String::reader(array, name)?;
                    column
                        .iter()
                        .map(|word| match word.map(|word| (word, Self::from_word(word))) {
                            Some((word, None)) => Err(ColumnError::Word {
                                name: name.to_owned(),
                                word: word.to_owned(),
                            }),
                            Some((_, known)) => Ok(known),
                            None => Ok(None),
                        })
                        .collect()
                }

                fn get(reader: &Self::Reader, row: usize) -> Self {
                    match reader[row] {
                        Some(value) => value,
                        None => unreachable!("a row without a word is not read"),
                    }
                }
            }
        };
    };
}

words! {
    /// What an answer or a grade is for.
    pub enum Purpose {
        /// A question of the loop: what it gets wrong may be trained on.
        Train = "train",
        /// A question of a frozen suite: never trained on.
        Eval = "eval",
        /// A planted question whose verdict is known: it tests the judge.
        Sentinel = "sentinel",
    }
}

words! {
    /// Where a training starts from.
    pub enum Start {
        /// The untrained base model.
        Base = "base",
        /// An earlier checkpoint.
        Parent = "parent",
    }
}

words! {
    /// What a teacher was called for.
    pub enum Request {
        /// To propose challenges.
        Propose = "propose",
        /// To judge an answer.
        Grade = "grade",
        /// To correct an answer.
        Correct = "correct",
        /// To judge a planted answer.
        Sentinel = "sentinel",
    }
}

words! {
    /// How a call of a teacher ended.
    pub enum CallOutcome {
        /// With an answer that could be used.
        Used = "used",
        /// With an answer that was refused, as `detail` says.
        Refused = "refused",
        /// With an error of the server or the network.
        Failed = "failed",
        /// Without our knowing: we crashed between intent and response.
        Unknown = "unknown",
    }
}
