//! Asks a server, again where that may help, and pays for no answer twice.
//!
//! One call goes: a reservation, the intent on disk, a turn, the exchange, its result on disk,
//! settlement. An answer that is in the ledger already is taken from there.
//!
//! **Invariants.** Nothing is sent before its intent is written down and its cost set
//! aside. Of equal calls one is made, however many ask. Once there is a reason to stop, no
//! further call is begun; those under way end and are written down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::budget::{Budget, Charge, OverBudget, usd};
use super::call::Call;
use super::completion::{Completion, Usage};
use super::fault::{Fault, Follows};
use super::ledger::{Attempt, Conclusion, Ledger, LedgerError};
use super::pacing::{Pacing, Signal};
use super::prices::Prices;
use super::prompts::PromptError;
use super::transport::{Exchange, Transport};
use crate::base::id::ContentHash;
use crate::base::seed::Random;

/// How often a call is tried at most by one process.
const MAX_TRIES: u32 = 6;
/// How long a call waits before its first repetition; the time doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a server did not ask for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Why nothing more is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The server won't answer before somebody does something.
    #[error("{0}")]
    Server(String),
    /// The budget is used up.
    #[error("{0}")]
    Budget(#[from] OverBudget),
    /// A call cost more than its prices allow.
    #[error(
        "a call cost ${} though by the listed prices it costs ${} at most; nothing more is \
         asked", usd(*.cost_microusd), usd(*.most_microusd)
    )]
    Overcharged {
        /// What the server says that it cost.
        cost_microusd: u64,
        /// What was set aside.
        most_microusd: u64,
    },
    /// Calls can't be written down.
    #[error("calls can't be written down: {0}")]
    Ledger(#[from] LedgerError),
    /// Whoever runs us wants it.
    #[error("it was interrupted")]
    Interrupted,
}

/// Why a call has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Nothing more is asked. All that was answered is kept.
    #[error("{0}")]
    Stopped(Stop),
    /// The server gave no answer to this call.
    #[error("no answer after {tries} tries: {why}")]
    Failed {
        /// How often it was tried.
        tries: u32,
        /// What was wrong last.
        why: String,
    },
    /// The answer is not what was asked for, not even when asked again.
    #[error("the answer can't be used: {0}")]
    Refused(String),
    /// The question could not be put.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

/// How long to wait before a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Before the first repetition; the time doubles with each.
    pub first_wait: Duration,
    /// The longest wait that a server did not ask for.
    pub max_wait: Duration,
    /// How often a call is tried at most.
    pub max_tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: FIRST_WAIT,
            max_wait: MAX_WAIT,
            max_tries: MAX_TRIES,
        }
    }
}

/// Asks one server.
pub struct Asker {
    transport: Transport,
    ledger: Arc<dyn Ledger>,
    budget: Arc<Budget>,
    pacing: Arc<Pacing>,
    patience: Patience,
    prices: Option<Prices>,
    stop: OnceLock<Stop>,
    /// Calls that somebody is asking now.
    under_way: Mutex<HashMap<ContentHash, Arc<Alone>>>,
}

/// Held by whoever asks a call; another one that asks the same waits for the answer.
type Alone = tokio::sync::Mutex<()>;

/// What one try came to.
enum Tried {
    Answered(Box<Completion>),
    Fault(Fault),
}

impl Asker {
    /// An asker that writes into this ledger.
    pub fn new(
        transport: Transport,
        ledger: Arc<dyn Ledger>,
        budget: Arc<Budget>,
        pacing: Arc<Pacing>,
        patience: Patience,
        prices: Option<Prices>,
    ) -> Self {
        Self {
            transport,
            ledger,
            budget,
            pacing,
            patience,
            prices,
            stop: OnceLock::new(),
            under_way: Mutex::default(),
        }
    }

