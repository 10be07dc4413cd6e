use crate::{
    given::{Gradients, expect_gradient, expect_grouped},
    kv_head,
};
use attn_core::Mask;
use ch03_scaled_dot_product::{attention, attention_backward};
use ndarray::{Array3, ArrayView3, Axis};

// ANCHOR: grouped_attention
/// Attention of `h` query heads to `h_kv` heads of keys and values: head `i` is attention with the keys
/// and values of [`kv_head`]`(i, h, h_kv)`.
///
/// Shapes: `q` (h, n, d), `k` (h_kv, m, d), `v` (h_kv, m, d_v); (h, n, d_v) out. The mask holds for every
/// head. Costs as many FLOPs as with `h` heads of keys and values, 2·h·n·m·(d + d_v), and no copy of any.
/// Ainslie et al., arXiv:2305.13245, §2.2.
///
/// ```
/// use {attn_core::Mask, ch06_mqa_gqa::grouped_attention, ndarray::array};
/// // Two query heads on one head of keys and values, which holds a single key.
/// let (q, k, v) = (array![[[1.0]], [[-1.0]]], array![[[2.0]]], array![[[5.0]]]);
/// let out = grouped_attention(q.view(), k.view(), v.view(), &Mask::None);
/// assert_eq!(out, array![[[5.0]], [[5.0]]]);
/// ```
#[track_caller]
pub fn grouped_attention(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
) -> Array3<f32> {
    expect_grouped(q, k, v, mask);
    // SOLUTION 6.2: each query head attends with the keys and values of its group
    let ((h, n, _), (h_kv, _, d_v)) = (q.dim(), v.dim());
    let mut out = Array3::zeros((h, n, d_v));
    for (i, mut out) in out.outer_iter_mut().enumerate() {
        let shared = kv_head(i, h, h_kv);
        let (k, v) = (k.index_axis(Axis(0), shared), v.index_axis(Axis(0), shared));
        out.assign(&attention(q.index_axis(Axis(0), i), k, v, mask).out);
    }
    out
    // END SOLUTION
}
// ANCHOR_END: grouped_attention

// ANCHOR: grouped_backward
/// The gradients of [`grouped_attention`], from the loss's gradient with respect to its output.
///
/// Shapes: as there, `d_out` (h, n, d_v). What several query heads share has the *sum* of their gradients.
///
/// ```
/// use {attn_core::Mask, ch06_mqa_gqa::grouped_backward, ndarray::array};
/// // One key: its weight is 1 in both heads, so its value gets both gradients.
/// let (q, k, v) = (array![[[1.0]], [[-1.0]]], array![[[2.0]]], array![[[5.0]]]);
/// let d_out = array![[[3.0]], [[4.0]]];
/// let gradients = grouped_backward(q.view(), k.view(), v.view(), &Mask::None, d_out.view());
/// assert_eq!(gradients.dv, array![[[7.0]]]);
/// ```
#[track_caller]
pub fn grouped_backward(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
) -> Gradients {
    expect_grouped(q, k, v, mask);
    expect_gradient(d_out, q, v);
    // SOLUTION 6.4: each query head's gradients; those of its keys and values are added up
    let mut gradients = Gradients {
        dq: Array3::zeros(q.raw_dim()),
        dk: Array3::zeros(k.raw_dim()),
        dv: Array3::zeros(v.raw_dim()),
    };
    let (h, h_kv) = (q.dim().0, k.dim().0);
    for i in 0..h {
        let shared = kv_head(i, h, h_kv);
        let (k, v) = (k.index_axis(Axis(0), shared), v.index_axis(Axis(0), shared));
        let (q, d_out) = (q.index_axis(Axis(0), i), d_out.index_axis(Axis(0), i));
        let head = attention_backward(q, k, v, mask, d_out);
        gradients.dq.index_axis_mut(Axis(0), i).assign(&head.dq);
        let mut dk = gradients.dk.index_axis_mut(Axis(0), shared);
        dk += &head.dk;
        let mut dv = gradients.dv.index_axis_mut(Axis(0), shared);
        dv += &head.dv;
    }
    gradients
    // END SOLUTION
}
// ANCHOR_END: grouped_backward
