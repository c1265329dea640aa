//! Words that no dictionary of names has: invented, misspelt, spliced.
//!
//! A model that has seen a closed set of names learns them by heart and copies nothing; in
//! trials that decided whether it could name a table it had never met.

use super::words;
use crate::base::seed::Random;

const ONSETS: [&str; 32] = [
    "b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gl", "h", "j", "k", "kr", "l", "m", "n", "p",
    "pl", "qu", "r", "s", "sk", "st", "t", "th", "tr", "v", "w", "x", "y", "z",
];
const VOWELS: [&str; 10] = ["a", "e", "i", "o", "u", "a", "e", "o", "ei", "ou"];
const CODAS: [&str; 20] = [
    "", "", "", "", "b", "d", "k", "l", "lm", "m", "n", "nd", "p", "r", "rn", "s", "st", "t", "x",
    "z",
];

/// A word of two or three invented syllables.
pub fn invented(random: &mut Random) -> String {
    let mut word = String::new();
    for _ in 0..2 + usize::from(random.chance(30)) {
        for sounds in [&ONSETS[..], &VOWELS[..], &CODAS[..]] {
            word.push_str(random.pick(sounds).copied().unwrap_or_default());
        }
    }
    word
}

/// A short invented ending such as `xq` or `vel`.
pub fn ending(random: &mut Random) -> String {
    let count = 2 + random.below(3);
    if random.chance(50) {
        let letter = |random: &mut Random| char::from(b'a' + random.below(26) as u8);
        return (0..count).map(|_| letter(random)).collect();
    }
    invented(random).chars().take(count + 1).collect()
}

/// Any unusual word: rare or invented.
pub fn unusual(random: &mut Random) -> String {
    if random.chance(40) {
        words::rare_word(random).to_owned()
    } else {
        invented(random)
    }
}

/// The word with one slip of the pen; short words stay as they are.
pub fn misspelt(word: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 5 {
        return word.to_owned();
    }
    let place = 1 + random.below(letters.len() - 2);
    match random.below(4) {
        0 => {
            letters.remove(place);
        }
        1 => letters.swap(place, place + 1),
        2 => letters.insert(place, letters[place]),
        _ => letters[place] = char::from(b'a' + random.below(26) as u8),
    }
    letters.into_iter().collect()
}

/// The head of a word with a strange tail, such as `custovel`.
pub fn spliced(word: &str, random: &mut Random) -> String {
    let count = word.chars().count();
    let head: String = word.chars().take((count / 2).clamp(2, 4)).collect();
    head + &unusual(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inventions_are_lower_case_letters_and_mostly_differ() {
        let mut random = Random::new(3, &["words"]);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let word = invented(&mut random);
            assert!(word.len() >= 3 && word.bytes().all(|it| it.is_ascii_lowercase()));
            assert!(!ending(&mut random).is_empty());
            assert!(misspelt("customer", &mut random).len() >= 7);
            assert!(spliced("customer", &mut random).starts_with("cust"));
            seen.insert(word);
        }
        assert!(seen.len() > 1_900);
    }
}
