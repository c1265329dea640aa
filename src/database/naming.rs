//! How a database spells its names: case, prefixes, suffixes, abbreviations, odd words.
//!
//! One style holds for a whole database, as one hand made it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::invention;
use crate::base::seed::Random;

/// What a word is shortened to.
static ABBREVIATIONS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("words/abbreviations.txt").lines();
    // Of a word's several, the first one counts.
    lines
        .rev()
        .filter_map(|line| line.split_once(' '))
        .collect()
});
const KEY_SUFFIXES: [&str; 18] = [
    "id", "id", "id", "no", "nr", "num", "number", "code", "key", "ref", "ident", "uid", "pk",
    "sk", "idx", "tag", "seq", "handle",
];
const KEY_PREFIXES: [&str; 6] = ["id", "pk", "key", "no", "nr", "k"];
const REFERENCE_PREFIXES: [&str; 5] = ["fk", "id", "ref", "to", "rel"];
const TABLE_PREFIXES: [&str; 10] = [
    "tbl", "t", "dim", "app", "db", "core", "stg", "main", "raw", "dw",
];
const TABLE_SUFFIXES: [&str; 7] = ["tbl", "t", "data", "list", "tab", "log", "v2"];
const COLUMN_PREFIXES: [&str; 6] = ["c", "f", "x", "col", "fld", "a"];

/// What something is called: in words, and the words its name is made of.
#[derive(Clone, Debug)]
pub struct Term {
    /// Readable, in lower case.
    pub label: String,
    /// The parts of its name, in lower case.
    pub parts: Vec<String>,
}

/// How one database spells its names.
pub struct Style {
    seed: u64,
    case: Case,
    is_plural: bool,
    table_prefix: Option<String>,
    table_suffix: Option<String>,
    column_prefix: ColumnPrefix,
    key: KeyForm,
    key_suffix: String,
    reference: ReferenceForm,
    reference_suffix: String,
    abbreviated_percent: usize,
    shortening: usize,
    odd_percent: usize,
}

#[derive(Clone, Copy)]
enum Case {
    Snake,
    UpperSnake,
    TitleSnake,
    Camel,
    Pascal,
    Joined,
}

enum ColumnPrefix {
    None,
    Table,
    Initials,
    Fixed(String),
}

enum KeyForm {
    Plain,
    Suffixed,
    Prefixed(&'static str),
}

enum ReferenceForm {
    AsKey,
    Suffixed,
    Prefixed(&'static str),
    Bare,
}

impl Style {
    /// The style that a seed gives to a database of this domain.
    pub fn new(seed: u64, domain: &str) -> Self {
        let mut random = Random::new(seed, &["database", domain, "style"]);
        let random = &mut random;
        // Three of four databases have odd names, many of them or some.
        let odd_percent = [0, 45, 60, 80][random.below(4)];
        let case = match random.below(100) {
            0..45 => Case::Snake,
            45..63 => Case::Camel,
            63..77 => Case::Pascal,
            77..85 => Case::Joined,
            85..93 => Case::UpperSnake,
            _ => Case::TitleSnake,
        };
        let key_suffix = affix(&KEY_SUFFIXES, odd_percent / 3, random);
        let reference_suffix = if random.chance(60) {
            key_suffix.clone()
        } else {
            affix(&KEY_SUFFIXES, odd_percent / 3, random)
        };
        Self {
            seed,
            case,
            is_plural: random.chance(55),
            table_prefix: random
                .chance(28)
                .then(|| affix(&TABLE_PREFIXES, odd_percent, random)),
            table_suffix: random
                .chance(12)
                .then(|| affix(&TABLE_SUFFIXES, odd_percent, random)),
            column_prefix: match random.below(100) {
                0..68 => ColumnPrefix::None,
                68..82 => ColumnPrefix::Table,
                82..92 => ColumnPrefix::Initials,
                _ => ColumnPrefix::Fixed(affix(&COLUMN_PREFIXES, odd_percent, random)),
            },
            key: match random.below(100) {
                0..25 => KeyForm::Plain,
                25..85 => KeyForm::Suffixed,
                _ => KeyForm::Prefixed(chosen(&KEY_PREFIXES, random)),
            },
            key_suffix,
            reference: match random.below(100) {
                0..40 => ReferenceForm::AsKey,
                40..75 => ReferenceForm::Suffixed,
                75..88 => ReferenceForm::Prefixed(chosen(&REFERENCE_PREFIXES, random)),
                _ => ReferenceForm::Bare,
            },
            reference_suffix,
            abbreviated_percent: [0, 0, 0, 20, 50, 90][random.below(6)],
            shortening: random.below(3),
            odd_percent,
        }
    }

