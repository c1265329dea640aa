//! Pools of words that columns are filled from: names of people, cities, products, remarks.
//!
//! The lists are text files beside this one. A pool is either such a list or composed from
//! several, so that names stay varied over many databases.

use std::sync::LazyLock;

use crate::base::seed::Random;

static FIRST_NAMES: List = LazyLock::new(|| words(include_str!("words/first_names.txt")));
static LAST_NAMES: List = LazyLock::new(|| words(include_str!("words/last_names.txt")));
static CITIES: List = LazyLock::new(|| lines(include_str!("words/cities.txt")));
static COMPANY_WORDS: List = LazyLock::new(|| words(include_str!("words/company_words.txt")));
static COMPANY_ENDS: List = LazyLock::new(|| lines(include_str!("words/company_ends.txt")));
static PRODUCT_WORDS: List = LazyLock::new(|| words(include_str!("words/product_words.txt")));
static PRODUCT_NOUNS: List = LazyLock::new(|| words(include_str!("words/product_nouns.txt")));
static STREET_WORDS: List = LazyLock::new(|| words(include_str!("words/street_words.txt")));
static REMARKS: List = LazyLock::new(|| lines(include_str!("words/remarks.txt")));
static TITLES: List = LazyLock::new(|| lines(include_str!("words/titles.txt")));
static DISHES: List = LazyLock::new(|| lines(include_str!("words/dishes.txt")));
static TREATMENTS: List = LazyLock::new(|| lines(include_str!("words/treatments.txt")));
static RARE_WORDS: List = LazyLock::new(|| words(include_str!("words/rare_words.txt")));
const CATEGORIES: &str = include_str!("words/categories.txt");

/// The members of a pool, split once.
type List = LazyLock<Vec<&'static str>>;

/// Up to `count` different members of a pool; `None` if there is no such pool.
pub fn members(pool: &str, count: usize, random: &mut Random) -> Option<Vec<String>> {
    let mut members: Vec<String> = Vec::with_capacity(count);
    let mut looks: Vec<u64> = Vec::with_capacity(count);
    // Small pools run dry; a bound on the tries ends that.
    for _ in 0..count * 8 {
        if members.len() == count {
            break;
        }
        let member = member(pool, random)?;
        let look = look(&member);
        let is_new = !looks.contains(&look) || !members.iter().any(|it| is_alike(it, &member));
        if is_new {
            members.push(member);
            looks.push(look);
        }
    }
    Some(members)
}

/// A number that is the same for texts that are alike, and for others hardly ever.
pub fn look(text: &str) -> u64 {
    if !text.is_ascii() {
        return look_of_small(text.to_lowercase().as_bytes());
    }
    look_of_small(text.as_bytes())
}

/// Of a text whose letters are small, but for ASCII's; eight bytes at a time.
fn look_of_small(text: &[u8]) -> u64 {
    let add = |look: u64, eight: u64| {
        let mixed = (look ^ small(eight)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.rotate_left(29)
    };
    let (eights, rest) = text.as_chunks::<8>();
    let eights = eights.iter().map(|it| u64::from_le_bytes(*it));
    let rest = rest.iter().fold(0, |all, it| (all << 8) | u64::from(*it));
    add(eights.fold(text.len() as u64, add), rest)
}

/// Eight bytes with ASCII's large letters made small.
fn small(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = 0x80 * ONES;
    // Seven bits and what is missing from `least` to 128 reach the eighth.
    let reaches = |least: u8| (eight & !HIGH) + ONES * u64::from(0x80 - least);
    let are_large = reaches(b'A') & !reaches(b'Z' + 1) & !eight & HIGH;
    eight | (are_large >> 2)
}

/// Whether two texts differ in nothing but the size of letters.
pub fn is_alike(one: &str, other: &str) -> bool {
    let are_ascii = || one.is_ascii() && other.is_ascii();
    one.eq_ignore_ascii_case(other) || (!are_ascii() && one.to_lowercase() == other.to_lowercase())
}

/// The alternative lists of category words that are shared under `name`.
pub fn shared_categories(name: &str) -> Option<Vec<Vec<&'static str>>> {
    CATEGORIES.lines().find_map(|line| {
        let (found, lists) = line.split_once(':')?;
        (found == name).then(|| alternatives(lists))
    })
}

