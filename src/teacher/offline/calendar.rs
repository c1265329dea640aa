//! Days inside a column's values.

use crate::base::calendar::{day_number, day_text, number_of, parts};
use crate::database::schema::{Column, Fill, Literal};

/// The day's number, counted from 1970-01-01, of an ISO date or moment.
pub fn number(text: &str) -> Option<i64> {
    day_number(text.get(..10)?)
}

/// The ISO date of a day's number.
pub fn text(number: i64) -> String {
    day_text(number)
}

/// The first day of the month that lies `months` after that of `day`.
pub fn month_start(day: i64, months: i64) -> i64 {
    let (year, month, _) = parts(day);
    let all = year * 12 + month - 1 + months;
    number_of(all.div_euclid(12), all.rem_euclid(12) + 1, 1)
}

/// The first and the last day that a column holds.
pub fn span(column: &Column) -> Option<(i64, i64)> {
    match &column.fill {
        Fill::Days { first, count } => {
            let first = number(first)?;
            Some((first, first + i64::from((*count).max(1)) - 1))
        }
        Fill::Samples(samples) => {
            let days = samples.iter().filter_map(|sample| match sample {
                Literal::Text(text) => number(text),
                _ => None,
            });
            // A twentieth at either end is left out: 9999-12-31 is no day to ask about.
            let mut days: Vec<i64> = days.collect();
            days.sort_unstable();
            let last = days.len().checked_sub(1)?;
            Some((days[last / 20], days[last - last / 20]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_before_and_after() {
        assert_eq!(number("2024-02-29 10:00:00"), Some(19_782));
        assert_eq!(number("soon"), None);
        assert_eq!(text(month_start(19_782, 1)), "2024-03-01");
        assert_eq!(text(month_start(19_782, -14)), "2022-12-01");
    }
}
