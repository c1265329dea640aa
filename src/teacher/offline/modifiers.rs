//! What makes a bare intent harder: conditions, a second measure, conditions on groups,
//! the first rows only. Each adds its SQL and its words in one go.

use crate::database::schema::{Column, Content};

use super::ask::{Ask, Modifier};
use super::parts::{Measure, Unit};
use super::query::{Kind, Query};
use super::sql::at;
use super::{calendar, constants, phrase, roles};

/// A condition that may be put on the rows of a query.
#[derive(Clone, Copy, Debug)]
enum Condition {
    /// A word of a column: of the first table, or of one it refers to.
    Word(Option<usize>, usize),
    /// One of two words.
    EitherWord(Option<usize>, usize),
    /// Any other word.
    OtherWord(usize),
    /// A flag, of the first table or of one it refers to.
    Flag(Option<usize>, usize),
    /// A stretch of time.
    When(usize),
    /// At least, or at most.
    Amount(usize),
    /// Not missing.
    Present(usize),
}

impl<'a> Ask<'a> {
    /// Puts the conditions on the rows that were drawn.
    pub fn filters(&mut self, query: &mut Query) -> Option<()> {
        while self.takes(Modifier::Where) {
            self.condition(query)?;
        }
        Some(())
    }

    /// Puts one more condition on the rows of the first table.
    pub fn condition(&mut self, query: &mut Query) -> Option<()> {
        let conditions = self.conditions(query);
        let condition = *self.draw.pick(&conditions)?;
        self.apply(query, condition)
    }

    /// Puts a condition on the owners of an outer query, and says so in a sentence.
    pub fn owner_condition(&mut self, outer: &mut Query) -> Option<()> {
        let before = std::mem::take(&mut self.clauses);
        let done = self.condition(outer);
        let clauses = std::mem::replace(&mut self.clauses, before);
        done?;
        let many = &self.table_at(outer.tables[0]).many;
        let said: Vec<String> = clauses
            .iter()
            .map(|it| format!("whose {}", it.predicate))
            .collect();
        let terse: Vec<String> = clauses.iter().map(|it| it.terse.clone()).collect();
        self.note(
            format!("Include only {many} {}", phrase::listed(&said, "and")),
            format!("only {many} with {}", phrase::listed(&terse, "and")),
        );
        self.tag("owners");
        Some(())
    }

    fn conditions(&self, query: &Query) -> Vec<Condition> {
        let base = query.tables[0];
        let table = self.table_at(base);
        let mut found = Vec::new();
        for (place, column) in table.columns.iter().enumerate() {
            if query.used.contains(&(0, place)) {
                continue;
            }
            match column.content {
                Content::Category => {
                    let words = constants::words(column).len();
                    found.extend((words > 0).then_some(Condition::Word(None, place)));
                    found.extend((words > 2).then_some(Condition::EitherWord(None, place)));
                    let is_other = words > 2 && !column.nullable;
                    found.extend(is_other.then_some(Condition::OtherWord(place)));
                }
                Content::Flag => found.push(Condition::Flag(None, place)),
                Content::Date | Content::DateTime => {
                    found.extend([Condition::When(place), Condition::When(place)]);
                }
                Content::Money | Content::MoneyText | Content::Quantity | Content::Measure => {
                    found.push(Condition::Amount(place));
                }
                Content::Text | Content::Name if column.nullable => {
                    found.push(Condition::Present(place));
                }
                _ => {}
            }
        }
        for reference in roles::parents(self.schema, base) {
            let target = table.references[reference].target_table;
            if self.barred == Some(target) {
                continue;
            }
            for (place, column) in self.table_at(target).columns.iter().enumerate() {
                let mut used = query.used.iter();
                if used.any(|(at, used)| query.tables[*at] == target && *used == place) {
                    continue;
                }
                let from = Some(reference);
                match column.content {
                    Content::Category if constants::words(column).len() > 2 => {
                        found.push(Condition::Word(from, place));
                        found.push(Condition::EitherWord(from, place));
                    }
                    Content::Flag => found.push(Condition::Flag(from, place)),
                    _ => {}
                }
            }
        }
        found
    }

