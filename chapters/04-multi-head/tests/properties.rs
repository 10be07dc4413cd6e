//! What holds for every input, on seeded ones.

use attn_core::{Mask, random::Random};
use ch03_scaled_dot_product::attention;
use ch04_multi_head::{
    AttentionLayer, Bound, Kept, LayerError, LayerNorm, Layout, Rotary, alibi_attention,
    bounded_attention, decode_step, gated_attention, head_weights, layer_norm, merge_heads,
    multi_head_attention, rope, rotary_self_attention, split_heads,
};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, concatenate, s};
use std::panic::{UnwindSafe, catch_unwind};

/// A layer of h heads of width d between sequences of these widths.
fn layer(seed: u64, h: usize, d: usize, d_model: usize, d_memory: usize) -> AttentionLayer {
    let mut random = Random::new(seed);
    let mut matrix =
        |rows: usize, columns: usize| random.normal((rows, columns)) / (rows as f32).sqrt();
    AttentionLayer::new(
        matrix(d_model, h * d),
        matrix(d_memory, h * d),
        matrix(d_memory, h * d),
        matrix(h * d, d_model),
        h,
    )
    .expect("widths that fit")
}

fn normal(seed: u64, n: usize, width: usize) -> Array2<f32> {
    Random::new(seed).normal((n, width))
}

#[track_caller]
fn near(a: ArrayView2<f32>, b: ArrayView2<f32>, allowed: f32) {
    assert_eq!(a.dim(), b.dim());
    let furthest = (&a - &b).fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(furthest <= allowed, "{furthest:e} apart");
}

const BOTH: [Layout; 2] = [Layout::Interleaved, Layout::Half];

fn rotary(layout: Layout) -> Rotary {
    Rotary { base: 10_000.0, layout }
}

// Heads

#[test]
fn splitting_and_merging_undo_each_other() {
    for (n, h, d) in [(1, 1, 1), (4, 2, 3), (33, 31, 1), (1, 3, 32), (127, 4, 5)] {
        let x = normal(1, n, h * d);
        assert_eq!(merge_heads(split_heads(x.view(), h).view()), x);
    }
}

#[test]
fn views_that_are_not_contiguous_are_split_by_what_they_show() {
    let wide = normal(2, 12, 5);
    let turned = wide.slice(s![..;2, ..]).reversed_axes(); // 5×6, strided
    let copied = turned.as_standard_layout().into_owned();
    assert_eq!(split_heads(turned, 3), split_heads(copied.view(), 3));
    let heads = split_heads(copied.view(), 3);
    let mut reversed = heads.view();
    reversed.invert_axis(Axis(1));
    assert_eq!(merge_heads(reversed).row(0), copied.row(4));
}

// Multi-head attention

/// Each head written out: its own slices of the weights, chapter 3's attention, its own rows of W_o;
/// the results add up.
#[test]
fn multi_head_attention_is_a_sum_over_single_heads() {
    let (h, d) = (4, 8);
    let layer = layer(3, h, d, 24, 20);
    let (x, memory) = (normal(4, 33, 24), normal(5, 31, 20));
    let mut sum = Array2::<f32>::zeros((33, 24));
    for head in 0..h {
        let own = s![.., head * d..(head + 1) * d];
        let q = x.dot(&layer.w_q.slice(own));
        let [k, v] = [&layer.w_k, &layer.w_v].map(|w| memory.dot(&w.slice(own)));
        let out = attention(q.view(), k.view(), v.view(), &Mask::Prefix(3)).out;
        sum += &out.dot(&layer.w_o.slice(s![head * d..(head + 1) * d, ..]));
    }
    let whole = multi_head_attention(&layer, x.view(), memory.view(), &Mask::Prefix(3));
    near(whole.view(), sum.view(), 3e-6);
}

