//! 8.7 `varlen`

use crate::{
    checked::Moved,
    given::{Block, Output, Traffic},
    traffic::Sizes,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array, Array1, Array2, ArrayView2, Axis, RemoveAxis, Slice, s};
use std::ops::Range;

exercise! {
    /// All sequences' rows one after the other, and where each sequence starts.
    crate::varlen as fn(
        ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &[usize], &[usize], bool, Block, &mut Traffic,
    ) -> Output: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v],
        q_starts: Vec<usize>, k_starts: Vec<usize>, causal: bool, block: Block,
    ) -> Moved<Output>;
    answer: |varlen, c| c.call(|q, k, v, q_starts, k_starts, causal, block| {
        Moved::by(|traffic| varlen(q, k, v, q_starts, k_starts, causal, block, traffic))
    });

    exact: |c| oracle::attention::<f64>(c.q.view(), c.k.view(), c.v.view(), &Mask::Dense(table(c)));
    plain: |c| [
        oracle::attention::<f32>(c.q.view(), c.k.view(), c.v.view(), &Mask::Dense(table(c))),
        attention(c.q.view(), c.k.view(), c.v.view(), &Mask::Dense(table(c))),
    ];
    then: |c, answer| {
        let of = |(rows, keys): (Range<usize>, Range<usize>)| {
            let (q, v) = (c.q.slice(s![rows, ..]), c.v.slice(s![keys, ..]));
            Sizes::of(q, v, c.causal).flash(c.block)
        };
        let right = sequences(&c.q_starts, &c.k_starts).map(of).fold(Traffic::default(), |a, b| Traffic {
            tiles: a.tiles + b.tiles,
            loaded: a.loaded + b.loaded,
            stored: a.stored + b.stored,
        });
        answer.expect(&right, ["what the sequences cost by themselves"; 3])
    };
    steps: |c| {
        let sequences: Vec<String> = sequences(&c.q_starts, &c.k_starts)
            .map(|(rows, keys)| format!("queries {rows:?} with keys {keys:?}"))
            .collect();
        [field("sequences", sequences.join("\n")), field("may attend", &table(c))]
    };

    cases: |random| {
        let of = |about: &str, q_starts: &[usize], k_starts: &[usize], causal, random: &mut Random| {
            let (n, m) = (q_starts[q_starts.len() - 1], k_starts[k_starts.len() - 1]);
            let (q, k, v) = (random.normal((n, 4)), random.normal((m, 4)), random.normal((m, 3)));
            let starts = format!("{q_starts:?} and {k_starts:?}");
            let about = if about.is_empty() { starts } else { format!("{starts}, {about}") };
            case(about, (q, k, v, q_starts.into(), k_starts.into(), causal, Block { q: 4, k: 3 }))
        };
        let mut cases = vec![
            of("", &[0, 2, 5], &[0, 2, 5], false, random),
            of("", &[0, 3, 5], &[0, 3, 5], true, random),
            of("one sequence", &[0, 5], &[0, 7], true, random),
            of("a new token for each of three caches", &[0, 1, 2, 3], &[0, 4, 6, 13], true, random),
            of("the second is empty", &[0, 2, 2, 6], &[0, 3, 3, 9], false, random),
            of("queries without keys", &[0, 2, 4], &[0, 0, 3], false, random),
            of("more queries than keys", &[0, 5, 9], &[0, 2, 8], true, random),
            of("", &[0, 31, 64, 65], &[0, 33, 64, 97], true, random),
        ];
        let levels = [3, 3, 3, 3, 3, 3, 2, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().enumerate().map(|(i, [n, m, d, d_v, b_q, b_k, causal, of_q, of_k, of_v])| {
            let (n, m, d) = (n + 1, m + 1, d + 1);
            let q = some_values(of_q, (n, d), random);
            let (k, v) = (some_values(of_k, (m, d), random), some_values(of_v, (m, d_v + 1), random));
            let starts = (vec![0, i % (n + 1), n], vec![0, (i + 1) % (m + 1), m]);
            case("small", (q, k, v, starts.0, starts.1, causal == 1, Block { q: b_q + 1, k: b_k + 1 }))
        }));
        cases
    };

    right (q, k, v, q_starts, k_starts, causal, block, traffic) {
        "by index, appended" => {
            let (mut out, mut lse) = (Array2::zeros((0, v.ncols())), Vec::new());
            for b in 0..q_starts.len() - 1 {
                let q = q.slice(s![q_starts[b]..q_starts[b + 1], ..]);
                let keys = s![k_starts[b]..k_starts[b + 1], ..];
                let one = crate::flash_forward(q, k.slice(keys), v.slice(keys), causal, block, traffic);
                out.append(Axis(0), one.out.view()).expect("one width");
                lse.extend(one.lse);
            }
            Output { out, lse: lse.into() }
        };
    }

    mistakes (q, k, v, q_starts, k_starts, causal, block, traffic) {
        "borders-ignored": "all is taken for one long sequence: queries see the keys of other sequences"
            => crate::flash_forward(q, k, v, causal, block, traffic);
        "query-starts-for-keys": "the keys are cut where the queries are; sequences have as many keys as k_starts says"
            => crate::varlen(q, k, v, q_starts, q_starts, causal, block, traffic);
        "query-starts-for-keys-as-typed": "the keys are cut where the queries are; sequences have as many keys as k_starts says"
            => each(q, v, sequences(q_starts, q_starts), tiles(q, k, v, causal, block, traffic));
        "query-starts-for-keys-clamped": "the keys are cut where the queries are; sequences have as many keys as k_starts says"
            => {
                let cut = |keys: Range<usize>| keys.start.min(k.nrows())..keys.end.min(k.nrows());
                each(q, v, sequences(q_starts, q_starts).map(|(rows, keys)| (rows, cut(keys))), tiles(q, k, v, causal, block, traffic))
            };
        "out-at-the-top": "each sequence's rows of out are written from row 0 on; they belong where its queries are"
            => {
                let right = crate::varlen(q, k, v, q_starts, k_starts, causal, block, traffic);
                Output { out: at_the_top(&right.out, q_starts), ..right }
            };
        "lse-at-the-top": "each sequence's log-sum-exps are written from 0 on; they belong where its queries are"
            => {
                let right = crate::varlen(q, k, v, q_starts, k_starts, causal, block, traffic);
                Output { lse: at_the_top(&right.lse, q_starts), ..right }
            };
        "both-at-the-top": "each sequence's out and lse are written from row 0 on; they belong where its queries are"
            => {
                let right = crate::varlen(q, k, v, q_starts, k_starts, causal, block, traffic);
                Output { out: at_the_top(&right.out, q_starts), lse: at_the_top(&right.lse, q_starts) }
            };
        "keys-to-the-end": "every sequence sees the keys from its own start to the very last, those of later sequences too"
            => each(q, v, sequences(q_starts, k_starts).map(|(rows, keys)| (rows, keys.start..k.nrows())), tiles(q, k, v, causal, block, traffic));
        "values-from-zero": "the keys are cut where a sequence starts and the values are not: those of the first sequences are taken"
            => each(q, v, sequences(q_starts, k_starts), |rows, keys| {
                let (q, v) = (q.slice(s![rows, ..]), v.slice(s![..keys.len(), ..]));
                crate::flash_forward(q, k.slice(s![keys, ..]), v, causal, block, &mut *traffic)
            });
        "first-keys": "every sequence sees the keys of the first"
            => each(q, v, sequences(q_starts, k_starts).map(|(rows, _)| (rows, k_starts[0]..k_starts[1])), tiles(q, k, v, causal, block, traffic));
        "first-sequence-forgotten": "the first sequence is left out"
            => each(q, v, sequences(q_starts, k_starts).skip(1), tiles(q, k, v, causal, block, traffic));
        "last-query-dropped": "the last query of each sequence is left out; a start is where the sequence before it ends"
            => {
                let dropped = |rows: Range<usize>| rows.start..rows.end.saturating_sub(1).max(rows.start);
                each(q, v, sequences(q_starts, k_starts).map(|(rows, keys)| (dropped(rows), keys)), tiles(q, k, v, causal, block, traffic))
            };
        "causal-always": "the causal limit is always applied, whether it is asked for or not"
            => crate::varlen(q, k, v, q_starts, k_starts, true, block, traffic);
        "first-sequence-only": "only the first sequence is computed"
            => each(q, v, sequences(q_starts, k_starts).take(1), tiles(q, k, v, causal, block, traffic));
        "last-sequence-forgotten": "the last sequence is left out: there is one start more than there are sequences"
            => each(q, v, sequences(q_starts, k_starts).take(q_starts.len() - 2), tiles(q, k, v, causal, block, traffic));
        "keys-from-zero": "every sequence sees the keys from the very first on, those of earlier sequences too"
            => each(q, v, sequences(q_starts, k_starts).map(|(rows, keys)| (rows, 0..keys.end)), tiles(q, k, v, causal, block, traffic));
        "last-key-dropped": "the last key of each sequence is left out; a start is where the sequence before it ends"
            => {
                let dropped = |keys: Range<usize>| keys.start..keys.end.saturating_sub(1).max(keys.start);
                each(q, v, sequences(q_starts, k_starts).map(|(rows, keys)| (rows, dropped(keys))), tiles(q, k, v, causal, block, traffic))
            };
        "causal-ignored": "every query sees all keys of its sequence, causal or not"
            => crate::varlen(q, k, v, q_starts, k_starts, false, block, traffic);
        "top-left": "causal is aligned top-left in each sequence, so that a new token sees only the first key of its cache"
            => {
                // Bottom-right on the first keys, as many as there are queries, is top-left.
                let cut = |rows: &Range<usize>, keys: Range<usize>| if causal { keys.start..keys.end.min(keys.start + rows.len()) } else { keys };
                each(q, v, sequences(q_starts, k_starts).map(|(rows, keys)| (rows.clone(), cut(&rows, keys))), tiles(q, k, v, causal, block, traffic))
            };
        "lse-left-zero": "lse is never filled: each sequence's log-sum-exp has to be copied as its rows of out are"
            => Output { lse: Array1::zeros(q.nrows()), ..crate::varlen(q, k, v, q_starts, k_starts, causal, block, traffic) };
        "keyless-skipped": "sequences without keys are passed over: their queries see nothing, and then the log-sum-exp is −∞, not 0"
            => each(q, v, sequences(q_starts, k_starts).filter(|(_, keys)| !keys.is_empty()), tiles(q, k, v, causal, block, traffic));
        "fresh-traffic": "the numbers are right, but each sequence counts in a Traffic of its own: pass on the one that is given"
            => crate::varlen(q, k, v, q_starts, k_starts, causal, block, &mut Traffic::default());
        "padded": "the numbers are right, but every pair of sequences is computed and masked: the cost is that of one long sequence"
            => {
                crate::flash_forward(q, k, v, false, block, traffic);
                crate::varlen(q, k, v, q_starts, k_starts, causal, block, &mut Traffic::default())
            };
    }

    within {
        flash_forward: |flash_forward, (q, k, v, q_starts, k_starts, causal, block)| Moved::by(|traffic| {
            each(q, v, sequences(q_starts, k_starts), |rows, keys| {
                let (q, k, v) = (q.slice(s![rows, ..]), k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
                flash_forward(q, k, v, causal, block, &mut *traffic)
            })
        });
    }
}

