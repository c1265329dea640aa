//! Everyday questions that show figures.
//!
//! What is missing is left to SQL: nobody says in passing what is to become of it.

use crate::database::naming::plural;
use crate::database::schema::Content;

use super::ask::Ask;
use super::everyday_rows::{day, word_condition, year_condition};
use super::modifiers::of_measure;
use super::parts::Unit;
use super::query::{Kind, Query};
use super::roles::{MONEY, NUMBERS, Need};
use super::sql::at;

/// Words for an aggregate, the first of which names the result.
const AGGREGATES: [(&[&str], &str); 4] = [
    (&["total", "summed", "overall"], "SUM"),
    (&["average", "mean"], "AVG"),
    (&["highest", "maximum", "largest"], "MAX"),
    (&["lowest", "minimum", "smallest"], "MIN"),
];

/// Of groups, in percent: those of what rows belong to.
const OWNER_PERCENT: usize = 25;

pub fn count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[])?;
    ask.say("one", ask.base_table().one.clone());
    number(ask, &mut query);
    Some(query)
}

pub fn word_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    word_condition(ask, &mut query)?;
    number(ask, &mut query);
    Some(query)
}

pub fn figure(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number])?;
    aggregate(ask, &mut query)?;
    Some(query)
}

pub fn figure_by(ask: &mut Ask) -> Option<Query> {
    let is_by_name = ask.draw.chance(OWNER_PERCENT);
    let by = if is_by_name { Need::Owner } else { Need::Group };
    let mut query = ask.start(&[Need::Number, by])?;
    match is_by_name {
        true => group_by_name(ask, &mut query)?,
        false => group(ask, &mut query)?,
    }
    aggregate(ask, &mut query)?;
    Some(query)
}

pub fn count_by(ask: &mut Ask) -> Option<Query> {
    if ask.draw.chance(OWNER_PERCENT) {
        let mut query = ask.start(&[Need::Owner])?;
        if ask.draw.chance(50) {
            group_by_name(ask, &mut query)?;
        } else {
            let owner = ask.owner(&mut query)?;
            ask.group_owner(&mut query, &owner);
            ask.say("g", ask.table_at(owner.table).one.clone());
        }
        number(ask, &mut query);
        return Some(query);
    }
    let mut query = ask.start(&[Need::Group])?;
    group(ask, &mut query)?;
    number(ask, &mut query);
    Some(query)
}

pub fn count_by_period(ask: &mut Ask) -> Option<Query> {
    let mut query = by_period(ask, &[Need::Date])?;
    number(ask, &mut query);
    Some(query)
}

pub fn total_by_period(ask: &mut Ask) -> Option<Query> {
    let mut query = by_period(ask, &[Need::Date, Need::Number])?;
    total(ask, &mut query)?;
    Some(query)
}

pub fn year_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    year_condition(ask, &mut query)?;
    number(ask, &mut query);
    Some(query)
}

pub fn year_total(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Number])?;
    year_condition(ask, &mut query)?;
    total(ask, &mut query)?;
    Some(query)
}

pub fn word_figure(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category, Need::Number])?;
    word_condition(ask, &mut query)?;
    aggregate(ask, &mut query)?;
    Some(query)
}

pub fn distinct_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    let found = &ask.base_table().columns[column];
    let words = format!("number of {}", plural(&found.label));
    let sql = format!("COUNT(DISTINCT {})", at(0, &found.name));
    query.value(&words, &sql, Kind::Number);
    ask.say("cs", plural(&found.label));
    Some(query)
}

pub fn most_common(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    let found = &ask.base_table().columns[column];
    let sql = at(0, &found.name);
    if found.nullable {
        query.filter(format!("{sql} IS NOT NULL"));
    }
    query.group(&found.label, &sql, Kind::Text);
    ask.say("c", found.label.clone());
    most(ask, &mut query);
    Some(query)
}

pub fn most_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    let owner = ask.owner(&mut query)?;
    ask.group_owner(&mut query, &owner);
    ask.say("o", ask.table_at(owner.table).one.clone());
    most(ask, &mut query);
    Some(query)
}

/// The group with the most rows.
fn most(ask: &mut Ask, query: &mut Query) {
    let value = query.outputs.len();
    number(ask, query);
    query.order.push((value, true));
    query.select.limit = Some(1);
}

fn number(ask: &mut Ask, query: &mut Query) {
    let words = format!("number of {}", ask.many());
    query.value(&words, "COUNT(*)", Kind::Number);
}

/// The sum of a number: of any that the question names, else of the only one there is.
fn total(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let column = match ask.frame.contains("{m}") {
        true => ask.unused(query, &NUMBERS)?,
        false => [&MONEY[..], &NUMBERS].into_iter().find_map(|contents| {
            let mut all = ask.base_table().columns_of(contents);
            let (first, second) = (all.next(), all.next());
            first.filter(|_| second.is_none()).map(|(column, _)| column)
        })?,
    };
    let measure = ask.measure(query, column);
    let words = of_measure("total", &measure);
    query.value(&words, &format!("SUM({})", measure.sql), Kind::Number);
    ask.say("m", measure.words);
    Some(())
}

fn aggregate(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let column = ask.unused(query, &NUMBERS)?;
    let measure = ask.measure(query, column);
    let (words, function) = *ask.draw.pick(&AGGREGATES)?;
    let value = format!("{function}({})", measure.sql);
    query.value(&of_measure(words[0], &measure), &value, Kind::Number);
    let said = ask.word(words);
    ask.say("a", said);
    ask.say("m", measure.words);
    Some(())
}

/// Groups by a column of few words. Whether a missing value counts is not said, so all rows do.
fn group(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let group = ask.group(query)?;
    query.select.filters.clear();
    query.group(&group.words, &group.sql, group.kind);
    ask.say("g", group.words);
    Some(())
}

/// Groups by what owners are called; two may have one name, who asks in passing does not think
/// of it. Figures per owner are what a loop teaches: here only the column is named.
fn group_by_name(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let owner = ask.owner(query)?;
    let (name, words) = owner.name?;
    query.group(&words, &name, Kind::Text);
    ask.say("g", words);
    Some(())
}

fn by_period(ask: &mut Ask, needs: &[Need]) -> Option<Query> {
    let mut query = ask.start(needs)?;
    let column = day(ask, &query)?;
    let day = ask.day(&mut query, column);
    let unit = *ask.draw.pick(&[Unit::Year, Unit::Year, Unit::Month])?;
    query.group(unit.words(), &unit.sql(&day.sql), Kind::Time);
    query.order_by_keys();
    ask.say("u", unit.name());
    ask.say("d", day.words);
    Some(query)
}
