use crate::given::{State, expect_token};
use ndarray::{Array1, ArrayView1, Axis};

// ANCHOR: linear_step
/// Linear attention in its recurrent form, one token: takes the token into the state, and gives what its
/// query reads there, where it sees itself too.
///
/// Shapes: features `q` and `k` r, `v` d_v, out d_v. A sum of weights of 0 gives zeros. Costs about
/// 4·r·d_v FLOPs, whatever came before. (Katharopoulos et al.,
/// [arXiv:2006.16236](https://arxiv.org/abs/2006.16236), Eqs 16–20.)
///
/// ```
/// use ch11_linear::{given::State, linear_step};
/// use ndarray::array;
/// let mut state = State::empty(1, 1);
/// let mut step = |x: f64, v: f64| {
///     let feature = array![x];
///     linear_step(&mut state, feature.view(), feature.view(), array![v].view())
/// };
/// assert_eq!(step(1.0, 0.0), array![0.0]);
/// assert_eq!(step(3.0, 4.0), array![3.0]); // weights 3 and 9 of 12
/// ```
#[track_caller]
pub fn linear_step(
    state: &mut State,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.s.dim(), q, k, v);
    // SOLUTION 11.3: write the token into S and z, then read with the query
    for (mut row, &key) in state.s.axis_iter_mut(Axis(0)).zip(k) {
        row.scaled_add(key, &v);
    }
    state.z += &k;
    let sum = q.dot(&state.z);
    let out = q.dot(&state.s);
    if sum == 0.0 { out } else { out / sum }
    // END SOLUTION
}
// ANCHOR_END: linear_step
