//! 12.8 `block_importance`

use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, ArrayView2, array};

exercise! {
    /// The weights of spans for each token's query, and the sizes of spans and blocks.
    crate::block_importance: (weights: Array2<f64>[n spans], length: usize[length], stride: usize[stride], block: usize[block]) -> Array2<f64>;

    exact: |c| {
        let n = c.weights.nrows();
        Array2::from_shape_fn((n, n.div_ceil(c.block)), |(t, at)| {
            let overlap = |b: usize| {
                let span = b * c.stride..b * c.stride + c.length;
                span.filter(|token| token / c.block == at).count() as f64 / c.stride as f64
            };
            (0..c.weights.ncols()).map(|b| c.weights[[t, b]] * overlap(b)).sum::<f64>()
        })
    };

    cases: |random| {
        let mut of = |about: &str, n: usize, length: usize, stride: usize, block: usize| {
            let count = crate::given::spans(n, length, stride);
            let weights = random.uniform((n, count)).mapv(|x: f32| f64::from(x));
            case(about, (weights, length, stride, block))
        };
        let mut cases = vec![
            case("by hand: the second span shares two tokens with each block", (Array2::from_shape_fn((6, 2), |(_, b)| [0.25, 0.75][b]), 4, 2, 4)),
            of("as in the paper, by an eighth", 24, 4, 2, 8),
            of("spans and blocks are the same", 12, 4, 4, 4),
            of("spans side by side, blocks of two", 12, 2, 2, 4),
            of("spans longer than blocks", 14, 6, 2, 2),
            of("spans of three pieces", 18, 6, 2, 6),
            of("blocks of one token", 6, 2, 1, 1),
            of("spans of one token", 6, 1, 1, 3),
            of("a last block that is not full", 11, 4, 2, 4),
            of("stride 3", 20, 6, 3, 9),
            of("a block as long as the text", 8, 4, 2, 8),
            of("a block longer than the text", 5, 2, 1, 9),
            case("one weight", (array![[1.0]], 1, 1, 1)),
            of("one token, a larger block", 1, 1, 1, 4),
            of("two tokens", 2, 2, 1, 2),
            of("two tokens", 2, 1, 1, 1),
            of("five tokens, spans of five", 5, 5, 5, 5),
            of("six", 6, 6, 3, 3),
            of("nine", 9, 3, 3, 9),
            of("four", 4, 4, 4, 8),
            of("three", 3, 2, 2, 2),
            of("four", 4, 1, 1, 4),
        ];
        cases.extend(pairwise([5, 3, 3, 3]).into_iter().map(|[n, pieces, stride, blocks]| {
            let stride = stride + 1;
            of("small", (pieces + 1) * stride + 3 * n, (pieces + 1) * stride, stride, (blocks + 1) * stride)
        }));
        cases
    };

    never {
        "n < spans": "a span has at least a token of its own";
        "n < stride": "the text has a span";
        "n < length": "the text has a span";
        "length < stride": "the stride divides the length";
        "stride > block": "the stride divides the block";
    }

    right (weights, length, stride, block) {
        "token by token" => {
            let n = weights.nrows();
            let mut found = Array2::zeros((n, n.div_ceil(block)));
            for ((t, b), weight) in weights.indexed_iter() {
                for token in b * stride..b * stride + length {
                    found[[t, token / block]] += weight / stride as f64;
                }
            }
            found
        };
        "as a product" => {
            let n = weights.nrows();
            let shared = Array2::from_shape_fn((weights.ncols(), n.div_ceil(block)), |(b, at)| {
                let (first, last) = ((b * stride).max(at * block), (b * stride + length).min((at + 1) * block));
                (last.saturating_sub(first) / stride) as f64
            });
            weights.dot(&shared)
        };
        "block by block" => by(weights, (length, stride, block), |span, at| {
            let (first, last) = (span.0.max(at.0), span.1.min(at.1));
            if last > first { (last - first) as f64 / span.2 as f64 } else { 0.0 }
        });
    }

    mistakes (weights, length, stride, block) {
        "printed-index": "the sums run over the spans before the block, as the printed index has them: span block/stride·j − m − n"
            => {
                let n = weights.nrows();
                Array2::from_shape_fn((n, n.div_ceil(block)), |(t, j)| {
                    let mut sum = 0.0;
                    for m in 0..block / stride {
                        for piece in 0..length / stride {
                            let b = (block / stride * j).checked_sub(m + piece);
                            sum += b.filter(|&b| b < weights.ncols()).map_or(0.0, |b| weights[[t, b]]);
                        }
                    }
                    sum
                })
            };
        "by-its-start": "a span's weight goes to the block in which it begins, once"
            => by(weights, (length, stride, block), |span, at| f64::from(u8::from((at.0..at.1).contains(&span.0))));
        "by-its-end": "a span's weight goes to the block in which it ends, once"
            => by(weights, (length, stride, block), |span, at| f64::from(u8::from((at.0..at.1).contains(&(span.1 - 1)))));
        "by-its-middle": "a span's weight goes to the block of its middle token, once"
            => by(weights, (length, stride, block), |span, at| f64::from(u8::from((at.0..at.1).contains(&((span.0 + span.1) / 2)))));
        "whole-to-its-start": "a span's weight goes to the block in which it begins, once for each of its pieces"
            => by(weights, (length, stride, block), |span, at| if (at.0..at.1).contains(&span.0) { ((span.1 - span.0) / span.2) as f64 } else { 0.0 });
        "once-to-each": "every block that a span overlaps gets its weight once, however much they share"
            => by(weights, (length, stride, block), |span, at| f64::from(u8::from(span.0 < at.1 && at.0 < span.1)));
        "inside-only": "only spans that lie in the block as a whole count: those across its edge are lost"
            => by(weights, (length, stride, block), |span, at| if span.0 >= at.0 && span.1 <= at.1 { ((span.1 - span.0) / span.2) as f64 } else { 0.0 });
        "in-tokens": "the weight counts once for each shared token instead of once for each `stride` of them"
            => crate::block_importance(weights, length, stride, block) * stride as f64;
        "shares": "the weight is divided among the blocks: a span's pieces sum to 1 instead of to length / stride"
            => crate::block_importance(weights, length, stride, block) * stride as f64 / length as f64;
        "mean-of-pieces": "the sum is divided by the block's pieces"
            => crate::block_importance(weights, length, stride, block) * stride as f64 / block as f64;
        "same-number": "block j gets the weight of span j, as if both were of one size"
            => {
                let n = weights.nrows();
                Array2::from_shape_fn((n, n.div_ceil(block)), |(t, j)| if j < weights.ncols() { weights[[t, j]] } else { 0.0 })
            };
        "stride-pieces": "span b begins at token b·length, as if the spans followed each other"
            => {
                let n = weights.nrows();
                let mut found = Array2::zeros((n, n.div_ceil(block)));
                for ((t, b), weight) in weights.indexed_iter() {
                    for first in (b * length..b * length + length).step_by(stride) {
                        if first < n { found[[t, first / block]] += weight; }
                    }
                }
                found
            };
        "last-piece-missing": "the last piece of each span is left out"
            => by(weights, (length, stride, block), |span, at| {
                let last = (span.1 - span.2).min(at.1);
                if last > span.0.max(at.0) { ((last - span.0.max(at.0)) / span.2) as f64 } else { 0.0 }
            });
        "largest": "the largest weight of a block's pieces is taken instead of their sum"
            => {
                let n = weights.nrows();
                let mut found = Array2::zeros((n, n.div_ceil(block)));
                for ((t, b), &weight) in weights.indexed_iter() {
                    for first in (b * stride..b * stride + length).step_by(stride) {
                        let at: &mut f64 = &mut found[[t, first / block]];
                        *at = at.max(weight);
                    }
                }
                found
            };
        "block-missing": "the last block is missing if it is not full"
            => {
                let found = crate::block_importance(weights, length, stride, block);
                let full = weights.nrows() / block;
                found.slice(ndarray::s![.., ..full]).to_owned()
            };
        "from-one": "the pieces are counted from 1: everything lies a piece further on"
            => {
                let n = weights.nrows();
                let mut found = Array2::zeros((n, n.div_ceil(block)));
                for ((t, b), weight) in weights.indexed_iter() {
                    for first in (b * stride..b * stride + length).step_by(stride) {
                        let at = (first + stride) / block;
                        if at < found.ncols() { found[[t, at]] += weight; }
                    }
                }
                found
            };
        "divided": "every row is divided by its sum"
            => {
                let mut found = crate::block_importance(weights, length, stride, block);
                for mut row in found.rows_mut() {
                    let sum = row.sum();
                    if sum > 0.0 { row /= sum; }
                }
                found
            };
        "all-queries": "the weights of all queries are added up: every row is the same"
            => {
                let found = crate::block_importance(weights, length, stride, block);
                let sum = found.sum_axis(ndarray::Axis(0));
                Array2::from_shape_fn(found.dim(), |(_, at)| sum[at])
            };
        "block-missing-panics": "the number of blocks is rounded down, and the last one, which is not full, is written to all the same"
            => added(weights, n_by(weights, block), (length, stride, block), |_, _, first| Some(first));
        "one-block-more": "there are n / block + 1 blocks: one too many where the last one is full"
            => added(weights, n_by(weights, block) + 1, (length, stride, block), |_, _, first| Some(first));
        "whole-to-its-end": "a span's weight goes to the block in which it ends, once for each of its pieces"
            => by(weights, (length, stride, block), |span, at| if (at.0..at.1).contains(&(span.1 - 1)) { ((span.1 - span.0) / span.2) as f64 } else { 0.0 });
        "behind-its-end": "a span's weight goes to the block of the token behind its last one, once"
            => by(weights, (length, stride, block), |span, at| f64::from(u8::from((at.0..at.1).contains(&span.1))));
        "one-piece-more": "every span has a piece too many: the range includes its end, or goes a stride further; at the end of the text that panics"
            => added(weights, weights.nrows().div_ceil(block), (length + stride, stride, block), |_, _, first| Some(first));
        "one-piece-more-within": "every span has a piece too many, as far as there is a block for it"
            => {
                let blocks = weights.nrows().div_ceil(block);
                added(weights, blocks, (length + stride, stride, block), move |_, _, first| Some(first).filter(|first| first / block < blocks))
            };
        "ends-at-length": "the range of a span's tokens is b·stride..length: it ends at token `length` of the text, not `length` tokens on"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |_, _, first| Some(first).filter(|&first| first < length));
        "causal-by-token": "pieces that begin behind the query are left out, although the weights are causal already"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), |t, _, first| Some(first).filter(|&first| first <= t));
        "causal-by-block": "blocks behind the query's own get nothing, although the weights are causal already"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |t, _, first| Some(first).filter(|first| first / block <= t / block));
        "causal-by-span": "spans that have not ended at the query are left out, although the weights are causal already"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |t, b, first| Some(first).filter(|_| b * stride + length <= t + 1));
        "starts-at-its-number": "span b begins at token b, as if there were one with every token"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |_, b, first| Some(first + b - b * stride));
        "overwritten": "a weight takes the place of those before it: `=` in the place of `+=`"
            => {
                let n = weights.nrows();
                let mut found = Array2::zeros((n, n.div_ceil(block)));
                for ((t, b), &weight) in weights.indexed_iter() {
                    for first in (b * stride..b * stride + length).step_by(stride) {
                        found[[t, first / block]] = weight;
                    }
                }
                found
            };
        "short-block-empty": "the last block gets nothing if it is not full"
            => {
                let n = weights.nrows();
                added(weights, n.div_ceil(block), (length, stride, block), move |_, _, first| Some(first).filter(|first| (first / block + 1) * block <= n))
            };
        "steps-of-blocks": "the loop goes over a span in steps of `block` instead of `stride`"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |_, b, first| Some(first).filter(|first| (first - b * stride).is_multiple_of(block)));
        "first-piece-missing": "the first piece of each span is left out"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |_, b, first| Some(first).filter(|&first| first > b * stride));
        "as-if-at-its-start": "a span is taken to begin where its first block does: its pieces are counted from there"
            => added(weights, weights.nrows().div_ceil(block), (length, stride, block), move |_, b, first| Some(first - b * stride % block));
    }
}

