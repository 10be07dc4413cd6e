//! 8.5 `flash_backward`

use super::flash_forward::{by_hand, small};
use crate::{
    checked::{Held, Moved, mask},
    given::{Block, Gradients, Output, Traffic, seen},
    traffic::Sizes,
};
use attn_exercise::{SOME_VALUES, exercise, field};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{attention_backward, exercises::attention_backward::some_d_out};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis, array, s};

exercise! {
    /// The inputs of the forward pass, and the gradient with respect to its output.
    crate::flash_backward as fn(
        ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, bool, &Output, ArrayView2<f32>, Block, &mut Traffic,
    ) -> Gradients: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], causal: bool, d_out: Array2<f32>[n d_v], block: Block,
    ) -> Held<Moved<Gradients>>;
    answer: |flash_backward, c| c.call(|q, k, v, causal, d_out, block| {
        let forward = crate::flash_forward(q, k, v, causal, block, &mut Traffic::default());
        Held::during((q.nrows(), k.nrows()), block.q, || {
            Moved::by(|traffic| flash_backward(q, k, v, causal, &forward, d_out, block, traffic))
        })
    });

    exact: |c| c.call(|q, k, v, causal, d_out, _| oracle::attention_backward::<f64>(q, k, v, &mask(causal), d_out));
    plain: |c| [
        c.call(|q, k, v, causal, d_out, _| oracle::attention_backward::<f32>(q, k, v, &mask(causal), d_out)),
        c.call(|q, k, v, causal, d_out, _| attention_backward(q, k, v, &mask(causal), d_out)),
        // Weights from lse, where the scores are not rounded as on the way forward.
        c.call(|q, k, v, causal, d_out, block| {
            let forward = crate::flash_forward(q, k, v, causal, block, &mut Traffic::default());
            by_masked_scores(q, k, v, causal, &forward, d_out, block, &mut Traffic::default())
        }),
    ];
    then: |c, answer| {
        let sizes = Sizes::of(c.q.view(), c.v.view(), c.causal);
        let (queries, pairs) = (sizes.query_tiles(c.block), sizes.visited(c.block));
        let tiles = format!("{queries} each of q, out and d_out, {pairs} each of k, v, dk and dv");
        let stored = format!("dq once, dk and dv for each of {pairs} pairs of tiles");
        answer.result.expect(&sizes.flash_backward(c.block), [&tiles, "every tile whole", &stored])?;
        answer.expect_little()
    };
    steps: |c| {
        let forward = c.call(|q, k, v, causal, _, block| crate::flash_forward(q, k, v, causal, block, &mut Traffic::default()));
        let scores = c.q.dot(&c.k.t()) / (c.q.ncols() as f32).sqrt();
        let weights = (scores - forward.lse.view().insert_axis(Axis(1))).exp();
        [
            field("out", &forward.out),
            field("lse", &forward.lse),
            field("D", &(&c.d_out * &forward.out).sum_axis(Axis(1))),
            field("exp(scores − lse), before the mask", &weights),
            field("traffic", Sizes::of(c.q.view(), c.v.view(), c.causal).flash_backward(c.block).to_string()),
        ]
    };

    cases: |random| {
        let mut of = |about, (n, m), (d, d_v), causal, (b_q, b_k)| {
            let (q, k, v) = (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)));
            case(about, (q, k, v, causal, random.normal((n, d_v)), Block { q: b_q, k: b_k }))
        };
        let (q, k, v) = by_hand();
        let mut cases = vec![
            case("by hand: 1/7, 2/7, 4/7", (q, k, v, false, array![[1.0]], Block { q: 1, k: 2 })),
            of("", (4, 6), (4, 3), false, (2, 3)),
            of("the last tiles have fewer rows", (5, 7), (4, 2), false, (2, 3)),
            of("", (1, 1), (1, 1), false, (4, 4)),
            of("", (6, 6), (8, 3), true, (2, 2)),
            of("", (3, 7), (4, 4), true, (2, 3)),
            of("the first four queries see nothing", (7, 3), (4, 4), true, (3, 2)),
            of("", (33, 31), (16, 8), true, (8, 4)),
            of("", (65, 63), (32, 16), false, (16, 24)),
            of("memory is measured", (32, 1024), (16, 16), true, (16, 8)),
        ];
        let inputs: Vec<_> = small(random).collect();
        let mut kinds = (0..SOME_VALUES).cycle();
        cases.extend(inputs.into_iter().map(|(q, k, v, causal, block)| {
            let d_out = some_d_out(&q, &k, &v, &mask(causal), &mut kinds, random);
            case("small", (q, k, v, causal, d_out, block))
        }));
        cases
    };

    right (q, k, v, causal, forward, d_out, block, traffic) {
        "keys by rows, gradients loaded and stored by hand" => by_key_rows(q, k, v, causal, forward, d_out, block, traffic);
        "masked scores, one exponential for the whole tile, D in f64" => by_masked_scores(q, k, v, causal, forward, d_out, block, traffic);
    }

    mistakes (q, k, v, causal, forward, d_out, block, traffic) {
        "no-row-term": "D is forgotten: the gradient of the scores is weights ⊙ (d_weights − D)"
            => crate::flash_backward(q, k, v, causal, &with_out(forward, |_| 0.0), d_out, block, traffic);
        "row-term-added": "D is added to d_out · vᵀ instead of subtracted"
            => crate::flash_backward(q, k, v, causal, &with_out(forward, |x| -x), d_out, block, traffic);
        "row-term-of-d-out": "D is the sum of the row of d_out alone; it is the sum of d_out ⊙ out"
            => crate::flash_backward(q, k, v, causal, &with_out(forward, |_| 1.0), d_out, block, traffic);
        "row-term-of-squares": "D is the sum of d_out²; it is the sum of d_out ⊙ out"
            => {
                let forward = Output { out: d_out.to_owned(), lse: forward.lse.clone() };
                crate::flash_backward(q, k, v, causal, &forward, d_out, block, traffic)
            };
        "row-term-of-the-tile": "D is computed from the weights of the tile at hand, so that it covers only a part of the row's keys"
            => Parts { d_scores: |w, d, _| w * &(d - w.dot(d)), ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "row-term-of-other-rows": "D of each tile is computed from the first rows of out instead of the tile's own"
            => {
                let rows: Vec<usize> = (0..q.nrows()).map(|i| i % block.q).collect();
                let first = Output { out: forward.out.select(Axis(0), &rows), lse: forward.lse.clone() };
                crate::flash_backward(q, k, v, causal, &first, d_out, block, traffic)
            };
        "d-scores-unweighted": "the gradient of the scores is d_out · vᵀ − D, without the weights: it is weights ⊙ (d_out · vᵀ − D)"
            => Parts { d_scores: |_, d, row_dot| d - row_dot, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dk-unscaled": "dk is not divided by √d"
            => unscaled(crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic), [false, true]);
        "dq-unscaled": "dq is not divided by √d"
            => unscaled(crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic), [true, false]);
        "both-unscaled": "neither dq nor dk is divided by √d"
            => unscaled(crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic), [true, true]);
        "unscaled-weights": "the weights are computed again from scores that are not divided by √d"
            => Parts { scale: |_| 1.0, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "exponent-from-max": "the row's maximum is subtracted in the exponent instead of its log-sum-exp, so that the weights do not sum to one"
            => {
                let row_max = |i: usize| {
                    let keys = s![..seen(i, q.nrows(), k.nrows(), causal), ..];
                    let scores = k.slice(keys).dot(&q.row(i)) / (q.ncols() as f32).sqrt();
                    scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s))
                };
                let forward = Output { out: forward.out.clone(), lse: (0..q.nrows()).map(row_max).collect() };
                crate::flash_backward(q, k, v, causal, &forward, d_out, block, traffic)
            };
        "softmax-of-the-tile": "each tile's weights are normalised by themselves instead of with the row's log-sum-exp"
            => Parts { weights: |row, open, lse| {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                let own = row_max + row.mapv(|s| (s - row_max).exp()).sum().ln();
                (RIGHT.weights)(row, if lse.is_finite() { open } else { 0 }, own);
            }, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "tile-normalised": "each tile's weights are divided by their sum once more; with the row's log-sum-exp they sum to one over the whole row already"
            => Parts { weights: |row, open, lse| {
                (RIGHT.weights)(row, open, lse);
                let sum = row.sum();
                if sum > 0.0 {
                    *row /= sum;
                }
            }, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "lse-added": "the log-sum-exp is added in the exponent; the weights are e^(score − lse)"
            => Parts { weights: |row, open, lse| (RIGHT.weights)(row, open, -lse), ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "lse-divides": "e^score is divided by the log-sum-exp; the weights are e^(score − lse)"
            => Parts { weights: |row, open, lse| divided(row, open, lse), ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "no-difference-in-the-exponent": "e^score is divided by e^lse, and where both overflow, that is NaN; the difference belongs in the exponent, e^(score − lse)"
            => Parts { weights: |row, open, lse| divided(row, open, lse.exp()), ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "lse-of-other-rows": "each tile takes the log-sum-exps of the first rows instead of its own"
            => {
                let rows: Vec<usize> = (0..q.nrows()).map(|i| i % block.q).collect();
                let first = Output { out: forward.out.clone(), lse: forward.lse.select(Axis(0), &rows) };
                crate::flash_backward(q, k, v, causal, &first, d_out, block, traffic)
            };
        "row-of-the-tile": "how far a row sees is asked with its place in the tile, seen(r, …); its query is first + r"
            => Parts { open: |[_, r, key], n, m, causal| seen(r, n, m, causal).saturating_sub(key), ..RIGHT }
                .run(q, k, v, causal, forward, d_out, block, traffic);
        "key-not-subtracted": "how far a row sees is counted from the first key of the sequence, seen(first + r, …), and not from the tile's: − key is missing"
            => Parts { open: |[first, r, _], n, m, causal| seen(first + r, n, m, causal), ..RIGHT }
                .run(q, k, v, causal, forward, d_out, block, traffic);
        "mask-forgotten": "the weights in the tile on the diagonal are computed again without the mask"
            => Parts { weights: |row, _, lse| {
                let keys = if lse.is_finite() { row.len() } else { 0 };
                (RIGHT.weights)(row, keys, lse);
            }, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dv-from-d-scores": "dv is computed from the gradient of the scores instead of the weights"
            => Parts { for_dv: |_, d_scores| d_scores, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dv-from-scaled-d-scores": "dv is computed from the gradient of the scores, and that with its 1/√d, instead of the weights"
            => {
                let mut gradients = Parts { for_dv: |_, d_scores| d_scores, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
                gradients.dv /= (q.ncols() as f32).sqrt();
                gradients
            };
        "dk-dv-swapped": "dk and dv stand in each other's place"
            => {
                let Gradients { dq, dk, dv } = crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic);
                Gradients { dq, dk: dv, dv: dk }
            };
        "dq-of-the-last-tile": "each key tile replaces dq instead of adding to it"
            => Parts { replaced: [true, false, false], ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dk-dv-of-the-last-tile": "each query tile replaces dk and dv instead of adding to them"
            => Parts { replaced: [false, true, true], ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dv-of-the-last-tile": "each query tile replaces dv instead of adding to it"
            => Parts { replaced: [false, false, true], ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "dk-of-the-last-tile": "each query tile replaces dk instead of adding to it"
            => Parts { replaced: [false, true, false], ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "ragged-ends-dropped": "only whole tiles are visited: the rows at the end that do not fill one are left out"
            => Parts { covered: |rows, block| rows / block * block, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "empty-row-nan": "exp(score − lse) is computed for a query that saw nothing, where lse is −∞"
            => Parts { nan_of_nothing: true, weights: |row, open, lse| {
                (RIGHT.weights)(row, open, lse);
                if lse == f32::NEG_INFINITY {
                    row.fill(f32::NAN);
                }
            }, ..RIGHT }.run(q, k, v, causal, forward, d_out, block, traffic);
        "nothing-skipped": "the numbers are right, but tiles that are hidden as a whole are loaded and masked instead of skipped"
            => {
                crate::flash_backward(q, k, v, false, forward, d_out, block, traffic);
                crate::flash_backward(q, k, v, causal, forward, d_out, block, &mut Traffic::default())
            };
        "outputs-where-they-lie": "the numbers are right, but out and d_out are read where they lie: load their tiles with traffic.load, like that of q"
            => {
                let gradients = crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic);
                traffic.tiles -= 2 * Sizes::of(q, v, causal).query_tiles(block);
                traffic.loaded -= 2 * 4 * d_out.len() as u64;
                gradients
            };
        "queries-loaded-again": "the numbers are right, but the tiles of q, out and d_out are loaded again for every key tile"
            => {
                for (rows, _) in Sizes::of(q, v, causal).pairs(block).filter(|(_, keys)| keys.start > 0) {
                    for tensor in [q, forward.out.view(), d_out] {
                        traffic.load(tensor.slice(s![rows.clone(), ..]));
                    }
                }
                crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic)
            };
        "dq-moved-for-every-tile": "the numbers are right, but dq is added to in slow memory for every key tile: keep the query tile's dq until it is complete, and store it once"
            => {
                let gradients = crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic);
                traffic.stored -= 4 * q.len() as u64;
                for (rows, _) in Sizes::of(q, v, causal).pairs(block) {
                    let mut dq = gradients.dq.slice(s![rows, ..]).to_owned();
                    traffic.add(&dq.clone(), dq.view_mut());
                }
                gradients
            };
        "gradients-where-they-lie": "the numbers are right, but the gradients are changed where they lie: store a tile of dq with traffic.store, and add to dk and dv with traffic.add"
            => {
                let gradients = crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic);
                let of_keys = traffic.stored - 4 * q.len() as u64;
                let tiles = traffic.tiles - 2 * Sizes::of(q, v, causal).visited(block);
                *traffic = Traffic { tiles, loaded: traffic.loaded - of_keys, stored: 0 };
                gradients
            };
        "nothing-loaded": "the numbers are right, but nothing is moved with traffic: load the tiles with traffic.load, store those of dq with traffic.store, and add to dk and dv with traffic.add"
            => crate::flash_backward(q, k, v, causal, forward, d_out, block, &mut Traffic::default());
        "keys-outside": "the numbers are right, but the loops are the other way round, keys outside and queries inside, as in the paper: then dk and dv stay and dq moves; here queries are outside, as on the way forward"
            => {
                let gradients = crate::flash_backward(q, k, v, causal, forward, d_out, block, &mut Traffic::default());
                for key in (0..k.nrows()).step_by(block.k) {
                    let keys = s![key..k.nrows().min(key + block.k), ..];
                    for tensor in [k, v] {
                        let mut gradient = traffic.load(tensor.slice(keys));
                        traffic.store(&gradient.clone(), gradient.view_mut());
                    }
                    for (rows, _) in Sizes::of(q, v, causal).pairs(block).filter(|(_, keys)| keys.start == key) {
                        let mut dq = traffic.load(q.slice(s![rows.clone(), ..]));
                        traffic.load(forward.out.slice(s![rows.clone(), ..]));
                        traffic.load(d_out.slice(s![rows, ..]));
                        traffic.add(&dq.clone(), dq.view_mut());
                    }
                }
                gradients
            };
        "keeps-a-strip": "the numbers and the traffic are right, but memory grows with the keys: a tile's weights with all keys are kept, or a copy of the keys"
            => {
                let strip = Array2::<f32>::zeros((block.q, k.nrows()));
                let gradients = crate::flash_backward(q, k, v, causal, forward, d_out, block, traffic);
                std::hint::black_box(strip);
                gradients
            };
        "keeps-a-table": "this is the way back of chapter 3, with its tables of n×m: the numbers are right, traffic and memory are not"
            => attention_backward(q, k, v, &mask(causal), d_out);
    }
}

/// What the forward pass gave, with another output.
fn with_out(forward: &Output, other: fn(f32) -> f32) -> Output {
    Output { out: forward.out.mapv(other), lse: forward.lse.clone() }
}

/// The gradients without the factor 1/√d of dq, of dk, or of both.
fn unscaled(mut gradients: Gradients, [dq, dk]: [bool; 2]) -> Gradients {
    let root = (gradients.dq.ncols() as f32).sqrt();
    gradients.dq *= if dq { root } else { 1.0 };
    gradients.dk *= if dk { root } else { 1.0 };
    gradients
}

/// The way back tile by tile, in the parts that go wrong.
struct Parts {
    /// How many of the rows are covered by tiles of `block` rows.
    covered: fn(rows: usize, block: usize) -> usize,
    /// What the scores are multiplied by, for queries of width d.
    scale: fn(d: f32) -> f32,
    /// How many keys row r sees from key `key` on, in the tile of queries that begins with `first`.
    open: fn([usize; 3], n: usize, m: usize, causal: bool) -> usize,
    /// Makes weights of a row of scores, of which the first `open` are seen.
    weights: fn(scores: &mut ArrayViewMut1<f32>, open: usize, lse: f32),
    /// Whether the weights of a query that saw nothing are left as they come out.
    nan_of_nothing: bool,
    /// The gradient of a row of scores, of its weights, their gradients, and D.
    d_scores: fn(&Array1<f32>, &Array1<f32>, row_dot: f32) -> Array1<f32>,
    /// What dv is made of: the weights, or the gradient of the scores.
    for_dv: for<'a> fn(weights: &'a Array2<f32>, d_scores: &'a Array2<f32>) -> &'a Array2<f32>,
    /// Whether a tile replaces what is in dq, dk and dv, instead of adding to it.
    replaced: [bool; 3],
}

/// The right parts. A mistake has one of its own.
const RIGHT: Parts = Parts {
    covered: |rows, _| rows,
    scale: |d| 1.0 / d.sqrt(),
    open: |[first, r, key], n, m, causal| seen(first + r, n, m, causal).saturating_sub(key),
    weights: |scores, open, lse| {
        scores.slice_mut(s![..open]).mapv_inplace(|score| (score - lse).exp());
        scores.slice_mut(s![open..]).fill(0.0);
    },
    nan_of_nothing: false,
    d_scores: |weights, d_weights, row_dot| weights * &(d_weights - row_dot),
    for_dv: |weights, _| weights,
    replaced: [false; 3],
};

/// e^score over `by`, for the first `open` scores.
fn divided(scores: &mut ArrayViewMut1<f32>, open: usize, by: f32) {
    scores.slice_mut(s![..open]).mapv_inplace(|score| score.exp() / by);
    scores.slice_mut(s![open..]).fill(0.0);
}

impl Parts {
    #[allow(clippy::too_many_arguments)] // the exercise's signature
    fn run(
        &self,
        q: ArrayView2<f32>,
        k: ArrayView2<f32>,
        v: ArrayView2<f32>,
        causal: bool,
        forward: &Output,
        d_out: ArrayView2<f32>,
        block: Block,
        traffic: &mut Traffic,
    ) -> Gradients {
        let Sizes { n, m, d, .. } = Sizes::of(q, v, causal);
        let scale = 1.0 / (d as f32).sqrt();
        let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| Array2::zeros(x.dim()));
        let (covered_q, covered_k) = ((self.covered)(n, block.q), (self.covered)(m, block.k));
        for first in (0..covered_q).step_by(block.q) {
            let last = n.min(first + block.q) - 1;
            let queries = s![first..=last, ..];
            let [q, out, d_out] =
                [q, forward.out.view(), d_out].map(|x| traffic.load(x.slice(queries)));
            let mut dq_tile = Array2::<f32>::zeros(q.dim());
            for key in (0..seen(last, n, m, causal).min(covered_k)).step_by(block.k) {
                let keys = s![key..m.min(key + block.k), ..];
                let [k, v] = [k, v].map(|x| traffic.load(x.slice(keys)));
                let mut weights = q.dot(&k.t()) * (self.scale)(d as f32);
                let mut d_scores = d_out.dot(&v.t());
                for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                    let open = (self.open)([first, r, key], n, m, causal).min(row.len());
                    let lse = forward.lse[first + r];
                    // A query that saw nothing has no weights.
                    (self.weights)(&mut row, open, lse);
                    if lse == f32::NEG_INFINITY && !self.nan_of_nothing {
                        row.fill(0.0);
                    }
                    let row_dot = d_out.row(r).dot(&out.row(r));
                    let d_row =
                        (self.d_scores)(&row.to_owned(), &d_scores.row(r).to_owned(), row_dot);
                    d_scores.row_mut(r).assign(&d_row);
                }
                let share = d_scores.dot(&k) * scale;
                dq_tile = if self.replaced[0] { share } else { dq_tile + share };
                let shares = [
                    (d_scores.t().dot(&q) * scale, dk.slice_mut(keys)),
                    ((self.for_dv)(&weights, &d_scores).t().dot(&d_out), dv.slice_mut(keys)),
                ];
                for ((share, to), replaced) in shares.into_iter().zip(&self.replaced[1..]) {
                    if *replaced { traffic.store(&share, to) } else { traffic.add(&share, to) }
                }
            }
            traffic.store(&dq_tile, dq.slice_mut(queries));
        }
        Gradients { dq, dk, dv }
    }
}

/// Keys by rows, entry by entry, the scale at the end; gradients loaded and stored by hand.
#[allow(clippy::too_many_arguments)] // the exercise's signature
fn by_key_rows(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    let ((n, d), m) = (q.dim(), k.nrows());
    let scale = 1.0 / (d as f32).sqrt();
    let mut dq = Array2::zeros(q.dim());
    let (mut dk, mut dv) = (Array2::zeros(k.dim()), Array2::zeros(v.dim()));
    let mut first = 0;
    while first < n {
        let last = n.min(first + block.q);
        let rows = s![first..last, ..];
        let (d_out, q) = (traffic.load(d_out.slice(rows)), traffic.load(q.slice(rows)));
        let out = traffic.load(forward.out.slice(rows));
        let row_dot: Vec<f32> = (0..last - first).map(|r| d_out.row(r).dot(&out.row(r))).collect();
        let mut dq_tile = Array2::<f32>::zeros(q.dim());
        let mut key = 0;
        while key < seen(last - 1, n, m, causal) {
            let keys = s![key..m.min(key + block.k), ..];
            let (v, k) = (traffic.load(v.slice(keys)), traffic.load(k.slice(keys)));
            let mut weights = k.dot(&q.t()); // keys × rows
            for ((j, r), w) in weights.indexed_iter_mut() {
                let sees = key + j < seen(first + r, n, m, causal);
                *w = if sees { (*w * scale - forward.lse[first + r]).exp() } else { 0.0 };
            }
            let mut d_scores = v.dot(&d_out.t());
            for ((j, r), x) in d_scores.indexed_iter_mut() {
                *x = weights[[j, r]] * (*x - row_dot[r]);
            }
            dq_tile += &(d_scores.t().dot(&k) * scale);
            let mut sum = traffic.load(dv.slice(keys));
            sum += &weights.dot(&d_out);
            traffic.store(&sum, dv.slice_mut(keys));
            let sum = traffic.load(dk.slice(keys)) + d_scores.dot(&q) * scale;
            traffic.store(&sum, dk.slice_mut(keys));
            key += block.k;
        }
        traffic.store(&dq_tile, dq.slice_mut(rows));
        first = last;
    }
    Gradients { dq, dk, dv }
}

/// The masked scores as −∞ first, then one exponential for the whole tile.
#[allow(clippy::too_many_arguments)] // the exercise's signature
fn by_masked_scores(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    let ((n, d), m) = (q.dim(), k.nrows());
    let mut gradients = Gradients {
        dq: Array2::zeros(q.dim()),
        dk: Array2::zeros(k.dim()),
        dv: Array2::zeros(v.dim()),
    };
    for first in (0..n).step_by(block.q) {
        let last = (first + block.q).min(n);
        let q = traffic.load(q.slice(s![first..last, ..])) / (d as f32).sqrt();
        let d_out = traffic.load(d_out.slice(s![first..last, ..]));
        let out = traffic.load(forward.out.slice(s![first..last, ..]));
        // In f64: with a single key, dq and dk are then what the rounding of d_out · vᵀ leaves.
        let products = out.mapv(f64::from) * d_out.mapv(f64::from);
        let row_dot = products.sum_axis(Axis(1)).mapv(|x| x as f32).insert_axis(Axis(1));
        let lse = forward.lse.slice(s![first..last]);
        let finite = lse.mapv(|lse| if lse.is_finite() { lse } else { 0.0 });
        let mut dq = Array2::zeros(q.dim());
        for key in (0..seen(last - 1, n, m, causal)).step_by(block.k) {
            let end = (key + block.k).min(m);
            let k = traffic.load(k.slice(s![key..end, ..]));
            let v = traffic.load(v.slice(s![key..end, ..]));
            let mut weights = q.dot(&k.t());
            for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
                let open = seen(first + r, n, m, causal).clamp(key, end) - key;
                row.slice_mut(s![open..]).fill(f32::NEG_INFINITY);
            }
            let weights = (weights - finite.view().insert_axis(Axis(1))).exp();
            let d_scores = (d_out.dot(&v.t()) - &row_dot) * &weights;
            dq = dq + d_scores.dot(&k);
            let to = gradients.dv.slice_mut(s![key..end, ..]);
            traffic.add(&weights.t().dot(&d_out), to);
            let to = gradients.dk.slice_mut(s![key..end, ..]);
            traffic.add(&d_scores.t().dot(&q), to); // q has its factor already
        }
        let dq = dq / (d as f32).sqrt();
        traffic.store(&dq, gradients.dq.slice_mut(s![first..last, ..]));
    }
    gradients
}
