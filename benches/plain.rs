//! The peer of appending: the same rows through arrow-rs and parquet alone, without
//! ids, hashes, references, a tree or a log.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use antiks::base::id::Id;
use antiks::event::grade::Grade;
use antiks::event::registry::schema_of;
use antiks::event::{Event, Time};
use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder,
    ListBuilder, RecordBatch, StringBuilder, StructBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::grades::Grades;

const BATCH_ROWS: usize = 8192;

/// Writes `rows` grades into one file, brings it to disk, and gives its length.
pub fn write_file(path: &Path, grades: &mut Grades, rows: u64, first_seq: u64) -> u64 {
    let schema = schema();
    let options = ArrowWriterOptions::new()
        .with_properties(properties())
        .with_skip_arrow_metadata(true);
    let sink = BufWriter::with_capacity(1 << 20, File::create_new(path).unwrap());
    let mut writer = ArrowWriter::try_new_with_options(sink, Arc::clone(&schema), options).unwrap();
    let mut columns = Columns::new(&schema);
    for seq in first_seq..first_seq + rows {
        columns.append(seq as i64, grades.next(1));
        if columns.seq.len() == BATCH_ROWS {
            writer.write(&columns.finish(&schema)).unwrap();
        }
    }
    writer.write(&columns.finish(&schema)).unwrap();
    let file = writer.into_inner().unwrap().into_inner().unwrap();
    file.sync_all().unwrap();
    file.metadata().unwrap().len()
}

/// A lake's columns, but for the id.
fn schema() -> SchemaRef {
    let schema = schema_of::<Grade>();
    let fields = schema.fields().iter().filter(|field| field.name() != "id");
    Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
}

/// The properties of a lake's files.
fn properties() -> WriterProperties {
    let seq = ColumnPath::from("seq");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_max_row_group_row_count(Some(128 * 1024))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(seq.clone(), false)
        .set_column_encoding(seq, Encoding::DELTA_BINARY_PACKED)
        .build()
}

struct Columns {
    seq: Int64Builder,
    run_id: FixedSizeBinaryBuilder,
    challenge_id: FixedSizeBinaryBuilder,
    answer_id: FixedSizeBinaryBuilder,
    purpose: StringBuilder,
    score: Int64Builder,
    equivalent: BooleanBuilder,
    executed: BooleanBuilder,
    verdict: StringBuilder,
    error_class: StringBuilder,
    error_message: StringBuilder,
    partial_credit: Float64Builder,
    practices: ListBuilder<StructBuilder>,
    instances: ListBuilder<StructBuilder>,
    grader_version: StringBuilder,
    sqlite_source: StringBuilder,
    judge_score: Int64Builder,
    judge_call_id: FixedSizeBinaryBuilder,
    correction_sql: StringBuilder,
    explanation: StringBuilder,
    correction_call_id: FixedSizeBinaryBuilder,
    recorded_at: TimestampMicrosecondBuilder,
    host: StringBuilder,
    duration_us: Int64Builder,
    cost_microusd: Int64Builder,
}

fn hashes() -> FixedSizeBinaryBuilder {
    FixedSizeBinaryBuilder::new(32)
}

fn list(schema: &Schema, name: &str) -> ListBuilder<StructBuilder> {
    let DataType::List(element) = schema.field_with_name(name).unwrap().data_type() else {
        panic!("{name} is no list");
    };
    let DataType::Struct(fields) = element.data_type() else {
        panic!("{name} is no list of records");
    };
    let element = Field::new("element", element.data_type().clone(), false);
    ListBuilder::new(StructBuilder::from_fields(fields.clone(), 0)).with_field(element)
}

fn append_id<K>(column: &mut FixedSizeBinaryBuilder, id: Option<Id<K>>) {
    match id {
        Some(id) => column.append_value(id.bytes()).unwrap(),
        None => column.append_null(),
    }
}

impl Columns {
    fn new(schema: &Schema) -> Self {
        Self {
            seq: Int64Builder::new(),
            run_id: hashes(),
            challenge_id: hashes(),
            answer_id: hashes(),
            purpose: StringBuilder::new(),
            score: Int64Builder::new(),
            equivalent: BooleanBuilder::new(),
            executed: BooleanBuilder::new(),
            verdict: StringBuilder::new(),
            error_class: StringBuilder::new(),
            error_message: StringBuilder::new(),
            partial_credit: Float64Builder::new(),
            practices: list(schema, "practices"),
            instances: list(schema, "instances"),
            grader_version: StringBuilder::new(),
            sqlite_source: StringBuilder::new(),
            judge_score: Int64Builder::new(),
            judge_call_id: hashes(),
            correction_sql: StringBuilder::new(),
            explanation: StringBuilder::new(),
            correction_call_id: hashes(),
            recorded_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            host: StringBuilder::new(),
            duration_us: Int64Builder::new(),
            cost_microusd: Int64Builder::new(),
        }
    }

