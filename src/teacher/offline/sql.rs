//! SELECT statements in one line, built from parts.
//!
//! **Invariant.** A column of a table in FROM is written by [`at`] as a mark that the text
//! resolves: with an alias where tables are joined, bare where there is one table.

use crate::database::schema::push_quoted;

const OPEN: u8 = 1;
const CLOSE: u8 = 2;

/// A column of the table at a place in FROM.
pub fn at(place: usize, column: &str) -> String {
    let mut text = String::with_capacity(8 + column.len());
    mark(place, &mut text);
    push_quoted(column, &mut text);
    text
}

/// All columns of the table at a place in FROM.
pub fn all_of(place: usize) -> String {
    let mut text = String::with_capacity(8);
    mark(place, &mut text);
    text.push('*');
    text
}

fn mark(place: usize, text: &mut String) {
    text.push(char::from(OPEN));
    push_number(place, text);
    text.push(char::from(CLOSE));
}

/// Numbers of tables have one digit, as good as always.
fn push_number(number: usize, text: &mut String) {
    match u8::try_from(number) {
        Ok(digit @ 0..10) => text.push(char::from(b'0' + digit)),
        _ => *text += &number.to_string(),
    }
}

/// A table in FROM.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, quoted where it must be.
    pub name: String,
    /// How it is joined and on what; empty for the first one.
    pub join: Option<(&'static str, String)>,
}

/// A SELECT statement.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// Common table expressions: name, and text without parentheses.
    pub ctes: Vec<(String, String)>,
    /// Whether WITH needs RECURSIVE.
    pub recursive: bool,
    /// Whether doubled rows are dropped.
    pub distinct: bool,
    /// Expressions with their names, or without one.
    pub columns: Vec<(String, Option<String>)>,
    /// The tables.
    pub sources: Vec<Source>,
    /// Conditions of WHERE.
    pub filters: Vec<String>,
    /// GROUP BY.
    pub group: Vec<String>,
    /// Conditions of HAVING.
    pub having: Vec<String>,
    /// ORDER BY.
    pub order: Vec<String>,
    /// Further SELECT statements, each with the word that joins it, such as `UNION ALL`.
    pub compound: Vec<(&'static str, String)>,
    /// LIMIT.
    pub limit: Option<usize>,
    /// Added to the numbers of aliases, for a query inside another; makes aliases always
    /// stand, so that the inner one can name the outer one's columns.
    pub nested: Option<usize>,
}

impl Select {
    /// Writes the alias of the table at a place.
    fn push_alias(&self, place: usize, text: &mut String) {
        text.push('t');
        push_number(place + 1 + self.nested.unwrap_or(0), text);
    }

    /// The statement.
    pub fn text(&self) -> String {
        let columns = self.columns.iter();
        let columns = columns.map(|(expression, name)| (expression.as_str(), name.as_deref()));
        self.with_columns(columns, &self.order)
    }

    /// The statement with these columns, and this after ORDER BY.
    pub fn with_columns<'a>(
        &self,
        columns: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        order: &[String],
    ) -> String {
        let mut sql = String::with_capacity(512);
        for (place, (name, text)) in self.ctes.iter().enumerate() {
            sql += match (place, self.recursive) {
                (0, true) => "WITH RECURSIVE ",
                (0, false) => "WITH ",
                _ => ", ",
            };
            push_all(&mut sql, &[name, " AS (", text, ")"]);
        }
        if !self.ctes.is_empty() {
            sql.push(' ');
        }
        sql += if self.distinct {
            "SELECT DISTINCT "
        } else {
            "SELECT "
        };
        for (place, (expression, name)) in columns.enumerate() {
            let between = if place == 0 { "" } else { ", " };
            push_all(&mut sql, &[between, expression]);
            if let Some(name) = name {
                push_all(&mut sql, &[" AS ", name]);
            }
        }
        for (place, source) in self.sources.iter().enumerate() {
            let join = source.join.as_ref().map_or("FROM", |it| it.0);
            push_all(&mut sql, &[" ", join, " ", &source.name]);
            if self.has_aliases() {
                sql += " AS ";
                self.push_alias(place, &mut sql);
            }
            if let Some((_, on)) = &source.join
                && !on.is_empty()
            {
                push_all(&mut sql, &[" ON ", on]);
            }
        }
        let mut part = |word: &str, items: &[String], between: &str| {
            for (place, item) in items.iter().enumerate() {
                match place {
                    0 => push_all(&mut sql, &[" ", word, " ", item]),
                    _ => push_all(&mut sql, &[between, item]),
                }
            }
        };
        part("WHERE", &self.filters, " AND ");
        part("GROUP BY", &self.group, ", ");
        part("HAVING", &self.having, " AND ");
        for (word, other) in &self.compound {
            part(word, std::slice::from_ref(other), "");
        }
        part("ORDER BY", order, ", ");
        if let Some(limit) = self.limit {
            push_all(&mut sql, &[" LIMIT ", &limit.to_string()]);
        }
        self.resolved(&sql)
    }

    fn has_aliases(&self) -> bool {
        self.sources.len() > 1 || self.nested.is_some()
    }

    /// Text of this statement with the marks of [`at`] replaced.
    pub fn resolved(&self, text: &str) -> String {
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, place, after)) = next_mark(rest) {
            done += before;
            if self.has_aliases() {
                self.push_alias(place, &mut done);
                done.push('.');
            }
            rest = after;
        }
        done + rest
    }
}

fn push_all(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

/// What stands before the next mark, the place that it names, and what stands behind it.
fn next_mark(text: &str) -> Option<(&str, usize, &str)> {
    let start = text.bytes().position(|it| it == OPEN)?;
    let (before, mark) = (&text[..start], &text[start + 1..]);
    let end = mark.bytes().position(|it| it == CLOSE)?;
    Some((before, mark[..end].parse().ok()?, &mark[end + 1..]))
}

/// An expression without the mark that it begins with: a column as it stands where no table
/// has an alias.
pub fn unmarked(expression: &str) -> &str {
    match expression.as_bytes().first() {
        Some(&OPEN) => next_mark(expression).map_or(expression, |(_, _, column)| column),
        _ => expression,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_told_without_its_mark() {
        assert_eq!(unmarked(&at(0, "order")), "\"order\"");
        assert_eq!(unmarked("COUNT(*)"), "COUNT(*)");
        let sum = format!("SUM({})", at(0, "a"));
        assert_eq!(unmarked(&sum), sum);
        let both = format!("{} + {}", at(0, "a"), at(1, "b c"));
        assert_eq!(Select::default().resolved(&both), "a + \"b c\"");
    }

    #[test]
    fn aliases_stand_only_where_tables_are_joined() {
        let mut select = Select {
            columns: vec![(at(0, "order"), Some("x".to_owned()))],
            sources: vec![Source {
                name: "a".to_owned(),
                join: None,
            }],
            limit: Some(3),
            ..Select::default()
        };
        assert_eq!(select.text(), "SELECT \"order\" AS x FROM a LIMIT 3");
        let on = format!("{} = {}", at(0, "b_id"), at(1, "id"));
        select.sources.push(Source {
            name: "b".to_owned(),
            join: Some(("JOIN", on)),
        });
        assert_eq!(
            select.text(),
            "SELECT t1.\"order\" AS x FROM a AS t1 JOIN b AS t2 ON t1.b_id = t2.id LIMIT 3"
        );
    }
}
