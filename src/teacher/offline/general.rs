//! General questions: counts, aggregates, lists, groups, first rows, lookups. Everyone
//! asks them first, and the embedded base knows them before any teaching.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::phrase::listed;
use super::query::{Kind, Query};
use super::roles::{self, Need};
use super::sql::at;

use Modifier::{By, Having, Second, Top, Where};

/// What a list may show of a row besides its key.
pub const SHOWN: [Content; 8] = [
    Content::Name,
    Content::Category,
    Content::Money,
    Content::Quantity,
    Content::Measure,
    Content::Date,
    Content::DateTime,
    Content::Text,
];

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "row_count",
        category: Category::General,
        modifiers: &[Where, Where],
        frames: [
            "How many {rows} are there?",
            "Count {rows}.",
            "I need to know the number of {rows}.",
            "count of {many}",
            "the number of {rows}",
            "Someone at the desk asks for one number: how many {rows} we have.",
        ],
        make: row_count,
    },
    Intent {
        name: "single_figure",
        category: Category::General,
        modifiers: &[Where, Where, Second],
        frames: [
            "What is the {a} {m} of {rows}?",
            "Compute the {a} {m} of {rows}.",
            "I need the {a} {m} over {rows}.",
            "{a} {m} of {many}",
            "among {rows}, the {a} {m}",
            "A colleague wants a single figure for a slide: the {a} {m} of {rows}.",
        ],
        make: single_figure,
    },
    Intent {
        name: "row_list",
        category: Category::General,
        modifiers: &[Where, Where, Where],
        frames: [
            "Which {rows} do we have, and what is their {c}?",
            "List {rows} with their {c}.",
            "I need a list that shows the {c} of {rows}.",
            "list of {many} with {c}",
            "with their {c}, the list of {rows}",
            "For a call round, someone prints {rows} with their {c}.",
        ],
        make: row_list,
    },
    Intent {
        name: "group_count",
        category: Category::General,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "How many {rows} are there for each {g}?",
            "Count {rows} by {g}.",
            "I need the number of {rows} per {g}.",
            "count of {many} by {g}",
            "for each {g}, how many {rows} there are",
            "The team is split by {g} and asks how many {rows} fall to each.",
        ],
        make: group_count,
    },
    Intent {
        name: "group_figure",
        category: Category::General,
        modifiers: &[Where, Where, Second, Having, Top, By],
        frames: [
            "What is the {a} {m} of {rows} for each {g}?",
            "Compute the {a} {m} of {rows} by {g}.",
            "I need the {a} {m} of {rows} per {g}.",
            "{a} {m} of {many} by {g}",
            "for each {g}, the {a} {m} of {rows}",
            "A table on the wall has a line for each {g} with the {a} {m} of {rows}.",
        ],
        make: group_figure,
    },
    Intent {
        name: "top_rows",
        category: Category::General,
        modifiers: &[Where, Where, Where],
        frames: [
            "What are the {n} {rows} with the {best} {m}?",
            "Show the {n} {many} with the {best} {m}.",
            "I need the {n} {many} whose {m} is {best}.",
            "{best} {n} {many} by {m}",
            "ranked by {m}, the {n} {best} of {rows}",
            "Someone wants to look closely at {n} {many}, those with the {best} {m}.",
        ],
        make: top_rows,
    },
    Intent {
        name: "lookup",
        category: Category::General,
        modifiers: &[Where, Where, Where],
        frames: [
            "For {rows}, which {o} does each belong to?",
            "List {rows} together with the {o} of each.",
            "I need {rows} with the {o} that each belongs to.",
            "{many} with {o}",
            "next to the {o}, each one of {rows}",
            "The report shows {rows} side by side with their {o}.",
        ],
        make: lookup,
    },
    Intent {
        name: "distinct_values",
        category: Category::General,
        modifiers: &[Where, Where],
        frames: [
            "Which different {c} values occur in {rows}?",
            "List every distinct {c} of {rows} once.",
            "I need the set of {c} values found in {rows}, without repeats.",
            "distinct {c} of {many}",
            "each {c} once, over {rows}",
            "A drop-down offers every {c} that occurs in {rows}, each one once.",
        ],
        make: distinct_values,
    },
    Intent {
        name: "distinct_count",
        category: Category::General,
        modifiers: &[Where, Where],
        frames: [
            "How many different {c} values do {rows} have?",
            "Count the distinct {c} of {rows}.",
            "I need to know how many different {c} values occur in {rows}.",
            "number of distinct {c} of {many}",
            "the count of different {c} values over {rows}",
            "To size a form, someone asks how many different {c} values there are in {rows}.",
        ],
        make: distinct_count,
    },
    Intent {
        name: "date_range",
        category: Category::General,
        modifiers: &[Where, Where],
        frames: [
            "What are the first and the last {d} of {rows}?",
            "Find the earliest and the latest {d} of {rows}.",
            "I need the stretch of time that {rows} cover: first and last {d}.",
            "earliest and latest {d} of {many}",
            "in one row, the earliest and the latest {d} of {rows}",
            "An archive is to be labelled with the earliest and the latest {d} of {rows}.",
        ],
        make: date_range,
    },
    Intent {
        name: "owner_count",
        category: Category::General,
        modifiers: &[Where, Where, Second, Having, Top],
        frames: [
            "How many {rows} does each {o} that has any have?",
            "Count {rows} per {o}, leaving out each {o} without any.",
            "I need, for every {o} with at least one, the number of {rows}.",
            "count of {many} per {o} (only those with any)",
            "per {o}, the number of {rows}, only where there are any",
            "Every {o} with {rows} gets a letter that says how many; make the list.",
        ],
        make: owner_count,
    },
];

