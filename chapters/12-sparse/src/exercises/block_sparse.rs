//! 12.5 `block_sparse`

use super::sparse_attention::some_rows;
use crate::{
    given::{Block, Output, Pattern, State, Traffic, Visit, tiles},
    pattern_row,
};
use attn_core::Mask;
use attn_exercise::{Field, Fields, SOME_VALUES, exercise, field, pairwise, some_values};
use attn_oracle as oracle;
use ch08_flash_cpu::{merge, push};
use ndarray::{Array1, Array2, ArrayView2, NdFloat, array, s};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A result, and what was moved for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moved {
    out: Array2<f32>,
    lse: Array1<f32>,
    traffic: Traffic,
}

impl Fields for Moved {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("out", &self.out),
            field("lse", &self.lse),
            field("traffic", self.traffic.to_string()),
        ]
    }
}

exercise! {
    /// Queries, keys and values, the keys that each query sees, and how large the tiles are.
    crate::block_sparse as fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &[Vec<Visit>], Block, &mut Traffic) -> Output:
        (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], rows: Vec<Vec<usize>>, block: Block) -> Moved;
    answer: |block_sparse, c| {
        let mut traffic = Traffic::default();
        let visits = tiles(&c.rows, c.k.nrows(), c.block);
        let Output { out, lse } = block_sparse(c.q.view(), c.k.view(), c.v.view(), &visits, c.block, &mut traffic);
        Moved { out, lse, traffic }
    };

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c)];
    steps: |c| {
        let visits = tiles(&c.rows, c.k.nrows(), c.block);
        let visited = Array2::from_shape_fn((visits.len(), c.k.nrows().div_ceil(c.block.k)), |(t, u)| visits[t].iter().any(|visit| visit.tile == u));
        let partly = Array2::from_shape_fn(visited.dim(), |(t, u)| visits[t].iter().any(|visit| visit.tile == u && visit.open.is_some()));
        [field("tiles to visit", &visited), field("of these with hidden keys", &partly)]
    };

    cases: |random| {
        let ln3 = 3.0_f32.ln();
        let all = |pattern: &Pattern, n: usize| (0..n).map(|i| pattern_row(pattern, i, n)).collect::<Vec<_>>();
        let mut of = |about: &str, rows: Vec<Vec<usize>>, m: usize, (d, d_v): (usize, usize), (b_q, b_k): (usize, usize), kinds: [usize; 3]| {
            let [of_q, of_k, of_v] = kinds;
            let n = rows.len();
            case(about, (some_values(of_q, (n, d), random), some_values(of_k, (m, d), random), some_values(of_v, (m, d_v), random), rows, Block { q: b_q, k: b_k }))
        };
        let window = Pattern::window(4);
        let big_bird = Pattern { window: 3, globals: vec![0], causal: false, random: crate::given::draw_keys(&mut attn_core::random::Random::new(3), 14, 2), dilation: 1 };
        let mut cases = vec![
            case("by hand: keys 0 and 3, of two tiles, with weights 1/4 and 3/4", (array![[1.0]], array![[0.0], [9.0], [9.0], [ln3]], array![[0.0], [7.0], [7.0], [4.0]], vec![vec![0, 3]], Block { q: 1, k: 2 })),
            of("a causal window of four", all(&window, 12), 12, (4, 3), (3, 3), [0; 3]),
            of("BigBird", all(&big_bird, 14), 14, (4, 3), (4, 3), [0; 3]),
            of("the last tiles have fewer rows", all(&window, 11), 11, (4, 2), (3, 4), [0; 3]),
            of("whole tiles, and none between them", vec![vec![0, 1, 4, 5]; 4], 8, (4, 2), (2, 2), [0; 3]),
            of("a query that sees nothing in a tile that is visited", vec![vec![0, 1], vec![], vec![1], vec![]], 4, (4, 3), (2, 2), [0; 3]),
            of("a query tile that visits nothing", vec![vec![0], vec![1], vec![], vec![]], 4, (4, 3), (2, 2), [0; 3]),
            of("the first key of a tile alone, and the last of another", vec![vec![0, 7], vec![4, 3]], 8, (4, 3), (2, 4), [0; 3]),
            of("one tile has all", vec![(0..5).collect(); 3], 5, (4, 3), (8, 8), [0; 3]),
            of("every key", vec![(0..9).collect(); 6], 9, (4, 3), (2, 3), [0; 3]),
            of("large scores", all(&window, 9), 9, (16, 3), (2, 2), [1, 0, 0]),
            of("scores far below zero", vec![vec![0, 2, 5], vec![1, 4]], 6, (4, 2), (2, 2), [0; 3]),
            of("one query", vec![vec![2, 3, 9]], 12, (8, 4), (1, 4), [0; 3]),
        ];
        let Case { q, k, .. } = &mut cases[11];
        q.mapv_inplace(|x| -100.0 - x.abs());
        k.mapv_inplace(|x| 100.0 + x.abs());
        let levels = [4, 4, 3, 3, 4, 4, 4, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, m, d, d_v, b_q, b_k, drawn, a, b, c]| {
            of("small", some_rows(n + 1, 2 * m + 1, drawn, n + 5 * m + 11 * b_q), 2 * m + 1, (d + 1, d_v + 1), (b_q + 1, b_k + 1), [a, b, c])
        });
        cases.extend(small.collect::<Vec<_>>());
        let more = [(2, 2, 2, 2, 2, 2), (3, 3, 3, 3, 3, 3), (4, 4, 4, 4, 4, 4), (1, 4, 2, 3, 2, 4), (3, 2, 4, 4, 1, 1), (2, 1, 1, 2, 1, 3), (4, 2, 2, 1, 3, 2), (1, 1, 3, 3, 4, 3), (2, 3, 1, 1, 1, 1), (3, 4, 2, 1, 2, 1)];
        cases.extend(more.map(|(n, m, d, d_v, b_q, b_k)| of("small", some_rows(n, m, m, n + m), m, (d, d_v), (b_q, b_k), [0; 3])));
        cases
    };

    right (q, k, v, visits, block, traffic) {
        "a state for each row, key by key" => {
            let mut result = empty(q, v);
            for (t, visits) in visits.iter().enumerate() {
                let queries = range(t, block.q, q.nrows());
                let q_tile = traffic.load(q.slice(s![queries.clone(), ..]));
                let mut states = vec![State::empty(v.ncols()); queries.len()];
                for visit in visits {
                    let keys = range(visit.tile, block.k, k.nrows());
                    let k_tile = traffic.load(k.slice(s![keys.clone(), ..]));
                    let v_tile = traffic.load(v.slice(s![keys.clone(), ..]));
                    for (r, state) in states.iter_mut().enumerate() {
                        for c in 0..keys.len() {
                            if visit.open.as_ref().is_none_or(|open| open[[r, c]]) {
                                push(state, q_tile.row(r).dot(&k_tile.row(c)) / (q.ncols() as f32).sqrt(), v_tile.row(c));
                            }
                        }
                    }
                }
                store(&states, State::finish, queries, traffic, &mut result);
            }
            result
        };
        "each tile by itself, then merged" => Slip::RIGHT.run(q, k, v, visits, block, traffic);
        "from the last visit to the first" => {
            let visits: Vec<Vec<Visit>> = visits.iter().map(|visits| visits.iter().rev().cloned().collect()).collect();
            crate::block_sparse(q, k, v, &visits, block, traffic)
        };
    }

    mistakes (q, k, v, visits, block, traffic) {
        "open-ignored": "a tile is seen whole, whatever `open` says"
            => Slip { open: |_, _, _| true, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "all-tiles": "all key tiles are visited, and what the list leaves out is hidden afterwards: the rows are right, and nothing is saved"
            => {
                let all: Vec<Vec<Visit>> = visits.iter().enumerate().map(|(t, visits)| {
                    let rows = range(t, block.q, q.nrows()).len();
                    (0..k.nrows().div_ceil(block.k)).map(|tile| visits.iter().find(|visit| visit.tile == tile).cloned().unwrap_or_else(|| {
                        Visit { tile, open: Some(Array2::from_elem((rows, range(tile, block.k, k.nrows()).len()), false)) }
                    })).collect()
                }).collect();
                Slip::RIGHT.run(q, k, v, &all, block, traffic)
            };
        "by-place": "the place in the list is taken for the tile: the first visits go to tiles 0, 1, 2, …"
            => {
                let other: Vec<Vec<Visit>> = visits.iter().map(|visits| visits.iter().enumerate().map(|(tile, visit)| Visit { tile, ..visit.clone() }).collect()).collect();
                Slip::RIGHT.run(q, k, v, &other, block, traffic)
            };
        "tile-as-key": "the tile's number is taken for its first key"
            => Slip { keys: |tile, block, m| tile.min(m)..(tile + block.k).min(m), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "steps-of-queries": "key tiles are counted in steps of block.q instead of block.k"
            => Slip { keys: |tile, block, m| (tile * block.q).min(m)..(tile * block.q + block.k).min(m), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "diagonal": "query tile t reads key tile t in each of its visits"
            => {
                let last = k.nrows().div_ceil(block.k).saturating_sub(1);
                let other: Vec<Vec<Visit>> = visits.iter().enumerate().map(|(t, visits)| visits.iter().map(|visit| Visit { tile: t.min(last), ..visit.clone() }).collect()).collect();
                Slip::RIGHT.run(q, k, v, &other, block, traffic)
            };
        "sum-not-rescaled": "out is rescaled to each tile's new maximum, and row_sum is not"
            => Slip { join: |a, b| State { row_sum: a.row_sum + scaled(a, b).row_sum, ..merge(a, b) }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "out-not-rescaled": "row_sum is rescaled to each tile's new maximum, and out is not"
            => Slip { join: |a, b| State { out: &a.out + &scaled(a, b).out, ..merge(a, b) }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "nothing-rescaled": "the maximum changes from tile to tile, and what was summed before is never rescaled to it"
            => Slip { join: |a, b| {
                let new = scaled(a, b);
                State { row_sum: a.row_sum + new.row_sum, out: &a.out + &new.out, ..merge(a, b) }
            }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "a-softmax-per-tile": "every tile has a softmax of its own, and the results are averaged"
            => Slip { join: |a, b| if b.row_sum == 0.0 { a.clone() } else { State { row_max: 0.0, row_sum: a.row_sum + 1.0, out: &a.out + &b.finish().0 } }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "undivided": "out is not divided by row_sum at the end"
            => Slip { finish: |state| (state.out.clone(), state.finish().1), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "nan": "a query that sees nothing is divided by a row_sum of 0: NaN"
            => Slip { finish: |state| (&state.out / state.row_sum, state.row_max + state.row_sum.ln()), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-is-the-maximum": "the log-sum-exp is the maximum alone"
            => Slip { finish: |state| (state.finish().0, state.row_max), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-without-the-maximum": "the log-sum-exp is the logarithm of row_sum alone"
            => Slip { finish: |state| (state.finish().0, state.row_sum.ln()), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "no-scale": "the scores are not divided by √d"
            => Slip { scale: |_| 1.0, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "by-d": "the scores are divided by d instead of √d"
            => Slip { scale: |d| 1.0 / d as f32, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "hidden-as-zero": "a hidden key gets the score 0 instead of −∞: the weight of a score of 0 is not 0"
            => Slip { hidden: Some(0.0), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "minus-a-billion": "a hidden key gets the score −1e9 instead of −∞: a row that sees nothing averages hidden values"
            => Slip { hidden: Some(-1e9), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "max-from-zero": "the maximum starts at 0 instead of −∞: a row whose scores are all far below zero loses them all"
            => Slip { finish: |state| {
                let factor = (state.row_max - state.row_max.max(0.0)).exp();
                let sum = if state.row_sum == 0.0 { 0.0 } else { factor * state.row_sum };
                if sum == 0.0 { (Array1::zeros(state.out.len()), f32::NEG_INFINITY) } else { state.finish() }
            }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "nan-so-far": "exp(−∞ − (−∞)) is NaN: a query that sees nothing in the first tile of its list has NaN from then on"
            => Slip { join: |a, b| {
                let both = merge(a, b);
                if a.row_sum.is_nan() || both.row_max == f32::NEG_INFINITY {
                    State { row_sum: f32::NAN, out: &both.out * f32::NAN, ..both }
                } else {
                    both
                }
            }, finish: |state| if state.row_sum.is_nan() { (state.out.clone(), f32::NAN) } else { state.finish() }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "no-maximum": "no maximum is subtracted: large scores overflow, and small ones vanish"
            => Slip { finish: |state| {
                let factor = state.row_max.exp();
                let sum = factor * state.row_sum;
                if state.row_sum == 0.0 || sum == 0.0 { return (Array1::zeros(state.out.len()), f32::NEG_INFINITY); }
                (&state.out * factor / sum, sum.ln())
            }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "queries-again": "the tile of queries is loaded for every visit; it stays, and the keys go by"
            => moved(q, k, v, visits, block, traffic, Moves { q: How::Each, ..Moves::RIGHT });
        "queries-not-loaded": "the queries are read where they are, without being loaded"
            => moved(q, k, v, visits, block, traffic, Moves { q: How::Never, ..Moves::RIGHT });
        "not-loaded": "keys and values are read where they are, without being loaded"
            => moved(q, k, v, visits, block, traffic, Moves { k: false, v: false, ..Moves::RIGHT });
        "keys-not-loaded": "the keys are read where they are, without being loaded"
            => moved(q, k, v, visits, block, traffic, Moves { k: false, ..Moves::RIGHT });
        "values-not-loaded": "the values are read where they are, without being loaded"
            => moved(q, k, v, visits, block, traffic, Moves { v: false, ..Moves::RIGHT });
        "not-stored": "the tile of the result is written where it belongs without being stored by `traffic`"
            => moved(q, k, v, visits, block, traffic, Moves { out: How::Never, ..Moves::RIGHT });
        "stored-again": "the tile of the result is stored after every visit; it stays until the last one"
            => moved(q, k, v, visits, block, traffic, Moves { out: How::Each, ..Moves::RIGHT });
        "first-visit": "only the first tile of the list is visited"
            => Slip::RIGHT.run(q, k, v, &visits.iter().map(|visits| visits.iter().take(1).cloned().collect()).collect::<Vec<_>>(), block, traffic);
        "last-visit": "what earlier visits found is forgotten: the last tile of the list is the whole answer"
            => Slip { join: |_, b| b.clone(), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "partly-skipped": "tiles with hidden keys are skipped: whole ones alone count"
            => Slip::RIGHT.run(q, k, v, &visits.iter().map(|visits| visits.iter().filter(|visit| visit.open.is_none()).cloned().collect()).collect::<Vec<_>>(), block, traffic);
        "whole-skipped": "tiles without a table are skipped: `None` is taken for none"
            => Slip::RIGHT.run(q, k, v, &visits.iter().map(|visits| visits.iter().filter(|visit| visit.open.is_some()).cloned().collect()).collect::<Vec<_>>(), block, traffic);
        "upside-down": "`open` is taken for what is hidden"
            => Slip { open: |open, r, c| open.is_none_or(|open| !open[[r, c]]), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "first-row": "all queries of a tile see what its first one sees"
            => Slip { open: |open, _, c| open.is_none_or(|open| open[[0, c]]), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "short-tile-dropped": "a last key tile that is not full is left out"
            => Slip { keys: |tile, block, m| { let end = (tile + 1) * block.k; if end > m { m..m } else { tile * block.k..end } }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
    }
}

/// The sums of a tile by the maximum that it has together with what came before.
fn scaled(before: &State, tile: &State) -> State {
    let row_max = before.row_max.max(tile.row_max);
    let factor = if tile.row_sum == 0.0 { 0.0 } else { (tile.row_max - row_max).exp() };
    State { row_max, row_sum: factor * tile.row_sum, out: &tile.out * factor }
}

/// How often a tile is moved.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Never,
    Once,
    /// For each visit.
    Each,
}

/// What is moved by `traffic`.
#[derive(Clone, Copy)]
struct Moves {
    q: How,
    k: bool,
    v: bool,
    out: How,
}

impl Moves {
    const RIGHT: Moves = Moves { q: How::Once, k: true, v: true, out: How::Once };
}

/// The right result, with other moves.
fn moved(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    visits: &[Vec<Visit>],
    block: Block,
    traffic: &mut Traffic,
    moves: Moves,
) -> Output {
    let result = crate::block_sparse(q, k, v, visits, block, &mut Traffic::default());
    for (t, visits) in visits.iter().enumerate() {
        let times = |how: How| match how {
            How::Never => 0,
            How::Once => 1,
            How::Each => visits.len(),
        };
        let queries = s![range(t, block.q, q.nrows()), ..];
        (0..times(moves.q)).for_each(|_| drop(traffic.load(q.slice(queries))));
        for visit in visits {
            let keys = s![range(visit.tile, block.k, k.nrows()), ..];
            if moves.k {
                traffic.load(k.slice(keys));
            }
            if moves.v {
                traffic.load(v.slice(keys));
            }
        }
        let tile = result.out.slice(queries).to_owned();
        (0..times(moves.out)).for_each(|_| traffic.store(&tile, tile.clone().view_mut()));
    }
    result
}

/// What may go wrong on the way.
#[derive(Clone, Copy)]
struct Slip {
    open: fn(Option<&Array2<bool>>, usize, usize) -> bool,
    keys: fn(usize, Block, usize) -> Range<usize>,
    join: fn(&State, &State) -> State,
    finish: fn(&State) -> (Array1<f32>, f32),
    scale: fn(usize) -> f32,
    /// The score of a hidden key, if it is not left out.
    hidden: Option<f32>,
}

impl Slip {
    const RIGHT: Slip = Slip {
        open: |open, r, c| open.is_none_or(|open| open[[r, c]]),
        keys: |tile, block, m| range(tile, block.k, m),
        join: merge,
        finish: State::finish,
        scale: |d| 1.0 / (d as f32).sqrt(),
        hidden: None,
    };

    fn run(
        self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        visits: &[Vec<Visit>],
        block: Block,
        traffic: &mut Traffic,
    ) -> Output {
        let mut result = empty(q, v);
        for (t, visits) in visits.iter().enumerate() {
            let queries = range(t, block.q, q.nrows());
            let q_tile = traffic.load(q.slice(s![queries.clone(), ..]));
            let mut states = vec![State::empty(v.ncols()); queries.len()];
            for visit in visits {
                let keys = (self.keys)(visit.tile, block, k.nrows());
                let k_tile = traffic.load(k.slice(s![keys.clone(), ..]));
                let v_tile = traffic.load(v.slice(s![keys.clone(), ..]));
                for (r, state) in states.iter_mut().enumerate() {
                    let mut part = State::empty(v.ncols());
                    for c in 0..keys.len() {
                        // A slip may have brought a tile of another size.
                        let fits = visit
                            .open
                            .as_ref()
                            .is_none_or(|open| r < open.nrows() && c < open.ncols());
                        let score = q_tile.row(r).dot(&k_tile.row(c)) * (self.scale)(q.ncols());
                        match (fits && (self.open)(visit.open.as_ref(), r, c), self.hidden) {
                            (true, _) => push(&mut part, score, v_tile.row(c)),
                            (false, Some(hidden)) => push(&mut part, hidden, v_tile.row(c)),
                            (false, None) => {}
                        }
                    }
                    *state = (self.join)(state, &part);
                }
            }
            store(&states, self.finish, queries, traffic, &mut result);
        }
        result
    }
}

fn range(tile: usize, size: usize, rows: usize) -> Range<usize> {
    (tile * size).min(rows)..((tile + 1) * size).min(rows)
}

fn empty(q: ArrayView2<f32>, v: ArrayView2<f32>) -> Output {
    Output {
        out: Array2::zeros((q.nrows(), v.ncols())),
        lse: Array1::from_elem(q.nrows(), f32::NEG_INFINITY),
    }
}

fn store(
    states: &[State],
    finish: fn(&State) -> (Array1<f32>, f32),
    queries: Range<usize>,
    traffic: &mut Traffic,
    result: &mut Output,
) {
    let mut tile = Array2::zeros((queries.len(), result.out.ncols()));
    for (r, state) in states.iter().enumerate() {
        let (out, lse) = finish(state);
        tile.row_mut(r).assign(&out);
        result.lse[queries.start + r] = lse;
    }
    traffic.store(&tile, result.out.slice_mut(s![queries, ..]));
}

/// From a dense mask, and the traffic in closed form.
fn exact<F: NdFloat>(c: &Case) -> Vec<Field>
where
    attn_oracle::Output<F>: Fields,
{
    let ((n, d), (m, d_v)) = (c.q.dim(), c.v.dim());
    let seen = Array2::from_shape_fn((n, m), |(i, j)| c.rows[i].contains(&j));
    let mut fields =
        oracle::attention::<F>(c.q.view(), c.k.view(), c.v.view(), &Mask::Dense(seen.clone()))
            .fields();
    let (mut tiles, mut rows) = (0, 0);
    for queries in (0..n).step_by(c.block.q) {
        tiles += 1;
        for keys in (0..m).step_by(c.block.k) {
            let part =
                seen.slice(s![queries..n.min(queries + c.block.q), keys..m.min(keys + c.block.k)]);
            if part.iter().any(|&seen| seen) {
                tiles += 2;
                rows += part.ncols();
            }
        }
    }
    let traffic = Traffic {
        tiles,
        loaded: 4 * (n * d + rows * (d + d_v)) as u64,
        stored: 4 * (n * d_v) as u64,
    };
    fields.push(field("traffic", traffic.to_string()));
    fields
}
