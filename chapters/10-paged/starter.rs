//! Chapter 10 · Paged attention: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 10`. Stuck? `cargo attn hint 10.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ch10_paged::given::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayView4, Axis, concatenate, s};
use std::cmp::Reverse;
use std::collections::BTreeMap;

// ━━ 10.1 Where a token lies · 5 points · about 10 minutes ━━

/// Where the token at a position lies: `None` if the text has no such token. `size` is the number of
/// tokens in a block.
///
/// Costs a division, however long the text.
///
/// Source: Kwon et al. (2309.06180) §4.3.
///
/// ```
/// use ch10_paged::{given::{Slot, Table}, slot};
/// let table = Table { blocks: vec![5, 2], tokens: 3 };
/// assert_eq!(slot(&table, 2, 2), Some(Slot { block: 2, offset: 0 }));
/// assert_eq!(slot(&table, 2, 3), None);
/// ```
pub fn slot(table: &Table, size: usize, position: usize) -> Option<Slot> {
    todo!("10.1: which block, and where in it")
}

// ━━ 10.2 Hand out a block · 5 points · about 10 minutes ━━

/// Hands out a free block, the last one in the list of free blocks. It then has one user.
///
/// Costs the same however large the pool.
///
/// # Errors
/// [`BlockError::Full`] if none is free; the pool is then as it was before.
///
/// ```
/// use ch10_paged::{allocate, given::Blocks};
/// let mut blocks = Blocks::new(1, 16);
/// assert_eq!(allocate(&mut blocks), Ok(0));
/// assert_eq!(blocks.counts, [1]);
/// let error = allocate(&mut blocks).unwrap_err();
/// assert_eq!(error.to_string(), "out of blocks: 1 needed, 0 free");
/// ```
pub fn allocate(blocks: &mut Blocks) -> Result<usize, BlockError> {
    todo!("10.2: take the last free block and count its user")
}

// ━━ 10.3 Take a block back · 10 points · about 15 minutes ━━

/// Gives a block back: it has one user less. Without users it is free, and the next to be handed out.
///
/// # Errors
/// [`BlockError::Unknown`] if the pool has no such block, [`BlockError::NotInUse`] if nobody uses it. The
/// pool is then as it was before.
///
/// ```
/// use ch10_paged::{allocate, given::Blocks, release};
/// let mut blocks = Blocks::new(2, 16);
/// let block = allocate(&mut blocks).unwrap();
/// release(&mut blocks, block).unwrap();
/// assert_eq!((blocks.counts, blocks.free), (vec![0, 0], vec![1, 0]));
/// ```
pub fn release(blocks: &mut Blocks, block: usize) -> Result<(), BlockError> {
    todo!("10.3: refuse what is not in use, count down, and free what nobody uses")
}

// ━━ 10.4 Make room in a table · 15 points · about 20 minutes ━━

/// Makes room for `tokens` more tokens of a text. Blocks are taken only for what does not fit into the
/// last one, and the text has then `table.tokens + tokens` tokens.
///
/// # Errors
/// [`BlockError::Full`] if fewer blocks are free than are needed; pool and table are then as they were
/// before.
///
/// ```
/// use ch10_paged::{given::{Blocks, Table}, grow};
/// let (mut blocks, mut table) = (Blocks::new(3, 4), Table::default());
/// grow(&mut blocks, &mut table, 3).unwrap();
/// grow(&mut blocks, &mut table, 1).unwrap(); // there is room for one more in block 0
/// assert_eq!(table, Table { blocks: vec![0], tokens: 4 });
/// grow(&mut blocks, &mut table, 1).unwrap();
/// assert_eq!(table, Table { blocks: vec![0, 1], tokens: 5 });
/// ```
pub fn grow(blocks: &mut Blocks, table: &mut Table, tokens: usize) -> Result<(), BlockError> {
    todo!("10.4: refuse if too few are free, then take what is needed")
}

// ━━ 10.5 Attention through a table · 20 points · about 30 minutes ━━

/// Causal attention of a chunk's queries to the tokens of a text whose keys and values lie in blocks.
/// The queries are those of the text's last n tokens.
///
/// Shapes: `q` (h, n, d), turned already; `keys` (blocks, h, size, d), `values` (blocks, h, size, d_v);
/// m = `table.tokens`, n ≤ m; out (h, n, d_v). Places without a token of this text may hold anything,
/// NaN too. Costs at most h·2·n·m·(d + d_v) FLOPs, as without blocks.
///
/// Source: Kwon et al. (2309.06180) §4.1, Eq 4, which writes it block by block.
///
/// ```
/// use ch10_paged::{given::Table, paged_attention};
/// use ndarray::{Array3, Array4};
/// // Three tokens with equal keys in blocks 2 and 0, and the values 3, 5 and 10.
/// let keys = Array4::zeros((3, 1, 2, 1));
/// let mut values = Array4::from_elem((3, 1, 2, 1), f32::NAN);
/// values[[2, 0, 0, 0]] = 3.0;
/// values[[2, 0, 1, 0]] = 5.0;
/// values[[0, 0, 0, 0]] = 10.0;
/// let table = Table { blocks: vec![2, 0], tokens: 3 };
/// let out = paged_attention(Array3::ones((1, 1, 1)).view(), keys.view(), values.view(), &table);
/// assert_eq!(out[[0, 0, 0]], 6.0);
/// ```
#[track_caller]
pub fn paged_attention(
    q: ArrayView3<f32>,
    keys: ArrayView4<f32>,
    values: ArrayView4<f32>,
    table: &Table,
) -> Array3<f32> {
    expect_pages(q, keys, values, table);
    todo!("10.5: in every head, the text's rows in the order of its table, then attention")
}

