//! The question: an intent's frame, and around it conditions, notes, outputs and order,
//! each in one of several wordings.
//!
//! **Invariant.** Which frame is used and how the rest is worded are drawn independently;
//! neither changes what is asked for.

use super::ask::{Ask, Clause};
use super::phrase::{capital, listed, sentence, with_articles};
use super::query::{Kind, Output, Query};

/// Each intent has one frame for each construction, in this order: a question, a command,
/// a need, key words, an inverted order, a scenario.
pub const CONSTRUCTIONS: usize = 6;

const KEY_WORDS: usize = 3;
const INVERTED: usize = 4;

/// Whether the construction is made of sentences.
pub fn is_prose(phrasing: usize) -> bool {
    !matches!(phrasing, KEY_WORDS | INVERTED)
}

/// The question in one construction.
pub fn question(ask: &mut Ask, query: &Query, frame: &str, phrasing: usize) -> String {
    let text = match phrasing {
        KEY_WORDS => key_words(ask, query, frame),
        INVERTED => inverted(ask, query, frame),
        _ => prose(ask, query, frame),
    };
    // Many a column is called total itself.
    with_articles(match text.contains("total total") {
        true => text.replace("total total", "summed total"),
        false => text,
    })
}

/// Of everyday questions, in percent: those that are typed without a large letter and a sign
/// at their end.
const CASUAL_PERCENT: usize = 30;

/// A question as people ask it in passing: the frame and nothing else.
pub fn in_passing(ask: &mut Ask, frame: &str) -> String {
    let many = ask.many();
    let text = with_articles(filled(ask, frame, &many));
    if !ask.wording.chance(CASUAL_PERCENT) {
        return capital(&text);
    }
    let text = text.trim_end_matches(['.', '?']);
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn prose(ask: &mut Ask, query: &Query, frame: &str) -> String {
    // Conditions in the midst of a sentence would seem to belong to what follows them.
    let after = frame.split("{rows}").nth(1);
    let ends = after.is_some_and(|it| it.is_empty() || it.starts_with(['.', ',', '?', ';', ':']));
    let is_inline = ends && (ask.is_inline || ask.wording.chance(60));
    let clauses = std::mem::take(&mut ask.clauses);
    let rows = if is_inline {
        rows_with(ask, &clauses)
    } else {
        ask.many()
    };
    let mut parts = vec![sentence(&filled(ask, frame, &rows))];
    if !is_inline && !clauses.is_empty() {
        let rows = rows_with(ask, &clauses);
        let start = ask.word(&[
            "Include only",
            "Consider only",
            "Use only",
            "Restrict this to",
        ]);
        parts.push([start, " ", &rows, "."].concat());
    }
    parts.extend(ask.notes.iter().map(|note| sentence(&note.full)));
    let said = match ask.is_short {
        true => String::new(),
        false => outputs(ask, &query.outputs),
    };
    let tail = [said, order(ask, query)];
    let is_turned = ask.wording.chance(40);
    let mut tail: Vec<String> = tail.into_iter().filter(|it| !it.is_empty()).collect();
    if is_turned {
        tail.reverse();
    }
    parts.extend(tail);
    parts.join(" ")
}

fn inverted(ask: &mut Ask, query: &Query, frame: &str) -> String {
    let clauses = std::mem::take(&mut ask.clauses);
    let mut parts = Vec::new();
    let rows = if clauses.is_empty() {
        ask.many()
    } else {
        format!("these {}", ask.many())
    };
    let core = filled(ask, frame, &rows);
    let order = order(ask, query);
    if clauses.is_empty() {
        let list = outputs_list(&query.outputs);
        let lead = match query.outputs.len() {
            1 => ask.word(&["As a single column", "In one column"]),
            _ => ask.word(&["With the columns", "As columns", "In columns"]),
        };
        parts.push(sentence(&[lead, " ", &list, ": ", &core].concat()));
    } else {
        let rows = rows_with(ask, &clauses);
        let lead = ask.word(&["Looking only at", "Taking only", "Restricted to"]);
        parts.push(sentence(&[lead, " ", &rows, ": ", &core].concat()));
        parts.push(outputs(ask, &query.outputs));
    }
    parts.extend(ask.notes.iter().map(|note| sentence(&note.full)));
    if !order.is_empty() {
        // What is usually said last comes first where there is no condition to lead.
        let place = if clauses.is_empty() && query.select.limit.is_none() {
            0
        } else {
            parts.len()
        };
        parts.insert(place, order);
    }
    parts.join(" ")
}

fn key_words(ask: &mut Ask, query: &Query, frame: &str) -> String {
    let rows = ask.many();
    let mut parts = vec![filled(ask, frame, &rows)];
    let clauses: Vec<String> = ask.clauses.iter().map(|it| it.terse.clone()).collect();
    if !clauses.is_empty() {
        let only = ask.word(&["only", "where", "filter:"]);
        let and = ask.word(&["and", "and also"]);
        parts.push([only, " ", &listed(&clauses, and)].concat());
    }
    parts.extend(ask.notes.iter().map(|note| note.terse.clone()));
    let columns = ask.word(&["columns:", "show", "output"]);
    parts.push([columns, " ", &plain_list(&query.outputs)].concat());
    if !query.order.is_empty() {
        let keys = query.order.iter().map(|(place, is_descending)| {
            let direction = if *is_descending { "desc" } else { "asc" };
            [bare(&query.outputs[*place].words), " ", direction].concat()
        });
        let by = ask.word(&["sort by", "order:", "order by"]);
        let mut text = [by, " ", &keys.collect::<Vec<_>>().join(", ")].concat();
        if sorts_null(query) {
            text += " (NULL lowest)";
        }
        if let Some(limit) = ask.limit {
            text += &format!(", first {limit} only");
        }
        parts.push(text);
    }
    parts.join("; ")
}

/// The rows with their conditions: `orders whose status is 'paid'`.
fn rows_with(ask: &mut Ask, clauses: &[Clause]) -> String {
    let many = ask.many();
    if clauses.is_empty() {
        return many;
    }
    let (first, next) = if ask.wording.chance(65) {
        ("whose", "whose")
    } else {
        ("where the", "the")
    };
    let predicates = clauses.iter().enumerate().map(|(place, clause)| {
        let word = if place == 0 { first } else { next };
        [word, " ", &clause.predicate].concat()
    });
    let predicates: Vec<String> = predicates.collect();
    [&many, " ", &listed(&predicates, "and")].concat()
}

/// Beginnings of frames that can be said in other words just as well.
const BEGINNINGS: [&[&str]; 9] = [
    &[
        "I need to ",
        "I want to ",
        "I would like to ",
        "We have to ",
    ],
    &["I need ", "I want ", "We need ", "Please get me "],
    &["List ", "Show ", "Name "],
    &["For each ", "For every "],
    &["for each ", "for every "],
    &["per ", "for each "],
    &["Compute ", "Calculate ", "Work out "],
    &["Find ", "Identify ", "Look up "],
    &["Give ", "Report ", "Provide "],
];

/// The frame in two parts, with another beginning that says the same.
fn varied<'f>(ask: &mut Ask, frame: &'f str) -> (&'f str, &'f str) {
    for beginnings in BEGINNINGS {
        let Some(rest) = frame.strip_prefix(beginnings[0]) else {
            continue;
        };
        // The frame's own beginning stays the usual one.
        if ask.wording.chance(45) {
            return ("", frame);
        }
        return (ask.word(beginnings), rest);
    }
    ("", frame)
}

