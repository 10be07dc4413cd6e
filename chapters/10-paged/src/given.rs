//! What the exercises are given: the types that they take and return, and the errors that name both
//! sizes.

use attn_core::shape::expect_equal;
use ndarray::{Array4, ArrayView3, ArrayView4};
use serde::{Deserialize, Serialize};

// ANCHOR: blocks
/// The blocks of a pool: who uses them, and which are free. What they hold is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// How many tokens a block has room for.
    pub size: usize,
    /// How often each block is used: by so many tables. 0 for a free one.
    pub counts: Vec<usize>,
    /// The free blocks. The last one in this list is handed out next.
    pub free: Vec<usize>,
}

impl Blocks {
    /// A pool of `total` blocks, all free. They are handed out in the order 0, 1, 2, ….
    ///
    /// # Panics
    /// If `size` is 0.
    #[track_caller]
    pub fn new(total: usize, size: usize) -> Self {
        assert!(size > 0, "a block of 0 tokens holds nothing");
        Blocks { size, counts: vec![0; total], free: (0..total).rev().collect() }
    }

    /// How many blocks there are.
    pub fn total(&self) -> usize {
        self.counts.len()
    }
}
// ANCHOR_END: blocks

// ANCHOR: table
/// Where the cache of one text lies: block `blocks[i]` of the pool holds the i-th `size` tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Blocks of the pool, in the order of the text.
    pub blocks: Vec<usize>,
    /// How many tokens the text has. The last block need not be full.
    pub tokens: usize,
}

/// A place for one token in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The block.
    pub block: usize,
    /// The place in it, below `size`.
    pub offset: usize,
}
// ANCHOR_END: table

// ANCHOR: block_error
/// Why a pool refuses what it is asked for. It is then as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Fewer blocks are free than are needed.
    #[error("out of blocks: {needed} needed, {free} free")]
    Full {
        /// How many more blocks are needed.
        needed: usize,
        /// How many are free.
        free: usize,
    },
    /// A block that nobody uses cannot be given back.
    #[error("block {block} is not in use")]
    NotInUse {
        /// Its number.
        block: usize,
    },
    /// The pool has no such block.
    #[error("there is no block {block}, the pool has {total}")]
    Unknown {
        /// The number that was given.
        block: usize,
        /// How many blocks there are.
        total: usize,
    },
}
// ANCHOR_END: block_error

// ANCHOR: pool
/// Blocks, and the keys and values that lie in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Who uses them.
    pub blocks: Blocks,
    /// (blocks, h, size, d). What lies in places without a token means nothing.
    pub keys: Array4<f32>,
    /// (blocks, h, size, d_v).
    pub values: Array4<f32>,
}

impl Pool {
    /// A pool of `total` free blocks of `size` tokens, for `h` heads.
    #[track_caller]
    pub fn new(total: usize, size: usize, (h, d, d_v): (usize, usize, usize)) -> Self {
        let (keys, values) = ((total, h, size, d), (total, h, size, d_v));
        let blocks = Blocks::new(total, size);
        Pool { blocks, keys: Array4::zeros(keys), values: Array4::zeros(values) }
    }
}
// ANCHOR_END: pool

/// Panics unless queries (h, n, d) can attend to what a table names in keys (blocks, h, size, d) and
/// values (blocks, h, size, d_v).
#[track_caller]
pub fn expect_pages(
    q: ArrayView3<f32>,
    keys: ArrayView4<f32>,
    values: ArrayView4<f32>,
    table: &Table,
) {
    let ((h, n, d), (blocks, h_k, size, d_k)) = (q.dim(), keys.dim());
    let (value_blocks, h_v, value_size, _) = values.dim();
    expect_equal(("key heads", h_k), ("query heads", h));
    expect_equal(("value heads", h_v), ("query heads", h));
    expect_equal(("key width", d_k), ("query width", d));
    expect_equal(("blocks of values", value_blocks), ("blocks of keys", blocks));
    expect_equal(("size of a block of values", value_size), ("size of a block of keys", size));
    expect_equal(
        ("blocks of the table", table.blocks.len()),
        ("blocks needed", table.tokens.div_ceil(size)),
    );
    assert!(n <= table.tokens, "{n} queries, but the table holds {} tokens", table.tokens);
}

