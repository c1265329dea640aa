//! Causal attention over packed sequences: no row sees another sequence, but the stem that
//! its own goes on from.
//!
//! Scores are made block by block and forgotten; the backward pass makes them again from
//! queries and keys, so that memory grows with rows and not with their square.

use std::ops::Range;

use candle_core::{Device, Result, Tensor, bail};
use gemm::Parallelism;
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::math::{dot, in_wide_vectors, softmax};
use super::matmul::{Matrix, Place, product};
use super::rows::{Locked, Rows, marked};
use super::sequences::{Heads, Sequences};

/// Query rows whose scores are made at a time.
const BLOCK: usize = 64;

/// The mixed values (rows, [`Heads::query_width`] + spare) for `qkv` (rows,
/// [`Heads::width`]). With a window of n, a row sees itself and the n − 1 rows before it.
/// Where only the rows `wanted` (u32) are read, others may stay zero.
pub fn attention(
    qkv: &Tensor,
    sequences: &Sequences,
    wanted: Option<&Tensor>,
    heads: Heads,
    window: Option<usize>,
    spare: usize,
) -> Result<Tensor> {
    heads.check()?;
    match qkv.device() {
        Device::Cpu => {
            let qkv = Locked::new(qkv);
            let qkv = checked(qkv.rows()?, heads.width(), sequences)?;
            let wanted = marked(wanted, qkv.len)?;
            let width = heads.query_width() + spare;
            let mut out = vec![0f32; qkv.len * width];
            let made = each_part(sequences, heads, |part, head| {
                let sequence = Sequence::new(qkv, part, heads, window);
                forward(&sequence, wanted.as_deref(), head)
            })?;
            let own = heads.group() * heads.dim;
            for (part, head, made) in made {
                let out = &mut out[part.own.start * width..];
                add(out, width, (head * own, own), (&made, own, 0));
            }
            Tensor::from_vec(out, (qkv.len, width), &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::attention(qkv, sequences, heads, window, spare),
        _ => Err(super::no_device("attention")),
    }
}

/// The gradient of `qkv`, from the result `out` of [`attention`] (its spare columns are
/// not read) and the gradient `dout` (rows, [`Heads::query_width`]), which is zero but in the
/// rows `wanted`, if these are given.
///
/// With P = softmax(S·scale), S = Q·Kᵀ, O = P·V: dV = Pᵀ·dO, dP = dO·Vᵀ,
/// dS = P∘(dP − rowsum(dO∘O))·scale, dQ = dS·K, dK = dSᵀ·Q. Dao, arXiv 2307.08691.
pub fn attention_backward(
    qkv: &Tensor,
    out: &Tensor,
    dout: &Tensor,
    sequences: &Sequences,
    wanted: Option<&Tensor>,
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
            let wanted = marked(wanted, qkv.len)?;
            let mut dqkv = vec![0f32; qkv.len * width];
            let made = each_part(sequences, heads, |part, head| {
                let sequence = Sequence::new(qkv, part, heads, window);
                backward(&sequence, wanted.as_deref(), head, out, dout)
            })?;
            let (dim, own) = (heads.dim, heads.group() * heads.dim);
            for (part, head, made) in made {
                let query_column = head * own;
                let key_column = heads.query_width() + head * dim;
                let value_column = key_column + heads.key_value_width();
                let from = own + 2 * dim;
                let (of_stem, of_own) = made.split_at(part.stem.len() * from);
                let to = &mut dqkv[part.own.start * width..];
                add(to, width, (query_column, own), (of_own, from, 0));
                for (rows, made) in [(part.stem, of_stem), (part.own, of_own)] {
                    // Several go on from a stem.
                    let to = &mut dqkv[rows.start * width..rows.end * width];
                    add(to, width, (key_column, dim), (made, from, own));
                    add(to, width, (value_column, dim), (made, from, own + dim));
                }
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

/// The rows of a sequence, and of the stem that it goes on from.
#[derive(Clone)]
struct Part {
    stem: Range<usize>,
    own: Range<usize>,
}

/// What `make` gives for each sequence and each key head with the query heads that share it,
/// made on all threads; with the sequence and the key head.
fn each_part(
    sequences: &Sequences,
    heads: Heads,
    make: impl Fn(Part, usize) -> Result<Vec<f32>> + Sync,
) -> Result<Vec<(Part, usize, Vec<f32>)>> {
    let parts = sequences.parts().map(|(stem, own)| Part { stem, own });
    let parts: Vec<(Part, usize)> = parts
        .flat_map(|part| (0..heads.key_value).map(move |head| (part.clone(), head)))
        .collect();
    parts
        .into_par_iter()
        .map(|(part, head)| Ok((part.clone(), head, make(part, head)?)))
        .collect()
}

/// Adds `count` columns of `made`, whose rows have `width_made` columns, from `from` on to the
/// columns of `out` that begin with `column`.
fn add(
    out: &mut [f32],
    width: usize,
    (column, count): (usize, usize),
    (made, width_made, from): (&[f32], usize, usize),
) {
    for (out, made) in out.chunks_mut(width).zip(made.chunks_exact(width_made)) {
        let out = &mut out[column..column + count];
        for (sum, made) in out.iter_mut().zip(&made[from..from + count]) {
            *sum += made;
        }
    }
}

/// The queries of one sequence, and the keys and values of its stem and itself.
struct Sequence<'a> {
    qkv: Rows<'a>,
    part: Part,
    heads: Heads,
    window: usize,
}

/// A block of queries of one head, and the keys that any of them sees; both are counted from
/// the first row of the stem.
#[derive(Clone, Copy)]
struct Block {
    head: usize,
    first_query: usize,
    queries: usize,
    first_key: usize,
    keys: usize,
}

impl<'a> Sequence<'a> {
    fn new(qkv: Rows<'a>, part: Part, heads: Heads, window: Option<usize>) -> Self {
        let window = window.unwrap_or(usize::MAX).max(1);
        Self {
            qkv,
            part,
            heads,
            window,
        }
    }

    /// Rows of the stem and its own.
    fn len(&self) -> usize {
        self.part.stem.len() + self.part.own.len()
    }

    /// The blocks of which any row is `wanted`; all of them, if nothing else is said.
    fn blocks(&self, head: usize, wanted: Option<&[bool]>) -> impl Iterator<Item = Block> {
        let (first, len, window) = (self.part.stem.len(), self.len(), self.window);
        let blocks = (first..len).step_by(BLOCK).map(move |first_query| {
            let queries = BLOCK.min(len - first_query);
            let first_key = (first_query + 1).saturating_sub(window);
            Block {
                head,
                first_query,
                queries,
                first_key,
                keys: first_query + queries - first_key,
            }
        });
        blocks.filter(move |block| {
            let row = self.first_row(*block);
            wanted.is_none_or(|wanted| wanted[row..row + block.queries].contains(&true))
        })
    }

    /// A block's first query among the rows of the batch.
    fn first_row(&self, block: Block) -> usize {
        self.part.own.start + block.first_query - self.part.stem.len()
    }

    fn queries(&self, block: Block) -> Matrix<'a> {
        let (data, stride) = self.qkv.memory(self.first_row(block));
        let place = Place::new(block.queries, self.heads.dim, stride);
        Matrix::new(&data[block.head * self.heads.dim..], place)
    }

    /// The keys that the query heads of a group share.
    fn keys(&self, key_head: usize) -> Column {
        self.column(self.heads.query_width() + key_head * self.heads.dim)
    }

    /// The values that the query heads of a group share.
    fn values(&self, key_head: usize) -> Column {
        let first = self.heads.query_width() + self.heads.key_value_width();
        self.column(first + key_head * self.heads.dim)
    }

    fn column(&self, first: usize) -> Column {
        let (len, dim) = (self.len(), self.heads.dim);
        let mut column = Column {
            rows: Vec::with_capacity(len * dim),
            turned: vec![0.0; dim * len],
            len,
            dim,
        };
        let rows = self.part.stem.clone().chain(self.part.own.clone());
        for (place, row) in rows.enumerate() {
            let own = &self.qkv.row(row)[first..first + dim];
            column.rows.extend_from_slice(own);
            for (number, turned) in own
                .iter()
                .zip(column.turned[place..].iter_mut().step_by(len))
            {
                *turned = *number;
            }
        }
        column
    }

    /// The weights of a block (queries, keys), zero where a query may not look.
    fn weights<'w>(
        &self,
        block: Block,
        keys: &Column,
        weights: &'w mut Vec<f32>,
    ) -> Result<&'w [f32]> {
        let weights = room(weights, block);
        let place = Place::new(block.queries, block.keys, block.keys);
        product(
            weights,
            place,
            self.queries(block),
            keys.turned(block),
            1.0,
            0.0,
            Parallelism::None,
        )?;
        in_wide_vectors(Softmax {
            scores: weights,
            block,
            window: self.window,
            scale: self.heads.scale(),
        });
        Ok(weights)
    }
}

