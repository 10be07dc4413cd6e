//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::random::Random;
use attn_dates::{Model, Weights, results::HeldOut};
use ch01_rnn_attention::figures::trained::shares;
use ch01_rnn_attention::softmax;
use ch02_additive_attention::{
    Additive, AdditiveGradients, Concat, Pointer, Products, additive_backward, additive_scores,
    concat_scores, cosine_scores,
    cost::Sizes,
    dot_scores,
    figures::saturation::{WIDTHS, measure},
    finite_differences, general_scores, local_weights, location_weights, positions,
};
use ndarray::{Array1, Array2, ArrayView, ArrayView2, Dimension, array};

/// Refuses an array that is not the printed one.
#[track_caller]
fn near<D: Dimension>(got: ArrayView<f32, D>, printed: ndarray::Array<f32, D>) {
    assert_eq!(got.shape(), printed.shape());
    let far = got.iter().zip(&printed).any(|(a, b)| (a - b).abs() > 1e-4);
    assert!(!far, "{got} is printed as {printed}");
}

fn ln(x: f32) -> f32 {
    x.ln()
}

fn general(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    general_scores(w, q, k, &mut Products::default())
}

#[test]
fn scores_worked_by_hand() {
    let additive = Additive {
        w_q: array![[ln(2.0), ln(3.0)]],
        w_k: array![[0.0, -ln(3.0)]],
        v: array![1.0, 0.5],
    };
    let (q, k) = (array![[1.0]], array![[0.0], [1.0]]);
    let scores = additive_scores(&additive, q.view(), k.view());
    near(scores.view(), array![[1.0, 0.6]]);
    // v before the tanh: tanh(ln 2 + ½ ln 3) = tanh(ln 2√3) = 11/13.
    let sum = q.dot(&additive.w_q).row(0).to_owned();
    assert!((sum.dot(&additive.v).tanh() - 11.0 / 13.0).abs() < 1e-6);
    assert!((11.0_f32 / 13.0 - 0.8462).abs() < 1e-4);

    let concat = Concat { w: array![[ln(2.0), ln(3.0)], [0.0, -ln(3.0)]], v: array![1.0, 0.5] };
    near(concat_scores(&concat, q.view(), k.view()).view(), array![[1.0, 0.6]]);

    let w = array![[0.0, 3.0], [0.0, 1.0]];
    let (q, k) = (array![[1.0, 2.0]], array![[1.0, 1.0]]);
    near(general(w.view(), q.view(), k.view()).view(), array![[5.0]]);
    near(general(w.t(), q.view(), k.view()).view(), array![[8.0]]);
    near(dot_scores(q.view(), k.view()).view(), array![[3.0]]);
}

/// One query, a thousand keys, all 128 wide: from the queries' side and from the keys'.
#[test]
fn what_the_two_orders_of_a_general_score_cost() {
    let mut random = Random::new(5);
    let (w, q, k) =
        (random.normal((128, 128)), random.normal((1, 128)), random.normal((1000, 128)));
    let mut products = Products::default();
    general_scores(w.view(), q.view(), k.view(), &mut products);
    assert_eq!(products.flop(), 288_768);
    let mut products = Products::default();
    let moved = products.multiply(w.view(), k.t());
    products.multiply(q.view(), moved.view());
    assert_eq!(products.flop(), 33_024_000);
    assert_eq!(33_024_000 / 288_768, 114);
}

#[test]
fn cosines_worked_by_hand() {
    let (q, k) = (array![[3.0, 4.0]], array![[4.0, 3.0], [0.0, 0.0], [-6.0, -8.0]]);
    near(cosine_scores(5.0, q.view(), k.view()).view(), array![[4.8, 0.0, -5.0]]);
    // With β = 1 no weight is more than e² times another.
    assert!((1.0_f32.exp() / (-1.0_f32).exp() - 7.389).abs() < 1e-3);
}

