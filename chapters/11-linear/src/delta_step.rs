use crate::given::expect_state;
use ndarray::{Array2, ArrayView1, Axis};

// ANCHOR: delta_step
/// Writes a value by the delta rule: what the state holds under the key is replaced by the value, in part
/// where β < 1.
///
/// Shapes: k d, v d_v, state d × d_v. For a key of length 1 and β = 1, reading with k afterwards gives v.
/// Costs about 4·d·d_v FLOPs. (Schlag et al., [arXiv:2102.11174](https://arxiv.org/abs/2102.11174); Yang
/// et al., [arXiv:2406.06484](https://arxiv.org/abs/2406.06484), §2.2.)
///
/// ```
/// use ch11_linear::delta_step;
/// use ndarray::{Array2, array};
/// let (key, mut state) = (array![1.0, 0.0], Array2::zeros((2, 1)));
/// delta_step(&mut state, key.view(), array![5.0].view(), 1.0);
/// delta_step(&mut state, key.view(), array![7.0].view(), 1.0);
/// assert_eq!(key.dot(&state), array![7.0]); // 7, and not 5 + 7
/// ```
#[track_caller]
pub fn delta_step(state: &mut Array2<f64>, k: ArrayView1<f64>, v: ArrayView1<f64>, beta: f64) {
    expect_state(state.dim(), k.len(), v.len());
    // SOLUTION 11.8: add β k times the difference between the value and what the key finds
    let found = k.dot(state);
    let missing = &v - &found;
    for (mut row, &key) in state.axis_iter_mut(Axis(0)).zip(k) {
        row.scaled_add(beta * key, &missing);
    }
    // END SOLUTION
}
// ANCHOR_END: delta_step
