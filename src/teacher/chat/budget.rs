//! What may be spent: set aside before a call, settled after it.
//!
//! **Invariants.** What is known to be spent, what may have been spent on calls whose
//! answer never came, and what is set aside for open calls are together never more than the
//! cap. A reservation that is dropped unsettled counts as spent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What was spent so far, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls that were made.
    pub calls: u64,
    /// What servers said that calls cost.
    pub known_microusd: u64,
    /// What calls cost at most whose cost nobody knows: their answer never came.
    pub possible_microusd: u64,
    /// Calls that may have cost something that is neither known nor bounded.
    pub calls_of_unknown_cost: u64,
}

impl Spent {
    /// Adds what others spent.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.known_microusd += other.known_microusd;
        self.possible_microusd += other.possible_microusd;
        self.calls_of_unknown_cost += other.calls_of_unknown_cost;
    }

    fn most_microusd(&self) -> u64 {
        self.known_microusd.saturating_add(self.possible_microusd)
    }
}

/// How a call came out, as far as money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It cost this.
    Known(u64),
    /// It cost nothing: the server refused it.
    Nothing,
    /// It may have cost all that was set aside.
    Possible,
}

/// There is too little left for a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// The cap is reached.
    #[error(
        "the budget of ${} is used up: ${} are spent{}, and the next call may cost ${}; \
         raise --max-cost to go on", usd(*.cap_microusd), usd(*.known_microusd),
        may_have(*.possible_microusd), usd(*.next_microusd)
    )]
    Reached {
        /// The cap.
        cap_microusd: u64,
        /// What is known to be spent.
        known_microusd: u64,
        /// What may have been spent beside that.
        possible_microusd: u64,
        /// What the next call may cost.
        next_microusd: u64,
    },
    /// What a call costs isn't known, so that no cap can be kept.
    #[error(
        "the server lists no prices, so --max-cost can't be kept; leave it out to go on \
         without a cap"
    )]
    Unpriced,
}

/// An amount in US dollars, for people.
pub fn usd(microusd: u64) -> String {
    let (whole, part) = (microusd / 1_000_000, microusd % 1_000_000);
    let part = format!("{part:06}");
    let part = part.trim_end_matches('0');
    format!("{whole}.{part:0<2}")
}

fn may_have(possible_microusd: u64) -> String {
    match possible_microusd {
        0 => String::new(),
        some => format!(
            " and ${} may have been, on calls without an answer",
            usd(some)
        ),
    }
}

#[derive(Default)]
struct State {
    /// By earlier processes, on the same run.
    before: Spent,
    /// By this one.
    here: Spent,
    reserved_microusd: u64,
}

/// The budget of a run.
pub struct Budget {
    cap_microusd: Option<u64>,
    state: Mutex<State>,
    settled: Notify,
}

impl Budget {
    /// A budget with this cap, if there is one, of which `before` is spent.
    pub fn new(cap_microusd: Option<u64>, before: Spent) -> Arc<Self> {
        let state = State {
            before,
            ..State::default()
        };
        Arc::new(Self {
            cap_microusd,
            state: Mutex::new(state),
            settled: Notify::new(),
        })
    }

    /// What this process spent, and the run as a whole.
    pub fn spent(&self) -> (Spent, Spent) {
        let state = self.state();
        let mut all = state.before;
        all.add(state.here);
        (state.here, all)
    }

