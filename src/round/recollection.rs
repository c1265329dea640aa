//! The ledger that replay gives a chat teacher: it remembers what a lake holds of a run's
//! calls, and lets nobody be asked.
//!
//! **Invariant.** Nothing is written and nothing is sent: a call that the lake does not hold
//! is an error.

use std::collections::BTreeMap;

use crate::base::id::{BlobHash, ContentHash, Id};
use crate::event::run_started::RunStarted;
use crate::event::teacher_call::TeacherCall;
use crate::event::words::CallOutcome;
use crate::lake::{Lake, LakeError};
use crate::teacher::chat::budget::Spent;
use crate::teacher::chat::call::Call;
use crate::teacher::chat::ledger::{Attempt, Conclusion, Ledger, LedgerError};
use crate::teacher::chat::transport::{Exchange, Trouble};

/// What a lake holds of a run's calls.
pub struct Recollection {
    lake: Option<Lake>,
    calls: BTreeMap<ContentHash, BTreeMap<i64, Held>>,
}

struct Held {
    status: Option<u16>,
    response: Option<BlobHash>,
    trouble: Option<Trouble>,
    is_answered: bool,
}

impl Recollection {
    /// The calls of a run that a lake holds; those outside of runs if it is none.
    ///
    /// # Errors
    /// The lake can't be read.
    pub fn of(lake: &Lake, run_id: Option<Id<RunStarted>>) -> Result<Self, LakeError> {
        let mut calls: BTreeMap<ContentHash, BTreeMap<i64, Held>> = BTreeMap::new();
        lake.read_events::<TeacherCall>(|_, _, event| {
            let call = event.body;
            if call.run_id == run_id {
                let attempts = calls.entry(call.request_hash).or_default();
                attempts.insert(call.attempt, held(call));
            }
        })?;
        Ok(Self {
            lake: Some(lake.clone()),
            calls,
        })
    }

    /// A memory without any calls, for whoever only wants to know what calls would be made.
    pub fn blank() -> Self {
        Self {
            lake: None,
            calls: BTreeMap::new(),
        }
    }
}

fn held(call: TeacherCall) -> Held {
    let trouble = match call.outcome {
        CallOutcome::Failed => call.detail.as_deref().and_then(Trouble::recall),
        _ => None,
    };
    Held {
        status: call.http_status.and_then(|it| u16::try_from(it).ok()),
        response: call.response_blob,
        trouble,
        is_answered: call.outcome != CallOutcome::Unknown || call.response_blob.is_some(),
    }
}

impl Ledger for Recollection {
    fn attempts(&self, call: &Call) -> Result<Vec<Attempt>, LedgerError> {
        let mut attempts = Vec::new();
        for held in self
            .calls
            .get(&call.hash)
            .into_iter()
            .flat_map(BTreeMap::values)
        {
            let body = match held.response {
                Some(blob) => self.lake.as_ref().map(|it| it.read_blob(blob)).transpose(),
                None => Ok(None),
            };
            let body = body
                .map_err(|error| LedgerError(error.to_string()))?
                .unwrap_or_default();
            attempts.push(Attempt {
                most_microusd: None,
                exchange: held.is_answered.then(|| Exchange {
                    status: held.status,
                    retry_after: None,
                    body,
                    trouble: held.trouble.clone(),
                }),
            });
        }
        Ok(attempts)
    }

    fn intend(&self, call: &Call, _: u32, _: Option<u64>) -> Result<(), LedgerError> {
        Err(unknown(call))
    }

    fn respond(&self, call: &Call, _: u32, _: &Exchange) -> Result<(), LedgerError> {
        Err(unknown(call))
    }

    fn conclude(&self, _: &Call, _: Conclusion) {}

    fn spent_before(&self) -> Result<Spent, LedgerError> {
        Ok(Spent::default())
    }

    fn may_ask(&self) -> bool {
        false
    }
}

fn unknown(call: &Call) -> LedgerError {
    LedgerError(format!(
        "the lake does not hold the call {} ({}), and nobody is asked in a replay",
        call.hash, call.prompt_name
    ))
}
