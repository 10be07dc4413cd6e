//! What holds for every input, on seeded ones.

use attn_core::{Mask, random::Random};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{
    Output, attention, attention_backward, attention_dropout, dropout, masked_scores,
    softmax_backward, softmax_rows,
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, s};
use std::panic::{UnwindSafe, catch_unwind};

/// Queries, keys and values of these sizes, standard normal.
fn inputs(seed: u64, (n, m): (usize, usize), (d, d_v): (usize, usize)) -> [Array2<f32>; 3] {
    let mut random = Random::new(seed);
    [random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v))]
}

fn attend([q, k, v]: &[Array2<f32>; 3], mask: &Mask) -> Output {
    attention(q.view(), k.view(), v.view(), mask)
}

fn furthest(a: ArrayView2<f32>, b: ArrayView2<f32>) -> f32 {
    (&a - &b).fold(0.0, |most, x| most.max(x.abs()))
}

fn bits(row: ArrayView1<f32>) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

// Softmax

#[test]
fn softmax_does_not_see_a_shift() {
    let x = Random::new(1).normal((33, 31));
    // Multiples of 2⁻⁸ and a shift that keeps them exact: bit-identical. Any other shift rounds the
    // scores first.
    let x = x.mapv(|x| (x * 256.0).round() / 256.0);
    assert_eq!(softmax_rows((&x + 1024.0).view()), softmax_rows(x.view()));
    let shifted = softmax_rows((&x + 0.1).view());
    assert!(furthest(shifted.view(), softmax_rows(x.view()).view()) < 1e-6);
}

#[test]
fn softmax_of_scores_of_1e4_is_finite_and_sums_to_one() {
    for scores in [array![[1e4, -1e4, 0.0]], array![[-1e4, -1e4, -1e4]], array![[1e4, 1e4, 1e4]]] {
        let weights = softmax_rows(scores.view());
        assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)), "{weights}");
        assert!((weights.sum() - 1.0).abs() < 1e-6, "{weights}");
    }
}

#[test]
fn rows_of_softmax_backward_sum_to_the_gradient_of_the_log_sum_exp() {
    for seed in 1..=3 {
        let mut random = Random::new(seed);
        let weights = softmax_rows(random.normal((33, 129)).view());
        let (d_weights, d_lse) = (random.normal((33, 129)), random.normal(33));
        let d_scores = softmax_backward(weights.view(), d_weights.view(), d_lse.view());
        for (sum, d_lse) in d_scores.sum_axis(Axis(1)).iter().zip(&d_lse) {
            assert!((sum - d_lse).abs() < 1e-5, "{sum}, not {d_lse}");
        }
    }
}

// Attention

#[test]
fn out_lies_in_the_convex_hull_of_the_values() {
    for seed in 1..=3 {
        let inputs = inputs(seed, (33, 31), (8, 5));
        let out = attend(&inputs, &Mask::None).out;
        // A point is in the hull unless a direction separates it from all values. Directions are
        // tried at random.
        let directions = Random::new(seed + 100).normal((5, 200));
        let along = |x: ArrayView2<f32>| x.dot(&directions);
        let most = along(inputs[2].view()).fold_axis(Axis(0), f32::MIN, |a, &b| a.max(b));
        for row in along(out.view()).rows() {
            assert!(row.iter().zip(&most).all(|(x, most)| *x <= most + 1e-5));
        }
    }
}

/// Only the order of summation changes: a few units in the last place of values of size 1.
#[test]
fn permuting_keys_with_their_values_changes_out_by_rounding_alone() {
    let [q, k, v] = inputs(2, (33, 129), (16, 8));
    let keys: Array1<bool> = (0..129).map(|j| j % 3 != 0).collect();
    let order: Vec<usize> = (0..129).map(|j| j * 50 % 129).collect();
    let permuted = [q.clone(), k.select(Axis(0), &order), v.select(Axis(0), &order)];
    let mask = Mask::Padding(keys.select(Axis(0), &order));
    let (before, after) = (attend(&[q, k, v], &Mask::Padding(keys)), attend(&permuted, &mask));
    assert!(furthest(before.out.view(), after.out.view()) < 1e-6);
    let lse = before.lse.insert_axis(Axis(0));
    assert!(furthest(lse.view(), after.lse.insert_axis(Axis(0)).view()) < 2e-6);
}

