//! Kernels that work on rows or on single numbers: norms, rope, SwiGLU, cross-entropy,
//! dropout.

use candle_core::{CudaDevice, CudaStorage, DType, Layout, Result, Tensor, bail};
use half::bf16;

use super::launch::{self, Arg, Grid, launch};
use super::view::{Matrix, unwritten, width_name};
use crate::ops::Heads;

/// Threads of a block.
const THREADS: usize = 256;
/// A row of logits this long is worth a block of 1024 threads.
const LONG_ROW: usize = 4096;
const LONG_THREADS: usize = 1024;
/// Parts of the rows that a weight's gradient is summed up in.
const PARTS: usize = 32;
/// Threads that have a column each, in sums over rows.
const COLUMN_THREADS: usize = 128;
/// Numbers that a thread of a wide kernel reads at once.
const WIDE: usize = 8;
/// ITEMS in `kernels/swiglu.cu`.
const SWIGLU_ITEMS: usize = 2;

#[allow(unsafe_code)]
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32, spare: usize) -> Result<Tensor> {
    let (device, x, weight) = norm_inputs(x, weight)?;
    // SAFETY: the kernel writes each row's columns and the spare ones.
    let result = unsafe { unwritten(device, (x.rows, x.width + spare), DType::BF16)? };
    let y = Matrix::of::<bf16>(&result, device)?;
    let args = [
        y.into(),
        Arg::count(y.stride)?,
        x.into(),
        Arg::count(x.stride)?,
        weight.into(),
        Arg::count(x.width)?,
        Arg::count(spare)?,
        epsilon.into(),
    ];
    // SAFETY: the kernel reads x and the weight and writes y, of these sizes.
    unsafe { norm(device, "rms_norm", &[x, weight, y], &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
    epsilon: f32,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let (device, x, weight) = norm_inputs(x, weight)?;
    let gradient = |of, what| Matrix::of::<bf16>(of, device)?.expect(x.rows, x.width, what);
    let dy = gradient(dy, "a norm's gradient")?;
    let residual = match residual {
        Some(residual) => Some(gradient(residual, "a residual's gradient")?),
        None => None,
    };
    // SAFETY: the kernel writes every row.
    let result = unsafe { unwritten(device, (x.rows, x.width), DType::BF16)? };
    let dx = Matrix::of::<bf16>(&result, device)?;
    let args = [
        dx.into(),
        x.into(),
        Arg::count(x.stride)?,
        weight.into(),
        dy.into(),
        Arg::count(dy.stride)?,
        residual.map_or(Arg::NULL, Arg::from),
        Arg::count(residual.map_or(0, |it| it.stride))?,
        Arg::count(x.width)?,
        epsilon.into(),
    ];
    let matrices = [x, weight, dy, dx, residual.unwrap_or(dx)];
    // SAFETY: the kernel reads matrices of dx's size and the weight, and writes dx.
    unsafe { norm(device, "rms_norm_backward", &matrices, &args)? };
    Ok(result)
}

/// The rows and the weight of a norm.
fn norm_inputs<'a>(
    x: &'a Tensor,
    weight: &'a Tensor,
) -> Result<(&'a CudaDevice, Matrix<'a>, Matrix<'a>)> {
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    let weight = Matrix::flat::<bf16>(weight, device)?.expect(1, x.width, "a norm's weight")?;
    Ok((device, x, weight))
}

/// Starts the kernel of a norm that fits its matrices; the first has its rows.
///
/// # Safety
/// As for [`launch`].
#[allow(unsafe_code)]
unsafe fn norm(
    device: &CudaDevice,
    name: &str,
    matrices: &[Matrix<'_>],
    args: &[Arg],
) -> Result<()> {
    let (rows, width) = matrices.first().map_or((0, 0), |it| (it.rows, it.width));
    // Rows that a block can keep in registers have kernels of their own.
    let ending = match (width_name(matrices), width.div_ceil(THREADS * WIDE)) {
        ("wide", 0..=1) => "wide_1",
        ("wide", 2) => "wide_2",
        ("wide", 3..=4) => "wide_4",
        (name, _) => name,
    };
    let name = format!("{name}_{ending}");
    // SAFETY: the caller vouches for the arguments.
    unsafe {
        launch(
            device,
            &launch::RMS_NORM,
            &name,
            Grid::of(rows, THREADS),
            args,
        )
    }
}

#[allow(unsafe_code)]
pub fn rms_norm_weight_gradient(x: &Tensor, dy: &Tensor, epsilon: f32) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    let dy = Matrix::of::<bf16>(dy, device)?.expect(x.rows, x.width, "a norm's gradient")?;
    let parts = PARTS.min(x.rows).max(1);
    // SAFETY: the first kernel writes a factor for each row, the second all parts, and the
    // third all sums; each reads what an earlier one has written.
    let factors = unsafe { unwritten(device, x.rows, DType::F32)? };
    // SAFETY: as above.
    let partial = unsafe { unwritten(device, (parts, x.width), DType::F32)? };
    // SAFETY: as above.
    let result = unsafe { unwritten(device, x.width, DType::F32)? };
    let factors = Matrix::of::<f32>(&factors, device)?;
    let partial = Matrix::of::<f32>(&partial, device)?;
    let sums = Matrix::of::<f32>(&result, device)?;
    let width = Arg::count(x.width)?;
    let rows = Arg::count(x.rows)?;
    let (x_stride, dy_stride) = (Arg::count(x.stride)?, Arg::count(dy.stride)?);
    let columns = Grid::over(x.width, COLUMN_THREADS);
    let by_part = Grid {
        blocks: [columns.blocks[0], parts, 1],
        ..columns
    };
    let of_rows = Grid::of(x.rows, THREADS);
    let image = &launch::RMS_NORM;
    // SAFETY: factors has a number for each row, partial a row for each part, and sums a
    // number for each column; each is written before the next kernel reads it.
    unsafe {
        let args = [factors.into(), x.into(), x_stride, width, epsilon.into()];
        launch(device, image, "rms_norm_factors", of_rows, &args)?;
        let (x, dy, factors) = (x.into(), dy.into(), factors.into());
        let args = [
            partial.into(),
            x,
            x_stride,
            dy,
            dy_stride,
            factors,
            rows,
            width,
        ];
        launch(device, image, "rms_norm_weight_gradient", by_part, &args)?;
        let args = [sums.into(), partial.into(), Arg::count(parts)?, width];
        launch(device, image, "rms_norm_sum_parts", columns, &args)?;
    }
    Ok(result)
}

#[allow(unsafe_code)]
pub fn rope(
    qkv: (&CudaStorage, &Layout),
    positions: &Tensor,
    table: &Tensor,
    heads: Heads,
    is_forward: bool,
) -> Result<()> {
    let device = &qkv.0.device;
    let qkv = Matrix::new::<bf16>(qkv, device)?;
    let qkv = qkv.expect(qkv.rows, heads.width(), "queries, keys and values")?;
    let qkv = qkv.expect_wide("queries, keys and values")?;
    let positions = Matrix::flat::<u32>(positions, device)?.expect(1, qkv.rows, "positions")?;
    let table = angles(device, table, heads)?;
    let turned = heads.query + heads.key_value;
    let grid = Grid::over(qkv.rows * turned * heads.dim / (2 * WIDE), THREADS);
    let args = [
        qkv.into(),
        Arg::count(qkv.stride)?,
        positions.into(),
        table.into(),
        Arg::count(qkv.rows)?,
        Arg::count(turned)?,
        Arg::count(heads.dim)?,
        Arg::Float(if is_forward { 1.0 } else { -1.0 }),
    ];
    // SAFETY: qkv has all heads, and positions are below the table's length (invariant).
    unsafe { launch(device, &launch::ROPE, "rope_in_place", grid, &args) }
}

/// The table of angles for heads that can be turned; a thread turns eight pairs.
pub(super) fn angles<'a>(
    device: &CudaDevice,
    table: &'a Tensor,
    heads: Heads,
) -> Result<Matrix<'a>> {
    if !heads.dim.is_multiple_of(2 * WIDE) {
        bail!(
            "on CUDA heads have a multiple of 16 numbers, not {}",
            heads.dim
        )
    }
    let table = Matrix::of::<f32>(table, device)?;
    let table = table.expect(table.rows, heads.dim, "the table of angles")?;
    table.expect_wide("the table of angles")
}

