//! What holds for every input, on seeded ones.

use attn_core::random::Random;
use attn_dates::{Model, Weights, vocabulary::encode_source};
use ch02_additive_attention::{
    Additive, Concat, Pointer, Products, additive_backward, additive_look, additive_scores,
    additive_translator, concat_scores, cosine_scores, dot_scores, finite_differences,
    general_scores, local_weights, location_weights, positions,
};
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use std::panic::{UnwindSafe, catch_unwind};

fn furthest(a: ArrayView2<f32>, b: ArrayView2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    (&a - &b).fold(0.0, |most, x| most.max(x.abs()))
}

fn additive(seed: u64, (d_q, d_k): (usize, usize), a: usize) -> Additive {
    let mut random = Random::new(seed);
    Additive { w_q: random.normal((d_q, a)), w_k: random.normal((d_k, a)), v: random.normal(a) }
}

fn pointer(seed: u64, d: usize, a: usize) -> Pointer {
    let mut random = Random::new(seed);
    Pointer { w_p: random.normal((d, a)), v_p: random.normal(a) }
}

/// Every pair is scored by itself: other queries and keys do not matter.
#[test]
fn a_score_belongs_to_its_pair() {
    let mut random = Random::new(1);
    let (q, k) = (random.normal((7, 4)), random.normal((9, 3)));
    let additive = additive(2, (4, 3), 5);
    let whole = additive_scores(&additive, q.view(), k.view());
    for (i, j) in [(0, 0), (3, 8), (6, 2)] {
        let (one, other) = (q.slice(s![i..i + 1, ..]), k.slice(s![j..j + 1, ..]));
        let alone = additive_scores(&additive, one, other);
        assert!((alone[[0, 0]] - whole[[i, j]]).abs() < 1e-5);
    }
}

/// Query and key change places together with their weights: the transpose.
#[test]
fn additive_scores_are_even_handed() {
    let mut random = Random::new(3);
    let (q, k) = (random.normal((7, 4)), random.normal((9, 3)));
    let additive = additive(4, (4, 3), 5);
    let turned =
        Additive { w_q: additive.w_k.clone(), w_k: additive.w_q.clone(), v: additive.v.clone() };
    let scores = additive_scores(&additive, q.view(), k.view());
    let other = additive_scores(&turned, k.view(), q.view());
    assert!(furthest(scores.view(), other.t()) < 1e-5);
}

#[test]
fn no_additive_score_exceeds_the_norm_of_v() {
    let additive = additive(5, (4, 4), 8);
    let bound = additive.v.mapv(f32::abs).sum();
    let mut random = Random::new(6);
    for factor in [1.0, 1e3, 1e6] {
        let (q, k) = (random.normal((20, 4)) * factor, random.normal((20, 4)) * factor);
        let scores = additive_scores(&additive, q.view(), k.view());
        assert!(scores.iter().all(|s| s.abs() <= bound * 1.0001));
    }
}

/// The same scores from either side, up to rounding, and never dearer than either.
#[test]
fn general_scores_take_the_cheaper_side() {
    let mut random = Random::new(70);
    for (n, m, d_q, d_k) in [(1, 9, 4, 4), (9, 1, 4, 4), (5, 6, 2, 64), (6, 5, 64, 2), (3, 3, 3, 3)]
    {
        let w = random.normal((d_q, d_k));
        let (q, k) = (random.normal((n, d_q)), random.normal((m, d_k)));
        let mut products = Products::default();
        let scores = general_scores(w.view(), q.view(), k.view(), &mut products);
        let (mut from_queries, mut from_keys) = (Products::default(), Products::default());
        let moved = from_queries.multiply(q.view(), w.view());
        let one = from_queries.multiply(moved.view(), k.t());
        let moved = from_keys.multiply(w.view(), k.t());
        let other = from_keys.multiply(q.view(), moved.view());
        assert!(furthest(scores.view(), one.view()) < 1e-3);
        assert!(furthest(scores.view(), other.view()) < 1e-3);
        assert_eq!(products.flop(), from_queries.flop().min(from_keys.flop()));
    }
}

/// However long the rows are: between −β and β, and the same for a row as for its multiples.
#[test]
fn cosine_scores_see_directions_alone() {
    let mut random = Random::new(71);
    let (q, k) = (random.normal((5, 6)), random.normal((9, 6)));
    let scores = cosine_scores(3.0, q.view(), k.view());
    assert!(scores.iter().all(|s| s.abs() <= 3.0 * 1.0001));
    for factor in [1e-12, 0.1, 1e12] {
        let other = cosine_scores(3.0, (&q * factor).view(), (&k * factor).view());
        assert!(furthest(scores.view(), other.view()) < 1e-5, "{factor}");
    }
    let itself = cosine_scores(3.0, q.view(), q.view());
    assert!(itself.diag().iter().all(|s| (s - 3.0).abs() < 1e-5));
    assert_eq!(
        cosine_scores(3.0, Array2::zeros((1, 6)).view(), k.view()),
        Array2::<f32>::zeros((1, 9))
    );
}

