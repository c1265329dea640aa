use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::base::seed::Random;
use crate::database::schema::Literal;
use crate::database::{domains, generate, instance};

fn made(folder: &TempDir, name: &str, sql: &str) -> PathBuf {
    let path = folder.path().join(name);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = OFF")
        .unwrap();
    connection
        .execute_batch(sql)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    path
}

fn imported(sql: &str) -> Imported {
    let folder = TempDir::new().unwrap();
    import(&made(&folder, "my shop.db", sql)).unwrap()
}

fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

fn contents(schema: &Schema, table: &str) -> String {
    let (_, table) = schema.table(table).unwrap();
    let words = table
        .columns
        .iter()
        .map(|it| format!("{}:{}", it.name, it.content.word()));
    words.collect::<Vec<_>>().join(" ")
}

/// Its instances load, and the text of it gives it again.
fn check(found: &Imported) {
    assert_eq!(schema_of_sample(&found.sample).unwrap(), found.schema);
    for place in 0..7 {
        let made = instance(&found.schema, 3, place, &[]);
        for script in [made.script(), made.shuffled()] {
            let connection = Connection::open_in_memory().unwrap();
            let loaded = connection.execute_batch(&script);
            loaded.unwrap_or_else(|error| panic!("{error}: {script}"));
        }
    }
}

const CLUB: &str = "
CREATE TABLE Members (MemberNo INTEGER, \"Full Name\" TEXT, joined TEXT, fee TEXT, active INT);
CREATE TABLE visits (id INTEGER PRIMARY KEY, member_no INTEGER, at TEXT, minutes INTEGER,
  spent REAL, area TEXT, stars INT, zip TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
INSERT INTO Members SELECT 100 + i, 'Ann ' || char(65 + i % 26) || char(97 + i % 7) || 'son',
  date('2020-01-01', (i * 13) || ' days'), CASE i % 4 WHEN 0 THEN '$1,2' || (10 + i) || '.50'
  WHEN 1 THEN (20 + i) || ',90 €' WHEN 2 THEN 'n/a' ELSE (30 + i) || '.00' END, i % 2 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO visits SELECT i, 101 + i % 37, datetime('2021-03-01', (i * 7) || ' hours'),
  10 + i % 90, i * 1.25, CASE i % 3 WHEN 0 THEN 'pool' WHEN 1 THEN 'gym' END, i % 5 + 1,
  '0' || (1000 + i % 60) FROM n;";

#[test]
fn a_file_without_declarations_is_understood() {
    let found = imported(CLUB);
    let schema = &found.schema;
    assert_eq!(schema.name, "my shop");
    assert_eq!(
        contents(schema, "Members"),
        "MemberNo:key Full Name:name joined:date fee:money_text active:flag"
    );
    assert_eq!(
        contents(schema, "visits"),
        "id:key member_no:reference at:datetime minutes:quantity spent:money area:category \
         stars:quantity zip:text"
    );
    let (_, visits) = schema.table("visits").unwrap();
    let reference = &visits.references[0];
    assert_eq!(
        (reference.column, reference.target_table, reference.declared),
        (1, 0, false)
    );
    assert_eq!(
        (visits.one.as_str(), visits.many.as_str()),
        ("visit", "visits")
    );
    assert!(visits.columns[5].nullable && !visits.columns[4].nullable);
    assert_eq!(visits.columns[0].label, "visit id");
    let members = &schema.tables[0];
    assert_eq!(members.columns[1].label, "full name");
    assert!(matches!(
        members.columns[3].fill,
        Fill::MoneyText { min: 2_190.., .. }
    ));
    assert!(
        matches!(&members.columns[2].fill, Fill::Days { first, count: 508 }
        if first == "2020-01-14")
    );
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("by its name and values"))
    );
    check(&found);
}

#[test]
fn numbers_among_which_texts_stand_are_read_as_amounts_are() {
    let found = imported(
        "CREATE TABLE trips (day TEXT, km, hours, boat_no, class, remark);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO trips SELECT date('2024-01-01', (i * 3) || ' days'),
           CASE WHEN i % 9 = 0 THEN i || ' km' WHEN i % 9 = 1 THEN '' ELSE i * 0.5 END,
           CASE WHEN i % 5 = 0 THEN '-' ELSE i % 7 END,
           CASE WHEN i % 8 = 0 THEN '00' || i ELSE i END,
           CASE WHEN i % 4 = 0 THEN 'open' ELSE i % 4 END,
           CASE WHEN i % 3 = 0 THEN i ELSE 'seen by Ann ' || i END FROM n;",
    );
    assert_eq!(
        contents(&found.schema, "trips"),
        "day:date km:money_text hours:money_text boat_no:text class:category remark:text"
    );
    check(&found);
}