const AGGREGATES: [(&str, &str); 4] = [
    ("total", "SUM"),
    ("average", "AVG"),
    ("highest", "MAX"),
    ("lowest", "MIN"),
];

fn row_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[])?;
    ask.filters(&mut query)?;
    let words = format!("number of {}", ask.many());
    query.value(&words, "COUNT(*)", Kind::Number);
    Some(query)
}

fn single_figure(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    let (name, function) = *ask.draw.pick(&AGGREGATES)?;
    ask.tag(name);
    let value = format!("{function}({})", measure.sql);
    query.value(&of_measure(name, &measure), &value, Kind::Number);
    if ask.takes(Second) {
        let words = format!("number of {}", ask.many());
        query.value(&words, "COUNT(*)", Kind::Number);
        ask.tag("also_count");
    }
    ask.say("a", name);
    ask.say("m", measure.words);
    Some(query)
}

fn row_list(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Key])?;
    let count = 1 + ask.draw.below(2);
    let mut shown = Vec::new();
    for _ in 0..count {
        let column = ask.unused(&query, &SHOWN)?;
        query.used.push((0, column));
        shown.push(column);
    }
    ask.filters(&mut query)?;
    ask.list_key(&mut query, false)?;
    let table = ask.base_table();
    let mut words = Vec::new();
    for column in shown {
        let found = &table.columns[column];
        let kind = kind_of(found.content);
        let output = query.value(&found.label, &at(0, &found.name), kind);
        output.nullable = found.nullable;
        words.push(found.label.clone());
    }
    ask.tag(format!("{count}_columns"));
    ask.say("c", listed(&words, "and"));
    ask.arrange(&mut query)?;
    Some(query)
}

fn group_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Group])?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let words = format!("number of {}", ask.many());
    query.value(&words, "COUNT(*)", Kind::Number);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn group_figure(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.number(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let (name, function) = *ask.draw.pick(&AGGREGATES)?;
    ask.tag(name);
    let value = format!("{function}({})", measure.sql);
    query.value(&of_measure(name, &measure), &value, Kind::Number);
    ask.say("g", group.words);
    ask.say("a", name);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn top_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, false)?;
    let value = query.outputs.len();
    query.value(&measure.words, &measure.sql, Kind::Number);
    let is_highest = ask.draw.chance(65);
    ask.tag(if is_highest { "highest" } else { "lowest" });
    ask.sorted(&mut query, &[(value, is_highest)]);
    let count = ask.constants.between(2, 20) as usize;
    ask.first(&mut query, count);
    ask.say("n", count.to_string());
    ask.say("best", if is_highest { "highest" } else { "lowest" });
    ask.say("m", measure.words);
    Some(query)
}

fn lookup(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Key, Need::Owner])?;
    ask.filters(&mut query)?;
    ask.list_key(&mut query, false)?;
    let owner = ask.owner(&mut query)?;
    let (shown, words) = owner.name.unwrap_or((owner.key, owner.key_words));
    query.value(&words, &shown, Kind::Text);
    ask.say("o", words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn distinct_values(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    query.used.push((0, column));
    ask.only_known(&mut query, column);
    ask.filters(&mut query)?;
    let found = &ask.base_table().columns[column];
    query.select.distinct = true;
    query.key(&found.label, &at(0, &found.name), Kind::Text);
    ask.say("c", found.label.clone());
    ask.arrange(&mut query)?;
    Some(query)
}

fn distinct_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[])?;
    let column = ask.unused(
        &query,
        &[Content::Category, Content::Name, Content::Reference],
    )?;
    query.used.push((0, column));
    ask.filters(&mut query)?;
    let found = &ask.base_table().columns[column];
    let words = format!("number of different {} values", found.label);
    let value = format!("COUNT(DISTINCT {})", at(0, &found.name));
    query.value(&words, &value, Kind::Number);
    if found.nullable {
        let label = &found.label;
        ask.note(
            format!("A missing {label} (NULL) does not count as a value"),
            format!("NULL {label} not counted"),
        );
    }
    ask.say("c", found.label.clone());
    Some(query)
}

fn date_range(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let column = ask.unused(&query, &roles::DAYS)?;
    let day = ask.day(&mut query, column);
    ask.filters(&mut query)?;
    for (name, function) in [("earliest", "MIN"), ("latest", "MAX")] {
        let value = format!("{function}({})", day.sql);
        query.value(&format!("{name} {}", day.words), &value, Kind::Time);
    }
    ask.say("d", day.words);
    Some(query)
}

fn owner_count(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner])?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    ask.group_owner(&mut query, &owner);
    let words = format!("number of {}", ask.many());
    query.value(&words, "COUNT(*)", Kind::Number);
    let one = ask.table_at(owner.table).one.clone();
    ask.say("o", one);
    ask.grouped(&mut query)?;
    Some(query)
}

/// How a column of this content sorts.
pub fn kind_of(content: Content) -> Kind {
    match content {
        Content::Date | Content::DateTime => Kind::Time,
        Content::Money | Content::Quantity | Content::Measure => Kind::Number,
        _ => Kind::Text,
    }
}
