//! The canonical encoding: the one byte string that a value has.
//!
//! A record is its fields in declared order, each as
//! `name length (u32) · name · tag (u8) · value length (u32) · value`; an absent
//! option is left out whole. Integers are little-endian. The value of each [`Tag`]:
//!
//! | tag | value bytes |
//! |---|---|
//! | `Bool` 1 | one byte, 0 or 1 |
//! | `Int` 2 | 8 bytes, two's complement |
//! | `Float` 3 | the 8 bytes of the IEEE 754 double, NaN's payload and zero's sign included |
//! | `Text` 4 | UTF-8 |
//! | `Hash` 5 | 32 bytes |
//! | `List` 6 | element tag (u8) · count (u32) · then length (u32) · value per element |
//! | `Record` 7 | its fields, as above |
//!
//! **Invariants.** The encoding is injective: [`Record::decode`] accepts exactly the
//! strings that [`Record::encode`] makes, so two values that differ never encode alike.
//! A new optional field leaves the bytes of every record without it as they were.

use std::fmt;

/// The type of a value, as it stands in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// True or false.
    Bool = 1,
    /// A signed 64-bit integer.
    Int = 2,
    /// A double.
    Float = 3,
    /// A string.
    Text = 4,
    /// 32 bytes: an id or a content hash.
    Hash = 5,
    /// Values of one type, in order.
    List = 6,
    /// Named fields, in declared order.
    Record = 7,
}

/// Why bytes are not the encoding of the value that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(String);

impl DecodeError {
    /// A word that is not one of a closed set.
    pub fn unknown_word(word: &str) -> Self {
        Self(format!("the word {word:?} is not known"))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

fn malformed<T>(what: impl Into<String>) -> Result<T, DecodeError> {
    Err(DecodeError(what.into()))
}

/// What a value points at outside of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// An event, of the named kind where the type says which.
    Event {
        /// The kind that the id's type promises; `None` for any.
        kind: Option<&'static str>,
        /// The event's id.
        id: [u8; 32],
    },
    /// A blob, by the hash of its bytes.
    Blob([u8; 32]),
    /// A snapshot file, by the hash of its bytes.
    Snapshot([u8; 32]),
}

/// Something that can stand in a field.
pub trait Value: Sized {
    /// The type that stands in the bytes.
    const TAG: Tag;
    /// Whether a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// Whether this value is left out of its record.
    fn is_absent(&self) -> bool {
        false
    }

    /// What stands for a field that was left out; `None` if it must not be.
    fn absent() -> Option<Self> {
        None
    }

    /// Appends the value's bytes, without name, tag or length.
    fn write(&self, out: &mut Vec<u8>);

    /// The inverse of [`Value::write`].
    fn read(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Calls `visit` for everything that this value points at.
    fn references(&self, _visit: &mut dyn FnMut(Reference)) {}
}

/// Named fields in declared order.
pub trait Record: Sized {
    /// Appends every field that is present.
    fn write_fields(&self, out: &mut Vec<u8>);

    /// Takes the fields off the reader, in declared order.
    fn read_fields(reader: &mut FieldReader<'_>) -> Result<Self, DecodeError>;

    /// Calls `visit` for everything that the fields point at, in declared order.
    fn visit_references(&self, visit: &mut dyn FnMut(Reference));

    /// The record's canonical bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write_fields(&mut out);
        out
    }

    /// The record that `bytes` are the encoding of.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = FieldReader::new(bytes);
        let record = Self::read_fields(&mut reader)?;
        reader.finish()?;
        Ok(record)
    }
}

/// Appends `bytes` behind their length.
pub fn write_sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&length(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends one field, unless its value is absent.
pub fn write_field<T: Value>(name: &str, value: &T, out: &mut Vec<u8>) {
    if value.is_absent() {
        return;
    }
    write_sized(name.as_bytes(), out);
    out.push(T::TAG as u8);
    write_value(value, out);
}

/// Appends a value behind its length.
fn write_value<T: Value>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    value.write(out);
    let len = length(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// A length as the encoding holds it. No value of 4 GiB exists: Arrow's 32-bit
/// offsets refuse it long before.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Walks over the fields of one encoded record.
pub struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    /// A reader over a record's canonical bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field, which must be `name` unless its type may be absent.
    pub fn field<T: Value>(&mut self, name: &str) -> Result<T, DecodeError> {
        let mut ahead = FieldReader { rest: self.rest };
        let is_next = !self.rest.is_empty() && ahead.sized()? == name.as_bytes();
        if !is_next {
            return T::absent().map_or_else(|| malformed(format!("no field {name}")), Ok);
        }
        if ahead.byte()? != T::TAG as u8 {
            return malformed(format!("field {name} is of another type"));
        }
        let value = T::read(ahead.sized()?)?;
        if value.is_absent() {
            return malformed(format!("field {name} holds nothing"));
        }
        self.rest = ahead.rest;
        Ok(value)
    }

    /// Fails if bytes are left over.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        malformed(format!("{} bytes after the last field", self.rest.len()))
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                Ok(byte)
            }
            None => malformed("the bytes end early"),
        }
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        match self.rest.split_first_chunk::<4>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => malformed("the bytes end early"),
        }
    }

    fn sized(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u32()? as usize;
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => malformed("the bytes end early"),
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    <[u8; N]>::try_from(bytes)
        .map_err(|_| DecodeError(format!("{} bytes where {N} belong", bytes.len())))
}

impl Value for bool {
    const TAG: Tag = Tag::Bool;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => malformed("neither true nor false"),
        }
    }
}

impl Value for i64 {
    const TAG: Tag = Tag::Int;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_le_bytes(fixed(bytes)?))
    }
}

impl Value for f64 {
    const TAG: Tag = Tag::Float;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_bits(u64::from_le_bytes(fixed(bytes)?)))
    }
}

impl Value for String {
    const TAG: Tag = Tag::Text;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => malformed(error.to_string()),
        }
    }
}

impl Value for [u8; 32] {
    const TAG: Tag = Tag::Hash;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        fixed(bytes)
    }
}

impl<T: Value> Value for Option<T> {
    const TAG: Tag = T::TAG;
    const OPTIONAL: bool = true;

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        T::read(bytes).map(Some)
    }

    fn references(&self, visit: &mut dyn FnMut(Reference)) {
        if let Some(value) = self {
            value.references(visit);
        }
    }
}

impl<T: Value> Value for Vec<T> {
    const TAG: Tag = Tag::List;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(T::TAG as u8);
        out.extend_from_slice(&length(self.len()).to_le_bytes());
        for value in self {
            write_value(value, out);
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = FieldReader::new(bytes);
        if reader.byte()? != T::TAG as u8 {
            return malformed("the list's elements are of another type");
        }
        let count = reader.u32()?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(T::read(reader.sized()?)?);
        }
        reader.finish()?;
        Ok(values)
    }

    fn references(&self, visit: &mut dyn FnMut(Reference)) {
        for value in self {
            value.references(visit);
        }
    }
}
