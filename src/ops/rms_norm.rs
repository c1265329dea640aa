//! RMSNorm: y = w·x / √(mean(x²) + ε). Zhang and Sennrich, arXiv 1910.07467.

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::math::dot;
use super::rows::{Locked, RowWork, Rows, new_rows};

/// `x` (rows, dim) normalised and scaled by `weight` (dim), with `spare` zero columns.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32, spare: usize) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let (x, weight) = (Locked::new(x), Locked::new(weight));
            let (x, weight) = (x.rows()?, weight.flat()?);
            check(x, weight)?;
            let forward = Forward { x, weight, epsilon };
            new_rows(x.len, x.width + spare, &forward)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::rms_norm(x, weight, epsilon, spare),
        _ => Err(super::no_device("rms_norm")),
    }
}

/// The gradient of `x`, from the gradient `dy` (rows, dim) of the result. What went round
/// the norm has the gradient `residual` (rows, dim), which is added.
///
/// With f = 1 / √(mean(x²) + ε) and g = w·dy: dx = f·(g − x·f²·mean(g·x)) + residual.
pub fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
    epsilon: f32,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let (x, weight, dy) = (Locked::new(x), Locked::new(weight), Locked::new(dy));
            let (x, weight, dy) = (x.rows()?, weight.flat()?, dy.rows()?);
            let residual = residual.map(Locked::new);
            let residual = residual.as_ref().map(Locked::rows).transpose()?;
            check(x, weight)?;
            check_gradient(dy, x)?;
            if let Some(residual) = residual {
                check_gradient(residual, x)?;
            }
            let backward = Backward {
                x,
                weight,
                dy,
                epsilon,
                residual,
            };
            new_rows(x.len, x.width, &backward)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::rms_norm_backward(x, weight, dy, epsilon, residual),
        _ => Err(super::no_device("rms_norm_backward")),
    }
}

/// The gradient of the weight (dim), f32: the sum of x·f·dy over all rows.
pub fn rms_norm_weight_gradient(x: &Tensor, dy: &Tensor, epsilon: f32) -> Result<Tensor> {
    match x.device() {
        Device::Cpu => {
            let (x, dy) = (Locked::new(x), Locked::new(dy));
            let (x, dy) = (x.rows()?, dy.rows()?);
            check_gradient(dy, x)?;
            let factors: Vec<f32> = (0..x.len)
                .into_par_iter()
                .map(|row| factor(x.row(row), epsilon))
                .collect();
            // By columns: every sum runs over the rows in their order.
            const COLUMNS: usize = 32;
            let mut gradient = vec![0f32; x.width];
            gradient
                .par_chunks_mut(COLUMNS)
                .enumerate()
                .for_each(|(place, gradient)| {
                    let columns = place * COLUMNS..place * COLUMNS + gradient.len();
                    for (row, factor) in factors.iter().enumerate() {
                        let (x, dy) = (&x.row(row)[columns.clone()], &dy.row(row)[columns.clone()]);
                        for ((sum, x), dy) in gradient.iter_mut().zip(x).zip(dy) {
                            *sum += x * factor * dy;
                        }
                    }
                });
            let len = gradient.len();
            Tensor::from_vec(gradient, len, &Device::Cpu)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::rms_norm_weight_gradient(x, dy, epsilon),
        _ => Err(super::no_device("rms_norm_weight_gradient")),
    }
}

struct Forward<'a> {
    x: Rows<'a>,
    weight: &'a [f32],
    epsilon: f32,
}

impl RowWork for Forward<'_> {
    #[inline(always)]
    fn row(&self, number: usize, y: &mut [f32]) {
        let x = self.x.row(number);
        let factor = factor(x, self.epsilon);
        for ((y, x), w) in y.iter_mut().zip(x).zip(self.weight) {
            *y = x * factor * w;
        }
    }
}

struct Backward<'a> {
    x: Rows<'a>,
    weight: &'a [f32],
    dy: Rows<'a>,
    epsilon: f32,
    residual: Option<Rows<'a>>,
}

impl RowWork for Backward<'_> {
    #[inline(always)]
    fn row(&self, number: usize, dx: &mut [f32]) {
        let (x, dy) = (self.x.row(number), self.dy.row(number));
        let factor = factor(x, self.epsilon);
        for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(self.weight) {
            *dx = dy * w;
        }
        let mean = dot(dx, x) / x.len() as f32;
        let pull = factor * factor * factor * mean;
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx = *dx * factor - x * pull;
        }
        if let Some(residual) = self.residual {
            for (dx, residual) in dx.iter_mut().zip(residual.row(number)) {
                *dx += residual;
            }
        }
    }
}

#[inline(always)]
fn factor(x: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + epsilon).sqrt()
}

fn check(x: Rows<'_>, weight: &[f32]) -> Result<()> {
    if x.width != weight.len() {
        bail!(
            "rows of {} and a weight of {} numbers",
            x.width,
            weight.len()
        )
    }
    Ok(())
}

fn check_gradient(gradient: Rows<'_>, x: Rows<'_>) -> Result<()> {
    if (gradient.len, gradient.width) != (x.len, x.width) {
        bail!(
            "a gradient of {} by {} for {} by {}",
            gradient.len,
            gradient.width,
            x.len,
            x.width
        )
    }
    Ok(())
}
