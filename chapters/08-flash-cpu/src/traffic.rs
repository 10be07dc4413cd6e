//! What moves between a large slow memory and a small fast one: counted, and in closed form.

use crate::given::{Block, seen};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

// ANCHOR: traffic
/// Counts what a computation moves between slow memory, where the tensors are, and fast memory,
/// where the arithmetic is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// How many tiles were loaded.
    pub tiles: u64,
    /// How many bytes they had.
    pub loaded: u64,
    /// How many bytes were stored.
    pub stored: u64,
}

impl Traffic {
    /// Copies a tile from slow memory into fast memory.
    pub fn load(&mut self, tile: ArrayView2<f32>) -> Array2<f32> {
        self.tiles += 1;
        self.loaded += 4 * tile.len() as u64;
        tile.to_owned()
    }

    /// Copies a tile from fast memory back into slow memory.
    pub fn store(&mut self, tile: &Array2<f32>, mut to: ArrayViewMut2<f32>) {
        self.stored += 4 * tile.len() as u64;
        to.assign(tile);
    }

    /// Adds a tile to what is in slow memory: that is loaded, and the sum is stored.
    pub fn add(&mut self, tile: &Array2<f32>, to: ArrayViewMut2<f32>) {
        let sum = self.load(to.view()) + tile;
        self.store(&sum, to);
    }
}
// ANCHOR_END: traffic

/// `5 tiles loaded, 480 bytes; 96 bytes stored`
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Traffic { tiles, loaded, stored } = self;
        let s = if *tiles == 1 { "" } else { "s" };
        write!(f, "{tiles} tile{s} loaded, {loaded} bytes; {stored} bytes stored")
    }
}

/// The sizes of one head, for counting.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Queries.
    pub n: usize,
    /// Keys and values.
    pub m: usize,
    /// Width of a query and of a key.
    pub d: usize,
    /// Width of a value.
    pub d_v: usize,
    /// Whether a query sees only the keys up to its own position.
    pub causal: bool,
}

impl Sizes {
    /// Those of a head with queries `q` and values `v`.
    pub fn of(q: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Self {
        let ((n, d), (m, d_v)) = (q.dim(), v.dim());
        Sizes { n, m, d, d_v, causal }
    }

    /// The tiles of queries and of keys that are visited together, in order, each as a range of
    /// rows.
    pub fn pairs(self, block: Block) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        (0..self.n.div_ceil(block.q)).flat_map(move |t| {
            let rows = t * block.q..self.n.min((t + 1) * block.q);
            let keys = move |u: usize| u * block.k..self.m.min((u + 1) * block.k);
            (0..self.visits(block, t)).map(move |u| (rows.clone(), keys(u)))
        })
    }

    /// How many query tiles there are: ⌈n / block.q⌉.
    pub fn query_tiles(&self, block: Block) -> u64 {
        self.n.div_ceil(block.q) as u64
    }

    /// How many key tiles query tile `t` visits: those that its *last* query sees something of,
    /// ⌈seen / block.k⌉.
    pub fn visits(&self, block: Block, t: usize) -> usize {
        let last = (self.n - 1).min((t + 1) * block.q - 1);
        seen(last, self.n, self.m, self.causal).div_ceil(block.k)
    }

    /// How many score tiles are visited, all query tiles together.
    pub fn visited(&self, block: Block) -> u64 {
        let tiles = 0..self.n.div_ceil(block.q);
        tiles.map(|t| self.visits(block, t) as u64).sum()
    }

    /// What [`flash_forward`](crate::flash_forward) moves: the queries once, keys and values once
    /// for each query tile that sees them, the output once.
    pub fn flash(&self, block: Block) -> Traffic {
        let (n, d, d_v) = (self.n as u64, self.d as u64, self.d_v as u64);
        Traffic {
            tiles: self.query_tiles(block) + 2 * self.visited(block),
            loaded: 4 * (n * d + self.key_rows(block) * (d + d_v)),
            stored: 4 * n * d_v,
        }
    }

    /// What [`flash_backward`](crate::flash_backward) moves: the queries, the output and its
    /// gradient once; for each query tile, the keys and values that it sees, and their gradients
    /// there and back; the gradient of the queries once.
    pub fn flash_backward(&self, block: Block) -> Traffic {
        let (n, d, d_v) = (self.n as u64, self.d as u64, self.d_v as u64);
        let pairs = self.key_rows(block) * (d + d_v);
        Traffic {
            tiles: 3 * self.query_tiles(block) + 4 * self.visited(block),
            loaded: 4 * (n * (d + 2 * d_v) + 2 * pairs),
            stored: 4 * (n * d + pairs),
        }
    }

    /// How many keys are loaded, all query tiles together. Tiles are whole: the last one may be cut
    /// by the end of the keys, but not by the mask.
    fn key_rows(&self, block: Block) -> u64 {
        let tiles = 0..self.n.div_ceil(block.q);
        let rows = |t| (self.visits(block, t) * block.k).min(self.m) as u64;
        tiles.map(rows).sum()
    }

    /// What attention moves that keeps its scores and its weights in slow memory, each written once
    /// and read once: 4·n·m numbers beside the inputs and the output, mask or no mask.
    pub fn naive(&self) -> u64 {
        let (n, m, d, d_v) = (self.n, self.m, self.d, self.d_v);
        4 * (n * d + m * d + m * d_v + n * d_v + 4 * n * m) as u64
    }

    /// How much fast memory a block needs: a tile each of queries, keys, values, scores and output,
    /// in bytes.
    pub fn fast_memory(&self, block: Block) -> usize {
        let Block { q, k } = block;
        4 * (q * self.d + k * self.d + k * self.d_v + q * k + q * self.d_v)
    }
}