#[test]
fn finite_rubbish_in_the_future_leaves_earlier_rows_bit_identical() {
    for (n, m) in [(33, 33), (31, 33), (33, 31)] {
        let quiet = inputs(3, (n, m), (8, 5));
        let mut loud = quiet.clone();
        let last = 4; // keys
        loud[1].slice_mut(s![m - last.., ..]).fill(1e15);
        loud[2].slice_mut(s![m - last.., ..]).fill(-3e30);
        let (quiet, loud) = (attend(&quiet, &Mask::Causal), attend(&loud, &Mask::Causal));
        for i in 0..n {
            let same = bits(quiet.out.row(i)) == bits(loud.out.row(i))
                && quiet.lse[i].to_bits() == loud.lse[i].to_bits();
            assert_eq!(same, i < n - last, "n={n} m={m}, row {i}");
        }
    }
}

#[test]
fn an_empty_row_is_zeros_with_minus_infinity_and_no_gradient() {
    let inputs = inputs(4, (5, 3), (4, 2));
    let Output { out, lse } = attend(&inputs, &Mask::Causal);
    for i in 0..5 {
        let empty = i < 2; // 3 − 5 + i is negative
        assert_eq!(lse[i] == f32::NEG_INFINITY, empty, "lse[{i}] is {}", lse[i]);
        assert_eq!(out.row(i).iter().all(|&x| x == 0.0), empty, "out[{i}] is {}", out.row(i));
    }
    let [q, k, v] = &inputs;
    let d_out = Array2::ones((5, 2));
    let gradients = attention_backward(q.view(), k.view(), v.view(), &Mask::Causal, d_out.view());
    assert!(gradients.dq.slice(s![..2, ..]).iter().all(|&x| x == 0.0));
    assert!(gradients.dk.iter().chain(&gradients.dv).all(|x| x.is_finite()));
}

#[test]
fn no_queries_give_no_rows_and_no_keys_give_empty_ones() {
    let none = attend(&inputs(5, (0, 3), (4, 2)), &Mask::Causal);
    assert_eq!((none.out.dim(), none.lse.len()), ((0, 2), 0));
    for mask in [Mask::None, Mask::Causal, Mask::Prefix(2), Mask::padding([])] {
        let empty = attend(&inputs(5, (3, 0), (4, 2)), &mask);
        assert_eq!(empty.out, Array2::<f32>::zeros((3, 2)), "{mask}");
        assert_eq!(empty.lse, Array1::from_elem(3, f32::NEG_INFINITY), "{mask}");
    }
    let [q, k, v] = inputs(5, (3, 0), (4, 2));
    let d_out = Array2::ones((3, 2));
    let gradients = attention_backward(q.view(), k.view(), v.view(), &Mask::None, d_out.view());
    assert_eq!(gradients.dq, Array2::<f32>::zeros((3, 4)));
    assert_eq!((gradients.dk.dim(), gradients.dv.dim()), ((0, 4), (0, 2)));
}

// NaN and infinity in an input make NaN of the rows that see them, and of no others.

/// The one row of `out` and `lse` that `x` in query 2 changes: what is in it.
fn outcome_of_a_query_with(x: f32) -> (Array1<f32>, f32) {
    let untouched = inputs(6, (4, 7), (5, 3));
    let mut touched = untouched.clone();
    touched[0][[2, 1]] = x;
    let (touched, clean) = (attend(&touched, &Mask::None), attend(&untouched, &Mask::None));
    for i in [0, 1, 3] {
        assert_eq!(bits(touched.out.row(i)), bits(clean.out.row(i)), "row {i}");
        assert_eq!(touched.lse[i].to_bits(), clean.lse[i].to_bits(), "row {i}");
    }
    (touched.out.row(2).to_owned(), touched.lse[2])
}

