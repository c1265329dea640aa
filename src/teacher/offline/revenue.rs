//! Revenue and finance: totals, averages and shares of amounts.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::parts::Unit;
use super::query::{Kind, Query};
use super::roles::Need;

use Modifier::{By, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "revenue_by_period",
        category: Category::Revenue,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "What total {m} did {rows} bring in each {p} of {d}?",
            "Add up the {m} of {rows} for each {p} of {d}.",
            "I need the {m} of {rows} summed per {p}, going by {d}.",
            "sum of {m} of {many} per {p} of {d}",
            "for each {p} of {d}, the total {m} of {rows}",
            "Finance goes through its books {p} by {p} (by {d}) and wants the total {m} of {rows} in each.",
        ],
        make: revenue_by_period,
    },
    Intent {
        name: "total_by_group",
        category: Category::Revenue,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "How much {m} do {rows} make in total for each {g}?",
            "Sum the {m} of {rows} by {g}.",
            "I want to know what every {g} is worth to us: the total {m} of {rows} in it.",
            "total {m} of {many} by {g}",
            "by {g}, what {rows} add up to in {m}",
            "A manager plans the budget per {g} and needs the summed {m} of {rows} for each.",
        ],
        make: total_by_group,
    },
    Intent {
        name: "share_of_total",
        category: Category::Revenue,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "What percentage of the grand total {m} of {rows} does each {g} contribute?",
            "For {rows}, compute the total {m} of each {g} and its share of the total {m} of all of them, in percent (0 to 100).",
            "I need to see which {g} carries how many percent of the overall {m} of {rows}.",
            "total {m} of {many} per {g}, plus percent of the overall total",
            "per {g}, the total {m} and what percentage of the sum over all groups that is, for {rows}",
            "The board asks how the {m} of {rows} is spread: each {g} with its total and its percentage of the whole.",
        ],
        make: share_of_total,
    },
    Intent {
        name: "average_by_group",
        category: Category::Revenue,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "What is the average {m} of {rows} for each {g}?",
            "Compute the mean {m} of {rows} per {g}.",
            "I need the typical size, as the average {m}, of {rows} for every {g}.",
            "avg {m} of {many} by {g}",
            "broken down by {g}, the average {m} of {rows}",
            "Sales suspects that {m} differs by {g}; show the average {m} of {rows} for each {g}.",
        ],
        make: average_by_group,
    },
    Intent {
        name: "largest_rows",
        category: Category::Revenue,
        modifiers: &[Where, Where, Where],
        frames: [
            "Which {n} {rows} have the {best} {m}?",
            "List the {n} {many} with the {best} {m}.",
            "I need a look at the {n} {many} that are {best} in {m}.",
            "{n} {many} with {best} {m}",
            "the {n} with the {best} {m} among all {rows}",
            "An auditor picks the {n} {many} with the {best} {m} for a check.",
        ],
        make: largest_rows,
    },
    Intent {
        name: "amount_overview",
        category: Category::Revenue,
        modifiers: &[Where, Where, Where],
        frames: [
            "For all {rows} together, how many are there and what are the total, the average and the {e} {m}?",
            "Summarise {rows} in one row: their number and the total, average and {e} {m}.",
            "I need one line with the count of {rows} and their {m}: total, average, {e}.",
            "{many}: count, total {m}, average {m}, {e} {m}",
            "in a single row, the count of {rows} and the total, average and {e} of their {m}",
            "The annual report has a box with the number of {rows} and their total, average and {e} {m}.",
        ],
        make: amount_overview,
    },
    Intent {
        name: "best_period",
        category: Category::Revenue,
        modifiers: &[Where, Where, Having, Second],
        frames: [
            "Which {p} of {d} had the {best} total {m} of {rows}?",
            "Find the single {p} of {d} with the {best} total {m} of {rows}.",
            "I need to know our {best} {p} by {d}, measured by the total {m} of {rows}.",
            "{p} of {d} with {best} total {m} of {many}",
            "of every {p} of {d}, the one in which {rows} have the {best} total {m}",
            "For a talk, someone wants to name the one {p} of {d} in which the total {m} of {rows} was {best}.",
        ],
        make: best_period,
    },
];

