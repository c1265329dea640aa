//! The stages of a round as functions of what came before.
//!
//! **Invariant.** A stage reads the lake at most, and writes nothing: the loop commits what
//! it gives, replay compares it with what was committed.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};

use super::asked::{Asked, Occasion, OwnFile, draft_of};
use super::calls::CallIds;
use super::focus::Focus;
use super::history::{Entry, History};
use super::learn::{Learned, Material, Place, learn};
use super::mark::{Answered, answers, grades, verdicts};
use super::measure::{Measured, Suite, SuiteItem, evaluation, suite_hash};
use super::opinions::{Opinion, Opinions, Viewpoint, opinions};
use super::planted::{Ground, Planted, PlantedEvents, events, plant};
use super::practice::{Mistake, Practised, alone, practice};
use super::proposals::{Commission, Posed, pose};
use super::pupil::Pupil;
use super::report::{RoundError, Show};
use super::settings::Settings;
use super::suite::build;
use super::tutor::Chat;
use crate::base::id::{ContentHash, Id};
use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::event::answer::Answer;
use crate::event::challenge::Challenge;
use crate::event::checkpoint::Checkpoint;
use crate::event::envelope::event_id;
use crate::event::evaluation::Evaluation;
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::snapshot::Snapshot;
use crate::event::words::{Purpose, Start};
use crate::grading::Verdict;
use crate::grading::admission::Split;
use crate::lake::Lake;
use crate::nano::corpus::Corpus;
use crate::nano::document::{Kind, Turn};
use crate::query::Query;
use crate::query::materialise::TrainingSet;
use crate::query::session::Binding;
use crate::sandbox::Sandbox;
use crate::student::adapter::Adapter;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::proposer::{Proposal, Proposer, Source};

/// Where what is rehearsed comes from: not the corpus that the base was made of.
const REHEARSAL_SEED: u64 = 77;

/// Who asks the questions of suites, whoever asks those of a loop.
const GRAMMAR: &str = "offline";

/// What every stage of a run stands on.
pub struct Stages<'a> {
    /// Where SQL runs.
    pub sandbox: &'a Sandbox,
    /// The student.
    pub pupil: &'a Pupil,
    /// The run's settings.
    pub settings: Settings,
    /// The run's seed.
    pub seed: u64,
    /// The run.
    pub run_id: Id<RunStarted>,
    /// Who asks.
    pub teacher: String,
    /// The user's file, if questions are over it.
    pub own: Option<OwnFile>,
}

/// A checkpoint that answers, with its adapter; none for the base.
pub type Incumbent<'a> = Option<(Id<Checkpoint>, &'a Adapter)>;

/// The frozen suite of a run's seed, before the run has an id.
///
/// # Errors
/// The sandbox can't run.
pub fn suite_items(
    sandbox: &Sandbox,
    seed: u64,
    name: &str,
    items: usize,
    own: Option<&OwnFile>,
    show: &mut dyn Show,
) -> Result<(Vec<super::suite::Item>, ContentHash), RoundError> {
    let seed = Random::new(seed, &["suite", name]).seed();
    let own = own.map(|it| Arc::clone(&it.schema));
    let items = build(sandbox, seed, own, |_, _| items, || show.advance(""))?;
    let hash = suite_hash(&items);
    Ok((items, hash))
}

