//! The chat teacher of a run: what it is asked with, and how it is opened, to be asked or to
//! be remembered.
//!
//! **Invariant.** Whatever changes a request is a setting of the run ([`Chat`]), the prices that
//! the server listed when the run began among it. What a process brings ([`Means`]) is none.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::asked::OwnFile;
use super::recollection::Recollection;
use super::report::{RoundError, Show};
use crate::base::id::Id;
use crate::event::run_started::RunStarted;
use crate::grading::admission::Split;
use crate::grading::grade;
use crate::lake::Lake;
use crate::sandbox::Sandbox;
use crate::teacher::chat::asker::{ChatError, Stop};
use crate::teacher::chat::endpoint::{EndpointError, Service};
use crate::teacher::chat::estimate::{Estimate, Plan};
use crate::teacher::chat::evidence::Evidence;
use crate::teacher::chat::ledger::Ledger;
use crate::teacher::chat::pacing::Pace;
use crate::teacher::chat::prices::{Listing, Prices};
use crate::teacher::chat::proposal::{Ask, MAX_COUNT};
use crate::teacher::chat::transport::Limits;
use crate::teacher::chat::{ChatTeacher, Endpoint, Key, Settings};
use crate::teacher::draft::{Category, Difficulty};
use crate::teacher::offline::Wish;
use crate::teacher::proposer::{Proposal, Proposer, Source};

/// Planted answers for a challenge that has them: a right one and two wrong ones.
pub const PLANTS: usize = 3;

/// What a chat teacher is asked with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// Whose conventions the server keeps.
    pub service: Service,
    /// Where its paths begin.
    pub url: String,
    /// The model.
    pub model: String,
    /// What it cost when the run began; left out if the server lists no prices.
    pub prices: Option<Prices>,
    /// Whether the model may be given the schema of its answer.
    pub takes_schema: bool,
    /// Questions that one call proposes.
    pub challenges_each: usize,
    /// Questions of an iteration for which answers are planted.
    pub sentinels: usize,
    /// The share of planted wrong answers above which nothing is trained on.
    pub false_pass_limit: f64,
    /// Whether values of the user's own file may be shown to the teacher.
    pub shows_rows: bool,
}

impl Chat {
    /// The usual one for a model that a server listed.
    pub fn new(endpoint: &Endpoint, listing: &Listing) -> Self {
        Self {
            service: endpoint.service(),
            url: endpoint.url().to_owned(),
            model: listing.model.clone(),
            prices: listing.prices,
            takes_schema: listing.takes_schema(),
            challenges_each: 4,
            sentinels: 3,
            false_pass_limit: 0.2,
            shows_rows: false,
        }
    }

    /// Refuses numbers with which no run could be made.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=MAX_COUNT).contains(&self.challenges_each) {
            return Err(format!("teacher.challenges_each must be 1 to {MAX_COUNT}"));
        }
        if !(1..=1_000).contains(&self.sentinels) {
            return Err("teacher.sentinels must be 1 to 1000".to_owned());
        }
        if !(0.0..=1.0).contains(&self.false_pass_limit) {
            return Err("teacher.false_pass_limit must be 0 to 1".to_owned());
        }
        Ok(())
    }

    /// The server.
    ///
    /// # Errors
    /// The recorded URL is none.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        Endpoint::recorded(self.service, &self.url, &self.model)
    }

    /// What the server listed when the run began.
    pub fn listing(&self) -> Listing {
        Listing {
            model: self.model.clone(),
            prices: self.prices,
            parameters: (!self.takes_schema).then(Vec::new),
        }
    }

    /// Whether values of a database may be shown: always those of a generated one.
    pub fn may_show_values(&self, own: Option<&OwnFile>) -> bool {
        own.is_none() || self.shows_rows
    }
}

/// What a process brings to ask with.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// The server's key.
    pub key: Option<Key>,
    /// The most that the run may cost, earlier processes included.
    pub max_cost_microusd: Option<u64>,
    /// How many calls at once, and how fast.
    pub pace: Pace,
    /// How long a call may take.
    pub limits: Limits,
}

