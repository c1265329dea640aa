//! Everyday questions that show rows.

use crate::base::calendar::MONTHS;
use crate::database::naming::plural;
use crate::database::schema::{Column, Content, text_literal};

use super::ask::Ask;
use super::general::{SHOWN, kind_of};
use super::query::{Kind, Query};
use super::roles::{self, NUMBERS, Need};
use super::sql::{all_of, at};
use super::{calendar, constants};

/// A constant stands in quotes now and then; most people leave them out.
const QUOTED_PERCENT: usize = 20;

pub fn all(ask: &mut Ask) -> Option<Query> {
    any_table(ask)
}

pub fn columns(ask: &mut Ask) -> Option<Query> {
    let mut query = any_table(ask)?;
    query.outputs.clear();
    let column = ask.unused(&query, &SHOWN)?;
    let shown = &ask.base_table().columns[column];
    if shown.content != Content::Name {
        // Rows of a list may be called nothing; then the column stands alone.
        let _ = named(ask, &mut query);
    }
    show(&mut query, shown);
    ask.say("c", shown.label.clone());
    ask.say("cs", plural(&shown.label));
    Some(query)
}

pub fn sorted(ask: &mut Ask) -> Option<Query> {
    let mut query = any_table(ask)?;
    let column = ask.unused(&query, &SHOWN)?;
    let by = &ask.base_table().columns[column];
    let is_down = ask.draw.chance(50);
    let ways = match (kind_of(by.content), is_down) {
        (Kind::Number, true) => [" descending", " from highest to lowest", ", highest first"],
        (Kind::Number, false) => ["", " from lowest to highest", ", lowest first"],
        (Kind::Time, true) => [" descending", " from newest to oldest", ", newest first"],
        (Kind::Time, false) => ["", " from oldest to newest", ", oldest first"],
        (Kind::Text, true) => [" descending", " from Z to A", " backwards"],
        (Kind::Text, false) => ["", " from A to Z", " in alphabetical order"],
    };
    let way = ask.word(&ways);
    ask.say("down", way);
    ask.say("c", by.label.clone());
    order(&mut query, &at(0, &by.name), is_down);
    Some(query)
}

pub fn with_word(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Category])?;
    word_condition(ask, &mut query)?;
    Some(query)
}

pub fn bound(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Number])?;
    let measure = ask.number(&mut query)?;
    let column = &ask.base_table().columns[measure.column.1];
    let value = constants::amount(column, &mut ask.constants, 15, 60)?;
    let (sign, words) = *ask.draw.pick(&[
        (">", ["over", "above", "greater than"]),
        ("<", ["under", "below", "smaller than"]),
    ])?;
    query.filter(format!("{} {sign} {value}", measure.sql));
    let words = ask.word(&words);
    ask.say("over", words);
    ask.say("x", value);
    ask.say("m", measure.words);
    Some(query)
}

pub fn of_year(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Date])?;
    year_condition(ask, &mut query)?;
    Some(query)
}

pub fn between(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Number])?;
    let measure = ask.number(&mut query)?;
    let column = &ask.base_table().columns[measure.column.1];
    let least = constants::amount(column, &mut ask.constants, 10, 45)?;
    let most = constants::amount(column, &mut ask.constants, 50, 90)?;
    if least == most {
        return None;
    }
    query.filter(format!("{} BETWEEN {least} AND {most}", measure.sql));
    ask.say("x", least);
    ask.say("z", most);
    ask.say("m", measure.words);
    Some(query)
}

pub fn with_two_words(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Category])?;
    word_condition(ask, &mut query)?;
    condition_called(ask, &mut query, ["w", "k"])?;
    Some(query)
}

pub fn containing(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Text])?;
    let column = ask.unused(&query, &[Content::Name, Content::Text])?;
    let found = &ask.base_table().columns[column];
    let words = constants::words(found);
    let parts = ask.constants.pick(&words)?.split(' ');
    let parts: Vec<&str> = parts
        .filter(|it| it.chars().all(char::is_alphabetic))
        .collect();
    let part = *ask.constants.pick(&parts)?;
    let pattern = text_literal(&format!("%{part}%"));
    query.filter(format!("{} LIKE {pattern}", at(0, &found.name)));
    ask.say("c", found.label.clone());
    ask.say("v", part);
    Some(query)
}

pub fn of_owner_word(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Owner])?;
    let owners = roles::owners(ask.schema, query.tables[0]);
    let reference = *ask.draw.pick(&owners)?;
    let place = query.join(ask.schema, 0, reference);
    let owner = ask.table_at(query.tables[place]);
    let words: Vec<&Column> = owner
        .columns_of(&[Content::Category])
        .map(|it| it.1)
        .collect();
    let column = *ask.draw.pick(&words)?;
    let (said, sql) = constant(ask, column)?;
    query.filter(format!("{} = {sql}", at(place, &column.name)));
    ask.say("o", owner.one.clone());
    ask.say("os", owner.many.clone());
    ask.say("c", column.label.clone());
    ask.say("v", said);
    Some(query)
}

