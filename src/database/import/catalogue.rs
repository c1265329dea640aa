//! Which tables a file has, as SQLite declares them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// More tables and columns than that tell a prompt nothing.
const MAX_TABLES: usize = 60;
const MAX_COLUMNS: usize = 100;

/// A table as declared.
pub struct RawTable {
    /// Its name.
    pub name: String,
    /// Its columns, without hidden and generated ones.
    pub columns: Vec<RawColumn>,
    /// The name under which its rowid can be read, if it has one.
    pub row_id: Option<&'static str>,
    /// Its foreign keys.
    pub references: Vec<RawReference>,
    /// Columns whose values a unique index keeps apart.
    pub unique: Vec<String>,
}

/// A column as declared.
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// Its type; empty if none.
    pub declared_type: String,
    /// Whether it is declared NOT NULL.
    pub is_not_null: bool,
    /// Its place in the primary key from 1 on.
    pub key_position: Option<usize>,
}

/// A foreign key of one column.
pub struct RawReference {
    /// The column that refers.
    pub column: String,
    /// The table referred to.
    pub table: String,
    /// The column referred to; the key if none is named.
    pub target: Option<String>,
}

/// The ordinary tables, in the order in which they were made.
pub fn read(connection: &Connection, notes: &mut Vec<String>) -> rusqlite::Result<Vec<RawTable>> {
    let mut tables = Vec::new();
    let mut skipped = 0;
    for (name, has_row_id) in table_names(connection, notes)? {
        if tables.len() == MAX_TABLES {
            skipped += 1;
            continue;
        }
        tables.push(read_table(connection, name, has_row_id, notes)?);
    }
    if skipped > 0 {
        notes.push(format!(
            "{skipped} tables beyond the first {MAX_TABLES} are left out"
        ));
    }
    Ok(tables)
}

/// Names of ordinary tables, and whether their rows have rowids.
fn table_names(
    connection: &Connection,
    notes: &mut Vec<String>,
) -> rusqlite::Result<Vec<(String, bool)>> {
    let mut statement = connection.prepare(
        "SELECT s.name, l.type, l.wr, s.sql LIKE 'CREATE VIRTUAL%' \
         FROM sqlite_schema AS s LEFT JOIN pragma_table_list AS l \
         ON l.name = s.name AND l.schema = 'main' \
         WHERE s.type = 'table' ORDER BY s.rowid",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    let mut virtual_names = Vec::new();
    let mut unreadable = 0;
    while let Some(row) = rows.next()? {
        let Some(name) = text(row, 0)? else {
            unreadable += 1;
            continue;
        };
        let kind = text(row, 1)?.unwrap_or_default();
        let is_virtual = kind == "virtual" || row.get_ref(3)? == ValueRef::Integer(1);
        if is_virtual {
            virtual_names.push(name);
        } else if kind == "table" && !name.to_ascii_lowercase().starts_with("sqlite_") {
            found.push((name, row.get_ref(2)? != ValueRef::Integer(1)));
        }
    }
    if unreadable > 0 {
        notes.push(format!(
            "{unreadable} tables have names that are not UTF-8 and are left out"
        ));
    }
    // Shadow tables of modules that this SQLite does not have are known by their names.
    found.retain(|(name, _)| {
        !virtual_names.iter().any(|it| {
            let ending = name
                .strip_prefix(it.as_str())
                .and_then(|it| it.strip_prefix('_'));
            ending.is_some_and(|ending| SHADOWS.contains(&ending))
        })
    });
    Ok(found)
}

const SHADOWS: [&str; 14] = [
    "data", "idx", "content", "docsize", "config", "segments", "segdir", "stat", "node", "parent",
    "rowid", "chunks", "rowids", "info",
];

fn read_table(
    connection: &Connection,
    name: String,
    has_row_id: bool,
    notes: &mut Vec<String>,
) -> rusqlite::Result<RawTable> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let mut rows = statement.query([&name])?;
    let mut columns: Vec<RawColumn> = Vec::new();
    let mut all_names = Vec::new();
    let (mut skipped, mut generated) = (0, 0);
    while let Some(row) = rows.next()? {
        let Some(column) = text(row, 0)? else {
            skipped += 1;
            continue;
        };
        all_names.push(column.to_ascii_lowercase());
        let key_position = row.get::<_, i64>(3)?.max(0).unsigned_abs() as usize;
        if row.get::<_, i64>(4)? != 0 {
            generated += 1;
        } else if columns.len() == MAX_COLUMNS {
            skipped += 1;
        } else {
            columns.push(RawColumn {
                name: column,
                declared_type: text(row, 1)?.unwrap_or_default(),
                is_not_null: row.get::<_, i64>(2)? != 0,
                key_position: (key_position > 0).then_some(key_position),
            });
        }
    }
    if skipped > 0 {
        notes.push(format!(
            "{skipped} columns of table {name} are left out: there are too many"
        ));
    }
    if generated > 0 {
        notes.push(format!(
            "{generated} generated columns of table {name} are left out"
        ));
    }
    let names = ["rowid", "_rowid_", "oid"];
    let free = names
        .into_iter()
        .find(|name| !all_names.iter().any(|it| it == name));
    Ok(RawTable {
        row_id: free.filter(|_| has_row_id),
        references: read_references(connection, &name, notes)?,
        unique: read_unique(connection, &name)?,
        columns,
        name,
    })
}

fn read_references(
    connection: &Connection,
    name: &str,
    notes: &mut Vec<String>,
) -> rusqlite::Result<Vec<RawReference>> {
    let mut statement = connection.prepare_cached(
        "SELECT \"from\", \"table\", \"to\", count(*) OVER (PARTITION BY id) \
         FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
    )?;
    let mut rows = statement.query([name])?;
    let mut references = Vec::new();
    let mut wide = 0;
    while let Some(row) = rows.next()? {
        let (Some(column), Some(table)) = (text(row, 0)?, text(row, 1)?) else {
            continue;
        };
        if row.get::<_, i64>(3)? > 1 {
            wide += 1;
            continue;
        }
        references.push(RawReference {
            column,
            table,
            target: text(row, 2)?,
        });
    }
    if wide > 0 {
        notes.push(format!(
            "a reference of table {name} has several columns and is left out"
        ));
    }
    Ok(references)
}

fn read_unique(connection: &Connection, name: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT min(i.name) FROM pragma_index_list(?1) AS l, pragma_index_info(l.name) AS i \
         WHERE l.\"unique\" = 1 AND l.partial = 0 \
         GROUP BY l.seq HAVING count(*) = 1 ORDER BY l.seq",
    )?;
    let mut rows = statement.query([name])?;
    let mut unique = Vec::new();
    while let Some(row) = rows.next()? {
        unique.extend(text(row, 0)?);
    }
    Ok(unique)
}

/// The text of a cell, if it is text and UTF-8.
fn text(row: &Row, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    })
}
