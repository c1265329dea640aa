//! A model's weights as a safetensors file in Hugging Face layout.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, bail};
use half::bf16;
use safetensors::tensor::{Dtype, TensorView};

use super::model::Model;

impl Model {
    /// The bytes of a `model.safetensors` with this model's weights under the names that
    /// Hugging Face gives them, in the number format of its device.
    ///
    /// # Errors
    /// A model with room for an adapter, whose weights are not its base's alone.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        if self.lora.is_some() {
            bail!("the weights of a model with an adapter are saved as the adapter")
        }
        let mut tensors = BTreeMap::new();
        let mut add = |name: String, tensor: &Tensor| {
            tensors.insert(name, HostTensor::new(tensor)?);
            Result::Ok(())
        };
        add("model.embed_tokens.weight".to_owned(), &self.embedding)?;
        if !self.config.tie_word_embeddings {
            add("lm_head.weight".to_owned(), &self.head)?;
        }
        add("model.norm.weight".to_owned(), &self.norm)?;
        for (number, layer) in self.layers.iter().enumerate() {
            let norm = |name: &str| format!("model.layers.{number}.{name}.weight");
            add(norm("input_layernorm"), &layer.attention_norm)?;
            add(norm("post_attention_layernorm"), &layer.mlp_norm)?;
            for group in layer.groups() {
                for part in group.parts() {
                    let weight = group.weight().narrow(0, part.first_row, part.rows)?;
                    add(part.target.weight(number), &weight)?;
                }
            }
        }
        let views = tensors.iter().map(|(name, it)| Ok((name, it.view()?)));
        let views = views.collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(metadata)).map_err(candle_core::Error::wrap)
    }
}

struct HostTensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl HostTensor {
    fn new(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.to_device(&Device::Cpu)?.flatten_all()?;
        let (dtype, bytes) = match tensor.dtype() {
            DType::BF16 => {
                let values = flat.to_vec1::<bf16>()?;
                (
                    Dtype::BF16,
                    values.iter().flat_map(|it| it.to_le_bytes()).collect(),
                )
            }
            _ => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                (
                    Dtype::F32,
                    values.iter().flat_map(|it| it.to_le_bytes()).collect(),
                )
            }
        };
        Ok(Self {
            dtype,
            shape: tensor.dims().to_vec(),
            bytes,
        })
    }

    fn view(&self) -> Result<TensorView<'_>> {
        TensorView::new(self.dtype, self.shape.clone(), &self.bytes)
            .map_err(candle_core::Error::wrap)
    }
}
