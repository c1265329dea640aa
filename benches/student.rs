//! What the student costs: each subcommand prints one line of JSON.
//!
//! `cargo bench --bench student` alone runs the CPU ones in small. The `gpu` ones need a
//! binary with CUDA; their weights are random and made on the device.
#![allow(missing_docs)]
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use antiks::base::id::ContentHash;
use antiks::base::seed::Random;
use antiks::base::world::Stopwatch;
use antiks::student::base::Base;
use antiks::student::config::Config;
use antiks::student::decode::{Sampling, Settings, generate};
use antiks::student::device::DeviceChoice;
use antiks::student::error::StudentError;
use antiks::student::model::{Model, Source};
use antiks::train::example::TokenExample;
use antiks::train::recipe::Recipe;
use antiks::train::run::Training;
use candle_core::{DType, Device, Tensor};
use clap::{Parser, Subcommand};
use serde_json::{Value as Json, json};

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, global = true, hide = true)]
    bench: bool,
    /// Threads on the CPU
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// LoRA steps of 8 examples of 226 tokens on the base in this folder, on the CPU
    Train { base: PathBuf },
    /// 64 new tokens for 32 prompts of 128, on the CPU
    Decode { base: PathBuf },
    /// LoRA steps of 8 examples of 512 tokens at the shape of Mistral-7B
    GpuTrain {
        #[arg(long)]
        recompute: bool,
    },
    /// 500 examples of 100 to 800 tokens, three epochs, from the start of the process
    GpuRagged,
    /// 256 new tokens behind prompts of 256, with the adapter's products
    GpuDecode {
        #[arg(long)]
        batch: usize,
        /// Without an adapter
        #[arg(long)]
        bare: bool,
    },
    /// The same training twice: the hashes of both adapters
    GpuRepeat,
    /// What products and copies reach: TFLOP/s of bf16 8192³, and TB/s
    GpuCeilings,
}

fn main() {
    let started = Stopwatch::start();
    let arguments = Arguments::parse();
    let threads = arguments.threads;
    antiks::base::world::hold_memory();
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    let line = match &arguments.task {
        Some(Task::Train { base }) => train_on_cpu(load(base, true), threads, 4),
        Some(Task::Decode { base }) => decode_on_cpu(&load(base, false), threads),
        Some(Task::GpuTrain { recompute }) => gpu_train(*recompute),
        Some(Task::GpuRagged) => gpu_ragged(started),
        Some(Task::GpuDecode { batch, bare }) => gpu_decode(*batch, *bare),
        Some(Task::GpuRepeat) => gpu_repeat(),
        Some(Task::GpuCeilings) => gpu_ceilings(),
        None => {
            let small = small_config();
            println!(
                "{}",
                train_on_cpu(random_model(&small, true, &Device::Cpu), threads, 1)
            );
            decode_on_cpu(&random_model(&small, false, &Device::Cpu), threads)
        }
    };
    println!("{line}");
}

fn load(base: &Path, adapted: bool) -> Model {
    let base = Base::open(base).unwrap();
    let lora = adapted.then(|| Recipe::default().adapter("").unwrap());
    Model::load(&base, lora.as_ref(), &Device::Cpu).unwrap()
}

fn config(text: Json) -> Config {
    Config::parse(Path::new("config.json"), text.to_string().as_bytes()).unwrap()
}

fn small_config() -> Config {
    config(json!({
        "model_type": "mistral", "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 2,
        "vocab_size": 2048, "max_position_embeddings": 512, "tie_word_embeddings": true,
    }))
}

fn mistral_config() -> Config {
    config(json!({
        "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "vocab_size": 32000, "max_position_embeddings": 32768, "rope_theta": 1e6,
        "sliding_window": null,
    }))
}

/// Weights by chance, made on the device.
struct Chance<'a>(&'a Device, DType);

impl Source for Chance<'_> {
    fn matrix(
        &mut self,
        names: &[(String, usize)],
        columns: usize,
        spare: usize,
    ) -> Result<Tensor, StudentError> {
        let rows: usize = names.iter().map(|(_, rows)| rows).sum();
        let weights = Tensor::randn(0f32, 0.02, (rows, columns), self.0)?.to_dtype(self.1)?;
        match spare {
            0 => Ok(weights),
            _ => Ok(weights.pad_with_zeros(1, 0, spare)?),
        }
    }

    fn vector(&mut self, _: &str, len: usize) -> Result<Tensor, StudentError> {
        Ok(Tensor::ones(len, self.1, self.0)?)
    }
}

