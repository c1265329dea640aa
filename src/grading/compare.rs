//! Whether an answer's results are the reference's, on all instances together.
//!
//! Columns may come in another order, but the same other order on every instance.

use crate::sandbox::Value;

use super::rows::{Row, equal_multisets, equal_values, order_values};

/// Permutations of columns that are tried before the results count as different.
const MAX_PERMUTATIONS: usize = 2_000;

/// What the reference gave on one instance.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its rows.
    pub rows: &'a [Row],
    /// Where order matters, the values that the reference sorts by, row by row: rows
    /// with equal ones may come in any order.
    pub keys: Option<&'a [Row]>,
}

/// How an answer's results relate to the reference's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// For each column of the reference, the answer's column that is compared with it.
    pub columns: Vec<usize>,
    /// For each instance, whether the results are equal with these columns.
    pub equal: Vec<bool>,
    /// For each instance, whether they are equal but for their order.
    pub equal_unordered: Vec<bool>,
}

impl Comparison {
    /// Whether the results are equal on every instance.
    pub fn is_equivalent(&self) -> bool {
        self.equal.iter().all(|equal| *equal)
    }
}

/// Compares results, which must all have `width` columns on the reference's side and
/// `found_width` on the answer's. Without a permutation that fits everywhere it takes
/// the best that single columns allow.
pub fn compare(
    expected: &[Expected<'_>],
    width: usize,
    found: &[&[Row]],
    found_width: usize,
) -> Comparison {
    let fits = candidates(expected, width, found, found_width);
    let mut search = Search {
        expected,
        found,
        fits: &fits,
        tried: 0,
    };
    let mut columns = Vec::with_capacity(width);
    if width == found_width && search.extend(&mut columns, width) {
        return Comparison {
            equal: vec![true; expected.len()],
            equal_unordered: vec![true; expected.len()],
            columns,
        };
    }
    let columns = likely_columns(expected, width, found, found_width);
    let on_each = |ordered: bool| -> Vec<bool> {
        let pairs = expected.iter().zip(found);
        let is_equal = |(expected, found): (&Expected<'_>, &&[Row])| {
            width == found_width && equal_results(expected, found, &columns, ordered)
        };
        pairs.map(is_equal).collect()
    };
    Comparison {
        equal: on_each(true),
        equal_unordered: on_each(false),
        columns,
    }
}

/// Whether one instance's results are equal with these columns.
pub fn equal_results(
    expected: &Expected<'_>,
    found: &[Row],
    columns: &[usize],
    ordered: bool,
) -> bool {
    if expected.rows.len() != found.len() {
        return false;
    }
    let left: Vec<Vec<&Value>> = expected
        .rows
        .iter()
        .map(|row| row.iter().collect())
        .collect();
    let right = project(found, columns);
    match expected.keys.filter(|_| ordered) {
        None => equal_multisets(&left, &right),
        Some(keys) => {
            ties(keys).all(|(start, end)| equal_multisets(&left[start..end], &right[start..end]))
        }
    }
}

/// The rows with the reference's columns in the reference's order.
pub fn project<'a>(rows: &'a [Row], columns: &[usize]) -> Vec<Vec<&'a Value>> {
    let pick = |row: &'a Row| {
        columns
            .iter()
            .filter_map(|column| row.get(*column))
            .collect()
    };
    rows.iter().map(pick).collect()
}

/// Runs of rows whose keys are equal: first and last place plus one.
fn ties(keys: &[Row]) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = keys.get(start)?;
        let is_tied = |row: &&Row| row.iter().zip(first).all(|(a, b)| equal_values(a, b));
        let end = start + keys[start..].iter().take_while(is_tied).count();
        let run = (start, end);
        start = end;
        Some(run)
    })
}

/// For each column of the reference, the answer's columns that hold the same values on
/// every instance, whatever the rows; its own place first.
fn candidates(
    expected: &[Expected<'_>],
    width: usize,
    found: &[&[Row]],
    found_width: usize,
) -> Vec<Vec<usize>> {
    let left: Vec<Vec<Vec<&Value>>> = columns_of(expected.iter().map(|it| it.rows), width);
    let right: Vec<Vec<Vec<&Value>>> = columns_of(found.iter().copied(), found_width);
    let fits = |place: usize, other: usize| {
        left[place].iter().zip(&right[other]).all(|(left, right)| {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal_values(a, b))
        })
    };
    (0..width)
        .map(|place| {
            let mut others: Vec<usize> = (0..found_width)
                .filter(|other| fits(place, *other))
                .collect();
            others.sort_by_key(|other| *other != place);
            others
        })
        .collect()
}

/// By column, by instance: the sorted values.
fn columns_of<'a>(
    results: impl Iterator<Item = &'a [Row]>,
    width: usize,
) -> Vec<Vec<Vec<&'a Value>>> {
    let results: Vec<&[Row]> = results.collect();
    (0..width)
        .map(|column| {
            results
                .iter()
                .map(|rows| {
                    let mut values: Vec<&Value> =
                        rows.iter().filter_map(|row| row.get(column)).collect();
                    values.sort_by(|a, b| order_values(a, b));
                    values
                })
                .collect()
        })
        .collect()
}

