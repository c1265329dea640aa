//! Advanced patterns: tables that refer to themselves.

use crate::teacher::draft::Category;

use super::ask::{Ask, Modifier};
use super::intent::Intent;
use super::query::{Kind, Query};
use super::roles::full_label;
use super::sql::{Select, Source, at};

use Modifier::{Harder, Top};

/// The intents of this file.
pub const INTENTS: &[Intent] = &[Intent {
    name: "hierarchy_levels",
    category: Category::Advanced,
    modifiers: &[Top, Harder],
    frames: [
        "On which level does each of the {many} stand, if those without {c} are level 1 and all others one level below their {c}?",
        "Number the levels of the {many}: 1 for those without {c}, and one more than the level of their {c} for the others.",
        "I need to see how deep our hierarchy of {many} goes: level 1 has no {c}, and everyone else is one level below the {c}.",
        "levels of {many}: 1 = no {c}, else level of the {c} + 1",
        "walking down from those without {c} (level 1), the level of all {many}, each one below the {c}",
        "A tree of our {many} is drawn from the top: those without {c} are on level 1, those directly under them on level 2 and so on.",
    ],
    make: hierarchy_levels,
}];

fn hierarchy_levels(ask: &mut Ask) -> Option<Query> {
    let mut found = Vec::new();
    for (place, table) in ask.schema.tables.iter().enumerate() {
        for link in &table.references {
            let is_own = link.target_table == place && table.key() == Some(link.target_column);
            // Without NULL there is no top to begin with.
            if is_own && table.columns[link.column].nullable {
                found.push((place, link.column));
            }
        }
    }
    let (place, column) = *ask.draw.pick(&found)?;
    let top = ask.begin(place);
    let table = ask.base_table();
    let (key, link) = (&table.columns[table.key()?], &table.columns[column]);
    let name = top.select.sources[0].name.clone();
    let mut first = top.select.clone();
    first.columns = vec![
        (at(0, &key.name), Some("member".to_owned())),
        ("1".to_owned(), Some("level".to_owned())),
    ];
    first.filters.push(format!("{} IS NULL", at(0, &link.name)));
    let below = Select {
        columns: vec![
            (at(0, &key.name), None),
            (format!("{} + 1", at(1, "level")), None),
        ],
        sources: vec![
            Source { name, join: None },
            Source {
                name: "levels".to_owned(),
                join: Some((
                    "JOIN",
                    format!("{} = {}", at(0, &link.name), at(1, "member")),
                )),
            },
        ],
        ..Select::default()
    };
    let walk = format!("{} UNION ALL {}", first.text(), below.text());
    let mut outer = Query::of_cte("levels", walk);
    outer.select.recursive = true;
    if ask.takes(Harder) {
        outer.group("level", "level", Kind::Number);
        outer.value(
            &format!("number of {}", ask.many()),
            "COUNT(*)",
            Kind::Number,
        );
        ask.note(
            format!("Give only the number of {} per level", ask.many()),
            "counted per level",
        );
        ask.tag("counted");
    } else {
        outer.key(&full_label(table, key), "member", Kind::Number);
        outer.value("level", "level", Kind::Number);
    }
    ask.note(
        "Whatever can't be reached from level 1 is left out",
        "only what is reached from level 1",
    );
    ask.say("c", link.label.clone());
    ask.arrange(&mut outer)?;
    Some(outer)
}