#[test]
fn nan_or_plus_infinity_in_a_query_makes_its_row_nan_and_changes_no_other() {
    for x in [f32::NAN, f32::INFINITY] {
        let (out, lse) = outcome_of_a_query_with(x);
        assert!(out.iter().all(|x| x.is_nan()), "{out}"); // NaN, or ∞ − ∞
        assert!(lse.is_nan(), "{lse}");
    }
}

#[test]
fn nan_or_plus_infinity_in_a_key_makes_the_rows_nan_that_may_see_it_and_changes_no_other() {
    for x in [f32::NAN, f32::INFINITY] {
        let untouched = inputs(7, (5, 7), (5, 3));
        let mut touched = untouched.clone();
        touched[1].row_mut(5).fill(x); // queries 3 and 4 may see it
        let [clean, touched] = [untouched, touched].map(|x| attend(&x, &Mask::Causal).out);
        for i in 0..5 {
            let same = bits(touched.row(i)) == bits(clean.row(i));
            let nan = touched.row(i).iter().all(|x| x.is_nan()); // ∞ − ∞ again, or NaN
            assert!(if i < 3 { same } else { nan }, "{x}, row {i}");
        }
    }
}

#[test]
fn nan_and_plus_infinity_as_scores_stay_in_their_row_of_the_softmax() {
    let weights = softmax_rows(
        array![[0.0, 1.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::NEG_INFINITY, 1.0]].view(),
    );
    assert!(weights.row(0).iter().chain(weights.row(3)).all(|w| w.is_finite()), "{weights}");
    assert!(weights.row(1).iter().all(|w| w.is_nan()), "{weights}");
    assert!(weights[[2, 0]].is_nan(), "{weights}"); // ∞ − ∞
    assert_eq!(weights.row(3), array![0.0, 1.0]);
}

#[test]
fn a_row_of_nothing_but_nan_stays_nan() {
    let weights = softmax_rows(array![[f32::NAN, f32::NAN]].view());
    assert!(weights.iter().all(|w| w.is_nan()), "{weights}");
}

/// A key with NaN is seen by every query; where the mask forbids it, its score is replaced.
#[test]
fn nan_in_a_forbidden_key_does_no_harm_but_in_a_forbidden_value_it_does() {
    let untouched = inputs(8, (4, 7), (5, 3));
    let mask = Mask::padding((0..7).map(|j| j != 6));
    let mut touched = untouched.clone();
    touched[1].row_mut(6).fill(f32::NAN);
    assert_eq!(attend(&touched, &mask), attend(&untouched, &mask));
    touched[2].row_mut(6).fill(f32::NAN);
    assert!(attend(&touched, &mask).out.iter().all(|x| x.is_nan())); // 0 · NaN
}

// Gradients

/// The loss whose gradient with respect to `out` is `d_out`, in f64.
fn loss(inputs: &[Array2<f32>; 3], mask: &Mask, d_out: ArrayView2<f32>) -> f64 {
    let [q, k, v] = inputs;
    let out = oracle::attention::<f64>(q.view(), k.view(), v.view(), mask).out;
    (out * oracle::to::<f64>(d_out)).sum()
}

/// The oracle's inputs are f32, so each step of 2⁻¹⁰ is exact on inputs that are multiples of it,
/// and the difference quotient is off by its own error alone: the square of the step times a third
/// derivative.
#[test]
fn the_oracles_gradients_agree_with_central_differences() {
    const STEP: f32 = 1.0 / 1024.0;
    let dense = Random::new(9).uniform((5, 6)).mapv(|draw| draw < 0.6);
    let padded =
        Mask::All(vec![Mask::Causal, Mask::padding([true, false, true, true, true, true])]);
    let cases = [
        ((3, 4), Mask::None),
        ((4, 6), Mask::Causal),
        ((6, 4), Mask::Causal),
        ((5, 6), Mask::Dense(dense)),
        ((5, 6), padded),
        ((4, 6), Mask::Prefix(3)),
    ];
    for (seed, (sizes, mask)) in cases.into_iter().enumerate() {
        let inputs =
            inputs(seed as u64, sizes, (3, 2)).map(|x| x.mapv(|x| (x / STEP).round() * STEP));
        let d_out = Random::new(99).normal((sizes.0, 2));
        let [q, k, v] = &inputs;
        let gradients =
            oracle::attention_backward::<f64>(q.view(), k.view(), v.view(), &mask, d_out.view());
        for (which, gradient) in [gradients.dq, gradients.dk, gradients.dv].iter().enumerate() {
            for (at, &exact) in gradient.indexed_iter() {
                let moved = |step: f32| {
                    let mut inputs = inputs.clone();
                    inputs[which][at] += step;
                    loss(&inputs, &mask, d_out.view())
                };
                let quotient = (moved(STEP) - moved(-STEP)) / (2.0 * f64::from(STEP));
                let name = ["dq", "dk", "dv"][which];
                assert!(
                    (quotient - exact).abs() < 3e-6,
                    "{mask}: {name}{at:?} is {exact}, the difference quotient {quotient}"
                );
            }
        }
    }
}

