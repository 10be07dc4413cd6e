//! Rung 1: chapter 3's attention for every head, n×m scores and n×m weights each.
//!
//! Everything else is measured against this one, and has to agree with it.

use crate::given::{HeadsOutput, expect_heads};
use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ndarray::{Array2, Array3, ArrayView3, Axis};

/// See the file.
#[track_caller]
pub fn naive(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    expect_heads(q, k, v);
    let mask = if causal { Mask::Causal } else { Mask::None };
    by_head(q, k, v, |q, k, v| attention(q, k, v, &mask))
}

/// Runs one head after the other, each with the key head of its group.
pub fn by_head(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    one: impl Fn(
        ndarray::ArrayView2<f32>,
        ndarray::ArrayView2<f32>,
        ndarray::ArrayView2<f32>,
    ) -> crate::Output,
) -> HeadsOutput {
    let ((h, n, _), (h_kv, _, d_v)) = (q.dim(), v.dim());
    let mut result = HeadsOutput { out: Array3::zeros((h, n, d_v)), lse: Array2::zeros((h, n)) };
    for (head, q) in q.outer_iter().enumerate() {
        let group = head / (h / h_kv);
        let one = one(q, k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
        result.out.index_axis_mut(Axis(0), head).assign(&one.out);
        result.lse.row_mut(head).assign(&one.lse);
    }
    result
}
