//! A schema as text and back, so that it can be had again without the user's file.
//!
//! The text is JSON with its members in a fixed order: the same schema, the same bytes.

use serde::{Deserialize, Serialize};

use super::error::ImportError;
use crate::base::calendar;
use crate::database::schema::{Column, Content, Fill, Literal, Reference, Schema, Table};

const FORMAT: &str = "antiks.sample.v1";
const MAX_DECIMALS: u32 = 15;

#[derive(Serialize, Deserialize)]
struct Record {
    format: String,
    name: String,
    domain: String,
    tables: Vec<TableRecord>,
}

#[derive(Serialize, Deserialize)]
struct TableRecord {
    name: String,
    one: String,
    many: String,
    columns: Vec<ColumnRecord>,
    references: Vec<ReferenceRecord>,
}

#[derive(Serialize, Deserialize)]
struct ColumnRecord {
    name: String,
    label: String,
    declared_type: String,
    content: String,
    nullable: bool,
    key_position: Option<usize>,
    fill: FillRecord,
}

#[derive(Serialize, Deserialize)]
struct ReferenceRecord {
    column: usize,
    target_table: usize,
    target_column: usize,
    declared: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FillRecord {
    Serial(i64),
    Reference,
    Words(Vec<String>),
    Number { min: i64, max: i64, decimals: u32 },
    MoneyText { min: i64, max: i64 },
    Days { first: String, count: u32 },
    Samples(Vec<LiteralRecord>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LiteralRecord {
    Null(()),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// The schema as text.
pub fn write(schema: &Schema) -> Result<String, ImportError> {
    let record = Record {
        format: FORMAT.to_owned(),
        name: schema.name.clone(),
        domain: schema.domain.clone(),
        tables: schema.tables.iter().map(table_record).collect(),
    };
    serde_json::to_string_pretty(&record).map_err(|error| bad(&error.to_string()))
}

/// The schema that a text was written from.
pub fn read(text: &str) -> Result<Schema, ImportError> {
    let record: Record = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
    if record.format != FORMAT {
        return Err(bad(&format!("its format is {}", record.format)));
    }
    let tables: Result<Vec<Table>, ImportError> = record.tables.into_iter().map(table).collect();
    let schema = Schema {
        name: record.name,
        domain: record.domain,
        tables: tables?,
    };
    check(&schema)?;
    Ok(schema)
}

/// What stands above relies on this; a text that somebody edited may break it.
fn check(schema: &Schema) -> Result<(), ImportError> {
    for (place, table) in schema.tables.iter().enumerate() {
        for reference in &table.references {
            let target = schema.tables[..=place].get(reference.target_table);
            let column = target.and_then(|it| it.columns.get(reference.target_column));
            if table.columns.get(reference.column).is_none() || column.is_none() {
                return Err(bad(&format!(
                    "a reference of table {} goes nowhere",
                    table.name
                )));
            }
        }
        for column in &table.columns {
            let is_good = match &column.fill {
                Fill::Number { decimals, .. } => *decimals <= MAX_DECIMALS,
                Fill::Days { first, .. } => calendar::day_number(first).is_some(),
                Fill::Samples(samples) => samples.iter().all(|sample| match sample {
                    Literal::Real(value) => value.is_finite(),
                    Literal::Text(text) => !text.contains('\0'),
                    _ => true,
                }),
                _ => true,
            };
            if !is_good {
                return Err(bad(&format!("column {} can't be filled", column.name)));
            }
        }
    }
    Ok(())
}

fn bad(what: &str) -> ImportError {
    ImportError::BadSample(what.to_owned())
}

fn table_record(table: &Table) -> TableRecord {
    TableRecord {
        name: table.name.clone(),
        one: table.one.clone(),
        many: table.many.clone(),
        columns: table.columns.iter().map(column_record).collect(),
        references: table
            .references
            .iter()
            .map(|it| ReferenceRecord {
                column: it.column,
                target_table: it.target_table,
                target_column: it.target_column,
                declared: it.declared,
            })
            .collect(),
    }
}

fn column_record(column: &Column) -> ColumnRecord {
    ColumnRecord {
        name: column.name.clone(),
        label: column.label.clone(),
        declared_type: column.declared_type.clone(),
        content: column.content.word().to_owned(),
        nullable: column.nullable,
        key_position: column.key_position,
        fill: match column.fill.clone() {
            Fill::Serial(first) => FillRecord::Serial(first),
            Fill::Reference => FillRecord::Reference,
            Fill::Words(words) => FillRecord::Words(words),
            Fill::Number { min, max, decimals } => FillRecord::Number { min, max, decimals },
            Fill::MoneyText { min, max } => FillRecord::MoneyText { min, max },
            Fill::Days { first, count } => FillRecord::Days { first, count },
            Fill::Samples(samples) => {
                FillRecord::Samples(samples.into_iter().map(literal_record).collect())
            }
        },
    }
}

fn literal_record(literal: Literal) -> LiteralRecord {
    match literal {
        Literal::Null => LiteralRecord::Null(()),
        Literal::Integer(value) => LiteralRecord::Integer(value),
        Literal::Real(value) => LiteralRecord::Real(value),
        Literal::Text(text) => LiteralRecord::Text(text),
    }
}

fn table(record: TableRecord) -> Result<Table, ImportError> {
    let columns: Result<Vec<Column>, ImportError> =
        record.columns.into_iter().map(column).collect();
    let references = record.references.into_iter().map(|it| Reference {
        column: it.column,
        target_table: it.target_table,
        target_column: it.target_column,
        declared: it.declared,
    });
    Ok(Table {
        name: record.name,
        one: record.one,
        many: record.many,
        columns: columns?,
        references: references.collect(),
    })
}

fn column(record: ColumnRecord) -> Result<Column, ImportError> {
    let content = Content::from_word(&record.content)
        .ok_or_else(|| bad(&format!("there is no content {}", record.content)))?;
    Ok(Column {
        name: record.name,
        label: record.label,
        declared_type: record.declared_type,
        content,
        nullable: record.nullable,
        key_position: record.key_position,
        fill: match record.fill {
            FillRecord::Serial(first) => Fill::Serial(first),
            FillRecord::Reference => Fill::Reference,
            FillRecord::Words(words) => Fill::Words(words),
            FillRecord::Number { min, max, decimals } => Fill::Number { min, max, decimals },
            FillRecord::MoneyText { min, max } => Fill::MoneyText { min, max },
            FillRecord::Days { first, count } => Fill::Days { first, count },
            FillRecord::Samples(samples) => {
                Fill::Samples(samples.into_iter().map(literal).collect())
            }
        },
    })
}

fn literal(record: LiteralRecord) -> Literal {
    match record {
        LiteralRecord::Null(()) => Literal::Null,
        LiteralRecord::Integer(value) => Literal::Integer(value),
        LiteralRecord::Real(value) => Literal::Real(value),
        LiteralRecord::Text(text) => Literal::Text(text),
    }
}
