//! Small change of English.

/// The text with its first letter large.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Items in a row: `a, b and c`.
pub fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// The text as a sentence: a large first letter and a full stop.
pub fn sentence(text: &str) -> String {
    let text = capital(text.trim());
    if text.ends_with(['.', '?', '!', ':']) {
        text
    } else {
        format!("{text}.")
    }
}

/// The text with `a` made `an` before vowels.
pub fn with_articles(text: &str) -> String {
    let mut said = String::with_capacity(text.len() + 8);
    let mut is_article = false;
    for (place, word) in text.split(' ').enumerate() {
        if is_article && sounds_soft(word) {
            said.push('n');
        }
        if place > 0 {
            said.push(' ');
        }
        said += word;
        is_article = matches!(word, "a" | "A");
    }
    said
}

/// Whether a word begins with the sound of a vowel.
fn sounds_soft(word: &str) -> bool {
    let sounds_hard = ["uni", "use", "usa", "usu", "one", "eu"];
    let word = word.to_lowercase();
    let starts = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    starts && !sounds_hard.iter().any(|it| word.starts_with(it))
}

/// A number's ordinal: `1st`, `2nd`.
pub fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined() {
        let items: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(listed(&items, "and"), "a, b and c");
        assert_eq!(listed(&items[..1], "and"), "a");
        assert_eq!(sentence("is it?"), "Is it?");
        assert_eq!(with_articles("A order or a unit"), "An order or a unit");
        assert_eq!(ordinal(12), "12th");
        assert_eq!(ordinal(22), "22nd");
    }
}
