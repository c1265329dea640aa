//! Pivots: the words of a column side by side, per group or period.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::parts::Group;
use super::phrase;
use super::query::{Kind, Query};
use super::roles::Need;
use super::sql::at;

use Modifier::{Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "count_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Harder],
        frames: [
            "For each {g}, how many {rows} have {c} {w}, each in a column of its own?",
            "Pivot {rows}: one row per {g}, one column with the count for each {c} out of {w}.",
            "I need a cross table of {rows} with {g} down the side and {c} {w} across, holding counts.",
            "{many} per {g}, counts in columns for {c} {w}",
            "with a column for each {c} of {w}, the number per {g} of {rows}",
            "For a slide, put {c} {w} side by side and count {rows} for every {g}.",
        ],
        make: count_pivot,
    },
    Intent {
        name: "sum_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Harder],
        frames: [
            "For each {g}, what is the total {m} of {rows} with {c} {w}, each in a column of its own?",
            "Pivot the {m} of {rows}: one row per {g}, and for each {c} out of {w} a column with the total.",
            "I need a cross table with {g} down the side, {c} {w} across, and the total {m} of {rows} in the cells.",
            "total {m} of {many} per {g}, in columns for {c} {w}",
            "with a column for each {c} of {w}, the total {m} per {g} over {rows}",
            "Controlling compares {c} {w} side by side: show for every {g} the total {m} of {rows} in each.",
        ],
        make: sum_pivot,
    },
    Intent {
        name: "average_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "For each {g}, what is the average {m} of {rows} with {c} {w}, each in its own column?",
            "Give one row per {g} and a column each for {c} {w} with the average {m} of {rows}.",
            "I need average {m} of {rows} as a table: {g} in rows, {c} {w} in columns.",
            "average {m} of {many} per {g}, in columns for {c} {w}",
            "a column each for {c} {w}, a row for each {g}, and in the cells the average {m} over {rows}",
            "To compare prices fairly, lay out {c} {w} as columns and average {m} over {rows} for each {g}.",
        ],
        make: average_pivot,
    },
    Intent {
        name: "percent_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "For each {g}, what percentage of {rows} has {c} {w}, one column each?",
            "Show per {g} the percentages (0 to 100) of {rows} with {c} {w}, in a column each.",
            "I need the mix within each {g}: percent of its {rows} with {c} {w}, side by side.",
            "percent of {many} with {c} {w} in columns, per {g} (100 = all of that {g})",
            "taking all in a {g} as 100 percent, the percentages with {c} {w} in columns of their own, over {rows}",
            "Totals hide the mix, so show for each {g} which percentage of {rows} has {c} {w}, in one column each.",
        ],
        make: percent_pivot,
    },
    Intent {
        name: "pivot_with_total",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "For each {g}, how many {rows} have {c} {w}, in a column each, and how many are there with any {c} at all or none?",
            "Make a row per {g} with the count of {rows} for {c} {w} and, last, the count of all of them whatever the {c}.",
            "I need counts of {rows} per {g} in columns for {c} {w}, closed by a column for all {many} of that {g}.",
            "{many} per {g}: counts in columns for {c} {w}, then count of all (any or no {c})",
            "per {g}, columns with the number for {c} {w}, and the number of all {rows} whatever their {c}",
            "The cross table of {rows}, {g} by {c} {w}, must show at its right edge the count of all in that {g}, other values and NULL included.",
        ],
        make: pivot_with_total,
    },
    Intent {
        name: "period_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Harder],
        frames: [
            "In each {p} of {d}, how many {rows} had {c} {w}, each in its own column?",
            "Count {rows} per {p} of {d} in columns for {c} {w}.",
            "I need a timeline of {rows} by {p} of {d} that shows {c} {w} beside each other as counts.",
            "{many} per {p} of {d}, counts in columns for {c} {w}",
            "for each {p} of {d}, in a column each for {c} {w}, the number of {rows}",
            "A chart with one line for each {c} of {w} needs the number of {rows} per {p} of {d} in columns.",
        ],
        make: period_pivot,
    },
];

/// The column whose words become columns.
struct Across {
    sql: String,
    words: Vec<String>,
}

/// Draws a category of the first table and two or three of its words; says `c` and `w`.
fn across(ask: &mut Ask, query: &mut Query) -> Option<Across> {
    let column = ask.unused(query, &[Content::Category])?;
    query.used.push((0, column));
    let found = &ask.base_table().columns[column];
    let count = if ask.draw.chance(50) { 3 } else { 2 };
    let words = ask
        .words_of(found, count)
        .or_else(|| ask.words_of(found, 2))?;
    ask.tag(format!("across{}", words.len()));
    ask.say("c", found.label.clone());
    ask.say("w", phrase::listed(&words, "and"));
    Some(Across {
        sql: at(0, &found.name),
        words,
    })
}

