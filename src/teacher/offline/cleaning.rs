//! Data cleaning: amounts as text, missing values, labels.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::parts::Measure;
use super::query::{Kind, Query};
use super::roles::{self, Need};
use super::sql::at;

use Modifier::{By, Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "unreadable_amounts",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {rows} have text in {m} that can't be read as a number?",
            "List {rows} whose {m} is there but is no readable number, with the text.",
            "I need the faulty entries: the {m} is filled in, yet no number can be read from it, over {rows}.",
            "{many} with {m} present but unreadable as a number, with the text",
            "those with a {m} that is not NULL but can't be read as a number, among {rows}",
            "Before the import, somebody has to correct by hand each {m} that has text but no readable number; list them over {rows}.",
        ],
        make: unreadable_amounts,
    },
    Intent {
        name: "unreadable_by_group",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Having, Top, By],
        frames: [
            "For each {g}, how many {rows} are there and how many of them have no readable number in {m} (missing or not a number)?",
            "Count per {g} all {many} and those whose {m} is missing or can't be read as a number, over {rows}.",
            "I need to find out which {g} delivers bad data: number of {rows}, and how many of these lack a readable {m}.",
            "per {g}: count of {many}, count without readable {m} (NULL or no number)",
            "by {g}, the number of {rows} and the number of those without a readable {m}, be it NULL or junk",
            "Data quality is checked per {g}; show the count of {rows} and the count of those whose {m} gives no number (NULL included).",
        ],
        make: unreadable_by_group,
    },
    Intent {
        name: "readable_share",
        category: Category::Cleaning,
        modifiers: &[Where, Where, By, Harder],
        frames: [
            "What percentage of {rows} has a readable number in {m}?",
            "Compute the percentage (0 to 100) of {rows} whose {m} can be read as a number; all of them are the base, NULLs too.",
            "I need one quality figure: the percentage with a readable {m} among all {rows}.",
            "percent of {many} with readable {m}, NULL counts as unreadable",
            "as a percentage of all {many} considered, those with a readable {m}, over {rows}",
            "The vendor promised clean data; verify it with the percentage of {rows} that have a readable number in {m} (NULL is not readable).",
        ],
        make: readable_share,
    },
    Intent {
        name: "cleaned_totals",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Having, Top, By],
        frames: [
            "After cleaning, what is the total {m} of {rows} for each {g}, and from how many readable values does it come?",
            "Clean {m}, then sum it per {g} and count the readable values, over {rows}.",
            "I need a trustworthy total of {m} for every {g} of {rows}, with the number of values that could be read.",
            "cleaned total {m} and count of readable {m} of {many} per {g}",
            "per {g}, the sum of the readable {m} and how many were readable, over {rows}",
            "The amounts were typed by hand, so report per {g} the total of the readable {m} values and their number, for {rows}.",
        ],
        make: cleaned_totals,
    },
    Intent {
        name: "missing_counts",
        category: Category::Cleaning,
        modifiers: &[Where, Where, By, Harder],
        frames: [
            "How many {rows} are there in all, and how many have NULL in {c}?",
            "Count {rows}, and count those where {c} is missing (NULL).",
            "I need to know how complete {c} is: number of {rows}, and number with NULL there.",
            "{many}: count, count of NULL {c}",
            "besides the count of {rows}, the count of those with NULL in {c}",
            "A form left {c} optional; find out how many {rows} there are and how many have NULL there.",
        ],
        make: missing_counts,
    },
    Intent {
        name: "filled_share_by_group",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "For each {g}, what percentage of {rows} has {c} not NULL?",
            "Compute per {g} the percentage (0 to 100) of {rows} where {c} is not NULL.",
            "I need the completeness of {c} by {g}: percent of {rows} where it is not NULL.",
            "percent of {many} with {c} not NULL per {g}",
            "by {g}, how many percent of {rows} have {c} other than NULL",
            "Some {g} is careless with {c}: show for each the percentage of {rows} in which it is not NULL.",
        ],
        make: filled_share_by_group,
    },
    Intent {
        name: "tidy_labels",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "How many {rows} are there per {c} if blanks around it are dropped and it is written in {l} letters?",
            "Trim {c}, put it in {l} letters and count {rows} for each result.",
            "I need counts of {rows} per {c} that don't depend on spelling: trimmed and in {l} letters.",
            "count of {many} by {c}, trimmed and in {l} letters",
            "with {c} trimmed and turned into {l} letters, the number of {rows} for each",
            "Typists added blanks and mixed large and small letters in {c}, so count {rows} by its trimmed form in {l} letters.",
        ],
        make: tidy_labels,
    },
    Intent {
        name: "fallback_label",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "How many {rows} are there for each {c}, with NULL counted as '{w}'?",
            "Count {rows} by {c} and put '{w}' where it is NULL.",
            "I need the number of {rows} per {c} without gaps: NULL shall read '{w}'.",
            "count of {many} by {c}, NULL shown as '{w}'",
            "with '{w}' in place of NULL, the number per {c} of {rows}",
            "The chart can't show NULL, so replace it by '{w}' in {c} and give the number of {rows} for each.",
        ],
        make: fallback_label,
    },
];