#[test]
fn nothing_of_the_file_changes() {
    let folder = TempDir::new().unwrap();
    let path = made(&folder, "a%20b?c#d'é.db", CLUB);
    let before = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    let found = import(&path).unwrap();
    assert_eq!(found, import(&path).unwrap());
    let after = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    assert_eq!(before, after);
    assert_eq!(&found.file_hash, blake3::hash(&before.0).as_bytes());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn errors_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    let message = |path: &Path| import(path).unwrap_err().to_string();
    assert!(message(&folder.path().join("none.db")).contains("no file"));
    assert!(message(folder.path()).contains("not a file"));
    let text = written(&folder, "text.csv", "a,b,c\n1,2,3\n".repeat(900).as_bytes());
    assert!(message(&text).contains("not an SQLite database"));
    let mut random = Random::new(1, &[]);
    let noise: Vec<u8> = (0..8_192).map(|_| random.bits() as u8).collect();
    assert!(message(&written(&folder, "noise", &noise)).contains("encrypted"));
    assert!(message(&written(&folder, "noise2", &noise[..1_024])).contains("encrypted"));
    assert!(message(&written(&folder, "empty", b"")).contains("no ordinary tables"));
    let view = made(&folder, "view.db", "CREATE VIEW v AS SELECT 1 AS one;");
    assert!(message(&view).contains("no ordinary tables"));
    let bare = made(&folder, "bare.db", "CREATE TABLE t (a, b);");
    assert!(message(&bare).contains("nothing to ask"));
    let blobs = "CREATE TABLE t (a, b); INSERT INTO t VALUES (x'01', NULL), (x'02', NULL);";
    assert!(message(&made(&folder, "blobs.db", blobs)).contains("nothing to ask"));

    let shop = made(&folder, "shop.db", CLUB);
    let mut bytes = fs::read(&shop).unwrap();
    let len = bytes.len();
    bytes[4_096..len - 100].fill(7);
    assert!(message(&written(&folder, "damaged.db", &bytes)).contains("is damaged"));
    bytes.truncate(5_000);
    assert!(message(&written(&folder, "cut.db", &bytes)).contains("is damaged"));

    let wal = folder.path().join("wal.db");
    let writer = Connection::open(&wal).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    assert!(message(&wal).contains("checkpoint it first"));
    writer
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    assert!(import(&wal).is_ok());
}

#[test]
fn declared_references_are_kept_and_circles_broken() {
    let found = imported(
        "CREATE TABLE line (id INTEGER PRIMARY KEY, \"order\" INT REFERENCES \"order\", n INT);
         CREATE TABLE \"order\" (id INTEGER PRIMARY KEY, last_line INT REFERENCES line(id),
           boss INT REFERENCES \"order\"(id), region_code TEXT REFERENCES region);
         CREATE TABLE region (code TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
         CREATE TABLE pair (a INT, b INT, note TEXT, PRIMARY KEY (a, b),
           FOREIGN KEY (a, b) REFERENCES other (a, b));
         INSERT INTO region VALUES ('n', 'North'), ('s', 'South');
         INSERT INTO \"order\" VALUES (1, 1, NULL, 'n'), (2, 2, 1, 's');
         INSERT INTO line VALUES (1, 1, 5), (2, 2, 6), (3, 2, 7);
         INSERT INTO pair VALUES (1, 1, 'x'), (1, 2, NULL);",
    );
    let names: Vec<&str> = found
        .schema
        .tables
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let at = |name| names.iter().position(|it| *it == name).unwrap();
    assert!(at("region") < at("order"));
    let declared = found
        .schema
        .tables
        .iter()
        .flat_map(|it| &it.references)
        .count();
    assert_eq!(declared, 3, "{:?}", found.notes);
    assert!(
        found.notes.iter().any(|it| it.contains("circle")),
        "{:?}",
        found.notes
    );
    assert!(found.notes.iter().any(|it| it.contains("several columns")));
    for (place, table) in found.schema.tables.iter().enumerate() {
        assert!(table.references.iter().all(|it| it.target_table <= place));
    }
    assert!(found.schema.tables[at("pair")].key().is_none());
    check(&found);
}

#[test]
fn hostile_files_do_no_harm() {
    let wide: Vec<String> = (0..1_000)
        .map(|it| format!("c{it} INT DEFAULT {it}"))
        .collect();
    let found = imported(&format!(
        "CREATE TABLE wide ({});
         INSERT INTO wide DEFAULT VALUES; INSERT INTO wide DEFAULT VALUES;
         CREATE TABLE \"a\"\"b'; DROP TABLE wide; --\" (\"\" INT, \"x\"\"y\" TEXT, \"select\" TEXT,
           \"rowid\" TEXT, typed \"INT PRIMARY KEY, z\", big TEXT, bad TEXT, nul TEXT, bytes BLOB,
           twice INT GENERATED ALWAYS AS (\"\" * 2), inf REAL, mixed);
         INSERT INTO \"a\"\"b'; DROP TABLE wide; --\" (\"\", \"x\"\"y\", \"select\", \"rowid\", typed,
           big, bad, nul, bytes, inf, mixed) VALUES
           (1, 'it''s', 'a', 'r', 1, hex(zeroblob(4000000)), CAST(x'ff41' AS TEXT),
            'a' || char(0) || 'b', zeroblob(9000000), 9e999, 1),
           (2, '', 'b', 's', 2, 'small', 'fine', 'n', NULL, -9e999, 'one'),
           (9223372036854775807, NULL, 'c', 't', -9223372036854775808, NULL, NULL, NULL, x'', 1, x'00');
         CREATE VIRTUAL TABLE search USING fts5(body);
         INSERT INTO search VALUES ('hello');
         CREATE VIEW v AS SELECT * FROM nowhere;
         CREATE TABLE far (day TEXT, t TEXT, stamp INTEGER); INSERT INTO far VALUES
           ('0001-01-01', '2024-01-01T10:00:00Z', 1700000000),
           ('9999-12-31', '2024-01-01 10:00:00.5', 1700000001);
         CREATE TRIGGER g AFTER INSERT ON far BEGIN SELECT abs(-9223372036854775808); END;",
        wide.join(", ")
    ));
    assert_eq!(found.schema.tables.len(), 3, "{:?}", found.notes);
    assert_eq!(found.schema.tables[0].columns.len(), 100);
    let odd = &found.schema.tables[1];
    assert!(
        odd.columns
            .iter()
            .any(|it| it.name.is_empty() && !it.label.is_empty())
    );
    assert!(
        odd.columns
            .iter()
            .all(|it| it.name != "twice" && it.name != "bytes")
    );
    assert!(
        odd.columns
            .iter()
            .all(|it| !it.declared_type.contains("PRIMARY"))
    );
    let (_, far) = found.schema.table("far").unwrap();
    assert_eq!(far.columns[2].content, Content::Measure);
    check(&found);
}

#[test]
fn a_large_table_is_sampled_evenly() {
    for rowid in ["", " WITHOUT ROWID"] {
        let found = imported(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT){rowid};
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
             INSERT INTO t SELECT i * 3, i FROM n;"
        ));
        let Fill::Number { min, max, .. } = found.schema.tables[0].columns[1].fill else {
            panic!("{:?}", found.schema);
        };
        assert!(
            (1..500).contains(&min) && (29_500..=30_000).contains(&max),
            "{min} {max}"
        );
        check(&found);
    }
}

