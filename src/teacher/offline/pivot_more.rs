//! Pivots: quarters, years, flags and bands side by side; rows made of columns.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::constants;
use super::intent::Intent;
use super::modifiers::of_measure;
use super::query::{Kind, Query};
use super::roles::Need;
use super::sql::at;

use Modifier::{Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "quarter_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "For each {g}, what is the {v} of {rows} in each of the four quarters of {y} by {d}, a column per quarter?",
            "Lay out {y} by quarters: one row per {g}, columns Q1 to Q4 with the {v} of {rows} by {d}.",
            "I need the quarters of {y} (by {d}) side by side for every {g}, holding the {v} of {rows}.",
            "{v} of {many} per {g}, columns Q1 Q2 Q3 Q4 of {y} by {d}",
            "per {g}, in columns for the quarters Q1 to Q4 of {y} by {d}, the {v} of {rows}",
            "The yearly review of {y} shows four quarters next to each other: per {g} the {v} of {rows}, quarters by {d}.",
        ],
        make: quarter_pivot,
    },
    Intent {
        name: "year_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "For each {g}, how does the {v} of {rows} in {y} stand beside that in {z}, by {d}?",
            "Put the {v} of {rows} in {y} and in {z} (by {d}) in two columns, one row per {g}.",
            "I need last year against this one: per {g} the {v} of {rows} with {d} in {y}, then in {z}.",
            "{v} of {many} per {g}, columns {y} and {z} by {d}",
            "in two columns, {y} and {z} by {d}, the {v} per {g} of {rows}",
            "To see who grew, set the {v} of {rows} in {y} next to that in {z} for every {g}; the year is that of {d}.",
        ],
        make: year_pivot,
    },
    Intent {
        name: "flag_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "For each {g}, how many {rows} have {f} 1 and how many have {f} 0?",
            "Count {rows} per {g} in two columns, {f} 1 and {f} 0.",
            "I need for every {g} the number of {rows} with {f} 1 beside the number with {f} 0.",
            "{many} per {g}, counts in columns for {f} 1 and {f} 0",
            "side by side per {g}, the numbers with {f} 1 and with {f} 0 over {rows}",
            "The question is where {f} is common: show per {g} the count of {rows} with it at 1 and with it at 0.",
        ],
        make: flag_pivot,
    },
    Intent {
        name: "band_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "For each {g}, how many {rows} have {m} below {a} and how many {a} or more?",
            "Count {rows} per {g} in two columns: {m} under {a}, and {m} of at least {a}.",
            "I need small and large ones apart for each {g}: number of {rows} with {m} below {a}, and number from {a} on.",
            "{many} per {g}, counts in columns {m} < {a} and {m} >= {a}",
            "split at a {m} of {a} into below and not below, in two columns, the numbers per {g} of {rows}",
            "The fee changes at a {m} of {a}: count per {g} the {rows} below it and those at or above it, side by side.",
        ],
        make: band_pivot,
    },
    Intent {
        name: "two_dimensions",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "How many {rows} are there for every combination of {g} and {h} that occurs?",
            "Count {rows} for each pair of {g} and {h}.",
            "I need the cross-tabulation in long form: {g}, {h} and the number of {rows}.",
            "count of {many} by {g} and {h}",
            "for each occurring pair of {g} and {h}, the number of {rows}",
            "The pivot tool wants long data, so list every pair of {g} and {h} with its number of {rows}.",
        ],
        make: two_dimensions,
    },
    Intent {
        name: "total_row",
        category: Category::Pivot,
        modifiers: &[Where, Where, Harder],
        frames: [
            "What is the {v} of {rows} for each {g}, and over all of them in one more row named 'all'?",
            "Give the {v} of {rows} per {g} and add a row 'all' with the grand total.",
            "I need the table of {v} by {g} for {rows} with a last line 'all' that holds the total of the lines above.",
            "{v} of {many} per {g} plus a row 'all' with the grand total",
            "per {g} and, in an extra row called 'all', for everything together, the {v} of {rows}",
            "The printed report lists the {v} of {rows} by {g} and closes with a sum labelled 'all'.",
        ],
        make: total_row,
    },
    Intent {
        name: "weekend_pivot",
        category: Category::Pivot,
        modifiers: &[Where, Where, Having, Top, Second],
        frames: [
            "For each {g}, how many {rows} fall on Monday to Friday and how many on Saturday or Sunday, by {d}?",
            "Count {rows} per {g} in two columns: weekdays (Monday to Friday) and weekend (Saturday, Sunday), by {d}.",
            "I need weekday against weekend for every {g}: numbers of {rows} by {d}, Saturday and Sunday being the weekend.",
            "{many} per {g}, counts in columns Mon-Fri and Sat-Sun of {d}",
            "split by {d} into Monday to Friday and Saturday or Sunday, the two numbers per {g} of {rows}",
            "Staff costs more at weekends, so show per {g} how many {rows} come Monday to Friday and how many Saturday or Sunday ({d}).",
        ],
        make: weekend_pivot,
    },
    Intent {
        name: "measures_as_rows",
        category: Category::Pivot,
        modifiers: &[Where, Where, Where],
        frames: [
            "What are the total {m} and the total {k} of {rows}, as two rows named '{m}' and '{k}'?",
            "Turn totals into rows: '{m}' with its total and '{k}' with its total, over {rows}.",
            "I need a list with one line per measure, '{m}' and '{k}', and the total of each over {rows}.",
            "{many}: rows '{m}' and '{k}' with their totals",
            "one row for '{m}' and one for '{k}', each with its total over {rows}",
            "The chart takes a label and a value per row; feed it '{m}' and '{k}' with their totals over {rows}.",
        ],
        make: measures_as_rows,
    },
];