/// The lists in `a, b / c, d`.
pub fn alternatives(lists: &str) -> Vec<Vec<&str>> {
    let lists = lists.split('/');
    lists
        .map(|list| list.split(',').map(str::trim).collect())
        .collect()
}

/// A word that hardly any database has for a name.
pub fn rare_word(random: &mut Random) -> &'static str {
    chosen(&RARE_WORDS, random)
}

fn member(pool: &str, random: &mut Random) -> Option<String> {
    let r = random;
    Some(match pool {
        "person" => [chosen(&FIRST_NAMES, r), " ", chosen(&LAST_NAMES, r)].concat(),
        "company" => company(r),
        "city" => chosen(&CITIES, r).to_owned(),
        "product" => [chosen(&PRODUCT_WORDS, r), " ", chosen(&PRODUCT_NOUNS, r)].concat(),
        "course" => match r.below(3) {
            0 => chosen(&TITLES, r).to_owned(),
            1 => [chosen(&TITLES, r), &number(1, 4, r)].join(" "),
            _ => [chosen(&COURSE_STARTS, r), " ", chosen(&TITLES, r)].concat(),
        },
        "dish" => chosen(&DISHES, r).to_owned(),
        "treatment" => chosen(&TREATMENTS, r).to_owned(),
        "plan" => [chosen(&COMPANY_WORDS, r), " ", chosen(&PLAN_ENDS, r)].concat(),
        "unit" => [chosen(&UNIT_STARTS, r), " ", chosen(&UNIT_ENDS, r)].concat(),
        "room" => letters(1, r) + "-" + &number(101, 899, r),
        "serial" => letters(2, r) + "-" + &number(10_000, 99_999, r),
        "plate" => [letters(2, r), number(100, 999, r), letters(1, r)].join(" "),
        "handle" => handle(r),
        "page" | "book" | "show" | "campaign" => title(r),
        "field" => [chosen(&COMPANY_WORDS, r), " ", chosen(&FIELD_ENDS, r)].concat(),
        "crop" => [chosen(&COMPANY_WORDS, r), " ", chosen(&CROPS, r)].concat(),
        "street" | "address" => {
            let kind = chosen(&STREET_KINDS, r);
            [&number(1, 180, r), chosen(&STREET_WORDS, r), kind].join(" ")
        }
        "email" => {
            let (first, last) = (chosen(&FIRST_NAMES, r), chosen(&LAST_NAMES, r));
            let host = chosen(&COMPANY_WORDS, r);
            let plain = [first, ".", last, "@", host, ".example"]
                .concat()
                .to_lowercase();
            plain.replace('\'', "").replace('ö', "o").replace('ü', "u")
        }
        "phone" => "+".to_owned() + &[number(1, 99, r), number(1_000_000, 99_999_999, r)].join(" "),
        "remark" => chosen(&REMARKS, r).to_owned(),
        _ => return None,
    })
}

fn company(random: &mut Random) -> String {
    let first = chosen(&COMPANY_WORDS, random);
    let end = chosen(&COMPANY_ENDS, random);
    match random.below(3) {
        0 => [first, " ", end].concat(),
        1 => [first, " ", chosen(&COMPANY_WORDS, random), " ", end].concat(),
        _ => [chosen(&LAST_NAMES, random), " ", end].concat(),
    }
}

fn handle(random: &mut Random) -> String {
    let name = chosen(&FIRST_NAMES, random).to_lowercase();
    match random.below(3) {
        0 => name + &number(1, 999, random),
        1 => [rare_word(random), "_", &name].concat(),
        _ => rare_word(random).to_owned() + &number(1, 99, random),
    }
}

