//! Advanced patterns: islands, pairs, sets of rows and recursion.

use crate::database::schema::Content;
use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::constants;
use super::intent::Intent;
use super::phrase;
use super::query::{Kind, Query};
use super::roles::{Need, full_label};
use super::sql::{Source, at};

use crate::database::schema::quoted;
use Modifier::{Harder, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "month_streaks",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which unbroken runs of consecutive months with {rows} (by {d}) are there, and how long is each?",
            "Find the streaks of consecutive months of {d} that each have {rows}: first month, last month, number of months.",
            "I need stretches without a gap: runs of neighbouring months in which there are {rows}, by {d}.",
            "streaks of consecutive months of {d} with {many}: start, end, length",
            "as runs of consecutive months of {d}, each with its first month, last month and length, the months that have {rows}",
            "An investor asks how steady business is; list each unbroken run of months with {rows}, by {d}.",
        ],
        make: month_streaks,
    },
    Intent {
        name: "pairs",
        category: Category::Advanced,
        modifiers: &[Where, Top, Harder],
        frames: [
            "Which pairs of {many} have the same {c}{also}?",
            "List all pairs of different {many} that share the same {c}{also}.",
            "I need to see which two {many} have the same {c}{also}, each pair once.",
            "pairs of {many} with equal {c}{also}",
            "two by two, all different {many} that have the same {c}{also}",
            "For a check of twins, match those {many} with each other that have the same {c}{also}.",
        ],
        make: pairs,
    },
    Intent {
        name: "owners_with_large",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which {os} have at least one of the {many} with {m} {over} {x}?",
            "List the {os} for whom there is one of the {many} with {m} {over} {x}.",
            "I need the {os} that ever had {m} {over} {x} in one of their {many}.",
            "{os} with any of {many} where {m} {over} {x}",
            "{os} to whom at least one of the {many} with {m} {over} {x} belongs",
            "Invite the {os} who have shown by at least one of the {many} that {m} can be {over} {x}.",
        ],
        make: owners_with_large,
    },
    Intent {
        name: "set_of_owners",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder],
        frames: [
            "Which {c} values stand in {rows} with {g} {a} {op} {b}?",
            "List each {c} once that appears in {rows} with {g} {a} {op} {b}.",
            "I need each {c} found with {g} {a} {op} {b}, without repeats, in {rows}.",
            "distinct {c} of {many} with {g} {a} {op} {b}",
            "without repeats, each {c} that occurs with {g} {a} {op} {b} in {rows}",
            "Two mailing lists are set against each other: each {c} seen with {g} {a} {op} {b}, once, in {rows}.",
        ],
        make: set_of_owners,
    },
    Intent {
        name: "nth_per_group",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top],
        frames: [
            "What is the {n} highest different {m} of {rows} in each {g}?",
            "Find per {g} the {n} highest distinct value of {m} among {rows}.",
            "I need the runner-up, not the winner: for each {g}, the {n} highest of the different {m} values of {rows}.",
            "{n} highest distinct {m} of {many} per {g}",
            "per {g}, that {m} which is {n} from the top when equal ones count once, over {rows}",
            "Top values may be errors, so take for each {g} the {n} highest {m} (equal values count once) of {rows}.",
        ],
        make: nth_per_group,
    },
    Intent {
        name: "above_group_average",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "Which of the {rows} have {m} above the average {m} of their own {g}?",
            "List those of the {rows} whose {m} exceeds the average {m} within the same {g}.",
            "I need what stands out in its class: {m} over the average of the same {g}, out of {rows}.",
            "{many} with {m} > average {m} of the same {g}",
            "those with {m} beyond the average of the same {g}, out of {rows}",
            "Each {g} has its own level, so name the {many} with {m} above the average of their {g}, out of {rows}.",
        ],
        make: above_group_average,
    },
    Intent {
        name: "group_maximum_rows",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top],
        frames: [
            "Which of the {rows} hold the {best} {m} of their {g}?",
            "For each {g}, list all {many} that have its {best} {m}, out of {rows}.",
            "I need the record holders: per {g}, every one of the {rows} with the {best} {m}.",
            "{many} with the {best} {m} of their {g}, all ties",
            "per {g}, all that reach its {best} {m}, out of {rows}",
            "A plaque will name, for each {g}, whichever of the {rows} have the {best} {m} there.",
        ],
        make: group_maximum_rows,
    },
    Intent {
        name: "previous_of_owner",
        category: Category::Advanced,
        modifiers: &[Where, Where, Top, Harder],
        frames: [
            "What was the {m} of the previous one by {d} with the same {c}, for each of the {rows}?",
            "Put beside each of the {rows} the {m} of the one before it by {d} with the same {c}.",
            "I need to compare each {m} with the one before, by {d}, within the same {c}, over {rows}.",
            "{m} of {many} and {m} of the previous one by {d} with the same {c}",
            "beside the {m} of each, that of its predecessor by {d} within the same {c}, over {rows}",
            "Support looks at how habits change: for {rows}, the {m} and the {m} of the one before by {d}, with the same {c}.",
        ],
        make: previous_of_owner,
    },
];

