//! Wrong answers to 4.5.

use super::Body;
use crate::{
    attend_heads,
    given::{AttentionLayer, Layout, Rotary},
    merge_heads, multi_head_attention, rope, rotary_self_attention, split_heads, turned,
};
use attn_core::Mask;
use attn_exercise::Mistake;
use ndarray::{Array2, Array3, ArrayView2};

/// Queries, keys and values of every head.
type Heads = [Array3<f32>; 3];

/// Self-attention in which `turn` does what it likes with queries, keys and values.
fn with(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    mask: &Mask,
    turn: impl Fn(Heads) -> Heads,
) -> Array2<f32> {
    let heads = [&layer.w_q, &layer.w_k, &layer.w_v];
    let [q, k, v] = turn(heads.map(|w| split_heads(x.dot(w).view(), layer.h)));
    let heads = attend_heads(q.view(), k.view(), v.view(), mask);
    merge_heads(heads.view()).dot(&layer.w_o)
}

fn other(layout: Layout) -> Layout {
    match layout {
        Layout::Interleaved => Layout::Half,
        Layout::Half => Layout::Interleaved,
    }
}

pub fn all() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "values-turned",
            when: "the values are turned too: they are what is fetched, and are to arrive as they are",
            body: |layer, x, rotary, mask| {
                with(layer, x, mask, |[q, k, v]| {
                    [turned(q, rotary), turned(k, rotary), turned(v, rotary)]
                })
            },
        },
        Mistake {
            name: "not-turned",
            when: "no position comes in: queries and keys are not turned, or all tokens by the same angle",
            body: |layer, x, _, mask| multi_head_attention(layer, x, x, mask),
        },
        Mistake {
            name: "queries-only",
            when: "only the queries are turned, so that scores depend on the query's position instead of the distance",
            body: |layer, x, rotary, mask| {
                with(layer, x, mask, |[q, k, v]| [turned(q, rotary), k, v])
            },
        },
        Mistake {
            name: "keys-only",
            when: "only the keys are turned, so that scores depend on the key's position instead of the distance",
            body: |layer, x, rotary, mask| {
                with(layer, x, mask, |[q, k, v]| [q, turned(k, rotary), v])
            },
        },
        Mistake {
            name: "before-split",
            when: "the queries and keys of all heads are turned together before they are split: the pairs and their speeds are those of the whole width",
            body: |layer, x, rotary, mask| {
                let [q, k] = [&layer.w_q, &layer.w_k].map(|w| {
                    let whole = rope(x.dot(w).view(), 0, rotary);
                    split_heads(whole.view(), layer.h)
                });
                with(layer, x, mask, |[_, _, v]| [q.clone(), k.clone(), v])
            },
        },
        Mistake {
            name: "x-turned",
            when: "x is turned before the projections, instead of the queries and keys after them",
            body: |layer, x, rotary, mask| {
                let x = rope(x, 0, rotary);
                multi_head_attention(layer, x.view(), x.view(), mask)
            },
        },
        Mistake {
            name: "turned-twice",
            when: "queries and keys are turned twice, so that every distance counts double",
            body: |layer, x, rotary, mask| {
                with(layer, x, mask, |[q, k, v]| {
                    [
                        turned(turned(q, rotary), rotary),
                        turned(turned(k, rotary), rotary),
                        v,
                    ]
                })
            },
        },
        Mistake {
            name: "layouts-mixed",
            when: "queries and keys are turned in different layouts",
            body: |layer, x, rotary, mask| {
                let keys = Rotary {
                    layout: other(rotary.layout),
                    ..rotary
                };
                with(layer, x, mask, |[q, k, v]| {
                    [turned(q, rotary), turned(k, keys), v]
                })
            },
        },
        Mistake {
            name: "other-layout",
            when: "queries and keys are turned in the other layout",
            body: |layer, x, rotary, mask| {
                let rotary = Rotary {
                    layout: other(rotary.layout),
                    ..rotary
                };
                rotary_self_attention(layer, x, rotary, mask)
            },
        },
        Mistake {
            name: "outputs-turned",
            when: "what the heads found is turned instead of the queries and keys",
            body: |layer, x, rotary, mask| {
                let [q, k, v] = [&layer.w_q, &layer.w_k, &layer.w_v]
                    .map(|w| split_heads(x.dot(w).view(), layer.h));
                let heads = attend_heads(q.view(), k.view(), v.view(), mask);
                merge_heads(turned(heads, rotary).view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "mask-ignored",
            when: "the mask is not handed on to the heads",
            body: |layer, x, rotary, _| rotary_self_attention(layer, x, rotary, &Mask::None),
        },
        Mistake {
            name: "always-causal",
            when: "the mask is always causal, whatever was asked for",
            body: |layer, x, rotary, _| rotary_self_attention(layer, x, rotary, &Mask::Causal),
        },
        Mistake {
            name: "no-w-o",
            when: "the merged heads are returned as they are: the product with W_o is missing",
            body: |layer, x, rotary, mask| {
                let [q, k, v] = [&layer.w_q, &layer.w_k, &layer.w_v]
                    .map(|w| split_heads(x.dot(w).view(), layer.h));
                let (q, k) = (turned(q, rotary), turned(k, rotary));
                merge_heads(attend_heads(q.view(), k.view(), v.view(), mask).view())
            },
        },
    ]
}