// ANCHOR: chain
/// The hash of a block's tokens and of everything before them. `parent` is the hash of the block before
/// it, or [`ROOT`] for the first block of a text.
///
/// ```
/// use ch10_paged::given::{ROOT, chain};
/// let first = chain(ROOT, &[7, 8]);
/// assert_ne!(chain(first, &[7, 8]), first); // the same tokens, but after two others
/// ```
pub fn chain(parent: u64, tokens: &[usize]) -> u64 {
    // Each byte by itself: FNV-1a, with the end of the block as one more.
    let bytes = tokens.iter().flat_map(|token| (*token as u64).to_le_bytes()).chain([0xA5]);
    bytes.fold(parent, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What comes before the first block of a text.
pub const ROOT: u64 = 0xcbf2_9ce4_8422_2325;
// ANCHOR_END: chain

// ANCHOR: cached
/// A full block that is kept because somebody may want its tokens again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// The block.
    pub block: usize,
    /// How many texts use it now.
    pub users: usize,
    /// The step in which it was last used.
    pub used: usize,
    /// How many blocks come before it in its text: 0 for the first.
    pub depth: usize,
}
// ANCHOR_END: cached

// ANCHOR: preemption
/// A request that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its number.
    pub id: usize,
    /// When it arrived. No two are equal.
    pub arrived: usize,
    /// Tokens in its cache.
    pub tokens: usize,
    /// Blocks that it holds.
    pub blocks: usize,
}

/// What a machine and a model say of the price of a preemption.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Bytes of a block: the keys and values of all layers.
    pub block_bytes: f64,
    /// Bytes per second between the card and the computer's memory, in each direction.
    pub link: f64,
    /// Weights of the model.
    pub parameters: f64,
    /// FLOPs per second.
    pub peak: f64,
}

/// How a request comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Its blocks are copied away, and back later.
    Swap,
    /// Its blocks are forgotten, and computed again from its tokens.
    Recompute,
}

/// Who gives way, and how.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preemption {
    /// The request.
    pub id: usize,
    /// How it comes back.
    pub way: Way,
    /// Seconds that a swap takes, there and back.
    pub swap: f64,
    /// Seconds that it takes to compute its cache again.
    pub recompute: f64,
}
// ANCHOR_END: preemption

// ANCHOR: queue
/// A request as the scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: usize,
    /// How many of its tokens are in the cache.
    pub cached: usize,
    /// All its tokens so far, the prompt and what was written. Some of them have yet to be computed.
    pub known: usize,
    /// Blocks that it holds.
    pub blocks: usize,
    /// How many of them nobody else uses: so many are free when it gives way.
    pub own: usize,
}

impl Job {
    /// How many more blocks it needs to compute `tokens` more tokens, in blocks of `size`.
    pub fn needs(&self, tokens: usize, size: usize) -> usize {
        (self.cached + tokens).div_ceil(size).saturating_sub(self.blocks)
    }
}

/// Everything that a scheduler has to know. Both lists are in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The most tokens that a step may compute.
    pub budget: usize,
    /// Tokens in a block.
    pub size: usize,
    /// Free blocks.
    pub free: usize,
    /// Requests that have been begun.
    pub running: Vec<Job>,
    /// Requests that have not, or that had to give way.
    pub waiting: Vec<Job>,
}

/// What a step does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How many tokens of which request are computed: (id, tokens), in the order in which they were
    /// planned.
    pub chunks: Vec<(usize, usize)>,
    /// The requests that give way, in that order. Their own blocks are free before the step.
    pub preempted: Vec<usize>,
}
// ANCHOR_END: queue

// ANCHOR: waste
/// A text's piece of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// How many places it has.
    pub places: usize,
    /// How many of them hold a token now.
    pub tokens: usize,
    /// How many will, when the text has ended.
    pub length: usize,
}

/// What the places of a memory are used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waste {
    /// They hold a token.
    pub tokens: usize,
    /// They will hold one before their text ends.
    pub reserved: usize,
    /// They belong to a text that never uses them: internal fragmentation.
    pub internal: usize,
    /// They lie between the pieces: external fragmentation.
    pub external: usize,
}
// ANCHOR_END: waste
