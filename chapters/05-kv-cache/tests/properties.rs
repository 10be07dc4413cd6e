//! What holds for every text, every cut and every window.

use attn_core::{Mask, random::Random};
use ch04_multi_head::{
    AttentionLayer, Layout, Rotary, decode_step, given::Kept, multi_head_attention,
    rotary_self_attention,
};
use ch05_kv_cache::{
    append, cached_attention, cached_layer, cross_attention,
    given::{CacheError, KvCache, Projections, RingCache},
    rewind, window_attention,
};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// Refuses arrays that differ by more than f32 rounding.
#[track_caller]
fn near(got: ArrayView2<f32>, right: ArrayView2<f32>, what: &str) {
    assert_eq!(got.dim(), right.dim(), "{what}");
    let scale = right.fold(1.0_f32, |most, x| most.max(x.abs()));
    let apart = (&got - &right).fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(apart <= 2e-5 * scale, "{what}: apart by {apart:e} where entries go up to {scale:e}");
}

fn random_layer(
    random: &mut Random,
    h: usize,
    d: usize,
    d_v: usize,
    d_model: usize,
) -> AttentionLayer {
    let mut matrix = |rows: usize, columns: usize| -> Array2<f32> {
        random.normal((rows, columns)) / (rows as f32).sqrt()
    };
    AttentionLayer {
        w_q: matrix(d_model, h * d),
        w_k: matrix(d_model, h * d),
        w_v: matrix(d_model, h * d_v),
        w_o: matrix(h * d_v, d_model),
        h,
    }
}

/// A random way of cutting `tokens` tokens into chunks of at least one.
fn random_cut(random: &mut Random, tokens: usize) -> Vec<usize> {
    let (mut left, mut cut) = (tokens, Vec::new());
    while left > 0 {
        // Small chunks are as likely as large ones.
        let most = 1 + random.below(left);
        let chunk = 1 + random.below(most);
        cut.push(chunk);
        left -= chunk;
    }
    cut
}

fn cache_for(layer: &AttentionLayer, capacity: usize) -> KvCache {
    KvCache::new(layer.h, capacity, layer.w_k.ncols() / layer.h, layer.w_v.ncols() / layer.h)
}

fn in_chunks(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    cut: &[usize],
    capacity: usize,
    rotary: Rotary,
) -> Array2<f32> {
    let mut cache = cache_for(layer, capacity);
    let mut rows = Array2::zeros((0, x.ncols()));
    let mut start = 0;
    for &n in cut {
        let chunk = x.slice(s![start..start + n, ..]);
        let out = cached_layer(layer, &mut cache, chunk, rotary).expect("room");
        rows.append(Axis(0), out.view()).expect("rows of one width");
        start += n;
    }
    rows
}

/// The property that carries the chapter: hundreds of random cuts of texts of awkward lengths.
#[test]
fn every_cut_equals_the_full_pass() {
    let mut random = Random::new(5);
    for tokens in [1, 2, 3, 15, 16, 17, 31, 33, 64, 127, 129] {
        for layout in [Layout::Interleaved, Layout::Half] {
            let (h, d, d_v) = (1 + random.below(4), 2 * (1 + random.below(4)), 1 + random.below(6));
            let d_model = 1 + random.below(12);
            let layer = random_layer(&mut random, h, d, d_v, d_model);
            let x: Array2<f32> = random.normal((tokens, d_model));
            let rotary = Rotary { base: 10_000.0, layout };
            let whole = rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal);
            for _ in 0..20 {
                let cut = random_cut(&mut random, tokens);
                let capacity = tokens + random.below(5);
                let rows = in_chunks(&layer, x.view(), &cut, capacity, rotary);
                near(rows.view(), whole.view(), &format!("{tokens} tokens cut into {cut:?}"));
            }
        }
    }
}

