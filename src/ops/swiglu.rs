//! SwiGLU: silu(gate)·up, with silu(x) = x·σ(x). Shazeer, arXiv 2002.05202.

use candle_core::{Device, Result, Tensor, bail};

use super::math::sigmoid;
use super::rows::{Locked, RowWork, Rows, new_rows};

/// From `gate_up` (rows, 2·inner), gates first: (rows, inner + spare).
pub fn swiglu(gate_up: &Tensor, spare: usize) -> Result<Tensor> {
    match gate_up.device() {
        Device::Cpu => {
            let gate_up = Locked::new(gate_up);
            let gate_up = gate_up.rows()?;
            let inner = gate_up.width / 2;
            if gate_up.width != 2 * inner {
                bail!("{} columns are not gates and as many ups", gate_up.width)
            }
            new_rows(gate_up.len, inner + spare, &Forward { gate_up })
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::swiglu(gate_up, spare),
        _ => Err(super::no_device("swiglu")),
    }
}

/// The gradient of `gate_up`, from the gradient `dy` (rows, inner) of the result.
///
/// With s = σ(gate): d gate = dy·up·s·(1 + gate·(1 − s)), d up = dy·gate·s.
pub fn swiglu_backward(gate_up: &Tensor, dy: &Tensor) -> Result<Tensor> {
    match gate_up.device() {
        Device::Cpu => {
            let (gate_up, dy) = (Locked::new(gate_up), Locked::new(dy));
            let (gate_up, dy) = (gate_up.rows()?, dy.rows()?);
            if (gate_up.len, gate_up.width) != (dy.len, 2 * dy.width) {
                bail!("a gradient of {} columns for {}", dy.width, gate_up.width)
            }
            new_rows(gate_up.len, gate_up.width, &Backward { gate_up, dy })
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::swiglu_backward(gate_up, dy),
        _ => Err(super::no_device("swiglu_backward")),
    }
}

struct Forward<'a> {
    gate_up: Rows<'a>,
}

impl RowWork for Forward<'_> {
    #[inline(always)]
    fn row(&self, number: usize, y: &mut [f32]) {
        let (gate, up) = self.gate_up.row(number).split_at(self.gate_up.width / 2);
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate * sigmoid(*gate) * up;
        }
    }
}

struct Backward<'a> {
    gate_up: Rows<'a>,
    dy: Rows<'a>,
}

impl RowWork for Backward<'_> {
    #[inline(always)]
    fn row(&self, number: usize, out: &mut [f32]) {
        let inner = self.dy.width;
        let (gate, up) = self.gate_up.row(number).split_at(inner);
        let (dgate, dup) = out.split_at_mut(inner);
        let inputs = gate.iter().zip(up).zip(self.dy.row(number));
        for ((dgate, dup), ((gate, up), dy)) in dgate.iter_mut().zip(dup).zip(inputs) {
            let s = sigmoid(*gate);
            *dgate = dy * up * s * (1.0 + gate * (1.0 - s));
            *dup = dy * gate * s;
        }
    }
}