    fn apply(&mut self, query: &mut Query, condition: Condition) -> Option<()> {
        match condition {
            Condition::Word(from, column) => {
                let (found, sql, whose) = self.subject(query, from, column);
                let word = self.word_of(found)?;
                query.filter([&sql, " = ", &word].concat());
                let is = self.word(&["is", "is", "equals"]);
                self.clause(
                    [&whose, " ", is, " ", &word].concat(),
                    [&whose, " = ", &word].concat(),
                );
                self.tag(if from.is_some() {
                    "where_parent"
                } else {
                    "where_word"
                });
            }
            Condition::EitherWord(from, column) => {
                let (found, sql, whose) = self.subject(query, from, column);
                let words = self.words_of(found, 2)?;
                query.filter([&sql, " IN (", &words.join(", "), ")"].concat());
                let either = self.word(&["is", "is either"]);
                self.clause(
                    [&whose, " ", either, " ", &words.join(" or ")].concat(),
                    [&whose, " ", &words.join(" or ")].concat(),
                );
                self.tag(if from.is_some() {
                    "where_parent_in"
                } else {
                    "where_in"
                });
            }
            Condition::OtherWord(column) => {
                let (found, sql, whose) = self.subject(query, None, column);
                let word = self.word_of(found)?;
                query.filter([&sql, " <> ", &word].concat());
                let is = self.word(&["is not", "is anything but", "differs from"]);
                self.clause(
                    [&whose, " ", is, " ", &word].concat(),
                    [&whose, " not ", &word].concat(),
                );
                self.tag("where_not");
            }
            Condition::Flag(from, column) => {
                let (_, sql, whose) = self.subject(query, from, column);
                let value = i64::from(self.constants.chance(70));
                query.filter(format!("{sql} = {value}"));
                self.clause(format!("{whose} is {value}"), format!("{whose} = {value}"));
                self.tag(if from.is_some() {
                    "where_parent_flag"
                } else {
                    "where_flag"
                });
            }
            Condition::When(column) => self.when(query, column)?,
            Condition::Amount(column) => self.threshold(query, column)?,
            Condition::Present(column) => {
                let (_, sql, whose) = self.subject(query, None, column);
                query.filter(format!("{sql} IS NOT NULL"));
                self.clause(format!("{whose} is not NULL"), format!("{whose} not NULL"));
                self.tag("where_present");
            }
        }
        Some(())
    }

    /// A column by its place, its SQL, and whose it is in words.
    fn subject(
        &mut self,
        query: &mut Query,
        from: Option<usize>,
        column: usize,
    ) -> (&'a Column, String, String) {
        let base = query.tables[0];
        let place = from.map_or(0, |reference| query.join(self.schema, 0, reference));
        query.used.push((place, column));
        let table = &self.schema.tables[query.tables[place]];
        let found = &table.columns[column];
        let whose = match from {
            None => found.label.clone(),
            Some(reference) => self.whose(base, reference, column),
        };
        (found, at(place, &found.name), whose)
    }

