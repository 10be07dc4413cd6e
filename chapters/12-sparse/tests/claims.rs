//! What the page claims, and the properties on which the chapter stands.

use attn_core::{Mask, random::Random};
use ch08_flash_cpu::flash_forward;
use ch12_sparse::{
    block_sparse, compressed_attention, costs,
    figures::{reached, tables::pairs},
    gallery::patterns,
    given::{Block, Pattern, Stream, Traffic, Work, draw_keys, rotate, spans, tiles},
    index_scores, mixed_cache_bytes, moba_blocks,
    nsa::{Sizes, nsa_attention},
    pattern_row,
    ring::ring_attention,
    ring_hop,
    seeded::normal,
    sparse_attention, stream_step, top_k_attention,
};
use ndarray::{Array2, s};

fn rows(pattern: &Pattern, n: usize) -> Vec<Vec<usize>> {
    (0..n).map(|i| pattern_row(pattern, i, n)).collect()
}

fn three(n: usize, d: usize, seed: u64) -> [Array2<f64>; 3] {
    let random = &mut Random::new(seed);
    [0, 1, 2].map(|_| normal(random, (n, d)))
}

fn same(a: &Array2<f64>, b: &Array2<f64>, allowed: f64) {
    assert_eq!(a.dim(), b.dim());
    for (at, (x, y)) in a.indexed_iter().map(|(at, x)| (at, (x, b[at]))) {
        assert!((x - y).abs() <= allowed, "entry {at:?} is {x}, should be {y}");
    }
}

/// The counter equals the sum of the row lengths for every pattern, and the rows are those of a mask.
#[test]
fn every_pattern_computes_its_pairs_and_no_more() {
    let n = 40;
    let [q, k, v] = three(n, 8, 1);
    for (name, pattern) in patterns(n) {
        let rows = rows(&pattern, n);
        let mut work = Work::default();
        let out = sparse_attention(q.view(), k.view(), v.view(), &rows, &mut work);
        assert_eq!(work.products, pairs(&pattern, n), "{name}");
        let seen = Array2::from_shape_fn((n, n), |(i, j)| rows[i].contains(&j));
        let [q, k, v] = [&q, &k, &v].map(|x| x.mapv(|x| x as f32));
        let dense = attn_oracle::attention::<f64>(q.view(), k.view(), v.view(), &Mask::Dense(seen));
        same(&out, &dense.out, 1e-5);
    }
}

/// What lies in the future of a causal pattern does not change a row, whatever it is.
#[test]
fn the_future_is_not_felt() {
    let n = 24;
    let random = draw_keys(&mut Random::new(2), n, 3);
    let pattern = Pattern { globals: vec![0, 9], random, dilation: 2, ..Pattern::window(3) };
    let [q, k, v] = three(n, 6, 3);
    let rows = rows(&pattern, n);
    let of = |k: &Array2<f64>, v: &Array2<f64>| {
        let sparse = sparse_attention(q.view(), k.view(), v.view(), &rows, &mut Work::default());
        let spans = compressed_attention(q.view(), k.view(), v.view(), 4, 2).out;
        let sizes = Sizes { length: 4, stride: 2, block: 4, count: 3, window: 4 };
        let gates = Array2::from_elem((n, 3), 0.5);
        let three = nsa_attention(q.view(), k.view(), v.view(), gates.view(), sizes);
        let chosen = moba_blocks(q.view(), k.view(), 4, 2);
        let index = index_scores(
            q.to_shape((1, n, 6)).expect("one head").view(),
            k.view(),
            Array2::ones((n, 1)).view(),
        );
        let best = top_k_attention(q.view(), k.view(), v.view(), index.view(), 5);
        (sparse, spans, three, chosen, best)
    };
    let before = of(&k, &v);
    for cut in [1, 7, 8, 15, 23] {
        let (mut k, mut v) = (k.clone(), v.clone());
        k.slice_mut(s![cut.., ..]).fill(1e3);
        v.slice_mut(s![cut.., ..]).fill(-1e3);
        let after = of(&k, &v);
        let past = s![..cut, ..];
        assert_eq!(before.0.slice(past), after.0.slice(past));
        assert_eq!(before.1.slice(past), after.1.slice(past));
        assert_eq!(before.2.slice(past), after.2.slice(past));
        assert_eq!(before.3.slice(past), after.3.slice(past));
        assert_eq!(before.4.slice(past), after.4.slice(past));
    }
}

