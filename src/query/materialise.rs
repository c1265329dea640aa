//! Training sets, and whether a recorded one is what its query gives.
//!
//! **Invariants.** The bytes of every file that the query reads are checked before it
//! runs. A recorded query is run again at its recorded version with its recorded
//! parameters, and must give the same rows in the same order; so it must say an order.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;

use super::catalogue::{Query, value_text};
use super::session::{Binding, QueryError, Session, block_on};
use crate::base::id::{ContentHash, Id};
use crate::event::grade::Grade;
use crate::event::snapshot::{Parameter, Snapshot};
use crate::event::{Event, KINDS, Kind, Observed};
use crate::lake::report::Report;
use crate::lake::{Draft, Lake, layout, table};

/// The rows of a query, with all that makes them again.
pub struct TrainingSet {
    query: Query,
    parameters: Vec<Parameter>,
    lake_version: u64,
    /// The rows.
    pub rows: RecordBatch,
}

impl TrainingSet {
    /// Runs a query over `lake`. It must give a column `grade_id`, so that every row
    /// can be traced.
    pub async fn select(
        lake: &Lake,
        query: &Query,
        bindings: &[Binding],
    ) -> Result<Self, QueryError> {
        let rows = checked_rows(lake, &query.text, bindings, true).await?;
        grade_ids(&rows)?;
        let mut parameters: Vec<Parameter> = bindings
            .iter()
            .map(|(name, value)| Parameter {
                name: name.clone(),
                value: value_text(value),
            })
            .collect();
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            query: query.clone(),
            parameters,
            lake_version: lake.version(),
            rows,
        })
    }

    /// Adds the rows and the event that says where they come from to a commit.
    pub fn record(
        &self,
        draft: &mut Draft<'_>,
        run_id: Option<Id<crate::event::run_started::RunStarted>>,
        iteration: u32,
        observed: Observed,
    ) -> Result<Id<Snapshot>, QueryError> {
        let rows_snapshot = draft.snapshot(self.rows.schema(), std::slice::from_ref(&self.rows))?;
        let body = Snapshot {
            run_id,
            query_name: self.query.name.clone(),
            query_text: self.query.text.clone(),
            query_hash: ContentHash::of(self.query.text.as_bytes()),
            parameters: self.parameters.clone(),
            lake_version: self.lake_version.cast_signed(),
            lake_commit_hash: None,
            rows_snapshot,
            rows: self.rows.num_rows() as i64,
            grade_ids: grade_ids(&self.rows)?,
        };
        Ok(draft.append(&Event {
            iteration,
            body,
            observed,
        })?)
    }
}

/// Runs every recorded query of `lake` again and reports snapshots that it does not
/// give. Call it on a lake whose files were verified.
pub async fn check_snapshots(lake: &Lake, report: &mut Report) -> Result<(), QueryError> {
    for file in lake.event_files(Snapshot::KIND) {
        let mut recorded = Vec::new();
        let path = lake.root().join(file.path());
        table::read_events::<Snapshot>(&path, file.iteration, |_, id, event| {
            recorded.push((id, event.body));
        })?;
        for (id, snapshot) in recorded {
            let checked = match check_event(lake, &snapshot) {
                Ok(then) => check_rows(lake, &then, &snapshot)
                    .await
                    .map_err(|what| (layout::snapshot(snapshot.rows_snapshot), what)),
                Err(what) => Err((file.path(), what)),
            };
            if let Err((path, what)) = checked {
                report.find(&path, what).event = Some(id.to_string());
            }
        }
    }
    Ok(())
}

/// What a recorded training set has that its query does not give, if anything.
///
/// # Errors
/// What the runtime says.
pub fn difference(lake: &Lake, snapshot: &Snapshot) -> Result<Option<String>, QueryError> {
    let then = match check_event(lake, snapshot) {
        Ok(then) => then,
        Err(what) => return Ok(Some(what)),
    };
    Ok(block_on(check_rows(lake, &then, snapshot))?.err())
}

/// Whether what the event says of its query and its version is true; gives the lake as
/// it was then.
fn check_event(lake: &Lake, snapshot: &Snapshot) -> Result<Lake, String> {
    if ContentHash::of(snapshot.query_text.as_bytes()) != snapshot.query_hash {
        return Err("the query's text does not have the recorded hash".to_owned());
    }
    let version = snapshot.lake_version.cast_unsigned();
    let then = lake.at(version).map_err(|error| error.to_string())?;
    let newest = then.newest().hash;
    if snapshot.lake_commit_hash.is_some_and(|it| it != newest) {
        return Err(format!("commit {version} does not have the recorded hash"));
    }
    let mut files = lake
        .entries()
        .iter()
        .flat_map(|entry| &entry.commit.snapshots);
    let rows = snapshot.rows.cast_unsigned();
    match files.any(|file| file.blake3 == snapshot.rows_snapshot && file.rows != rows) {
        true => Err("it has another number of rows than the log says".to_owned()),
        false => Ok(then),
    }
}

