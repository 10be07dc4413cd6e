//! Adam (1412.6980, algorithm 1), with its state in the open so that it can be saved.

use crate::net::Net;
use anyhow::Result;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// Gradients, or anything else of the shape of a model's tensors.
pub type Values = BTreeMap<String, Vec<f32>>;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.99;
const EPSILON: f32 = 1e-8;
/// Longer gradients are shortened to this norm: recurrent models now and then give huge ones.
const LONGEST: f32 = 1.0;

/// Running means of the gradients and of their squares.
pub struct Adam {
    /// Of the gradients.
    pub first: Values,
    /// Of their squares.
    pub second: Values,
}

impl Adam {
    /// All means zero.
    pub fn new(net: &Net) -> Self {
        let zeros = |net: &Net| {
            let zeros =
                net.vars.iter().map(|(name, var)| (name.clone(), vec![0.0; var.elem_count()]));
            zeros.collect::<Values>()
        };
        Adam { first: zeros(net), second: zeros(net) }
    }

    /// Takes the `step`-th step, from 1, with this rate.
    pub fn step(&mut self, net: &Net, gradients: &Values, step: u64, rate: f64) -> Result<()> {
        let squares: f64 = gradients.values().flatten().map(|g| f64::from(g * g)).sum();
        let shorten = (LONGEST / squares.sqrt() as f32).min(1.0);
        let unbiased = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
        let rate = (rate * unbiased(BETA2).sqrt() / unbiased(BETA1)) as f32;
        for (name, var) in &net.vars {
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            let first = self.first.get_mut(name).expect("as many as tensors");
            let second = self.second.get_mut(name).expect("as many as tensors");
            for (((value, gradient), first), second) in
                values.iter_mut().zip(&gradients[name]).zip(first).zip(second)
            {
                let gradient = gradient * shorten;
                *first = BETA1 * *first + (1.0 - BETA1) * gradient;
                *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
                *value -= rate * *first / (second.sqrt() + EPSILON);
            }
            var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }
}
