//! Pictures and traces for the eye; the proofs are in the other files.

mod near;

use attn_core::{Mask, heatmap, random::Random};
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use insta::assert_snapshot;
use ndarray::{Array2, array};
use near::Near;
use std::env;

/// Insta can be told to accept or to pass over differences; then a green run says nothing.
#[test]
fn snapshots_are_compared_in_this_run() {
    let off = |name: &str| env::var(name).is_ok_and(|value| value == "1");
    assert!(
        !off("INSTA_FORCE_PASS"),
        "INSTA_FORCE_PASS=1: no snapshot can fail; unset it"
    );
    let update = env::var("INSTA_UPDATE").unwrap_or_default();
    assert!(
        !["always", "1", "force", "unseen"].contains(&update.as_str()),
        "INSTA_UPDATE={update}: snapshots were written, not compared; run again without it"
    );
}

/// Without the blanks at the ends of lines, which editors remove.
fn picture(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn mask(mask: &Mask, n: usize, m: usize) -> String {
    format!(
        "{mask}, {n}×{m}\n{}",
        picture(&heatmap::table(allowed(mask, n, m).view()))
    )
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
    Near { allowed: 1e-6 }
        .settings()
        .bind(|| assert_snapshot!(steps(&q, &k, &v, &Mask::None)));
}

/// Causal, with a first query that sees nothing.
#[test]
fn steps_of_a_seeded_case() {
    let [q, k, v] = seeded((4, 3), (2, 2));
    Near { allowed: 1e-5 }
        .settings()
        .bind(|| assert_snapshot!(steps(&q, &k, &v, &Mask::Causal)));
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

#[test]
fn numbers_are_compared_as_numbers_and_words_as_words() {
    let near = Near { allowed: 1e-5 };
    assert!(near.agree("out [[0.12345, -0.00000]]", "out [[0.12346,\n 0.00000]]"));
    assert!(near.agree("lse [-inf, 100000]", "lse [-inf, 100000.5]"));
    assert!(!near.agree("out [0.12345]", "out [0.12350]"));
    assert!(!near.agree("lse [-inf]", "lse [inf]"));
    assert!(!near.agree("lse [1]", "lse [NaN]"));
    assert!(!near.agree("out [1, 2]", "out [1]"));
    assert!(!near.agree("out [1]", "lse [1]"));
}
