//! The values of one column of an instance, top to bottom.

use super::hostility::Hostility;
use super::money_text;
use super::schema::{Column, Content, Fill, Literal};
use crate::base::calendar;
use crate::base::seed::Random;

const DAY_SECONDS: i64 = 86_400;
/// Most business is in such a stretch, so that months and weeks follow each other.
const FOCUS_DAYS: i64 = 240;

/// What a column is filled after.
pub struct Cells<'a> {
    /// The column.
    pub column: &'a Column,
    /// Which troubles there are.
    pub hostility: Hostility,
    /// For an earlier date column of the same days: its values.
    pub earlier: Option<&'a [Literal]>,
}

impl Cells<'_> {
    /// `count` values; keys and references are made elsewhere.
    pub fn make(&self, count: usize, random: &mut Random) -> Vec<Literal> {
        let order = self.word_order(random);
        let focus = self.focus(random);
        let few = 2 + random.below(4);
        let mut pool: Vec<Literal> = Vec::new();
        let mut made = Vec::with_capacity(count);
        let mut junk_count = 0;
        for row in 0..count {
            if self.column.nullable && random.chance(self.hostility.nulls) {
                made.push(Literal::Null);
                continue;
            }
            // Names repeat less than amounts do, and only where ties are wanted.
            let (few, ties) = match self.column.content {
                Content::Name => (2, self.hostility.ties.saturating_sub(17)),
                _ => (few, self.hostility.ties),
            };
            // However few the rows, two have the same name then.
            let must_tie = row == 2 && few == 2 && ties > 40;
            if pool.len() >= few && (random.chance(ties) || must_tie) {
                made.push(pool[random.below(few)].clone());
                continue;
            }
            // Every fifth amount at most is unreadable: the rest has to say something.
            let may_be_junk = (junk_count + 1) * 5 <= row + 1;
            if matches!(self.column.fill, Fill::MoneyText { .. })
                && may_be_junk
                && random.chance(self.hostility.junk + 4)
            {
                junk_count += 1;
                let is_share = random.chance(6);
                made.push(Literal::Text(if is_share {
                    money_text::percent(random)
                } else {
                    money_text::junk(random)
                }));
                continue;
            }
            let value = match (self.earlier, &self.column.fill) {
                (Some(earlier), Fill::Days { .. }) if random.chance(85) => {
                    self.after(&earlier[row], random)
                }
                _ => None,
            };
            let value = value.unwrap_or_else(|| self.value(row, &order, focus, random));
            pool.push(value.clone());
            made.push(value);
        }
        // Where all are equal, each is the average, the least and the greatest.
        let is_number = matches!(self.column.fill, Fill::Number { .. });
        if self.hostility.few > 50
            && is_number
            && let Some(first) = made.first().cloned()
        {
            made.fill(first);
        }
        if self.column.nullable && self.hostility.wants_gaps() {
            ensure(&mut made, Literal::Null, random);
        }
        made
    }

    /// Words in the order of how often they come; names one after another.
    fn word_order(&self, random: &mut Random) -> Vec<usize> {
        let len = match &self.column.fill {
            Fill::Words(words) => words.len(),
            Fill::Samples(samples) => samples.len(),
            _ => 0,
        };
        let mut order: Vec<usize> = (0..len).collect();
        random.shuffle(&mut order);
        order
    }

    fn focus(&self, random: &mut Random) -> i64 {
        match self.column.fill {
            Fill::Days { count, .. } => random.between(0, (i64::from(count) - FOCUS_DAYS).max(0)),
            _ => 0,
        }
    }

    fn value(&self, row: usize, order: &[usize], focus: i64, random: &mut Random) -> Literal {
        match &self.column.fill {
            Fill::Words(words) => {
                let text = self.place(row, order, random).and_then(|it| words.get(it));
                Literal::Text(self.varied(text.cloned().unwrap_or_default(), random))
            }
            Fill::Samples(samples) => {
                let sample = self
                    .place(row, order, random)
                    .and_then(|it| samples.get(it));
                match sample.cloned().unwrap_or(Literal::Null) {
                    Literal::Text(text) => Literal::Text(self.varied(text, random)),
                    // A column that is never NULL has no such sample.
                    Literal::Null if !self.column.nullable => Literal::Integer(row as i64),
                    other => other,
                }
            }
            Fill::Number { min, max, decimals } => {
                let units = self.units(*min, *max, *decimals, random);
                number(units, *decimals)
            }
            Fill::MoneyText { min, max } => {
                let cents = self.units(*min, *max, 2, random);
                Literal::Text(self.typed(cents, random))
            }
            Fill::Days { first, count } => {
                let first = calendar::day_number(first).unwrap_or_default();
                let day = self.day(first, i64::from(*count), focus, random);
                self.moment(day, random)
            }
            Fill::Serial(first) => Literal::Integer(first.saturating_add(row as i64)),
            Fill::Reference => Literal::Null,
        }
    }

    /// An amount as text.
    pub fn typed(&self, cents: i64, random: &mut Random) -> String {
        if random.chance(self.hostility.shapes) {
            money_text::shaped(cents, random)
        } else {
            money_text::plain(cents)
        }
    }

    fn place(&self, row: usize, order: &[usize], random: &mut Random) -> Option<usize> {
        if order.is_empty() {
            return None;
        }
        let place = match self.column.content {
            Content::Name | Content::Key => row % order.len(),
            // The lesser of two draws: the first words come most often.
            Content::Category => random.below(order.len()).min(random.below(order.len())),
            _ => random.below(order.len()),
        };
        order.get(place).copied()
    }

    fn varied(&self, text: String, random: &mut Random) -> String {
        if !random.chance(self.hostility.variants) {
            return text;
        }
        match self.column.content {
            Content::Text => String::new(),
            Content::Category => match random.below(4) {
                0 => text.to_uppercase(),
                1 => text.to_lowercase(),
                2 => format!("{text} "),
                _ => String::new(),
            },
            _ => text,
        }
    }

    fn units(&self, min: i64, max: i64, decimals: u32, random: &mut Random) -> i64 {
        let least = random.between(min, max);
        // Small amounts are more common than great ones.
        let units = match self.column.content {
            Content::Money | Content::MoneyText => least.min(random.between(min, max)),
            _ => least,
        };
        let is_money = matches!(self.column.content, Content::Money | Content::MoneyText);
        let whole = 10_i64.pow(decimals.min(15));
        let units = match random.below(10) {
            0..3 if is_money && units > whole => units / whole * whole,
            3 if is_money && units > 100 * whole => units / (100 * whole) * (100 * whole),
            4 if is_money && decimals == 2 && units > 100 => units / 100 * 100 + 99,
            5 if is_money && decimals == 2 && units > 100 => units / 100 * 100 + 50,
            _ => units,
        };
        let has_sign = is_money || self.column.content == Content::Measure;
        if has_sign && random.chance(self.hostility.signs) {
            return if random.chance(40) { 0 } else { -units };
        }
        // Of another number of digits: text and numbers are sorted differently then.
        if random.chance(self.hostility.signs / 2) {
            return if random.chance(50) {
                units / 10
            } else {
                units.saturating_mul(10)
            };
        }
        if self.column.content == Content::Quantity && random.chance(self.hostility.signs / 4) {
            return 0;
        }
        units
    }

    fn day(&self, first: i64, count: i64, focus: i64, random: &mut Random) -> i64 {
        let last = first + (count - 1).max(0);
        let day = if random.chance(55) {
            let start = first + focus;
            random.between(start, (start + FOCUS_DAYS).min(last))
        } else {
            random.between(first, last)
        };
        if random.chance(self.hostility.edges) {
            edge(day, first, last, random)
        } else {
            day
        }
    }

    /// The day, or a moment of it.
    fn moment(&self, day: i64, random: &mut Random) -> Literal {
        if self.column.content != Content::DateTime {
            return Literal::Text(calendar::day_text(day));
        }
        let second = if random.chance(self.hostility.edges) {
            [0, DAY_SECONDS - 1, 0, DAY_SECONDS / 2][random.below(4)]
        } else {
            // People are up from seven to eleven at night.
            random.between(7 * 3_600, 23 * 3_600)
        };
        Literal::Text(moment_text(day * DAY_SECONDS + second))
    }

    /// A day or moment not long after another one.
    fn after(&self, earlier: &Literal, random: &mut Random) -> Option<Literal> {
        let Literal::Text(text) = earlier else {
            return None;
        };
        let day = calendar::day_number(text.get(..10)?)?;
        let most = if self.hostility.ties > 50 { 3 } else { 40 };
        let later = self.moment(day + random.between(0, most), random);
        // On the same day the later moment must not come first.
        match &later {
            Literal::Text(later) if later < text => Some(self.moment(day + 1, random)),
            _ => Some(later),
        }
    }
}

