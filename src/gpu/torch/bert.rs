//! A BERT encoder (Devlin et al., 2018) with the mean of its words as the sentence, as
//! sentence-transformers use it.

use std::collections::HashMap;

use serde::Deserialize;
use tch::{Device, Kind, TchError, Tensor};

use super::TorchFault;

/// The sizes of a model, as its `config.json` has them.
#[derive(Debug, Clone, Deserialize)]
pub struct Shape {
    /// Numbers per word.
    pub hidden_size: i64,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of a layer; a divisor of `hidden_size`.
    pub num_attention_heads: i64,
    /// The most words of a text.
    pub max_position_embeddings: i64,
    /// What keeps a norm from dividing by zero.
    #[serde(default = "usual_epsilon")]
    pub layer_norm_eps: f64,
}

fn usual_epsilon() -> f64 {
    1e-12
}

#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn of(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

#[derive(Debug)]
struct Norm {
    scale: Linear,
    epsilon: f64,
}

impl Norm {
    fn of(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let width = self.scale.weight.size();
        let (weight, bias) = (Some(&self.scale.weight), Some(&self.scale.bias));
        x.f_layer_norm(&width, weight, bias, self.epsilon, true)
    }
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: Norm,
    wide: Linear,
    narrow: Linear,
    narrow_norm: Norm,
}

/// The encoder with its weights.
#[derive(Debug)]
pub struct Bert {
    shape: Shape,
    words: Tensor,
    positions: Tensor,
    kinds: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    device: Device,
}

/// Takes tensors by the names that transformers give them.
struct Weights<'s> {
    tensors: HashMap<String, Tensor>,
    shape: &'s Shape,
    device: Device,
}

impl Weights<'_> {
    fn tensor(&mut self, name: &str) -> Result<Tensor, TorchFault> {
        let found = self.tensors.remove(name);
        let tensor = found.ok_or_else(|| TorchFault::Misfit(format!("there is no {name}")))?;
        Ok(tensor.f_to_device(self.device)?.f_to_kind(Kind::Float)?)
    }

    fn linear(&mut self, name: &str) -> Result<Linear, TorchFault> {
        let weight = self.tensor(&format!("{name}.weight"))?;
        let bias = self.tensor(&format!("{name}.bias"))?;
        if weight.size().first() != bias.size().first() {
            return Err(TorchFault::Misfit(format!("{name} has weight and bias of other sizes")));
        }
        Ok(Linear { weight, bias })
    }

    fn norm(&mut self, name: &str) -> Result<Norm, TorchFault> {
        let scale = self.linear(name)?;
        if scale.weight.size() != [self.shape.hidden_size] {
            return Err(TorchFault::Misfit(format!("{name} is not as wide as the model")));
        }
        Ok(Norm { scale, epsilon: self.shape.layer_norm_eps })
    }

    fn layer(&mut self, number: usize) -> Result<Layer, TorchFault> {
        let place = format!("encoder.layer.{number}");
        let mut linear = |name: &str| self.linear(&format!("{place}.{name}"));
        let query = linear("attention.self.query")?;
        let key = linear("attention.self.key")?;
        let value = linear("attention.self.value")?;
        let attended = linear("attention.output.dense")?;
        let wide = linear("intermediate.dense")?;
        let narrow = linear("output.dense")?;
        let attended_norm = self.norm(&format!("{place}.attention.output.LayerNorm"))?;
        let narrow_norm = self.norm(&format!("{place}.output.LayerNorm"))?;
        Ok(Layer { query, key, value, attended, attended_norm, wide, narrow, narrow_norm })
    }
}

