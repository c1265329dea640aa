//! An event should not be relied on any more. It stays; what rests on it is tainted.

use super::envelope::kind;
use super::record::record;
use crate::base::id::AnyId;

record! {
    /// An event should not be relied on any more.
    pub struct Retraction {
        /// The event that is retracted.
        pub target_id: AnyId,
        /// Why, in the user's words.
        pub reason: String,
    }
}

kind!(Retraction, "retraction", "retractions");