#[test]
fn a_gradient_worked_by_hand() {
    let additive = Additive {
        w_q: array![[ln(2.0), ln(3.0)]],
        w_k: array![[0.0, -ln(3.0)]],
        v: array![1.0, 0.5],
    };
    let (q, k) = (array![[1.0]], array![[0.0], [1.0]]);
    let d_scores = array![[2.0, -1.0]];
    let AdditiveGradients { dw_q, dw_k, dv } =
        additive_backward(&additive, q.view(), k.view(), d_scores.view());
    near(dv.view(), array![0.6, 1.6]);
    near(dw_q.view(), array![[0.64, -0.14]]);
    near(dw_k.view(), array![[-0.64, -0.5]]);
}

#[test]
fn weights_worked_by_hand() {
    let w = array![[0.0, ln(3.0), 7.0]];
    let weights = location_weights(w.view(), array![[1.0]].view(), 2);
    near(weights.view(), array![[0.25, 0.75]]);
    // Cut after the softmax over all three: next to nothing is left for the two that exist.
    let all = softmax(w.row(0));
    assert!(all[0] + all[1] < 0.004);

    let pointer = Pointer { w_p: array![[1.0, -2.0]], v_p: array![3.0, 1.0] };
    let q = array![[0.0]];
    assert_eq!(positions(&pointer, q.view(), 8), array![4.0]);
    let weights = local_weights(&pointer, q.view(), Array2::zeros((1, 8)).view(), 2);
    near(weights.view(), array![[0.0, 0.0, 0.0271, 0.1213, 0.2, 0.1213, 0.0271, 0.0]]);
    assert!((weights.sum() - 0.4967).abs() < 1e-4);
}

#[test]
fn differences_worked_by_hand() {
    let cube = |x: ArrayView2<f64>| x[[0, 0]].powi(3);
    let slope = |h| finite_differences(&cube, array![[2.0]].view(), h)[[0, 0]];
    assert_eq!(slope(0.5), 12.25); // 3·2² + h²
    assert!((slope(0.05) - 12.0025).abs() < 1e-9);
    assert_eq!((2.5_f64.powi(3) - 8.0) / 0.5, 15.25); // forward only
}

/// A concat score is an additive one with the two halves of its matrix; general with the identity
/// is the dot product.
#[test]
fn the_family_is_a_family() {
    let mut random = Random::new(1);
    let (q, k) = (random.normal((7, 5)), random.normal((9, 5)));
    let concat = Concat { w: random.normal((10, 6)), v: random.normal(6) };
    let additive = ch02_additive_attention::scores::split(&concat, 5);
    near(
        concat_scores(&concat, q.view(), k.view()).view(),
        additive_scores(&additive, q.view(), k.view()),
    );
    near(general(Array2::eye(5).view(), q.view(), k.view()).view(), dot_scores(q.view(), k.view()));
    // A general score whose matrix is a product, W = A Bᵀ, is a dot product of projections.
    let (a, b) = (random.normal((5, 3)), random.normal((5, 3)));
    near(
        general(a.dot(&b.t()).view(), q.view(), k.view()).view(),
        dot_scores(q.dot(&a).view(), k.dot(&b).view()),
    );
}

/// Without the tanh an additive score is a number from the query plus a number from the key. The
/// first shifts all scores of a query alike, and the softmax does not see it: every query looks at
/// the same keys.
#[test]
fn without_the_tanh_a_query_cannot_choose() {
    let mut random = Random::new(2);
    let additive =
        Additive { w_q: random.normal((5, 6)), w_k: random.normal((5, 6)), v: random.normal(6) };
    let (q, k) = (random.normal((4, 5)), random.normal((8, 5)));
    let linear = |i: usize| {
        let sums = k.dot(&additive.w_k) + q.dot(&additive.w_q).row(i);
        softmax(sums.dot(&additive.v).view())
    };
    for i in 1..4 {
        near(linear(i).view(), linear(0));
    }
    let bent = additive_scores(&additive, q.view(), k.view());
    assert!((&softmax(bent.row(0)) - &softmax(bent.row(1))).iter().any(|x| x.abs() > 0.05));
}

