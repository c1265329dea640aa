//! Proposals until enough of them are admitted.
//!
//! **Invariant.** What is admitted depends on the seed, the source and the wishes, not on
//! how many workers prove: drafts are proven in batches of a fixed size, and admitted in
//! the order of their numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::Draft;
use super::offline::{self, Wish};
use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::database::{domains, generate};
use crate::grading::admission::{Admitted, Candidate, Past, Split, prove};
use crate::grading::refusal::Refusal;
use crate::sandbox::{Sandbox, SandboxError};

/// Drafts that are proven side by side.
const BATCH: usize = 16;
/// Drafts for each challenge that is wanted, after which a source counts as exhausted.
const MAX_DRAFTS_EACH: usize = 60;

/// Where databases come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Generated ones, another for each draft.
    Generated,
    /// Generated ones, another after so many drafts, but at least one: a student reads the
    /// outline of a database once for several questions.
    GeneratedForEach(u64),
    /// One of these for each draft, and the seed of its names.
    Among(Vec<(Arc<Schema>, u64)>),
    /// The user's own.
    Own(Arc<Schema>),
}

/// An admitted challenge with all that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The number of its draft.
    pub number: u64,
    /// The database that it is asked over.
    pub schema: Arc<Schema>,
    /// The seed of that database's names; none for the user's own.
    pub schema_seed: Option<u64>,
    /// The question and its answer.
    pub draft: Draft,
    /// The proof that it tells right from wrong.
    pub admitted: Admitted,
}

/// What became of drafts so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Drafts that were made.
    pub drafts: usize,
    /// Those that were admitted.
    pub admitted: usize,
    /// The others, by reason.
    pub refused: BTreeMap<&'static str, usize>,
}

/// A draft with its database.
#[derive(Clone, Debug)]
pub struct Drafted {
    /// The number of the draft.
    pub number: u64,
    /// The database that it is about.
    pub schema: Arc<Schema>,
    /// The seed of that database's names; none for the user's own.
    pub schema_seed: Option<u64>,
    /// The question and its answer.
    pub draft: Draft,
}

/// Proves drafts, whoever made them, side by side, and admits them in their order: gives for
/// each the challenge, or why it is none.
///
/// # Errors
/// The sandbox can't run.
pub fn admit_all(
    sandbox: &Sandbox,
    split: Split,
    past: &mut Past,
    drafts: Vec<Drafted>,
) -> Result<Vec<Result<Proposal, Refusal>>, SandboxError> {
    let proven = sandbox.each(&drafts, |drafted| prove_draft(sandbox, split, drafted))?;
    let each = drafts.into_iter().zip(proven);
    Ok(each
        .map(|(drafted, proven)| admit_one(past, drafted, proven))
        .collect())
}

fn prove_draft(
    sandbox: &Sandbox,
    split: Split,
    drafted: &Drafted,
) -> Result<Result<Admitted, Refusal>, SandboxError> {
    let draft = &drafted.draft;
    let candidate = Candidate {
        schema: &drafted.schema,
        split,
        reference_sql: &draft.reference_sql,
        ordered: draft.ordered,
        requirements: &draft.requirements,
        template: &draft.template,
        seed: draft.seed,
    };
    prove(sandbox, &candidate)
}

fn admit_one(
    past: &mut Past,
    drafted: Drafted,
    proven: Result<Admitted, Refusal>,
) -> Result<Proposal, Refusal> {
    let admitted = past.admit(&drafted.draft.question, proven?)?;
    Ok(Proposal {
        number: drafted.number,
        schema: drafted.schema,
        schema_seed: drafted.schema_seed,
        draft: drafted.draft,
        admitted,
    })
}

/// Makes drafts and has them proven.
pub struct Proposer<'a> {
    sandbox: &'a Sandbox,
    source: Source,
    split: Split,
    seed: u64,
    next: u64,
    past: Past,
    counts: Counts,
}

/// A draft, and the proof of it or why there is none.
type Proven = (Drafted, Result<Admitted, Refusal>);