// Shapes

/// What a panic says.
fn panic_of<T>(call: impl FnOnce() -> T + UnwindSafe) -> String {
    match catch_unwind(call) {
        Ok(_) => panic!("it does not panic"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => payload.downcast::<&str>().expect("a message").to_string(),
        },
    }
}

#[test]
fn wrong_shapes_panic_with_both_sizes() {
    let attend = |q: (usize, usize), k: (usize, usize), v: (usize, usize), mask: Mask| {
        panic_of(move || {
            let [q, k, v] = [q, k, v].map(Array2::zeros);
            attention(q.view(), k.view(), v.view(), &mask)
        })
    };
    assert_eq!(attend((2, 4), (3, 5), (3, 1), Mask::None), "key width 5 ≠ query width 4");
    assert_eq!(attend((2, 4), (3, 4), (2, 1), Mask::None), "value count 2 ≠ key count 3");
    let five_keys = Mask::All(vec![Mask::Causal, Mask::padding([true; 5])]);
    assert_eq!(attend((2, 4), (3, 4), (3, 1), five_keys), "padding mask length 5 ≠ key count 3");
    let dense = |n, m| Mask::Dense(Array2::from_elem((n, m), true));
    assert_eq!(attend((2, 4), (3, 4), (3, 1), dense(3, 3)), "mask rows 3 ≠ query count 2");
    assert_eq!(attend((2, 4), (3, 4), (3, 1), dense(2, 2)), "mask columns 2 ≠ key count 3");
    assert_eq!(
        attend((2, 0), (3, 0), (3, 1), Mask::None),
        "query width is 0, so 1/√d means nothing"
    );
}

#[test]
fn gradients_of_the_wrong_shape_panic_with_both_sizes() {
    let backward = |d_out: (usize, usize)| {
        panic_of(move || {
            let [q, k, v, d_out] = [(2, 4), (3, 4), (3, 5), d_out].map(Array2::zeros);
            attention_backward(q.view(), k.view(), v.view(), &Mask::None, d_out.view())
        })
    };
    assert_eq!(backward((3, 5)), "gradient rows 3 ≠ query count 2");
    assert_eq!(backward((2, 4)), "gradient width 4 ≠ value width 5");
    let softmax = |d_weights: (usize, usize), d_lse: usize| {
        panic_of(move || {
            let (weights, d_weights) = (Array2::zeros((2, 3)), Array2::zeros(d_weights));
            softmax_backward(weights.view(), d_weights.view(), Array1::zeros(d_lse).view())
        })
    };
    assert_eq!(softmax((1, 3), 2), "gradient rows 1 ≠ weight rows 2");
    assert_eq!(softmax((2, 2), 2), "gradient columns 2 ≠ weight columns 3");
    assert_eq!(softmax((2, 3), 3), "log-sum-exp gradients 3 ≠ weight rows 2");
}

#[test]
fn kept_weights_of_the_wrong_shape_or_probability_panic() {
    let attend = |kept: (usize, usize), p: f32| {
        panic_of(move || {
            let [q, k, v] = [(2, 4), (3, 4), (3, 5)].map(Array2::zeros);
            let kept = Array2::from_elem(kept, true);
            attention_dropout(q.view(), k.view(), v.view(), &Mask::None, kept.view(), p)
        })
    };
    assert_eq!(attend((3, 3), 0.5), "rows of kept 3 ≠ query count 2");
    assert_eq!(attend((2, 2), 0.5), "columns of kept 2 ≠ key count 3");
    let one = "probability 1 is not in [0, 1): 1/(1 − p) has to be finite";
    assert_eq!(attend((2, 3), 1.0), one);
}