/// The figure: additive scores stay below ‖v‖₁, dot products have the size √d.
#[test]
fn additive_scores_saturate_and_dot_products_grow() {
    for d in WIDTHS {
        let at = measure(d);
        println!("{at:?}");
        let ratio = at.dot.typical / (d as f64).sqrt();
        assert!((0.9..1.1).contains(&ratio), "d = {d}: {ratio} √d");
        assert!(at.additive.largest <= at.bound);
    }
    let (narrow, wide) = (measure(4), measure(1024));
    assert!(wide.additive.typical < 1.5 * narrow.additive.typical);
    assert!(wide.dot.typical > 14.0 * narrow.dot.typical);
    // Nearly all tanh are ±1 at d = 1024, so that the typical score is near ‖v‖₂.
    let v = Random::new(2).normal(64) / 8.0;
    let norm = f64::from(v.dot(&v).sqrt());
    assert!((wide.additive.typical / norm - 1.0).abs() < 0.25, "{norm}");
}

/// The bound is reached: a query far out along the signs of v.
#[test]
fn the_bound_is_reached() {
    let additive = Additive {
        w_q: array![[1.0, -1.0, 1.0]],
        w_k: Array2::zeros((1, 3)),
        v: array![0.5, -2.0, 0.25],
    };
    let score =
        |x: f32| additive_scores(&additive, array![[x]].view(), array![[0.0]].view())[[0, 0]];
    assert_eq!(score(1e4), 2.75);
    assert_eq!(score(-1e4), -2.75);
}

fn additive_mean(x: ArrayView2<f64>) -> f64 {
    // One query, three keys with one hidden number, values 1, 2, 4.
    let scores = array![-1.0, 0.5, 2.0].mapv(|k: f64| (x[[0, 0]] + k).tanh());
    let exp = scores.mapv(f64::exp);
    exp.dot(&array![1.0, 2.0, 4.0]) / exp.sum()
}

/// The error of a central difference falls with h², until the rounding of f, divided by h, takes
/// over; that of a forward difference falls with h.
#[test]
fn how_far_to_trust_a_difference() {
    // The exact derivative of the above at 0.3.
    let exact = {
        let keys = array![-1.0, 0.5, 2.0_f64];
        let tanh = keys.mapv(|k| (0.3 + k).tanh());
        let exp = tanh.mapv(f64::exp);
        let weights = &exp / exp.sum();
        let mean = weights.dot(&array![1.0, 2.0, 4.0]);
        let slopes = tanh.mapv(|t| 1.0 - t * t);
        let each = array![1.0, 2.0, 4.0] - mean;
        (&weights * &slopes * each).sum()
    };
    let x = array![[0.3]];
    let central = |h: f64| (finite_differences(&additive_mean, x.view(), h)[[0, 0]] - exact).abs();
    let forward = |h: f64| {
        let f = |x: f64| additive_mean(array![[x]].view());
        ((f(0.3 + h) - f(0.3)) / h - exact).abs()
    };
    for (h, name) in
        [(1e-1, "1e-1"), (1e-3, "1e-3"), (1e-5, "1e-5"), (1e-8, "1e-8"), (1e-11, "1e-11")]
    {
        println!("h = {name}: central {:.1e}, forward {:.1e}", central(h), forward(h));
    }
    let falls = |error: &dyn Fn(f64) -> f64| error(1e-2) / error(1e-3);
    assert!((90.0..110.0).contains(&falls(&central)));
    assert!((9.0..11.0).contains(&falls(&forward)));
    assert!(central(1e-5) < 1e-9);
    assert!(central(1e-11) > 1e-8 && central(1e-11) > 100.0 * central(1e-5));
}