#[allow(unsafe_code)]
pub fn swiglu(gate_up: &Tensor, spare: usize) -> Result<Tensor> {
    let device = gate_up.device().as_cuda_device()?;
    let gate_up = Matrix::of::<bf16>(gate_up, device)?;
    let (rows, inner) = (gate_up.rows, gate_up.width / 2);
    let gate_up = gate_up.expect(rows, 2 * inner, "gates and ups")?;
    // SAFETY: the kernel writes each row's columns and the spare ones.
    let result = unsafe { unwritten(device, (rows, inner + spare), DType::BF16)? };
    let y = Matrix::of::<bf16>(&result, device)?;
    let args = [
        y.into(),
        Arg::count(y.stride)?,
        gate_up.into(),
        Arg::count(gate_up.stride)?,
        Arg::count(inner)?,
        Arg::count(spare)?,
    ];
    let (matrices, size) = ([gate_up, y], (rows, inner));
    // SAFETY: the kernel reads gate_up and writes y, of these sizes.
    unsafe { by_columns(device, "swiglu", &matrices, size, SWIGLU_ITEMS, &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn swiglu_backward(gate_up: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let device = gate_up.device().as_cuda_device()?;
    let gate_up = Matrix::of::<bf16>(gate_up, device)?;
    let dy = Matrix::of::<bf16>(dy, device)?;
    let gate_up = gate_up.expect(dy.rows, 2 * dy.width, "gates and ups")?;
    // SAFETY: the kernel writes every row.
    let result = unsafe { unwritten(device, (gate_up.rows, gate_up.width), DType::BF16)? };
    let dgate_up = Matrix::of::<bf16>(&result, device)?;
    let args = [
        dgate_up.into(),
        gate_up.into(),
        Arg::count(gate_up.stride)?,
        dy.into(),
        Arg::count(dy.stride)?,
        Arg::count(dy.width)?,
    ];
    let (matrices, size) = ([gate_up, dy, dgate_up], (dy.rows, dy.width));
    // SAFETY: the kernel reads gate_up and dy and writes dgate_up, of these sizes.
    unsafe { by_columns(device, "swiglu_backward", &matrices, size, 1, &args)? };
    Ok(result)
}

/// Starts a kernel of SwiGLU that fits its matrices, with blocks (rows, parts of the
/// columns); a thread has `items` times one or [`WIDE`] columns.
///
/// # Safety
/// As for [`launch`].
#[allow(unsafe_code)]
unsafe fn by_columns(
    device: &CudaDevice,
    name: &str,
    matrices: &[Matrix<'_>],
    (rows, columns): (usize, usize),
    items: usize,
    args: &[Arg],
) -> Result<()> {
    // A half of a row must be a whole number of wide accesses too.
    let is_wide = matrices.iter().all(Matrix::is_wide) && columns.is_multiple_of(WIDE);
    let (ending, step) = if is_wide { ("wide", WIDE) } else { ("any", 1) };
    // Without columns there may still be spare ones to be written.
    let parts = columns.div_ceil(THREADS * step * items).max(1);
    let grid = Grid {
        blocks: [rows, parts, 1],
        threads: THREADS,
        shared_bytes: 0,
    };
    let name = format!("{name}_{ending}");
    // SAFETY: the caller vouches for the arguments.
    unsafe { launch(device, &launch::SWIGLU, &name, grid, args) }
}

#[allow(unsafe_code)]
pub fn cross_entropy(
    logits: (&CudaStorage, &Layout),
    targets: &Tensor,
    scale: f32,
) -> Result<Tensor> {
    let device = &logits.0.device;
    let logits = Matrix::new::<bf16>(logits, device)?;
    let targets = Matrix::flat::<u32>(targets, device)?.expect(1, logits.rows, "targets")?;
    // SAFETY: the kernel writes a loss for each row.
    let result = unsafe { unwritten(device, logits.rows, DType::F32)? };
    let losses = Matrix::of::<f32>(&result, device)?;
    let threads = if logits.width > LONG_ROW {
        LONG_THREADS
    } else {
        THREADS
    };
    let name = format!("cross_entropy_{}", width_name(&[logits]));
    let args = [
        losses.into(),
        logits.into(),
        Arg::Long(logits.stride as u64),
        targets.into(),
        Arg::count(logits.width)?,
        scale.into(),
    ];
    let grid = Grid::of(logits.rows, threads);
    // SAFETY: there are a loss and a target for each row of logits; a target that is no
    // column is seen by the kernel.
    unsafe { launch(device, &launch::CROSS_ENTROPY, &name, grid, &args)? };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn dropout(x: &Tensor, key: u64, kept: u64, scale: f32) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    // SAFETY: the kernel writes every number.
    let result = unsafe { unwritten(device, (x.rows, x.width), DType::BF16)? };
    let y = Matrix::of::<bf16>(&result, device)?;
    let width = width_name(&[x, y]);
    let step = if width == "wide" { WIDE } else { 1 };
    let args = [
        y.into(),
        x.into(),
        Arg::count(x.stride)?,
        Arg::Long(x.rows as u64),
        Arg::count(x.width)?,
        Arg::Long(key),
        Arg::Long(kept),
        scale.into(),
    ];
    let grid = Grid::over((x.rows * x.width).div_ceil(step), THREADS);
    let name = format!("dropout_{width}");
    // SAFETY: the kernel reads x and writes y, of the same size.
    unsafe { launch(device, &launch::DROPOUT, &name, grid, &args)? };
    Ok(result)
}