fn month_streaks(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date])?;
    let day = ask.date(&mut query)?;
    if ask.draw.chance(50) {
        ask.condition(&mut query)?;
    }
    ask.filters(&mut query)?;
    query.select.distinct = true;
    let number = format!(
        "CAST(strftime('%Y', {0}) AS INTEGER) * 12 + CAST(strftime('%m', {0}) AS INTEGER)",
        day.sql
    );
    query.value(
        "month",
        &format!("strftime('%Y-%m', {})", day.sql),
        Kind::Time,
    );
    query.value("number", &number, Kind::Number);
    let (month, number) = (query.name(0), query.name(1));
    let mut runs = query.wrapped("months");
    runs.value("month", &month, Kind::Time);
    let run = format!("{number} - ROW_NUMBER() OVER (ORDER BY {number})");
    runs.value("run", &run, Kind::Number);
    let (month, run) = (runs.name(0), runs.name(1));
    let mut outer = runs.wrapped("runs");
    outer.select.group.push(run);
    outer.key(
        "first month (YYYY-MM)",
        &format!("MIN({month})"),
        Kind::Time,
    );
    outer.value("last month (YYYY-MM)", &format!("MAX({month})"), Kind::Time);
    outer.value("number of months", "COUNT(*)", Kind::Number);
    if ask.takes(Harder) {
        let least = ask.constants.between(2, 3);
        outer.select.having.push(format!("COUNT(*) >= {least}"));
        ask.note(
            format!("Leave out runs of fewer than {least} months"),
            format!("only runs of >= {least} months"),
        );
        ask.tag("having");
    }
    ask.say("d", day.words);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn pairs(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Key, Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    query.used.push((0, column));
    let table = ask.base_table();
    let shared = &table.columns[column];
    let key = &table.columns[table.key()?];
    let mut on = vec![
        format!("{} = {}", at(0, &shared.name), at(1, &shared.name)),
        format!("{} < {}", at(0, &key.name), at(1, &key.name)),
    ];
    let mut also = String::new();
    if ask.takes(Harder) {
        let other = ask.unused(
            &query,
            &[
                Content::Category,
                Content::Reference,
                Content::Date,
                Content::Flag,
            ],
        )?;
        query.used.push((0, other));
        let other = &table.columns[other];
        on.insert(
            1,
            format!("{} = {}", at(0, &other.name), at(1, &other.name)),
        );
        also = format!(" and the same {}", other.label);
        ask.tag("two");
    }
    // A condition would hold for either row of a pair; only one on the shared word is fair.
    if ask.takes(Where) {
        let word = ask.word_of(shared)?;
        query.filter(format!("{} = {word}", at(0, &shared.name)));
        ask.clause(
            format!("{} is {word}", shared.label),
            format!("{} = {word}", shared.label),
        );
        ask.tag("where_word");
    }
    query.add_source(ask.schema, ask.base, Some(("JOIN", on.join(" AND "))));
    let words = full_label(table, key);
    query.key(&format!("first {words}"), &at(0, &key.name), Kind::Number);
    query.outputs[0].name = quoted(&super::query::snake(&format!("first {words}")));
    query.key(&format!("second {words}"), &at(1, &key.name), Kind::Number);
    query.outputs[1].name = quoted(&super::query::snake(&format!("second {words}")));
    query.value(&shared.label, &at(0, &shared.name), Kind::Text);
    ask.note(
        format!("Show each pair once, the lower {words} first; NULL equals nothing"),
        format!("each pair once, lower {words} first, NULL equals nothing"),
    );
    ask.say("c", shared.label.clone());
    ask.say("also", also);
    ask.arrange(&mut query)?;
    Some(query)
}

