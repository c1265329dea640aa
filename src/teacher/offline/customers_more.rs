//! Customer analytics: cohorts, shares and sets of customers.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::parts::Unit;
use super::query::{Kind, Query};
use super::roles::Need;
use super::sql::at;

use Modifier::{By, Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "first_period_cohorts",
        category: Category::Customers,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "How many {os} had their first of the {rows} in each {p} of {d}?",
            "Assign each {o} to the {p} of the earliest {d} among {rows} and count the {os} per {p}.",
            "I need the cohorts: for every {p}, the number of {os} whose earliest {d} of {rows} falls in it.",
            "number of {os} per {p} of their earliest {d} in {many}",
            "by {p} of the earliest {d} that one {o} has over {rows}, the number of {os}",
            "Growth is judged by newcomers: one {o} is new in the {p} of the earliest {d} over {rows}. Count the new {os} of each {p}.",
        ],
        make: first_period_cohorts,
    },
    Intent {
        name: "active_owners",
        category: Category::Customers,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "How many different {os} had {rows} in each {p} of {d}?",
            "Count the distinct {os} of {rows} for each {p} of {d}.",
            "I need the number of active {os} per {p}, active meaning at least one of the {rows} by {d}.",
            "distinct {os} in {many} per {p} of {d}",
            "for each {p} of {d}, the number of different {os} among {rows}",
            "Reach matters more than volume here: show per {p} of {d} how many different {os} stand behind {rows}.",
        ],
        make: active_owners,
    },
    Intent {
        name: "average_per_owner",
        category: Category::Customers,
        modifiers: &[Where, Where, Harder],
        frames: [
            "What total {m} of {rows} does one {o} have on average?",
            "Sum the {m} of {rows} per {o} first; then give the average of these totals.",
            "I need the mean lifetime value: the average over {os} of the total {m} of {rows} each has.",
            "average over {os} of total {m} of {many}",
            "as one number, the mean of the totals of {m} per {o} over {rows}",
            "The plan needs one figure for what one {o} is worth: the average of the per-{o} totals of {m} of {rows}.",
        ],
        make: average_per_owner,
    },
    Intent {
        name: "one_time_share",
        category: Category::Customers,
        modifiers: &[Where, Where, Harder],
        frames: [
            "What percentage of the {os} that have {rows} has {exactly} {n} of them?",
            "Among {os} with {rows}, compute the percentage (0 to 100) that has {exactly} {n}.",
            "I need to know how many percent of the {os} in {rows} appear there {exactly} {n} times (1 means once).",
            "percent of {os} with {exactly} {n} {many}, among those with any",
            "of all {os} that occur in {rows}, the percentage with a count of {exactly} {n}",
            "Retention asks how large the part of {os} is that has {exactly} {n} of the {rows}; take those with any as 100 percent.",
        ],
        make: one_time_share,
    },
    Intent {
        name: "owners_by_attribute",
        category: Category::Customers,
        modifiers: &[Where, Where, Having, Second, Top, By],
        frames: [
            "How many {rows} are there for each {g}?",
            "Count {rows} by {g}.",
            "I need to see how our {rows} are spread over every {g}.",
            "number of {many} by {g}",
            "by {g}, the number of {rows}",
            "For a profile of our base, someone wants the number of {rows} in each {g}.",
        ],
        make: owners_by_attribute,
    },
    Intent {
        name: "one_but_not_other",
        category: Category::Customers,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {os} have {many} with {g} {a} but {none} with {g} {b}?",
            "List the {os} that have at least one of the {many} with {g} {a} and {none} with {g} {b}.",
            "I need {os} who know {g} {a} and have {none} of {g} {b} among their {many}.",
            "{os} with {many} of {g} {a} and {none} of {g} {b}",
            "{os} for whom there is one of the {many} with {g} {a}, and {none} with {g} {b}",
            "Cross-selling looks for {os} with {many} of {g} {a}, but {none} of {g} {b}.",
        ],
        make: one_but_not_other,
    },
    Intent {
        name: "count_distribution",
        category: Category::Customers,
        modifiers: &[Where, Where, Top, Having],
        frames: [
            "How many {os} have exactly one, two, three and so on of the {rows}?",
            "Count {rows} per {o}, then count the {os} for each such number.",
            "I need the distribution of {rows} over {os}: for each number of {many}, how many {os} have that many.",
            "histogram: number of {many} per {o}, and how many {os} have that number",
            "for each number of {many} that any {o} has, how many {os} have just that number, over {rows}",
            "An analyst plots how often {os} come: on one axis how many of the {rows} one {o} has, on the other how many {os} there are with that count.",
        ],
        make: count_distribution,
    },
];

