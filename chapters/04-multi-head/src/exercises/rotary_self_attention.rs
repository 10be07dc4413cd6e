//! 4.5 `rotary_self_attention`

use super::{
    multi_head_attention::{attend, mix, project, random_layer},
    rope::{by_columns, other},
};
use crate::{
    given::{AttentionLayer, Layout, Rotary},
    oracle, turned,
};
use attn_core::Mask;
use attn_exercise::{SOME_MASKS, SOME_VALUES, exercise, field, pairwise, some_mask, some_values};
use attn_oracle::to;
use ch03_scaled_dot_product::attention;
use ndarray::{Array2, Array3, ArrayView2, Axis, array, concatenate, s};
use std::f32::consts::FRAC_PI_2;

exercise! {
    /// A layer, a sequence (n × d_model), how positions turn, and a mask.
    crate::rotary_self_attention: (layer: AttentionLayer, x: Array2<f32>[n d_model], rotary: Rotary, mask: Mask) -> Array2<f32>;

    exact: |c| {
        let x = to::<f64>(c.x.view());
        oracle::multi_head(&c.layer, &x, &x, Some(c.rotary), &c.mask)
    };
    plain: |c| [oracle::multi_head(&c.layer, &c.x, &c.x, Some(c.rotary), &c.mask), c.call(from_position_1)];
    steps: |c| {
        let [q, k, _] = project(&c.layer, c.x.view(), c.x.view());
        let [turned_q, turned_k] = [&q, &k].map(|x| turned(x.clone(), c.rotary));
        [field("q", &q), field("q, turned", &turned_q), field("k", &k), field("k, turned", &turned_k)]
    };

    cases: |random| {
        let padding = Mask::padding((0..31).map(|j| j % 3 != 1));
        let both = Mask::All(vec![Mask::Causal, padding]);
        let mut of = |about, n, (h, d, d_v, d_model): (usize, usize, usize, usize), layout, mask: &dyn Fn(&mut _) -> Mask, kind| {
            let layer = random_layer(random, (h, d, d_v), (d_model, d_model));
            case(about, (layer, some_values(kind, (n, d_model), random), Rotary { base: 100.0, layout }, mask(random)))
        };
        use Layout::{Half, Interleaved};
        let mut cases = vec![
            by_hand(),
            of("", 1, (2, 2, 2, 6), Interleaved, &|_| Mask::None, 0),
            of("", 4, (1, 4, 4, 6), Half, &|_| Mask::None, 0),
            of("", 5, (2, 4, 2, 6), Interleaved, &|_| Mask::None, 0),
            of("", 6, (4, 6, 6, 24), Half, &|_| Mask::Causal, 0),
            of("", 31, (3, 8, 6, 16), Interleaved, &|_| both.clone(), 0),
            of("", 33, (3, 8, 6, 16), Half, &|_| Mask::Prefix(5), 0),
            of("", 127, (4, 8, 8, 32), Interleaved, &|_| Mask::Causal, 0),
            of("", 7, (2, 4, 3, 5), Half, &|_| Mask::None, 0),
        ];
        let mut wide_base = of("the base 500,000 of Llama 3", 6, (2, 4, 3, 5), Half, &|_| Mask::Causal, 0);
        wide_base.rotary.base = 500_000.0;
        cases.push(wide_base);
        let levels = [3, 3, 2, 2, 3, 2, SOME_MASKS, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, h, d, d_v, d_model, layout, mask, kind]| {
            let n = n + 1;
            of("small", n, (h + 1, 2 * d + 2, d_v + 1, d_model + 1), [Interleaved, Half][layout], &|random| some_mask(mask, (n, n), random), kind)
        }));
        cases
    };

    never {
        "d_model < d_memory": "the keys and values come from the sequence itself";
        "d_model > d_memory": "the keys and values come from the sequence itself";
    }

    right (layer, x, rotary, mask) {
        "slices" => by_slices(layer, x, rotary, mask);
        // Only distances count, so every start gives the same.
        "positions from 1" => from_position_1(layer, x, rotary, mask);
    }

    mistakes (layer, x, rotary, mask) {
        "values-turned": "the values are turned too: they are what is fetched, and are to arrive as they are"
            => with(layer, x, mask, |[q, k, v]| [turned(q, rotary), turned(k, rotary), turned(v, rotary)]);
        "not-turned": "no position comes in: queries and keys are not turned, or all tokens by the same angle"
            => crate::multi_head_attention(layer, x, x, mask);
        "queries-only": "only the queries are turned, so that scores depend on the query's position instead of the distance"
            => with(layer, x, mask, |[q, k, v]| [turned(q, rotary), k, v]);
        "keys-only": "only the keys are turned, so that scores depend on the key's position instead of the distance"
            => with(layer, x, mask, |[q, k, v]| [q, turned(k, rotary), v]);
        "before-split": "the queries and keys of all heads are turned together before they are split: the pairs and their speeds are those of the whole width"
            => with(layer, x, mask, |[_, _, v]| {
                let whole = |w: &Array2<f32>| crate::split_heads(crate::rope(x.dot(w).view(), 0, rotary).view(), layer.h);
                [whole(&layer.w_q), whole(&layer.w_k), v]
            });
        "x-turned": "x is turned before the projections, instead of the queries and keys after them"
            => {
                let x = crate::rope(x, 0, rotary);
                crate::multi_head_attention(layer, x.view(), x.view(), mask)
            };
        "x-turned-for-q-and-k": "x is turned before the projections to queries and keys, instead of the queries and keys after them"
            => {
                let turned_x = crate::rope(x, 0, rotary);
                let [q, k, _] = project(layer, turned_x.view(), turned_x.view());
                with(layer, x, mask, |[_, _, v]| [q.clone(), k.clone(), v])
            };
        "turned-twice": "queries and keys are turned twice, so that every distance counts double"
            => with(layer, x, mask, |[q, k, v]| [turned(turned(q, rotary), rotary), turned(turned(k, rotary), rotary), v]);
        "layouts-mixed": "queries and keys are turned in different layouts"
            => with(layer, x, mask, |[q, k, v]| {
                [turned(q, rotary), turned(k, Rotary { layout: other(rotary.layout), ..rotary }), v]
            });
        "other-layout": "queries and keys are turned in the other layout"
            => crate::rotary_self_attention(layer, x, Rotary { layout: other(rotary.layout), ..rotary }, mask);
        "outputs-turned": "what the heads found is turned instead of the queries and keys"
            => mix(layer, &turned(attend(project(layer, x, x), mask), rotary));
        "mask-ignored": "the mask is not handed on to the heads"
            => crate::rotary_self_attention(layer, x, rotary, &Mask::None);
        "always-causal": "the mask is always causal, whatever was asked for"
            => crate::rotary_self_attention(layer, x, rotary, &Mask::Causal);
        "no-w-o": "the merged heads are returned as they are: the product with W_o is missing"
            => {
                let [q, k, v] = project(layer, x, x);
                crate::merge_heads(attend([turned(q, rotary), turned(k, rotary), v], mask).view())
            };
        "keys-from-position-1": "the keys are turned as if they stood one position further on than the queries"
            => with(layer, x, mask, |[q, k, v]| [turned(q, rotary), turned_by(k, |head| crate::rope(head, 1, rotary)), v]);
        "even-x-turned-for-q-and-k": "x is turned before the projections to queries and keys, instead of the queries and keys after them"
            => {
                let turned_x = if x.ncols() % 2 == 0 { crate::rope(x, 0, rotary) } else { x.to_owned() };
                let [q, k, _] = project(layer, turned_x.view(), turned_x.view());
                with(layer, x, mask, |[_, _, v]| [q.clone(), k.clone(), v])
            };
        "first-head-turned": "only head 0 is turned; every head has to be"
            => with(layer, x, mask, |[mut q, mut k, v]| {
                for heads in [&mut q, &mut k] {
                    let first = crate::rope(heads.index_axis(Axis(0), 0), 0, rotary);
                    heads.index_axis_mut(Axis(0), 0).assign(&first);
                }
                [q, k, v]
            });
        "outputs-turned-too": "what the heads found is turned as well; only queries and keys are to be"
            => {
                let [q, k, v] = project(layer, x, x);
                mix(layer, &turned(attend([turned(q, rotary), turned(k, rotary), v], mask), rotary))
            };
        "even-outputs-turned-too": "what the heads found is turned as well where its width is even; only queries and keys are to be"
            => {
                let [q, k, v] = project(layer, x, x);
                let heads = attend([turned(q, rotary), turned(k, rotary), v], mask);
                mix(layer, &if heads.dim().2.is_multiple_of(2) { turned(heads, rotary) } else { heads })
            };
        "queries-from-the-head": "the queries of head a are turned from position a on, not 0: the number of the head is taken for the position"
            => with(layer, x, mask, |[mut q, k, v]| {
                for (a, mut head) in q.outer_iter_mut().enumerate() {
                    let turned = crate::rope(head.view(), a, rotary);
                    head.assign(&turned);
                }
                [q, turned(k, rotary), v]
            });
        "keys-backwards": "the positions of the keys are counted from the end: the last key stands at position 0"
            => with(layer, x, mask, |[q, k, v]| {
                let backwards = |head: ArrayView2<f32>| crate::rope(head.slice(s![..;-1, ..]), 0, rotary).slice(s![..;-1, ..]).to_owned();
                [turned(q, rotary), turned_by(k, backwards), v]
            });
    }

    within {
        rope: |rope, (layer, x, rotary, mask)| {
            let turn = |heads| turned_by(heads, |head| rope(head, 0, rotary));
            with(layer, x, mask, |[q, k, v]| [turn(q), turn(k), v])
        };
        split_heads: |split_heads, (layer, x, rotary, mask)| {
            let [q, k, v] = [&layer.w_q, &layer.w_k, &layer.w_v].map(|w| split_heads(x.dot(w).view(), layer.h));
            mix(layer, &attend([turned(q, rotary), turned(k, rotary), v], mask))
        };
        merge_heads: |merge_heads, (layer, x, rotary, mask)| {
            let [q, k, v] = project(layer, x, x);
            merge_heads(attend([turned(q, rotary), turned(k, rotary), v], mask).view()).dot(&layer.w_o)
        };
    }
}

