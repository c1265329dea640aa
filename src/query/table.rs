//! A kind's files as a DataFusion table, whose files are those of one version's log.
//!
//! **Invariant.** No folder is listed: what no commit names is never read.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use crate::event::AnyKind;
use crate::lake::Lake;

/// The address under which a session finds the lake's folder.
pub const STORE_URL: &str = "lake://here/";

/// The column that stands in a file's path and not in the file.
pub const ITERATION: &str = "iteration";

/// All events of one kind.
#[derive(Debug)]
pub struct LakeTable {
    schema: TableSchema,
    files: Vec<PartitionedFile>,
    rows: usize,
}

impl LakeTable {
    /// The events of `kind` in `lake`.
    pub fn new(lake: &Lake, kind: &dyn AnyKind) -> Self {
        let mut rows = 0;
        let file_schema = kind.schema();
        let files = lake.event_files(kind.name()).map(|file| {
            rows += file.rows as usize;
            let path = file.path().to_string_lossy().into_owned();
            let mut statistics = Statistics::new_unknown(&file_schema);
            statistics.num_rows = Precision::Exact(file.rows as usize);
            PartitionedFile::new(path, file.bytes)
                .with_partition_values(vec![ScalarValue::Int64(Some(i64::from(file.iteration)))])
                .with_statistics(Arc::new(statistics))
        });
        Self {
            files: files.collect(),
            rows,
            schema: table_schema(file_schema),
        }
    }
}

fn table_schema(file_schema: SchemaRef) -> TableSchema {
    let iteration = Field::new(ITERATION, DataType::Int64, false);
    TableSchema::builder(file_schema)
        .with_table_partition_cols(vec![Arc::new(iteration)])
        .build()
}

#[async_trait::async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = match projection {
                Some(projection) => Arc::new(self.schema().project(projection)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = Precision::Exact(self.rows);
        let groups =
            FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let mut source = ParquetSource::new(self.schema.clone());
        if let Some(options) = state.config_options().execution.parquet.clone().into() {
            let mut table_options = datafusion::config::TableParquetOptions::new();
            table_options.global = options;
            source = source.with_table_parquet_options(table_options);
        }
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

/// The columns of a kind's table: those of its files, and the iteration.
pub fn columns_of(kind: &dyn AnyKind) -> Schema {
    table_schema(kind.schema()).table_schema().as_ref().clone()
}

/// A column's type in the words of `lake/README.md`.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int64 => "int".to_owned(),
        DataType::Float64 => "float".to_owned(),
        DataType::Utf8 | DataType::Utf8View => "text".to_owned(),
        DataType::FixedSizeBinary(32) => "hash".to_owned(),
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::List(element) => format!("list of {}", type_name(element.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("record ({})", fields.join(", "))
        }
        other => other.to_string(),
    }
}