/// Puts `wanted` into a row of several, unless it is there.
pub fn ensure(made: &mut [Literal], wanted: Literal, random: &mut Random) {
    if made.len() > 2 && !made.contains(&wanted) {
        let row = random.below(made.len());
        made[row] = wanted;
    }
}

/// A number of units as SQL has it.
pub fn number(units: i64, decimals: u32) -> Literal {
    if decimals == 0 {
        return Literal::Integer(units);
    }
    // A quotient of two integers is rounded once, hence the same everywhere.
    Literal::Real(units as f64 / 10_i64.pow(decimals.min(15)) as f64)
}

/// A moment, given in seconds since 1970, as ISO text.
pub fn moment_text(seconds: i64) -> String {
    let day = seconds.div_euclid(DAY_SECONDS);
    let of_day = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!(
        "{} {hour:02}:{minute:02}:{second:02}",
        calendar::day_text(day)
    )
}

/// A day near `day` where something begins or ends, within the bounds.
fn edge(day: i64, first: i64, last: i64, random: &mut Random) -> i64 {
    let (year, month, _) = calendar::parts(day);
    let quarter = (month - 1) / 3 * 3 + 1;
    let end = |year, month| calendar::number_of(year, month, calendar::month_days(year, month));
    let leap_year = (year + 3) / 4 * 4;
    let found = match random.below(9) {
        0 | 1 => calendar::number_of(year, month, 1),
        2 | 3 => end(year, month),
        4 => calendar::number_of(year, quarter, 1),
        5 => end(year, quarter + 2),
        6 => calendar::number_of(year, 1, 1),
        7 => end(year, 12),
        _ => calendar::number_of(leap_year, 2, calendar::month_days(leap_year, 2)),
    };
    if (first..=last).contains(&found) {
        found
    } else {
        day
    }
}
