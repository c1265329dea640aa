//! Makes a database's schema out of a domain's plan and a seed.

use super::domain::{ColumnPlan, Kind, TablePlan};
use super::domains::plan;
use super::filling::Filling;
use super::invention;
use super::naming::{Style, Term, plural};
use super::schema::{Column, Content, Reference, Schema, Table, is_bare};
use crate::base::seed::Random;

/// A schema of this domain; `None` if there is no such domain. The same seed gives the
/// same schema, another seed other names, columns and words.
pub fn generate(domain: &str, seed: u64) -> Option<Schema> {
    let plan = plan(domain)?;
    let mut random = Random::new(seed, &["database", domain, "tables"]);
    let mut maker = Maker {
        domain,
        seed,
        style: Style::new(seed, domain),
        filling: Filling::new(&mut random),
        has_text_keys: random.chance(10),
        made: Vec::new(),
        tables: Vec::new(),
    };
    for table in &plan.tables {
        if !table.optional || random.chance(65) {
            maker.add(table);
        }
    }
    let mut random = Random::new(seed, &["database", domain, "name"]);
    Some(Schema {
        name: format!("{domain}_{}", invention::invented(&mut random)),
        domain: domain.to_owned(),
        tables: maker.tables,
    })
}

struct Maker<'a> {
    domain: &'a str,
    seed: u64,
    style: Style,
    filling: Filling,
    has_text_keys: bool,
    made: Vec<Made<'a>>,
    tables: Vec<Table>,
}

/// What later tables need to know to refer to one.
struct Made<'a> {
    role: &'a str,
    term: Term,
    key: usize,
    key_name: String,
    key_type: String,
}

impl<'a> Maker<'a> {
    fn add(&mut self, plan: &TablePlan<'a>) {
        let path = ["database", self.domain, "table", plan.role];
        let mut random = Random::new(self.seed, &path);
        let (term, many, name) = self.table_name(plan, &mut random);
        let mut table = Table {
            name,
            one: term.label.clone(),
            many,
            columns: Vec::new(),
            references: Vec::new(),
        };
        let has_text_key = self.has_text_keys && random.chance(50);
        self.made.push(Made {
            role: plan.role,
            term,
            key: 0,
            key_name: String::new(),
            key_type: String::new(),
        });
        let mut targets = Vec::new();
        for column in &plan.columns {
            // A choice of its own for each, so that a new column moves no other.
            let name = column.words.first().copied().unwrap_or_default();
            let kind = match column.kind {
                Kind::Reference(role) => role,
                _ => "",
            };
            let path = ["database", self.domain, "column", plan.role, kind, name];
            let mut random = Random::new(self.seed, &path);
            if column.optional && !random.chance(60) {
                continue;
            }
            let target = match column.kind {
                Kind::Reference(role) => {
                    let target = self.made.iter().position(|made| made.role == role);
                    if target.is_none() {
                        continue;
                    }
                    target
                }
                _ => None,
            };
            let made = self.column(column, target, has_text_key, &table, &mut random);
            if made.content == Content::Key {
                let place = table.columns.len();
                if let Some(own) = self.made.last_mut() {
                    own.key = place;
                    own.key_name.clone_from(&made.name);
                    own.key_type.clone_from(&made.declared_type);
                }
            }
            table.columns.push(made);
            targets.push(target);
        }
        self.arrange(&mut table, targets, &mut random);
        self.tables.push(table);
    }

