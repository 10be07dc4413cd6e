//! Every rung, on every instruction set of this processor, on one table of cases: against the f64
//! oracle by the judges' rule.

use attn_core::{Mask, random::Random};
use attn_exercise::judge::{Expected, close};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{attention, attention_backward};
use ch08_flash_cpu::{
    HeadsOutput, Traffic, flash_backward,
    ladder::{
        BLOCK, Forward, HeadsGradients, Instructions, RUNGS, backward, backward_with,
        keys_in_lanes_with, naive, queries_in_lanes, queries_in_lanes_with,
    },
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use rayon::ThreadPoolBuilder;

/// (h, h_kv), (n, m), (d, d_v), causal.
type Case = ((usize, usize), (usize, usize), (usize, usize), bool);

/// Sizes around everything that has a border: a register, a panel, a tile, a part.
const CASES: &[Case] = &[
    ((1, 1), (1, 1), (1, 1), false),
    ((1, 1), (1, 1), (1, 1), true),
    ((2, 2), (5, 7), (4, 3), false),
    ((2, 1), (3, 6), (4, 4), true),
    ((2, 1), (6, 3), (8, 2), true),
    ((1, 1), (31, 33), (7, 9), true),
    ((4, 2), (32, 31), (16, 8), false),
    ((1, 1), (33, 32), (31, 33), true),
    ((1, 1), (47, 65), (64, 64), true),
    ((1, 1), (48, 64), (64, 64), false),
    ((2, 1), (49, 63), (64, 32), true),
    ((1, 1), (127, 129), (64, 64), true),
    ((1, 1), (129, 127), (64, 64), true),
    ((1, 1), (193, 200), (24, 40), true),
    ((1, 1), (385, 70), (12, 6), true),
    ((2, 1), (1537, 40), (12, 6), true),
    ((1, 1), (800, 810), (8, 5), true),
    ((2, 2), (200, 193), (128, 128), true),
    ((3, 1), (1, 1030), (64, 64), true),
    ((8, 2), (2, 300), (64, 48), true),
    ((1, 1), (4, 3), (5, 1), true),
    ((1, 1), (1, 5000), (33, 17), false),
    ((2, 1), (0, 5), (4, 4), true),
    ((2, 1), (9, 0), (4, 4), false),
    ((2, 1), (3, 0), (4, 4), true),
    ((0, 0), (3, 4), (4, 4), true),
    ((2, 2), (7, 5), (4, 0), true),
    ((2, 2), (1, 5), (4, 0), false),
];

struct Inputs {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
    causal: bool,
}

impl Inputs {
    fn new(((h, h_kv), (n, m), (d, d_v), causal): Case, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Inputs {
            q: random.normal((h, n, d)),
            k: random.normal((h_kv, m, d)),
            v: random.normal((h_kv, m, d_v)),
            causal,
        }
    }

    fn run(&self, forward: impl Fn(V, V, V, bool) -> HeadsOutput) -> HeadsOutput {
        forward(self.q.view(), self.k.view(), self.v.view(), self.causal)
    }

    fn mask(&self) -> Mask {
        if self.causal { Mask::Causal } else { Mask::None }
    }
}

/// A rung, or one of them on a certain instruction set.
type Run = Box<dyn Fn(V, V, V, bool) -> HeadsOutput + Sync>;

type V<'a> = ArrayView3<'a, f32>;

/// The rungs, and the last ones on each instruction set.
fn all() -> Vec<(String, Run)> {
    let mut all: Vec<(String, Run)> = Vec::new();
    for rung in RUNGS {
        let forward: Forward = rung.forward;
        all.push((rung.name.into(), Box::new(forward)));
    }
    for set in Instructions::available() {
        all.push((
            format!("queries in lanes, {}", set.name()),
            Box::new(move |q, k, v, causal| queries_in_lanes_with(set, q, k, v, causal)),
        ));
        all.push((
            format!("keys in lanes, {}", set.name()),
            Box::new(move |q, k, v, causal| keys_in_lanes_with(set, q, k, v, causal)),
        ));
    }
    all
}

/// What is right for some inputs: computed once, since the oracle takes longer than all rungs.
struct Right {
    shape: (usize, usize, usize),
    heads: Vec<(Expected, Expected)>,
}

impl Right {
    fn of(inputs: &Inputs) -> Self {
        let (h, h_kv) = (inputs.q.len_of(Axis(0)), inputs.k.len_of(Axis(0)));
        let head = |head: usize| {
            let group = head / (h / h_kv);
            let q = inputs.q.index_axis(Axis(0), head);
            let k = inputs.k.index_axis(Axis(0), group);
            let v = inputs.v.index_axis(Axis(0), group);
            let exact = oracle::attention::<f64>(q, k, v, &inputs.mask());
            let product = attention(q, k, v, &inputs.mask());
            let loops = oracle::attention::<f32>(q, k, v, &inputs.mask());
            (
                Expected::new(exact.out, &[&product.out, &loops.out]),
                Expected::new(exact.lse, &[&product.lse, &loops.lse]),
            )
        };
        Right {
            shape: (h, inputs.q.len_of(Axis(1)), inputs.v.len_of(Axis(2))),
            heads: (0..h).map(head).collect(),
        }
    }

    fn check(&self, what: &str, output: &HeadsOutput) {
        assert_eq!(output.out.dim(), self.shape, "{what}");
        for (head, (out, lse)) in self.heads.iter().enumerate() {
            let got = output.out.index_axis(Axis(0), head).to_owned();
            close("out", &got, out).unwrap_or_else(|wrong| panic!("{what}, head {head}: {wrong}"));
            let got = output.lse.row(head).to_owned();
            close("lse", &got, lse).unwrap_or_else(|wrong| panic!("{what}, head {head}: {wrong}"));
        }
    }
}

#[test]
fn every_rung_is_right_on_every_case() {
    for (i, case) in CASES.iter().enumerate() {
        for seed in [1, 2] {
            let inputs = Inputs::new(*case, seed * 100 + i as u64);
            let right = Right::of(&inputs);
            for (name, forward) in all() {
                right.check(&format!("{name}, {case:?}"), &inputs.run(forward));
            }
        }
    }
}

#[test]
fn large_scores_neither_overflow_nor_vanish() {
    for case in [((1, 1), (70, 90), (16, 8), true), ((1, 1), (2, 90), (16, 8), false)] {
        let mut inputs = Inputs::new(case, 5);
        inputs.q *= 100.0;
        inputs.k *= 100.0;
        inputs.k.mapv_inplace(f32::abs);
        // Query 0 fits no key: all its scores are far below zero.
        inputs.q.slice_mut(s![.., 0, ..]).mapv_inplace(|x| -x.abs());
        let right = Right::of(&inputs);
        for (name, forward) in all() {
            right.check(&name, &inputs.run(forward));
        }
    }
}

#[test]
fn rows_that_do_not_lie_one_after_the_other_are_as_good() {
    let inputs = Inputs::new(((2, 2), (40, 50), (12, 10), true), 7);
    let right = Right::of(&inputs);
    for (name, forward) in all() {
        let turned =
            |x: &Array3<f32>| x.clone().permuted_axes([2, 1, 0]).as_standard_layout().into_owned();
        let (q, k, v) = (turned(&inputs.q), turned(&inputs.k), turned(&inputs.v));
        let back = |x: &'_ Array3<f32>| x.clone().permuted_axes([2, 1, 0]);
        let (q, k, v) = (back(&q), back(&k), back(&v));
        assert!(!q.is_standard_layout());
        right.check(&name, &forward(q.view(), k.view(), v.view(), true));
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let cases = [
        ((3, 1), (300, 333), (64, 64), true),
        ((2, 1), (1600, 100), (16, 8), true),
        ((2, 2), (1, 4000), (64, 64), false),
    ];
    for case in cases {
        let inputs = Inputs::new(case, 11);
        let d_out = Random::new(12).normal(inputs.run(naive).out.dim());
        for (name, forward) in all() {
            let runs = (1..=8).map(|threads| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| inputs.run(&forward))
            });
            let runs: Vec<HeadsOutput> = runs.collect();
            for (i, run) in runs.iter().enumerate() {
                assert!(*run == runs[0], "{name}: {} threads differ from one", i + 1);
            }
        }
        let forward = inputs.run(queries_in_lanes);
        let Inputs { q, k, v, causal } = &inputs;
        let run = |threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| backward(q.view(), k.view(), v.view(), *causal, &forward, d_out.view()))
        };
        let one = run(1);
        for threads in 2..=8 {
            assert!(run(threads) == one, "backward: {threads} threads differ from one");
        }
    }
}

