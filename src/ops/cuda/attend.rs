//! Attention kernels: over packed sequences, their gradient, and over a cache.

use candle_core::{CudaDevice, CudaStorage, DType, Layout, Result, Tensor, bail};
use half::bf16;

use super::card::Kept;
use super::launch::{self, Arg, Grid, launch};
use super::rowwise::angles;
use super::view::{Matrix, unwritten};
use crate::ops::{Heads, Sequences, Slots};

/// Threads of a block, and the queries or keys that it has.
const THREADS: usize = 128;
const TILE: usize = 64;
const BF16_BYTES: usize = 2;
/// Keys of the cache that a block takes: the least, and the most that it has room for.
const LEAST_KEYS: usize = 32;
const MOST_KEYS: usize = 256;
/// Blocks for each multiprocessor, so that all of them have work.
const BLOCKS_PER_PROCESSOR: usize = 4;
/// Counters of finished blocks in `kernels/cached_attention.cu`.
const MOST_GROUPS: usize = 1 << 16;

#[allow(unsafe_code)]
pub fn attention(
    qkv: &Tensor,
    sequences: &Sequences,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    let packed = Packed::new(qkv, sequences, heads)?;
    let (device, qkv) = (packed.device, packed.qkv);
    let shape = (packed.rows, heads.query_width() + spare);
    // SAFETY: the kernel writes the columns of all heads and the spare ones in each row.
    let result = unsafe { unwritten(device, shape, DType::BF16)? };
    let out = Matrix::of::<bf16>(&result, device)?;
    let args = [
        out.into(),
        Arg::count(out.stride)?,
        qkv.into(),
        Arg::count(qkv.stride)?,
        packed.starts.into(),
        Arg::count(sequences.count())?,
        Arg::count(heads.query)?,
        Arg::count(heads.key_value)?,
        window_arg(window),
        heads.scale().into(),
        Arg::count(spare)?,
    ];
    let grid = Grid {
        // Two stages of keys and values.
        shared_bytes: 4 * TILE * heads.dim * BF16_BYTES,
        ..Grid::of(packed.tiles * heads.query, THREADS)
    };
    let name = format!("attention_{}", heads.dim);
    // SAFETY: qkv has the rows of all sequences and the columns of all heads, and so has
    // the result; starts has one entry more than there are sequences.
    unsafe { launch(device, &launch::ATTENTION, &name, grid, &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn attention_backward(
    qkv: &Tensor,
    out: &Tensor,
    dout: &Tensor,
    sequences: &Sequences,
    heads: Heads,
    window: Option<usize>,
) -> Result<Tensor> {
    let Packed {
        device,
        qkv,
        starts,
        rows,
        tiles,
    } = Packed::new(qkv, sequences, heads)?;
    if qkv.stride != heads.width() {
        bail!("queries, keys and values must have no gaps: their gradient has none")
    }
    let width = heads.query_width();
    let dout = wide_columns(dout, dout.dim(1)?)?;
    let dout = Matrix::of::<bf16>(&dout, device)?.expect(rows, width, "attention's gradient")?;
    let out = wide_columns(out, width)?;
    let out = Matrix::of::<bf16>(&out, device)?.expect(rows, width, "attention's result")?;
    // SAFETY: the first kernel writes the columns of all queries, the second those of all
    // keys and values; the first writes the statistics, which the second reads.
    let result = unsafe { unwritten(device, (rows, heads.width()), DType::BF16)? };
    // SAFETY: as above.
    let statistics = unsafe { unwritten(device, (2 * heads.query, rows), DType::F32)? };
    let dqkv = Matrix::of::<bf16>(&result, device)?;
    let statistics = Matrix::of::<f32>(&statistics, device)?;
    let shape = [
        starts.into(),
        Arg::count(sequences.count())?,
        Arg::count(rows)?,
        Arg::count(heads.query)?,
        Arg::count(heads.key_value)?,
        window_arg(window),
        heads.scale().into(),
    ];
    let (qkv_stride, dout_stride) = (Arg::count(qkv.stride)?, Arg::count(dout.stride)?);
    let tile_bytes = TILE * heads.dim * BF16_BYTES;
    let image = &launch::ATTENTION_BACKWARD;

    // Queries, their gradients of the result, and two stages of keys and values.
    let grid = Grid {
        shared_bytes: 6 * tile_bytes,
        ..Grid::of(tiles * heads.query, THREADS)
    };
    let name = format!("attention_query_gradient_{}", heads.dim);
    let out_stride = Arg::count(out.stride)?;
    let mut args = vec![dqkv.into(), statistics.into(), qkv.into(), qkv_stride];
    args.extend([out.into(), out_stride, dout.into(), dout_stride]);
    args.extend(shape);
    // SAFETY: all matrices have the rows of all sequences and the columns of their heads;
    // statistics has two numbers for each row and query head.
    unsafe { launch(device, image, &name, grid, &args)? };

    // Keys, values, and two stages of queries, gradients and statistics.
    let queries = if heads.dim == 128 { 32 } else { TILE };
    let stage_bytes = 2 * queries * heads.dim * BF16_BYTES + 2 * queries * size_of::<f32>();
    let grid = Grid {
        shared_bytes: 2 * tile_bytes + 2 * stage_bytes,
        ..Grid::of(tiles * heads.key_value, THREADS)
    };
    let name = format!("attention_key_value_gradient_{}", heads.dim);
    let mut args = vec![dqkv.into(), statistics.into(), qkv.into(), qkv_stride];
    args.extend([dout.into(), dout_stride]);
    args.extend(shape);
    // SAFETY: as above; the first kernel has written the statistics.
    unsafe { launch(device, image, &name, grid, &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn cached_attention(
    qkv: &Tensor,
    cache: (&Tensor, &Tensor),
    at: &Slots,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    let device = qkv.device().as_cuda_device()?;
    check_dim(heads)?;
    let qkv = Matrix::of::<bf16>(qkv, device)?.expect_wide("queries")?;
    if qkv.width < heads.query_width() {
        bail!(
            "{} columns of queries, {} are needed",
            qkv.width,
            heads.query_width()
        )
    }
    let cached = Cached::new(device, cache, at, qkv.rows, heads)?;
    let len = cached.len;

    // Query heads of one key head share a block, up to four of them.
    let shared = if heads.group() > 2 { 4 } else { heads.group() };
    let groups = heads.key_value * heads.group().div_ceil(shared);
    if qkv.rows * groups > MOST_GROUPS {
        bail!("{} rows are too many to decode at a time", qkv.rows)
    }
    let seen = window.map_or(len, |window| window.max(1).min(len));
    let wanted = Kept::of(device)?.processors() * BLOCKS_PER_PROCESSOR;
    let mut chunk = MOST_KEYS;
    while chunk > LEAST_KEYS && qkv.rows * groups * seen.div_ceil(chunk) < wanted {
        chunk /= 2;
    }
    let chunks = seen.div_ceil(chunk);

    let shape = (qkv.rows, heads.query_width() + spare);
    // SAFETY: the kernel writes the columns of all heads and the spare ones in each row;
    // there is a chunk, since a cache with rows has positions.
    let result = unsafe { unwritten(device, shape, DType::BF16)? };
    let shape = (qkv.rows, heads.query, chunks, heads.dim);
    // SAFETY: of both, only what blocks of the same launch have written is read.
    let partial = unsafe { unwritten(device, shape, DType::F32)? };
    let shape = (qkv.rows, heads.query, chunks, 2);
    // SAFETY: as above.
    let statistics = unsafe { unwritten(device, shape, DType::F32)? };
    let out = Matrix::of::<bf16>(&result, device)?;
    let partial = Matrix::of::<f32>(&partial, device)?;
    let statistics = Matrix::of::<f32>(&statistics, device)?;
    let args = [
        out.into(),
        Arg::count(out.stride)?,
        qkv.into(),
        Arg::count(qkv.stride)?,
        cached.keys.into(),
        cached.values.into(),
        cached.slots.into(),
        cached.positions.into(),
        partial.into(),
        statistics.into(),
        Arg::count(heads.query)?,
        Arg::count(heads.key_value)?,
        Arg::count(len)?,
        window_arg(window),
        Arg::count(chunk)?,
        heads.scale().into(),
        Arg::count(spare)?,
    ];
    let grid = Grid {
        blocks: [chunks, groups, qkv.rows],
        threads: THREADS,
        shared_bytes: 0,
    };
    let name = format!("cached_attention_{}_{shared}", heads.dim);
    // SAFETY: the caches have `len` positions for each slot and head, and slots and
    // positions lie in them (invariant); the scratch has room for all chunks.
    unsafe { launch(device, &launch::CACHED_ATTENTION, &name, grid, &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn cache_write(
    (cache, cache_layout): (&CudaStorage, &Layout),
    columns: (&CudaStorage, &Layout),
    to: &Slots,
    heads: Heads,
) -> Result<()> {
    let device = &cache.device;
    let (slots, len) = heads.cache_shape(cache_layout.dims())?;
    let cache = Matrix::new::<bf16>((cache, cache_layout), device)?;
    let cache = cache.expect(slots * heads.key_value * len, heads.dim, "a cache")?;
    let columns = Matrix::new::<bf16>(columns, device)?;
    let columns = columns.expect(columns.rows, heads.key_value_width(), "keys or values")?;
    let (slots, positions) = places(device, to, columns.rows)?;
    let is_wide = cache.is_wide() && columns.is_wide();
    let step = if is_wide { 8 } else { 1 };
    let args = [
        cache.into(),
        columns.into(),
        Arg::count(columns.stride)?,
        slots.into(),
        positions.into(),
        Arg::count(columns.rows)?,
        Arg::count(heads.key_value)?,
        Arg::count(len)?,
        Arg::count(heads.dim)?,
        Arg::Int(i32::from(is_wide)),
    ];
    let grid = Grid::over(columns.rows * columns.width / step, THREADS);
    let image = &launch::CACHED_ATTENTION;
    // SAFETY: the cache has `len` positions for each slot and head, and slots and positions
    // lie in it (invariant).
    unsafe { launch(device, image, "cache_write", grid, &args) }
}

#[allow(unsafe_code)]
pub fn cache_append(
    qkv: &Tensor,
    cache: (&Tensor, &Tensor),
    at: &Slots,
    table: &Tensor,
    heads: Heads,
) -> Result<()> {
    let device = qkv.device().as_cuda_device()?;
    let qkv = Matrix::of::<bf16>(qkv, device)?;
    let qkv = qkv.expect(qkv.rows, heads.width(), QKV)?.expect_wide(QKV)?;
    let table = angles(device, table, heads)?;
    let cached = Cached::new(device, cache, at, qkv.rows, heads)?;
    let args = [
        qkv.into(),
        Arg::count(qkv.stride)?,
        cached.slots.into(),
        cached.positions.into(),
        table.into(),
        cached.keys.into(),
        cached.values.into(),
        Arg::count(qkv.rows)?,
        Arg::count(heads.query)?,
        Arg::count(heads.key_value)?,
        Arg::count(cached.len)?,
        Arg::count(heads.dim)?,
    ];
    // A thread has 16 numbers.
    let grid = Grid::over(qkv.rows * heads.width() / 16, THREADS);
    let image = &launch::CACHED_ATTENTION;
    // SAFETY: qkv has all heads; slots and positions lie in the caches and the table
    // (invariant).
    unsafe { launch(device, image, "rope_and_cache", grid, &args) }
}

const QKV: &str = "queries, keys and values";

/// What attention over packed sequences reads, checked.
struct Packed<'a> {
    device: &'a CudaDevice,
    qkv: Matrix<'a>,
    starts: Matrix<'a>,
    rows: usize,
    /// Blocks of TILE rows that cover each sequence.
    tiles: usize,
}

impl<'a> Packed<'a> {
    fn new(qkv: &'a Tensor, sequences: &'a Sequences, heads: Heads) -> Result<Self> {
        let device = qkv.device().as_cuda_device()?;
        check_dim(heads)?;
        if !sequences.are_apart() {
            bail!("on CUDA no sequence can go on from another")
        }
        let rows = sequences.rows();
        let qkv = Matrix::of::<bf16>(qkv, device)?;
        let starts = Matrix::flat::<u32>(&sequences.device_starts, device)?;
        let lens = sequences.starts().windows(2).map(|it| it[1] - it[0]);
        Ok(Self {
            device,
            qkv: qkv.expect(rows, heads.width(), QKV)?.expect_wide(QKV)?,
            starts: starts.expect(1, sequences.count() + 1, "starts of sequences")?,
            rows,
            tiles: lens.map(|len| (len as usize).div_ceil(TILE)).sum(),
        })
    }
}

/// A cache, and the places in it that belong to rows, checked.
struct Cached<'a> {
    keys: Matrix<'a>,
    values: Matrix<'a>,
    slots: Matrix<'a>,
    positions: Matrix<'a>,
    /// Positions of each slot; one at least, if there are rows.
    len: usize,
}

impl<'a> Cached<'a> {
    fn new(
        device: &CudaDevice,
        (keys, values): (&'a Tensor, &'a Tensor),
        at: &'a Slots,
        rows: usize,
        heads: Heads,
    ) -> Result<Self> {
        let shape = heads.cache_shape(keys.dims())?;
        if heads.cache_shape(values.dims())? != shape {
            bail!("cached keys {:?}, values {:?}", keys.dims(), values.dims())
        }
        let (slot_count, len) = shape;
        if rows > 0 && len == 0 {
            bail!("{rows} rows and a cache without positions")
        }
        let cache = |tensor, what: &str| {
            let cache = Matrix::of::<bf16>(tensor, device)?;
            let rows = slot_count * heads.key_value * len;
            cache.expect(rows, heads.dim, what)?.expect_wide(what)
        };
        let (slots, positions) = places(device, at, rows)?;
        Ok(Self {
            keys: cache(keys, "cached keys")?,
            values: cache(values, "cached values")?,
            slots,
            positions,
            len,
        })
    }
}

/// The slots and the positions of `rows` rows.
fn places<'a>(device: &CudaDevice, at: &'a Slots, rows: usize) -> Result<(Matrix<'a>, Matrix<'a>)> {
    let slots = Matrix::flat::<u32>(&at.slots, device)?.expect(1, rows, "slots")?;
    let positions = Matrix::flat::<u32>(&at.positions, device)?;
    Ok((slots, positions.expect(1, rows, "positions")?))
}

/// The first columns of a matrix, copied if they can't be read 16 bytes at a time: beside
/// the columns of an adapter of any rank, rows begin anywhere.
fn wide_columns(tensor: &Tensor, width: usize) -> Result<Tensor> {
    let columns = tensor.narrow(1, 0, width)?;
    let is_wide = Matrix::of::<bf16>(&columns, columns.device().as_cuda_device()?)?.is_wide();
    if is_wide {
        Ok(columns)
    } else {
        columns.force_contiguous()
    }
}

/// Without a window a row sees more keys than there can be.
fn window_arg(window: Option<usize>) -> Arg {
    let window = window.and_then(|window| i32::try_from(window.max(1)).ok());
    Arg::Int(window.unwrap_or(i32::MAX))
}

fn check_dim(heads: Heads) -> Result<()> {
    if !matches!(heads.dim, 32 | 64 | 128) {
        bail!(
            "on CUDA attention has kernels for heads of 32, 64 and 128 numbers, not {}",
            heads.dim
        )
    }
    Ok(())
}
