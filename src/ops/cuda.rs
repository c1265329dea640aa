//! The operations on a GPU of NVIDIA's: kernels of our own, and cuBLAS for products.
//!
//! - [`device`]: prepares a GPU; [`memory`] and [`card`] say what it has.
//! - the rest is called by the operations themselves, one function for each kernel.
//!
//! Matrices are bf16 unless a function says otherwise. `build.rs` compiles `kernels/` to
//! images that this binary holds; an image goes to the GPU when its first kernel runs.
//!
//! **Invariants.**
//! - All work of a device goes to its one stream, in the order of the calls. So memory may
//!   be given back while a kernel still uses it: what reuses it comes later.
//! - The same calls with the same shapes on the same model of GPU give the same bits: no
//!   kernel adds floats atomically, and cuBLAS has one workspace on one stream.
//! - Indices that lie on the GPU (tokens, positions, slots) can't be checked without
//!   waiting for it: whoever makes them holds them in bounds.

mod attend;
mod card;
mod gemm;
mod launch;
mod rowwise;
mod step;
mod view;

pub use card::{Card, Memory, card, memory};
pub use launch::device;

pub(super) use attend::{
    attention, attention_backward, cache_append, cache_write, cached_attention,
};
pub(super) use gemm::gemm_into;
pub(super) use rowwise::{
    cross_entropy, dropout, rms_norm, rms_norm_backward, rms_norm_weight_gradient, rope, swiglu,
    swiglu_backward,
};
pub(super) use step::{adamw_moment, adamw_update, sum_squares};

#[cfg(test)]
mod tests;
