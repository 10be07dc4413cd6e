//! What the exercises are given: the types that they take and return, and what makes sure of the sizes.

use attn_core::{random::Random, shape::expect_equal};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};
use std::ops::Range;

pub use ch08_flash_cpu::given::{Block, Output, State, Traffic};

// ANCHOR: pattern
/// Which keys each token of a text may attend to. A token sees a key if one of the parts says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// How many neighbouring keys a token sees, itself included; odd where it is not causal.
    pub window: usize,
    /// The distance of two neighbouring keys of the window; 1 leaves no gap.
    pub dilation: usize,
    /// The global tokens: each sees all others, and is seen by all.
    pub globals: Vec<usize>,
    /// For each token the keys that were drawn for it; an empty list where none were drawn at all.
    pub random: Vec<Vec<usize>>,
    /// Whether a token may see no key behind itself, whatever the other parts say.
    pub causal: bool,
}
// ANCHOR_END: pattern

impl Pattern {
    /// A causal window, and nothing else.
    pub fn window(window: usize) -> Self {
        Pattern { window, dilation: 1, globals: Vec::new(), random: Vec::new(), causal: true }
    }
}

/// `keys` different keys for each of `n` tokens, drawn from all of them.
pub fn draw_keys(random: &mut Random, n: usize, keys: usize) -> Vec<Vec<usize>> {
    let draw = |_| {
        let mut all: Vec<usize> = (0..n).collect();
        for i in 0..keys.min(n) {
            all.swap(i, i + random.below(n - i));
        }
        all.truncate(keys);
        all
    };
    (0..n).map(draw).collect()
}

// ANCHOR: work
/// Counts the products of a query and a key. A sparse pattern saves what is never computed; what is
/// computed and hidden afterwards is not saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// How many products were computed.
    pub products: usize,
}

impl Work {
    /// q · k, counted.
    pub fn product(&mut self, q: ArrayView1<f64>, k: ArrayView1<f64>) -> f64 {
        self.products += 1;
        q.dot(&k)
    }
}
// ANCHOR_END: work

// ANCHOR: visit
/// A key tile that a query tile visits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// Which tile of keys: 0 has the first `block.k` of them.
    pub tile: usize,
    /// Which keys of the tile (columns) each query of its tile (rows) sees; `None` if every query
    /// sees every key.
    pub open: Option<Array2<bool>>,
}
// ANCHOR_END: visit

/// For each tile of queries the tiles of keys that one of its queries sees something of. `rows[i]` are
/// the keys of query i, among `m` keys.
///
/// # Panics
/// If a tile has no rows, or a key is not below `m`.
pub fn tiles(rows: &[Vec<usize>], m: usize, block: Block) -> Vec<Vec<Visit>> {
    assert!(block.q > 0 && block.k > 0, "a tile needs a row");
    let of = |rows: &[Vec<usize>]| {
        let mut open: Vec<Option<Array2<bool>>> = vec![None; m.div_ceil(block.k)];
        for (r, row) in rows.iter().enumerate() {
            for &j in row {
                assert!(j < m, "key {j} of {m}");
                let tile = j / block.k;
                let width = block.k.min(m - tile * block.k);
                let open =
                    open[tile].get_or_insert_with(|| Array2::from_elem((rows.len(), width), false));
                open[[r, j % block.k]] = true;
            }
        }
        let visited =
            open.into_iter().enumerate().filter_map(|(tile, open)| open.map(|open| (tile, open)));
        let full =
            |open: Array2<bool>| if open.iter().all(|&open| open) { None } else { Some(open) };
        visited.map(|(tile, open)| Visit { tile, open: full(open) }).collect()
    };
    rows.chunks(block.q).map(of).collect()
}

// ANCHOR: stream
/// The cache of one head that streams: the first tokens and the last ones, each with its key as it was
/// *before* it is turned by a position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// How many of the first tokens are never evicted.
    pub sinks: usize,
    /// How many of the last tokens are kept beside them.
    pub window: usize,
    /// Keys, oldest first.
    pub keys: Vec<Array1<f64>>,
    /// Values, oldest first.
    pub values: Vec<Array1<f64>>,
    /// How many tokens the stream has had so far.
    pub tokens: usize,
}

impl Stream {
    /// Before the first token.
    pub fn new(sinks: usize, window: usize) -> Self {
        Stream { sinks, window, keys: Vec::new(), values: Vec::new(), tokens: 0 }
    }
}
// ANCHOR_END: stream

/// `x` turned by its position (RoPE, interleaved layout, base 10,000; chapter 4).
pub fn rotate(x: ArrayView1<f64>, position: usize) -> Array1<f64> {
    let d = x.len();
    let mut turned = x.to_owned();
    for pair in 0..d / 2 {
        let angle = position as f64 * 10_000_f64.powf(-((2 * pair) as f64) / d as f64);
        let ((sin, cos), (a, b)) = (angle.sin_cos(), (x[2 * pair], x[2 * pair + 1]));
        turned[2 * pair] = a * cos - b * sin;
        turned[2 * pair + 1] = a * sin + b * cos;
    }
    turned
}

// ANCHOR: compressed
/// What attention to compressed keys gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compressed {
    /// n×d_v.
    pub out: Array2<f64>,
    /// How much each query attends to each span, n×spans.
    pub weights: Array2<f64>,
}

/// How many spans of `length` tokens, one every `stride` tokens, lie within `n` tokens.
pub fn spans(n: usize, length: usize, stride: usize) -> usize {
    if n < length { 0 } else { (n - length) / stride + 1 }
}
// ANCHOR_END: compressed

/// Which of `n` tokens device `device` of `devices` holds: equal parts in order, of which the last ones
/// may be shorter or empty.
pub fn part(n: usize, devices: usize, device: usize) -> Range<usize> {
    let size = n.div_ceil(devices);
    (device * size).min(n)..((device + 1) * size).min(n)
}

/// Makes sure that queries, keys and values belong to the same tokens.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_tokens(q: ArrayView2<f64>, k: ArrayView2<f64>, v: ArrayView2<f64>) {
    expect_equal(("keys", k.nrows()), ("queries", q.nrows()));
    expect_keys(q, k, v);
}

/// Makes sure that keys and values belong together, and queries and keys have one width.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_keys(q: ArrayView2<f64>, k: ArrayView2<f64>, v: ArrayView2<f64>) {
    expect_equal(("values", v.nrows()), ("keys", k.nrows()));
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
}

/// Makes sure that a window of this kind exists.
///
/// # Panics
/// Says what is wrong.
#[track_caller]
pub fn expect_window((i, n): (usize, usize), window: usize, dilation: usize, causal: bool) {
    assert!(i < n, "token {i} of {n}");
    assert!(window > 0, "a window of 0 keys; it counts the token itself");
    assert!(causal || window % 2 == 1, "a window of {window} keys that is not causal; it is odd");
    assert!(dilation > 0, "a dilation of 0; 1 leaves no gap");
}
