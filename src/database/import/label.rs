//! Readable words out of names.

/// The words of a name, in lower case: `custNo`, `cust_no` and `Cust No` give `cust`, `no`.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (place, letter) in letters.iter().enumerate() {
        if matches!(letter, '\'' | '’') {
            continue;
        }
        if !letter.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = place.checked_sub(1).and_then(|it| letters.get(it));
        let after = letters.get(place + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                // The last capital of a run begins a word if a small letter follows.
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|it| it.is_lowercase()))
            });
        if begins {
            words.push(std::mem::take(&mut word));
        }
        word.extend(letter.to_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// For each table's name its words for one row. What all names begin or end with says
/// nothing of a table.
pub fn all_row_words(names: &[&str]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = names.iter().map(|name| words(name)).collect();
    let is_shared = |all: &[Vec<String>], word: fn(&Vec<String>) -> Option<&String>| {
        let first = all.first().and_then(word);
        all.len() > 2
            && all
                .iter()
                .all(|words| words.len() > 1 && word(words) == first)
    };
    if is_shared(&all, |words| words.first()) {
        all.iter_mut().for_each(|words| drop(words.remove(0)));
    }
    if is_shared(&all, |words| words.last()) {
        all.iter_mut().for_each(|words| drop(words.pop()));
    }
    all.into_iter().map(row_words).collect()
}

/// The words for one row, without prefixes that say it is a table.
fn row_words(mut words: Vec<String>) -> Vec<String> {
    let is_prefix = |word: &String| matches!(word.as_str(), "tbl" | "t" | "tab" | "dim" | "fact");
    if words.len() > 1 && words.first().is_some_and(is_prefix) {
        words.remove(0);
    }
    if words.len() > 1
        && words
            .last()
            .is_some_and(|it| matches!(it.as_str(), "tbl" | "table"))
    {
        words.pop();
    }
    if let Some(last) = words.last_mut() {
        *last = singular(last);
    }
    words
}

/// The singular of an English plural, as far as rules give it.
pub fn singular(word: &str) -> String {
    let without = |ending: &str| word.strip_suffix(ending).filter(|rest| rest.len() > 1);
    if word == "people" {
        return "person".to_owned();
    }
    if let Some(rest) = without("ies").filter(|rest| rest.len() > 2) {
        return format!("{rest}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if without(ending).is_some() {
            return word[..word.len() - 2].to_owned();
        }
    }
    let stays = ["ss", "us", "is", "ews"]
        .iter()
        .any(|ending| word.ends_with(ending));
    match without("s") {
        Some(rest) if !stays => rest.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        let cases = [
            ("custNo", "cust no"),
            ("ORDER_ID", "order id"),
            ("HTTPServer", "http server"),
            ("Größe (cm)", "größe cm"),
            ("it's", "its"),
            ("q3Total", "q3 total"),
            ("  ", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(words(name).join(" "), expected);
        }
        let cases = [
            ("tbl_Customers", "customer"),
            ("order lines", "order line"),
            ("Companies", "company"),
            ("boxes", "box"),
            ("status", "status"),
            ("address", "address"),
        ];
        for (name, expected) in cases {
            assert_eq!(row_words(words(name)).join(" "), expected);
        }
        let all = all_row_words(&["appUsersTab", "appOrdersTab", "appOrderLinesTab"]);
        assert_eq!(all, [vec!["user"], vec!["order"], vec!["order", "line"]]);
    }
}