fn random_model(config: &Config, adapted: bool, device: &Device) -> Model {
    let lora = adapted.then(|| Recipe::default().adapter("").unwrap());
    let dtype = if device.is_cuda() {
        DType::BF16
    } else {
        DType::F32
    };
    let mut source = Chance(device, dtype);
    Model::build(config.clone(), lora.as_ref(), device, &mut source).unwrap()
}

/// Examples of these lengths; the last `learned` tokens of each are learned, or all.
fn examples(lens: &[usize], learned: usize, vocabulary: usize) -> Vec<TokenExample> {
    let mut random = Random::new(1, &["bench"]);
    let example = |len: &usize| {
        let tokens: Vec<u32> = (0..*len).map(|_| random.below(vocabulary) as u32).collect();
        let id = ContentHash::of(
            &tokens
                .iter()
                .flat_map(|it| it.to_le_bytes())
                .collect::<Vec<_>>(),
        );
        TokenExample::new(id, tokens, len.saturating_sub(learned))
    };
    lens.iter().map(example).collect()
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn train_on_cpu(model: Model, threads: usize, epochs: usize) -> Json {
    const STEPS_PER_EPOCH: usize = 4;
    // 227, of which the last is only learned: 226 are read.
    let examples = examples(&[227; 8 * STEPS_PER_EPOCH], 47, model.config.vocab_size);
    let recipe = Recipe {
        epochs: epochs + 1,
        ..Recipe::default()
    };
    let mut training = Training::new(model, recipe, examples, None).unwrap();
    for _ in 0..STEPS_PER_EPOCH {
        training.step().unwrap();
    }
    let (watch, mut tokens, mut steps) = (Stopwatch::start(), 0, 0);
    while let Some(step) = training.step().unwrap() {
        (tokens, steps) = (tokens + step.tokens, steps + 1);
    }
    let seconds = watch.elapsed().as_secs_f64();
    json!({
        "task": "train", "tokens_per_s": tokens as f64 / seconds, "peak_rss_mb": peak_rss_mb(),
        "threads": threads, "steps": steps,
    })
}

fn settings(new_tokens: usize, batch_rows: usize) -> Settings {
    Settings {
        sampling: Sampling::Greedy,
        max_new_tokens: new_tokens,
        stop_tokens: Vec::new(),
        batch_rows,
        logprobs: false,
    }
}

fn prompts(count: usize, len: usize, vocabulary: usize) -> Vec<Vec<u32>> {
    examples(&vec![len; count], len, vocabulary)
        .into_iter()
        .map(|it| it.tokens)
        .collect()
}

fn decode_on_cpu(model: &Model, threads: usize) -> Json {
    let prompts = prompts(32, 128, model.config.vocab_size);
    generate(model, &prompts[..4], &settings(2, 4), &mut |_, _| {}).unwrap();
    let watch = Stopwatch::start();
    let answers = generate(model, &prompts, &settings(64, 32), &mut |_, _| {}).unwrap();
    let tokens: usize = answers.iter().map(|it| it.tokens.len()).sum();
    json!({
        "task": "decode", "new_tokens_per_s": tokens as f64 / watch.elapsed().as_secs_f64(),
        "peak_rss_mb": peak_rss_mb(), "threads": threads,
    })
}

fn gpu() -> Device {
    DeviceChoice::Cuda.open().unwrap()
}

#[cfg(feature = "cuda")]
fn peak_gb(device: &Device) -> f64 {
    antiks::ops::cuda::memory(device).unwrap().peak_bytes as f64 / 1e9
}

#[cfg(not(feature = "cuda"))]
fn peak_gb(_: &Device) -> f64 {
    f64::NAN
}

fn gpu_train(recompute: bool) -> Json {
    let device = gpu();
    let model = random_model(&mistral_config(), true, &device);
    let examples = examples(&[513; 8], 512, 32_000);
    let recipe = Recipe {
        epochs: 13,
        recompute,
        ..Recipe::default()
    };
    let mut training = Training::new(model, recipe, examples, None).unwrap();
    for _ in 0..3 {
        training.step().unwrap();
    }
    device.synchronize().unwrap();
    let (watch, mut tokens, mut steps) = (Stopwatch::start(), 0, 0);
    while let Some(step) = training.step().unwrap() {
        (tokens, steps) = (tokens + step.tokens, steps + 1);
    }
    device.synchronize().unwrap();
    let seconds = watch.elapsed().as_secs_f64();
    json!({
        "task": "gpu-train", "tokens_per_s": tokens as f64 / seconds, "steps": steps,
        "recompute": recompute, "peak_gb": peak_gb(&device),
    })
}

fn gpu_ragged(started: Stopwatch) -> Json {
    let device = gpu();
    let model = random_model(&mistral_config(), true, &device);
    let mut random = Random::new(7, &["ragged"]);
    let lens: Vec<usize> = (0..500)
        .map(|_| random.between(100, 800) as usize)
        .collect();
    let examples = examples(&lens, 800, 32_000);
    let mut training = Training::new(model, Recipe::default(), examples, None).unwrap();
    let ready = started.elapsed().as_secs_f64();
    let mut tokens = 0;
    while let Some(step) = training.step().unwrap() {
        tokens += step.tokens;
    }
    training.adapter().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    json!({
        "task": "gpu-ragged", "useful_tokens_per_s": tokens as f64 / (seconds - ready),
        "seconds": seconds, "start_seconds": ready, "tokens": tokens, "peak_gb": peak_gb(&device),
    })
}

fn gpu_decode(batch: usize, bare: bool) -> Json {
    let device = gpu();
    let model = random_model(&mistral_config(), !bare, &device);
    let prompts = prompts(batch, 256, 32_000);
    generate(&model, &prompts, &settings(4, batch), &mut |_, _| {}).unwrap();
    let watch = Stopwatch::start();
    let answers = generate(&model, &prompts, &settings(256, batch), &mut |_, _| {}).unwrap();
    let tokens: usize = answers.iter().map(|it| it.tokens.len()).sum();
    json!({
        "task": "gpu-decode", "batch": batch, "adapter": !bare, "peak_gb": peak_gb(&device),
        "new_tokens_per_s": tokens as f64 / watch.elapsed().as_secs_f64(),
    })
}

fn gpu_repeat() -> Json {
    let device = gpu();
    let hash = || {
        let mut shape = mistral_config();
        shape.num_hidden_layers = 4;
        device.set_seed(1).unwrap();
        let model = random_model(&shape, true, &device);
        let examples = examples(&[100, 513, 37, 800, 260, 77], 200, 32_000);
        let recipe = Recipe {
            epochs: 3,
            micro_batch: 2,
            learning_rate: 1e-3,
            ..Recipe::default()
        };
        let mut training = Training::new(model, recipe, examples, None).unwrap();
        while training.step().unwrap().is_some() {}
        ContentHash::of(
            &training
                .adapter()
                .unwrap()
                .to_bytes(&shape)
                .unwrap()
                .weights,
        )
    };
    let (first, second) = (hash(), hash());
    json!({ "task": "gpu-repeat", "identical": first == second, "first": first, "second": second })
}

fn gpu_ceilings() -> Json {
    let device = gpu();
    const SIDE: usize = 8192;
    let matrix = || {
        let it = Tensor::randn(0f32, 1.0, (SIDE, SIDE), &device).unwrap();
        it.to_dtype(DType::BF16).unwrap()
    };
    let (a, b) = (matrix(), matrix());
    let timed = |run: &dyn Fn()| {
        for _ in 0..3 {
            run();
        }
        device.synchronize().unwrap();
        let watch = Stopwatch::start();
        for _ in 0..20 {
            run();
        }
        device.synchronize().unwrap();
        watch.elapsed().as_secs_f64() / 20.0
    };
    let turned = b.t().unwrap();
    let straight = timed(&|| drop(antiks::ops::matmul(&a, &b).unwrap()));
    let across = timed(&|| drop(antiks::ops::matmul(&a, &turned).unwrap()));
    let large = Tensor::zeros(1 << 30, DType::BF16, &device).unwrap();
    let copied = timed(&|| drop(large.copy().unwrap()));
    let flop = 2.0 * (SIDE as f64).powi(3);
    json!({
        "task": "gpu-ceilings", "matmul_tflops": flop / straight / 1e12,
        "matmul_transposed_tflops": flop / across / 1e12,
        "copy_tb_per_s": 2.0 * 2.0 * f64::from(1u32 << 30) / copied / 1e12,
    })
}