/// With everything visited, the tiles are chapter 8's, in numbers and in what they move.
#[test]
fn all_tiles_are_chapter_eights() {
    let n = 37;
    let [q, k, v] = three(n, 8, 4).map(|x| x.mapv(|x| x as f32));
    let block = Block { q: 8, k: 4 };
    for causal in [false, true] {
        let all: Vec<Vec<usize>> =
            (0..n).map(|i| (0..if causal { i + 1 } else { n }).collect()).collect();
        let (mut ours, mut theirs) = (Traffic::default(), Traffic::default());
        let sparse =
            block_sparse(q.view(), k.view(), v.view(), &tiles(&all, n, block), block, &mut ours);
        let dense = flash_forward(q.view(), k.view(), v.view(), causal, block, &mut theirs);
        assert_eq!((&sparse.out, &sparse.lse, ours), (&dense.out, &dense.lse, theirs));
    }
}

/// Linear in the text for a window, quadratic for everything.
#[test]
fn a_window_is_linear() {
    let of = |pattern: &dyn Fn(usize) -> Pattern, n: usize| pairs(&pattern(n), n) as f64;
    let window = |_: usize| Pattern { causal: false, globals: vec![0, 1], ..Pattern::window(65) };
    let growth = of(&window, 4096) / of(&window, 2048);
    assert!((1.95..2.05).contains(&growth), "{growth}");
    let growth = of(&|n| Pattern::window(n), 4096) / of(&|n| Pattern::window(n), 2048);
    assert!((3.9..4.1).contains(&growth), "{growth}");
}

/// L(w − 1) tokens back, with gaps twice as far; random keys reach all soon.
#[test]
fn what_reaches_what() {
    let [(_, window), (_, gaps), (_, global), (_, random)] = reached::patterns();
    for layers in 0..=reached::LAYERS {
        assert_eq!(reached::reached(&window, layers), 7 * layers + 1);
    }
    assert_eq!(reached::reached(&gaps, 4), 4 * 7 + 1); // every second token, twice as far
    assert_eq!(reached::reached(&global, 1), 8);
    assert_eq!(reached::reached(&random, reached::LAYERS), reached::TOKENS);
    assert!(reached::reached(&random, 3) > reached::reached(&window, 3) * 2);
    // The prediction of the page: 19 layers for 128 tokens and a window of 8.
    assert_eq!((reached::TOKENS - 1).div_ceil(7), 19);
}

/// keep ≥ m is plain attention; a choice by the model's own scores loses least.
#[test]
fn top_k_of_everything_is_dense() {
    let n = 20;
    let [q, k, v] = three(n, 4, 5);
    let all = rows(&Pattern::window(n), n);
    let index = Array2::from_shape_fn((n, n), |(i, j)| {
        if j <= i { (i * 7 + j * 3 % 5) as f64 } else { f64::NEG_INFINITY }
    });
    let dense = sparse_attention(q.view(), k.view(), v.view(), &all, &mut Work::default());
    for keep in [n, n + 1, 5 * n] {
        same(&top_k_attention(q.view(), k.view(), v.view(), index.view(), keep), &dense, 1e-12);
    }
}