impl Bert {
    /// The encoder of `shape` with these tensors, on `device`.
    ///
    /// # Errors
    /// [`TorchFault::Misfit`] when a tensor is missing or of another size.
    pub fn new(
        shape: Shape,
        tensors: HashMap<String, Tensor>,
        device: Device,
    ) -> Result<Self, TorchFault> {
        let heads = shape.num_attention_heads;
        if heads < 1 || shape.hidden_size < 1 || shape.hidden_size % heads != 0 {
            let text = format!("{heads} heads do not divide {} numbers", shape.hidden_size);
            return Err(TorchFault::Misfit(text));
        }
        let mut weights = Weights { tensors, shape: &shape, device };
        let words = weights.tensor("embeddings.word_embeddings.weight")?;
        let positions = weights.tensor("embeddings.position_embeddings.weight")?;
        let kinds = weights.tensor("embeddings.token_type_embeddings.weight")?;
        let norm = weights.norm("embeddings.LayerNorm")?;
        let layers = (0..shape.num_hidden_layers).map(|number| weights.layer(number));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { words, positions, kinds, norm, layers, device, shape })
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// One vector of length 1 for each row of word numbers: `[rows, hidden_size]`. `mask` is 1 where
    /// there is a word and 0 where a row was filled up; both are `[rows, words]`.
    ///
    /// # Errors
    /// [`TorchFault`], for a row that is longer than the model can take too.
    pub fn sentences(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor, TorchFault> {
        let (_, width) = ids.size2()?;
        if width > self.shape.max_position_embeddings {
            let most = self.shape.max_position_embeddings;
            return Err(TorchFault::Misfit(format!("{width} words are more than {most}")));
        }
        let ids = ids.f_to_device(self.device)?;
        let mask = mask.f_to_device(self.device)?.f_to_kind(Kind::Float)?;
        let mut states = self.embedded(&ids, width)?;
        // Added to the scores of words that are not there, so that nobody looks at them.
        let unseen = ((&mask - 1.0) * 1e9).f_unsqueeze(1)?.f_unsqueeze(1)?;
        for layer in &self.layers {
            states = self.through(layer, &states, &unseen)?;
        }
        let weight = mask.f_unsqueeze(-1)?;
        let sum = states.f_mul(&weight)?.f_sum_dim_intlist(1_i64, false, Kind::Float)?;
        let count = weight.f_sum_dim_intlist(1_i64, false, Kind::Float)?.f_clamp_min(1e-9)?;
        let mean = sum.f_div(&count)?;
        let length = mean.f_norm_scalaropt_dim(2.0, -1_i64, true)?.f_clamp_min(1e-12)?;
        Ok(mean.f_div(&length)?)
    }

    fn embedded(&self, ids: &Tensor, width: i64) -> Result<Tensor, TchError> {
        let words = Tensor::f_embedding(&self.words, ids, -1, false, false)?;
        let positions = self.positions.f_narrow(0, 0, width)?;
        let kind = self.kinds.f_select(0, 0)?;
        self.norm.of(&words.f_add(&positions)?.f_add(&kind)?)
    }

    fn through(&self, layer: &Layer, states: &Tensor, unseen: &Tensor) -> Result<Tensor, TchError> {
        let (rows, width, hidden) = states.size3()?;
        let heads = self.shape.num_attention_heads;
        let size = hidden / heads;
        let by_head = |x: Tensor| x.f_view([rows, width, heads, size])?.f_transpose(1, 2);
        let query = by_head(layer.query.of(states)?)?;
        let key = by_head(layer.key.of(states)?)?;
        let value = by_head(layer.value.of(states)?)?;
        let scores = query.f_matmul(&key.f_transpose(-1, -2)?)?;
        let scores = scores.f_div_scalar((size as f64).sqrt())?.f_add(unseen)?;
        let looked = scores.f_softmax(-1, Kind::Float)?.f_matmul(&value)?;
        let looked = looked.f_transpose(1, 2)?.f_contiguous()?.f_view([rows, width, hidden])?;
        let attended = layer.attended.of(&looked)?.f_add(states)?;
        let attended = layer.attended_norm.of(&attended)?;
        let wide = layer.wide.of(&attended)?.f_gelu("none")?;
        layer.narrow_norm.of(&layer.narrow.of(&wide)?.f_add(&attended)?)
    }
}