/// Small texts: all the ways there are to cut eight tokens, 128 of them.
#[test]
fn all_cuts_of_eight_tokens() {
    let mut random = Random::new(8);
    let layer = random_layer(&mut random, 2, 4, 3, 6);
    let x: Array2<f32> = random.normal((8, 6));
    let rotary = Rotary { base: 100.0, layout: Layout::Half };
    let whole = rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal);
    for borders in 0..1_u32 << 7 {
        let mut cut = vec![1];
        for i in 0..7 {
            if borders >> i & 1 == 1 {
                cut.push(1);
            } else {
                *cut.last_mut().expect("a chunk") += 1;
            }
        }
        let rows = in_chunks(&layer, x.view(), &cut, 8, rotary);
        near(rows.view(), whole.view(), &format!("{cut:?}"));
    }
}

/// A chunk of one token is chapter 4's step of decoding.
#[test]
fn a_chunk_of_one_is_the_step_of_chapter_4() {
    let mut random = Random::new(4);
    let layer = random_layer(&mut random, 3, 4, 2, 5);
    let x: Array2<f32> = random.normal((6, 5));
    let rotary = Rotary { base: 100.0, layout: Layout::Interleaved };
    let mut cache = cache_for(&layer, 6);
    for position in 0..6 {
        let kept = Kept {
            keys: cache.keys.slice(s![.., ..position, ..]).to_owned(),
            values: cache.values.slice(s![.., ..position, ..]).to_owned(),
            padding: 0,
        };
        let step = decode_step(&layer, x.row(position), &kept, position, rotary);
        let row = x.slice(s![position..=position, ..]);
        let out = cached_layer(&layer, &mut cache, row, rotary).unwrap();
        near(out.view(), step.out.view().insert_axis(Axis(0)), "the row");
        near(cache.keys.index_axis(Axis(1), position), step.key.view(), "the key");
        near(cache.values.index_axis(Axis(1), position), step.value.view(), "the value");
    }
}

/// What lies in places that are not in use cannot be felt, not even if it is no number.
#[test]
fn unused_places_are_not_read() {
    let mut random = Random::new(9);
    let mut cache = KvCache { len: 4, ..KvCache::new(2, 7, 3, 2) };
    cache.keys.assign(&random.normal((2, 7, 3)));
    cache.values.assign(&random.normal((2, 7, 2)));
    let q: Array3<f32> = random.normal((2, 2, 3));
    let out = cached_attention(q.view(), &cache);
    cache.keys.slice_mut(s![.., 4.., ..]).fill(f32::NAN);
    cache.values.slice_mut(s![.., 4.., ..]).fill(f32::NAN);
    assert_eq!(cached_attention(q.view(), &cache), out);
}

/// A layer with a window, in every cut, against a pass over the whole text with a table.
#[test]
fn a_ring_equals_the_dense_window_for_every_cut() {
    let mut random = Random::new(6);
    for (tokens, window) in [(1, 1), (7, 1), (9, 3), (16, 4), (17, 16), (16, 17), (33, 8), (65, 31)]
    {
        let (h, d, d_v) = (1 + random.below(3), 1 + random.below(5), 1 + random.below(5));
        let q: Array3<f32> = random.normal((h, tokens, d));
        let k: Array3<f32> = random.normal((h, tokens, d));
        let v: Array3<f32> = random.normal((h, tokens, d_v));
        let table = Array2::from_shape_fn((tokens, tokens), |(p, r)| r <= p && p < r + window);
        let mask = Mask::Dense(table);
        for _ in 0..20 {
            let cut = random_cut(&mut random, tokens);
            let mut ring = RingCache::new(h, window, d, d_v);
            let mut start = 0;
            for &n in &cut {
                let rows = s![.., start..start + n, ..];
                let out = window_attention(&mut ring, q.slice(rows), k.slice(rows), v.slice(rows));
                for head in 0..h {
                    let [q, k, v] = [&q, &k, &v].map(|x| x.index_axis(Axis(0), head));
                    let whole = ch03_scaled_dot_product::attention(q, k, v, &mask).out;
                    let right = whole.slice(s![start..start + n, ..]);
                    near(
                        out.index_axis(Axis(0), head),
                        right,
                        &format!("window {window}, cut {cut:?}"),
                    );
                }
                start += n;
            }
            assert_eq!(ring.tokens, tokens);
        }
    }
}

