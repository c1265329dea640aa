//! Small lakes for the fault tests, and the question whether one is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use antiks::base::id::ContentHash;
use antiks::event::Observed;
use antiks::lake::report::{Report, Silent};
use antiks::lake::verify::verify;
use antiks::lake::walk::files_below;
use antiks::lake::{Entry, LakeError, Writer};
use antiks::query::materialise::TrainingSet;
use antiks::query::{Query, QueryError};
use serde_json::{Value as Json, json};

/// The program.
pub const ANTIKS: &str = env!("CARGO_BIN_EXE_antiks");

/// A line of NDJSON: a run.
pub fn run_line(name: &str) -> String {
    let body = json!({
        "name": name, "seed": 7, "teacher": "offline", "student": "nano",
        "base_hash": {"$hash": "base"}, "settings": [], "code_version": "0.1.0",
    });
    line("run_started", &body)
}

/// A line of NDJSON: a database with a blob.
pub fn database_line(name: &str, blob: &str) -> String {
    let body = json!({
        "name": name, "source": "imported", "domain": "shop.sqlite", "maker": "import 1",
        "file_hash": {"$hash": "file"}, "sample_blob": {"$blob": blob},
        "schema_sql": "create table t(a)", "shape_hash": {"$hash": "shape"},
        "tables": [], "instances": [],
    });
    line("database", &body)
}

fn line(kind: &str, body: &Json) -> String {
    format!(
        "{}\n",
        json!({"kind": kind, "iteration": 0, "recorded_at": 1_767_225_600_000_000_i64, "body": body})
    )
}

/// Verifies the lake in `root`, which must be whole.
pub fn assert_whole(root: &Path, when: &str) -> Report {
    let report = verify(root, None, &mut Silent).unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(report.ok, "{when}: {:#?}", report.findings);
    assert!(
        report.findings.is_empty(),
        "{when}: ok, but there are findings"
    );
    report
}

/// A commit that `import-events --json` has said to be done.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The file that was imported.
    pub file: PathBuf,
    /// Number and hash of its commit; none if its events were in the lake before.
    pub commit: Option<(u64, ContentHash)>,
}

/// The whole lines that `import-events --json` has printed.
pub fn acknowledged(stdout: &[u8]) -> Vec<Acknowledged> {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    // A line without an end was cut off by a kill: nobody was told anything.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            let line: Json = serde_json::from_str(line).unwrap();
            Acknowledged {
                file: PathBuf::from(line["file"].as_str().unwrap()),
                commit: line["commit"]
                    .as_u64()
                    .map(|number| (number, line["hash"].as_str().unwrap().parse().unwrap())),
            }
        })
        .collect()
}

/// `antiks --lake ROOT lake import-events --json`, without its files.
pub fn import_command(root: &Path) -> Command {
    let mut command = Command::new(ANTIKS);
    command.arg("--lake").arg(root);
    command.args(["lake", "import-events", "--json"]);
    command
}

/// What the program wrote to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The shortest chain from a run to a grade that is worth training on, with a paid
/// call: the lines of `lake/example.ndjson` that it consists of.
pub fn chain() -> String {
    let labels = ["run", "fork", "hotel", "call", "c1", "a1", "g1"];
    let events = crate::support::sample_events();
    let lines = events.lines().filter(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        labels.iter().any(|label| line["label"] == *label)
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Commits a training set of all grades of the lake.
pub fn commit_training_set(writer: &mut Writer) -> Result<Entry, LakeError> {
    let text = "-- All grades.\nselect id as grade_id, score from grades order by id\n";
    let query = Query::parse("all", text, true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let set = runtime
        .block_on(TrainingSet::select(writer.lake(), &query, &[]))
        .unwrap();
    let observed = Observed::now(writer.world());
    let mut draft = writer.begin("a training set");
    set.record(&mut draft, None, 1, observed)
        .map_err(|error| match error {
            QueryError::Lake(error) => error,
            other => panic!("{other}"),
        })?;
    draft.commit()
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files_below(from).unwrap() {
        let copy = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&path, &copy).unwrap();
    }
}
