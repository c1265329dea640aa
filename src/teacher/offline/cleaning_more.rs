//! Data cleaning: duplicates, orphans, outliers and impossible dates.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::calendar;
use super::intent::Intent;
use super::parts::as_day;
use super::query::{Kind, Query};
use super::roles::{self, DAYS, Need, full_label};
use super::sql::at;

use Modifier::{Harder, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "repeated_values",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {c} occurs more than once among {rows}, and how often?",
            "Find every {c} that stands in two or more {many}, with the count, over {rows}.",
            "I need possible duplicates: each {c} that several {many} share, and how many do, over {rows}.",
            "{c} shared by more than one of {many}, with count",
            "each {c} with a count above 1, and that count, over {rows}",
            "Before merging records, someone wants each {c} that appears at least twice in {rows}, with its count.",
        ],
        make: repeated_values,
    },
    Intent {
        name: "first_of_repeated",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "If of all {many} with the same {c} only the one with the {low} {k} is kept, which {rows} remain?",
            "Deduplicate {rows} by {c}: keep the one with the {low} {k}.",
            "I need one row per {c}, the one with the {low} {k}, out of {rows}.",
            "{many} deduplicated by {c}, keeping {low} {k}",
            "per {c} just the one with the {low} {k}, out of {rows}",
            "A mailing must reach each {c} once, so pick from {rows} with the same {c} the one with the {low} {k}.",
        ],
        make: first_of_repeated,
    },
    Intent {
        name: "orphans",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Second],
        frames: [
            "Which {rows} name a {o} in {c} that does not exist?",
            "List {rows} whose {c} is filled in but matches no {o}.",
            "I need the broken links: {c} is not NULL, yet there is no such {o}, over {rows}.",
            "{many} with {c} not NULL and no matching {o}",
            "those with a {c} (not NULL) that no {o} has, among {rows}",
            "A migration lost some {os}: find the {c} of {rows} that points to none of those that are left (NULL is not meant).",
        ],
        make: orphans,
    },
    Intent {
        name: "negative_amounts",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {rows} have a {m} that reads as {sign}?",
            "List {rows} where {m}, read as a number, is {sign}.",
            "I need to check {many} whose {m} is {sign} once it is read as a number, among {rows}.",
            "{many} with cleaned {m} {sign}",
            "those whose {m} is {sign} when read as a number, among {rows}",
            "A {m} that is {sign} may be a refund or an error; list such {many} out of {rows}.",
        ],
        make: negative_amounts,
    },
    Intent {
        name: "outliers",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Second],
        frames: [
            "Which {rows} have a {m} of more than {k} times the average {m} over all {many} on file?",
            "List {rows} with {m} above {k} times the average of {m} in the whole table.",
            "I need the outliers in {m}: above {k} times the average {m} of all {many}, looking among {rows}.",
            "{many} with {m} > {k} x average {m} of the whole table",
            "those with {m} beyond {k} times the average over the whole table, among {rows}",
            "Typing errors often show as huge values: find {rows} with {m} over {k} times the average {m} of all {many} in the table.",
        ],
        make: outliers,
    },
    Intent {
        name: "dates_out_of_order",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {rows} have {b} before {a}?",
            "List {rows} where {b} lies before {a}.",
            "I need the cases in which time runs backwards: {b} earlier than {a}, among {rows}.",
            "{many} with {b} < {a}",
            "those whose {b} precedes their {a}, among {rows}",
            "By the process, {b} can't come before {a}; find {rows} where it does.",
        ],
        make: dates_out_of_order,
    },
    Intent {
        name: "dates_after_today",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Top, Second],
        frames: [
            "Seen from {day}, which {rows} have {d} in the future?",
            "List {rows} with {d} later than {day}, which counts as today.",
            "I need {many} dated ahead: with {day} as today, {d} after today, among {rows}.",
            "{many} with {d} after today = {day}",
            "with {day} as today, those whose {d} is later than today, among {rows}",
            "The data was delivered on {day}, so a later {d} must be wrong; list such {many} out of {rows}.",
        ],
        make: dates_after_today,
    },
    Intent {
        name: "zero_for_missing",
        category: Category::Cleaning,
        modifiers: &[Where, Where, Second, Top],
        frames: [
            "What is the average {m} of {rows} per {g} if {gap} values count as 0?",
            "Treat {gap} {m} as 0 and average {m} over {rows} for each {g}.",
            "I need the mean {m} of {rows} by {g} with zeros in the gaps, that is for {gap} values.",
            "avg {m} of {many} per {g}, {gap} = 0",
            "with 0 for {gap} values, the average {m} per {g} over {rows}",
            "Accounting books {gap} {m} as 0; show on this basis the average {m} of {rows} per {g}.",
        ],
        make: zero_for_missing,
    },
];

