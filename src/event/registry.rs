//! All kinds by name, for code that does not know which it meets.
//!
//! **Invariant.** A file's columns are `seq`, `id`, the body's fields in declared
//! order, then those of [`Observed`]; kind and iteration stand in its path only.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Builder, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use serde_json::Value as Json;

use super::columns::{Column, ColumnError, FieldColumn, HashBuilder};
use super::envelope::{Event, Kind, Observed, event_id, leaf_hash};
use crate::base::canonical::Reference;

use super::answer::Answer;
use super::challenge::Challenge;
use super::checkpoint::Checkpoint;
use super::database::Database;
use super::evaluation::Evaluation;
use super::export::Export;
use super::grade::Grade;
use super::promotion::Promotion;
use super::retraction::Retraction;
use super::run_started::RunStarted;
use super::snapshot::Snapshot;
use super::teacher_call::TeacherCall;
use super::training_started::TrainingStarted;
use super::training_step::TrainingStep;

/// Every kind, in the order in which a round meets them.
pub static KINDS: [&dyn AnyKind; 14] = [
    &Of::<RunStarted>(PhantomData),
    &Of::<Database>(PhantomData),
    &Of::<TeacherCall>(PhantomData),
    &Of::<Challenge>(PhantomData),
    &Of::<Answer>(PhantomData),
    &Of::<Grade>(PhantomData),
    &Of::<Snapshot>(PhantomData),
    &Of::<TrainingStarted>(PhantomData),
    &Of::<TrainingStep>(PhantomData),
    &Of::<Checkpoint>(PhantomData),
    &Of::<Evaluation>(PhantomData),
    &Of::<Promotion>(PhantomData),
    &Of::<Export>(PhantomData),
    &Of::<Retraction>(PhantomData),
];

/// The kind with this name.
pub fn find_kind(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// The columns in front of a body's and behind it.
pub const ENVELOPE_COLUMNS: [&str; 6] = [
    "seq",
    "id",
    "recorded_at",
    "host",
    "duration_us",
    "cost_microusd",
];

/// A row of a file, with everything made anew that can be.
#[derive(Debug)]
pub struct CheckedRow {
    /// The sequence number that the row states.
    pub seq: i64,
    /// The id that the row states.
    pub stated_id: [u8; 32],
    /// The id that its body has.
    pub id: [u8; 32],
    /// The leaf that stands for it in the Merkle tree.
    pub leaf: [u8; 32],
    /// Everything that the body points at.
    pub references: Vec<Reference>,
}

/// Why JSON is not a body, and where in it.
pub type JsonError = serde_path_to_error::Error<serde_json::Error>;

/// A kind of event, its type forgotten.
pub trait AnyKind: Sync + Send {
    /// The name that stands in the bytes, in paths and in the log.
    fn name(&self) -> &'static str;
    /// The version of the body's fields.
    fn version(&self) -> u32;
    /// The table that SQL knows it by.
    fn table(&self) -> &'static str;
    /// The columns of its files.
    fn schema(&self) -> SchemaRef;
    /// The event whose body stands in `body` as JSON.
    fn parse(
        &self,
        iteration: u32,
        body: Json,
        observed: Observed,
    ) -> Result<Box<dyn AnyEvent>, JsonError>;
    /// An empty collector of rows.
    fn rows(&self) -> Box<dyn AnyRows>;
    /// Makes every row of `batch` anew and hands it to `visit`.
    fn check(
        &self,
        iteration: u32,
        batch: &RecordBatch,
        visit: &mut dyn FnMut(CheckedRow),
    ) -> Result<(), ColumnError>;
}

/// An event, its type forgotten.
pub trait AnyEvent: Any {
    /// Its kind.
    fn kind(&self) -> &'static str;
    /// The iteration that it belongs to.
    fn iteration(&self) -> u32;
    /// Its id; `scratch` is overwritten.
    fn id(&self, scratch: &mut Vec<u8>) -> [u8; 32];
    /// The circumstances under which it was recorded.
    fn observed(&self) -> &Observed;
    /// Calls `visit` for everything that it points at.
    fn references(&self, visit: &mut dyn FnMut(Reference));
    /// Itself, for a downcast.
    fn as_any(&self) -> &dyn Any;
}

impl<K: Kind> AnyEvent for Event<K> {
    fn kind(&self) -> &'static str {
        K::KIND
    }

    fn iteration(&self) -> u32 {
        self.iteration
    }

    fn id(&self, scratch: &mut Vec<u8>) -> [u8; 32] {
        event_id(self.iteration, &self.body, scratch).bytes()
    }

    fn observed(&self) -> &Observed {
        &self.observed
    }

    fn references(&self, visit: &mut dyn FnMut(Reference)) {
        self.body.visit_references(visit);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Collects events of one kind into batches of columns.
pub trait AnyRows: Send {
    /// Adds an event of this kind; one of another kind is left out and gives `false`.
    fn append(&mut self, seq: i64, id: &[u8; 32], event: &dyn AnyEvent) -> bool;
    /// The rows so far as a batch; the collector is empty after it.
    fn finish(&mut self) -> RecordBatch;
}

struct Of<K>(PhantomData<fn() -> K>);

impl<K: Kind> AnyKind for Of<K> {
    fn name(&self) -> &'static str {
        K::KIND
    }

    fn version(&self) -> u32 {
        K::VERSION
    }

    fn table(&self) -> &'static str {
        K::TABLE
    }

    fn schema(&self) -> SchemaRef {
        schema_of::<K>()
    }

    fn parse(
        &self,
        iteration: u32,
        body: Json,
        observed: Observed,
    ) -> Result<Box<dyn AnyEvent>, JsonError> {
        let body: K = serde_path_to_error::deserialize(body)?;
        Ok(Box::new(Event {
            iteration,
            body,
            observed,
        }))
    }

    fn rows(&self) -> Box<dyn AnyRows> {
        Box::<Rows<K>>::default()
    }

    fn check(
        &self,
        iteration: u32,
        batch: &RecordBatch,
        visit: &mut dyn FnMut(CheckedRow),
    ) -> Result<(), ColumnError> {
        let reader = RowReader::<K>::new(batch)?;
        let mut scratch = Vec::with_capacity(1024);
        for row in 0..batch.num_rows() {
            let body = reader.body(row);
            let seq = reader.seq.get(row);
            let id = event_id(iteration, &body, &mut scratch).bytes();
            let leaf = leaf_hash(
                &id,
                seq.cast_unsigned(),
                &reader.observed(row),
                &mut scratch,
            );
            let mut references = Vec::new();
            body.visit_references(&mut |reference| references.push(reference));
            visit(CheckedRow {
                seq,
                stated_id: reader.id.get(row),
                id,
                leaf,
                references,
            });
        }
        Ok(())
    }
}