#[test]
fn general_scores_are_linear_in_each_side() {
    let mut random = Random::new(7);
    let (w, k) = (random.normal((4, 3)), random.normal((9, 3)));
    let (a, b) = (random.normal((5, 4)), random.normal((5, 4)));
    let score =
        |q: &Array2<f32>| general_scores(w.view(), q.view(), k.view(), &mut Products::default());
    let sum = score(&(&a + &b));
    assert!(furthest(sum.view(), (score(&a) + score(&b)).view()) < 1e-4);
}

/// Location weights are the same for any keys: they do not see them. And a longer text shares the
/// same scores among more positions.
#[test]
fn location_weights_keep_their_ratios_as_the_text_grows() {
    let mut random = Random::new(8);
    let (w, q) = (random.normal((4, 12)), random.normal((5, 4)));
    let short = location_weights(w.view(), q.view(), 5);
    let long = location_weights(w.view(), q.view(), 12);
    for i in 0..5 {
        let factor = long[[i, 0]] / short[[i, 0]];
        for j in 0..5 {
            assert!((long[[i, j]] - factor * short[[i, j]]).abs() < 1e-6);
        }
        assert!(factor < 1.0);
    }
}

#[test]
fn local_weights_are_zero_outside_the_window_and_less_than_the_softmax_inside() {
    let pointer = pointer(9, 3, 4);
    let mut random = Random::new(10);
    let (q, scores) = (random.normal((33, 3)), random.normal((33, 40)));
    let p = positions(&pointer, q.view(), 40);
    assert!(p.iter().all(|&p| (0.0..=40.0).contains(&p)));
    let weights = local_weights(&pointer, q.view(), scores.view(), 3);
    for ((i, j), &weight) in weights.indexed_iter() {
        let off = (j as f32 - p[i]).abs();
        assert_eq!(weight > 0.0, off <= 3.0, "p = {}, j = {j}: {weight}", p[i]);
        // At the window's edge the Gaussian is e⁻².
        assert!(weight <= (-2.0 * off * off / 9.0).exp() + 1e-6);
    }
}

/// A shift of all scores of a query changes nothing, and neither do scores outside of the window.
#[test]
fn local_weights_see_differences_inside_the_window_alone() {
    let pointer = pointer(11, 3, 4);
    let mut random = Random::new(12);
    let (q, scores) = (random.normal((5, 3)), random.normal((5, 30)));
    let p = positions(&pointer, q.view(), 30);
    let mut other = &scores + 5.0;
    for ((i, j), score) in other.indexed_iter_mut() {
        if (j as f32 - p[i]).abs() > 4.0 {
            *score = 100.0;
        }
    }
    let [a, b] = [&scores, &other].map(|s| local_weights(&pointer, q.view(), s.view(), 4));
    assert!(furthest(a.view(), b.view()) < 1e-6);
}

#[test]
fn differences_of_a_linear_function_are_its_weights() {
    let weights = Random::new(13).normal((3, 4)).mapv(f64::from);
    let f = |x: ArrayView2<f64>| (&weights * &x).sum();
    let x = Random::new(14).normal((3, 4)).mapv(f64::from);
    for h in [1.0, 1e-3] {
        let gradient = finite_differences(&f, x.view(), h);
        assert!((&gradient - &weights).iter().all(|e| e.abs() < 1e-10));
    }
}

/// Two evaluations an entry, and the point is left as it was.
#[test]
fn differences_cost_two_evaluations_an_entry() {
    let count = std::cell::Cell::new(0);
    let f = |x: ArrayView2<f64>| {
        count.set(count.get() + 1);
        x.sum()
    };
    finite_differences(&f, Array2::zeros((3, 5)).view(), 0.1);
    assert_eq!(count.get(), 30);
}

#[test]
fn nothing_to_score_is_no_trouble() {
    let additive = additive(1, (3, 2), 4);
    let none =
        additive_scores(&additive, Array2::zeros((0, 3)).view(), Array2::zeros((5, 2)).view());
    assert_eq!(none.dim(), (0, 5));
    let none =
        additive_scores(&additive, Array2::zeros((5, 3)).view(), Array2::zeros((0, 2)).view());
    assert_eq!(none.dim(), (5, 0));
}

