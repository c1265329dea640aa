//! Customer analytics: who comes, how often, since when, and who does not.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::calendar;
use super::intent::Intent;
use super::query::{Kind, Query};
use super::roles::Need;

use Modifier::{Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "events_per_owner",
        category: Category::Customers,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "How many {rows} does each {o} have, counting 0 for {os} without any?",
            "Count {rows} for every {o}; those without any get 0.",
            "I need all {os} with the number of {rows} each has, also those with 0.",
            "{o} list with count of {many}, zeros included",
            "for every {o}, even one with none at all, the number of {rows}",
            "Someone calls through the whole list of {os} and wants to see beside each the number of {rows}, be it 0.",
        ],
        make: events_per_owner,
    },
    Intent {
        name: "owners_without",
        category: Category::Customers,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {os} have no {rows}?",
            "List the {os} without any {rows}.",
            "I need the {os} for whom there are no {rows}.",
            "{os} without any {many}",
            "the {os} to which none of the {rows} belong",
            "A campaign wants to win back the {os} that have no {rows}.",
        ],
        make: owners_without,
    },
    Intent {
        name: "repeat_owners",
        category: Category::Customers,
        modifiers: &[Where, Where, Second, Top],
        frames: [
            "Which {os} have at least {n} {rows}, and how many exactly?",
            "List every {o} with {n} or more {rows}, along with the count.",
            "I need our regulars: {os} with no fewer than {n} {rows}, and how many they have.",
            "{os} with >= {n} {many} and their count",
            "each {o} with a count of {n} or more, with that count, over {rows}",
            "A bonus goes to each {o} with {n} or more {rows}; list them with their number.",
        ],
        make: repeat_owners,
    },
    Intent {
        name: "first_and_last_event",
        category: Category::Customers,
        modifiers: &[Where, Where, Having, Second, Top],
        frames: [
            "When did each {o} have the first and the last of the {rows}, going by {d}?",
            "For each {o}, find the earliest and the latest {d} among {rows}.",
            "I need the span of activity of every {o}: first and last {d} of {rows}.",
            "first and last {d} of {many} per {o}",
            "per {o}, the earliest and the latest {d} of {rows}",
            "Support opens the file of each {o} and wants to see the earliest and latest {d} of {rows}.",
        ],
        make: first_and_last_event,
    },
    Intent {
        name: "recency",
        category: Category::Customers,
        modifiers: &[Where, Where, Having, Second, Top],
        frames: [
            "As of {day}, how many days have passed for each {o} since the latest {d} of {rows}?",
            "Compute for each {o} the whole days from the latest {d} of {rows} to {day}.",
            "I need to know how long ago, in days before {day}, each {o} last had one of the {rows}, by {d}.",
            "days since latest {d} of {many} per {o}, as of {day}",
            "with {day} as today, the days since the latest {d} of {rows} for each {o}",
            "The date is {day} and we check who went quiet: per {o}, the number of days since the latest {d} of {rows}.",
        ],
        make: recency,
    },
    Intent {
        name: "lapsed_owners",
        category: Category::Customers,
        modifiers: &[Where, Where, Second, Top],
        frames: [
            "Which {os} have {rows}, but none with {d} on or after {day}?",
            "List each {o} whose latest {d} over {rows} is before {day}, with that date.",
            "I need the {os} we lost: the latest {d} of {rows} lies before {day}.",
            "{os} with latest {d} of {many} before {day}",
            "each {o} whose most recent {d} over {rows} is earlier than {day}, with that most recent date",
            "Whoever has had nothing since {day} gets a letter: find each {o} whose latest {d} of {rows} is before {day}.",
        ],
        make: lapsed_owners,
    },
    Intent {
        name: "loyal_in_months",
        category: Category::Customers,
        modifiers: &[Where, Where, Second, Top],
        frames: [
            "Which {os} have {rows} in at least {n} different months of {d}, and in how many?",
            "Find each {o} with {rows} in {n} or more distinct months of {d} and count these months.",
            "I need the {os} who come back: active in {n} or more different calendar months (by {d}) with {rows}.",
            "{os} with {many} in >= {n} different months of {d}, and the number of months",
            "each {o} seen in {n} or more different months of {d} (a month of another year is another month), with that number of months, over {rows}",
            "Loyalty is measured in months with activity: name each {o} with {rows} in {n} or more different months of {d}, and the number of months.",
        ],
        make: loyal_in_months,
    },
];

