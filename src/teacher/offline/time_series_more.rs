//! Time series: gaps, days of the week, spans and years side by side.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::calendar;
use super::intent::Intent;
use super::modifiers::of_measure;
use super::parts::as_day;
use super::query::{Kind, Query};
use super::roles::{DAYS, Need};

use Modifier::{By, Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "weekday_pattern",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "How many {rows} fall on each day of the week by {d}?",
            "Count {rows} per weekday of {d}.",
            "I need to know which weekdays of {d} are busy: the number of {rows} on each.",
            "number of {many} per weekday of {d}",
            "by weekday of {d}, the number of {rows}",
            "Shifts are planned by weekday, so count {rows} for each weekday of {d}.",
        ],
        make: weekday_pattern,
    },
    Intent {
        name: "days_since_previous",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Top],
        frames: [
            "How many days lie between each of the {rows} and the one before it by {d}?",
            "For each of the {rows}, give the days since the previous one in order of {d}.",
            "I need the gaps: for all {rows} in order of {d}, the number of days since the preceding one.",
            "days since previous of {many} by {d}",
            "in order of {d}, for each of the {rows} the days that passed since the previous one",
            "To see lulls, line up {rows} by {d} and note at each how many days after its predecessor it came.",
        ],
        make: days_since_previous,
    },
    Intent {
        name: "busiest_days",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Second, Having],
        frames: [
            "Which {n} days of {d} had the most {rows}?",
            "List the {n} days of {d} with the highest number of {rows}.",
            "I need our {n} busiest days by {d}, measured by the number of {rows}.",
            "top {n} days of {d} by number of {many}",
            "of all days of {d}, the {n} with the most {rows}",
            "The team wants to learn from rush days: name the {n} days of {d} on which {rows} were most numerous.",
        ],
        make: busiest_days,
    },
    Intent {
        name: "two_years_by_month",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Harder],
        frames: [
            "How does each calendar month of {d} in {y} compare with the same month in {z} by the {v} of {rows}?",
            "For each month number of {d}, put the {v} of {rows} in {y} beside that in {z}.",
            "I need years side by side: per month of the year (01 to 12, from {d}), the {v} of {rows} in {y} and in {z}.",
            "{v} of {many} per month number of {d}, {y} against {z}",
            "month number by month number of {d}, the {v} of {rows} in {y} and in {z}",
            "A manager compares seasons and wants for each month number of {d} the {v} of {rows} of {y} and of {z}.",
        ],
        make: two_years_by_month,
    },
    Intent {
        name: "missing_months",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Harder],
        frames: [
            "In which months from {a} to {b} are there no {rows} by {d}?",
            "List all months between {a} and {b} (both included) without any {rows} by {d}.",
            "I need the empty months: those from {a} up to and including {b} in which no {d} of {rows} falls.",
            "months {a} to {b} (inclusive) without {many} by {d}",
            "of the months {a} to {b}, both included, those in which there is no {d} over {rows}",
            "Someone suspects lost data: for the months {a} through {b}, name those with no {rows} by {d}.",
        ],
        make: missing_months,
    },
    Intent {
        name: "date_span",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, By, Having],
        frames: [
            "What are the first and last day of {d} for {rows}, and how many different days occur{g}?",
            "Give the earliest day, the latest day and the number of distinct days of {d} over {rows}{g}.",
            "I need to know what stretch of time {rows} cover by {d}: first day, last day, and how many different days{g}.",
            "{many}: first day, last day, number of distinct days of {d}{g}",
            "by {d}, the earliest and latest day and the count of different days over {rows}{g}",
            "Before an analysis we check coverage{g}: first day and last day of {d} over {rows}, and the number of distinct days.",
        ],
        make: date_span,
    },
    Intent {
        name: "duration_between",
        category: Category::TimeSeries,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "How many days pass on average from {a} to {b} of {rows}, for each {g}?",
            "Compute the average number of days from {a} to {b} over {rows}, by {g}.",
            "I need the mean time in days between {a} and {b} of {rows} for every {g} (negative if {b} comes first).",
            "average days from {a} to {b} of {many} per {g}",
            "per {g}, the average of {b} minus {a} in days over {rows}",
            "Service levels are reviewed by {g}: how many days from {a} until {b} does it take on average for {rows}?",
        ],
        make: duration_between,
    },
];

