//! The chat teacher: a model behind an OpenAI-compatible server proposes challenges, judges
//! answers and corrects them.
//!
//! - [`secret`], [`endpoint`]: the key, and where it may go.
//! - [`transport`], [`fault`], [`completion`]: one request, what can be wrong with what comes
//!   back, and the answer in it.
//! - [`prices`], [`budget`], [`estimate`]: what calls cost, before and after.
//! - [`pacing`]: how many at once. [`prompts`], [`call`]: what is asked, to the last byte.
//! - [`ledger`]: where calls are written down; whoever has a lake brings one.
//! - [`asker`]: one call, again where that helps. [`talk`]: one question, and once more.
//! - [`proposal`], [`evidence`], [`judgement`], [`correction`], [`sentinel`]: what it is about.
//! - [`teacher`]: all of it, in batches.
//!
//! **Invariants.** The key is in nothing that is shown, written or sent elsewhere. No call is
//! made before it is written down and its cost is set aside, and none whose answer is written
//! down already. What the teacher says is a proposal: execution decides, and a judge raises
//! nothing.

pub mod asker;
pub mod budget;
pub mod call;
pub mod completion;
pub mod correction;
pub mod endpoint;
pub mod estimate;
pub mod evidence;
pub mod fault;
pub mod judgement;
pub mod ledger;
pub mod pacing;
pub mod prices;
pub mod prompts;
pub mod proposal;
pub mod secret;
pub mod sentinel;
pub mod talk;
pub mod teacher;
pub mod transport;

pub use asker::{ChatError, Patience, Stop};
pub use endpoint::Endpoint;
pub use secret::Key;
pub use teacher::{ChatTeacher, OpenError, Settings, list};
