//! A query's constants and their neighbours, planted among the rows.

use std::collections::{BTreeMap, BTreeSet};

use super::cells::{Cells, moment_text, number};
use super::schema::{Column, Content, Fill, Literal};
use crate::base::calendar;
use crate::base::seed::Random;

const DAY_SECONDS: i64 = 86_400;

/// A constant of a query, and the column that it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Plant {
    /// The table's place in the schema.
    pub table: usize,
    /// The column's place in the table.
    pub column: usize,
    /// The constant.
    pub value: Literal,
}

/// Puts the constants into the rows of one table. The first of a shuffled order of rows
/// gets all constants at once, others get some: that tells AND from OR.
pub struct Planter {
    order: Vec<usize>,
    used: BTreeMap<usize, BTreeSet<usize>>,
}

impl Planter {
    /// A planter for a table of `count` rows.
    pub fn new(count: usize, random: &mut Random) -> Self {
        let mut order: Vec<usize> = (0..count).collect();
        random.shuffle(&mut order);
        Self {
            order,
            used: BTreeMap::new(),
        }
    }

    /// Plants one constant in a column; `rows` are the table's.
    pub fn plant(
        &mut self,
        rows: &mut [Vec<Literal>],
        place: usize,
        value: &Literal,
        cells: &Cells,
        random: &mut Random,
    ) {
        if *value == Literal::Null && !cells.column.nullable {
            return;
        }
        let (same, near) = neighbourhood(value, cells, random);
        let count = rows.len();
        let same_count = match cells.column.content {
            Content::Name => 1 + usize::from(cells.hostility.ties > 50),
            _ => (count / 7).clamp(1, 4).max(same.len().min(count / 4)),
        };
        let near_count = near
            .len()
            .min(count / 3)
            .max(near.len() * (count / 14).min(1));
        let same = same.iter().cycle().take(same_count);
        for value in same.chain(near.iter().take(near_count)) {
            let Some(row) = self.free(place, random) else {
                return;
            };
            rows[row][place] = value.clone();
        }
    }

    /// A row whose cell in this column holds no constant yet.
    fn free(&mut self, column: usize, random: &mut Random) -> Option<usize> {
        let used = self.used.entry(column).or_default();
        let first = *self.order.first()?;
        if used.insert(first) {
            return Some(first);
        }
        let left: Vec<usize> = self
            .order
            .iter()
            .copied()
            .filter(|row| !used.contains(row))
            .collect();
        let row = *random.pick(&left)?;
        used.insert(row);
        Some(row)
    }
}

/// The values that equal a constant, and those just beside it.
fn neighbourhood(
    value: &Literal,
    cells: &Cells,
    random: &mut Random,
) -> (Vec<Literal>, Vec<Literal>) {
    let column = cells.column;
    let own = || (vec![value.clone()], Vec::new());
    match column.content {
        Content::Key | Content::Reference | Content::Flag => own(),
        Content::Date | Content::DateTime => dates(value, column).unwrap_or_else(own),
        Content::MoneyText => match units(value, 2) {
            Some(cents) => {
                let mut typed =
                    |change: i64| Literal::Text(cells.typed(cents.saturating_add(change), random));
                (
                    vec![typed(0), typed(0), typed(0)],
                    vec![typed(-1), typed(1), typed(-100), typed(100)],
                )
            }
            None => own(),
        },
        Content::Money | Content::Quantity | Content::Measure => {
            let decimals = match (&column.fill, value) {
                (Fill::Number { decimals, .. }, _) => *decimals,
                (_, Literal::Integer(_)) => 0,
                _ => 2,
            };
            // A constant finer than the column has nothing that equals it.
            match units(value, decimals) {
                Some(units) => {
                    let beside = |change: i64| number(units.saturating_add(change), decimals);
                    let whole = 10_i64.pow(decimals.min(15));
                    let mut near = vec![beside(-1), beside(1)];
                    if decimals > 0 {
                        near.extend([beside(-whole), beside(whole)]);
                    }
                    (vec![beside(0)], near)
                }
                None => own(),
            }
        }
        Content::Name | Content::Category | Content::Text => {
            let mut near = Vec::new();
            if let Literal::Text(text) = value
                && random.chance(cells.hostility.variants * 4 + 2)
            {
                near.push(Literal::Text(match random.below(3) {
                    0 => text.to_uppercase(),
                    1 => text.to_lowercase(),
                    _ => format!("{text} "),
                }));
            }
            (vec![value.clone()], near)
        }
    }
}

