//! Matrix products: c ← α·a·b + β·c, over views with any distance of rows.
//!
//! Candle's own product gives a new contiguous tensor and, on CUDA, takes only contiguous
//! operands; LoRA needs products into and out of parts of wider matrices.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor, bail};
use gemm::Parallelism;

/// a (m, k) · b (k, n), as a new tensor (m, n) of the same type.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (rows, columns) = (a.dim(0)?, b.dim(1)?);
    // SAFETY: with β = 0 every element is written and none is read.
    #[allow(unsafe_code)]
    let c = unsafe { Tensor::empty((rows, columns), a.dtype(), a.device())? };
    matmul_into(&c, a, b, 1.0, 0.0)?;
    Ok(c)
}

/// c ← α·a·b + β·c. All three may be views, as long as in each of them either columns or
/// rows lie side by side (so `.t()` costs nothing); columns of `c` must. On CUDA `c` may
/// be f32 where `a` and `b` are bf16.
///
/// # Errors
/// Shapes that don't fit, columns of `c` that lie apart, and a `c` that shares its memory
/// with `a` or `b`.
pub fn matmul_into(c: &Tensor, a: &Tensor, b: &Tensor, alpha: f32, beta: f32) -> Result<()> {
    let ((m, k), (k2, n)) = (a.dims2()?, b.dims2()?);
    if k != k2 || c.dims2()? != (m, n) {
        bail!(
            "a product of {:?} and {:?} into {:?}",
            a.shape(),
            b.shape(),
            c.shape()
        )
    }
    side_by_side(c)?;
    c.inplace_op3(a, b, &Product { alpha, beta })
}

/// Columns of `x` (m, k + r) from `inputs` = k on ← α·(its first k columns)·aᵀ, for `a`
/// (r, k): what LoRA's first half leaves beside its input.
///
/// # Errors
/// Shapes that don't fit, and columns of `x` that lie apart.
pub fn append_product(x: &Tensor, inputs: usize, a: &Tensor, alpha: f32) -> Result<()> {
    let ((_, width), (rank, k)) = (x.dims2()?, a.dims2()?);
    if k != inputs || width != inputs + rank {
        bail!(
            "a product of the first {inputs} columns of {:?} and {:?} into the others",
            x.shape(),
            a.shape()
        )
    }
    side_by_side(x)?;
    x.inplace_op2(a, &AppendProduct { inputs, alpha })
}

/// Fails if a matrix can't be written row by row.
fn side_by_side(matrix: &Tensor) -> Result<()> {
    let layout = matrix.layout();
    if matrix.dim(1)? > 1 && layout.stride()[1] != 1 {
        bail!("columns of a product's result must lie side by side: {layout:?}")
    }
    Ok(())
}

struct AppendProduct {
    inputs: usize,
    alpha: f32,
}

impl AppendProduct {
    /// The layouts of the two halves of `x`.
    fn halves(&self, x: &Layout) -> Result<(Layout, Layout)> {
        let spare = x.dims()[1] - self.inputs;
        Ok((
            x.narrow(1, 0, self.inputs)?,
            x.narrow(1, self.inputs, spare)?,
        ))
    }
}

impl InplaceOp2 for AppendProduct {
    fn name(&self) -> &'static str {
        "append_product"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(x), CpuStorage::F32(a)) = (x, a) else {
            bail!("a product on the CPU needs f32")
        };
        let (own, spare) = self.halves(x_layout)?;
        let turned = Matrix::from_layout(a, a_layout)?.transposed();
        let (rows, rank) = (own.dims()[0], turned.place.columns);
        // What is written lies between what is read: it is made beside both.
        let mut made = vec![0f32; rows * rank];
        let place = Place::new(rows, rank, rank);
        let own = Matrix::from_layout(x, &own)?;
        product(
            &mut made,
            place,
            own,
            turned,
            self.alpha,
            0.0,
            Parallelism::Rayon(0),
        )?;
        let (first, stride) = (spare.start_offset(), spare.stride()[0]);
        for (row, made) in made.chunks_exact(rank.max(1)).enumerate() {
            x[first + row * stride..][..rank].copy_from_slice(made);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &mut CudaStorage,
        x_layout: &Layout,
        a: &CudaStorage,
        a_layout: &Layout,
    ) -> Result<()> {
        let (own, spare) = self.halves(x_layout)?;
        let turned = a_layout.transpose(0, 1)?;
        super::cuda::gemm_into((x, &spare), (x, &own), (a, &turned), self.alpha, 0.0)
    }
}

