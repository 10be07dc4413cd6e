use crate::given::{AbsorbedOutput, expect_heads};
use ndarray::{Array3, ArrayView3, Axis};

// ANCHOR: absorb_output
/// W_UV and W_O as one matrix per head, which takes a weighted sum of latents to what the head adds
/// to the output; and how many numbers there are to be kept and read, apart and together.
///
/// Shapes: `w_uv` (h, d_c, d_v), `w_o` (h, d_v, d_model), product (h, d_c, d_model).
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.2 and Appendix C.
///
/// ```
/// use ch07_mla::absorb_output;
/// use ndarray::array;
/// // A row of three and a column of three: six numbers, or one.
/// let w_uv = array![[[1.0, 2.0, 3.0]]];
/// let w_o = array![[[4.0], [5.0], [6.0]]];
/// let output = absorb_output(w_uv.view(), w_o.view());
/// assert_eq!((output.product, output.apart, output.together), (array![[[32.0]]], 6, 1));
/// ```
#[track_caller]
pub fn absorb_output(w_uv: ArrayView3<f64>, w_o: ArrayView3<f64>) -> AbsorbedOutput {
    expect_heads(("w_uv", w_uv), ("w_o", w_o), (w_uv.dim().2, w_o.dim().1));
    // SOLUTION 7.6: one matrix per head, and both counts
    let ((h, d_c, d_v), (_, _, d_model)) = (w_uv.dim(), w_o.dim());
    let mut product = Array3::zeros((h, d_c, d_model));
    for (head, mut product) in product.outer_iter_mut().enumerate() {
        let [w_uv, w_o] = [w_uv, w_o].map(|w| w.index_axis_move(Axis(0), head));
        product.assign(&w_uv.dot(&w_o));
    }
    AbsorbedOutput { product, apart: h * d_v * (d_c + d_model), together: h * d_c * d_model }
    // END SOLUTION
}
// ANCHOR_END: absorb_output
