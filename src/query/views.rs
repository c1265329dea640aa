//! The views that every session has.
//!
//! `attempts` stands in `queries/views/`. The others are made from the kinds: `events` has
//! one row for each event, with its kind; `edges` one row for each reference from an event
//! (`child_id`) to one that it came from (`parent_id`), with the column that holds it
//! (`role`).

use arrow::datatypes::DataType;

use crate::event::{AnyKind, KINDS};

/// A view's name and the query that it stands for.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        (
            "attempts",
            include_str!("../../queries/views/attempts.sql").to_owned(),
        ),
        ("edges", edges()),
        ("events", events()),
    ]
}

fn events() -> String {
    let selects = KINDS.map(|kind| {
        let (name, table) = (kind.name(), kind.table());
        format!("select seq, id, '{name}' as kind, iteration, recorded_at from {table}")
    });
    selects.join("\nunion all\n")
}

fn edges() -> String {
    let selects: Vec<String> = KINDS.into_iter().flat_map(edges_of).collect();
    selects.join("\nunion all\n")
}

fn edges_of(kind: &'static dyn AnyKind) -> Vec<String> {
    let (name, table) = (kind.name(), kind.table());
    let schema = kind.schema();
    let references = schema.fields().iter().filter_map(|field| {
        let column = field.name();
        let from = match field.data_type() {
            DataType::FixedSizeBinary(32) if column.ends_with("_id") => {
                format!("{column} as parent_id from {table} where {column} is not null")
            }
            DataType::List(_) if column.ends_with("_ids") => {
                format!("unnest({column}) as parent_id from {table}")
            }
            _ => return None,
        };
        Some(format!(
            "select id as child_id, '{name}' as child_kind, iteration, '{column}' as role, {from}"
        ))
    });
    references.collect()
}
