//! The way back on registers: exercise 8.5 with queries in the lanes.
//!
//! Five products are needed, and each has one of the two forms of the way forward. With
//! queries in the lanes, the scores and the gradients of the weights are rows of keys and values
//! times a panel, and dq is gathered like the output. For dk and dv the sum runs over the queries,
//! so there the weights are the rows, and the registers lie along the columns.
//!
//! All queries add to the dk and dv of their keys. So a head is computed by one thread, and the
//! order of the sums does not depend on how many there are; where there are few key heads, each is
//! cut into pieces that do not depend on the number of threads either, with dk and dv of their own.

use super::{
    instructions::{Instructions, Kernel, Scratch},
    lanes::Lanes,
    panels::{Seen, key_rows, transpose, transpose_back},
    products::{columns_times_weights, rows_times_panel},
    registers::Registers,
    tasks::{GAPLESS, Head, Rows},
};
use crate::given::{HeadsOutput, expect_forward, expect_heads};
use attn_core::shape::expect_equal;
use ndarray::{Array3, ArrayView3, Axis, CowArray, Ix2, Ix3};
use rayon::prelude::*;
use std::{f32::consts::LOG2_E, ops::Range};

/// The gradients of all heads, each in the shape of its input.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadsGradients {
    /// h×n×d.
    pub dq: Array3<f32>,
    /// h_kv×m×d: summed over the query heads of the group.
    pub dk: Array3<f32>,
    /// h_kv×m×d_v: summed over the query heads of the group.
    pub dv: Array3<f32>,
}

/// Panels of queries that share a tile of keys while it is in the nearest caches.
const PANELS: usize = 4;

/// Keys of a tile.
const KEYS: usize = 32;

/// At least so many pieces, so that a single head keeps a few cores busy.
const PIECES: usize = 4;

/// Registers of columns that one step of dk and dv takes.
const COLUMNS: usize = 2;

/// The gradients of attention: from the inputs, what the forward pass gave, and the loss's gradient
/// with respect to `out`.
///
/// Shapes: `q` h×n×d, `k` h_kv×m×d, `v` h_kv×m×d_v, `d_out` h×n×d_v. Costs 2.5 times the forward
/// pass. Beside the results it needs a few hundred kilobytes a thread and, with fewer than four key
/// heads, up to three copies of dk and dv. The result is the same to the last bit on any number of
/// threads. NaN and ∞ anywhere make NaN of what depends on them, and may do so for more of the same
/// head.
///
/// # Panics
/// If the shapes do not fit, naming both sizes.
#[track_caller]
pub fn backward(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    forward: &HeadsOutput,
    d_out: ArrayView3<f32>,
) -> HeadsGradients {
    backward_with(Instructions::detect(), q, k, v, causal, forward, d_out)
}

/// The same on a certain instruction set.
#[track_caller]
pub fn backward_with(
    instructions: Instructions,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    forward: &HeadsOutput,
    d_out: ArrayView3<f32>,
) -> HeadsGradients {
    expect_heads(q, k, v);
    expect_same_forward(q, v, forward, d_out);
    let mut result = HeadsGradients {
        dq: Array3::zeros(q.dim()),
        dk: Array3::zeros(k.dim()),
        dv: Array3::zeros(v.dim()),
    };
    if result.dq.is_empty() || k.is_empty() {
        return result;
    }
    let given = Given {
        rows: Rows::new(&q, &k, &v, causal),
        out: forward.out.as_standard_layout(),
        lse: forward.lse.as_standard_layout(),
        d_out: d_out.as_standard_layout(),
    };
    let mut works = share_out(&mut result, PANELS * instructions.lanes());
    works.par_iter_mut().with_max_len(1).for_each_init(
        || Scratch::<Backward>::new(instructions),
        |scratch, work| work.run(scratch, &given),
    );
    // In their order, so that the sums do not depend on who was ready first.
    let copies: Vec<_> = works.into_iter().filter_map(Work::into_copies).collect();
    for (group, dk, dv) in copies {
        add(&mut result.dk, group, &dk);
        add(&mut result.dv, group, &dv);
    }
    result
}

