//! Trouble within groups of rows: a month, a category, a parent.
//!
//! Queries that group go wrong where a group's best is tied, or where all that is to be
//! summed up is NULL; single cells drawn at random seldom come together like that.

use std::cmp::Ordering;

use super::schema::{Content, Literal, Table};
use crate::base::seed::Random;

/// What rows are often grouped by.
const GROUPS: [Content; 4] = [
    Content::Category,
    Content::Date,
    Content::DateTime,
    Content::Reference,
];

/// What is often compared within a group.
const COMPARED: [Content; 5] = [
    Content::Money,
    Content::Quantity,
    Content::Measure,
    Content::Date,
    Content::DateTime,
];

/// Groups of each column whose greatest, and whose least, are tied.
const TIED_GROUPS: usize = 3;

/// Makes each column that may be NULL so in all rows of one group, for each way to group;
/// amounts as text that may not be NULL can't be read there.
pub fn blank_groups(
    table: &Table,
    key: Option<usize>,
    rows: &mut [Vec<Literal>],
    random: &mut Random,
) {
    for (at, column) in table.columns.iter().enumerate() {
        let is_group = GROUPS.contains(&column.content);
        // Amounts that are never NULL may still be such that nobody can read them.
        let nothing = match column.content {
            _ if column.nullable => Literal::Null,
            Content::MoneyText => Literal::Text("n/a".to_owned()),
            _ => continue,
        };
        if rows.len() < 3 || Some(at) == key || is_group {
            continue;
        }
        let ways = if column.nullable { usize::MAX } else { 1 };
        for (by, _) in table.columns_of(&GROUPS).take(ways) {
            // The smallest group, so that the column keeps most of its values.
            let size = |row: usize| {
                let value = &rows[row][by];
                rows.iter()
                    .filter(|other| same_group(&other[by], value))
                    .count()
            };
            let start = random.below(rows.len());
            let smallest = (0..rows.len())
                .map(|step| (start + step) % rows.len())
                .min_by_key(|row| size(*row));
            let value = rows[smallest.unwrap_or(start)][by].clone();
            let most = match nothing {
                Literal::Null => rows.len() / 3,
                // What can't be read is rare in what people type.
                _ => rows.len() / 8,
            };
            let in_group = rows.iter_mut().filter(|row| same_group(&row[by], &value));
            for row in in_group.take(most.max(1)) {
                row[at] = nothing.clone();
            }
        }
    }
}

/// Gives some groups two rows with the greatest value, and others two with the least.
pub fn tie_tops(table: &Table, key: Option<usize>, rows: &mut [Vec<Literal>], random: &mut Random) {
    let groups = [Content::Reference, Content::Category];
    let compared: Vec<usize> = table.columns_of(&COMPARED).map(|(at, _)| at).collect();
    for (by, _) in table.columns_of(&groups) {
        for at in compared
            .iter()
            .copied()
            .filter(|at| Some(*at) != key && *at != by)
        {
            for round in 0..2 * TIED_GROUPS {
                if rows.is_empty() {
                    return;
                }
                let value = rows[random.below(rows.len())][by].clone();
                let best = if round % 2 == 0 {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
                tie(rows, by, &value, at, best);
            }
        }
    }
}

/// Copies the best value of a group into another of its rows.
fn tie(rows: &mut [Vec<Literal>], by: usize, value: &Literal, at: usize, best: Ordering) {
    let is_in = |row: &&usize| rows[**row][by] == *value && rows[**row][at] != Literal::Null;
    let places: Vec<usize> = (0..rows.len()).collect();
    let members: Vec<usize> = places.iter().filter(is_in).copied().collect();
    let Some(first) = members.first().copied() else {
        return;
    };
    let top = members.iter().copied().fold(first, |top, row| {
        match order(&rows[row][at], &rows[top][at]) == best {
            true => row,
            false => top,
        }
    });
    if let Some(other) = members.into_iter().find(|row| *row != top) {
        rows[other][at] = rows[top][at].clone();
    }
}

fn order(a: &Literal, b: &Literal) -> Ordering {
    let number = |literal: &Literal| match literal {
        Literal::Integer(value) => Some(*value as f64),
        Literal::Real(value) => Some(*value),
        _ => None,
    };
    match (number(a), number(b), a, b) {
        (Some(a), Some(b), ..) => a.total_cmp(&b),
        (None, None, Literal::Text(a), Literal::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// Whether two values make one group; days of a month do.
fn same_group(a: &Literal, b: &Literal) -> bool {
    const MONTH_BYTES: usize = "2024-01".len();
    match (a, b) {
        (Literal::Text(a), Literal::Text(b)) if a.len() >= 10 && b.len() >= 10 => {
            a.as_bytes()[..MONTH_BYTES] == b.as_bytes()[..MONTH_BYTES]
        }
        (a, b) => a == b,
    }
}
