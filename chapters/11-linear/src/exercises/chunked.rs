//! 11.4 `chunked`

use crate::seeded::normal;
use attn_exercise::{exercise, field, fields, pairwise};
use ndarray::{Array2, ArrayView2, Axis, array, s};
use serde::{Deserialize, Serialize};

/// What comes out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chunked {
    /// The rows.
    pub out: Array2<f64>,
    /// The state after the last token.
    pub state: Array2<f64>,
}

fields! { Chunked { out, state } }

exercise! {
    /// The state before the first token, the tokens, γ and the size of a chunk.
    crate::chunked as fn(&mut Array2<f64>, ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>, f64, usize) -> Array2<f64>: (
        state: Array2<f64>[d d_v], q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], gamma: f64, chunk: usize[chunk],
    ) -> Chunked;
    answer: |chunked, c| {
        let mut state = c.state.clone();
        let out = chunked(&mut state, c.q.view(), c.k.view(), c.v.view(), c.gamma, c.chunk);
        Chunked { out, state }
    };

    // The recurrence, number by number.
    exact: |c| {
        let ((n, d), d_v) = (c.q.dim(), c.v.ncols());
        let (mut state, mut out) = (c.state.clone(), Array2::zeros((n, d_v)));
        for t in 0..n {
            for column in 0..d_v {
                for row in 0..d {
                    state[[row, column]] = c.gamma * state[[row, column]] + c.k[[t, row]] * c.v[[t, column]];
                    out[[t, column]] += c.q[[t, row]] * state[[row, column]];
                }
            }
        }
        Chunked { out, state }
    };

    steps: |c| {
        let mut state = c.state.clone();
        let starts = (0..c.q.nrows()).step_by(c.chunk);
        starts.map(|start| {
            let chunk = s![start..(start + c.chunk).min(c.q.nrows()), ..];
            let name = format!("the state before the chunk that begins with token {start}");
            let before = field(name, &state);
            crate::chunked(&mut state, c.q.slice(chunk), c.k.slice(chunk), c.v.slice(chunk), c.gamma, c.chunk);
            before
        }).collect::<Vec<_>>()
    };

    cases: |random| {
        let mut of = |about: &str, (n, d, d_v): (usize, usize, usize), gamma: f64, chunk: usize| {
            let [q, k] = [0, 1].map(|_| normal(random, (n, d)));
            case(about, (normal(random, (d, d_v)), q, k, normal(random, (n, d_v)), gamma, chunk))
        };
        let ones = || Array2::ones((3, 1));
        let mut cases = vec![
            case("by hand: 8/2 + 1, 5/2 + 1, 3.5/2 + 1", (array![[8.0]], ones(), ones(), ones(), 0.5, 2)),
            of("no decay", (8, 4, 3), 1.0, 4),
            of("no decay, and a shorter chunk at the end", (9, 3, 4), 1.0, 4),
            of("chunks of one", (5, 3, 2), 0.75, 1),
            of("one chunk, just full", (6, 4, 4), 0.9, 6),
            of("a chunk that is longer than the text", (4, 3, 3), 0.8, 9),
            of("γ = 0: a token sees itself alone", (7, 3, 2), 0.0, 3),
            of("the first head of RetNet", (20, 4, 4), 1.0 - 1.0 / 32.0, 8),
            of("two full chunks and one token", (9, 4, 2), 0.5, 4),
            of("long chunks that fade slowly", (70, 3, 2), 0.97, 48),
        ];
        cases.extend(pairwise([4, 4, 4, 4, 3]).into_iter().map(|[n, d, d_v, chunk, gamma]| {
            of("small", (2 * n + 1, 2 * d + 1, 2 * d_v + 1), [1.0, 0.5, 0.875][gamma], 2 * chunk + 1)
        }));
        cases
    };

    right (state, q, k, v, gamma, chunk) {
        "token by token" => chunks(state, (q, k, v), gamma, 1, Powers::RIGHT);
        "all in one chunk" => chunks(state, (q, k, v), gamma, q.nrows(), Powers::RIGHT);
        "with chunks from the iterator" => {
            let mut rows = Vec::new();
            for ((q, k), v) in q.axis_chunks_iter(Axis(0), chunk).zip(k.axis_chunks_iter(Axis(0), chunk)).zip(v.axis_chunks_iter(Axis(0), chunk)) {
                rows.push(crate::chunked(state, q, k, v, gamma, chunk));
            }
            let rows: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
            ndarray::concatenate(Axis(0), &rows).expect("one width")
        };
        "the state faded token by token" => {
            let mut out = Array2::zeros(v.dim());
            for start in (0..q.nrows()).step_by(chunk) {
                for i in start..q.nrows().min(start + chunk) {
                    *state *= gamma;
                    out.row_mut(i).assign(&q.row(i).dot(state));
                    for j in start..=i {
                        let weight = q.row(i).dot(&k.row(j)) * gamma.powi((i - j) as i32);
                        out.row_mut(i).scaled_add(weight, &v.row(j));
                    }
                }
                let end = q.nrows().min(start + chunk);
                for j in start..end {
                    let key = &k.row(j) * gamma.powi((end - 1 - j) as i32);
                    *state += &(key.insert_axis(Axis(1)) * v.row(j));
                }
            }
            out
        };
    }

    mistakes (state, q, k, v, gamma, chunk) {
        "strict": "within a chunk a token does not see itself: the mask leaves the diagonal out"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |i, j| j < i, ..Powers::RIGHT });
        "no-mask": "within a chunk every token sees all others, those behind it too"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |_, _| true, pairs: |i, j, _| (i - j).abs(), ..Powers::RIGHT });
        "upside-down": "the mask within a chunk is the wrong way round"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |i, j| j >= i, pairs: |i, j, _| (i - j).abs(), ..Powers::RIGHT });
        "no-state": "the state is not carried: every chunk begins with an empty one"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                state.fill(0.0);
                crate::chunked(state, q, k, v, gamma, chunk)
            });
        "first-state": "every chunk begins with the state that was given: the last chunk's is written back, and none is carried on"
            => {
                let first = state.clone();
                each_chunk(q, k, v, chunk, |q, k, v| {
                    state.assign(&first);
                    crate::chunked(state, q, k, v, gamma, chunk)
                })
            };
        "starts-empty": "the state that was given is not used: the first chunk begins with an empty one"
            => {
                *state = Array2::zeros(state.dim());
                crate::chunked(state, q, k, v, gamma, chunk)
            };
        "state-not-read": "the rows are those of the pairs within the chunk: the state is kept up to date and never read"
            => chunks(state, (q, k, v), gamma, chunk, Powers { reads: false, ..Powers::RIGHT });
        "state-never-changed": "the state stays as it was before the first chunk: what a chunk has written is not put into it"
            => each_chunk(q, k, v, chunk, |q, k, v| crate::chunked(&mut state.clone(), q, k, v, gamma, chunk));
        "unnoticed": "a copy of the state is carried on, and `state` itself stays as it was"
            => crate::chunked(&mut state.clone(), q, k, v, gamma, chunk);
        "rest-left-out": "n / C chunks are computed: what is left over at the end stays zero"
            => {
                let full = q.nrows() / chunk * chunk;
                let mut out = Array2::zeros(v.dim());
                let rows = s![..full, ..];
                out.slice_mut(rows).assign(&crate::chunked(state, q.slice(rows), k.slice(rows), v.slice(rows), gamma, chunk));
                out
            };
        "rest-panics": "every chunk has C rows, and the slice of the last one reaches beyond the end"
            => {
                let mut out = Array2::zeros(v.dim());
                for start in (0..q.nrows()).step_by(chunk) {
                    let rows = s![start..start + chunk, ..];
                    let part = crate::chunked(state, q.slice(rows), k.slice(rows), v.slice(rows), gamma, chunk);
                    out.slice_mut(rows).assign(&part);
                }
                out
            };
        "state-fades-late": "the state fades i times instead of i + 1 times: the first token of a chunk reads it as it was"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, _| i, ..Powers::RIGHT });
        "state-does-not-fade": "what a token reads of the state has not faded at all: γ^(i+1) is missing"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |_, _| 0, ..Powers::RIGHT });
        "pairs-do-not-fade": "the pairs within a chunk have not faded: γ^(i−j) is missing"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |_, _, _| 0, ..Powers::RIGHT });
        "pairs-fade-early": "the pairs within a chunk fade once too often: a token's own value does not fade before it is read"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |i, j, _| i - j + 1, ..Powers::RIGHT });
        "pairs-by-row": "the pairs within a chunk fade by γ^i, whatever j is"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |i, _, _| i, ..Powers::RIGHT });
        "writes-do-not-fade": "what a chunk adds to the state has not faded: γ^(c−1−j) is missing"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |_, _| 0, ..Powers::RIGHT });
        "writes-fade-early": "what a chunk adds to the state fades once too often: γ^(c−j) instead of γ^(c−1−j)"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |j, c| c - j, ..Powers::RIGHT });
        "writes-reversed": "what a chunk adds to the state has faded by γ^j: the oldest token the least"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |j, _| j, ..Powers::RIGHT });
        "state-kept": "the state that is carried on has not faded: γ^c is missing"
            => chunks(state, (q, k, v), gamma, chunk, Powers { kept: |_, _| 0, ..Powers::RIGHT });
        "state-fades-once": "the state fades once per chunk instead of once per token"
            => chunks(state, (q, k, v), gamma, chunk, Powers { kept: |_, _| 1, ..Powers::RIGHT });
        "full-chunk": "the state fades by γ^C after a shorter chunk, too; it has fewer tokens"
            => chunks(state, (q, k, v), gamma, chunk, Powers { kept: |_, full| full, ..Powers::RIGHT });
        "full-chunk-writes": "in a shorter chunk the exponents count as if it were full: γ^C and γ^(C−1−j)"
            => {
                let left = q.nrows() % chunk;
                let out = crate::chunked(state, q, k, v, gamma, chunk);
                if left > 0 {
                    *state *= gamma.powi((chunk - left) as i32);
                }
                out
            };
        "updated-first": "the state is updated before the chunk reads it: the chunk's own tokens are counted twice"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                crate::chunked(state, q, k, v, gamma, chunk);
                crate::chunked(&mut state.clone(), q, k, v, gamma, chunk)
            });
        "state-replaced": "the state after a chunk is what the chunk adds: all that was before it is gone"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let rows = crate::chunked(state, q, k, v, gamma, chunk);
                state.fill(0.0);
                crate::chunked(state, q, k, v, gamma, chunk);
                rows
            });
        "no-decay": "γ is not used: nothing fades"
            => crate::chunked(state, q, k, v, 1.0, chunk);
        "scaled": "the scores are divided by √d"
            => crate::chunked(state, (&q / (q.ncols() as f64).sqrt()).view(), k, v, gamma, chunk);
        "divided": "every row is divided by the sum of its weights; there is no z here"
            => {
                let out = crate::chunked(state, q, k, v, gamma, chunk);
                let ones = Array2::ones((v.nrows(), 1));
                out / crate::chunked(&mut Array2::zeros((k.ncols(), 1)), q, k, ones.view(), gamma, chunk)
            };
        "exchanged": "queries and keys have changed places"
            => crate::chunked(state, k, q, v, gamma, chunk);
        "state-fades-from-the-start": "what a token reads of the state has faded by its position in the text, as if the state had not faded since the first chunk"
            => {
                let (mut out, mut start) = (Array2::zeros(v.dim()), 0);
                while start < q.nrows() {
                    let end = (start + chunk).min(q.nrows());
                    let rows = s![start..end, ..];
                    let mut row_states = Array2::zeros((end - start, v.ncols()));
                    for i in 0..end - start {
                        let faded = gamma.powi((start + i + 1) as i32) - gamma.powi(i as i32 + 1);
                        row_states.row_mut(i).assign(&(q.row(start + i).dot(state) * faded));
                    }
                    let right = crate::chunked(state, q.slice(rows), k.slice(rows), v.slice(rows), gamma, chunk);
                    out.slice_mut(rows).assign(&(right + row_states));
                    start = end;
                }
                out
            };
        "queries-written": "the queries are written into the state in the place of the keys"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let rows = crate::chunked(&mut state.clone(), q, k, v, gamma, chunk);
                crate::chunked(state, q, q, v, gamma, chunk);
                rows
            });
        "state-fades-by-the-chunk": "every token of a chunk reads the state as it has faded at the chunk's end: γ^c instead of γ^(i+1)"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |_, c| c, ..Powers::RIGHT });
        "state-fades-one-less": "the state that is carried on fades c − 1 times; a chunk of c tokens fades it c times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { kept: |c, _| c - 1, ..Powers::RIGHT });
        "state-fades-backwards": "the state fades the most for the first token of a chunk and the least for the last: γ^(c−i) instead of γ^(i+1)"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, c| c - i, ..Powers::RIGHT });
        "state-read-faded-once": "what a token reads of the state has faded once, whichever token of the chunk it is"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |_, _| 1, ..Powers::RIGHT });
        "state-fades-one-more": "the state that is carried on fades c + 1 times; a chunk of c tokens fades it c times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { kept: |c, _| c + 1, ..Powers::RIGHT });
        "writes-by-place": "what a chunk adds to the state has faded by γ^(j+1), its place counted from the front; it is c − 1 − j times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |j, _| j + 1, ..Powers::RIGHT });
        "writes-fade-with-the-state": "all that a chunk adds to the state fades by γ^c, as the state does; token j fades it c − 1 − j times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |_, c| c, ..Powers::RIGHT });
        "once-per-chunk": "γ multiplies once per chunk: the pairs within it do not fade"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |_, _, _| 0, state: |_, _| 1, writes: |_, _| 0, kept: |_, _| 1, ..Powers::RIGHT });
        "written-then-faded": "a token is written before the state fades, and fades at once"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |i, j, _| i - j + 1, writes: |j, c| c - j, ..Powers::RIGHT });
        "read-then-faded": "a token reads what was written with it before the state fades: the fading comes one token late"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, _| i, writes: |j, c| c - j, ..Powers::RIGHT });
        "read-first": "a token reads before the state fades and before it is written: it does not see itself"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |i, j| j < i, pairs: |i, j, _| i - j - 1, state: |i, _| i, ..Powers::RIGHT });
        "mixed": "a token is written with 1 − γ; it is written whole"
            => crate::chunked(state, q, k, (&v * (1.0 - gamma)).view(), gamma, chunk);
        "pairs-by-key": "the pairs within a chunk fade by γ^j, whatever i is"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |_, j, _| j, ..Powers::RIGHT });
        "pairs-from-the-end": "the pairs within a chunk fade by γ^(c−1−j), as if all were read at its end"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |_, j, c| c - 1 - j, ..Powers::RIGHT });
        "pairs-grow": "the pairs within a chunk have the exponent j − i instead of i − j: they grow"
            => chunks(state, (q, k, v), gamma, chunk, Powers { pairs: |i, j, _| j - i, ..Powers::RIGHT });
        "no-mask-growing": "within a chunk every token sees all others, and those behind it by γ^(i−j), which is more than 1"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |_, _| true, ..Powers::RIGHT });
        "no-mask-panics": "i − j is computed for j > i, too, and a usize cannot hold it: what lies behind token i is not left out"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let mut scores = q.dot(&k.t());
                scores.indexed_iter_mut().for_each(|((i, j), score)| *score *= gamma.powi((i - j) as i32));
                crate::chunked(state, q, k, v, gamma, chunk)
            });
        "writes-fade-twice": "what a chunk adds to the state fades twice: γ^(c−1−j) multiplies the keys and the values"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |j, c| 2 * (c - 1 - j), ..Powers::RIGHT });
        "write-faded-by-the-text": "what a chunk adds to the state has faded by γ^(n−1−j), as if it were read at the end of the text"
            => {
                let mut left = q.nrows();
                each_chunk(q, k, v, chunk, |q, k, v| {
                    left -= q.nrows();
                    let kept = &*state * gamma.powi(q.nrows() as i32);
                    let rows = crate::chunked(state, q, k, v, gamma, chunk);
                    *state = &kept + &((&*state - &kept) * gamma.powi(left as i32));
                    rows
                })
            };
        "full-chunk-writes-alone": "what a shorter chunk adds to the state has faded by γ^(C−1−j), as in a full one; it has fewer tokens"
            => {
                let left = q.nrows() % chunk;
                let mut before = state.clone();
                let full = s![..q.nrows() - left, ..];
                crate::chunked(&mut before, q.slice(full), k.slice(full), v.slice(full), gamma, chunk);
                let out = crate::chunked(state, q, k, v, gamma, chunk);
                if left > 0 {
                    let kept = before * gamma.powi(left as i32);
                    *state = &kept + &((&*state - &kept) * gamma.powi((chunk - left) as i32));
                }
                out
            };
        "out-from-the-front": "every chunk's rows are put at the front of the output: start is missing in the slice"
            => {
                let mut out = Array2::zeros(v.dim());
                for start in (0..q.nrows()).step_by(chunk) {
                    let rows = s![start..(start + chunk).min(q.nrows()), ..];
                    let part = crate::chunked(state, q.slice(rows), k.slice(rows), v.slice(rows), gamma, chunk);
                    out.slice_mut(s![..part.nrows(), ..]).assign(&part);
                }
                out
            };
        "state-fades-once-everywhere": "the state fades once per chunk, when it is read and when it is carried on; the exponents i + 1 and c are missing"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |_, _| 1, kept: |_, _| 1, ..Powers::RIGHT });
        "faded-before-reading": "the state fades by γ^c before the chunk reads it, and by γ^(i+1) once more"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, c| c + i + 1, ..Powers::RIGHT });
        "gamma-complement": "everything fades by 1 − γ"
            => crate::chunked(state, q, k, v, 1.0 - gamma, chunk);
        "exponents-as-factors": "γ is multiplied by the exponents instead of raised to them"
            => by_products(state, (q, k, v), chunk, |exponent| gamma * exponent as f64, |q, k| q.dot(&k.t()), |k, v| k.t().dot(&v));
        "scores-not-transposed": "q k is computed instead of q kᵀ"
            => by_products(state, (q, k, v), chunk, |exponent| gamma.powi(exponent as i32), |q, k| q.dot(&k), |k, v| k.t().dot(&v));
        "keys-not-transposed": "k v is added to the state instead of kᵀ v"
            => by_products(state, (q, k, v), chunk, |exponent| gamma.powi(exponent as i32), |q, k| q.dot(&k.t()), |k, v| k.dot(&v));
        "raw-scores": "the pairs within a chunk are neither masked nor do they fade: q kᵀ v is added as it is"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |_, _| true, pairs: |_, _, _| 0, ..Powers::RIGHT });
        "future-whole": "within a chunk every token sees all others, and those behind it as they are, without fading"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |_, _| true, pairs: |i, j, _| (i - j).max(0), ..Powers::RIGHT });
        "state-fades-early": "the state fades i + 2 times before token i reads it; it is i + 1 times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, _| i + 2, ..Powers::RIGHT });
        "state-read-from-the-end": "the state fades c − 1 − i times before token i reads it; it is i + 1 times"
            => chunks(state, (q, k, v), gamma, chunk, Powers { state: |i, c| c - 1 - i, ..Powers::RIGHT });
        "all-fades-after": "the state fades by γ^c after the chunk was added to it: what is new fades with it"
            => chunks(state, (q, k, v), gamma, chunk, Powers { writes: |j, c| 2 * c - 1 - j, ..Powers::RIGHT });
        "not-written": "the state fades, and nothing of the chunk is added to it"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let rows = crate::chunked(&mut state.clone(), q, k, v, gamma, chunk);
                *state *= gamma.powi(q.nrows() as i32);
                rows
            });
        "pairs-not-read": "the rows are what the state gives: the pairs within the chunk are left out"
            => chunks(state, (q, k, v), gamma, chunk, Powers { sees: |_, _| false, ..Powers::RIGHT });
        "keys-alone": "the scores are k kᵀ: the keys are in the place of the queries, too"
            => by_products(state, (q, k, v), chunk, |exponent| gamma.powi(exponent as i32), |_, k| k.dot(&k.t()), |k, v| k.t().dot(&v));
        "queries-alone": "the scores are q qᵀ: the queries are in the place of the keys, too"
            => by_products(state, (q, k, v), chunk, |exponent| gamma.powi(exponent as i32), |q, _| q.dot(&q.t()), |k, v| k.t().dot(&v));
        "key-reads": "the keys read the state in the place of the queries"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let mut before = (&k - &q).dot(state);
                for (i, mut row) in before.axis_iter_mut(Axis(0)).enumerate() {
                    row *= gamma.powi(i as i32 + 1);
                }
                before + crate::chunked(state, q, k, v, gamma, chunk)
            });
        "pairs-of-earlier-chunks": "the pairs run from the first token of the text on: what earlier chunks wrote is in the state already, and counts twice"
            => {
                let pairs = chunks(&mut Array2::zeros(state.dim()), (q, k, v), gamma, q.nrows(), Powers::RIGHT);
                let inner = chunks(&mut Array2::zeros(state.dim()), (q, k, v), gamma, chunk, Powers { reads: false, ..Powers::RIGHT });
                crate::chunked(state, q, k, v, gamma, chunk) + pairs - inner
            };
        "updated-for-each-row": "the state is updated after each row of the chunk, and the next row reads it besides the pairs: the chunk's own tokens count twice"
            => each_chunk(q, k, v, chunk, |q, k, v| {
                let pairs = chunks(&mut Array2::zeros(state.dim()), (q, k, v), gamma, q.nrows(), Powers::RIGHT);
                let mut before = Array2::zeros(v.dim());
                for (i, mut row) in before.axis_iter_mut(Axis(0)).enumerate() {
                    row.scaled_add(gamma.powi(i as i32 + 1), &q.row(i).dot(state));
                    *state = &*state * gamma + k.row(i).insert_axis(Axis(1)).dot(&v.row(i).insert_axis(Axis(0)));
                }
                before + pairs
            });
    }
}

