//! A business domain before a seed has chosen its words: the plan of its tables.
//!
//! Plans are text, one line a table or column, words and lists with alternatives:
//!
//! ```text
//! table ROLE: noun | noun/irregular plural
//! key
//! ref ROLE: words for this reference | other words
//! name POOL: words | * name            (`*` stands for the table's noun)
//! category SHARED: words               or   category: words = a, b, c / d, e, f
//! amount MIN..MAX                      cents, as a number or as text; `money`: a number
//! quantity MIN..MAX    measure DECIMALS MIN..MAX    flag    text POOL
//! date [wide|born]     datetime     moment (either)
//! ```
//!
//! `?` behind the first word: comes and goes by seed. `~`: may hold NULL.

use super::words;

/// The tables that a domain may have.
pub struct Domain<'a> {
    /// In order; each refers only to those before it, or to itself.
    pub tables: Vec<TablePlan<'a>>,
}

/// A table that a domain may have.
pub struct TablePlan<'a> {
    /// What other tables call it when they refer to it.
    pub role: &'a str,
    /// Whether it may be left out.
    pub optional: bool,
    /// Words for one row, and for several if that is irregular.
    pub nouns: Vec<(&'a str, Option<&'a str>)>,
    /// Its columns.
    pub columns: Vec<ColumnPlan<'a>>,
}

/// A column that a table may have.
pub struct ColumnPlan<'a> {
    /// What it holds.
    pub kind: Kind<'a>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it always may hold NULL.
    pub nullable: bool,
    /// Words for it; none for keys and most references.
    pub words: Vec<&'a str>,
}

/// What a column holds.
pub enum Kind<'a> {
    /// The table's key.
    Key,
    /// A key of the table in this role.
    Reference(&'a str),
    /// A name out of this pool.
    Name(&'a str),
    /// One of few words, out of one of these lists.
    Category(Vec<Vec<&'a str>>),
    /// Money between two bounds in cents, as a number or as text.
    Amount(i64, i64),
    /// Money between two bounds in cents, as a number.
    Money(i64, i64),
    /// A whole number between two bounds.
    Quantity(i64, i64),
    /// A number with these decimals between two bounds, in units of its last decimal.
    Measure(u32, i64, i64),
    /// A day.
    Date(Span),
    /// A moment.
    DateTime,
    /// A day or a moment, as the seed has it.
    Moment,
    /// 0 or 1.
    Flag,
    /// Text out of this pool.
    Text(&'a str),
}

/// Which days a date column covers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// About three years, the same in all of the database.
    Business,
    /// Several years more before them.
    Wide,
    /// When adults were born.
    Born,
}

/// Reads a plan; `None` if a line of it can't be read.
pub fn parse(text: &str) -> Option<Domain<'_>> {
    let mut tables: Vec<TablePlan> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (head, tail) = line.split_once(':').unwrap_or((line, ""));
        let mut head = head.split_whitespace();
        let marked = head.next()?;
        let kind = marked.trim_end_matches(['?', '~']);
        let optional = marked.contains('?');
        if kind == "table" {
            tables.push(TablePlan {
                role: head.next()?,
                optional,
                nouns: split(tail).into_iter().map(noun).collect(),
                columns: Vec::new(),
            });
            continue;
        }
        let (tail, lists) = tail.split_once('=').unwrap_or((tail, ""));
        let arguments: Vec<&str> = head.collect();
        tables.last_mut()?.columns.push(ColumnPlan {
            kind: parse_kind(kind, &arguments, lists)?,
            optional,
            nullable: marked.contains('~'),
            words: split(tail),
        });
    }
    Some(Domain { tables })
}

fn parse_kind<'a>(kind: &str, arguments: &[&'a str], lists: &'a str) -> Option<Kind<'a>> {
    let first = arguments.first().copied();
    Some(match kind {
        "key" => Kind::Key,
        "ref" => Kind::Reference(first?),
        "name" => Kind::Name(first?),
        "text" => Kind::Text(first?),
        "category" => Kind::Category(match first {
            Some(shared) => words::shared_categories(shared)?,
            None => words::alternatives(lists),
        }),
        "amount" | "money" | "quantity" => {
            let (min, max) = bounds(first?, 0)?;
            match kind {
                "amount" => Kind::Amount(min, max),
                "money" => Kind::Money(min, max),
                _ => Kind::Quantity(min, max),
            }
        }
        "measure" => {
            let decimals = first?.parse().ok()?;
            let (min, max) = bounds(arguments.get(1)?, decimals)?;
            Kind::Measure(decimals, min, max)
        }
        "date" => Kind::Date(match first {
            None => Span::Business,
            Some("wide") => Span::Wide,
            Some(_) => Span::Born,
        }),
        "datetime" => Kind::DateTime,
        "moment" => Kind::Moment,
        "flag" => Kind::Flag,
        _ => return None,
    })
}

fn bounds(text: &str, decimals: u32) -> Option<(i64, i64)> {
    let (min, max) = text.split_once("..")?;
    let units = |text: &str| -> Option<i64> {
        let number: f64 = text.parse().ok()?;
        Some((number * f64::from(10_u32.pow(decimals))).round() as i64)
    };
    Some((units(min)?, units(max)?))
}

fn split(text: &str) -> Vec<&str> {
    let parts = text.split('|').map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

fn noun(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((one, many)) => (one, Some(many)),
        None => (text, None),
    }
}
