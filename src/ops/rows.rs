//! Matrices of f32 in the memory of the host: strided views, and loops over rows.

use candle_core::{CpuStorage, Device, Layout, Result, Storage, StorageRef, Tensor, bail};
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::math::in_wide_vectors;

/// Elements that one thread takes at a time; a constant, so that the split is one.
const BLOCK_ELEMENTS: usize = 16 * 1024;

/// A tensor of the CPU, locked for reading.
pub(super) struct Locked<'a> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
}

/// A matrix whose columns lie side by side.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    data: &'a [f32],
    /// Number of rows.
    pub len: usize,
    /// Number of columns.
    pub width: usize,
    stride: usize,
}

impl<'a> Locked<'a> {
    pub fn new(tensor: &'a Tensor) -> Self {
        let (storage, layout) = tensor.storage_and_layout();
        Self { storage, layout }
    }

    /// The tensor as a matrix: all but the last dimension are rows.
    pub fn rows(&self) -> Result<Rows<'_>> {
        match &*self.storage {
            Storage::Cpu(storage) => Rows::new(storage, self.layout),
            _ => bail!("a tensor of the CPU is needed"),
        }
    }

    /// The elements of a contiguous tensor of any shape.
    pub fn flat(&self) -> Result<&[f32]> {
        match &*self.storage {
            Storage::Cpu(storage) => elements(storage, self.layout),
            _ => bail!("a tensor of the CPU is needed"),
        }
    }

    /// The elements of a contiguous tensor of indices.
    pub fn indices(&self) -> Result<&[u32]> {
        match (&*self.storage, self.layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::U32(data)), Some((first, end))) => Ok(&data[first..end]),
            _ => bail!("contiguous u32 indices on the CPU are needed"),
        }
    }
}

impl<'a> Rows<'a> {
    pub fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let CpuStorage::F32(data) = storage else {
            bail!("f32 is needed on the CPU")
        };
        let (len, width, stride) = shape(layout)?;
        let data = &data[layout.start_offset()..];
        if len > 0 && (len - 1) * stride + width > data.len() {
            bail!("a matrix reaches past its storage")
        }
        Ok(Self {
            data,
            len,
            width,
            stride,
        })
    }

    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..self.width]
    }

    /// The memory from the row `first` on, and the distance of rows in it.
    pub fn memory(&self, first: usize) -> (&'a [f32], usize) {
        (
            &self.data[(first * self.stride).min(self.data.len())..],
            self.stride,
        )
    }
}

/// Rows, columns and the distance of rows of a matrix whose columns lie side by side; all
/// but the last dimension are rows.
pub(super) fn shape(layout: &Layout) -> Result<(usize, usize, usize)> {
    match (layout.dims(), layout.stride()) {
        ([width], [stride]) if *stride == 1 || *width <= 1 => Ok((1, *width, *width)),
        ([len, width], [stride, step]) if *step == 1 || *width <= 1 => Ok((*len, *width, *stride)),
        _ => match layout.contiguous_offsets() {
            Some(_) => {
                let width = layout.dims().last().copied().unwrap_or(1);
                let len = layout.shape().elem_count().checked_div(width).unwrap_or(0);
                Ok((len, width, width))
            }
            None => bail!("columns must lie side by side: {layout:?}"),
        },
    }
}

/// The elements of a contiguous tensor.
pub(super) fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((first, end))) => Ok(&data[first..end]),
        _ => bail!("a contiguous f32 tensor on the CPU is needed"),
    }
}

/// The elements of a contiguous tensor that is written.
pub(super) fn elements_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((first, end))) => Ok(&mut data[first..end]),
        _ => bail!("a contiguous f32 tensor on the CPU is needed"),
    }
}

/// For each of `len` rows, whether it is among `wanted` (u32); `None` if all are.
pub(super) fn marked(wanted: Option<&Tensor>, len: usize) -> Result<Option<Vec<bool>>> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let wanted = Locked::new(wanted);
    let mut marked = vec![false; len];
    for row in wanted.indices()? {
        match marked.get_mut(*row as usize) {
            Some(mark) => *mark = true,
            None => bail!("row {row} is wanted of {len}"),
        }
    }
    Ok(Some(marked))
}

/// What is done to each row of a matrix. Implementations are `#[inline(always)]`, for
/// [`in_wide_vectors`].
pub(super) trait RowWork: Sync {
    /// Writes the row of this number, which has zeros or what stands there.
    fn row(&self, number: usize, row: &mut [f32]);
}

/// A new matrix, whose rows `work` writes over zeros.
pub(super) fn new_rows(len: usize, width: usize, work: &impl RowWork) -> Result<Tensor> {
    let mut out = vec![0f32; len * width];
    each_row(&mut out, width, work);
    Tensor::from_vec(out, (len, width), &Device::Cpu)
}

/// Does `work` to every row of `width` elements, on all threads.
pub(super) fn each_row(data: &mut [f32], width: usize, work: &impl RowWork) {
    if width == 0 {
        return;
    }
    let block = (BLOCK_ELEMENTS / width).max(1);
    data.par_chunks_mut(block * width)
        .enumerate()
        .for_each(|(place, rows)| {
            let first = place * block;
            in_wide_vectors(Block {
                work,
                first,
                rows,
                width,
            });
        });
}

/// Rows that one thread works at.
struct Block<'a, W> {
    work: &'a W,
    first: usize,
    rows: &'a mut [f32],
    width: usize,
}

impl<W: RowWork> NullaryFnOnce for Block<'_, W> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, data) in self.rows.chunks_mut(self.width).enumerate() {
            self.work.row(self.first + row, data);
        }
    }
}
