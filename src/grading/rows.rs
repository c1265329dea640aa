//! Comparing results: values, rows, and multisets of rows.
//!
//! **Rules.** NULL equals NULL only. Two integers are equal if they are the same; other
//! numbers if they differ by at most [`TOLERANCE`] of the greater, or by [`NOTHING`]. Text and blobs are
//! compared byte by byte; a number never equals text. Rows are a multiset; where order
//! counts, it counts only up to ties of the reference's keys.

use std::cmp::Ordering;

use crate::base::id::ContentHash;
use crate::sandbox::Value;

/// How far two numbers may lie apart, relative to the greater one.
pub const TOLERANCE: f64 = 1e-6;

/// What sums of amounts leave when they cancel out: as good as zero.
const NOTHING: f64 = 1e-9;

/// Rows that share everything but numbers and are matched one by one if sorting does not
/// bring equal ones together; above this they count as different.
const MAX_MATCHED: usize = 300;

/// One row of a result.
pub type Row = Vec<Value>;

/// Whether two values count as equal.
pub fn equal_values(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Integer(_) | Value::Real(_), Value::Integer(_) | Value::Real(_)) => {
            close(number(a), number(b))
        }
        _ => a == b,
    }
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= (TOLERANCE * a.abs().max(b.abs())).max(NOTHING)
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Integer(value) => *value as f64,
        Value::Real(value) => *value,
        _ => 0.0,
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Real(_))
}

/// Whether two rows count as equal, value by value.
pub fn equal_rows(a: &[&Value], b: &[&Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal_values(a, b))
}

/// A total order: by sort of value, then numbers by size and text by bytes.
pub fn order_values(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::Text(a), Value::Text(b)) | (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        (a, b) if is_number(a) => number(a).total_cmp(&number(b)),
        _ => Ordering::Equal,
    })
}

/// Like [`order_values`], but all numbers are alike.
fn order_kinds(a: &Value, b: &Value) -> Ordering {
    match is_number(a) && is_number(b) {
        true => Ordering::Equal,
        false => order_values(a, b),
    }
}

fn order_rows(a: &[&Value], b: &[&Value], by: impl Fn(&Value, &Value) -> Ordering) -> Ordering {
    let unequal = a.iter().zip(b).map(|(a, b)| by(a, b));
    unequal
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Whether two lists hold the same rows, in whatever order.
pub fn equal_multisets(a: &[Vec<&Value>], b: &[Vec<&Value>]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // First by all that is no number, then by numbers: equal rows lie side by side,
    // unless rounding has swapped two that are nearly the same.
    let (a, b) = (sorted(a), sorted(b));
    let mut start = 0;
    while start < a.len() {
        let same = |row: &Vec<&Value>| order_rows(row, &a[start], order_kinds).is_eq();
        let end = start + a[start..].iter().take_while(|row| same(row)).count();
        let is_whole = b[start..end].iter().all(same) && !b.get(end).is_some_and(same);
        if !is_whole || !equal_groups(&a[start..end], &b[start..end]) {
            return false;
        }
        start = end;
    }
    true
}

fn sorted<'a>(rows: &[Vec<&'a Value>]) -> Vec<Vec<&'a Value>> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| order_rows(a, b, order_kinds).then_with(|| order_rows(a, b, order_values)));
    rows
}

fn equal_groups(a: &[Vec<&Value>], b: &[Vec<&Value>]) -> bool {
    if a.iter().zip(b).all(|(a, b)| equal_rows(a, b)) {
        return true;
    }
    a.len() <= MAX_MATCHED && can_match(a, b)
}

/// Whether every row of `a` has a row of `b` of its own (augmenting paths).
fn can_match(a: &[Vec<&Value>], b: &[Vec<&Value>]) -> bool {
    let mut owner: Vec<Option<usize>> = vec![None; b.len()];
    (0..a.len()).all(|row| {
        let mut seen = vec![false; b.len()];
        claim(row, a, b, &mut owner, &mut seen)
    })
}

fn claim(
    row: usize,
    a: &[Vec<&Value>],
    b: &[Vec<&Value>],
    owner: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for place in 0..b.len() {
        if seen[place] || !equal_rows(&a[row], &b[place]) {
            continue;
        }
        seen[place] = true;
        let is_free = match owner[place] {
            Some(other) => claim(other, a, b, owner, seen),
            None => true,
        };
        if is_free {
            owner[place] = Some(row);
            return true;
        }
    }
    false
}

