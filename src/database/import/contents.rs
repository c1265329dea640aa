//! What the columns of a user's table hold, after their types, names and a sample.

use super::amount;
use super::catalogue::RawColumn;
use super::hints::{FLAGS, IDENTIFIERS, KINDS, MEASURES, MONEY, NAMES};
use super::label;
use super::sample::Profile;
use crate::base::calendar;
use crate::database::schema::{Content, Fill, Literal};

/// More different words than that are no categories.
const MAX_CATEGORIES: usize = 25;
/// So many samples of a column are kept.
const MAX_SAMPLES: usize = 48;
/// A list of names has at least so many.
const MIN_NAMES: usize = 20;

/// What a column holds, and how an instance fills it.
pub struct Found {
    /// What it holds.
    pub content: Content,
    /// How it is filled.
    pub fill: Fill,
}

/// Whether a name's last word says that it identifies something.
pub fn is_identifier(words: &[String]) -> bool {
    words
        .last()
        .is_some_and(|word| IDENTIFIERS.contains(&word.as_str()))
}

/// What a column holds that is neither key nor reference; `None` if nothing of it can be
/// asked for.
pub fn find(column: &RawColumn, profile: &Profile) -> Option<Found> {
    let words = label::words(&column.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let filled = profile.filled();
    if filled == 0 {
        // Always NULL, or nothing but blobs.
        let found = Found {
            content: Content::Text,
            fill: Fill::Samples(Vec::new()),
        };
        return (profile.others == 0 && !column.is_not_null).then_some(found);
    }
    let mostly = |count: usize| count * 100 >= filled * 95;
    if let Some(found) = dates(profile) {
        return Some(found);
    }
    if mostly(profile.integers + profile.reals) {
        return Some(number(column, profile, &words));
    }
    let money = has(&MONEY);
    if let Some(fill) = money_text(profile, money) {
        return Some(Found {
            content: Content::MoneyText,
            fill,
        });
    }
    let is_counted = !is_identifier(&words) && !has(&KINDS);
    if is_counted && is_mostly_numbers(profile) {
        // `12`, `12 km`, `-`: to be read as amounts are that people typed.
        return Some(Found {
            content: Content::MoneyText,
            fill: samples(profile),
        });
    }
    let distinct = profile.values.len();
    let mean_bytes = profile.text_bytes / (profile.texts - profile.longs).max(1);
    let is_short = profile.longs == 0 && mean_bytes <= 40;
    // Where numbers stand among the texts, only samples show both.
    let is_mixed = profile.integers + profile.reals > 0;
    let fill = |most| {
        if is_mixed {
            samples(profile)
        } else {
            texts(profile, most)
        }
    };
    let is_few = distinct <= MAX_CATEGORIES && distinct * 2 <= filled;
    let is_kind = has(&KINDS) && distinct <= MAX_CATEGORIES && distinct < filled.max(2);
    if is_short && (is_few || is_kind) && !(has(&NAMES) && distinct * 3 > filled) {
        return Some(Found {
            content: Content::Category,
            fill: fill(MAX_CATEGORIES),
        });
    }
    let is_name = has(&NAMES) && is_short && !is_identifier(&words);
    let content = if is_name {
        Content::Name
    } else {
        Content::Text
    };
    let fill = if content == Content::Name && distinct < MIN_NAMES {
        samples(profile)
    } else {
        fill(MAX_SAMPLES)
    };
    Some(Found { content, fill })
}

/// Cells whose text only says that there is no value.
fn placeholders(profile: &Profile) -> usize {
    let is_missing =
        |value: &Literal| matches!(value, Literal::Text(text) if amount::is_placeholder(text));
    let missing = profile.values.iter().filter(|(value, _)| is_missing(value));
    missing.map(|(_, count)| count).sum()
}

/// Whether more than half of what is there are numbers.
fn is_mostly_numbers(profile: &Profile) -> bool {
    let there = profile.filled() - placeholders(profile);
    (profile.integers + profile.reals) * 2 > there
}

/// Days or moments, though some cells may hold something else.
fn dates(profile: &Profile) -> Option<Found> {
    let moments = profile.moments + profile.other_moments;
    let (dated, filled) = (profile.days + moments, profile.filled());
    if dated == 0 || dated * 10 < (filled - placeholders(profile)) * 8 {
        return None;
    }
    let content = if moments * 20 > dated {
        Content::DateTime
    } else {
        Content::Date
    };
    let is_clean = if content == Content::Date {
        profile.days == filled
    } else {
        profile.moments == filled
    };
    // What is written in ways of its own, samples keep.
    let fill = if is_clean {
        days(profile)
    } else {
        samples(profile)
    };
    Some(Found { content, fill })
}

/// How well a text column would do as the name of a row; 0 if not at all.
pub fn name_score(profile: &Profile) -> usize {
    let kept = profile.texts - profile.longs;
    let distinct = profile.values.len();
    let mean_bytes = profile.text_bytes / kept.max(1);
    let is_text = kept > 0 && profile.integers + profile.reals == 0 && profile.longs == 0;
    let has_letters = profile
        .values
        .iter()
        .take(20)
        .all(|(value, _)| match value {
            Literal::Text(text) => {
                text.chars().filter(|it| it.is_alphabetic()).count() * 2 > text.chars().count()
                    && !text.contains('@')
            }
            _ => false,
        });
    if is_text && has_letters && (2..=40).contains(&mean_bytes) && distinct * 10 >= kept * 6 {
        return distinct * 100 / kept;
    }
    0
}

/// How a key is filled.
pub fn key_fill(profile: &Profile) -> Fill {
    if profile.integers > 0 && profile.integers == profile.filled() {
        let least = profile.numbers.first().copied().unwrap_or(1.0);
        return Fill::Serial(least as i64);
    }
    if profile.texts > 0 && profile.texts == profile.filled() && profile.longs == 0 {
        return texts(profile, MAX_SAMPLES);
    }
    samples(profile)
}

fn number(column: &RawColumn, profile: &Profile, words: &[String]) -> Found {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let declared = column.declared_type.to_ascii_uppercase();
    let distinct = profile.values.len();
    let least = profile.numbers.first().copied().unwrap_or(0.0);
    let greatest = profile.numbers.last().copied().unwrap_or(0.0);
    let is_binary = least >= 0.0 && greatest <= 1.0 && profile.reals == 0;
    let is_named_flag = declared.contains("BOOL") || has(&FLAGS);
    if is_binary && (is_named_flag || (distinct == 2 && profile.filled() >= 10)) {
        let fill = Fill::Number {
            min: 0,
            max: 1,
            decimals: 0,
        };
        return Found {
            content: Content::Flag,
            fill,
        };
    }
    let decimals = decimals(profile);
    let is_money = has(&MONEY) || declared.contains("MONEY");
    if profile.reals == 0 && !is_money {
        let is_kind = has(&KINDS) && distinct <= MAX_CATEGORIES && distinct * 2 <= profile.filled();
        if is_kind {
            return Found {
                content: Content::Category,
                fill: samples(profile),
            };
        }
        let is_few = distinct <= MAX_CATEGORIES && distinct * 2 <= profile.filled();
        if is_identifier(words) && !has(&MEASURES) && is_few {
            return Found {
                content: Content::Category,
                fill: samples(profile),
            };
        }
        if is_identifier(words) && !has(&MEASURES) {
            // Nobody adds up telephone numbers; `number of` is a count.
            return Found {
                content: Content::Text,
                fill: samples(profile),
            };
        }
        let content = if has(&MEASURES) || least >= 1e8 {
            Content::Measure
        } else {
            Content::Quantity
        };
        return Found {
            content,
            fill: numbers(profile, 0),
        };
    }
    // Two decimals and no unit that speaks against it are mostly money.
    let is_amount = is_money || (decimals == 2 && !has(&MEASURES));
    let content = if is_amount {
        Content::Money
    } else {
        Content::Measure
    };
    Found {
        content,
        fill: numbers(profile, decimals),
    }
}

/// The decimals that nearly all numbers need, at most four.
fn decimals(profile: &Profile) -> u32 {
    let fits = |decimals: u32| {
        let unit = f64::from(10_u32.pow(decimals));
        let is_whole = |it: &&f64| ((*it * unit).round() / unit - **it).abs() < 1e-9;
        profile.numbers.iter().filter(is_whole).count() * 100 >= profile.numbers.len() * 95
    };
    let found = (0..4).find(|decimals| fits(*decimals)).unwrap_or(4);
    // Reals that happen to be whole are reals still.
    if profile.reals > 0 {
        found.max(1)
    } else {
        found
    }
}

fn numbers(profile: &Profile, decimals: u32) -> Fill {
    let unit = f64::from(10_u32.pow(decimals));
    let (first, last) = middle(&profile.numbers);
    let (min, max) = ((first * unit).round(), (last * unit).round());
    if min.abs() > 9e14 || max.abs() > 9e14 {
        return samples(profile);
    }
    Fill::Number {
        min: min as i64,
        max: max as i64,
        decimals,
    }
}

fn days(profile: &Profile) -> Fill {
    let (first, last) = middle(&profile.day_numbers);
    // A century holds all that is asked for by month.
    let count = (last - first + 1).clamp(1, 36_525);
    Fill::Days {
        first: calendar::day_text(first),
        count: count as u32,
    }
}

/// The bounds of sorted values without the outermost in a hundred.
fn middle<T: Copy + Default>(sorted: &[T]) -> (T, T) {
    let cut = sorted.len() / 100;
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    (at(cut), at(sorted.len().saturating_sub(cut + 1)))
}

fn money_text(profile: &Profile, has_money_name: bool) -> Option<Fill> {
    let kept = profile.texts - profile.longs;
    let mut cents = Vec::new();
    let (mut readable, mut typed, mut missing) = (0, 0, 0);
    for (value, count) in &profile.values {
        let Literal::Text(text) = value else { continue };
        if amount::is_placeholder(text) {
            missing += count;
        } else if let Some(guess) = amount::guess(text) {
            readable += count;
            typed += if guess.is_typed { *count } else { 0 };
            cents.push(guess.cents.abs());
        }
    }
    // Without a name that says so, most must look typed: codes are digits too.
    let is_typed = typed * 10 >= kept * 3 && profile.values.len() > 5;
    let is_readable = readable * 10 >= (kept - missing) * 7 && readable * 10 >= kept * 3;
    if !is_readable || readable == 0 || !(has_money_name || is_typed) {
        return None;
    }
    cents.sort_unstable();
    let (min, max) = middle(&cents);
    Some(Fill::MoneyText { min, max })
}

/// The values themselves, spread over the frequent and the rare ones.
fn samples(profile: &Profile) -> Fill {
    Fill::Samples(spread(&profile.values, MAX_SAMPLES))
}

/// The texts among the values as words.
fn texts(profile: &Profile, most: usize) -> Fill {
    let words = spread(&profile.values, most)
        .into_iter()
        .filter_map(|value| match value {
            Literal::Text(text) => Some(text),
            _ => None,
        });
    Fill::Words(words.collect())
}

fn spread(values: &[(Literal, usize)], most: usize) -> Vec<Literal> {
    let count = values.len().min(most);
    let places = (0..count).map(|place| place * values.len() / count.max(1));
    places
        .filter_map(|place| values.get(place).map(|(value, _)| value.clone()))
        .collect()
}
