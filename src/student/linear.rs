//! Linear layers that are computed together, with LoRA in the same product.
//!
//! Query, key and value projections read the same input, and so do gate and up: each of
//! these groups is one product here. LoRA adds s·(x·Aᵀ)·Bᵀ to a layer's output. With
//! s·x·Aᵀ written behind the columns of x, and B behind those of the weight,
//!
//! ```text
//! [x | s·x·Aᵀ] · [W | B]ᵀ = x·Wᵀ + s·(x·Aᵀ)·Bᵀ
//! ```
//!
//! so the adapter costs one narrow product more and no pass over the output. Backwards the
//! same trick gives the gradients of x and of x·Aᵀ at once.
//!
//! **Invariants.** The base's weights are never changed; who merges an adapter with them gets
//! others. Where layers of a group have B side by side, each one's rows are zero in the
//! columns of the others.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::adapter_config::AdapterConfig;
use super::config::Config;
use super::target::Target;
use crate::ops::{append_product, matmul, matmul_into};

/// A group of linear layers with one input.
#[derive(Clone, Debug)]
pub struct Linear {
    parts: Vec<Part>,
    inputs: usize,
    /// (outputs, inputs + spare): the base's weights, then LoRA's B.
    weight: Tensor,
    lora: Option<Lora>,
}

/// LoRA's first half for a whole group.
#[derive(Clone, Debug)]
struct Lora {
    /// (spare, inputs): A of each adapted layer, one below the other.
    a: Tensor,
    scale: f32,
}

/// One layer of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which layer.
    pub target: Target,
    /// Its first row in the group's output.
    pub first_row: usize,
    /// Its outputs.
    pub rows: usize,
    /// Its first spare column, if it is adapted.
    pub spare: Option<usize>,
    /// The rank, if it is adapted; else 0.
    pub rank: usize,
}

/// The layers of a group, and where each one stands in it.
pub fn parts(targets: &[Target], config: &Config, lora: Option<&AdapterConfig>) -> Vec<Part> {
    let (mut first_row, mut first_column) = (0, 0);
    let mut parts = Vec::with_capacity(targets.len());
    for target in targets {
        let rank = lora
            .filter(|it| it.targets.contains(target))
            .map(|it| it.rank);
        parts.push(Part {
            target: *target,
            first_row,
            rows: target.outputs(config),
            spare: rank.map(|_| first_column),
            rank: rank.unwrap_or(0),
        });
        first_row += target.outputs(config);
        first_column += rank.unwrap_or(0);
    }
    parts
}

/// How many spare columns a group's input needs.
pub fn spare(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.rank).sum()
}

impl Linear {
    /// A group whose `weight` (outputs, inputs + spare) has zeros in the spare columns.
    pub fn new(
        parts: Vec<Part>,
        inputs: usize,
        weight: Tensor,
        lora: Option<&AdapterConfig>,
    ) -> Result<Self> {
        let spare = spare(&parts);
        let outputs: usize = parts.iter().map(|part| part.rows).sum();
        if weight.dims2()? != (outputs, inputs + spare) {
            bail!("a weight of {:?} for {outputs} outputs", weight.shape())
        }
        let lora = match lora {
            Some(config) if spare > 0 => Some(Lora {
                a: Tensor::zeros((spare, inputs), weight.dtype(), weight.device())?,
                scale: config.scale() as f32,
            }),
            _ => None,
        };
        Ok(Self {
            parts,
            inputs,
            weight: laid_out(&weight)?,
            lora,
        })
    }

    /// Columns that the input must have to spare.
    pub fn spare(&self) -> usize {
        self.lora.as_ref().map_or(0, |lora| lora.a.dims()[0])
    }

    /// Numbers that go in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The layers of the group.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The weights with B behind them: (outputs, inputs + spare).
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// A of all layers, one below the other: (spare, inputs), and LoRA's scale.
    pub fn lora(&self) -> Option<(&Tensor, f32)> {
        self.lora.as_ref().map(|lora| (&lora.a, lora.scale))
    }

    /// Takes another weight tensor of the same shape, such as one that is trained.
    pub fn replace_weight(&mut self, weight: Tensor) {
        self.weight = weight;
    }

    /// Takes another A of the same shape, such as one that is trained.
    pub fn replace_a(&mut self, a: Tensor) {
        if let Some(lora) = &mut self.lora {
            lora.a = a;
        }
    }

