//! Amounts of money as people and exports write them.

use crate::base::seed::Random;

/// Texts that are no amount, or could be two.
const JUNK: [&str; 24] = [
    "n/a",
    "N/A",
    "-",
    "",
    "tbd",
    "unknown",
    "free",
    "?",
    "12-13",
    "about 50",
    "$1.234",
    "1.234 €",
    "1,23,45",
    "(50",
    "--5",
    "USD $5",
    "12 apples",
    "$",
    "NaN",
    "0x10",
    "none",
    "5 each",
    "see note",
    "CHF 1'200.-",
];

/// The amount in a plain shape, which a cast reads as well.
pub fn plain(cents: i64) -> String {
    if cents % 100 == 0 {
        return (cents / 100).to_string();
    }
    fixed(cents, ".", "")
}

/// The amount in any shape that CLEAN_NUMERIC reads as exactly this amount, and a cast
/// mostly does not.
pub fn shaped(cents: i64, random: &mut Random) -> String {
    let size = cents.abs();
    let (number, is_bare) = number(size, random);
    let text = match random.below(12) {
        _ if is_bare => number,
        0..4 => format!("${number}"),
        4 => format!("$ {number}"),
        5 => format!("{number} €"),
        6 => format!("€{number}"),
        7 => format!("{number} EUR"),
        8 => format!("USD {number}"),
        9 => format!("£{number}"),
        10 => format!("{number}\u{a0}zł"),
        _ => number,
    };
    let text = if cents >= 0 {
        text
    } else {
        match random.below(5) {
            0 | 1 => format!("({text})"),
            2 => format!("{text}-"),
            3 => format!("\u{2212}{text}"),
            _ => format!("-{text}"),
        }
    };
    match random.below(14) {
        0 => format!(" {text}"),
        1 => format!("{text} "),
        2 => format!("\u{a0}{text}"),
        _ => text,
    }
}

/// A text that CLEAN_NUMERIC does not read.
pub fn junk(random: &mut Random) -> String {
    random.pick(&JUNK).copied().unwrap_or_default().to_owned()
}

/// A share in percent where an amount should be: readable, but seldom meant.
pub fn percent(random: &mut Random) -> String {
    format!("{}.5 %", random.between(1, 40))
}

/// The number without sign and currency, and whether no currency may stand beside it.
fn number(cents: i64, random: &mut Random) -> (String, bool) {
    let is_whole = cents % 100 == 0;
    let text = match random.below(16) {
        0..4 => fixed(cents, ".", ","),
        4 if is_whole => group(&(cents / 100).to_string(), ","),
        5 if cents >= 100_000 && cents % 10_000 == 0 => scaled(cents, 100_000, "k", random),
        6 if cents >= 10_000_000 && cents % 10_000_000 == 0 => {
            scaled(cents, 100_000_000, "M", random)
        }
        7 | 8 => fixed(cents, ",", "."),
        9 => fixed(cents, ",", " "),
        10 => fixed(cents, ",", "\u{202f}"),
        11 => fixed(cents, ".", "'"),
        12 => fixed(cents, ",", ""),
        13 if cents >= 10_000_000 => indian(cents),
        14 if is_whole && cents >= 1_000_000 && cents % 100_000 == 0 => {
            return (format!("{}e3", cents / 100_000), true);
        }
        _ => fixed(cents, ".", ""),
    };
    (text, false)
}

fn fixed(cents: i64, mark: &str, separator: &str) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let whole = (cents.abs() / 100).to_string();
    let whole = if separator.is_empty() {
        whole
    } else {
        group(&whole, separator)
    };
    format!("{sign}{whole}{mark}{:02}", cents.abs() % 100)
}

fn group(digits: &str, separator: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

fn indian(cents: i64) -> String {
    let digits = (cents / 100).to_string();
    let (head, last) = digits.split_at(digits.len() - 3);
    let mut text = String::new();
    for (place, digit) in head.chars().enumerate() {
        if place > 0 && (head.len() - place).is_multiple_of(2) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text},{last}.{:02}", cents % 100)
}

/// With one digit behind the point: three could be read as a group.
fn scaled(cents: i64, unit: i64, letter: &str, random: &mut Random) -> String {
    let tenths = cents / (unit / 10);
    let blank = if random.chance(30) { " " } else { "" };
    if tenths % 10 == 0 {
        return format!("{}{blank}{letter}", tenths / 10);
    }
    format!("{}.{}{blank}{letter}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_as_people_write_them() {
        assert_eq!(plain(123_450), "1234.50");
        assert_eq!(plain(-5), "-0.05");
        assert_eq!(plain(-500), "-5");
        assert_eq!(fixed(123_456_789, ".", ","), "1,234,567.89");
        assert_eq!(fixed(99, ",", "."), "0,99");
        assert_eq!(indian(1_234_567_850), "1,23,45,678.50");
        assert_eq!(
            scaled(150_000, 100_000, "k", &mut Random::new(2, &[])).replace(' ', ""),
            "1.5k"
        );
    }

    /// The digits of every shape are those of the amount.
    #[test]
    fn every_shape_keeps_the_digits() {
        let mut random = Random::new(9, &[]);
        for _ in 0..5_000 {
            let cents = random.between(-90_000_000, 90_000_000);
            let text = shaped(cents, &mut random);
            assert!(text.chars().count() <= 64);
            if text.contains(['k', 'M']) || text.contains("e3") {
                continue;
            }
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let read: i64 = digits.parse().unwrap();
            assert!(
                read == cents.abs() || read * 100 == cents.abs(),
                "{cents}: {text}"
            );
        }
    }
}
