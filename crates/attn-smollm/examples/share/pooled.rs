//! The model with its heads of keys and values made one.

use attn_smollm::{Matrix, SmolLm};
use ch06_mqa_gqa::functions::Functions;
use ndarray::{Array2, s};

/// How the heads of keys and values become one.
#[derive(Clone, Copy)]
pub enum Pooled {
    /// Their mean, exercise 6.5.
    Mean,
    /// The first of them.
    First,
}

/// The model with one head of keys and values, without further training.
pub fn pooled(model: &SmolLm, functions: Functions, how: Pooled) -> SmolLm {
    let (mut model, sizes) = (model.clone(), model.sizes);
    let one = |w: &Matrix| {
        let pooled: Array2<f32> = match how {
            // Chapter 6 has inputs × outputs.
            Pooled::Mean => (functions.mean_pool_kv_heads)(w.0.t(), sizes.kv_heads, 1),
            Pooled::First => w.0.slice(s![..sizes.head, ..]).t().to_owned(),
        };
        Matrix(pooled.t().as_standard_layout().to_shared())
    };
    for weights in &mut model.attention {
        weights.key = one(&weights.key);
        weights.value = one(&weights.value);
    }
    model.sizes.kv_heads = 1;
    model
}