    /// Writes a layer's A (rank, inputs) behind those of the others.
    pub fn set_a(&self, part: Part, a: &Tensor) -> Result<()> {
        match (&self.lora, part.spare) {
            (Some(lora), Some(spare)) => lora.a.slice_set(&self.fitting(a)?, 0, spare),
            _ => bail!("{} is not adapted", part.target),
        }
    }

    /// Writes a layer's B (outputs, rank) behind its weight.
    pub fn set_b(&self, part: Part, b: &Tensor) -> Result<()> {
        let Some(spare) = part.spare else {
            bail!("{} is not adapted", part.target)
        };
        let first = self.inputs + spare;
        let turned = self.weight.t()?;
        if turned.is_contiguous() {
            let own = turned.narrow(0, first, part.rank)?;
            return own.slice_set(&self.fitting(&b.t()?)?, 1, part.first_row);
        }
        let own = self.weight.narrow(0, part.first_row, part.rows)?;
        own.slice_set(&self.fitting(b)?, 1, first)
    }

    /// The same layers with s·B·A added to the weight, and no adapter beside it.
    pub fn merged(&self) -> Result<Self> {
        let Some(lora) = &self.lora else {
            return Ok(self.clone());
        };
        // Turned it lies row by row on a CPU, so that it is copied as it lies.
        let turned = self.weight.narrow(1, 0, self.inputs)?.t()?;
        let turned = turned.force_contiguous()?;
        let b = self.weight.narrow(1, self.inputs, self.spare())?;
        matmul_into(&turned, &lora.a.t()?, &b.t()?, lora.scale, 1.0)?;
        let alone = |part: &Part| Part {
            spare: None,
            rank: 0,
            ..*part
        };
        Ok(Self {
            parts: self.parts.iter().map(alone).collect(),
            inputs: self.inputs,
            weight: turned.t()?,
            lora: None,
        })
    }

    fn fitting(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor
            .to_device(self.weight.device())?
            .to_dtype(self.weight.dtype())?
            .contiguous()
    }

    /// The outputs (rows, outputs) for `x` (rows, inputs + spare), whose spare columns are
    /// filled in. The part of LoRA reads `dropped` (rows, inputs) instead where given.
    pub fn forward(&self, x: &Tensor, dropped: Option<&Tensor>) -> Result<Tensor> {
        match (&self.lora, dropped) {
            (Some(lora), None) => append_product(x, self.inputs, &lora.a, lora.scale)?,
            (Some(lora), Some(dropped)) => {
                let narrow = x.narrow(1, self.inputs, self.spare())?;
                matmul_into(&narrow, dropped, &lora.a.t()?, lora.scale, 0.0)?;
            }
            (None, _) => {}
        }
        matmul(x, &self.weight.t()?)
    }

    /// LoRA's narrow middle n = s·x·Aᵀ (rows, spare), from `x` (rows, inputs).
    pub fn middle(&self, x: &Tensor) -> Result<Tensor> {
        let Some(lora) = &self.lora else {
            bail!("the group has no adapter")
        };
        let middle = Tensor::zeros((x.dim(0)?, self.spare()), x.dtype(), x.device())?;
        matmul_into(&middle, x, &lora.a.t()?, lora.scale, 0.0)?;
        Ok(middle)
    }

    /// The gradient of [`Linear::middle`], from that of the outputs, `dy` (rows, outputs):
    /// each layer's dy·B.
    pub fn middle_gradient(&self, dy: &Tensor) -> Result<Tensor> {
        let gradient = Tensor::zeros((dy.dim(0)?, self.spare()), dy.dtype(), dy.device())?;
        for part in &self.parts {
            let Some(column) = part.spare else { continue };
            let b = self.weight.narrow(0, part.first_row, part.rows)?;
            let b = b.narrow(1, self.inputs + column, part.rank)?;
            let dy = dy.narrow(1, part.first_row, part.rows)?;
            matmul_into(&gradient.narrow(1, column, part.rank)?, &dy, &b, 1.0, 0.0)?;
        }
        Ok(gradient)
    }
}

/// A weight (outputs, inputs) as its products read it fastest. On a CPU its transpose lies
/// row by row: products of a few rows, as decoding makes them, would otherwise spend half
/// of their time on transposing it.
pub fn laid_out(weight: &Tensor) -> Result<Tensor> {
    match weight.device() {
        Device::Cpu => weight.t()?.contiguous()?.t(),
        _ => Ok(weight.clone()),
    }
}

/// The number format of weights and activations on a device.
pub fn dtype_of(device: &Device) -> DType {
    match device {
        Device::Cpu => DType::F32,
        _ => DType::BF16,
    }
}
