//! Pictures and traces for the eye; the proofs are in the other files.

use attn_core::{heatmap, random::Random};
use attn_snapshot::{Near, assert_compared, picture};
use ch02_additive_attention::{
    Additive, Pointer, additive_scores, cost::Sizes, local_weights, location_weights,
};
use insta::assert_snapshot;
use ndarray::{Array2, array};

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

#[test]
fn scores_of_a_seeded_case() {
    let mut random = Random::new(1);
    let additive =
        Additive { w_q: random.normal((3, 4)), w_k: random.normal((2, 4)), v: random.normal(4) };
    let (q, k) = (random.normal((3, 3)), random.normal((5, 2)));
    let scores = additive_scores(&additive, q.view(), k.view());
    Near { allowed: 1e-4 }.settings().bind(|| assert_snapshot!(format!("{scores:.5}")));
}

/// Seven queries point further and further along sixteen keys.
#[test]
fn a_window_that_moves() {
    let pointer = Pointer { w_p: array![[1.0]], v_p: array![3.0] };
    let q = Array2::from_shape_fn((7, 1), |(i, _)| (i as f32 - 3.0) * 0.3);
    let weights = local_weights(&pointer, q.view(), Array2::zeros((7, 16)).view(), 3);
    assert_snapshot!(picture(&heatmap::shades(weights.view(), 0.25)));
}

#[test]
fn weights_by_location() {
    let w = Random::new(2).normal((3, 12)) * 2.0;
    let q = Random::new(3).normal((5, 3));
    let weights = location_weights(w.view(), q.view(), 10);
    assert_snapshot!(picture(&heatmap::shades(weights.view(), 1.0)));
}

#[test]
fn flop_of_one_head() {
    let sizes = Sizes { n: 256, m: 256, d: 64, a: 64 };
    assert_snapshot!(format!(
        "dot {}\ngeneral {}\nadditive {}\nconcat {}\ntanh {}\nhidden bytes {}\nscore bytes {}",
        sizes.dot_flop(),
        sizes.general_flop(),
        sizes.additive_flop(),
        sizes.concat_flop(),
        sizes.additive_tanh(),
        sizes.additive_hidden_bytes(),
        sizes.score_bytes()
    ));
}