/// Whether the recorded query gives the stored rows.
async fn check_rows(lake: &Lake, then: &Lake, snapshot: &Snapshot) -> Result<(), String> {
    let text = |error: QueryError| format!("its query can't be run again: {error}");
    let query = Query::parse(&snapshot.query_name, &snapshot.query_text, false).map_err(text)?;
    let given: Vec<(String, String)> = snapshot
        .parameters
        .iter()
        .map(|it| {
            let value = it.value.clone().unwrap_or_else(|| "null".to_owned());
            (it.name.clone(), value)
        })
        .collect();
    let bindings = query.bind(&given).map_err(text)?;
    let again = checked_rows(then, &query.text, &bindings, false)
        .await
        .map_err(text)?;
    let stored = read_rows(lake, snapshot).map_err(text)?;
    if again.num_rows() != stored.num_rows() {
        return Err(format!(
            "its query gives {} rows, not {}",
            again.num_rows(),
            stored.num_rows()
        ));
    }
    if grade_ids(&stored).map_err(text)? != snapshot.grade_ids {
        return Err("its event does not list the grades that it holds".to_owned());
    }
    // A file does not tell the engine's several types of text apart.
    let again = cast_to(&again, &stored).unwrap_or(again);
    match first_difference(&again, &stored) {
        None => Ok(()),
        Some((row, column)) => Err(format!("its query gives another {column} in row {row}")),
    }
}

/// The rows of a snapshot's file.
pub fn read_rows(lake: &Lake, snapshot: &Snapshot) -> Result<RecordBatch, QueryError> {
    let path = lake.root().join(layout::snapshot(snapshot.rows_snapshot));
    let reader = table::open(&path, None)?;
    let schema = reader.schema();
    let batches: Result<Vec<_>, _> = reader.collect();
    batches
        .and_then(|batches| concat_batches(&schema, &batches))
        .map_err(|error| QueryError::Execution(error.to_string()))
}

/// Runs a query after the bytes of every file that it may read were checked.
async fn checked_rows(
    lake: &Lake,
    sql: &str,
    bindings: &[Binding],
    must_be_ordered: bool,
) -> Result<RecordBatch, QueryError> {
    let session = Session::new(lake).await?;
    let frame = session.plan(sql, bindings).await?;
    if must_be_ordered && !says_an_order(frame.logical_plan()) {
        let what = "a query for training sets must end with an ORDER BY, so that it gives the \
                    same rows in the same order again";
        return Err(QueryError::Unfit(what.to_owned()));
    }
    let tables = session.tables_of(&frame)?;
    let kinds = KINDS
        .iter()
        .filter(|kind| tables.iter().any(|it| it == kind.table()));
    for kind in kinds {
        for file in lake.event_files(kind.name()) {
            let path = lake.root().join(file.path());
            table::check_file(&path, file.blake3.bytes(), file.bytes, |_| {})?;
        }
    }
    let stream = session.run(sql, bindings).await?;
    let schema: SchemaRef = stream.schema();
    let batches: Vec<RecordBatch> = stream
        .try_collect()
        .await
        .map_err(|error| session.explain(sql, &error))?;
    concat_batches(&schema, &batches).map_err(|error| QueryError::Execution(error.to_string()))
}

/// Whether the outermost step of a plan that can order rows does.
fn says_an_order(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_) => plan
            .inputs()
            .first()
            .is_some_and(|input| says_an_order(input)),
        _ => false,
    }
}

/// The distinct values of the column `grade_id`, in the order of their first rows.
fn grade_ids(rows: &RecordBatch) -> Result<Vec<Id<Grade>>, QueryError> {
    let column = rows
        .column_by_name("grade_id")
        .and_then(|column| column.as_fixed_size_binary_opt())
        .filter(|column| column.value_length() == 32 && column.null_count() == 0)
        .ok_or_else(|| {
            let what = "a query for training sets must give a column grade_id with the id of \
                        the grade that each row comes from";
            QueryError::Unfit(what.to_owned())
        })?;
    let mut seen = std::collections::HashSet::new();
    let ids = column.iter().flatten().filter_map(|bytes| {
        let id = <[u8; 32]>::try_from(bytes).ok()?;
        seen.insert(id).then(|| Id::new(id))
    });
    Ok(ids.collect())
}

/// A batch with the column types of another; none if they have no common columns.
fn cast_to(batch: &RecordBatch, like: &RecordBatch) -> Option<RecordBatch> {
    let schema = like.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name())?;
        cast(column, field.data_type()).ok()
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Option<_>>()?)
        .ok()
        .filter(|it| it.num_columns() == batch.num_columns())
}

/// The first row, and the column in it, in which two batches of one length differ.
fn first_difference(again: &RecordBatch, stored: &RecordBatch) -> Option<(usize, String)> {
    let names = |batch: &RecordBatch| -> Vec<String> {
        let schema = batch.schema();
        schema.fields().iter().map(|it| it.name().clone()).collect()
    };
    if names(again) != names(stored) {
        return Some((0, "set of columns".to_owned()));
    }
    let differing = |row: usize| {
        again
            .columns()
            .iter()
            .zip(stored.columns())
            .position(|(a, b)| a.slice(row, 1).as_ref() != b.slice(row, 1).as_ref())
    };
    (0..again.num_rows()).find_map(|row| {
        differing(row).map(|column| (row, again.schema().field(column).name().clone()))
    })
}
