//! Chapter 5.

use super::multi_head::{apart, memory, passing_on};
use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch04_multi_head::merge_heads;
use ch05_kv_cache::{
    append, cached_attention, cross_attention,
    given::{KvCache, Projections, RingCache},
    window_attention,
};
use ndarray::{Array2, Array3, Axis, concatenate, s};

const CACHED: Path = Path {
    name: "KV cache",
    chapter: 5,
    condition: "",
    settings: Setting::CAUSAL_OWN_KEYS,
    widths: Widths::Any,
    error: SINGLE,
    run: |p| by_chunks(p, usize::MAX),
};

pub(super) const PATHS: &[Path] = &[
    CACHED,
    Path { name: "KV cache, token by token", run: |p| by_chunks(p, 1), ..CACHED },
    Path { name: "KV cache, chunks of 3", run: |p| by_chunks(p, 3), ..CACHED },
    Path {
        name: "window attention",
        condition: "the window is as long as the text",
        run: |p| windowed(p, p.lengths().1),
        ..CACHED
    },
    Path {
        name: "cross-attention, kept memory",
        condition: "in two calls; the memory is projected once",
        settings: &[Setting::Every],
        run: crossed,
        ..CACHED
    },
];

/// The tokens before the first query fill the cache; the others come in chunks of at most so many.
fn by_chunks(p: &Problem, most: usize) -> Array3<f64> {
    let ((h, _), (n, m), (d, d_v)) = (p.heads(), p.lengths(), p.widths());
    let mut cache = KvCache::new(h, m + 2, d, d_v);
    let put = |cache: &mut KvCache, tokens: std::ops::Range<usize>| {
        let start = tokens.start;
        let (k, v) = (p.k.slice(s![.., tokens.clone(), ..]), p.v.slice(s![.., tokens, ..]));
        append(cache, k, v, start).expect("room for all");
    };
    put(&mut cache, 0..m - n);
    let mut out = Array3::zeros((h, 0, d_v));
    for start in (0..n).step_by(most.min(n)) {
        let end = n.min(start.saturating_add(most));
        put(&mut cache, m - n + start..m - n + end);
        let found = cached_attention(p.q.slice(s![.., start..end, ..]), &cache);
        out = concatenate![Axis(1), out, found.mapv(f64::from)];
    }
    out
}

/// The tokens before the first query go through the ring with queries of zero.
fn windowed(p: &Problem, window: usize) -> Array3<f64> {
    let ((h, _), (n, m), (d, d_v)) = (p.heads(), p.lengths(), p.widths());
    let mut ring = RingCache::new(h, window, d, d_v);
    let q = concatenate![Axis(1), Array3::zeros((h, m - n, d)), p.q];
    let out = window_attention(&mut ring, q.view(), p.k.view(), p.v.view());
    out.slice(s![.., m - n.., ..]).mapv(f64::from)
}

fn crossed(p: &Problem) -> Array3<f64> {
    let (x, memory) = (merge_heads(p.q.view()), memory(p));
    let (mut layer, mut kept) = (Projections::new(passing_on(p)), None);
    let half = x.nrows() / 2;
    let rows: [Array2<f32>; 2] = [x.slice(s![..half, ..]), x.slice(s![half.., ..])]
        .map(|x| cross_attention(&mut layer, &mut kept, x, memory.view()));
    apart(concatenate![Axis(0), rows[0], rows[1]], p.heads().0)
}
