//! The statements of the page's section “Claims, checked” that are marked *computed*.

use attn_core::{Mask, random::Random};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ch08_flash_cpu::{
    Block, Traffic, exercises::flash_forward, flash_forward as reference, traffic::Sizes,
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
