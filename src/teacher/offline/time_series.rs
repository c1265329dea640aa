//! Time series: how counts and totals go from period to period.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::parts::{Day, Unit};
use super::query::{Kind, Query};
use super::roles::Need;

use Modifier::{By, Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "count_by_period",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "How many {rows} were there in each {p} of {d}?",
            "Count {rows} by {p} of {d}.",
            "I need the number of {rows} for each {p}, by {d}.",
            "number of {many} per {p} of {d}",
            "{p} by {p} of {d}, the number of {rows}",
            "For a chart of our volume, someone needs the number of {rows} in each {p} of {d}; a {p} without any is simply not listed.",
        ],
        make: count_by_period,
    },
    Intent {
        name: "change_from_previous",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Harder, Harder],
        frames: [
            "How did the {v} of {rows} change from one {p} of {d} to the next?",
            "For each {p} of {d}, compute the {v} of {rows} and its difference to the {p} listed before it.",
            "I need to see by how much the {v} of {rows} rises or falls against the previous {p} of {d}.",
            "{v} of {many} per {p} of {d}, and difference to previous {p}",
            "{p} by {p} of {d}, the {v} of {rows} and what it gained on the {p} before",
            "The monthly meeting looks at trends: per {p} of {d} the {v} of {rows}, and this value minus that of the {p} before.",
        ],
        make: change_from_previous,
    },
    Intent {
        name: "running_total",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Harder, Top],
        frames: [
            "What is the {v} of {rows} per {p} of {d}, and what has it added up to by then?",
            "For every {p} of {d}, give the {v} of {rows} and the running total up to and including that {p}.",
            "I need the cumulative {v} of {rows}, {p} by {p} of {d}, beside the plain one.",
            "{v} of {many} per {p} of {d} with running total",
            "adding up from {p} to {p} of {d}, the {v} of {rows} and its cumulative sum so far",
            "A cash plan shows for each {p} of {d} the {v} of {rows} and the sum of it from the first {p} on.",
        ],
        make: running_total,
    },
    Intent {
        name: "moving_average",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Harder],
        frames: [
            "What is the {v} of {rows} per {p} of {d}, smoothed as the average of that {p} and the {n} listed before it?",
            "Compute the {v} of {rows} for each {p} of {d} and its moving average over the current and the {n} preceding listed periods.",
            "I need a smooth curve: per {p} of {d}, the {v} of {rows} and the mean over this and the {n} previous rows.",
            "{v} of {many} per {p} of {d}, moving average over current and {n} preceding rows",
            "for each {p} of {d}, the {v} of {rows} and the average of this and up to {n} preceding values",
            "Single peaks mislead, so show per {p} of {d} the {v} of {rows} beside its average with the {n} rows before (fewer at the start).",
        ],
        make: moving_average,
    },
    Intent {
        name: "year_to_date",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Top],
        frames: [
            "What is the {v} of {rows} per month of {d}, and what is it for the year up to that month?",
            "Give the {v} of {rows} for every month of {d} and its running total that starts anew each year.",
            "I need year-to-date figures: month of {d}, {v} of {rows}, and the sum since January of the same year.",
            "{v} of {many} per month of {d} and year-to-date total",
            "month by month of {d}, the {v} of {rows} and its sum within the year so far",
            "The report of every month states the {v} of {rows} (month of {d}) and the same from the beginning of that year.",
        ],
        make: year_to_date,
    },
    Intent {
        name: "share_of_year",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Top],
        frames: [
            "What percentage of the {v} of {rows} in its year does each {p} of {d} have?",
            "For each {p} of {d}, compute the {v} of {rows} and its percentage of the whole year's.",
            "I need to know how the {v} of {rows} is spread within a year: each {p} of {d} with its percent of that year.",
            "{v} of {many} per {p} of {d} and percent of its year",
            "taking each year as 100 percent, the {v} of {rows} per {p} of {d} and its part of the year",
            "Seasonality is discussed: list the {v} of {rows} per {p} of {d} and what percentage of the same year's {v} that is.",
        ],
        make: share_of_year,
    },
];

/// Counts or totals by period as the first step: the base query with its filters, the
/// period and the value; what the value is called is said as `v`.
fn by_period(ask: &mut Ask, units: &[Unit]) -> Option<(Query, Day, Unit)> {
    let is_count = ask.draw.chance(35);
    let needs = [Need::Date, Need::Number];
    let mut query = ask.start(if is_count { &needs[..1] } else { &needs })?;
    let measure = if is_count {
        None
    } else {
        Some(ask.amount(&mut query).or_else(|| ask.number(&mut query))?)
    };
    let day = ask.date(&mut query)?;
    let unit = ask.unit(units);
    let period = ask.period_of(&day, unit);
    ask.filters(&mut query)?;
    query.group(&period.words, &period.sql, Kind::Time);
    let words = match measure {
        None => {
            ask.tag("count");
            query.value(
                &format!("number of {}", ask.many()),
                "COUNT(*)",
                Kind::Number,
            );
            "number".to_owned()
        }
        Some(measure) => {
            ask.only_measured(&mut query, &measure);
            let words = of_measure("total", &measure);
            query.value(&words, &format!("SUM({})", measure.sql), Kind::Number);
            words
        }
    };
    ask.say("v", words);
    ask.say("p", unit.name());
    ask.say("d", day.words.clone());
    Some((query, day, unit))
}

