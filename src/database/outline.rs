//! A schema in few words, as a small student reads it.
//!
//! One line for each table: `orders(id key, customer = customers.id, total money text,
//! placed_on date)`. Names are written as SQL needs them; behind each stands what the
//! column holds, which a declared type often doesn't say.

use super::schema::{Content, Schema, push_quoted};

/// The outline, without a line break at its end.
pub fn outline(schema: &Schema) -> String {
    let mut text = String::with_capacity(1024);
    for (place, table) in schema.tables.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        push_quoted(&table.name, &mut text);
        for (column_place, column) in table.columns.iter().enumerate() {
            text += if column_place == 0 { "(" } else { ", " };
            push_quoted(&column.name, &mut text);
            let reference = table.references.iter().find(|it| it.column == column_place);
            match reference {
                Some(reference) => {
                    let target = &schema.tables[reference.target_table];
                    let key = &target.columns[reference.target_column];
                    text += " = ";
                    push_quoted(&target.name, &mut text);
                    text.push('.');
                    push_quoted(&key.name, &mut text);
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