/// A word as the name of an output.
fn bare(word: &str) -> String {
    word.trim_matches('\'').replace("''", "'")
}

/// Begins a pivot: the group down the side, the words across, the filters.
fn table(ask: &mut Ask, needs: &[Need]) -> Option<(Query, Group, Across)> {
    let mut query = ask.start(needs)?;
    let across = across(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    ask.say("g", group.words.clone());
    Some((query, group, across))
}

/// Says that groups without any of the words are listed.
fn note_all_listed(ask: &mut Ask, group: &str, empty: &str) {
    let many = ask.many();
    ask.note(
        format!("Every {group} that has such {many} is listed; {empty} where none match"),
        format!("every {group} listed, {empty} where none match"),
    );
}

fn count_of(across: &Across, word: &str) -> String {
    format!("SUM(CASE WHEN {} = {word} THEN 1 ELSE 0 END)", across.sql)
}

fn counts(ask: &mut Ask, query: &mut Query, across: &Across) {
    for word in &across.words {
        let words = format!("count of {}", bare(word));
        query.value(&words, &count_of(across, word), Kind::Number);
    }
    if ask.takes(Harder) {
        let (first, last) = (&across.words[0], &across.words[across.words.len() - 1]);
        let difference = format!("{} - {}", count_of(across, first), count_of(across, last));
        query.value("difference", &difference, Kind::Number);
        ask.note(
            format!("End with the difference: the count for {first} minus that for {last}"),
            format!("last the difference {first} minus {last}"),
        );
        ask.tag("difference");
    }
}

fn count_pivot(ask: &mut Ask) -> Option<Query> {
    let (mut query, group, across) = table(ask, &[Need::Category, Need::TwoGroups])?;
    counts(ask, &mut query, &across);
    note_all_listed(ask, &group.words, "0");
    ask.grouped(&mut query)?;
    Some(query)
}

fn sum_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category, Need::TwoGroups, Need::Number])?;
    let measure = ask.amount(&mut query).or_else(|| ask.number(&mut query))?;
    let across = across(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let total = |word: &str| {
        let test = format!("{} = {word}", across.sql);
        format!("SUM(CASE WHEN {test} THEN {} ELSE 0 END)", measure.sql)
    };
    for word in &across.words {
        query.value(
            &format!("total of {}", bare(word)),
            &total(word),
            Kind::Number,
        );
    }
    if ask.takes(Harder) {
        query.value(
            "total of all",
            &format!("SUM({})", measure.sql),
            Kind::Number,
        );
        ask.note(
            "End with a column for the total of all, other and missing words included",
            "last the total of all, other and NULL included",
        );
        ask.tag("all");
    }
    note_all_listed(ask, &group.words, "0");
    ask.say("g", group.words);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn average_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category, Need::TwoGroups, Need::Number])?;
    let measure = ask.number(&mut query)?;
    let across = across(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let is_filter = ask.draw.chance(50);
    for word in &across.words {
        let test = format!("{} = {word}", across.sql);
        let average = if is_filter {
            format!("AVG({}) FILTER (WHERE {test})", measure.sql)
        } else {
            format!("AVG(CASE WHEN {test} THEN {} END)", measure.sql)
        };
        query
            .value(
                &format!("average of {}", bare(word)),
                &average,
                Kind::Number,
            )
            .nullable = true;
    }
    note_all_listed(ask, &group.words, "NULL");
    ask.say("g", group.words);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn percent_pivot(ask: &mut Ask) -> Option<Query> {
    let (mut query, group, across) = table(ask, &[Need::Category, Need::TwoGroups])?;
    for word in &across.words {
        let percent = format!("100.0 * {} / COUNT(*)", count_of(&across, word));
        query.value(&format!("percent {}", bare(word)), &percent, Kind::Number);
    }
    note_all_listed(ask, &group.words, "0");
    ask.grouped(&mut query)?;
    Some(query)
}

fn pivot_with_total(ask: &mut Ask) -> Option<Query> {
    let (mut query, group, across) = table(ask, &[Need::Category, Need::TwoGroups])?;
    counts(ask, &mut query, &across);
    query.value("count of all", "COUNT(*)", Kind::Number);
    note_all_listed(ask, &group.words, "0");
    ask.grouped(&mut query)?;
    Some(query)
}

fn period_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Category, Need::Date])?;
    let across = across(ask, &mut query)?;
    let day = ask.date(&mut query)?;
    let period = ask.period(&day);
    ask.filters(&mut query)?;
    query.group(&period.words, &period.sql, Kind::Time);
    counts(ask, &mut query, &across);
    let name = ask.group_word.clone();
    note_all_listed(ask, &name, "0");
    ask.say("p", name);
    ask.say("d", day.words);
    ask.grouped(&mut query)?;
    Some(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(bare("'it''s'"), "it's");
    }
}
