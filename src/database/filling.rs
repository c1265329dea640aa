//! What a planned column holds: its content, how it is filled, the type it declares.

use super::domain::{Kind, Span};
use super::naming::Term;
use super::schema::{Content, Fill};
use super::{invention, words};
use crate::base::calendar;
use crate::base::seed::Random;

/// How many names a column has to draw from.
const NAME_COUNT: usize = 36;
const TEXT_COUNT: usize = 24;
/// More than any table of an instance has rows.
const TEXT_KEY_COUNT: usize = 160;

/// What the columns of one database have in common.
pub struct Filling {
    first_day: i64,
    day_count: i64,
    types: usize,
}

impl Filling {
    /// The dates and the habits in declaring types that a seed gives.
    pub fn new(random: &mut Random) -> Self {
        Self {
            first_day: calendar::number_of(random.between(2017, 2023), random.between(1, 12), 1)
                + random.between(0, 27),
            day_count: random.between(900, 1_250),
            types: random.below(4),
        }
    }

    /// What a column of this kind holds.
    pub fn content(&self, kind: &Kind, random: &mut Random) -> Content {
        match kind {
            Kind::Key => Content::Key,
            Kind::Reference(_) => Content::Reference,
            Kind::Name(_) => Content::Name,
            Kind::Category(_) => Content::Category,
            Kind::Amount(..) if random.chance(45) => Content::MoneyText,
            Kind::Amount(..) | Kind::Money(..) => Content::Money,
            Kind::Quantity(..) => Content::Quantity,
            Kind::Measure(..) => Content::Measure,
            Kind::Date(_) => Content::Date,
            Kind::DateTime => Content::DateTime,
            Kind::Moment if random.chance(40) => Content::DateTime,
            Kind::Moment => Content::Date,
            Kind::Flag => Content::Flag,
            Kind::Text(_) => Content::Text,
        }
    }

    /// How it is filled.
    pub fn fill(
        &self,
        kind: &Kind,
        content: Content,
        has_text_key: bool,
        own: &Term,
        random: &mut Random,
    ) -> Fill {
        let number = |min, max, decimals| Fill::Number { min, max, decimals };
        match kind {
            Kind::Key if has_text_key => Fill::Words(text_keys(own, random)),
            Kind::Key => Fill::Serial([1, 1, 1, 100, 1_001, 20_001][random.below(6)]),
            Kind::Reference(_) => Fill::Reference,
            Kind::Name(pool) => {
                Fill::Words(words::members(pool, NAME_COUNT, random).unwrap_or_default())
            }
            Kind::Text(pool) => {
                Fill::Words(words::members(pool, TEXT_COUNT, random).unwrap_or_default())
            }
            Kind::Category(lists) => Fill::Words(category_words(lists, random)),
            Kind::Amount(min, max) | Kind::Money(min, max) => {
                let factor = [1, 1, 1, 2, 3, 5][random.below(6)];
                let (min, max) = (min * factor, max * factor);
                if content == Content::MoneyText {
                    Fill::MoneyText { min, max }
                } else {
                    number(min, max, 2)
                }
            }
            Kind::Quantity(min, max) => number(*min, *max, 0),
            Kind::Measure(decimals, min, max) => number(*min, *max, *decimals),
            Kind::Flag => number(0, 1, 0),
            Kind::Date(Span::Born) => days(calendar::number_of(1940, 1, 1), 24_000),
            Kind::Date(Span::Wide) => days(self.first_day - 1_500, self.day_count + 1_500),
            Kind::Date(Span::Business) | Kind::DateTime | Kind::Moment => {
                days(self.first_day, self.day_count)
            }
        }
    }

    /// The type it declares; that of the key it refers to is given if it refers.
    pub fn declared_type(
        &self,
        content: Content,
        fill: &Fill,
        key_type: Option<&str>,
        random: &mut Random,
    ) -> String {
        let plain = self.types == 0 || (self.types == 1 && random.chance(50));
        let mut from = |types: &[&str]| -> String {
            let place = if plain { 0 } else { random.below(types.len()) };
            types.get(place).copied().unwrap_or_default().to_owned()
        };
        if let Some(key_type) = key_type {
            let is_text = key_type.contains("CHAR") || key_type == "TEXT";
            let same = if key_type.is_empty() {
                "INTEGER"
            } else {
                key_type
            };
            return if is_text {
                same.to_owned()
            } else {
                from(&[same, "INTEGER", "INT"])
            };
        }
        match content {
            Content::Key if matches!(fill, Fill::Words(_)) => from(&["TEXT", "VARCHAR(12)"]),
            Content::Key => from(&["INTEGER", "INTEGER", "INTEGER", "INTEGER", "INT"]),
            Content::Reference | Content::Quantity => from(&["INTEGER", "INT", "INTEGER"]),
            Content::Name | Content::Text => from(&["TEXT", "VARCHAR(80)", "VARCHAR(120)"]),
            Content::Category => from(&["TEXT", "VARCHAR(40)", "VARCHAR(20)", "CHAR(24)"]),
            Content::MoneyText => from(&["TEXT", "VARCHAR(24)", "TEXT", "VARCHAR(40)"]),
            Content::Money => from(&["REAL", "NUMERIC(10,2)", "DECIMAL(12,2)", "DOUBLE"]),
            Content::Measure => from(&["REAL", "FLOAT", "NUMERIC(8,2)", "DOUBLE"]),
            Content::Date => from(&["TEXT", "DATE", "DATE", "CHAR(10)"]),
            Content::DateTime => from(&["TEXT", "DATETIME", "TIMESTAMP", "VARCHAR(19)"]),
            Content::Flag => from(&["INTEGER", "BOOLEAN", "TINYINT", "SMALLINT"]),
        }
    }
}

fn days(first: i64, count: i64) -> Fill {
    Fill::Days {
        first: calendar::day_text(first),
        count: count.unsigned_abs() as u32,
    }
}

fn text_keys(own: &Term, random: &mut Random) -> Vec<String> {
    let letters = own.parts.concat().to_uppercase();
    let prefix: String = letters.chars().take(1 + random.below(3)).collect();
    let width = 3 + random.below(3);
    let mut number = random.below(90);
    let mut keys = Vec::new();
    for _ in 0..TEXT_KEY_COUNT {
        number += 1 + random.below(4);
        keys.push(text_key(&prefix, number, width));
    }
    keys
}

/// A key of at most five digits. There are so many that a format is too slow.
fn text_key(prefix: &str, number: usize, width: usize) -> String {
    let mut digits = [0; 5];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut key = String::with_capacity(prefix.len() + 1 + width);
    key += prefix;
    key.push('-');
    key.extend(digits.iter().skip(5 - width).map(|it| char::from(*it)));
    key
}

fn category_words(lists: &[Vec<&str>], random: &mut Random) -> Vec<String> {
    let list = random.pick(lists).cloned().unwrap_or_default();
    let mut chosen: Vec<String> = list.into_iter().map(str::to_owned).collect();
    if random.chance(15) && chosen.len() < 7 {
        chosen.push(invention::unusual(random));
    }
    match random.below(100) {
        0..12 => chosen
            .iter_mut()
            .for_each(|word| *word = word.to_lowercase()),
        12..24 => chosen
            .iter_mut()
            .for_each(|word| *word = word.to_uppercase()),
        24..29 => chosen
            .iter_mut()
            .for_each(|word| *word = word.replace(' ', "_")),
        _ => {}
    }
    random.shuffle(&mut chosen);
    chosen
}
