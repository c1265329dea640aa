//! Kernels that work on rows or on single numbers: norms, rope, SwiGLU, cross-entropy,
//! dropout.

use candle_core::{CudaStorage, DType, Layout, Result, Tensor, bail};
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
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    let weight = Matrix::flat::<bf16>(weight, device)?.expect(1, x.width, "a norm's weight")?;
    let result = unwritten(device, (x.rows, x.width + spare), DType::BF16)?;
    let y = Matrix::of::<bf16>(&result, device)?;
    let name = format!("rms_norm_{}", row_name(&[x, weight, y]));
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
    unsafe {
        launch(
            device,
            &launch::RMS_NORM,
            &name,
            Grid::of(x.rows, THREADS),
            &args,
        )?
    };
    Ok(result)
}

/// The ending of a kernel's name: for rows as long as the first matrix's that a block can
/// keep in registers, and for others.
fn row_name(matrices: &[Matrix<'_>]) -> &'static str {
    let width = matrices.first().map_or(0, |it| it.width);
    match (width_name(matrices), width.div_ceil(THREADS * WIDE)) {
        ("wide", 0..=1) => "wide_1",
        ("wide", 2) => "wide_2",
        ("wide", 3..=4) => "wide_4",
        (name, _) => name,
    }
}

#[allow(unsafe_code)]
pub fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
    epsilon: f32,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    let weight = Matrix::flat::<bf16>(weight, device)?.expect(1, x.width, "a norm's weight")?;
    let dy = Matrix::of::<bf16>(dy, device)?.expect(x.rows, x.width, "a norm's gradient")?;
    let residual = match residual {
        Some(it) => Some(Matrix::of::<bf16>(it, device)?.expect(
            x.rows,
            x.width,
            "a residual's gradient",
        )?),
        None => None,
    };
    let result = unwritten(device, (x.rows, x.width), DType::BF16)?;
    let dx = Matrix::of::<bf16>(&result, device)?;
    let name = format!(
        "rms_norm_backward_{}",
        row_name(&[x, weight, dy, dx, residual.unwrap_or(dx)])
    );
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
    // SAFETY: the kernel reads matrices of dx's size and the weight, and writes dx.
    unsafe {
        launch(
            device,
            &launch::RMS_NORM,
            &name,
            Grid::of(x.rows, THREADS),
            &args,
        )?
    };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn rms_norm_weight_gradient(x: &Tensor, dy: &Tensor, epsilon: f32) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let x = Matrix::of::<bf16>(x, device)?;
    let dy = Matrix::of::<bf16>(dy, device)?.expect(x.rows, x.width, "a norm's gradient")?;
    let parts = PARTS.min(x.rows).max(1);
    let factors = unwritten(device, x.rows, DType::F32)?;
    let partial = unwritten(device, (parts, x.width), DType::F32)?;
    let result = unwritten(device, x.width, DType::F32)?;
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
    (storage, layout): (&CudaStorage, &Layout),
    positions: &Tensor,
    table: &Tensor,
    heads: Heads,
    is_forward: bool,
) -> Result<()> {
    let device = &storage.device;
    let qkv = Matrix::new::<bf16>(storage, layout)?;
    let qkv = qkv.expect(qkv.rows, heads.width(), "queries, keys and values")?;
    let qkv = qkv.expect_wide("queries, keys and values")?;
    let positions = Matrix::flat::<u32>(positions, device)?.expect(1, qkv.rows, "positions")?;
    let table = Matrix::of::<f32>(table, device)?;
    let table = table.expect(table.rows, heads.dim, "the table of angles")?;
    if !heads.dim.is_multiple_of(2 * WIDE) {
        bail!(
            "on CUDA heads have a multiple of 16 numbers, not {}",
            heads.dim
        )
    }
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

#[allow(unsafe_code)]
pub fn swiglu(gate_up: &Tensor, spare: usize) -> Result<Tensor> {
    let device = gate_up.device().as_cuda_device()?;
    let gate_up = Matrix::of::<bf16>(gate_up, device)?;
    let inner = gate_up.width / 2;
    let gate_up = gate_up.expect(gate_up.rows, 2 * inner, "gates and ups")?;
    let result = unwritten(device, (gate_up.rows, inner + spare), DType::BF16)?;
    let y = Matrix::of::<bf16>(&result, device)?;
    let (width, grid) = columns_of_rows(&[gate_up, y], inner, gate_up.rows, SWIGLU_ITEMS);
    let args = [
        y.into(),
        Arg::count(y.stride)?,
        gate_up.into(),
        Arg::count(gate_up.stride)?,
        Arg::count(inner)?,
        Arg::count(spare)?,
    ];
    // SAFETY: the kernel reads gate_up and writes y, of these sizes.
    unsafe {
        launch(
            device,
            &launch::SWIGLU,
            &format!("swiglu_{width}"),
            grid,
            &args,
        )?
    };
    Ok(result)
}

#[allow(unsafe_code)]
pub fn swiglu_backward(gate_up: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let device = gate_up.device().as_cuda_device()?;
    let gate_up = Matrix::of::<bf16>(gate_up, device)?;
    let dy = Matrix::of::<bf16>(dy, device)?;
    let gate_up = gate_up.expect(dy.rows, 2 * dy.width, "gates and ups")?;
    let result = unwritten(device, (gate_up.rows, gate_up.width), DType::BF16)?;
    let dgate_up = Matrix::of::<bf16>(&result, device)?;
    let (width, grid) = columns_of_rows(&[gate_up, dy, dgate_up], dy.width, dy.rows, 1);
    let args = [
        dgate_up.into(),
        Arg::NULL,
        Arg::Int(0),
        gate_up.into(),
        Arg::count(gate_up.stride)?,
        dy.into(),
        Arg::count(dy.stride)?,
        Arg::count(dy.width)?,
    ];
    // SAFETY: the kernel reads gate_up and dy and writes dgate_up, of these sizes.
    unsafe {
        launch(
            device,
            &launch::SWIGLU,
            &format!("swiglu_backward_{width}"),
            grid,
            &args,
        )?
    };
    Ok(result)
}

/// The ending of a kernel's name, and blocks (rows, parts of `columns` columns); a thread
/// has `items` times one or [`WIDE`] columns.
fn columns_of_rows(
    matrices: &[Matrix<'_>],
    columns: usize,
    rows: usize,
    items: usize,
) -> (&'static str, Grid) {
    // A half of a row must be a whole number of wide accesses too.
    let is_wide = matrices.iter().all(Matrix::is_wide) && columns.is_multiple_of(WIDE);
    let (name, step) = if is_wide { ("wide", WIDE) } else { ("any", 1) };
    let parts = columns.div_ceil(THREADS * step * items);
    (
        name,
        Grid {
            blocks: [rows, parts, 1],
            threads: THREADS,
            shared_bytes: 0,
        },
    )
}

#[allow(unsafe_code)]
pub fn cross_entropy(
    (storage, layout): (&CudaStorage, &Layout),
    targets: &Tensor,
    scale: f32,
) -> Result<Tensor> {
    let device = &storage.device;
    let logits = Matrix::new::<bf16>(storage, layout)?;
    let targets = Matrix::flat::<u32>(targets, device)?.expect(1, logits.rows, "targets")?;
    let result = unwritten(device, logits.rows, DType::F32)?;
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
    let result = unwritten(device, (x.rows, x.width), DType::BF16)?;
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
    // SAFETY: the kernel reads x and writes y, of the same size.
    unsafe {
        launch(
            device,
            &launch::DROPOUT,
            &format!("dropout_{width}"),
            grid,
            &args,
        )?
    };
    Ok(result)
}
