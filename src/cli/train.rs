//! `antiks train`: from a base and a file of examples to an adapter.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use candle_core::Device;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde_json::json;

use super::compute::{self, Compute};
use super::desk;
use super::error::CliError;
use crate::base::disk::OsDisk;
use crate::base::id::ContentHash;
use crate::base::world::{Stopwatch, World};
use crate::student::adapter::Adapter;
use crate::student::base::Base;
use crate::student::device;
use crate::student::model::Model;
use crate::student::prompt::Prompts;
use crate::student::target::Target;
use crate::train::data::{BadLines, Examples, Skipped};
use crate::train::encode::{EncodedExamples, encode};
use crate::train::folder::{Origin, Receipt, TRAINING_RECEIPT, TrainingFolder};
use crate::train::recipe::{Method, Recipe};
use crate::train::run::{StepReport, Training};
use crate::train::schedule::Schedule;

/// Train a base on examples.
///
/// The result is an adapter in PEFT's format, or with --method full a whole model. The
/// same command gives the same bytes on the same class of machine; stopped by Ctrl-C or by
/// a crash, it goes on with --resume as if nothing had happened.
#[derive(Args)]
pub struct Train {
    /// nano, a folder in Hugging Face layout, or an id in its cache such as
    /// mistralai/Mistral-7B-Instruct-v0.2
    #[arg(long, value_name = "BASE")]
    base: String,
    /// One JSON object a line: messages, conversations, instruction and output, or prompt
    /// and completion
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// A new folder for the result
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the training that was begun in --out
    #[arg(long)]
    resume: bool,
    /// Start from this adapter and not from a new one
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// What is trained
    #[arg(long, value_enum, default_value_t = MethodName::Lora)]
    method: MethodName,
    /// Rank of the adapter's matrices
    #[arg(long, default_value_t = 32, value_name = "NUMBER")]
    lora_rank: usize,
    /// The adapter's product is scaled by this over the rank [default: twice the rank]
    #[arg(long, value_name = "NUMBER")]
    lora_alpha: Option<f64>,
    /// The chance with which an input of the adapter is dropped
    #[arg(
        long,
        allow_negative_numbers = true,
        default_value_t = 0.0,
        value_name = "CHANCE"
    )]
    lora_dropout: f64,
    /// The layers that are adapted, such as q_proj,v_proj [default: all seven]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    lora_targets: Vec<String>,
    /// Passes over the examples
    #[arg(long, default_value_t = 3, value_name = "NUMBER")]
    epochs: usize,
    /// The highest learning rate
    #[arg(
        long,
        allow_negative_numbers = true,
        default_value_t = 2e-4,
        value_name = "RATE"
    )]
    learning_rate: f64,
    /// How it falls: cosine, linear or constant
    #[arg(long, default_value_t = Schedule::Cosine)]
    schedule: Schedule,
    /// Steps over which it rises, as a part of all
    #[arg(
        long,
        allow_negative_numbers = true,
        default_value_t = 0.03,
        value_name = "PART"
    )]
    warmup_ratio: f64,
    /// Examples that pass through the model together
    #[arg(long, default_value_t = 8, value_name = "NUMBER")]
    batch: usize,
    /// Batches for one step of the optimiser
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    accumulation: usize,
    /// AdamW's weight decay
    #[arg(
        long,
        allow_negative_numbers = true,
        default_value_t = 0.0,
        value_name = "RATE"
    )]
    weight_decay: f64,
    /// The norm that gradients are clipped to
    #[arg(
        long,
        allow_negative_numbers = true,
        default_value_t = 1.0,
        value_name = "NORM"
    )]
    max_grad_norm: f64,
    /// Longer examples are left out, and counted
    #[arg(long, default_value_t = 2048, value_name = "TOKENS")]
    max_tokens: usize,
    /// Make activations twice instead of keeping them: a third slower, far less memory,
    /// the same result
    #[arg(long)]
    recompute: bool,
    /// Where chance comes from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Pass over lines that are no examples, or none for this base, instead of refusing the
    /// file
    #[arg(long)]
    skip_bad_lines: bool,
    /// Keep a state to go on from after so many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    save_seconds: u64,
    #[command(flatten)]
    compute: Compute,
    /// Print a JSON object for each step and one at the end
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    /// An adapter beside the frozen base
    Lora,
    /// All weights of the base
    Full,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let world = World::system();
        let recipe = self.recipe()?;
        let device = self.compute.open()?;
        let base = desk::base(&self.base)?;
        let (encoded, parent) = self.read(&base, &recipe)?;
        let origin = Origin {
            base: base.id(),
            parent: parent.as_ref().map(|(_, hash)| *hash),
            examples: encoded.id(),
            recipe: recipe.clone(),
            device: device::name(&device).to_owned(),
        };
        let folder = match self.resume {
            true => TrainingFolder::open(&self.out, Arc::new(OsDisk))?,
            false => TrainingFolder::create(&self.out, Arc::new(OsDisk))?,
        };
        let model = Model::load(&base, recipe.adapter(base.name()).as_ref(), &device)?;
        let examples = encoded.examples.clone();
        let (mut training, mut steps) = match self.resume {
            true => {
                let (state, steps) = folder.newest(&origin, &device)?;
                (Training::resume(model, recipe, examples, state)?, steps)
            }
            false => {
                let parent = parent.as_ref().map(|(adapter, _)| adapter);
                let training = Training::new(model, recipe, examples, parent)?;
                folder.save(&origin, training.state(), &[])?;
                (training, Vec::new())
            }
        };
        self.tell(&encoded, &training, &device);
        compute::stop_on_interrupt()?;
        if !self.take_steps(&mut training, &mut steps, &folder, &origin)? {
            let command = "the same command with --resume goes on";
            eprintln!(
                "stopped after step {} of {}; {command}",
                steps.len(),
                training.steps()
            );
            return Ok(ExitCode::FAILURE);
        }
        self.finish(&base, &training, steps, folder, origin, &encoded, &world)
    }

    fn recipe(&self) -> Result<Recipe, CliError> {
        if let (MethodName::Full, Some(_)) = (self.method, &self.adapter) {
            return Err(CliError::Usage("--adapter is for --method lora".to_owned()));
        }
        let mut targets = std::collections::BTreeSet::new();
        for name in &self.lora_targets {
            targets.insert(Target::named(name).ok_or_else(|| {
                let names = Target::ALL.map(Target::name).join(", ");
                CliError::Usage(format!("--lora-targets: {name:?} is none of {names}"))
            })?);
        }
        let recipe = Recipe {
            method: match self.method {
                MethodName::Lora => Method::Lora,
                MethodName::Full => Method::Full,
            },
            lora_rank: self.lora_rank,
            lora_alpha: self.lora_alpha.unwrap_or(2.0 * self.lora_rank as f64),
            lora_dropout: self.lora_dropout,
            lora_targets: match targets.is_empty() {
                true => Target::ALL.into(),
                false => targets,
            },
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            warmup_ratio: self.warmup_ratio,
            weight_decay: self.weight_decay,
            max_grad_norm: self.max_grad_norm,
            epochs: self.epochs,
            micro_batch: self.batch,
            accumulation: self.accumulation,
            max_tokens: self.max_tokens,
            recompute: self.recompute,
            seed: self.seed,
            ..Recipe::default()
        };
        recipe.check()?;
        Ok(recipe)
    }

    /// The examples, and the adapter to start from with the hash of its weights.
    fn read(
        &self,
        base: &Base,
        recipe: &Recipe,
    ) -> Result<(EncodedExamples, Option<(Adapter, ContentHash)>), CliError> {
        let config = base.config()?;
        let bad_lines = match self.skip_bad_lines {
            true => BadLines::Skip,
            false => BadLines::Refuse,
        };
        let read = Examples::read(&self.data, bad_lines)?;
        tell_skipped("are no examples", &read.skipped);
        let prompts = Prompts::of(base, &config)?;
        let longest = recipe.max_tokens.min(config.max_positions());
        let encoded = encode(&self.data, &read.examples, &prompts, longest, bad_lines)?;
        tell_skipped("are no examples for this base", &encoded.skipped);
        if encoded.too_long > 0 {
            let count = encoded.too_long;
            eprintln!("{count} examples have more than {longest} tokens and are left out");
        }
        let parent = match &self.adapter {
            None => None,
            Some(path) => {
                let adapter = Adapter::read(path, &config)?;
                let hash = ContentHash::of(&adapter.to_bytes(&config)?.weights);
                Some((adapter, hash))
            }
        };
        Ok((encoded, parent))
    }

    fn tell(&self, encoded: &EncodedExamples, training: &Training, device: &Device) {
        let tokens: usize = encoded.examples.iter().map(|it| it.tokens.len()).sum();
        eprintln!(
            "{} examples of {} tokens on average, {} steps, {} parameters on {}",
            encoded.examples.len(),
            tokens / encoded.examples.len().max(1),
            training.steps(),
            compute::counted(training.parameters()),
            device::name(device),
        );
    }

    /// Takes all steps that are left; `false` if it was stopped.
    fn take_steps(
        &self,
        training: &mut Training,
        steps: &mut Vec<StepReport>,
        folder: &TrainingFolder,
        origin: &Origin,
    ) -> Result<bool, CliError> {
        let template = "{bar:30} step {pos}/{len}  {msg}  {eta} left";
        let bar = compute::progress_bar(training.steps() as u64, template);
        bar.set_position(steps.len() as u64);
        let (started, mut saved) = (Stopwatch::start(), Stopwatch::start());
        let mut tokens = 0;
        while let Some(report) = training.step()? {
            tokens += report.tokens;
            let speed = tokens as f64 / started.elapsed().as_secs_f64();
            let shown = self.show(&bar, &report, speed);
            steps.push(report);
            let is_last = steps.len() == training.steps();
            let stopped = compute::is_interrupted() && !is_last;
            let is_time = saved.elapsed().as_secs() >= self.save_seconds;
            if shown.is_err() || stopped || is_last || is_time {
                folder.save(origin, training.state(), steps)?;
                saved = Stopwatch::start();
            }
            shown?;
            if stopped {
                bar.abandon();
                return Ok(false);
            }
        }
        bar.finish_and_clear();
        Ok(true)
    }

    fn show(&self, bar: &ProgressBar, step: &StepReport, speed: f64) -> io::Result<()> {
        bar.set_message(format!("loss {:.4}  {speed:.0} tokens/s", step.loss));
        bar.set_position(step.step as u64);
        if self.json {
            let line = json!({ "step": step, "tokens_per_s": speed });
            writeln!(io::stdout().lock(), "{line}")?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn finish(
        &self,
        base: &Base,
        training: &Training,
        steps: Vec<StepReport>,
        folder: TrainingFolder,
        origin: Origin,
        encoded: &EncodedExamples,
        world: &World,
    ) -> Result<ExitCode, CliError> {
        let config = base.config()?;
        let hash = match training.layout().is_lora() {
            true => {
                let bytes = training.adapter()?.to_bytes(&config)?;
                folder.write("adapter_model.safetensors", &bytes.weights)?;
                folder.write("adapter_config.json", &bytes.config)?;
                ContentHash::of(&bytes.weights)
            }
            false => {
                let weights = training.model().to_safetensors()?;
                folder.write("model.safetensors", &weights)?;
                for (name, bytes) in base
                    .files()
                    .filter(|(name, _)| !name.contains("safetensors"))
                {
                    folder.write(name, bytes)?;
                }
                ContentHash::of(&weights)
            }
        };
        let (first, last) = (
            steps.first().map(|it| it.loss),
            steps.last().map(|it| it.loss),
        );
        let receipt = Receipt {
            origin,
            host: world.host().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            examples: encoded.examples.len(),
            too_long: encoded.too_long,
            weights: hash,
            steps,
        };
        folder.finish(TRAINING_RECEIPT, &receipt)?;
        let line = match self.json {
            true => json!({
                "done": true, "out": self.out, "weights": hash,
                "loss_first": first, "loss_last": last,
            })
            .to_string(),
            false => format!(
                "{}: loss {:.4} at first, {:.4} at last; weights {hash}",
                self.out.display(),
                first.unwrap_or(f64::NAN),
                last.unwrap_or(f64::NAN),
            ),
        };
        writeln!(io::stdout().lock(), "{line}")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tell_skipped(what: &str, skipped: &Skipped) {
    if skipped.count > 0 {
        eprintln!("{} lines {what} and are skipped:", skipped.count);
    }
    for line in &skipped.first {
        eprintln!("  {line}");
    }
}