/// What comes of NaN and ∞: the documented outcome, and never a panic.
#[test]
fn what_is_not_finite_spreads_to_what_depends_on_it_and_no_further() {
    let case = ((1, 1), (70, 80), (8, 5), true);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (name, forward) in all() {
            // Query 20 sees keys 0 to 30.
            let clean = Inputs::new(case, 3);
            let right = clean.run(&forward);
            // Up to the order of summation, which may be another one with what is not finite.
            let near = |a: f32, b: f32| (a - b).abs() <= 1e-5;
            let rows_alike = |output: &HeadsOutput, rows: std::ops::Range<usize>| {
                for i in rows {
                    let (a, b) = (output.out.slice(s![0, i, ..]), right.out.slice(s![0, i, ..]));
                    let alike = a.iter().zip(b).all(|(a, b)| near(*a, *b));
                    assert!(alike, "{name}, {bad}: row {i} changes");
                }
            };

            // In a query: its own row, and no other.
            let mut inputs = Inputs::new(case, 3);
            inputs.q[[0, 20, 2]] = bad;
            let output = inputs.run(&forward);
            assert!(output.out.slice(s![0, 20, ..]).iter().all(|x| x.is_nan()), "{name}, {bad}");
            assert!(output.lse[[0, 20]].is_nan(), "{name}, {bad}");
            rows_alike(&output, 0..20);
            rows_alike(&output, 21..70);

            // In a key: NaN for whoever sees it and scores it +∞ or NaN; nobody else.
            let mut inputs = Inputs::new(case, 3);
            inputs.k[[0, 30, 2]] = bad;
            let output = inputs.run(&forward);
            rows_alike(&output, 0..20);
            for i in 20..70 {
                let score = inputs.q[[0, i, 2]] * bad;
                let spoiled = score.is_nan() || score == f32::INFINITY;
                let row = output.out.slice(s![0, i, ..]);
                assert_eq!(row.iter().all(|x| x.is_nan()), spoiled, "{name}, {bad}: row {i}");
            }

            // In a value: its column, for whoever sees it. The lowest rung multiplies by zero.
            let mut inputs = Inputs::new(case, 3);
            inputs.v[[0, 30, 1]] = bad;
            let output = inputs.run(&forward);
            if name != "naive" {
                rows_alike(&output, 0..20);
            }
            for i in 20..70 {
                assert!(!output.out[[0, i, 1]].is_finite(), "{name}, {bad}: row {i}");
                assert!(
                    near(output.out[[0, i, 0]], right.out[[0, i, 0]]),
                    "{name}, {bad}: row {i}"
                );
            }
        }
    }
}

