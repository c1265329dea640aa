//! Values as Arrow columns: what stands in the lake's Parquet files.
//!
//! | canonical tag | Arrow and Parquet |
//! |---|---|
//! | `Bool` | Boolean |
//! | `Int` | Int64, or Timestamp (µs, UTC) for a [`Time`](super::Time) |
//! | `Float` | Float64 |
//! | `Text` | Utf8 |
//! | `Hash` | FixedSizeBinary(32) |
//! | `List` | List of `element` |
//! | `Record` | Struct |
//!
//! **Invariants.** The canonical bytes can be made from the columns alone: an absent
//! option is a null, and nothing else is. A column that a file lacks reads as absent,
//! if it may be; one that it has and we don't know is an error, never ignored.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, FixedSizeBinaryArray,
    FixedSizeBinaryBuilder, Float64Array, Float64Builder, Int64Array, Int64Builder, ListArray,
    StringArray, StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};

use crate::base::canonical::Value;
use crate::base::id::{BlobHash, ContentHash, Id, Named, SnapshotHash};

/// Why columns don't hold the records that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A column that must be there is not.
    #[error("there is no column {0}")]
    Missing(String),
    /// A column is of another type.
    #[error("column {name} is of type {found}, not {wanted}")]
    Type {
        /// The column.
        name: String,
        /// Its type in the file.
        found: String,
        /// Its type by the format.
        wanted: String,
    },
    /// A null stands where there must be a value.
    #[error("column {0} holds a null")]
    Null(String),
    /// A word that is not one of the column's closed set.
    #[error("column {name} holds the word {word:?}, which is not known to this version of antiks")]
    Word {
        /// The column.
        name: String,
        /// What it holds.
        word: String,
    },
    /// A column that this version does not know: the lake was written by a newer one.
    #[error("column {0} is not known to this version of antiks")]
    Unknown(String),
}

/// A value that can stand in a column.
pub trait Column: Value {
    /// Collects values into an array.
    type Builder: Default + Send;
    /// Gives values back, row by row.
    type Reader;

    /// The column's type.
    fn data_type() -> DataType;
    /// Adds this value to the column.
    fn append(&self, builder: &mut Self::Builder);
    /// Adds a null to the column.
    fn append_null(builder: &mut Self::Builder);
    /// The values so far as an array; the builder is empty after it.
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
    /// A reader over a whole array, which `name` stands for in errors.
    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError>;
    /// The value in `row`, which is below the array's length.
    fn get(reader: &Self::Reader, row: usize) -> Self;

    /// The column's declaration under `name`.
    fn field(name: &str) -> Field {
        Field::new(name, Self::data_type(), Self::OPTIONAL)
    }
}

/// A column of a record as it is read: there, or left out by an older version.
pub struct FieldColumn<T: Column>(Option<T::Reader>);

impl<T: Column> FieldColumn<T> {
    /// Finds the column `name` among those of a record.
    pub fn find(columns: &StructArray, name: &str) -> Result<Self, ColumnError> {
        let Some(array) = columns.column_by_name(name) else {
            return match T::absent() {
                Some(_) => Ok(Self(None)),
                None => Err(ColumnError::Missing(name.to_owned())),
            };
        };
        if !T::OPTIONAL && has_null_in(columns, array.as_ref()) {
            return Err(ColumnError::Null(name.to_owned()));
        }
        T::reader(array.as_ref(), name).map(|reader| Self(Some(reader)))
    }

    /// The value in `row`.
    pub fn get(&self, row: usize) -> T {
        match &self.0 {
            Some(reader) => T::get(reader, row),
            None => match T::absent() {
                Some(absent) => absent,
                None => unreachable!("find() refuses a record without its column"),
            },
        }
    }
}

/// Fails on a column that is none of `known`.
pub fn refuse_unknown(columns: &StructArray, known: &[&str]) -> Result<(), ColumnError> {
    match columns
        .fields()
        .iter()
        .find(|field| !known.contains(&field.name().as_str()))
    {
        Some(field) => Err(ColumnError::Unknown(field.name().clone())),
        None => Ok(()),
    }
}