/// Two tokens with the same query and key, and the values 0 and 4. The second pair makes a quarter
/// turn per position: a token has the score ln 3 with itself and 0 with its neighbour.
fn by_hand() -> Case {
    let s = (2.0 * 3.0_f32.ln()).sqrt();
    let second_pair = array![[0.0, 0.0, s, 0.0], [0.0; 4]];
    let layer = AttentionLayer {
        w_q: second_pair.clone(),
        w_k: second_pair,
        w_v: array![[0.0, 0.0], [4.0, 0.0]],
        w_o: array![[1.0, 10.0], [0.0, 1.0]],
        h: 1,
    };
    let rotary = Rotary { base: FRAC_PI_2.recip().powi(2), layout: Layout::Interleaved };
    case(
        "by hand: weights 3/4 and 1/4",
        (layer, array![[1.0, 0.0], [1.0, 1.0]], rotary, Mask::None),
    )
}

/// Self-attention in which `turn` does what it likes with queries, keys and values.
fn with(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    mask: &Mask,
    turn: impl Fn([Array3<f32>; 3]) -> [Array3<f32>; 3],
) -> Array2<f32> {
    mix(layer, &attend(turn(project(layer, x, x)), mask))
}

/// Each head from its own slices of the weights.
pub(super) fn by_slices(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    let (d, d_v) = (layer.w_q.ncols() / layer.h, layer.w_v.ncols() / layer.h);
    let heads: Vec<_> = (0..layer.h)
        .map(|head| {
            let own = s![.., head * d..(head + 1) * d];
            let [q, k] = [&layer.w_q, &layer.w_k]
                .map(|w| by_columns(x.dot(&w.slice(own)).view(), 0, rotary));
            let v = x.dot(&layer.w_v.slice(s![.., head * d_v..(head + 1) * d_v]));
            attention(q.view(), k.view(), v.view(), mask).out
        })
        .collect();
    let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
    concatenate(Axis(1), &heads).expect("equal heads").dot(&layer.w_o)
}

/// The first token at position 1 instead of 0.
fn from_position_1(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    let turn = |heads| turned_by(heads, |head| crate::rope(head, 1, rotary));
    with(layer, x, mask, |[q, k, v]| [turn(q), turn(k), v])
}

fn turned_by(mut heads: Array3<f32>, turn: impl Fn(ArrayView2<f32>) -> Array2<f32>) -> Array3<f32> {
    for mut head in heads.outer_iter_mut() {
        let turned = turn(head.view());
        head.assign(&turned);
    }
    heads
}
