//! Somebody's functions beside the reference's, call by call, while texts are written in small pools.
//!
//! The reference's answers are what counts, so that each function meets a state that is right, whatever
//! another one has done before. So every function that is wrong is named, with the first call in which it
//! shows.

use crate::{
    engine::{Choice, Decoder, Engine, Request, Settings, Span, attend},
    functions::{Functions, REFERENCE},
    given::{Blocks, Job, Piece, Pool, Queue, Table, Waste, Way},
};
use attn_core::random::Random;
use ndarray::{Array2, Array3, Array4, Axis};
use std::{
    cell::{Cell, RefCell},
    fmt::Debug,
};

/// A function that gave another answer than the reference's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The exercise.
    pub id: &'static str,
    /// The function.
    pub item: &'static str,
    /// What it was asked.
    pub asked: String,
    /// Which part of the answer differs.
    pub what: &'static str,
    /// What it answered.
    pub got: String,
    /// What the reference answered.
    pub wanted: String,
}

thread_local! {
    static THEIRS: Cell<Functions> = const { Cell::new(REFERENCE) };
    static FOUND: RefCell<Vec<Difference>> = const { RefCell::new(Vec::new()) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Compares somebody's functions with the reference's on requests that share, fork, search, give way and
/// evict. What differs, in the order in which it was found, and how many calls were compared.
pub fn compare(by: Functions) -> (Vec<Difference>, usize) {
    THEIRS.set(by);
    FOUND.take();
    CALLS.set(0);
    let mut random = Random::new(10);
    let pools = [(16, 2, 9), (30, 1, 7), (9, 4, 12), (12, 3, 6), (8, 4, 20)];
    for (i, (blocks, size, budget)) in pools.into_iter().enumerate() {
        let way = if i % 2 == 0 { Way::Recompute } else { Way::Swap };
        let settings = Settings { blocks, size, budget, way, share: true };
        let mut engine = Engine::with(Marks, settings, BOTH);
        for number in 0..40 {
            // A refusal is the reference's, and right.
            let _ = engine.add(some_request(&mut random, 10 * number, blocks * size));
            for _ in 0..random.below(3) {
                step(&mut engine);
            }
        }
        while !engine.is_idle() {
            step(&mut engine);
        }
        engine.forget();
    }
    // The engine's own queues never have a late writer beside an early reader that finds no block.
    for _ in 0..500 {
        let _ = (BOTH.schedule)(&some_queue(&mut random));
    }
    (FOUND.take(), CALLS.get())
}

fn some_queue(random: &mut Random) -> Queue {
    let size = 1 + random.below(4);
    let mut jobs = |first: usize, begun: usize| -> Vec<Job> {
        let job = |id| {
            let cached = begun * (1 + random.below(9));
            let known = cached + 1 + random.below(2) * random.below(9);
            let blocks = cached.div_ceil(size);
            Job { id, cached, known, blocks, own: blocks - random.below(2).min(blocks) }
        };
        (first..first + 4).map(job).collect()
    };
    let (running, waiting) = (jobs(0, 1), jobs(4, 0));
    Queue { budget: 1 + random.below(12), size, free: random.below(5), running, waiting }
}

/// A step, and what can be asked of its tables.
fn step(engine: &mut Engine<Marks>) {
    engine.step().expect("the reference's plan");
    let size = engine.pool().blocks.size;
    let mut pieces = Vec::new();
    for (_, table) in engine.tables() {
        // Also behind the text: in its last block, and behind that.
        for position in (0..table.tokens + 1).chain([table.blocks.len() * size]) {
            let _ = (BOTH.slot)(table, size, position);
        }
        for (i, _) in table.blocks.iter().enumerate() {
            let tokens = size.min(table.tokens - i * size);
            pieces.push(Piece { places: size, tokens, length: size.min(tokens + i % 2) });
        }
    }
    let _ = (BOTH.waste)(&pieces, pieces.len() * size + 3);
    // The engine takes blocks by `grow` alone, and gives back only what is in use.
    let mut blocks = engine.pool().blocks.clone();
    let unused = blocks.free.first().copied().unwrap_or(blocks.total());
    let _ = (BOTH.release)(&mut blocks, unused);
    let _ = (BOTH.allocate)(&mut blocks);
}

fn some_request(random: &mut Random, id: usize, room: usize) -> Request {
    let n = 1 + random.below(room.min(14));
    // Few different beginnings, and among them the same blocks in another order.
    let kind = random.below(3);
    let prompt: Vec<usize> =
        (0..n).map(|i| if i < 8 { (kind * i) % 4 } else { random.below(TOKENS) }).collect();
    let most = 1 + random.below((room + 1 - n).min(12));
    match random.below(6) {
        0 => Request::beams(id, 2 + random.below(2), &prompt, most),
        1 | 2 => {
            let choice = |i| Choice::Sample { temperature: 1.0, seed: (id + i) as u64 };
            let siblings = (1..=1 + random.below(3)).map(|i| (id + i, choice(i))).collect();
            Request { choice: choice(0), siblings, ..Request::greedy(id, &prompt, most) }
        }
        _ => Request::greedy(id, &prompt, most),
    }
}

/// A model that costs nothing: a token's key and value say which token it is, and where.
struct Marks;

const TOKENS: usize = 11;

impl Decoder for Marks {
    fn pages(&self) -> (usize, usize, usize) {
        (2, 2, 2)
    }

    fn context(&self) -> usize {
        1000
    }

    fn vocabulary(&self) -> usize {
        TOKENS
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32> {
        let marks = spans.iter().flat_map(|span| {
            span.tokens
                .iter()
                .enumerate()
                .map(|(i, &token)| ((span.start + i) as f32, token as f32))
        });
        let marks: Vec<(f32, f32)> = marks.collect();
        let rows = |a: f32, b: f32| {
            Array2::from_shape_fn((marks.len(), 4), |(row, column)| {
                let (position, token) = marks[row];
                (a * position + b * token + column as f32).sin()
            })
        };
        let heads = crate::engine::LayerHeads { layer: 0, heads: 2, kv_heads: 2 };
        let rows = [rows(0.3, 0.9), rows(0.7, 1.3), rows(1.1, 0.2)];
        let mut unturned = |_: &mut Array3<f32>, _| ();
        let _ = attend(spans, rows, heads, &mut unturned, (pool, by));
        let last = |span: &Span| (span.table.tokens * 7 + span.tokens.last().unwrap_or(&0)) as f32;
        Array2::from_shape_fn((spans.len(), TOKENS), |(row, token)| {
            (last(&spans[row]) * (token + 1) as f32).sin()
        })
    }
}

/// An answer by its parts: what each is called, and what it is.
type Parts = Vec<(&'static str, String)>;

fn part(name: &'static str, value: impl Debug) -> (&'static str, String) {
    (name, format!("{value:?}"))
}

/// Compares what a function answers with the reference's answer, until it has been wrong once.
fn compared(
    (id, item): (&'static str, &'static str),
    asked: impl FnOnce() -> String,
    theirs: impl FnOnce(Functions) -> Parts,
    wanted: &Parts,
) {
    if FOUND.with_borrow(|found| found.iter().any(|difference| difference.id == id)) {
        return;
    }
    CALLS.set(CALLS.get() + 1);
    let got = theirs(THEIRS.get());
    if let Some(((what, got), (_, wanted))) = got.into_iter().zip(wanted).find(|(a, b)| a != *b) {
        let (asked, wanted) = (asked(), wanted.clone());
        let difference = Difference { id, item, asked, what, got, wanted };
        FOUND.with_borrow_mut(|found| found.push(difference));
    }
}

/// The state of some blocks, and a table.
fn state(blocks: &Blocks, table: Option<&Table>) -> Parts {
    let mut parts = vec![part("counts", &blocks.counts), part("free", &blocks.free)];
    if let Some(table) = table {
        parts.push(part("the table", (&table.blocks, table.tokens)));
    }
    parts
}

/// A text's table, in words.
fn of(table: &Table) -> String {
    let (tokens, blocks) = (table.tokens, &table.blocks);
    format!("a text of {tokens} token{} in {blocks:?}", if tokens == 1 { "" } else { "s" })
}

/// Both functions are called, and the reference's answer counts.
const BOTH: Functions = Functions {
    slot: |table, size, position| {
        let answer = |by: Functions| vec![part("the slot", (by.slot)(table, size, position))];
        let asked = || format!("position {position} of {}, blocks of {size}", of(table));
        compared(("10.1", "slot"), asked, answer, &answer(REFERENCE));
        (REFERENCE.slot)(table, size, position)
    },
    allocate: |blocks| {
        let before = blocks.clone();
        let answer = |by: Functions, mut blocks: Blocks| {
            let block = part("the block", (by.allocate)(&mut blocks));
            [vec![block], state(&blocks, None)].concat()
        };
        let asked = || format!("{:?} are free", before.free);
        let theirs = |by| answer(by, before.clone());
        compared(("10.2", "allocate"), asked, theirs, &answer(REFERENCE, before.clone()));
        (REFERENCE.allocate)(blocks)
    },
    release: |blocks, block| {
        let before = blocks.clone();
        let answer = |by: Functions, mut blocks: Blocks| {
            let answer = part("the answer", (by.release)(&mut blocks, block));
            [vec![answer], state(&blocks, None)].concat()
        };
        let asked = || format!("block {block} comes back, counts {:?}", before.counts);
        let theirs = |by| answer(by, before.clone());
        compared(("10.3", "release"), asked, theirs, &answer(REFERENCE, before.clone()));
        (REFERENCE.release)(blocks, block)
    },
    grow: |blocks, table, tokens| {
        let before = (blocks.clone(), table.clone());
        let answer = |by: Functions, (mut blocks, mut table): (Blocks, Table)| {
            let answer = part("the answer", (by.grow)(&mut blocks, &mut table, tokens));
            [vec![answer], state(&blocks, Some(&table))].concat()
        };
        let asked = || format!("{tokens} more for {}, blocks of {}", of(&before.1), before.0.size);
        let theirs = |by| answer(by, before.clone());
        compared(("10.4", "grow"), asked, theirs, &answer(REFERENCE, before.clone()));
        (REFERENCE.grow)(blocks, table, tokens)
    },
    paged_attention: |q, keys, values, table| {
        let wanted = (REFERENCE.paged_attention)(q, keys, values, table);
        let answer = |by: Functions| {
            let got = (by.paged_attention)(q, keys, values, table);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
            match got.dim() == wanted.dim() && got.iter().zip(&wanted).all(near) {
                true => vec![part("the result", &wanted)],
                false => vec![part("the result", &got)],
            }
        };
        let asked = || format!("{} queries of {}", q.dim().1, of(table));
        compared(("10.5", "paged_attention"), asked, answer, &answer(REFERENCE));
        wanted
    },
    fork: |blocks, table| {
        let before = blocks.clone();
        let answer = |by: Functions, mut blocks: Blocks| {
            let sibling = (by.fork)(&mut blocks, table);
            state(&blocks, Some(&sibling))
        };
        let asked = || format!("a sibling of {}", of(table));
        let theirs = |by| answer(by, before.clone());
        compared(("10.6", "fork"), asked, theirs, &answer(REFERENCE, before.clone()));
        (REFERENCE.fork)(blocks, table)
    },
    copy_on_write: |pool, table| {
        let before = (pool.clone(), table.clone());
        let answer = |by: Functions, (mut pool, mut table): (Pool, Table)| {
            let answer = part("the answer", (by.copy_on_write)(&mut pool, &mut table));
            let [keys, values] = [&pool.keys, &pool.values].map(|pages| last_row(pages, &table));
            let held = vec![("the last key", keys), ("the last value", values)];
            [vec![answer], state(&pool.blocks, Some(&table)), held].concat()
        };
        let asked = || format!("{}, counts {:?}", of(&before.1), before.0.blocks.counts);
        let theirs = |by| answer(by, before.clone());
        compared(("10.7", "copy_on_write"), asked, theirs, &answer(REFERENCE, before.clone()));
        (REFERENCE.copy_on_write)(pool, table)
    },
    cached_prefix: |index, prompt, size| {
        let answer =
            |by: Functions| vec![part("the blocks", (by.cached_prefix)(index, prompt, size))];
        let asked = || format!("the prompt {prompt:?} in blocks of {size}");
        compared(("10.8", "cached_prefix"), asked, answer, &answer(REFERENCE));
        (REFERENCE.cached_prefix)(index, prompt, size)
    },
    evict: |kept| {
        let answer = |by: Functions| {
            // Of two that are alike, either may go.
            let block = (by.evict)(kept);
            let cached = kept.iter().find(|cached| Some(cached.block) == block);
            let kind = cached.map(|cached| (cached.users, cached.used, cached.depth));
            vec![part("users, last use and depth of what goes", kind)]
        };
        let asked = || format!("one of {} kept blocks", kept.len());
        compared(("10.9", "evict"), asked, answer, &answer(REFERENCE));
        (REFERENCE.evict)(kept)
    },
    schedule: |queue| {
        let answer = |by: Functions| {
            let plan = (by.schedule)(queue);
            vec![part("what is computed", &plan.chunks), part("who gives way", &plan.preempted)]
        };
        let asked = || {
            let (running, waiting) = (queue.running.len(), queue.waiting.len());
            let (budget, free) = (queue.budget, queue.free);
            format!("{running} run, {waiting} wait, budget {budget}, {free} free")
        };
        compared(("10.11", "schedule"), asked, answer, &answer(REFERENCE));
        (REFERENCE.schedule)(queue)
    },
    waste: |pieces, places| {
        let answer = |by: Functions| {
            let Waste { tokens, reserved, internal, external } = (by.waste)(pieces, places);
            vec![
                part("tokens", tokens),
                part("reserved", reserved),
                part("internal", internal),
                part("external", external),
            ]
        };
        let asked = || format!("{} pieces, {places} places", pieces.len());
        compared(("10.13", "waste"), asked, answer, &answer(REFERENCE));
        (REFERENCE.waste)(pieces, places)
    },
};

/// What lies in the place of a text's last token, of all heads.
fn last_row(pages: &Array4<f32>, table: &Table) -> String {
    let size = pages.dim().2;
    let last = table.tokens.checked_sub(1);
    let place = last.and_then(|last| Some((*table.blocks.get(last / size)?, last % size)));
    let Some((block, offset)) = place else { return "none".into() };
    let row = pages.index_axis(Axis(0), block);
    let row: Vec<String> =
        row.index_axis(Axis(1), offset).iter().map(|x| format!("{x:.3}")).collect();
    row.join(" ")
}