    /// The budget that it keeps to.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Why nothing more is asked, if so.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stop.get()
    }

    /// Begins no further call; the first reason counts.
    pub fn stop(&self, why: Stop) {
        let _ = self.stop.set(why);
    }

    /// Takes note of what became of a call's answer.
    pub fn conclude(&self, call: &Call, conclusion: Conclusion) {
        self.ledger.conclude(call, conclusion);
    }

    /// The answer to a call: the one in the ledger, or the server's.
    ///
    /// # Errors
    /// [`ChatError::Stopped`] and [`ChatError::Failed`].
    pub async fn ask(&self, call: &Arc<Call>) -> Result<Completion, ChatError> {
        let alone = Arc::clone(self.under_way().entry(call.hash).or_default());
        let held = alone.lock().await;
        let answer = self.ask_alone(call).await;
        drop(held);
        let mut under_way = self.under_way();
        // Ours and that of the table: nobody else waits.
        if Arc::strong_count(&alone) == 2 {
            under_way.remove(&call.hash);
        }
        answer
    }

    async fn ask_alone(&self, call: &Arc<Call>) -> Result<Completion, ChatError> {
        let attempts = {
            let call = Arc::clone(call);
            self.written(move |ledger| ledger.attempts(&call)).await?
        };
        let (mut garbled, number) = match recalled(&attempts)? {
            Recalled::Answer(completion) => return Ok(*completion),
            Recalled::Open { garbled, next } => (garbled, next),
        };
        if !self.ledger.may_ask() {
            return Err(self.unanswered(call, &attempts));
        }
        let mut once_more = 0;
        let mut tries = 0;
        loop {
            let number = number + tries;
            tries += 1;
            let fault = match self.attempt(call, number).await? {
                Tried::Answered(completion) => return Ok(*completion),
                Tried::Fault(fault) => fault,
            };
            let failed = || ChatError::Failed {
                tries,
                why: fault.to_string(),
            };
            match fault.follows() {
                Follows::Stop => return Err(self.halt(Stop::Server(fault.to_string()))),
                Follows::GiveUp => return Err(failed()),
                Follows::OnceMore => once_more += 1,
                Follows::Wait | Follows::Again => {}
            }
            garbled += u32::from(matches!(fault, Fault::Garbled(_)));
            if once_more > 1 || garbled > 1 || tries >= self.patience.max_tries {
                return Err(failed());
            }
            tokio::time::sleep(self.wait(call, number, tries, &fault)).await;
        }
    }

    /// Why a call is not answered in a ledger that only remembers.
    fn unanswered(&self, call: &Call, attempts: &[Attempt]) -> ChatError {
        let Some(last) = attempts.last() else {
            let hash = call.hash;
            let why = format!("the call {hash} is not among those that were made");
            return self.halt(LedgerError(why).into());
        };
        let fault = last.exchange.as_ref().map(Completion::read);
        ChatError::Failed {
            tries: attempts.len() as u32,
            why: match fault {
                Some(Err(fault)) => fault.to_string(),
                _ => "its answer never came".to_owned(),
            },
        }
    }

    /// One try, from its reservation to its settlement.
    async fn attempt(&self, call: &Arc<Call>, number: u32) -> Result<Tried, ChatError> {
        let place = self.pacing.place().await;
        if let Some(why) = self.stop.get() {
            return Err(ChatError::Stopped(why.clone()));
        }
        let reservation = self.budget.reserve(call.most_microusd).await;
        let reservation = reservation.map_err(|over| self.halt(over.into()))?;
        // Somebody may have stopped while this one waited for money.
        if let Some(why) = self.stop.get() {
            reservation.cancel();
            return Err(ChatError::Stopped(why.clone()));
        }
        let most = reservation.most_microusd();
        let intended = {
            let call = Arc::clone(call);
            self.written(move |ledger| ledger.intend(&call, number, most))
                .await
        };
        if let Err(error) = intended {
            reservation.cancel();
            return Err(error);
        }
        let turn = self.pacing.turn().await;
        drop(place);
        if let Some(why) = self.stop.get() {
            let exchange = Exchange::unsent("everything stopped before");
            let call = Arc::clone(call);
            self.written(move |ledger| ledger.respond(&call, number, &exchange))
                .await?;
            reservation.cancel();
            return Err(ChatError::Stopped(why.clone()));
        }
        let exchange = self
            .transport
            .post(call.url.clone(), call.body.clone())
            .await;
        let read = Completion::read(&exchange);
        let charge = charge(&read, self.prices);
        // Before its turn is another's, lest that one is asked in vain.
        self.heed(&read, charge, most);
        turn.end(signal(&read));
        let exchange = {
            let call = Arc::clone(call);
            self.written(move |ledger| ledger.respond(&call, number, &exchange))
                .await
        };
        // Whether or not it was written down, it was made.
        reservation.settle(charge);
        exchange?;
        Ok(match read {
            Ok(completion) => Tried::Answered(Box::new(completion)),
            Err(fault) => Tried::Fault(fault),
        })
    }

    /// Stops if what came back is a reason to.
    fn heed(&self, read: &Result<Completion, Fault>, charge: Charge, most: Option<u64>) {
        if let Err(fault) = read
            && fault.follows() == Follows::Stop
        {
            self.stop(Stop::Server(fault.to_string()));
        }
        if let (Charge::Known(cost_microusd), Some(most_microusd)) = (charge, most)
            && cost_microusd > most_microusd
        {
            self.stop(Stop::Overcharged {
                cost_microusd,
                most_microusd,
            });
        }
    }

    /// Does something with the ledger where waiting for the disk holds nobody up.
    async fn written<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ChatError> {
        let ledger = Arc::clone(&self.ledger);
        let done = tokio::task::spawn_blocking(move || work(ledger.as_ref())).await;
        let done = done.unwrap_or_else(|error| Err(LedgerError(error.to_string())));
        done.map_err(|error| self.halt(error.into()))
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<ContentHash, Arc<Alone>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn halt(&self, why: Stop) -> ChatError {
        ChatError::Stopped(self.stop.get_or_init(|| why).clone())
    }

    /// Between half of the doubling time and all of it, or as long as the server asks.
    fn wait(&self, call: &Call, number: u32, tries: u32, fault: &Fault) -> Duration {
        let doubled = self
            .patience
            .first_wait
            .saturating_mul(1 << tries.min(16).saturating_sub(1));
        let most = doubled.min(self.patience.max_wait);
        let path = [call.hash.to_string(), number.to_string()];
        let mut random = Random::new(0, &["wait", &path[0], &path[1]]);
        let half_us = (most / 2).as_micros() as usize;
        let own = most / 2 + Duration::from_micros(random.below(half_us + 1) as u64);
        own.max(fault.retry_after().unwrap_or_default())
    }
}

