//! The gradients of a micro-batch: forward through all layers, and back.
//!
//! No gradient of a frozen weight is computed: backwards through a linear layer, an
//! adapter needs the gradients of the input and of A and B alone, and the lowest layer not
//! even that of its input. On a CPU these are made by a model that has the adapter in its
//! weights, which takes a tenth less arithmetic than one that has it beside them.
//!
//! **Invariant.** Gradients are added to those that are there, in the order of the rows;
//! keeping activations or making them again gives the same bits.

use candle_core::{DType, Result, Tensor};

use super::batch::MicroBatch;
use super::parameters::{Layout, Slot};
use crate::base::seed::Random;
use crate::ops::attention_backward;
use crate::ops::{
    Direction, cross_entropy_in_place, dropout, embedding, embedding_gradient, matmul, matmul_into,
    rms_norm, rms_norm_backward, rms_norm_weight_gradient, rope_in_place, swiglu_backward,
};
use crate::student::model::{Activations, Layer, Model};

/// Bytes of logits that are made at a time.
const LOGITS_BYTES: usize = 256 << 20;
/// On a CPU as many as stay in its cache.
const LOGITS_BYTES_CPU: usize = 4 << 20;

/// What is trained, where its gradients go, and what is dropped.
pub struct Pass<'a> {
    /// The model, with its adapter beside the weights.
    pub model: &'a Model,
    /// The same with its adapter in the weights, if activations are made by that; nothing is
    /// dropped then.
    pub merged: Option<&'a Model>,
    /// Where parameters stand.
    pub layout: &'a Layout,
    /// The flat vector to which gradients are added.
    pub gradients: &'a Tensor,
    /// Whether activations are made a second time instead of being kept.
    pub recompute: bool,
    /// The chance with which the adapter's inputs are dropped.
    pub dropout: f64,
    /// Where that chance comes from; another for each micro-batch.
    pub seed: u64,
}

/// What of a layer is kept for the way back.
enum Kept {
    Activations(Box<Activations>),
    Input(Tensor),
}

