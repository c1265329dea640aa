//! A query under construction: its SQL and what its outputs are called.
//!
//! **Invariant.** The name of an output is no column's name unless it is that column, so
//! that GROUP BY and ORDER BY can use it.

use crate::database::schema::{Schema, is_bare, quoted};
use crate::database::words::{is_alike, look};

use super::sql::{Select, Source, at, unmarked};

/// How an output sorts, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From low to high.
    Number,
    /// By letters.
    Text,
    /// From early to late.
    Time,
}

/// A column of the result.
#[derive(Clone, Debug)]
pub struct Output {
    /// What it is, with a hint in parentheses where its form matters.
    pub words: String,
    /// Its expression.
    pub expression: String,
    /// Its name in SQL, quoted where it must be.
    pub name: String,
    /// How it sorts.
    pub kind: Kind,
    /// Whether it belongs to what tells the rows apart.
    pub is_key: bool,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// A query under construction.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The SQL but its columns.
    pub select: Select,
    /// The columns of the result.
    pub outputs: Vec<Output>,
    /// The schema's tables in FROM, by place.
    pub tables: Vec<usize>,
    /// Columns that already play a part, by place and column.
    pub used: Vec<(usize, usize)>,
    /// What the rows are sorted by: outputs, and whether downwards.
    pub order: Vec<(usize, bool)>,
    /// Whether NULL was said to sort first.
    joined: Vec<(usize, usize, usize)>,
    /// The looks of names that no output may have.
    taken: Vec<u64>,
}

impl Query {
    /// All rows of a table.
    pub fn of(schema: &Schema, table: usize) -> Self {
        let mut query = Self::default();
        query.add_source(schema, table, None);
        query
    }

    /// The rows of a common table expression.
    pub fn of_cte(name: &str, text: String) -> Self {
        let mut query = Self::default();
        query.select.ctes.push((name.to_owned(), text));
        query.select.sources.push(Source {
            name: name.to_owned(),
            join: None,
        });
        query
    }

    /// Makes this query a common table expression and begins one over it.
    pub fn wrapped(self, name: &str) -> Self {
        let mut outer = Self {
            taken: self.outputs.iter().map(|it| look(&it.name)).collect(),
            ..Self::default()
        };
        let mut inner = self;
        outer.select.ctes = std::mem::take(&mut inner.select.ctes);
        outer.select.recursive = inner.select.recursive;
        outer.select.ctes.push((name.to_owned(), inner.text()));
        outer.select.sources.push(Source {
            name: name.to_owned(),
            join: None,
        });
        outer
    }

    /// Joins the table that the table at `place` refers to; gives its place. A reference
    /// that was followed before is not followed again.
    pub fn join(&mut self, schema: &Schema, place: usize, reference: usize) -> usize {
        let known = self
            .joined
            .iter()
            .find(|it| (it.0, it.1) == (place, reference));
        if let Some(known) = known {
            return known.2;
        }
        let table = &schema.tables[self.tables[place]];
        let link = &table.references[reference];
        let target = &schema.tables[link.target_table];
        let new = self.select.sources.len();
        let on = [
            at(place, &table.columns[link.column].name),
            at(new, &target.columns[link.target_column].name),
        ];
        let on = on.join(" = ");
        self.add_source(schema, link.target_table, Some(("JOIN", on)));
        self.joined.push((place, reference, new));
        new
    }

