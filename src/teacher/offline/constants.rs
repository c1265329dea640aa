//! Constants that lie among a column's values, so that results aren't empty.

use crate::base::seed::Random;
use crate::database::schema::{Column, Fill, Literal};

const MAX_WORD_LEN: usize = 40;

/// The words that a column holds, each once.
pub fn words(column: &Column) -> Vec<&str> {
    let mut words = Vec::new();
    let mut add = |word| {
        if is_fit(word) && !words.contains(&word) {
            words.push(word);
        }
    };
    match &column.fill {
        Fill::Words(list) => list.iter().for_each(|it| add(it.as_str())),
        Fill::Samples(samples) => {
            for sample in samples {
                if let Literal::Text(text) = sample {
                    add(text);
                }
            }
        }
        _ => {}
    }
    words
}

/// Whether a word can stand in a question.
fn is_fit(word: &str) -> bool {
    let trimmed = word.trim();
    !trimmed.is_empty() && trimmed.len() == word.len() && word.len() <= MAX_WORD_LEN
}

/// A round number that lies between two percentages of the way from the least to the
/// greatest value, as SQL.
pub fn amount(column: &Column, random: &mut Random, from: i64, to: i64) -> Option<String> {
    let (least, greatest, decimals) = bounds(column)?;
    let percent = random.between(from, to);
    let range = i128::from(greatest) - i128::from(least);
    let value = least + i64::try_from(range * i128::from(percent) / 100).ok()?;
    let unit = 10_i64.checked_pow(decimals)?;
    let mut step = 1;
    while i128::from(step) * 50 <= range {
        step *= 10;
    }
    let below = value.div_euclid(step) * step;
    let value = if below >= least { below } else { below + step };
    if value % unit == 0 {
        return Some((value / unit).to_string());
    }
    let (whole, rest) = (value / unit, (value % unit).abs());
    let sign = if value < 0 && whole == 0 { "-" } else { "" };
    let digits = format!("{rest:0width$}", width = decimals as usize);
    Some(format!("{sign}{whole}.{}", digits.trim_end_matches('0')))
}

/// The least and the greatest value in units of 1 / 10^decimals.
fn bounds(column: &Column) -> Option<(i64, i64, u32)> {
    let (least, greatest, decimals) = match &column.fill {
        Fill::Number { min, max, decimals } => (*min, *max, *decimals),
        Fill::MoneyText { min, max } => (*min, *max, 2),
        Fill::Samples(samples) => {
            let cents = samples.iter().filter_map(|sample| match sample {
                Literal::Integer(value) => value.checked_mul(100),
                Literal::Real(value) if value.abs() < 1e12 => Some((value * 100.0) as i64),
                Literal::Text(text) => text.parse().ok().map(|value: f64| (value * 100.0) as i64),
                _ => None,
            });
            // A twentieth at either end is left out as outliers.
            let mut cents: Vec<i64> = cents.collect();
            cents.sort_unstable();
            let last = cents.len().checked_sub(1)?;
            (cents[last / 20], cents[last - last / 20], 2)
        }
        _ => return None,
    };
    (least < greatest && decimals < 9).then_some((least, greatest, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::schema::Content;

    #[test]
    fn amounts_are_round_and_inside() {
        let column = Column {
            name: "a".to_owned(),
            label: "a".to_owned(),
            declared_type: "REAL".to_owned(),
            content: Content::Money,
            nullable: false,
            key_position: None,
            fill: Fill::Number {
                min: 500,
                max: 100_000,
                decimals: 2,
            },
        };
        for seed in 0..50 {
            let text = amount(&column, &mut Random::new(seed, &[]), 20, 70).unwrap();
            let value: f64 = text.parse().unwrap();
            assert!(
                (5.0..=1000.0).contains(&value) && value % 10.0 == 0.0,
                "{text}"
            );
        }
    }
}
