//! What is known of a database: its tables, what their columns hold, and how to fill them.
//!
//! A schema is made by a generated domain or by looking at a user's file; whatever stands
//! below (instances, the offline teacher, prompts) sees only this.
//!
//! **Invariants.** Names are exactly those of the database, quoted only when SQL is
//! written ([`quoted`]). A reference has one column on either side; its target is a key.

use std::fmt::Write;

/// A database without its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Its name, as shown.
    pub name: String,
    /// The business domain, such as `hotel`; for a user's file its name.
    pub domain: String,
    /// Its tables; each refers only to tables before it, or to itself.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name in SQL.
    pub name: String,
    /// One of its rows in words, such as `booking`.
    pub one: String,
    /// Several of its rows in words, such as `bookings`.
    pub many: String,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Its references to other tables.
    pub references: Vec<Reference>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in SQL.
    pub name: String,
    /// What it holds in words, such as `arrival date`.
    pub label: String,
    /// Its type as declared; empty if none is.
    pub declared_type: String,
    /// What its values are.
    pub content: Content,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Its place in the primary key from 1 on, if it has one.
    pub key_position: Option<usize>,
    /// How it is filled.
    pub fill: Fill,
}

/// A reference from one table to another; columns and tables by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The column that refers.
    pub column: usize,
    /// The table referred to.
    pub target_table: usize,
    /// The column referred to.
    pub target_column: usize,
    /// Whether the schema declares it; else it was inferred.
    pub declared: bool,
}

/// What the values of a column are: what may be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Names a row of its table.
    Key,
    /// Names a row of another table.
    Reference,
    /// What a row is called, such as a person's name or a product's title.
    Name,
    /// One of few words.
    Category,
    /// An amount of money as a number.
    Money,
    /// An amount of money as text that people typed: `$1,234.50`, `(5)`, `n/a`.
    MoneyText,
    /// A whole number that may be added up, such as a quantity.
    Quantity,
    /// Any other number, such as a weight or a rating.
    Measure,
    /// A day as ISO text, `2024-03-31`.
    Date,
    /// A moment as ISO text, `2024-03-31 17:05:00`.
    DateTime,
    /// 0 or 1.
    Flag,
    /// Text of any sort, such as a comment or an address.
    Text,
}

/// How a column is filled in an instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// 1, 2, 3 and so on from a first number; for keys.
    Serial(i64),
    /// Keys of the table referred to.
    Reference,
    /// Words of a list; a list of names has at least twenty.
    Words(Vec<String>),
    /// Numbers between two bounds, both included, in units of 1 / 10^decimals.
    Number {
        /// The least, in units.
        min: i64,
        /// The greatest, in units.
        max: i64,
        /// Digits behind the point; 0 makes integers.
        decimals: u32,
    },
    /// Amounts between two bounds in cents, as people type them.
    MoneyText {
        /// The least, in cents.
        min: i64,
        /// The greatest, in cents.
        max: i64,
    },
    /// Days from a first one on, or moments if the content is one.
    Days {
        /// The first day, as `2023-01-01`.
        first: String,
        /// How many days there are.
        count: u32,
    },
    /// Values that were seen in the user's file.
    Samples(Vec<Literal>),
}

/// A value as SQL writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A finite real number.
    Real(f64),
    /// Text without NUL characters.
    Text(String),
}

impl Schema {
    /// The table with this name, and its place.
    pub fn table(&self, name: &str) -> Option<(usize, &Table)> {
        let mut tables = self.tables.iter().enumerate();
        tables.find(|(_, table)| table.name == name)
    }

    /// The statements that make the tables, in order, each ended by `;` and a line break.
    pub fn create_sql(&self) -> String {
        let mut sql = String::new();
        for table in &self.tables {
            table.write_create(self, &mut sql);
        }
        sql
    }
}

impl Table {
    /// The columns with one of these contents, and their places.
    pub fn columns_of<'a>(
        &'a self,
        contents: &'a [Content],
    ) -> impl Iterator<Item = (usize, &'a Column)> {
        let columns = self.columns.iter().enumerate();
        columns.filter(|(_, column)| contents.contains(&column.content))
    }

    /// The place of its key, if that is one column.
    pub fn key(&self) -> Option<usize> {
        let mut keys = self.columns.iter().enumerate();
        let first = keys.find(|(_, column)| column.key_position.is_some())?;
        let is_only = keys.all(|(_, column)| column.key_position.is_none());
        is_only.then_some(first.0)
    }

    fn write_create(&self, schema: &Schema, sql: &mut String) {
        let mut parts = Vec::new();
        for column in &self.columns {
            let mut part = quoted(&column.name);
            if !column.declared_type.is_empty() {
                part.push(' ');
                part.push_str(&column.declared_type);
            }
            if column.key_position.is_some() && self.key().is_some() {
                part.push_str(" PRIMARY KEY");
            } else if !column.nullable {
                part.push_str(" NOT NULL");
            }
            parts.push(part);
        }
        if self.key().is_none() {
            let mut keys: Vec<&Column> = self.columns.iter().collect();
            keys.retain(|column| column.key_position.is_some());
            keys.sort_by_key(|column| column.key_position);
            let names: Vec<String> = keys.iter().map(|column| quoted(&column.name)).collect();
            if !names.is_empty() {
                parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
            }
        }
        for reference in self.references.iter().filter(|it| it.declared) {
            let target = &schema.tables[reference.target_table];
            parts.push(format!(
                "FOREIGN KEY ({}) REFERENCES {} ({})",
                quoted(&self.columns[reference.column].name),
                quoted(&target.name),
                quoted(&target.columns[reference.target_column].name),
            ));
        }
        let (name, parts) = (quoted(&self.name), parts.join(", "));
        let _ = writeln!(sql, "CREATE TABLE {name} ({parts});");
    }
}

