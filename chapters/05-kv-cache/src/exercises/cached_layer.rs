//! 5.4 `cached_layer`

use super::append::said;
use crate::{
    append, cached_attention,
    given::{AttentionLayer, CacheError, KvCache, Layout, Rotary},
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Field, Fields, SOME_VALUES, Trace, Value, exercise, field, pairwise, some_values,
};
use attn_oracle::{product, to};
use ch03_scaled_dot_product::attention;
use ch04_multi_head::{
    attend_heads, merge_heads, oracle, rope, rotary_self_attention, split_heads,
};
use ndarray::{Array2, Array3, ArrayView2, Axis, Ix2, NdFloat, array, concatenate, s};
use serde::{Deserialize, Serialize};
use std::f32::consts::FRAC_PI_2;

/// What can be seen of a layer after a chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen<F> {
    said: String,
    /// Nothing if the chunk was refused.
    out: Array2<F>,
    len: usize,
    /// The places in use.
    keys: Array3<F>,
    values: Array3<F>,
}

impl<F> Fields for Seen<F>
where
    for<'a> Value: From<&'a Array2<F>> + From<&'a Array3<F>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![
            field("the answer", self.said.clone()),
            field("out", &self.out),
            field("len", self.len.to_string()),
            field("keys held", &self.keys),
            field("values held", &self.values),
        ]
    }
}

