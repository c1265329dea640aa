//! Kernels over flat f32 vectors: the optimiser's step, and sums of squares.

use candle_core::{CudaStorage, DType, Layout, Result, Tensor, bail};

use super::launch::{self, Arg, Grid, launch};
use super::view::{Matrix, unwritten};

const THREADS: usize = 256;
/// Numbers that one thread has.
const FOUR: usize = 4;
/// Blocks that a sum is split into: a constant, so that its order is one.
const PARTS: usize = 1056;

/// moment ← keep·moment + add·g with g = scale·gradient, or its square.
#[allow(unsafe_code)]
pub fn adamw_moment(
    moment: (&CudaStorage, &Layout),
    gradients: (&CudaStorage, &Layout),
    (keep, add, scale): (f32, f32, f32),
    is_squared: bool,
) -> Result<()> {
    let device = &moment.0.device;
    let moment = aligned(Matrix::new::<f32>(moment, device)?)?;
    let gradients = aligned(Matrix::new::<f32>(gradients, device)?)?;
    let gradients = gradients.expect(1, moment.width, "gradients")?;
    let args = [
        moment.into(),
        gradients.into(),
        Arg::Long(moment.width as u64),
        keep.into(),
        add.into(),
        scale.into(),
        Arg::Int(i32::from(is_squared)),
    ];
    let grid = Grid::over(moment.width.div_ceil(FOUR), THREADS);
    // SAFETY: both vectors have the length that the kernel is told.
    unsafe { launch(device, &launch::ADAMW, "adamw_moment", grid, &args) }
}

/// p ← keep·p − update·first / (√second·root + ε).
#[allow(unsafe_code)]
pub fn adamw_update(
    parameters: (&CudaStorage, &Layout),
    first: (&CudaStorage, &Layout),
    second: (&CudaStorage, &Layout),
    (keep, update, root, epsilon): (f32, f32, f32, f32),
) -> Result<()> {
    let device = &parameters.0.device;
    let parameters = aligned(Matrix::new::<f32>(parameters, device)?)?;
    let len = parameters.width;
    let first = aligned(Matrix::new::<f32>(first, device)?)?.expect(1, len, "moments")?;
    let second = aligned(Matrix::new::<f32>(second, device)?)?.expect(1, len, "moments")?;
    let args = [
        parameters.into(),
        first.into(),
        second.into(),
        Arg::Long(len as u64),
        keep.into(),
        update.into(),
        root.into(),
        epsilon.into(),
    ];
    let grid = Grid::over(len.div_ceil(FOUR), THREADS);
    // SAFETY: all vectors have the length that the kernel is told.
    unsafe { launch(device, &launch::ADAMW, "adamw_update", grid, &args) }
}

/// Waits for the GPU.
#[allow(unsafe_code)]
pub fn sum_squares(vector: &Tensor) -> Result<f64> {
    let device = vector.device().as_cuda_device()?;
    let vector = aligned(Matrix::of::<f32>(vector, device)?)?;
    // SAFETY: the first kernel writes a number for each part, the second their sum.
    let partial = unsafe { unwritten(device, PARTS, DType::F64)? };
    // SAFETY: as above.
    let total = unsafe { unwritten(device, 1, DType::F64)? };
    {
        let partial = Matrix::of::<f64>(&partial, device)?;
        let total = Matrix::of::<f64>(&total, device)?;
        let image = &launch::ADAMW;
        // SAFETY: the vector has the length that the kernel is told, and partial a number
        // for each block.
        unsafe {
            let args = [
                partial.into(),
                vector.into(),
                Arg::Long(vector.width as u64),
            ];
            launch(
                device,
                image,
                "sum_squares",
                Grid::of(PARTS, THREADS),
                &args,
            )?;
            let args = [total.into(), partial.into(), Arg::count(PARTS)?];
            launch(device, image, "sum_parts", Grid::of(1, THREADS), &args)?;
        }
    }
    match total.to_vec1::<f64>()?.first() {
        Some(total) => Ok(*total),
        None => bail!("a sum without a number"),
    }
}

/// Kernels read four numbers at a time.
fn aligned(vector: Matrix<'_>) -> Result<Matrix<'_>> {
    let vector = vector.flattened()?;
    if !vector.address.is_multiple_of(16) {
        bail!("a flat vector must begin at a multiple of 16 bytes")
    }
    Ok(vector)
}
