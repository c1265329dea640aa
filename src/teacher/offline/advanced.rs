//! Advanced patterns: ranks, positions and shares by windows.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::modifiers::of_measure;
use super::query::{Kind, Query};
use super::roles::Need;

use Modifier::{Harder, Having, Second, Top, Where};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[
    Intent {
        name: "top_per_group",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder],
        frames: [
            "Which {n} {many} have the {best} {m} within each {g}, looking at {rows}?",
            "For each {g}, pick the {n} {many} with the {best} {m}, out of {rows}.",
            "I need a short list per {g}: its {n} {many} with the {best} {m}, from {rows}.",
            "{n} {many} with {best} {m} per {g}",
            "within every {g}, the {n} with the {best} {m}, out of {rows}",
            "Each {g} presents its {n} {many} with the {best} {m}; choose them from {rows}.",
        ],
        make: top_per_group,
    },
    Intent {
        name: "ranked_groups",
        category: Category::Advanced,
        modifiers: &[Where, Where, Having, Second, Top],
        frames: [
            "How does each {g} rank by the total {m} of {rows}, rank 1 being the highest?",
            "Rank every {g} by the total {m} of {rows}, highest first, {gaps}.",
            "I need a league table: each {g} with the total {m} of {rows} and its rank (1 = highest total).",
            "total {m} of {many} per {g} and rank, 1 = highest",
            "ranked from the highest total down, each {g} with the total {m} and its rank, over {rows}",
            "A contest between every {g} is decided by the total {m} of {rows}; show the totals and ranks, 1 for the winner.",
        ],
        make: ranked_groups,
    },
    Intent {
        name: "median",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder],
        frames: [
            "What is the median {m} of {rows}{g}?",
            "Compute the median {m}{g} over {rows}.",
            "I need the middle value of {m}{g} instead of the average, over {rows}.",
            "median {m} of {many}{g}",
            "as the value in the middle, the median {m}{g} over {rows}",
            "A few huge values spoil the average, so report the median {m}{g} over {rows}.",
        ],
        make: median,
    },
    Intent {
        name: "cumulative_share",
        category: Category::Advanced,
        modifiers: &[Where, Where, Having, Top],
        frames: [
            "With every {g} sorted by total {m} of {rows} from high to low, what percentage of the grand total is reached by each?",
            "Do a Pareto analysis of {m} by {g}: total, and cumulative percentage from the largest total down, over {rows}.",
            "I need to see how few carry most: each {g} with its total {m} and the cumulative percent, starting at the largest total, over {rows}.",
            "Pareto: total {m} of {many} per {g}, cumulative percent from the largest down",
            "from the largest total down, each {g} with its total {m} and the running percentage of the grand total, over {rows}",
            "For an ABC analysis, sum {m} per {g}, go from the largest total to the smallest and cumulate the percentage of the grand total, over {rows}.",
        ],
        make: cumulative_share,
    },
    Intent {
        name: "latest_per_owner",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder, Top],
        frames: [
            "Which one is the {latest} of {many} by {d} for each {c}, looking at {rows}?",
            "For each {c}, pick the row with the {latest} {d}, out of {rows}.",
            "I need only the {latest} one by {d} for every {c}, from {rows}.",
            "{latest} of {many} by {d} for each {c}",
            "per {c}, the one with the {latest} {d}, out of {rows}",
            "The desk looks up {many} by {c} and wants just the {latest} by {d} of each, among {rows}.",
        ],
        make: latest_per_owner,
    },
    Intent {
        name: "difference_to_average",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder, Top],
        frames: [
            "By how much does the {m} of each of the {rows} differ from the average of its {g}?",
            "Show for each of the {rows} the {m} and its difference to the average {m} of the same {g}.",
            "I need each {m} judged against its peers: {m} minus the average of the {g}, for {rows}.",
            "{m} of {many} minus average {m} of the same {g}",
            "beside each {m}, what it is above (positive) or below the average of its {g}, for {rows}",
            "What is normal depends on {g}; so compare the {m} of {rows} with the average within it, {m} minus average.",
        ],
        make: difference_to_average,
    },
    Intent {
        name: "quartiles",
        category: Category::Advanced,
        modifiers: &[Where, Where, Harder, Top],
        frames: [
            "If {rows} are sorted by {m} and cut into {n} equal parts, which part does each fall into?",
            "Assign {rows} to {n} equally large parts by ascending {m}, 1 for the smallest.",
            "I need each of the {rows} with its {m} and its part from 1 (lowest {m}) to {n} (highest) of {n} equal ones.",
            "NTILE({n}) of {many} by {m}, 1 = lowest",
            "cut by ascending {m} into {n} parts of equal size, the part number of each of {rows}",
            "Prices will be tested in {n} equally large classes by ascending {m}; note the class of each of the {rows}.",
        ],
        make: quartiles,
    },
];