impl Literal {
    /// The literal in SQL.
    pub fn sql(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(value) => value.to_string(),
            // Rust writes the shortest text that gives the same double; SQLite wants a point.
            Self::Real(value) => format!("{value:?}"),
            Self::Text(text) => text_literal(text),
        }
    }
}

/// Text as an SQL literal.
pub fn text_literal(text: &str) -> String {
    ["'", &text.replace('\'', "''"), "'"].concat()
}

/// A name as SQL wants it: in double quotes if it can't stand bare.
pub fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    push_quoted(name, &mut text);
    text
}

/// Writes a name as [`quoted`] gives it.
pub fn push_quoted(name: &str, text: &mut String) {
    if is_bare(name) {
        *text += name;
        return;
    }
    text.push('"');
    for part in name.split_inclusive('"') {
        *text += part;
        if part.ends_with('"') {
            text.push('"');
        }
    }
    text.push('"');
}

/// Whether SQL knows a name without quotes: letters, digits and no keyword.
pub fn is_bare(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|it| !it.is_ascii_digit())
        && name.bytes().all(is_in_name)
        && !is_keyword(name)
}

/// Whether a byte may stand in a name without quotes.
pub fn is_in_name(byte: u8) -> bool {
    /// By a table: names are read over and over.
    const ARE: [bool; 256] = {
        let mut are = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            are[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
            byte += 1;
        }
        are
    };
    ARE[usize::from(byte)]
}

fn is_keyword(name: &str) -> bool {
    let Some(first) = name.bytes().next() else {
        return false;
    };
    let letter = usize::from(first.to_ascii_uppercase().wrapping_sub(b'A'));
    let (Some(start), Some(end)) = (STARTS.get(letter), STARTS.get(letter + 1)) else {
        return false;
    };
    let mut alike = KEYWORDS[*start..*end].iter();
    alike.any(|keyword| keyword.eq_ignore_ascii_case(name))
}

/// Where the keywords with each letter begin, and the end of them all.
const STARTS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut place = 0;
    while place < KEYWORDS.len() {
        // Sorted as they are, the last one with a letter says where the next letter begins.
        let mut letter = (KEYWORDS[place].as_bytes()[0] - b'A') as usize + 1;
        place += 1;
        while letter < starts.len() {
            starts[letter] = place;
            letter += 1;
        }
    }
    starts
};

/// SQLite's keywords (sqlite.org/lang_keywords.html), sorted.
const KEYWORDS: [&str; 147] = [
    "ABORT",
    "ACTION",
    "ADD",
    "AFTER",
    "ALL",
    "ALTER",
    "ALWAYS",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "ATTACH",
    "AUTOINCREMENT",
    "BEFORE",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "CONFLICT",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DATABASE",
    "DEFAULT",
    "DEFERRABLE",
    "DEFERRED",
    "DELETE",
    "DESC",
    "DETACH",
    "DISTINCT",
    "DO",
    "DROP",
    "EACH",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXCLUSIVE",
    "EXISTS",
    "EXPLAIN",
    "FAIL",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "GENERATED",
    "GLOB",
    "GROUP",
    "GROUPS",
    "HAVING",
    "IF",
    "IGNORE",
    "IMMEDIATE",
    "IN",
    "INDEX",
    "INDEXED",
    "INITIALLY",
    "INNER",
    "INSERT",
    "INSTEAD",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "KEY",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MATCH",
    "MATERIALIZED",
    "NATURAL",
    "NO",
    "NOT",
    "NOTHING",
    "NOTNULL",
    "NULL",
    "NULLS",
    "OF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OTHERS",
    "OUTER",
    "OVER",
    "PARTITION",
    "PLAN",
    "PRAGMA",
    "PRECEDING",
    "PRIMARY",
    "QUERY",
    "RAISE",
    "RANGE",
    "RECURSIVE",
    "REFERENCES",
    "REGEXP",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "RESTRICT",
    "RETURNING",
    "RIGHT",
    "ROLLBACK",
    "ROW",
    "ROWS",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "TABLE",
    "TEMP",
    "TEMPORARY",
    "THEN",
    "TIES",
    "TO",
    "TRANSACTION",
    "TRIGGER",
    "UNBOUNDED",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VACUUM",
    "VALUES",
    "VIEW",
    "VIRTUAL",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHOUT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert!(KEYWORDS.is_sorted());
        for keyword in KEYWORDS {
            assert_eq!(quoted(&keyword.to_lowercase()).len(), keyword.len() + 2);
            assert_eq!(quoted(&format!("{keyword}_")).len(), keyword.len() + 1);
        }
        assert_eq!(quoted("order_id"), "order_id");
        assert_eq!(quoted("order"), "\"order\"");
        assert_eq!(quoted("2nd"), "\"2nd\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
