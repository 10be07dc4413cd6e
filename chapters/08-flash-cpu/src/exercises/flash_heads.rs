//! 8.4 `flash_heads`

use crate::{
    checked::{Held, Moved, mask},
    given::{Block, HeadsOutput, Output, Traffic},
    traffic::Sizes,
};
use attn_exercise::{Field, SOME_VALUES, Value, exercise, field, fields, pairwise, some_values};
use attn_oracle as oracle;
use ndarray::{
    Array2, Array3, ArrayView2, ArrayView3, Axis, Ix2, Ix3, NdFloat, concatenate, s, stack,
};

fields! { HeadsOutput { out, lse } }

exercise! {
    /// Several heads, and how large the tiles are.
    crate::flash_heads as fn(ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>, bool, Block, &mut Traffic) -> HeadsOutput: (
        q: Array3<f32>[h n d], k: Array3<f32>[h_kv m d], v: Array3<f32>[h_kv m d_v], causal: bool, block: Block,
    ) -> Held<Moved<HeadsOutput>>;
    answer: |flash_heads, c| c.call(|q, k, v, causal, block| {
        watched(q, k, |traffic| flash_heads(q, k, v, causal, block, traffic))
    });

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c)];
    then: |c, answer| {
        let one = Sizes::of(c.q.index_axis(Axis(0), 0), c.v.index_axis(Axis(0), 0), c.causal).flash(c.block);
        let h = c.q.len_of(Axis(0)) as u64;
        let all = Traffic { tiles: h * one.tiles, loaded: h * one.loaded, stored: h * one.stored };
        let of = |each| format!("{each} for each of {h} query heads");
        answer.result.expect(&all, [&of(one.tiles), &of(one.loaded), &of(one.stored)])?;
        answer.expect_little()
    };
    steps: |c| {
        let (h, h_kv) = (c.q.len_of(Axis(0)), c.k.len_of(Axis(0)));
        let heads: Vec<String> = (0..h).map(|head| format!("{head} reads {}", head * h_kv / h)).collect();
        [field("query head … reads key head", heads.join(", "))]
    };

    cases: |random| {
        let mut of = |about, (h, h_kv), (n, m), (d, d_v), causal, (b_q, b_k)| {
            let (q, k, v) = (random.normal((h, n, d)), random.normal((h_kv, m, d)), random.normal((h_kv, m, d_v)));
            case(about, (q, k, v, causal, Block { q: b_q, k: b_k }))
        };
        let mut cases = vec![
            of("", (1, 1), (2, 3), (4, 2), false, (4, 3)),
            of("", (3, 3), (4, 5), (4, 2), false, (4, 3)),
            of("", (6, 2), (3, 5), (4, 3), false, (4, 3)),
            of("", (6, 3), (5, 7), (8, 4), true, (4, 3)),
            of("", (4, 1), (3, 4), (4, 4), true, (4, 3)),
            of("", (8, 4), (31, 33), (16, 8), true, (4, 3)),
            of("", (4, 2), (5, 3), (4, 2), true, (4, 3)),
            of("memory is measured", (4, 2), (2, 2000), (16, 16), false, (4, 32)),
        ];
        let levels = [3, 3, 3, 3, 3, 3, 3, 3, 2, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[h_kv, group, n, m, d, d_v, b_q, b_k, causal, of_q, of_k, of_v]| {
            let (h_kv, m, d) = (h_kv + 1, m + 1, d + 1);
            let q = some_values(of_q, (h_kv * (group + 1), n + 1, d), random);
            let k = some_values(of_k, (h_kv, m, d), random);
            let v = some_values(of_v, (h_kv, m, d_v + 1), random);
            case("small", (q, k, v, causal == 1, Block { q: b_q + 1, k: b_k + 1 }))
        }));
        cases
    };

    never {
        "h < h_kv": "every key head has a group of at least one query head";
    }

    right (q, k, v, causal, block, traffic) {
        "group by group, stacked" => {
            let of_group = q.len_of(Axis(0)) / k.len_of(Axis(0));
            let mut heads = Vec::new();
            for (group, q) in q.axis_chunks_iter(Axis(0), of_group).enumerate() {
                for q in q.outer_iter() {
                    let (k, v) = (k.slice(s![group, .., ..]), v.slice(s![group, .., ..]));
                    heads.push(crate::flash_forward(q, k, v, causal, block, traffic));
                }
            }
            stacked(&heads)
        };
    }

    mistakes (q, k, v, causal, block, traffic) {
        "modulo": "query head i reads key head i mod h_kv; groups are neighbours: i / (h / h_kv)"
            => grouped(q, k, v, |head, _, h_kv| head % h_kv, tiles(causal, block, traffic));
        "divided-by-h-kv": "query head i reads key head i / h_kv; a group has h / h_kv heads"
            => grouped(q, k, v, |head, _, h_kv| head / h_kv, tiles(causal, block, traffic));
        "divided-by-h-kv-clamped": "query head i reads key head i / h_kv, or the last where there is no such head; a group has h / h_kv heads"
            => grouped(q, k, v, |head, _, h_kv| (head / h_kv).min(h_kv - 1), tiles(causal, block, traffic));
        "modulo-values": "the keys are those of the group, but query head i reads value head i mod h_kv; groups are neighbours: i / (h / h_kv)"
            => {
                let (h, h_kv) = (q.len_of(Axis(0)), k.len_of(Axis(0)));
                let heads = q.outer_iter().enumerate().map(|(head, q)| {
                    let (k, v) = (k.index_axis(Axis(0), head * h_kv / h), v.index_axis(Axis(0), head % h_kv));
                    crate::flash_forward(q, k, v, causal, block, traffic)
                });
                stacked(&heads.collect::<Vec<_>>())
            };
        "modulo-the-group": "query head i reads key head i mod (h / h_kv), its place in the group; the group's number is i / (h / h_kv)"
            => grouped(q, k, v, |head, h, h_kv| head % (h / h_kv), tiles(causal, block, traffic));
        "causal-always": "the causal limit is always applied, whether it is asked for or not"
            => crate::flash_heads(q, k, v, true, block, traffic);
        "own-number": "each query head reads the key head of its own number, and there are only h_kv of them"
            => grouped(q, k, v, |head, _, _| head, tiles(causal, block, traffic));
        "clamped": "each query head reads the key head of its own number, and those beyond the last one read the last"
            => grouped(q, k, v, |head, _, h_kv| head.min(h_kv - 1), tiles(causal, block, traffic));
        "first-key-head": "all query heads read key head 0"
            => grouped(q, k, v, |_, _, _| 0, tiles(causal, block, traffic));
        "reversed": "the groups are counted from the last key head backwards"
            => grouped(q, k, v, |head, h, h_kv| h_kv - 1 - head * h_kv / h, tiles(causal, block, traffic));
        "one-out-a-group": "each group gives one output, that of its first head: h_kv heads come back instead of h"
            => {
                let firsts: Vec<usize> = (0..q.len_of(Axis(0))).step_by(q.len_of(Axis(0)) / k.len_of(Axis(0))).collect();
                crate::flash_heads(q.select(Axis(0), &firsts).view(), k, v, causal, block, traffic)
            };
        "mean-of-the-group": "the outputs of a group are averaged: heads share keys and values, their queries and outputs are their own"
            => {
                let mut result = crate::flash_heads(q, k, v, causal, block, traffic);
                for mut group in result.out.axis_chunks_iter_mut(Axis(0), q.len_of(Axis(0)) / k.len_of(Axis(0))) {
                    let mean = group.mean_axis(Axis(0)).expect("a head");
                    group.outer_iter_mut().for_each(|mut head| head.assign(&mean));
                }
                result
            };
        "heads-packed": "the query heads of a group are laid one after the other as one long sequence: tiles then reach over the border between two heads, and causal takes the last head for the newest queries"
            => {
                let (h_kv, n) = (k.len_of(Axis(0)), q.len_of(Axis(1)));
                let groups = q.axis_chunks_iter(Axis(0), q.len_of(Axis(0)) / h_kv).zip(k.outer_iter()).zip(v.outer_iter());
                let heads = groups.flat_map(|((group, k), v)| {
                    let packed = concatenate(Axis(0), &group.outer_iter().collect::<Vec<_>>()).expect("one width");
                    let one = crate::flash_forward(packed.view(), k, v, causal, block, traffic);
                    let heads = one.out.axis_chunks_iter(Axis(0), n).zip(one.lse.axis_chunks_iter(Axis(0), n));
                    heads.map(|(out, lse)| Output { out: out.to_owned(), lse: lse.to_owned() }).collect::<Vec<_>>()
                });
                stacked(&heads.collect::<Vec<_>>())
            };
        "lse-left-zero": "lse is never filled: each head's log-sum-exp has to be copied as its rows of out are"
            => HeadsOutput { lse: Array2::zeros((q.len_of(Axis(0)), q.len_of(Axis(1)))), ..crate::flash_heads(q, k, v, causal, block, traffic) };
        "fresh-traffic": "the numbers are right, but each head counts in a Traffic of its own: pass on the one that is given"
            => crate::flash_heads(q, k, v, causal, block, &mut Traffic::default());
        "keys-repeated": "the numbers are right, but keys or values are copied, as when they are repeated for each query head: a view of the group's head, index_axis(Axis(0), group), copies nothing"
            => {
                let group = q.len_of(Axis(0)) / k.len_of(Axis(0));
                let heads: Vec<usize> = (0..q.len_of(Axis(0))).map(|head| head / group).collect();
                let (k, v) = (k.select(Axis(0), &heads), v.select(Axis(0), &heads));
                crate::flash_heads(q, k.view(), v.view(), causal, block, traffic)
            };
    }

    within {
        flash_forward: |flash_forward, (q, k, v, causal, block)| watched(q, k, |traffic| {
            grouped(q, k, v, |head, h, h_kv| head * h_kv / h, |q, k, v| flash_forward(q, k, v, causal, block, traffic))
        });
    }
}

