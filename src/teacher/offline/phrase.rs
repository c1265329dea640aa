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
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for place in 1..words.len() {
        let next = words[place].to_lowercase();
        let starts = next.starts_with(['a', 'e', 'i', 'o', 'u']);
        let sounds_hard = ["uni", "use", "usa", "usu", "one", "eu"];
        let is_soft = starts && !sounds_hard.iter().any(|it| next.starts_with(it));
        if is_soft && matches!(words[place - 1].as_str(), "a" | "A") {
            words[place - 1].push('n');
        }
    }
    words.join(" ")
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