/// Looks for one permutation of columns that makes the results equal everywhere.
struct Search<'a> {
    expected: &'a [Expected<'a>],
    found: &'a [&'a [Row]],
    fits: &'a [Vec<usize>],
    tried: usize,
}

impl Search<'_> {
    fn extend(&mut self, columns: &mut Vec<usize>, width: usize) -> bool {
        if columns.len() == width {
            self.tried += 1;
            let mut pairs = self.expected.iter().zip(self.found);
            return pairs.all(|(expected, found)| equal_results(expected, found, columns, true));
        }
        for place in 0..self.fits[columns.len()].len() {
            let column = self.fits[columns.len()][place];
            if self.tried >= MAX_PERMUTATIONS || columns.contains(&column) {
                continue;
            }
            columns.push(column);
            if self.extend(columns, width) {
                return true;
            }
            columns.pop();
        }
        false
    }
}

/// For each column of the reference, the answer's column that shares the most values
/// with it and was not taken yet; its own place if several share as many.
fn likely_columns(
    expected: &[Expected<'_>],
    width: usize,
    found: &[&[Row]],
    found_width: usize,
) -> Vec<usize> {
    let left = columns_of(expected.iter().map(|it| it.rows), width);
    let right = columns_of(found.iter().copied(), found_width);
    let mut taken = vec![false; found_width];
    let mut columns = Vec::new();
    for (place, left) in left.iter().enumerate() {
        let shared = |other: usize| -> usize {
            let pairs = left.iter().zip(&right[other]);
            pairs.map(|(left, right)| count_shared(left, right)).sum()
        };
        let best = (0..found_width)
            .filter(|other| !taken[*other])
            .max_by_key(|other| (shared(*other), *other == place, found_width - other));
        if let Some(best) = best {
            taken[best] = true;
            columns.push(best);
        }
    }
    columns
}

/// How many values two sorted lists share.
fn count_shared(a: &[&Value], b: &[&Value]) -> usize {
    let (mut left, mut right, mut shared) = (0, 0, 0);
    while left < a.len() && right < b.len() {
        if equal_values(a[left], b[right]) {
            (left, right, shared) = (left + 1, right + 1, shared + 1);
        } else if order_values(a[left], b[right]).is_lt() {
            left += 1;
        } else {
            right += 1;
        }
    }
    shared
}

/// How much of two multisets of rows is shared: 1 if all is, 0 if nothing (F1).
pub fn row_f1(expected: &[Row], found: &[Row], columns: &[usize]) -> f64 {
    let total = expected.len() + found.len();
    if total == 0 {
        return 1.0;
    }
    let left: Vec<Vec<&Value>> = expected.iter().map(|row| row.iter().collect()).collect();
    let mut right = project(found, columns);
    let mut shared = 0;
    for row in &left {
        let equal = |other: &Vec<&Value>| {
            row.len() >= other.len() && row.iter().zip(other).all(|(a, b)| equal_values(a, b))
        };
        if let Some(place) = right.iter().position(equal) {
            right.swap_remove(place);
            shared += 1;
        }
    }
    2.0 * f64::from(shared) / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[i64]]) -> Vec<Row> {
        let row = |row: &&[i64]| row.iter().map(|value| Value::Integer(*value)).collect();
        rows.iter().map(row).collect()
    }

    fn check(expected: &[Vec<Row>], keys: Option<&[Vec<Row>]>, found: &[Vec<Row>]) -> Comparison {
        let expected: Vec<Expected<'_>> = expected
            .iter()
            .enumerate()
            .map(|(place, rows)| Expected {
                rows,
                keys: keys.map(|keys| keys[place].as_slice()),
            })
            .collect();
        let found: Vec<&[Row]> = found.iter().map(Vec::as_slice).collect();
        let width = |rows: &[Row]| rows.first().map_or(2, Vec::len);
        compare(&expected, width(expected[0].rows), &found, width(found[0]))
    }

    #[test]
    fn one_permutation_must_fit_everywhere() {
        let one = rows(&[&[1, 2], &[3, 4]]);
        let swapped = rows(&[&[2, 1], &[4, 3]]);
        assert!(
            check(
                &[one.clone(), one.clone()],
                None,
                &[swapped.clone(), swapped.clone()]
            )
            .is_equivalent()
        );
        let mixed = check(&[one.clone(), one.clone()], None, &[swapped, one]);
        assert!(!mixed.is_equivalent());
    }

    #[test]
    fn order_counts_up_to_ties() {
        let expected = rows(&[&[1, 2], &[1, 3], &[2, 1]]);
        let keys = rows(&[&[1], &[1], &[2]]);
        let tied = rows(&[&[1, 3], &[1, 2], &[2, 1]]);
        let wrong = rows(&[&[2, 1], &[1, 2], &[1, 3]]);
        let keys = [keys];
        assert!(check(std::slice::from_ref(&expected), Some(&keys), &[tied]).is_equivalent());
        let comparison = check(&[expected], Some(&keys), &[wrong]);
        assert_eq!(
            (comparison.equal, comparison.equal_unordered),
            (vec![false], vec![true])
        );
    }

    #[test]
    fn a_missing_column_is_not_equal() {
        let comparison = check(&[rows(&[&[1, 2]])], None, &[rows(&[&[1]])]);
        assert!(!comparison.is_equivalent());
    }
}
