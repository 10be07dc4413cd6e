use crate::{
    given::{Attended, expect_states},
    softmax,
};
use ndarray::{Array1, ArrayView1, ArrayView2};

// ANCHOR: top_softmax
/// Softmax over the `keep` largest scores. Every other weight is exactly 0.
///
// SOLUTION
/// `weights[j] = exp(scores[j]) / Σ exp(scores[l])`, where j and l run over the kept scores.
///
// END SOLUTION
/// Of equal scores the earlier one is kept first. Where `keep` is m or more, this is the softmax. A
/// score of −∞ gets the weight 0 even if there is room for it. Where nothing is kept, all weights
/// are 0, and sum to 0.
///
/// Shapes: m in, m out, each weight at the place of its score. The scores are of ordinary size,
/// between −80 and 80, or −∞. Costs a sort of m numbers; the m scores were computed before.
///
/// ```
/// use ch01_rnn_attention::top_softmax;
/// use ndarray::array;
/// let scores = array![1.0, 7.0, 0.0, 7.0];
/// assert_eq!(top_softmax(scores.view(), 2), array![0.0, 0.5, 0.0, 0.5]);
/// assert_eq!(top_softmax(scores.view(), 1), array![0.0, 1.0, 0.0, 0.0]); // the earlier of two equals
/// assert_eq!(top_softmax(scores.view(), 0), array![0.0, 0.0, 0.0, 0.0]);
/// ```
pub fn top_softmax(scores: ArrayView1<f32>, keep: usize) -> Array1<f32> {
    // SOLUTION 1.10: weights for the largest scores, and exactly 0 for all others
    let mut kept: Vec<usize> = (0..scores.len()).filter(|&j| scores[j].is_finite()).collect();
    // The sort is stable: equal scores stay in order.
    kept.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    kept.truncate(keep);
    let best: Array1<f32> = kept.iter().map(|&j| scores[j]).collect();
    let mut weights = Array1::zeros(scores.len());
    for (&j, weight) in kept.iter().zip(softmax(best.view())) {
        weights[j] = weight;
    }
    weights
    // END SOLUTION
}
// ANCHOR_END: top_softmax

/// A look back at the `keep` states that fit best: [`crate::attend_all`], with [`top_softmax`] in
/// place of the softmax.
///
/// Shapes: `state` d, `states` m×d with m ≥ 1; `context` d, `weights` m. The scores of all m states
/// are computed, and so it costs no less than a look at all.
///
/// ```
/// use ch01_rnn_attention::attend_top;
/// use ndarray::array;
/// let states = array![[2.0], [4.0], [3.0]];
/// assert_eq!(attend_top(array![1.0].view(), states.view(), 1).context, array![4.0]);
/// ```
#[track_caller]
pub fn attend_top(state: ArrayView1<f32>, states: ArrayView2<f32>, keep: usize) -> Attended {
    attend_top_by(top_softmax, state, states, keep)
}

/// The same, with somebody's `top_softmax`.
#[track_caller]
pub fn attend_top_by(
    top_softmax: fn(ArrayView1<f32>, usize) -> Array1<f32>,
    state: ArrayView1<f32>,
    states: ArrayView2<f32>,
    keep: usize,
) -> Attended {
    expect_states(state, states);
    let weights = top_softmax(states.dot(&state).view(), keep); // m
    let context = weights.dot(&states); // d
    Attended { context, weights }
}