/// A block's numbers (queries, keys) in memory that is used again; they are written next.
fn room(memory: &mut Vec<f32>, block: Block) -> &mut [f32] {
    let len = block.queries * block.keys;
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    &mut memory[..len]
}

/// The keys or the values of one head, out of rows that lie far apart, in both
/// orders: each block's products read them without laying them out anew.
struct Column {
    /// (len, dim).
    rows: Vec<f32>,
    /// (dim, len).
    turned: Vec<f32>,
    len: usize,
    dim: usize,
}

impl Column {
    /// The rows of a block's keys (keys, dim).
    fn rows(&self, block: Block) -> Matrix<'_> {
        let place = Place::new(block.keys, self.dim, self.dim);
        Matrix::new(&self.rows[block.first_key * self.dim..], place)
    }

    /// The same transposed (dim, keys).
    fn turned(&self, block: Block) -> Matrix<'_> {
        let place = Place::new(self.dim, block.keys, self.len);
        Matrix::new(&self.turned[block.first_key..], place)
    }
}

/// The mixed values (rows, group · dim) of the query heads that share a key head.
fn forward(sequence: &Sequence<'_>, wanted: Option<&[bool]>, key_head: usize) -> Result<Vec<f32>> {
    let heads = sequence.heads;
    let width = heads.group() * heads.dim;
    let mut out = vec![0f32; sequence.part.own.len() * width];
    let (keys, values) = (sequence.keys(key_head), sequence.values(key_head));
    let mut memory = Vec::new();
    for of_group in 0..heads.group() {
        for block in sequence.blocks(key_head * heads.group() + of_group, wanted) {
            let weights = sequence.weights(block, &keys, &mut memory)?;
            let first = block.first_query - sequence.part.stem.len();
            let out = &mut out[first * width + of_group * heads.dim..];
            let place = Place::new(block.queries, heads.dim, width);
            let weights = Matrix::new(weights, Place::new(block.queries, block.keys, block.keys));
            let values = values.rows(block);
            product(out, place, weights, values, 1.0, 0.0, Parallelism::None)?;
        }
    }
    Ok(out)
}