/// The queries and the keys of each sequence.
fn sequences(
    q_starts: &[usize],
    k_starts: &[usize],
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let both = q_starts.windows(2).zip(k_starts.windows(2));
    both.map(|(q, k)| (q[0]..q[1], k[0]..k[1]))
}

/// Who may attend to whom, all sequences together.
fn table(c: &Case) -> Array2<bool> {
    let mut table = Array2::from_elem((c.q.nrows(), c.k.nrows()), false);
    for (rows, keys) in sequences(&c.q_starts, &c.k_starts) {
        for (i, j) in rows.clone().flat_map(|i| keys.clone().map(move |j| (i, j))) {
            table[[i, j]] = !c.causal || j + rows.end <= keys.end + i;
        }
    }
    table
}

/// Each sequence's rows, written from row 0 on.
fn at_the_top<D: RemoveAxis>(x: &Array<f32, D>, q_starts: &[usize]) -> Array<f32, D> {
    let mut top = Array::zeros(x.raw_dim());
    for rows in q_starts.windows(2) {
        let (from, to) = (Slice::from(rows[0]..rows[1]), Slice::from(..rows[1] - rows[0]));
        top.slice_axis_mut(Axis(0), to).assign(&x.slice_axis(Axis(0), from));
    }
    top
}

/// The result that `attention` gives for these queries and keys, and zeros elsewhere.
fn each(
    q: ArrayView2<f32>,
    v: ArrayView2<f32>,
    sequences: impl Iterator<Item = (Range<usize>, Range<usize>)>,
    mut attention: impl FnMut(Range<usize>, Range<usize>) -> Output,
) -> Output {
    let mut result =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for (rows, keys) in sequences {
        let one = attention(rows.clone(), keys);
        result.out.slice_mut(s![rows.clone(), ..]).assign(&one.out);
        result.lse.slice_mut(s![rows]).assign(&one.lse);
    }
    result
}

/// The reference for some of the queries and keys.
fn tiles(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> impl FnMut(Range<usize>, Range<usize>) -> Output {
    move |rows, keys| {
        let (q, k, v) =
            (q.slice(s![rows, ..]), k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
        crate::flash_forward(q, k, v, causal, block, traffic)
    }
}