/// Makes sure that what comes back has the forward pass's shapes.
#[track_caller]
fn expect_same_forward(
    q: ArrayView3<f32>,
    v: ArrayView3<f32>,
    HeadsOutput { out, lse }: &HeadsOutput,
    d_out: ArrayView3<f32>,
) {
    let ((h, n, _), (_, _, d_v)) = (q.dim(), v.dim());
    expect_equal(("output heads", out.len_of(Axis(0))), ("query heads", h));
    expect_equal(("log-sum-exp heads", lse.nrows()), ("query heads", h));
    expect_equal(("gradient heads", d_out.len_of(Axis(0))), ("query heads", h));
    let rows_of = |x: ArrayView3<f32>| (x.len_of(Axis(1)), x.len_of(Axis(2)));
    expect_forward((n, d_v), rows_of(out.view()), lse.ncols(), rows_of(d_out));
}

/// Shares the result out: the tiles of `block` queries of each key head among a few pieces of work,
/// in turn, so that causal ones have about the same to do. The first piece of a key head adds to the
/// result's own dk and dv, the others to copies.
fn share_out(result: &mut HeadsGradients, block: usize) -> Vec<Work<'_>> {
    let ((h, _, d), (h_kv, m, _)) = (result.dq.dim(), result.dk.dim());
    let d_v = result.dv.len_of(Axis(2));
    let pieces = PIECES.div_ceil(h_kv);
    let mut works = Vec::new();
    let keys = result.dk.outer_iter_mut().zip(result.dv.outer_iter_mut());
    for (group, (dk, dv)) in keys.enumerate() {
        works.push(Work {
            group,
            tiles: Vec::new(),
            dk: Target::Result(dk.into_slice().expect(GAPLESS)),
            dv: Target::Result(dv.into_slice().expect(GAPLESS)),
        });
        works.extend((1..pieces).map(|_| Work {
            group,
            tiles: Vec::new(),
            dk: Target::Copy(vec![0.0; m * d]),
            dv: Target::Copy(vec![0.0; m * d_v]),
        }));
    }
    for (head, dq) in result.dq.outer_iter_mut().enumerate() {
        let group = head * h_kv / h;
        let dq = dq.into_slice().expect(GAPLESS);
        for (tile, dq) in dq.chunks_mut(block * d).enumerate() {
            let work = &mut works[group * pieces + tile % pieces];
            work.tiles.push((head, tile * block, dq));
        }
    }
    works
}

fn add(to: &mut Array3<f32>, group: usize, copy: &[f32]) {
    let mut to = to.index_axis_mut(Axis(0), group);
    for (to, x) in to.iter_mut().zip(copy) {
        *to += x;
    }
}

/// What all threads read, in rows without gaps.
struct Given<'a> {
    rows: Rows<'a>,
    out: CowArray<'a, f32, Ix3>,
    lse: CowArray<'a, f32, Ix2>,
    d_out: CowArray<'a, f32, Ix3>,
}

impl Given<'_> {
    /// One query head with its key head.
    fn pass(&self, head: usize, group: usize) -> Pass<'_> {
        let (_, n, d_v) = self.out.dim();
        Pass {
            head: self.rows.head(head, group),
            out: &self.out.as_slice().expect(GAPLESS)[head * n * d_v..][..n * d_v],
            lse: &self.lse.as_slice().expect(GAPLESS)[head * n..][..n],
            d_out: &self.d_out.as_slice().expect(GAPLESS)[head * n * d_v..][..n * d_v],
        }
    }
}

/// What one thread does without another: some tiles of the queries of one key head.
struct Work<'a> {
    group: usize,
    /// Query head, first query, and where the gradients of the queries go.
    tiles: Vec<(usize, usize, &'a mut [f32])>,
    dk: Target<'a>,
    dv: Target<'a>,
}