/// What is added up in the cells: the expression, and its name in words.
fn cell(ask: &mut Ask, query: &mut Query) -> Option<(String, String)> {
    if ask.draw.chance(35) {
        ask.tag("count");
        return Some(("1".to_owned(), "number".to_owned()));
    }
    let measure = ask.amount(query).or_else(|| ask.number(query))?;
    ask.only_measured(query, &measure);
    Some((measure.sql.clone(), of_measure("total", &measure)))
}

/// Says that groups without anything in a column are listed.
fn note_listed(ask: &mut Ask, group: &str) {
    ask.note(
        format!("Every {group} that has any is listed, with 0 where a column has none"),
        format!("every {group} listed, 0 where none"),
    );
}

fn quarter_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Group, Need::Number])?;
    let day = ask.date(&mut query)?;
    let (what, words) = cell(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    let year = ask.year_in(day.column)?.to_string();
    query.filter(format!("strftime('%Y', {}) = '{year}'", day.sql));
    ask.clause(
        format!("{} is in {year}", day.words),
        format!("{} in {year}", day.words),
    );
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    for (quarter, (first, last)) in [("01", "03"), ("04", "06"), ("07", "09"), ("10", "12")]
        .iter()
        .enumerate()
    {
        let month = format!("strftime('%m', {})", day.sql);
        let test = format!("{month} BETWEEN '{first}' AND '{last}'");
        let sum = format!("SUM(CASE WHEN {test} THEN {what} ELSE 0 END)");
        query.value(&format!("Q{}", quarter + 1), &sum, Kind::Number);
    }
    if ask.takes(Harder) {
        let all = if what == "1" {
            "COUNT(*)".to_owned()
        } else {
            format!("SUM({what})")
        };
        query.value("whole year", &all, Kind::Number);
        ask.note("End with the whole year", "last the whole year");
        ask.tag("year");
    }
    note_listed(ask, &group.words);
    ask.say("v", words);
    ask.say("g", group.words);
    ask.say("d", day.words);
    ask.say("y", year);
    ask.grouped(&mut query)?;
    Some(query)
}

fn year_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Group, Need::Number])?;
    let day = ask.date(&mut query)?;
    let (what, words) = cell(ask, &mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    let year = ask.year_in(day.column)?;
    let years = [year.to_string(), (year + 1).to_string()];
    query.filter(format!(
        "strftime('%Y', {}) IN ('{}', '{}')",
        day.sql, years[0], years[1]
    ));
    ask.clause(
        format!("{} is in {} or {}", day.words, years[0], years[1]),
        format!("{} in {} or {}", day.words, years[0], years[1]),
    );
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let sum = |year: &str| {
        let test = format!("strftime('%Y', {}) = '{year}'", day.sql);
        format!("SUM(CASE WHEN {test} THEN {what} ELSE 0 END)")
    };
    for year in &years {
        query.value(&format!("{words} {year}"), &sum(year), Kind::Number);
    }
    if ask.takes(Harder) {
        let growth = format!("{} - {}", sum(&years[1]), sum(&years[0]));
        query.value("growth", &growth, Kind::Number);
        ask.note(
            format!("End with the growth, {} minus {}", years[1], years[0]),
            format!("last the growth {} minus {}", years[1], years[0]),
        );
        ask.tag("growth");
    }
    note_listed(ask, &group.words);
    ask.say("v", words);
    ask.say("g", group.words);
    ask.say("d", day.words);
    let [first, second] = years;
    ask.say("y", first);
    ask.say("z", second);
    ask.grouped(&mut query)?;
    Some(query)
}

