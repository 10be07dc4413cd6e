//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::{Mask, random::Random};
use ch03_scaled_dot_product::{attention, softmax_rows};
use ch04_multi_head::{
    AttentionLayer, LayerNorm, Layout, Rotary,
    figures::{
        alike::{Alike, LISTS, kept, measured},
        cost::{BLEU, Sizes},
        diagonal::{self, Scores},
    },
    head_weights, layer_norm, merge_heads, multi_head_attention, rope, rotary_self_attention,
    split_heads,
};
use ndarray::{Array2, Array3, ArrayView2, Axis, array, s};
use std::f32::consts::FRAC_PI_2;

/// Refuses an array that is not the printed one.
#[track_caller]
fn near(got: ArrayView2<f32>, printed: Array2<f32>) {
    assert_eq!(got.dim(), printed.dim());
    let far = (&got - &printed).iter().any(|e| e.abs() > 1e-4);
    assert!(!far, "{got} is printed as {printed}");
}

// Heads

/// Tasks 1 and 2: four tokens, two heads of width 3.
#[test]
fn the_split_worked_by_hand_and_the_scramble() {
    let x = Array2::from_shape_fn((4, 6), |(i, c)| (100 * i + 10 * (c / 3) + c % 3) as f32);
    let heads = split_heads(x.view(), 2);
    assert_eq!(heads.slice(s![1, 2, ..]), array![210.0, 211.0, 212.0]);
    assert_eq!(merge_heads(heads.view()), x);
    // Without the transpose: head 0 has two rows of token 0, then two of token 1.
    let scrambled = Array3::from_shape_vec((2, 4, 3), x.iter().copied().collect()).unwrap();
    assert_eq!(scrambled.slice(s![0, 1, ..]), array![10.0, 11.0, 12.0]);
    let tokens = scrambled.mapv(|x| (x / 100.0).floor());
    assert_eq!(tokens.index_axis(Axis(0), 0).column(0), array![0.0, 0.0, 1.0, 1.0]);
    assert_eq!(tokens.index_axis(Axis(0), 1).column(0), array![2.0, 2.0, 3.0, 3.0]);
}

/// A causal mask over scrambled rows: token 0 changes when the last token does not, and tokens leak
/// into others' past. The reshape is not a matter of memory layout: it mixes tokens and heads.
#[test]
fn a_reshape_without_a_transpose_mixes_tokens_and_heads() {
    let mut random = Random::new(4);
    let (x, h) = (random.normal((4, 6)), 2);
    let through = |x: &Array2<f32>| {
        let reshape = Array3::from_shape_vec((h, 4, 3), x.iter().copied().collect()).unwrap();
        let mut out = Array3::zeros((h, 4, 3));
        for (head, mut out) in out.outer_iter_mut().enumerate() {
            let own = reshape.index_axis(Axis(0), head);
            out.assign(&attention(own, own, own, &Mask::Causal).out);
        }
        Array2::from_shape_vec((4, 6), out.into_raw_vec_and_offset().0).unwrap()
    };
    let before = through(&x);
    // Token 2 is changed. Causal attention must leave tokens 0 and 1 alone, and change token 3.
    let mut changed = x.clone();
    changed.row_mut(2).fill(3.0);
    let after = through(&changed);
    assert_eq!(before.slice(s![..2, ..]), after.slice(s![..2, ..]));
    assert_ne!(before.row(3), after.row(3));
    // Token 0 is changed: token 2 may see it, but the scramble has put them into different heads.
    let mut changed = x.clone();
    changed.row_mut(0).fill(3.0);
    assert_eq!(before.slice(s![2.., ..]), through(&changed).slice(s![2.., ..]));
    // The numbers lie in memory without a gap in both cases: contiguity is not what is wrong.
    assert!(x.is_standard_layout());
}

/// Task 3's layer.
fn by_hand() -> (AttentionLayer, Array2<f32>) {
    let ln3 = 3.0_f32.ln();
    let layer = AttentionLayer::new(
        array![[ln3, 0.0], [0.0, 0.0]],
        array![[1.0, 0.0], [0.0, 1.0]],
        array![[4.0, 0.0], [0.0, 2.0]],
        array![[1.0, 0.0], [1.0, 1.0]],
        2,
    );
    (layer.unwrap(), array![[0.0, 1.0], [1.0, 0.0]])
}

