use crate::given::expect_token;
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView1, Axis};

// ANCHOR: kda_step
/// One token of Kimi Delta Attention: every channel of the state forgets at its own rate, the delta rule
/// writes, and the query reads.
///
/// Shapes: q, k and gate d; v and out d_v; state d × d_v; β and the gate between 0 and 1. With equal
/// gates it is the gated delta rule. Costs about 7·d·d_v FLOPs. (Kimi Team,
/// [arXiv:2510.26692](https://arxiv.org/abs/2510.26692), Eq 1; Yang et al.,
/// [arXiv:2412.06464](https://arxiv.org/abs/2412.06464), Eq 10, for equal gates.)
///
/// ```
/// use ch11_linear::kda_step;
/// use ndarray::array;
/// let (one, mut state) = (array![1.0], array![[8.0]]);
/// let out = kda_step(&mut state, one.view(), one.view(), array![6.0].view(), 0.5, array![0.25].view());
/// assert_eq!(out, array![4.0]); // 8 fades to 2; half of that is erased, and half of 6 is written
/// ```
#[track_caller]
pub fn kda_step(
    state: &mut Array2<f64>,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    beta: f64,
    gate: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.dim(), q, k, v);
    expect_equal(("gate width", gate.len()), ("key width", k.len()));
    // SOLUTION 11.9: gates, the delta rule, and the reading, in the formula's order
    for (mut row, &gate) in state.axis_iter_mut(Axis(0)).zip(gate) {
        row *= gate;
    }
    let missing = &v - &k.dot(state);
    for (mut row, &key) in state.axis_iter_mut(Axis(0)).zip(k) {
        row.scaled_add(beta * key, &missing);
    }
    q.dot(state)
    // END SOLUTION
}
// ANCHOR_END: kda_step
