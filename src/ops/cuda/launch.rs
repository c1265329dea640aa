//! Starting kernels: their images, their names, their arguments.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::sys::CUfunction_attribute;
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::{CudaDevice, Device, Error, Result, bail};

use super::card::{self, Kept};
use super::view::Matrix;

/// The compute capabilities that `build.rs` compiled for.
const ARCHS: &str = env!("ANTIKS_CUDA_ARCHS");
/// What a kernel gets without being allowed more.
const SHARED_BYTES: usize = 48 << 10;
const MOST_BLOCKS: [usize; 3] = [(1 << 31) - 1, 65_535, 65_535];

/// One file of `kernels/`, compiled.
pub(super) struct Image {
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! images {
    ($($constant:ident $file:literal,)*) => {
        $(pub(super) static $constant: Image = Image {
            name: $file,
            bytes: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".fatbin")),
        };)*
    };
}

images! {
    ADAMW "adamw",
    ATTENTION "attention",
    ATTENTION_BACKWARD "attention_backward",
    CACHED_ATTENTION "cached_attention",
    CROSS_ENTROPY "cross_entropy",
    DROPOUT "dropout",
    MATVEC "matvec",
    RMS_NORM "rms_norm",
    ROPE "rope",
    SWIGLU "swiglu",
}

/// The GPU with the number `ordinal`, prepared for the operations; the same one each time.
///
/// # Errors
/// There is no such GPU, it is older than Ampere, or this binary has no kernels for it.
pub fn device(ordinal: usize) -> Result<Device> {
    let device = card::device(ordinal)?;
    // A kernel that every use needs: if none fits the GPU, better now than after the
    // weights are there.
    if let Err(error) = function(device.as_cuda_device()?, &ROPE, "rope_in_place", 0) {
        let card = card::card(&device)?;
        let (major, minor) = card.capability;
        bail!(
            "GPU {ordinal} can't be used: {} has compute capability {major}.{minor}, and this \
             binary has kernels for {ARCHS} (ANTIKS_CUDA_ARCHS, when it was built): {error}",
            card.name
        )
    }
    Ok(device)
}

/// How many threads run a kernel.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub blocks: [usize; 3],
    pub threads: usize,
    /// Dynamic shared memory of a block.
    pub shared_bytes: usize,
}

impl Grid {
    /// Blocks in one dimension, without dynamic shared memory.
    pub fn of(blocks: usize, threads: usize) -> Self {
        Self {
            blocks: [blocks, 1, 1],
            threads,
            shared_bytes: 0,
        }
    }

    /// At least one thread for each of `len` things.
    pub fn over(len: usize, threads: usize) -> Self {
        Self::of(len.div_ceil(threads), threads)
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy)]
pub(super) enum Arg {
    /// An `int`.
    Int(i32),
    /// A pointer, or an integer of 64 bits.
    Long(u64),
    /// A `float`.
    Float(f32),
}

impl Arg {
    /// The null pointer.
    pub const NULL: Self = Self::Long(0);

    /// A number of things.
    pub fn count(number: usize) -> Result<Self> {
        match i32::try_from(number) {
            Ok(number) => Ok(Self::Int(number)),
            Err(_) => bail!("{number} is more than a kernel can count"),
        }
    }
}

impl From<Matrix<'_>> for Arg {
    fn from(matrix: Matrix<'_>) -> Self {
        Self::Long(matrix.address)
    }
}

impl From<f32> for Arg {
    fn from(number: f32) -> Self {
        Self::Float(number)
    }
}

/// Starts the kernel `name` of an image; returns before it has run. Without blocks nothing
/// runs, and nothing is written.
///
/// # Safety
/// The arguments must be those that the kernel declares, and lead to memory of the device
/// that holds what the kernel reads and has room for what it writes.
#[allow(unsafe_code)]
pub(super) unsafe fn launch(
    device: &CudaDevice,
    image: &Image,
    name: &str,
    grid: Grid,
    args: &[Arg],
) -> Result<()> {
    if grid.blocks.contains(&0) {
        return Ok(());
    }
    if grid
        .blocks
        .iter()
        .zip(MOST_BLOCKS)
        .any(|(blocks, most)| *blocks > most)
    {
        bail!(
            "{name}: {:?} blocks are more than a GPU can count",
            grid.blocks
        )
    }
    let function = function(device, image, name, grid.shared_bytes)?;
    let stream = device.cuda_stream();
    let mut builder = stream.launch_builder(&function);
    for arg in args {
        match arg {
            Arg::Int(number) => builder.arg(number),
            Arg::Long(number) => builder.arg(number),
            Arg::Float(number) => builder.arg(number),
        };
    }
    let [x, y, z] = grid.blocks.map(|blocks| blocks as u32);
    let config = LaunchConfig {
        grid_dim: (x, y, z),
        block_dim: (grid.threads as u32, 1, 1),
        shared_mem_bytes: grid.shared_bytes as u32,
    };
    // SAFETY: the caller vouches for the arguments.
    unsafe { builder.launch(config) }.map_err(|error| failed(name, error))?;
    Ok(())
}

/// The kernel, from the device if it is there already.
fn function(
    device: &CudaDevice,
    image: &Image,
    name: &str,
    shared_bytes: usize,
) -> Result<CudaFunction> {
    let kept = Kept::of(device)?;
    let mut loaded = kept.loaded();
    if let Some(function) = loaded.functions.get(name) {
        return Ok(function.clone());
    }
    // Candle may have bound another GPU to this thread.
    let context = kept.context();
    context
        .bind_to_thread()
        .map_err(|error| failed(name, error))?;
    let module = match loaded.modules.get(image.name) {
        Some(module) => Arc::clone(module),
        None => {
            let ptx = Ptx::from_binary(image.bytes.to_vec());
            let module = context.load_module(ptx);
            let module = module.map_err(|error| failed(image.name, error))?;
            loaded.modules.insert(image.name, Arc::clone(&module));
            module
        }
    };
    let function = module
        .load_function(name)
        .map_err(|error| failed(name, error))?;
    if shared_bytes > SHARED_BYTES {
        let most = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let set = function.set_attribute(most, shared_bytes as i32);
        set.map_err(|error| failed(name, error))?;
    }
    loaded.functions.insert(name.to_owned(), function.clone());
    Ok(function)
}

fn failed(name: &str, error: impl std::fmt::Display) -> Error {
    Error::Msg(format!("the CUDA kernel {name} failed: {error}"))
}
