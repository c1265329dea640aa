//! From lessons to a checkpoint, with an event for every step.
//!
//! **Invariant.** The same lessons, recipe and parent give the same events on the same
//! class of machine.

use candle_core::Tensor;
use serde_json::json;

use super::practice::Lesson;
use super::pupil::Pupil;
use super::report::RoundError;
use crate::base::id::{BlobHash, ContentHash, Id};
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::training_started::{Recipe as RecipeFields, TrainingStarted};
use crate::event::training_step::TrainingStep;
use crate::event::words::Start;
use crate::nano::document::Turn;
use crate::student::adapter::{Adapter, AdapterBytes};
use crate::student::message::Message;
use crate::train::example::TokenExample;
use crate::train::recipe::{Method, Recipe};
use crate::train::run::Training;

/// What a training reads.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The lessons as tokens.
    pub examples: Vec<TokenExample>,
    /// The same as text, one JSON object a line: `messages`, in `grade_ids` the grade of the
    /// mistake that the answer is a sibling of, or null, and the number of its `lesson`, whose
    /// texts are joined.
    pub text: Vec<u8>,
    /// Answers that are left out, as even alone the student can't read so far.
    pub too_long: usize,
}

/// A chat to learn from.
#[derive(Clone, Debug)]
pub struct Text {
    /// It, up to the answer that is learned.
    pub messages: Vec<Message>,
    /// The grade of the mistake that it is a sibling of, if it is one.
    pub grade: Option<Id<Grade>>,
}

impl Material {
    /// Lessons as a student reads them; `grades` are those of the mistakes, by place.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn of(
        lessons: &[Lesson],
        grades: &[Id<Grade>],
        pupil: &Pupil,
        max_tokens: usize,
    ) -> Result<Self, RoundError> {
        let mut material = Self::default();
        for lesson in lessons {
            let text = |(turn, place): &(Turn, Option<usize>)| Text {
                messages: vec![
                    pupil.ask(&lesson.schema, &turn.question),
                    Message::assistant(turn.sql.as_str()),
                ],
                grade: place.and_then(|it| grades.get(it).copied()),
            };
            let texts: Vec<Text> = lesson.turns.iter().map(text).collect();
            material.add(&texts, pupil, max_tokens)?;
        }
        Ok(material)
    }

    /// Adds chats as one lesson. The last turn of each is learned.
    ///
    /// # Errors
    /// What the template and the tokenizer say.
    pub fn add(
        &mut self,
        chats: &[Text],
        pupil: &Pupil,
        max_tokens: usize,
    ) -> Result<(), RoundError> {
        let longest = max_tokens.min(pupil.config().max_positions());
        let (mut texts, mut lines) = (Vec::with_capacity(chats.len()), Vec::new());
        for Text { messages, grade } in chats {
            let read = pupil.prompts().chat_example(messages)?;
            if read.ids.len() > longest {
                self.too_long += 1;
                continue;
            }
            let lesson = self.examples.len();
            let line = json!({ "messages": messages, "grade_ids": [grade], "lesson": lesson });
            let line = format!("{line}\n").into_bytes();
            let id = ContentHash::of(&line);
            texts.push(TokenExample::new(id, read.ids, read.prompt_len));
            lines.extend(line);
        }
        let joined = TokenExample::joined(ContentHash::of(&lines), &texts);
        self.examples.extend(joined);
        self.text.extend(lines);
        Ok(())
    }

    /// How many answers are learned.
    pub fn answers(&self) -> usize {
        self.examples.iter().map(|it| it.learned.len()).sum()
    }
}

/// Where a training stands.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The run.
    pub run_id: Id<RunStarted>,
    /// The iteration.
    pub iteration: u32,
    /// The training set that the lessons were made from.
    pub snapshot_id: Option<Id<Snapshot>>,
    /// The user's file that they were made from.
    pub file_hash: Option<ContentHash>,
    /// The checkpoint that it starts from.
    pub parent: Option<(Id<Checkpoint>, &'a Adapter)>,
}

/// A training that was done.
pub struct Learned {
    /// How it began.
    pub started: TrainingStarted,
    /// Its steps.
    pub steps: Vec<TrainingStep>,
    /// What it made.
    pub checkpoint: Checkpoint,
    /// The adapter.
    pub adapter: Adapter,
    /// Its files.
    pub bytes: AdapterBytes,
}