/// Whether a field is null where its record is not.
fn has_null_in(record: &StructArray, field: &dyn Array) -> bool {
    match (record.nulls(), field.logical_nulls()) {
        (_, None) => false,
        (None, Some(nulls)) => nulls.null_count() > 0,
        (Some(absent), Some(nulls)) => !absent.contains(&nulls),
    }
}

fn wrong_type<T: Column>(array: &dyn Array, name: &str) -> ColumnError {
    ColumnError::Type {
        name: name.to_owned(),
        found: array.data_type().to_string(),
        wanted: T::data_type().to_string(),
    }
}

impl Column for bool {
    type Builder = BooleanBuilder;
    type Reader = BooleanArray;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn append(&self, builder: &mut Self::Builder) {
        builder.append_value(*self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        array
            .as_boolean_opt()
            .cloned()
            .ok_or_else(|| wrong_type::<Self>(array, name))
    }

    fn get(reader: &Self::Reader, row: usize) -> Self {
        reader.value(row)
    }
}

/// A column of plain numbers.
macro_rules! number_column {
    ($value:ty, $builder:ty, $array:ty, $primitive:ty, $data_type:expr) => {
        impl Column for $value {
            type Builder = $builder;
            type Reader = $array;

            fn data_type() -> DataType {
                $data_type
            }

            fn append(&self, builder: &mut Self::Builder) {
                builder.append_value(*self);
            }

            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }

            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }

            fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
                array
                    .as_primitive_opt::<$primitive>()
                    .cloned()
                    .ok_or_else(|| wrong_type::<Self>(array, name))
            }

            fn get(reader: &Self::Reader, row: usize) -> Self {
                reader.value(row)
            }
        }
    };
}

number_column!(i64, Int64Builder, Int64Array, Int64Type, DataType::Int64);
number_column!(
    f64,
    Float64Builder,
    Float64Array,
    Float64Type,
    DataType::Float64
);

impl Column for String {
    type Builder = StringBuilder;
    type Reader = StringArray;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn append(&self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        array
            .as_string_opt::<i32>()
            .cloned()
            .ok_or_else(|| wrong_type::<Self>(array, name))
    }

    fn get(reader: &Self::Reader, row: usize) -> Self {
        reader.value(row).to_owned()
    }
}

/// A builder of 32-byte values, which knows its width from the start.
pub struct HashBuilder(FixedSizeBinaryBuilder);

impl Default for HashBuilder {
    fn default() -> Self {
        Self(FixedSizeBinaryBuilder::new(32))
    }
}

impl HashBuilder {
    /// Adds one hash.
    pub fn append(&mut self, hash: &[u8; 32]) {
        // The only error is another width than the builder's.
        let _ = self.0.append_value(hash);
    }
}

impl Column for [u8; 32] {
    type Builder = HashBuilder;
    type Reader = FixedSizeBinaryArray;

    fn data_type() -> DataType {
        DataType::FixedSizeBinary(32)
    }

    fn append(&self, builder: &mut Self::Builder) {
        builder.append(self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.0.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.0.finish())
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        array
            .as_fixed_size_binary_opt()
            .filter(|array| array.value_length() == 32)
            .cloned()
            .ok_or_else(|| wrong_type::<Self>(array, name))
    }

    fn get(reader: &Self::Reader, row: usize) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(reader.value(row));
        bytes
    }
}