fn title(random: &mut Random) -> String {
    let noun = capital(rare_word(random));
    match random.below(5) {
        0 => ["The ", chosen(&PRODUCT_WORDS, random), " ", &noun].concat(),
        1 => ["The ", &noun, " of ", chosen(&CITIES, random)].concat(),
        2 => [&noun, " and ", &capital(rare_word(random))].concat(),
        3 => [chosen(&FIRST_NAMES, random), "'s ", &noun].concat(),
        _ => ["A ", &noun, " in ", chosen(&CITIES, random)].concat(),
    }
}

fn number(first: i64, last: i64, random: &mut Random) -> String {
    random.between(first, last).to_string()
}

fn letters(count: usize, random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..count {
        text.push(char::from(b'A' + random.below(26) as u8));
    }
    text
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn words(text: &'static str) -> Vec<&'static str> {
    text.split_ascii_whitespace().collect()
}

fn lines(text: &'static str) -> Vec<&'static str> {
    text.lines().collect()
}

fn chosen(words: &[&'static str], random: &mut Random) -> &'static str {
    random.pick(words).copied().unwrap_or_default()
}

const COURSE_STARTS: [&str; 6] = [
    "Advanced",
    "Applied",
    "Introduction to",
    "Practical",
    "Topics in",
    "Workshop:",
];
const PLAN_ENDS: [&str; 8] = [
    "Basic", "Start", "Plus", "Team", "Pro", "Max", "Flex", "Duo",
];
const UNIT_STARTS: [&str; 10] = [
    "Central", "Digital", "Field", "Global", "Inner", "Key", "Mobile", "New", "Night", "Public",
];
const UNIT_ENDS: [&str; 14] = [
    "Accounts",
    "Archive",
    "Assembly",
    "Design",
    "Finance",
    "Kitchen",
    "Laboratory",
    "Legal",
    "Logistics",
    "Marketing",
    "Planning",
    "Research",
    "Sales",
    "Support",
];
const FIELD_ENDS: [&str; 7] = [
    "Acre", "Bottom", "Field", "Meadow", "Plot", "Slope", "Strip",
];
const CROPS: [&str; 14] = [
    "Apple", "Barley", "Bean", "Beet", "Carrot", "Clover", "Grape", "Hop", "Maize", "Oat",
    "Potato", "Rapeseed", "Rye", "Wheat",
];
const STREET_KINDS: [&str; 6] = ["Street", "Road", "Lane", "Avenue", "Close", "Square"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_look_alike_that_are_alike() {
        let all: Vec<char> = (0..=0x250).filter_map(char::from_u32).collect();
        for letter in all {
            let text = format!("order {letter}_total{letter}");
            let others = [
                text.to_uppercase(),
                text.to_lowercase(),
                text.replace('e', "E"),
            ];
            for other in others.iter().filter(|it| is_alike(it, &text)) {
                assert_eq!(look(other), look(&text), "{other} {text}");
            }
            assert_ne!(look(&text), look("order _total"));
            assert_ne!(look(&text), look(&text[1..]));
        }
        assert!(is_alike("ÄB", "äb") && look("ÄB") == look("äb"));
    }

    #[test]
    fn pools_are_big_and_their_members_differ() {
        for (pool, least) in [
            ("person", 400),
            ("company", 400),
            ("product", 400),
            ("city", 80),
        ] {
            let members = members(pool, least, &mut Random::new(1, &[])).unwrap();
            assert!(members.len() >= least * 9 / 10, "{pool}: {}", members.len());
        }
        assert!(members("nothing", 1, &mut Random::new(1, &[])).is_none());
        for list in [&FIRST_NAMES, &LAST_NAMES] {
            assert!(list.len() >= 200);
        }
    }
}