/// The columns of a kind's files.
pub fn schema_of<K: Kind>() -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = vec![
        Arc::new(i64::field("seq")),
        Arc::new(<[u8; 32]>::field("id")),
    ];
    fields.extend(struct_fields(&K::data_type()).iter().cloned());
    fields.extend(struct_fields(&Observed::data_type()).iter().cloned());
    Arc::new(Schema::new(fields))
}

fn struct_fields(data_type: &DataType) -> Fields {
    match data_type {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    }
}

struct Rows<K: Kind> {
    seq: Int64Builder,
    id: HashBuilder,
    body: K::Builder,
    observed: <Observed as Column>::Builder,
}

impl<K: Kind> Default for Rows<K> {
    fn default() -> Self {
        Self {
            seq: Int64Builder::default(),
            id: HashBuilder::default(),
            body: K::Builder::default(),
            observed: Default::default(),
        }
    }
}

impl<K: Kind> AnyRows for Rows<K> {
    fn append(&mut self, seq: i64, id: &[u8; 32], event: &dyn AnyEvent) -> bool {
        let Some(event) = event.as_any().downcast_ref::<Event<K>>() else {
            return false;
        };
        self.seq.append_value(seq);
        self.id.append(id);
        event.body.append(&mut self.body);
        event.observed.append(&mut self.observed);
        true
    }

    fn finish(&mut self) -> RecordBatch {
        let mut columns = vec![i64::finish(&mut self.seq), <[u8; 32]>::finish(&mut self.id)];
        columns.extend_from_slice(K::finish(&mut self.body).as_struct().columns());
        let observed = Observed::finish(&mut self.observed);
        columns.extend_from_slice(observed.as_struct().columns());
        match RecordBatch::try_new(schema_of::<K>(), columns) {
            Ok(batch) => batch,
            Err(error) => unreachable!("builders of one length and type: {error}"),
        }
    }
}

/// Reads events of one kind back from a batch of columns.
pub struct RowReader<K: Kind> {
    seq: FieldColumn<i64>,
    id: FieldColumn<[u8; 32]>,
    body: K::Reader,
    observed: <Observed as Column>::Reader,
}

impl<K: Kind> RowReader<K> {
    /// A reader over `batch`, which must have a kind's columns.
    pub fn new(batch: &RecordBatch) -> Result<Self, ColumnError> {
        let all = StructArray::from(batch.clone());
        let observed_names = &ENVELOPE_COLUMNS[2..];
        let body = project(batch, |name| !ENVELOPE_COLUMNS.contains(&name));
        let observed = project(batch, |name| observed_names.contains(&name));
        Ok(Self {
            seq: FieldColumn::find(&all, "seq")?,
            id: FieldColumn::find(&all, "id")?,
            body: K::reader(&body, K::KIND)?,
            observed: Observed::reader(&observed, "observed")?,
        })
    }

    /// The sequence number, the stated id and the event in `row`.
    pub fn event(&self, iteration: u32, row: usize) -> (i64, [u8; 32], Event<K>) {
        let event = Event {
            iteration,
            body: self.body(row),
            observed: self.observed(row),
        };
        (self.seq.get(row), self.id.get(row), event)
    }

    fn body(&self, row: usize) -> K {
        K::get(&self.body, row)
    }

    fn observed(&self, row: usize) -> Observed {
        Observed::get(&self.observed, row)
    }
}

fn project(batch: &RecordBatch, keep: impl Fn(&str) -> bool) -> StructArray {
    let schema = batch.schema();
    let (fields, columns): (Vec<_>, Vec<_>) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| keep(field.name()))
        .map(|(field, column)| (Arc::clone(field), Arc::clone(column)))
        .unzip();
    match StructArray::try_new_with_length(fields.into(), columns, None, batch.num_rows()) {
        Ok(columns) => columns,
        Err(error) => unreachable!("columns of one batch: {error}"),
    }
}
