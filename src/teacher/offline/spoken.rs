//! A schema as it can be spoken of: every table and column has words.

use crate::database::schema::Schema;

const MAX_WORDS_LEN: usize = 60;

/// The schema with its names as words where it has none, and without signs in its words
/// that would break a question.
pub fn spoken(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        let name = plain(&table.name, "table");
        table.one = plain(&table.one, &format!("row of {name}"));
        table.many = plain(&table.many, &format!("rows of {name}"));
        for (place, column) in table.columns.iter_mut().enumerate() {
            let name = plain(&column.name, &format!("column {}", place + 1));
            column.label = plain(&column.label, &name);
        }
    }
    schema
}

fn plain(text: &str, other: &str) -> String {
    let signs = text.chars().map(|it| {
        let is_odd = it.is_control() || "{}()'\"".contains(it);
        if is_odd { ' ' } else { it }
    });
    let text: String = signs.take(MAX_WORDS_LEN).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        other.to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_words_gets_its_name() {
        assert_eq!(plain("  ", "row of x"), "row of x");
        assert_eq!(plain("a {b}\u{1}c", "x"), "a b c");
    }
}
