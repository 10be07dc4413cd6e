//! Pictures and traces for the eye; the proofs are in the other files.

use attn_core::{Mask, heatmap, random::Random};
use attn_snapshot::{Near, assert_compared, picture};
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use insta::assert_snapshot;
use ndarray::{Array2, array};

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

fn mask(mask: &Mask, n: usize, m: usize) -> String {
    format!("{mask}, {n}×{m}\n{}", picture(&heatmap::table(allowed(mask, n, m).view())))
}

#[test]
fn causal_with_more_keys_than_queries() {
    assert_snapshot!(mask(&Mask::Causal, 2, 5));
}

#[test]
fn causal_with_more_queries_than_keys() {
    assert_snapshot!(mask(&Mask::Causal, 5, 2));
}

#[test]
fn prefix() {
    assert_snapshot!(mask(&Mask::Prefix(3), 5, 5));
}

#[test]
fn prefix_with_more_queries_than_keys() {
    assert_snapshot!(mask(&Mask::Prefix(1), 5, 2));
}

fn three_of_five() -> Mask {
    Mask::padding([true, true, false, true, false])
}

#[test]
fn padding() {
    assert_snapshot!(mask(&three_of_five(), 3, 5));
}

#[test]
fn combined() {
    assert_snapshot!(mask(&Mask::All(vec![Mask::Causal, three_of_five()]), 5, 5));
}

/// Scores 0 and ln 3, so weights 1/4 and 3/4 of the values 0 and 4.
#[test]
fn worked_by_hand() {
    let q = array![[1.0_f32, 1.0, 1.0, 1.0]];
    let k = array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]];
    let v = array![[0.0], [4.0]];
    Near { allowed: 1e-6 }.settings().bind(|| assert_snapshot!(steps(&q, &k, &v, &Mask::None)));
}

/// Causal, with a first query that sees nothing.
#[test]
fn steps_of_a_seeded_case() {
    let [q, k, v] = seeded((4, 3), (2, 2));
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(steps(&q, &k, &v, &Mask::Causal)));
}

#[test]
fn weights_of_a_seeded_case() {
    let [q, k, _] = seeded((8, 12), (4, 1));
    let weights = softmax_rows(masked_scores(q.view(), k.view(), &Mask::Causal).view());
    assert_snapshot!(picture(&heatmap::shades(weights.view(), 0.5)));
}

fn seeded((n, m): (usize, usize), (d, d_v): (usize, usize)) -> [Array2<f32>; 3] {
    let mut random = Random::new(3);
    [(n, d), (m, d), (m, d_v)].map(|shape| random.normal(shape))
}

/// Scores, weights and output, as a reader would write them down.
fn steps(q: &Array2<f32>, k: &Array2<f32>, v: &Array2<f32>, mask: &Mask) -> String {
    let scores = masked_scores(q.view(), k.view(), mask);
    let weights = softmax_rows(scores.view());
    let output = attention(q.view(), k.view(), v.view(), mask);
    format!(
        "scores\n{scores:.5}\nweights\n{weights:.5}\nout\n{:.5}\nlse\n{:.5}",
        output.out, output.lse
    )
}