/// Opens a teacher whose calls are written into this ledger.
///
/// # Errors
/// What keeps it from being asked.
pub fn open(
    chat: &Chat,
    means: &Means,
    ledger: Arc<dyn Ledger>,
) -> Result<ChatTeacher, RoundError> {
    let endpoint = chat
        .endpoint()
        .map_err(|error| RoundError::Refused(error.to_string()))?;
    let settings = Settings {
        listing: Some(chat.listing()),
        max_cost_microusd: means.max_cost_microusd,
        pace: means.pace,
        limits: means.limits,
        use_proxy: !endpoint.is_near(),
        ..Settings::new(endpoint, means.key.clone())
    };
    Ok(ChatTeacher::open(settings, ledger)?)
}

/// Opens a teacher that says what it said before, and asks nobody.
///
/// # Errors
/// The lake can't be read.
pub fn remembering(
    chat: &Chat,
    lake: &Lake,
    run_id: Id<RunStarted>,
) -> Result<ChatTeacher, RoundError> {
    let ledger = Recollection::of(lake, Some(run_id))?;
    open(chat, &Means::default(), Arc::new(ledger))
}

/// What a run may cost, judged by a question of the kind that is going to be asked.
///
/// # Errors
/// The sandbox can't run.
pub fn estimated(
    chat: &Chat,
    sandbox: &Sandbox,
    own: Option<&OwnFile>,
    (iterations, challenges): (u32, usize),
) -> Result<Estimate, RoundError> {
    let blank = Arc::new(Recollection::blank());
    let teacher = open(chat, &Means::default(), blank)?;
    let plan = Plan {
        iterations: u64::from(iterations),
        challenges: challenges as u64,
        challenges_each: chat.challenges_each as u64,
        sentinels: (PLANTS * chat.sentinels.min(challenges)) as u64,
    };
    let Some(typical) = typical(sandbox, own)? else {
        let what = "no question can be made by which costs could be estimated";
        return Err(RoundError::Refused(what.to_owned()));
    };
    let task = &typical.admitted.task;
    let verdict = grade(sandbox, task, Some(&task.reference_sql))?;
    let schema = own.map_or(&typical.schema, |it| &it.schema);
    let ask = Ask {
        schema,
        shows_rows: chat.may_show_values(own),
        category: Category::TimeSeries,
        difficulty: Difficulty::Medium,
        count: chat.challenges_each,
        weaknesses: Vec::new(),
        earlier: vec![typical.draft.question.clone(); if own.is_some() { 20 } else { 0 }],
        ordinal: 0,
    };
    let answer = Evidence {
        schema,
        question: &typical.draft.question,
        task,
        answer: &task.reference_sql,
        verdict: &verdict,
    };
    Ok(teacher.estimate(&plan, &ask, &answer)?)
}

fn typical(sandbox: &Sandbox, own: Option<&OwnFile>) -> Result<Option<Proposal>, RoundError> {
    let own = own.map(|it| Source::Own(Arc::clone(&it.schema)));
    for source in own.into_iter().chain([Source::Generated]) {
        let mut proposer = Proposer::new(sandbox, source, Split::Training, 1);
        let wish = |_: &mut _| Wish {
            category: Category::TimeSeries,
            difficulty: Difficulty::Medium,
            intent: None,
            phrasings: Vec::new(),
        };
        if let Some(found) = proposer.propose(1, &wish, |_| {})?.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Goes on unless a teacher has stopped; `show` may have asked for that.
///
/// # Errors
/// [`RoundError::Stopped`] and [`RoundError::Teacher`].
pub fn check_stopped(teacher: &ChatTeacher) -> Result<(), RoundError> {
    match teacher.stopped() {
        None => Ok(()),
        Some(Stop::Interrupted) => Err(RoundError::Stopped),
        Some(stop) => Err(RoundError::Teacher(stop.clone())),
    }
}

/// What a call of many is followed by: a step on the screen, and no further call if the user
/// wants to stop.
pub fn after_each<'a>(
    teacher: &'a ChatTeacher,
    show: &'a mut dyn Show,
) -> impl FnMut(usize) + use<'a> {
    move |_| {
        show.advance("");
        if show.is_stopped() {
            teacher.interrupt();
        }
    }
}

/// Why a call came to nothing, for whoever counts.
pub fn in_short(error: &ChatError) -> String {
    let text = error.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