fn owners_with_large(ask: &mut Ask) -> Option<Query> {
    let mut owned = ask.owned()?;
    let measure = ask.number(&mut owned.inner)?;
    let column = &ask.table_at(measure.column.0).columns[measure.column.1];
    let bound = constants::amount(column, &mut ask.constants, 45, 85)?;
    let (sign, over) = *ask
        .draw
        .pick(&[(">", "above"), (">=", "at or above"), ("<", "below")])?;
    ask.tag(over);
    ask.filters(&mut owned.inner)?;
    if ask.takes(Harder) {
        ask.owner_condition(&mut owned.outer)?;
    }
    let mut inner = owned.inner.clone();
    inner.filter(format!("{} {sign} {bound}", measure.sql));
    let is_in = ask.draw.chance(35) && inner.tables.len() == 1;
    let condition = if is_in {
        // The same as a list of keys.
        let mut select = inner.select.clone();
        select.columns = vec![(owned.link.clone(), None)];
        format!("{} IN ({})", owned.key, select.text())
    } else {
        owned.exists(&inner)
    };
    ask.tag(if is_in { "in" } else { "exists" });
    let mut query = owned.outer;
    query.filter(condition);
    ask.say("over", over);
    ask.say("x", bound);
    ask.say("m", measure.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn set_of_owners(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Owner, Need::Category])?;
    let column = ask.unused(&query, &[Content::Category])?;
    query.used.push((0, column));
    let found = &ask.base_table().columns[column];
    let words = ask.words_of(found, 2)?;
    let (first, second) = (words.first()?.clone(), words.get(1)?.clone());
    let (owner, label) = ask.owner_id(&mut query)?;
    ask.notes.clear();
    ask.filters(&mut query)?;
    let has_order = ask.takes(Harder);
    let (set, op) = *ask.draw.pick(&[
        ("UNION", "or with"),
        ("INTERSECT", "and also with"),
        ("EXCEPT", "but never with"),
    ])?;
    ask.tag(set);
    let mut other = query.select.clone();
    other.columns = vec![(owner.clone(), None)];
    let is_word = |word: &str| format!("{} = {word}", at(0, &found.name));
    other.filters.insert(0, is_word(&second));
    query.select.filters.insert(0, is_word(&first));
    query.select.compound.push((set, other.text()));
    query.key(&label, &owner, Kind::Number);
    if has_order {
        ask.sorted(&mut query, &[(0, true)]);
        let count = ask.constants.between(3, 6) as usize;
        ask.first(&mut query, count);
        ask.tag("limit");
    }
    ask.say("c", label);
    ask.say("g", found.label.clone());
    ask.say("a", first);
    ask.say("b", second);
    ask.say("op", op);
    Some(query)
}

