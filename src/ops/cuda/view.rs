//! Matrices in a GPU's memory, as kernels see them: an address and the distance of rows.

use std::marker::PhantomData;

use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr};
use candle_core::{
    CudaDevice, CudaStorage, DType, Device, Layout, Result, Shape, Storage, Tensor, bail,
};

use crate::ops::rows::shape;

/// Bytes that a thread reads at once, if addresses allow it.
const WIDE_BYTES: u64 = 16;

/// A matrix whose columns lie side by side; all but the last dimension of a tensor are
/// rows. It can't outlive what it is a view of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    pub address: u64,
    pub rows: usize,
    pub width: usize,
    /// The distance of rows in elements.
    pub stride: usize,
    element_bytes: usize,
    storage: PhantomData<&'a CudaStorage>,
}

impl<'a> Matrix<'a> {
    /// The matrix of a tensor on `device` with elements of type `T`.
    pub fn of<T: CudaDType + DeviceRepr>(tensor: &'a Tensor, device: &CudaDevice) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Self::detached::<T>((storage, layout), device),
            _ => bail!("a tensor of the GPU is needed"),
        }
    }

    /// As [`Matrix::of`], for what candle lends to an operation.
    pub fn new<T: CudaDType + DeviceRepr>(
        (storage, layout): (&'a CudaStorage, &Layout),
        device: &CudaDevice,
    ) -> Result<Self> {
        Self::detached::<T>((storage, layout), device)
    }

    /// A contiguous tensor as one row.
    pub fn flat<T: CudaDType + DeviceRepr>(
        tensor: &'a Tensor,
        device: &CudaDevice,
    ) -> Result<Self> {
        Self::of::<T>(tensor, device)?.flattened()
    }

    /// One row of all elements.
    pub fn flattened(self) -> Result<Self> {
        if self.rows > 1 && self.stride != self.width {
            bail!("a tensor without gaps is needed")
        }
        let width = self.rows * self.width;
        Ok(Self {
            rows: 1,
            width,
            stride: width,
            ..self
        })
    }

    /// The caller says how long the storage lives.
    fn detached<T: CudaDType + DeviceRepr>(
        (storage, layout): (&CudaStorage, &Layout),
        device: &CudaDevice,
    ) -> Result<Self> {
        if storage.device.id() != device.id() {
            bail!("all tensors of an operation must be on one device")
        }
        let (rows, width, stride) = shape(layout)?;
        Ok(Self {
            address: address::<T>(storage, layout.start_offset())?,
            rows,
            width,
            stride,
            element_bytes: size_of::<T>(),
            storage: PhantomData,
        })
    }

    /// Whether kernels may read and write 16 bytes at a time, from the first column on.
    pub fn is_wide(&self) -> bool {
        let is_whole = |elements: usize| {
            (elements as u64 * self.element_bytes as u64).is_multiple_of(WIDE_BYTES)
        };
        self.address.is_multiple_of(WIDE_BYTES) && is_whole(self.stride) && is_whole(self.width)
    }

    /// Fails unless the matrix has these numbers of rows and columns.
    pub fn expect(self, rows: usize, width: usize, what: &str) -> Result<Self> {
        if (self.rows, self.width) != (rows, width) {
            bail!(
                "{what}: {rows} by {width} is needed, not {} by {}",
                self.rows,
                self.width
            )
        }
        Ok(self)
    }

    /// Fails unless [`Matrix::is_wide`].
    pub fn expect_wide(self, what: &str) -> Result<Self> {
        if !self.is_wide() {
            bail!("{what}: rows must be multiples of 16 bytes, and begin at one")
        }
        Ok(self)
    }
}

/// The ending of a kernel's name: there is one for wide accesses and one for all others.
pub(super) fn width_name(matrices: &[Matrix<'_>]) -> &'static str {
    if matrices.iter().all(Matrix::is_wide) {
        "wide"
    } else {
        "any"
    }
}

/// Where the element `first` of a storage lies.
pub(super) fn address<T: CudaDType + DeviceRepr>(
    storage: &CudaStorage,
    first: usize,
) -> Result<u64> {
    let slice = storage.as_cuda_slice::<T>()?;
    let (address, _) = slice.device_ptr(slice.stream());
    Ok(address + first as u64 * size_of::<T>() as u64)
}

/// A new tensor for a kernel to fill.
///
/// # Safety
/// Every element must be written before any is read. A launch without blocks writes
/// nothing: where there may be none, the tensor must have no elements.
#[allow(unsafe_code)]
pub(super) unsafe fn unwritten(
    device: &CudaDevice,
    shape: impl Into<Shape>,
    dtype: DType,
) -> Result<Tensor> {
    // SAFETY: the caller has every element written before any is read.
    unsafe { Tensor::empty(shape, dtype, &Device::Cuda(device.clone())) }
}