// ━━ 10.6 Share a beginning · 5 points · about 10 minutes ━━

/// A second text that begins as this one: all its blocks are shared, and nothing is copied.
///
/// Source: Kwon et al. (2309.06180) §4.4.
///
/// ```
/// use ch10_paged::{fork, given::{Blocks, Table}, grow};
/// let (mut blocks, mut table) = (Blocks::new(4, 2), Table::default());
/// grow(&mut blocks, &mut table, 3).unwrap();
/// let sibling = fork(&mut blocks, &table);
/// assert_eq!(sibling, table);
/// assert_eq!(blocks.counts, [2, 2, 0, 0]);
/// ```
pub fn fork(blocks: &mut Blocks, table: &Table) -> Table {
    todo!("10.6: the same blocks, each with one user more")
}

// ━━ 10.7 Copy a block on a write · 20 points · about 30 minutes ━━

/// Makes sure that the next token of a text can be written without changing another text. If it would go
/// into a block that somebody else uses too, the table gets a copy of that block, and the other users
/// keep theirs.
///
/// Copies one block at most: h·size·(d + d_v) numbers.
///
/// # Errors
/// [`BlockError::Full`] if a copy is needed and no block is free; pool and table are then as they were
/// before.
///
/// Source: Kwon et al. (2309.06180) §4.4.
///
/// ```
/// use ch10_paged::{copy_on_write, fork, given::{Pool, Table}, grow};
/// let mut pool = Pool::new(3, 2, (1, 1, 1));
/// let mut table = Table::default();
/// grow(&mut pool.blocks, &mut table, 1).unwrap(); // one of two places of block 0
/// let mut sibling = fork(&mut pool.blocks, &table);
/// copy_on_write(&mut pool, &mut sibling).unwrap();
/// assert_eq!((table.blocks, sibling.blocks), (vec![0], vec![1]));
/// assert_eq!(pool.blocks.counts, [1, 1, 0]);
/// ```
pub fn copy_on_write(pool: &mut Pool, table: &mut Table) -> Result<(), BlockError> {
    todo!("10.7: if the last block has room and is shared, copy it into one of one's own")
}

// ━━ 10.8 Find a known beginning · 15 points · about 25 minutes ━━

/// The blocks that hold the beginning of a prompt already: full blocks alone, in the order of the text,
/// and never the whole prompt, since somebody has to compute the row that says what comes next.
///
/// `index` gives the block of every hash: [`chain`] of the hash of the block before it and its tokens.
///
/// Costs the hash of every token at most.
///
/// ```
/// use ch10_paged::{cached_prefix, given::{ROOT, chain}};
/// let first = chain(ROOT, &[1, 2]);
/// let index = [(first, 7), (chain(first, &[3, 4]), 5)].into();
/// assert_eq!(cached_prefix(&index, &[1, 2, 3, 4, 9], 2), [7, 5]);
/// assert_eq!(cached_prefix(&index, &[1, 2, 3, 4], 2), [7]); // token 4 is left to compute, and 3 with it
/// ```
pub fn cached_prefix(index: &BTreeMap<u64, usize>, prompt: &[usize], size: usize) -> Vec<usize> {
    todo!("10.8: block by block, as long as the chain is known, and one token is left")
}

// ━━ 10.9 Choose what goes · 10 points · about 15 minutes ━━

/// The kept block that goes when room is needed: among those that no text uses, the one whose last use
/// lies longest ago. Of several last used in the same step, the one that has most blocks before it.
/// `None` if all are used.
///
/// ```
/// use ch10_paged::{evict, given::Cached};
/// let kept = [
///     Cached { block: 4, users: 1, used: 2, depth: 0 }, // in use
///     Cached { block: 7, users: 0, used: 5, depth: 0 },
///     Cached { block: 1, users: 0, used: 5, depth: 1 },
/// ];
/// assert_eq!(evict(&kept), Some(1));
/// ```
pub fn evict(kept: &[Cached]) -> Option<usize> {
    todo!("10.9: of those without users the oldest, and of equally old ones the deepest")
}

// ━━ 10.10 Who gives way · 10 points · about 15 minutes ━━

