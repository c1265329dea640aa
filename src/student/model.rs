//! The Mistral architecture: one implementation for training and for decoding, from a few
//! million parameters to seven billion. Jiang et al., arXiv 2310.06825.
//!
//! Each layer gives what its backward pass needs ([`Activations`]); who decodes lets go of
//! it. How rows attend to each other is the caller's: over packed sequences, or over a
//! cache.
//!
//! **Invariant.** Weights are read from files once and never written; only a trainer that
//! owns the model may put other tensors in their place.

use candle_core::{DType, Device, Result, Tensor};
use half::bf16;

use super::adapter::Adapter;
use super::adapter_config::AdapterConfig;
use super::base::Base;
use super::config::Config;
use super::error::StudentError;
use super::linear::{self, Linear, dtype_of};
use super::target::Target;
use super::weights::{Element, Weights};
use crate::ops::{Direction, Heads, Rope, Sequences, add, attention, embedding, matmul};
use crate::ops::{rms_norm, rope_in_place, swiglu};

/// The groups of linear layers that are computed together.
pub const GROUPS: [&[Target]; 4] = [
    &[Target::Query, Target::Key, Target::Value],
    &[Target::Output],
    &[Target::Gate, Target::Up],
    &[Target::Down],
];

/// A model with its weights on a device.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its shape.
    pub config: Config,
    /// The adapter's shape, if it has room for one.
    pub lora: Option<AdapterConfig>,
    /// (vocabulary, hidden).
    pub embedding: Tensor,
    /// One for each block.
    pub layers: Vec<Layer>,
    /// The last norm's weight (hidden).
    pub norm: Tensor,
    /// (vocabulary, hidden); the embedding's numbers where the two are tied.
    pub head: Tensor,
    /// Cosines and sines for every position.
    pub rope: Rope,
}

/// A block: attention, then the feed-forward layers.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The first norm's weight (hidden).
    pub attention_norm: Tensor,
    /// Query, key and value projections.
    pub qkv: Linear,
    /// The output projection.
    pub output: Linear,
    /// The second norm's weight (hidden).
    pub mlp_norm: Tensor,
    /// Gate and up projections.
    pub gate_up: Linear,
    /// The down projection.
    pub down: Linear,
}

/// What a layer's backward pass needs. Inputs of linear layers have their spare columns.
#[derive(Debug)]
pub struct Activations {
    /// The layer's input (rows, hidden).
    pub input: Tensor,
    /// After the first norm.
    pub attention_input: Tensor,
    /// Queries, keys and values, turned by their positions.
    pub qkv: Tensor,
    /// The attention's result.
    pub mixed: Tensor,
    /// Its wanted rows, which the output projection reads; so are all that follow.
    pub wanted: Tensor,
    /// The residual stream between the two halves (wanted rows, hidden).
    pub middle: Tensor,
    /// After the second norm.
    pub mlp_input: Tensor,
    /// Gate and up.
    pub gate_up: Tensor,
    /// silu(gate)·up.
    pub inner: Tensor,
}

/// Drops inputs of LoRA: gets the group's number in the layer and the input (rows,
/// inputs), and gives what the adapter reads instead.
pub type Dropping<'a> = &'a dyn Fn(usize, &Tensor) -> Result<Tensor>;

/// What gives a model its matrices: the fused weight of the named ones, one below the
/// other, with columns to spare on the right; and vectors.
pub trait Source {
    /// The matrices `names` with these rows and `columns`, and `spare` zero columns.
    fn matrix(
        &mut self,
        names: &[(String, usize)],
        columns: usize,
        spare: usize,
    ) -> std::result::Result<Tensor, StudentError>;

    /// A vector.
    fn vector(&mut self, name: &str, len: usize) -> std::result::Result<Tensor, StudentError>;
}

impl Model {
    /// Reads a base's weights, with room for an adapter of the shape `lora`.
    ///
    /// # Errors
    /// Those of [`Base::config`] and [`Base::weights`], a tensor that is missing, of
    /// another shape or not finite, and what the device says.
    pub fn load(
        base: &Base,
        lora: Option<&AdapterConfig>,
        device: &Device,
    ) -> std::result::Result<Self, StudentError> {
        let weights = base.weights()?;
        let mut source = Files { weights, device };
        Self::build(base.config()?, lora, device, &mut source)
    }

