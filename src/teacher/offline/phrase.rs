//! Small change of English.

/// The text with its first letter large.
pub fn capital(text: &str) -> String {
    let mut said = String::with_capacity(text.len() + 1);
    push_capital(text, &mut said);
    said
}

fn push_capital(text: &str, said: &mut String) {
    let mut characters = text.chars();
    said.extend(characters.next().into_iter().flat_map(char::to_uppercase));
    *said += characters.as_str();
}

/// Items in a row: `a, b and c`.
pub fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [one, end] => [one, " ", last, " ", end].concat(),
        [first @ .., end] => [&first.join(", "), " ", last, " ", end].concat(),
    }
}

/// The text as a sentence: a large first letter and a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut said = String::with_capacity(text.len() + 2);
    push_capital(text, &mut said);
    if !said.ends_with(['.', '?', '!', ':']) {
        said.push('.');
    }
    said
}

/// The text with `a` made `an` before vowels.
pub fn with_articles(text: String) -> String {
    // Most texts have none; to look for one is done many bytes at a time.
    let has_any = text.starts_with(['a', 'A']) || text.contains(" a ") || text.contains(" A ");
    if !has_any {
        return text;
    }
    let mut said = String::with_capacity(text.len() + 8);
    let bytes = text.as_bytes();
    let is_article = |end: usize| match &bytes[..end] {
        [.., b' ', last] | [last] => matches!(last, b'a' | b'A'),
        _ => false,
    };
    let mut done = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if *byte == b' ' && is_article(place) && sounds_soft(&text[place + 1..]) {
            said += &text[done..place];
            said.push('n');
            done = place;
        }
    }
    said + &text[done..]
}

/// Whether a text begins with the sound of a vowel.
fn sounds_soft(text: &str) -> bool {
    let sounds_hard = ["uni", "use", "usa", "usu", "one", "eu"];
    let begins_with = |it: &&str| {
        let begin = text.as_bytes().get(..it.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(it.as_bytes()))
    };
    let is_vowel = ["a", "e", "i", "o", "u"].iter().any(begins_with);
    is_vowel && !sounds_hard.iter().any(begins_with)
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
        assert_eq!(
            with_articles("A order or a unit".to_owned()),
            "An order or a unit"
        );
        assert_eq!(ordinal(12), "12th");
        assert_eq!(ordinal(22), "22nd");
    }
}
