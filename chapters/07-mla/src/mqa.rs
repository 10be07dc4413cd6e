use crate::{
    absorb_query,
    given::{Absorbed, Latents, Queries, Up, causal_softmax, expect_attention},
};
use ndarray::{Array2, Array3, Axis, s};

// ANCHOR: mla_as_mqa
/// The absorbed form as multi-query attention: the queries of all heads are the rows of *one* matrix,
/// which meets the latents once. The result is that of [`crate::mla_absorbed`].
///
/// Shapes: as there. Beside the result it holds the scores of all heads, h·n·m numbers, where the loop
/// over the heads holds those of one; with one new token that is little.
///
/// ```
/// use ch07_mla::{given::Shape, mla_absorbed, mla_as_mqa, seeded};
/// use attn_core::random::Random;
/// let shape = Shape { h: 3, d: 4, d_r: 2, d_v: 5, d_c: 6 };
/// let mut random = Random::new(1);
/// let (queries, kept) = seeded::attention(&mut random, shape, (2, 9));
/// let up = seeded::up(&mut random, shape);
/// let apart = mla_as_mqa(&queries, &kept, &up).heads - mla_absorbed(&queries, &kept, &up).heads;
/// assert!(apart.iter().all(|x| x.abs() < 1e-12));
/// ```
#[track_caller]
pub fn mla_as_mqa(queries: &Queries, kept: &Latents, up: &Up) -> Absorbed {
    expect_attention(queries, kept, up);
    let ((h, n, d), (_, _, d_r)) = (queries.content.dim(), queries.rotary.dim());
    let ((_, d_c, d_v), m) = (up.w_uv.dim(), kept.len());
    let rows = |x: &Array3<f64>, width| {
        x.to_shape((h * n, width)).expect("as many rows as queries").into_owned()
    };
    let q = rows(&absorb_query(queries.content.view(), up.w_uk.view()), d_c);
    let q_r = rows(&queries.rotary, d_r);
    let scores: Array2<f64> =
        (q.dot(&kept.c.t()) + q_r.dot(&kept.k_r.t())) / ((d + d_r) as f64).sqrt();
    let mut weights = Array2::zeros((h * n, m));
    for head in 0..h {
        let own = s![head * n..(head + 1) * n, ..];
        weights.slice_mut(own).assign(&causal_softmax(scores.slice(own)));
    }
    let latents = weights.dot(&kept.c).into_shape_with_order((h, n, d_c)).expect("h·n rows");
    let mut heads = Array3::zeros((h, n, d_v));
    for (head, mut out) in heads.outer_iter_mut().enumerate() {
        out.assign(&latents.index_axis(Axis(0), head).dot(&up.w_uv.index_axis(Axis(0), head)));
    }
    Absorbed { latents, heads }
}
// ANCHOR_END: mla_as_mqa