/// A newtype that stands in the same column as the value it wraps.
macro_rules! wrapped_column {
    ([$($generics:tt)*] $wrapper:ty as $inner:ty) => {
        impl<$($generics)*> Column for $wrapper {
            type Builder = <$inner as Column>::Builder;
            type Reader = <$inner as Column>::Reader;

            fn data_type() -> DataType {
                <$inner>::data_type()
            }

            fn append(&self, builder: &mut Self::Builder) {
                <$inner>::from(*self).append(builder);
            }

            fn append_null(builder: &mut Self::Builder) {
                <$inner>::append_null(builder);
            }

            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                <$inner>::finish(builder)
            }

            fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
                <$inner>::reader(array, name)
            }

            fn get(reader: &Self::Reader, row: usize) -> Self {
                Self::from(<$inner>::get(reader, row))
            }
        }
    };
}

wrapped_column!([K: Named] Id<K> as [u8; 32]);
wrapped_column!([] BlobHash as [u8; 32]);
wrapped_column!([] SnapshotHash as [u8; 32]);
wrapped_column!([] ContentHash as [u8; 32]);

impl<T: Column> Column for Option<T> {
    type Builder = T::Builder;
    type Reader = (T::Reader, Option<NullBuffer>);

    fn data_type() -> DataType {
        T::data_type()
    }

    fn append(&self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        T::append_null(builder);
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        T::finish(builder)
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        Ok((T::reader(array, name)?, array.logical_nulls()))
    }

    fn get((reader, nulls): &Self::Reader, row: usize) -> Self {
        let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!is_null).then(|| T::get(reader, row))
    }
}

/// A builder of lists: the elements one after the other, and where each list ends.
pub struct ListBuilder<T: Column> {
    elements: T::Builder,
    ends: Vec<usize>,
    present: Vec<bool>,
    len_elements: usize,
}

impl<T: Column> Default for ListBuilder<T> {
    fn default() -> Self {
        Self {
            elements: T::Builder::default(),
            ends: Vec::new(),
            present: Vec::new(),
            len_elements: 0,
        }
    }
}

/// A reader of lists.
pub struct ListReader<T: Column> {
    offsets: OffsetBuffer<i32>,
    elements: T::Reader,
}

impl<T: Column> Column for Vec<T> {
    type Builder = ListBuilder<T>;
    type Reader = ListReader<T>;

    fn data_type() -> DataType {
        DataType::List(element_field::<T>())
    }

    fn append(&self, builder: &mut Self::Builder) {
        for element in self {
            element.append(&mut builder.elements);
        }
        builder.len_elements += self.len();
        builder.ends.push(builder.len_elements);
        builder.present.push(true);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.ends.push(builder.len_elements);
        builder.present.push(false);
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        let elements = T::finish(&mut builder.elements);
        let mut start = 0;
        let lengths = builder.ends.drain(..).map(|end| {
            let length = end - start;
            start = end;
            length
        });
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls = nulls_of(&mut builder.present);
        builder.len_elements = 0;
        Arc::new(ListArray::new(
            element_field::<T>(),
            offsets,
            elements,
            nulls,
        ))
    }

    fn reader(array: &dyn Array, name: &str) -> Result<Self::Reader, ColumnError> {
        let list = array
            .as_list_opt::<i32>()
            .ok_or_else(|| wrong_type::<Self>(array, name))?;
        if list.values().null_count() > 0 {
            return Err(ColumnError::Null(format!("{name}.element")));
        }
        Ok(ListReader {
            offsets: list.offsets().clone(),
            elements: T::reader(list.values().as_ref(), &format!("{name}.element"))?,
        })
    }

    fn get(reader: &Self::Reader, row: usize) -> Self {
        let start = reader.offsets[row] as usize;
        let end = reader.offsets[row + 1] as usize;
        (start..end)
            .map(|element| T::get(&reader.elements, element))
            .collect()
    }
}

fn element_field<T: Column>() -> FieldRef {
    Arc::new(Field::new("element", T::data_type(), false))
}

/// The nulls of a column, taken from its builder; none if every value is there.
pub fn nulls_of(present: &mut Vec<bool>) -> Option<NullBuffer> {
    let nulls = NullBuffer::from(std::mem::take(present));
    (nulls.null_count() > 0).then_some(nulls)
}