#[test]
fn a_block_diagonal_w_o_keeps_the_heads_apart() {
    let mut layer = layer(6, 3, 4, 12, 12);
    for ((i, j), weight) in layer.w_o.indexed_iter_mut() {
        if i / 4 != j / 4 {
            *weight = 0.0;
        }
    }
    let x = normal(7, 9, 12);
    let before = multi_head_attention(&layer, x.view(), x.view(), &Mask::None);
    layer.w_q.slice_mut(s![.., 4..8]).fill(7.0);
    layer.w_v.slice_mut(s![.., 4..8]).mapv_inplace(|w| -w);
    let after = multi_head_attention(&layer, x.view(), x.view(), &Mask::None);
    for column in 0..12 {
        let same = before.column(column) == after.column(column);
        assert_eq!(same, !(4..8).contains(&column), "column {column}");
    }
}

#[test]
fn self_attention_follows_a_permutation_of_its_tokens() {
    let layer = layer(8, 4, 4, 16, 16);
    let x = normal(9, 31, 16);
    let order: Vec<usize> = (0..31).map(|i| i * 12 % 31).collect();
    let permuted = x.select(Axis(0), &order);
    let before = multi_head_attention(&layer, x.view(), x.view(), &Mask::None);
    let after = multi_head_attention(&layer, permuted.view(), permuted.view(), &Mask::None);
    near(after.view(), before.select(Axis(0), &order).view(), 2e-6);
    // With positions it does not.
    for layout in BOTH {
        let with =
            |x: &Array2<f32>| rotary_self_attention(&layer, x.view(), rotary(layout), &Mask::None);
        let apart = with(&permuted) - with(&x).select(Axis(0), &order);
        assert!(apart.fold(0.0_f32, |most, x| most.max(x.abs())) > 0.01);
    }
}

/// What is shown of a layer is what it does: its weights, times the values, mixed.
#[test]
fn the_weights_shown_are_those_that_are_used() {
    let layer = layer(29, 3, 4, 12, 12);
    let x = normal(30, 9, 12);
    let x = x.view();
    let v = split_heads(x.dot(&layer.w_v).view(), 3);
    let mixed = |rotary| {
        let weights = head_weights(&layer, x, x, rotary, &Mask::Causal);
        let heads = weights.outer_iter().zip(v.outer_iter());
        let heads: Vec<_> = heads.map(|(weights, v)| weights.dot(&v)).collect();
        concatenate![Axis(1), heads[0], heads[1], heads[2]].dot(&layer.w_o)
    };
    let plain = multi_head_attention(&layer, x, x, &Mask::Causal);
    near(mixed(None).view(), plain.view(), 2e-6);
    for rotary in BOTH.map(rotary) {
        let turned = rotary_self_attention(&layer, x, rotary, &Mask::Causal);
        near(mixed(Some(rotary)).view(), turned.view(), 2e-6);
    }
}

/// For cross-attention it is the queries that may be permuted, and the memory does not matter.
#[test]
fn cross_attention_does_not_see_the_order_of_the_memory() {
    let layer = layer(10, 2, 4, 8, 6);
    let (x, memory) = (normal(11, 5, 8), normal(12, 33, 6));
    let order: Vec<usize> = (0..33).rev().collect();
    let turned = memory.select(Axis(0), &order);
    let before = multi_head_attention(&layer, x.view(), memory.view(), &Mask::None);
    let after = multi_head_attention(&layer, x.view(), turned.view(), &Mask::None);
    near(after.view(), before.view(), 2e-6);
}

#[test]
fn finite_rubbish_in_the_future_leaves_earlier_rows_bit_identical() {
    let layer = layer(13, 4, 8, 32, 32);
    for n in [2, 31, 33] {
        let x = normal(14, n, 32);
        let mut loud = x.clone();
        loud.row_mut(n - 1).fill(1e3);
        for layout in BOTH {
            let out = |x: &Array2<f32>| {
                rotary_self_attention(&layer, x.view(), rotary(layout), &Mask::Causal)
            };
            let (a, b) = (out(&x), out(&loud));
            assert_eq!(a.slice(s![..n - 1, ..]), b.slice(s![..n - 1, ..]));
            assert_ne!(a.row(n - 1), b.row(n - 1));
        }
    }
}