/// The memory is projected once, however the text comes.
#[test]
fn cross_attention_projects_its_memory_once() {
    let mut random = Random::new(7);
    for tokens in [1, 5, 16] {
        let layer = random_layer(&mut random, 2, 3, 4, 6);
        let x: Array2<f32> = random.normal((tokens, 6));
        let memory: Array2<f32> = random.normal((9, 6));
        let whole = multi_head_attention(&layer, x.view(), memory.view(), &Mask::None);
        for _ in 0..10 {
            let (mut counted, mut kept, mut start) = (Projections::new(layer.clone()), None, 0);
            for n in random_cut(&mut random, tokens) {
                let rows = s![start..start + n, ..];
                let out = cross_attention(&mut counted, &mut kept, x.slice(rows), memory.view());
                near(out.view(), whole.slice(rows), "rows");
                start += n;
            }
            assert_eq!((counted.rows.keys, counted.rows.values), (9, 9));
            assert_eq!((counted.rows.queries, counted.rows.outputs), (tokens, tokens));
        }
    }
}

/// Tokens that were proposed and taken back leave no trace in what comes after them.
#[test]
fn what_was_taken_back_is_forgotten() {
    let mut random = Random::new(10);
    let layer = random_layer(&mut random, 2, 4, 3, 6);
    let rotary = Rotary { base: 100.0, layout: Layout::Half };
    let x: Array2<f32> = random.normal((20, 6));
    let whole = rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal);
    let mut cache = cache_for(&layer, 32);
    let mut right = 0;
    while right < 20 {
        let many = 1 + random.below(4);
        let proposed: Array2<f32> = random.normal((many, 6));
        cached_layer(&layer, &mut cache, proposed.view(), rotary).unwrap();
        rewind(&mut cache, proposed.nrows()).unwrap();
        let n = (1 + random.below(3)).min(20 - right);
        let rows = s![right..right + n, ..];
        let out = cached_layer(&layer, &mut cache, x.slice(rows), rotary).unwrap();
        near(out.view(), whole.slice(rows), "rows after a rewind");
        right += n;
    }
}

/// Every refusal leaves the cache as it was, to the last bit, and names both sizes.
#[test]
fn a_refusal_changes_nothing() {
    let mut random = Random::new(11);
    let mut cache = KvCache::new(2, 6, 3, 2);
    append(&mut cache, random.normal((2, 4, 3)).view(), random.normal((2, 4, 2)).view(), 0)
        .unwrap();
    let before = cache.clone();
    let mut refused = |keys: (usize, usize, usize), values: (usize, usize, usize), start| {
        let (keys, values) = (random.normal(keys), random.normal(values));
        let error = append(&mut cache, keys.view(), values.view(), start).unwrap_err();
        assert_eq!(cache, before);
        error.to_string()
    };
    assert_eq!(refused((2, 3, 3), (2, 3, 2), 4), "7 tokens need 7 places, the cache has 6");
    assert_eq!(
        refused((2, 1, 3), (2, 1, 2), 5),
        "the chunk starts at position 5, the cache holds 4 tokens"
    );
    assert_eq!(
        refused((2, 1, 3), (2, 1, 2), 3),
        "the chunk starts at position 3, the cache holds 4 tokens"
    );
    assert_eq!(refused((2, 1, 4), (2, 1, 2), 4), "key width 4 ≠ key width of the cache 3");
    assert_eq!(refused((2, 1, 3), (2, 1, 3), 4), "value width 3 ≠ value width of the cache 2");
    assert_eq!(refused((3, 1, 3), (2, 1, 2), 4), "key heads 3 ≠ heads of the cache 2");
    assert_eq!(refused((2, 1, 3), (1, 1, 2), 4), "value heads 1 ≠ heads of the cache 2");
    assert_eq!(refused((2, 2, 3), (2, 1, 2), 4), "values 1 ≠ keys 2");
    assert_eq!(rewind(&mut cache, 5), Err(CacheError::Rewind { count: 5, len: 4 }));
    assert_eq!(cache, before);
}
