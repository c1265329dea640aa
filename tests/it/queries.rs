//! The catalogue on the example lake against goldens, and training sets that prove
//! where they come from.

use antiks::base::id::{ContentHash, SnapshotHash};
use antiks::event::snapshot::Snapshot;
use antiks::event::{Event, Observed};
use antiks::lake::report::Silent;
use antiks::lake::verify::verify;
use antiks::lake::{Lake, Writer};
use antiks::query::materialise::{TrainingSet, check_snapshots};
use antiks::query::{Catalogue, QueryError, Session};
use datafusion::arrow::array::{AsArray, RecordBatch};

use crate::support::{
    antiks, compare_with_golden, example_folder, ground, import_text, sample_events,
};

#[test]
fn every_query_of_the_catalogue_gives_its_golden() {
    let folder = example_folder();
    let id = antiks(
        folder.path(),
        &["sql", "select id from checkpoints", "--format", "csv"],
    );
    let of_checkpoint = format!("id={}", id.stdout.lines().last().unwrap());
    let catalogue = Catalogue::load(None).unwrap();
    assert!(catalogue.queries().len() >= 10);
    for query in catalogue.queries() {
        let mut arguments = vec!["query", &query.name, "--format", "csv"];
        if query.name == "lineage" {
            arguments.extend(["--param", &of_checkpoint]);
        }
        let ran = antiks(folder.path(), &arguments);
        assert_eq!(ran.code, 0, "{}: {}", query.name, ran.stderr);
        compare_with_golden(
            &format!("tests/data/queries/{}.csv", query.name),
            &ran.stdout,
        );
    }
}

#[test]
fn parameters_choose_rows() {
    let folder = example_folder();
    let run = |arguments: &[&str]| {
        let mut all = vec!["query"];
        all.extend(arguments);
        all.extend(["--format", "csv"]);
        let ran = antiks(folder.path(), &all);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        run(&["score_distribution", "-p", "iteration=2"]),
        ["90,99,1,100.0"]
    );
    assert_eq!(run(&["score_distribution", "-p", "purpose=eval"]).len(), 2);
    assert_eq!(run(&["training_set", "-p", "threshold=0"]).len(), 0);
    // The second mistake's challenge is retracted, so only one is left.
    assert_eq!(run(&["training_set"]).len(), 1);
    assert_eq!(run(&["slowest_answers", "-p", "limit=2"]).len(), 2);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().build().unwrap()
}

fn example_writer(folder: &tempfile::TempDir) -> Writer {
    let mut writer = Writer::create(&folder.path().join("lake"), &ground()).unwrap();
    import_text(&mut writer, &sample_events(), "samples");
    writer
}

fn select(lake: &Lake, threshold: &str) -> TrainingSet {
    let catalogue = Catalogue::load(None).unwrap();
    let query = catalogue.find("training_set").unwrap();
    let given = [("threshold".to_owned(), threshold.to_owned())];
    let bindings = query.bind(&given).unwrap();
    runtime()
        .block_on(TrainingSet::select(lake, query, &bindings))
        .unwrap()
}

fn record(writer: &mut Writer, set: &TrainingSet) {
    let observed = Observed::now(writer.world());
    let mut draft = writer.begin("a training set");
    set.record(&mut draft, None, 2, observed).unwrap();
    draft.commit().unwrap();
}

/// What verification finds, snapshots included.
fn findings(lake: &Lake) -> Vec<String> {
    let mut report = verify(lake.root(), None, &mut Silent).unwrap();
    runtime()
        .block_on(check_snapshots(lake, &mut report))
        .unwrap();
    report
        .findings
        .into_iter()
        .map(|finding| finding.what)
        .collect()
}

#[test]
fn a_recorded_training_set_is_made_again_at_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = example_writer(&folder);
    let set = select(writer.lake(), "80");
    assert_eq!(set.rows.num_rows(), 1);
    record(&mut writer, &set);
    // Empty ones count as well.
    let none = select(writer.lake(), "0");
    record(&mut writer, &none);
    // Later events change what the query gives now, but not what it gave then.
    let (mut id, mut text) = (String::new(), String::new());
    writer
        .lake()
        .read_events::<Snapshot>(|_, _, event| {
            if let Some(grade) = event.body.grade_ids.first() {
                id = grade.to_string();
                text = event.body.query_text;
            }
        })
        .unwrap();
    assert!(text.contains("grade_id"));
    let retraction = format!(
        r#"{{"kind":"retraction","iteration":0,"body":{{"target_id":"{id}","reason":"wrong"}}}}"#
    );
    import_text(&mut writer, &retraction, "a retraction");
    assert_eq!(select(writer.lake(), "80").rows.num_rows(), 0);
    assert_eq!(findings(writer.lake()), [""; 0]);
}

