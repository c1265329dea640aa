//! Questions as events: what the lake keeps of a database and a challenge, so that both
//! can be made again.

use std::sync::Arc;

use crate::base::id::{BlobHash, ContentHash, Id};
use crate::database::generate;
use crate::database::import::schema_of_sample;
use crate::database::schema::Schema;
use crate::database::shape::shape_hash;
use crate::event::challenge::{Challenge, ReferenceResult};
use crate::event::database::{Database, DatabaseColumn, DatabaseReference, DatabaseTable};
use crate::event::envelope::event_id;
use crate::event::run_started::RunStarted;
use crate::event::teacher_call::TeacherCall;
use crate::event::words::Purpose;
use crate::grading::admission::{Admitted, TrialResult};
use crate::grading::instances::trials_again;
use crate::grading::{Task, Trial};
use crate::teacher::draft::{Category, Difficulty, Draft};
use crate::teacher::offline::{Wish, propose};
use crate::teacher::proposer::Proposal;

/// What makes generated databases, and its version.
const GENERATED: (&str, &str) = ("generated", "antiks.database.v1");
/// What makes instances of a user's file, and its version.
const IMPORTED: (&str, &str) = ("imported", "antiks.import.v1");

/// The user's own database file.
#[derive(Clone, Debug)]
pub struct OwnFile {
    /// Its tables.
    pub schema: Arc<Schema>,
    /// The hash of its bytes.
    pub file_hash: ContentHash,
    /// The sample that instances are drawn from.
    pub sample: Arc<String>,
}

/// A question with its two events.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question, and all that it is graded by.
    pub proposal: Proposal,
    /// The event of its database.
    pub database: Database,
    /// That event's id.
    pub database_id: Id<Database>,
    /// The event of the question.
    pub challenge: Challenge,
    /// That event's id.
    pub id: Id<Challenge>,
}

/// Where and what for questions are asked.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The run.
    pub run_id: Id<RunStarted>,
    /// The iteration, 0 for a suite's.
    pub iteration: u32,
    /// What for.
    pub purpose: Purpose,
    /// Who asks.
    pub teacher: &'a str,
    /// The user's file, if databases are not generated.
    pub own: Option<&'a OwnFile>,
}

impl Asked {
    /// The events of proposals, in their order from `first` on.
    pub fn all(proposals: Vec<Proposal>, occasion: Occasion<'_>, first: usize) -> Vec<Self> {
        let proposals = proposals.into_iter().map(|it| (it, None));
        Self::called(proposals, occasion, first)
    }

    /// The same for proposals that came from calls of a chat teacher.
    pub fn called(
        proposals: impl Iterator<Item = (Proposal, Option<Id<TeacherCall>>)>,
        occasion: Occasion<'_>,
        first: usize,
    ) -> Vec<Self> {
        proposals
            .enumerate()
            .map(|(place, (proposal, call))| Self::new(proposal, call, occasion, first + place))
            .collect()
    }

    fn new(
        proposal: Proposal,
        call: Option<Id<TeacherCall>>,
        occasion: Occasion<'_>,
        position: usize,
    ) -> Self {
        let mut scratch = Vec::new();
        let own = occasion.own.filter(|_| proposal.schema_seed.is_none());
        let database = database(&proposal, occasion.run_id, own);
        // A user's file is the same in every iteration.
        let iteration = if own.is_some() { 0 } else { occasion.iteration };
        let database_id = event_id(iteration, &database, &mut scratch);
        let challenge = Challenge {
            teacher_call_id: call,
            ..challenge(&proposal, database_id, occasion, position)
        };
        let id = event_id(occasion.iteration, &challenge, &mut scratch);
        Self {
            proposal,
            database,
            database_id,
            challenge,
            id,
        }
    }

    /// The iteration that the event of the database stands in.
    pub fn database_iteration(&self, iteration: u32) -> u32 {
        match self.database.seed {
            Some(_) => iteration,
            None => 0,
        }
    }
}

/// The sample of a user's file that an event of it refers to.
pub fn sample_blob(own: &OwnFile) -> BlobHash {
    BlobHash::of(own.sample.as_bytes())
}

fn database(proposal: &Proposal, run_id: Id<RunStarted>, own: Option<&OwnFile>) -> Database {
    let schema = &*proposal.schema;
    let (source, maker) = if own.is_some() { IMPORTED } else { GENERATED };
    Database {
        run_id: Some(run_id),
        name: schema.name.clone(),
        source: source.to_owned(),
        domain: schema.domain.clone(),
        maker: maker.to_owned(),
        seed: proposal.schema_seed.map(u64::cast_signed),
        file_hash: own.map(|it| it.file_hash),
        sample_blob: own.map(sample_blob),
        schema_sql: schema.create_sql(),
        shape_hash: ContentHash::new(shape_hash(schema)),
        tables: tables(schema),
        // Every question has instances of its own, which stand with it.
        instances: Vec::new(),
    }
}

