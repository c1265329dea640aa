//! Matrix products: cuBLAS, or for a few rows our own kernel.

use std::ffi::c_void;

use candle_core::cuda_backend::cudarc::cublas::result::gemm_ex;
use candle_core::cuda_backend::cudarc::cublas::sys::{
    cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cudaDataType,
};
use candle_core::{CudaStorage, DType, Error, Layout, Result, bail};
use half::bf16;

use super::card::Kept;
use super::launch::{self, Arg, Grid, launch};
use super::view::address;

/// Up to so many rows our kernel reads the weights as fast as memory gives them.
const FEW_ROWS: usize = 4;
/// Threads of its blocks, and columns of the result that a block has.
const FEW_THREADS: usize = 128;
const FEW_COLUMNS: usize = 8;
/// With fewer columns than this, the threads of a block share one.
const SHARED_BELOW: usize = 512;
const SHARED_THREADS: usize = 512;

/// A matrix of a product, with rows or columns side by side.
#[derive(Clone, Copy)]
struct Operand {
    address: u64,
    dtype: DType,
    rows: usize,
    columns: usize,
    /// Rows lie side by side, not columns.
    is_turned: bool,
    /// The distance of what does not lie side by side, in elements.
    stride: usize,
}

impl Operand {
    fn new((storage, layout): (&CudaStorage, &Layout)) -> Result<Self> {
        let ([rows, columns], [row_stride, column_stride]) = (layout.dims(), layout.stride())
        else {
            bail!("a product needs matrices")
        };
        let (rows, columns) = (*rows, *columns);
        let (is_turned, len, count, stride) = if *column_stride == 1 || columns <= 1 {
            (false, columns, rows, *row_stride)
        } else if *row_stride == 1 || rows <= 1 {
            (true, rows, columns, *column_stride)
        } else {
            bail!("neither rows nor columns lie side by side: {layout:?}")
        };
        if stride < len && count > 1 {
            bail!("rows overlap: {layout:?}")
        }
        let dtype = candle_core::backend::BackendStorage::dtype(storage);
        let address = match dtype {
            DType::BF16 => address::<bf16>(storage, layout.start_offset())?,
            DType::F32 => address::<f32>(storage, layout.start_offset())?,
            _ => bail!("products on CUDA are of bf16 or f32, not {dtype:?}"),
        };
        let stride = stride.max(len).max(1);
        Ok(Self {
            address,
            dtype,
            rows,
            columns,
            is_turned,
            stride,
        })
    }

    /// Whether each row or column begins at a multiple of 16 bytes, as bf16.
    fn is_wide(&self) -> bool {
        self.address.is_multiple_of(16) && self.stride.is_multiple_of(8)
    }

    fn cuda_type(&self) -> cudaDataType {
        match self.dtype {
            DType::F32 => cudaDataType::CUDA_R_32F,
            _ => cudaDataType::CUDA_R_16BF,
        }
    }

    /// What cuBLAS, which takes columns to lie side by side, must do to get the transpose.
    fn operation(&self) -> cublasOperation_t {
        if self.is_turned {
            cublasOperation_t::CUBLAS_OP_T
        } else {
            cublasOperation_t::CUBLAS_OP_N
        }
    }

    fn pointer(&self) -> *mut c_void {
        self.address as *mut c_void
    }
}

pub fn gemm_into(
    c: (&CudaStorage, &Layout),
    a: (&CudaStorage, &Layout),
    b: (&CudaStorage, &Layout),
    alpha: f32,
    beta: f32,
) -> Result<()> {
    let device = &c.0.device;
    if a.0.device.id() != device.id() || b.0.device.id() != device.id() {
        bail!("all matrices of a product must be on one device")
    }
    let (c, a, b) = (Operand::new(c)?, Operand::new(a)?, Operand::new(b)?);
    if (c.rows, c.columns, a.columns) != (a.rows, b.columns, b.rows) {
        bail!("a product of matrices that don't fit each other")
    }
    if c.rows == 0 || c.columns == 0 {
        return Ok(());
    }
    if c.is_turned {
        bail!("columns of a product's result must lie side by side")
    }
    if a.dtype != b.dtype || (c.dtype, a.dtype) == (DType::BF16, DType::F32) {
        bail!(
            "a product of {:?} and {:?} into {:?}",
            a.dtype,
            b.dtype,
            c.dtype
        )
    }
    let is_few = c.rows <= FEW_ROWS
        && (c.dtype, a.dtype) == (DType::BF16, DType::BF16)
        && (a.is_turned, b.is_turned) == (false, true)
        && a.is_wide()
        && b.is_wide()
        && a.columns.is_multiple_of(8);
    if is_few {
        return few_rows(device, c, a, b, alpha, beta);
    }
    many_rows(device, c, a, b, alpha, beta)
}

#[allow(unsafe_code)]
fn few_rows(
    device: &candle_core::CudaDevice,
    c: Operand,
    a: Operand,
    b: Operand,
    alpha: f32,
    beta: f32,
) -> Result<()> {
    let args = [
        Arg::Long(c.address),
        Arg::count(c.stride)?,
        Arg::Long(a.address),
        Arg::count(a.stride)?,
        Arg::Long(b.address),
        Arg::count(b.stride)?,
        Arg::count(c.columns)?,
        Arg::count(a.columns)?,
        alpha.into(),
        beta.into(),
    ];
    let (name, grid) = match c.columns < SHARED_BELOW {
        true => ("shared_matvec", Grid::of(c.columns, SHARED_THREADS)),
        false => (
            "matvec",
            Grid::of(c.columns.div_ceil(FEW_COLUMNS), FEW_THREADS),
        ),
    };
    let name = format!("{name}_{}", c.rows);
    // SAFETY: sizes fit each other, and rows of a and b begin at multiples of 16 bytes.
    unsafe { launch(device, &launch::MATVEC, &name, grid, &args) }
}

#[allow(unsafe_code)]
fn many_rows(
    device: &candle_core::CudaDevice,
    c: Operand,
    a: Operand,
    b: Operand,
    alpha: f32,
    beta: f32,
) -> Result<()> {
    let int = |number: usize| match i32::try_from(number) {
        Ok(number) => Ok(number),
        Err(_) => bail!("a matrix of {number} rows or columns is more than cuBLAS can count"),
    };
    let kept = Kept::of(device)?;
    kept.context().bind_to_thread().map_err(Error::wrap)?;
    let blas = kept.blas();
    // cuBLAS takes columns to lie side by side: to it, each matrix is its transpose, and
    // cᵀ = bᵀ·aᵀ.
    // SAFETY: sizes fit each other, each matrix lies in its storage, and α and β are on
    // the host, as the handle expects.
    unsafe {
        gemm_ex(
            *blas.handle(),
            b.operation(),
            a.operation(),
            int(c.columns)?,
            int(c.rows)?,
            int(a.columns)?,
            std::ptr::from_ref(&alpha).cast(),
            b.pointer(),
            b.cuda_type(),
            int(b.stride)?,
            a.pointer(),
            a.cuda_type(),
            int(a.stride)?,
            std::ptr::from_ref(&beta).cast(),
            c.pointer(),
            c.cuda_type(),
            int(c.stride)?,
            cublasComputeType_t::CUBLAS_COMPUTE_32F,
            cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .map_err(|error| Error::Msg(format!("cuBLAS could not multiply: {error}")))
}