impl Pass<'_> {
    /// Adds the gradients of `scale` times the sum of all losses of the batch; gives that
    /// sum without the scale.
    pub fn run(&self, batch: &MicroBatch, scale: f64) -> Result<f64> {
        let mut x = embedding(&self.model.embedding, &batch.tokens)?;
        let layers = &self.merged.unwrap_or(self.model).layers;
        let mut kept = Vec::with_capacity(layers.len());
        for (number, layer) in layers.iter().enumerate() {
            if self.recompute {
                let result = self.forward(number, layer, x.clone(), batch)?.0;
                kept.push(Kept::Input(std::mem::replace(&mut x, result)));
            } else {
                let (result, activations) = self.forward(number, layer, x, batch)?;
                kept.push(Kept::Activations(Box::new(activations)));
                x = result;
            }
        }
        let (loss, mut dx) = self.head(&x, batch, scale as f32)?;
        drop(x);
        for (number, layer) in layers.iter().enumerate().rev() {
            let activations = match kept.pop() {
                Some(Kept::Activations(activations)) => *activations,
                Some(Kept::Input(x)) => self.forward(number, layer, x, batch)?.1,
                None => candle_core::bail!("layer {number} kept nothing"),
            };
            match self.layer(number, layer, activations, dx, batch)? {
                Some(gradient) => dx = gradient,
                None => return Ok(loss),
            }
        }
        if !self.layout.is_lora() {
            let gradient = self.layout.view(self.gradients, Slot::Embedding)?;
            embedding_gradient(&gradient, &batch.host_tokens, &dx)?;
        }
        Ok(loss)
    }

    fn forward(
        &self,
        number: usize,
        layer: &Layer,
        x: Tensor,
        batch: &MicroBatch,
    ) -> Result<(Tensor, Activations)> {
        let wanted = Some(&batch.loss_rows);
        let packed = self.model.packed(&batch.sequences, wanted);
        let mut attend = |qkv: &Tensor, spare: usize| packed(number, qkv, spare);
        let drop = |group: usize, input: &Tensor| self.dropped(number, group, input);
        let dropping = (self.dropout > 0.0).then_some(&drop as _);
        let wanted = self.model.wanted_of(number, wanted);
        layer.forward(x, &self.model.config, &mut attend, dropping, wanted)
    }

    fn dropped(&self, layer: usize, group: usize, input: &Tensor) -> Result<Tensor> {
        let path = ["dropout", &layer.to_string(), &group.to_string()];
        let seed = Random::new(self.seed, &path).bits();
        dropout(input, self.dropout as f32, seed)
    }

    /// The losses, and the gradient of the last layer's result `learned`, which has the rows
    /// with a loss alone.
    fn head(&self, learned: &Tensor, batch: &MicroBatch, scale: f32) -> Result<(f64, Tensor)> {
        let model = self.model;
        let epsilon = model.config.rms_norm_eps as f32;
        let normed = rms_norm(learned, &model.norm, epsilon, 0)?;
        let dnormed = normed.zeros_like()?;
        let bytes = if learned.device().is_cpu() {
            LOGITS_BYTES_CPU
        } else {
            LOGITS_BYTES
        };
        let rows_at_a_time =
            (bytes / (learned.dtype().size_in_bytes() * model.config.vocab_size)).max(64);
        let mut losses = Vec::new();
        for first in (0..batch.loss_tokens).step_by(rows_at_a_time) {
            let rows = rows_at_a_time.min(batch.loss_tokens - first);
            let normed = normed.narrow(0, first, rows)?;
            let logits = matmul(&normed, &model.head.t()?)?;
            let targets = batch.targets.narrow(0, first, rows)?;
            losses.push(cross_entropy_in_place(&logits, &targets, scale)?);
            matmul_into(
                &dnormed.narrow(0, first, rows)?,
                &logits,
                &model.head,
                1.0,
                0.0,
            )?;
            if !self.layout.is_lora() {
                let slot = match model.config.tie_word_embeddings {
                    true => Slot::Embedding,
                    false => Slot::Head,
                };
                let gradient = self.layout.view(self.gradients, slot)?;
                matmul_into(&gradient, &logits.t()?, &normed, 1.0, 1.0)?;
            }
        }
        if !self.layout.is_lora() {
            self.add_norm(Slot::Norm, learned, &dnormed, epsilon)?;
        }
        let dlearned = rms_norm_backward(learned, &model.norm, &dnormed, epsilon, None)?;
        let losses: Vec<f32> = Tensor::cat(&losses, 0)?.to_vec1()?;
        Ok((losses.into_iter().map(f64::from).sum(), dlearned))
    }

    /// Back through a layer: the gradient of its input, from that of its result. Of the
    /// last layer's, only rows with a loss have one. Nobody reads that of the lowest
    /// layer's input where the embedding is frozen: it is not made.
    fn layer(
        &self,
        number: usize,
        layer: &Layer,
        kept: Activations,
        dresult: Tensor,
        batch: &MicroBatch,
    ) -> Result<Option<Tensor>> {
        let config = &self.model.config;
        let (epsilon, heads) = (config.rms_norm_eps as f32, self.model.heads());

        let dinner = self.linear(number, 3, &kept.inner, &dresult)?;
        drop(kept.inner);
        let dgate_up = swiglu_backward(&kept.gate_up, &dinner)?;
        drop((dinner, kept.gate_up));
        let dinput = self.linear(number, 2, &kept.mlp_input, &dgate_up)?;
        drop((dgate_up, kept.mlp_input));
        if !self.layout.is_lora() {
            self.add_norm(Slot::MlpNorm(number), &kept.middle, &dinput, epsilon)?;
        }
        let dmiddle = rms_norm_backward(
            &kept.middle,
            &layer.mlp_norm,
            &dinput,
            epsilon,
            Some(&dresult),
        )?;
        drop((dinput, dresult, kept.middle));

        let mut dmixed = self.linear(number, 1, &kept.wanted, &dmiddle)?;
        let mut dmiddle = dmiddle;
        let places = self.model.wanted_of(number, Some(&batch.places));
        if let Some(places) = places {
            (dmixed, dmiddle) = (spread(&dmixed, places)?, spread(&dmiddle, places)?);
        }
        let dqkv = attention_backward(
            &kept.qkv,
            &kept.mixed,
            &dmixed,
            &batch.sequences,
            self.model.wanted_of(number, Some(&batch.loss_rows)),
            heads,
            config.sliding_window,
        )?;
        drop((dmixed, kept.mixed, kept.wanted, kept.qkv));
        let (positions, rope) = (&batch.sequences.positions, &self.model.rope);
        rope_in_place(&dqkv, positions, rope, heads, Direction::Backward)?;
        if number == 0 && self.merged.is_some() {
            self.adapter(number, 0, &kept.attention_input, &dqkv)?;
            return Ok(None);
        }
        let dinput = self.linear(number, 0, &kept.attention_input, &dqkv)?;
        if !self.layout.is_lora() {
            self.add_norm(Slot::AttentionNorm(number), &kept.input, &dinput, epsilon)?;
        }
        let (input, norm) = (&kept.input, &layer.attention_norm);
        let dx = rms_norm_backward(input, norm, &dinput, epsilon, Some(&dmiddle))?;
        Ok(Some(dx))
    }

    /// Back through a group of linear layers: the gradient (rows, inputs) of its input
    /// `x` (rows, inputs + spare), from the gradient `dy` of its output.
    ///
    /// With n = s·x·Aᵀ: dn = dy·B, dB = dyᵀ·n and dA = s·dnᵀ·x. With the adapter in the
    /// weights, dx = dy·(W + s·B·A). With it beside them n is in x's spare columns, dn and
    /// dy·W come from one product, and dx gains s·dn·A.
    fn linear(&self, layer: usize, number: usize, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let group = self.model.layers[layer].groups()[number];
        let (inputs, spare) = (group.inputs(), group.spare());
        if !self.layout.is_lora() {
            let gradient = self
                .layout
                .view(self.gradients, Slot::Weight(layer, number))?;
            matmul_into(&gradient, &dy.t()?, x, 1.0, 1.0)?;
        }
        if let Some(merged) = self.merged {
            self.adapter(layer, number, x, dy)?;
            return matmul(dy, merged.layers[layer].groups()[number].weight());
        }
        let Some((a, scale)) = group.lora() else {
            return matmul(dy, group.weight());
        };
        let both = matmul(dy, group.weight())?;
        let (own, narrow) = (x.narrow(1, 0, inputs)?, x.narrow(1, inputs, spare)?);
        let dx = both.narrow(1, 0, inputs)?;
        let dnarrow = both.narrow(1, inputs, spare)?.contiguous()?;
        self.add_b(layer, number, &narrow, dy)?;
        if self.dropout == 0.0 {
            self.add_a(layer, number, &own, &dnarrow)?;
            matmul_into(&dx, &dnarrow, a, scale, 1.0)?;
            return Ok(dx);
        }
        let dropped = self.dropped(layer, number, &own)?;
        self.add_a(layer, number, &dropped, &dnarrow)?;
        let through = self.dropped(layer, number, &matmul(&dnarrow, a)?)?;
        dx + (through * f64::from(scale))?
    }

    /// Adds the gradients of a group's A and B, if it has them, from its input `x` (rows,
    /// inputs) and the gradient `dy` of its output; both are those of a model that has them
    /// in its weights.
    fn adapter(&self, layer: usize, number: usize, x: &Tensor, dy: &Tensor) -> Result<()> {
        let group = self.model.layers[layer].groups()[number];
        if group.lora().is_none() {
            return Ok(());
        }
        self.add_b(layer, number, &group.middle(x)?, dy)?;
        self.add_a(layer, number, x, &group.middle_gradient(dy)?)
    }

    /// Adds dyᵀ·n to the gradients of a group's Bs; `narrow` is n (rows, spare).
    fn add_b(&self, layer: usize, number: usize, narrow: &Tensor, dy: &Tensor) -> Result<()> {
        for part in self.model.layers[layer].groups()[number].parts() {
            let Some(column) = part.spare else { continue };
            let gradient = self
                .layout
                .view(self.gradients, Slot::B(layer, part.target))?;
            let dy = dy.narrow(1, part.first_row, part.rows)?;
            let narrow = narrow.narrow(1, column, part.rank)?;
            matmul_into(&gradient, &dy.t()?, &narrow, 1.0, 1.0)?;
        }
        Ok(())
    }

    /// Adds s·dnᵀ·x to the gradient of a group's A; `dnarrow` is dn (rows, spare).
    fn add_a(&self, layer: usize, number: usize, x: &Tensor, dnarrow: &Tensor) -> Result<()> {
        let Some((_, scale)) = self.model.layers[layer].groups()[number].lora() else {
            return Ok(());
        };
        let gradient = self.layout.view(self.gradients, Slot::A(layer, number))?;
        matmul_into(&gradient, &dnarrow.t()?, x, scale, 1.0)
    }

    fn add_norm(&self, slot: Slot, x: &Tensor, dy: &Tensor, epsilon: f32) -> Result<()> {
        let view = self.layout.view(self.gradients, slot)?;
        let gradient = rms_norm_weight_gradient(x, dy, epsilon)?.to_dtype(DType::F32)?;
        let sum = (&view + gradient)?;
        view.slice_set(&sum, 0, 0)
    }
}

/// Gradients (rows, width) at their `places` among all rows: those of which none is there
/// get the zeros behind the others.
fn spread(gradients: &Tensor, places: &Tensor) -> Result<Tensor> {
    let zeros = gradients.narrow(0, 0, 1)?.zeros_like()?;
    embedding(&Tensor::cat(&[gradients, &zeros], 0)?, places)
}
