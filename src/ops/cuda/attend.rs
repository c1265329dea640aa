//! Attention kernels: over packed sequences, their gradient, and over a cache.

use candle_core::{CudaStorage, DType, Layout, Result, Tensor, bail};
use half::bf16;

use super::card::Kept;
use super::launch::{self, Arg, Grid, launch};
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
    let device = qkv.device().as_cuda_device()?;
    check(heads)?;
    let rows = sequences.rows();
    let qkv = Matrix::of::<bf16>(qkv, device)?
        .expect(rows, heads.width(), "queries, keys and values")?
        .expect_wide("queries, keys and values")?;
    let starts = Matrix::flat::<u32>(&sequences.device_starts, device)?;
    let result = unwritten(device, (rows, heads.query_width() + spare), DType::BF16)?;
    let out = Matrix::of::<bf16>(&result, device)?;
    let args = [
        out.into(),
        Arg::count(out.stride)?,
        qkv.into(),
        Arg::count(qkv.stride)?,
        starts.into(),
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
        ..Grid::of(tiles(sequences) * heads.query, THREADS)
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
    let device = qkv.device().as_cuda_device()?;
    check(heads)?;
    let rows = sequences.rows();
    let qkv = Matrix::of::<bf16>(qkv, device)?
        .expect(rows, heads.width(), "queries, keys and values")?
        .expect_wide("queries, keys and values")?;
    if qkv.stride != heads.width() {
        bail!("queries, keys and values must have no gaps: their gradient has none")
    }
    let dout = Matrix::of::<bf16>(dout, device)?
        .expect(rows, heads.query_width(), "attention's gradient")?
        .expect_wide("attention's gradient")?;
    let out = Matrix::of::<bf16>(out, device)?;
    let is_paired = out.address.is_multiple_of(4) && out.stride.is_multiple_of(2);
    if out.rows != rows || out.width < heads.query_width() || !is_paired {
        bail!(
            "attention's result has {} rows of {}, {} apart",
            out.rows,
            out.width,
            out.stride
        )
    }
    let starts = Matrix::flat::<u32>(&sequences.device_starts, device)?;
    let result = unwritten(device, (rows, heads.width()), DType::BF16)?;
    let statistics = unwritten(device, (2 * heads.query, rows), DType::F32)?;
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
    let tiles = tiles(sequences);
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
    (keys, values): (&Tensor, &Tensor),
    at: &Slots,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    let device = qkv.device().as_cuda_device()?;
    check(heads)?;
    let qkv = Matrix::of::<bf16>(qkv, device)?.expect_wide("queries")?;
    if qkv.width < heads.query_width() {
        bail!(
            "{} columns of queries, {} are needed",
            qkv.width,
            heads.query_width()
        )
    }
    let (cache, len) = cache_shape(keys.dims(), heads)?;
    let keys = Matrix::of::<bf16>(keys, device)?.expect(cache, heads.dim, "cached keys")?;
    let values = Matrix::of::<bf16>(values, device)?.expect(cache, heads.dim, "cached values")?;
    let slots = Matrix::flat::<u32>(&at.slots, device)?.expect(1, qkv.rows, "slots")?;
    let positions = Matrix::flat::<u32>(&at.positions, device)?.expect(1, qkv.rows, "positions")?;

    // Query heads of one key head share a block, up to four of them.
    let shared = if heads.group() > 2 { 4 } else { heads.group() };
    let groups = heads.key_value * heads.group().div_ceil(shared);
    if qkv.rows * groups > MOST_GROUPS {
        bail!("{} rows are too many to decode at a time", qkv.rows)
    }
    let seen = window.map_or(len, |window| window.min(len));
    let wanted = Kept::of(device)?.processors() * BLOCKS_PER_PROCESSOR;
    let mut chunk = MOST_KEYS;
    while chunk > LEAST_KEYS && qkv.rows * groups * seen.div_ceil(chunk) < wanted {
        chunk /= 2;
    }
    let chunks = seen.div_ceil(chunk);

    let result = unwritten(device, (qkv.rows, heads.query_width() + spare), DType::BF16)?;
    let partial = unwritten(
        device,
        (qkv.rows, heads.query, chunks, heads.dim),
        DType::F32,
    )?;
    let statistics = unwritten(device, (qkv.rows, heads.query, chunks, 2), DType::F32)?;
    let out = Matrix::of::<bf16>(&result, device)?;
    let partial = Matrix::of::<f32>(&partial, device)?;
    let statistics = Matrix::of::<f32>(&statistics, device)?;
    let args = [
        out.into(),
        Arg::count(out.stride)?,
        qkv.into(),
        Arg::count(qkv.stride)?,
        keys.into(),
        values.into(),
        slots.into(),
        positions.into(),
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
    (columns, layout): (&CudaStorage, &Layout),
    to: &Slots,
    heads: Heads,
) -> Result<()> {
    let device = &cache.device;
    let (rows, len) = cache_shape(cache_layout.dims(), heads)?;
    let cache = Matrix::new::<bf16>(cache, cache_layout)?.expect(rows, heads.dim, "a cache")?;
    let columns = Matrix::new::<bf16>(columns, layout)?;
    let columns = columns.expect(columns.rows, heads.key_value_width(), "keys or values")?;
    let slots = Matrix::flat::<u32>(&to.slots, device)?.expect(1, columns.rows, "slots")?;
    let positions =
        Matrix::flat::<u32>(&to.positions, device)?.expect(1, columns.rows, "positions")?;
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
    // SAFETY: the cache has `len` positions for each slot and head, and slots and positions
    // lie in it (invariant).
    unsafe {
        launch(
            device,
            &launch::CACHED_ATTENTION,
            "cache_write",
            grid,
            &args,
        )
    }
}

#[allow(unsafe_code)]
pub fn cache_append(
    qkv: &Tensor,
    (keys, values): (&Tensor, &Tensor),
    at: &Slots,
    table: &Tensor,
    heads: Heads,
) -> Result<()> {
    let device = qkv.device().as_cuda_device()?;
    let qkv = Matrix::of::<bf16>(qkv, device)?;
    let qkv = qkv
        .expect(qkv.rows, heads.width(), "queries, keys and values")?
        .expect_wide("queries, keys and values")?;
    if !heads.dim.is_multiple_of(16) {
        bail!(
            "on CUDA heads have a multiple of 16 numbers, not {}",
            heads.dim
        )
    }
    let (cache, len) = cache_shape(keys.dims(), heads)?;
    let keys = Matrix::of::<bf16>(keys, device)?.expect(cache, heads.dim, "cached keys")?;
    let values = Matrix::of::<bf16>(values, device)?.expect(cache, heads.dim, "cached values")?;
    let slots = Matrix::flat::<u32>(&at.slots, device)?.expect(1, qkv.rows, "slots")?;
    let positions = Matrix::flat::<u32>(&at.positions, device)?.expect(1, qkv.rows, "positions")?;
    let table = Matrix::of::<f32>(table, device)?;
    let table = table.expect(table.rows, heads.dim, "the table of angles")?;
    let args = [
        qkv.into(),
        Arg::count(qkv.stride)?,
        slots.into(),
        positions.into(),
        table.into(),
        keys.expect_wide("cached keys")?.into(),
        values.expect_wide("cached values")?.into(),
        Arg::count(qkv.rows)?,
        Arg::count(heads.query)?,
        Arg::count(heads.key_value)?,
        Arg::count(len)?,
        Arg::count(heads.dim)?,
    ];
    // A thread has 16 numbers.
    let grid = Grid::over(qkv.rows * heads.width() / 16, THREADS);
    // SAFETY: qkv has all heads; slots and positions lie in the caches and the table
    // (invariant).
    unsafe {
        launch(
            device,
            &launch::CACHED_ATTENTION,
            "rope_and_cache",
            grid,
            &args,
        )
    }
}

/// Rows of a cache (slots, key heads, positions, dim) as a matrix, and its positions.
fn cache_shape(dims: &[usize], heads: Heads) -> Result<(usize, usize)> {
    match *dims {
        [slots, key_value, len, dim] if (key_value, dim) == (heads.key_value, heads.dim) => {
            Ok((slots * key_value * len, len))
        }
        _ => bail!("a cache of {dims:?} for {heads:?}"),
    }
}

/// Blocks of TILE rows that cover each sequence.
fn tiles(sequences: &Sequences) -> usize {
    let lens = sequences
        .starts()
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as usize);
    lens.map(|len| len.div_ceil(TILE)).sum()
}

/// Without a window a row sees more keys than there can be.
fn window_arg(window: Option<usize>) -> Arg {
    let window = window.and_then(|window| i32::try_from(window.max(1)).ok());
    Arg::Int(window.unwrap_or(i32::MAX))
}

fn check(heads: Heads) -> Result<()> {
    if !matches!(heads.dim, 32 | 64 | 128) {
        bail!(
            "on CUDA attention has kernels for heads of 32, 64 and 128 numbers, not {}",
            heads.dim
        )
    }
    if heads.key_value == 0 || !heads.query.is_multiple_of(heads.key_value) {
        bail!(
            "{} query heads can't share {} key heads",
            heads.query,
            heads.key_value
        )
    }
    Ok(())
}