pub fn of_month(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Date])?;
    let column = day(ask, &query)?;
    let day = ask.day(&mut query, column);
    let text = calendar::text(ask.day_in(day.column, 10, 90)?);
    let (year, month) = (&text[..4], &text[..7]);
    query.filter(format!("strftime('%Y-%m', {}) = '{month}'", day.sql));
    let number: usize = text[5..7].parse().ok()?;
    let name = MONTHS[number - 1];
    let said = match ask.wording.below(3) {
        0 => month.to_owned(),
        _ => format!("{name} {year}"),
    };
    ask.say("d", day.words);
    ask.say("mo", said);
    Some(query)
}

pub fn missing(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Nullable])?;
    let all: Vec<&Column> = roles::nullable(ask.base_table())
        .map(|(_, it)| it)
        .collect();
    let column = *ask.draw.pick(&all)?;
    query.filter(format!("{} IS NULL", at(0, &column.name)));
    ask.say("c", column.label.clone());
    Some(query)
}

pub fn newest(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Date])?;
    let column = day(ask, &query)?;
    let found = &ask.base_table().columns[column];
    let is_newest = ask.draw.chance(65);
    let words: &[&str] = match is_newest {
        true => &["newest", "latest", "most recent"],
        false => &["oldest", "earliest"],
    };
    let words = ask.word(words);
    ask.say("newest", words);
    ask.say("d", found.label.clone());
    if found.nullable && !is_newest {
        query.filter(format!("{} IS NOT NULL", at(0, &found.name)));
    }
    order(&mut query, &at(0, &found.name), is_newest);
    first_of(ask, &mut query);
    Some(query)
}

pub fn top(ask: &mut Ask) -> Option<Query> {
    let mut query = by_measure(ask)?;
    first_of(ask, &mut query);
    Some(query)
}

pub fn best(ask: &mut Ask) -> Option<Query> {
    let mut query = by_measure(ask)?;
    query.select.limit = Some(1);
    Some(query)
}

pub fn detail(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Name])?;
    who(ask, &mut query, 0)?;
    let contents = SHOWN.into_iter().filter(|it| *it != Content::Name);
    let column = ask.unused(&query, &contents.collect::<Vec<_>>())?;
    let shown = &ask.base_table().columns[column];
    show(&mut query, shown);
    ask.say("c", shown.label.clone());
    Some(query)
}

pub fn of_owner(ask: &mut Ask) -> Option<Query> {
    let mut query = every_row(ask, &[Need::Owner])?;
    let owners = roles::owners(ask.schema, query.tables[0]);
    if owners.len() > 1 && !ask.frame.contains("{o}") {
        return None;
    }
    let reference = *ask.draw.pick(&owners)?;
    let place = query.join(ask.schema, 0, reference);
    who(ask, &mut query, place)?;
    ask.say("o", ask.table_at(query.tables[place]).one.clone());
    Some(query)
}

pub fn owner_beside(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    named(ask, &mut query)?;
    let owners = roles::owners(ask.schema, query.tables[0]);
    let reference = *ask.draw.pick(&owners)?;
    let place = query.join(ask.schema, 0, reference);
    let owner = ask.table_at(query.tables[place]);
    let name = owner.columns_of(&[Content::Name]).map(|(_, it)| it).next();
    let all = owner.columns_of(&[Content::Category, Content::Text]);
    let other: Vec<&Column> = all.map(|(_, it)| it).collect();
    let shown = match ask.frame.contains("{c}") && ask.draw.chance(50) {
        true => *ask.draw.pick(&other)?,
        false => name?,
    };
    let label = roles::full_label(owner, shown);
    query.value(&label, &at(place, &shown.name), Kind::Text);
    ask.say("o", owner.one.clone());
    ask.say("c", shown.label.clone());
    Some(query)
}

pub fn values(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    let found = &ask.base_table().columns[column];
    query.select.distinct = true;
    if found.nullable {
        query.filter(format!("{} IS NOT NULL", at(0, &found.name)));
    }
    show(&mut query, found);
    ask.say("cs", plural(&found.label));
    Some(query)
}

/// All columns of any table.
fn any_table(ask: &mut Ask) -> Option<Query> {
    let table = ask.draw.below(ask.schema.tables.len().max(1));
    ask.schema.tables.get(table)?;
    let query = ask.begin(table);
    Some(whole(query, ask))
}

