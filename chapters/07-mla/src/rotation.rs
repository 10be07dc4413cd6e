use crate::given::rope;
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: rotation_between
/// What would stand between a query's latent and a token's latent, if the content part were turned
/// by positions: the matrix M with c_q M cᵀ = (R_t q) · (R_j k), for a query at position t and a key
/// at position j = t − `distance`, where q = c_q W_UQ and k = c W_UK are those of one head.
///
/// Shapes: `w_uq` d_q × d, `w_uk` d_c × d, out d_q × d_c. Costs 2·d_q·d·d_c FLOPs for each distance.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.3.
///
/// ```
/// use ch07_mla::rotation_between;
/// use ndarray::array;
/// // At distance 0 there is no turn between the two.
/// let (w_uq, w_uk) = (array![[1.0, 2.0]], array![[3.0, 4.0], [5.0, 6.0]]);
/// assert_eq!(rotation_between(w_uq.view(), w_uk.view(), 0, 100.0), array![[11.0, 17.0]]);
/// ```
#[track_caller]
pub fn rotation_between(
    w_uq: ArrayView2<f64>,
    w_uk: ArrayView2<f64>,
    distance: usize,
    base: f64,
) -> Array2<f64> {
    expect_equal(("width of w_uq", w_uq.ncols()), ("width of w_uk", w_uk.ncols()));
    // SOLUTION 7.7: W_UQ, the turn by the distance, and W_UK
    let mut turned = w_uq.to_owned();
    for mut row in turned.axis_chunks_iter_mut(Axis(0), 1) {
        let by_distance = rope(row.view(), distance, base); // a matrix of one row
        row.assign(&by_distance);
    }
    turned.dot(&w_uk.t())
    // END SOLUTION
}
// ANCHOR_END: rotation_between
