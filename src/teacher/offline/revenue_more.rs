//! Revenue and finance: bands, comparisons and what stands out.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::constants;
use super::intent::Intent;
use super::modifiers::of_measure;
use super::query::{Kind, Query};
use super::roles::Need;
use super::sql::at;

use crate::database::schema::Content;
use Modifier::{Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "amount_bands",
        category: Category::Revenue,
        modifiers: &[Where, Where, Having, Second],
        frames: [
            "How many {rows} fall into each band of {m}: 'low' (below {a}), 'middle' ({a} to below {b}) and 'high' ({b} or more)?",
            "Sort {rows} into bands by {m}, 'low' below {a}, 'high' from {b} on, 'middle' between, and count them per band.",
            "I need the number of {rows} per price band, where {m} under {a} is 'low', from {a} but under {b} 'middle', and at least {b} 'high'.",
            "count of {many} per band of {m}: low < {a} <= middle < {b} <= high",
            "with {m} split at {a} and {b} into 'low', 'middle' and 'high' (a bound belongs to the band above it), the number of {rows} in each band",
            "Marketing thinks in three bands of {m}: 'low' under {a}, 'middle' from {a} up to but without {b}, 'high' from {b}. Say how many {rows} each band holds.",
        ],
        make: amount_bands,
    },
    Intent {
        name: "above_average_rows",
        category: Category::Revenue,
        modifiers: &[Where, Where, Top],
        frames: [
            "Which {rows} have {an} {m} {above} the average {m} of all of these?",
            "List {rows} with {an} {m} {above} their overall average.",
            "I need those {many} whose {m} is {above} the mean {m} of the {many} considered.",
            "{many} with {m} {above} the average of all considered",
            "those with {an} {m} {above} the average {m} of {rows} considered here",
            "A controller looks for {rows} that lie {above} the average {m} of this same set.",
        ],
        make: above_average_rows,
    },
    Intent {
        name: "owner_spread",
        category: Category::Revenue,
        modifiers: &[Where, Where, Having, Second, Top],
        frames: [
            "How far apart are the highest and the lowest {m} of {rows} for each {o}?",
            "For each {o}, give the lowest and the highest {m} of their {rows} and the difference between the two.",
            "I need to see how much the {m} of {rows} varies for every {o}: minimum, maximum and their difference.",
            "min, max and range of {m} of {many} per {o}",
            "per {o}, the lowest {m}, the highest {m} and the gap between them over {rows}",
            "Risk control asks which {o} has uneven {many}: show the smallest and largest {m} and largest minus smallest over {rows}.",
        ],
        make: owner_spread,
    },
    Intent {
        name: "two_words_compared",
        category: Category::Revenue,
        modifiers: &[Where, Where, Where],
        frames: [
            "By how much does the total {m} of {rows} with {g} {a} exceed that with {g} {b}?",
            "Compare {rows}: total {m} for {g} {a}, total {m} for {g} {b}, and the first minus the second.",
            "I need {a} against {b} (both are a {g}): the total {m} of {rows} for each and the difference, {a} minus {b}.",
            "total {m} of {many} for {g} {a} and for {g} {b}, and first minus second",
            "in one row, the total {m} for {g} {a}, for {g} {b}, and what is left when the second is taken from the first, over {rows}",
            "Two managers argue whether {g} {a} or {g} {b} brings more; settle it with both totals of {m} over {rows} and the first minus the second.",
        ],
        make: two_words_compared,
    },
    Intent {
        name: "flag_split",
        category: Category::Revenue,
        modifiers: &[Where, Where, Second, Having],
        frames: [
            "How do {rows} with {f} 1 and with {f} 0 differ in number and average {m}?",
            "Split {rows} by {f} and give the count and the average {m} of each side.",
            "I need the number and the mean {m} of {rows} for both values of {f}.",
            "{many} by {f}: count and average {m}",
            "for each value of {f}, how many {rows} there are and their average {m}",
            "An analyst tests whether {f} matters and needs the count and average {m} of {rows} for each of its values.",
        ],
        make: flag_split,
    },
    Intent {
        name: "revenue_per_owner",
        category: Category::Revenue,
        modifiers: &[Where, Where, Having, Second, Top],
        frames: [
            "What do {rows} of each {o} add up to in {m}?",
            "Total the {m} of {rows} per {o}.",
            "I need a list that shows for every {o} the total {m} of their {rows}.",
            "total {m} of {many} per {o}",
            "for each {o} that has any, the total {m} of their {rows}",
            "Accounting sends a statement to each {o} and needs the total {m} of their {rows}.",
        ],
        make: revenue_per_owner,
    },
];

