//! What commands that run a model share: the device, threads, and stopping.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Device;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CliError;
use crate::student::device::{self, DeviceChoice};
use crate::student::error::StudentError;
use crate::student::hub::OnDownload;
use crate::train::error::TrainError;

/// Where a model runs.
#[derive(Args, Clone, Debug)]
pub struct Compute {
    /// auto, cpu or cuda
    #[arg(long, default_value_t, value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Threads on the CPU; results are the same for any number [default: one per core]
    #[arg(long, value_name = "NUMBER")]
    pub threads: Option<usize>,
}

impl Compute {
    /// The device, made ready; says why it is not a GPU where one would have been taken.
    pub fn open(&self) -> Result<Device, CliError> {
        self.use_threads()?;
        let opened = self.device.find()?;
        if let Some(why) = &opened.no_cuda {
            eprintln!("runs on the CPU, since CUDA can't be used: {why}");
        }
        Ok(opened.device)
    }

    /// Takes as many threads as were asked for.
    pub fn use_threads(&self) -> Result<(), CliError> {
        if let Some(threads) = self.threads {
            if !(1..=1024).contains(&threads) {
                return Err(CliError::Usage("--threads must be 1 to 1024".to_owned()));
            }
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()
                .map_err(|error| CliError::failure(error.to_string()))?;
        }
        Ok(())
    }
}

/// The device as people know it.
pub fn device_name(device: &Device) -> String {
    #[cfg(feature = "cuda")]
    if let (true, Ok(card)) = (device.is_cuda(), crate::ops::cuda::card(device)) {
        let (major, minor) = card.capability;
        return format!("cuda: {}, compute capability {major}.{minor}", card.name);
    }
    device::name(device).to_owned()
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks for a stop at the next safe point; a second one ends at once.
pub fn stop_on_interrupt() -> Result<(), CliError> {
    let again = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(again).map_err(|error| CliError::failure(error.to_string()))
}

/// Whether a stop was asked for.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// A bar on stderr, or nothing where nobody looks.
pub fn progress_bar(total: u64, template: &str) -> ProgressBar {
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5)),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Shows how a base is fetched.
pub fn on_download() -> Option<OnDownload> {
    let bar = progress_bar(
        0,
        "fetching the base {bar:30} {bytes} of {total_bytes}  {eta} left",
    );
    let show = move |done: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(done);
        if done >= all {
            bar.finish_and_clear();
        }
    };
    Some(Arc::new(show))
}

/// A large number as people say it: `950`, `44 thousand`, `83.9 million`.
pub fn counted(number: usize) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{} thousand", number / 1000),
        _ => format!("{:.1} million", number as f64 / 1e6),
    }
}

impl From<StudentError> for CliError {
    fn from(error: StudentError) -> Self {
        Self::failure(error.to_string())
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Recipe { .. } => Self::Usage(error.to_string()),
            error => Self::failure(error.to_string()),
        }
    }
}

impl From<candle_core::Error> for CliError {
    fn from(error: candle_core::Error) -> Self {
        Self::failure(error.to_string())
    }
}
