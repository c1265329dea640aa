//! The embedding: a row of a table for each token.

use candle_core::{Device, Result, Tensor, bail};

use super::matmul_into;
use super::rows::{Locked, RowWork, Rows, new_rows};

/// Bytes of ones and zeros at a time.
const ONE_HOT_BYTES: usize = 256 << 20;

/// The rows of `table` (vocabulary, dim) for `tokens` (u32, rows).
pub fn embedding(table: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    match table.device() {
        Device::Cpu => {
            let (table, tokens) = (Locked::new(table), Locked::new(tokens));
            let (table, tokens) = (table.rows()?, tokens.indices()?);
            if let Some(token) = tokens.iter().find(|token| **token as usize >= table.len) {
                bail!("token {token} in a vocabulary of {}", table.len)
            }
            new_rows(tokens.len(), table.width, &LookUp { table, tokens })
        }
        _ => table.index_select(tokens, 0),
    }
}

/// Adds the gradients `dy` (rows, dim) of the embedding to those of the table's rows in
/// `gradient` (vocabulary, dim; f32), in the order of `tokens` (rows).
pub fn embedding_gradient(gradient: &Tensor, tokens: &[u32], dy: &Tensor) -> Result<()> {
    let (vocabulary, width) = gradient.dims2()?;
    if dy.dims() != [tokens.len(), width]
        || tokens.iter().any(|token| *token as usize >= vocabulary)
    {
        bail!(
            "gradients of {:?} for {} tokens of {vocabulary}",
            dy.dims(),
            tokens.len()
        )
    }
    if !gradient.device().is_cpu() {
        return embedding_gradient_as_product(gradient, tokens, dy);
    }
    let dy = Locked::new(dy);
    let dy = dy.rows()?;
    let mut rows_of = vec![Vec::new(); vocabulary];
    for (row, token) in tokens.iter().enumerate() {
        rows_of[*token as usize].push(row);
    }
    let sums = new_rows(vocabulary, width, &SumUp { rows_of, dy })?;
    gradient.slice_set(&(gradient + sums)?, 0, 0)
}

struct LookUp<'a> {
    table: Rows<'a>,
    tokens: &'a [u32],
}

impl RowWork for LookUp<'_> {
    #[inline(always)]
    fn row(&self, number: usize, out: &mut [f32]) {
        out.copy_from_slice(self.table.row(self.tokens[number] as usize));
    }
}

/// Adds the gradients of each token's rows.
struct SumUp<'a> {
    rows_of: Vec<Vec<usize>>,
    dy: Rows<'a>,
}

impl RowWork for SumUp<'_> {
    #[inline(always)]
    fn row(&self, token: usize, sum: &mut [f32]) {
        for row in &self.rows_of[token] {
            for (sum, dy) in sum.iter_mut().zip(self.dy.row(*row)) {
                *sum += dy;
            }
        }
    }
}

/// Rows of ones and zeros, which pick out the tokens, times the gradients: more work than
/// there is, and yet faster than to gather rows in an order that stays the same.
fn embedding_gradient_as_product(gradient: &Tensor, tokens: &[u32], dy: &Tensor) -> Result<()> {
    let device = gradient.device();
    let vocabulary = gradient.dim(0)? as u32;
    let names = Tensor::arange(0, vocabulary, device)?.unsqueeze(0)?;
    let rows_at_a_time = (ONE_HOT_BYTES / (2 * vocabulary as usize)).max(64);
    for (place, tokens) in tokens.chunks(rows_at_a_time).enumerate() {
        let rows = dy.narrow(0, place * rows_at_a_time, tokens.len())?;
        let tokens = Tensor::new(tokens, device)?.unsqueeze(1)?;
        let is_token = tokens.broadcast_eq(&names)?.to_dtype(dy.dtype())?;
        matmul_into(gradient, &is_token.t()?, &rows, 1.0, 1.0)?;
    }
    Ok(())
}
