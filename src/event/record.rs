//! `record!`: a struct whose fields are written down once.
//!
//! It leaves the struct as it stands and derives from its fields, in declared order:
//! the canonical encoding ([`Record`](crate::base::canonical::Record)), the Arrow
//! columns ([`Column`](super::columns::Column)) and the JSON form.

/// Declares a record; see the module.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $record:ident {
            $(
                $(#[$field_meta:meta])*
                pub $field:ident: $type:ty,
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $record {
            $(
                $(#[$field_meta])*
                pub $field: $type,
            )+
        }

        const _: () = {
            use std::sync::Arc;

            use arrow::array::{Array, ArrayRef, AsArray, StructArray};
            use arrow::datatypes::{DataType, Fields};

            use $crate::base::canonical::{
                DecodeError, FieldReader, Record, Reference, Tag, Value, write_field,
            };
            use $crate::event::columns::{
                Column, ColumnError, FieldColumn, nulls_of, refuse_unknown,
            };

            const NAMES: &[&str] = &[$(stringify!($field)),+];

            impl Record for $record {
                fn write_fields(&self, out: &mut Vec<u8>) {
                    $(write_field(stringify!($field), &self.$field, out);)+
                }

                fn read_fields(reader: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
                    Ok(Self { $($field: reader.field(stringify!($field))?,)+ })
                }

                fn visit_references(&self, visit: &mut dyn FnMut(Reference)) {
                    $(self.$field.references(visit);)+
                }
            }

            impl Value for $record {
                const TAG: Tag = Tag::Record;

                fn write(&self, out: &mut Vec<u8>) {
                    self.write_fields(out);
                }

                fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
                    Self::decode(bytes)
                }

                fn references(&self, visit: &mut dyn FnMut(Reference)) {
                    self.visit_references(visit);
                }
            }

            pub struct Builder {
                present: Vec<bool>,
                $($field: <$type as Column>::Builder,)+
            }

            impl Default for Builder {
                fn default() -> Self {
                    Self {
                        present: Vec::new(),
                        $($field: Default::default(),)+
                    }
                }
            }

            pub struct Reader {
                $($field: FieldColumn<$type>,)+
            }

            fn fields() -> Fields {
                Fields::from(vec![$(<$type as Column>::field(stringify!($field)),)+])
            }

            impl Column for $record {
                type Builder = Builder;
                type Reader = Reader;

                fn data_type() -> DataType {
                    DataType::Struct(fields())
                }

                fn append(&self, builder: &mut Builder) {
                    builder.present.push(true);
                    $(self.$field.append(&mut builder.$field);)+
                }

                fn append_null(builder: &mut Builder) {
                    builder.present.push(false);
                    $(<$type as Column>::append_null(&mut builder.$field);)+
                }

                fn finish(builder: &mut Builder) -> ArrayRef {
                    let columns = vec![$(<$type as Column>::finish(&mut builder.$field),)+];
                    let nulls = nulls_of(&mut builder.present);
                    Arc::new(StructArray::new(fields(), columns, nulls))
                }

                fn reader(array: &dyn Array, name: &str) -> Result<Reader, ColumnError> {
                    let columns = array.as_struct_opt().ok_or_else(|| ColumnError::Type {
                        name: name.to_owned(),
                        found: array.data_type().to_string(),
                        wanted: Self::data_type().to_string(),
                    })?;
                    refuse_unknown(columns, NAMES)?;
                    Ok(Reader {
                        $($field: FieldColumn::find(columns, stringify!($field))?,)+
                    })
                }

                fn get(reader: &Reader, row: usize) -> Self {
                    Self { $($field: reader.$field.get(row),)+ }
                }
            }
        };
    };
}

pub(crate) use record;

#[cfg(test)]
mod tests {
    use crate::base::canonical::{Record, Value};
    use crate::event::columns::Column;

    record! {
        pub struct Old {
            pub a: i64,
            pub z: String,
        }
    }

    record! {
        pub struct New {
            pub a: i64,
            pub between: Option<f64>,
            pub z: String,
            pub after: Option<Vec<i64>>,
        }
    }

    #[test]
    fn a_new_optional_field_leaves_old_bytes_and_files_alone() {
        let old = Old {
            a: 1,
            z: "z".to_owned(),
        };
        let new = New {
            a: 1,
            between: None,
            z: "z".to_owned(),
            after: None,
        };
        assert_eq!(old.encode(), new.encode());
        assert_eq!(New::decode(&old.encode()).unwrap(), new);

        let mut builder = <Old as Column>::Builder::default();
        old.append(&mut builder);
        let columns = Old::finish(&mut builder);
        let reader = New::reader(columns.as_ref(), "record").unwrap();
        assert_eq!(New::get(&reader, 0), new);
    }

    #[test]
    fn a_column_that_is_not_known_is_refused() {
        let new = New {
            a: 1,
            between: Some(0.5),
            z: String::new(),
            after: None,
        };
        let mut builder = <New as Column>::Builder::default();
        new.append(&mut builder);
        let columns = New::finish(&mut builder);
        let refused = Old::reader(columns.as_ref(), "record").err().unwrap();
        assert!(refused.to_string().contains("between"), "{refused}");
    }

    #[test]
    fn a_present_field_is_told_from_an_absent_one() {
        let some = New {
            a: 1,
            between: Some(0.0),
            z: String::new(),
            after: Some(Vec::new()),
        };
        let none = New {
            a: 1,
            between: None,
            z: String::new(),
            after: None,
        };
        assert_ne!(some.encode(), none.encode());
        assert_eq!(New::decode(&some.encode()).unwrap(), some);
        assert_eq!(<Option<Vec<i64>> as Value>::absent(), Some(None));
    }
}