/// A score of one pair, its operations counted as they are done.
fn counted_additive(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> (Array2<f32>, u64) {
    let mut flop = 0;
    let mut project = |x: ArrayView2<f32>, w: &Array2<f32>| {
        let mut out = Array2::zeros((x.nrows(), w.ncols()));
        for ((i, c), out) in out.indexed_iter_mut() {
            for r in 0..x.ncols() {
                *out += x[[i, r]] * w[[r, c]];
                flop += 2;
            }
        }
        out
    };
    let (from_q, from_k): (Array2<f32>, Array2<f32>) =
        (project(q, &additive.w_q), project(k, &additive.w_k));
    let mut scores = Array2::zeros((q.nrows(), k.nrows()));
    for ((i, j), score) in scores.indexed_iter_mut() {
        for c in 0..additive.v.len() {
            let hidden = (from_q[[i, c]] + from_k[[j, c]]).tanh();
            *score += additive.v[c] * hidden;
            flop += 4; // an addition, a tanh, and a multiplication with its addition
        }
    }
    (scores, flop)
}

#[test]
fn the_closed_forms_count_what_is_done() {
    let mut random = Random::new(3);
    for (n, m, d, a) in [(1, 1, 1, 1), (3, 5, 4, 2), (31, 33, 16, 8)] {
        let additive = Additive {
            w_q: random.normal((d, a)),
            w_k: random.normal((d, a)),
            v: random.normal(a),
        };
        let (q, k) = (random.normal((n, d)), random.normal((m, d)));
        let (scores, flop) = counted_additive(&additive, q.view(), k.view());
        near(scores.view(), additive_scores(&additive, q.view(), k.view()));
        let [n, m, d, a] = [n, m, d, a].map(|x| x as u64);
        assert_eq!(flop, Sizes { n, m, d, a }.additive_flop());
    }
}

/// At equal widths and many keys: twice the FLOPs of the dot product, a tanh counted as one.
#[test]
fn additive_costs_twice_the_dot_product_in_flop_and_d_times_its_memory() {
    let sizes = Sizes { n: 2048, m: 2048, d: 64, a: 64 };
    let ratio = sizes.additive_flop() as f64 / sizes.dot_flop() as f64;
    assert!((2.0..2.1).contains(&ratio), "{ratio}");
    assert_eq!(sizes.additive_hidden_bytes(), 64 * sizes.score_bytes());
    assert_eq!(sizes.additive_hidden_bytes(), 1 << 30); // 1 GiB
    assert_eq!(sizes.additive_tanh(), 1 << 28);
}

/// The step of the trained models that looks back over 22 positions.
#[test]
fn one_look_back_of_the_trained_models() {
    let sizes = Sizes { n: 1, m: 22, d: 128, a: 32 };
    assert_eq!(sizes.dot_flop(), 5_632);
    assert_eq!(sizes.additive_flop(), 191_232);
}

/// They are not normalised again.
#[test]
fn a_row_of_local_weights_sums_to_less_than_one() {
    let mut random = Random::new(4);
    let pointer = Pointer { w_p: random.normal((3, 4)), v_p: random.normal(4) };
    let (q, scores) = (random.normal((50, 3)), random.normal((50, 20)));
    let weights = local_weights(&pointer, q.view(), scores.view(), 4);
    let sums: Array1<f32> = weights.rows().into_iter().map(|row| row.sum()).collect();
    println!(
        "sums from {} to {}",
        sums.fold(1.0_f32, |a, &b| a.min(b)),
        sums.fold(0.0_f32, |a, &b| a.max(b))
    );
    assert!(sums.iter().all(|&sum| 0.1 < sum && sum < 1.0));
}

/// What the page says of the two trained models.
#[test]
fn the_additive_model_is_right_more_often_than_the_dot_one() {
    let [dot, additive] = [Model::Dot, Model::Additive].map(|model| shares(model, HeldOut::Days));
    println!("dot {dot:?}\nadditive {additive:?}");
    assert!(additive[0].1 > 0.98 && additive[7].1 > 0.9);
    for ((dates, dot), (_, additive)) in dot.iter().zip(&additive).skip(1) {
        assert!(additive > dot, "{dates} dates: {additive}, {dot}");
    }
    let steps = |model| Weights::trained(model).about("steps").to_string();
    assert_eq!(steps(Model::Additive), steps(Model::Dot));
    let numbers = |model: Model| -> usize {
        let shapes = model.tensors();
        shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    assert_eq!(numbers(Model::Dot), 179_022);
    assert_eq!(numbers(Model::Additive), 179_022 + 8_224);
}
