//! The embedding: a row of a table for each token.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::rows::{Locked, new_rows};

/// The rows of `table` (vocabulary, dim) for `tokens` (u32, rows).
pub fn embedding(table: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    match table.device() {
        Device::Cpu => {
            let (table, tokens) = (Locked::new(table), Locked::new(tokens));
            let (table, tokens) = (table.rows()?, tokens.indices()?);
            if let Some(token) = tokens.iter().find(|token| **token as usize >= table.len) {
                bail!("token {token} in a vocabulary of {}", table.len)
            }
            new_rows(tokens.len(), table.width, |row, out| {
                out.copy_from_slice(table.row(tokens[row] as usize));
            })
        }
        _ => table.index_select(tokens, 0),
    }
}

/// Adds the gradients `dy` (rows, dim) of the embedding to those of the table's rows in
/// `gradient` (vocabulary, dim; f32), in the order of `tokens` (rows).
pub fn embedding_gradient(gradient: &Tensor, tokens: &[u32], dy: &Tensor) -> Result<()> {
    let (vocabulary, width) = gradient.dims2()?;
    let device = gradient.device();
    let dy = dy.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
    let dy = Locked::new(&dy);
    let dy = dy.rows()?;
    if (dy.len, dy.width) != (tokens.len(), width)
        || tokens.iter().any(|token| *token as usize >= vocabulary)
    {
        bail!(
            "{} gradients of {} numbers for {} tokens",
            dy.len,
            dy.width,
            tokens.len()
        )
    }
    let mut rows_of = vec![Vec::new(); vocabulary];
    for (row, token) in tokens.iter().enumerate() {
        rows_of[*token as usize].push(row);
    }
    let sums = new_rows(vocabulary, width, |token, sum| {
        for row in &rows_of[token] {
            for (sum, dy) in sum.iter_mut().zip(dy.row(*row)) {
                *sum += dy;
            }
        }
    })?;
    gradient.slice_set(&(gradient + sums.to_device(device)?)?, 0, 0)
}
