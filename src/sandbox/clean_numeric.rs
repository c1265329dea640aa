//! CLEAN_NUMERIC(value) → REAL, whose rules and cases stand in `clean_numeric.md`.
//!
//! **Invariant.** A pure function of its argument; text is parsed from left to right
//! without going back, so that its time is bounded by the text's 64 characters.

/// Characters that a number may have around and in it.
const MAX_CHARACTERS: usize = 64;
const MAX_DIGITS: usize = 40;

/// Codes, signs and words for currencies; none begins with one that stands before it.
const CURRENCIES: [&str; 60] = [
    "aud", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "huf", "idr", "ils",
    "inr", "jpy", "krw", "mxn", "nok", "nzd", "php", "pln", "rub", "sek", "sgd", "thb", "try",
    "uah", "usd", "vnd", "zar", "us$", "ca$", "au$", "nz$", "hk$", "c$", "a$", "s$", "r$", "$",
    "€", "£", "¥", "₹", "₽", "₩", "₺", "₫", "₴", "₪", "₱", "฿", "kr.", "kr", "zł", "kč", "ft",
    "fr.", "rs.", "rs",
];

/// Suffixes that scale, and the powers of ten that they stand for.
const SCALES: [(&str, i32); 5] = [("k", 3), ("mn", 6), ("m", 6), ("bn", 9), ("b", 9)];

/// The number that `text` stands for, if it stands for one.
pub fn clean_numeric(text: &str) -> Option<f64> {
    let text = normalised(text)?;
    if let Some(number) = scientific(&text) {
        return number;
    }
    let parts = Parts::read(&text)?;
    let decimal = decimal(parts.number, parts.has_currency)?;
    let sign = if parts.is_negative { "-" } else { "" };
    // One correctly rounded conversion of all digits with their final power of ten.
    let value: f64 = format!("{sign}{decimal}e{}", parts.power).parse().ok()?;
    finite(value)
}

/// A number that SQLite knows already: finite, and without a minus zero.
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value + 0.0)
}

/// Lower case, with one sort of blank, apostrophe and minus, and no blanks around.
fn normalised(text: &str) -> Option<String> {
    let trimmed = text.trim_matches(|it: char| is_blank(it));
    if trimmed.is_empty() || trimmed.chars().count() > MAX_CHARACTERS {
        return None;
    }
    let plain = trimmed.chars().map(|character| match character {
        it if is_blank(it) => ' ',
        '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2212}' | '\u{2013}' => '-',
        other => other,
    });
    Some(plain.flat_map(char::to_lowercase).collect())
}

fn is_blank(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}'
    )
}

/// `Some` if the text is in scientific notation: its value, if that is finite.
fn scientific(text: &str) -> Option<Option<f64>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once('e')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.len() + fraction.len();
    let exponent_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let is_number = all_digits(whole)
        && all_digits(fraction)
        && (1..=MAX_DIGITS).contains(&digits)
        && all_digits(exponent_digits)
        && (1..=3).contains(&exponent_digits.len());
    is_number.then(|| text.parse().ok().and_then(finite))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands around the number.
struct Parts<'a> {
    number: &'a str,
    is_negative: bool,
    has_currency: bool,
    /// The power of ten that a scale or a percent sign stands for.
    power: i32,
}

