//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::{Mask, random::Random};
use ch03_scaled_dot_product::{
    attend_half, attention, attention_backward, attention_dropout, dropout, dropout_backward,
    figures::cost::Sizes,
    given::Output,
    masked_scores,
    saturation::{Saturation, jacobian_norm, normalised, quantile, saturation, saturation_of},
    softmax_backward, softmax_rows,
};
use half::{bf16, f16};
use ndarray::{Array2, ArrayView2, array, s};

/// Refuses an array that is not the printed one.
#[track_caller]
fn near(got: ArrayView2<f32>, printed: Array2<f32>) {
    assert_eq!(got.dim(), printed.dim());
    let far = (&got - &printed).iter().any(|e| e.abs() > 1e-5);
    assert!(!far, "{got} is printed as {printed}");
}

#[test]
fn exp_overflows_f32_between_88_and_89() {
    assert!(88.0_f32.exp().is_finite() && 89.0_f32.exp().is_infinite());
}

/// Task 1's example, its rows shifted by −10 000 and 10 000, and the two other meanings of “sum”.
#[test]
fn the_softmax_worked_by_hand() {
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let x = array![[0.0, ln2, ln4], [5.0, 5.0, 5.0]];
    let printed = array![[1.0, 2.0, 4.0], [7.0 / 3.0, 7.0 / 3.0, 7.0 / 3.0]] / 7.0;
    near(softmax_rows(x.view()).view(), printed);
    let far = array![[10_000.0, 10_001.0], [-10_000.0, -9_999.0]];
    let (low, high) = (0.26894, 0.73106);
    near(softmax_rows(far.view()).view(), array![[low, high], [low, high]]);
    // With the maximum of the whole matrix the second row would have been exp(−20 000) = 0.
    assert_eq!((-20_000.0_f32).exp(), 0.0);
}

/// The two keys of tasks 3 and 6.
fn two_keys() -> [Array2<f32>; 3] {
    let k = array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]];
    [array![[1.0_f32; 4]], k, array![[0.0], [4.0]]]
}

#[test]
fn attention_worked_by_hand_and_four_ways_to_get_it_wrong() {
    let [q, k, v] = two_keys();
    let Output { out, lse } = attention(q.view(), k.view(), v.view(), &Mask::None);
    near(out.view(), array![[3.0]]);
    assert!((lse[0] - 4.0_f32.ln()).abs() < 1e-6);
    let products = q.dot(&k.t());
    let with = |scores: Array2<f32>| softmax_rows(scores.view());
    near(with(products.clone()).view(), array![[0.1, 0.9]]); // no scale
    near(with(products.clone() / 4.0).dot(&v).view(), array![[2.53590]]); // by d
    let columns = softmax_rows((products / 2.0).t()).reversed_axes();
    near(columns.dot(&v).view(), array![[4.0]]); // over the queries: each weight is 1
    // The second key hidden: before the softmax the first has all the weight, after it a quarter.
    let hidden = Mask::padding([true, false]);
    let masked = masked_scores(q.view(), k.view(), &hidden);
    near(softmax_rows(masked.view()).view(), array![[1.0, 0.0]]);
}

#[test]
fn dropout_worked_by_hand() {
    let draws = Random::new(1).uniform((1, 4));
    near(draws.view(), array![[0.54938, 0.40249, 0.98460, 0.08038]]);
    let even = array![[0.25_f32; 4]];
    near(dropout(even.view(), 0.5, 1, 0).view(), array![[0.5, 0.0, 0.5, 0.0]]);
    // The same four as the next row of their table.
    let draws = Random::new(1).uniform((2, 4));
    near(draws.slice(s![1.., ..]), array![[0.21104, 0.59656, 0.38684, 0.21932]]);
    near(dropout(even.view(), 0.5, 1, 1).view(), array![[0.0, 0.5, 0.0, 0.0]]);
}