fn top_per_group(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.value(&group.words, &group.sql, group.kind).nullable = group.nullable;
    ask.list_key(&mut query, false)?;
    query.value(&measure.words, &measure.sql, Kind::Number);
    let key = query.outputs[1].clone();
    let (best, direction) =
        *ask.draw
            .pick(&[("highest", " DESC"), ("highest", " DESC"), ("lowest", "")])?;
    ask.tag(best);
    let is_ties = ask.takes(Harder);
    let (function, tie) = if is_ties {
        ("RANK()", String::new())
    } else {
        ("ROW_NUMBER()", format!(", {}", key.expression))
    };
    let window = format!(
        "PARTITION BY {} ORDER BY {}{direction}{tie}",
        group.sql, measure.sql
    );
    query.value(
        "position",
        &format!("{function} OVER ({window})"),
        Kind::Number,
    );
    let names: Vec<String> = (0..4).map(|place| query.name(place)).collect();
    let outputs = query.outputs.clone();
    let mut outer = query.wrapped("ranked");
    let count = ask.constants.between(1, 4);
    outer.filter(format!("{} <= {count}", names[3]));
    outer.key(&outputs[0].words, &names[0], group.kind).nullable = group.nullable;
    outer.key(&outputs[1].words, &names[1], Kind::Number);
    outer.value(&outputs[2].words, &names[2], Kind::Number);
    if is_ties {
        outer.value("rank", &names[3], Kind::Number);
        ask.note(
            format!("Rank with gaps by {} (equal values share a rank), keep ranks 1 to {count}, and show the rank", measure.words),
            format!("by RANK, ranks 1 to {count} with ties, show the rank"),
        );
        ask.tag("ties");
    } else {
        ask.note(
            format!("Among equal values the lower {} comes first", key.words),
            format!("ties: lower {} first", key.words),
        );
    }
    ask.say("n", count.to_string());
    ask.say("best", best);
    ask.say("m", measure.words);
    ask.say("g", group.words);
    if ask.draw.chance(40) {
        ask.sorted(&mut outer, &[]);
    }
    Some(outer)
}

fn ranked_groups(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group])?;
    let measure = ask.amount(&mut query).or_else(|| ask.number(&mut query))?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let sum = format!("SUM({})", measure.sql);
    query.value(&of_measure("total", &measure), &sum, Kind::Number);
    let (function, gaps) = *ask.draw.pick(&[
        ("RANK", "with gaps after ties"),
        ("DENSE_RANK", "without gaps after ties"),
    ])?;
    ask.tag(function);
    query.value(
        "rank",
        &format!("{function}() OVER (ORDER BY {sum} DESC)"),
        Kind::Number,
    );
    ask.note(
        format!("Equal totals share a rank, {gaps}"),
        format!("ranks {gaps}"),
    );
    if ask.modifiers.left().contains(&Having) {
        ask.note(
            "Only what is kept takes part in the ranking",
            "rank what is kept",
        );
    }
    ask.say("gaps", gaps);
    ask.say("m", measure.words);
    ask.say("g", group.words);
    ask.grouped(&mut query)?;
    Some(query)
}