#[test]
fn the_way_back_is_right_on_every_case() {
    for (i, case) in CASES.iter().enumerate() {
        let inputs = Inputs::new(*case, 700 + i as u64);
        let Inputs { q, k, v, causal } = &inputs;
        let ((h, n, _), (h_kv, _, d_v)) = (q.dim(), v.dim());
        let d_out: Array3<f32> = Random::new(900 + i as u64).normal((h, n, d_v));
        let forward = inputs.run(queries_in_lanes);
        let runs: Vec<(Instructions, HeadsGradients)> = Instructions::available()
            .into_iter()
            .map(|set| {
                let (q, k, v, d_out) = (q.view(), k.view(), v.view(), d_out.view());
                (set, backward_with(set, q, k, v, *causal, &forward, d_out))
            })
            .collect();
        let right = |name: &str,
                     exact: Array2<f64>,
                     plain: [&_; 2],
                     got: &dyn Fn(&HeadsGradients) -> Array2<f32>| {
            for (set, gradients) in &runs {
                let got = got(gradients);
                // A single key has weight 1 and no gradient: two numbers that should be equal are
                // subtracted, and nothing is left to measure their rounding by.
                if exact.iter().all(|&x| x == 0.0) {
                    assert_eq!(got.dim(), exact.dim());
                    assert!(got.iter().all(|x| x.abs() < 1e-6), "{case:?}: {name} {got}");
                    continue;
                }
                close(name, &got, &Expected::new(exact.clone(), &plain))
                    .unwrap_or_else(|wrong| panic!("{}, {case:?}: {wrong}", set.name()));
            }
        };
        for group in 0..h_kv {
            let (k, v) = (k.index_axis(Axis(0), group), v.index_axis(Axis(0), group));
            let mut exact = (Array2::<f64>::zeros(k.dim()), Array2::<f64>::zeros(v.dim()));
            let mut plain = (Array2::<f32>::zeros(k.dim()), Array2::<f32>::zeros(v.dim()));
            let mut tiles = (Array2::<f32>::zeros(k.dim()), Array2::<f32>::zeros(v.dim()));
            for head in group * (h / h_kv)..(group + 1) * (h / h_kv) {
                let (q, d_out) = (q.index_axis(Axis(0), head), d_out.index_axis(Axis(0), head));
                let mask = inputs.mask();
                let e = wide_gradients(q, k, v, &mask, d_out);
                let p = attention_backward(q, k, v, &mask, d_out);
                let once = attention(q, k, v, &mask);
                let traffic = &mut Traffic::default();
                let t = flash_backward(q, k, v, *causal, &once, d_out, BLOCK, traffic);
                right("dq", e.0, [&p.dq, &t.dq], &|gradients| {
                    gradients.dq.index_axis(Axis(0), head).to_owned()
                });
                exact = (exact.0 + e.1, exact.1 + e.2);
                plain = (plain.0 + p.dk, plain.1 + p.dv);
                tiles = (tiles.0 + t.dk, tiles.1 + t.dv);
            }
            right("dk", exact.0, [&plain.0, &tiles.0], &|gradients| {
                gradients.dk.index_axis(Axis(0), group).to_owned()
            });
            right("dv", exact.1, [&plain.1, &tiles.1], &|gradients| {
                gradients.dv.index_axis(Axis(0), group).to_owned()
            });
        }
    }
}

