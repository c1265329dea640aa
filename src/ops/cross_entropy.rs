//! Cross-entropy of a softmax: loss = ln Σ e^x − x[target].

use std::cell::RefCell;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::math::{exp, in_wide_vectors, max, sum};
use super::rows::{Locked, elements_mut};

/// The loss of each row (f32, rows) of `logits` (rows, vocabulary), which become the
/// gradient of `scale` times the sum of all losses: scale·(softmax(x) − one at target).
/// One pass makes both, since both need the same exponentials.
pub fn cross_entropy_in_place(logits: &Tensor, targets: &Tensor, scale: f32) -> Result<Tensor> {
    let op = CrossEntropy {
        targets,
        scale,
        losses: RefCell::new(None),
    };
    logits.inplace_op1(&op)?;
    match op.losses.into_inner() {
        Some(losses) => Ok(losses),
        None => bail!("cross-entropy gave no losses"),
    }
}

struct CrossEntropy<'a> {
    targets: &'a Tensor,
    scale: f32,
    losses: RefCell<Option<Tensor>>,
}

impl InplaceOp1 for CrossEntropy<'_> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let targets = Locked::new(self.targets);
        let targets = targets.indices()?;
        let (rows, vocabulary) = layout.shape().dims2()?;
        if targets.len() != rows || targets.iter().any(|it| *it as usize >= vocabulary) {
            bail!("{} targets for logits {:?}", targets.len(), layout.shape())
        }
        let logits = elements_mut(storage, layout)?;
        let (mut losses, scale) = (vec![0f32; rows], self.scale);
        logits
            .par_chunks_mut(vocabulary)
            .zip(&mut losses)
            .zip(targets)
            .for_each(|((row, loss), target)| {
                let target = *target as usize;
                *loss = in_wide_vectors(OneRow { row, target, scale });
            });
        let losses = Tensor::from_vec(losses, rows, &candle_core::Device::Cpu)?;
        *self.losses.borrow_mut() = Some(losses);
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let losses = super::cuda::cross_entropy((storage, layout), self.targets, self.scale)?;
        *self.losses.borrow_mut() = Some(losses);
        Ok(())
    }
}

struct OneRow<'a> {
    row: &'a mut [f32],
    target: usize,
    scale: f32,
}

impl NullaryFnOnce for OneRow<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let most = max(self.row);
        let of_target = self.row[self.target] - most;
        for logit in self.row.iter_mut() {
            *logit = exp(*logit - most);
        }
        let total = sum(self.row);
        let factor = self.scale / total;
        for logit in self.row.iter_mut() {
            *logit *= factor;
        }
        self.row[self.target] -= self.scale;
        total.ln() - of_target
    }
}
