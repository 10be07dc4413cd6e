//! What is held at once. A test program of its own: the allocator counts for all threads, and other tests
//! would be counted too.

use attn_core::random::Random;
use attn_exercise::memory;
use ch12_sparse::{
    block_sparse,
    gather::gather_attention,
    given::{Block, Pattern, Traffic, Work, tiles},
    pattern_row,
    seeded::normal,
    sparse_attention,
};
use ndarray::Array2;

/// Gathering holds n·w·(d + d_v) numbers, which is more than a table of scores here; rows and tiles hold
/// neither.
#[test]
fn gathering_holds_more_than_a_table_of_scores() {
    let (n, w, d) = (1024, 64, 32);
    let random = &mut Random::new(1);
    let [q, k, v]: [Array2<f64>; 3] = [0, 1, 2].map(|_| normal(random, (n, d)));
    let rows: Vec<Vec<usize>> = (0..n).map(|i| pattern_row(&Pattern::window(w), i, n)).collect();
    let results = 8 * n * d;
    let (table, copies) = (8 * n * n, 8 * n * w * 2 * d);

    let (gathered, peak) = memory::peak(|| gather_attention(q.view(), k.view(), v.view(), &rows));
    let beside = peak - results;
    assert!(
        beside >= copies && copies > 3 * table,
        "gathering held {beside} bytes, a table has {table}"
    );

    let mut work = Work::default();
    let (sparse, peak) =
        memory::peak(|| sparse_attention(q.view(), k.view(), v.view(), &rows, &mut work));
    assert!(peak - results < 20_000, "row by row held {} bytes", peak - results);
    assert!((&gathered - &sparse).iter().all(|x| x.abs() < 1e-12));

    let [q, k, v] = [q, k, v].map(|x| x.mapv(|x| x as f32));
    let block = Block { q: 32, k: 32 };
    let visits = tiles(&rows, n, block);
    let mut traffic = Traffic::default();
    let (tiled, peak) =
        memory::peak(|| block_sparse(q.view(), k.view(), v.view(), &visits, block, &mut traffic));
    let beside = peak - 4 * (n * d + n);
    assert!(beside < 100_000, "the tiles held {beside} bytes");
    let furthest = sparse
        .iter()
        .zip(&tiled.out)
        .fold(0.0, |most: f64, (a, b)| most.max((a - f64::from(*b)).abs()));
    assert!(furthest < 1e-5, "{furthest}");
}