fn amount_bands(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number])?;
    let measure = ask.number(&mut query)?;
    let column = &ask.table_at(measure.column.0).columns[measure.column.1];
    let low = constants::amount(column, &mut ask.constants, 20, 40)?;
    let high = constants::amount(column, &mut ask.constants, 55, 80)?;
    if low.parse::<f64>().ok()? >= high.parse::<f64>().ok()? {
        return None;
    }
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    let value = &measure.sql;
    let bands = format!(
        "CASE WHEN {value} < {low} THEN 'low' WHEN {value} < {high} THEN 'middle' ELSE 'high' END"
    );
    query.group("band", &bands, Kind::Text);
    let count = format!("number of {}", ask.many());
    query.value(&count, "COUNT(*)", Kind::Number);
    "band".clone_into(&mut ask.group_word);
    ask.note("A band without any is not listed", "no empty bands");
    ask.say("a", low);
    ask.say("b", high);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn above_average_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    // The average is that of the same rows, so the conditions stand in both.
    let mut average = query.clone();
    if query.select.sources.len() > 1 {
        average.select.nested = Some(query.select.sources.len());
    }
    average.value("average", &format!("AVG({})", measure.sql), Kind::Number);
    let average = average.text().replacen(" AS average", "", 1);
    let (sign, word) = if ask.draw.chance(70) {
        (">", "above")
    } else {
        ("<", "below")
    };
    ask.tag(word);
    query.filter(format!("{} {sign} ({average})", measure.sql));
    ask.list_key(&mut query, true)?;
    query.value(&measure.words, &measure.sql, Kind::Number);
    ask.say("above", word);
    ask.say("an", article(&measure.words));
    ask.say("m", measure.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn owner_spread(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Owner])?;
    let measure = ask.number(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.group_owner(&mut query, &owner);
    let value = &measure.sql;
    query.value(
        &of_measure("lowest", &measure),
        &format!("MIN({value})"),
        Kind::Number,
    );
    query.value(
        &of_measure("highest", &measure),
        &format!("MAX({value})"),
        Kind::Number,
    );
    query.value(
        "difference",
        &format!("MAX({value}) - MIN({value})"),
        Kind::Number,
    );
    ask.say("o", ask.table_at(owner.table).one.clone());
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn two_words_compared(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Amount, Need::Category])?;
    let measure = ask.amount(&mut query)?;
    let column = ask.unused(&query, &[Content::Category])?;
    query.used.push((0, column));
    let found = &ask.base_table().columns[column];
    let words = ask.words_of(found, 2)?;
    let (first, second) = (words.first()?.clone(), words.get(1)?.clone());
    ask.filters(&mut query)?;
    let case = |word: &str| {
        let test = format!("{} = {word}", at(0, &found.name));
        format!("SUM(CASE WHEN {test} THEN {} END)", measure.sql)
    };
    let (one, other) = (case(&first), case(&second));
    query.value(&format!("total of {first}"), &one, Kind::Number);
    query.value(&format!("total of {second}"), &other, Kind::Number);
    query.value("difference", &format!("{one} - {other}"), Kind::Number);
    ask.only_measured(&mut query, &measure);
    ask.note(
        "A total over nothing is NULL, and so is the difference then",
        "NULL where there is nothing to add",
    );
    ask.say("a", first);
    ask.say("b", second);
    ask.say("g", found.label.clone());
    ask.say("m", measure.words);
    Some(query)
}

fn flag_split(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Flag])?;
    let measure = ask.number(&mut query)?;
    let column = ask.unused(&query, &[Content::Flag])?;
    query.used.push((0, column));
    let flag = &ask.base_table().columns[column];
    ask.only_known(&mut query, column);
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&flag.label, &at(0, &flag.name), Kind::Number);
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    let average = format!("AVG({})", measure.sql);
    query.value(&of_measure("average", &measure), &average, Kind::Number);
    ask.group_word.clone_from(&flag.label);
    ask.say("f", flag.label.clone());
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn revenue_per_owner(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Amount, Need::Owner])?;
    let measure = ask.amount(&mut query)?;
    let owner = ask.owner(&mut query)?;
    ask.filters(&mut query)?;
    let nullable = ask.settle(&mut query, &measure);
    ask.group_owner(&mut query, &owner);
    let sum = format!("SUM({})", measure.sql);
    query
        .value(&of_measure("total", &measure), &sum, Kind::Number)
        .nullable = nullable;
    ask.say("o", ask.table_at(owner.table).one.clone());
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn article(words: &str) -> &'static str {
    if words.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    }
}
