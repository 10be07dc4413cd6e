//! The chapter written once more, in plain loops over any float: what the judges trust. It shares no code with the
//! reference.

use attn_core::Mask;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, NdFloat, s};

/// Query heads with their key/value heads: each of the latter serves neighbours.
pub fn pairs(h: usize, h_kv: usize) -> Vec<(usize, usize)> {
    let shared = (0..h_kv).flat_map(|shared| std::iter::repeat_n(shared, h / h_kv));
    shared.enumerate().collect()
}

/// Attention of each query head to the keys and values of its group, (h, n, d_v).
pub fn attention<F: NdFloat>(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
) -> Array3<F> {
    let mut out = Array3::zeros((q.dim().0, q.dim().1, v.dim().2));
    for (head, shared) in pairs(q.dim().0, k.dim().0) {
        let [k, v] = [k, v].map(|x| x.index_axis_move(Axis(0), shared));
        let own = attn_oracle::attention::<F>(q.index_axis(Axis(0), head), k, v, mask);
        out.index_axis_mut(Axis(0), head).assign(&own.out);
    }
    out
}

/// The gradients of `q`, `k` and `v`.
pub fn backward<F: NdFloat>(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
) -> [Array3<F>; 3] {
    let mut gradients = [q, k, v].map(|x| Array3::zeros(x.raw_dim()));
    for (head, shared) in pairs(q.dim().0, k.dim().0) {
        let own = |x: ArrayView3<f32>, at: usize| x.index_axis_move(Axis(0), at).to_owned();
        let (q, k, v, d_out) = (own(q, head), own(k, shared), own(v, shared), own(d_out, head));
        let found =
            attn_oracle::attention_backward::<F>(q.view(), k.view(), v.view(), mask, d_out.view());
        let parts = [(head, found.dq), (shared, found.dk), (shared, found.dv)];
        for (gradient, (at, part)) in gradients.iter_mut().zip(parts) {
            for ((i, c), &entry) in part.indexed_iter() {
                gradient[[at, i, c]] += entry;
            }
        }
    }
    gradients
}

/// The mean of the columns of the heads that share one.
pub fn pooled<F: NdFloat>(w: ArrayView2<f32>, h: usize, h_kv: usize) -> Array2<F> {
    let (d, group) = (w.ncols() / h, h / h_kv);
    Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
        let first = column / d * group * d + column % d;
        let columns = w.slice(s![i, first..;d]);
        let members =
            columns.iter().take(group).map(|&x| F::from(x).expect("f32 fits every float"));
        members.fold(F::zero(), |sum, x| sum + x) / F::from(group).expect("a size")
    })
}
