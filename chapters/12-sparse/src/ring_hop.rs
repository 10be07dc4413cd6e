use crate::given::State;
use attn_core::shape::expect_equal;
use ch08_flash_cpu::{given::expect_shapes, push};
use ndarray::ArrayView2;

// ANCHOR: ring_hop
/// What a device does with a part of the keys and values that has come round to it: it brings the state of
/// each of its queries up to date. Query r stands at position `q_start + r` of the text, key c at
/// `k_start + c`; causal, a query sees the keys up to its own position.
///
/// Shapes: `states` n of width d_v, q n×d, k m×d, v m×d_v. Scores are divided by √d. Costs 2·n·m·(d + d_v)
/// FLOPs, and no more memory. The parts may come in any order. (Liu et al.,
/// [arXiv:2310.01889](https://arxiv.org/abs/2310.01889), §3.)
///
/// ```
/// use ch12_sparse::{given::State, ring_hop};
/// use ndarray::array;
/// let mut states = [State::empty(1)];
/// let (zero, later) = (array![[0.0]], array![[9.0]]);
/// ring_hop(&mut states, zero.view(), 1, zero.view(), array![[2.0]].view(), 0, true);
/// ring_hop(&mut states, zero.view(), 1, zero.view(), later.view(), 2, true); // not seen
/// assert_eq!(states[0].finish().0, array![2.0]);
/// ```
#[track_caller]
pub fn ring_hop(
    states: &mut [State],
    q: ArrayView2<f32>,
    q_start: usize,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    k_start: usize,
    causal: bool,
) {
    expect_shapes(q, k, v);
    expect_equal(("states", states.len()), ("queries", q.nrows()));
    // SOLUTION 12.13: every query of the device takes in the keys of the part that it sees
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    for (r, state) in states.iter_mut().enumerate() {
        for c in 0..k.nrows() {
            if !causal || k_start + c <= q_start + r {
                push(state, q.row(r).dot(&k.row(c)) * scale, v.row(c));
            }
        }
    }
    // END SOLUTION
}
// ANCHOR_END: ring_hop