/// The days and moments at both edges of a year, month, day or moment.
fn dates(value: &Literal, column: &Column) -> Option<(Vec<Literal>, Vec<Literal>)> {
    let text = match value {
        Literal::Text(text) => text.clone(),
        Literal::Integer(year @ 1_000..=9_999) => year.to_string(),
        _ => return None,
    };
    let part = |from: usize, to: usize| -> Option<i64> { text.get(from..to)?.parse().ok() };
    let (first, last) = match text.len() {
        4 => {
            let year = part(0, 4)?;
            (
                calendar::number_of(year, 1, 1),
                calendar::number_of(year, 12, 31),
            )
        }
        7 => {
            let (year, month) = (part(0, 4)?, part(5, 7)?);
            if !(1..=12).contains(&month) {
                return None;
            }
            let first = calendar::number_of(year, month, 1);
            (first, first + calendar::month_days(year, month) - 1)
        }
        _ => {
            let day = calendar::day_number(text.get(..10)?)?;
            (day, day)
        }
    };
    if column.content == Content::Date {
        let day = |number| Literal::Text(calendar::day_text(number));
        let mut same = vec![day(first)];
        if last != first {
            same.push(day(last));
        }
        let mut near = vec![day(first - 1), day(last + 1)];
        // The same days of other years: what looks at months alone takes them in.
        let (year, month, of_month) = calendar::parts(first);
        for year in [year - 1, year + 1] {
            let of_month = of_month.min(calendar::month_days(year, month));
            near.push(day(calendar::number_of(year, month, of_month)));
        }
        return Some((same, near));
    }
    let moment = |seconds: i64| Literal::Text(moment_text(seconds));
    if let (Some(hour), Some(minute)) = (part(11, 13), part(14, 16)) {
        let second = part(17, 19).unwrap_or_default();
        let at = first * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
        return Some((vec![moment(at)], vec![moment(at - 1), moment(at + 1)]));
    }
    let (start, end) = (first * DAY_SECONDS, (last + 1) * DAY_SECONDS);
    Some((
        vec![
            moment(start),
            moment(end - 1),
            moment(end - DAY_SECONDS / 3),
        ],
        vec![moment(start - 1), moment(end)],
    ))
}

/// The number in units of its last decimal, if it is a whole number of them.
fn units(value: &Literal, decimals: u32) -> Option<i64> {
    let whole = 10_i64.pow(decimals.min(15));
    match value {
        Literal::Integer(value) => value.checked_mul(whole),
        Literal::Real(value) => {
            let units = (value * whole as f64).round();
            let is_near = (units / whole as f64 - value).abs() <= value.abs() * 1e-12;
            (is_near && units.abs() < 9e15).then_some(units as i64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::hostility::Hostility;

    fn column(content: Content, fill: Fill) -> Column {
        Column {
            name: "c".to_owned(),
            label: "c".to_owned(),
            declared_type: String::new(),
            content,
            nullable: false,
            key_position: None,
            fill,
        }
    }

    fn texts(literals: &[Literal]) -> Vec<String> {
        literals.iter().map(Literal::sql).collect()
    }

    #[test]
    fn days_and_moments_have_both_their_edges() {
        let days = Fill::Days {
            first: "2024-01-01".to_owned(),
            count: 9,
        };
        let date = column(Content::Date, days.clone());
        let around = |value: &str, column: &Column| {
            let (same, near) = dates(&Literal::Text(value.to_owned()), column).unwrap();
            (texts(&same).join(" "), texts(&near).join(" "))
        };
        let (same, near) = around("2024-02", &date);
        assert_eq!(same, "'2024-02-01' '2024-02-29'");
        assert_eq!(near, "'2024-01-31' '2024-03-01' '2023-02-01' '2025-02-01'");
        let moment = column(Content::DateTime, days);
        let (same, near) = around("2024-12-31", &moment);
        assert!(same.starts_with("'2024-12-31 00:00:00' '2024-12-31 23:59:59'"));
        assert_eq!(near, "'2024-12-30 23:59:59' '2025-01-01 00:00:00'");
        let (_, near) = around("2024-12-31 23:59:59", &moment);
        assert_eq!(near, "'2024-12-31 23:59:58' '2025-01-01 00:00:00'");
    }

    #[test]
    fn numbers_have_their_neighbours() {
        let fill = Fill::Number {
            min: 0,
            max: 9,
            decimals: 2,
        };
        let column = column(Content::Money, fill);
        let hostility = Hostility::at(0, 1);
        let cells = Cells {
            column: &column,
            hostility,
            earlier: None,
        };
        let around = |value| neighbourhood(&value, &cells, &mut Random::new(1, &[]));
        let (same, near) = around(Literal::Integer(100));
        assert_eq!(
            (texts(&same), texts(&near)),
            (
                vec!["100.0".to_owned()],
                ["99.99", "100.01", "99.0", "101.0"]
                    .map(str::to_owned)
                    .to_vec()
            )
        );
        let (same, near) = around(Literal::Real(0.125));
        assert_eq!((texts(&same), near), (vec!["0.125".to_owned()], vec![]));
    }
}
