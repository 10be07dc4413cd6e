use crate::given::expect_token;
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView1, Axis};

// ANCHOR: bonus_step
/// One token of RWKV-6. It reads *before* the state forgets and the token is written, and sees itself by
/// a bonus of its own.
///
/// Shapes: q, k, gate and bonus d; v and out d_v; state d × d_v. The gate is between 0 and 1. Costs about
/// 5·d·d_v FLOPs. (Peng et al., [arXiv:2404.05892](https://arxiv.org/abs/2404.05892); the query is called
/// r, the gate w and the bonus u there.)
///
/// ```
/// use ch11_linear::bonus_step;
/// use ndarray::array;
/// let (one, mut state) = (array![1.0], array![[10.0]]);
/// let out = bonus_step(&mut state, one.view(), one.view(), array![4.0].view(), array![0.5].view(), array![2.0].view());
/// assert_eq!((out, state), (array![18.0], array![[9.0]])); // 10 + 2·4, then 10/2 + 4
/// ```
#[track_caller]
pub fn bonus_step(
    state: &mut Array2<f64>,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    gate: ArrayView1<f64>,
    bonus: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.dim(), q, k, v);
    expect_equal(("gate width", gate.len()), ("key width", k.len()));
    expect_equal(("bonus width", bonus.len()), ("key width", k.len()));
    // SOLUTION 11.7: read with the bonus, then forget and write
    let own: f64 = (0..k.len()).map(|c| q[c] * bonus[c] * k[c]).sum();
    let out = q.dot(state) + &v * own;
    for (c, mut row) in state.axis_iter_mut(Axis(0)).enumerate() {
        row *= gate[c];
        row.scaled_add(k[c], &v);
    }
    out
    // END SOLUTION
}
// ANCHOR_END: bonus_step
