//! What a reference compares with, for its instances to hold and to hold nearly.

use super::sql::{Literal, Style};
use crate::database::instance::Plant;
use crate::database::schema::{Content, Literal as Constant, Schema};

/// The reference's constants, for every column it names that could hold them: instances
/// have rows at them and beside them.
pub fn plants(schema: &Schema, style: &Style) -> Vec<Plant> {
    let mut plants = Vec::new();
    for literal in &style.literals {
        let (contents, value): (&[Content], Constant) = match literal {
            Literal::Number(number) => match (number.parse::<i64>(), number.parse::<f64>()) {
                (Ok(value), _) => (&NUMBERS, Constant::Integer(value)),
                (_, Ok(value)) => (&NUMBERS, Constant::Real(value)),
                _ => continue,
            },
            Literal::Text(text) if text.contains('%') || text.is_empty() => continue,
            Literal::Text(text) if is_day(text) => (&DATES, Constant::Text(text.clone())),
            Literal::Text(text) => (&WORDS, Constant::Text(text.clone())),
        };
        plant(schema, style, contents, &value, &mut plants);
    }
    for pattern in &style.patterns {
        let core: String = pattern
            .chars()
            .filter(|it| !matches!(it, '%' | '_' | '*' | '?'))
            .collect();
        for text in [
            core.clone(),
            format!("{core}x"),
            format!("x{core}"),
            format!("x{core}x"),
        ] {
            plant(schema, style, &WORDS, &Constant::Text(text), &mut plants);
        }
    }
    plants
}

/// Plants a constant in every column of these contents that the query names.
fn plant(
    schema: &Schema,
    style: &Style,
    contents: &[Content],
    value: &Constant,
    plants: &mut Vec<Plant>,
) {
    for (table_place, table) in schema.tables.iter().enumerate() {
        if !style.tables.contains(&table.name.to_lowercase()) {
            continue;
        }
        for (column_place, column) in table.columns_of(contents) {
            let planted = Plant {
                table: table_place,
                column: column_place,
                value: value.clone(),
            };
            let is_named = style.columns.contains(&column.name.to_lowercase());
            if is_named && !plants.contains(&planted) {
                plants.push(planted);
            }
        }
    }
}

const NUMBERS: [Content; 5] = [
    Content::Money,
    Content::MoneyText,
    Content::Quantity,
    Content::Measure,
    Content::Flag,
];
const DATES: [Content; 2] = [Content::Date, Content::DateTime];
const WORDS: [Content; 3] = [Content::Category, Content::Name, Content::Text];

/// Whether text begins as a day, a month or a year does.
fn is_day(text: &str) -> bool {
    let year = text.as_bytes().get(..4);
    year.is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && text.as_bytes().get(4).is_none_or(|byte| *byte == b'-')
}
