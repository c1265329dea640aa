//! Operations of the model, each in one file with its forward and its backward pass.
//!
//! Tensors are candle's, without its graph: the trainer calls the backward passes itself,
//! so that no gradient of a frozen weight is ever computed and nothing is kept that is
//! not needed. On a CPU all numbers are f32; on CUDA activations are bf16, sums are f32,
//! and the kernels are in `kernels/`.
//!
//! Everywhere `rows` are the tokens of all sequences of a batch, one after the other
//! without padding ([`Sequences`] says where each begins).
//!
//! Operations whose result is the input of a linear layer take `spare`: that many columns
//! are added on the right, set to zero, for what LoRA puts there (`student/linear.rs`).
//!
//! **Invariants.**
//! - The result of an operation is the same, bit for bit, for any number of threads: work
//!   is split by rows, and every sum has one order.
//! - Nothing here knows what a model, an adapter or an optimiser's schedule is.

mod adamw;
mod add;
mod attention;
mod cache;
mod cached_attention;
mod cross_entropy;
mod dropout;
mod embedding;
mod math;
mod matmul;
mod rms_norm;
mod rope;
mod rows;
mod sequences;
mod swiglu;

#[cfg(feature = "cuda")]
pub mod cuda;

pub use adamw::{AdamW, adamw_in_place, sum_squares};
pub use add::add;
pub use attention::{attention, attention_backward};
pub use cache::{cache_append, cache_write};
pub use cached_attention::cached_attention;
pub use cross_entropy::cross_entropy_in_place;
pub use dropout::dropout;
pub use embedding::{embedding, embedding_gradient};
pub use matmul::{append_product, matmul, matmul_into};
pub use rms_norm::{rms_norm, rms_norm_backward, rms_norm_weight_gradient};
pub use rope::{Direction, Rope, rope_in_place};
pub use sequences::{Heads, Sequences, Slots};
pub use swiglu::{swiglu, swiglu_backward};

/// Only one device of this binary can run an operation.
fn no_device(op: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!(
        "{op}: this binary was built without support for the tensor's device"
    ))
}

#[cfg(test)]
mod tests;
