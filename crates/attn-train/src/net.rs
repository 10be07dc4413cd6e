//! A model's tensors as variables that gradients can be taken of, and what all models share.

use crate::model::Model;
use anyhow::{Result, anyhow};
use attn_core::random::Random;
use candle_core::{D, Device, Tensor, Var};
use std::collections::BTreeMap;

/// A model that can be trained.
pub struct Net {
    /// Which one.
    pub model: Model,
    /// Its tensors, by name.
    pub vars: BTreeMap<String, Var>,
}

impl Net {
    /// Before training. Norms begin as the identity, their biases at zero; embeddings are standard
    /// normal; everything else is uniform within ±1/√fan-in, the fan-in of a GRU being its state.
    pub fn new(model: impl Into<Model>, seed: u64) -> Result<Self> {
        let model = model.into();
        let mut random = Random::new(seed);
        let mut values = BTreeMap::new();
        for (name, shape) in model.tensors() {
            let count = shape.iter().product();
            let numbers: Vec<f32> = if name.contains("norm") {
                let value = if name.ends_with("weight") { 1.0 } else { 0.0 };
                vec![value; count]
            } else if name.ends_with("_shift") {
                vec![0.5; count]
            } else if name.ends_with("gate.bias") {
                vec![0.0; count]
            } else if name.ends_with("embedding") {
                random.normal(count).to_vec()
            } else {
                let fan_in = if name.contains("_ih") || name.contains("_hh") {
                    attn_dates::STATE
                } else {
                    shape[shape.len() - 1]
                };
                let bound = (fan_in as f32).sqrt().recip();
                random.uniform(count).mapv(|x| (2.0 * x - 1.0) * bound).to_vec()
            };
            values.insert(name, numbers);
        }
        Net::from_values(model, values)
    }

    /// With these values; every tensor of the model has to be there.
    pub fn from_values(
        model: impl Into<Model>,
        mut values: BTreeMap<String, Vec<f32>>,
    ) -> Result<Self> {
        let model = model.into();
        let vars = model.tensors().into_iter().map(|(name, shape)| {
            let numbers = values.remove(&name).ok_or_else(|| anyhow!("{name} is missing"))?;
            let var = Var::from_vec(numbers, shape, &Device::Cpu)?;
            Ok((name, var))
        });
        let vars = vars.collect::<Result<_>>()?;
        Ok(Net { model, vars })
    }

    /// Copies of all values.
    pub fn values(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let copy =
            |(name, var): (&String, &Var)| Ok((name.clone(), var.flatten_all()?.to_vec1::<f32>()?));
        self.vars.iter().map(copy).collect()
    }

    /// A tensor of the model.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        let var = self.vars.get(name);
        let var = var.ok_or_else(|| anyhow!("{} has no tensor {name}", self.model))?;
        Ok(var.as_tensor())
    }

    /// `x Wᵀ + b`, with `NAME.weight` and `NAME.bias`; x has any number of leading axes.
    pub fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let product = project(x, self.get(&format!("{name}.weight"))?)?;
        Ok(product.broadcast_add(self.get(&format!("{name}.bias"))?)?)
    }
}

/// `x Wᵀ`; x has any number of leading axes.
pub fn project(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = shape.pop().unwrap_or(0);
    shape.push(weight.dim(0)?);
    // One product of matrices, not one for each leading index.
    let rows = x.reshape(((), inputs))?;
    Ok(rows.matmul(&weight.t()?)?.reshape(shape)?)
}

/// Softmax over the last axis.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    // The maximum cancels, so that no gradient has to go through it.
    let max = x.max_keepdim(D::Minus1)?.detach();
    let exp = x.broadcast_sub(&max)?.exp()?;
    Ok(exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)?)
}

/// The logarithm of softmax over the last axis.
pub fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let max = x.max_keepdim(D::Minus1)?.detach();
    let shifted = x.broadcast_sub(&max)?;
    let sum = shifted.exp()?.sum_keepdim(D::Minus1)?;
    Ok(shifted.broadcast_sub(&sum.log()?)?)
}

/// What a model computes on a batch.
pub struct Output {
    /// batch × steps × 14.
    pub logits: Tensor,
    /// batch × steps × source positions; of recurrent models with attention.
    pub alignment: Option<Tensor>,
}