    /// A stretch of time on a date of the first table.
    fn when(&mut self, query: &mut Query, column: usize) -> Option<()> {
        let day = self.day(query, column);
        let start = self.day_in(day.column, 15, 75)?;
        let words = &day.words;
        let year = calendar::text(start)[..4].to_owned();
        match self.draw.below(5) {
            0 => {
                query.filter(format!("strftime('%Y', {}) = '{year}'", day.sql));
                let is = self.word(&["is in", "falls in", "lies in the year"]);
                self.clause(format!("{words} {is} {year}"), format!("{words} in {year}"));
                self.tag("where_year");
            }
            1 => {
                let quarter = self.constants.between(0, 3);
                let first = calendar::number(&format!("{year}-01-01"))?;
                let from = calendar::text(calendar::month_start(first, quarter * 3));
                let until = calendar::text(calendar::month_start(first, quarter * 3 + 3));
                query.filter(format!("{0} >= '{from}' AND {0} < '{until}'", day.sql));
                let name = phrase::ordinal(quarter as usize + 1);
                let is = self.word(&["is in", "falls in"]);
                self.clause(
                    format!("{words} {is} the {name} quarter of {year}"),
                    format!("{words} in Q{} {year}", quarter + 1),
                );
                self.tag("where_quarter");
            }
            2 => {
                let from = calendar::text(start);
                query.filter(format!("{} >= '{from}'", day.day));
                let is = self.word(&["is on or after", "is not before", "is no earlier than"]);
                self.clause(format!("{words} {is} {from}"), format!("{words} >= {from}"));
                self.tag("where_since");
            }
            3 => {
                let until = calendar::text(self.day_in(day.column, 40, 85)?);
                query.filter(format!("{} <= '{until}'", day.day));
                let is = self.word(&["is on or before", "is not after", "is no later than"]);
                self.clause(
                    format!("{words} {is} {until}"),
                    format!("{words} <= {until}"),
                );
                self.tag("where_until");
            }
            _ => {
                let days = self.constants.between(60, 400);
                let (from, until) = (calendar::text(start), calendar::text(start + days));
                query.filter(format!("{} BETWEEN '{from}' AND '{until}'", day.day));
                self.clause(
                    format!("{words} is from {from} to {until} (both included)"),
                    format!("{words} {from} to {until} inclusive"),
                );
                self.tag("where_between");
            }
        }
        Some(())
    }

    /// A bound on a number of the first table.
    fn threshold(&mut self, query: &mut Query, column: usize) -> Option<()> {
        let measure = self.measure(query, column);
        let found = &self.table_at(measure.column.0).columns[column];
        let value = constants::amount(found, &mut self.constants, 15, 60)?;
        let (sign, forms) = *self.draw.pick(&[
            (">=", ["is at least", "is no less than"]),
            (">", ["is more than", "exceeds"]),
            ("<=", ["is at most", "is no more than"]),
            ("<", ["is less than", "is under"]),
        ])?;
        query.filter([&measure.sql, " ", sign, " ", &value].concat());
        let (words, form) = (&measure.words, self.word(&forms));
        self.clause(
            [words, " ", form, " ", &value].concat(),
            [words, " ", sign, " ", &value].concat(),
        );
        self.tag(format!(
            "where_{}",
            sign.len() + usize::from(sign.starts_with('<')) * 2
        ));
        Some(())
    }

    /// What grouped queries may still get: one more group, a second measure, a condition
    /// on groups, an order.
    pub fn grouped(&mut self, query: &mut Query) -> Option<()> {
        if self.takes(Modifier::By) {
            self.by(query)?;
        }
        if self.takes(Modifier::Second) {
            self.second(query)?;
        }
        if self.takes(Modifier::Having) {
            self.having(query);
        }
        self.arrange(query)
    }

    /// Groups by one more thing, which becomes the second output.
    fn by(&mut self, query: &mut Query) -> Option<()> {
        let before = self.group_word.clone();
        let group = self.group(query)?;
        let output = query.group(&group.words, &group.sql, group.kind);
        output.nullable = group.nullable;
        let group_text = query.select.group.pop()?;
        let output = query.outputs.pop()?;
        let keys = query.outputs.iter().filter(|it| it.is_key).count();
        query.outputs.insert(keys, output);
        query
            .select
            .group
            .insert(keys.min(query.select.group.len()), group_text);
        let full = match self.wording.below(3) {
            0 => format!("Split each {before} further by {}", group.words),
            1 => format!("Do this separately for every {}, too", group.words),
            _ => format!("Group by {} as well", group.words),
        };
        self.note(full, format!("also by {}", group.words));
        self.group_word = format!("combination of {before} and {}", group.words);
        self.tag("by");
        Some(())
    }