    fn append(&mut self, seq: i64, event: &Event<Grade>) {
        let grade = &event.body;
        self.seq.append_value(seq);
        append_id(&mut self.run_id, grade.run_id);
        append_id(&mut self.challenge_id, Some(grade.challenge_id));
        append_id(&mut self.answer_id, Some(grade.answer_id));
        self.purpose.append_value(grade.purpose.word());
        self.score.append_value(grade.score);
        self.equivalent.append_value(grade.equivalent);
        self.executed.append_value(grade.executed);
        self.verdict.append_value(&grade.verdict);
        self.error_class.append_option(grade.error_class.as_ref());
        self.error_message
            .append_option(grade.error_message.as_ref());
        self.partial_credit.append_value(grade.partial_credit);
        self.append_practices(grade);
        self.append_instances(grade);
        self.grader_version.append_value(&grade.grader_version);
        self.sqlite_source.append_value(&grade.sqlite_source);
        self.judge_score.append_option(grade.judge_score);
        append_id(&mut self.judge_call_id, grade.judge_call_id);
        self.correction_sql
            .append_option(grade.correction_sql.as_ref());
        self.explanation.append_option(grade.explanation.as_ref());
        append_id(&mut self.correction_call_id, grade.correction_call_id);
        let Time(recorded_at) = event.observed.recorded_at;
        self.recorded_at.append_value(recorded_at);
        self.host.append_value(&event.observed.host);
        self.duration_us.append_option(event.observed.duration_us);
        self.cost_microusd
            .append_option(event.observed.cost_microusd);
    }

    fn append_practices(&mut self, grade: &Grade) {
        let columns = self.practices.values();
        for practice in &grade.practices {
            let names = columns.field_builder::<StringBuilder>(0).unwrap();
            names.append_value(&practice.name);
            append_int(columns, 1, practice.points);
            append_int(columns, 2, practice.points_max);
            columns.append(true);
        }
        self.practices.append(true);
    }

    fn append_instances(&mut self, grade: &Grade) {
        let columns = self.instances.values();
        for evidence in &grade.instances {
            append_int(columns, 0, evidence.seed);
            let statuses = columns.field_builder::<StringBuilder>(1).unwrap();
            statuses.append_value(&evidence.status);
            append_int(columns, 2, evidence.rows);
            let results = columns.field_builder::<FixedSizeBinaryBuilder>(3).unwrap();
            match evidence.result_hash {
                Some(hash) => results.append_value(hash.bytes()).unwrap(),
                None => results.append_null(),
            }
            append_int(columns, 4, evidence.steps);
            let differences = columns.field_builder::<StringBuilder>(5).unwrap();
            differences.append_option(evidence.first_difference.as_ref());
            columns.append(true);
        }
        self.instances.append(true);
    }

    fn finish(&mut self, schema: &SchemaRef) -> RecordBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.seq.finish()),
            Arc::new(self.run_id.finish()),
            Arc::new(self.challenge_id.finish()),
            Arc::new(self.answer_id.finish()),
            Arc::new(self.purpose.finish()),
            Arc::new(self.score.finish()),
            Arc::new(self.equivalent.finish()),
            Arc::new(self.executed.finish()),
            Arc::new(self.verdict.finish()),
            Arc::new(self.error_class.finish()),
            Arc::new(self.error_message.finish()),
            Arc::new(self.partial_credit.finish()),
            Arc::new(self.practices.finish()),
            Arc::new(self.instances.finish()),
            Arc::new(self.grader_version.finish()),
            Arc::new(self.sqlite_source.finish()),
            Arc::new(self.judge_score.finish()),
            Arc::new(self.judge_call_id.finish()),
            Arc::new(self.correction_sql.finish()),
            Arc::new(self.explanation.finish()),
            Arc::new(self.correction_call_id.finish()),
            Arc::new(self.recorded_at.finish()),
            Arc::new(self.host.finish()),
            Arc::new(self.duration_us.finish()),
            Arc::new(self.cost_microusd.finish()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
    }
}

fn append_int(columns: &mut StructBuilder, place: usize, value: i64) {
    let column = columns.field_builder::<Int64Builder>(place).unwrap();
    column.append_value(value);
}