fn weekday_pattern(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let day = ask.date(&mut query)?;
    ask.filters(&mut query)?;
    let weekday = format!("strftime('%w', {})", day.sql);
    query.group(
        "weekday (text '0' for Sunday to '6' for Saturday)",
        &weekday,
        Kind::Text,
    );
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    "weekday".clone_into(&mut ask.group_word);
    ask.note("A weekday without any is not listed", "no empty weekdays");
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn days_since_previous(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Key])?;
    let day = ask.date(&mut query)?;
    ask.filters(&mut query)?;
    ask.list_key(&mut query, false)?;
    let (key, words) = (
        query.outputs[0].expression.clone(),
        query.outputs[0].words.clone(),
    );
    query.value(&day.words, &day.sql, Kind::Time);
    let lag = format!("LAG({}) OVER (ORDER BY {}, {key})", day.day, day.sql);
    let gap = format!("CAST(julianday({}) - julianday({lag}) AS INTEGER)", day.day);
    query
        .value("days since previous", &gap, Kind::Number)
        .nullable = true;
    let cut = if day.day == day.sql {
        ""
    } else {
        "count calendar days without the time, and "
    };
    ask.note(
        format!(
            "Equal values of {} follow each other by {words}; {cut}the very first has NULL",
            day.words
        ),
        format!("ties by {words}; {cut}NULL for the first"),
    );
    ask.say("d", day.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn busiest_days(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let day = ask.date(&mut query)?;
    ask.filters(&mut query)?;
    query.group("day (YYYY-MM-DD)", &day.day, Kind::Time);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    "day".clone_into(&mut ask.group_word);
    ask.sorted(&mut query, &[(1, true)]);
    ask.grouped(&mut query)?;
    let count = ask.constants.between(2, 7) as usize;
    ask.first(&mut query, count);
    ask.say("n", count.to_string());
    ask.say("d", day.words);
    Some(query)
}

fn two_years_by_month(ask: &mut Ask) -> Option<Query> {
    let is_count = ask.draw.chance(40);
    let needs = [Need::Date, Need::Number];
    let mut query = ask.start(if is_count { &needs[..1] } else { &needs })?;
    let day = ask.date(&mut query)?;
    let measure = if is_count {
        None
    } else {
        let measure = ask.number(&mut query)?;
        ask.only_measured(&mut query, &measure);
        Some(measure)
    };
    ask.filters(&mut query)?;
    let year = ask.year_in(day.column)?;
    let (first, second) = (year.to_string(), (year + 1).to_string());
    query.filter(format!(
        "strftime('%Y', {}) IN ('{first}', '{second}')",
        day.sql
    ));
    ask.clause(
        format!("{} is in {first} or {second}", day.words),
        format!("{} in {first} or {second}", day.words),
    );
    let month = format!("strftime('%m', {})", day.sql);
    query.group("month of the year (text '01' to '12')", &month, Kind::Time);
    let what = measure.as_ref().map_or("1", |it| it.sql.as_str());
    let case = |year: &str| {
        let test = format!("strftime('%Y', {}) = '{year}'", day.sql);
        format!("SUM(CASE WHEN {test} THEN {what} ELSE 0 END)")
    };
    let words = match &measure {
        None => "number".to_owned(),
        Some(measure) => of_measure("total", measure),
    };
    query.value(&format!("{words} in {first}"), &case(&first), Kind::Number);
    query.value(
        &format!("{words} in {second}"),
        &case(&second),
        Kind::Number,
    );
    if ask.takes(Harder) {
        let change = format!("{} - {}", case(&second), case(&first));
        query.value("change", &change, Kind::Number);
        ask.note(
            format!("Also give the change, {second} minus {first}"),
            format!("also the change, {second} minus {first}"),
        );
        ask.tag("change");
    }
    ask.note("A year without any counts as 0", "0 for a year without any");
    ask.tag(if is_count { "count" } else { "sum" });
    ask.say("v", words);
    ask.say("d", day.words);
    ask.say("y", first);
    ask.say("z", second);
    if ask.draw.chance(60) {
        ask.sorted(&mut query, &[]);
    }
    Some(query)
}

fn missing_months(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let day = ask.date(&mut query)?;
    // A narrow condition, so that some months are empty.
    if ask.modifiers.left().is_empty() || ask.draw.chance(50) {
        ask.condition(&mut query)?;
    }
    ask.filters(&mut query)?;
    let start = calendar::month_start(ask.day_in(day.column, 0, 40)?, 0);
    let months = ask.constants.between(8, 24);
    let (first, last) = (
        calendar::text(start),
        calendar::text(calendar::month_start(start, months - 1)),
    );
    let walk = format!(
        "SELECT '{first}' AS start UNION ALL SELECT date(start, '+1 month') FROM months WHERE start < '{last}'"
    );
    query.filter(format!(
        "strftime('%Y-%m', {}) = strftime('%Y-%m', months.start)",
        day.sql
    ));
    let mut inner = query.select.clone();
    if inner.sources.len() > 1 {
        inner.nested = Some(0);
    }
    inner.columns = vec![("1".to_owned(), None)];
    let mut outer = Query::of_cte("months", walk);
    outer.select.recursive = true;
    outer.filter(format!("NOT EXISTS ({})", inner.text()));
    let text = "strftime('%Y-%m', start)";
    outer.key("month (YYYY-MM)", text, Kind::Time);
    if ask.takes(Harder) {
        outer.value("year (text YYYY)", "strftime('%Y', start)", Kind::Time);
        ask.note("Show the year of each such month as well", "also the year");
        ask.tag("year");
    }
    ask.say("a", first[..7].to_owned());
    ask.say("b", last[..7].to_owned());
    ask.say("d", day.words);
    if ask.draw.chance(60) {
        ask.sorted(&mut outer, &[]);
    }
    Some(outer)
}

fn date_span(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Group])?;
    let day = ask.date(&mut query)?;
    let is_grouped = ask.takes(By) || ask.modifiers.left().contains(&Having);
    let group = if is_grouped {
        Some(ask.group(&mut query)?)
    } else {
        None
    };
    ask.filters(&mut query)?;
    let mut each = String::new();
    if let Some(group) = group {
        query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
        each = format!(" for each {}", group.words);
    }
    query.value("first day", &format!("MIN({})", day.day), Kind::Time);
    query.value("last day", &format!("MAX({})", day.day), Kind::Time);
    let distinct = format!("COUNT(DISTINCT {})", day.day);
    query.value("number of different days", &distinct, Kind::Number);
    ask.say("g", each);
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn duration_between(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::TwoDates, Need::Group])?;
    let table = ask.base_table();
    let days: Vec<usize> = table.columns_of(&DAYS).map(|(column, _)| column).collect();
    let (from, until) = (*days.first()?, *days.get(1)?);
    for column in [from, until] {
        ask.only_known(&mut query, column);
        query.used.push((0, column));
    }
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let text = |column: usize| {
        let found = &table.columns[column];
        as_day(found, &super::sql::at(0, &found.name))
    };
    let days = format!(
        "AVG(julianday({}) - julianday({}))",
        text(until),
        text(from)
    );
    query.value("average days", &days, Kind::Number);
    if table.columns[from].content != table.columns[until].content
        || text(from) != super::sql::at(0, &table.columns[from].name)
    {
        ask.note(
            "Count whole calendar days and ignore times of day",
            "calendar days, times ignored",
        );
    }
    ask.say("a", table.columns[from].label.clone());
    ask.say("b", table.columns[until].label.clone());
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}
