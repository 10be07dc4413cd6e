//! The statements of the page's section “Claims, checked” that are marked *computed*.

use attn_core::{Mask, random::Random};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ch08_flash_cpu::{
    Block, Traffic, exercises::flash_forward, flash_backward, flash_forward as reference,
    sink_attention, sink_gradient, traffic::Sizes,
};
use ndarray::{Array1, Array2, s};

const BLOCK: Block = Block { q: 32, k: 32 };

/// The recipe without a sum: rescale the old output, add the normalised new one.
#[test]
fn the_recipe_without_a_sum_gives_weights_that_sum_to_more_than_one() {
    let mut random = Random::new(1);
    let (scores, values): (Array1<f32>, Array2<f32>) = (random.normal(96), random.normal((96, 8)));
    let (mut row_max, mut total, mut out) = (f32::NEG_INFINITY, 0.0, Array1::<f32>::zeros(8));
    for tile in 0..3 {
        let part = scores.slice(s![32 * tile..32 * (tile + 1)]);
        let new_max = part.fold(row_max, |max, &s| max.max(s));
        let own = (part.to_owned() - new_max).exp();
        let rescale = (row_max - new_max).exp();
        let own = &own / own.sum();
        out = out * rescale + own.dot(&values.slice(s![32 * tile..32 * (tile + 1), ..]));
        total = total * rescale + own.sum();
        row_max = new_max;
    }
    assert!(total > 1.5, "{total}");
    let weights = (&scores - row_max).exp();
    let right = weights.dot(&values) / weights.sum();
    let error = (&out - &right).mapv(f32::abs).fold(0.0_f32, |a, &b| a.max(b));
    let size = right.mapv(f32::abs).fold(0.0_f32, |a, &b| a.max(b));
    assert!(error > 0.5 * size, "{error} beside {size}");
}

#[test]
fn tiles_are_as_exact_as_the_table_and_not_the_same_bits() {
    let mut random = Random::new(2);
    let mut normal = || -> Array2<f32> { random.normal((200, 64)) };
    let (q, k, v) = (normal(), normal(), normal());
    let (q, k, v) = (q.view(), k.view(), v.view());
    let table = attention(q, k, v, &Mask::Causal);
    let tiles = reference(q, k, v, true, BLOCK, &mut Traffic::default());
    assert_ne!(table.out, tiles.out);
    let exact = oracle::attention::<f64>(q, k, v, &Mask::Causal).out;
    let error = |out: &Array2<f32>| {
        let pairs = out.iter().zip(&exact);
        pairs.map(|(&x, e)| (f64::from(x) - e).abs()).fold(0.0, f64::max)
    };
    let (a, b) = (error(&table.out), error(&tiles.out));
    assert!(a < 2.0 * b && b < 2.0 * a, "{a} and {b}");
}

#[test]
fn keys_outside_store_the_output_once_for_each_key_tile() {
    let mut random = Random::new(3);
    let mut normal = || -> Array2<f32> { random.normal((128, 8)) };
    let (q, k, v) = (normal(), normal(), normal());
    let mistakes = flash_forward::exercise().mistakes;
    let outside = mistakes.iter().find(|mistake| mistake.name == "keys-outside");
    let outside = outside.expect("it is one of the mistakes").body;
    let run = |body: flash_forward::Body| {
        let mut traffic = Traffic::default();
        body(q.view(), k.view(), v.view(), false, BLOCK, &mut traffic);
        traffic
    };
    let (inside, outside) = (run(reference), run(outside));
    assert_eq!(outside.stored, 128 / 32 * inside.stored);
}

/// The second prediction, and an answer of “Check yourself”.
#[test]
fn tiles_visited_as_the_page_says() {
    let visited = |n, m, block| {
        let (d, d_v, causal) = (64, 64, true);
        Sizes { n, m, d, d_v, causal }.visited(Block { q: block, k: block })
    };
    assert_eq!(visited(4096, 4096, 64), 2080);
    assert_eq!(visited(1000, 3000, 100), 255);
}

/// “Task 9”: a sink can be put in afterwards, as a gate; “Task 10”: the way back needs no change, and
/// the gradient of the sink is what finite differences say.
#[test]
fn a_sink_is_a_gate_and_the_way_back_does_not_notice() {
    let mut random = Random::new(4);
    let (n, m, d, d_v) = (9, 11, 8, 5);
    let mut normal = |rows, columns| -> Array2<f32> { random.normal((rows, columns)) };
    let (q, k, v, d_out) = (normal(n, d), normal(m, d), normal(m, d_v), normal(n, d_v));
    let sink = 0.8;
    let forward = sink_attention(q.view(), k.view(), v.view(), true, sink);

    let plain = attention(q.view(), k.view(), v.view(), &Mask::Causal);
    for i in 0..n {
        let open = 1.0 / (1.0 + (sink - plain.lse[i]).exp());
        let apart = (&plain.out.row(i) * open - forward.out.row(i)).mapv(f32::abs);
        assert!(apart.iter().all(|&x| x < 1e-6), "row {i}: {apart}");
    }

    // In f64, with the sink as one more key of value zero.
    let loss = |q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>, sink: f64| -> f64 {
        let scores = q.dot(&k.t()) / (d as f64).sqrt();
        let row = |i: usize| {
            let seen = m - n + i + 1;
            let weights: Vec<f64> = (0..seen).map(|j| scores[[i, j]].exp()).collect();
            let sum = sink.exp() + weights.iter().sum::<f64>();
            let terms = (0..seen).flat_map(|j| (0..d_v).map(move |c| (j, c)));
            terms.map(|(j, c)| weights[j] / sum * v[[j, c]] * f64::from(d_out[[i, c]])).sum::<f64>()
        };
        (0..n).map(row).sum()
    };
    let [q64, k64, v64] = [&q, &k, &v].map(|x| x.mapv(f64::from));
    let step = 1e-5;
    let slope = |change: &dyn Fn(f64) -> f64| (change(step) - change(-step)) / (2.0 * step);

    let d_sink = sink_gradient(&forward, d_out.view(), sink);
    let right = slope(&|by| loss(&q64, &k64, &v64, f64::from(sink) + by));
    assert!((f64::from(d_sink) - right).abs() < 1e-5, "{d_sink}, {right}");

    let (causal, mut traffic) = (true, Traffic::default());
    let gradients = flash_backward(
        q.view(),
        k.view(),
        v.view(),
        causal,
        &forward,
        d_out.view(),
        BLOCK,
        &mut traffic,
    );
    for (i, c) in [(0, 0), (4, 3), (8, 7)] {
        let moved = |x: &Array2<f64>, by: f64| {
            let (column, mut x) = (c % x.ncols(), x.clone());
            x[[i, column]] += by;
            x
        };
        for (name, got, right) in [
            (
                "dq",
                gradients.dq[[i, c]],
                slope(&|by| loss(&moved(&q64, by), &k64, &v64, sink.into())),
            ),
            (
                "dk",
                gradients.dk[[i, c]],
                slope(&|by| loss(&q64, &moved(&k64, by), &v64, sink.into())),
            ),
            (
                "dv",
                gradients.dv[[i, c % d_v]],
                slope(&|by| loss(&q64, &k64, &moved(&v64, by), sink.into())),
            ),
        ] {
            assert!((f64::from(got) - right).abs() < 1e-5, "{name}[{i},{c}]: {got}, {right}");
        }
    }
}