    /// A model of this shape with the weights of `source`.
    ///
    /// # Errors
    /// Those of `source`, and what the device says.
    pub fn build(
        config: Config,
        lora: Option<&AdapterConfig>,
        device: &Device,
        source: &mut dyn Source,
    ) -> std::result::Result<Self, StudentError> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let mut table = |name: &str| source.matrix(&[(name.to_owned(), vocabulary)], hidden, 0);
        let embedding = table("model.embed_tokens.weight")?;
        let head = match config.tie_word_embeddings {
            true => linear::laid_out(&embedding)?,
            false => linear::laid_out(&table("lm_head.weight")?)?,
        };
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            layers.push(Layer::build(layer, &config, lora, source)?);
        }
        let norm = source.vector("model.norm.weight", hidden)?;
        let positions = config.max_positions();
        let rope = Rope::new(config.head_dim, config.rope_theta, positions, device)?;
        Ok(Self {
            lora: lora.cloned(),
            embedding,
            layers,
            norm,
            head,
            rope,
            config,
        })
    }

    /// Puts an adapter's weights in place; the model must have room for its shape.
    pub fn set_adapter(&self, adapter: &Adapter) -> Result<()> {
        let room = self.lora.as_ref();
        if !room.is_some_and(|lora| lora.same_shape(&adapter.config)) {
            candle_core::bail!("the adapter has another shape than the model has room for")
        }
        for (number, layer) in self.layers.iter().enumerate() {
            for group in layer.groups() {
                for part in group.parts().iter().filter(|part| part.spare.is_some()) {
                    let Some(pair) = adapter.pairs.get(&(number, part.target)) else {
                        candle_core::bail!("the adapter lacks {} of layer {number}", part.target)
                    };
                    let shape = (part.rank, group.inputs());
                    let a = Tensor::from_slice(&pair.a, shape, &Device::Cpu)?;
                    let b = Tensor::from_slice(&pair.b, (part.rows, part.rank), &Device::Cpu)?;
                    group.set_a(*part, &a)?;
                    group.set_b(*part, &b)?;
                }
            }
        }
        Ok(())
    }

    /// The model with its adapter in the weights: it gives the same but for rounding, with
    /// less arithmetic. In f32 that is nothing; in bf16 much of an adapter would be rounded
    /// away.
    ///
    /// # Errors
    /// A model that is not in f32, and what the device says.
    pub fn merged(mut self) -> Result<Self> {
        if self.embedding.dtype() != DType::F32 {
            candle_core::bail!("an adapter is merged in f32 alone")
        }
        for layer in &mut self.layers {
            for group in layer.groups_mut() {
                *group = group.merged()?;
            }
        }
        self.lora = None;
        Ok(self)
    }

    /// How attention is divided.
    pub fn heads(&self) -> Heads {
        Heads {
            query: self.config.num_attention_heads,
            key_value: self.config.num_key_value_heads,
            dim: self.config.head_dim,
        }
    }

    /// The device that the weights are on.
    pub fn device(&self) -> &Device {
        self.embedding.device()
    }

    /// The longest sequence in tokens.
    pub fn max_positions(&self) -> usize {
        self.config.max_positions()
    }

    /// The residual stream (rows, hidden) after all layers, before the last norm; of the
    /// rows `wanted` alone where these are given (u32).
    /// `attend` gets the layer's number, and queries, keys and values that are not yet
    /// turned, and gives the mixed values with `spare` columns.
    pub fn run(
        &self,
        tokens: &Tensor,
        wanted: Option<&Tensor>,
        attend: &mut dyn FnMut(usize, &Tensor, usize) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = embedding(&self.embedding, tokens)?;
        for (number, layer) in self.layers.iter().enumerate() {
            let mut mix = |qkv: &Tensor, spare: usize| attend(number, qkv, spare);
            let wanted = self.wanted_of(number, wanted);
            x = layer.forward(x, &self.config, &mut mix, None, wanted)?.0;
        }
        Ok(x)
    }

    /// The rows that are wanted of a layer, if of the last one's these are: later layers make
    /// keys and values of all rows, so that of any other layer all are wanted (`None`).
    pub fn wanted_of<'a>(&self, layer: usize, wanted: Option<&'a Tensor>) -> Option<&'a Tensor> {
        wanted.filter(|_| layer + 1 == self.layers.len())
    }

    /// Attention of packed sequences, to be given to [`Model::run`] with the same `wanted`.
    pub fn packed<'a>(
        &'a self,
        sequences: &'a Sequences,
        wanted: Option<&'a Tensor>,
    ) -> impl Fn(usize, &Tensor, usize) -> Result<Tensor> + 'a {
        move |layer, qkv, spare| {
            let heads = self.heads();
            rope_in_place(
                qkv,
                &sequences.positions,
                &self.rope,
                heads,
                Direction::Forward,
            )?;
            let (wanted, window) = (self.wanted_of(layer, wanted), self.config.sliding_window);
            attention(qkv, sequences, wanted, heads, window, spare)
        }
    }

    /// The logits (rows, vocabulary) of rows of the residual stream.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let x = rms_norm(x, &self.norm, self.config.rms_norm_eps as f32, 0)?;
        matmul(&x, &self.head.t()?)
    }

    /// The logits of every row of packed sequences; for tests and perplexities.
    pub fn all_logits(&self, tokens: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let x = self.run(tokens, None, &mut self.packed(sequences, None))?;
        self.logits(&x)
    }
}