/// How often things fade, and who sees whom. All numbers have a sign, so that a mistake can make them negative.
#[derive(Clone, Copy)]
struct Powers {
    /// Whether token i of a chunk sees token j of it.
    sees: fn(i32, i32) -> bool,
    /// What token j wrote, when token i of the chunk reads; the last number is the chunk's length.
    pairs: fn(i32, i32, i32) -> i32,
    /// The state, when token i reads.
    state: fn(i32, i32) -> i32,
    /// What token j wrote, after the chunk of so many.
    writes: fn(i32, i32) -> i32,
    /// The state after a chunk of so many; the second number is what a full one has.
    kept: fn(i32, i32) -> i32,
    /// Whether the state is read.
    reads: bool,
}

impl Powers {
    const RIGHT: Powers = Powers {
        sees: |i, j| j <= i,
        pairs: |i, j, _| i - j,
        state: |i, _| i + 1,
        writes: |j, c| c - 1 - j,
        kept: |c, _| c,
        reads: true,
    };
}

/// Chunk by chunk, with these exponents.
fn chunks(
    state: &mut Array2<f64>,
    (q, k, v): (ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>),
    gamma: f64,
    chunk: usize,
    powers: Powers,
) -> Array2<f64> {
    let mut out = Array2::zeros(v.dim());
    for start in (0..q.nrows()).step_by(chunk) {
        let end = (start + chunk).min(q.nrows());
        let [q, k, v] = [q, k, v].map(|x| x.slice_move(s![start..end, ..]));
        let (c, full) = ((end - start) as i32, chunk as i32);
        let mut after = &*state * gamma.powi((powers.kept)(c, full));
        for i in 0..end - start {
            let (mut row, at) = (out.row_mut(start + i), i as i32);
            if powers.reads {
                row.scaled_add(gamma.powi((powers.state)(at, c)), &q.row(i).dot(state));
            }
            for j in (0..end - start).filter(|&j| (powers.sees)(at, j as i32)) {
                let fading = gamma.powi((powers.pairs)(at, j as i32, c));
                row.scaled_add(q.row(i).dot(&k.row(j)) * fading, &v.row(j));
            }
            let key = &k.row(i) * gamma.powi((powers.writes)(at, c));
            after += &(key.insert_axis(Axis(1)) * v.row(i));
        }
        *state = after;
    }
    out
}

