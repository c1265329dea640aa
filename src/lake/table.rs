//! Parquet files: how they are written, checked and read.
//!
//! **Invariant.** Bytes are hashed before they are parsed ([`check_file`]): Parquet
//! itself lets four of five flipped bits pass unseen.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::error::{LakeError, damaged, parquet, reading};
use super::walk::open_file;
use crate::base::disk::{Staged, WriteError, WriteOnce};
use crate::event::registry::RowReader;
use crate::event::{AnyKind, Event, Kind};

/// Rows that are encoded, and read back, at a time.
pub const BATCH_ROWS: usize = 8192;
/// Rows in a row group, which a reader may skip or take as a whole.
const ROW_GROUP_ROWS: usize = 128 * 1024;
const BUFFER_BYTES: usize = 1 << 20;
/// A file of fewer rows is not compressed: making a compressor and a decompressor for
/// each column takes longer than all else, both when it is written and when it is read.
const MIN_COMPRESSED_ROWS: usize = 64;

/// A staged file whose bytes are hashed and counted as they are written.
pub struct Hashing {
    staged: Staged,
    hasher: blake3::Hasher,
    len_bytes: u64,
}

impl Hashing {
    /// Hashes what is written to `staged`.
    pub fn new(staged: Staged) -> Self {
        Self {
            staged,
            hasher: blake3::Hasher::new(),
            len_bytes: 0,
        }
    }

    /// The file, the hash of its bytes, and their number.
    pub fn finish(self) -> (Staged, [u8; 32], u64) {
        (
            self.staged,
            *self.hasher.finalize().as_bytes(),
            self.len_bytes,
        )
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.staged.write(bytes)?;
        self.hasher.update(&bytes[..len]);
        self.len_bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}

/// A Parquet file that is being written.
pub struct TableWriter {
    writer: ArrowWriter<BufWriter<Hashing>>,
    path: PathBuf,
}

/// A Parquet file that was written but has no name yet.
pub struct WrittenFile {
    /// The file.
    pub staged: Staged,
    /// The hash of its bytes.
    pub hash: [u8; 32],
    /// Its length.
    pub len_bytes: u64,
}

impl TableWriter {
    /// Begins a file with these columns. Every sort of file may hold a column `id`, of
    /// which no value comes twice; dictionaries and compression are lost on it. At least
    /// `rows` rows will come.
    pub fn new(files: &WriteOnce, schema: SchemaRef, rows: usize) -> Result<Self, LakeError> {
        let staged = files.stage()?;
        let path = staged.path().to_owned();
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&schema, rows))
            .with_skip_arrow_metadata(true);
        let sink = BufWriter::with_capacity(BUFFER_BYTES, Hashing::new(staged));
        let writer =
            ArrowWriter::try_new_with_options(sink, schema, options).map_err(writing(&path))?;
        Ok(Self { writer, path })
    }

    /// Where the file lies until it has its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer.write(batch).map_err(writing(&self.path))
    }

    /// Ends the file.
    pub fn finish(self) -> Result<WrittenFile, LakeError> {
        let Self { writer, path } = self;
        let sink = writer.into_inner().map_err(writing(&path))?;
        let hashing = sink.into_inner().map_err(|error| {
            LakeError::Write(WriteError::Io {
                doing: "writing",
                path: path.clone(),
                source: error.into_error(),
            })
        })?;
        let (staged, hash, len_bytes) = hashing.finish();
        Ok(WrittenFile {
            staged,
            hash,
            len_bytes,
        })
    }
}

/// For `map_err` on the Parquet writer's errors, which hide those of the file system.
fn writing(path: &Path) -> impl FnOnce(ParquetError) -> LakeError {
    let path = path.to_owned();
    move |error| match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(source) => LakeError::Write(WriteError::Io {
                doing: "writing",
                path,
                source: *source,
            }),
            Err(inner) => parquet(&path)(ParquetError::External(inner)),
        },
        error => parquet(&path)(error),
    }
}

fn properties(schema: &Schema, rows: usize) -> WriterProperties {
    let compression = match rows < MIN_COMPRESSED_ROWS {
        true => Compression::UNCOMPRESSED,
        false => Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()),
    };
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(format!("antiks {}", env!("CARGO_PKG_VERSION")));
    if schema.column_with_name("seq").is_some() {
        let seq = ColumnPath::from("seq");
        properties = properties
            .set_column_dictionary_enabled(seq.clone(), false)
            .set_column_encoding(seq, Encoding::DELTA_BINARY_PACKED);
    }
    if schema.column_with_name("id").is_some() {
        let id = ColumnPath::from("id");
        properties = properties
            .set_column_dictionary_enabled(id.clone(), false)
            .set_column_statistics_enabled(id.clone(), EnabledStatistics::None)
            .set_column_compression(id, Compression::UNCOMPRESSED);
    }
    properties.build()
}

