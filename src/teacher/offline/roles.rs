//! Which tables and columns of a schema can play which part in a question.

use crate::database::schema::{Column, Content, Schema, Table};

/// What a table must have for an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A date or moment.
    Date,
    /// Two dates or moments.
    TwoDates,
    /// An amount of money; any number where the schema has no money.
    Amount,
    /// Any number that isn't a key.
    Number,
    /// Two such numbers.
    TwoNumbers,
    /// An amount as text.
    MoneyText,
    /// A column of few words.
    Category,
    /// Two such columns, of its own or of a table it refers to.
    TwoGroups,
    /// A column of few words, its own or of a table it refers to.
    Group,
    /// A flag.
    Flag,
    /// A key of one column.
    Key,
    /// A reference to another table whose rows have a key.
    Owner,
    /// A column that may be NULL and is no key.
    Nullable,
    /// A name or other text.
    Text,
    /// A name.
    Name,
    /// It is referred to by a table with a date.
    Owns,
}

/// Contents that are numbers.
pub const NUMBERS: [Content; 4] = [
    Content::Money,
    Content::MoneyText,
    Content::Quantity,
    Content::Measure,
];
/// Contents that are money.
pub const MONEY: [Content; 2] = [Content::Money, Content::MoneyText];
/// Contents that are days.
pub const DAYS: [Content; 2] = [Content::Date, Content::DateTime];

/// Whether the table at a place has what is needed.
pub fn fits(schema: &Schema, place: usize, need: Need) -> bool {
    let table = &schema.tables[place];
    let has = |contents: &[Content]| table.columns_of(contents).next().is_some();
    let has_two = |contents: &[Content]| table.columns_of(contents).nth(1).is_some();
    match need {
        Need::Date => has(&DAYS),
        Need::TwoDates => has_two(&DAYS),
        Need::Amount if has_money(schema) => has(&MONEY),
        Need::Amount | Need::Number => has(&NUMBERS),
        Need::TwoNumbers => has_two(&NUMBERS),
        Need::MoneyText => has(&[Content::MoneyText]),
        Need::Category => has(&[Content::Category]),
        Need::Group => groups(schema, place) > 0,
        Need::TwoGroups => groups(schema, place) > 1,
        Need::Flag => has(&[Content::Flag]),
        Need::Key => table.key().is_some(),
        Need::Owner => !owners(schema, place).is_empty(),
        Need::Nullable => nullable(table).next().is_some(),
        Need::Text => has(&[Content::Text, Content::Name]),
        Need::Name => has(&[Content::Name]),
        Need::Owns => !owned(schema, place).is_empty(),
    }
}

/// Whether a column of any table is money.
pub fn has_money(schema: &Schema) -> bool {
    let mut tables = schema.tables.iter();
    tables.any(|table| table.columns_of(&MONEY).next().is_some())
}

/// The columns that may be NULL and are neither keys nor references.
pub fn nullable(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(_, column)| {
        column.nullable
            && column.key_position.is_none()
            && !matches!(column.content, Content::Key | Content::Reference)
    })
}

/// References of a table to other tables with a key of one column; to those whose rows
/// have a name, if there are any.
pub fn owners(schema: &Schema, place: usize) -> Vec<usize> {
    let all: Vec<usize> = parents(schema, place)
        .filter(|reference| {
            let link = &schema.tables[place].references[*reference];
            schema.tables[link.target_table].key() == Some(link.target_column)
        })
        .collect();
    let is_named = |reference: &usize| {
        let link = &schema.tables[place].references[*reference];
        let target = &schema.tables[link.target_table];
        target.columns_of(&[Content::Name]).next().is_some()
    };
    let named: Vec<usize> = all.iter().copied().filter(is_named).collect();
    if named.is_empty() { all } else { named }
}

/// References of a table to other tables.
pub fn parents(schema: &Schema, place: usize) -> impl Iterator<Item = usize> {
    let references = schema.tables[place].references.iter().enumerate();
    references
        .filter(move |(_, link)| link.target_table != place)
        .map(|(reference, _)| reference)
}

/// Whether one reference only leads from a table to another.
pub fn is_sole(schema: &Schema, place: usize, reference: usize) -> bool {
    let references = &schema.tables[place].references;
    let target = references[reference].target_table;
    references
        .iter()
        .filter(|it| it.target_table == target)
        .count()
        == 1
}

/// The references by which tables with a date belong to a table: table and reference.
pub fn owned(schema: &Schema, place: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (other, table) in schema.tables.iter().enumerate() {
        if table.columns_of(&DAYS).next().is_none() {
            continue;
        }
        for reference in owners(schema, other) {
            if table.references[reference].target_table == place {
                found.push((other, reference));
            }
        }
    }
    found
}

fn groups(schema: &Schema, place: usize) -> usize {
    let own = schema.tables[place]
        .columns_of(&[Content::Category])
        .count();
    let parents = parents(schema, place).map(|reference| {
        let link = &schema.tables[place].references[reference];
        let target = &schema.tables[link.target_table];
        target.columns_of(&[Content::Category]).count()
    });
    own + parents.sum::<usize>()
}

/// A column's label that says whose it is, such as `customer name`.
pub fn full_label(table: &Table, column: &Column) -> String {
    let last = table.one.split(' ').next_back().unwrap_or_default();
    if column.label.to_lowercase().contains(&last.to_lowercase()) {
        column.label.clone()
    } else {
        [table.one.as_str(), &column.label].join(" ")
    }
}