/// The hash of a result's rows, sorted unless their order matters.
pub fn result_hash(rows: &[Row], ordered: bool) -> ContentHash {
    let mut encoded: Vec<Vec<u8>> = rows.iter().map(|row| encode(row)).collect();
    if !ordered {
        encoded.sort();
    }
    let mut hasher = blake3::Hasher::new_derive_key("antiks.result.v1");
    for row in &encoded {
        hasher.update(&(row.len() as u64).to_le_bytes());
        hasher.update(row);
    }
    ContentHash::new(*hasher.finalize().as_bytes())
}

fn encode(row: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in row {
        match value {
            Value::Null => bytes.push(0),
            Value::Integer(value) => {
                bytes.push(1);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Value::Real(value) => {
                bytes.push(2);
                bytes.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Value::Text(content) | Value::Blob(content) => {
                bytes.push(if matches!(value, Value::Text(_)) {
                    3
                } else {
                    4
                });
                bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
                bytes.extend_from_slice(content);
            }
        }
    }
    bytes
}

/// A value as a reader sees it.
pub fn show_value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(bytes) => format!("'{}'", shortened(&String::from_utf8_lossy(bytes))),
        Value::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// A row as a reader sees it.
pub fn show_row(row: &[Value]) -> String {
    const MAX_VALUES: usize = 12;
    let mut shown: Vec<String> = row.iter().take(MAX_VALUES).map(show_value).collect();
    if row.len() > MAX_VALUES {
        shown.push(format!("… {} more", row.len() - MAX_VALUES));
    }
    format!("({})", shown.join(", "))
}

fn shortened(text: &str) -> String {
    const MAX_CHARACTERS: usize = 60;
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(MAX_CHARACTERS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short.escape_debug().to_string().replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &[&[Value]], b: &[&[Value]]) -> bool {
        let rows = |rows: &[&[Value]]| -> Vec<Vec<Value>> {
            rows.iter().map(|row| row.to_vec()).collect()
        };
        let (a, b) = (rows(a), rows(b));
        let refer = |rows: &'_ [Vec<Value>]| -> Vec<Vec<&Value>> {
            // Borrowed for the test's whole length.
            let rows: &'static [Vec<Value>] = Box::leak(rows.to_vec().into_boxed_slice());
            rows.iter().map(|row| row.iter().collect()).collect()
        };
        equal_multisets(&refer(&a), &refer(&b))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn values_are_equal_by_the_rules() {
        let (one, real) = (Value::Integer(1), Value::Real(1.0 + 1e-9));
        assert!(equal_values(&one, &real));
        assert!(!equal_values(
            &Value::Integer(1_000_000_000),
            &Value::Integer(1_000_000_001)
        ));
        assert!(!equal_values(&one, &text("1")));
        assert!(!equal_values(&Value::Null, &Value::Integer(0)));
        assert!(equal_values(&Value::Null, &Value::Null));
        assert!(equal_values(&Value::Real(0.0), &Value::Real(1e-12)));
        assert!(!equal_values(&Value::Real(0.0), &Value::Real(1e-6)));
        assert!(equal_values(
            &Value::Real(f64::INFINITY),
            &Value::Real(f64::INFINITY)
        ));
    }

    #[test]
    fn multisets_count_and_forgive_rounding() {
        let (a, b) = (Value::Real(0.1 + 0.2), Value::Real(0.3));
        let (x, y) = (text("x"), text("y"));
        let one = [a.clone(), Value::Integer(2)];
        let two = [b.clone(), Value::Integer(1)];
        let three = [b, Value::Integer(2)];
        let four = [a, Value::Integer(1)];
        // Sorted by number, rounding brings these into different orders.
        assert!(same(&[&one, &two], &[&three, &four]));
        assert!(!same(&[&one, &one], &[&one, &two]));
        let (x, y): (&[Value], &[Value]) = (&[x], &[y]);
        assert!(!same(&[x, x], &[x, y]));
        assert!(same(&[x, y], &[y, x]));
        assert!(same(&[], &[]));
    }
}
