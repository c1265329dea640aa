//! The chat teacher as a whole: opened once, asked in batches, many calls side by side.
//!
//! **Invariants.** Results come in the order of what was asked, whoever was answered first.
//! After [`Stop`], every answer that had arrived is still given. Nothing here may be called
//! from inside an asynchronous runtime.

use std::io;
use std::sync::Arc;

use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

use super::asker::{Asker, ChatError, Patience, Stop};
use super::budget::{Budget, OverBudget, Spent};
use super::call::Desk;
use super::correction::{self, Correction};
use super::endpoint::{Endpoint, EndpointError, Service};
use super::estimate::{Estimate, Plan, Size, Sizes, estimate};
use super::evidence::Evidence;
use super::fault::{Follows, error_of};
use super::judgement::{self, Judgement};
use super::ledger::{Ledger, LedgerError};
use super::pacing::{Pace, Pacing};
use super::prices::{Listing, ListingError, find};
use super::proposal::{self, Ask};
use super::secret::Key;
use super::talk::{Question, Said};
use super::transport::{Limits, Transport, Trouble};
use crate::event::words::Request;
use crate::teacher::draft::Draft;

/// How a chat teacher is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub endpoint: Endpoint,
    /// Its key, if it needs one.
    pub key: Option<Key>,
    /// What the server listed when the run began; `None` asks it. Whoever goes on with a run,
    /// or replays it, gives what was recorded: prices stand in requests, and another price
    /// would make another request.
    pub listing: Option<Listing>,
    /// The most that the run may cost, earlier processes included.
    pub max_cost_microusd: Option<u64>,
    /// How many calls at once, and how fast.
    pub pace: Pace,
    /// How long and how much.
    pub limits: Limits,
    /// How often a call is tried.
    pub patience: Patience,
    /// Whether the system's proxy is used.
    pub use_proxy: bool,
}

impl Settings {
    /// The usual ones for a server.
    pub fn new(endpoint: Endpoint, key: Option<Key>) -> Self {
        Self {
            endpoint,
            key,
            listing: None,
            max_cost_microusd: None,
            pace: Pace::default(),
            limits: Limits::default(),
            patience: Patience::default(),
            use_proxy: true,
        }
    }
}

