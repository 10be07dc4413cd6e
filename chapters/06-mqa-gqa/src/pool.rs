use crate::given::expect_groups;
use ndarray::{Array2, ArrayView2, s};

// ANCHOR: mean_pool_kv_heads
/// The key or value weights of `h_kv` heads from those of `h`: each is the mean of the heads that are to
/// share it.
///
/// Shapes: `w` d_model × h·d, where a head's columns are neighbours; d_model × h_kv·d out. The mean is the
/// one matrix that is closest to all heads of its group (least squares). Ainslie et al., arXiv:2305.13245,
/// §2.1 and Figure 1.
///
/// ```
/// use ch06_mqa_gqa::mean_pool_kv_heads;
/// use ndarray::array;
/// // Four heads of width 1.
/// let w = array![[1.0, 3.0, 10.0, 20.0]];
/// assert_eq!(mean_pool_kv_heads(w.view(), 4, 2), array![[2.0, 15.0]]);
/// ```
#[track_caller]
pub fn mean_pool_kv_heads(w: ArrayView2<f32>, h: usize, h_kv: usize) -> Array2<f32> {
    expect_groups(h, h_kv);
    assert!(w.ncols().is_multiple_of(h), "width of w {} cannot be split into {h} heads", w.ncols());
    // SOLUTION 6.5: the mean of each group of neighbouring heads, column by column
    let (d, group) = (w.ncols() / h, h / h_kv);
    let mut pooled = Array2::zeros((w.nrows(), h_kv * d));
    for head in 0..h {
        let shared = head / group;
        let mut sum = pooled.slice_mut(s![.., shared * d..(shared + 1) * d]);
        sum += &w.slice(s![.., head * d..(head + 1) * d]);
    }
    pooled / group as f32
    // END SOLUTION
}
// ANCHOR_END: mean_pool_kv_heads