#[test]
fn a_probability_that_is_none_panics_with_its_value() {
    for (p, message) in [
        (1.5, "probability 1.5 is not in [0, 1]"),
        (-0.1, "probability -0.1 is not in [0, 1]"),
        (f32::NAN, "probability NaN is not in [0, 1]"),
    ] {
        assert_eq!(panic_of(move || dropout(array![[1.0]].view(), p, 1, 0)), message);
    }
}

// Dropout

/// The mean over many seeds comes back to the weights, within four standard errors.
#[test]
fn dropout_keeps_the_expectation() {
    const SEEDS: u64 = 4000;
    let weights = array![[0.5_f32, 0.3, 0.2], [0.1, 0.9, 0.0]];
    for p in [0.1_f32, 0.5, 0.9] {
        let mut sum = Array2::<f32>::zeros(weights.raw_dim());
        for seed in 0..SEEDS {
            sum += &dropout(weights.view(), p, seed, 0);
        }
        let mean = sum / SEEDS as f32;
        // A weight is w/(1 − p) with probability 1 − p: its standard deviation is w·√(p/(1 − p)).
        let standard_errors = (p / (1.0 - p) / SEEDS as f32).sqrt() * &weights;
        for ((at, mean), error) in mean.indexed_iter().zip(&standard_errors) {
            let w = weights[at];
            assert!((mean - w).abs() <= 4.0 * error + 1e-5, "p = {p}: {at:?} is {mean}, not {w}");
        }
    }
}

#[test]
fn dropout_keeps_all_at_zero_and_nothing_at_one() {
    let weights = softmax_rows(Random::new(1).normal((4, 5)).view());
    assert_eq!(dropout(weights.view(), 0.0, 1, 0), weights);
    assert_eq!(dropout(weights.view(), 1.0, 1, 0), Array2::<f32>::zeros((4, 5)));
}

/// However a table is cut into blocks of rows.
#[test]
fn dropout_in_blocks_of_rows_is_dropout_of_the_whole() {
    let weights = softmax_rows(Random::new(1).normal((7, 5)).view());
    let whole = dropout(weights.view(), 0.4, 3, 0);
    for rows in 1..=7 {
        for first in (0..7).step_by(rows) {
            let of_block = s![first..(first + rows).min(7), ..];
            let block = dropout(weights.slice(of_block), 0.4, 3, first);
            assert_eq!(block, whole.slice(of_block));
        }
    }
}

/// Queries, keys, values, a mask, which weights are kept, p, and the gradient of out.
type Dropped = ([Array2<f32>; 3], Mask, Array2<bool>, f32, Array2<f32>);

fn dropped_cases() -> Vec<Dropped> {
    let sizes =
        [((5, 7), Mask::None, 0.5), ((4, 6), Mask::Causal, 0.25), ((6, 4), Mask::Causal, 0.1)];
    let case = |(seed, (sizes, mask, p)): (usize, ((usize, usize), Mask, f32))| {
        let mut random = Random::new(100 + seed as u64);
        let kept = random.uniform(sizes).mapv(|draw| draw >= p);
        (inputs(seed as u64, sizes, (3, 2)), mask, kept, p, random.normal((sizes.0, 2)))
    };
    sizes.into_iter().enumerate().map(case).collect()
}

/// Dropped weights are draws like any: their mean over many tables is attention, and the log-sum-exp
/// is that of attention in each.
#[test]
fn the_mean_over_many_dropouts_is_attention() {
    const TABLES: usize = 4000;
    for (inputs, mask, _, p, _) in dropped_cases() {
        let [q, k, v] = &inputs;
        let plain = attend(&inputs, &mask);
        let mut random = Random::new(7);
        let mut sum = Array2::<f32>::zeros(plain.out.raw_dim());
        for _ in 0..TABLES {
            let kept = random.uniform((q.nrows(), k.nrows())).mapv(|draw| draw >= p);
            let one = attention_dropout(q.view(), k.view(), v.view(), &mask, kept.view(), p);
            assert_eq!(one.lse, plain.lse);
            sum += &one.out;
        }
        let mean = sum / TABLES as f32;
        assert!(furthest(mean.view(), plain.out.view()) < 0.1, "{mask}: {mean}, not {}", plain.out);
    }
}