    /// Adds a second measure.
    fn second(&mut self, query: &mut Query) -> Option<()> {
        let count = "number of ".to_owned() + &self.counted();
        let has_count = query.outputs.iter().any(|it| it.expression == "COUNT(*)");
        if !has_count && self.draw.chance(45) {
            query.value(&count, "COUNT(*)", Kind::Number);
            self.tag("also_count");
            return Some(());
        }
        let column = self.unused(query, &roles::NUMBERS)?;
        let measure = self.measure(query, column);
        let (name, function) = *self.draw.pick(&[
            ("average", "AVG"),
            ("highest", "MAX"),
            ("lowest", "MIN"),
            ("total", "SUM"),
        ])?;
        let output = query.value(
            &of_measure(name, &measure),
            &[function, "(", &measure.sql, ")"].concat(),
            Kind::Number,
        );
        output.nullable = measure.nullable;
        if measure.nullable {
            let state = super::parts::lacking(&measure);
            let words = &measure.words;
            self.note(
                format!(
                    "For the {name} {words}, {state} values are skipped (NULL if none is left)"
                ),
                format!("{state} {words} skipped, NULL if none"),
            );
        }
        self.tag(format!("also_{name}"));
        Some(())
    }

    /// Keeps only groups of some size.
    fn having(&mut self, query: &mut Query) {
        let least = self.constants.between(2, 3);
        let (many, group) = (self.counted(), self.group_word.clone());
        query.select.having.push(format!("COUNT(*) >= {least}"));
        let full = match self.wording.below(3) {
            0 => format!("Keep a {group} only if it has at least {least} such {many}"),
            1 => format!("Leave out every {group} with fewer than {least} such {many}"),
            _ => format!("A {group} counts only from {least} such {many} on"),
        };
        self.note(full, format!("only a {group} with >= {least} {many}"));
        self.tag("having");
    }

    /// Orders the rows, if the draw says so; keeps the first ones, if that was drawn.
    pub fn arrange(&mut self, query: &mut Query) -> Option<()> {
        let keys = query.outputs.iter().filter(|it| it.is_key).count();
        if keys == 0 || !query.order.is_empty() {
            return Some(());
        }
        let is_top = self.takes(Modifier::Top);
        if !is_top && !self.draw.chance(45) {
            return Some(());
        }
        let outputs = query.outputs.iter().enumerate();
        let values = outputs.filter(|(_, it)| !it.is_key && it.kind != Kind::Text);
        let values: Vec<usize> = values.map(|(place, _)| place).collect();
        let by_value = !values.is_empty() && (is_top || self.draw.chance(40));
        if by_value {
            let value = *self.draw.pick(&values)?;
            let is_descending = self.draw.chance(75);
            query.order.push((value, is_descending));
            self.tag(if is_descending {
                "by_value_down"
            } else {
                "by_value_up"
            });
        } else {
            let is_descending = self.draw.chance(25);
            let first = query.outputs.iter().position(|it| it.is_key)?;
            query.order.push((first, is_descending));
            self.tag(if is_descending {
                "by_key_down"
            } else {
                "by_key_up"
            });
        }
        query.order_by_keys();
        if is_top {
            let limit = self.constants.between(2, 5) as usize;
            query.select.limit = Some(limit);
            self.limit = Some(limit);
            self.tag("limit");
        }
        Some(())
    }

    /// A period for a pivot or a comparison: a year that the column holds.
    pub fn year_in(&mut self, column: (usize, usize)) -> Option<i64> {
        let day = self.day_in(column, 20, 75)?;
        calendar::text(day)[..4].parse().ok()
    }

    /// A period drawn among month, quarter and year.
    pub fn unit(&mut self, units: &[Unit]) -> Unit {
        self.draw.pick(units).copied().unwrap_or(Unit::Month)
    }

    /// Sorts by outputs given as place and direction, then by the keys.
    pub fn sorted(&mut self, query: &mut Query, by: &[(usize, bool)]) {
        query.order = by.to_vec();
        query.order_by_keys();
        self.tag("sorted");
    }

    /// Keeps the first rows only.
    pub fn first(&mut self, query: &mut Query, count: usize) {
        query.select.limit = Some(count);
        self.limit = Some(count);
    }
}

/// A name for an aggregate of a measure, such as `total amount`.
pub fn of_measure(name: &str, measure: &Measure) -> String {
    if measure.words.split(' ').any(|word| word == name) {
        let name = if name == "total" { "sum" } else { name };
        return [name, " of ", &measure.words].concat();
    }
    [name, " ", &measure.words].concat()
}