/// Why a chat teacher can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address can't be used so.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The model can't be asked.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// The key is refused.
    #[error("the server refuses the key: {0}")]
    Key(String),
    /// OpenRouter was given no key.
    #[error("openrouter needs a key: set OPENROUTER_API_KEY, or name a file that holds it")]
    NoKey,
    /// No request can be made.
    #[error("requests can't be made: {0}")]
    Transport(#[from] Trouble),
    /// The cap can't be kept.
    #[error(transparent)]
    Budget(#[from] OverBudget),
    /// The ledger can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The system gives no threads.
    #[error("starting threads for calls: {0}")]
    Threads(#[from] io::Error),
}

/// A server that proposes, judges and corrects.
pub struct ChatTeacher {
    runtime: Runtime,
    asker: Asker,
    desk: Desk,
    listing: Listing,
    width: usize,
}

impl ChatTeacher {
    /// Opens it: asks the server for its models unless the listing is given, and the ledger
    /// for what was spent. No call that costs is made.
    ///
    /// # Errors
    /// The model is not there, the key is refused, or the cap can't be kept.
    pub fn open(settings: Settings, ledger: Arc<dyn Ledger>) -> Result<Self, OpenError> {
        let Settings { endpoint, key, .. } = settings;
        let has_key = key.is_some();
        if has_key {
            endpoint.check_key()?;
        } else if endpoint.service() == Service::OpenRouter && settings.listing.is_none() {
            return Err(OpenError::NoKey);
        }
        // The calls under way, and as many that wait for the disk.
        let width = settings.pace.max_concurrency.max(1) * 2;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(width)
            .enable_all()
            .build()?;
        let transport = Transport::new(key, settings.limits, settings.use_proxy)?;
        let listing = match settings.listing {
            Some(listing) => listing,
            None => runtime.block_on(ask_listing(&transport, &endpoint, has_key))?,
        };
        if settings.max_cost_microusd.is_some() && listing.prices.is_none() {
            return Err(OverBudget::Unpriced.into());
        }
        let budget = Budget::new(settings.max_cost_microusd, ledger.spent_before()?);
        let asker = Asker::new(
            transport,
            ledger,
            budget,
            Pacing::new(settings.pace),
            settings.patience,
            listing.prices,
        );
        Ok(Self {
            desk: Desk::new(endpoint, listing.clone()),
            runtime,
            asker,
            listing,
            width,
        })
    }

    /// What the server listed, to be recorded with the run.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// What a run calls this teacher.
    pub fn name(&self) -> String {
        let endpoint = self.desk.endpoint().clone();
        endpoint.with_model(self.desk.model()).name()
    }

    /// What this process spent, and the run as a whole.
    pub fn spent(&self) -> (Spent, Spent) {
        self.asker.budget().spent()
    }

    /// Why nothing more is asked, if so.
    pub fn stopped(&self) -> Option<&Stop> {
        self.asker.stopped()
    }

    /// Begins no further call; those under way end and are written down. For another thread,
    /// when the user wants to stop.
    pub fn interrupt(&self) {
        self.asker.stop(Stop::Interrupted);
    }

    /// Asks for challenges. What comes is to be admitted by proof.
    pub fn propose(
        &self,
        asks: &[Ask<'_>],
        on_done: impl FnMut(usize),
    ) -> Vec<Result<Said<Vec<Draft>>, ChatError>> {
        let one = async |ask: &Ask<'_>| proposal::propose(&self.asker, &self.desk, ask).await;
        self.each(asks, one, on_done)
    }

    /// Asks what the teacher thinks of answers; `request` says whether they are planted.
    pub fn judge(
        &self,
        answers: &[Evidence<'_>],
        request: Request,
        on_done: impl FnMut(usize),
    ) -> Vec<Result<Said<Judgement>, ChatError>> {
        let one = async |evidence: &Evidence<'_>| {
            judgement::judge(&self.asker, &self.desk, evidence, request).await
        };
        self.each(answers, one, on_done)
    }

    /// Asks for corrections. What comes is to be executed before it is trained on.
    pub fn correct(
        &self,
        answers: &[Evidence<'_>],
        on_done: impl FnMut(usize),
    ) -> Vec<Result<Said<Correction>, ChatError>> {
        let one = async |evidence: &Evidence<'_>| {
            correction::correct(&self.asker, &self.desk, evidence).await
        };
        self.each(answers, one, on_done)
    }

    /// What a plan may cost, judged by a typical ask and a typical answer.
    ///
    /// # Errors
    /// A prompt can't be made.
    pub fn estimate(
        &self,
        plan: &Plan,
        ask: &Ask<'_>,
        answer: &Evidence<'_>,
    ) -> Result<Estimate, ChatError> {
        let size = |question: Question, usual_tokens: u64| {
            let call = self
                .desk
                .call(question.request, &question.rendered, question.manner, 0);
            Size {
                body_len_bytes: call.body.len() as u64,
                usual_tokens,
                max_tokens: u64::from(question.manner.max_tokens),
            }
        };
        let count = ask.count.clamp(1, proposal::MAX_COUNT) as u64;
        let sizes = Sizes {
            propose: size(proposal::question(ask)?, 220 * count),
            judge: size(judgement::question(answer, Request::Grade)?, 80),
            correct: size(correction::question(answer)?, 200),
        };
        Ok(estimate(plan, &sizes, self.listing.prices))
    }

    /// Does something with each item, many side by side.
    fn each<T, R>(
        &self,
        items: &[T],
        one: impl AsyncFn(&T) -> R,
        mut on_done: impl FnMut(usize),
    ) -> Vec<R> {
        let one = &one;
        let all = async {
            let futures = items
                .iter()
                .enumerate()
                .map(|(place, item)| async move { (place, one(item).await) });
            let mut under_way = futures::stream::iter(futures).buffer_unordered(self.width);
            let mut done = Vec::with_capacity(items.len());
            while let Some((place, result)) = under_way.next().await {
                on_done(place);
                done.push((place, result));
            }
            done
        };
        let mut done = self.runtime.block_on(all);
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

/// What a server lists of the model that is asked; nothing that costs is asked.
///
/// # Errors
/// The model is not there, or the key is refused.
pub fn list(settings: &Settings) -> Result<Listing, OpenError> {
    if settings.key.is_some() {
        settings.endpoint.check_key()?;
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let key = settings.key.clone();
    let transport = Transport::new(key, settings.limits, settings.use_proxy)?;
    runtime.block_on(ask_listing(
        &transport,
        &settings.endpoint,
        settings.key.is_some(),
    ))
}

async fn ask_listing(
    transport: &Transport,
    endpoint: &Endpoint,
    has_key: bool,
) -> Result<Listing, OpenError> {
    if endpoint.service() == Service::OpenRouter && has_key {
        let exchange = transport.get(endpoint.key_status()).await;
        if let Some(fault) = error_of(&exchange).filter(|it| it.follows() == Follows::Stop) {
            return Err(OpenError::Key(fault.to_string()));
        }
    }
    let exchange = transport.get(endpoint.models()).await;
    Ok(find(&exchange, endpoint.model())?)
}
