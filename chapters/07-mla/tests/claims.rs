//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::random::Random;
use ch07_mla::{
    cheaper_form, compress,
    figures::between::moved,
    given::{Down, Form, QueryWeights, Shape, Source, causal_softmax},
    numbers::{
        CACHES, Cache, DEEPSEEK_67B, DEEPSEEK_V2, Deployed, V2, V2_D_MODEL, V2_D_Q, V2_LAYERS,
        apart_and_together, crossover, flops_per_number, flops_per_pair, flops_through, saved,
        three,
    },
    queries, seeded,
};
use ndarray::{Array2, Axis, array, concatenate};
use std::f64::consts::FRAC_PI_2;

#[track_caller]
fn near(x: f64, printed: f64, digit: f64) {
    assert!((x - printed).abs() <= digit / 2.0 + 1e-9, "{x} is printed as {printed}");
}

/// Tasks 1 and 2 by hand.
#[test]
fn the_latents_and_queries_worked_by_hand() {
    let base = FRAC_PI_2.recip().powi(2);
    let down = Down {
        w_dkv: Array2::eye(2),
        gain: array![5.0, 10.0],
        w_kr: array![[0.0, 0.0, 1.0, 2.0], [0.0; 4]],
        base,
    };
    let kept = compress(&down, array![[1.0, 7.0], [7.0, 1.0]].view(), 1);
    let c = array![[1.0, 14.0], [7.0, 2.0]];
    let k_r = array![[0.0, 0.0, -2.0, 1.0], [0.0, 0.0, -7.0, -14.0]];
    assert!((&kept.c - &c).iter().all(|x| x.abs() < 1e-5));
    assert!((&kept.k_r - &k_r).iter().all(|x| x.abs() < 1e-12));
    // ε moves it in the sixth decimal.
    assert!((kept.c[[0, 1]] - 14.0).abs() > 1e-8);
    let weights = QueryWeights {
        source: Source::Latent { w_dq: Array2::eye(2), gain: array![5.0, 10.0] },
        w_uq: array![[[1.0], [0.0]], [[0.0], [1.0]]],
        w_qr: array![
            [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0]],
            [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
        ],
        base,
    };
    let both = queries(&weights, array![[1.0, 7.0]].view(), 1);
    assert!((&both.content - &array![[[1.0]], [[14.0]]]).iter().all(|x| x.abs() < 1e-5));
    let rotary = array![[[0.0, 0.0, -2.0, 1.0]], [[0.0, 0.0, -1.0, 0.0]]];
    assert!((&both.rotary - &rotary).iter().all(|x| x.abs() < 1e-5));
}

/// What a token costs in V2's shape, and what the paper calls 2.25 groups.
#[test]
fn a_token_is_576_numbers() {
    let latent = Cache::Latent(V2).numbers();
    assert_eq!(latent, 576);
    let numbers: Vec<usize> = CACHES.iter().map(|(_, cache)| cache.numbers()).collect();
    assert_eq!(numbers, [32_832, 32_768, 2_048, 576, 256]);
    // Every form of MLA keeps at least the latent; keys and values kept are more than MHA's.
    assert!(numbers[0] > numbers[1]);
    assert_eq!(latent * V2_LAYERS, 34_560);
    let group = Cache::Groups { h_kv: 1, d: V2.d }.numbers();
    assert_eq!(latent as f64 / group as f64, 2.25);
    // With the rotary key copied into every head, as DeepSeek-V3's own naive form keeps it.
    assert_eq!(V2.h * (V2.d + V2.d_r + V2.d_v), 40_960);
    // The scale, with the rotary part forgotten and with the absorbed width.
    near(((V2.d + V2.d_r) as f64 / V2.d as f64).sqrt(), 1.22, 0.01);
    near(((V2.d + V2.d_r) as f64).sqrt(), 13.9, 0.1);
    assert_eq!((V2.d_c + V2.d_r) as f64, 24.0 * 24.0);
    // d_c is 4 heads wide, 1/32 of all heads' keys; d_r half a head.
    assert_eq!((V2.d_c, V2.d_r), (4 * V2.d, V2.d / 2));
    assert_eq!(V2.h * V2.d / V2.d_c, 32);
}