fn repeated_values(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Text])?;
    let column = ask.unused(&query, &[Content::Name, Content::Text])?;
    query.used.push((0, column));
    ask.only_known(&mut query, column);
    ask.filters(&mut query)?;
    let found = &ask.base_table().columns[column];
    let sql = at(0, &found.name);
    let label = full_label(ask.base_table(), found);
    if ask.takes(Harder) {
        let tidy = format!("LOWER(TRIM({sql}))");
        query.group(&format!("tidy {label}"), &tidy, Kind::Text);
        ask.note(
            format!(
                "Compare {label} without blanks around it and in small letters, and show it so"
            ),
            format!("{label} trimmed and in small letters"),
        );
        ask.tag("tidy");
    } else {
        query.group(&label, &sql, Kind::Text);
    }
    query.value(
        &format!("number of {}", ask.many()),
        "COUNT(*)",
        Kind::Number,
    );
    query.select.having.push("COUNT(*) > 1".to_owned());
    ask.say("c", label);
    ask.arrange(&mut query)?;
    Some(query)
}

fn first_of_repeated(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Text, Need::Key])?;
    let column = ask.unused(&query, &[Content::Name, Content::Text])?;
    query.used.push((0, column));
    ask.only_known(&mut query, column);
    ask.filters(&mut query)?;
    let found = &ask.base_table().columns[column];
    let (sql, label) = (at(0, &found.name), full_label(ask.base_table(), found));
    let same = if ask.takes(Harder) {
        ask.note(
            format!(
                "{label} is the same if it is equal after trimming blanks and ignoring case (LOWER)"
            ),
            format!("same {label} = equal after trim and lower"),
        );
        ask.tag("tidy");
        format!("LOWER(TRIM({sql}))")
    } else {
        sql.clone()
    };
    ask.list_key(&mut query, false)?;
    let key = query.outputs[0].clone();
    query.value(&label, &sql, Kind::Text);
    let (low, direction) = *ask.draw.pick(&[("lowest", ""), ("highest", " DESC")])?;
    ask.tag(low);
    let window = format!("PARTITION BY {same} ORDER BY {}{direction}", key.expression);
    query.value(
        "position",
        &format!("ROW_NUMBER() OVER ({window})"),
        Kind::Number,
    );
    let (value, position) = (query.name(1), query.name(2));
    let mut outer = query.wrapped("numbered");
    outer.filter(format!("{position} = 1"));
    outer.key(&key.words, &key.name, Kind::Number);
    outer.value(&label, &value, Kind::Text);
    ask.say("c", label);
    ask.say("k", key.words);
    ask.say("low", low);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn orphans(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Key])?;
    let base = ask.base;
    let references: Vec<usize> = roles::parents(ask.schema, base).collect();
    let reference = *ask.draw.pick(&references)?;
    let link = &ask.base_table().references[reference];
    let target = ask.table_at(link.target_table);
    query.used.push((0, link.column));
    ask.filters(&mut query)?;
    if query.tables.contains(&link.target_table) {
        return None;
    }
    let column = &ask.base_table().columns[link.column];
    let sql = at(0, &column.name);
    ask.list_key(&mut query, false)?;
    query.value(&column.label, &sql, Kind::Number);
    if ask.takes(Second) {
        // A second thing to show is a column of the row itself.
        let shown = ask.unused(
            &query,
            &[Content::Category, Content::Date, Content::DateTime],
        )?;
        let shown = &ask.base_table().columns[shown];
        query.value(&shown.label, &at(0, &shown.name), Kind::Text);
        ask.note(
            format!("Show {} as well", shown.label),
            format!("also {}", shown.label),
        );
        ask.tag("shown");
    }
    let place = query.tables.len();
    let key = at(place, &target.columns[link.target_column].name);
    let is_joined = ask.draw.chance(50);
    if is_joined {
        query.add_source(
            ask.schema,
            link.target_table,
            Some(("LEFT JOIN", format!("{sql} = {key}"))),
        );
        query.filter(format!("{sql} IS NOT NULL"));
        query.filter(format!("{key} IS NULL"));
    } else {
        let mut inner = Query::of(ask.schema, link.target_table);
        inner.select.nested = Some(query.tables.len());
        query.select.nested = Some(0);
        let outer = query.select.resolved(&sql);
        let key = at(0, &target.columns[link.target_column].name);
        inner.filter(format!("{key} = {outer}"));
        inner.select.columns = vec![("1".to_owned(), None)];
        query.filter(format!("{sql} IS NOT NULL"));
        query.filter(format!("NOT EXISTS ({})", inner.select.text()));
    }
    ask.tag(if is_joined { "join" } else { "exists" });
    ask.say("o", target.one.clone());
    ask.say("os", target.many.clone());
    ask.say("c", column.label.clone());
    ask.arrange(&mut query)?;
    Some(query)
}

