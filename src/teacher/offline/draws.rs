//! Draws of tables and columns for the parts that an intent needs; each says in words what
//! it leaves out.

use crate::database::schema::{Content, quoted};
use crate::grading::Requirement;

use super::ask::Ask;
use super::parts::{Day, Group, Measure, Owned, Owner, Unit, as_day, lacking};
use super::phrase;
use super::query::{Kind, Query};
use super::roles::{self, Need, full_label};
use super::sql::at;

impl<'a> Ask<'a> {
    /// Begins with a table that has what is needed; mostly with one that refers to others.
    pub fn start(&mut self, needs: &[Need]) -> Option<Query> {
        let tables = 0..self.schema.tables.len();
        let has_all = |table: &usize| {
            let mut needs = needs.iter();
            needs.all(|need| roles::fits(self.schema, *table, *need))
        };
        let all: Vec<usize> = tables.filter(has_all).collect();
        let is_fact = |table: &usize| !self.schema.tables[*table].references.is_empty();
        let facts: Vec<usize> = all.iter().copied().filter(is_fact).collect();
        let pool = if !facts.is_empty() && self.draw.chance(80) {
            facts
        } else {
            all
        };
        let table = *self.draw.pick(&pool)?;
        Some(self.begin(table))
    }

    /// Begins with a table.
    pub fn begin(&mut self, table: usize) -> Query {
        self.base = table;
        Query::of(self.schema, table)
    }

    /// An unused column of the first table with one of these contents.
    pub fn unused(&mut self, query: &Query, contents: &[Content]) -> Option<usize> {
        let table = self.table_at(query.tables[0]);
        let free = table.columns_of(contents).map(|(column, _)| column);
        let free: Vec<usize> = free.filter(|it| !query.used.contains(&(0, *it))).collect();
        self.draw.pick(&free).copied()
    }

    /// Drops rows without a value in a column of the first table, and says so.
    pub fn only_known(&mut self, query: &mut Query, column: usize) {
        let found = &self.table_at(query.tables[0]).columns[column];
        if found.nullable {
            let label = &found.label;
            // Empty text is not NULL.
            let end = self.word(&[
                "is not NULL",
                "is given (not NULL)",
                "is not missing (NULL)",
            ]);
            query.filter(at(0, &found.name) + " IS NOT NULL");
            self.clause([label, " ", end].concat(), [label, " not NULL"].concat());
            self.tag("known");
        }
    }

    /// An amount of money in the first table; any number where the schema has no money.
    pub fn amount(&mut self, query: &mut Query) -> Option<Measure> {
        let column = self.unused(query, &roles::MONEY);
        let column = match column {
            None if !roles::has_money(self.schema) => self.unused(query, &roles::NUMBERS)?,
            other => other?,
        };
        Some(self.measure(query, column))
    }

    /// Any number in the first table.
    pub fn number(&mut self, query: &mut Query) -> Option<Measure> {
        let column = self.unused(query, &roles::NUMBERS)?;
        Some(self.measure(query, column))
    }

    /// A column of the first table as a number.
    pub fn measure(&mut self, query: &mut Query, column: usize) -> Measure {
        query.used.push((0, column));
        let table = query.tables[0];
        let found = &self.table_at(table).columns[column];
        let raw = at(0, &found.name);
        let is_text = found.content == Content::MoneyText;
        if is_text {
            self.requirements.insert(Requirement::CleanNumeric);
            self.tag("text_amount");
        }
        Measure {
            sql: if is_text {
                ["CLEAN_NUMERIC(", &raw, ")"].concat()
            } else {
                raw.clone()
            },
            raw,
            words: found.label.clone(),
            nullable: found.nullable || is_text,
            is_text,
            column: (table, column),
        }
    }