impl<'a> Proposer<'a> {
    /// A proposer whose drafts all come from `seed`.
    pub fn new(sandbox: &'a Sandbox, source: Source, split: Split, seed: u64) -> Self {
        Self {
            sandbox,
            source,
            split,
            seed,
            next: 0,
            past: Past::default(),
            counts: Counts::default(),
        }
    }

    /// Takes note of a question that was asked before, which is not asked again.
    pub fn remember(&mut self, signature: ContentHash, question: &str) {
        self.past.remember(signature, question);
    }

    /// What became of drafts so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Proposes until `count` challenges are admitted, or the source gives no more. What
    /// each is to be about is drawn by `wish`.
    pub fn propose(
        &mut self,
        count: usize,
        wish: &(dyn Fn(&mut Random) -> Wish + Sync),
        mut on_admitted: impl FnMut(&Proposal),
    ) -> Result<Vec<Proposal>, SandboxError> {
        let mut proposals = Vec::new();
        let mut drafts_left = count.saturating_mul(MAX_DRAFTS_EACH).max(BATCH);
        while proposals.len() < count && drafts_left > 0 {
            let numbers: Vec<u64> = (self.next..).take(BATCH.min(drafts_left)).collect();
            drafts_left -= numbers.len();
            let proven = self.prove_batch(&numbers, wish)?;
            for (number, proven) in numbers.into_iter().zip(proven) {
                if proposals.len() == count {
                    break;
                }
                self.next = number + 1;
                self.counts.drafts += 1;
                if let Some(proposal) = self.admit(proven) {
                    on_admitted(&proposal);
                    proposals.push(proposal);
                }
            }
        }
        Ok(proposals)
    }

    fn admit(&mut self, proven: Option<Proven>) -> Option<Proposal> {
        let Some((drafted, proven)) = proven else {
            *self.counts.refused.entry("no_fit").or_default() += 1;
            return None;
        };
        match admit_one(&mut self.past, drafted, proven) {
            Ok(proposal) => {
                self.counts.admitted += 1;
                Some(proposal)
            }
            Err(refusal) => {
                *self
                    .counts
                    .refused
                    .entry(refusal.reason.name())
                    .or_default() += 1;
                None
            }
        }
    }

    /// Drafts and proves each number; `None` where the database has nothing to ask.
    fn prove_batch(
        &self,
        numbers: &[u64],
        wish: &(dyn Fn(&mut Random) -> Wish + Sync),
    ) -> Result<Vec<Option<Proven>>, SandboxError> {
        self.sandbox
            .each(numbers, |number| self.prove_one(*number, wish))
    }

    fn prove_one(
        &self,
        number: u64,
        wish: &(dyn Fn(&mut Random) -> Wish + Sync),
    ) -> Result<Option<Proven>, SandboxError> {
        let Some(drafted) = self.draft(number, wish) else {
            return Ok(None);
        };
        let proven = prove_draft(self.sandbox, self.split, &drafted)?;
        Ok(Some((drafted, proven)))
    }

    fn draft(&self, number: u64, wish: &(dyn Fn(&mut Random) -> Wish + Sync)) -> Option<Drafted> {
        let mut random = Random::new(self.seed, &["proposal", &number.to_string()]);
        let wish = wish(&mut random);
        let (schema, schema_seed) = match &self.source {
            Source::Own(schema) => (Arc::clone(schema), None),
            Source::Generated => database(&mut random)?,
            Source::GeneratedForEach(drafts) => {
                let turn = (number / drafts.max(&1)).to_string();
                database(&mut Random::new(self.seed, &["database", &turn]))?
            }
            Source::Among(databases) => {
                let (schema, seed) = random.pick(databases)?;
                (Arc::clone(schema), Some(*seed))
            }
        };
        let draft = offline::propose(&schema, &wish, random.seed()).ok()?;
        Some(Drafted {
            number,
            schema,
            schema_seed,
            draft,
        })
    }
}

/// A database out of all domains, and the seed of its names.
fn database(random: &mut Random) -> Option<(Arc<Schema>, Option<u64>)> {
    let domains = domains();
    let domain = random.pick(&domains)?;
    let seed = random.seed();
    Some((Arc::new(generate(domain, seed)?), Some(seed)))
}