/// Chunk by chunk in products of matrices: what becomes of an exponent, the scores, and what a chunk adds to the state.
fn by_products(
    state: &mut Array2<f64>,
    (q, k, v): (ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>),
    chunk: usize,
    power: impl Fn(usize) -> f64,
    scores: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
    added: impl Fn(ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros(v.dim());
    for start in (0..q.nrows()).step_by(chunk) {
        let end = (start + chunk).min(q.nrows());
        let [q, k, v] = [q, k, v].map(|x| x.slice_move(s![start..end, ..]));
        let c = end - start;
        let mut scores = scores(q, k);
        for ((i, j), score) in scores.indexed_iter_mut() {
            *score *= if j <= i { power(i - j) } else { 0.0 };
        }
        let (mut before, mut fading) = (q.dot(state), k.to_owned());
        for i in 0..c {
            before.row_mut(i).mapv_inplace(|x| x * power(i + 1));
            fading.row_mut(i).mapv_inplace(|x| x * power(c - 1 - i));
        }
        out.slice_mut(s![start..end, ..]).assign(&(before + scores.dot(&v)));
        *state = &*state * power(c) + added(fading.view(), v);
    }
    out
}

/// The rows of each chunk, one below the other.
fn each_chunk(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    chunk: usize,
    mut rows: impl FnMut(ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>) -> Array2<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros(v.dim());
    for start in (0..q.nrows()).step_by(chunk) {
        let at = s![start..(start + chunk).min(q.nrows()), ..];
        out.slice_mut(at).assign(&rows(q.slice(at), k.slice(at), v.slice(at)));
    }
    out
}