/// Makes a query by period the inner one; keeps its two outputs.
fn over_periods(query: Query, name: &str) -> (Query, String, String) {
    let words: Vec<String> = query.outputs.iter().map(|it| it.words.clone()).collect();
    let (period, value) = (query.name(0), query.name(1));
    let mut outer = query.wrapped(name);
    outer.key(&words[0], &period, Kind::Time);
    outer.value(&words[1], &value, Kind::Number);
    (outer, period, value)
}

fn name_of(unit: Unit) -> &'static str {
    match unit {
        Unit::Month => "monthly",
        Unit::Quarter => "quarterly",
        Unit::Year => "yearly",
    }
}

const UNITS: [Unit; 3] = [Unit::Month, Unit::Quarter, Unit::Year];

fn count_by_period(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let day = ask.date(&mut query)?;
    let period = ask.period(&day);
    ask.say("p", ask.group_word.clone());
    ask.filters(&mut query)?;
    query.group(&period.words, &period.sql, Kind::Time);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn change_from_previous(ask: &mut Ask) -> Option<Query> {
    let (query, _, unit) = by_period(ask, &UNITS)?;
    let (mut outer, period, value) = over_periods(query, name_of(unit));
    let lag = format!("LAG({value}) OVER (ORDER BY {period})");
    outer
        .value("change", &format!("{value} - {lag}"), Kind::Number)
        .nullable = true;
    let mut harder = vec!["percent", "previous"];
    ask.draw.shuffle(&mut harder);
    while ask.takes(Harder) {
        let form = harder.pop()?;
        ask.tag(form);
        if form == "percent" {
            let percent = format!("({value} - {lag}) * 100.0 / {lag}");
            outer
                .value("change (percent)", &percent, Kind::Number)
                .nullable = true;
            ask.note(
                "Also give the change in percent of the previous value",
                "also the change in percent of the previous value",
            );
        } else {
            outer.value("previous value", &lag, Kind::Number).nullable = true;
            ask.note("Show the previous value, too", "also the previous value");
        }
    }
    let name = unit.name();
    ask.note(
        format!("The {name} before is the one before it in the result, and the first {name} has NULL there"),
        format!("previous {name} = previous row, NULL in the first"),
    );
    order_by_period(ask, &mut outer);
    Some(outer)
}

/// Sorts by the period, mostly.
fn order_by_period(ask: &mut Ask, query: &mut Query) {
    if ask.draw.chance(60) {
        ask.sorted(query, &[]);
    }
}

fn running_total(ask: &mut Ask) -> Option<Query> {
    let (query, _, unit) = by_period(ask, &UNITS)?;
    let (mut outer, period, value) = over_periods(query, name_of(unit));
    let sum = format!("SUM({value}) OVER (ORDER BY {period})");
    outer.value("running total", &sum, Kind::Number);
    if ask.takes(Harder) {
        let share = format!("{sum} * 100.0 / SUM({value}) OVER ()");
        outer.value("percent of the grand total reached", &share, Kind::Number);
        ask.note(
            "Also say what percentage of the grand total the running total has reached",
            "also running total as percent of the grand total",
        );
        ask.tag("percent");
    }
    if ask.modifiers.left().contains(&Top) {
        ask.arrange(&mut outer)?;
    } else {
        order_by_period(ask, &mut outer);
    }
    Some(outer)
}

fn moving_average(ask: &mut Ask) -> Option<Query> {
    let (query, _, unit) = by_period(ask, &[Unit::Month, Unit::Month, Unit::Quarter])?;
    let (mut outer, period, value) = over_periods(query, name_of(unit));
    let before = ask.constants.between(2, 5);
    let frame = format!("ORDER BY {period} ROWS BETWEEN {before} PRECEDING AND CURRENT ROW");
    let average = format!("AVG({value}) OVER ({frame})");
    outer.value("moving average", &average, Kind::Number);
    if ask.takes(Harder) {
        outer.value("difference", &format!("{value} - {average}"), Kind::Number);
        ask.note(
            "Also give the value minus its moving average as the difference",
            "also the difference: value minus moving average",
        );
        ask.tag("difference");
    }
    ask.say("n", before.to_string());
    order_by_period(ask, &mut outer);
    Some(outer)
}

fn year_to_date(ask: &mut Ask) -> Option<Query> {
    let (query, ..) = by_period(ask, &[Unit::Month])?;
    let (mut outer, period, value) = over_periods(query, "monthly");
    let sum = format!("SUM({value}) OVER (PARTITION BY substr({period}, 1, 4) ORDER BY {period})");
    outer.value("year-to-date total", &sum, Kind::Number);
    if ask.modifiers.left().contains(&Top) {
        ask.arrange(&mut outer)?;
    } else {
        order_by_period(ask, &mut outer);
    }
    Some(outer)
}

fn share_of_year(ask: &mut Ask) -> Option<Query> {
    let (query, _, unit) = by_period(ask, &[Unit::Month, Unit::Quarter])?;
    let (mut outer, period, value) = over_periods(query, name_of(unit));
    let year = format!("SUM({value}) OVER (PARTITION BY substr({period}, 1, 4))");
    outer.value(
        "share of the year (percent)",
        &format!("{value} * 100.0 / {year}"),
        Kind::Number,
    );
    if ask.modifiers.left().contains(&Top) {
        ask.arrange(&mut outer)?;
    } else {
        order_by_period(ask, &mut outer);
    }
    Some(outer)
}