/// Three savings, of which one is printed everywhere.
#[test]
fn what_the_savings_are_made_of() {
    let mha = Deployed { cache: Cache::Groups { h_kv: V2.h, d: V2.d }, ..DEEPSEEK_V2 };
    let share =
        |kept: Deployed, other: Deployed| saved(kept.bits_per_token(), other.bits_per_token());
    near(share(DEEPSEEK_V2, mha), 98.24, 0.01);
    near(share(DEEPSEEK_V2, DEEPSEEK_67B), 82.24, 0.01);
    near(share(Deployed { bits: 6, ..DEEPSEEK_V2 }, DEEPSEEK_67B), 93.34, 0.01);
    // The 67B has 64 heads in groups of 8: of its own MHA it saves 87.5 %.
    assert_eq!(saved(8, 64), 87.5);
    assert_eq!(DEEPSEEK_67B.cache.numbers() * DEEPSEEK_67B.layers, 194_560);
    // Of V2's own MHA, 2.25 groups of 128 are left.
    near(100.0 * 2.25 / 128.0, 1.76, 0.01);
}

/// Nobody stores the products.
#[test]
fn the_products_are_larger_than_their_factors() {
    assert_eq!(apart_and_together(V2_D_Q, V2.d, V2.d_c), (262_144, 786_432));
    assert_eq!(apart_and_together(V2.d_c, V2.d_v, V2_D_MODEL), (720_896, 2_621_440));
    // A product of ranks: the smaller the inner width beside the outer ones, the worse.
    let (apart, together) = apart_and_together(V2_D_Q, V2.d, V2.d_c);
    assert_eq!(together / apart, 3);
    near(2_621_440.0 / 720_896.0, 3.6, 0.1);
    // For the output it begins to pay where a value is wider than this.
    near((V2.d_c * V2_D_MODEL) as f64 / (V2.d_c + V2_D_MODEL) as f64, 465.0, 1.0);
    // All heads of a layer: 100 million numbers instead of 34.
    near(128.0 * 786_432.0 / 1e6, 101.0, 1.0);
    near(128.0 * 262_144.0 / 1e6, 34.0, 1.0);
}

#[test]
fn the_crossover_is_at_a_171st() {
    assert_eq!(flops_per_pair(V2), (640, 2176));
    assert_eq!(flops_through(V2), 262_144);
    near(crossover(V2), 170.7, 0.1);
    // The shape of the demonstration's model.
    assert_eq!(crossover(Shape { h: 8, d: 16, d_r: 16, d_v: 16, d_c: 48 }), 24.0);
    // Always in decoding, with two tokens or more.
    for m in 2..=10_000 {
        assert_eq!(cheaper_form(&V2, 1, m).cheaper, Form::Absorbed);
    }
    // Never for a prompt that comes at once.
    for m in 1..=2000 {
        assert_eq!(cheaper_form(&V2, m, m).cheaper, Form::Naive);
    }
    let last =
        |m| (1..=m).take_while(|&n| cheaper_form(&V2, n, m).cheaper == Form::Absorbed).count();
    assert_eq!((last(4096), last(512), last(1_000_000)), (163, 127, 170));
    // At n = 128 and m = 512 they are equal.
    let [naive, absorbed, _] = three(V2, 128, 512);
    assert_eq!(naive, absorbed);
}

/// Decoding at 4,096 tokens: what each form computes.
#[test]
fn one_token_among_4096() {
    let [naive, absorbed, expanded] = three(V2, 1, 4096);
    near(naive as f64 / 1e9, 137.8, 0.1);
    near(absorbed as f64 / 1e9, 1.17, 0.01);
    near(expanded as f64 / 1e9, 0.37, 0.01);
    near(naive as f64 / absorbed as f64, 117.0, 1.0);
    near(absorbed as f64 / expanded as f64, 3.2, 0.1);
    // The attention alone, per pair.
    near(2176.0 / 640.0, 3.4, 0.1);
}