/// Tokens that come later in chunks have to be turned as in the whole.
#[test]
fn a_chunk_is_turned_as_in_the_whole_sequence() {
    for layout in BOTH {
        let x = normal(15, 33, 16);
        let whole = rope(x.view(), 0, rotary(layout));
        let (first, rest) = x.view().split_at(Axis(0), 13);
        let chunks = [rope(first, 0, rotary(layout)), rope(rest, 13, rotary(layout))];
        assert_eq!(concatenate![Axis(0), chunks[0], chunks[1]], whole);
    }
}

// Rotations

#[test]
fn rotated_scores_depend_on_the_distance_alone() {
    for layout in BOTH {
        let (q, k) = (normal(16, 1, 64), normal(17, 1, 64));
        let score = |i: usize, j: usize| {
            let (q, k) = (rope(q.view(), i, rotary(layout)), rope(k.view(), j, rotary(layout)));
            q.row(0).dot(&k.row(0))
        };
        for distance in [0, 1, 2, 31] {
            for j in [1, 7, 100, 1000] {
                let moved = (score(j + distance, j) - score(distance, 0)).abs();
                assert!(moved < 2e-3, "{layout:?} {distance} {j}: {moved}");
            }
        }
        // The direction counts, too: seven before is not seven after.
        assert!((score(17, 10) - score(10, 17)).abs() > 0.1);
    }
}

#[test]
fn rotation_keeps_the_length_of_every_row() {
    for layout in BOTH {
        let x = normal(18, 129, 32);
        let turned = rope(x.view(), 77, rotary(layout));
        for (before, after) in x.rows().into_iter().zip(turned.rows()) {
            assert!((before.dot(&before).sqrt() - after.dot(&after).sqrt()).abs() < 1e-5);
        }
    }
}

#[test]
fn position_zero_is_not_turned() {
    for layout in BOTH {
        let x = normal(19, 1, 8);
        assert_eq!(rope(x.view(), 0, rotary(layout)), x);
    }
}

/// Taking every other column first makes one layout of the other, so a checkpoint trained with one
/// works with the other once the columns of W_q and W_k are permuted in this way.
#[test]
fn the_layouts_are_equal_up_to_a_fixed_permutation() {
    let d = 16;
    let order: Vec<usize> = (0..d).step_by(2).chain((1..d).step_by(2)).collect();
    let x = normal(20, 33, d);
    let by_halves = rope(x.select(Axis(1), &order).view(), 5, rotary(Layout::Half));
    let by_neighbours = rope(x.view(), 5, rotary(Layout::Interleaved));
    assert_eq!(by_halves, by_neighbours.select(Axis(1), &order));

    let layer = layer(21, 1, d, 12, 12);
    let permuted = AttentionLayer {
        w_q: layer.w_q.select(Axis(1), &order),
        w_k: layer.w_k.select(Axis(1), &order),
        ..layer.clone()
    };
    let x = normal(22, 31, 12);
    let out = |layer, layout| rotary_self_attention(layer, x.view(), rotary(layout), &Mask::Causal);
    near(out(&permuted, Layout::Half).view(), out(&layer, Layout::Interleaved).view(), 2e-6);
}

// Norms

#[test]
fn a_normalised_row_has_mean_0_and_variance_1_and_does_not_see_shift_or_scale() {
    let plain = LayerNorm { gain: Array1::ones(129), bias: Array1::zeros(129) };
    let x = normal(23, 33, 129);
    let y = layer_norm(x.view(), &plain);
    for row in y.rows() {
        let mean = row.sum() / 129.0;
        let variance = row.dot(&row) / 129.0 - mean * mean;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    }
    near(layer_norm((&x * 8.0 + 2.0).view(), &plain).view(), y.view(), 2e-4);
}

// Bad input