/// The row's number: weights · d_weights, after the dropout on both ways, is d_out · out.
#[test]
fn the_rows_number_is_d_out_times_out_with_dropout_too() {
    for (inputs, mask, kept, p, d_out) in dropped_cases() {
        let [q, k, v] = &inputs;
        let out = attention_dropout(q.view(), k.view(), v.view(), &mask, kept.view(), p).out;
        let weights = softmax_rows(masked_scores(q.view(), k.view(), &mask).view());
        let factors = kept.mapv(|kept| if kept { 1.0 / (1.0 - p) } else { 0.0 });
        let from_weights = (weights * (d_out.dot(&v.t()) * factors)).sum_axis(Axis(1));
        let from_out = (d_out * out).sum_axis(Axis(1));
        for (a, b) in from_weights.iter().zip(&from_out) {
            assert!((a - b).abs() < 1e-5, "{mask}: {a}, not {b}");
        }
    }
}

/// As for attention above: steps of 2⁻¹⁰ are exact on multiples of it.
#[test]
fn the_oracles_gradients_through_dropout_agree_with_central_differences() {
    const STEP: f32 = 1.0 / 1024.0;
    for (inputs, mask, kept, p, d_out) in dropped_cases() {
        let inputs = inputs.map(|x| x.mapv(|x| (x / STEP).round() * STEP));
        let [q, k, v] = &inputs;
        let gradients = oracle::attention_dropout_backward::<f64>(
            q.view(),
            k.view(),
            v.view(),
            &mask,
            kept.view(),
            p,
            d_out.view(),
        );
        for (which, gradient) in [gradients.dq, gradients.dk, gradients.dv].iter().enumerate() {
            for (at, &exact) in gradient.indexed_iter() {
                let loss = |step: f32| {
                    let mut inputs = inputs.clone();
                    inputs[which][at] += step;
                    let [q, k, v] = &inputs;
                    let (q, k, v) = (q.view(), k.view(), v.view());
                    let out = oracle::attention_dropout::<f64>(q, k, v, &mask, kept.view(), p).out;
                    (out * oracle::to::<f64>(d_out.view())).sum()
                };
                let quotient = (loss(STEP) - loss(-STEP)) / (2.0 * f64::from(STEP));
                let name = ["dq", "dk", "dv"][which];
                assert!(
                    (quotient - exact).abs() < 1e-5,
                    "{mask}: {name}{at:?} is {exact}, not {quotient}"
                );
            }
        }
    }
}

/// The way back through weights and log-sum-exp, against differences of the scores.
#[test]
fn the_oracles_softmax_gradient_agrees_with_central_differences() {
    const STEP: f64 = 1e-4;
    let mut random = Random::new(5);
    let scores = random.normal((3, 5)).mapv(f64::from);
    let (d_weights, d_lse) =
        (random.normal((3, 5)).mapv(f64::from), random.normal(3).mapv(f64::from));
    let weights = scores.map_axis(Axis(1), |row| Array1::from(oracle::softmax(&row.to_vec()).1));
    let weights = Array2::from_shape_fn((3, 5), |(i, j)| weights[i][j]);
    let d_scores = oracle::softmax_backward(&weights, &d_weights, &d_lse);
    for ((i, j), exact) in d_scores.indexed_iter() {
        let loss = |step: f64| {
            let mut row = scores.row(i).to_vec();
            row[j] += step;
            let (lse, weights) = oracle::softmax(&row);
            d_lse[i] * lse + d_weights.row(i).dot(&Array1::from(weights))
        };
        let quotient = (loss(STEP) - loss(-STEP)) / (2.0 * STEP);
        assert!((quotient - exact).abs() < 1e-7, "[{i},{j}] is {exact}, not {quotient}");
    }
}