#[test]
fn multi_head_attention_worked_by_hand_and_three_ways_to_get_it_wrong() {
    let (layer, x) = by_hand();
    let weights = head_weights(&layer, x.view(), x.view(), None, &Mask::None);
    near(weights.index_axis(Axis(0), 0), array![[0.5, 0.5], [0.25, 0.75]]);
    near(weights.index_axis(Axis(0), 1), array![[0.5, 0.5], [0.5, 0.5]]);
    let out = |layer: &AttentionLayer| multi_head_attention(layer, x.view(), x.view(), &Mask::None);
    near(out(&layer).view(), array![[3.0, 1.0], [4.0, 1.0]]);
    // Without W_o.
    let identity = AttentionLayer { w_o: Array2::eye(2), ..layer.clone() };
    near(out(&identity).view(), array![[2.0, 1.0], [3.0, 1.0]]);
    // One head of the full width: one row of weights serves both columns.
    let wide = AttentionLayer { h: 1, ..layer.clone() };
    let weights = head_weights(&wide, x.view(), x.view(), None, &Mask::None);
    near(weights.index_axis(Axis(0), 0), array![[0.5, 0.5], [0.31502, 0.68498]]);
    // Softmax over the two heads: scores 0, 0 and ln 3, 0 give 1/2 and 3/4, and nothing sums to one
    // over the keys.
    let over_heads = softmax_rows(array![[3.0_f32.ln(), 0.0]].view());
    near(over_heads.view(), array![[0.75, 0.25]]);
}

// Positions

/// Task 4: the second pair makes a quarter turn a position.
#[test]
fn the_turn_worked_by_hand() {
    let base = FRAC_PI_2.recip().powi(2);
    assert!((base - 0.4053).abs() < 1e-4);
    let turn = |x: Array2<f32>, layout| rope(x.view(), 0, Rotary { base, layout });
    let out = turn(array![[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 2.0]], Layout::Interleaved);
    near(out.view(), array![[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, -2.0, 1.0]]);
    let out = turn(array![[3.0, 1.0, 0.0, 2.0], [0.0, 1.0, 0.0, 2.0]], Layout::Half);
    near(out.view(), array![[3.0, 1.0, 0.0, 2.0], [0.0, -2.0, 0.0, 1.0]]);
}

/// Task 4: with base 10 000 and d = 64, the first pair turns once in 6.28 positions and the last
/// once in about 47 000.
#[test]
fn the_first_pair_turns_fast_and_the_last_hardly_at_all() {
    let turns = |i: f64| std::f64::consts::TAU / 10_000.0_f64.powf(-2.0 * i / 64.0);
    assert!((6.2..6.4).contains(&turns(0.0)));
    assert!((47_000.0..47_200.0).contains(&turns(31.0)), "{}", turns(31.0));
}

/// Task 5: both tokens have the same query and key; positions alone tell them apart.
#[test]
fn rotary_attention_worked_by_hand() {
    let s = (2.0 * 3.0_f32.ln()).sqrt();
    let second_pair = array![[0.0, 0.0, s, 0.0], [0.0; 4]];
    let w_v = array![[0.0], [4.0]];
    let layer = AttentionLayer::new(second_pair.clone(), second_pair, w_v, array![[1.0, 10.0]], 1);
    let (layer, x) = (layer.unwrap(), array![[1.0, 0.0], [1.0, 1.0]]);
    let rotary = Rotary { base: FRAC_PI_2.recip().powi(2), layout: Layout::Interleaved };
    let out = rotary_self_attention(&layer, x.view(), rotary, &Mask::None);
    near(out.view(), array![[1.0, 10.0], [3.0, 30.0]]);
    let without = multi_head_attention(&layer, x.view(), x.view(), &Mask::None);
    near(without.view(), array![[2.0, 20.0], [2.0, 20.0]]);
}

/// “RoPE makes far tokens count less”: for q = k the score falls in waves; for random q and k the
/// mean size of the score is the same at every distance.
#[test]
fn rotation_does_not_make_scores_smaller_with_distance_by_itself() {
    let rotary = Rotary { base: 10_000.0, layout: Layout::Interleaved };
    let rms = |distance: usize| {
        let mut random = Random::new(9);
        let (mut sum, pairs) = (0.0, 2000);
        for _ in 0..pairs {
            let (q, k) = (random.normal((1, 64)), random.normal((1, 64)));
            let (q, k) = (rope(q.view(), distance, rotary), rope(k.view(), 0, rotary));
            sum += (q.row(0).dot(&k.row(0)) / 8.0).powi(2);
        }
        (sum / pairs as f32).sqrt()
    };
    for distance in [0, 1, 16, 256, 4096] {
        let rms = rms(distance);
        println!("distance {distance}: {rms:.3}");
        assert!((rms - 1.0).abs() < 0.06, "distance {distance}: {rms}");
    }
    // The same vector as query and key.
    let ones = Array2::<f32>::ones((1, 64));
    let score = |distance| {
        let (q, k) = (rope(ones.view(), distance, rotary), rope(ones.view(), 0, rotary));
        q.row(0).dot(&k.row(0)) / 8.0
    };
    println!("q = k: {:?}", [0, 1, 16, 64, 256].map(score));
    assert_eq!(score(0), 8.0);
    assert!((3.4..3.6).contains(&score(64)));
}

// Norms

