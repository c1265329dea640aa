//! How many calls run side by side, and how soon one follows another: as many as the server
//! takes.
//!
//! The number doubles with every round of answers until the server is first too busy; then
//! it halves, and grows by one a round (as TCP does). A server that says how long to wait
//! is left alone for so long by everyone.
//!
//! **Invariant.** Pacing decides when a call is made, never whether or which.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The calls that a server gets at once in the beginning.
const FIRST: f64 = 8.0;

/// The bounds of pacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The calls that run side by side at most.
    pub max_concurrency: usize,
    /// The calls that are begun in a minute at most.
    pub max_per_minute: Option<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            max_concurrency: 16,
            max_per_minute: None,
        }
    }
}

/// What a call says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It answered.
    Good,
    /// It is too busy, and perhaps says for how long.
    Busy(Option<Duration>),
    /// Neither.
    Other,
}

struct State {
    limit: f64,
    running: usize,
    /// Calls that are being got ready for a turn.
    waiting: usize,
    /// Whether the server was ever too busy.
    was_busy: bool,
    halved_at: Option<Instant>,
    /// No call is begun before.
    not_before: Option<Instant>,
}

/// The pace of the calls of one server.
pub struct Pacing {
    pace: Pace,
    state: Mutex<State>,
    changed: Notify,
}

/// Leave to get one call ready. What is written down and not yet sent would count as sent
/// after a crash, so there are few of these beyond the turns.
pub struct Place {
    pacing: Arc<Pacing>,
}

/// Leave to make one call.
pub struct Turn {
    pacing: Arc<Pacing>,
    signal: Signal,
    begun: Instant,
}

impl Pacing {
    /// Pacing within these bounds.
    pub fn new(pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            pace,
            state: Mutex::new(State {
                limit: FIRST.min(pace.max_concurrency.max(1) as f64),
                running: 0,
                waiting: 0,
                was_busy: false,
                halved_at: None,
                not_before: None,
            }),
            changed: Notify::new(),
        })
    }

    /// How many calls may run side by side now.
    pub fn limit(&self) -> usize {
        self.state().limit as usize
    }

    /// Waits for leave to get a call ready.
    pub async fn place(self: &Arc<Self>) -> Place {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(place) = self.try_place() {
                return place;
            }
            changed.await;
        }
    }

    fn try_place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        let most = state.limit as usize / 4 + 1;
        (state.waiting < most).then(|| {
            state.waiting += 1;
            Place {
                pacing: Arc::clone(self),
            }
        })
    }

    /// Waits for a turn.
    pub async fn turn(self: &Arc<Self>) -> Turn {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.try_turn() {
                Ok(turn) => return turn,
                Err(Some(moment)) => sleep_until(moment).await,
                Err(None) => changed.await,
            }
        }
    }

    /// A turn, or when to try again; `None` when another call has ended.
    fn try_turn(self: &Arc<Self>) -> Result<Turn, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(moment) = state.not_before.filter(|it| *it > now) {
            return Err(Some(moment));
        }
        if state.running >= state.limit as usize {
            return Err(None);
        }
        state.running += 1;
        if let Some(calls) = self.pace.max_per_minute {
            let gap = Duration::from_secs(60) / calls.max(1);
            state.not_before = Some(now + gap);
        }
        drop(state);
        Ok(Turn {
            pacing: Arc::clone(self),
            signal: Signal::Other,
            begun: now,
        })
    }

    fn take_note(&self, signal: Signal, begun: Instant) {
        let now = Instant::now();
        let mut state = self.state();
        state.running -= 1;
        match signal {
            Signal::Good => {
                let step = match state.was_busy {
                    true => 1.0 / state.limit,
                    false => 1.0,
                };
                state.limit = (state.limit + step).min(self.pace.max_concurrency.max(1) as f64);
            }
            Signal::Busy(wait) => {
                state.was_busy = true;
                // Calls that were under way together are refused together: that counts once.
                let is_news = state.halved_at.is_none_or(|it| begun >= it);
                if is_news {
                    state.limit = (state.limit / 2.0).max(1.0);
                    state.halved_at = Some(now);
                }
                let until = now + wait.unwrap_or_default();
                state.not_before = Some(state.not_before.map_or(until, |it| it.max(until)));
            }
            Signal::Other => {}
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pacing.state().waiting -= 1;
        self.pacing.changed.notify_waiters();
    }
}

impl Turn {
    /// Ends the turn with what the call said about the server.
    pub fn end(mut self, signal: Signal) {
        self.signal = signal;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pacing.take_note(self.signal, self.begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap().block_on(future)
    }

    fn pacing(max_concurrency: usize, max_per_minute: Option<u32>) -> Arc<Pacing> {
        Pacing::new(Pace {
            max_concurrency,
            max_per_minute,
        })
    }

    #[test]
    fn it_grows_while_the_server_answers_and_halves_once_when_it_is_busy() {
        block_on(async {
            let pacing = pacing(64, None);
            for _ in 0..100 {
                pacing.turn().await.end(Signal::Good);
            }
            assert_eq!(pacing.limit(), 64);
            let places: Vec<Place> = std::iter::from_fn(|| pacing.try_place()).collect();
            assert_eq!(places.len(), 17);
            drop(places);
            let mut turns = Vec::new();
            for _ in 0..64 {
                turns.push(pacing.turn().await);
            }
            assert!(matches!(pacing.try_turn(), Err(None)));
            for turn in turns {
                turn.end(Signal::Busy(None));
            }
            assert_eq!(pacing.limit(), 32);
            // One more a round from here on.
            for _ in 0..33 {
                pacing.turn().await.end(Signal::Good);
            }
            assert_eq!(pacing.limit(), 33);
        });
    }

    #[test]
    fn everyone_waits_as_long_as_the_server_says() {
        block_on(async {
            let pacing = pacing(8, None);
            let wait = Duration::from_millis(60);
            let begun = Instant::now();
            pacing.turn().await.end(Signal::Busy(Some(wait)));
            // A shorter wait that comes later does not undo the longer one.
            assert!(matches!(pacing.try_turn(), Err(Some(_))));
            pacing.turn().await.end(Signal::Good);
            assert!(begun.elapsed() >= wait);
        });
    }

    #[test]
    fn no_more_are_begun_in_a_minute_than_allowed() {
        block_on(async {
            let pacing = pacing(8, Some(3_000));
            let begun = Instant::now();
            for _ in 0..4 {
                pacing.turn().await.end(Signal::Good);
            }
            assert!(begun.elapsed() >= Duration::from_millis(60));
        });
    }
}
