//! The ledger of a chat teacher's calls in a lake: the spool while they are made, events and
//! blobs once their phase is committed.
//!
//! **Invariants.**
//! - Events are made from the spool's documents and from what became of the answers, not from
//!   what this process remembers of making the calls: a phase that a crash interrupted has
//!   the same events as one that it did not.
//! - A call that an event of this run holds already gets no second one, and a call that
//!   another run paid for costs this one nothing.

use std::collections::{BTreeMap, HashMap};
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
    /// Attempts that an event holds: this run's id, or none if it is another run's.
    recorded: HashMap<(ContentHash, u32), Option<Id<TeacherCall>>>,
}

/// What an event says of a call beside the spool's documents.
struct Touched {
    request: Request,
    prompt_name: String,
    prompt_hash: ContentHash,
    origin: String,
    model: String,
    conclusion: Option<Conclusion>,
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
        let mut recorded: HashMap<(ContentHash, u32), Option<Id<TeacherCall>>> = HashMap::new();
        writer.lake().read_events::<TeacherCall>(|_, id, event| {
            let attempt = u32::try_from(event.body.attempt).unwrap_or(u32::MAX);
            let own = (event.body.run_id == run_id).then_some(id);
            let entry = recorded
                .entry((event.body.request_hash, attempt))
                .or_default();
            *entry = entry.or(own);
        })?;
        let before = spent_before(&spool, &recorded, prices)?;
        Ok(Self {
            spool,
            world: writer.world().clone(),
            run_id,
            before,
            state: Mutex::new(State {
                touched: BTreeMap::new(),
                recorded,
            }),
        })
    }

    /// Adds the events of every call since the last time, and their blobs, to a commit. Gives
    /// for each call the event of the attempt that counts: its last one.
    ///
    /// # Errors
    /// The spool can't be read, or the commit takes nothing more.
    pub fn record(
        &self,
        draft: &mut Draft<'_>,
        iteration: u32,
    ) -> Result<BTreeMap<ContentHash, Id<TeacherCall>>, LakeError> {
        let touched = std::mem::take(&mut self.state().touched);
        let mut ids = BTreeMap::new();
        for (request, touched) in touched {
            let attempts = self.spool.attempts(request)?;
            for (number, (intent, response)) in attempts.iter().enumerate() {
                let key = (request, number as u32);
                let known = self.state().recorded.get(&key).copied();
                let id = match known.flatten() {
                    Some(id) => id,
                    None => {
                        let paid_by_other = known.is_some();
                        let response = response.as_ref();
                        let event = self.event(
                            draft,
                            iteration,
                            &touched,
                            (intent, response),
                            paid_by_other,
                        )?;
                        draft.append(&event)?
                    }
                };
                self.state().recorded.insert(key, Some(id));
                ids.insert(request, id);
            }
        }
        Ok(ids)
    }

    fn event(
        &self,
        draft: &mut Draft<'_>,
        iteration: u32,
        touched: &Touched,
        (intent, response): (&Intent, Option<&Response>),
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
            (Some(Ok(_)), Some(Conclusion::Used)) => (CallOutcome::Used, None),
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
                attempt: i64::from(intent.attempt),
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

/// What this run spent: on calls that its events hold, and on those that no event holds, which
/// a crash left behind before their phase was committed.
fn spent_before(
    spool: &Spool,
    recorded: &HashMap<(ContentHash, u32), Option<Id<TeacherCall>>>,
    prices: Option<Prices>,
) -> Result<Spent, LakeError> {
    let mut total = Spent::default();
    let mut begun = spool.begun()?;
    begun.dedup_by_key(|(request, _)| *request);
    for (request, _) in begun {
        for (number, (intent, response)) in spool.attempts(request)?.iter().enumerate() {
            let is_others = recorded.get(&(request, number as u32)) == Some(&None);
            if !is_others {
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
