//! Why what was recorded could not be looked at again, or not be retracted.

use super::relative::Relative;
use crate::base::id::AnyId;
use crate::lake::LakeError;

/// Why a command of this layer did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No event is meant by these digits.
    #[error("nothing in the lake has an id or a hash that begins with {digits}")]
    Unknown {
        /// The digits.
        digits: String,
    },
    /// Several events are meant by these digits.
    #[error("{digits} may mean {} events", candidates.len() + more)]
    Ambiguous {
        /// The digits.
        digits: String,
        /// The first of them.
        candidates: Vec<Relative>,
        /// How many others there are.
        more: usize,
    },
    /// A retraction must say why.
    #[error("a retraction needs a reason")]
    NoReason,
    /// The event was retracted before.
    #[error("the {kind} {target_id} is retracted already, by {retraction_id}: {reason}")]
    AlreadyRetracted {
        /// The event's kind.
        kind: &'static str,
        /// The event.
        target_id: AnyId,
        /// The retraction.
        retraction_id: AnyId,
        /// Its reason.
        reason: String,
    },
    /// A retraction can't be taken back.
    #[error("{0} is a retraction itself, and a retraction stays")]
    OfRetraction(AnyId),
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
}