fn flag_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Flag, Need::Group])?;
    let column = ask.unused(&query, &[Content::Flag])?;
    query.used.push((0, column));
    let flag = &ask.base_table().columns[column];
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    for value in [1, 0] {
        let test = format!("{} = {value}", at(0, &flag.name));
        let count = format!("SUM(CASE WHEN {test} THEN 1 ELSE 0 END)");
        query.value(
            &format!("number with {} {value}", flag.label),
            &count,
            Kind::Number,
        );
    }
    note_listed(ask, &group.words);
    ask.say("f", flag.label.clone());
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn band_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.number(&mut query)?;
    let column = &ask.table_at(measure.column.0).columns[measure.column.1];
    let bound = constants::amount(column, &mut ask.constants, 25, 65)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let count = |sign: &str| {
        format!(
            "SUM(CASE WHEN {} {sign} {bound} THEN 1 ELSE 0 END)",
            measure.sql
        )
    };
    query.value(&format!("number below {bound}"), &count("<"), Kind::Number);
    query.value(
        &format!("number from {bound} on"),
        &count(">="),
        Kind::Number,
    );
    note_listed(ask, &group.words);
    ask.say("a", bound);
    ask.say("m", measure.words);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn two_dimensions(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::TwoGroups])?;
    let first = ask.group(&mut query)?;
    let second = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    for group in [&first, &second] {
        query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    }
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    ask.group_word = format!("combination of {} and {}", first.words, second.words);
    ask.say("g", first.words);
    ask.say("h", second.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn total_row(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Group])?;
    let (what, words) = if ask.draw.chance(40) {
        ("1".to_owned(), "number".to_owned())
    } else {
        cell(ask, &mut query)?
    };
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind);
    let is_count = what == "1";
    let value = if is_count {
        "COUNT(*)".to_owned()
    } else {
        format!("SUM({what})")
    };
    let value_words = if is_count {
        format!("number of {}", ask.many())
    } else {
        words.clone()
    };
    query.value(&value_words, &value, Kind::Number);
    let is_doubled = !is_count && ask.takes(Harder);
    if is_doubled {
        query.value(
            &format!("number of {}", ask.many()),
            "COUNT(*)",
            Kind::Number,
        );
        ask.note(
            format!(
                "Give the number of {} as well, in the row 'all', too",
                ask.many()
            ),
            format!("also the number of {}", ask.many()),
        );
        ask.tag("count");
    }
    let names: Vec<String> = (0..query.outputs.len())
        .map(|place| query.name(place))
        .collect();
    let outputs = query.outputs.clone();
    let mut outer = query.wrapped("groups");
    for (name, output) in names.iter().zip(&outputs) {
        outer.value(&output.words, name, output.kind);
    }
    // A count over nothing is 0, a sum is NULL.
    let sums = names[1..].iter().zip(&outputs[1..]).map(|(name, output)| {
        if output.expression == "COUNT(*)" {
            format!("COALESCE(SUM({name}), 0)")
        } else {
            format!("SUM({name})")
        }
    });
    let sums: Vec<String> = sums.collect();
    outer.select.compound.push((
        "UNION ALL",
        format!("SELECT 'all', {} FROM groups", sums.join(", ")),
    ));
    ask.tag(if is_count { "rows" } else { "sum" });
    ask.say("v", words);
    ask.say("g", group.words);
    Some(outer)
}

fn weekend_pivot(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Group])?;
    let day = ask.date(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let weekday = format!("strftime('%w', {})", day.sql);
    for (words, test) in [
        ("number Monday to Friday", "NOT IN"),
        ("number at weekends", "IN"),
    ] {
        let count = format!("SUM(CASE WHEN {weekday} {test} ('0', '6') THEN 1 ELSE 0 END)");
        query.value(words, &count, Kind::Number);
    }
    ask.say("d", day.words);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn measures_as_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::TwoNumbers])?;
    let (first, second) = (ask.number(&mut query)?, ask.number(&mut query)?);
    ask.filters(&mut query)?;
    let quoted = |words: &str| format!("'{}'", words.replace('\'', "''"));
    query.key("measure", &quoted(&first.words), Kind::Text);
    query.value("total", &format!("SUM({})", first.sql), Kind::Number);
    let mut other = query.select.clone();
    other.columns = vec![
        (quoted(&second.words), None),
        (format!("SUM({})", second.sql), None),
    ];
    query.select.compound.push(("UNION ALL", other.text()));
    if first.nullable || second.nullable {
        ask.note(
            "Missing or unreadable values are skipped, each measure for itself",
            "missing or unreadable values skipped, each measure for itself",
        );
    }
    ask.say("m", first.words);
    ask.say("k", second.words);
    Some(query)
}