#[test]
fn layer_norm_worked_by_hand() {
    let norm = LayerNorm { gain: array![2.0, 2.0], bias: array![10.0, 0.0] };
    let y = layer_norm(array![[3.0, 5.0], [9.0, 1.0]].view(), &norm);
    near(y.view(), array![[8.0, 2.0], [12.0, -2.0]]);
}

// Costs

#[test]
fn many_heads_cost_about_as_much_as_one_full_width_head() {
    let sizes = |h| Sizes { n: 512, d_model: 512, h };
    let one = sizes(1);
    for (h, _) in BLEU {
        let many = sizes(h);
        assert_eq!(many.projection_flop(), one.projection_flop());
        assert_eq!(many.attention_flop(), one.attention_flop());
        assert_eq!(many.parameters(), one.parameters());
        // What does grow.
        assert_eq!(many.exponentials(), h * one.exponentials());
    }
    // Even so: 32 heads take one exponential for every 64 floating-point operations in the scores
    // and sums.
    assert_eq!(sizes(32).attention_flop() / sizes(32).exponentials(), 64);
}

/// The products are counted by doing them: as many multiplications in eight heads as in one.
#[test]
fn the_products_counted_by_doing_them() {
    let count = |h: usize| {
        let (n, d_model) = (6, 16);
        let d = d_model / h;
        let x = split_heads(Array2::zeros((n, d_model)).view(), h);
        let mut multiplications = 0;
        for head in x.outer_iter() {
            for _query in head.rows() {
                for key in head.rows() {
                    multiplications += key.len(); // the score
                    multiplications += d; // the value's share of the sum
                }
            }
        }
        multiplications
    };
    assert_eq!(count(1), count(8));
    let sizes = Sizes { n: 6, d_model: 16, h: 8 };
    assert_eq!(sizes.attention_flop(), 2 * count(8) as u64);
}

// The diagonal

#[test]
fn the_diagonal_is_large_for_tied_projections_alone() {
    for seed in [1, 2, 3] {
        for d in [16, 64, 256] {
            let root_d = (d as f64).sqrt();
            let independent = diagonal::scores(d, false, seed);
            println!("d = {d}: {independent:?}");
            assert!(independent.diagonal.abs() < 0.3);
            assert!((independent.spread - 1.0).abs() < 0.15);
            let Scores { diagonal, elsewhere, spread } = diagonal::scores(d, true, seed);
            println!("d = {d}: tied {diagonal} {elsewhere} {spread}");
            assert!((diagonal / root_d - 1.0).abs() < 0.15, "{diagonal}");
            assert!(elsewhere.abs() < 0.3);
        }
    }
}

// Heads are not all alike

/// With a single query every head has its own weights, though all see the same tokens; one head has
/// one set of weights for all columns of its values.
#[test]
fn one_head_cannot_do_what_two_do() {
    let (layer, x) = by_hand();
    let weights = head_weights(&layer, x.view(), x.view(), None, &Mask::None);
    assert_ne!(weights.slice(s![0, 1, ..]), weights.slice(s![1, 1, ..]));
}

/// “Most heads differ little”: the table on the page, measured anew, and what the page says of it.
#[test]
fn heads_differ_and_some_can_be_spared() {
    let (all, measured) = measured();
    assert_eq!(all, LISTS);
    let kept = kept();
    assert_eq!(measured.len(), kept.len());
    for (Alike { place, apart, without, alone }, kept) in measured.iter().zip(&kept) {
        println!("{place:?}: {apart:.3?}, without {without:?}, alone {alone:?}");
        let near = |a: f64, b: f64| (a - b).abs() < 0.002;
        assert!(apart.iter().zip(&kept.apart).all(|(&a, &b)| near(a, b)), "{place:?}");
        // On another machine the last bit of a score may decide on another list.
        let counts = without.iter().chain(alone).zip(kept.without.iter().chain(&kept.alone));
        assert!(counts.into_iter().all(|(a, b)| a.abs_diff(*b) <= 1), "{place:?}");
    }
    let without = || kept.iter().flat_map(|alike| alike.without);
    // Of 24 heads, eight can be taken away, one at a time, at the price of at most 4 lists in 100;
    // without one of ten others fewer than half come out right, and without one of four none.
    assert_eq!(without().count(), 24);
    assert_eq!(without().filter(|&right| right >= 96).count(), 8);
    assert_eq!(without().filter(|&right| right < 50).count(), 10);
    assert_eq!(without().filter(|&right| right == 0).count(), 4);
    // No two heads of an attention are much alike.
    assert!(kept.iter().all(|alike| alike.apart[0] > 0.17));
    // Those that fetch from the memory are the ones that differ least.
    assert!(kept[..4].iter().all(|alike| alike.apart[1] > kept[4].apart[1]));
    assert!(kept[4].apart[1] > kept[5].apart[1]);
    // One head alone is enough in one place, for most lists.
    assert_eq!(kept.iter().flat_map(|alike| alike.alone).filter(|&right| right > 50).count(), 1);
}
