//! The commands as a user meets them, by the real binary.

use std::fs;

use serde_json::Value as Json;

use crate::support::{antiks, antiks_with, example_folder};

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_format_holds_the_same_rows() {
    let folder = example_folder();
    let sql = "select score, verdict, practices, id from grades order by seq limit 2";
    let run = |format: &str| antiks(folder.path(), &["sql", sql, "--format", format]).stdout;

    let table = run("table");
    assert!(
        table.contains("different") && table.ends_with("2 rows\n"),
        "{table}"
    );
    let rows = json(&run("json"));
    assert_eq!(rows[0]["score"], 35);
    assert_eq!(rows[0]["id"].as_str().unwrap().len(), 64);
    assert_eq!(rows[0]["practices"], Json::Array(Vec::new()));
    let lines: Vec<Json> = run("ndjson").lines().map(json).collect();
    assert_eq!(Json::Array(lines), rows);
    let csv = run("csv");
    assert!(
        csv.starts_with("score,verdict,practices,id\n35,different,[],"),
        "{csv}"
    );

    let file = folder.path().join("rows.parquet");
    let path = file.to_str().unwrap();
    let ran = antiks(
        folder.path(),
        &["sql", sql, "--format", "parquet", "--output", path],
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    let file = fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let batches: Vec<_> = reader.unwrap().build().unwrap().collect();
    assert_eq!(batches[0].as_ref().unwrap().num_rows(), 2);
    let again = antiks(
        folder.path(),
        &["sql", sql, "--format", "parquet", "--output", path],
    );
    assert_eq!(again.code, 2);
    assert!(
        again.stderr.contains("is there already"),
        "{}",
        again.stderr
    );
}

#[test]
fn an_empty_result_has_the_shape_of_its_format() {
    let folder = example_folder();
    let run = |format: &str| {
        antiks(
            folder.path(),
            &[
                "sql",
                "select id from grades where false",
                "--format",
                format,
            ],
        )
        .stdout
    };
    assert_eq!(run("json"), "[]\n");
    assert_eq!(run("ndjson"), "");
    assert_eq!(run("csv"), "id\n");
    assert!(run("table").ends_with("0 rows\n"));
}

#[test]
fn a_table_says_how_many_rows_it_does_not_show() {
    let folder = example_folder();
    let sql = "select * from generate_series(1, 50)";
    let ran = antiks(folder.path(), &["sql", sql, "--max-rows", "3"]);
    assert!(ran.stdout.contains("50 rows (3 shown"), "{}", ran.stdout);
}

#[test]
fn wrong_sql_is_shown_with_its_place_and_the_tables() {
    let folder = example_folder();
    let ran = antiks(folder.path(), &["sql", "select score,\n  foo from grades"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("No field named foo"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("2 |   foo from grades\n  |   ^"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("attempts"), "{}", ran.stderr);
    let ran = antiks(folder.path(), &["sql", "select * from grade"]);
    assert!(
        ran.stderr.contains("'grade'") || ran.stderr.contains("grade"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("grades"), "{}", ran.stderr);
    let ran = antiks(folder.path(), &["sql", "selec 1"]);
    assert!(ran.stderr.contains("1 | selec 1\n  | ^"), "{}", ran.stderr);
}

#[test]
fn the_lake_can_only_be_read() {
    let folder = example_folder();
    for sql in [
        "create table t as select 1",
        "drop table grades",
        "insert into grades select * from grades",
        "copy grades to 'stolen.csv'",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "select * from '/etc/passwd'",
    ] {
        let ran = antiks(folder.path(), &["sql", sql]);
        assert_eq!(ran.code, 1, "{sql}: {}", ran.stdout);
    }
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "only the lake is there");
}

#[test]
fn older_versions_can_be_asked() {
    let folder = example_folder();
    let count = |at: &str| {
        antiks(
            folder.path(),
            &[
                "sql",
                "select count(*) from grades",
                "--format",
                "csv",
                "--at",
                at,
            ],
        )
    };
    assert!(count("0").stdout.ends_with("\n0\n"));
    assert!(count("1").stdout.ends_with("\n6\n"));
    let beyond = count("2");
    assert_eq!(beyond.code, 2);
    assert!(
        beyond.stderr.contains("its newest is 1"),
        "{}",
        beyond.stderr
    );
}

#[test]
fn several_statements_come_from_a_file_or_stdin() {
    let folder = example_folder();
    let text = "select 1 as a; -- one; not two\nselect ';' as b;\n";
    fs::write(folder.path().join("two.sql"), text).unwrap();
    let from_file = antiks(folder.path(), &["sql", "-f", "two.sql", "--format", "csv"]);
    assert_eq!(from_file.stdout, "a\n1\nb\n;\n");
    let from_stdin = antiks_with(folder.path(), text, &["sql", "--format", "csv"]);
    assert_eq!(from_stdin.stdout, from_file.stdout);
    let empty = antiks_with(folder.path(), "-- nothing\n", &["sql"]);
    assert_eq!(empty.code, 2);
}

#[test]
fn where_there_is_no_lake_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["sql", "select 1"][..],
        &["status"],
        &["verify"],
        &["query", "cost"],
    ] {
        let ran = antiks(folder.path(), command);
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("there is no lake in lake"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    }
    let ran = antiks(
        folder.path(),
        &["--example", "sql", "select count(*) from runs"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        fs::read_dir(folder.path()).unwrap().next().is_none(),
        "nothing was left"
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_a_suggestion() {
    let folder = example_folder();
    let config = folder.path().join("antiks.toml");
    for (text, expected) in [
        ("lak = \"lake\"\n", "did you mean lake?"),
        ("[sql]\nmax_row = 3\n", "did you mean max_rows?"),
        ("[sql]\nformat = \"tabel\"\n", "tabel"),
        ("lake = 3\n", "line 1"),
        ("lake = \n", "line 1"),
    ] {
        fs::write(&config, text).unwrap();
        let ran = antiks(folder.path(), &["status"]);
        assert_eq!(ran.code, 2, "{text}");
        assert!(ran.stderr.contains("antiks.toml"), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{text}: {}", ran.stderr);
    }
    let ran = antiks(folder.path(), &["--config", "nowhere.toml", "status"]);
    assert_eq!(ran.code, 2);
}

#[test]
fn init_writes_a_configuration_that_changes_nothing() {
    let folder = example_folder();
    let before = antiks(folder.path(), &["status"]);
    let ran = antiks(folder.path(), &["init"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "wrote ./antiks.toml\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(antiks(folder.path(), &["status"]).stdout, before.stdout);
    assert_eq!(
        antiks(folder.path(), &["init"]).code,
        2,
        "it overwrites nothing"
    );
    // With its comment signs taken away every line is still a setting.
    let config = folder.path().join("antiks.toml");
    let text = fs::read_to_string(&config).unwrap();
    let settings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with('[') || line.contains(" = ") && !line.starts_with("# "))
        .map(|line| line.trim_start_matches('#'))
        .collect();
    fs::create_dir(folder.path().join("queries")).unwrap();
    fs::write(&config, settings.join("\n")).unwrap();
    let ran = antiks(folder.path(), &["query", "cost"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_users_own_queries_add_to_the_catalogue_and_override_it() {
    let folder = example_folder();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(folder.path().join("antiks.toml"), "queries = \"own\"\n").unwrap();
    fs::write(
        own.join("cost.sql"),
        "-- Nothing costs anything.\nselect 0 as cost\n",
    )
    .unwrap();
    let two = "-- Twice.\n--\n-- $n int   what to double\nselect $n * 2 as twice\n";
    fs::write(own.join("twice.sql"), two).unwrap();
    let listed = json(&antiks(folder.path(), &["query", "--json"]).stdout);
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|query| query["own"] == true)
        .map(|query| query["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["cost", "twice"]);
    let run = |arguments: &[&str]| antiks(folder.path(), arguments);
    assert_eq!(
        run(&["query", "cost", "--format", "csv"]).stdout,
        "cost\n0\n"
    );
    let twice = run(&["query", "twice", "--param", "n=21", "--format", "csv"]);
    assert_eq!(twice.stdout, "twice\n42\n");
    for (arguments, expected) in [
        (&["query", "twice"][..], "wants --param n="),
        (
            &["query", "twice", "-p", "n=x"],
            "\"x\" is not a whole number",
        ),
        (&["query", "twice", "-p", "m=1"], "it takes n"),
        (&["query", "twic"], "did you mean twice?"),
        (&["query", "cost", "-p", "run=1"], "takes no parameters"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(
            ran.stderr.contains(expected),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    fs::write(own.join("bad.sql"), "select 1\n").unwrap();
    assert_eq!(
        run(&["query", "cost", "--format", "csv"]).stdout,
        "cost\n0\n"
    );
    assert_eq!(run(&["query", "bad"]).code, 2);
    let ran = run(&["query"]);
    assert!(
        ran.stderr.contains("bad") && ran.stderr.contains("comment"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_line_that_is_no_event_is_named_and_nothing_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let run = r#"{"kind":"run_started","iteration":0,"label":"r","body":{"name":"x","seed":1,"teacher":"t","student":"s","base_hash":{"$hash":"b"},"settings":[],"code_version":"1"}}"#;
    for (line, expected) in [
        ("{", "line 2"),
        (
            r#"{"kind":"grad","iteration":0,"body":{}}"#,
            "no kind \"grad\"",
        ),
        (
            r#"{"kind":"retraction","iteration":0,"body":{"target_id":"12","reason":""}}"#,
            "target_id",
        ),
        (
            r#"{"kind":"retraction","iteration":0,"body":{"target_id":{"$ref":"q"},"reason":""}}"#,
            "\"q\"",
        ),
        (
            r#"{"kind":"retraction","iteration":0,"body":{"target_id":{"$hash":"q"},"reason":""}}"#,
            "which is not in the lake",
        ),
        (
            r#"{"kind":"retraction","iteration":0,"body":{"target_id":{"$ref":"r"},"reason":"","x":1}}"#,
            "unknown field `x`",
        ),
        (
            r#"{"kind":"retraction","iteration":-1,"body":{}}"#,
            "line 2",
        ),
    ] {
        let input = format!("{run}\n{line}\n");
        let ran = antiks_with(folder.path(), &input, &["lake", "import-events", "-"]);
        assert_eq!(ran.code, 1, "{line}");
        assert!(
            ran.stderr.contains("line 2") && ran.stderr.contains(expected),
            "{}",
            ran.stderr
        );
    }
    let status = json(&antiks(folder.path(), &["status", "--json"]).stdout);
    assert_eq!(
        (&status["commits"], &status["events"]),
        (&Json::from(1), &json("{}"))
    );

    let import = |input: &str| antiks_with(folder.path(), input, &["lake", "import-events", "-"]);
    assert_eq!(import(run).stdout, "-: 1 events in commit 1\n");
    assert_eq!(
        import(run).stdout,
        "-: all 1 events are in the lake already\n"
    );
    let more = format!(
        "{run}\n{}\n",
        run.replace("\"x\"", "\"y\"").replace("\"r\"", "\"s\"")
    );
    assert!(import(&more).stderr.contains("not all others"));
    let status = json(&antiks(folder.path(), &["status", "--json"]).stdout);
    assert_eq!(status["commits"], 2);
    assert_eq!(status["runs"][0]["name"], "x");
}

#[test]
fn verify_tells_a_whole_lake_from_a_damaged_one() {
    let folder = example_folder();
    let whole = antiks(folder.path(), &["verify", "--json"]);
    assert_eq!(whole.code, 0, "{}", whole.stdout);
    let report = json(&whole.stdout);
    assert_eq!(report["ok"], true);
    let newest = report["newest_commit"].as_str().unwrap().to_owned();
    let expecting = |hash: &str| antiks(folder.path(), &["verify", "--expect", hash]).code;
    assert_eq!(expecting(&newest), 0);
    assert_eq!(expecting(&another_hash(&newest)), 3);
    assert_eq!(expecting("12"), 2);

    let record = folder.path().join("lake/log/00000000000000000001.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("\"rows\":2", "\"rows\":3", 1)).unwrap();
    let damaged = antiks(folder.path(), &["verify", "--json"]);
    assert_eq!(damaged.code, 3);
    let report = json(&damaged.stdout);
    assert_eq!(report["ok"], false);
    assert_eq!(
        report["findings"][0]["path"],
        "log/00000000000000000001.json"
    );
    assert_eq!(report["findings"][0]["commit"], 1);
    let told = antiks(folder.path(), &["verify"]);
    assert!(
        told.stdout.contains("DAMAGED: 1 finding"),
        "{}",
        told.stdout
    );
    let refused = antiks(folder.path(), &["sql", "select 1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
    let before = antiks(
        folder.path(),
        &["sql", "select count(*) from runs", "--at", "0"],
    );
    assert_eq!(before.code, 0, "an older version is still there");
}

/// The hash with its first digit changed, whichever it was.
fn another_hash(hash: &str) -> String {
    let first = if hash.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &hash[1..])
}

#[test]
fn a_double_in_json_keeps_every_bit() {
    let folder = example_folder();
    let sql = "select id from trainings limit 1";
    let id = antiks(folder.path(), &["sql", sql, "--format", "csv"]).stdout;
    let run = antiks(
        folder.path(),
        &["sql", "select id from runs limit 1", "--format", "csv"],
    );
    let (id, run) = (
        id.lines().last().unwrap(),
        run.stdout.lines().last().unwrap().to_owned(),
    );
    let losses = [
        "0.00045913173191066835",
        "5e-324",
        "-0.0",
        "1.7976931348623157e308",
        "0.1",
    ];
    let line = |(step, loss): (usize, &&str)| {
        format!(
            r#"{{"kind":"training_step","iteration":9,"body":{{"run_id":"{run}","training_id":"{id}","step":{step},"epoch":1,"loss":{loss},"grad_norm":1,"learning_rate":1,"tokens":1,"loss_tokens":1,"batch_hash":{{"$hash":"b"}}}}}}"#
        )
    };
    let lines: Vec<String> = losses.iter().enumerate().map(line).collect();
    let ran = antiks_with(
        folder.path(),
        &lines.join("\n"),
        &["lake", "import-events", "-"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let sql = "select loss from training_steps where iteration = 9 order by step";
    let read = antiks(folder.path(), &["sql", sql, "--format", "csv"]).stdout;
    let read = read
        .lines()
        .skip(1)
        .map(|text| text.parse::<f64>().unwrap().to_bits());
    let given = losses
        .iter()
        .map(|text| text.parse::<f64>().unwrap().to_bits());
    assert_eq!(read.collect::<Vec<_>>(), given.collect::<Vec<_>>());
}

#[test]
fn hostile_sql_is_an_error_and_not_the_end() {
    let folder = example_folder();
    let long = format!("select 1{}", "+1".repeat(3_000));
    let ran = antiks_with(folder.path(), &long, &["sql", "--format", "csv"]);
    assert!(
        ran.code == 0 || ran.code == 1,
        "{} {}",
        ran.code,
        ran.stderr
    );
    let nested = format!("select {}1{}", "(".repeat(1_000), ")".repeat(1_000));
    let ran = antiks_with(folder.path(), &nested, &["sql"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
}
