//! 12.5 `block_sparse`

use super::sparse_attention::some_rows;
use crate::{
    given::{Block, Output, Pattern, State, Traffic, Visit, tiles},
    pattern_row,
};
use attn_core::Mask;
use attn_exercise::{Field, Fields, SOME_VALUES, exercise, field, pairwise, some_values};
use attn_oracle as oracle;
use ch08_flash_cpu::{given::weigh, merge, push};
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
    /// Queries, keys and values, the keys that each query sees, how large the tiles are, and which of them
    /// are visited even if nothing in them is seen.
    crate::block_sparse as fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &[Vec<Visit>], Block, &mut Traffic) -> Output:
        (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], rows: Vec<Vec<usize>>, block: Block, closed: Vec<usize>) -> Moved;
    answer: |block_sparse, c| {
        let mut traffic = Traffic::default();
        let visits = visits(&c.rows, c.k.nrows(), c.block, &c.closed);
        let Output { out, lse } = block_sparse(c.q.view(), c.k.view(), c.v.view(), &visits, c.block, &mut traffic);
        Moved { out, lse, traffic }
    };

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c)];
    steps: |c| {
        let visits = visits(&c.rows, c.k.nrows(), c.block, &c.closed);
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
            case(about, (some_values(of_q, (n, d), random), some_values(of_k, (m, d), random), some_values(of_v, (m, d_v), random), rows, Block { q: b_q, k: b_k }, Vec::new()))
        };
        let window = Pattern::window(4);
        let big_bird = Pattern { window: 3, globals: vec![0], causal: false, random: crate::given::draw_keys(&mut attn_core::random::Random::new(3), 14, 2), dilation: 1 };
        let mut cases = vec![
            case("by hand: keys 0 and 3, of two tiles, with weights 1/4 and 3/4", (array![[1.0]], array![[0.0], [9.0], [9.0], [ln3]], array![[0.0], [7.0], [7.0], [4.0]], vec![vec![0, 3]], Block { q: 1, k: 2 }, Vec::new())),
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
            of("a first tile that is visited for nothing", all(&window, 12), 12, (4, 3), (3, 3), [0; 3]),
            of("a tile between that is visited for nothing", vec![vec![0, 9], vec![8], vec![2, 3]], 10, (4, 3), (2, 4), [0; 3]),
            case("an infinite value, hidden from query 0", (array![[1.0], [0.5]], array![[0.5], [1.0]], array![[1.0, 2.0], [f32::INFINITY, 3.0]], vec![vec![0], vec![0, 1]], Block { q: 2, k: 2 }, Vec::new())),
        ];
        let Case { q, k, .. } = &mut cases[11];
        q.mapv_inplace(|x| -100.0 - x.abs());
        k.mapv_inplace(|x| 100.0 + x.abs());
        cases[13].closed = vec![0];
        cases[14].closed = vec![1];
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
                Loop::RIGHT.run(q, k, v, &other, block, traffic)
            };
        "tile-as-key": "the tile's number is taken for its first key"
            => Loop { keys: |tile, block, m| tile.min(m)..(tile + block.k).min(m), ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "steps-of-queries": "key tiles are counted in steps of block.q instead of block.k"
            => Loop { keys: |tile, block, m| (tile * block.q).min(m)..(tile * block.q + block.k).min(m), ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "diagonal": "query tile t reads key tile t in each of its visits"
            => {
                let last = k.nrows().div_ceil(block.k).saturating_sub(1);
                let other: Vec<Vec<Visit>> = visits.iter().enumerate().map(|(t, visits)| visits.iter().map(|visit| Visit { tile: t.min(last), ..visit.clone() }).collect()).collect();
                Loop::RIGHT.run(q, k, v, &other, block, traffic)
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
            => Loop { hidden: -1e9, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "max-from-zero": "the maximum starts at 0 instead of −∞: a row whose scores are all far below zero loses them all"
            => Loop { start: 0.0, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
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
        "result-loaded": "the tile of the result is loaded for every visit; it is begun here, and only stored"
            => moved(q, k, v, visits, block, traffic, Moves { result: How::Each, ..Moves::RIGHT });
        "result-loaded-once": "the tile of the result is loaded before the first visit; it is begun here, and only stored"
            => moved(q, k, v, visits, block, traffic, Moves { result: How::Once, ..Moves::RIGHT });
        "result-to-and-fro": "the tile of the result is loaded and stored again for every visit; it stays until the last one"
            => moved(q, k, v, visits, block, traffic, Moves { result: How::Each, out: How::EachAndOnce, ..Moves::RIGHT });
        "max-falls": "the new maximum is that of the tile alone, not the larger of it and the old one: where it falls by much, the factor is infinite"
            => Loop { max: |_, tile| tile, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-without-ln": "the log-sum-exp is row_max + row_sum: the logarithm of the sum is missing"
            => Slip { finish: |state| (state.finish().0, state.row_max + state.row_sum), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-minus": "the log-sum-exp is row_max − ln row_sum instead of their sum"
            => Slip { finish: |state| (state.finish().0, if state.row_sum == 0.0 { f32::NEG_INFINITY } else { state.row_max - state.row_sum.ln() }), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-by-place": "the log-sum-exp is written to the row's place within its tile: all query tiles write to the first rows"
            => {
                let right = Slip::RIGHT.run(q, k, v, visits, block, traffic);
                let mut result = Output { lse: Array1::from_elem(q.nrows(), f32::NEG_INFINITY), ..right };
                let lse = crate::block_sparse(q, k, v, visits, block, &mut Traffic::default()).lse;
                lse.iter().enumerate().filter(|(_, lse)| **lse != f32::NEG_INFINITY).for_each(|(i, lse)| result.lse[i % block.q] = *lse);
                result
            };
        "lse-zero": "a query that sees nothing has the log-sum-exp 0; it is −∞"
            => Slip { finish: |state| if state.row_sum == 0.0 { (state.finish().0, 0.0) } else { state.finish() }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "closed-not-loaded": "a visit whose table opens nothing is passed over, and its tiles are not loaded; the list says what is loaded"
            => Slip::RIGHT.run(q, k, v, &visits.iter().map(|visits| visits.iter().filter(|visit| !closed(visit)).cloned().collect()).collect::<Vec<_>>(), block, traffic);
        "ends-at-closed": "a visit whose table opens nothing ends the list: those behind it are lost"
            => Slip::RIGHT.run(q, k, v, &visits.iter().map(|visits| visits.iter().take_while(|visit| !closed(visit)).cloned().collect()).collect::<Vec<_>>(), block, traffic);
        "nothing-skipped": "a row that sees nothing of its first tiles is skipped before its scores become weights: −∞ is multiplied with the values"
            => Loop { at_nothing: Then::Continue, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "nothing-ends": "the loop over the rows of a tile ends at the first one that has seen nothing so far: the scores of those behind it never become weights"
            => Loop { at_nothing: Then::Break, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "division-ends": "the last loop ends at the first row that has seen nothing: those behind it are not divided"
            => Loop { at_end: Then::Break, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "hidden-as-min": "a hidden key gets the smallest number instead of −∞: a row that sees nothing averages hidden values"
            => Loop { hidden: f32::MIN, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "hidden-after-the-sum": "the weights of hidden keys are set to 0 when row_sum has them already: they keep their share of it"
            => Loop { hide: Hide::AfterTheSum, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "hidden-in-the-maximum": "hidden keys are left out of the weights and their sum, and not of the maximum: where a hidden score is far above, all others vanish"
            => Loop { hide: Hide::AfterTheMaximum, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "inverse-factor": "what was summed before is multiplied by exp(new − old) instead of exp(old − new)"
            => Slip { join: |a, b| {
                let (new, row_max) = (scaled(a, b), a.row_max.max(b.row_max));
                let old = if a.row_max == f32::NEG_INFINITY { 0.0 } else { (row_max - a.row_max).exp() };
                State { row_max, row_sum: old * a.row_sum + new.row_sum, out: &a.out * old + &new.out }
            }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "tile-rescaled": "the factor of the old sum is applied to the tile's sum as well: `old * (row_sum + …)`"
            => Slip { join: |a, b| {
                let (new, row_max) = (scaled(a, b), a.row_max.max(b.row_max));
                let old = if a.row_max == f32::NEG_INFINITY { 0.0 } else { (a.row_max - row_max).exp() };
                State { row_max, row_sum: old * (a.row_sum + new.row_sum), out: &a.out * old + &new.out }
            }, finish: |state| if state.row_sum == 0.0 { (state.out.clone(), f32::NEG_INFINITY) } else { state.finish() }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "divided-every-time": "out is divided by row_sum after every visit, and once more at the end"
            => Slip { join: |a, b| {
                let both = merge(a, b);
                let out = if both.row_sum == 0.0 { both.out.clone() } else { &both.out / both.row_sum };
                State { out, ..both }
            }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "by-root-of-d-v": "the scores are divided by the root of the values' width instead of √d"
            => {
                let root = (q.ncols() as f32 / v.ncols() as f32).sqrt();
                crate::block_sparse((&q * root).view(), k, v, visits, block, traffic)
            };
        "infinity-felt": "a hidden value is multiplied by its weight of 0 and added: where it is infinite, that is NaN; weigh passes over it"
            => Loop { felt: true, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "short-key-tile-panics": "a key tile is cut at its full size, which panics where the last one has fewer rows"
            => {
                for visit in visits.iter().flatten() {
                    let _ = k.slice(s![visit.tile * block.k..(visit.tile + 1) * block.k, ..]);
                }
                crate::block_sparse(q, k, v, visits, block, traffic)
            };
        "short-tiles-panic": "tiles of queries and of keys are cut at their full size, which panics where the last one has fewer rows"
            => {
                for (t, visits) in visits.iter().enumerate() {
                    let _ = q.slice(s![t * block.q..(t + 1) * block.q, ..]);
                    for visit in visits {
                        let _ = k.slice(s![visit.tile * block.k..(visit.tile + 1) * block.k, ..]);
                    }
                }
                crate::block_sparse(q, k, v, visits, block, traffic)
            };
        "stored-once-more": "the tile of the result is stored after every visit and once more at the end"
            => moved(q, k, v, visits, block, traffic, Moves { out: How::EachAndOnce, ..Moves::RIGHT });
        "sum-of-the-last-tile": "row_sum is the sum of the last tile alone: what was there before is not added"
            => Slip { join: |a, b| State { row_sum: scaled(a, b).row_sum, ..merge(a, b) }, finish: |state| if state.row_sum == 0.0 { (state.out.clone(), f32::NEG_INFINITY) } else { state.finish() }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "out-of-the-last-tile": "out is that of the last tile alone, and row_sum has all of them: `=` in the place of `+=`"
            => Slip { join: |a, b| State { out: scaled(a, b).out, ..merge(a, b) }, ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
        "minus-1e30": "a hidden key gets the score −1e30 instead of −∞: a row that sees nothing averages hidden values"
            => Loop { hidden: -1e30, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "maximum-not-subtracted": "the maximum goes into the factor for what was summed before, and is not subtracted from the scores"
            => Loop { subtract: false, ..Loop::RIGHT }.run(q, k, v, visits, block, traffic);
        "lse-not-written": "the log-sum-exp is not written: it is −∞ for every query"
            => Slip { finish: |state| (state.finish().0, f32::NEG_INFINITY), ..Slip::RIGHT }.run(q, k, v, visits, block, traffic);
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
    /// For each visit, and once more at the end.
    EachAndOnce,
}

/// What is moved by `traffic`.
#[derive(Clone, Copy)]
struct Moves {
    q: How,
    k: bool,
    v: bool,
    /// How often the tile of the result is loaded.
    result: How,
    out: How,
}

impl Moves {
    const RIGHT: Moves =
        Moves { q: How::Once, k: true, v: true, result: How::Never, out: How::Once };
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
            How::EachAndOnce => visits.len() + 1,
        };
        let queries = s![range(t, block.q, q.nrows()), ..];
        (0..times(moves.q)).for_each(|_| drop(traffic.load(q.slice(queries))));
        (0..times(moves.result)).for_each(|_| drop(traffic.load(result.out.slice(queries))));
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

/// What becomes of a row that has seen nothing.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Go,
    Continue,
    Break,
}

/// When a hidden key is left out.
#[derive(Clone, Copy, PartialEq)]
enum Hide {
    First,
    AfterTheMaximum,
    AfterTheSum,
}

/// The loop of chapter 8 as a learner types it, with what may go wrong in it.
#[derive(Clone, Copy)]
struct Loop {
    keys: fn(usize, Block, usize) -> Range<usize>,
    /// Where a maximum begins.
    start: f32,
    /// The new maximum by the old one and that of the tile.
    max: fn(f32, f32) -> f32,
    /// Whether the maximum is subtracted from the scores.
    subtract: bool,
    hide: Hide,
    /// The score of a hidden key.
    hidden: f32,
    /// Before the scores of a row become weights, and at the end.
    at_nothing: Then,
    at_end: Then,
    /// Whether a weight of 0 is felt.
    felt: bool,
}

impl Loop {
    const RIGHT: Loop = Loop {
        keys: |tile, block, m| range(tile, block.k, m),
        start: f32::NEG_INFINITY,
        max: f32::max,
        subtract: true,
        hide: Hide::First,
        hidden: f32::NEG_INFINITY,
        at_nothing: Then::Go,
        at_end: Then::Continue,
        felt: false,
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
        let scale = 1.0 / (q.ncols() as f32).sqrt();
        let mut result = empty(q, v);
        for (t, visits) in visits.iter().enumerate() {
            let queries = range(t, block.q, q.nrows());
            let q_tile = traffic.load(q.slice(s![queries.clone(), ..]));
            let mut row_max = vec![self.start; queries.len()];
            let mut row_sum = vec![0.0_f32; queries.len()];
            let mut out = Array2::<f32>::zeros((queries.len(), v.ncols()));
            for Visit { tile, open } in visits {
                let keys = (self.keys)(*tile, block, k.nrows());
                let k_tile = traffic.load(k.slice(s![keys.clone(), ..]));
                let v_tile = traffic.load(v.slice(s![keys, ..]));
                let hidden = |r: usize, c: usize| open.as_ref().is_some_and(|open| !open[[r, c]]);
                let mut weights = q_tile.dot(&k_tile.t()) * scale;
                if let (Hide::First, Some(open)) = (self.hide, open) {
                    weights.zip_mut_with(open, |score, &open| {
                        if !open {
                            *score = self.hidden
                        }
                    });
                }
                for r in 0..queries.len() {
                    let mut row = weights.row_mut(r);
                    let old_max = row_max[r];
                    let tile_max = row.fold(f32::NEG_INFINITY, |max, &score| max.max(score));
                    row_max[r] = (self.max)(old_max, tile_max);
                    if row_max[r] == f32::NEG_INFINITY {
                        match self.at_nothing {
                            Then::Go => {}
                            Then::Continue => continue,
                            Then::Break => break,
                        }
                    }
                    let shift = if row_max[r] == f32::NEG_INFINITY { 0.0 } else { row_max[r] };
                    let subtracted = if self.subtract { shift } else { 0.0 };
                    row.mapv_inplace(|score| (score - subtracted).exp());
                    if self.hide == Hide::AfterTheMaximum {
                        row.indexed_iter_mut()
                            .filter(|(c, _)| hidden(r, *c))
                            .for_each(|(_, weight)| *weight = 0.0);
                    }
                    let old = (old_max - shift).exp();
                    row_sum[r] = old * row_sum[r] + row.sum();
                    out.row_mut(r).mapv_inplace(|x| old * x);
                }
                if self.hide == Hide::AfterTheSum {
                    hide(&mut weights, hidden, 0.0);
                }
                out += &if self.felt { weights.dot(&v_tile) } else { weigh(&weights, &v_tile) };
            }
            for r in 0..queries.len() {
                if row_sum[r] == 0.0 {
                    match self.at_end {
                        Then::Break => break,
                        _ => continue,
                    }
                }
                out.row_mut(r).mapv_inplace(|x| x / row_sum[r]);
                result.lse[queries.start + r] = row_max[r] + row_sum[r].ln();
            }
            traffic.store(&out, result.out.slice_mut(s![queries, ..]));
        }
        result
    }
}

/// Writes this where something is hidden.
fn hide(weights: &mut Array2<f32>, hidden: impl Fn(usize, usize) -> bool, by: f32) {
    weights
        .indexed_iter_mut()
        .filter(|((r, c), _)| hidden(*r, *c))
        .for_each(|(_, weight)| *weight = by);
}

/// The visits for these rows, and for each query tile also those to the tiles that are visited for
/// nothing.
fn visits(rows: &[Vec<usize>], m: usize, block: Block, closed: &[usize]) -> Vec<Vec<Visit>> {
    let mut all = tiles(rows, m, block);
    for (visits, rows) in all.iter_mut().zip(rows.chunks(block.q)) {
        for &tile in closed {
            if let Err(at) = visits.binary_search_by_key(&tile, |visit| visit.tile) {
                let size = (rows.len(), range(tile, block.k, m).len());
                visits.insert(at, Visit { tile, open: Some(Array2::from_elem(size, false)) });
            }
        }
    }
    all
}

/// Whether a visit opens nothing.
fn closed(visit: &Visit) -> bool {
    visit.open.as_ref().is_some_and(|open| !open.iter().any(|&open| open))
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
    // A hidden value is not felt, and one that is seen and infinite outweighs all others.
    let finite = c.v.mapv(|x| if x.is_finite() { x } else { 0.0 });
    let mask = Mask::Dense(seen.clone());
    let mut right = oracle::attention::<F>(c.q.view(), c.k.view(), finite.view(), &mask);
    for ((j, column), &x) in c.v.indexed_iter().filter(|(_, x)| !x.is_finite()) {
        for i in (0..n).filter(|&i| seen[[i, j]]) {
            right.out[[i, column]] += F::from(x).expect("f32 fits every float");
        }
    }
    let mut fields = right.fields();
    let (mut tiles, mut rows) = (0, 0);
    for queries in (0..n).step_by(c.block.q) {
        tiles += 1;
        for (tile, keys) in (0..m).step_by(c.block.k).enumerate() {
            let part =
                seen.slice(s![queries..n.min(queries + c.block.q), keys..m.min(keys + c.block.k)]);
            if part.iter().any(|&seen| seen) || c.closed.contains(&tile) {
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