/// All columns of a table that has what is needed.
fn every_row(ask: &mut Ask, needs: &[Need]) -> Option<Query> {
    let query = ask.start(needs)?;
    Some(whole(query, ask))
}

fn whole(mut query: Query, ask: &mut Ask) -> Query {
    ask.say("one", ask.base_table().one.clone());
    query.star(&all_of(0));
    query
}

/// Shows what a row is called: its name, or its key; `None` if it has neither.
fn named(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let table = ask.base_table();
    ask.say("one", table.one.clone());
    let name = table.columns_of(&[Content::Name]).next();
    let place = name.map(|(place, _)| place).or(table.key())?;
    query.used.push((0, place));
    show(query, &table.columns[place]);
    Some(())
}

fn show(query: &mut Query, column: &Column) {
    query.value(&column.label, &at(0, &column.name), kind_of(column.content));
}

/// A word of a column of the first table, which the question names.
pub fn word_condition(ask: &mut Ask, query: &mut Query) -> Option<()> {
    condition_called(ask, query, ["v", "c"])
}

fn condition_called(ask: &mut Ask, query: &mut Query, names: [&'static str; 2]) -> Option<()> {
    let column = ask.unused(query, &[Content::Category])?;
    let found = &ask.base_table().columns[column];
    let (said, sql) = constant(ask, found)?;
    query.used.push((0, column));
    query.filter(format!("{} = {sql}", at(0, &found.name)));
    ask.say(names[0], said);
    ask.say(names[1], found.label.clone());
    Some(())
}

/// The rows of a year, which the question names.
pub fn year_condition(ask: &mut Ask, query: &mut Query) -> Option<()> {
    let column = day(ask, query)?;
    let day = ask.day(query, column);
    let year = calendar::text(ask.day_in(day.column, 15, 85)?)[..4].to_owned();
    query.filter(format!("strftime('%Y', {}) = '{year}'", day.sql));
    ask.say("d", day.words);
    ask.say("y", year);
    Some(())
}

/// The rows of the table at a place with one name, which the question says.
fn who(ask: &mut Ask, query: &mut Query, place: usize) -> Option<()> {
    let table = ask.table_at(query.tables[place]);
    let (column, name) = table.columns_of(&[Content::Name]).next()?;
    let (said, sql) = constant(ask, name)?;
    query.used.push((place, column));
    query.filter(format!("{} = {sql}", at(place, &name.name)));
    ask.say("who", said);
    Some(())
}

/// A word of a column as people say it and as SQL has it.
fn constant(ask: &mut Ask, column: &Column) -> Option<(String, String)> {
    let words = constants::words(column);
    let word = ask.constants.pick(&words)?;
    let sql = text_literal(word);
    let is_quoted = ask.wording.chance(QUOTED_PERCENT);
    Some((
        if is_quoted {
            sql.clone()
        } else {
            (*word).to_owned()
        },
        sql,
    ))
}

/// The date that is meant: any that the question names, else the first of the table.
pub fn day(ask: &mut Ask, query: &Query) -> Option<usize> {
    if ask.frame.contains("{d}") {
        return ask.unused(query, &roles::DAYS);
    }
    let mut days = ask.base_table().columns_of(&roles::DAYS);
    days.next().map(|(column, _)| column)
}

/// What rows are called, and a number of them that they are sorted by; rows that are called
/// nothing as they are.
fn by_measure(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number])?;
    let is_named = named(ask, &mut query).is_some();
    let column = ask.unused(&query, &NUMBERS)?;
    let measure = ask.measure(&mut query, column);
    let is_highest = ask.draw.chance(70);
    let (best, top): (&[&str], &[&str]) = match is_highest {
        true => (
            &["highest", "highest", "largest", "most"],
            &["top", "highest", "largest"],
        ),
        false => (
            &["lowest", "lowest", "smallest", "least"],
            &["bottom", "lowest", "smallest"],
        ),
    };
    if measure.nullable && !is_highest {
        query.filter(format!("{} IS NOT NULL", measure.sql));
    }
    if is_named {
        let value = query.outputs.len();
        query.value(&measure.words, &measure.sql, Kind::Number);
        query.order.push((value, is_highest));
    } else {
        query.star(&all_of(0));
        order(&mut query, &measure.sql, is_highest);
    }
    let (best, top) = (ask.word(best), ask.word(top));
    ask.say("best", best);
    ask.say("top", top);
    ask.say("m", measure.words);
    Some(query)
}

fn order(query: &mut Query, by: &str, is_down: bool) {
    let down = if is_down { " DESC" } else { "" };
    query.select.order.push(format!("{by}{down}"));
}

fn first_of(ask: &mut Ask, query: &mut Query) {
    let count = ask.constants.between(2, 20) as usize;
    query.select.limit = Some(count);
    ask.say("n", count.to_string());
}