impl Work<'_> {
    fn run(&mut self, scratch: &mut Scratch<Backward>, given: &Given) {
        let (dk, dv) = (self.dk.as_mut_slice(), self.dv.as_mut_slice());
        for (head, start, dq) in &mut self.tiles {
            let pass = given.pass(*head, self.group);
            let rows = *start..*start + dq.len() / pass.head.d;
            scratch.run((pass, rows, dq, dk, dv));
        }
    }

    /// The key head, and the copies of its dk and dv, if this work has them.
    fn into_copies(self) -> Option<(usize, Vec<f32>, Vec<f32>)> {
        match (self.dk, self.dv) {
            (Target::Copy(dk), Target::Copy(dv)) => Some((self.group, dk, dv)),
            _ => None,
        }
    }
}

/// Where dk or dv are summed.
enum Target<'a> {
    Result(&'a mut [f32]),
    Copy(Vec<f32>),
}

impl Target<'_> {
    fn as_mut_slice(&mut self) -> &mut [f32] {
        match self {
            Target::Result(slice) => slice,
            Target::Copy(own) => own,
        }
    }
}

struct Backward;

impl Kernel for Backward {
    /// A query head, which of its queries, their dq, and the dk and dv of the key head.
    type Job<'a> = (Pass<'a>, Range<usize>, &'a mut [f32], &'a mut [f32], &'a mut [f32]);
    type Tile<S: Registers, const V: usize> = BackwardTile<S, V>;

    fn tile<S: Registers, const V: usize>(simd: S, job: &Self::Job<'_>) -> BackwardTile<S, V> {
        BackwardTile::new(simd, job.0.head.d, job.0.head.d_v)
    }

    #[inline(always)]
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        tile: &mut BackwardTile<S, V>,
        (pass, rows, dq, dk, dv): Self::Job<'_>,
    ) {
        tile.backward::<M>(simd, &pass, rows, dq, dk, dv);
    }
}

/// One query head, what the forward pass gave for it, and the gradient that comes in.
struct Pass<'a> {
    head: Head<'a>,
    /// n×d_v.
    out: &'a [f32],
    /// n.
    lse: &'a [f32],
    /// n×d_v.
    d_out: &'a [f32],
}

/// What a thread works with.
struct BackwardTile<S: Registers, const V: usize> {
    panels: Vec<Panel<S, V>>,
    /// Lanes for each key.
    weights: Vec<Lanes<S, V>>,
    /// Gradients of the scores: lanes for each key.
    d_scores: Vec<Lanes<S, V>>,
}

/// Queries in the lanes.
struct Panel<S: Registers, const V: usize> {
    /// Times log2(e)/√d: lanes for each of d components.
    q: Vec<Lanes<S, V>>,
    /// Lanes for each of d_v components.
    d_out: Vec<Lanes<S, V>>,
    /// Lanes for each of d components, without the factor 1/√d.
    dq: Vec<Lanes<S, V>>,
    /// As a power of 2. ∞ for a query that saw nothing, and beyond the last one: its weights become
    /// 0.
    lse: Lanes<S, V>,
    /// −D: what the sums of the gradients of the weights start from.
    minus_row_dot: Lanes<S, V>,
    seen: Seen<S, V>,
    /// The queries as they lie in memory, times 1/√d: for each few columns, lanes for each query.
    q_rows: Vec<Lanes<S, COLUMNS>>,
    /// The gradients of their outputs likewise.
    d_out_rows: Vec<Lanes<S, COLUMNS>>,
}

impl<S: Registers, const V: usize> BackwardTile<S, V> {
    pub fn new(simd: S, d: usize, d_v: usize) -> Self {
        let panel = || Panel {
            q: vec![Lanes::splat(simd, 0.0); d],
            d_out: vec![Lanes::splat(simd, 0.0); d_v],
            dq: vec![Lanes::splat(simd, 0.0); d],
            lse: Lanes::splat(simd, 0.0),
            minus_row_dot: Lanes::splat(simd, 0.0),
            seen: Seen::nothing(simd),
            q_rows: vec![
                Lanes::splat(simd, 0.0);
                d.div_ceil(Lanes::<S, COLUMNS>::COUNT) * Lanes::<S, V>::COUNT
            ],
            d_out_rows: vec![
                Lanes::splat(simd, 0.0);
                d_v.div_ceil(Lanes::<S, COLUMNS>::COUNT) * Lanes::<S, V>::COUNT
            ],
        };
        BackwardTile {
            panels: (0..PANELS).map(|_| panel()).collect(),
            weights: vec![Lanes::splat(simd, 0.0); KEYS + 8],
            d_scores: vec![Lanes::splat(simd, 0.0); KEYS + 8],
        }
    }

