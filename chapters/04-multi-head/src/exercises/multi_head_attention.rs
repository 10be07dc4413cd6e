//! 4.3 `multi_head_attention`

use super::{merge_heads, split_heads};
use crate::{attend_heads, given::AttentionLayer, head_weights, oracle};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Finding, SOME_MASKS, SOME_VALUES, exercise, field, given, pairwise, some_mask, some_values,
};
use attn_oracle::to;
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use ndarray::{Array2, Array3, ArrayView2, Axis, array, s};

given! { AttentionLayer { w_q [d_model], w_k [d_memory], w_v [], w_o [], h [h] } }

exercise! {
    /// A layer, who asks (n × d_model), who is asked (m × d_memory), and a mask.
    crate::multi_head_attention: (
        layer: AttentionLayer, x: Array2<f32>[n d_model], memory: Array2<f32>[m d_memory], mask: Mask,
    ) -> Array2<f32>;

    exact: |c| oracle::multi_head(&c.layer, &to::<f64>(c.x.view()), &to(c.memory.view()), None, &c.mask);
    plain: |c| [oracle::multi_head(&c.layer, &c.x, &c.memory, None, &c.mask), c.call(values_absorbed)];
    relation: isolated;
    steps: |c| {
        let [q, k, v] = project(&c.layer, c.x.view(), c.memory.view());
        let heads = attend_heads(q.view(), k.view(), v.view(), &c.mask);
        [field("q", &q), field("k", &k), field("v", &v), field("heads", &heads), field("heads, merged", &crate::merge_heads(heads.view()))]
    };

    cases: |random| {
        let mut of = |about, (n, m), heads, (d_model, d_memory), mask, [of_x, of_memory]: [usize; 2]| case(about, (
            random_layer(random, heads, (d_model, d_memory)),
            some_values(of_x, (n, d_model), random),
            some_values(of_memory, (m, d_memory), random),
            mask,
        ));
        let (four, square) = ((4, 8, 8), (32, 32));
        let padding = Mask::padding((0..31).map(|j| j % 3 != 1));
        let mut cases = vec![
            by_hand(),
            of("one head", (4, 6), (1, 4, 4), (4, 4), Mask::None, [0, 0]),
            of("cross", (6, 6), four, square, Mask::None, [0, 0]),
            of("cross", (5, 7), (2, 4, 3), (6, 5), Mask::None, [0, 0]),
            of("one token", (1, 1), (3, 1, 2), (4, 4), Mask::None, [0, 0]),
            of("cross", (7, 5), four, square, Mask::None, [0, 0]),
            of("cross, query 0 sees nothing", (6, 5), four, square, Mask::Causal, [0, 0]),
            of("cross", (33, 31), (3, 5, 7), (9, 11), Mask::Prefix(4), [0, 0]),
            of("cross", (127, 129), (8, 8, 8), (16, 24), Mask::Causal, [0, 0]),
        ];
        cases.extend([(6, Mask::Causal), (32, Mask::Causal), (31, Mask::All(vec![Mask::Causal, padding]))].map(|(n, mask)| {
            let own = of("self", (n, n), four, square, mask, [0, 0]);
            Case { memory: own.x.clone(), ..own }
        }));
        // Two neighbours that differ in head 1 alone, whose columns of w_o lead to other outputs.
        let mut quiet = of("w_o does not mix heads", (4, 6), four, square, Mask::None, [0, 0]);
        quiet.layer.w_o.indexed_iter_mut().filter(|((i, j), _)| i / 8 != j / 8).for_each(|(_, weight)| *weight = 0.0);
        let mut loud = Case { about: "as before, but head 1 has other weights".into(), ..quiet.clone() };
        for w in [&mut loud.layer.w_q, &mut loud.layer.w_k, &mut loud.layer.w_v] {
            w.slice_mut(s![.., 8..16]).mapv_inplace(|w| -2.0 * w);
        }
        cases.extend([quiet, loud]);
        let levels = [3, 3, 3, 2, 2, 3, 3, SOME_MASKS, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, m, h, d, d_v, d_model, d_memory, mask, of_x, of_memory]| {
            let mask = some_mask(mask, (n + 1, m + 1), &mut Random::new((n + 3 * m) as u64));
            of("small", (n + 1, m + 1), (h + 1, d + 1, d_v + 1), (d_model + 1, d_memory + 1), mask, [of_x, of_memory])
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    right (layer, x, memory, mask) {
        "head by head" => head_by_head(layer, x, memory, mask);
        "f64 inside" => oracle::multi_head(layer, &to::<f64>(x), &to(memory), None, mask).mapv(|x| x as f32);
        "W_v W_o first" => values_absorbed(layer, x, memory, mask);
    }

    mistakes (layer, x, memory, mask) {
        "no-w-o": "the merged heads are returned as they are: the product with W_o is missing"
            => crate::merge_heads(attend(project(layer, x, memory), mask).view());
        "root-of-all-heads": "the scores are divided by the root of the width of all heads together, √(h·d), instead of one head's, √d"
            => scaled(layer, x, memory, mask, 1.0 / (layer.h as f32).sqrt());
        "root-of-d-model": "the scores are divided by √d_model instead of √d, the width of one head"
            => scaled(layer, x, memory, mask, (head_width(layer) / x.ncols() as f32).sqrt());
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => scaled(layer, x, memory, mask, 1.0 / head_width(layer).sqrt());
        "no-scale": "the scores are not divided by √d, the width of one head"
            => scaled(layer, x, memory, mask, head_width(layer).sqrt());
        "softmax-over-heads": "the softmax runs over the heads instead of the keys"
            => {
                let [q, k, v] = project(layer, x, memory);
                let mut scores = Array3::zeros((layer.h, x.nrows(), memory.nrows()));
                for ((mut scores, q), k) in scores.outer_iter_mut().zip(q.outer_iter()).zip(k.outer_iter()) {
                    scores.assign(&masked_scores(q, k, mask));
                }
                for mut lane in scores.lanes_mut(Axis(0)) {
                    let weights = softmax_rows(lane.view().insert_axis(Axis(0)));
                    lane.assign(&weights.row(0));
                }
                weigh(layer, &scores, &v)
            };
        "one-wide-head": "the columns are not split: there is one head of the full width"
            => crate::multi_head_attention(&AttentionLayer { h: 1, ..layer.clone() }, x, memory, mask);
        "split-by-reshape": "queries, keys and values are split by a reshape without a transpose: each head attends among mixtures of tokens"
            => {
                let split = |x: ArrayView2<f32>, w: &Array2<f32>| {
                    split_heads::reshaped(x.dot(w).view(), (layer.h, x.nrows(), w.ncols() / layer.h))
                };
                mix(layer, &attend([split(x, &layer.w_q), split(memory, &layer.w_k), split(memory, &layer.w_v)], mask))
            };
        "merged-by-reshape": "the heads are merged by a reshape without a transpose"
            => {
                let heads = attend(project(layer, x, memory), mask);
                merge_heads::reshaped(heads.view(), (x.nrows(), layer.w_v.ncols())).dot(&layer.w_o)
            };
        "first-weights-for-all": "every head uses the weights of the first one: the scores are those of head 0 throughout"
            => {
                let [q, k, v] = project(layer, x, memory);
                let first = |x: Array3<f32>| x.slice(s![..1, .., ..]).broadcast(x.dim()).expect("heads").to_owned();
                mix(layer, &attend([first(q), first(k), v], mask))
            };
        "mean-of-weights": "the weights of the heads are averaged, and every head uses the mean"
            => {
                let [_, _, v] = project(layer, x, memory);
                let weights = head_weights(layer, x, memory, None, mask);
                let mean = weights.mean_axis(Axis(0)).expect("a head");
                weigh(layer, &mean.broadcast(weights.dim()).expect("heads").to_owned(), &v)
            };
        "mask-ignored": "the mask is not handed on to the heads"
            => crate::multi_head_attention(layer, x, memory, &Mask::None);
        "mask-on-the-first-head": "only the first head obeys the mask"
            => {
                let mut heads = attend(project(layer, x, memory), &Mask::None);
                let masked = attend(project(layer, x, memory), mask);
                heads.slice_mut(s![0, .., ..]).assign(&masked.slice(s![0, .., ..]));
                mix(layer, &heads)
            };
        "transposed-mask": "the mask is read as a table of keys by queries"
            => {
                let (n, m) = (x.nrows(), memory.nrows());
                let table = allowed(mask, n, m);
                let swapped = Array2::from_shape_fn((n, m), |(i, j)| table[[j.min(n - 1), i.min(m - 1)]]);
                crate::multi_head_attention(layer, x, memory, &Mask::Dense(swapped))
            };
        "keys-and-values-swapped": "keys and values are exchanged: w_v makes the keys, or attention gets v before k"
            => {
                let [q, k, v] = project(layer, x, memory);
                mix(layer, &attend([q, v, k], mask))
            };
        "keys-from-x": "the keys are made from x instead of the memory"
            => {
                let [q, _, v] = project(layer, x, memory);
                mix(layer, &attend([q, crate::split_heads(x.dot(&layer.w_k).view(), layer.h), v], mask))
            };
        "values-from-x": "the values are made from x instead of the memory"
            => {
                let [q, k, _] = project(layer, x, memory);
                mix(layer, &attend([q, k, crate::split_heads(x.dot(&layer.w_v).view(), layer.h)], mask))
            };
        "keys-and-values-from-x": "keys and values are made from x: the memory is not looked at"
            => mix(layer, &attend(project(layer, x, x), mask));
        "queries-from-memory": "the queries are made from the memory instead of x"
            => mix(layer, &attend(project(layer, memory, memory), mask));
        "w-o-transposed": "W_o is applied transposed"
            => crate::merge_heads(attend(project(layer, x, memory), mask).view()).dot(&layer.w_o.t());
        "w-o-transposed-where-square": "W_o is applied transposed where it is square"
            => {
                let w_o = if layer.w_o.is_square() { layer.w_o.t() } else { layer.w_o.view() };
                crate::merge_heads(attend(project(layer, x, memory), mask).view()).dot(&w_o)
            };
        "values-from-x-where-alike": "the values are made from x instead of the memory where the two have the same shape"
            => {
                let [q, k, v] = project(layer, x, memory);
                let v = if x.dim() == memory.dim() { crate::split_heads(x.dot(&layer.w_v).view(), layer.h) } else { v };
                mix(layer, &attend([q, k, v], mask))
            };
        "keys-and-values-from-x-where-alike": "keys and values are made from x where it has the shape of the memory: the memory is not looked at"
            => mix(layer, &attend(project(layer, x, if x.dim() == memory.dim() { x } else { memory }), mask));
        "w-k-and-w-v-swapped": "w_k and w_v are exchanged where they have the same shape"
            => {
                let mut swapped = layer.clone();
                if layer.w_k.dim() == layer.w_v.dim() {
                    std::mem::swap(&mut swapped.w_k, &mut swapped.w_v);
                }
                mix(layer, &attend(project(&swapped, x, memory), mask))
            };
        "w-q-and-w-k-swapped": "w_q and w_k are exchanged: w_q makes the queries of x, w_k the keys of the memory"
            => {
                let swapped = AttentionLayer { w_q: layer.w_k.clone(), w_k: layer.w_q.clone(), ..layer.clone() };
                mix(layer, &attend(project(&swapped, x, memory), mask))
            };
        "w-q-and-w-k-swapped-where-alike": "w_q and w_k are exchanged where they have the same shape: w_q makes the queries of x, w_k the keys of the memory"
            => {
                let mut swapped = layer.clone();
                if layer.w_q.dim() == layer.w_k.dim() {
                    std::mem::swap(&mut swapped.w_q, &mut swapped.w_k);
                }
                mix(layer, &attend(project(&swapped, x, memory), mask))
            };
        "first-keys-for-all": "every head looks at the keys of head 0"
            => {
                let [q, k, v] = project(layer, x, memory);
                let first = k.slice(s![..1, .., ..]).broadcast(k.dim()).expect("heads").to_owned();
                mix(layer, &attend([q, first, v], mask))
            };
        "first-values-for-all": "every head takes the values of head 0"
            => {
                let [q, k, v] = project(layer, x, memory);
                let first = v.slice(s![..1, .., ..]).broadcast(v.dim()).expect("heads").to_owned();
                mix(layer, &attend([q, k, first], mask))
            };
        "by-h": "the result is divided by the number of heads; W_o adds them up as they are"
            => crate::multi_head_attention(layer, x, memory, mask) / layer.h as f32;
        "causal-too": "the mask is joined with a causal one; the mask that is given is all"
            => crate::multi_head_attention(layer, x, memory, &Mask::All(vec![mask.clone(), Mask::Causal]));
        "residual": "x is added to the result; that is done by the block around it, later"
            => crate::multi_head_attention(layer, x, memory, mask) + x;
        "relu": "the merged heads go through a ReLU before W_o"
            => crate::merge_heads(attend(project(layer, x, memory), mask).view()).mapv(|x| x.max(0.0)).dot(&layer.w_o);
    }

    within {
        split_heads: |split_heads, (layer, x, memory, mask)| {
            let split = |x: ArrayView2<f32>, w: &Array2<f32>| split_heads(x.dot(w).view(), layer.h);
            mix(layer, &attend([split(x, &layer.w_q), split(memory, &layer.w_k), split(memory, &layer.w_v)], mask))
        };
        merge_heads: |merge_heads, (layer, x, memory, mask)| {
            merge_heads(attend(project(layer, x, memory), mask).view()).dot(&layer.w_o)
        };
    }
}

/// Two heads of width 1 on two tokens. Head 0 compares first coordinates and finds weights 1/4 and
/// 3/4 for the second query; head 1 sees scores of 0, and averages.
fn by_hand() -> Case {
    let tokens = array![[0.0, 1.0], [1.0, 0.0]];
    let layer = AttentionLayer {
        w_q: array![[3.0_f32.ln(), 0.0], [0.0, 0.0]],
        w_k: Array2::eye(2),
        w_v: array![[4.0, 0.0], [0.0, 2.0]],
        w_o: array![[1.0, 0.0], [1.0, 1.0]],
        h: 2,
    };
    case("by hand: weights 1/4, 3/4 and 1/2, 1/2", (layer, tokens.clone(), tokens, Mask::None))
}

/// Between the neighbours that differ in head 1: outputs that W_o takes from the other heads alone
/// have to be the same.
fn isolated(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.x != b.x || a.layer.w_o != b.layer.w_o {
            continue;
        }
        for column in (0..8).chain(16..32) {
            if answer[0].column(column) != answer[1].column(column) {
                let what = format!(
                    "out column {column} changes with the weights of head 1, which it takes nothing from"
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

/// A matrix whose products have entries of about the size of what it is multiplied with.
pub(super) fn random_matrix(random: &mut Random, rows: usize, columns: usize) -> Array2<f32> {
    random.normal((rows, columns)) / (rows as f32).sqrt()
}

/// A layer of `h` heads of widths d and d_v.
pub(super) fn random_layer(
    random: &mut Random,
    (h, d, d_v): (usize, usize, usize),
    (d_model, d_memory): (usize, usize),
) -> AttentionLayer {
    AttentionLayer {
        w_q: random_matrix(random, d_model, h * d),
        w_k: random_matrix(random, d_memory, h * d),
        w_v: random_matrix(random, d_memory, h * d_v),
        w_o: random_matrix(random, h * d_v, d_model),
        h,
    }
}

/// Each head from its own slices of the weights; W_o slice by slice.
pub(super) fn head_by_head(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let (d, d_v) = (layer.w_q.ncols() / layer.h, layer.w_v.ncols() / layer.h);
    let mut out = Array2::zeros((x.nrows(), layer.w_o.ncols()));
    for head in 0..layer.h {
        let (own, own_v) = (head * d..(head + 1) * d, head * d_v..(head + 1) * d_v);
        let q = x.dot(&layer.w_q.slice(s![.., own.clone()]));
        let k = memory.dot(&layer.w_k.slice(s![.., own]));
        let v = memory.dot(&layer.w_v.slice(s![.., own_v.clone()]));
        let found = attention(q.view(), k.view(), v.view(), mask).out;
        out += &found.dot(&layer.w_o.slice(s![own_v, ..]));
    }
    out
}

/// W_v and W_o of each head multiplied first: the same, in another order of products.
fn values_absorbed(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let weights = head_weights(layer, x, memory, None, mask);
    let d_v = layer.w_v.ncols() / layer.h;
    let mut out = Array2::zeros((x.nrows(), layer.w_o.ncols()));
    for (head, weights) in weights.outer_iter().enumerate() {
        let own = head * d_v..(head + 1) * d_v;
        let w_v = layer.w_v.slice(s![.., own.clone()]);
        out += &weights.dot(&memory.dot(&w_v.dot(&layer.w_o.slice(s![own, ..]))));
    }
    out
}

/// Queries, keys and values of every head.
pub(super) fn project(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
) -> [Array3<f32>; 3] {
    [(x, &layer.w_q), (memory, &layer.w_k), (memory, &layer.w_v)]
        .map(|(x, w)| crate::split_heads(x.dot(w).view(), layer.h))
}

pub(super) fn attend([q, k, v]: [Array3<f32>; 3], mask: &Mask) -> Array3<f32> {
    attend_heads(q.view(), k.view(), v.view(), mask)
}

/// Merges the heads, and multiplies with W_o.
pub(super) fn mix(layer: &AttentionLayer, heads: &Array3<f32>) -> Array2<f32> {
    crate::merge_heads(heads.view()).dot(&layer.w_o)
}

/// The output with these weights of every head.
fn weigh(layer: &AttentionLayer, weights: &Array3<f32>, v: &Array3<f32>) -> Array2<f32> {
    let mut heads = Array3::zeros((v.dim().0, weights.dim().1, v.dim().2));
    for (i, mut head) in heads.outer_iter_mut().enumerate() {
        head.assign(&weights.index_axis(Axis(0), i).dot(&v.index_axis(Axis(0), i)));
    }
    mix(layer, &heads)
}

/// Multi-head attention whose scores are multiplied by `factor`.
fn scaled(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
    factor: f32,
) -> Array2<f32> {
    let layer = AttentionLayer { w_q: &layer.w_q * factor, ..layer.clone() };
    crate::multi_head_attention(&layer, x, memory, mask)
}

fn head_width(layer: &AttentionLayer) -> f32 {
    (layer.w_q.ncols() / layer.h) as f32
}
