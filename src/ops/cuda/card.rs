//! A GPU: how it is prepared, and what this process keeps for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::cuda_backend::cudarc::cublas::CudaBlas;
use candle_core::cuda_backend::cudarc::cublas::sys::{
    cublasMath_t, cublasSetMathMode, cublasSetWorkspace_v2,
};
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUdevice_attribute, CUmemPool_attribute, CUmemoryPool,
};
use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaSlice, DevicePtr, result,
};
use candle_core::{CudaDevice, Device, Error, Result, bail};

/// Enough for every algorithm that cuBLAS chooses on Hopper, with room.
const WORKSPACE_BYTES: usize = 64 << 20;
/// The kernels use bf16 tensor cores and asynchronous copies.
const LEAST_CAPABILITY: (i32, i32) = (8, 0);

/// What a GPU is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The model, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// The compute capability, major and minor.
    pub capability: (i32, i32),
    /// Multiprocessors.
    pub processors: usize,
}

/// How a GPU's memory is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What can still be taken.
    pub free_bytes: u64,
    /// All that the GPU has.
    pub total_bytes: u64,
    /// What tensors of this process take.
    pub used_bytes: u64,
    /// The most that they took since the start.
    pub peak_bytes: u64,
}

/// What is kept for a device until the process ends.
pub(super) struct Kept {
    device: CudaDevice,
    card: Card,
    loaded: Mutex<Loaded>,
    /// Held while a product is given to cuBLAS: products made of several kernels share
    /// the workspace, so none may come between them.
    blas: Mutex<Arc<CudaBlas>>,
    /// cuBLAS has its address.
    _workspace: CudaSlice<u8>,
}

/// Images and kernels that are on the device, by their names.
#[derive(Default)]
pub(super) struct Loaded {
    pub modules: BTreeMap<&'static str, Arc<CudaModule>>,
    pub functions: BTreeMap<String, CudaFunction>,
}

static KEPT: Mutex<Vec<Arc<Kept>>> = Mutex::new(Vec::new());

/// The GPU with the number `ordinal`, prepared; whether there are kernels for it is for
/// `launch` to find out.
pub(super) fn device(ordinal: usize) -> Result<Device> {
    let mut all = lock(&KEPT);
    let known = all.iter().find(|it| it.context().ordinal() == ordinal);
    if let Some(kept) = known {
        return Ok(Device::Cuda(kept.device.clone()));
    }
    let kept = Kept::new(ordinal)
        .map_err(|error| Error::Msg(format!("GPU {ordinal} can't be used: {error}")))?;
    let device = kept.device.clone();
    all.push(Arc::new(kept));
    Ok(Device::Cuda(device))
}

/// What the GPU is.
pub fn card(device: &Device) -> Result<Card> {
    Ok(Kept::of(device.as_cuda_device()?)?.card.clone())
}

/// How the GPU's memory is used.
pub fn memory(device: &Device) -> Result<Memory> {
    let kept = Kept::of(device.as_cuda_device()?)?;
    let (free, total) = kept.context().mem_get_info().map_err(Error::wrap)?;
    let reserved = kept.pool_number(CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT)?;
    let used = kept.pool_number(CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT)?;
    let peak = kept.pool_number(CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH)?;
    Ok(Memory {
        // What the pool has and does not use is free for us.
        free_bytes: free as u64 + reserved.saturating_sub(used),
        total_bytes: total as u64,
        used_bytes: used,
        peak_bytes: peak,
    })
}

impl Kept {
    #[allow(unsafe_code)]
    fn new(ordinal: usize) -> Result<Self> {
        // A stream of its own: the default one is another for each thread.
        let device = CudaDevice::new_with_stream(ordinal)?;
        let stream = device.cuda_stream();
        let context = stream.context();
        let processors = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let card = Card {
            name: context.name().map_err(Error::wrap)?,
            capability: context.compute_capability().map_err(Error::wrap)?,
            processors: context.attribute(processors).map_err(Error::wrap)?.max(1) as usize,
        };
        if card.capability < LEAST_CAPABILITY {
            let (major, minor) = card.capability;
            bail!(
                "{} has compute capability {major}.{minor}, 8.0 is needed",
                card.name
            )
        }
        // SAFETY: events order several streams; this device has one.
        unsafe { device.disable_event_tracking() };
        // SAFETY: what is in the workspace does not matter.
        let workspace = unsafe { device.alloc::<u8>(WORKSPACE_BYTES)? };
        let blas = device.cublas_handle();
        let (address, _) = workspace.device_ptr(&stream);
        // SAFETY: the address has as many bytes, and lives as long as the handle: both
        // stay to the end.
        unsafe { cublasSetWorkspace_v2(*blas.handle(), address as *mut _, WORKSPACE_BYTES) }
            .result()
            .map_err(Error::wrap)?;
        // Otherwise a product that is split into parts may add them up in bf16.
        let math = cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
        // SAFETY: the handle is alive.
        unsafe { cublasSetMathMode(*blas.handle(), math) }
            .result()
            .map_err(Error::wrap)?;
        drop(stream);
        let kept = Self {
            card,
            loaded: Mutex::default(),
            blas: Mutex::new(blas),
            _workspace: workspace,
            device,
        };
        // Otherwise every wait for the GPU gives all free memory back to the driver.
        kept.set_pool_number(
            CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            u64::MAX,
        )?;
        Ok(kept)
    }

    /// What is kept for a device.
    pub fn of(device: &CudaDevice) -> Result<Arc<Self>> {
        let all = lock(&KEPT);
        match all.iter().find(|it| it.device.id() == device.id()) {
            Some(kept) => Ok(Arc::clone(kept)),
            None => bail!("this GPU is not prepared; take it from ops::cuda::device"),
        }
    }

    /// Multiprocessors of the GPU.
    pub fn processors(&self) -> usize {
        self.card.processors
    }

    /// What is on the device.
    pub fn loaded(&self) -> MutexGuard<'_, Loaded> {
        lock(&self.loaded)
    }

    /// cuBLAS, for one product.
    pub fn blas(&self) -> MutexGuard<'_, Arc<CudaBlas>> {
        lock(&self.blas)
    }

    /// The device's context in the driver.
    pub fn context(&self) -> Arc<CudaContext> {
        Arc::clone(self.device.cuda_stream().context())
    }

    #[allow(unsafe_code)]
    fn pool(&self) -> Result<CUmemoryPool> {
        // SAFETY: the number is that of the context's device.
        unsafe { result::device::get_mem_pool(self.context().cu_device()) }.map_err(Error::wrap)
    }

    #[allow(unsafe_code)]
    fn pool_number(&self, name: CUmemPool_attribute) -> Result<u64> {
        let mut number = 0u64;
        let place = std::ptr::from_mut(&mut number).cast();
        // SAFETY: the attributes that are asked for are 64-bit numbers.
        unsafe { result::mem_pool::get_attribute(self.pool()?, name, place) }
            .map_err(Error::wrap)?;
        Ok(number)
    }

    #[allow(unsafe_code)]
    fn set_pool_number(&self, name: CUmemPool_attribute, mut number: u64) -> Result<()> {
        let place = std::ptr::from_mut(&mut number).cast();
        // SAFETY: the attributes that are set are 64-bit numbers.
        unsafe { result::mem_pool::set_attribute(self.pool()?, name, place) }.map_err(Error::wrap)
    }
}

/// A thread that panicked left nothing half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