/// Tasks 5 and 6; and the gradient of the first coordinate of q once more, by a difference.
#[test]
fn the_way_back_worked_by_hand() {
    let back = |d_lse: f32| {
        let (weights, d_weights) = (array![[0.25, 0.75]], array![[4.0, 0.0]]);
        softmax_backward(weights.view(), d_weights.view(), array![d_lse].view())
    };
    near(back(0.0).view(), array![[0.75, -0.75]]);
    near(back(2.0).view(), array![[1.25, 0.75]]);

    let [q, k, v] = two_keys();
    let gradients =
        attention_backward(q.view(), k.view(), v.view(), &Mask::None, array![[1.0]].view());
    let slope = 0.75 * 3.0_f32.ln();
    near(gradients.dq.view(), array![[slope, 0.0, 0.0, 0.0]]);
    near(gradients.dk.view(), array![[-0.375; 4], [0.375; 4]]);
    near(gradients.dv.view(), array![[0.25], [0.75]]);

    let out = |step: f32| {
        let mut q = q.clone();
        q[[0, 0]] += step;
        attention(q.view(), k.view(), v.view(), &Mask::None).out[[0, 0]]
    };
    let difference = (out(0.01) - out(-0.01)) / 0.02;
    assert!((difference - slope).abs() < 1e-3, "{difference} against {slope}");
}

/// Tasks 7 and 8: the first of the two keys is dropped, with p = 1/2.
#[test]
fn dropout_inside_attention_worked_by_hand() {
    let [q, k, _] = two_keys();
    let v = array![[8.0_f32], [4.0]];
    let (q, k, v, kept) = (q.view(), k.view(), v.view(), array![[false, true]]);
    let out = |mask: &Mask| attention(q, k, v, mask).out;
    near(out(&Mask::None).view(), array![[5.0]]);
    near(out(&Mask::padding([false, true])).view(), array![[4.0]]); // hidden is not dropped
    let dropped = attention_dropout(q, k, v, &Mask::None, kept.view(), 0.5);
    near(dropped.out.view(), array![[6.0]]);
    assert!((dropped.lse[0] - 4.0_f32.ln()).abs() < 1e-6);
    let nothing = attention_dropout(q, k, v, &Mask::None, array![[false, false]].view(), 0.5);
    assert_eq!((nothing.out, nothing.lse), (array![[0.0]], dropped.lse));

    let one = array![[1.0]];
    let gradients = dropout_backward(q, k, v, &Mask::None, kept.view(), 0.5, one.view());
    near(gradients.dq.view(), array![[1.5 * 3.0_f32.ln(), 0.0, 0.0, 0.0]]);
    near(gradients.dk.view(), array![[-0.75; 4], [0.75; 4]]);
    near(gradients.dv.view(), array![[0.0], [1.5]]);
}

/// Rounds to half precision.
fn half(x: f32) -> f32 {
    f16::from_f32(x).to_f32()
}

/// Task 9's four reasons, and what its first wrong try does to 4,096 equal scores.
#[test]
fn a_softmax_in_half_precision_overflows_stalls_and_rounds() {
    assert!(half(half(11.086).exp()).is_finite() && half(half(11.1).exp()).is_infinite());
    let sum = (0..4096).fold(0.0, |sum, _| half(sum + 1.0));
    assert_eq!(sum, 2048.0);
    let bf16_sum = (0..4096).fold(0.0, |sum: f32, _| bf16::from_f32(sum + 1.0).to_f32());
    assert_eq!(bf16_sum, 256.0);
    let mean = (0..4096).fold(0.0, |sum, _| half(sum + 1.0 / 4096.0));
    assert_eq!(mean, 0.5);
    assert!(half(128.0 * 30.0 * 30.0).is_infinite());
    let (score, maximum) = (half(0.2537), half(8.797));
    let (exact, rounded) = (score - maximum, half(score - maximum));
    let error = (rounded - exact).exp() - 1.0;
    assert_eq!((score, maximum), (0.253_662_1, 8.796_875));
    assert_eq!((exact, rounded), (-8.543_213, -8.546_875));
    assert!((error + 0.0037).abs() < 5e-5, "{error}");
    let ones = Array2::from_elem((4096, 1), f16::ONE);
    let out = attend_half(Array2::from_elem((1, 4096), f16::ONE).view(), ones.view());
    assert_eq!(out, array![[f16::ONE]]);
    assert!((half(3.0_f32.ln()) - 1.09863).abs() < 5e-6);
    let (scores, v) = (array![[0.0, 3.0_f32.ln()]], array![[0.0, 4.0]]);
    let out = attend_half(scores.mapv(f16::from_f32).view(), v.t().mapv(f16::from_f32).view());
    assert_eq!(out, array![[f16::from_f32(3.0)]]);
}