fn tables(schema: &Schema) -> Vec<DatabaseTable> {
    let tables = schema.tables.iter();
    let table = tables.map(|table| DatabaseTable {
        name: table.name.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| DatabaseColumn {
                name: column.name.clone(),
                declared_type: column.declared_type.clone(),
                content: column.content.word().to_owned(),
                nullable: column.nullable,
                key_position: column.key_position.map(|it| it as i64),
            })
            .collect(),
        references: table
            .references
            .iter()
            .map(|reference| {
                let target = &schema.tables[reference.target_table];
                DatabaseReference {
                    columns: vec![table.columns[reference.column].name.clone()],
                    target_table: target.name.clone(),
                    target_columns: vec![target.columns[reference.target_column].name.clone()],
                    declared: reference.declared,
                }
            })
            .collect(),
    });
    table.collect()
}

fn challenge(
    proposal: &Proposal,
    database_id: Id<Database>,
    occasion: Occasion<'_>,
    position: usize,
) -> Challenge {
    let (draft, admitted) = (&proposal.draft, &proposal.admitted);
    let task = &admitted.task;
    let instances = task.trials.iter().zip(&admitted.results);
    Challenge {
        run_id: Some(occasion.run_id),
        database_id,
        purpose: occasion.purpose,
        position: position as i64,
        category: draft.category.name().to_owned(),
        difficulty: draft.difficulty.name().to_owned(),
        intent: draft.intent.clone(),
        phrasing: draft.phrasing.clone(),
        family_hash: admitted.family,
        signature_hash: admitted.signature,
        question: draft.question.clone(),
        as_of_date: draft.as_of_date.clone(),
        reference_sql: draft.reference_sql.clone(),
        ordered: draft.ordered,
        requirements: task
            .requirements
            .iter()
            .map(|it| it.name().to_owned())
            .collect(),
        instances: instances
            .map(|(trial, result)| ReferenceResult {
                seed: trial.seed,
                script_hash: ContentHash::of(trial.script.as_bytes()),
                rows: result.rows as i64,
                result_hash: result.result_hash,
                steps: result.steps,
                mutants_killed: result.mutants_killed as i64,
            })
            .collect(),
        mutants: admitted.mutants as i64,
        mutants_killed: admitted.mutants_killed as i64,
        // Another teacher's question can't be drawn again.
        seed: draft.intent.as_ref().map(|_| draft.seed.cast_signed()),
        teacher: occasion.teacher.to_owned(),
        teacher_call_id: None,
        sibling_of_challenge_id: None,
    }
}

/// The schema of a recorded database; `sample` gives the text of a user's file's sample.
/// `None` if this version can't make it.
pub fn schema_of(
    database: &Database,
    sample: impl FnOnce(BlobHash) -> Option<String>,
) -> Option<Schema> {
    match (database.seed, database.sample_blob) {
        (Some(seed), _) => generate(&database.domain, seed.cast_unsigned()),
        (None, Some(blob)) => schema_of_sample(&sample(blob)?).ok(),
        (None, None) => None,
    }
}

/// The draft of a recorded challenge over its schema; `None` if the grammar does not make
/// it any more, or it came from elsewhere.
pub fn draft_of(challenge: &Challenge, schema: &Schema) -> Option<Draft> {
    let phrasing = challenge.phrasing.as_deref()?.rsplit('/').next()?;
    let wish = Wish {
        category: Category::parse(&challenge.category)?,
        difficulty: Difficulty::parse(&challenge.difficulty)?,
        intent: Some(challenge.intent.clone()?),
        phrasings: vec![phrasing.parse().ok()?],
    };
    let draft = propose(schema, &wish, challenge.seed?.cast_unsigned()).ok()?;
    (draft.question == challenge.question && draft.reference_sql == challenge.reference_sql)
        .then_some(draft)
}

/// The proposal that a recorded challenge of the grammar's was made from, with the proof as it
/// was recorded. Question, reference and instances are made again; `None` if they come out
/// otherwise.
pub fn proposal_of(
    challenge: &Challenge,
    database: &Database,
    schema: Arc<Schema>,
) -> Option<Proposal> {
    let draft = draft_of(challenge, &schema)?;
    let seeds: Vec<i64> = challenge.instances.iter().map(|it| it.seed).collect();
    let trials = trials_again(&schema, &draft.reference_sql, draft.seed, &seeds)?;
    let is_same = |(trial, recorded): (&Trial, &ReferenceResult)| {
        ContentHash::of(trial.script.as_bytes()) == recorded.script_hash
    };
    if !trials.iter().zip(&challenge.instances).all(is_same) {
        return None;
    }
    let results = challenge.instances.iter().map(|it| TrialResult {
        rows: it.rows as usize,
        result_hash: it.result_hash,
        steps: it.steps,
        mutants_killed: it.mutants_killed as usize,
    });
    Some(Proposal {
        number: challenge.position.cast_unsigned(),
        schema_seed: database.seed.map(i64::cast_unsigned),
        admitted: Admitted {
            task: Task {
                reference_sql: draft.reference_sql.clone(),
                ordered: draft.ordered,
                requirements: draft.requirements.clone(),
                trials,
            },
            results: results.collect(),
            mutants: challenge.mutants as usize,
            mutants_killed: challenge.mutants_killed as usize,
            signature: challenge.signature_hash,
            family: challenge.family_hash,
        },
        schema,
        draft,
    })
}
