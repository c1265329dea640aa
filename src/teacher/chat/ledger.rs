//! Where calls are written down: before they are made, and when they are answered.
//!
//! The teacher knows no lake. Whoever has one keeps the ledger in it; replay keeps one that
//! only remembers.

use std::fmt;

use super::budget::Spent;
use super::call::Call;
use super::transport::Exchange;

/// A call that was begun, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What was set aside for it, if that was known.
    pub most_microusd: Option<u64>,
    /// What came back, if that was written down.
    pub exchange: Option<Exchange>,
}

/// How an attempt ended, once its answer was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Its answer is used.
    Used,
    /// Its answer came, but is not what was asked for.
    Refused(String),
}

/// A ledger of calls.
///
/// **Invariants.** When [`Ledger::intend`] or [`Ledger::respond`] has returned, what it
/// wrote survives a crash. Attempts of a call are numbered from 0 on without gaps.
pub trait Ledger: Send + Sync {
    /// Every attempt at a call so far, the first one first.
    ///
    /// # Errors
    /// The ledger can't be read.
    fn attempts(&self, call: &Call) -> Result<Vec<Attempt>, LedgerError>;

    /// Writes down that attempt `number` is about to be made.
    ///
    /// # Errors
    /// It could not be written down; the call must not be made.
    fn intend(
        &self,
        call: &Call,
        number: u32,
        most_microusd: Option<u64>,
    ) -> Result<(), LedgerError>;

    /// Writes down what came back from attempt `number`.
    ///
    /// # Errors
    /// It could not be written down; no further call must be made.
    fn respond(&self, call: &Call, number: u32, exchange: &Exchange) -> Result<(), LedgerError>;

    /// Takes note of what became of a call's answer.
    fn conclude(&self, call: &Call, conclusion: Conclusion);

    /// Whether a call that is not answered may be made; not if the ledger only remembers.
    fn may_ask(&self) -> bool;

    /// What the run had spent before this process began.
    ///
    /// # Errors
    /// The ledger can't be read.
    fn spent_before(&self) -> Result<Spent, LedgerError>;
}

/// Why the ledger could not be read or written, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerError(pub String);

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LedgerError {}
