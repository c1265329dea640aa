//! The frozen suite: questions that no training sees, over databases that none sees.
//!
//! Its families are those that the split keeps for evaluation, its schemas come from seeds
//! of its own, and a part of its questions is phrased in ways that are held out.
//!
//! **Invariant.** The same seed makes the same suite, on any number of workers.

use std::sync::Arc;

use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::grading::admission::Split;
use crate::nano::withheld::is_withheld;
use crate::sandbox::{Sandbox, SandboxError};
use crate::teacher::draft::{Category, Difficulty};
use crate::teacher::held_out::{held_out_phrasings, is_held_out, trained_phrasings};
use crate::teacher::offline::{Intent, Wish, intents};
use crate::teacher::proposer::{Proposal, Proposer, Source};

/// What a question of the suite finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What everyone asks.
    General,
    /// What the embedded base was taught of the six categories.
    Known,
    /// What is left to be taught.
    Withheld,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::General, Self::Known, Self::Withheld];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Known => "known",
            Self::Withheld => "withheld",
        }
    }

    fn has(self, intent: &Intent) -> bool {
        match self {
            Self::General => intent.category == Category::General,
            Self::Withheld => is_withheld(intent.name),
            Self::Known => intent.category != Category::General && !is_withheld(intent.name),
        }
    }
}

/// A question of a suite.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it finds out.
    pub part: Part,
    /// Whether its phrasing is held out.
    pub is_held_out: bool,
    /// The question, its database, and what answers are graded against.
    pub proposal: Proposal,
}

/// A suite of `count` questions for each part, once in phrasings that training knows and
/// once in held-out ones; half of them over the user's own database, if there is one and it
/// gives so many. Both ways ask over the same generated databases: what differs between them
/// is the phrasing, and an outline is read once for both.
///
/// # Errors
/// The sandbox can't run.
pub fn build(
    sandbox: &Sandbox,
    seed: u64,
    own: Option<Arc<Schema>>,
    count: impl Fn(Part, bool) -> usize,
    mut on_item: impl FnMut(),
) -> Result<Vec<Item>, SandboxError> {
    let proposer = |source, seed| Proposer::new(sandbox, source, Split::Evaluation, seed);
    let mut generated = proposer(Source::Generated, seed);
    let mut own = own.map(|schema| proposer(Source::Own(schema), seed));
    let mut items: Vec<Item> = Vec::new();
    for part in Part::ALL {
        let mut pool = intents();
        pool.retain(|it| part.has(it));
        let mut databases = Vec::new();
        for is_held_out in [false, true] {
            let wish = |random: &mut Random| wish(&pool, is_held_out, random);
            let count = count(part, is_held_out);
            let mut found = match &mut own {
                Some(own) => own.propose(count / 2, &wish, |_| on_item())?,
                None => Vec::new(),
            };
            if !databases.is_empty() {
                let seed = Random::new(seed, &["held out", part.name()]).seed();
                let mut again = proposer(Source::Among(std::mem::take(&mut databases)), seed);
                for Proposal {
                    draft, admitted, ..
                } in items.iter().map(|it| &it.proposal)
                {
                    again.remember(admitted.signature, &draft.question);
                }
                found.extend(again.propose(count - found.len(), &wish, |_| on_item())?);
            }
            found.extend(generated.propose(count - found.len(), &wish, |_| on_item())?);
            let seeded = |it: &Proposal| it.schema_seed.map(|seed| (Arc::clone(&it.schema), seed));
            databases.extend(found.iter().filter_map(seeded));
            items.extend(found.into_iter().map(|proposal| Item {
                part,
                is_held_out,
                proposal,
            }));
        }
    }
    Ok(items)
}

impl Item {
    /// An item whose question was recorded; `None` if the grammar has its intent no more.
    pub fn of(proposal: Proposal) -> Option<Self> {
        let (name, phrasing) = proposal.draft.phrasing.as_deref()?.split_once('/')?;
        let intent = intents().into_iter().find(|it| it.name == name)?;
        let part = Part::ALL.into_iter().find(|it| it.has(intent))?;
        Some(Self {
            part,
            is_held_out: is_held_out(intent, phrasing.parse().ok()?),
            proposal,
        })
    }
}

fn wish(pool: &[&'static Intent], is_held_out: bool, random: &mut Random) -> Wish {
    let intent = random.pick(pool).copied();
    let difficulty = random.pick(&Difficulty::ALL).copied();
    Wish {
        category: intent.map_or(Category::General, |it| it.category),
        difficulty: difficulty.unwrap_or(Difficulty::Easy),
        intent: intent.map(|it| it.name.to_owned()),
        phrasings: match (intent, is_held_out) {
            (Some(intent), true) => held_out_phrasings(intent),
            (Some(intent), false) => trained_phrasings(intent),
            (None, _) => Vec::new(),
        },
    }
}
