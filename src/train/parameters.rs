//! What is trained, as one flat vector, and where each matrix stands in it.
//!
//! One vector for all parameters, one for their gradients and two for AdamW's moments: a
//! step of the optimiser is then the same for an adapter and for a whole model, and so is
//! what is saved. All are f32; on CUDA the model reads a bf16 copy of the parameters.
//!
//! **Invariant.** The layout depends on the model's shape and the recipe alone.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use rayon::prelude::*;

use crate::base::seed::Random;
use crate::student::adapter::{Adapter, Pair};
use crate::student::adapter_config::AdapterConfig;
use crate::student::model::Model;
use crate::student::target::Target;

/// What stands in the vector, in the order in which it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The embedding, and the head where the two are tied.
    Embedding,
    /// The first norm of a layer.
    AttentionNorm(usize),
    /// The second norm of a layer.
    MlpNorm(usize),
    /// The weight of a group of linear layers: layer and group.
    Weight(usize, usize),
    /// A of all layers of a group, one below the other: layer and group.
    A(usize, usize),
    /// B of a linear layer.
    B(usize, Target),
    /// The last norm.
    Norm,
    /// The head, where it is not the embedding.
    Head,
}

/// Where everything stands.
#[derive(Clone, Debug)]
pub struct Layout {
    places: BTreeMap<Slot, (usize, Vec<usize>)>,
    len: usize,
    is_lora: bool,
}

impl Layout {
    /// The layout for the model: its adapter's if it has room for one, else all weights.
    pub fn new(model: &Model) -> Self {
        let mut layout = Self {
            places: BTreeMap::new(),
            len: 0,
            is_lora: model.lora.is_some(),
        };
        if !layout.is_lora {
            layout.add(Slot::Embedding, model.embedding.dims());
        }
        for (number, layer) in model.layers.iter().enumerate() {
            if !layout.is_lora {
                layout.add(Slot::AttentionNorm(number), layer.attention_norm.dims());
                layout.add(Slot::MlpNorm(number), layer.mlp_norm.dims());
            }
            for (place, group) in layer.groups().into_iter().enumerate() {
                match group.lora() {
                    Some((a, _)) => layout.add(Slot::A(number, place), a.dims()),
                    None if layout.is_lora => {}
                    None => layout.add(Slot::Weight(number, place), group.weight().dims()),
                }
                for part in group.parts().iter().filter(|part| part.spare.is_some()) {
                    layout.add(Slot::B(number, part.target), &[part.rows, part.rank]);
                }
            }
        }
        if !layout.is_lora {
            layout.add(Slot::Norm, model.norm.dims());
            if !model.config.tie_word_embeddings {
                layout.add(Slot::Head, model.head.dims());
            }
        }
        layout
    }