/// The gradients of the query heads that share a key head, of its keys and its values, side
/// by side: (rows of the stem and its own, (group + 2) · dim).
fn backward(
    sequence: &Sequence<'_>,
    wanted: Option<&[bool]>,
    key_head: usize,
    out: Rows<'_>,
    dout: Rows<'_>,
) -> Result<Vec<f32>> {
    let heads = sequence.heads;
    let width = (heads.group() + 2) * heads.dim;
    let key_column = heads.group() * heads.dim;
    let mut dqkv = vec![0f32; sequence.len() * width];
    let (keys, values) = (sequence.keys(key_head), sequence.values(key_head));
    let (mut memory, mut memory_of_gradients) = (Vec::new(), Vec::new());
    for of_group in 0..heads.group() {
        let head = key_head * heads.group() + of_group;
        for block in sequence.blocks(head, wanted) {
            let weights = sequence.weights(block, &keys, &mut memory)?;
            let square = Place::new(block.queries, block.keys, block.keys);
            let column = head * heads.dim;
            let (memory, stride) = dout.memory(sequence.first_row(block));
            let of_queries = Place::new(block.queries, heads.dim, stride);
            let dout_block = Matrix::new(&memory[column..], of_queries);

            // dV += Pᵀ·dO
            let of_keys = Place::new(block.keys, heads.dim, width);
            let key_row = block.first_key * width;
            let dvalues = &mut dqkv[key_row + key_column + heads.dim..];
            let turned = Matrix::new(weights, square).transposed();
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
            let dscores = room(&mut memory_of_gradients, block);
            product(
                dscores,
                square,
                dout_block,
                values.turned(block),
                1.0,
                0.0,
                Parallelism::None,
            )?;
            in_wide_vectors(SoftmaxBackward {
                dweights: dscores,
                weights,
                keys: block.keys,
                out,
                dout,
                first_row: sequence.first_row(block),
                columns: column..column + heads.dim,
                scale: heads.scale(),
            });

            // dQ = dS·K and dK += dSᵀ·Q
            let dscores = Matrix::new(dscores, square);
            let dqueries = &mut dqkv[block.first_query * width + of_group * heads.dim..];
            let place = Place::new(block.queries, heads.dim, width);
            let keys = keys.rows(block);
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

/// Makes scores (queries, keys) of a block weights, zero where a query may not look.
struct Softmax<'a> {
    scores: &'a mut [f32],
    block: Block,
    window: usize,
    scale: f32,
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let block = self.block;
        for (query, scores) in self.scores.chunks_exact_mut(block.keys).enumerate() {
            let end = block.first_query + query + 1;
            let start = end.saturating_sub(self.window).max(block.first_key);
            let seen = start - block.first_key..end - block.first_key;
            softmax(&mut scores[seen.clone()], self.scale);
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
        }
    }
}

/// Makes the gradients of a block's weights those of its scores.
struct SoftmaxBackward<'a> {
    dweights: &'a mut [f32],
    weights: &'a [f32],
    keys: usize,
    out: Rows<'a>,
    dout: Rows<'a>,
    /// The row of the first query in `out` and `dout`, and the head's columns there.
    first_row: usize,
    columns: Range<usize>,
    scale: f32,
}

impl NullaryFnOnce for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let weights = self.weights.chunks_exact(self.keys);
        let rows = self.dweights.chunks_exact_mut(self.keys).zip(weights);
        for (row, (dweights, weights)) in (self.first_row..).zip(rows) {
            let columns = self.columns.clone();
            let mean = dot(
                &self.dout.row(row)[columns.clone()],
                &self.out.row(row)[columns],
            );
            for (dweight, weight) in dweights.iter_mut().zip(weights) {
                *dweight = weight * (*dweight - mean) * self.scale;
            }
        }
    }
}
