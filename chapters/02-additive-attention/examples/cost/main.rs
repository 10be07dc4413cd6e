//! How long scores take, beside how many FLOP they are.
//!
//! `cargo run --release --package ch02-additive-attention --example cost`

use attn_core::random::Random;
use ch02_additive_attention::{
    Additive, Products, additive_scores, concat_scores, cost::Sizes, dot_scores, general_scores,
    given::Concat,
};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use std::{hint::black_box, time::Instant};

/// The width of one head, and of the hidden layer.
const WIDTH: usize = 64;
const LENGTHS: [usize; 3] = [32, 64, 128];
/// Each is run so often, and the shortest time counts.
const RUNS: usize = 20;

fn main() {
    println!(
        "Scores of n queries against n keys, width {WIDTH}: shortest of {RUNS} runs, one thread\n"
    );
    println!("   n  score           MFLOP        ms  GFLOP/s  time beside dot");
    for n in LENGTHS {
        measure(n);
    }
}

/// One line per score.
fn measure(n: usize) {
    let mut random = Random::new(1);
    let mut normal = |rows| random.normal((rows, WIDTH));
    let (q, k) = (normal(n), normal(n));
    let w = normal(WIDTH);
    let additive = Additive {
        w_q: normal(WIDTH) / 8.0,
        w_k: normal(WIDTH) / 8.0,
        v: normal(1).remove_axis(Axis(0)),
    };
    let concat =
        Concat { w: concatenate![Axis(0), additive.w_q, additive.w_k], v: additive.v.clone() };
    let (q, k) = (q.view(), k.view());
    // A whole array of hidden layers at once has to give the same before it is timed.
    let expected = additive_scores(&additive, q, k);
    let whole = whole_array(&additive, q, k);
    let furthest = (&expected - &whole).fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(furthest < 1e-3, "the two ways differ by {furthest}");

    let sizes = Sizes { n: n as u64, m: n as u64, d: WIDTH as u64, a: WIDTH as u64 };
    let dot = time(|| dot_scores(q, k));
    let rows = [
        ("dot", sizes.dot_flop(), dot),
        ("general", sizes.general_flop(), time(|| general(w.view(), q, k))),
        ("additive", sizes.additive_flop(), time(|| additive_scores(&additive, q, k))),
        ("additive, whole", sizes.additive_flop(), time(|| whole_array(&additive, q, k))),
        ("concat", sizes.concat_flop(), time(|| concat_scores(&concat, q, k))),
    ];
    for (name, flop, seconds) in rows {
        println!(
            "{n:>4}  {name:<15} {:>6.1}  {:>8.3}  {:>7.2}  {:>8.1}",
            flop as f64 / 1e6,
            seconds * 1e3,
            flop as f64 / seconds / 1e9,
            seconds / dot
        );
    }
}

fn general(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    general_scores(w, q, k, &mut Products::default())
}

/// All n·m hidden layers in one array, as array languages write it.
fn whole_array(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    let from_q = q.dot(&additive.w_q).insert_axis(Axis(1)); // n×1×a
    let from_k = k.dot(&additive.w_k).insert_axis(Axis(0)); // 1×m×a
    let hidden = (&from_q + &from_k).mapv_into(f32::tanh); // n×m×a
    let (n, m, a) = hidden.dim();
    let flat = hidden.into_shape_with_order((n * m, a)).expect("one block");
    let scores = flat.dot(&additive.v);
    scores.into_shape_with_order((n, m)).expect("as many")
}

/// The shortest of some runs, in seconds.
fn time(act: impl Fn() -> Array2<f32>) -> f64 {
    let runs = (0..RUNS).map(|_| {
        let start = Instant::now();
        black_box(act());
        start.elapsed().as_secs_f64()
    });
    runs.fold(f64::INFINITY, f64::min)
}
