use crate::given::{Output, State, expect_shapes, seen};
use ndarray::{Array1, Array2, ArrayView2};

// ANCHOR: online
/// Attention of one head in a single pass over the keys: for each query, the keys go by one after
/// the other, and only their [`State`] stays.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. Causal is aligned bottom-right. A
/// query that sees nothing gives zeros and −∞. Costs 2·n·m·(d + d_v) FLOPs, and beside the results
/// only as much memory as a few rows: never a row of m scores, and no n×m table.
///
/// ```
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let result = ch08_flash_cpu::online(q.view(), k.view(), v.view(), false);
/// assert_eq!(result.out, array![[2.5]]); // two equal scores: the mean of the values
/// ```
#[track_caller]
pub fn online(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Output {
    expect_shapes(q, k, v);
    // SOLUTION 8.2: for each query, let the keys pass by and keep a state
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let scale = 1.0 / (d as f32).sqrt();
    let mut result = Output { out: Array2::zeros((n, d_v)), lse: Array1::zeros(n) };
    for i in 0..n {
        let mut state = State::empty(d_v);
        for j in 0..seen(i, n, m, causal) {
            let score = q.row(i).dot(&k.row(j)) * scale;
            // `merge` with the state of a single key, without making one. A key without a say would
            // only bring −∞ − (−∞).
            if score == f32::NEG_INFINITY {
                continue;
            }
            let row_max = state.row_max.max(score);
            let (old, new) = ((state.row_max - row_max).exp(), (score - row_max).exp());
            state.row_max = row_max;
            state.row_sum = old * state.row_sum + new;
            state.out *= old;
            state.out.scaled_add(new, &v.row(j));
        }
        let (out, lse) = state.finish();
        result.out.row_mut(i).assign(&out);
        result.lse[i] = lse;
    }
    result
    // END SOLUTION
}
// ANCHOR_END: online
