//! Which event a user means by the first digits of an id, or of the hash of a blob or a
//! snapshot file that it holds.

use super::error::ReplayError;
use super::relative::describe;
use super::taint::Taint;
use crate::base::prefix::Prefix;
use crate::lake::graph::{Graph, Node};

/// The most candidates that an error lists.
const MAX_CANDIDATES: usize = 10;

/// The one event that is meant by `prefix`.
pub fn find(graph: &Graph, taint: &Taint, prefix: &Prefix) -> Result<Node, ReplayError> {
    let mut candidates = graph.with_prefix(prefix);
    candidates.extend(graph.holders(prefix)?);
    candidates.sort();
    candidates.dedup();
    match candidates.as_slice() {
        [] => Err(ReplayError::Unknown {
            digits: prefix.to_string(),
        }),
        [event] => Ok(*event),
        several => {
            let listed = &several[..several.len().min(MAX_CANDIDATES)];
            Err(ReplayError::Ambiguous {
                digits: prefix.to_string(),
                candidates: describe(graph, taint, listed)?,
                more: several.len() - listed.len(),
            })
        }
    }
}