impl Layer {
    fn build(
        number: usize,
        config: &Config,
        lora: Option<&AdapterConfig>,
        source: &mut dyn Source,
    ) -> std::result::Result<Self, StudentError> {
        let [qkv, output, gate_up, down] = GROUPS;
        let mut group = |targets: &[Target]| {
            let parts = linear::parts(targets, config, lora);
            let names: Vec<_> = parts
                .iter()
                .map(|part| (part.target.weight(number), part.rows))
                .collect();
            let inputs = targets[0].inputs(config);
            let weight = source.matrix(&names, inputs, linear::spare(&parts))?;
            Ok::<_, StudentError>(Linear::new(parts, inputs, weight, lora)?)
        };
        let (qkv, output) = (group(qkv)?, group(output)?);
        let (gate_up, down) = (group(gate_up)?, group(down)?);
        let mut norm = |name: &str| {
            source.vector(
                &format!("model.layers.{number}.{name}.weight"),
                config.hidden_size,
            )
        };
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            qkv,
            output,
            mlp_norm: norm("post_attention_layernorm")?,
            gate_up,
            down,
        })
    }

    /// The groups of linear layers, in the order of [`GROUPS`].
    pub fn groups(&self) -> [&Linear; 4] {
        [&self.qkv, &self.output, &self.gate_up, &self.down]
    }

    /// The groups, to put other tensors into them.
    pub fn groups_mut(&mut self) -> [&mut Linear; 4] {
        [
            &mut self.qkv,
            &mut self.output,
            &mut self.gate_up,
            &mut self.down,
        ]
    }

    /// The layer's result (rows, hidden) for `x` (rows, hidden), or that of the rows
    /// `wanted` (u32), and what its backward pass needs. `attend` turns queries and keys in
    /// place.
    pub fn forward(
        &self,
        x: Tensor,
        config: &Config,
        attend: &mut dyn FnMut(&Tensor, usize) -> Result<Tensor>,
        dropping: Option<Dropping<'_>>,
        wanted: Option<&Tensor>,
    ) -> Result<(Tensor, Activations)> {
        let epsilon = config.rms_norm_eps as f32;
        let apply = |number: usize, group: &Linear, input: &Tensor| {
            let drop = |drop: Dropping<'_>| drop(number, &input.narrow(1, 0, group.inputs())?);
            let dropped = dropping
                .filter(|_| group.spare() > 0)
                .map(drop)
                .transpose()?;
            group.forward(input, dropped.as_ref())
        };
        let attention_input = rms_norm(&x, &self.attention_norm, epsilon, self.qkv.spare())?;
        let qkv = apply(0, &self.qkv, &attention_input)?;
        let mixed = attend(&qkv, self.output.spare())?;
        let (residual, wanted) = match wanted {
            Some(rows) => (embedding(&x, rows)?, embedding(&mixed, rows)?),
            None => (x.clone(), mixed.clone()),
        };
        let middle = add(&residual, &apply(1, &self.output, &wanted)?)?;
        let mlp_input = rms_norm(&middle, &self.mlp_norm, epsilon, self.gate_up.spare())?;
        let gate_up = apply(2, &self.gate_up, &mlp_input)?;
        let inner = swiglu(&gate_up, self.down.spare())?;
        let result = add(&middle, &apply(3, &self.down, &inner)?)?;
        let activations = Activations {
            input: x,
            attention_input,
            qkv,
            mixed,
            wanted,
            middle,
            mlp_input,
            gate_up,
            inner,
        };
        Ok((result, activations))
    }
}

/// Weights of a base's files, for a device.
struct Files<'a> {
    weights: Weights,
    device: &'a Device,
}

impl Source for Files<'_> {
    fn matrix(
        &mut self,
        names: &[(String, usize)],
        columns: usize,
        spare: usize,
    ) -> std::result::Result<Tensor, StudentError> {
        match dtype_of(self.device) {
            DType::BF16 => self.fused::<bf16>(names, columns, spare),
            _ => self.fused::<f32>(names, columns, spare),
        }
    }

    fn vector(&mut self, name: &str, len: usize) -> std::result::Result<Tensor, StudentError> {
        self.weights.tensor(name, &[len])?;
        let mut all = vec![0f32; len];
        self.weights.read_f32(name, &[len], &mut all)?;
        let tensor = Tensor::from_vec(all, len, self.device)?;
        Ok(tensor.to_dtype(dtype_of(self.device))?)
    }
}

impl Files<'_> {
    fn fused<T: Element + candle_core::WithDType>(
        &self,
        names: &[(String, usize)],
        columns: usize,
        spare: usize,
    ) -> std::result::Result<Tensor, StudentError> {
        // Shapes are checked against the files before memory is taken for them.
        for (name, rows) in names {
            self.weights.tensor(name, &[*rows, columns])?;
        }
        let rows: usize = names.iter().map(|(_, rows)| rows).sum();
        let width = columns + spare;
        let mut all = vec![T::zero(); rows * width];
        let mut rest = all.as_mut_slice();
        for (name, rows) in names {
            let (own, more) = rest.split_at_mut(rows * width);
            self.weights.read_rows(name, [*rows, columns], own, width)?;
            rest = more;
        }
        Ok(Tensor::from_vec(all, (rows, width), self.device)?)
    }
}
