//! The ledger of a chat teacher's calls in a lake: the spool while they are made, events and
//! blobs once their phase is committed.
//!
//! **Invariants.**
//! - Events are made from the spool's documents and from what became of the answers, not from
//!   what this process remembers of making the calls: a phase that a crash interrupted has
//!   the same events as one that it did not.
//! - Attempts are numbered with those first that were answered. What a crash lost so adds an
//!   event and changes none: the id of the call that was answered stays what it would be.
//! - A call that an event of this run holds already gets no second one, and a call that
//!   another run paid for costs this one nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::id::{ContentHash, Id};
use crate::base::world::World;
use crate::event::run_started::RunStarted;
use crate::event::teacher_call::TeacherCall;
use crate::event::words::{CallOutcome, Request};
use crate::event::{Event, Observed};
use crate::lake::spool::{Body, Intent, Response, Spool};
use crate::lake::{Draft, LakeError, Writer};
use crate::teacher::chat::asker::charge_of;
use crate::teacher::chat::budget::{Charge, Spent, spent};
use crate::teacher::chat::call::Call;
use crate::teacher::chat::completion::Completion;
use crate::teacher::chat::ledger::{Attempt, Conclusion, Ledger, LedgerError};
use crate::teacher::chat::prices::Prices;
use crate::teacher::chat::transport::{Exchange, Trouble, TroubleKind};

/// The calls of one run.
pub struct Calls {
    spool: Spool,
    world: World,
    run_id: Option<Id<RunStarted>>,
    before: Spent,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls of the current phase.
    touched: BTreeMap<ContentHash, Touched>,
    /// The events of this run, by request.
    own: HashMap<ContentHash, Vec<Recorded>>,
    /// Attempts that other runs recorded.
    others: HashSet<(ContentHash, Standing)>,
}

/// An event that there is of a call.
#[derive(Clone, Copy)]
struct Recorded {
    standing: Standing,
    id: Id<TeacherCall>,
    rank: u8,
    /// Whether this run paid for it, as far as is known.
    is_paid: bool,
}

/// Which attempt at a call it is, whatever its number: the first one that was answered, the
/// second, and so on, and the same for those that were not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Standing {
    is_answered: bool,
    place: usize,
}

/// The events of calls by which their answers are known.
pub type CallIds = BTreeMap<ContentHash, Id<TeacherCall>>;

/// How much an event says of a call: that with the answer most.
pub(super) fn rank(call: &TeacherCall) -> u8 {
    match call.outcome {
        CallOutcome::Used | CallOutcome::Refused => 2,
        CallOutcome::Failed => 1,
        CallOutcome::Unknown => 0,
    }
}

fn is_answered(call: &TeacherCall) -> bool {
    call.outcome != CallOutcome::Unknown || call.response_blob.is_some()
}

/// What an event says of a call beside the spool's documents.
struct Touched {
    request: Request,
    prompt_name: String,
    prompt_hash: ContentHash,
    origin: String,
    model: String,
    conclusion: Option<Conclusion>,
    remark: Option<Remark>,
}

/// What its proof showed of an answer that had the form which was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The request that it answers.
    pub request: ContentHash,
    /// What was wrong with it.
    pub what: String,
    /// Whether nothing of it is used.
    pub is_refusal: bool,
}

impl Calls {
    /// The calls of a run in a lake. `prices` are those that the run began with; they say
    /// what calls cost whose server didn't.
    ///
    /// # Errors
    /// The lake or its spool can't be read.
    pub fn open(
        writer: &Writer,
        run_id: Option<Id<RunStarted>>,
        prices: Option<Prices>,
    ) -> Result<Self, LakeError> {
        let spool = writer.spool();
        let mut state = State::default();
        let mut counts: HashMap<_, usize> = HashMap::new();
        writer.lake().read_events::<TeacherCall>(|_, id, event| {
            let call = event.body;
            let is_answered = is_answered(&call);
            let key = (call.run_id, call.request_hash, is_answered);
            let count = counts.entry(key).or_default();
            let standing = Standing {
                is_answered,
                place: *count,
            };
            *count += 1;
            if call.run_id == run_id {
                state
                    .own
                    .entry(call.request_hash)
                    .or_default()
                    .push(Recorded {
                        standing,
                        id,
                        rank: rank(&call),
                        is_paid: event.observed.cost_microusd != Some(0),
                    });
            } else {
                state.others.insert((call.request_hash, standing));
            }
        })?;
        let before = spent_before(&spool, &state, prices)?;
        Ok(Self {
            spool,
            world: writer.world().clone(),
            run_id,
            before,
            state: Mutex::new(state),
        })
    }

