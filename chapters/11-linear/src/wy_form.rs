use crate::given::Wy;
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView1, ArrayView2};

// ANCHOR: wy_form
/// What the n steps of the delta rule over a chunk come to, as sums: the state after the chunk is
/// S + Kᵀ (U − W S), with S the one before it.
///
/// Shapes: k and W n × d, v and U n × d_v, beta n. Costs about n²·(2·d + d_v) FLOPs. (Yang et al.,
/// [arXiv:2406.06484](https://arxiv.org/abs/2406.06484), §3.)
///
/// ```
/// use ch11_linear::{given::Wy, wy_form};
/// use ndarray::array;
/// let Wy { w, u } = wy_form(array![[1.0], [1.0]].view(), array![[5.0], [7.0]].view(), array![0.5, 1.0].view());
/// assert_eq!((w, u), (array![[0.5], [0.5]], array![[2.5], [4.5]])); // half of 5, then 7 less that
/// ```
#[track_caller]
pub fn wy_form(k: ArrayView2<f64>, v: ArrayView2<f64>, beta: ArrayView1<f64>) -> Wy {
    expect_equal(("values", v.nrows()), ("keys", k.nrows()));
    expect_equal(("βs", beta.len()), ("keys", k.nrows()));
    // SOLUTION 11.10: row by row, from what the rows before have become
    let (mut w, mut u): (Array2<f64>, Array2<f64>) = (k.to_owned(), v.to_owned());
    for t in 0..k.nrows() {
        for i in 0..t {
            let overlap = k.row(i).dot(&k.row(t));
            let (erased, written) = (w.row(i).to_owned(), u.row(i).to_owned());
            w.row_mut(t).scaled_add(-overlap, &erased);
            u.row_mut(t).scaled_add(-overlap, &written);
        }
        w.row_mut(t).mapv_inplace(|x| beta[t] * x);
        u.row_mut(t).mapv_inplace(|x| beta[t] * x);
    }
    Wy { w, u }
    // END SOLUTION
}
// ANCHOR_END: wy_form