fn median(ask: &mut Ask) -> Option<Query> {
    let is_grouped = ask.takes(Harder) || ask.draw.chance(50);
    let needs = [Need::Number, Need::Group];
    let mut query = ask.start(if is_grouped { &needs } else { &needs[..1] })?;
    let measure = ask.number(&mut query)?;
    let group = if is_grouped {
        Some(ask.group(&mut query)?)
    } else {
        None
    };
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    let mut part = String::new();
    if let Some(group) = &group {
        query.key(&group.words, &group.sql, group.kind);
        part = format!("PARTITION BY {} ", group.sql);
    }
    let value = query.outputs.len();
    query.value("value", &measure.sql, Kind::Number);
    query.value(
        "position",
        &format!("ROW_NUMBER() OVER ({part}ORDER BY {})", measure.sql),
        Kind::Number,
    );
    query.value(
        "size",
        &format!("COUNT(*) OVER ({})", part.trim_end()),
        Kind::Number,
    );
    let names: Vec<String> = (0..query.outputs.len())
        .map(|place| query.name(place))
        .collect();
    let mut outer = query.wrapped("sorted_rows");
    let (number, size) = (&names[value + 1], &names[value + 2]);
    outer.filter(format!("{number} IN (({size} + 1) / 2, ({size} + 2) / 2)"));
    let mut each = String::new();
    if let Some(group) = group {
        outer.group(&group.words, &names[0], group.kind).nullable = group.nullable;
        each = format!(" for each {}", group.words);
    }
    outer.value(
        &of_measure("median", &measure),
        &format!("AVG({})", names[value]),
        Kind::Number,
    );
    ask.note(
        "With an even number of values the median is the average of the two in the middle",
        "even count: mean of the middle two",
    );
    ask.say("g", each);
    ask.say("m", measure.words);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn cumulative_share(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Amount, Need::Group])?;
    let measure = ask.amount(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    query.group(&group.words, &group.sql, group.kind).nullable = group.nullable;
    let total = of_measure("total", &measure);
    query.value(&total, &format!("SUM({})", measure.sql), Kind::Number);
    if ask.takes(Having) {
        query.select.having.push("COUNT(*) >= 2".to_owned());
        let many = ask.many();
        ask.note(
            format!(
                "A {} with fewer than 2 such {many} is left out of everything",
                group.words
            ),
            format!("without any {} of fewer than 2 {many}", group.words),
        );
        ask.tag("having");
    }
    let (name, value) = (query.name(0), query.name(1));
    let mut outer = query.wrapped("totals");
    outer.key(&group.words, &name, group.kind).nullable = group.nullable;
    outer.value(&total, &value, Kind::Number);
    let window = format!("ORDER BY {value} DESC, {name} ROWS UNBOUNDED PRECEDING");
    let share = format!("SUM({value}) OVER ({window}) * 100.0 / SUM({value}) OVER ()");
    outer.value("cumulative percentage", &share, Kind::Number);
    ask.note(
        format!(
            "Equal totals are taken in ascending order of {}",
            group.words
        ),
        format!("equal totals by {} asc", group.words),
    );
    if ask.takes(Top) {
        ask.sorted(&mut outer, &[(1, true)]);
        let count = ask.constants.between(2, 4) as usize;
        ask.first(&mut outer, count);
        ask.tag("limit");
    } else if ask.draw.chance(60) {
        ask.sorted(&mut outer, &[(1, true)]);
    }
    ask.say("m", measure.words);
    ask.say("g", group.words);
    Some(outer)
}

