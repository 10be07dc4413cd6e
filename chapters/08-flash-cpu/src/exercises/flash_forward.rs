//! 8.3 `flash_forward`

use super::merge::{
    combined, nothing_rescaled, out_not_rescaled, plainly, right, state, sum_not_rescaled,
};
use crate::{
    checked::{Held, Moved, mask},
    given::{Block, Output, State, Traffic, seen},
    traffic::Sizes,
};
use attn_core::random::Random;
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array1, Array2, ArrayView2, NdFloat, array, s};

exercise! {
    /// One head, and how large the tiles are.
    crate::flash_forward as fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, bool, Block, &mut Traffic) -> Output:
        (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], causal: bool, block: Block) -> Held<Moved<Output>>;
    answer: |flash_forward, c| c.call(|q, k, v, causal, block| Held::during((q.nrows(), k.nrows()), block.q, || {
        Moved::by(|traffic| flash_forward(q, k, v, causal, block, traffic))
    }));

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c), c.call(|q, k, v, causal, _| table(q, k, v, causal))];
    then: |c, answer| {
        let sizes = c.call(|q, _, v, causal, _| Sizes::of(q, v, causal));
        let (queries, visited) = (sizes.query_tiles(c.block), sizes.visited(c.block));
        let tiles = format!("{queries} of queries, {visited} of keys and {visited} of values");
        answer.result.expect(&sizes.flash(c.block), [&tiles, "every tile whole", "the output once"])?;
        answer.expect_little()
    };
    steps: |c| {
        let sizes = c.call(|q, _, v, causal, _| Sizes::of(q, v, causal));
        let tiles = (sizes.n.div_ceil(c.block.q), sizes.m.div_ceil(c.block.k));
        let visited = Array2::from_shape_fn(tiles, |(t, u)| u < sizes.visits(c.block, t));
        [
            field("scores, before the mask", &(c.q.dot(&c.k.t()) / (sizes.d as f32).sqrt())),
            field("tiles to visit", &visited),
            field("traffic", sizes.flash(c.block).to_string()),
        ]
    };

    cases: |random| {
        let mut of = |about, (n, m), (d, d_v), causal, (b_q, b_k)| {
            let (q, k, v) = (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)));
            case(about, (q, k, v, causal, Block { q: b_q, k: b_k }))
        };
        let measured = of("memory is measured", (256, 1024), (16, 16), true, (16, 16));
        let (q, k, v) = by_hand();
        let mut cases = vec![
            case("by hand: 1/7, 2/7, 4/7", (q, k, v, false, Block { q: 1, k: 2 })),
            of("", (4, 6), (4, 3), false, (2, 3)),
            of("the last tiles have fewer rows", (5, 7), (4, 3), false, (2, 3)),
            of("tiles larger than all there is", (1, 1), (1, 1), false, (4, 4)),
            of("", (6, 6), (4, 2), true, (2, 2)),
            of("", (3, 7), (4, 4), true, (2, 3)),
            of("the first four queries see nothing", (7, 3), (8, 2), true, (3, 2)),
            of("scores of about ±10000", (6, 8), (16, 3), false, (3, 2)),
            of("", (33, 31), (16, 8), true, (8, 4)),
            of("", (127, 129), (64, 32), true, (32, 48)),
            of("one query at a time", (31, 33), (32, 31), false, (1, 33)),
            measured,
            of("all scores below −10¹⁰", (3, 5), (4, 2), true, (2, 2)),
        ];
        let far_apart = (array![[1.0], [-1.0]], array![[0.0], [18.0], [9.0]], array![[1e8, 1.0], [1.0, 1e8], [1e4, 1e4]]);
        cases.push(case("18 apart", (far_apart.0, far_apart.1, far_apart.2, false, Block { q: 2, k: 1 })));
        let hidden = (array![[1.0], [0.5]], array![[0.5], [1.0]], array![[1.0, 2.0], [f32::INFINITY, 3.0]]);
        cases.push(case("an infinite value, hidden from query 0", (hidden.0, hidden.1, hidden.2, true, Block { q: 2, k: 2 })));
        let Case { q, k, .. } = &mut cases[7];
        large(q, k, 100.0);
        let Case { q, k, .. } = &mut cases[12];
        large(q, k, 1e6);
        cases[12].q.mapv_inplace(|x| -x.abs());
        cases.extend(small(random).map(|inputs| case("small", inputs)));
        cases
    };

    right (q, k, v, causal, block, traffic) {
        "a state of task 1 for each row" => RIGHT.run(q, k, v, causal, block, traffic);
        "the output divided after each tile, and multiplied again before the next" => Parts { merge: |a, b| {
            let both = crate::merge(&State { out: &a.out * a.row_sum, ..*a }, b);
            State { out: both.finish().0, ..both }
        }, finish: undivided, ..RIGHT }.run(q, k, v, causal, block, traffic);
    }

    mistakes (q, k, v, causal, block, traffic) {
        "sum-not-rescaled": "out is rescaled to each tile's new maximum and row_sum is not"
            => Parts { merge: sum_not_rescaled, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "out-not-rescaled": "row_sum is rescaled to each tile's new maximum and out is not"
            => Parts { merge: out_not_rescaled, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "nothing-rescaled": "the maximum changes from tile to tile and what was summed before is never rescaled to it"
            => Parts { merge: nothing_rescaled, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "normalised-tiles": "each tile's weights are divided by their own sum before they are added: every tile then counts alike, whatever its scores"
            => Parts { merge: normalised, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "published-recipe": "each tile's output is normalised, the old one rescaled and the new one added, and nothing divides by the sum at the end: the weights of a row then sum to more than one"
            => Parts { merge: normalised, finish: undivided, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "undivided": "out is not divided by row_sum at the end"
            => Parts { finish: undivided, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "no-scale": "the scores are not divided by √d"
            => crate::flash_forward(scaled(q, q.ncols() as f32).view(), k, v, causal, block, traffic);
        "by-d": "the scores are divided by d instead of √d"
            => crate::flash_forward(scaled(q, 1.0 / q.ncols() as f32).view(), k, v, causal, block, traffic);
        "by-d-v": "the scores are divided by √d_v instead of √d"
            => crate::flash_forward(scaled(q, q.ncols() as f32 / v.ncols() as f32).view(), k, v, causal, block, traffic);
        "inverted": "the exponent has the wrong sign: what was summed before is rescaled by e^(old − new), at most 1, not by e^(new − old)"
            => Parts { merge: |a, b| {
                let (row_max, [x, y]) = right(a, b);
                combined(a, b, row_max, [1.0 / x, y])
            }, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "inverted-guarded": "the exponent has the wrong sign: what was summed before is rescaled by e^(old − new), at most 1, not by e^(new − old)"
            => Parts { merge: |a, b| {
                let (row_max, [x, y]) = right(a, b);
                combined(a, b, row_max, [if a.row_sum == 0.0 { 0.0 } else { 1.0 / x }, y])
            }, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "divided-at-each-tile": "out is divided by the running row_sum after each tile, and so again and again; divide once, at the very end"
            => Parts { merge: |a, b| {
                let both = crate::merge(a, b);
                State { out: both.finish().0, ..both }
            }, finish: undivided, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "max-of-the-tile": "the new maximum is that of the tile alone, even where the row sees none of the tile: then it falls back to −∞"
            => Parts { merge: max_of_the_tile, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "max-falls": "the new maximum is that of the tile alone, not the larger of it and the old one: where it falls by much, the factor is infinite"
            => Parts { merge: |a, b| if b.row_sum == 0.0 { a.clone() } else { max_of_the_tile(a, b) }, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "max-from-zero": "the maximum starts at 0 instead of −∞: a row whose scores are all far below zero loses them all"
            => Parts { merge: |a, b| plainly(a, b, a.row_max.max(b.row_max).max(0.0)), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "max-from-a-billion": "the maximum starts at −1e9 instead of −∞: a row whose scores are all below that loses them all"
            => Parts { merge: |a, b| plainly(a, b, a.row_max.max(b.row_max).max(-1e9)), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "ragged-ends-dropped": "only whole tiles are visited: the rows at the end that do not fill one are left out"
            => Parts {
                covered: |rows, block| rows / block * block,
                covered_keys: |end, m, block| end.min(m / block * block),
                ..RIGHT
            }.run(q, k, v, causal, block, traffic);
        "last-keys-dropped": "only whole key tiles are visited: the keys at the end that do not fill one are left out"
            => Parts { covered_keys: |end, m, block| end.min(m / block * block), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "last-seen-keys-dropped": "only as many key tiles are visited as the keys that are seen fill: those beyond are left out, though they are seen"
            => Parts { covered_keys: |end, _, block| end / block * block, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "last-seen-keys-dropped-but-one": "of more keys than a tile has, only those that fill whole tiles are visited: the others are left out"
            => Parts { covered_keys: |end, _, block| if end > block { end / block * block } else { end }, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "no-mask-in-the-tile": "whole tiles are skipped, but within the tile on the diagonal every row sees every key"
            => Parts { hide: |_, _| (), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "mask-of-the-tile": "the mask is applied with the row's and the key's places in their tile instead of in the sequence"
            => Parts { hide: |scores, at| at.fill(scores, at.open().min(at.row + 1)), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "row-of-the-tile": "how far a row sees is asked with its place in the tile, seen(r, …); its query is first + r"
            => Parts { hide: |scores, at| at.fill(scores, At { first: 0, ..*at }.open()), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "key-not-subtracted": "how far a row sees is counted from the first key of the sequence, seen(first + r, …), and not from the tile's: − key is missing"
            => Parts { hide: |scores, at| at.fill(scores, At { key: 0, ..*at }.open()), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "minus-a-billion": "what is hidden gets the score −1e9 instead of −∞: a row that sees nothing averages hidden values, and one with scores below that sees nothing else"
            => Parts { hide: |scores, at| scores.iter_mut().skip(at.open()).for_each(|score| *score = -1e9), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "mask-of-zeros": "what is hidden gets the score 0 instead of −∞: the weight of a score of 0 is not 0"
            => Parts { hide: |scores, at| scores.iter_mut().skip(at.open()).for_each(|score| *score = 0.0), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "one-key-too-many": "every row sees one key more than it should"
            => Parts { hide: |scores, at| at.fill(scores, At { m: at.m + 1, ..*at }.open()), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "first-row-decides": "how far a tile has to look is decided by its first query instead of its last"
            => Parts { end: |first, _, n, m| seen(first, n, m, true), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "infinity-felt": "a hidden value is multiplied by its weight of 0 and added: where it is infinite, that is NaN; weigh passes over it"
            => {
                // Rows that do not see all of a tile, and find in it what is not finite.
                let mut output = crate::flash_forward(q, k, v, causal, block, traffic);
                for (rows, keys) in Sizes::of(q, v, causal).pairs(block) {
                    for i in rows {
                        let open = seen(i, q.nrows(), k.nrows(), causal);
                        let hidden = v.slice(s![open.clamp(keys.start, keys.end)..keys.end, ..]);
                        for (x, hidden) in output.out.row_mut(i).iter_mut().zip(hidden.columns()) {
                            *x = if hidden.iter().all(|x| x.is_finite()) { *x } else { f32::NAN };
                        }
                    }
                }
                output
            };
        "causal-always": "the causal limit is always applied, whether it is asked for or not"
            => crate::flash_forward(q, k, v, true, block, traffic);
        "causal-ignored": "every query sees every key, causal or not"
            => crate::flash_forward(q, k, v, false, block, traffic);
        "top-left": "causal is aligned top-left (j ≤ i) instead of bottom-right"
            => Parts {
                end: |_, last, _, m| m.min(last + 1),
                hide: |scores, at| at.fill(scores, (at.first + at.row + 1).saturating_sub(at.key)),
                ..RIGHT
            }.run(q, k, v, causal, block, traffic);
        "strict": "the causal limit itself is left out, so that no query sees its own key"
            => Parts {
                end: |_, last, n, m| (m + last).saturating_sub(n),
                hide: |scores, at| at.fill(scores, (at.m + at.first + at.row).saturating_sub(at.n + at.key)),
                ..RIGHT
            }.run(q, k, v, causal, block, traffic);
        "nothing-seen-yet-nan": "−∞ − (−∞) is computed for a row that has seen no key yet, in a tile whose other rows have: that is NaN"
            => Parts { merge: |a, b| plainly(a, b, a.row_max.max(b.row_max)), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "empty-row-nan": "out is divided by row_sum where a row saw no key at all: 0/0 is NaN"
            => Parts { finish: always_divided, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "nothing-seen-nan": "neither −∞ − (−∞) is avoided, for a row that has seen no key yet, nor 0/0 at the end, for one that saw none at all: both are NaN"
            => Parts { merge: |a, b| plainly(a, b, a.row_max.max(b.row_max)), finish: always_divided, ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-of-nothing-zero": "the log-sum-exp of a row that saw no key at all is left at 0; it is −∞, the logarithm of an empty sum"
            => Parts { finish: |state| (state.finish().0, if state.row_sum == 0.0 { 0.0 } else { state.finish().1 }), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-of-nothing-least-float": "the log-sum-exp of a row that saw no key at all is the least finite number, where the maximum started; it is −∞, the logarithm of an empty sum"
            => Parts { finish: |state| (state.finish().0, state.finish().1.max(f32::MIN)), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-without-max": "the log-sum-exp is only ln row_sum; row_max was not added back"
            => Parts { finish: |state| (state.finish().0, state.row_sum.ln()), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-without-log": "the log-sum-exp is row_max + row_sum, without the logarithm"
            => Parts { finish: |state| (state.finish().0, state.row_max + state.row_sum), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-is-max": "row_max is returned in place of the log-sum-exp"
            => Parts { finish: |state| (state.finish().0, state.row_max), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "lse-of-the-product": "the log-sum-exp is ln(e^row_max · row_sum), which overflows or vanishes; it is row_max + ln row_sum"
            => Parts { finish: |state| (state.finish().0, (state.row_max.exp() * state.row_sum).ln()), ..RIGHT }.run(q, k, v, causal, block, traffic);
        "nothing-skipped": "the numbers are right, but tiles that are hidden as a whole are loaded and masked instead of skipped"
            => {
                crate::flash_forward(q, k, v, false, block, traffic);
                crate::flash_forward(q, k, v, causal, block, &mut Traffic::default())
            };
        "tiles-cut-at-the-mask": "the numbers are right, but of the last key tile only the part is loaded that the last query sees; a tile is loaded whole, and its rest is masked"
            => {
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                for (rows, keys) in Sizes::of(q, v, causal).pairs(block) {
                    let unseen = keys.end.saturating_sub(seen(rows.end - 1, q.nrows(), k.nrows(), causal));
                    traffic.loaded -= 4 * (unseen * (k.ncols() + v.ncols())) as u64;
                }
                output
            };
        "blocks-swapped": "the numbers are right, but query tiles have block.k rows and key tiles block.q"
            => crate::flash_forward(q, k, v, causal, Block { q: block.k, k: block.q }, traffic);
        "one-block": "the numbers are right, but query tiles have block.k rows too, instead of block.q"
            => crate::flash_forward(q, k, v, causal, Block { q: block.k, ..block }, traffic);
        "queries-where-they-lie": "the numbers are right, but the query tile is read where it lies: load it with traffic.load"
            => {
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                traffic.tiles -= Sizes::of(q, v, causal).query_tiles(block);
                traffic.loaded -= 4 * q.len() as u64;
                output
            };
        "queries-loaded-in-the-loop": "the numbers are right, but the query tile is loaded in the loop over the key tiles, and so once for each of them"
            => {
                let sizes = Sizes::of(q, v, causal);
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                sizes.pairs(block).for_each(|(rows, _)| drop(traffic.load(q.slice(s![rows, ..]))));
                traffic.tiles -= sizes.query_tiles(block);
                traffic.loaded -= 4 * q.len() as u64;
                output
            };
        "output-where-it-lies": "the numbers are right, but the output is written where it lies: store its tile with traffic.store"
            => {
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                traffic.stored = 0;
                output
            };
        "stored-for-every-tile": "the numbers are right, but the output is stored after every key tile too: keep it until it is complete, and store it once"
            => {
                for (rows, _) in Sizes::of(q, v, causal).pairs(block) {
                    traffic.stored += 4 * (rows.len() * v.ncols()) as u64;
                }
                crate::flash_forward(q, k, v, causal, block, traffic)
            };
        "stored-in-the-loop": "the numbers are right, but the output is stored in the loop over the key tiles, and so once for each of them"
            => {
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                let stored = Sizes::of(q, v, causal).pairs(block).map(|(rows, _)| 4 * (rows.len() * v.ncols()) as u64);
                traffic.stored = stored.sum();
                output
            };
        "queries-loaded-again": "the numbers are right, but the query tile is loaded again for every key tile"
            => {
                for (rows, _) in Sizes::of(q, v, causal).pairs(block).filter(|(_, keys)| keys.start > 0) {
                    traffic.load(q.slice(s![rows, ..]));
                }
                crate::flash_forward(q, k, v, causal, block, traffic)
            };
        "nothing-loaded": "the numbers are right, but the tiles are read where they lie: load them with traffic.load, and store with traffic.store"
            => crate::flash_forward(q, k, v, causal, block, &mut Traffic::default());
        "keys-outside": "the numbers are right, but the loops are the other way round, keys outside and queries inside: then a query tile and its output move once for every key tile (the order of the first FlashAttention)"
            => {
                let output = crate::flash_forward(q, k, v, causal, block, &mut Traffic::default());
                for key in (0..k.nrows()).step_by(block.k) {
                    let keys = s![key..k.nrows().min(key + block.k), ..];
                    traffic.load(k.slice(keys));
                    traffic.load(v.slice(keys));
                    for (rows, _) in Sizes::of(q, v, causal).pairs(block).filter(|(_, keys)| keys.start == key) {
                        traffic.load(q.slice(s![rows.clone(), ..]));
                        let mut out = traffic.load(output.out.slice(s![rows, ..]));
                        traffic.store(&out.clone(), out.view_mut());
                    }
                }
                output
            };
        "keeps-a-strip": "the numbers and the traffic are right, but memory grows with the keys: a tile's scores with all keys are kept, or a copy of the keys, as when they are transposed whole"
            => {
                let strip = Array2::<f32>::zeros((block.q, k.nrows()));
                let output = crate::flash_forward(q, k, v, causal, block, traffic);
                std::hint::black_box(strip);
                output
            };
        "keeps-a-table": "this is attention as in chapter 3, with its tables of n×m scores and weights: the numbers are right, traffic and memory are not"
            => {
                let [q, k, v] = [q, k, v].map(|x| traffic.load(x));
                let output = table(q.view(), k.view(), v.view(), causal);
                traffic.store(&output.out, Array2::zeros(output.out.dim()).view_mut());
                output
            };
        "keeps-a-table-of-chapter-3": "this is attention of chapter 3, with its tables of n×m scores and weights: traffic and memory are wrong, and a hidden value is felt where it is infinite"
            => {
                let [q, k, v] = [q, k, v].map(|x| traffic.load(x));
                let output = attention(q.view(), k.view(), v.view(), &mask(causal));
                traffic.store(&output.out, Array2::zeros(output.out.dim()).view_mut());
                output
            };
    }

    within {
        merge: |merge, (q, k, v, causal, block)| Held::during((q.nrows(), k.nrows()), block.q, || {
            Moved::by(|traffic| Parts { merge, ..RIGHT }.run(q, k, v, causal, block, traffic))
        });
    }
}

/// What is right.
fn exact<F: NdFloat>(c: &Case) -> oracle::Output<F> {
    let finite = c.v.mapv(finite);
    let mut right =
        c.call(|q, k, _, causal, _| oracle::attention(q, k, finite.view(), &mask(causal)));
    feel(&mut right.out, c.v.view(), c.causal);
    right
}

/// Attention of chapter 3, where a hidden value is not felt even if it is infinite.
fn table(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Output {
    let mut output = attention(q, k, v.mapv(finite).view(), &mask(causal));
    feel(&mut output.out, v, causal);
    output
}

fn finite(x: f32) -> f32 {
    if x.is_finite() { x } else { 0.0 }
}

/// Adds to each row the values that it sees and that are not finite: they outweigh all others.
fn feel<F: NdFloat>(out: &mut Array2<F>, v: ArrayView2<f32>, causal: bool) {
    let n = out.nrows();
    for ((j, column), &x) in v.indexed_iter().filter(|(_, x)| !x.is_finite()) {
        for i in (0..n).filter(|&i| j < seen(i, n, v.nrows(), causal)) {
            out[[i, column]] += F::from(x).expect("f32 fits every float");
        }
    }
}

/// The scores 0, ln 2 and ln 4 over the values 1, 4 and 2.
pub(super) fn by_hand() -> (Array2<f32>, Array2<f32>, Array2<f32>) {
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let k = array![[0.0; 4], [2.0 * ln2, 0.0, 0.0, 0.0], [2.0 * ln4, 0.0, 0.0, 0.0]];
    (Array2::ones((1, 4)), k, array![[1.0], [4.0], [2.0]])
}

/// Makes the scores `factor`² times as large. Those of query 0 are then all far below zero.
pub(super) fn large(q: &mut Array2<f32>, k: &mut Array2<f32>, factor: f32) {
    *q *= factor;
    k.mapv_inplace(|x| factor * x.abs());
    q.row_mut(0).mapv_inplace(|x| -x.abs());
}

/// Queries whose scores are √`factor` times as large.
pub(super) fn scaled(q: ArrayView2<f32>, factor: f32) -> Array2<f32> {
    &q * factor.sqrt()
}

/// Small heads of all sizes from 1 to 3, with tiles of 1 to 3 rows and every kind of values.
pub(super) fn small(
    random: &mut Random,
) -> impl Iterator<Item = (Array2<f32>, Array2<f32>, Array2<f32>, bool, Block)> {
    let levels = [3, 3, 3, 3, 3, 3, 2, SOME_VALUES, SOME_VALUES, SOME_VALUES];
    pairwise(levels).into_iter().map(|[n, m, d, d_v, b_q, b_k, causal, of_q, of_k, of_v]| {
        let q = some_values(of_q, (n + 1, d + 1), random);
        let k = some_values(of_k, (m + 1, d + 1), random);
        let v = some_values(of_v, (m + 1, d_v + 1), random);
        (q, k, v, causal == 1, Block { q: b_q + 1, k: b_k + 1 })
    })
}

/// Where a row of scores is: that of row `row` of the tile of queries that begins with query
/// `first`, and of the tile of keys that begins with key `key`.
struct At {
    row: usize,
    first: usize,
    key: usize,
    n: usize,
    m: usize,
}

impl At {
    /// How many keys of the tile and of those after it the row sees.
    fn open(&self) -> usize {
        seen(self.first + self.row, self.n, self.m, true).saturating_sub(self.key)
    }

    /// Hides all scores of the tile but the first `open` ones.
    fn fill(&self, scores: &mut [f32], open: usize) {
        scores.iter_mut().skip(open).for_each(|score| *score = f32::NEG_INFINITY);
    }
}

/// Attention tile by tile, in the parts that go wrong.
struct Parts {
    /// How many of the queries are covered by tiles of `block` rows.
    covered: fn(rows: usize, block: usize) -> usize,
    /// How many of `m` keys are covered by tiles of `block` rows, where `end` are to be visited.
    covered_keys: fn(end: usize, m: usize, block: usize) -> usize,
    /// How many of `m` keys a tile of queries `first ..= last` of `n` looks at, if causal.
    end: fn(first: usize, last: usize, n: usize, m: usize) -> usize,
    /// Hides what a row of scores does not see, if causal.
    hide: fn(scores: &mut [f32], at: &At),
    /// Joins the state of a row with that of the tile's keys.
    merge: fn(&State, &State) -> State,
    /// The row of the result, and its log-sum-exp.
    finish: fn(&State) -> (Array1<f32>, f32),
}

/// The right parts. A mistake has one or two of its own.
const RIGHT: Parts = Parts {
    covered: |rows, _| rows,
    covered_keys: |end, _, _| end,
    end: |_, last, n, m| seen(last, n, m, true),
    hide: |scores, at| at.fill(scores, at.open()),
    merge: crate::merge,
    finish: State::finish,
};

impl Parts {
    fn run(
        &self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        causal: bool,
        block: Block,
        traffic: &mut Traffic,
    ) -> Output {
        let Sizes { n, m, d, d_v, .. } = Sizes::of(q, v, causal);
        let mut result =
            Output { out: Array2::zeros((n, d_v)), lse: Array1::from_elem(n, f32::NEG_INFINITY) };
        for first in (0..(self.covered)(n, block.q)).step_by(block.q) {
            let last = n.min(first + block.q) - 1;
            let q = traffic.load(q.slice(s![first..=last, ..])) / (d as f32).sqrt();
            let mut states = vec![State::empty(d_v); q.nrows()];
            let end = if causal { (self.end)(first, last, n, m) } else { m };
            for key in (0..(self.covered_keys)(end, m, block.k)).step_by(block.k) {
                let keys = s![key..m.min(key + block.k), ..];
                let (k, v) = (traffic.load(k.slice(keys)), traffic.load(v.slice(keys)));
                for (row, so_far) in states.iter_mut().enumerate() {
                    let mut scores = k.dot(&q.row(row)).to_vec();
                    if causal {
                        (self.hide)(&mut scores, &At { row, first, key, n, m });
                    }
                    *so_far = (self.merge)(so_far, &state(&scores.into(), &v));
                }
            }
            let mut out = Array2::zeros((states.len(), d_v));
            for (row, state) in states.iter().enumerate() {
                let (values, lse) = (self.finish)(state);
                out.row_mut(row).assign(&values);
                result.lse[first + row] = lse;
            }
            traffic.store(&out, result.out.slice_mut(s![first..=last, ..]));
        }
        result
    }
}

/// Each tile's output and sum divided by its sum.
fn normalised(a: &State, b: &State) -> State {
    let (row_max, [x, _]) = right(a, b);
    let b = State { row_sum: if b.row_sum == 0.0 { 0.0 } else { 1.0 }, out: b.finish().0, ..*b };
    combined(a, &b, row_max, [x, 1.0])
}

fn max_of_the_tile(a: &State, b: &State) -> State {
    let shift = if b.row_sum == 0.0 { 0.0 } else { b.row_max };
    combined(a, b, b.row_max, [(a.row_max - shift).exp(), 1.0])
}

fn undivided(state: &State) -> (Array1<f32>, f32) {
    (state.out.clone(), state.finish().1)
}

fn always_divided(state: &State) -> (Array1<f32>, f32) {
    (&state.out / state.row_sum, state.row_max + state.row_sum.ln())
}
