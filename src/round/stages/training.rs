//! What is selected, what is practised of it, and what is learned.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};

use super::super::asked::draft_of;
use super::super::focus::Focus;
use super::super::history::{Entry, History};
use super::super::learn::{Learned, Material, Place, learn};
use super::super::practice::{Mistake, Practised, alone, practice};
use super::super::report::RoundError;
use super::{Answering, Stages};
use crate::base::id::{ContentHash, Id};
use crate::base::seed::Random;
use crate::event::challenge::Challenge;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::words::Start;
use crate::lake::Lake;
use crate::nano::corpus::Corpus;
use crate::nano::document::{Kind, Turn};
use crate::query::Query;
use crate::query::materialise::TrainingSet;
use crate::query::session::Binding;

/// Where what is rehearsed comes from: not the corpus that the base was made of.
const REHEARSAL_SEED: u64 = 77;

impl Stages<'_> {
    /// The training set of an iteration of a run: of this one, or of the one that it forks.
    ///
    /// # Errors
    /// What the query says.
    pub async fn select(
        &self,
        lake: &Lake,
        query: &Query,
        iteration: u32,
        run_id: Id<RunStarted>,
    ) -> Result<TrainingSet, RoundError> {
        let wanted = |name: &str| query.parameters.iter().any(|it| it.name == name);
        let given: Vec<(String, String)> = [
            ("threshold", self.settings.threshold.to_string()),
            ("iteration", iteration.to_string()),
            ("run", run_id.to_string()),
        ]
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let bindings: Vec<Binding> = query.bind(&given)?;
        Ok(TrainingSet::select(lake, query, &bindings).await?)
    }

    /// What is trained on: siblings of the selected mistakes, and what is rehearsed.
    ///
    /// # Errors
    /// What the lake and the tokenizer say.
    pub fn material(
        &self,
        lake: &Lake,
        history: &History,
        rows: &RecordBatch,
        iteration: u32,
    ) -> Result<Material, RoundError> {
        let selected = selected(rows)?;
        let by_id: HashMap<Id<Challenge>, &Entry<Challenge>> =
            history.challenges.iter().map(|it| (it.1, it)).collect();
        let (mut mistakes, mut grades, mut lessons) = (Vec::new(), Vec::new(), Vec::new());
        let mut plain = Vec::new();
        let focus = Focus::before(history, iteration + 1);
        for (grade, challenge_id, correction) in selected {
            let Some((at, _, challenge)) = by_id.get(&challenge_id) else {
                let what =
                    format!("the training set names a challenge {challenge_id} of another run");
                return Err(RoundError::Refused(what));
            };
            let schema = history.schema(lake, challenge.database_id);
            let Some(schema) = schema else { continue };
            match draft_of(challenge, &schema) {
                Some(draft) => {
                    let need = draft.intent.as_deref().map_or(1.0, |it| focus.need(it));
                    mistakes.push(Mistake {
                        iteration: *at,
                        draft,
                        need,
                    });
                    grades.push(grade);
                }
                None => plain.push((grade, schema, challenge.question.clone(), correction)),
            }
        }
        let corpus = Corpus::new(REHEARSAL_SEED);
        let practised = Practised {
            policy: self.settings.practice,
            corpus: &corpus,
            own: self.own.as_ref().map(|it| &it.schema),
            seed: self.seed,
        };
        lessons.extend(practice(&mistakes, iteration, practised));
        // What no grammar made has no siblings: it is practised as it is.
        for (grade, schema, question, sql) in plain {
            grades.push(grade);
            let turn = Turn {
                kind: Kind::Question,
                question,
                sql,
            };
            let place = grades.len() - 1;
            lessons.push(alone(Arc::new(schema), turn, place, iteration, practised));
        }
        Material::of(
            &lessons,
            &grades,
            self.pupil,
            self.settings.recipe.max_tokens,
        )
    }

    /// Trains in an iteration; nothing if it was stopped.
    ///
    /// # Errors
    /// What the student and the device say.
    pub fn train(
        &self,
        material: &Material,
        iteration: u32,
        snapshot_id: Option<Id<Snapshot>>,
        file_hash: Option<ContentHash>,
        learner: Answering<'_>,
        on_step: impl FnMut(usize, usize, f64) -> bool,
    ) -> Result<Option<Learned>, RoundError> {
        let mut recipe = self.settings.recipe.clone();
        let path = ["training", &iteration.to_string()];
        recipe.seed = Random::new(self.seed, &path).seed();
        // One by one: what `powi` gives may differ between compilers.
        for _ in 1..iteration {
            recipe.learning_rate *= self.settings.decay;
        }
        let parent = learner.filter(|_| self.settings.start == Start::Parent);
        if parent.is_none() {
            recipe.learning_rate *= self.settings.first_rate;
        }
        let place = Place {
            run_id: self.run_id,
            iteration,
            snapshot_id,
            file_hash,
            parent,
        };
        let recipe = (&recipe, self.settings.average);
        learn(self.pupil, recipe, material, &place, on_step)
    }
}

/// A row of a training set: the grade, the question, and what is right.
type Selected = (Id<Grade>, Id<Challenge>, String);

fn selected(rows: &RecordBatch) -> Result<Vec<Selected>, RoundError> {
    let hashes = |name: &str| {
        let column = rows.column_by_name(name)?.as_fixed_size_binary_opt()?;
        let ids = column.iter().map(|it| <[u8; 32]>::try_from(it?).ok());
        ids.collect::<Option<Vec<_>>>()
    };
    let texts = |name: &str| {
        let column = rows.column_by_name(name)?;
        let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok()?;
        let texts = column.as_string_opt::<i32>()?.iter();
        texts
            .map(|it| it.map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    };
    let (Some(grades), Some(challenges), Some(corrections)) = (
        hashes("grade_id"),
        hashes("challenge_id"),
        texts("correction_sql"),
    ) else {
        let what = "a query for training sets must give the columns grade_id, challenge_id and \
                    correction_sql, none of them NULL";
        return Err(RoundError::Refused(what.to_owned()));
    };
    let rows = grades.into_iter().zip(challenges).zip(corrections);
    Ok(rows
        .map(|((grade, challenge), sql)| (Id::new(grade), Id::new(challenge), sql))
        .collect())
}