#[test]
fn damaged_files_never_bring_it_down() {
    let folder = TempDir::new().unwrap();
    let whole = fs::read(made(&folder, "shop.db", CLUB)).unwrap();
    let mut random = Random::new(2, &["damage"]);
    let mut refused = 0;
    for round in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(30) {
            // Headers of pages break more than cells do.
            let place = match random.below(3) {
                0 => random.below(bytes.len()),
                1 => 16 + random.below(84),
                _ => random.below(bytes.len() / 4_096) * 4_096 + random.below(60),
            };
            bytes[place] = random.bits() as u8;
        }
        if random.chance(20) {
            bytes.truncate(random.below(bytes.len()));
        }
        match import(&written(&folder, &format!("{round}.db"), &bytes)) {
            Ok(found) => {
                instance(&found.schema, 1, 0, &[]);
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_was_generated_is_found_again() {
    let folder = TempDir::new().unwrap();
    let (mut same, mut all, mut references, mut found_references) = (0, 0, 0, 0);
    for (number, domain) in domains().into_iter().enumerate() {
        let schema = generate(domain, number as u64).unwrap();
        let script = instance(&schema, 1, 0, &[]).script();
        let found = import(&made(&folder, &format!("{domain}.db"), &script)).unwrap();
        check(&found);
        for table in &schema.tables {
            let Some((_, other)) = found.schema.table(&table.name) else {
                panic!("{domain} {}", table.name);
            };
            references += table.references.len();
            found_references += other.references.len();
            for (one, two) in table.columns.iter().zip(&other.columns) {
                assert_eq!(one.name, two.name);
                all += 1;
                same += usize::from(one.content == two.content);
            }
        }
    }
    assert_eq!(references, found_references);
    assert!(same * 100 >= all * 75, "{same} of {all}");
}

#[test]
fn a_sample_that_was_tampered_with_is_refused() {
    let found = imported(CLUB);
    assert!(schema_of_sample("").is_err());
    assert!(schema_of_sample(&found.sample.replace("antiks.sample.v1", "x")).is_err());
    let far = found
        .sample
        .replace("\"target_table\": 0", "\"target_table\": 7");
    assert!(schema_of_sample(&far).is_err());
    let odd = found
        .sample
        .replace("money_text\": {", "money_text\": 3, \"x\": {");
    assert!(schema_of_sample(&odd).is_err());
    let literals = [
        Literal::Null,
        Literal::Integer(1),
        Literal::Real(1.0),
        Literal::Real(1e300),
    ];
    let mut schema = found.schema;
    schema.tables[0].columns[0].fill = Fill::Samples(literals.to_vec());
    assert_eq!(
        schema_of_sample(&record::write(&schema).unwrap()).unwrap(),
        schema
    );
}
