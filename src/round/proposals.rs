//! What a chat teacher is asked to ask, and what is admitted of it.
//!
//! **Invariant.** What is asked depends on the run's seed, on what came before and on what the
//! teacher said, so that the same answers make the same questions. The number of calls is
//! bounded, whatever the teacher says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::asked::OwnFile;
use super::calls::Remark;
use super::history::History;
use super::report::{RoundError, Show};
use super::tutor::{Chat, after_each, check_stopped, in_short};
use crate::base::id::{ContentHash, Id};
use crate::base::seed::Random;
use crate::database::schema::Schema;
use crate::database::{domains, generate};
use crate::event::challenge::Challenge;
use crate::event::words::Purpose;
use crate::grading::admission::{Past, Split};
use crate::grading::refusal::Refusal;
use crate::sandbox::Sandbox;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::chat::asker::ChatError;
use crate::teacher::chat::proposal::Ask;
use crate::teacher::chat::talk::Said;
use crate::teacher::curriculum::Curriculum;
use crate::teacher::draft::{Category, Difficulty, Draft};
use crate::teacher::proposer::{Drafted, Proposal, admit_all};

/// How often what is missing is asked for.
const ROUNDS: usize = 4;
/// Asks of an iteration at most, as far as their numbers go.
const ASKS: u32 = 100_000;
/// Weaknesses that a teacher is told.
const WEAKNESSES: usize = 4;
/// Refusals whose detail a call's event holds.
const TOLD: usize = 3;

/// For what questions are wanted.
#[derive(Clone, Copy)]
pub struct Commission<'a> {
    /// Where drafts are proven.
    pub sandbox: &'a Sandbox,
    /// How the teacher is asked.
    pub chat: &'a Chat,
    /// The run's seed.
    pub seed: u64,
    /// The iteration.
    pub iteration: u32,
    /// Questions that are wanted.
    pub wanted: usize,
    /// The user's file, if they are to be over it.
    pub own: Option<&'a OwnFile>,
    /// What came before.
    pub before: &'a History,
}

/// What a teacher asked.
#[derive(Clone, Debug, Default)]
pub struct Posed {
    /// What was admitted, with the request that it came from; none for the grammar's.
    pub proposals: Vec<(Proposal, Option<ContentHash>)>,
    /// How many drafts there were.
    pub drafts: usize,
    /// Those that were refused, by reason.
    pub refused: BTreeMap<&'static str, usize>,
    /// Why calls had no usable answer.
    pub failures: Vec<String>,
    /// What proof showed of answers.
    pub remarks: Vec<Remark>,
}

impl Posed {
    /// What became of the drafts that are not among the questions, in words; empty if there
    /// are none.
    pub fn losses(&self) -> String {
        let refused = self.refused.iter();
        let mut parts: Vec<String> = refused
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        if let Some(failure) = self.failures.last() {
            let count = self.failures.len();
            parts.push(format!("{count} without a usable answer ({failure})"));
        }
        parts.join(", ")
    }
}

/// An ask, and the database that it is about.
struct Plan {
    /// Its place among the asks of the iteration.
    number: u32,
    schema: Arc<Schema>,
    schema_seed: Option<u64>,
    category: Category,
    difficulty: Difficulty,
    count: usize,
}

/// Has a teacher ask, as often as is needed and at most [`ROUNDS`] times.
///
/// # Errors
/// The teacher stopped, or the sandbox can't run.
pub fn pose(
    teacher: &ChatTeacher,
    commission: Commission<'_>,
    show: &mut dyn Show,
) -> Result<Posed, RoundError> {
    let Commission {
        own,
        before,
        wanted,
        ..
    } = commission;
    let asked: Vec<&Challenge> = before
        .challenges
        .iter()
        .filter(|(at, _, it)| *at < commission.iteration && it.purpose == Purpose::Train)
        .map(|(_, _, it)| it)
        .collect();
    let mut past = Past::default();
    for challenge in &asked {
        past.remember(challenge.signature_hash, &challenge.question);
    }
    let known = Known::of(before, commission.iteration);
    let mut posed = Posed::default();
    for round in 0..ROUNDS {
        let missing = wanted - posed.proposals.len();
        if missing == 0 {
            break;
        }
        let earlier: Vec<String> = match own {
            // Another database is not asked the same.
            None => Vec::new(),
            Some(_) => asked
                .iter()
                .map(|it| it.question.clone())
                .chain(posed.proposals.iter().map(|it| it.0.draft.question.clone()))
                .collect(),
        };
        let plans = plans(commission, &known, round, missing);
        let asks: Vec<Ask<'_>> = plans
            .iter()
            .map(|plan| Ask {
                schema: &plan.schema,
                shows_rows: commission.chat.may_show_values(own),
                category: plan.category,
                difficulty: plan.difficulty,
                count: plan.count,
                weaknesses: known.weaknesses(plan.category),
                earlier: earlier.clone(),
                ordinal: commission.iteration.saturating_mul(ASKS) + plan.number,
            })
            .collect();
        let said = teacher.propose(&asks, after_each(teacher, show));
        check_stopped(teacher)?;
        let usable = said.iter().filter(|it| it.is_ok()).count();
        admit(commission, &plans, said, &mut past, &mut posed)?;
        if usable == 0 {
            // Who can't answer in the form that is asked for won't by being asked more.
            break;
        }
    }
    Ok(posed)
}

