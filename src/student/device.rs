//! Which device a model runs on.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA if this binary and this machine have it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device, or an error.
    Cuda,
}

/// A device that is ready.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The device.
    pub device: Device,
    /// Why it is the CPU, where CUDA would have been taken.
    pub no_cuda: Option<String>,
}

impl DeviceChoice {
    /// The device, made ready.
    ///
    /// # Errors
    /// CUDA was asked for and there is none; the message says what is missing.
    pub fn open(self) -> candle_core::Result<Device> {
        Ok(self.find()?.device)
    }

    /// The device, made ready, and why CUDA was not to be had.
    ///
    /// # Errors
    /// Those of [`DeviceChoice::open`].
    pub fn find(self) -> candle_core::Result<Opened> {
        let (device, no_cuda) = match self {
            Self::Cuda => (cuda()?, None),
            Self::Auto if cfg!(feature = "cuda") => match cuda() {
                Ok(device) => (device, None),
                Err(error) => (Device::Cpu, Some(error.to_string())),
            },
            Self::Auto | Self::Cpu => (Device::Cpu, None),
        };
        Ok(Opened { device, no_cuda })
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> candle_core::Result<Device> {
    crate::ops::cuda::device(0)
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> candle_core::Result<Device> {
    candle_core::bail!(
        "this binary was built without CUDA; build one with scripts/cuda-toolchain.sh and \
         `cargo build --release --features cuda`, or take --device cpu"
    )
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Auto, Self::Cpu, Self::Cuda]
            .into_iter()
            .find(|choice| choice.to_string() == text)
            .ok_or_else(|| format!("{text:?} is none of auto, cpu and cuda"))
    }
}

/// `cpu` or `cuda`.
pub fn name(device: &Device) -> &'static str {
    if device.is_cuda() { "cuda" } else { "cpu" }
}
