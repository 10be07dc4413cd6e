use crate::given::{expect_state, expect_tokens};
use ndarray::{Array2, ArrayView2, s};

// ANCHOR: chunked
/// The recurrence of RetNet over n tokens, in chunks: between chunks the state is carried on, within a
/// chunk all pairs are computed at once. `state` is S before the first token, and afterwards S after the
/// last one.
///
/// Shapes: q and k n × d, v and out n × d_v, state d × d_v; 0 ≤ γ ≤ 1. The last chunk may be shorter.
/// Costs about n·(2·C·(d + d_v) + 4·d·d_v) FLOPs for chunks of C. (Sun et al.,
/// [arXiv:2307.08621](https://arxiv.org/abs/2307.08621), §2.1, the chunkwise form.)
///
/// # Panics
/// Names sizes that do not fit, and refuses `chunk` 0 and a γ that is not between 0 and 1.
///
/// ```
/// use ch11_linear::chunked;
/// use ndarray::{Array2, array};
/// let ones = Array2::ones((3, 1));
/// let mut state = array![[8.0]];
/// let out = chunked(&mut state, ones.view(), ones.view(), ones.view(), 0.5, 2);
/// assert_eq!(out, array![[5.0], [3.5], [2.75]]); // 8/2 + 1, 5/2 + 1, 3.5/2 + 1
/// assert_eq!(state, array![[2.75]]);
/// ```
#[track_caller]
pub fn chunked(
    state: &mut Array2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    gamma: f64,
    chunk: usize,
) -> Array2<f64> {
    expect_tokens(q, k, v);
    expect_state(state.dim(), k.ncols(), v.ncols());
    assert!(chunk > 0, "a chunk of 0 tokens");
    assert!((0.0..=1.0).contains(&gamma), "γ is {gamma}, which is not between 0 and 1");
    // SOLUTION 11.4: per chunk: what the state gives, and what the pairs give; then the state after the chunk
    let power = |exponent: usize| gamma.powi(exponent as i32);
    let mut out = Array2::zeros(v.dim());
    for start in (0..q.nrows()).step_by(chunk) {
        let end = (start + chunk).min(q.nrows());
        let [q, k, v] = [q, k, v].map(|x| x.slice_move(s![start..end, ..]));
        let c = end - start;
        let mut scores = q.dot(&k.t());
        for ((i, j), score) in scores.indexed_iter_mut() {
            *score *= if j <= i { power(i - j) } else { 0.0 };
        }
        let mut before = q.dot(state);
        let mut fading = k.to_owned();
        for i in 0..c {
            before.row_mut(i).mapv_inplace(|x| x * power(i + 1));
            fading.row_mut(i).mapv_inplace(|x| x * power(c - 1 - i));
        }
        out.slice_mut(s![start..end, ..]).assign(&(before + scores.dot(&v)));
        *state = &*state * power(c) + fading.t().dot(&v);
    }
    out
    // END SOLUTION
}
// ANCHOR_END: chunked