/// Trains; the result is the mean over the last `average` of the steps. `on_step` is called
/// with the number of each step, the number of all, and its loss, and may end the training by
/// `false`: then there is no result.
///
/// # Errors
/// No examples, a loss that is not finite, and what the device says.
pub fn learn(
    pupil: &Pupil,
    (recipe, average): (&Recipe, f64),
    material: &Material,
    place: &Place<'_>,
    mut on_step: impl FnMut(usize, usize, f64) -> bool,
) -> Result<Option<Learned>, RoundError> {
    let shape = recipe.adapter(pupil.base().name());
    let model = crate::student::model::Model::load(pupil.base(), shape.as_ref(), pupil.device())?;
    let parent = place.parent.map(|(_, adapter)| adapter);
    let examples = material.examples.clone();
    let mut training = Training::new(model, recipe.clone(), examples, parent)?;
    let started = TrainingStarted {
        run_id: place.run_id,
        snapshot_id: place.snapshot_id,
        file_hash: place.file_hash,
        start: match place.parent {
            Some(_) => Start::Parent,
            None => Start::Base,
        },
        parent_checkpoint_id: place.parent.map(|(id, _)| id),
        base_hash: pupil.base().id(),
        recipe: fields(recipe, average, training.steps(), pupil),
        examples: material.examples.len() as i64,
        steps: training.steps() as i64,
        examples_blob: Some(BlobHash::of(&material.text)),
    };
    let training_id = event_id(place.iteration, &started, &mut Vec::new());
    let mut steps = Vec::with_capacity(training.steps());
    let first_averaged = training.steps() - (average * training.steps() as f64) as usize;
    let mut average = Average::default();
    while let Some(report) = training.step()? {
        if report.step > first_averaged {
            average.add(&training.state().parameters)?;
        }
        steps.push(TrainingStep {
            run_id: place.run_id,
            training_id,
            step: report.step as i64,
            epoch: report.epoch as i64,
            loss: report.loss,
            grad_norm: report.grad_norm,
            learning_rate: report.learning_rate,
            tokens: report.tokens as i64,
            loss_tokens: report.loss_tokens as i64,
            batch_hash: report.batch_hash,
        });
        if !on_step(report.step, training.steps(), report.loss) {
            return Ok(None);
        }
    }
    let adapter = match average.mean()? {
        Some(mean) => training.layout().to_adapter(&mean, training.model())?,
        None => training.adapter()?,
    };
    let bytes = adapter.to_bytes(pupil.config())?;
    let checkpoint = Checkpoint {
        run_id: place.run_id,
        training_id,
        step: steps.len() as i64,
        last: true,
        base_hash: pupil.base().id(),
        adapter_blob: BlobHash::of(&bytes.weights),
        config_blob: BlobHash::of(&bytes.config),
        optimizer_blob: None,
    };
    Ok(Some(Learned {
        started,
        steps,
        checkpoint,
        adapter,
        bytes,
    }))
}

/// The mean of parameters over steps: a step at the end of a short training is noise, their
/// mean is not (Polyak and Juditsky 1992).
#[derive(Default)]
struct Average {
    sum: Option<Tensor>,
    count: usize,
}

impl Average {
    fn add(&mut self, parameters: &Tensor) -> Result<(), RoundError> {
        self.sum = Some(match self.sum.take() {
            Some(sum) => (sum + parameters)?,
            // The training goes on in place.
            None => parameters.copy()?,
        });
        self.count += 1;
        Ok(())
    }

    fn mean(self) -> Result<Option<Tensor>, RoundError> {
        let count = self.count as f64;
        Ok(self.sum.map(|sum| sum / count).transpose()?)
    }
}

fn fields(recipe: &Recipe, average: f64, steps: usize, pupil: &Pupil) -> RecipeFields {
    let is_lora = recipe.method == Method::Lora;
    let mut targets: Vec<String> = recipe
        .lora_targets
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    targets.sort();
    RecipeFields {
        method: if is_lora { "lora" } else { "full" }.to_owned(),
        lora_rank: if is_lora { recipe.lora_rank as i64 } else { 0 },
        lora_alpha: recipe.lora_alpha,
        lora_dropout: recipe.lora_dropout,
        lora_targets: targets,
        learning_rate: recipe.learning_rate,
        schedule: recipe.schedule.to_string(),
        warmup_steps: (recipe.warmup_ratio * steps as f64).ceil() as i64,
        adam_beta1: recipe.adam_beta1,
        adam_beta2: recipe.adam_beta2,
        adam_epsilon: recipe.adam_epsilon,
        weight_decay: recipe.weight_decay,
        max_grad_norm: recipe.max_grad_norm,
        epochs: recipe.epochs as i64,
        micro_batch: recipe.micro_batch as i64,
        accumulation: recipe.accumulation as i64,
        max_tokens: recipe.max_tokens as i64,
        packed: true,
        seed: recipe.seed.cast_signed(),
        device: crate::student::device::name(pupil.device()).to_owned(),
        dtype: match pupil.device().is_cpu() {
            true => "f32",
            false => "bf16",
        }
        .to_owned(),
        average: (average > 0.0).then_some(average),
    }
}