fn latest_per_owner(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Date, Need::Owner, Need::Key])?;
    let day = ask.date(&mut query)?;
    let (owner, words) = ask.owner_id(&mut query)?;
    ask.notes.clear();
    let measure = if ask.takes(Harder) {
        Some(ask.number(&mut query)?)
    } else {
        None
    };
    ask.filters(&mut query)?;
    ask.list_key(&mut query, false)?;
    let key = query.outputs[0].clone();
    query.outputs.clear();
    query.value(&words, &owner, Kind::Number);
    query.key(&key.words, &key.expression, Kind::Number);
    query.value(&day.words, &day.sql, Kind::Time);
    if let Some(measure) = &measure {
        query
            .value(&measure.words, &measure.sql, Kind::Number)
            .nullable = measure.nullable;
        ask.note(
            format!("Show its {} as well", measure.words),
            format!("also {}", measure.words),
        );
        ask.tag("measure");
    }
    let (latest, direction, tie) = *ask.draw.pick(&[
        ("latest", " DESC", "higher"),
        ("latest", " DESC", "higher"),
        ("earliest", "", "lower"),
    ])?;
    ask.tag(latest);
    let window = format!(
        "PARTITION BY {owner} ORDER BY {}{direction}, {}{direction}",
        day.sql, key.expression
    );
    let outputs = query.outputs.clone();
    query.value(
        "position",
        &format!("ROW_NUMBER() OVER ({window})"),
        Kind::Number,
    );
    let position = query.name(outputs.len());
    let mut outer = query.wrapped("numbered");
    outer.filter(format!("{position} = 1"));
    for (place, output) in outputs.iter().enumerate() {
        let added = outer.value(&output.words, &output.name, output.kind);
        added.is_key = place == 0;
        added.nullable = output.nullable;
    }
    ask.note(
        format!("Among equal {} the {tie} {} wins", day.words, key.words),
        format!("ties: {tie} {} wins", key.words),
    );
    ask.say("latest", latest);
    ask.say("d", day.words);
    ask.say("c", words);
    ask.arrange(&mut outer)?;
    Some(outer)
}

fn difference_to_average(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Group, Need::Key])?;
    let measure = ask.number(&mut query)?;
    let group = ask.group(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, false)?;
    query.value(&group.words, &group.sql, group.kind).nullable = group.nullable;
    query.value(&measure.words, &measure.sql, Kind::Number);
    let average = format!("AVG({}) OVER (PARTITION BY {})", measure.sql, group.sql);
    query.value(
        "difference to the average",
        &format!("{} - {average}", measure.sql),
        Kind::Number,
    );
    if ask.takes(Harder) {
        query.value("average", &average, Kind::Number);
        ask.note("Show that average, too", "also the average");
        ask.tag("average");
    }
    ask.say("m", measure.words);
    ask.say("g", group.words);
    ask.arrange(&mut query)?;
    Some(query)
}

fn quartiles(ask: &mut Ask) -> Option<Query> {
    let mut query = ask.start(&[Need::Number, Need::Key])?;
    let measure = ask.number(&mut query)?;
    ask.filters(&mut query)?;
    ask.only_measured(&mut query, &measure);
    ask.list_key(&mut query, false)?;
    let key = query.outputs[0].clone();
    query.value(&measure.words, &measure.sql, Kind::Number);
    let parts = *ask.constants.pick(&[3, 4, 4, 5])?;
    let order = format!("ORDER BY {}, {}", measure.sql, key.expression);
    query.value(
        "part",
        &format!("NTILE({parts}) OVER ({order})"),
        Kind::Number,
    );
    let ties = format!(
        "Equal values are sorted by {}; first parts get the extra ones",
        key.words
    );
    ask.note(ties, format!("ties by {}, as NTILE does", key.words));
    ask.say("n", parts.to_string());
    ask.say("m", measure.words.clone());
    if !ask.takes(Harder) {
        ask.arrange(&mut query)?;
        return Some(query);
    }
    // The harder form sums up each part instead of listing its rows.
    let (value, part) = (query.name(1), query.name(2));
    let mut outer = query.wrapped("parts");
    outer.group("part", &part, Kind::Number);
    outer.value(
        &of_measure("lowest", &measure),
        &format!("MIN({value})"),
        Kind::Number,
    );
    outer.value(
        &of_measure("highest", &measure),
        &format!("MAX({value})"),
        Kind::Number,
    );
    ask.note(
        format!(
            "Don't list single {}: give for each part its lowest and highest {}",
            ask.many(),
            measure.words
        ),
        format!("summed up: lowest and highest {} per part", measure.words),
    );
    ask.tag("summed");
    ask.arrange(&mut outer)?;
    Some(outer)
}