    /// Takes note of what proof showed of an answer of the current phase.
    pub fn remark(&self, remark: Remark) {
        if let Some(touched) = self.state().touched.get_mut(&remark.request) {
            touched.remark = Some(remark);
        }
    }

    /// Whether [`Self::record`] would add an event.
    ///
    /// # Errors
    /// The spool can't be read.
    pub fn has_news(&self) -> Result<bool, LakeError> {
        let touched: Vec<ContentHash> = self.state().touched.keys().copied().collect();
        for request in touched {
            let known = self.state().own.get(&request).map_or(0, Vec::len);
            if self.spool.attempts(request)?.len() > known {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds the events of every call since the last time, and their blobs, to a commit. Gives
    /// for each call the event of the attempt that counts: that with the answer, else the last.
    ///
    /// # Errors
    /// The spool can't be read, or the commit takes nothing more.
    pub fn record(&self, draft: &mut Draft<'_>, iteration: u32) -> Result<CallIds, LakeError> {
        let touched = std::mem::take(&mut self.state().touched);
        let mut ids = BTreeMap::new();
        for (request, touched) in touched {
            let mut known = self.state().own.remove(&request).unwrap_or_default();
            for (standing, (intent, response)) in standings(self.spool.attempts(request)?) {
                if known.iter().any(|it| it.standing == standing) {
                    continue;
                }
                let is_others = self.state().others.contains(&(request, standing));
                let attempt = (known.len(), &intent, response.as_ref());
                let event = self.event(draft, iteration, &touched, attempt, is_others)?;
                known.push(Recorded {
                    standing,
                    id: draft.append(&event)?,
                    rank: rank(&event.body),
                    is_paid: !is_others,
                });
            }
            if let Some(best) = known.iter().max_by_key(|it| it.rank) {
                ids.insert(request, best.id);
            }
            self.state().own.insert(request, known);
        }
        Ok(ids)
    }

    fn event(
        &self,
        draft: &mut Draft<'_>,
        iteration: u32,
        touched: &Touched,
        (number, intent, response): (usize, &Intent, Option<&Response>),
        paid_by_other: bool,
    ) -> Result<Event<TeacherCall>, LakeError> {
        let bytes = intent.body.bytes().unwrap_or_default();
        let request_blob = draft.blob(bytes.as_slice())?;
        let exchange = response.map(exchange_of);
        let response_blob = match &exchange {
            Some(it) if !it.body.is_empty() => Some(draft.blob(it.body.as_slice())?),
            _ => None,
        };
        let read = exchange.as_ref().map(Completion::read);
        let (outcome, detail) = match (&read, &touched.conclusion) {
            (None, _) | (Some(Ok(_)), None) => (CallOutcome::Unknown, None),
            (Some(Err(fault)), _) => {
                let trouble = exchange.as_ref().and_then(|it| it.trouble.as_ref());
                let detail = trouble.map_or_else(|| fault.to_string(), Trouble::record);
                (CallOutcome::Failed, Some(detail))
            }
            (Some(Ok(_)), Some(Conclusion::Used)) => match &touched.remark {
                Some(remark) if remark.is_refusal => {
                    (CallOutcome::Refused, Some(remark.what.clone()))
                }
                remark => (CallOutcome::Used, remark.as_ref().map(|it| it.what.clone())),
            },
            (Some(Ok(_)), Some(Conclusion::Refused(why))) => {
                (CallOutcome::Refused, Some(why.clone()))
            }
        };
        let answer = read.and_then(Result::ok).unwrap_or_default();
        let mut observed = Observed::now(&self.world);
        observed.duration_us = response.map(|it| it.at_us - intent.at_us);
        observed.cost_microusd = match charge_of(exchange.as_ref(), None) {
            _ if paid_by_other => Some(0),
            Charge::Known(cost) => i64::try_from(cost).ok(),
            Charge::Nothing => Some(0),
            Charge::Possible => None,
        };
        let tokens = |count: Option<u64>| count.and_then(|it| i64::try_from(it).ok());
        Ok(Event {
            iteration,
            body: TeacherCall {
                run_id: self.run_id,
                request: touched.request,
                request_hash: intent.request,
                attempt: number as i64,
                endpoint: touched.origin.clone(),
                model: touched.model.clone(),
                answering_model: answer.model,
                provider: answer.provider,
                fingerprint: answer.fingerprint,
                prompt_name: touched.prompt_name.clone(),
                prompt_hash: touched.prompt_hash,
                request_blob,
                response_blob,
                outcome,
                http_status: exchange.and_then(|it| it.status).map(i64::from),
                detail,
                finish_reason: answer.finish_reason,
                prompt_tokens: tokens(answer.usage.prompt_tokens),
                output_tokens: tokens(answer.usage.output_tokens),
                reasoning_tokens: tokens(answer.usage.reasoning_tokens),
            },
            observed,
        })
    }

    fn touch(&self, call: &Call) {
        let touched = || Touched {
            request: call.request,
            prompt_name: call.prompt_name.clone(),
            prompt_hash: call.prompt_hash,
            origin: call.origin.clone(),
            model: call.model.clone(),
            conclusion: None,
            remark: None,
        };
        self.state()
            .touched
            .entry(call.hash)
            .or_insert_with(touched);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts in the order of their events, with what they stand for.
fn standings(
    attempts: Vec<(Intent, Option<Response>)>,
) -> impl Iterator<Item = (Standing, (Intent, Option<Response>))> {
    let (answered, lost): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|it| it.1.is_some());
    let stand =
        |is_answered: bool| move |(place, attempt)| (Standing { is_answered, place }, attempt);
    let answered = answered.into_iter().enumerate().map(stand(true));
    answered.chain(lost.into_iter().enumerate().map(stand(false)))
}

/// What this run spent: on calls that its events hold, and on those that no event holds, which
/// a crash left behind before their phase was committed.
fn spent_before(spool: &Spool, state: &State, prices: Option<Prices>) -> Result<Spent, LakeError> {
    let mut total = Spent::default();
    let mut begun = spool.begun()?;
    begun.dedup_by_key(|(request, _)| *request);
    for (request, _) in begun {
        let own = state.own.get(&request).map_or(&[][..], Vec::as_slice);
        for (standing, (intent, response)) in standings(spool.attempts(request)?) {
            let recorded = own.iter().find(|it| it.standing == standing);
            let is_others = state.others.contains(&(request, standing));
            if recorded.map_or(!is_others, |it| it.is_paid) {
                let exchange = response.as_ref().map(exchange_of);
                let most = intent
                    .reserved_microusd
                    .and_then(|it| u64::try_from(it).ok());
                total.add(spent(charge_of(exchange.as_ref(), prices), most));
            }
        }
    }
    Ok(total)
}

fn exchange_of(response: &Response) -> Exchange {
    Exchange {
        status: response.http_status,
        retry_after: None,
        body: response.body.bytes().unwrap_or_default(),
        trouble: response.error.as_deref().map(|text| {
            // Of a kind that is unknown, it is not a whole response all the same.
            Trouble::recall(text).unwrap_or_else(|| Trouble::new(TroubleKind::Broken, text))
        }),
    }
}

fn in_words(error: LakeError) -> LedgerError {
    LedgerError(error.to_string())
}

impl Ledger for Calls {
    fn attempts(&self, call: &Call) -> Result<Vec<Attempt>, LedgerError> {
        self.touch(call);
        let attempts = self.spool.attempts(call.hash).map_err(in_words)?;
        let attempt = |(intent, response): (Intent, Option<Response>)| Attempt {
            most_microusd: intent
                .reserved_microusd
                .and_then(|it| u64::try_from(it).ok()),
            exchange: response.as_ref().map(exchange_of),
        };
        Ok(attempts.into_iter().map(attempt).collect())
    }

    fn intend(
        &self,
        call: &Call,
        number: u32,
        most_microusd: Option<u64>,
    ) -> Result<(), LedgerError> {
        let intent = Intent {
            request: call.hash,
            attempt: number,
            at_us: self.world.now_us(),
            endpoint: call.url.to_string(),
            ordinal: call.ordinal,
            body: Body::new(call.body.clone()),
            reserved_microusd: most_microusd.and_then(|it| i64::try_from(it).ok()),
        };
        self.spool.intend(&intent).map_err(in_words)
    }

    fn respond(&self, call: &Call, number: u32, exchange: &Exchange) -> Result<(), LedgerError> {
        let response = Response {
            request: call.hash,
            attempt: number,
            at_us: self.world.now_us(),
            http_status: exchange.status,
            body: Body::new(exchange.body.clone()),
            error: exchange.trouble.as_ref().map(Trouble::record),
        };
        self.spool.respond(&response).map_err(in_words)
    }

    fn conclude(&self, call: &Call, conclusion: Conclusion) {
        if let Some(touched) = self.state().touched.get_mut(&call.hash) {
            touched.conclusion = Some(conclusion);
        }
    }

    fn spent_before(&self) -> Result<Spent, LedgerError> {
        Ok(self.before)
    }

    fn may_ask(&self) -> bool {
        true
    }
}