impl Stages<'_> {
    /// A suite's items as questions of this run.
    pub fn suite(&self, name: &'static str, items: Vec<super::suite::Item>) -> Suite {
        let about = items.iter().map(SuiteItem::from).collect();
        let proposals = items.into_iter().map(|it| it.proposal).collect();
        let occasion = self.occasion(0, Purpose::Eval);
        Suite {
            name,
            items: about,
            asked: Asked::all(proposals, occasion, 0),
        }
    }

    fn occasion(&self, iteration: u32, purpose: Purpose) -> Occasion<'_> {
        Occasion {
            run_id: self.run_id,
            iteration,
            purpose,
            teacher: match purpose {
                Purpose::Eval => GRAMMAR,
                _ => &self.teacher,
            },
            own: self.own.as_ref(),
        }
    }

    /// What is to be asked in an iteration: nothing that was asked before, mostly about what
    /// was answered wrong. `teacher` is the chat teacher, if the run has one.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn propose(
        &self,
        iteration: u32,
        before: &History,
        teacher: Option<&ChatTeacher>,
        show: &mut dyn Show,
    ) -> Result<Posed, RoundError> {
        let Some((teacher, chat)) = teacher.zip(self.settings.teacher.as_ref()) else {
            let proposals = self.by_grammar(iteration, before, show)?.into_iter();
            return Ok(Posed {
                proposals: proposals.map(|it| (it, None)).collect(),
                ..Posed::default()
            });
        };
        let commission = Commission {
            sandbox: self.sandbox,
            chat,
            seed: self.seed,
            iteration,
            wanted: self.settings.challenges,
            own: self.own.as_ref(),
            before,
        };
        pose(teacher, commission, show)
    }

    /// What is to be asked, as questions of this run; `calls` are the events of the calls that
    /// they came from.
    pub fn asked(&self, posed: Posed, iteration: u32, calls: &CallIds) -> Vec<Asked> {
        let proposals = posed.proposals.into_iter().map(|(proposal, request)| {
            let call = request.and_then(|it| calls.get(&it).copied());
            (proposal, call)
        });
        Asked::called(proposals, self.occasion(iteration, Purpose::Train), 0)
    }

    fn by_grammar(
        &self,
        iteration: u32,
        before: &History,
        show: &mut dyn Show,
    ) -> Result<Vec<Proposal>, RoundError> {
        let focus = Focus::before(before, iteration);
        let mut sources = vec![Source::Generated];
        if let Some(own) = &self.own {
            sources.insert(0, Source::Own(Arc::clone(&own.schema)));
        }
        let wanted = self.settings.challenges;
        let mut proposals = Vec::new();
        let round = iteration.to_string();
        // A database of one's own gives only so many questions: others take their place.
        for (place, source) in sources.into_iter().enumerate() {
            let path = ["challenges", &round, &place.to_string()];
            let seed = Random::new(self.seed, &path).seed();
            let mut proposer = Proposer::new(self.sandbox, source, Split::Training, seed);
            for (at, _, challenge) in &before.challenges {
                if *at < iteration && challenge.purpose == Purpose::Train {
                    proposer.remember(challenge.signature_hash, &challenge.question);
                }
            }
            let missing = wanted - proposals.len();
            let wish = |random: &mut Random| focus.wish(random);
            proposals.extend(proposer.propose(missing, &wish, |_| show.advance(""))?);
        }
        Ok(proposals)
    }

    fn ground(&self, chat: &Chat, iteration: u32) -> Ground<'_> {
        Ground {
            sandbox: self.sandbox,
            run_id: self.run_id,
            base_hash: self.pupil.base().id(),
            seed: self.seed,
            iteration,
            count: chat.sentinels,
            shows_values: chat.may_show_values(self.own.as_ref()),
        }
    }

    /// Answers that are planted to test the chat teacher as a judge, with what it says.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn plant(
        &self,
        teacher: (&ChatTeacher, &Chat),
        asked: &[Asked],
        iteration: u32,
        show: &mut dyn Show,
    ) -> Result<Vec<Planted>, RoundError> {
        let (teacher, chat) = teacher;
        plant(teacher, self.ground(chat, iteration), asked, show)
    }

    /// Planted answers as events.
    pub fn planted(
        &self,
        chat: &Chat,
        asked: &[Asked],
        planted: &[Planted],
        iteration: u32,
        calls: &CallIds,
    ) -> PlantedEvents {
        events(self.ground(chat, iteration), asked, planted, calls)
    }

    /// What a checkpoint answers.
    ///
    /// # Errors
    /// What the student says.
    pub fn answer(
        &self,
        asked: &[Asked],
        incumbent: Incumbent<'_>,
        purpose: Purpose,
        show: &mut dyn Show,
    ) -> Result<Answered, RoundError> {
        let model = self.pupil.model(incumbent.map(|(_, adapter)| adapter))?;
        let questions: Vec<(&Schema, &str)> = asked
            .iter()
            .map(|it| (&*it.proposal.schema, it.challenge.question.as_str()))
            .collect();
        let said = self.pupil.answer(&model, &questions, || show.advance(""))?;
        let checkpoint = incumbent.map(|(id, _)| id);
        Ok(answers(asked, &said, checkpoint, self.run_id, purpose))
    }

    /// The verdicts on answers: what their execution shows.
    ///
    /// # Errors
    /// The sandbox can't run.
    pub fn examine(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        show: &mut dyn Show,
    ) -> Result<Vec<Verdict>, RoundError> {
        let verdicts = verdicts(self.sandbox, asked, answers)?;
        verdicts.iter().for_each(|_| show.advance(""));
        Ok(verdicts)
    }

    /// What the chat teacher says of answers that were executed.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn consult(
        &self,
        teacher: (&ChatTeacher, &Chat),
        asked: &[Asked],
        answers: (&[Answer], &[Verdict]),
        show: &mut dyn Show,
    ) -> Result<Opinions, RoundError> {
        let (teacher, chat) = teacher;
        let viewpoint = Viewpoint {
            sandbox: self.sandbox,
            threshold: self.settings.threshold,
            shows_values: chat.may_show_values(self.own.as_ref()),
        };
        opinions(teacher, viewpoint, asked, answers, show)
    }

    /// The grades of answers by verdicts and opinions.
    pub fn mark(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        iteration: u32,
        verdicts: Vec<Verdict>,
        opinions: (&[Opinion], &CallIds),
    ) -> Vec<Grade> {
        grades(asked, answers, iteration, verdicts, opinions)
    }

    /// The grades of answers by their execution alone.
    ///
    /// # Errors
    /// The sandbox can't run.
    pub fn grade(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        iteration: u32,
        show: &mut dyn Show,
    ) -> Result<Vec<Grade>, RoundError> {
        let verdicts = self.examine(asked, answers, show)?;
        let nobody = (&[][..], &CallIds::new());
        Ok(self.mark(asked, answers, iteration, verdicts, nobody))
    }

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
        incumbent: Incumbent<'_>,
        on_step: impl FnMut(usize, usize, f64) -> bool,
    ) -> Result<Option<Learned>, RoundError> {
        let mut recipe = self.settings.recipe.clone();
        let path = ["training", &iteration.to_string()];
        recipe.seed = Random::new(self.seed, &path).seed();
        let place = Place {
            run_id: self.run_id,
            iteration,
            snapshot_id,
            file_hash,
            parent: incumbent.filter(|_| self.settings.start == Start::Parent),
        };
        let recipe = (&recipe, self.settings.average);
        learn(self.pupil, recipe, material, &place, on_step)
    }

    /// The figures of a checkpoint's grades on a suite.
    pub fn evaluate(
        &self,
        suite: &Suite,
        suite_hash: ContentHash,
        grades: &[Grade],
        iteration: u32,
        checkpoint_id: Option<Id<Checkpoint>>,
        opened_before: Option<i64>,
    ) -> Evaluation {
        let mut scratch = Vec::new();
        let grades: Vec<(Id<Grade>, &Grade)> = grades
            .iter()
            .map(|it| (event_id(iteration, it, &mut scratch), it))
            .collect();
        let measured = Measured {
            run_id: self.run_id,
            checkpoint_id,
            base_hash: self.pupil.base().id(),
            opened_before,
        };
        evaluation(suite, suite_hash, &grades, measured)
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