    fn add(&mut self, slot: Slot, shape: &[usize]) {
        self.places.insert(slot, (self.len, shape.to_vec()));
        self.len += shape.iter().product::<usize>();
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to train.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether an adapter is trained and not the base.
    pub fn is_lora(&self) -> bool {
        self.is_lora
    }

    /// The part of a flat vector that is `slot`, in its shape.
    pub fn view(&self, vector: &Tensor, slot: Slot) -> Result<Tensor> {
        let Some((first, shape)) = self.places.get(&slot) else {
            bail!("{slot:?} is not trained")
        };
        let len = shape.iter().product();
        vector.narrow(0, *first, len)?.reshape(shape.as_slice())
    }

    /// The first values: those of the model's weights, or of a new adapter, whose A is
    /// uniform within ±1/√inputs and whose B is 0, as PEFT begins.
    pub fn first_values(&self, model: &Model, seed: u64) -> Result<Tensor> {
        if self.is_lora {
            let mut values = vec![0f32; self.len];
            self.fill_a(&mut values, seed);
            return Tensor::from_vec(values, self.len, model.device());
        }
        let vector = Tensor::zeros(self.len, DType::F32, model.device())?;
        for (slot, (first, _)) in &self.places {
            let weight = self.weight_of(model, *slot)?.to_dtype(DType::F32)?;
            vector.slice_set(&weight.flatten_all()?.contiguous()?, 0, *first)?;
        }
        Ok(vector)
    }

    fn fill_a(&self, values: &mut [f32], seed: u64) {
        let mut rest = values;
        let mut parts = Vec::new();
        let mut passed = 0;
        let in_order: BTreeMap<usize, (Slot, &Vec<usize>)> = self
            .places
            .iter()
            .map(|(slot, (first, shape))| (*first, (*slot, shape)))
            .collect();
        for (first, (slot, shape)) in in_order {
            let (_, from_here) = rest.split_at_mut(first - passed);
            let (own, more) = from_here.split_at_mut(shape.iter().product());
            passed = first + own.len();
            rest = more;
            if let Slot::A(layer, group) = slot {
                parts.push((layer, group, shape[1], own));
            }
        }
        parts
            .into_par_iter()
            .for_each(|(layer, group, inputs, own)| {
                let path = ["lora", &layer.to_string(), &group.to_string()];
                let mut random = Random::new(seed, &path);
                let bound = 1.0 / (inputs as f32).sqrt();
                for pair in own.chunks_mut(2) {
                    let bits = random.bits();
                    for (value, bits) in pair.iter_mut().zip([bits >> 40, bits >> 8]) {
                        let unit = (bits & 0xff_ffff) as f32 / 8_388_608.0 - 1.0;
                        *value = unit * bound;
                    }
                }
            });
    }

    fn weight_of<'a>(&self, model: &'a Model, slot: Slot) -> Result<&'a Tensor> {
        Ok(match slot {
            Slot::Embedding => &model.embedding,
            Slot::Head => &model.head,
            Slot::Norm => &model.norm,
            Slot::AttentionNorm(layer) => &model.layers[layer].attention_norm,
            Slot::MlpNorm(layer) => &model.layers[layer].mlp_norm,
            Slot::Weight(layer, group) => model.layers[layer].groups()[group].weight(),
            Slot::A(..) | Slot::B(..) => bail!("{slot:?} is no weight of the base"),
        })
    }

    /// Lets the model read the parameters in `vector`.
    pub fn publish(&self, vector: &Tensor, model: &mut Model) -> Result<()> {
        let live = vector.to_dtype(model.embedding.dtype())?;
        if !self.is_lora {
            model.embedding = self.view(&live, Slot::Embedding)?;
            model.norm = self.view(&live, Slot::Norm)?;
            model.head = match model.config.tie_word_embeddings {
                true => model.embedding.clone(),
                false => self.view(&live, Slot::Head)?,
            };
        }
        for (number, layer) in model.layers.iter_mut().enumerate() {
            if !self.is_lora {
                layer.attention_norm = self.view(&live, Slot::AttentionNorm(number))?;
                layer.mlp_norm = self.view(&live, Slot::MlpNorm(number))?;
            }
            for (place, group) in layer.groups_mut().into_iter().enumerate() {
                if !self.is_lora {
                    group.replace_weight(self.view(&live, Slot::Weight(number, place))?);
                } else if group.spare() > 0 {
                    group.replace_a(self.view(&live, Slot::A(number, place))?);
                    for part in group.parts().iter().filter(|part| part.spare.is_some()) {
                        group.set_b(*part, &self.view(&live, Slot::B(number, part.target))?)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The values of an adapter, as a flat vector.
    ///
    /// # Errors
    /// An adapter of another shape: what it lacks would begin as 0, and A and B that are both
    /// 0 never learn.
    pub fn from_adapter(&self, adapter: &Adapter, model: &Model) -> Result<Tensor> {
        match &model.lora {
            None => bail!("a full training starts from no adapter"),
            Some(lora) if lora.same_shape(&adapter.config) => {}
            Some(lora) => bail!(
                "the adapter to start from was made with {} and this training is asked for {}; \
                 give the adapter's",
                flags(&adapter.config),
                flags(lora)
            ),
        }
        let mut values = vec![0f32; self.len];
        for ((layer, target), pair) in &adapter.pairs {
            let (a, b) = self.pair_places(model, *layer, *target)?;
            if (a.len(), b.len()) != (pair.a.len(), pair.b.len()) {
                bail!("the adapter's {target} of layer {layer} has another shape")
            }
            values[a].copy_from_slice(&pair.a);
            values[b].copy_from_slice(&pair.b);
        }
        Tensor::from_vec(values, self.len, model.device())
    }

    /// The adapter whose values are in `vector`.
    pub fn to_adapter(&self, vector: &Tensor, model: &Model) -> Result<Adapter> {
        let Some(config) = &model.lora else {
            bail!("a full training makes no adapter")
        };
        let values: Vec<f32> = vector.to_device(&Device::Cpu)?.to_vec1()?;
        let mut pairs = BTreeMap::new();
        for layer in 0..model.layers.len() {
            for target in &config.targets {
                let (a, b) = self.pair_places(model, layer, *target)?;
                let (a, b) = (values[a].to_vec(), values[b].to_vec());
                pairs.insert((layer, *target), Pair { a, b });
            }
        }
        Ok(Adapter {
            config: config.clone(),
            pairs,
        })
    }

    /// Where A and B of a linear layer stand.
    fn pair_places(
        &self,
        model: &Model,
        layer: usize,
        target: Target,
    ) -> Result<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let groups = model.layers.get(layer).map(|layer| layer.groups());
        for (number, group) in groups.into_iter().flatten().enumerate() {
            let part = group.parts().iter().find(|part| part.target == target);
            if let Some(part) = part
                && let Some(spare) = part.spare
                && let Some((a, _)) = self.places.get(&Slot::A(layer, number))
                && let Some((b, _)) = self.places.get(&Slot::B(layer, target))
            {
                let first = a + spare * group.inputs();
                return Ok((
                    first..first + part.rank * group.inputs(),
                    *b..b + part.rows * part.rank,
                ));
            }
        }
        bail!("{target} of layer {layer} is not trained")
    }
}

/// The flags that ask for an adapter of this shape.
fn flags(config: &AdapterConfig) -> String {
    let targets: Vec<&str> = config.targets.iter().map(|it| it.name()).collect();
    format!(
        "--lora-rank {} --lora-alpha {} --lora-targets {}",
        config.rank,
        config.alpha,
        targets.join(",")
    )
}