struct Product {
    alpha: f32,
    beta: f32,
}

impl InplaceOp3 for Product {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn cpu_fwd(
        &self,
        c: &mut CpuStorage,
        c_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(c), CpuStorage::F32(a), CpuStorage::F32(b)) = (c, a, b) else {
            bail!("a product on the CPU needs f32")
        };
        let a = Matrix::from_layout(a, a_layout)?;
        let b = Matrix::from_layout(b, b_layout)?;
        let place = Place::from_layout(c_layout)?;
        let c = &mut c[c_layout.start_offset()..];
        product(c, place, a, b, self.alpha, self.beta, Parallelism::Rayon(0))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        c: &mut CudaStorage,
        c_layout: &Layout,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<()> {
        super::cuda::gemm_into(
            (c, c_layout),
            (a, a_layout),
            (b, b_layout),
            self.alpha,
            self.beta,
        )
    }
}

/// Rows and columns, and how far apart they are.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl Place {
    /// A matrix whose columns lie side by side.
    pub fn new(rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    fn from_layout(layout: &Layout) -> Result<Self> {
        let ([rows, columns], [row_stride, column_stride]) = (layout.dims(), layout.stride())
        else {
            bail!("a product needs matrices")
        };
        Ok(Self {
            rows: *rows,
            columns: *columns,
            row_stride: *row_stride,
            column_stride: *column_stride,
        })
    }

    /// The number of elements from the first to the last.
    fn reach(self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// A matrix that is read.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    place: Place,
}

impl<'a> Matrix<'a> {
    /// A matrix that begins with the first element of `data`.
    pub fn new(data: &'a [f32], place: Place) -> Self {
        Self { data, place }
    }

    fn from_layout(data: &'a [f32], layout: &Layout) -> Result<Self> {
        let place = Place::from_layout(layout)?;
        Ok(Self::new(&data[layout.start_offset()..], place))
    }

    /// Rows and columns exchanged.
    pub fn transposed(self) -> Self {
        let place = Place {
            rows: self.place.columns,
            columns: self.place.rows,
            row_stride: self.place.column_stride,
            column_stride: self.place.row_stride,
        };
        Self { place, ..self }
    }
}

/// Rows of a result that are made at a time. What is packed for more of them falls out of the
/// caches: 2,100 rows at once take a twentieth longer on two cores of an AMD EPYC.
const ROWS_AT_ONCE: usize = 528;
/// Rows that the kernels of [`gemm`] make at a time divide it.
const ROWS_OF_KERNELS: usize = 12;

/// c ← α·a·b + β·c in the host's memory.
#[allow(unsafe_code)]
pub(super) fn product(
    c: &mut [f32],
    place: Place,
    a: Matrix<'_>,
    b: Matrix<'_>,
    alpha: f32,
    beta: f32,
    parallelism: Parallelism,
) -> Result<()> {
    let fits = a.place.columns == b.place.rows
        && (a.place.rows, b.place.columns) == (place.rows, place.columns);
    let holds = a.place.reach() <= a.data.len()
        && b.place.reach() <= b.data.len()
        && place.reach() <= c.len();
    if !(fits && holds) {
        bail!("a product of matrices that don't fit each other or their memory")
    }
    let pieces = place.rows.div_ceil(ROWS_AT_ONCE).max(1);
    let rows_each = place
        .rows
        .div_ceil(pieces)
        .max(1)
        .next_multiple_of(ROWS_OF_KERNELS);
    for first in (0..place.rows).step_by(rows_each) {
        // SAFETY: it was checked that all three lie within their slices, so do the rows from
        // `first` on; `c` is borrowed mutably, so it overlaps with none of the others.
        unsafe {
            gemm::gemm(
                rows_each.min(place.rows - first),
                place.columns,
                a.place.columns,
                c.as_mut_ptr().wrapping_add(first * place.row_stride),
                place.column_stride.cast_signed(),
                place.row_stride.cast_signed(),
                beta != 0.0,
                a.data.as_ptr().wrapping_add(first * a.place.row_stride),
                a.place.column_stride.cast_signed(),
                a.place.row_stride.cast_signed(),
                b.data.as_ptr(),
                b.place.column_stride.cast_signed(),
                b.place.row_stride.cast_signed(),
                beta,
                alpha,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
    Ok(())
}