/// Each block's sum of weights, by a factor of (first token, end, stride) of a span and (first, end) of a block.
fn by(
    weights: ArrayView2<f64>,
    (length, stride, block): (usize, usize, usize),
    factor: impl Fn((usize, usize, usize), (usize, usize)) -> f64,
) -> Array2<f64> {
    let n = weights.nrows();
    Array2::from_shape_fn((n, n.div_ceil(block)), |(t, at)| {
        let of = |b: usize| {
            factor((b * stride, b * stride + length, stride), (at * block, (at + 1) * block))
        };
        (0..weights.ncols()).map(|b| weights[[t, b]] * of(b)).sum()
    })
}

/// How many blocks are full.
fn n_by(weights: ArrayView2<f64>, block: usize) -> usize {
    weights.nrows() / block
}

/// So many blocks, to which each piece's weight is added where this has it begin, by query, span and its
/// first token.
fn added(
    weights: ArrayView2<f64>,
    blocks: usize,
    (length, stride, block): (usize, usize, usize),
    place: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Array2<f64> {
    let mut found = Array2::zeros((weights.nrows(), blocks));
    for ((t, b), weight) in weights.indexed_iter() {
        for first in (b * stride..b * stride + length).step_by(stride) {
            if let Some(token) = place(t, b, first) {
                found[[t, token / block]] += weight;
            }
        }
    }
    found
}