exercise! {
    /// A layer, a text of t tokens, the lengths of the chunks that it is cut into, the capacity of the cache, and how
    /// positions turn.
    crate::cached_layer as fn(&AttentionLayer, &mut KvCache, ArrayView2<f32>, Rotary) -> Result<Array2<f32>, CacheError>: (
        layer: AttentionLayer, x: Array2<f32>[t d_model], cuts: Vec<usize>, capacity: usize[capacity], rotary: Rotary,
    ) -> Trace<Seen<f32>>;
    answer: |cached_layer, c| trace(c, cached_layer);

    exact: |c| expected::<f64>(c);
    plain: |c| [expected::<f32>(c), trace(c, by_slices)];
    steps: |c| {
        let whole = rotary_self_attention(&c.layer, c.x.view(), c.rotary, &Mask::Causal);
        [field("chunks", format!("{:?}", c.cuts)), field("a pass over the whole text", &whole)]
    };

    cases: |random| {
        use Layout::{Half, Interleaved};
        let mut of = |about: &str, cuts: &[usize], (h, d, d_v, d_model): (usize, usize, usize, usize), capacity, layout, kind| {
            let layer = random_layer(random, (h, d, d_v), d_model);
            let x = some_values(kind, (cuts.iter().sum(), d_model), random);
            case(about, (layer, x, cuts.to_vec(), capacity, Rotary { base: 100.0, layout }))
        };
        let mut cases = vec![
            by_hand(),
            of("all at once", &[5], (2, 4, 3, 6), 5, Half, 0),
            of("token by token", &[1; 6], (2, 4, 4, 8), 9, Interleaved, 0),
            of("a prompt, then one by one", &[4, 1, 1, 1], (3, 4, 5, 7), 7, Half, 0),
            of("uneven", &[2, 3, 1, 4, 2], (2, 6, 4, 9), 16, Interleaved, 0),
            of("one too many at the end", &[3, 1, 1, 1], (2, 4, 3, 6), 5, Half, 0),
            of("a chunk that does not fit, then one that does", &[3, 4, 2], (2, 4, 4, 6), 6, Interleaved, 0),
            of("the first chunk is too long", &[5, 2, 1], (1, 4, 2, 5), 3, Half, 0),
            of("", &[31, 33, 1, 2], (4, 8, 8, 32), 70, Half, 0),
        ];
        let mut long = of("a long text", &[290, 1, 4], (1, 4, 1, 3), 300, Interleaved, 0);
        long.rotary.base = 10_000.0;
        cases.push(long);
        let levels = [3, 3, 3, 3, 4, 4, 3, 2, SOME_VALUES];
        let mut small = Vec::new();
        for [first, second, h, d, d_v, d_model, free, layout, kind] in pairwise(levels) {
            let cuts = if second == 0 { vec![first + 1] } else { vec![first + 1, second] };
            let capacity = (first + 1 + second + free).saturating_sub(1).max(1);
            let layout = [Interleaved, Half][layout];
            small.push(of("small", &cuts, (h + 1, 2 * d + 2, d_v + 1, d_model + 1), capacity, layout, kind));
        }
        for (i, cuts) in [vec![1], vec![1, 1], vec![2], vec![1, 2], vec![3, 1], vec![2, 1, 3], vec![8], vec![5, 3]].into_iter().enumerate() {
            let capacity = [1, 2, 2, 8, 4, 6, 2, 3][i];
            for d_model in [1, 2, 4, 8] {
                small.push(of("small", &cuts, (1 + i % 3, 2, 1 + i % 2, d_model), capacity, [Half, Interleaved][i % 2], 0));
            }
        }
        cases.extend(small);
        cases
    };

    never {
        "d_model < d_memory": "the keys and values come from the sequence itself";
        "d_model > d_memory": "the keys and values come from the sequence itself";
    }

    right (layer, cache, x, rotary) {
        "slices and loops" => by_slices(layer, cache, x, rotary);
        "turned in front of the cache, head by head" => {
            let (start, n) = (cache.len, x.nrows());
            let parts = Parts::of(layer, x, start, rotary);
            append(cache, parts.k.view(), parts.v.view(), start)?;
            let mut found = Array3::zeros((layer.h, n, parts.v.dim().2));
            for i in 0..n {
                let seen = start + i + 1;
                let (keys, values) = (cache.keys.slice(s![.., ..seen, ..]), cache.values.slice(s![.., ..seen, ..]));
                found.slice_mut(s![.., i..=i, ..]).assign(&attend_heads(parts.q.slice(s![.., i..=i, ..]), keys, values, &Mask::None));
            }
            Ok(merge_heads(found.view()).dot(&layer.w_o))
        };
        // A chunk is a text that has been cut once more.
        "token by token" => {
            let needed = cache.len + x.nrows();
            if needed > cache.capacity() {
                return Err(CacheError::Full { needed, capacity: cache.capacity() });
            }
            let rows: Vec<_> = x.rows().into_iter().map(|row| crate::cached_layer(layer, cache, row.insert_axis(Axis(0)), rotary)).collect();
            let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
            let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
            Ok(ndarray::concatenate(Axis(0), &rows).expect("rows of one width"))
        };
    }

    mistakes (layer, cache, x, rotary) {
        "position-0": "every chunk is turned from position 0 on, as if it stood at the beginning of the text; its first token stands at `cache.len`"
            => Parts::of(layer, x, 0, rotary).finish(layer, cache);
        "position-after": "the position is read after the chunk was appended: its tokens are turned as if they stood behind themselves"
            => Parts::of(layer, x, cache.len + x.nrows(), rotary).finish(layer, cache);
        "one-position-for-all": "all tokens of a chunk are turned by the position of its first"
            => {
                let at = |heads: Array3<f32>, start| {
                    let mut heads = heads;
                    for mut row in heads.axis_iter_mut(Axis(1)) {
                        for mut head in row.outer_iter_mut() {
                            let turned = rope(head.view().insert_axis(Axis(0)), start, rotary);
                            head.assign(&turned.row(0));
                        }
                    }
                    heads
                };
                let mut parts = Parts::unturned(layer, x);
                (parts.q, parts.k) = (at(parts.q, cache.len), at(parts.k, cache.len));
                parts.finish(layer, cache)
            };
        "chunk-only": "the chunk is kept, but attends to its own keys alone: the cache is filled and not looked at"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                Ok(mix(layer, &attend_heads(parts.q.view(), parts.k.view(), parts.v.view(), &Mask::Causal)))
            };
        "appended-after": "the chunk is appended after it has attended: its tokens see neither themselves nor each other"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                let before = cache.clone();
                append(cache, parts.k.view(), parts.v.view(), before.len)?;
                let places = s![.., ..before.len, ..];
                Ok(mix(layer, &attend_heads(parts.q.view(), before.keys.slice(places), before.values.slice(places), &Mask::None)))
            };
        "not-kept": "the chunk is joined to what is kept in order to attend, and not appended: the next one does not find it"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                parts.finish(layer, &mut cache.clone())
            };
        "turned-again": "the kept keys are turned again, by their positions: they were turned when they were kept"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                let mut again = cache.clone();
                turn(&mut again.keys, 0, rotary);
                Ok(mix(layer, &cached_attention(parts.q.view(), &again)))
            };
        "old-turned-again": "the keys from before the chunk are turned again, by their positions, when the chunk attends: they were turned when they were kept"
            => {
                let start = cache.len;
                let parts = Parts::of(layer, x, start, rotary);
                append(cache, parts.k.view(), parts.v.view(), start)?;
                let mut again = cache.clone();
                let mut old = again.keys.slice(s![.., ..start, ..]).to_owned();
                turn(&mut old, 0, rotary);
                again.keys.slice_mut(s![.., ..start, ..]).assign(&old);
                Ok(mix(layer, &cached_attention(parts.q.view(), &again)))
            };
        "kept-unturned": "the keys are kept as they are and turned only for their own chunk: later chunks compare themselves with keys that were not turned"
            => {
                let start = cache.len;
                let parts = Parts::of(layer, x, start, rotary);
                append(cache, Parts::unturned(layer, x).k.view(), parts.v.view(), start)?;
                let mut own = cache.clone();
                own.keys.slice_mut(s![.., start..cache.len, ..]).assign(&parts.k);
                Ok(mix(layer, &cached_attention(parts.q.view(), &own)))
            };
        "turned-when-read": "the keys are kept unturned, and all of them are turned whenever a chunk attends: the rows are right, but the cache is to hold turned keys, so that none is turned twice"
            => {
                let (start, plain) = (cache.len, Parts::unturned(layer, x));
                append(cache, plain.k.view(), plain.v.view(), start)?;
                let mut read = cache.clone();
                turn(&mut read.keys, 0, rotary);
                let mut q = plain.q;
                turn(&mut q, start, rotary);
                Ok(mix(layer, &cached_attention(q.view(), &read)))
            };
        "x-turned": "x is turned before it becomes queries and keys, where its width is even, and they are not: what is turned is each head of them, after the projection"
            => {
                let turned = if x.ncols().is_multiple_of(2) { rope(x, cache.len, rotary) } else { x.to_owned() };
                let v = Parts::unturned(layer, x).v;
                Parts { v, ..Parts::unturned(layer, turned.view()) }.finish(layer, cache)
            };
        "x-turned-for-values-too": "x is turned before it becomes queries, keys and values, where its width is even: what is turned is each head of queries and keys, after the projection"
            => {
                let turned = if x.ncols().is_multiple_of(2) { rope(x, cache.len, rotary) } else { x.to_owned() };
                Parts::unturned(layer, turned.view()).finish(layer, cache)
            };
        "nothing-turned": "neither queries nor keys are turned"
            => Parts::unturned(layer, x).finish(layer, cache);
        "queries-only": "the queries are turned and the keys are not"
            => {
                let q = Parts::of(layer, x, cache.len, rotary).q;
                Parts { q, ..Parts::unturned(layer, x) }.finish(layer, cache)
            };
        "keys-only": "the keys are turned and the queries are not"
            => {
                let k = Parts::of(layer, x, cache.len, rotary).k;
                Parts { k, ..Parts::unturned(layer, x) }.finish(layer, cache)
            };
        "keys-from-0": "the keys of each chunk are turned from position 0 on, and only the queries from `cache.len`"
            => {
                let k = Parts::of(layer, x, 0, rotary).k;
                Parts { k, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache)
            };
        "queries-from-0": "the queries of each chunk are turned from position 0 on, and only the keys from `cache.len`"
            => {
                let q = Parts::of(layer, x, 0, rotary).q;
                Parts { q, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache)
            };
        "queries-after": "the queries are turned after the chunk was appended, when `cache.len` has grown: they stand behind their own keys"
            => {
                let q = Parts::of(layer, x, cache.len + x.nrows(), rotary).q;
                Parts { q, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache)
            };
        "values-turned": "the values are turned too, where their width is even: they are what is fetched, and arrive as they are"
            => {
                let mut parts = Parts::of(layer, x, cache.len, rotary);
                if parts.v.dim().2.is_multiple_of(2) {
                    turn(&mut parts.v, cache.len, rotary);
                }
                parts.finish(layer, cache)
            };
        "before-split": "queries and keys are turned before they are split into heads: the pairs and their speeds are those of the whole width"
            => {
                let start = cache.len;
                let whole = |w: &Array2<f32>| split_heads(rope(x.dot(w).view(), start, rotary).view(), layer.h);
                Parts { q: whole(&layer.w_q), k: whole(&layer.w_k), ..Parts::unturned(layer, x) }.finish(layer, cache)
            };
        "top-left": "the causal mask is aligned top-left: token i of the chunk sees places 0 to i, as if the chunk stood at the beginning"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                let m = cache.len;
                let table = Array2::from_shape_fn((x.nrows(), m), |(i, j)| j <= i);
                let places = s![.., ..m, ..];
                Ok(mix(layer, &attend_heads(parts.q.view(), cache.keys.slice(places), cache.values.slice(places), &Mask::Dense(table))))
            };
        "no-mask": "nothing is masked: within the chunk, tokens see those behind them"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                let places = s![.., ..cache.len, ..];
                Ok(mix(layer, &attend_heads(parts.q.view(), cache.keys.slice(places), cache.values.slice(places), &Mask::None)))
            };
        "no-w-o": "the merged heads are returned as they are: the product with W_o is missing"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                Ok(merge_heads(cached_attention(parts.q.view(), cache).view()))
            };
        "refusal-ignored": "a chunk that the cache refuses attends all the same, to what was kept before: the error has to be passed on, as by `?`"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                let _ = append(cache, parts.k.view(), parts.v.view(), cache.len);
                if x.nrows() > cache.len {
                    return Err(CacheError::Full { needed: cache.len + x.nrows(), capacity: cache.capacity() });
                }
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "unwrapped": "`unwrap` panics where the cache is full; the error is passed on by `?`"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len).unwrap();
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "start-0": "the chunk is appended at position 0 instead of `cache.len`: the cache refuses every chunk but the first"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), 0)?;
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "exchanged": "keys and values have changed places in `append`; where they differ in width, the cache refuses them"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.v.view(), parts.k.view(), cache.len)?;
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "exchanged-where-alike": "keys and values have changed places in the cache, where they have the same width"
            => {
                let Parts { q, k, v } = Parts::of(layer, x, cache.len, rotary);
                let (k, v) = if k.dim() == v.dim() { (v, k) } else { (k, v) };
                Parts { q, k, v }.finish(layer, cache)
            };
        "keys-as-values": "the keys are kept in the place of the values, where they have the same width"
            => {
                let mut parts = Parts::of(layer, x, cache.len, rotary);
                if parts.k.dim() == parts.v.dim() {
                    parts.v.assign(&parts.k);
                }
                parts.finish(layer, cache)
            };
        "half-whatever": "queries and keys are turned in halves, whatever `rotary.layout` says"
            => crate::cached_layer(layer, cache, x, Rotary { layout: Layout::Half, ..rotary });
        "other-layout": "queries and keys are turned in the other layout"
            => {
                let layout = match rotary.layout {
                    Layout::Half => Layout::Interleaved,
                    Layout::Interleaved => Layout::Half,
                };
                crate::cached_layer(layer, cache, x, Rotary { layout, ..rotary })
            };
        "split-by-reshape": "queries, keys and values are split into heads by a reshape without a transpose, which mixes tokens and heads"
            => {
                let start = cache.len;
                let reshaped = |w: &Array2<f32>| {
                    let rows: Vec<f32> = x.dot(w).iter().copied().collect();
                    Array3::from_shape_vec((layer.h, x.nrows(), w.ncols() / layer.h), rows).expect("as many numbers")
                };
                let mut parts = Parts { q: reshaped(&layer.w_q), k: reshaped(&layer.w_k), v: reshaped(&layer.w_v) };
                turn(&mut parts.q, start, rotary);
                turn(&mut parts.k, start, rotary);
                parts.finish(layer, cache)
            };
        "head-0-turned": "only head 0 of queries and keys is turned; each head is turned by itself"
            => {
                let (turned, mut parts) = (Parts::of(layer, x, cache.len, rotary), Parts::unturned(layer, x));
                for (to, from) in [(&mut parts.q, &turned.q), (&mut parts.k, &turned.k)] {
                    to.index_axis_mut(Axis(0), 0).assign(&from.index_axis(Axis(0), 0));
                }
                parts.finish(layer, cache)
            };
        "one-ahead": "queries and keys are turned by one position too many: the first token of a text stands at position 0"
            => Parts::of(layer, x, cache.len + 1, rotary).finish(layer, cache);
        "one-behind": "queries and keys are turned by one position too few, where the cache holds something: the chunk begins right behind what is held"
            => Parts::of(layer, x, cache.len.saturating_sub(1), rotary).finish(layer, cache);
        "appended-one-ahead": "the chunk is turned and appended at `cache.len` + 1, and the cache refuses it: it begins right behind what is held"
            => {
                let start = cache.len + 1;
                let parts = Parts::of(layer, x, start, rotary);
                append(cache, parts.k.view(), parts.v.view(), start)?;
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "heads-as-positions": "head a is turned from position `cache.len` + a on; all heads begin at the same position"
            => {
                let mut parts = Parts::unturned(layer, x);
                for heads in [&mut parts.q, &mut parts.k] {
                    for (a, mut head) in heads.outer_iter_mut().enumerate() {
                        let turned = rope(head.view(), cache.len + a, rotary);
                        head.assign(&turned);
                    }
                }
                parts.finish(layer, cache)
            };
        "keys-turned-twice": "the keys of the chunk are turned twice before they are kept"
            => {
                let mut parts = Parts::of(layer, x, cache.len, rotary);
                turn(&mut parts.k, cache.len, rotary);
                parts.finish(layer, cache)
            };
        "queries-turned-twice": "the queries are turned twice"
            => {
                let mut parts = Parts::of(layer, x, cache.len, rotary);
                turn(&mut parts.q, cache.len, rotary);
                parts.finish(layer, cache)
            };
        "w-q-for-keys": "the keys are made with W_q"
            => Parts { k: Parts::of(layer, x, cache.len, rotary).q, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache);
        "w-k-for-queries": "the queries are made with W_k"
            => Parts { q: Parts::of(layer, x, cache.len, rotary).k, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache);
        "w-q-and-w-k-exchanged": "the queries are made with W_k and the keys with W_q"
            => {
                let Parts { q, k, v } = Parts::of(layer, x, cache.len, rotary);
                Parts { q: k, k: q, v }.finish(layer, cache)
            };
        "w-k-for-values": "the values are made with W_k, and the cache refuses them where they should have another width"
            => Parts { v: Parts::unturned(layer, x).k, ..Parts::of(layer, x, cache.len, rotary) }.finish(layer, cache);
        "w-o-transposed": "W_o is transposed, also where the widths do not fit"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                Ok(merge_heads(cached_attention(parts.q.view(), cache).view()).dot(&layer.w_o.t()))
            };
        "x-added": "x is added to the result, as a block does around its layer; the layer gives its own result alone"
            => crate::cached_layer(layer, cache, x, rotary).map(|out| out + x);
        "last-row-only": "only the last row of a chunk is returned; every new token has one"
            => crate::cached_layer(layer, cache, x, rotary).map(|out| out.slice(s![out.nrows() - 1.., ..]).to_owned());
        "base-fixed": "queries and keys are turned with base 10,000, whatever `rotary.base` says"
            => crate::cached_layer(layer, cache, x, Rotary { base: 10_000.0, ..rotary });
        "interleaved-whatever": "queries and keys are turned in neighbouring pairs, whatever `rotary.layout` says"
            => crate::cached_layer(layer, cache, x, Rotary { layout: Layout::Interleaved, ..rotary });
        "scaled-queries": "the queries are divided by √d as well; attention has done it already"
            => {
                let mut parts = Parts::of(layer, x, cache.len, rotary);
                parts.q /= (parts.q.dim().2 as f32).sqrt();
                parts.finish(layer, cache)
            };
        "refusal-dropped": "what `append` says is dropped: a chunk that the cache refuses attends to what was kept before, or panics where it is longer than that; the error has to be passed on, as by `?`"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                let _ = append(cache, parts.k.view(), parts.v.view(), cache.len);
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            };
        "values-turned-everywhere": "the values are turned as well as queries and keys: they are what is fetched, and arrive as they are"
            => {
                let start = cache.len;
                let mut parts = Parts::of(layer, x, start, rotary);
                turn(&mut parts.v, start, rotary);
                parts.finish(layer, cache)
            };
        "attended-before": "`cached_attention` is called before the chunk is appended: the last n tokens of the cache are then not those of the chunk, or there are none"
            => {
                let parts = Parts::of(layer, x, cache.len, rotary);
                let heads = cached_attention(parts.q.view(), cache);
                append(cache, parts.k.view(), parts.v.view(), cache.len)?;
                Ok(mix(layer, &heads))
            };
    }

    within {
        append: |append, (layer, x, cuts, capacity, rotary)| {
            let c = case("", (layer.clone(), x.to_owned(), cuts.to_vec(), capacity, rotary));
            trace(&c, |layer, cache, x, rotary| {
                let start = cache.len;
                let parts = Parts::of(layer, x, start, rotary);
                append(cache, parts.k.view(), parts.v.view(), start)?;
                Ok(mix(layer, &cached_attention(parts.q.view(), cache)))
            })
        };
        cached_attention: |attend, (layer, x, cuts, capacity, rotary)| {
            let c = case("", (layer.clone(), x.to_owned(), cuts.to_vec(), capacity, rotary));
            trace(&c, |layer, cache, x, rotary| {
                let start = cache.len;
                let parts = Parts::of(layer, x, start, rotary);
                append(cache, parts.k.view(), parts.v.view(), start)?;
                Ok(mix(layer, &attend(parts.q.view(), cache)))
            })
        };
    }
}