/// dq, dk and dv in f64, from the oracle's weights. (The oracle's own gradients go through the whole
/// Jacobian of every row, which takes minutes at these sizes.)
fn wide_gradients(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> (Array2<f64>, Array2<f64>, Array2<f64>) {
    let weights = oracle::weights::<f64>(q, k, mask);
    let wide = |x: ArrayView2<f32>| x.mapv(f64::from);
    let (q, k, v, d_out) = (wide(q), wide(k), wide(v), wide(d_out));
    let d_weights = d_out.dot(&v.t());
    let row_dot = (&weights * &d_weights).sum_axis(Axis(1)).insert_axis(Axis(1));
    let d_products = &weights * &(d_weights - row_dot) / (q.ncols() as f64).sqrt();
    (d_products.dot(&k), d_products.t().dot(&q), weights.t().dot(&d_out))
}

#[test]
fn the_way_back_does_not_panic_on_what_is_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for which in 0..4 {
            let mut inputs = Inputs::new(((2, 2), (20, 30), (8, 5), true), 3);
            let mut d_out: Array3<f32> = Random::new(4).normal((2, 20, 5));
            match which {
                0 => inputs.q[[0, 3, 2]] = bad,
                1 => inputs.k[[0, 3, 2]] = bad,
                2 => inputs.v[[0, 3, 2]] = bad,
                _ => d_out[[0, 3, 2]] = bad,
            }
            let forward = inputs.run(queries_in_lanes);
            let Inputs { q, k, v, .. } = &inputs;
            let got = backward(q.view(), k.view(), v.view(), true, &forward, d_out.view());
            assert!(!got.dq.index_axis(Axis(0), 0).iter().all(|x| x.is_finite()));
            // The other head does not notice.
            assert!(got.dq.index_axis(Axis(0), 1).iter().all(|x| x.is_finite()));
            assert!(got.dk.index_axis(Axis(0), 1).iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let zeros = |shape: (usize, usize, usize)| Array3::<f32>::zeros(shape);
    let cases = [
        ((3, 4, 8), (2, 5, 8), (2, 5, 6), "query heads 3 are not a multiple of key heads 2"),
        ((2, 4, 8), (2, 5, 7), (2, 5, 6), "key width 7 ≠ query width 8"),
        ((2, 4, 8), (2, 5, 8), (2, 4, 6), "value count 4 ≠ key count 5"),
        ((2, 4, 8), (2, 5, 8), (1, 5, 6), "value heads 1 ≠ key heads 2"),
        ((2, 4, 0), (2, 5, 0), (2, 5, 6), "query width is 0"),
        ((2, 4, 8), (0, 5, 8), (0, 5, 6), "query heads 2 are not a multiple of key heads 0"),
    ];
    for (q, k, v, message) in cases {
        for (name, forward) in all() {
            let (q, k, v) = (zeros(q), zeros(k), zeros(v));
            let run = std::panic::AssertUnwindSafe(|| forward(q.view(), k.view(), v.view(), true));
            let panic = std::panic::catch_unwind(run).expect_err("it does not fit");
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            let said = said.expect("a message");
            assert!(said.contains(message), "{name}: {said}");
        }
    }
}