impl<'a> Parts<'a> {
    /// Takes the text apart from the left and from the right, down to the number.
    fn read(text: &'a str) -> Option<Self> {
        let mut rest = text;
        let mut signs = 0;
        let mut is_negative = false;
        let mut before = false;
        let mut is_open = false;
        // A sign and a currency in any order, each once, then the number; one parenthesis
        // may open anywhere among them.
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(after) = rest.strip_prefix(['-', '+']) {
                is_negative |= rest.starts_with('-');
                signs += 1;
                rest = after;
            } else if let Some(after) = rest.strip_prefix('(') {
                if is_open {
                    return None;
                }
                is_open = true;
                is_negative = true;
                signs += 1;
                rest = after;
            } else if let Some(after) = currency_prefix(rest) {
                if before {
                    return None;
                }
                before = true;
                rest = after;
            } else {
                break;
            }
        }
        let end = rest
            .find(|it: char| !it.is_ascii_digit() && !matches!(it, '.' | ',' | ' ' | '\''))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let mut tail = Tail::read(tail)?;
        // Behind a parenthesis nothing but a currency may stand; the sign is taken.
        if is_open != tail.closes {
            return None;
        }
        if tail.trailing_minus {
            is_negative = true;
            signs += 1;
        }
        let has_currency = before || tail.has_currency;
        if signs > 1 || (tail.is_percent && has_currency) {
            return None;
        }
        let number = number.trim_matches(' ');
        // The dash of Swiss prices is no minus.
        if tail.trailing_minus && number.ends_with('.') {
            return None;
        }
        if tail.is_percent {
            tail.power = -2;
        }
        Some(Self {
            number,
            is_negative,
            has_currency,
            power: tail.power,
        })
    }
}

/// What stands behind the number.
#[derive(Default)]
struct Tail {
    power: i32,
    is_percent: bool,
    has_currency: bool,
    closes: bool,
    trailing_minus: bool,
}

impl Tail {
    fn read(text: &str) -> Option<Self> {
        let mut tail = Self::default();
        let mut is_scaled = false;
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() {
                return Some(tail);
            }
            if rest == "-" && !tail.trailing_minus {
                tail.trailing_minus = true;
                return Some(tail);
            }
            if let Some(after) = rest.strip_prefix(')') {
                if tail.closes {
                    return None;
                }
                tail.closes = true;
                rest = after;
            } else if let Some((after, power)) = scale_prefix(rest) {
                if is_scaled || tail.has_currency || tail.closes {
                    return None;
                }
                is_scaled = true;
                tail.is_percent = power == -2;
                tail.power = power;
                rest = after;
            } else if let Some(after) = currency_prefix(rest) {
                if tail.has_currency {
                    return None;
                }
                tail.has_currency = true;
                rest = after;
            } else {
                return None;
            }
        }
    }
}

/// What follows a currency that `text` begins with.
fn currency_prefix(text: &str) -> Option<&str> {
    CURRENCIES
        .iter()
        .find_map(|currency| text.strip_prefix(currency))
}

/// What follows a scale or percent sign that `text` begins with, and its power of ten.
fn scale_prefix(text: &str) -> Option<(&str, i32)> {
    if let Some(after) = text.strip_prefix('%') {
        return Some((after, -2));
    }
    SCALES
        .iter()
        .filter_map(|(scale, power)| Some((text.strip_prefix(scale)?, *power)))
        .find(|(after, _)| may_end_scale(after))
}

/// Whether a scale may end here: `5kr` is no thousand, but `5kkr` is.
fn may_end_scale(after: &str) -> bool {
    let after = after.trim_start_matches(' ');
    !after.starts_with(char::is_alphabetic) || currency_prefix(after).is_some()
}

/// The number's digits with a point for the decimal mark and nothing else.
fn decimal(number: &str, has_currency: bool) -> Option<String> {
    let count = |mark: char| number.matches(mark).count();
    let (points, commas) = (count('.'), count(','));
    let other = match (count(' '), count('\'')) {
        (0, 0) => None,
        (_, 0) => Some(' '),
        (0, _) => Some('\''),
        _ => return None,
    };
    let (group, mark) = match (other, points, commas) {
        (Some(other), 0, 0) => (Some(other), None),
        (Some(other), 1, 0) => (Some(other), Some('.')),
        (Some(other), 0, 1) => (Some(other), Some(',')),
        (Some(_), ..) => return None,
        (None, 0, 0) => (None, None),
        (None, 1, 0) if has_currency && could_group(number, '.') => return None,
        (None, 1, 0) => (None, Some('.')),
        (None, 0, 1) if could_group(number, ',') => (Some(','), None),
        (None, 0, 1) => (None, Some(',')),
        (None, _, 0) => (Some('.'), None),
        (None, 0, _) => (Some(','), None),
        (None, 1, _) if number.rfind('.') > number.rfind(',') => (Some(','), Some('.')),
        (None, _, 1) if number.rfind(',') > number.rfind('.') => (Some('.'), Some(',')),
        _ => return None,
    };
    let (whole, fraction) = match mark {
        Some(mark) => number.split_once(mark)?,
        None => (number, ""),
    };
    let needs_fraction = mark == Some(',') || (mark.is_some() && group.is_some());
    if !all_digits(fraction) || (needs_fraction && fraction.is_empty()) {
        return None;
    }
    let whole = match group {
        Some(group) if !is_grouped(whole, group) => return None,
        Some(group) => whole.replace(group, ""),
        None => whole.to_owned(),
    };
    let digits = whole.len() + fraction.len();
    if !all_digits(&whole) || !(1..=MAX_DIGITS).contains(&digits) {
        return None;
    }
    Some(format!("{whole}.{fraction}0"))
}

