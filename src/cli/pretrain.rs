//! `antiks pretrain`, hidden: makes the embedded base.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::compute::{self, Compute};
use super::error::CliError;
use crate::base::disk::OsDisk;
use crate::base::world::{Stopwatch, World};
use crate::nano::pretrain::{Plan, PretrainError, Receipt, begin, card, prepare};
use crate::student::device;
use crate::train::folder::{BASE_RECEIPT, Origin, TrainingFolder};

/// Make the embedded base: corpus, tokenizer, weights.
///
/// The corpus comes from the offline teacher's grammar, without the questions of withheld
/// intents, held-out phrasings and evaluation families. The same command makes the same
/// bytes on the same class of machine.
#[derive(Args)]
pub struct Pretrain {
    /// A new folder for the base
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the pretraining that was begun in --out
    #[arg(long)]
    resume: bool,
    /// Questions and statements that are read, each once
    #[arg(long, default_value_t = 5_200_000, value_name = "NUMBER")]
    turns: usize,
    /// Where chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep a state to go on from after so many seconds
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    save_seconds: u64,
    #[command(flatten)]
    compute: Compute,
}

impl Pretrain {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let world = World::system();
        let device = self.compute.open()?;
        let plan = Plan::new(self.seed, self.turns);
        let watch = Stopwatch::start();
        let bar = compute::progress_bar(self.turns as u64, "{bar:30} {pos} questions  {eta} left");
        let prepared = prepare(&plan, |more| bar.inc(more as u64))?;
        bar.finish_and_clear();
        let corpus_seconds = watch.elapsed().as_secs_f64();
        let record = prepared.record.clone();
        eprintln!(
            "{} documents of {} tokens in {corpus_seconds:.0} s, corpus {}",
            prepared.examples.len(),
            record.tokens / prepared.examples.len().max(1),
            record.blake3,
        );
        let origin = Origin {
            base: prepared.id(),
            parent: None,
            examples: record.examples,
            recipe: plan.recipe.clone(),
            device: device::name(&device).to_owned(),
        };
        let folder = match self.resume {
            true => TrainingFolder::open(&self.out, Arc::new(OsDisk))?,
            false => TrainingFolder::create(&self.out, Arc::new(OsDisk))?,
        };
        let state = match self.resume {
            true => Some(folder.newest(&origin, &device)?),
            false => None,
        };
        let (state, mut steps) =
            state.map_or((None, Vec::new()), |(state, steps)| (Some(state), steps));
        let mut training = begin(&plan, &prepared.config, prepared.examples, state, &device)?;
        compute::stop_on_interrupt()?;
        let template = "{bar:30} step {pos}/{len}  {msg}  {eta} left";
        let bar = compute::progress_bar(training.steps() as u64, template);
        let (started, mut saved, mut tokens) = (Stopwatch::start(), Stopwatch::start(), 0);
        while let Some(step) = training.step()? {
            tokens += step.tokens;
            let speed = tokens as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("loss {:.4}  {speed:.0} tokens/s", step.loss));
            bar.set_position(step.step as u64);
            steps.push(step);
            let stopped = compute::is_interrupted();
            if stopped || saved.elapsed().as_secs() >= self.save_seconds {
                folder.save(&origin, training.state(), &steps)?;
                saved = Stopwatch::start();
            }
            if stopped {
                bar.abandon();
                eprintln!(
                    "stopped after step {} of {}; --resume goes on",
                    steps.len(),
                    training.steps()
                );
                return Ok(ExitCode::FAILURE);
            }
        }
        bar.finish_and_clear();
        let mut files = prepared.files;
        files.push(("model.safetensors", training.model().to_safetensors()?));
        let mut receipt = Receipt::new(&plan, record, &files);
        receipt.device = compute::device_name(&device);
        receipt.host = world.host().to_owned();
        receipt.seconds = [corpus_seconds, started.elapsed().as_secs_f64()];
        receipt.keep_losses(&steps);
        files.push(("README.md", card(&receipt).into_bytes()));
        for (name, bytes) in &files {
            folder.write(name, bytes)?;
        }
        folder.finish(BASE_RECEIPT, &receipt)?;
        let loss = steps.last().map_or(f64::NAN, |it| it.loss);
        writeln!(
            io::stdout().lock(),
            "{}: loss {loss:.4}",
            self.out.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

impl From<PretrainError> for CliError {
    fn from(error: PretrainError) -> Self {
        Self::failure(error.to_string())
    }
}