fn events_per_owner(ask: &mut Ask) -> Option<Query> {
    let mut owned = ask.owned()?;
    ask.filters(&mut owned.inner)?;
    let is_joined = owned.inner.tables.len() > 1;
    if ask.takes(Harder) {
        ask.owner_condition(&mut owned.outer)?;
    }
    let mut query = owned.outer;
    if is_joined || query.tables.len() > 1 {
        return None;
    }
    // What was place 0 of the inner rows is place 1 beside the owners.
    let moved = |sql: &str| sql.replace("\u{1}0\u{2}", "\u{1}1\u{2}");
    let link = moved(&owned.link);
    let mut on = vec![format!("{link} = {}", owned.key)];
    on.extend(owned.inner.select.filters.iter().map(|it| moved(it)));
    let join = Some(("LEFT JOIN", on.join(" AND ")));
    query.add_source(ask.schema, owned.inner.tables[0], join);
    let outputs = query.outputs.iter().map(|it| it.expression.clone());
    query.select.group = outputs.collect();
    let count = format!("number of {}", ask.many());
    query.value(&count, &format!("COUNT({link})"), Kind::Number);
    ask.arrange(&mut query)?;
    Some(query)
}

fn owners_without(ask: &mut Ask) -> Option<Query> {
    let mut owned = ask.owned()?;
    // Said apart, a condition would seem to hold for rows that must not exist.
    ask.is_inline = true;
    ask.filters(&mut owned.inner)?;
    if ask.takes(Harder) {
        ask.owner_condition(&mut owned.outer)?;
    }
    let exists = owned.exists(&owned.inner);
    let mut query = owned.outer;
    query.filter(format!("NOT {exists}"));
    ask.arrange(&mut query)?;
    Some(query)
}

fn repeat_owners(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    ask.group_owner(&mut query, &owner);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    let least = ask.constants.between(2, 5);
    query.select.having.push(format!("COUNT(*) >= {least}"));
    names(ask, owner.table);
    ask.say("n", least.to_string());
    ask.grouped(&mut query)?;
    Some(query)
}

/// Says what owners are called.
fn names(ask: &mut Ask, table: usize) {
    let table = ask.table_at(table);
    ask.say("o", table.one.clone());
    ask.say("os", table.many.clone());
}

fn first_and_last_event(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    ask.group_owner(&mut query, &owner);
    query.value(
        &format!("first {}", day.words),
        &format!("MIN({})", day.sql),
        Kind::Time,
    );
    query.value(
        &format!("last {}", day.words),
        &format!("MAX({})", day.sql),
        Kind::Time,
    );
    names(ask, owner.table);
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn recency(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    let today = calendar::text(ask.day_in(day.column, 70, 110)?);
    query.filter(format!("{} <= '{today}'", day.day));
    ask.clause(
        format!("{} is not after {today}", day.words),
        format!("{} <= {today}", day.words),
    );
    ask.group_owner(&mut query, &owner);
    let days = format!(
        "CAST(julianday('{today}') - julianday(MAX({})) AS INTEGER)",
        day.day
    );
    query.value(
        &format!("days since last {}", day.words),
        &days,
        Kind::Number,
    );
    if day.day != day.sql {
        let words = &day.words;
        ask.note(
            format!("Take only the day of {words}, not its time"),
            format!("{words} by its day"),
        );
    }
    names(ask, owner.table);
    ask.say("d", day.words);
    ask.say("day", today.clone());
    ask.as_of = Some(today);
    ask.grouped(&mut query)?;
    Some(query)
}

fn lapsed_owners(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    let since = calendar::text(ask.day_in(day.column, 60, 90)?);
    ask.group_owner(&mut query, &owner);
    let last = format!("MAX({})", day.sql);
    query.value(&format!("last {}", day.words), &last, Kind::Time);
    query.select.having.push(format!("{last} < '{since}'"));
    names(ask, owner.table);
    ask.say("d", day.words);
    ask.say("day", since);
    ask.grouped(&mut query)?;
    Some(query)
}

fn loyal_in_months(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    ask.group_owner(&mut query, &owner);
    let months = format!("COUNT(DISTINCT strftime('%Y-%m', {}))", day.sql);
    query.value("number of months", &months, Kind::Number);
    let least = ask.constants.between(2, 4);
    query.select.having.push(format!("{months} >= {least}"));
    names(ask, owner.table);
    ask.say("d", day.words);
    ask.say("n", least.to_string());
    ask.grouped(&mut query)?;
    Some(query)
}