/// Begins with a table whose amounts are text; gives that amount.
fn text_amount(ask: &mut Ask, needs: &[Need]) -> Option<(Query, Measure)> {
    let mut query = ask.start(needs)?;
    let column = ask.unused(&query, &[Content::MoneyText])?;
    let measure = ask.measure(&mut query, column);
    ask.say("m", measure.words.clone());
    Some((query, measure))
}

fn unreadable_amounts(ask: &mut Ask) -> Option<Query> {
    let (mut query, measure) = text_amount(ask, &[Need::MoneyText, Need::Key])?;
    let column = &ask.base_table().columns[measure.column.1];
    ask.filters(&mut query)?;
    if column.nullable {
        query.filter(format!("{} IS NOT NULL", measure.raw));
    }
    query.filter(format!("{} IS NULL", measure.sql));
    ask.note(
        "Empty text counts as unreadable text, NULL doesn't",
        "empty text included, NULL not",
    );
    ask.list_key(&mut query, false)?;
    query.value(
        &format!("{} (the text)", measure.words),
        &measure.raw,
        Kind::Text,
    );
    if ask.takes(Harder) {
        let length = format!("LENGTH({})", measure.raw);
        query.value("length of the text", &length, Kind::Number);
        ask.note(
            "Show the length of the text as well",
            "also the text's length",
        );
        ask.tag("length");
    }
    ask.arrange(&mut query)?;
    Some(query)
}

