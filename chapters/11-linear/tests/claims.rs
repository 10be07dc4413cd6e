//! What the page of chapter 11 says was computed.

use attn_core::random::Random;
use ch11_linear::{
    Recurrence, feature_map,
    figures::tables::{error_of_estimate, predicted_error, size_after, two_rows},
    linear_attention, mechanisms,
    recall::{Keys, Memory, error_back, mean_recalled},
    seeded::normal,
};
use ndarray::{Array2, Axis};

/// elu + 1 is another kernel than softmax's exponential, not an estimate of it: its rows differ by as
/// much for long texts and wide heads.
#[test]
fn elu_plus_one_does_not_approximate_softmax() {
    let mut random = Random::new(1);
    for (n, d) in [(64, 16), (256, 64)] {
        let [q, k, v] = [0, 1, 2].map(|_| normal(&mut random, (n, d)));
        let mut weights = q.dot(&k.t()) / (d as f64).sqrt();
        for (i, mut row) in weights.axis_iter_mut(Axis(0)).enumerate() {
            row.iter_mut().skip(i + 1).for_each(|x| *x = f64::NEG_INFINITY);
            row.mapv_inplace(f64::exp);
            let sum = row.sum();
            row /= sum;
        }
        let softmax = weights.dot(&v);
        let (q, k) = (feature_map(q.view()), feature_map(k.view()));
        let linear = linear_attention(q.view(), k.view(), v.view());
        let size = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
        let apart = size(&(&linear - &softmax)) / size(&softmax);
        println!("n {n}, d {d}: apart by {apart:.2} of softmax's rows");
        assert!(apart > 0.5, "{apart}");
    }
}

/// Lemma 2 of Performer's paper, and the 1/√m in it.
#[test]
fn random_features_are_unbiased_and_their_error_falls_as_one_over_the_root_of_m() {
    let (q, k) = two_rows();
    let mut last = f64::INFINITY;
    for m in [16, 64, 256, 1024] {
        let (error, predicted) =
            (error_of_estimate(q.view(), k.view(), m, 400), predicted_error(q.view(), k.view(), m));
        println!("m {m}: {error:.3}, predicted {predicted:.3}");
        assert!((error / predicted - 1.0).abs() < 0.35, "m {m}: {error} and {predicted}");
        assert!(error < last);
        last = error;
    }
}

#[test]
fn a_state_holds_more_the_wider_it_is_and_softmax_holds_everything() {
    let sum = |d, pairs| mean_recalled(Memory::Additive, Keys::Random, d, pairs);
    for d in [16, 32, 64] {
        assert!(mean_recalled(Memory::Softmax, Keys::Random, d, 256) > 0.98);
        assert!(sum(d, d) > 0.85, "d {d}: {}", sum(d, d));
    }
    assert!(sum(16, 64) < 0.3 && sum(32, 64) < 0.9 && sum(64, 64) > 0.99);
}

/// Where keys are random the sum gives back more; the delta rule wins where keys are alike, and where
/// they are written again.
#[test]
fn the_delta_rule_helps_where_keys_collide() {
    let share = |memory, keys, pairs| mean_recalled(memory, keys, 32, pairs);
    let (sum, delta) = (Memory::Additive, Memory::Delta);
    assert!(share(sum, Keys::Random, 64) > 0.2 + share(delta, Keys::Random, 64));
    for (keys, from) in [(Keys::Alike, 16), (Keys::Rewritten, 2)] {
        for pairs in [2, 4, 8, 16, 32, 64, 128, 256].into_iter().filter(|&pairs| pairs >= from) {
            let (sum, delta) = (share(sum, keys, pairs), share(delta, keys, pairs));
            assert!(delta > sum, "{keys:?}, {pairs} pairs: {delta} and {sum}");
        }
    }
    // The last pair is read exactly, and one that is far back worse than from a sum.
    for back in [0, 1, 3, 7, 15, 31, 63] {
        println!(
            "back {back}: {:.3} {:.3}",
            error_back(sum, 32, back),
            error_back(delta, 32, back)
        );
    }
    assert!(error_back(delta, 32, 0) < 1e-12 && error_back(sum, 32, 0) > 1.5);
}

/// Without z the rows of a sum grow with the text; with a decay they do not.
#[test]
fn a_sum_grows_and_a_decay_bounds_it() {
    let sum = |n| size_after(|_| Recurrence::plain(), n);
    let faded = |n| size_after(|_| mechanisms::retnet(0), n);
    assert!(sum(1024) > 10.0 * sum(64), "{} and {}", sum(1024), sum(64));
    assert!(faded(1024) < 2.0 * faded(64), "{} and {}", faded(1024), faded(64));
}

/// A state of d × d_v numbers, read and written once: n·d·d_v, not n·d.
#[test]
fn a_state_is_a_matrix() {
    // One head of 128 in 16 bits: a cache is as large as a state in 32 bits after 128 tokens.
    let (d, cache, state) = (128, |tokens: usize| 2 * 2 * 128 * tokens, 4 * 128 * 128);
    assert_eq!(cache(d), state);
    // Doubling both widths makes four times as many numbers.
    assert_eq!((2 * d) * (2 * d), 4 * d * d);
}

/// 0.95^n, the share that RetNet's first head keeps.
#[test]
fn half_lives() {
    let half = |gamma: f64| 0.5_f64.ln() / gamma.ln();
    println!(
        "half-lives: {:?}",
        [0, 1, 3, 7].map(|head| half(mechanisms::retnet_gamma(head)).round())
    );
    assert_eq!([0, 7].map(|head| half(mechanisms::retnet_gamma(head)).round()), [22.0, 2839.0]);
}

/// For what the page prints.
#[test]
fn tables() {
    for (name, table) in ch11_linear::figures::tables() {
        println!("{name}\n{}", table());
    }
}
