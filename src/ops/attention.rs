//! Causal attention over packed sequences: no row sees another sequence.
//!
//! Scores are made block by block and forgotten; the backward pass makes them again from
//! queries and keys, so that memory grows with rows and not with their square.

use std::ops::Range;

use candle_core::{Device, Result, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::math::{dot, in_wide_vectors, softmax};
use super::matmul::{Matrix, Place, product};
use super::rows::{Locked, Rows};
use super::sequences::{Heads, Sequences};

/// Query rows whose scores are made at a time.
const BLOCK: usize = 64;

/// The mixed values (rows, [`Heads::query_width`] + spare) for `qkv` (rows,
/// [`Heads::width`]). With a window of n, a row sees itself and the n − 1 rows before it.
pub fn attention(
    qkv: &Tensor,
    sequences: &Sequences,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    heads.check()?;
    match qkv.device() {
        Device::Cpu => {
            let qkv = Locked::new(qkv);
            let qkv = checked(qkv.rows()?, heads.width(), sequences)?;
            let width = heads.query_width() + spare;
            let mut out = vec![0f32; qkv.len * width];
            let made = each_part(sequences, heads, |rows, head| {
                forward(Sequence::new(qkv, rows, heads, window), head)
            })?;
            let own = heads.group() * heads.dim;
            for (first, head, made) in made {
                place(
                    &mut out[first * width..],
                    width,
                    (head * own, own),
                    (&made, own, 0),
                );
            }
            Tensor::from_vec(out, (qkv.len, width), &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::attention(qkv, sequences, heads, window, spare),
        _ => Err(super::no_device("attention")),
    }
}

/// The gradient of `qkv`, from the result `out` of [`attention`] (its spare columns are
/// not read) and the gradient `dout` (rows, [`Heads::query_width`]).
///
/// With P = softmax(S·scale), S = Q·Kᵀ, O = P·V: dV = Pᵀ·dO, dP = dO·Vᵀ,
/// dS = P∘(dP − rowsum(dO∘O))·scale, dQ = dS·K, dK = dSᵀ·Q. Dao, arXiv 2307.08691.
pub fn attention_backward(
    qkv: &Tensor,
    out: &Tensor,
    dout: &Tensor,
    sequences: &Sequences,
    heads: Heads,
    window: Option<usize>,
) -> Result<Tensor> {
    heads.check()?;
    match qkv.device() {
        Device::Cpu => {
            let (qkv, out, dout) = (Locked::new(qkv), Locked::new(out), Locked::new(dout));
            let width = heads.width();
            let qkv = checked(qkv.rows()?, width, sequences)?;
            let dout = checked(dout.rows()?, heads.query_width(), sequences)?;
            let out = out.rows()?;
            if out.len != qkv.len || out.width < heads.query_width() {
                bail!(
                    "a result of {} by {} for {} rows",
                    out.len,
                    out.width,
                    qkv.len
                )
            }
            let mut dqkv = vec![0f32; qkv.len * width];
            let made = each_part(sequences, heads, |rows, head| {
                backward(Sequence::new(qkv, rows, heads, window), head, out, dout)
            })?;
            let (dim, own) = (heads.dim, heads.group() * heads.dim);
            for (first, head, made) in made {
                let dqkv = &mut dqkv[first * width..];
                let query_column = head * own;
                let key_column = heads.query_width() + head * dim;
                let value_column = key_column + heads.key_value_width();
                let from = own + 2 * dim;
                place(dqkv, width, (query_column, own), (&made, from, 0));
                place(dqkv, width, (key_column, dim), (&made, from, own));
                place(dqkv, width, (value_column, dim), (&made, from, own + dim));
            }
            Tensor::from_vec(dqkv, (qkv.len, width), &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => {
            super::cuda::attention_backward(qkv, out, dout, sequences, heads, window)
        }
        _ => Err(super::no_device("attention_backward")),
    }
}

fn checked<'a>(rows: Rows<'a>, width: usize, sequences: &Sequences) -> Result<Rows<'a>> {
    if (rows.len, rows.width) != (sequences.rows(), width) {
        bail!(
            "attention over {} rows got {} rows of {} columns, where {width} are needed",
            sequences.rows(),
            rows.len,
            rows.width
        )
    }
    Ok(rows)
}

/// What `make` gives for the rows of each sequence and each key head with the query heads
/// that share it, made on all threads; with the sequence's first row and the key head.
fn each_part(
    sequences: &Sequences,
    heads: Heads,
    make: impl Fn(Range<usize>, usize) -> Result<Vec<f32>> + Sync,
) -> Result<Vec<(usize, usize, Vec<f32>)>> {
    let rows = sequences.starts().windows(2);
    let rows = rows.map(|pair| pair[0] as usize..pair[1] as usize);
    let parts: Vec<(Range<usize>, usize)> = rows
        .flat_map(|rows| (0..heads.key_value).map(move |head| (rows.clone(), head)))
        .collect();
    parts
        .into_par_iter()
        .map(|(rows, head)| Ok((rows.start, head, make(rows, head)?)))
        .collect()
}

/// Writes `count` columns of `made`, whose rows have `width_made` columns, from `from` on
/// into the columns of `out` that begin with `column`.
fn place(
    out: &mut [f32],
    width: usize,
    (column, count): (usize, usize),
    (made, width_made, from): (&[f32], usize, usize),
) {
    for (out, made) in out.chunks_mut(width).zip(made.chunks_exact(width_made)) {
        out[column..column + count].copy_from_slice(&made[from..from + count]);
    }
}

/// The queries, keys and values of one sequence.
#[derive(Clone, Copy)]
struct Sequence<'a> {
    qkv: Rows<'a>,
    first: usize,
    len: usize,
    heads: Heads,
    window: usize,
}

/// A block of queries of one head, and the keys that any of them sees.
#[derive(Clone, Copy)]
struct Block {
    head: usize,
    first_query: usize,
    queries: usize,
    first_key: usize,
    keys: usize,
}

impl<'a> Sequence<'a> {
    fn new(qkv: Rows<'a>, rows: Range<usize>, heads: Heads, window: Option<usize>) -> Self {
        let len = rows.len();
        Self {
            qkv,
            first: rows.start,
            len,
            heads,
            window: window.unwrap_or(len).max(1),
        }
    }

    fn blocks(self, head: usize) -> impl Iterator<Item = Block> {
        (0..self.len).step_by(BLOCK).map(move |first_query| {
            let queries = BLOCK.min(self.len - first_query);
            let first_key = (first_query + 1).saturating_sub(self.window);
            Block {
                head,
                first_query,
                queries,
                first_key,
                keys: first_query + queries - first_key,
            }
        })
    }

    /// Rows `from..from + len` of the columns that begin with `column`.
    fn part(self, from: usize, len: usize, column: usize) -> Matrix<'a> {
        let (data, stride) = self.qkv.memory(self.first + from);
        Matrix::new(&data[column..], Place::new(len, self.heads.dim, stride))
    }

    fn queries(self, block: Block) -> Matrix<'a> {
        self.part(
            block.first_query,
            block.queries,
            block.head * self.heads.dim,
        )
    }

    fn keys(self, block: Block) -> Matrix<'a> {
        self.part(block.first_key, block.keys, self.key_column(block.head))
    }

    fn values(self, block: Block) -> Matrix<'a> {
        self.part(block.first_key, block.keys, self.value_column(block.head))
    }

    fn key_column(self, head: usize) -> usize {
        self.heads.query_width() + head / self.heads.group() * self.heads.dim
    }

    fn value_column(self, head: usize) -> usize {
        self.key_column(head) + self.heads.key_value_width()
    }

    /// The weights of a block (queries, keys), zero where a query may not look.
    fn weights(self, block: Block, weights: &mut Vec<f32>) -> Result<()> {
        weights.clear();
        weights.resize(block.queries * block.keys, 0.0);
        let place = Place::new(block.queries, block.keys, block.keys);
        let keys = self.keys(block).transposed();
        product(
            weights,
            place,
            self.queries(block),
            keys,
            1.0,
            0.0,
            Parallelism::None,
        )?;
        in_wide_vectors(|| {
            for (query, weights) in weights.chunks_exact_mut(block.keys).enumerate() {
                let end = block.first_query + query + 1;
                let start = end.saturating_sub(self.window).max(block.first_key);
                let seen = start - block.first_key..end - block.first_key;
                softmax(&mut weights[seen.clone()], self.heads.scale());
                weights[..seen.start].fill(0.0);
                weights[seen.end..].fill(0.0);
            }
        });
        Ok(())
    }
}

