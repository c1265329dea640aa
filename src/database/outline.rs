//! A schema in few words, as a small student reads it.
//!
//! One line for each table: `orders(id key, customer = customers.id, total money text,
//! placed_on date)`. Names are written as SQL needs them; behind each stands what the
//! column holds, which a declared type often doesn't say.

use std::fmt::Write;

use super::schema::{Content, Schema, quoted};

/// The outline, without a line break at its end.
pub fn outline(schema: &Schema) -> String {
    let mut text = String::new();
    for (place, table) in schema.tables.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        text += &quoted(&table.name);
        for (column_place, column) in table.columns.iter().enumerate() {
            text += if column_place == 0 { "(" } else { ", " };
            text += &quoted(&column.name);
            let reference = table.references.iter().find(|it| it.column == column_place);
            match reference {
                Some(reference) => {
                    let target = &schema.tables[reference.target_table];
                    let key = &target.columns[reference.target_column];
                    // Writing to a String does not fail.
                    let _ = write!(text, " = {}.{}", quoted(&target.name), quoted(&key.name));
                }
                None => {
                    text.push(' ');
                    text += word(column.content);
                }
            }
        }
        text.push(')');
    }
    text
}

fn word(content: Content) -> &'static str {
    match content {
        Content::Key => "key",
        Content::Reference => "reference",
        Content::Name => "name",
        Content::Category => "word",
        Content::Money => "money",
        Content::MoneyText => "money text",
        Content::Quantity => "count",
        Content::Measure => "number",
        Content::Date => "date",
        Content::DateTime => "time",
        Content::Flag => "flag",
        Content::Text => "text",
    }
}