/// Whether the only `mark` in `number` stands where it could group thousands.
fn could_group(number: &str, mark: char) -> bool {
    is_grouped(number, mark)
}

/// Whether `whole` is in groups of three, or with commas in groups as in India.
fn is_grouped(whole: &str, mark: char) -> bool {
    let groups: Vec<&str> = whole.split(mark).collect();
    let [first, middle @ .., last] = groups.as_slice() else {
        return false;
    };
    let is_group = |group: &str, len: usize| group.len() == len && all_digits(group);
    if !all_digits(first) || first.starts_with('0') || !is_group(last, 3) {
        return false;
    }
    let by_threes = (1..=3).contains(&first.len()) && middle.iter().all(|group| is_group(group, 3));
    let as_in_india = mark == ','
        && (1..=2).contains(&first.len())
        && middle.iter().all(|group| is_group(group, 2));
    by_threes || as_in_india
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of cases in the page: the value as SQL, and the result.
    fn cases() -> Vec<(&'static str, &'static str)> {
        let page = include_str!("clean_numeric.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let (value, rest) = row.split_once("` | ").unwrap();
            (value, rest.split_once(" |").unwrap().0)
        })
        .collect()
    }

    fn unescaped(literal: &str) -> String {
        let mut text = literal
            .replace("''", "'")
            .replace("\\t", "\t")
            .replace("\\n", "\n");
        while let Some(start) = text.find("\\u{") {
            let end = start + text[start..].find('}').unwrap();
            let code = u32::from_str_radix(&text[start + 3..end], 16).unwrap();
            text.replace_range(start..=end, &char::from_u32(code).unwrap().to_string());
        }
        text
    }

    #[test]
    fn every_case_of_the_page_holds() {
        let cases = cases();
        assert!(cases.len() >= 130, "{} cases", cases.len());
        for (value, result) in cases {
            let Some(text) = value
                .strip_prefix('\'')
                .and_then(|it| it.strip_suffix('\''))
            else {
                continue;
            };
            let expected = match result {
                "NULL" => None,
                number => Some(number.parse::<f64>().unwrap()),
            };
            let found = clean_numeric(&unescaped(text));
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            assert_eq!(bits(found), bits(expected), "{value} gave {found:?}");
        }
    }

    /// Three thousand more, made and read by `scripts/goldens/clean_numeric.py`.
    #[test]
    fn the_independent_program_reads_the_same() {
        let cases = include_str!("../../tests/data/clean_numeric.tsv");
        let mut count = 0;
        for line in cases.lines().filter(|line| !line.starts_with('#')) {
            let (text, result) = line.split_once('\t').unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            let expected = match result {
                "null" => None,
                bits => Some(u64::from_str_radix(bits, 16).unwrap()),
            };
            let found = clean_numeric(&text).map(f64::to_bits);
            assert_eq!(found, expected, "{text:?}");
            count += 1;
        }
        assert!(count >= 3_000, "{count} cases");
    }

    #[test]
    fn currencies_do_not_hide_each_other() {
        for (place, currency) in CURRENCIES.iter().enumerate() {
            for earlier in &CURRENCIES[..place] {
                assert!(!currency.starts_with(earlier), "{earlier} hides {currency}");
            }
        }
    }
}