fn negative_amounts(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::MoneyText, Need::Key])?;
    let column = ask.unused(&query, &[Content::MoneyText])?;
    let measure = ask.measure(&mut query, column);
    ask.filters(&mut query)?;
    let (sign, words) = *ask.draw.pick(&[("<", "below 0"), ("<=", "0 or less")])?;
    ask.tag(words);
    query.filter(format!("{} {sign} 0", measure.sql));
    ask.list_key(&mut query, false)?;
    query.value(
        &format!("{} (as a number)", measure.words),
        &measure.sql,
        Kind::Number,
    );
    if ask.takes(Harder) {
        query.value(
            &format!("original {} (the text)", measure.words),
            &measure.raw,
            Kind::Text,
        );
        ask.note("Show the original text, too", "also the original text");
        ask.tag("text");
    }
    ask.say("sign", words);
    ask.say("m", measure.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn outliers(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let times = *ask.constants.pick(&["1.2", "1.5", "1.5", "2"])?;
    let mut average = Query::of(ask.schema, ask.base);
    average.select.columns = vec![(format!("AVG({})", measure.sql), None)];
    ask.filters(&mut query)?;
    if query.tables.len() > 1 {
        average.select.nested = Some(query.tables.len());
    }
    query.filter(format!(
        "{} > {times} * ({})",
        measure.sql,
        average.select.text()
    ));
    ask.list_key(&mut query, true)?;
    query.value(&measure.words, &measure.sql, Kind::Number);
    if ask.takes(Second) {
        let shown = ask.unused(
            &query,
            &[Content::Category, Content::Date, Content::DateTime],
        )?;
        let shown = &ask.base_table().columns[shown];
        query.value(&shown.label, &at(0, &shown.name), Kind::Text);
        ask.note(
            format!("Show {} as well", shown.label),
            format!("also {}", shown.label),
        );
        ask.tag("shown");
    }
    if measure.nullable {
        let state = super::parts::lacking(&measure);
        ask.note(
            format!(
                "{} values take no part in the average",
                super::phrase::capital(state)
            ),
            format!("average without {state} values"),
        );
    }
    ask.say("k", times);
    ask.say("m", measure.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn dates_out_of_order(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::TwoDates, Need::Key])?;
    let table = ask.base_table();
    let days: Vec<usize> = table.columns_of(&DAYS).map(|(column, _)| column).collect();
    let (from, until) = (*days.first()?, *days.get(1)?);
    query.used.extend([(0, from), (0, until)]);
    ask.filters(&mut query)?;
    let column = |place: usize| &table.columns[place];
    let day = |place: usize| as_day(column(place), &at(0, &column(place).name));
    query.filter(format!("{} < {}", day(until), day(from)));
    ask.list_key(&mut query, false)?;
    for place in [from, until] {
        query.value(
            &column(place).label,
            &at(0, &column(place).name),
            Kind::Time,
        );
    }
    if ask.takes(Harder) {
        let days = format!(
            "CAST(julianday({}) - julianday({}) AS INTEGER)",
            day(from),
            day(until)
        );
        query.value("days between", &days, Kind::Number);
        ask.note(
            "Show by how many days, as a positive number",
            "also by how many days (positive)",
        );
        ask.tag("days");
    }
    let has_time = [from, until]
        .iter()
        .any(|it| column(*it).content == Content::DateTime);
    if has_time {
        ask.note(
            "Compare calendar days, without times of day",
            "compare days without times",
        );
    }
    ask.say("a", column(from).label.clone());
    ask.say("b", column(until).label.clone());
    ask.arrange(&mut query)?;
    Some(query)
}

fn dates_after_today(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Key])?;
    let column = ask.unused(&query, &DAYS)?;
    let day = ask.day(&mut query, column);
    ask.filters(&mut query)?;
    let today = calendar::text(ask.day_in(day.column, 75, 95)?);
    query.filter(format!("{} > '{today}'", day.day));
    ask.list_key(&mut query, false)?;
    query.value(&day.words, &day.sql, Kind::Time);
    if ask.takes(Second) {
        let days = format!(
            "CAST(julianday({}) - julianday('{today}') AS INTEGER)",
            day.day
        );
        query.value("days ahead", &days, Kind::Number);
        ask.note(
            "Show by how many days it lies ahead, too",
            "also the number of days ahead",
        );
        ask.tag("days");
    }
    if day.day != day.sql {
        ask.note(
            "Times on that day itself are not later",
            "the day itself is not later",
        );
    }
    ask.say("d", day.words);
    ask.say("day", today.clone());
    ask.as_of = Some(today);
    ask.arrange(&mut query)?;
    Some(query)
}

fn zero_for_missing(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.number(&mut query)?;
    if !measure.nullable {
        return None;
    }
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let average = format!("AVG(COALESCE({}, 0))", measure.sql);
    query.value(
        &super::modifiers::of_measure("average", &measure),
        &average,
        Kind::Number,
    );
    let gap = if measure.is_text {
        "missing or unreadable"
    } else {
        "missing"
    };
    ask.say("gap", gap);
    ask.say("g", group.words);
    ask.say("m", measure.words);
    ask.grouped(&mut query)?;
    Some(query)
}