/// What a panic says.
fn complaint<T>(run: impl FnOnce() -> T + UnwindSafe) -> String {
    let panic = catch_unwind(|| drop(run())).expect_err("no panic");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

#[test]
fn weights_that_do_not_fit_are_refused_with_both_sizes() {
    let w = |rows, columns| Array2::<f32>::zeros((rows, columns));
    let layer = |q, k, v, o, h| AttentionLayer::new(q, k, v, o, h).map(|_| ()).unwrap_err();
    let cases = [
        (
            layer(w(8, 10), w(8, 10), w(8, 12), w(12, 8), 4),
            "width of w_q 10 cannot be split into 4 heads",
        ),
        (
            layer(w(8, 12), w(8, 12), w(8, 10), w(10, 8), 4),
            "width of w_v 10 cannot be split into 4 heads",
        ),
        (layer(w(8, 8), w(8, 8), w(8, 8), w(8, 8), 0), "width of w_q cannot be split into 0 heads"),
        (layer(w(8, 8), w(8, 12), w(8, 8), w(8, 8), 4), "width of w_k 12 ≠ width of w_q 8"),
        (layer(w(8, 8), w(6, 8), w(5, 8), w(8, 8), 4), "rows of w_v 5 ≠ rows of w_k 6"),
        (layer(w(8, 8), w(8, 8), w(8, 8), w(6, 8), 4), "rows of w_o 6 ≠ width of w_v 8"),
    ];
    for (error, text) in cases {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn sequences_that_do_not_fit_are_refused_with_both_sizes() {
    let layer = layer(24, 2, 4, 8, 6);
    let (x, memory) = (normal(25, 3, 8), normal(26, 4, 6));
    assert_eq!(layer.fits(x.view(), memory.view()), Ok(()));
    let empty = Array2::zeros((0, 8));
    let error = layer.fits(empty.view(), memory.view()).unwrap_err();
    assert_eq!(error, LayerError::Empty("x"));
    assert_eq!(error.to_string(), "x is empty, it needs at least one token");
    let error = layer.fits(x.view(), Array2::zeros((0, 6)).view()).unwrap_err();
    assert_eq!(error, LayerError::Empty("memory"));
    let error = layer.fits(memory.view(), memory.view()).unwrap_err();
    assert_eq!(error.to_string(), "x width 6 ≠ rows of w_q 8");
    let said = complaint(|| multi_head_attention(&layer, x.view(), x.view(), &Mask::None));
    assert_eq!(said, "memory width 8 ≠ rows of w_k 6");
    let keys = Mask::padding([true; 3]);
    let said = complaint(|| multi_head_attention(&layer, x.view(), memory.view(), &keys));
    assert_eq!(said, "padding mask length 3 ≠ key count 4");
}

#[test]
fn widths_that_cannot_be_split_or_turned_are_refused() {
    let x = normal(27, 2, 10);
    let said = complaint(|| split_heads(x.view(), 4));
    assert_eq!(said, "width 10 cannot be split into 4 heads");
    let said = complaint(|| split_heads(x.view(), 0));
    assert_eq!(said, "width cannot be split into 0 heads");
    let x = normal(28, 2, 5);
    let said = complaint(|| rope(x.view(), 0, rotary(Layout::Half)));
    assert_eq!(said, "head width 5 is odd, a rotation needs pairs of numbers");
    let norm = LayerNorm { gain: Array1::ones(5), bias: Array1::zeros(4) };
    let said = complaint(|| layer_norm(x.view(), &norm));
    assert_eq!(said, "bias length 4 ≠ x width 5");
}

// Decoding

/// Token by token, with what was kept, come the rows that one causal pass gives: with padding before
/// the first token too, and wherever the first one stands.
#[test]
fn decoding_step_by_step_gives_the_rows_of_one_causal_pass() {
    let (h, d, n) = (3, 4, 9);
    let layer = layer(31, h, d, 12, 12);
    let x = normal(32, n, 12);
    for rotary in BOTH.map(rotary) {
        let whole = rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal);
        for (padding, first) in [(0, 0), (2, 0), (0, 40), (3, 7)] {
            let rubbish: Array3<f32> = Random::new(33).normal((h, padding, d)) * 50.0;
            let mut kept = Kept { keys: rubbish.clone(), values: rubbish, padding };
            for (i, token) in x.rows().into_iter().enumerate() {
                let step = decode_step(&layer, token, &kept, first + i, rotary);
                near(step.out.view().insert_axis(Axis(0)), whole.slice(s![i..=i, ..]), 1e-5);
                let (key, value) = (step.key.insert_axis(Axis(1)), step.value.insert_axis(Axis(1)));
                kept.keys = concatenate![Axis(1), kept.keys, key];
                kept.values = concatenate![Axis(1), kept.values, value];
            }
        }
    }
}

// What is added today

/// With gains of 1, the scores of normalised queries and keys lie between −√d and √d: here both ends
/// are reached, by keys along the query and against it.
#[test]
fn after_a_qk_norm_no_score_is_larger_than_the_root_of_d() {
    let q = normal(34, 1, 128) * 1000.0;
    let k = concatenate![Axis(0), q, -&q];
    let bound = Bound::Norm { q_gain: Array1::ones(128), k_gain: Array1::ones(128) };
    let weights = bounded_attention(q.view(), k.view(), Array2::eye(2).view(), &bound, &Mask::None);
    let apart = (weights[[0, 0]] / weights[[0, 1]]).ln();
    assert!((apart - 2.0 * 128.0_f32.sqrt()).abs() < 0.01, "{apart}");
    assert!((128.0_f32.sqrt() - 11.3).abs() < 0.05);
}

/// The query's share of the bias is the same for a whole row. And what the page says of the ranges.
#[test]
fn of_a_linear_bias_only_the_place_of_the_key_is_felt() {
    let (h, n, m, d) = (8, 5, 7, 4);
    let mut random = Random::new(35);
    let (q, k): (Array3<f32>, Array3<f32>) = (random.normal((h, n, d)), random.normal((h, m, d)));
    let v: Array3<f32> = random.normal((h, m, 3));
    let out = alibi_attention(q.view(), k.view(), v.view());
    for head in 0..h {
        // A key moved by √d · slope · j along a query that is 1 there.
        let slope = 0.5_f32.powi(head as i32 + 1);
        let places = Array2::from_shape_fn((m, 1), |(j, _)| slope * j as f32);
        let root = ((d as f32 + 1.0) / d as f32).sqrt();
        let q = concatenate![
            Axis(1),
            &q.index_axis(Axis(0), head) * root,
            Array2::from_elem((n, 1), (d as f32 + 1.0).sqrt())
        ];
        let k = concatenate![Axis(1), k.index_axis(Axis(0), head), places];
        let alone = attention(q.view(), k.view(), v.index_axis(Axis(0), head), &Mask::Causal).out;
        near(alone.view(), out.index_axis(Axis(0), head), 3e-6);
    }
    let half_life = |slope: f64| 2.0_f64.ln() / slope;
    assert!((half_life(0.5) - 1.4).abs() < 0.05);
    assert!((half_life(1.0 / 256.0) - 177.0).abs() < 0.5);
}

/// A gate that is open everywhere changes nothing, and one that is shut leaves nothing.
#[test]
fn a_gate_opens_and_shuts() {
    let layer = layer(36, 2, 4, 8, 8);
    let x = normal(37, 6, 8).mapv(f32::abs);
    let gated = |z: f32| {
        let w_gate = Array2::from_elem((8, 8), z);
        gated_attention(&layer, w_gate.view(), x.view(), x.view(), &Mask::Causal)
    };
    let plain = multi_head_attention(&layer, x.view(), x.view(), &Mask::Causal);
    near(gated(1e3).view(), plain.view(), 1e-6);
    near(gated(-1e3).view(), Array2::zeros((6, 8)).view(), 1e-6);
}