fn first_period_cohorts(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&words, &owner, Kind::Number);
    let first = format!("first {}", day.words);
    query.value(&first, &format!("MIN({})", day.sql), Kind::Time);
    let first = query.name(1);
    let mut outer = query.wrapped("firsts");
    let unit = ask.unit(&[Unit::Month, Unit::Quarter, Unit::Year]);
    ask.tag(unit.name());
    outer.group(unit.words(), &unit.sql(&first), Kind::Time);
    let many = ask.slots.iter().find(|(slot, _)| *slot == "os")?.1.clone();
    outer.value(&format!("number of {many}"), "COUNT(*)", Kind::Number);
    ask.counted = Some(many);
    unit.name().clone_into(&mut ask.group_word);
    ask.say("p", unit.name());
    ask.say("d", day.words);
    ask.grouped(&mut outer)?;
    Some(outer)
}

fn active_owners(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Date])?;
    let day = ask.date(&mut query)?;
    let (owner, _) = ask.owner_id(&mut query)?;
    let period = ask.period(&day);
    ask.say("p", ask.group_word.clone());
    ask.filters(&mut query)?;
    query.group(&period.words, &period.sql, Kind::Time);
    let many = ask.slots.iter().find(|(slot, _)| *slot == "os")?.1.clone();
    let count = format!("COUNT(DISTINCT {owner})");
    query.value(&format!("number of {many}"), &count, Kind::Number);
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn average_per_owner(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Number])?;
    let measure = ask.number(&mut query)?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&words, &owner, Kind::Number);
    let total = of_measure("total", &measure);
    query.value(&total, &format!("SUM({})", measure.sql), Kind::Number);
    let name = query.name(1);
    let mut outer = query.wrapped("totals");
    outer.value(
        &format!("average {total}"),
        &format!("AVG({name})"),
        Kind::Number,
    );
    if ask.takes(Harder) {
        let (word, function) = *ask.draw.pick(&[("highest", "MAX"), ("lowest", "MIN")])?;
        outer.value(
            &format!("{word} {total}"),
            &format!("{function}({name})"),
            Kind::Number,
        );
        ask.note(
            format!("Give the {word} of these totals as well"),
            format!("also the {word} of the totals"),
        );
        ask.tag(word);
    }
    ask.say("m", measure.words);
    Some(outer)
}

fn one_time_share(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&words, &owner, Kind::Number);
    query.value("events", "COUNT(*)", Kind::Number);
    let name = query.name(1);
    let mut outer = query.wrapped("counts");
    let number = ask.constants.between(1, 4);
    let (sign, word) = if ask.takes(Harder) {
        (">=", "at least")
    } else {
        ("=", "exactly")
    };
    ask.tag(sign);
    let share =
        format!("100.0 * SUM(CASE WHEN {name} {sign} {number} THEN 1 ELSE 0 END) / COUNT(*)");
    outer.value("percentage", &share, Kind::Number);
    if sign == ">=" {
        let many = ask.slots.iter().find(|(slot, _)| *slot == "os")?.1.clone();
        outer.value(
            &format!("number of {many} with any"),
            "COUNT(*)",
            Kind::Number,
        );
        ask.note(
            format!("Give the number of all {many} that have any as well"),
            format!("also the number of {many} with any"),
        );
    }
    ask.say("exactly", word);
    ask.say("n", number.to_string());
    Some(outer)
}

fn owners_by_attribute(ask: &mut Ask) -> Option<Query> {
    let mut query = ask
        .start(&[Need::Owns, Need::Category])
        .or_else(|| ask.start(&[Need::Name, Need::Category]))?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn one_but_not_other(ask: &mut Ask) -> Option<Query> {
    let mut owned = ask.owned()?;
    let column = ask.unused(&owned.inner, &[Content::Category])?;
    owned.inner.used.push((0, column));
    let found = &ask.base_table().columns[column];
    let words = ask.words_of(found, 2)?;
    let (has, lacks) = (words.first()?.clone(), words.get(1)?.clone());
    ask.filters(&mut owned.inner)?;
    if ask.takes(Harder) {
        ask.owner_condition(&mut owned.outer)?;
    }
    let with = |word: &str| {
        let mut inner = owned.inner.clone();
        inner
            .select
            .filters
            .insert(0, format!("{} = {word}", at(0, &found.name)));
        owned.exists(&inner)
    };
    let (first, second) = (with(&has), with(&lacks));
    let mut query = owned.outer.clone();
    let is_both = ask.draw.chance(30);
    query.filter(first);
    query.filter(if is_both {
        second
    } else {
        format!("NOT {second}")
    });
    ask.tag(if is_both { "both" } else { "not" });
    ask.say("none", if is_both { "also at least one" } else { "none" });
    ask.say("g", found.label.clone());
    ask.say("a", has);
    ask.say("b", lacks);
    ask.arrange(&mut query)?;
    Some(query)
}

fn count_distribution(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&words, &owner, Kind::Number);
    let count = format!("number of {}", ask.many());
    query.value(&count, "COUNT(*)", Kind::Number);
    let name = query.name(1);
    let mut outer = query.wrapped("counts");
    outer.group(&count, &name, Kind::Number);
    let many = ask.slots.iter().find(|(slot, _)| *slot == "os")?.1.clone();
    outer.value(&format!("number of {many}"), "COUNT(*)", Kind::Number);
    ask.group_word = count;
    ask.counted = Some(many);
    ask.grouped(&mut outer)?;
    Some(outer)
}