#[track_caller]
fn refusal<T>(act: impl FnOnce() -> T + UnwindSafe) -> String {
    let panic = catch_unwind(act).err().expect("it should be refused");
    match panic.downcast_ref::<String>() {
        Some(message) => message.clone(),
        None => panic.downcast_ref::<&str>().expect("a message").to_string(),
    }
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let matrix = |n: usize, d: usize| Array2::<f32>::zeros((n, d));
    assert_eq!(
        refusal(move || additive_scores(
            &additive(1, (3, 2), 4),
            matrix(5, 2).view(),
            matrix(6, 2).view()
        )),
        "query width 2 ≠ rows of w_q 3"
    );
    assert_eq!(
        refusal(move || additive_scores(
            &additive(1, (3, 2), 4),
            matrix(5, 3).view(),
            matrix(6, 3).view()
        )),
        "key width 3 ≠ rows of w_k 2"
    );
    let odd = || Additive { v: Array1::zeros(5), ..additive(1, (3, 2), 4) };
    assert_eq!(
        refusal(move || additive_scores(&odd(), matrix(5, 3).view(), matrix(6, 2).view())),
        "columns of w_q 4 ≠ length of v 5"
    );
    assert_eq!(
        refusal(move || dot_scores(matrix(5, 3).view(), matrix(6, 2).view())),
        "key width 2 ≠ query width 3"
    );
    assert_eq!(
        refusal(move || general_scores(
            matrix(3, 2).view(),
            matrix(5, 3).view(),
            matrix(6, 4).view(),
            &mut Products::default()
        )),
        "key width 4 ≠ columns of w 2"
    );
    assert_eq!(
        refusal(move || cosine_scores(1.0, matrix(5, 3).view(), matrix(6, 2).view())),
        "key width 2 ≠ query width 3"
    );
    assert_eq!(
        refusal(move || additive_backward(
            &additive(1, (3, 2), 4),
            matrix(5, 3).view(),
            matrix(6, 2).view(),
            matrix(5, 5).view()
        )),
        "gradient columns 5 ≠ key count 6"
    );
    let concat = || Concat { w: Array2::zeros((5, 4)), v: Array1::zeros(4) };
    assert_eq!(
        refusal(move || concat_scores(&concat(), matrix(5, 3).view(), matrix(6, 3).view())),
        "query and key width 6 ≠ rows of w 5"
    );
    assert_eq!(
        refusal(move || location_weights(matrix(3, 8).view(), matrix(5, 3).view(), 9)),
        "9 keys, but the weights know 8 positions"
    );
    assert_eq!(
        refusal(move || location_weights(matrix(3, 8).view(), matrix(5, 3).view(), 0)),
        "no keys to attend to"
    );
    assert_eq!(
        refusal(move || local_weights(
            &pointer(1, 3, 4),
            matrix(5, 3).view(),
            matrix(4, 9).view(),
            2
        )),
        "rows of scores 4 ≠ query count 5"
    );
    assert_eq!(
        refusal(move || local_weights(
            &pointer(1, 3, 4),
            matrix(5, 3).view(),
            matrix(5, 9).view(),
            0
        )),
        "a window of half-width 0 has no spread: σ = D/2 is 0"
    );
    assert_eq!(
        refusal(move || local_weights(
            &pointer(1, 3, 4),
            matrix(5, 3).view(),
            matrix(5, 0).view(),
            2
        )),
        "no keys to point at"
    );
}

/// Chapter 1's look back with another score: permuting the states leaves the context.
#[test]
fn an_additive_look_back_is_a_mean_of_the_states() {
    let mut random = Random::new(15);
    let (state, states) = (random.normal(4), random.normal((9, 4)));
    let additive = additive(16, (4, 4), 5);
    let one = additive_look(&additive, state.view(), states.view());
    assert!((one.weights.sum() - 1.0).abs() < 1e-6);
    let order = [3, 1, 4, 0, 5, 8, 2, 6, 7];
    let other = additive_look(&additive, state.view(), states.select(Axis(0), &order).view());
    assert!((&one.context - &other.context).iter().all(|x| x.abs() < 1e-5));
    // With v = 0 all scores are equal: the mean.
    let none = Additive { v: Array1::zeros(5), ..additive };
    let mean = additive_look(&none, state.view(), states.view()).context;
    assert!((&mean - &states.mean_axis(Axis(0)).expect("rows")).iter().all(|x| x.abs() < 1e-6));
}

/// The trained model's forward pass, on untrained weights: step by step as under teacher forcing.
#[test]
fn the_additive_model_writes_step_by_step_what_it_writes_at_once() {
    let translator = additive_translator(&Weights::random(Model::Additive, 3));
    let source = encode_source("3 May 1979").expect("a text");
    let states = translator.read(&source);
    let mut writer = translator.writer(&states);
    let (forced, looked) = translator.forced(&source, &[4, 5, 6]);
    for (t, token) in [0, 4, 5, 6].into_iter().enumerate() {
        assert_eq!(writer.step(token), forced.row(t));
    }
    assert_eq!(writer.looked(), looked);
    let sums = looked.sum_axis(Axis(1));
    assert!((&sums - &array![1.0, 1.0, 1.0, 1.0]).iter().all(|x| x.abs() < 1e-5));
}