    fn table_name(&self, plan: &TablePlan, random: &mut Random) -> (Term, String, String) {
        let mut nouns = plan.nouns.clone();
        random.shuffle(&mut nouns);
        let mut tries = 0;
        loop {
            let (one, irregular) = nouns[tries % nouns.len()];
            let term = self.style.term(one, random);
            let name = self.style.table(&term);
            let is_same = self
                .tables
                .iter()
                .any(|table| table.name.eq_ignore_ascii_case(&name) || table.one == term.label);
            tries += 1;
            if is_same || !is_plain(&name) {
                // The words ran out: an invented one is free.
                if tries > 3 * nouns.len() {
                    nouns.push((one, irregular));
                    let word = invention::invented(random);
                    let term = Term {
                        label: word.clone(),
                        parts: vec![word],
                    };
                    return (term.clone(), plural(&term.label), self.style.table(&term));
                }
                continue;
            }
            let many = match irregular {
                Some(many) if term.label == one => many.to_owned(),
                _ => plural(&term.label),
            };
            return (term, many, name);
        }
    }

    fn column(
        &self,
        plan: &ColumnPlan,
        target: Option<usize>,
        has_text_key: bool,
        table: &Table,
        random: &mut Random,
    ) -> Column {
        let own = &self.made[self.made.len() - 1];
        let content = self.filling.content(&plan.kind, random);
        let (name, label) = match (&plan.kind, target) {
            (Kind::Key, _) => {
                let label = [&own.term.label, " ", self.style.key_word()].concat();
                (self.style.key(&own.term), label)
            }
            (_, Some(target)) => {
                let target = &self.made[target];
                let role = random.pick(&plan.words);
                let role = role.map(|words| self.style.term(words, random));
                let key = if target.key_name.is_empty() {
                    "id"
                } else {
                    &target.key_name
                };
                let name = self.style.reference(&target.term, key, role.as_ref());
                let called = role.map_or_else(|| target.term.label.clone(), |it| it.label);
                (name, called + " " + self.style.key_word())
            }
            _ => (String::new(), String::new()),
        };
        let (name, label) = if name.is_empty() || is_taken(table, &name, &label) {
            self.column_name(plan, &own.term, table, random)
        } else {
            (name, label)
        };
        let fill = self
            .filling
            .fill(&plan.kind, content, has_text_key, &own.term, random);
        let key_type = target.map(|target| self.made[target].key_type.as_str());
        let declared_type = self.filling.declared_type(content, &fill, key_type, random);
        let null_percent = match content {
            Content::Key => 0,
            Content::Text => 60,
            Content::Category | Content::Money | Content::MoneyText => 12,
            Content::Reference | Content::Flag => 8,
            _ => 6,
        };
        Column {
            name,
            label,
            declared_type,
            content,
            nullable: plan.nullable || random.chance(null_percent),
            key_position: (content == Content::Key).then_some(1),
            fill,
        }
    }

    /// A free name and its label out of the plan's words.
    fn column_name(
        &self,
        plan: &ColumnPlan,
        own: &Term,
        table: &Table,
        random: &mut Random,
    ) -> (String, String) {
        let mut all = plan.words.clone();
        random.shuffle(&mut all);
        for words in &all {
            let is_owned = words.starts_with("* ");
            let term = self.style.term(words.trim_start_matches("* "), random);
            let (name, label) = if is_owned {
                let label = Term::of(own, &term).label;
                (self.style.owned_column(own, &term), label)
            } else {
                (self.style.column(own, &term), term.label.clone())
            };
            if is_plain(&name) && !is_taken(table, &name, &label) {
                return (name, label);
            }
            let (name, label) = (
                self.style.owned_column(own, &term),
                Term::of(own, &term).label,
            );
            if is_plain(&name) && !is_taken(table, &name, &label) {
                return (name, label);
            }
        }
        loop {
            let word = invention::invented(random);
            let term = Term {
                label: word.clone(),
                parts: vec![word],
            };
            let name = self.style.owned_column(own, &term);
            if !is_taken(table, &name, &term.label) {
                return (name, term.label);
            }
        }
    }