    /// What these words become in this database; now and then something odd.
    pub fn term(&self, words: &str, random: &mut Random) -> Term {
        // What stands for each word in the name. Odd words are never shortened: nobody could
        // tell them from their remains.
        let mut words: Vec<&str> = words.split_whitespace().collect();
        let mut parts: Vec<String> = words.iter().map(|it| self.shortened(it)).collect();
        let odd;
        if random.chance(self.odd_percent) && !words.is_empty() {
            let last = words.len() - 1;
            let form = random.below(100);
            if let 62..80 = form {
                // A slip in a name is not repeated by who asks for it.
                let place = random.below(parts.len());
                parts[place] = invention::misspelt(&parts[place], random);
            } else {
                odd = match form {
                    42..62 => invention::spliced(words[last], random),
                    _ => invention::unusual(random),
                };
                let replaced = match form {
                    0..25 if last > 0 => 0..1,
                    0..25 => 0..0,
                    25..42 => last + 1..last + 1,
                    42..62 => last..last + 1,
                    _ => 0..last + 1,
                };
                words.splice(replaced.clone(), [odd.as_str()]);
                parts.splice(replaced, [odd.clone()]);
            }
        }
        let label = words.join(" ");
        Term { label, parts }
    }

    /// The name of a table.
    pub fn table(&self, term: &Term) -> String {
        let many;
        let mut parts: Vec<&str> = self.table_prefix.as_deref().into_iter().collect();
        parts.extend(term.names());
        if self.is_plural
            && let Some(last) = term.parts.last()
        {
            many = plural(last);
            parts.pop();
            parts.push(&many);
        }
        parts.extend(self.table_suffix.as_deref());
        self.join(&parts)
    }

    /// The name of a table's key.
    pub fn key(&self, table: &Term) -> String {
        let mut parts: Vec<&str> = table.names().collect();
        match self.key {
            KeyForm::Plain => parts = vec!["id"],
            KeyForm::Suffixed => parts.push(&self.key_suffix),
            KeyForm::Prefixed(prefix) => parts.insert(0, prefix),
        }
        self.join(&parts)
    }

    /// The name of a column that refers to a table with this key; `role` is given if the
    /// reference has words of its own.
    pub fn reference(&self, target: &Term, target_key: &str, role: Option<&Term>) -> String {
        let is_plain = matches!(self.key, KeyForm::Plain);
        let mut parts: Vec<&str> = role.unwrap_or(target).names().collect();
        match self.reference {
            ReferenceForm::AsKey if role.is_none() && !is_plain => return target_key.to_owned(),
            ReferenceForm::AsKey if is_plain => parts.push("id"),
            ReferenceForm::AsKey | ReferenceForm::Suffixed => {
                parts.push(&self.reference_suffix);
            }
            ReferenceForm::Prefixed(prefix) => parts.insert(0, prefix),
            ReferenceForm::Bare => {}
        }
        self.join(&parts)
    }

    /// The name of any other column.
    pub fn column(&self, table: &Term, term: &Term) -> String {
        let initials: String;
        let prefix = match &self.column_prefix {
            ColumnPrefix::None => None,
            ColumnPrefix::Table => return self.owned_column(table, term),
            ColumnPrefix::Initials => {
                let firsts = table.names().filter_map(|part| part.chars().next());
                initials = firsts.collect();
                Some(initials.as_str())
            }
            ColumnPrefix::Fixed(prefix) => Some(prefix.as_str()),
        };
        let parts: Vec<&str> = prefix.into_iter().chain(term.names()).collect();
        self.join(&parts)
    }

