//! Softmax over what a causal mask allows, as one operation with its own gradient: of candle's single
//! operations it would take seven passes over the scores, forwards alone.

use crate::cell::{contiguous, values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// Softmax of scores … × rows × n over their last axis, row `r` over the keys `0 ..= r mod n`: rows are
/// the queries of one or more heads, one head below the other.
///
/// # Errors
/// When the scores are not contiguous.
pub fn causal_softmax(scores: &Tensor) -> Result<Tensor> {
    scores.apply_op1(CausalSoftmax)
}

struct CausalSoftmax;

impl CustomOp1 for CausalSoftmax {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let n = layout.dims().last().copied().unwrap_or(1);
        let mut weights = contiguous(scores, layout)?.to_vec();
        for (r, row) in weights.chunks_exact_mut(n).enumerate() {
            let (seen, hidden) = row.split_at_mut(r % n + 1);
            hidden.fill(0.0);
            let max = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            seen.iter_mut().for_each(|x| *x = (*x - max).exp());
            let sum: f32 = seen.iter().sum();
            seen.iter_mut().for_each(|x| *x /= sum);
        }
        Ok((CpuStorage::F32(weights), layout.shape().clone()))
    }

    /// `ds = p ⊙ (dp − Σ p dp)`, row by row.
    fn bwd(&self, scores: &Tensor, weights: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let n = scores.dims().last().copied().unwrap_or(1);
        let (weights, mut grad) = (values(weights)?, values(grad)?);
        for (p, dp) in weights.chunks_exact(n).zip(grad.chunks_exact_mut(n)) {
            let sum: f32 = p.iter().zip(&*dp).map(|(p, dp)| p * dp).sum();
            dp.iter_mut().zip(p).for_each(|(dp, p)| *dp = p * (*dp - sum));
        }
        Tensor::from_vec(grad, scores.shape(), scores.device()).map(Some)
    }
}