    /// Adds a table of the schema to FROM; gives its place.
    pub fn add_source(
        &mut self,
        schema: &Schema,
        table: usize,
        join: Option<(&'static str, String)>,
    ) -> usize {
        let columns = schema.tables[table].columns.iter();
        self.taken.extend(columns.map(|it| look(&it.name)));
        self.tables.push(table);
        self.select.sources.push(Source {
            name: quoted(&schema.tables[table].name),
            join,
        });
        self.tables.len() - 1
    }

    /// Adds a condition.
    pub fn filter(&mut self, sql: impl Into<String>) {
        let sql = sql.into();
        if !self.select.filters.contains(&sql) {
            self.select.filters.push(sql);
        }
    }

    /// Adds an output that rows are grouped by.
    pub fn group(&mut self, words: &str, expression: &str, kind: Kind) -> &mut Output {
        let output = self.add(words, expression, kind, true);
        let by = if is_plain(&output.expression) {
            output.expression.clone()
        } else {
            output.name.clone()
        };
        self.select.group.push(by);
        let last = self.outputs.len() - 1;
        &mut self.outputs[last]
    }

    /// Adds an output that tells rows apart.
    pub fn key(&mut self, words: &str, expression: &str, kind: Kind) -> &mut Output {
        self.add(words, expression, kind, true)
    }

    /// Adds any other output.
    pub fn value(&mut self, words: &str, expression: &str, kind: Kind) -> &mut Output {
        self.add(words, expression, kind, false)
    }

    /// Shows all columns of a table, which `expression` says, as they are.
    pub fn star(&mut self, expression: &str) {
        self.outputs.push(Output {
            words: "everything".to_owned(),
            expression: expression.to_owned(),
            name: "*".to_owned(),
            kind: Kind::Text,
            is_key: false,
            nullable: true,
        });
    }

    fn add(&mut self, words: &str, expression: &str, kind: Kind, is_key: bool) -> &mut Output {
        let name = self.name_for(words, expression);
        self.outputs.push(Output {
            words: words.to_owned(),
            expression: expression.to_owned(),
            name,
            kind,
            is_key,
            nullable: false,
        });
        let last = self.outputs.len() - 1;
        &mut self.outputs[last]
    }

    fn name_for(&self, words: &str, expression: &str) -> String {
        let exists = |name: &str| self.outputs.iter().any(|it| is_alike(&it.name, name));
        let column = unmarked(expression);
        if is_plain(expression) && !exists(column) {
            return column.to_owned();
        }
        let base = snake(words);
        let mut name = base.clone();
        let mut count = 1;
        while self.taken.contains(&look(&name)) || exists(&name) {
            count += 1;
            name = if count == 2 {
                format!("{base}_value")
            } else {
                format!("{base}_{count}")
            };
        }
        quoted(&name)
    }

    /// The name of an output.
    pub fn name(&self, output: usize) -> String {
        self.outputs[output].name.clone()
    }

    /// Sorts by the outputs that tell rows apart, after what is already sorted by.
    pub fn order_by_keys(&mut self) {
        for place in 0..self.outputs.len() {
            let is_new = self.order.iter().all(|(output, _)| *output != place);
            if self.outputs[place].is_key && is_new {
                self.order.push((place, false));
            }
        }
    }

    /// The statement.
    pub fn text(&self) -> String {
        let select = &self.select;
        // What several SELECTs give together is known by name only.
        let are_named = !select.compound.is_empty() && select.sources.len() > 1;
        let columns = self.outputs.iter().map(|output| {
            let is_itself = !are_named && unmarked(&output.expression) == output.name;
            let name = (!is_itself).then_some(output.name.as_str());
            (output.expression.as_str(), name)
        });
        let mut order = select.order.clone();
        for (place, descending) in &self.order {
            let output = &self.outputs[*place];
            let is_column = is_plain(&output.expression) && select.compound.is_empty();
            let by = match is_column {
                true => &output.expression,
                false => &output.name,
            };
            order.push(match descending {
                true => [by, " DESC"].concat(),
                false => by.clone(),
            });
        }
        select.with_columns(columns, &order)
    }
}

/// Whether an expression is a column and nothing else.
fn is_plain(expression: &str) -> bool {
    let column = unmarked(expression);
    let inner = column.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match inner {
        Some(inner) => !inner.replace("\"\"", "").contains('"'),
        None => is_bare(column),
    }
}

/// Words as an SQL name; hints in parentheses are left out.
pub fn snake(words: &str) -> String {
    let hint = words.as_bytes().windows(2).position(|it| it == b" (");
    let bare = &words[..hint.unwrap_or(words.len())];
    let mut name = String::with_capacity(bare.len() + 8);
    for character in bare.chars() {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if character.is_alphanumeric() => name.extend(character.to_lowercase()),
            _ if name.is_empty() || name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    if name.is_empty() {
        name += "value";
    }
    name
}