#[test]
fn a_forged_training_set_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = example_writer(&folder);
    let honest = select(writer.lake(), "80");
    type Forge = fn(&mut Snapshot, SnapshotHash);
    let forgeries: [(Forge, &str); 6] = [
        (
            |body, other| (body.rows_snapshot, body.rows) = (other, 0),
            "its query gives 1 rows, not 0",
        ),
        (|body, _| body.query_text.push(' '), "recorded hash"),
        (|body, _| body.grade_ids.clear(), "does not list the grades"),
        (|body, _| body.rows = 2, "another number of rows"),
        (|body, _| body.lake_version = 0, "recorded hash"),
        (
            |body, _| {
                body.query_text = body.query_text.replace("order by", "and false order by");
                body.query_hash = ContentHash::of(body.query_text.as_bytes());
            },
            "its query gives 0 rows, not 1",
        ),
    ];
    for (forge, expected) in forgeries {
        record_forged(&mut writer, &honest.rows, forge);
        let found = findings(writer.lake());
        let last = found.last().expect("it is found");
        assert!(last.contains(expected), "{expected}: {found:?}");
    }
}

/// Records a snapshot event that `forge` has changed, consistently hashed.
fn record_forged(writer: &mut Writer, rows: &RecordBatch, forge: fn(&mut Snapshot, SnapshotHash)) {
    let observed = Observed::now(writer.world());
    let entry = writer.lake().newest().clone();
    let catalogue = Catalogue::load(None).unwrap();
    let query = catalogue.find("training_set").unwrap();
    let mut draft = writer.begin("a forgery");
    let rows_snapshot = draft
        .snapshot(rows.schema(), std::slice::from_ref(rows))
        .unwrap();
    let empty = draft.snapshot(rows.schema(), &[rows.slice(0, 0)]).unwrap();
    let ids = rows.column_by_name("grade_id").unwrap();
    let ids = AsArray::as_fixed_size_binary(ids);
    let mut body = Snapshot {
        run_id: None,
        query_name: "training_set".to_owned(),
        query_text: query.text.clone(),
        query_hash: ContentHash::of(query.text.as_bytes()),
        parameters: Vec::new(),
        lake_version: entry.commit.number as i64,
        lake_commit_hash: Some(entry.hash),
        rows_snapshot,
        rows: rows.num_rows() as i64,
        grade_ids: ids
            .iter()
            .flatten()
            .map(|id| <[u8; 32]>::try_from(id).unwrap().into())
            .collect(),
    };
    forge(&mut body, empty);
    let event = Event {
        iteration: 2,
        body,
        observed,
    };
    draft.append(&event).unwrap();
    draft.commit().unwrap();
}

#[test]
fn a_query_without_grade_ids_makes_no_training_set() {
    let folder = tempfile::tempdir().unwrap();
    let writer = example_writer(&folder);
    for (text, expected) in [
        (
            "-- Scores.\nselect score from grades order by seq",
            "grade_id",
        ),
        (
            "-- Any order.\nselect id as grade_id from grades",
            "ORDER BY",
        ),
    ] {
        let query = antiks::query::Query::parse("own", text, true).unwrap();
        let selected = runtime().block_on(TrainingSet::select(writer.lake(), &query, &[]));
        let Err(QueryError::Unfit(what)) = selected.map(|_| ()) else {
            panic!("it was selected");
        };
        assert!(what.contains(expected), "{what}");
    }
}

#[test]
fn nothing_is_selected_from_damaged_files() {
    let folder = tempfile::tempdir().unwrap();
    let writer = example_writer(&folder);
    let lake = writer.lake();
    let catalogue = Catalogue::load(None).unwrap();
    let query = catalogue.find("training_set").unwrap();
    let bindings = query.bind(&[]).unwrap();
    // Those that the query joins, and those that say what is left out.
    for kind in [
        "grade",
        "answer",
        "challenge",
        "database",
        "run_started",
        "retraction",
    ] {
        let file = lake.event_files(kind).next().unwrap();
        let path = lake.root().join(file.path());
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[100] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let selected = runtime().block_on(TrainingSet::select(lake, query, &bindings));
        assert!(matches!(selected, Err(QueryError::Lake(_))), "{kind}");
        std::fs::write(&path, whole).unwrap();
    }
}

#[test]
fn files_of_several_iterations_stand_in_one_table() {
    // Files of several iterations, with the column that is in none of them.
    let folder = tempfile::tempdir().unwrap();
    let writer = example_writer(&folder);
    let rows = runtime().block_on(async {
        let session = Session::new(writer.lake()).await.unwrap();
        let sql = "select iteration, count(*) as n from answers group by 1 order by 1";
        session
            .plan(sql, &[])
            .await
            .unwrap()
            .collect()
            .await
            .unwrap()
    });
    let rows: usize = rows.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 3);
}