/// Queries and keys with entries of variance 1/√d give the scores of the division by √d. Where both
/// have grown, the division does not hold the softmax, and normalising does.
#[test]
fn smaller_queries_and_keys_at_the_start_do_what_the_division_does() {
    let largest = |sample: Vec<Saturation>| mean(sample.iter().map(|s| s.largest_weight));
    for d in [16, 64, 256] {
        let smaller = (d as f32).powf(-0.25);
        let initialised =
            saturation_of(d, QUERIES, 3, |q, k| (q * smaller).dot(&(k * smaller).t()));
        let difference = largest(initialised) - largest(sample(d, true));
        assert!(difference.abs() < 1e-5, "d = {d}: {difference}");
    }
    let normed = |growth: f32| {
        largest(saturation_of(64, QUERIES, 3, |q, k| {
            normalised(q * growth).dot(&normalised(k * growth).t()) / 8.0
        }))
    };
    assert!((normed(8.0) - normed(1.0)).abs() < 1e-5);
}

/// One query that comes after five cached keys: aligned top-left it sees only the first of them.
#[test]
fn top_left_alignment_shows_a_single_query_the_first_key_only() {
    let mut random = Random::new(3);
    let [q, k, v] = [(1, 4), (5, 4), (5, 2)].map(|shape| random.normal(shape));
    let top_left = Mask::Dense(Array2::from_shape_fn((1, 5), |(i, j)| j <= i));
    let out = |mask: &Mask| attention(q.view(), k.view(), v.view(), mask).out;
    assert_eq!(out(&top_left).row(0), v.row(0));
    assert_eq!(out(&Mask::Causal), out(&Mask::None));
}

/// A table of flags read in the other polarity attends to exactly the keys that were to be left
/// out, and nothing crashes.
#[test]
fn the_two_polarities_attend_to_disjoint_keys() {
    let (q, k) = {
        let mut random = Random::new(3);
        (random.normal((4, 3)), random.normal((6, 3)))
    };
    let flags = Random::new(4).uniform((4, 6)).mapv(|draw| draw < 0.5);
    let weights =
        |table| softmax_rows(masked_scores(q.view(), k.view(), &Mask::Dense(table)).view());
    let (one, other) = (weights(flags.clone()), weights(!&flags));
    assert!((&one * &other).iter().all(|&both| both == 0.0));
    near(one.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1)).view(), Array2::ones((4, 1)));
}

/// The products of d independent standard normal components have variance d, and 1 after the
/// division by √d.
#[test]
fn the_variance_of_a_dot_product_is_d() {
    for d in [4, 64, 1024] {
        let mut random = Random::new(3);
        let (q, k) = (random.normal((256, d)), random.normal((256, d)));
        let products = q.dot(&k.t());
        let variance = f64::from(products.var(0.0)) / d as f64;
        assert!((variance - 1.0).abs() < 0.1, "d = {d}: variance {variance} d");
    }
}

#[test]
fn the_scores_outgrow_the_inputs_and_the_way_back_costs_five_halves() {
    let sizes = |n| Sizes { n, m: n, d: 64, d_v: 64 };
    assert_eq!(sizes(8192).score_and_weight_bytes(), 512 << 20);
    assert_eq!(sizes(8192).input_and_output_bytes(), 8 << 20);
    assert_eq!(2 * sizes(512).backward_flop(), 5 * sizes(512).forward_flop());
    // At n = 128 = d + d_v both are alike.
    assert_eq!(sizes(128).score_and_weight_bytes(), sizes(128).input_and_output_bytes());
}

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
    assert_eq!(softmax_rows((&scores + -1e9).view()), array![[0.25, 0.25, 0.25, 0.25]]);
    assert_eq!(softmax_rows((&scores + f32::NEG_INFINITY).view()), Array2::<f32>::zeros((1, 4)));
    // The same through attention: the mean of values that were all forbidden, against zeros.
    let v = array![[1.0_f32], [2.0], [3.0], [6.0]];
    let forbidden = Mask::padding([false; 4]);
    let (q, k) = (array![[1.0_f32]], scores.t().to_owned());
    let output = attention(q.view(), k.view(), v.view(), &forbidden);
    assert_eq!((output.out[[0, 0]], output.lse[0]), (0.0, f32::NEG_INFINITY));
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
        prints(&format!("d = {d}, unscaled"), largest(false), unscaled, 0.015);
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

    let norms: Vec<f64> = sample(1024, false).iter().map(|s| s.jacobian_norm).collect();
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