    /// Varies the order of the columns a little, then writes down the references.
    fn arrange(&mut self, table: &mut Table, targets: Vec<Option<usize>>, random: &mut Random) {
        let mut columns: Vec<(Column, Option<usize>)> =
            table.columns.drain(..).zip(targets).collect();
        if random.chance(20) {
            columns.sort_by_key(|(_, target)| target.is_some());
        }
        for _ in 0..random.below(3) {
            if columns.len() > 3 {
                let place = 1 + random.below(columns.len() - 2);
                columns.swap(place, place + 1);
            }
        }
        let own = self.tables.len();
        let key = columns
            .iter()
            .position(|(column, _)| column.content == Content::Key);
        self.made[own].key = key.unwrap_or_default();
        for (place, (column, target)) in columns.into_iter().enumerate() {
            if let Some(target) = target {
                table.references.push(Reference {
                    column: place,
                    target_table: target,
                    target_column: self.made[target].key,
                    declared: true,
                });
            }
            table.columns.push(column);
        }
    }
}

fn is_plain(name: &str) -> bool {
    let is_row_id = ["rowid", "oid", "_rowid_"]
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it));
    !is_row_id && is_bare(name)
}

fn is_taken(table: &Table, name: &str, label: &str) -> bool {
    table.name.eq_ignore_ascii_case(name)
        || table
            .columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name) || column.label == label)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::database::domains::domains;
    use crate::database::schema::Fill;

    /// A fact: dated, with money, a number, a category, and a named entity that has one.
    fn is_fact(schema: &Schema, table: &Table) -> bool {
        let has = |contents: &[Content]| table.columns_of(contents).next().is_some();
        let refers_well = table.references.iter().any(|reference| {
            let target = &schema.tables[reference.target_table];
            let has = |content| target.columns_of(&[content]).next().is_some();
            has(Content::Name) && has(Content::Category)
        });
        has(&[Content::Date, Content::DateTime])
            && has(&[Content::Money, Content::MoneyText])
            && has(&[Content::Quantity])
            && has(&[Content::Category])
            && refers_well
    }

    #[test]
    fn every_domain_and_seed_gives_a_whole_schema() {
        for domain in domains() {
            for seed in 0..60 {
                let schema = generate(domain, seed).unwrap();
                assert_eq!(Some(&schema), generate(domain, seed).as_ref());
                let at = format!("{domain} {seed}: {}", schema.create_sql());
                assert!((3..=6).contains(&schema.tables.len()), "{at}");
                assert!(schema.tables.iter().any(|it| is_fact(&schema, it)), "{at}");
                let connection = rusqlite::Connection::open_in_memory().unwrap();
                connection.execute_batch(&schema.create_sql()).unwrap();
                let mut names = BTreeSet::new();
                let mut labels = BTreeSet::new();
                for (place, table) in schema.tables.iter().enumerate() {
                    assert!(names.insert(table.name.to_lowercase()), "{at}");
                    assert!(labels.insert(&table.one), "{at}");
                    assert!(table.key().is_some(), "{at}");
                    let mut names = BTreeSet::new();
                    let mut labels = BTreeSet::new();
                    for column in &table.columns {
                        assert!(names.insert(column.name.to_lowercase()), "{at}");
                        assert!(labels.insert(&column.label), "{at}");
                        let is_reference = column.content == Content::Reference;
                        assert_eq!(is_reference, column.fill == Fill::Reference, "{at}");
                    }
                    for reference in &table.references {
                        assert!(reference.target_table <= place);
                        let target = &schema.tables[reference.target_table];
                        assert_eq!(target.key(), Some(reference.target_column), "{at}");
                        let column = &table.columns[reference.column];
                        assert_eq!(column.content, Content::Reference);
                    }
                }
            }
        }
        assert!(generate("nothing", 1).is_none());
    }

    #[test]
    fn names_differ_from_seed_to_seed() {
        let mut names = BTreeSet::new();
        let mut count = 0;
        for seed in 0..200 {
            for table in generate("retail", seed).unwrap().tables {
                names.extend(table.columns.into_iter().map(|column| {
                    count += 1;
                    column.name
                }));
            }
        }
        assert!(names.len() * 100 > count * 45, "{} of {count}", names.len());
    }
}