enum Recalled {
    Answer(Box<Completion>),
    Open { garbled: u32, next: u32 },
}

/// What the ledger knows of a call.
fn recalled(attempts: &[Attempt]) -> Result<Recalled, ChatError> {
    let exchanges = attempts.iter().filter_map(|it| it.exchange.as_ref());
    let read: Vec<_> = exchanges.map(Completion::read).collect();
    if let Some(completion) = read.iter().find_map(|it| it.as_ref().ok()) {
        return Ok(Recalled::Answer(Box::new(completion.clone())));
    }
    let mut garbled = 0;
    for fault in read.into_iter().filter_map(Result::err) {
        garbled += u32::from(matches!(fault, Fault::Garbled(_)));
        // The server worked for it, and would do no better.
        if garbled > 1 || fault.follows() == Follows::GiveUp {
            return Err(ChatError::Failed {
                tries: attempts.len() as u32,
                why: fault.to_string(),
            });
        }
    }
    Ok(Recalled::Open {
        garbled,
        next: attempts.len() as u32,
    })
}

fn signal(read: &Result<Completion, Fault>) -> Signal {
    match read {
        Ok(_) => Signal::Good,
        Err(fault) => match fault.follows() {
            Follows::Wait => Signal::Busy(fault.retry_after()),
            _ => Signal::Other,
        },
    }
}

/// What an exchange cost: as the server says, else by its prices and tokens.
fn charge(read: &Result<Completion, Fault>, prices: Option<Prices>) -> Charge {
    match read {
        Ok(completion) => cost_of(&completion.usage, prices),
        Err(fault) if fault.is_free() => Charge::Nothing,
        Err(_) => Charge::Possible,
    }
}

fn cost_of(usage: &Usage, prices: Option<Prices>) -> Charge {
    let by_tokens = || {
        let prices = prices?;
        Some(prices.cost_microusd(usage.prompt_tokens?, usage.output_tokens?))
    };
    match usage.cost_microusd.or_else(by_tokens) {
        Some(cost) => Charge::Known(cost),
        None => Charge::Possible,
    }
}

/// What an exchange in a ledger cost, for whoever sums up.
pub fn charge_of(exchange: Option<&Exchange>, prices: Option<Prices>) -> Charge {
    match exchange {
        Some(exchange) => charge(&Completion::read(exchange), prices),
        None => Charge::Possible,
    }
}