fn unreadable_by_group(ask: &mut Ask) -> Option<Query> {
    let (mut query, measure) = text_amount(ask, &[Need::MoneyText, Need::Group])?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    let bad = format!("SUM(CASE WHEN {} IS NULL THEN 1 ELSE 0 END)", measure.sql);
    query.value("number without a readable one", &bad, Kind::Number);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn readable_share(ask: &mut Ask) -> Option<Query> {
    let (mut query, measure) = text_amount(ask, &[Need::MoneyText])?;
    ask.filters(&mut query)?;
    let share = format!("100.0 * COUNT({}) / COUNT(*)", measure.sql);
    query.value("percentage", &share, Kind::Number);
    if ask.takes(Harder) {
        query.value(
            "number of readable values",
            &format!("COUNT({})", measure.sql),
            Kind::Number,
        );
        ask.note(
            "Give the number of readable values, too",
            "also the number of readable values",
        );
        ask.tag("number");
    }
    overall_by(ask, &mut query)?;
    Some(query)
}

/// Turns one overall row into a row per group, if that was drawn.
fn overall_by(ask: &mut Ask, query: &mut Query) -> Option<()> {
    if !ask.takes(By) {
        return Some(());
    }
    let group = ask.group(query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    query.outputs.rotate_right(1);
    let words = &group.words;
    ask.note(
        format!("Do so for each {words} on its own, in a row each"),
        format!("per {words}, shown first"),
    );
    ask.tag("by");
    ask.arrange(query)
}

fn cleaned_totals(ask: &mut Ask) -> Option<Query> {
    let (mut query, measure) = text_amount(ask, &[Need::MoneyText, Need::Group])?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let sum = format!("SUM({})", measure.sql);
    query
        .value(&of_measure("total", &measure), &sum, Kind::Number)
        .nullable = true;
    query.value(
        "number of readable values",
        &format!("COUNT({})", measure.sql),
        Kind::Number,
    );
    let words = &group.words;
    ask.note(
        format!("A {words} without any readable value stays in, with NULL as its total"),
        format!("NULL total for a {words} with none readable"),
    );
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

/// A column of the first table that may be NULL and isn't text to be cleaned.
fn optional(ask: &mut Ask, query: &mut Query) -> Option<(String, String)> {
    let columns = roles::nullable(ask.base_table());
    let free = columns.filter(|(place, _)| !query.used.contains(&(0, *place)));
    let found = *ask.draw.pick(&free.collect::<Vec<_>>())?;
    query.used.push((0, found.0));
    Some((at(0, &found.1.name), found.1.label.clone()))
}

fn missing_counts(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Nullable])?;
    let (column, label) = optional(ask, &mut query)?;
    let second = if ask.takes(Harder) {
        Some(optional(ask, &mut query)?)
    } else {
        None
    };
    ask.filters(&mut query)?;
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    let missing = |column: &str| format!("COUNT(*) - COUNT({column})");
    query.value(
        &format!("number without {label}"),
        &missing(&column),
        Kind::Number,
    );
    if let Some((other, other_label)) = second {
        query.value(
            &format!("number without {other_label}"),
            &missing(&other),
            Kind::Number,
        );
        ask.note(
            format!("Count those where {other_label} is missing as well"),
            format!("also the count of NULL {other_label}"),
        );
        ask.tag("two");
    }
    ask.say("c", label);
    overall_by(ask, &mut query)?;
    Some(query)
}

fn filled_share_by_group(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Nullable, Need::Group])?;
    let (column, label) = optional(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let share = format!("100.0 * COUNT({column}) / COUNT(*)");
    query.value("percentage filled", &share, Kind::Number);
    ask.say("c", label);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn tidy_labels(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    query.used.push((0, column));
    ask.only_known(&mut query, column);
    ask.filters(&mut query)?;
    let found = &ask.base_table().columns[column];
    let (function, letters) = *ask.draw.pick(&[("LOWER", "small"), ("UPPER", "capital")])?;
    ask.tag(letters);
    let tidy = format!("{function}(TRIM({}))", at(0, &found.name));
    query.group(&format!("tidy {}", found.label), &tidy, Kind::Text);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    ask.group_word = format!("tidy {}", found.label);
    ask.say("l", letters);
    ask.say("c", found.label.clone());
    ask.grouped(&mut query)?;
    Some(query)
}

fn fallback_label(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Nullable])?;
    let table = ask.base_table();
    let columns = table.columns_of(&[Content::Category, Content::Text, Content::Flag]);
    let optional = columns.filter(|(_, column)| column.nullable);
    let optional = optional.filter(|(_, column)| column.content != Content::Flag);
    let (column, found) = *ask.draw.pick(&optional.collect::<Vec<_>>())?;
    query.used.push((0, column));
    ask.filters(&mut query)?;
    let words = ["unknown", "none", "missing", "other"];
    let word = *ask.constants.pick(&words)?;
    let filled = format!("COALESCE({}, '{word}')", at(0, &found.name));
    query.group(&format!("{} or '{word}'", found.label), &filled, Kind::Text);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    ask.group_word.clone_from(&found.label);
    ask.say("w", word);
    ask.say("c", found.label.clone());
    ask.grouped(&mut query)?;
    Some(query)
}