/// A number that is read is used by all heads: that is what shared latents are good for.
#[test]
fn flops_per_byte() {
    let per_byte: Vec<f64> =
        CACHES.iter().map(|(_, cache)| (flops_per_number(*cache, V2.h) / 2.0).round()).collect();
    assert_eq!(per_byte, [1.0, 1.0, 16.0, 242.0, 128.0]);
}

/// How many rows of a matrix are independent, by elimination.
fn rank(mut x: Array2<f64>) -> usize {
    let mut rank = 0;
    for column in 0..x.ncols() {
        let largest = (rank..x.nrows())
            .max_by(|&a, &b| x[[a, column]].abs().total_cmp(&x[[b, column]].abs()));
        let Some(pivot) = largest.filter(|&row| x[[row, column]].abs() > 1e-9) else { continue };
        for other in 0..x.ncols() {
            x.swap([rank, other], [pivot, other]);
        }
        for row in rank + 1..x.nrows() {
            let factor = x[[row, column]] / x[[rank, column]];
            let taken = factor * &x.row(rank);
            let mut row = x.row_mut(row);
            row -= &taken;
        }
        rank += 1;
    }
    rank
}

/// Keys of all heads lie in the space of the latents. Scores are of low rank with and without
/// latents; the weights are not.
#[test]
fn what_has_low_rank() {
    let mut random = Random::new(7);
    let shape = Shape { h: 3, d: 4, d_r: 2, d_v: 4, d_c: 4 };
    let (queries, kept) = seeded::attention(&mut random, shape, (16, 16));
    let up = seeded::up(&mut random, shape);
    let keys: Vec<Array2<f64>> = up.w_uk.outer_iter().map(|w| kept.c.dot(&w)).collect();
    let all = concatenate![Axis(1), keys[0], keys[1], keys[2]];
    assert_eq!((all.dim(), rank(all)), ((16, 12), 4));
    let q = queries.content.index_axis(Axis(0), 0).to_owned();
    let rotary = queries.rotary.index_axis(Axis(0), 0).dot(&kept.k_r.t());
    let scores = q.dot(&keys[0].t()) + rotary;
    let weights = causal_softmax((&scores / 6.0_f64.sqrt()).view());
    assert_eq!((rank(scores), rank(weights)), (6, 16));
}

/// The norm of the latent takes back a factor of W_DKV, but for ε.
#[test]
fn a_factor_of_the_way_down_is_taken_back() {
    let mut random = Random::new(8);
    let down = seeded::down(&mut random, 6, 5, 4);
    let x = seeded::normal(&mut random, (3, 6));
    let doubled = Down { w_dkv: 2.0 * &down.w_dkv, ..down.clone() };
    let [a, b] = [&down, &doubled].map(|down| compress(down, x.view(), 0).c);
    let apart = (&a - &b).fold(0.0_f64, |most, x| most.max(x.abs()));
    assert!(apart < 1e-4 && apart > 0.0, "{apart:e}");
}

#[test]
fn the_matrix_between_changes_with_the_distance() {
    let moved = moved(0..=64);
    assert_eq!(moved[0].1, 0.0);
    near(moved[1].1, 0.28, 0.01);
    assert!(moved[4].1 > 0.5, "{moved:?}");
    assert!(moved.iter().skip(1).all(|(_, moved)| *moved > 0.2));
}

/// How many numbers the attention of a layer has: V2's, and MHA with as many heads.
#[test]
fn the_weights_of_a_layer() {
    let Shape { h, d, d_r, d_v, d_c } = V2;
    let down = V2_D_MODEL * (d_c + d_r);
    let queries = V2_D_MODEL * V2_D_Q + V2_D_Q * h * (d + d_r);
    let up = d_c * h * (d + d_v);
    let output = h * d_v * V2_D_MODEL;
    near((down + queries + up + output) as f64 / 1e6, 149.0, 1.0);
    let mha = 4 * V2_D_MODEL * h * d;
    near(mha as f64 / 1e6, 336.0, 1.0);
    // Without a latent for the queries.
    let straight = V2_D_MODEL * h * (d + d_r);
    near(straight as f64 / 1e6, 126.0, 1.0);
    near(queries as f64 / 1e6, 45.6, 0.1);
}