    /// Drops rows where a measure is missing or can't be read, and says so.
    pub fn only_measured(&mut self, query: &mut Query, measure: &Measure) {
        if measure.nullable {
            query.filter([&measure.sql, " IS NOT NULL"].concat());
            let words = &measure.words;
            if measure.is_text {
                let end = self.word(&["can be read as a number", "is a readable number"]);
                self.clause([words, " ", end].concat(), [words, " readable"].concat());
            } else {
                let end = self.word(&["is not missing", "is known"]);
                self.clause([words, " ", end].concat(), [words, " not NULL"].concat());
            }
            self.tag("measured");
        }
    }

    /// For sums and averages over groups: either drops rows without the measure, or says
    /// what a group without any shows.
    pub fn settle(&mut self, query: &mut Query, measure: &Measure) -> bool {
        if !measure.nullable {
            return false;
        }
        if self.draw.chance(50) {
            self.only_measured(query, measure);
            return false;
        }
        let (words, state) = (&measure.words, lacking(measure));
        let (full, terse) = (
            format!(
                "{} {words} values are skipped; where no other is left, the result is NULL",
                phrase::capital(state)
            ),
            format!("{state} {words} skipped (NULL if none left)"),
        );
        self.note(full, terse);
        true
    }

    /// A date of the first table, mostly one that is never missing.
    pub fn date(&mut self, query: &mut Query) -> Option<Day> {
        let table = self.table_at(query.tables[0]);
        let days = table.columns_of(&roles::DAYS);
        let sure = days.filter(|(_, column)| !column.nullable);
        let sure: Vec<usize> = sure.map(|(column, _)| column).collect();
        let column = if !sure.is_empty() && self.draw.chance(70) {
            let free = sure
                .into_iter()
                .filter(|it| !query.used.contains(&(0, *it)));
            *self.draw.pick(&free.collect::<Vec<_>>())?
        } else {
            self.unused(query, &roles::DAYS)?
        };
        self.only_known(query, column);
        Some(self.day(query, column))
    }

    /// A column of the first table as a date.
    pub fn day(&mut self, query: &mut Query, column: usize) -> Day {
        query.used.push((0, column));
        let table = query.tables[0];
        let found = &self.table_at(table).columns[column];
        let sql = at(0, &found.name);
        Day {
            day: as_day(found, &sql),
            sql,
            words: found.label.clone(),
            column: (table, column),
        }
    }

    /// A month, quarter or year of a date as what rows are grouped by.
    pub fn period(&mut self, day: &Day) -> Group {
        let units = [Unit::Month, Unit::Month, Unit::Quarter, Unit::Year];
        let unit = self.draw.pick(&units).copied().unwrap_or(Unit::Month);
        self.period_of(day, unit)
    }

    /// A given period of a date.
    pub fn period_of(&mut self, day: &Day, unit: Unit) -> Group {
        self.tag(unit.name());
        unit.name().clone_into(&mut self.group_word);
        Group {
            sql: unit.sql(&day.sql),
            words: unit.words().to_owned(),
            kind: Kind::Time,
            nullable: false,
        }
    }

    /// A column of few words to group by, of the first table or of one it refers to.
    pub fn group(&mut self, query: &mut Query) -> Option<Group> {
        let base = query.tables[0];
        let mut found = Vec::new();
        for (column, _) in self.table_at(base).columns_of(&[Content::Category]) {
            if !query.used.contains(&(0, column)) {
                found.push((None, column));
            }
        }
        for reference in roles::parents(self.schema, base) {
            let target = self.table_at(base).references[reference].target_table;
            for (column, _) in self.table_at(target).columns_of(&[Content::Category]) {
                found.push((Some(reference), column));
            }
        }
        let free = |it: &(Option<usize>, usize)| {
            let Some(reference) = it.0 else { return true };
            let target = self.table_at(base).references[reference].target_table;
            let mut used = query.used.iter();
            !used.any(|(place, column)| query.tables[*place] == target && *column == it.1)
        };
        found.retain(free);
        let (reference, column) = *self.draw.pick(&found)?;
        Some(self.group_by(query, reference, column))
    }