/// What is seen after each chunk of a text.
fn trace(
    c: &Case,
    layer: impl Fn(
        &AttentionLayer,
        &mut KvCache,
        ArrayView2<f32>,
        Rotary,
    ) -> Result<Array2<f32>, CacheError>,
) -> Trace<Seen<f32>> {
    let cache = KvCache::new(
        c.layer.h,
        c.capacity,
        c.layer.w_k.ncols() / c.layer.h,
        c.layer.w_v.ncols() / c.layer.h,
    );
    let chunks = c.cuts.iter().scan(0, |row, &tokens| {
        *row += tokens;
        Some(Chunk { row: *row - tokens, tokens })
    });
    Trace::of(chunks, cache, |cache, chunk| {
        let rows = c.x.slice(s![chunk.row..chunk.row + chunk.tokens, ..]);
        let result = layer(&c.layer, cache, rows, c.rotary);
        let held = cache.len.min(cache.capacity());
        Seen {
            said: said(result.as_ref().map_err(Clone::clone)),
            out: result.unwrap_or_else(|_| Array2::zeros((0, c.x.ncols()))),
            len: cache.len,
            keys: cache.keys.slice(s![.., ..held, ..]).to_owned(),
            values: cache.values.slice(s![.., ..held, ..]).to_owned(),
        }
    })
}

