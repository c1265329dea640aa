//! Rows on their way out: as a table for people, or in a format for programs.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, WriterBuilder};
use clap::Args;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;

use super::config::{Config, Format};
use super::error::CliError;
use super::table::{Grid, terminal_chars};

/// The options of every command that gives rows.
#[derive(Args)]
pub struct OutputOptions {
    /// How rows are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write to a new file and not to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The rows that a table shows at most [default: 200]
    #[arg(long, value_name = "ROWS")]
    max_rows: Option<usize>,
}

const DEFAULT_MAX_ROWS: usize = 200;

/// Where rows go and how.
pub struct Output {
    /// The format.
    pub format: Format,
    max_rows: usize,
    path: Option<PathBuf>,
}

impl OutputOptions {
    /// Settles what was not said by the configuration.
    pub fn settle(&self, config: &Config) -> Output {
        let asked = self.json.then_some(Format::Json).or(self.format);
        Output {
            format: asked.or(config.sql.format).unwrap_or(Format::Table),
            max_rows: self
                .max_rows
                .or(config.sql.max_rows)
                .unwrap_or(DEFAULT_MAX_ROWS),
            path: self.output.clone(),
        }
    }
}

/// Why rows were not written.
pub enum OutputError {
    /// The query failed on the way.
    Query(DataFusionError),
    /// They could not be written.
    Write(CliError),
}

impl<E: Into<CliError>> From<E> for OutputError {
    fn from(error: E) -> Self {
        Self::Write(error.into())
    }
}

impl From<ArrowError> for CliError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => error.into(),
            error => Self::failure(error.to_string()),
        }
    }
}

impl From<parquet::errors::ParquetError> for CliError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::failure(error.to_string())
    }
}

impl Output {
    /// Writes all rows of `stream`.
    pub async fn write(&self, stream: SendableRecordBatchStream) -> Result<(), OutputError> {
        match &self.path {
            Some(path) => {
                let mut file = new_file(path)?;
                let written = self.write_to(stream, &mut file).await;
                let written = written.and_then(|()| Ok(file.flush()?));
                if written.is_err() {
                    // Half a result would be taken for a whole one.
                    let _ = std::fs::remove_file(path);
                }
                written
            }
            None if self.format == Format::Parquet && io::stdout().is_terminal() => {
                let message = "Parquet is not for a terminal: name a file with --output";
                Err(CliError::Usage(message.to_owned()).into())
            }
            None => {
                let mut stdout = BufWriter::new(io::stdout());
                self.write_to(stream, &mut stdout).await?;
                Ok(stdout.flush()?)
            }
        }
    }

    async fn write_to(
        &self,
        stream: SendableRecordBatchStream,
        out: &mut (impl Write + Send),
    ) -> Result<(), OutputError> {
        match self.format {
            Format::Table => self.write_table(stream, out).await,
            Format::Csv => write_csv(stream, out).await,
            Format::Json => {
                write_json::<JsonArray>(stream, out).await?;
                Ok(writeln!(out)?)
            }
            Format::Ndjson => write_json::<LineDelimited>(stream, out).await,
            Format::Parquet => write_parquet(stream, out).await,
        }
    }

    async fn write_table(
        &self,
        mut stream: SendableRecordBatchStream,
        out: &mut impl Write,
    ) -> Result<(), OutputError> {
        let mut grid = Grid::new(&stream.schema());
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(OutputError::Query)?;
            let more = batch.num_rows().min(self.max_rows - grid.len_rows());
            grid.add(&batch.slice(0, more))?;
            rows += batch.num_rows();
        }
        let max_chars = match self.path {
            Some(_) => None,
            None => terminal_chars(),
        };
        write!(out, "{}", grid.render(max_chars))?;
        let noun = if rows == 1 { "row" } else { "rows" };
        match rows - grid.len_rows() {
            0 => writeln!(out, "{rows} {noun}")?,
            _ => writeln!(
                out,
                "{rows} {noun} ({} shown; --max-rows shows more)",
                grid.len_rows()
            )?,
        }
        Ok(())
    }
}

async fn write_csv(
    mut stream: SendableRecordBatchStream,
    out: &mut impl Write,
) -> Result<(), OutputError> {
    let flat = flat_schema(&stream.schema());
    // By way of memory: arrow makes a text of what `out` says, which may be that a pipe broke.
    let csv = |batch: &RecordBatch, has_header: bool| -> Result<Vec<u8>, ArrowError> {
        let mut bytes = Vec::new();
        arrow::csv::WriterBuilder::new()
            .with_header(has_header)
            .build(&mut bytes)
            .write(batch)?;
        Ok(bytes)
    };
    out.write_all(&csv(&RecordBatch::new_empty(Arc::clone(&flat)), true)?)?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(OutputError::Query)?;
        out.write_all(&csv(&flatten(&flat, &batch)?, false)?)?;
    }
    Ok(())
}

/// The same columns, nested ones as text: CSV has no other way.
fn flat_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type().is_nested() {
            true => Field::new(field.name(), DataType::Utf8, true),
            false => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn flatten(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let flatten_one = |column: &ArrayRef| -> Result<ArrayRef, ArrowError> {
        if !column.data_type().is_nested() {
            return Ok(Arc::clone(column));
        }
        let lines = nested_as_json(column)?;
        Ok(Arc::new(StringArray::from(lines)))
    };
    let columns: Result<Vec<ArrayRef>, _> = batch.columns().iter().map(flatten_one).collect();
    RecordBatch::try_new(Arc::clone(schema), columns?)
}

/// Each value of a nested column as JSON.
fn nested_as_json(column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let batch = RecordBatch::try_from_iter_with_nullable([("v", Arc::clone(column), true)])?;
    let mut json = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(&mut json);
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    let text = String::from_utf8_lossy(&json);
    let values = text.lines().enumerate().map(|(row, line)| {
        let value = line
            .strip_prefix("{\"v\":")
            .and_then(|it| it.strip_suffix('}'));
        value.filter(|_| !column.is_null(row)).map(str::to_owned)
    });
    Ok(values.collect())
}

async fn write_json<F: JsonFormat>(
    mut stream: SendableRecordBatchStream,
    out: &mut impl Write,
) -> Result<(), OutputError> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, F>(&mut *out);
    while let Some(batch) = stream.next().await {
        writer.write(&batch.map_err(OutputError::Query)?)?;
    }
    writer.finish()?;
    Ok(())
}

async fn write_parquet(
    mut stream: SendableRecordBatchStream,
    out: &mut (impl Write + Send),
) -> Result<(), OutputError> {
    let mut writer = ArrowWriter::try_new(out, stream.schema(), None)?;
    while let Some(batch) = stream.next().await {
        writer.write(&batch.map_err(OutputError::Query)?)?;
    }
    writer.close()?;
    Ok(())
}

/// A file that must not be there yet.
pub fn new_file(path: &Path) -> Result<BufWriter<File>, CliError> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => Ok(BufWriter::new(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CliError::Usage(
            format!("{} is there already; name a new file", path.display()),
        )),
        Err(error) => Err(CliError::failure(format!(
            "making {}: {error}",
            path.display()
        ))),
    }
}