/// Watches for a copy of one head's keys.
fn watched(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    work: impl FnOnce(&mut Traffic) -> HeadsOutput,
) -> Held<Moved<HeadsOutput>> {
    let (_, m, d) = k.dim();
    Held::during((q.len_of(Axis(1)), m), d, || Moved::by(work))
}

/// What is right, head by head.
fn exact<F: NdFloat>(c: &Case) -> Vec<Field>
where
    for<'a> Value: From<&'a ndarray::Array<F, Ix3>> + From<&'a ndarray::Array<F, Ix2>>,
{
    let (h, h_kv) = (c.q.len_of(Axis(0)), c.k.len_of(Axis(0)));
    let heads: Vec<_> = (0..h)
        .map(|head| {
            let [k, v] = [&c.k, &c.v].map(|x| x.index_axis(Axis(0), head * h_kv / h));
            oracle::attention::<F>(c.q.index_axis(Axis(0), head), k, v, &mask(c.causal))
        })
        .collect();
    let out: Vec<_> = heads.iter().map(|head| head.out.view()).collect();
    let lse: Vec<_> = heads.iter().map(|head| head.lse.view()).collect();
    let out = stack(Axis(0), &out).expect("one shape");
    vec![field("out", &out), field("lse", &stack(Axis(0), &lse).expect("one length"))]
}

/// Every query head with the key head that `group` names for it.
fn grouped(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    group: fn(head: usize, h: usize, h_kv: usize) -> usize,
    mut attention: impl FnMut(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Output,
) -> HeadsOutput {
    let (h, h_kv) = (q.len_of(Axis(0)), k.len_of(Axis(0)));
    let heads = q.outer_iter().enumerate().map(|(head, q)| {
        let group = group(head, h, h_kv);
        attention(q, k.index_axis(Axis(0), group), v.index_axis(Axis(0), group))
    });
    stacked(&heads.collect::<Vec<_>>())
}

/// The reference for one head.
fn tiles(
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> impl FnMut(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Output {
    move |q, k, v| crate::flash_forward(q, k, v, causal, block, traffic)
}

fn stacked(heads: &[Output]) -> HeadsOutput {
    let out: Vec<_> = heads.iter().map(|head| head.out.view()).collect();
    let lse: Vec<_> = heads.iter().map(|head| head.lse.view()).collect();
    HeadsOutput {
        out: stack(Axis(0), &out).expect("one shape"),
        lse: stack(Axis(0), &lse).expect("one length"),
    }
}