    /// The name of a column with its table's in front.
    pub fn owned_column(&self, table: &Term, term: &Term) -> String {
        let is_new = |part: &&str| !term.parts.iter().any(|it| it == part);
        let owner = table.names().filter(is_new);
        let parts: Vec<&str> = owner.chain(term.names()).collect();
        self.join(&parts)
    }

    /// The word for what a key is, such as `number` for the suffix `nr`.
    pub fn key_word(&self) -> &'static str {
        if !matches!(self.key, KeyForm::Suffixed) {
            return "id";
        }
        match self.key_suffix.as_str() {
            "no" | "nr" | "num" | "number" | "seq" => "number",
            "code" => "code",
            "key" | "pk" | "sk" => "key",
            "ref" => "reference",
            "tag" => "tag",
            _ => "id",
        }
    }

    /// A word is shortened everywhere in a database, or nowhere.
    fn shortened(&self, word: &str) -> String {
        if self.abbreviated_percent == 0 {
            return word.to_owned();
        }
        let known = ABBREVIATIONS.get(word);
        let path = ["database", "abbreviation", word];
        if (known.is_none() && word.len() < 6)
            || !Random::new(self.seed, &path).chance(self.abbreviated_percent)
        {
            return word.to_owned();
        }
        if let Some(known) = known {
            return (*known).to_owned();
        }
        match self.shortening {
            0 => word.chars().take(4).collect(),
            1 => {
                let is_kept =
                    |(place, letter): &(usize, char)| *place == 0 || !"aeiou".contains(*letter);
                let kept = word.chars().enumerate().filter(is_kept);
                kept.map(|(_, letter)| letter).take(5).collect()
            }
            _ => word.to_owned(),
        }
    }

    fn join(&self, parts: &[&str]) -> String {
        let capitals = || parts.iter().map(|part| capital(part));
        match self.case {
            Case::Snake => parts.join("_"),
            Case::UpperSnake => parts.join("_").to_uppercase(),
            Case::TitleSnake => capitals().collect::<Vec<_>>().join("_"),
            Case::Pascal => capitals().collect(),
            Case::Joined => parts.concat(),
            Case::Camel => {
                let first = parts.first().copied().unwrap_or_default().to_owned();
                capitals().skip(1).fold(first, |text, part| text + &part)
            }
        }
    }
}

impl Term {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// The term with others' words in front.
    pub fn of(owner: &Self, rest: &Self) -> Self {
        Self {
            label: [owner.label.as_str(), &rest.label].join(" "),
            parts: owner.parts.iter().chain(&rest.parts).cloned().collect(),
        }
    }
}

/// The plural of an English noun, as far as rules give it.
pub fn plural(word: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|it| word.ends_with(it));
    if word.ends_with('y') && !ends(&["ay", "ey", "oy", "uy"]) {
        return [word.trim_end_matches('y'), "ies"].concat();
    }
    if ends(&["s", "x", "z", "ch", "sh"]) {
        return [word, "es"].concat();
    }
    [word, "s"].concat()
}

fn affix(known: &[&'static str], odd_percent: usize, random: &mut Random) -> String {
    if random.chance(odd_percent / 2) {
        return invention::ending(random);
    }
    chosen(known, random).to_owned()
}

fn chosen(words: &[&'static str], random: &mut Random) -> &'static str {
    random.pick(words).copied().unwrap_or_default()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let mut text = String::with_capacity(word.len());
    text.extend(letters.next().map(|it| it.to_ascii_uppercase()));
    text + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_english() {
        let pairs = [
            ("order", "orders"),
            ("city", "cities"),
            ("day", "days"),
            ("box", "boxes"),
        ];
        for (one, many) in pairs {
            assert_eq!(plural(one), many);
        }
    }
}
