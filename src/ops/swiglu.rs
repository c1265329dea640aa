//! SwiGLU: silu(gate)·up, with silu(x) = x·σ(x). Shazeer, arXiv 2002.05202.

use candle_core::{Device, Result, Tensor, bail};

use super::math::sigmoid;
use super::rows::{Locked, new_rows};

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
            new_rows(gate_up.len, inner + spare, |row, y| {
                let (gate, up) = gate_up.row(row).split_at(inner);
                for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                    *y = gate * sigmoid(*gate) * up;
                }
            })
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
            new_rows(gate_up.len, gate_up.width, |row, out| {
                let (gate, up) = gate_up.row(row).split_at(dy.width);
                let (dgate, dup) = out.split_at_mut(dy.width);
                let inputs = gate.iter().zip(up).zip(dy.row(row));
                for ((dgate, dup), ((gate, up), dy)) in dgate.iter_mut().zip(dup).zip(inputs) {
                    let s = sigmoid(*gate);
                    *dgate = dy * up * s * (1.0 + gate * (1.0 - s));
                    *dup = dy * gate * s;
                }
            })
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::swiglu_backward(gate_up, dy),
        _ => Err(super::no_device("swiglu_backward")),
    }
}
