use crate::given::{AsMla, Up, expect_groups};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};

// ANCHOR: gqa_as_mla
/// Grouped-query attention, written as latent attention: the keys and values of `h_kv` groups become
/// latents, and the weights make of a latent the key and the value of each of `h` heads. Heads
/// g·h/h_kv to (g + 1)·h/h_kv − 1 belong to group g.
///
/// Shapes: `k` (h_kv, m, d), turned by the positions already, `v` (h_kv, m, d_v). A latent has
/// h_kv·(d + d_v) numbers, as many as grouped-query attention keeps; there is no rotary key beside it.
///
/// Source: the idea is in TransMLA, arXiv:2502.07864.
///
/// ```
/// use ch07_mla::gqa_as_mla;
/// use ndarray::array;
/// // One group of two heads: both find its key again.
/// let as_mla = gqa_as_mla(array![[[1.0], [2.0]]].view(), array![[[3.0], [4.0]]].view(), 2);
/// for w_uk in as_mla.up.w_uk.outer_iter() {
///     assert_eq!(as_mla.c.dot(&w_uk), array![[1.0], [2.0]]);
/// }
/// ```
#[track_caller]
pub fn gqa_as_mla(k: ArrayView3<f64>, v: ArrayView3<f64>, h: usize) -> AsMla {
    expect_groups(k, v, h);
    // SOLUTION 7.9: the latents side by side, and the weights that repeat them
    let ((h_kv, m, d), (_, _, d_v)) = (k.dim(), v.dim());
    let d_c = h_kv * (d + d_v);
    let mut c = Array2::zeros((m, d_c));
    let mut up = Up { w_uk: Array3::zeros((h, d_c, d)), w_uv: Array3::zeros((h, d_c, d_v)) };
    for group in 0..h_kv {
        // Where its key and its value lie in a latent.
        let (key, value) = (group * (d + d_v), group * (d + d_v) + d);
        c.slice_mut(s![.., key..value]).assign(&k.index_axis(Axis(0), group));
        c.slice_mut(s![.., value..value + d_v]).assign(&v.index_axis(Axis(0), group));
        for head in group * h / h_kv..(group + 1) * h / h_kv {
            up.w_uk.slice_mut(s![head, key..value, ..]).assign(&Array2::eye(d));
            up.w_uv.slice_mut(s![head, value..value + d_v, ..]).assign(&Array2::eye(d_v));
        }
    }
    AsMla { c, up }
    // END SOLUTION
}
// ANCHOR_END: gqa_as_mla