    /// Sets aside what a call costs at most. Waits while open calls may still turn out
    /// cheaper than feared.
    ///
    /// # Errors
    /// There is too little left, or `most_microusd` is unknown and there is a cap.
    pub async fn reserve(
        self: &Arc<Self>,
        most_microusd: Option<u64>,
    ) -> Result<Reservation, OverBudget> {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // From here on no settlement is missed.
            settled.as_mut().enable();
            if let Some(reservation) = self.try_reserve(most_microusd)? {
                return Ok(reservation);
            }
            settled.await;
        }
    }

    /// `None` if it is worth waiting.
    fn try_reserve(
        self: &Arc<Self>,
        most_microusd: Option<u64>,
    ) -> Result<Option<Reservation>, OverBudget> {
        let mut state = self.state();
        if let Some(cap_microusd) = self.cap_microusd {
            let next_microusd = most_microusd.ok_or(OverBudget::Unpriced)?;
            let mut all = state.before;
            all.add(state.here);
            let needed = all.most_microusd().saturating_add(next_microusd);
            if needed > cap_microusd {
                return Err(OverBudget::Reached {
                    cap_microusd,
                    known_microusd: all.known_microusd,
                    possible_microusd: all.possible_microusd,
                    next_microusd,
                });
            }
            if needed.saturating_add(state.reserved_microusd) > cap_microusd {
                return Ok(None);
            }
        }
        state.reserved_microusd += most_microusd.unwrap_or(0);
        Ok(Some(Reservation {
            budget: Arc::clone(self),
            most_microusd,
            is_settled: false,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set aside for an open call.
pub struct Reservation {
    budget: Arc<Budget>,
    most_microusd: Option<u64>,
    is_settled: bool,
}

impl Reservation {
    /// What was set aside.
    pub fn most_microusd(&self) -> Option<u64> {
        self.most_microusd
    }

    /// Settles it.
    pub fn settle(mut self, charge: Charge) {
        self.close(Some(charge));
    }

    /// Gives it back: the call was not made.
    pub fn cancel(mut self) {
        self.close(None);
    }

    fn close(&mut self, charge: Option<Charge>) {
        self.is_settled = true;
        let mut state = self.budget.state();
        state.reserved_microusd -= self.most_microusd.unwrap_or(0);
        if let Some(charge) = charge {
            state.here.add(spent(charge, self.most_microusd));
        }
        drop(state);
        self.budget.settled.notify_waiters();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_settled {
            self.close(Some(Charge::Possible));
        }
    }
}

/// What one call adds to what was spent.
pub fn spent(charge: Charge, most_microusd: Option<u64>) -> Spent {
    let mut spent = Spent {
        calls: 1,
        ..Spent::default()
    };
    match (charge, most_microusd) {
        (Charge::Known(cost), _) => spent.known_microusd = cost,
        (Charge::Nothing, _) => {}
        (Charge::Possible, Some(most)) => spent.possible_microusd = most,
        (Charge::Possible, None) => spent.calls_of_unknown_cost = 1,
    }
    spent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn amounts_are_shown_to_the_last_digit() {
        assert_eq!(usd(0), "0.00");
        assert_eq!(usd(412), "0.000412");
        assert_eq!(usd(2_500_000), "2.50");
    }

    #[test]
    fn nothing_goes_over_the_cap() {
        block_on(async {
            let before = Spent {
                calls: 1,
                known_microusd: 20,
                ..Spent::default()
            };
            let budget = Budget::new(Some(100), before);
            let first = budget.reserve(Some(50)).await.unwrap();
            // Too much while the first one is open, but not if that turns out cheap.
            let second = budget.reserve(Some(60));
            tokio::pin!(second);
            let early = tokio::time::timeout(std::time::Duration::from_millis(20), &mut second);
            assert!(early.await.is_err());
            first.settle(Charge::Known(5));
            let second = second.await.unwrap();
            drop(second);
            let (here, all) = budget.spent();
            assert_eq!((here.known_microusd, here.possible_microusd), (5, 60));
            assert_eq!((all.known_microusd, all.calls), (25, 3));
            let error = budget.reserve(Some(16)).await.err().unwrap();
            let text = error.to_string();
            assert!(
                text.contains("$0.0001") && text.contains("$0.00006 may"),
                "{text}"
            );
            assert!(budget.reserve(Some(15)).await.is_ok());
            let unpriced = budget.reserve(None).await;
            assert_eq!(unpriced.err(), Some(OverBudget::Unpriced));
        });
    }

    #[test]
    fn without_a_cap_unknown_costs_are_counted() {
        block_on(async {
            let budget = Budget::new(None, Spent::default());
            for charge in [Charge::Possible, Charge::Nothing] {
                budget.reserve(None).await.unwrap().settle(charge);
            }
            let dear = budget.reserve(Some(1)).await.unwrap();
            dear.settle(Charge::Known(2));
            let (here, _) = budget.spent();
            assert_eq!((here.calls, here.calls_of_unknown_cost), (3, 1));
            assert_eq!(here.known_microusd, 2);
        });
    }
}