/// Who gives way when no block is free, and how: the request that arrived last, with all its blocks. It
/// is swapped if that is faster than computing its cache again, there and back together.
///
/// A swap moves whole blocks, also what is empty in the last one. To compute n tokens again takes
/// 2·n·`parameters` FLOPs. `None` if nothing is running.
///
/// Source: Kwon et al. (2309.06180) §4.5.
///
/// ```
/// use ch10_paged::{given::{Prices, Running, Way}, preempt};
/// let running = [Running { id: 3, arrived: 9, tokens: 30, blocks: 2 }];
/// let prices = Prices { block_bytes: 100.0, link: 10.0, parameters: 50.0, peak: 60.0 };
/// let chosen = preempt(&running, prices).unwrap();
/// assert_eq!((chosen.swap, chosen.recompute, chosen.way), (40.0, 50.0, Way::Swap));
/// ```
pub fn preempt(running: &[Running], prices: Prices) -> Option<Preemption> {
    todo!("10.10: the last arrived, and the cheaper way")
}

// ━━ 10.11 Plan a step · 30 points · about 50 minutes ━━

/// What the next step computes.
///
/// 1. The running requests get their tokens first: those with a single token to compute, then those with
///    more, each group in the order of arrival. Each gets as many as it has to compute and the budget
///    leaves.
/// 2. If one needs more blocks than are free, the running request that arrived last gives way, and again
///    until there are enough, or until it is the request itself. One that gives way has no chunk in this
///    step: the blocks that it alone uses are free, and so are those and the budget that were planned for
///    it. A chunk that is planned keeps its size.
/// 3. If nobody had to give way, waiting requests follow in the order of arrival, as long as budget and
///    blocks last. The first one whose chunk does not fit ends the step.
///
/// ```
/// use ch10_paged::{given::{Job, Plan, Queue}, schedule};
/// let queue = Queue {
///     budget: 6, size: 4, free: 2,
///     running: vec![Job { id: 0, cached: 7, known: 8, blocks: 2, own: 2 }], // it has room in its last block
///     waiting: vec![Job { id: 1, cached: 0, known: 9, blocks: 0, own: 0 }],
/// };
/// let plan = schedule(&queue);
/// assert_eq!(plan, Plan { chunks: vec![(0, 1), (1, 5)], preempted: vec![] });
/// ```
pub fn schedule(queue: &Queue) -> Plan {
    todo!("10.11: decode, prefill, give way, admit")
}

// ━━ 10.12 Keep what was guessed right · 15 points · about 25 minutes ━━

/// Decides which of some proposed tokens are kept. The model has read them as one chunk: the last
/// `proposed.len()` tokens of the table are theirs, and row i of `logits` says what it would write after
/// the first i of them. A proposed token is kept if it is what the model would write, and so are all
/// before it. What follows the kept ones is taken out of the table, and every block that is then empty is
/// given back, the last one first.
///
/// The result is what is written: the kept tokens, and behind them the one that the model writes itself,
/// which is not in the table yet. Of equally large logits the first counts.
///
/// Shapes: `logits` (k + 1) × vocabulary for k proposed tokens.
///
/// Source: Leviathan et al. (2211.17192) §2.3, for greedy decoding.
///
/// ```
/// use ch10_paged::{given::{Blocks, Table}, grow, speculative_step};
/// use ndarray::array;
/// let (mut blocks, mut table) = (Blocks::new(4, 2), Table::default());
/// grow(&mut blocks, &mut table, 5).unwrap(); // two tokens, and three proposed: 1, 0, 0
/// let logits = array![[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]];
/// let written = speculative_step(&mut blocks, &mut table, &[1, 0, 0], logits.view());
/// assert_eq!(written, [1, 1]); // the first is kept; the model writes 1 where 0 was proposed
/// assert_eq!(table, Table { blocks: vec![0, 1], tokens: 3 });
/// ```
#[track_caller]
pub fn speculative_step(
    blocks: &mut Blocks,
    table: &mut Table,
    proposed: &[usize],
    logits: ArrayView2<f32>,
) -> Vec<usize> {
    assert_eq!(logits.nrows(), proposed.len() + 1, "a row for each proposed token, and one more");
    todo!("10.12: keep what agrees, write one token more, and shorten the table")
}

// ━━ 10.13 Count what is lost · 5 points · about 10 minutes ━━

/// What the places of a memory are used for in which each text has one piece: how many hold a token, how
/// many are reserved for tokens to come, how many their text will never use, and how many lie in no
/// piece.
///
/// Source: Kwon et al. (2309.06180) §3.1, Figure 3.
///
/// ```
/// use ch10_paged::{given::{Piece, Waste}, waste};
/// let pieces = [Piece { places: 8, tokens: 3, length: 5 }];
/// assert_eq!(waste(&pieces, 10), Waste { tokens: 3, reserved: 2, internal: 3, external: 2 });
/// ```
pub fn waste(pieces: &[Piece], places: usize) -> Waste {
    todo!("10.13: add up four differences")
}