    /// The gradients that the queries `rows` bring: their own dq, and what they add to dk and dv.
    #[inline(always)]
    pub fn backward<const M: usize>(
        &mut self,
        simd: S,
        pass: &Pass,
        rows: Range<usize>,
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        let (lanes, d) = (Lanes::<S, V>::COUNT, pass.head.d);
        let panels = &mut self.panels[..rows.len().div_ceil(lanes)];
        for (i, panel) in panels.iter_mut().enumerate() {
            let first = rows.start + i * lanes;
            panel.start(simd, pass, first..rows.end.min(first + lanes));
        }
        let end = pass.head.seen(rows.end - 1);
        for key in (0..end).step_by(KEYS) {
            let keys = key..end.min(key + KEYS);
            for panel in panels.iter_mut() {
                let keys = keys.start..keys.end.min(panel.seen.most());
                if !keys.is_empty() {
                    let tiles = (&mut self.weights[..], &mut self.d_scores[..]);
                    panel.visit::<M>(simd, &pass.head, keys, tiles, dk, dv);
                }
            }
        }
        let scale = Lanes::splat(simd, 1.0 / (d as f32).sqrt());
        for (dq, panel) in dq.chunks_mut(lanes * d).zip(panels) {
            transpose_back(dq, &panel.dq, dq.len() / d, scale);
        }
    }
}

impl<S: Registers, const V: usize> Panel<S, V> {
    /// Takes in the queries `rows`.
    #[inline(always)]
    fn start(&mut self, simd: S, pass: &Pass, rows: Range<usize>) {
        let Pass { head, out, lse, d_out } = pass;
        let root = (head.d as f32).sqrt();
        transpose(&mut self.q, head.q, head.d, rows.clone(), LOG2_E / root);
        transpose(&mut self.d_out, d_out, head.d_v, rows.clone(), 1.0);
        lay_out::<S, V>(simd, &mut self.q_rows, head.q, head.d, rows.clone(), 1.0 / root);
        lay_out::<S, V>(simd, &mut self.d_out_rows, d_out, head.d_v, rows.clone(), 1.0);
        self.dq.fill(Lanes::splat(simd, 0.0));
        self.seen = Seen::of(simd, head, rows.clone());
        self.lse = Lanes::splat(simd, f32::INFINITY);
        self.minus_row_dot = Lanes::splat(simd, 0.0);
        for (lane, i) in rows.enumerate() {
            if lse[i] != f32::NEG_INFINITY {
                self.lse.as_mut_slice()[lane] = lse[i] * LOG2_E;
            }
            let row = i * head.d_v..(i + 1) * head.d_v;
            let products = out[row.clone()].iter().zip(&d_out[row]);
            let row_dot: f32 = products.map(|(a, b)| a * b).sum();
            self.minus_row_dot.as_mut_slice()[lane] = -row_dot;
        }
    }