fn plans(commission: Commission<'_>, known: &Known, round: usize, missing: usize) -> Vec<Plan> {
    let each = commission.chat.challenges_each.max(1);
    let domains = domains();
    let plan = |place: usize| {
        let path = [commission.iteration, round as u32, place as u32].map(|it| it.to_string());
        let path = ["asks", &path[0], &path[1], &path[2]];
        let mut random = Random::new(commission.seed, &path);
        let category = known.curriculum.draw(&mut random);
        let difficulty = random.pick(&Difficulty::ALL).copied();
        let (schema, schema_seed) = match commission.own {
            Some(own) => (Arc::clone(&own.schema), None),
            None => {
                let domain = random.pick(&domains)?;
                let seed = random.seed();
                (Arc::new(generate(domain, seed)?), Some(seed))
            }
        };
        Some(Plan {
            number: round as u32 * (ASKS / ROUNDS as u32) + place as u32,
            schema,
            schema_seed,
            category,
            difficulty: difficulty.unwrap_or(Difficulty::Medium),
            count: each.min(missing - place * each),
        })
    };
    (0..missing.div_ceil(each)).filter_map(plan).collect()
}

/// Proves what was said, in the order in which it was asked.
fn admit(
    commission: Commission<'_>,
    plans: &[Plan],
    said: Vec<Result<Said<Vec<Draft>>, ChatError>>,
    past: &mut Past,
    posed: &mut Posed,
) -> Result<(), RoundError> {
    let mut drafted = Vec::new();
    let mut origins = Vec::new();
    for (plan, said) in plans.iter().zip(said) {
        let said = match said {
            Ok(said) => said,
            Err(error) => {
                posed.failures.push(in_short(&error));
                continue;
            }
        };
        for draft in said.value {
            origins.push(said.request);
            drafted.push(Drafted {
                number: plan.number.into(),
                schema: Arc::clone(&plan.schema),
                schema_seed: plan.schema_seed,
                draft,
            });
        }
    }
    posed.drafts += drafted.len();
    let proven = admit_all(commission.sandbox, Split::Training, past, drafted)?;
    let mut refusals: BTreeMap<ContentHash, (usize, Vec<Refusal>)> = BTreeMap::new();
    for (request, proven) in origins.into_iter().zip(proven) {
        let of = refusals.entry(request).or_default();
        of.0 += 1;
        match proven {
            Ok(proposal) if posed.proposals.len() < commission.wanted => {
                posed.proposals.push((proposal, Some(request)));
            }
            // More than was asked for.
            Ok(_) => {}
            Err(refusal) => {
                *posed.refused.entry(refusal.reason.name()).or_default() += 1;
                of.1.push(refusal);
            }
        }
    }
    let remarks = refusals.into_iter();
    posed.remarks.extend(
        remarks
            .filter(|(_, (_, refused))| !refused.is_empty())
            .map(|(request, (all, refused))| remark(request, all, &refused)),
    );
    Ok(())
}

fn remark(request: ContentHash, all: usize, refused: &[Refusal]) -> Remark {
    let told: Vec<String> = refused
        .iter()
        .take(TOLD)
        .map(|it| {
            let detail: String = it.detail.chars().take(160).collect();
            format!("{} ({detail})", it.reason.name())
        })
        .collect();
    Remark {
        request,
        what: format!(
            "{} of {all} not admitted: {}",
            refused.len(),
            told.join("; ")
        ),
        is_refusal: refused.len() == all,
    }
}

/// What is known of the student.
struct Known {
    curriculum: Curriculum,
    /// By category: answers, and wrong ones by class.
    results: BTreeMap<Category, (usize, BTreeMap<String, usize>)>,
}

impl Known {
    fn of(before: &History, iteration: u32) -> Self {
        let categories: HashMap<Id<Challenge>, Category> = before
            .challenges
            .iter()
            .filter_map(|(_, id, it)| Some((*id, Category::parse(&it.category)?)))
            .collect();
        let mut known = Self {
            curriculum: Curriculum::default(),
            results: BTreeMap::new(),
        };
        for (at, _, grade) in &before.grades {
            let category = categories.get(&grade.challenge_id);
            let Some(category) =
                category.filter(|_| *at < iteration && grade.purpose == Purpose::Train)
            else {
                continue;
            };
            known.curriculum.observe(*category, !grade.equivalent);
            let (all, wrong) = known.results.entry(*category).or_default();
            *all += 1;
            if let Some(class) = &grade.error_class {
                *wrong.entry(class.replace('_', " ")).or_default() += 1;
            }
        }
        known
    }

    /// The commonest mistakes of a category, in words.
    fn weaknesses(&self, category: Category) -> Vec<String> {
        let Some((all, wrong)) = self.results.get(&category) else {
            return Vec::new();
        };
        let mut wrong: Vec<(&String, &usize)> = wrong.iter().collect();
        wrong.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let wrong = wrong.into_iter().take(WEAKNESSES);
        wrong
            .map(|(class, count)| format!("{class} ({count} of {all} answers in this category)"))
            .collect()
    }
}