    /// A given column to group by: of the first table, or of what a reference leads to.
    pub fn group_by(
        &mut self,
        query: &mut Query,
        reference: Option<usize>,
        column: usize,
    ) -> Group {
        let place = match reference {
            None => 0,
            Some(reference) => {
                let place = query.join(self.schema, 0, reference);
                self.note_unmatched(query.tables[0], reference);
                place
            }
        };
        query.used.push((place, column));
        let table = query.tables[place];
        let found = &self.table_at(table).columns[column];
        let sql = at(place, &found.name);
        let words = match reference {
            None => found.label.clone(),
            Some(reference) => self.attribute(query.tables[0], reference, column),
        };
        self.tag(if place == 0 {
            "own_group"
        } else {
            "parent_group"
        });
        let mut nullable = found.nullable;
        if nullable && self.draw.chance(50) {
            query.filter(format!("{sql} IS NOT NULL"));
            let whose = match reference {
                None => words.clone(),
                Some(reference) => self.whose(query.tables[0], reference, column),
            };
            self.clause(format!("{whose} is not NULL"), format!("{words} not NULL"));
            self.tag("known_group");
            nullable = false;
        } else if nullable {
            self.note(
                format!("A missing {words} (NULL) is a group of its own"),
                format!("NULL {words} is a group too"),
            );
        }
        self.group_word.clone_from(&words);
        Group {
            sql,
            words,
            kind: Kind::Text,
            nullable,
        }
    }

    /// Says that rows which refer to nothing are left out.
    pub fn note_unmatched(&mut self, table: usize, reference: usize) {
        let from = self.table_at(table);
        let target = self.table_at(from.references[reference].target_table);
        let (many, one) = (&from.many, &target.one);
        let full = match self.wording.below(2) {
            0 => ["Leave out ", many, " without a matching ", one].concat(),
            _ => ["Only ", many, " with an existing ", one, " count"].concat(),
        };
        self.note(full, ["only ", many, " with an existing ", one].concat());
    }

    /// A column of what a reference leads to, in words: `customer country`.
    pub fn attribute(&self, table: usize, reference: usize, column: usize) -> String {
        let from = self.table_at(table);
        let link = &from.references[reference];
        let target = self.table_at(link.target_table);
        let label = full_label(target, &target.columns[column]);
        if roles::is_sole(self.schema, table, reference) {
            return label;
        }
        format!("{label} by {}", from.columns[link.column].label)
    }

    /// A column of what a reference leads to, as it follows `whose`: `customer's country`.
    pub fn whose(&self, table: usize, reference: usize, column: usize) -> String {
        let target = self.table_at(self.table_at(table).references[reference].target_table);
        let label = &target.columns[column].label;
        let full = full_label(target, &target.columns[column]);
        if roles::is_sole(self.schema, table, reference) && full != *label {
            return format!("{}'s {label}", target.one);
        }
        self.attribute(table, reference, column)
    }

    /// Whom the rows of the first table belong to; the owners are joined.
    pub fn owner(&mut self, query: &mut Query) -> Option<Owner> {
        let base = query.tables[0];
        let owners = roles::owners(self.schema, base);
        let reference = *self.draw.pick(&owners)?;
        let link = &self.table_at(base).references[reference];
        let place = query.join(self.schema, 0, reference);
        if !roles::is_sole(self.schema, base, reference) {
            let column = &self.table_at(base).columns[link.column].label;
            let one = &self.table_at(link.target_table).one;
            self.note(
                format!("The {one} is the one in {column}"),
                format!("{one} by {column}"),
            );
        }
        let owner = self.owner_at(link.target_table, place);
        if owner.name.is_none() {
            // The key alone could be read off the rows, with those that refer to nothing.
            self.note_unmatched(base, reference);
        }
        Some(owner)
    }

