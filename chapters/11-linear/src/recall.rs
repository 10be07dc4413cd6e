//! How many pairs of keys and values a memory can hold: pairs are written, and each key is asked for its
//! value.

use crate::{delta_step, seeded::units};
use attn_core::random::Random;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// What the pairs are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// One matrix, S ← S + k vᵀ.
    Additive,
    /// One matrix, by the delta rule with β = 1.
    Delta,
    /// All keys and values, and softmax over d times the cosine of query and key.
    Softmax,
}

/// What the keys of the pairs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Random directions.
    Random,
    /// Random directions with a large part in common, as features have that are never negative: any two
    /// have a cosine of about 1/2.
    Alike,
    /// Random directions, each of which is written twice, with another value the first time.
    Rewritten,
}

/// The share of `pairs` pairs that a memory of width `d` gives back, when each key is asked for its
/// value once all have been written: whether the value that is nearest to what is read is the right one
/// of all of them. Values are random directions.
///
/// ```
/// use attn_core::random::Random;
/// use ch11_linear::recall::{Keys, Memory, recalled};
/// let mut random = Random::new(1);
/// assert_eq!(recalled(&mut random, Memory::Softmax, Keys::Random, 16, 64), 1.0);
/// assert!(recalled(&mut random, Memory::Additive, Keys::Random, 16, 64) < 0.5);
/// ```
pub fn recalled(random: &mut Random, memory: Memory, kind: Keys, d: usize, pairs: usize) -> f64 {
    let mut keys = units(random, pairs, d);
    let mut values = units(random, pairs, d);
    match kind {
        Keys::Random => {}
        Keys::Alike => {
            let common = units(random, 1, d);
            keys = (keys + common) / 2.0_f64.sqrt();
        }
        // The first half of the rows are the first values, the second half those that replace them.
        Keys::Rewritten => {
            keys = ndarray::concatenate![Axis(0), keys, keys];
            values = ndarray::concatenate![Axis(0), units(random, pairs, d), values];
        }
    }
    let mut state = Array2::zeros((d, d));
    match memory {
        Memory::Additive => state = keys.t().dot(&values),
        Memory::Delta => {
            for (key, value) in keys.rows().into_iter().zip(values.rows()) {
                let length = key.dot(&key).sqrt();
                delta_step(&mut state, (&key / length).view(), value, 1.0);
            }
        }
        Memory::Softmax => {}
    }
    let right = |i: usize| {
        let found = match memory {
            Memory::Softmax => softmax_read(keys.row(i), keys.view(), values.view()),
            _ => keys.row(i).dot(&state),
        };
        nearest(found.view(), values.view()) == i
    };
    let asked = keys.nrows() - pairs..keys.nrows();
    asked.filter(|&i| right(i)).count() as f64 / pairs as f64
}

/// Attention of one query of length 1 to keys of length 1, with the scores d · cos.
pub fn softmax_read(
    query: ArrayView1<f64>,
    keys: ArrayView2<f64>,
    values: ArrayView2<f64>,
) -> Array1<f64> {
    let scores = keys.dot(&query) * query.len() as f64;
    let most = scores.fold(f64::NEG_INFINITY, |most, x| most.max(*x));
    let weights = scores.mapv(|score| (score - most).exp());
    weights.dot(&values) / weights.sum()
}

/// Which row has the largest product with `x`.
pub fn nearest(x: ArrayView1<f64>, rows: ArrayView2<f64>) -> usize {
    let products = rows.map_axis(Axis(1), |row| row.dot(&x));
    let best = products.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(i, _)| i)
}

/// The mean of [`recalled`] over a few draws.
pub fn mean_recalled(memory: Memory, keys: Keys, d: usize, pairs: usize) -> f64 {
    const DRAWS: u64 = 8;
    let of = |seed| recalled(&mut Random::new(seed), memory, keys, d, pairs);
    (0..DRAWS).map(of).sum::<f64>() / DRAWS as f64
}

/// How far what is read is from the value that was written `back` pairs ago, as a share of the value:
/// random keys, 4·d of them.
pub fn error_back(memory: Memory, d: usize, back: usize) -> f64 {
    const DRAWS: u64 = 32;
    let of = |seed| {
        let random = &mut Random::new(100 + seed);
        let (keys, values) = (units(random, 4 * d, d), units(random, 4 * d, d));
        let mut state = keys.t().dot(&values);
        if memory == Memory::Delta {
            state.fill(0.0);
            for (key, value) in keys.rows().into_iter().zip(values.rows()) {
                delta_step(&mut state, key, value, 1.0);
            }
        }
        let asked = 4 * d - 1 - back;
        let missed = keys.row(asked).dot(&state) - values.row(asked);
        missed.dot(&missed)
    };
    ((0..DRAWS).map(of).sum::<f64>() / DRAWS as f64).sqrt()
}
