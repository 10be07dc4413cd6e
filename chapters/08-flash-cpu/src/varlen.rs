use crate::{
    flash_forward,
    given::{Block, Output, Traffic, expect_block, expect_shapes, expect_starts},
};
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView2, s};

// ANCHOR: varlen
/// Attention within each of several sequences of different lengths that stand one after the other,
/// without padding.
///
/// Sequence `b` has the queries `q_starts[b] … q_starts[b+1] − 1` and the keys `k_starts[b] …
/// k_starts[b+1] − 1`; no query sees a key of another sequence, and causal is aligned bottom-right
/// in each. A sequence may have no queries, or no keys.
///
/// Shapes, with n and m summed over the sequences: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse`
/// n. Costs what the sequences cost by themselves: nothing is computed for pairs of different
/// sequences.
///
/// ```
/// use ch08_flash_cpu::{given::{Block, Traffic}, varlen};
/// use ndarray::array;
/// let (x, v) = (array![[1.0], [1.0]], array![[1.0], [4.0]]);
/// let (block, traffic) = (Block { q: 4, k: 4 }, &mut Traffic::default());
/// let result = varlen(x.view(), x.view(), v.view(), &[0, 1, 2], &[0, 1, 2], false, block, traffic);
/// assert_eq!(result.out, v); // two sequences of one token, each of which sees only itself
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments)] // three tensors, two lists of starts, and how
pub fn varlen(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    q_starts: &[usize],
    k_starts: &[usize],
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    expect_starts("query", q_starts, q.nrows());
    expect_starts("key", k_starts, k.nrows());
    expect_equal(("key starts", k_starts.len()), ("query starts", q_starts.len()));
    // SOLUTION 8.7: each sequence by itself, out of the whole and back into it
    let mut result =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for (queries, keys) in q_starts.windows(2).zip(k_starts.windows(2)) {
        let queries = queries[0]..queries[1];
        let keys = keys[0]..keys[1];
        let one = flash_forward(
            q.slice(s![queries.clone(), ..]),
            k.slice(s![keys.clone(), ..]),
            v.slice(s![keys, ..]),
            causal,
            block,
            traffic,
        );
        let mut out = result.out.slice_mut(s![queries.clone(), ..]);
        out.assign(&one.out);
        result.lse.slice_mut(s![queries]).assign(&one.lse);
    }
    result
    // END SOLUTION
}
// ANCHOR_END: varlen
