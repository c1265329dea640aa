//! Constants that are nearly others: what an off-by-one would have written.

use sqlparser::ast::{Expr, Value, ValueWithSpan};

/// One unit of a literal's last digit more or less.
pub fn shift(expression: &mut Expr, step: i64) {
    if let Expr::Value(ValueWithSpan {
        value: Value::Number(number, _),
        ..
    }) = expression
    {
        shift_number(number, step);
    }
}

/// One unit of the last digit more or less.
pub fn shift_number(number: &mut String, step: i64) {
    let decimals = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits: String = number.chars().filter(|it| *it != '.').collect();
    let Ok(units) = digits.parse::<i64>() else {
        return;
    };
    let shifted = units.saturating_add(step);
    let sign = if shifted < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", shifted.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    *number = match decimals {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    };
}

/// The next day for a date, the next month or year for one of those, else other text.
/// Formats such as `%Y-%m` and empty text have no neighbour.
pub fn shifted_text(text: &str) -> Option<String> {
    if text.is_empty() || text.contains('%') || text.trim() != text {
        return None;
    }
    if text.len() <= 2
        && let Ok(number) = text.parse::<u32>()
    {
        return Some(format!("{:0width$}", number + 1, width = text.len()));
    }
    let digits = text.get(..text.len().min(10))?;
    let mut parts: Vec<i64> = Vec::new();
    for part in digits.split('-') {
        parts.push(part.parse().ok().filter(|it: &i64| *it >= 0).unwrap_or(-1));
    }
    Some(match parts.as_slice() {
        [year @ 1900..=2100] if text.len() == 4 => format!("{:04}", year + 1),
        [year @ 1900..=2100, month @ 1..=12] if text.len() == 7 => match month {
            12 => format!("{:04}-01", year + 1),
            _ => format!("{year:04}-{:02}", month + 1),
        },
        [year @ 1900..=2100, month @ 1..=12, day @ 1..=31] => {
            let rest = &text[10..];
            match day {
                28.. => format!("{year:04}-{month:02}-{:02}{rest}", day - 1),
                _ => format!("{year:04}-{month:02}-{:02}{rest}", day + 1),
            }
        }
        _ => format!("{text}_"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_neighbours() {
        let shifted = |number: &str, step| {
            let mut number = number.to_owned();
            shift_number(&mut number, step);
            number
        };
        assert_eq!(shifted("0.05", 1), "0.06");
        assert_eq!(shifted("100.00", -1), "99.99");
        assert_eq!(shifted("0", -1), "-1");
        assert_eq!(shifted_text("2024-12").as_deref(), Some("2025-01"));
        assert_eq!(
            shifted_text("2024-02-29 10:00:00").as_deref(),
            Some("2024-02-28 10:00:00")
        );
        assert_eq!(shifted_text("03").as_deref(), Some("04"));
        assert_eq!(shifted_text("%Y").as_deref(), None);
    }
}
