use crate::{
    given::{Split, State},
    merge,
};
use attn_core::shape::expect_equal;
use ndarray::{ArrayView1, ArrayView2};

// ANCHOR: split_kv
/// Attention of a single query to a long cache, in parts that could run side by side:
/// flash-decoding.
///
/// Part `p` of `parts` has the keys `p·m/parts … (p+1)·m/parts − 1`, rounded down; a part may be
/// empty. Each part's state is computed by itself, and they are merged at the end.
///
/// Shapes: `q` d, `k` m×d, `v` m×d_v. The newest query sees all keys, so there is no mask. Costs
/// 2·m·(d + d_v) FLOPs and `parts − 1` merges.
///
/// ```
/// use ndarray::array;
/// let (q, k, v) = (array![1.0], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let split = ch08_flash_cpu::split_kv(q.view(), k.view(), v.view(), 2);
/// assert_eq!(split.parts[1].finish().0, array![4.0]); // the second key alone
/// assert_eq!(split.out, array![2.5]);
/// ```
#[track_caller]
pub fn split_kv(q: ArrayView1<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, parts: usize) -> Split {
    assert!(!q.is_empty(), "query width is 0, so 1/√d means nothing");
    expect_equal(("key width", k.ncols()), ("query width", q.len()));
    expect_equal(("value count", v.nrows()), ("key count", k.nrows()));
    assert!(parts > 0, "parts is 0: the keys have to be somewhere");
    // SOLUTION 8.6: the state of each part by itself, then all of them merged
    let (m, d_v) = v.dim();
    let scale = 1.0 / (q.len() as f32).sqrt();
    let state_of = |p: usize| {
        let keys = p * m / parts..(p + 1) * m / parts;
        keys.fold(State::empty(d_v), |state, j| {
            merge(&state, &State::of_key(q.dot(&k.row(j)) * scale, v.row(j)))
        })
    };
    let parts: Vec<State> = (0..parts).map(state_of).collect();
    let whole = parts.iter().fold(State::empty(d_v), |a, b| merge(&a, b));
    let (out, lse) = whole.finish();
    Split { parts, out, lse }
    // END SOLUTION
}
// ANCHOR_END: split_kv
