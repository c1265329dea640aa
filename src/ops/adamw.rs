//! AdamW over one flat vector of parameters. Loshchilov and Hutter, arXiv 1711.05101.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, Device, InplaceOp2, InplaceOp3, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::math::dot;
use super::rows::{Locked, elements, elements_mut};

/// Elements that are updated by one thread, and summed up as one part of a norm.
const BLOCK: usize = 8 * 1024;

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// The learning rate.
    pub rate: f64,
    /// The first moment's decay.
    pub beta1: f64,
    /// The second moment's decay.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Parameters lose rate·decay of themselves.
    pub weight_decay: f64,
    /// The number of the step, from 1 on.
    pub step: i32,
    /// Gradients are multiplied by this (from clipping).
    pub gradient_scale: f64,
}

impl AdamW {
    /// The factor of a moment, of what is added to it, and of the gradient.
    fn moment_factors(&self, is_second: bool) -> (f32, f32, f32) {
        let beta = if is_second { self.beta2 } else { self.beta1 };
        (beta as f32, (1.0 - beta) as f32, self.gradient_scale as f32)
    }

    /// The factor of the parameter, of the update, and of the second moment's root, and
    /// what is added to that root.
    fn update_factors(&self) -> (f32, f32, f32, f32) {
        let keep = 1.0 - self.rate * self.weight_decay;
        let update = self.rate / (1.0 - self.beta1.powi(self.step));
        let root = 1.0 / (1.0 - self.beta2.powi(self.step)).sqrt();
        (keep as f32, update as f32, root as f32, self.epsilon as f32)
    }
}

/// Takes a step; all four are flat f32 vectors of one length. Moments begin with zeros.
///
/// # Errors
/// Vectors of different lengths, and one that is written and shares its memory with one
/// that is read.
pub fn adamw_in_place(
    parameters: &Tensor,
    gradients: &Tensor,
    first: &Tensor,
    second: &Tensor,
    step: &AdamW,
) -> Result<()> {
    // The moments are written by operations of their own: candle lends one tensor for
    // writing at a time, and the update needs both of them as they are afterwards.
    for (moment, is_second) in [(first, false), (second, true)] {
        moment.inplace_op2(gradients, &Moment { step, is_second })?;
    }
    parameters.inplace_op3(first, second, &Update { step })
}

struct Moment<'a> {
    step: &'a AdamW,
    is_second: bool,
}

impl InplaceOp2 for Moment<'_> {
    fn name(&self) -> &'static str {
        "adamw_moment"
    }

    fn cpu_fwd(
        &self,
        moment: &mut CpuStorage,
        layout: &Layout,
        gradients: &CpuStorage,
        gradients_layout: &Layout,
    ) -> Result<()> {
        let gradients = elements(gradients, gradients_layout)?;
        let moment = elements_mut(moment, layout)?;
        same_len(moment, gradients)?;
        let (keep, add, scale) = self.step.moment_factors(self.is_second);
        let blocks = moment
            .par_chunks_mut(BLOCK)
            .zip(gradients.par_chunks(BLOCK));
        blocks.for_each(|(moment, gradients)| {
            for (moment, gradient) in moment.iter_mut().zip(gradients) {
                let gradient = gradient * scale;
                let power = if self.is_second {
                    gradient * gradient
                } else {
                    gradient
                };
                *moment = keep * *moment + add * power;
            }
        });
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        moment: &mut CudaStorage,
        layout: &Layout,
        gradients: &CudaStorage,
        gradients_layout: &Layout,
    ) -> Result<()> {
        super::cuda::adamw_moment(
            (moment, layout),
            (gradients, gradients_layout),
            self.step.moment_factors(self.is_second),
            self.is_second,
        )
    }
}

struct Update<'a> {
    step: &'a AdamW,
}

impl InplaceOp3 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw_update"
    }

    fn cpu_fwd(
        &self,
        parameters: &mut CpuStorage,
        layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> Result<()> {
        let first = elements(first, first_layout)?;
        let second = elements(second, second_layout)?;
        let parameters = elements_mut(parameters, layout)?;
        same_len(parameters, first)?;
        same_len(parameters, second)?;
        let (keep, update, root, epsilon) = self.step.update_factors();
        let moments = first.par_chunks(BLOCK).zip(second.par_chunks(BLOCK));
        let blocks = parameters.par_chunks_mut(BLOCK).zip(moments);
        blocks.for_each(|(parameters, (first, second))| {
            for (parameter, (first, second)) in parameters.iter_mut().zip(first.iter().zip(second))
            {
                let scale = second.sqrt() * root + epsilon;
                *parameter = *parameter * keep - update * first / scale;
            }
        });
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        parameters: &mut CudaStorage,
        layout: &Layout,
        first: &CudaStorage,
        first_layout: &Layout,
        second: &CudaStorage,
        second_layout: &Layout,
    ) -> Result<()> {
        super::cuda::adamw_update(
            (parameters, layout),
            (first, first_layout),
            (second, second_layout),
            self.step.update_factors(),
        )
    }
}

fn same_len(written: &[f32], read: &[f32]) -> Result<()> {
    if written.len() != read.len() {
        bail!("a step of {} numbers and {}", written.len(), read.len())
    }
    Ok(())
}

/// The sum of the squares of a flat f32 vector.
pub fn sum_squares(vector: &Tensor) -> Result<f64> {
    match vector.device() {
        Device::Cpu => {
            let vector = Locked::new(vector);
            let blocks = vector.flat()?.par_chunks(BLOCK);
            let parts: Vec<f64> = blocks.map(|block| f64::from(dot(block, block))).collect();
            Ok(parts.iter().sum())
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::sum_squares(vector),
        _ => Err(super::no_device("sum_squares")),
    }
}