    /// The rows of a table at a place as owners.
    fn owner_at(&mut self, table: usize, place: usize) -> Owner {
        let found = self.table_at(table);
        let key = found.key().unwrap_or(0);
        let name = found
            .columns_of(&[Content::Name])
            .next()
            .map(|(_, column)| column);
        let is_shown = self.draw.chance(75);
        self.group_word.clone_from(&found.one);
        Owner {
            table,
            key: at(place, &found.columns[key].name),
            key_words: full_label(found, &found.columns[key]),
            name: name
                .filter(|_| is_shown)
                .map(|column| (at(place, &column.name), full_label(found, column))),
        }
    }

    /// Whom the rows of the first table belong to, by the column that refers to it: no
    /// table is joined. The column's expression and words.
    pub fn owner_id(&mut self, query: &mut Query) -> Option<(String, String)> {
        let base = query.tables[0];
        let owners = roles::owners(self.schema, base);
        let reference = *self.draw.pick(&owners)?;
        let link = &self.table_at(base).references[reference];
        let target = self.table_at(link.target_table);
        self.only_known(query, link.column);
        query.used.push((0, link.column));
        let column = &self.table_at(base).columns[link.column];
        let (one, label) = (&target.one, &column.label);
        self.note(
            format!(
                "Tell {} apart by {label} as it stands in {}",
                target.many,
                self.many()
            ),
            format!("{one} = {label} in {}", self.many()),
        );
        self.say("o", one.clone());
        self.say("os", target.many.clone());
        self.group_word.clone_from(one);
        Some((at(0, &column.name), label.clone()))
    }

    /// A table that rows with a date belong to, as the outer query with its key and name,
    /// and those rows as the inner one.
    pub fn owned(&mut self) -> Option<Owned> {
        let tables = 0..self.schema.tables.len();
        let all = tables.flat_map(|table| {
            let owned = roles::owned(self.schema, table);
            owned
                .into_iter()
                .map(move |(rows, reference)| (table, rows, reference))
        });
        let (table, rows, reference) = *self.draw.pick(&all.collect::<Vec<_>>())?;
        let mut outer = self.begin(table);
        outer.select.nested = Some(0);
        self.list_key(&mut outer, true)?;
        let owner = self.table_at(table);
        let key = format!("t1.{}", quoted(&owner.columns[owner.key()?].name));
        let inner = self.begin(rows);
        self.barred = Some(table);
        let link = &self.table_at(rows).references[reference];
        let column = &self.table_at(rows).columns[link.column];
        if !roles::is_sole(self.schema, rows, reference) {
            self.note(
                format!(
                    "The {} of {} is the one in {}",
                    owner.one,
                    self.many(),
                    column.label
                ),
                format!("{} by {}", owner.one, column.label),
            );
        }
        self.say("o", owner.one.clone());
        self.say("os", owner.many.clone());
        self.group_word.clone_from(&owner.one);
        Some(Owned {
            outer,
            inner,
            link: at(0, &column.name),
            key,
        })
    }

    /// Groups by an owner: its key, and its name if it is to be shown.
    pub fn group_owner(&mut self, query: &mut Query, owner: &Owner) {
        query.group(&owner.key_words, &owner.key, Kind::Number);
        if let Some((name, words)) = &owner.name {
            query.value(words, name, Kind::Text);
            query.select.group.push(name.clone());
        }
    }

    /// Lists a table's key, and its name if it has one.
    pub fn list_key(&mut self, query: &mut Query, with_name: bool) -> Option<()> {
        let table = self.table_at(query.tables[0]);
        let key = &table.columns[table.key()?];
        query.key(&full_label(table, key), &at(0, &key.name), Kind::Number);
        let name = table.columns_of(&[Content::Name]).next();
        if let Some((place, name)) = name.filter(|_| with_name)
            && !query.used.contains(&(0, place))
        {
            query.value(&full_label(table, name), &at(0, &name.name), Kind::Text);
        }
        Some(())
    }
}
