//! `antiks doctor`: what this machine and this binary can do.

use std::io::{self, Write};
use std::process::ExitCode;

use candle_core::Device;
use clap::Args;
use serde_json::{Value as Json, json};

use super::compute::{self, Compute};
use super::error::CliError;
use crate::base::world::{self, World};
use crate::nano::embedded::{self, embedded};
use crate::sandbox::confine::strength;
use crate::sandbox::sqlite_source;
use crate::student::base::Base;
use crate::student::config::Config;
use crate::student::device::{DeviceChoice, Opened};
use crate::train::memory::Estimate;
use crate::train::recipe::Recipe;

/// Say what this machine and this binary can do.
///
/// With --base, also whether its files are whole, its id, and what fits into memory.
#[derive(Args)]
pub struct Doctor {
    /// A base to look at: nano, a folder, or an id in the Hugging Face cache
    #[arg(long, value_name = "BASE")]
    base: Option<String>,
    #[command(flatten)]
    compute: Compute,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

const GIB: f64 = (1u64 << 30) as f64;
/// Tokens of a micro-batch that the estimates are for.
const TOKENS: usize = 8 * 512;

impl Doctor {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let world = World::system();
        self.compute.use_threads()?;
        let choice = self.compute.device;
        let opened = choice.find().unwrap_or_else(|error| Opened {
            device: Device::Cpu,
            no_cuda: Some(error.to_string()),
        });
        let device = opened.device;
        let memory = device_memory(&device);
        let mut facts = vec![
            ("antiks", json!(env!("CARGO_PKG_VERSION"))),
            ("machine", json!(world.host())),
            ("cores", json!(world::cores())),
            ("memory", json!(world::memory_bytes().map(said))),
            ("sandbox", json!(sandbox_layers())),
            ("sqlite", json!(sqlite_source())),
            ("device", json!(device_words(&device, choice))),
            ("why no CUDA", json!(opened.no_cuda)),
            ("device memory", json!(memory.map(said))),
            (
                "embedded student",
                json!(format!("nano {}", embedded()?.id())),
            ),
        ];
        if let Some(name) = &self.base {
            facts.extend(look_at(name, &device, memory)?);
        }
        let mut out = io::stdout().lock();
        if self.json {
            let all: serde_json::Map<String, Json> = facts
                .into_iter()
                .map(|(name, fact)| (name.replace(' ', "_"), fact))
                .collect();
            writeln!(out, "{}", Json::Object(all))?;
            return Ok(ExitCode::SUCCESS);
        }
        for (name, fact) in facts {
            match fact {
                Json::Null => {}
                Json::String(text) => writeln!(out, "{name:18} {text}")?,
                other => writeln!(out, "{name:18} {other}")?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What there is to say about a base.
fn look_at(
    name: &str,
    device: &Device,
    memory: Option<(u64, u64)>,
) -> Result<Vec<(&'static str, Json)>, CliError> {
    let found = match name {
        embedded::NAME => Some(embedded()?),
        name => Base::find_here(name)?,
    };
    let Some(base) = found else {
        let said = "not in the Hugging Face cache; antiks train and generate fetch it";
        return Ok(vec![("base", json!(said))]);
    };
    let config = base.config()?;
    base.tokenizer(&config)?;
    let has_template = base.chat_template()?.is_some();
    base.weights()?;
    let mut facts = vec![
        ("base", json!(base.place().display().to_string())),
        ("base id", json!(base.id().to_string())),
        ("parameters", json!(config.parameters())),
        (
            "chat template",
            json!(if has_template { "yes" } else { "no" }),
        ),
    ];
    let number_bytes = if device.is_cuda() { 2 } else { 4 };
    let recipe = Recipe::default();
    for (what, recompute) in [("LoRA training", false), ("with --recompute", true)] {
        let recipe = Recipe {
            recompute,
            ..recipe.clone()
        };
        let needed = Estimate::new(&config, &recipe, TOKENS, number_bytes).total();
        facts.push((what, json!(fits(needed, memory))));
    }
    let needed = decoding_bytes(&config, number_bytes);
    facts.push(("decoding", json!(fits(needed, memory))));
    Ok(facts)
}

/// Weights, and a cache for 32 answers of 1,024 tokens.
fn decoding_bytes(config: &Config, number_bytes: usize) -> u64 {
    let token = 2 * config.num_hidden_layers * config.key_value_width();
    let numbers = config.parameters() + 32 * 1024 * token;
    numbers as u64 * number_bytes as u64
}

fn fits(needed: u64, memory: Option<(u64, u64)>) -> String {
    let needs = format!("about {:.1} GiB", needed as f64 / GIB);
    match memory {
        None => needs,
        Some((_, free)) if needed <= free => format!("{needs}: fits"),
        Some((_, free)) => format!("{needs}: does not fit into {:.1} GiB", free as f64 / GIB),
    }
}

fn said((all, free): (u64, u64)) -> String {
    format!(
        "{:.1} GiB, {:.1} GiB free",
        all as f64 / GIB,
        free as f64 / GIB
    )
}

fn sandbox_layers() -> String {
    format!("{}, SQLite's limits and authorizer", strength())
}

/// Memory of the device in bytes: all of it, and what is free.
#[cfg(feature = "cuda")]
fn device_memory(device: &Device) -> Option<(u64, u64)> {
    match device {
        Device::Cuda(_) => {
            let memory = crate::ops::cuda::memory(device).ok()?;
            Some((memory.total_bytes, memory.free_bytes))
        }
        _ => world::memory_bytes(),
    }
}

#[cfg(not(feature = "cuda"))]
fn device_memory(_: &Device) -> Option<(u64, u64)> {
    world::memory_bytes()
}

fn device_words(device: &Device, choice: DeviceChoice) -> String {
    let why = match (device.is_cuda(), choice) {
        (true, _) => "",
        _ if !cfg!(feature = "cuda") => " (this binary was built without CUDA)",
        (_, DeviceChoice::Cpu) => " (as asked for)",
        _ => " (this binary has CUDA, and can't use it here)",
    };
    compute::device_name(device) + why
}