/// The hash and the length of a file's bytes, read through a small buffer.
pub fn hash_file(path: &Path, mut advance: impl FnMut(u64)) -> Result<([u8; 32], u64), LakeError> {
    let mut file = open_file(path).map_err(reading(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut len_bytes = 0;
    loop {
        let len = file.read(&mut buffer).map_err(reading(path))?;
        if len == 0 {
            return Ok((*hasher.finalize().as_bytes(), len_bytes));
        }
        hasher.update(&buffer[..len]);
        len_bytes += len as u64;
        advance(len as u64);
    }
}

/// Fails unless the file at `path` has exactly the bytes that were named.
pub fn check_file(
    path: &Path,
    hash: [u8; 32],
    len_bytes: u64,
    advance: impl FnMut(u64),
) -> Result<(), LakeError> {
    let (actual, actual_len) = match hash_file(path, advance) {
        Err(LakeError::Read { path, source }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(damaged(&path, "it is missing"));
        }
        other => other?,
    };
    if actual_len != len_bytes {
        let what = format!("it has {actual_len} bytes where the log says {len_bytes}");
        return Err(damaged(path, what));
    }
    if actual != hash {
        return Err(damaged(path, "its bytes have changed"));
    }
    Ok(())
}

/// Opens a Parquet file whose bytes were checked; all columns, or those named.
pub fn open(path: &Path, columns: Option<&[&str]>) -> Result<ParquetRecordBatchReader, LakeError> {
    let builder = builder(path)?;
    let mask = match columns {
        Some(columns) => parquet::arrow::ProjectionMask::columns(
            builder.parquet_schema(),
            columns.iter().copied(),
        ),
        None => parquet::arrow::ProjectionMask::all(),
    };
    builder
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(parquet(path))
}

/// The events of one checked file, typed: sequence number, id, event.
pub fn read_events<K: Kind>(
    path: &Path,
    iteration: u32,
    mut visit: impl FnMut(i64, crate::base::id::Id<K>, Event<K>),
) -> Result<(), LakeError> {
    for batch in open(path, None)? {
        let batch = batch.map_err(|error| damaged(path, error.to_string()))?;
        let reader = row_reader::<K>(path, &batch)?;
        for row in 0..batch.num_rows() {
            let (seq, id, event) = reader.event(iteration, row);
            visit(seq, crate::base::id::Id::new(id), event);
        }
    }
    Ok(())
}

/// The events in some rows of one checked file, typed; the rows must rise.
pub fn read_rows<K: Kind>(
    path: &Path,
    iteration: u32,
    rows: &[usize],
    mut visit: impl FnMut(Event<K>),
) -> Result<(), LakeError> {
    let builder = builder(path)?;
    let len_rows = builder.metadata().file_metadata().num_rows();
    let len_rows = usize::try_from(len_rows).unwrap_or(0);
    if rows.last().is_some_and(|last| *last >= len_rows) {
        return Err(damaged(path, "it has fewer rows than were asked for"));
    }
    let ranges = rows.iter().map(|row| *row..*row + 1);
    let selection = RowSelection::from_consecutive_ranges(ranges, len_rows);
    let reader = builder
        .with_row_selection(selection)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(parquet(path))?;
    for batch in reader {
        let batch = batch.map_err(|error| damaged(path, error.to_string()))?;
        let reader = row_reader::<K>(path, &batch)?;
        for row in 0..batch.num_rows() {
            visit(reader.event(iteration, row).2);
        }
    }
    Ok(())
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, LakeError> {
    let file = open_file(path).map_err(reading(path))?;
    let options = ArrowReaderOptions::new();
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(parquet(path))
}

fn row_reader<K: Kind>(path: &Path, batch: &RecordBatch) -> Result<RowReader<K>, LakeError> {
    RowReader::new(batch).map_err(|source| LakeError::Columns {
        path: path.to_owned(),
        source,
    })
}

/// Begins a file of at least `rows` events of `kind`.
pub fn event_writer(
    files: &WriteOnce,
    kind: &dyn AnyKind,
    rows: usize,
) -> Result<TableWriter, LakeError> {
    TableWriter::new(files, kind.schema(), rows)
}
