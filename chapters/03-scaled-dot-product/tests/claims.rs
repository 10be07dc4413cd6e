//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::Mask;
use ch03_scaled_dot_product::{
    attention, masked_scores,
    saturation::{Saturation, jacobian_norm, quantile, saturation},
    softmax_rows,
};
use ndarray::{Array2, array};

/// f32 numbers near 10⁹ are 64 apart, so a score of ordinary size disappears in −10⁹.
#[test]
fn adding_minus_1e9_in_f32_loses_the_score() {
    for score in [0.3_f32, -5.0, 31.0] {
        assert_eq!(score + -1e9, -1e9);
    }
    assert_eq!((-1e9_f32).next_up() - -1e9, 64.0);
    assert_eq!(33.0_f32 + -1e9, -1e9 + 64.0); // beyond half the distance it is rounded, not kept
}

/// Among other scores −10⁹ is as good as −∞: its weight is exactly 0.
#[test]
fn minus_1e9_masks_exactly_while_another_key_is_allowed() {
    let weights = softmax_rows(array![[0.3, 1.2, -1e9]].view());
    assert_eq!(weights[[0, 2]], 0.0);
}

/// With nothing allowed all scores are the same −10⁹, whatever they were: the row attends to
/// everything alike.
#[test]
fn a_row_masked_with_minus_1e9_becomes_uniform_and_with_infinity_zeros() {
    let scores = array![[0.3_f32, -2.0, 5.0, 1.0]];
    assert_eq!(
        softmax_rows((&scores + -1e9).view()),
        array![[0.25, 0.25, 0.25, 0.25]]
    );
    assert_eq!(
        softmax_rows((&scores + f32::NEG_INFINITY).view()),
        Array2::<f32>::zeros((1, 4))
    );
    // The same through attention: the mean of values that were all forbidden, against zeros.
    let v = array![[1.0_f32], [2.0], [3.0], [6.0]];
    let forbidden = Mask::padding([false; 4]);
    let (q, k) = (array![[1.0_f32]], scores.t().to_owned());
    let output = attention(q.view(), k.view(), v.view(), &forbidden);
    assert_eq!(
        (output.out[[0, 0]], output.lse[0]),
        (0.0, f32::NEG_INFINITY)
    );
    let additive = softmax_rows((masked_scores(q.view(), k.view(), &Mask::None) + -1e9).view());
    assert_eq!(additive.dot(&v), array![[3.0]]);
}

const QUERIES: usize = 512;

fn sample(d: usize, scaled: bool) -> Vec<Saturation> {
    saturation(d, scaled, QUERIES, 3)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / QUERIES as f64
}

/// Refuses a measured number that is further than `within` from the printed one.
fn prints(what: &str, measured: f64, printed: f64, within: f64) {
    println!("{what}: {measured:.5}");
    assert!(
        (measured - printed).abs() <= within,
        "{what} is {measured:.5}, the text says {printed} ± {within}"
    );
}

#[test]
fn the_largest_weight_saturates_without_the_scale_and_stays_with_it() {
    for (d, unscaled) in [(4, 0.28), (64, 0.79), (1024, 0.95)] {
        let largest = |scaled| mean(sample(d, scaled).iter().map(|s| s.largest_weight));
        prints(
            &format!("d = {d}, unscaled"),
            largest(false),
            unscaled,
            0.015,
        );
        prints(&format!("d = {d}, scaled"), largest(true), 0.11, 0.015);
    }
}

/// With the scale the quartiles hardly depend on d; without it they fall apart.
#[test]
fn without_the_scale_the_median_gradient_vanishes_and_the_mean_hides_it() {
    // d, scaled, quartiles: as 16 384 queries give them, to two digits; the bounds allow for 512.
    let rows = [
        (4, true, [0.15, 0.17, 0.20]),
        (64, true, [0.17, 0.18, 0.19]),
        (1024, true, [0.17, 0.18, 0.19]),
        (4, false, [0.21, 0.26, 0.30]),
        (64, false, [0.034, 0.20, 0.38]),
    ];
    for (d, scaled, printed) in rows {
        let sample = sample(d, scaled);
        for (p, printed) in [0.25, 0.5, 0.75].into_iter().zip(printed) {
            let what = format!("d = {d}, scaled {scaled}, quantile {p}");
            let norms = sample.iter().map(|s| s.jacobian_norm);
            prints(&what, quantile(norms, p), printed, 0.01);
        }
    }

    let norms: Vec<f64> = sample(1024, false)
        .iter()
        .map(|s| s.jacobian_norm)
        .collect();
    let [q1, median, q3] = [0.25, 0.5, 0.75].map(|p| quantile(norms.iter().copied(), p));
    let mean = mean(norms.iter().copied());
    println!("d = 1024, unscaled: quartiles {q1:.1e} {median:.1e} {q3:.1e}, mean {mean:.3}");
    assert!((1e-8..1e-6).contains(&q1), "lower quartile {q1}");
    assert!((1e-4..6e-4).contains(&median), "median {median}");
    assert!((0.02..0.1).contains(&q3), "upper quartile {q3}");
    assert!(mean > 100.0 * median, "mean {mean}, median {median}");
}

#[test]
fn the_norm_of_the_jacobian_is_known_for_even_and_for_one_hot_weights() {
    // Even weights over m keys: (δ − 1/m)/m is a projection over m, of rank m − 1.
    let even = ndarray::Array1::from_elem(64, 1.0 / 64.0);
    assert!((jacobian_norm(even.view()) - 63.0_f64.sqrt() / 64.0).abs() < 1e-15);
    assert_eq!(jacobian_norm(array![0.0, 1.0, 0.0].view()), 0.0);
    // Two keys: w(1 − w) four times.
    assert_eq!(jacobian_norm(array![0.5, 0.5].view()), 0.5);
}