/// A stream that has not evicted anything is causal attention with RoPE; afterwards it is attention to a
/// short text made of sinks and window.
#[test]
fn a_stream_is_a_short_text() {
    let (n, d, sinks, window) = (40, 6, 3, 5);
    let [q, k, v] = three(n, d, 6);
    let mut cache = Stream::new(sinks, window);
    for t in 0..n {
        let out = stream_step(&mut cache, q.row(t), k.row(t), v.row(t));
        let kept: Vec<usize> = (0..=t).filter(|&j| j < sinks || j + window > t).collect();
        let m = kept.len();
        let mut keys = Array2::zeros((m, d));
        for (place, &j) in kept.iter().enumerate() {
            keys.row_mut(place).assign(&rotate(k.row(j), place));
        }
        let values = v.select(ndarray::Axis(0), &kept);
        let query = rotate(q.row(t), m - 1).insert_axis(ndarray::Axis(0));
        let right = sparse_attention(
            query.view(),
            keys.view(),
            values.view(),
            &[(0..m).collect()],
            &mut Work::default(),
        );
        same(&out.insert_axis(ndarray::Axis(0)), &right, 1e-12);
        assert!(cache.keys.len() <= sinks + window);
    }
}

/// A ring of any number of devices gives what one device gives.
#[test]
fn a_ring_is_one_device() {
    let n = 23;
    let [q, k, v] = three(n, 8, 7).map(|x| x.mapv(|x| x as f32));
    for causal in [false, true] {
        let one = ring_attention(q.view(), k.view(), v.view(), 1, causal, ring_hop);
        for devices in [2, 3, 4, 7, 23, 40] {
            let ring = ring_attention(q.view(), k.view(), v.view(), devices, causal, ring_hop);
            let furthest =
                ring.out.iter().zip(&one.out).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(furthest < 1e-5, "{devices} devices: {furthest}");
        }
    }
    // The hops of a causal ring of 8 that do nothing: those with a part behind the device's own.
    let idle = (0..8).flat_map(|device| (0..8).map(move |hop| (device, (device + 8 - hop) % 8)));
    assert_eq!(idle.filter(|(device, part)| part > device).count(), 28);
}

/// Three branches with one gate open are that branch.
#[test]
fn a_branch_by_itself() {
    let n = 30;
    let [q, k, v] = three(n, 4, 8);
    let sizes = Sizes { length: 4, stride: 2, block: 4, count: 3, window: 5 };
    let gates = |open: usize| {
        Array2::from_shape_fn((n, 3), |(_, branch)| f64::from(u8::from(branch == open)))
    };
    let of = |open: usize| nsa_attention(q.view(), k.view(), v.view(), gates(open).view(), sizes);
    same(&of(0), &compressed_attention(q.view(), k.view(), v.view(), 4, 2).out, 1e-12);
    let near = rows(&Pattern::window(5), n);
    same(
        &of(2),
        &sparse_attention(q.view(), k.view(), v.view(), &near, &mut Work::default()),
        1e-12,
    );
    // With as many blocks as there are, the second branch is dense.
    let all = rows(&Pattern::window(n), n);
    let dense = sparse_attention(q.view(), k.view(), v.view(), &all, &mut Work::default());
    let everything = Sizes { count: 99, ..sizes };
    same(&nsa_attention(q.view(), k.view(), v.view(), gates(1).view(), everything), &dense, 1e-12);
}

/// The numbers of the page.
#[test]
fn numbers_of_the_page() {
    assert_eq!((costs::indexer(64, 128), costs::latent(128, 512, 64)), (16_512, 278_528));
    let [all, index, both] = costs::of_a_query(131_072, 2048);
    assert_eq!((1000.0 * index as f64 / all as f64).round() / 10.0, 5.9);
    assert!((0.78..0.82).contains(&(index as f64 / both as f64)), "{}", index as f64 / both as f64);
    assert_eq!(8192_u64 * 512 * 2 * 64, 536_870_912);
    assert_eq!(8192_u64 * 512 * 2 * 64 / (8192 * 8192), 8);
    assert_eq!(spans(65_536, 32, 16), 4095);
    let of = |every| mixed_cache_bytes(48, every, 1024, 131_072, 4096) as f64;
    assert!((0.16..0.18).contains(&(of(6) / of(1))), "{}", of(6) / of(1));
    assert!((8.58e9..8.61e9).contains(&(131_072.0_f64 * 131_073.0 / 2.0)));
}