/// Some rows of the text.
struct Chunk {
    row: usize,
    tokens: usize,
}

/// `a chunk of 3 tokens`
impl std::fmt::Display for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let plural = if self.tokens == 1 { "" } else { "s" };
        write!(f, "a chunk of {} token{plural}", self.tokens)
    }
}

/// The rows of one pass over all tokens that were not refused, without a cache.
fn expected<F: NdFloat>(c: &Case) -> Trace<Seen<F>> {
    let (layer, h) = (&c.layer, c.layer.h);
    let chunks = c.cuts.iter().scan(0, |row, &tokens| {
        *row += tokens;
        Some(Chunk { row: *row - tokens, tokens })
    });
    Trace::of(chunks, Vec::new(), |held: &mut Vec<usize>, chunk| {
        let needed = held.len() + chunk.tokens;
        let fits = needed <= c.capacity;
        if fits {
            held.extend(chunk.row..chunk.row + chunk.tokens);
        }
        let x = to::<F>(c.x.select(Axis(0), held).view());
        let whole = oracle::multi_head(layer, &x, &x, Some(c.rotary), &Mask::Causal);
        let new = if fits { chunk.tokens } else { 0 };
        let split = |w: &Array2<f32>, turned: bool| {
            let rows = product(&x, w.view());
            let width = rows.ncols() / h;
            let mut heads = Array3::zeros((h, held.len(), width));
            for (head, mut out) in heads.outer_iter_mut().enumerate() {
                let own = Array2::from_shape_fn((held.len(), width), |(i, c)| {
                    rows[[i, head * width + c]]
                });
                out.assign(&if turned { oracle::rope(&own, 0, c.rotary) } else { own });
            }
            heads
        };
        Seen {
            said: match fits {
                true => "done".into(),
                false => format!(
                    "refused, “{needed} tokens need {needed} places, the cache has {}”",
                    c.capacity
                ),
            },
            out: whole.slice(s![held.len() - new.., ..]).to_owned(),
            len: held.len(),
            keys: split(&layer.w_k, true),
            values: split(&layer.w_v, false),
        }
    })
}