/// The frame with its slots filled in one go: what a slot brings along is left as it is.
fn filled(ask: &mut Ask, frame: &str, rows: &str) -> String {
    let (beginning, mut rest) = varied(ask, frame);
    let mut text = String::with_capacity(2 * frame.len() + rows.len());
    text += beginning;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, next) = after.split_once('}').unwrap_or((after, ""));
        text += before;
        match slot {
            "rows" => text += rows,
            "many" => text += &ask.base_table().many,
            _ => match ask.slots.iter().find(|(name, _)| *name == slot) {
                Some((_, words)) => text += words,
                // A slot that nobody fills must be seen by the test of frames.
                None => text += &format!("{{{slot}}}"),
            },
        }
        rest = next;
    }
    text + rest
}

fn outputs(ask: &mut Ask, outputs: &[Output]) -> String {
    let list = outputs_list(outputs);
    if outputs.len() == 1 {
        let start = ask.word(&["Return only", "Give just", "The result is one column:"]);
        return sentence(&[start, " ", &list].concat());
    }
    let (start, end) = match ask.wording.below(5) {
        0 => ("Return ", "."),
        1 => ("Show ", "."),
        2 => ("The columns are ", "."),
        3 => ("Output ", ", in this order."),
        _ => ("Give ", "."),
    };
    [start, &list, end].concat()
}

fn outputs_list(outputs: &[Output]) -> String {
    let words: Vec<String> = outputs.iter().map(|it| it.words.clone()).collect();
    listed(&words, "and")
}

fn plain_list(outputs: &[Output]) -> String {
    let words: Vec<&str> = outputs.iter().map(|it| it.words.as_str()).collect();
    words.join(", ")
}

fn order(ask: &mut Ask, query: &Query) -> String {
    let Some((first, rest)) = query.order.split_first() else {
        return String::new();
    };
    let start = ask.word(&["sort by", "order the result by", "order by"]);
    let mut text = [start, " ", &sort_key(ask, query, *first)].concat();
    if !rest.is_empty() {
        let keys: Vec<String> = rest.iter().map(|key| sort_key(ask, query, *key)).collect();
        let then = ask.word(&[", then by", ", ties by", " and within ties by"]);
        text += &[then, " ", &listed(&keys, "and")].concat();
    }
    if sorts_null(query) {
        text += " (NULL counts as lowest)";
    }
    if let Some(limit) = ask.limit {
        let rows = if limit == 1 { "row" } else { "rows" };
        let number = if limit == 1 {
            String::new()
        } else {
            format!("{limit} ")
        };
        let keep = ask.word(&["and keep only the first", "and return just the first"]);
        text += &format!(", {keep} {number}{rows}");
    }
    text.push('.');
    capital(&text)
}

fn sort_key(ask: &mut Ask, query: &Query, key: (usize, bool)) -> String {
    let output = &query.outputs[key.0];
    let direction = match (output.kind, key.1) {
        (Kind::Number, true) => ask.word(&["descending", "from highest to lowest"]),
        (Kind::Number, false) => ask.word(&["ascending", "from lowest to highest"]),
        (Kind::Time, true) => ask.word(&["descending", "from latest to earliest"]),
        (Kind::Time, false) => ask.word(&["ascending", "from earliest to latest"]),
        (Kind::Text, true) => "descending",
        (Kind::Text, false) => "ascending",
    };
    [bare(&output.words), " ", direction].concat()
}

fn sorts_null(query: &Query) -> bool {
    let mut order = query.order.iter();
    order.any(|(place, _)| query.outputs[*place].nullable)
}

/// Words without their hint in parentheses.
fn bare(words: &str) -> &str {
    words.split(" (").next().unwrap_or(words)
}