    /// Adds what a tile of keys brings to the queries' gradients, and the other way round.
    #[inline(always)]
    fn visit<const M: usize>(
        &mut self,
        simd: S,
        head: &Head,
        keys: Range<usize>,
        (weights, d_scores): (&mut [Lanes<S, V>], &mut [Lanes<S, V>]),
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        let (d, d_v) = (head.d, head.d_v);
        let tile = keys.len().next_multiple_of(M);
        let (weights, d_scores) = (&mut weights[..tile], &mut d_scores[..tile]);
        let tiles = weights.chunks_exact_mut(M).zip(d_scores.chunks_exact_mut(M));
        for ((weights, d_scores), first) in tiles.zip(keys.clone().step_by(M)) {
            // Weights. (Sums that start from −lse would save a subtraction, and lose digits where
            // the scores are large.)
            let rows = key_rows(head.k, d, first, keys.end);
            let zeros = [Lanes::splat(simd, 0.0); M];
            let mut scores = rows_times_panel(simd, rows, &self.q, zeros);
            self.seen.hide(simd, &mut scores, first, keys.end);
            for (to, scores) in weights.iter_mut().zip(scores) {
                *to = scores.exp2_from(simd, self.lse);
            }
            // Gradients of the scores: here the sums start from −D.
            let rows = key_rows(head.v, d_v, first, keys.end);
            let d_weights = rows_times_panel(simd, rows, &self.d_out, [self.minus_row_dot; M]);
            for (to, (d_weight, weight)) in
                d_scores.iter_mut().zip(d_weights.into_iter().zip(&*weights))
            {
                *to = d_weight.times(simd, *weight);
            }
        }

        add_to_rows::<S, V, M>(simd, dv, d_v, keys.clone(), weights, &self.d_out_rows);
        add_to_rows::<S, V, M>(simd, dk, d, keys.clone(), d_scores, &self.q_rows);

        let rows = &head.k[keys.start * d..keys.end * d];
        let (whole, rest) = self.dq.split_at_mut(d / M * M);
        for (i, dq) in whole.chunks_exact_mut(M).enumerate() {
            let mut sums = [Lanes::splat(simd, 0.0); M];
            sums.copy_from_slice(dq);
            sums = columns_times_weights(simd, rows, d, i * M, d_scores, sums);
            dq.copy_from_slice(&sums);
        }
        for (i, dq) in rest.iter_mut().enumerate() {
            let column = whole.len() + i;
            let [sum] = columns_times_weights(simd, rows, d, column, d_scores, [*dq]);
            *dq = sum;
        }
    }
}

/// Adds to the rows `keys` of dk or dv: for each key, the rows of the panel times the key's lanes.
#[inline(always)]
fn add_to_rows<S: Registers, const V: usize, const M: usize>(
    simd: S,
    to: &mut [f32],
    width: usize,
    keys: Range<usize>,
    lanes: &[Lanes<S, V>],
    rows: &[Lanes<S, COLUMNS>],
) {
    for (tile, first) in lanes.chunks_exact(M).zip(keys.clone().step_by(M)) {
        let count = M.min(keys.end - first);
        let mut factors: [&[f32]; M] = [&[]; M];
        for (factors, lanes) in factors.iter_mut().zip(tile) {
            *factors = lanes.as_slice();
        }
        let chunks = rows.chunks_exact(Lanes::<S, V>::COUNT);
        for (chunk, column) in chunks.zip((0..width).step_by(Lanes::<S, COLUMNS>::COUNT)) {
            let columns = column..width.min(column + Lanes::<S, COLUMNS>::COUNT);
            let mut sums = [Lanes::splat(simd, 0.0); M];
            for i in 0..count {
                let row = &to[(first + i) * width..][columns.clone()];
                sums[i] = Lanes::load(simd, row);
            }
            sums = rows_times_panel(simd, factors, chunk, sums);
            for i in 0..count {
                let row = &mut to[(first + i) * width..][columns.clone()];
                sums[i].store(row);
            }
        }
    }
}

/// Lays the `rows` of `x`, times `factor`, into registers along their columns; zeros beyond the last
/// row.
#[inline(always)]
fn lay_out<S: Registers, const V: usize>(
    simd: S,
    to: &mut [Lanes<S, COLUMNS>],
    x: &[f32],
    width: usize,
    rows: Range<usize>,
    factor: f32,
) {
    let chunks = to.chunks_exact_mut(Lanes::<S, V>::COUNT);
    for (chunk, column) in chunks.zip((0..width).step_by(Lanes::<S, COLUMNS>::COUNT)) {
        let columns = (Lanes::<S, COLUMNS>::COUNT).min(width - column);
        chunk[rows.len()..].fill(Lanes::splat(simd, 0.0));
        for (to, i) in chunk.iter_mut().zip(rows.clone()) {
            let row = &x[i * width + column..][..columns];
            for (to, x) in to.as_mut_slice().iter_mut().zip(row) {
                *to = x * factor;
            }
        }
    }
}
