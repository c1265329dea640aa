//! Guesses whether a text is an amount of money, and about how much.
//!
//! A guess is enough to say what a column holds; queries use CLEAN_NUMERIC.

/// Words that stand beside amounts: currencies, and what scales them.
const WORDS: [&str; 41] = [
    "aud", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "huf", "idr", "ils",
    "inr", "jpy", "krw", "mxn", "nok", "nzd", "php", "pln", "rub", "sek", "sgd", "thb", "try",
    "uah", "usd", "vnd", "zar", "kr", "zł", "kč", "ft", "fr", "rs", "us", "k", "m", "mn", "bn",
];
/// Texts that say that there is no value.
const PLACEHOLDERS: [&str; 14] = [
    "", "-", "--", "?", "n/a", "na", "nan", "nil", "none", "nothing", "null", "tbd", "unknown",
    "missing",
];

/// Whether a text only says that there is no value.
pub fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.contains(&text.trim().to_lowercase().as_str())
}

/// What a text tells of an amount.
#[derive(Debug, PartialEq)]
pub struct Guess {
    /// The amount in cents, about.
    pub cents: i64,
    /// Whether it is written as only people and exports do: a currency, groups, a comma.
    pub is_typed: bool,
}

/// A guess at a text; `None` if it is no amount.
pub fn guess(text: &str) -> Option<Guess> {
    let mut is_negative = false;
    let mut is_typed = false;
    let mut digits = String::new();
    let mut word = String::new();
    for letter in text.trim().chars() {
        match letter {
            '0'..='9' | '.' => digits.push(letter),
            ',' => {
                is_typed = true;
                digits.push(letter);
            }
            '(' | ')' | '-' | '\u{2212}' | '\u{2013}' => {
                let is_inside = !digits.is_empty() && matches!(letter, '(');
                if is_inside {
                    return None;
                }
                is_negative = true;
                is_typed |= letter != '-';
            }
            '+' => {}
            ' ' | '\'' | '\u{2019}' | '\u{a0}' | '\u{2009}' | '\u{202f}' => {
                is_typed |= !digits.is_empty();
                // A mark that only shows how long the groups are.
                digits.push(' ');
            }
            '$' | '€' | '£' | '¥' | '₹' | '₽' | '₩' | '₺' | '₫' | '₴' | '₪' | '₱' | '฿' | '%' =>
            {
                is_typed = true;
            }
            _ if letter.is_alphabetic() => {
                is_typed = true;
                word.push(letter);
            }
            _ => return None,
        }
    }
    // Other words than currencies and scales belong to codes; a second minus to dates.
    let minus_count = text.chars().filter(|it| *it == '-').count();
    let is_word = word.is_empty() || WORDS.contains(&word.to_lowercase().as_str());
    let mut groups = digits.trim().split(' ').skip(1);
    let is_grouped = groups.all(|group| group.split([',', '.']).next().unwrap_or("").len() == 3);
    if !is_word || !is_grouped || minus_count > 1 {
        return None;
    }
    digits.retain(|it| it != ' ');
    if digits.len() > 18 {
        return None;
    }
    // What follows a minus in the middle is another number.
    let middle = text.trim().trim_start_matches('-').trim_end_matches('-');
    if middle.contains('-') && middle.chars().next().is_some_and(|it| it.is_ascii_digit()) {
        return None;
    }
    let mark = digits.rfind(['.', ',']).filter(|mark| {
        let behind = digits.len() - mark - 1;
        behind != 3 && behind > 0
    });
    let (whole, part) = match mark {
        Some(mark) => (&digits[..mark], &digits[mark + 1..]),
        None => (&digits[..], ""),
    };
    let only_digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let whole: i64 = match only_digits(whole).as_str() {
        "" if part.is_empty() => return None,
        "" => 0,
        whole => whole.parse().ok()?,
    };
    let part: i64 = format!("{part}00").get(..2)?.parse().ok()?;
    let cents = whole.checked_mul(100)?.checked_add(part)?;
    Some(Guess {
        cents: if is_negative { -cents } else { cents },
        is_typed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_from_other_texts() {
        let cents = |text| guess(text).map(|it| it.cents);
        assert_eq!(cents("$1,234.50"), Some(123_450));
        assert_eq!(cents("1.234,5 €"), Some(123_450));
        assert_eq!(cents("(5)"), Some(-500));
        assert_eq!(cents("12 EUR"), Some(1_200));
        assert_eq!(cents("1,234"), Some(123_400));
        assert_eq!(cents("1 234,50 zł"), Some(123_450));
        assert_eq!(cents("$ 12"), Some(1_200));
        assert_eq!(guess("12.5").map(|it| it.is_typed), Some(false));
        for text in [
            "",
            "n/a",
            "2024-03-31",
            "12-13",
            "Berlin",
            "12 apples",
            "A-101",
            "QX-48213",
            "KA 482 B",
            "+49 3012345",
            "+49 30 1234567890123456789",
        ] {
            assert_eq!(guess(text), None, "{text}");
        }
    }
}