/// The mixed values (rows, group · dim) of the query heads that share a key head.
fn forward(sequence: Sequence<'_>, key_head: usize) -> Result<Vec<f32>> {
    let heads = sequence.heads;
    let width = heads.group() * heads.dim;
    let mut out = vec![0f32; sequence.len * width];
    let mut weights = Vec::new();
    for of_group in 0..heads.group() {
        for block in sequence.blocks(key_head * heads.group() + of_group) {
            sequence.weights(block, &mut weights)?;
            let out = &mut out[block.first_query * width + of_group * heads.dim..];
            let place = Place::new(block.queries, heads.dim, width);
            let weights = Matrix::new(&weights, Place::new(block.queries, block.keys, block.keys));
            let values = sequence.values(block);
            product(out, place, weights, values, 1.0, 0.0, Parallelism::None)?;
        }
    }
    Ok(out)
}

/// The gradients of the query heads that share a key head, of its keys and its values, side
/// by side: (rows, (group + 2) · dim).
fn backward(
    sequence: Sequence<'_>,
    key_head: usize,
    out: Rows<'_>,
    dout: Rows<'_>,
) -> Result<Vec<f32>> {
    let heads = sequence.heads;
    let width = (heads.group() + 2) * heads.dim;
    let key_column = heads.group() * heads.dim;
    let mut dqkv = vec![0f32; sequence.len * width];
    let (mut weights, mut dscores) = (Vec::new(), Vec::new());
    for of_group in 0..heads.group() {
        let head = key_head * heads.group() + of_group;
        for block in sequence.blocks(head) {
            sequence.weights(block, &mut weights)?;
            let square = Place::new(block.queries, block.keys, block.keys);
            let column = head * heads.dim;
            let (memory, stride) = dout.memory(sequence.first + block.first_query);
            let of_queries = Place::new(block.queries, heads.dim, stride);
            let dout_block = Matrix::new(&memory[column..], of_queries);

            // dV += Pᵀ·dO
            let of_keys = Place::new(block.keys, heads.dim, width);
            let key_row = block.first_key * width;
            let dvalues = &mut dqkv[key_row + key_column + heads.dim..];
            let turned = Matrix::new(&weights, square).transposed();
            product(
                dvalues,
                of_keys,
                turned,
                dout_block,
                1.0,
                1.0,
                Parallelism::None,
            )?;

            // dS = P∘(dO·Vᵀ − rowsum(dO∘O))·scale
            dscores.clear();
            dscores.resize(weights.len(), 0.0);
            let values = sequence.values(block).transposed();
            product(
                &mut dscores,
                square,
                dout_block,
                values,
                1.0,
                0.0,
                Parallelism::None,
            )?;
            in_wide_vectors(|| {
                let rows = dscores.chunks_exact_mut(block.keys);
                for (query, (dscores, weights)) in
                    rows.zip(weights.chunks_exact(block.keys)).enumerate()
                {
                    let row = sequence.first + block.first_query + query;
                    let columns = column..column + heads.dim;
                    let mean = dot(&dout.row(row)[columns.clone()], &out.row(row)[columns]);
                    for (dscore, weight) in dscores.iter_mut().zip(weights) {
                        *dscore = weight * (*dscore - mean) * heads.scale();
                    }
                }
            });

            // dQ = dS·K and dK += dSᵀ·Q
            let dscores = Matrix::new(&dscores, square);
            let dqueries = &mut dqkv[block.first_query * width + of_group * heads.dim..];
            let place = Place::new(block.queries, heads.dim, width);
            let keys = sequence.keys(block);
            product(dqueries, place, dscores, keys, 1.0, 0.0, Parallelism::None)?;
            let dkeys = &mut dqkv[key_row + key_column..];
            let queries = sequence.queries(block);
            product(
                dkeys,
                of_keys,
                dscores.transposed(),
                queries,
                1.0,
                1.0,
                Parallelism::None,
            )?;
        }
    }
    Ok(dqkv)
}