/// Queries, keys and values of a chunk, (h, n, …).
struct Parts {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
}

impl Parts {
    fn unturned(layer: &AttentionLayer, x: ArrayView2<f32>) -> Self {
        let [q, k, v] =
            [&layer.w_q, &layer.w_k, &layer.w_v].map(|w| split_heads(x.dot(w).view(), layer.h));
        Parts { q, k, v }
    }

    fn of(layer: &AttentionLayer, x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Self {
        let mut parts = Parts::unturned(layer, x);
        turn(&mut parts.q, start, rotary);
        turn(&mut parts.k, start, rotary);
        parts
    }

    /// Appends the chunk, and attends.
    fn finish(
        self,
        layer: &AttentionLayer,
        cache: &mut KvCache,
    ) -> Result<Array2<f32>, CacheError> {
        append(cache, self.k.view(), self.v.view(), cache.len)?;
        Ok(mix(layer, &cached_attention(self.q.view(), cache)))
    }
}

fn turn(heads: &mut Array3<f32>, start: usize, rotary: Rotary) {
    for mut head in heads.outer_iter_mut() {
        let turned = rope(head.view(), start, rotary);
        head.assign(&turned);
    }
}

fn mix(layer: &AttentionLayer, heads: &Array3<f32>) -> Array2<f32> {
    merge_heads(heads.view()).dot(&layer.w_o)
}

/// Head by head from slices of the weights, with keys and values that are joined and then kept.
fn by_slices(
    layer: &AttentionLayer,
    cache: &mut KvCache,
    x: ArrayView2<f32>,
    rotary: Rotary,
) -> Result<Array2<f32>, CacheError> {
    let (start, n) = (cache.len, x.nrows());
    let (needed, capacity) = (start + n, cache.capacity());
    if needed > capacity {
        return Err(CacheError::Full { needed, capacity });
    }
    let (d, d_v) = (layer.w_k.ncols() / layer.h, layer.w_v.ncols() / layer.h);
    let mut out = Array2::<f32>::zeros((n, layer.w_o.ncols()));
    for head in 0..layer.h {
        let (own, own_v) = (s![.., head * d..(head + 1) * d], s![.., head * d_v..(head + 1) * d_v]);
        let q = rope(x.dot(&layer.w_q.slice(own)).view(), start, rotary);
        let k = rope(x.dot(&layer.w_k.slice(own)).view(), start, rotary);
        let v = x.dot(&layer.w_v.slice(own_v));
        let k = concatenate![Axis(0), cache.keys.slice(s![head, ..start, ..]), k];
        let v = concatenate![Axis(0), cache.values.slice(s![head, ..start, ..]), v];
        let found = attention(q.view(), k.view(), v.view(), &Mask::Causal).out;
        out += &found.dot(&layer.w_o.slice(s![head * d_v..(head + 1) * d_v, ..]));
        cache.keys.slice_mut(s![head, ..needed, ..]).assign(&k);
        cache.values.slice_mut(s![head, ..needed, ..]).assign(&v);
    }
    cache.len = needed;
    Ok(out)
}

/// A layer of self-attention of `h` heads of widths d and d_v.
pub(super) fn random_layer(
    random: &mut Random,
    (h, d, d_v): (usize, usize, usize),
    d_model: usize,
) -> AttentionLayer {
    let mut matrix = |rows: usize, columns: usize| {
        let entries: ndarray::Array<f32, Ix2> = random.normal((rows, columns));
        entries / (rows as f32).sqrt()
    };
    AttentionLayer {
        w_q: matrix(d_model, h * d),
        w_k: matrix(d_model, h * d),
        w_v: matrix(d_model, h * d_v),
        w_o: matrix(h * d_v, d_model),
        h,
    }
}

/// Chapter 4's two tokens with the same query and key, one chunk each: the second is a quarter turn
/// away from the first, so the scores are 0 and ln 3.
fn by_hand() -> Case {
    let root = (2.0 * 3.0_f32.ln()).sqrt();
    let same = array![[0.0, 0.0, root, 0.0], [0.0, 0.0, root, 0.0]];
    let layer = AttentionLayer {
        w_q: same.clone(),
        w_k: same,
        w_v: array![[0.0, 0.0], [4.0, 0.0]],
        w_o: array![[1.0, 10.0], [0.0, 1.0]],
        h: 1,
    };
    let rotary = Rotary { base: FRAC_PI_2.recip().powi(2), layout: Layout::Interleaved };
    let x = array![[1.0, 0.0], [0.0, 1.0]];
    case("by hand: the second token has weights 1/4 and 3/4", (layer, x, vec![1, 1], 4, rotary))
}