fn revenue_by_period(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Amount])?;
    let measure = ask.amount(&mut query)?;
    let day = ask.date(&mut query)?;
    let period = ask.period(&day);
    ask.filters(&mut query)?;
    query.group(&period.words, &period.sql, Kind::Time);
    let nullable = ask.settle(&mut query, &measure);
    let sum = format!("SUM({})", measure.sql);
    query
        .value(&of_measure("total", &measure), &sum, Kind::Number)
        .nullable = nullable;
    ask.say("p", ask.group_word.clone());
    ask.say("d", day.words);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn total_by_group(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Amount, Need::Group])?;
    let measure = ask.amount(&mut query)?;
    aggregated(ask, query, "total", &measure)
}

fn average_by_group(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.number(&mut query)?;
    aggregated(ask, query, "average", &measure)
}

/// One aggregate of a measure per group.
fn aggregated(
    ask: &mut Ask,
    mut query: Query,
    name: &str,
    measure: &super::parts::Measure,
) -> Option<Query> {
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let nullable = ask.settle(&mut query, measure);
    let function = if name == "total" { "SUM" } else { "AVG" };
    let value = format!("{function}({})", measure.sql);
    query
        .value(&of_measure(name, measure), &value, Kind::Number)
        .nullable = nullable;
    ask.say("g", group.words);
    ask.say("m", measure.words.clone());
    ask.grouped(&mut query)?;
    Some(query)
}

fn share_of_total(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Amount, Need::Group])?;
    let measure = ask.amount(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let sum = format!("SUM({})", measure.sql);
    query.value(&of_measure("total", &measure), &sum, Kind::Number);
    let share = format!("{sum} * 100.0 / SUM({sum}) OVER ()");
    query.value("share (percent)", &share, Kind::Number);
    if ask.modifiers.left().contains(&Having) {
        ask.note(
            "The shares refer to what is kept in the end",
            "shares of what is kept",
        );
    }
    ask.say("g", group.words);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn largest_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, true)?;
    let value = query.outputs.len();
    query.value(&measure.words, &measure.sql, Kind::Number);
    let is_highest = ask.draw.chance(75);
    ask.tag(if is_highest { "highest" } else { "lowest" });
    ask.sorted(&mut query, &[(value, is_highest)]);
    let count = ask.constants.between(3, 10) as usize;
    ask.first(&mut query, count);
    ask.say("n", count.to_string());
    ask.say("best", if is_highest { "highest" } else { "lowest" });
    ask.say("m", measure.words);
    Some(query)
}

fn amount_overview(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    let count = format!("number of {}", ask.many());
    query.value(&count, "COUNT(*)", Kind::Number);
    let is_highest = ask.draw.chance(60);
    let extreme = if is_highest {
        ("highest", "MAX")
    } else {
        ("lowest", "MIN")
    };
    for (name, function) in [("total", "SUM"), ("average", "AVG"), extreme] {
        let value = format!("{function}({})", measure.sql);
        query.value(&of_measure(name, &measure), &value, Kind::Number);
    }
    ask.tag(extreme.0);
    ask.say("e", extreme.0);
    ask.say("m", measure.words);
    Some(query)
}

fn best_period(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Amount])?;
    let measure = ask.amount(&mut query)?;
    let day = ask.date(&mut query)?;
    let unit = ask.unit(&[Unit::Month, Unit::Quarter, Unit::Year]);
    let period = ask.period_of(&day, unit);
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&period.words, &period.sql, Kind::Time);
    let sum = format!("SUM({})", measure.sql);
    query.value(&of_measure("total", &measure), &sum, Kind::Number);
    let is_highest = ask.draw.chance(75);
    ask.tag(if is_highest { "highest" } else { "lowest" });
    ask.sorted(&mut query, &[(1, is_highest)]);
    ask.say("p", unit.name());
    ask.say("d", day.words);
    ask.say("m", measure.words);
    ask.say("best", if is_highest { "highest" } else { "lowest" });
    ask.grouped(&mut query)?;
    ask.first(&mut query, 1);
    Some(query)
}