fn nth_per_group(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.number(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.select.distinct = true;
    query.key(&group.words, &group.sql, group.kind);
    query.value("value", &measure.sql, Kind::Number);
    let window = format!("PARTITION BY {} ORDER BY {} DESC", group.sql, measure.sql);
    query.value(
        "place",
        &format!("DENSE_RANK() OVER ({window})"),
        Kind::Number,
    );
    let (name, value, place) = (query.name(0), query.name(1), query.name(2));
    let mut outer = query.wrapped("ranked");
    let number = ask.constants.between(2, 3);
    outer.filter(format!("{place} = {number}"));
    outer.key(&group.words, &name, group.kind).nullable = group.nullable;
    outer.value(&measure.words, &value, Kind::Number);
    ask.note(
        format!("A {} with fewer different values is left out", group.words),
        format!("no {} with fewer different values", group.words),
    );
    ask.say("n", if number == 2 { "second" } else { "third" });
    ask.say("m", measure.words);
    ask.say("g", group.words);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn above_group_average(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Category, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let column = ask.unused(&query, &[Content::Category])?;
    let group = ask.group_by(&mut query, None, column);
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, false)?;
    query.value(&group.words, &group.sql, group.kind).nullable = group.nullable;
    query.value(&measure.words, &measure.sql, Kind::Number);
    let average = format!("AVG({}) OVER (PARTITION BY {})", measure.sql, group.sql);
    query.value("group average", &average, Kind::Number);
    let outputs = query.outputs.clone();
    let mut outer = query.wrapped("compared");
    outer.filter(format!("{} > {}", outputs[2].name, outputs[3].name));
    let count = if ask.takes(Harder) { 4 } else { 3 };
    for (place, output) in outputs[..count].iter().enumerate() {
        let added = outer.value(&output.words, &output.name, output.kind);
        added.is_key = place == 0;
        added.nullable = output.nullable;
    }
    if count == 4 {
        ask.note("Show the group average as well", "also the group average");
        ask.tag("average");
    }
    ask.say("m", measure.words);
    ask.say("g", group.words);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn group_maximum_rows(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Category, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let column = ask.unused(&query, &[Content::Category])?;
    ask.only_known(&mut query, column);
    query.used.push((0, column));
    let table = ask.base_table();
    let found = &table.columns[column];
    let sql = at(0, &found.name);
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    let (best, function) =
        *ask.draw
            .pick(&[("highest", "MAX"), ("highest", "MAX"), ("lowest", "MIN")])?;
    ask.tag(best);
    let key = &table.columns[table.key()?];
    query.key(&full_label(table, key), &at(0, &key.name), Kind::Number);
    query.value(&found.label, &sql, Kind::Text);
    query.value(&measure.words, &measure.sql, Kind::Number);
    let names: Vec<String> = (0..3).map(|place| query.name(place)).collect();
    let outputs = query.outputs.clone();
    let mut outer = query.wrapped("picked");
    // The records of the groups stand in a second step, to which the rows are joined.
    let record = format!(
        "SELECT {0}, {function}({1}) AS record FROM picked GROUP BY {0}",
        names[1], names[2]
    );
    outer.select.ctes.push(("records".to_owned(), record));
    let mark = |place: usize, name: &str| format!("\u{1}{place}\u{2}{name}");
    let on = format!(
        "{} = {} AND {} = {}",
        mark(0, &names[1]),
        mark(1, &names[1]),
        mark(0, &names[2]),
        mark(1, "record")
    );
    outer.select.sources.push(Source {
        name: "records".to_owned(),
        join: Some(("JOIN", on)),
    });
    for (output, name) in outputs.iter().zip(&names) {
        let added = outer.value(&output.words, &mark(0, name), output.kind);
        added.is_key = output.is_key;
    }
    ask.note("Several that are equal are all listed", "all ties listed");
    ask.say("best", best);
    ask.say("m", measure.words);
    ask.say("g", found.label.clone());
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn previous_of_owner(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Owner, Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let day = ask.date(&mut query)?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.notes.clear();
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, false)?;
    let key = query.outputs[0].clone();
    query.value(&words, &owner, Kind::Number);
    query.value(&measure.words, &measure.sql, Kind::Number);
    let window = format!(
        "PARTITION BY {owner} ORDER BY {}, {}",
        day.sql, key.expression
    );
    let lag = format!("LAG({}) OVER ({window})", measure.sql);
    query
        .value(&format!("previous {}", measure.words), &lag, Kind::Number)
        .nullable = true;
    if ask.takes(Harder) {
        query
            .value("change", &format!("{} - {lag}", measure.sql), Kind::Number)
            .nullable = true;
        ask.note(
            "End with the change, this minus the previous",
            "last the change, this minus previous",
        );
        ask.tag("change");
    }
    ask.note(
        format!(
            "{} with equal {} follow each other by {}; the first has NULL",
            phrase::capital(&ask.many()),
            day.words,
            key.words
        ),
        format!("ties by {}, NULL for the first", key.words),
    );
    ask.say("m", measure.words);
    ask.say("d", day.words);
    ask.say("c", words);
    ask.arrange(&mut query)?;
    Some(query)
}
