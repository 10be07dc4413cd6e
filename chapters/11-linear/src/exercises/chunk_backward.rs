//! 11.11 `chunk_backward`

use crate::{given::Gradients, seeded::normal};
use attn_exercise::{exercise, field, fields, pairwise};
use ndarray::{Array2, ArrayView2, array};

fields! { Gradients { dq, dk, dv, d_state } }

exercise! {
    /// The state before the chunk, its tokens, and the gradients of its rows and of the state after it.
    crate::chunk_backward: (
        state: Array2<f64>[d d_v], q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], d_out: Array2<f64>[n d_v], d_next: Array2<f64>[d d_v],
    ) -> Gradients;

    // Token by token, back through the recurrence.
    exact: |c| {
        let ((count, d), d_v) = (c.q.dim(), c.v.ncols());
        let mut states = vec![c.state.clone()];
        for t in 0..count {
            let last = &states[t];
            states.push(Array2::from_shape_fn((d, d_v), |(row, column)| last[[row, column]] + c.k[[t, row]] * c.v[[t, column]]));
        }
        let (mut dq, mut dk, mut dv) = (Array2::zeros((count, d)), Array2::zeros((count, d)), Array2::zeros((count, d_v)));
        let mut d_state = c.d_next.clone();
        for t in (0..count).rev() {
            for row in 0..d {
                for column in 0..d_v {
                    dq[[t, row]] += c.d_out[[t, column]] * states[t + 1][[row, column]];
                    d_state[[row, column]] += c.q[[t, row]] * c.d_out[[t, column]];
                    dk[[t, row]] += c.v[[t, column]] * d_state[[row, column]];
                    dv[[t, column]] += c.k[[t, row]] * d_state[[row, column]];
                }
            }
        }
        Gradients { dq, dk, dv, d_state }
    };

    steps: |c| {
        let mut scores = c.q.dot(&c.k.t());
        scores.indexed_iter_mut().for_each(|((i, j), score)| if j > i { *score = 0.0 });
        [field("q kᵀ, causal", &scores), field("d_out vᵀ", &c.d_out.dot(&c.v.t()))]
    };

    cases: |random| {
        let mut of = |about: &str, (c, d, d_v): (usize, usize, usize)| {
            let [state, d_next] = [0, 1].map(|_| normal(random, (d, d_v)));
            let [q, k] = [0, 1].map(|_| normal(random, (c, d)));
            let [v, d_out] = [0, 1].map(|_| normal(random, (c, d_v)));
            case(about, (state, q, k, v, d_out, d_next))
        };
        let mut cases = vec![
            case("by hand: dq is 3, then 3 + 5·7; d_state is 1 + 1 + 1", (array![[2.0]], array![[1.0], [1.0]], array![[1.0], [5.0]], array![[1.0], [7.0]], array![[1.0], [1.0]], array![[1.0]])),
            of("six tokens", (6, 4, 3)),
            of("as wide as long", (4, 4, 4)),
            of("sixteen tokens", (16, 4, 4)),
        ];
        let mut last = of("no gradient from behind", (5, 3, 2));
        last.d_next.fill(0.0);
        let mut first = of("an empty state", (5, 2, 3));
        first.state.fill(0.0);
        let mut handed = of("only the state matters", (4, 3, 3));
        handed.d_out.fill(0.0);
        cases.extend([last, first, handed]);
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[c, d, d_v]| of("small", (c + 1, d + 1, d_v + 1))));
        cases
    };

    right (state, q, k, v, d_out, d_next) {
        "token by token" => backward(state, q, k, v, d_out, d_next);
        "pair by pair" => {
            let mut found = Gradients {
                dq: d_out.dot(&state.t()),
                dk: v.dot(&d_next.t()),
                dv: k.dot(&d_next),
                d_state: &q.t().dot(&d_out) + &d_next,
            };
            for i in 0..q.nrows() {
                for j in 0..=i {
                    let (score, d_score) = (q.row(i).dot(&k.row(j)), d_out.row(i).dot(&v.row(j)));
                    found.dq.row_mut(i).scaled_add(d_score, &k.row(j));
                    found.dk.row_mut(j).scaled_add(d_score, &q.row(i));
                    found.dv.row_mut(j).scaled_add(score, &d_out.row(i));
                }
            }
            found
        };
        "in two halves" => {
            let half = q.nrows() / 2;
            let (first, second) = (ndarray::s![..half, ..], ndarray::s![half.., ..]);
            let between = &state + &k.slice(first).t().dot(&v.slice(first));
            let late = crate::chunk_backward(between.view(), q.slice(second), k.slice(second), v.slice(second), d_out.slice(second), d_next);
            let early = crate::chunk_backward(state, q.slice(first), k.slice(first), v.slice(first), d_out.slice(first), late.d_state.view());
            let joined = |a: &Array2<f64>, b: &Array2<f64>| ndarray::concatenate![ndarray::Axis(0), *a, *b];
            Gradients { dq: joined(&early.dq, &late.dq), dk: joined(&early.dk, &late.dk), dv: joined(&early.dv, &late.dv), d_state: early.d_state }
        };
    }

    mistakes (state, q, k, v, d_out, d_next) {
        "d-next-in-the-state-alone": "d_next reaches d_state and neither dk nor dv: keys and values are written into the state that is handed on"
            => {
                let inner = crate::chunk_backward(state, q, k, v, d_out, Array2::zeros(d_next.dim()).view());
                Gradients { d_state: inner.d_state + d_next, ..inner }
            };
        "d-next-not-in-the-state": "d_state lacks d_next: the state before the chunk is part of the one after it"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { d_state: right.d_state - d_next, ..right }
            };
        "d-next-not-in-dk": "dk lacks v d_nextᵀ: the keys are written into the state that is handed on"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dk: right.dk - v.dot(&d_next.t()), ..right }
            };
        "d-next-not-in-dv": "dv lacks k d_next: the values are written into the state that is handed on"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dv: right.dv - k.dot(&d_next), ..right }
            };
        "d-next-forgotten": "d_next is not used: dk, dv and d_state lack what comes from behind the chunk"
            => crate::chunk_backward(state, q, k, v, d_out, Array2::zeros(d_next.dim()).view());
        "state-not-in-dq": "dq lacks d_out Sᵀ: the queries read the state from before the chunk, too"
            => crate::chunk_backward(Array2::zeros(state.dim()).view(), q, k, v, d_out, d_next);
        "rows-not-in-the-state": "d_state is d_next alone: the chunk's rows read the state, too"
            => Gradients { d_state: d_next.to_owned(), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "no-mask": "nothing is masked, or the whole chunk is in a state that stands in the place of the masked scores: every token gets gradients as if it had seen those behind it"
            => masked(state, q, k, v, d_out, d_next, [|_, _| true; 2]);
        "scores-not-masked": "the scores in dv are not masked; the gradient of the scores is"
            => masked(state, q, k, v, d_out, d_next, [|_, _| true, |i, j| j <= i]);
        "d-scores-not-masked": "the gradient of the scores is not masked; the scores themselves are"
            => masked(state, q, k, v, d_out, d_next, [|i, j| j <= i, |_, _| true]);
        "strict": "the masks leave the diagonal out: no token has seen itself"
            => masked(state, q, k, v, d_out, d_next, [|i, j| j < i; 2]);
        "upside-down": "the masks are the wrong way round"
            => masked(state, q, k, v, d_out, d_next, [|i, j| j >= i; 2]);
        "dv-not-transposed": "dv is scores · d_out instead of scoresᵀ · d_out: each value gets the gradients of the rows that it cannot be seen from"
            => Gradients { dv: causal(q.dot(&k.t())).dot(&d_out) + k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dk-not-transposed": "dk is d_scores · q instead of d_scoresᵀ · q"
            => Gradients { dk: causal(d_out.dot(&v.t())).dot(&q) + v.dot(&d_next.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dq-transposed": "dq is d_scoresᵀ · k instead of d_scores · k"
            => Gradients { dq: causal(d_out.dot(&v.t())).t().dot(&k) + d_out.dot(&state.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dq-and-dk-exchanged": "dq and dk have changed places"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dq: right.dk, dk: right.dq, ..right }
            };
        "dk-from-k": "dk sums the keys instead of the queries"
            => Gradients { dk: causal(d_out.dot(&v.t())).t().dot(&k) + v.dot(&d_next.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dq-from-q": "dq sums the queries instead of the keys"
            => Gradients { dq: causal(d_out.dot(&v.t())).dot(&q) + d_out.dot(&state.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dv-without-scores": "dv sums the gradients of the rows without the scores"
            => Gradients { dv: causal(Array2::ones((q.nrows(), q.nrows()))).t().dot(&d_out) + k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "keys-in-the-state": "d_state is kᵀ d_out + d_next: it is the queries that read the state"
            => Gradients { d_state: k.t().dot(&d_out) + d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "next-state-read": "dq uses the state after the chunk in the place of the one before it, and counts the chunk's own tokens twice"
            => {
                let next = &state + &k.t().dot(&v);
                crate::chunk_backward(next.view(), q, k, v, d_out, d_next)
            };
        "negated": "all gradients have the opposite sign"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dq: -right.dq, dk: -right.dk, dv: -right.dv, d_state: -right.d_state }
            };
        "scaled": "dq and dk are divided by √d; no scale is in the chunk"
            => {
                let (right, root) = (crate::chunk_backward(state, q, k, v, d_out, d_next), (q.ncols() as f64).sqrt());
                Gradients { dq: right.dq / root, dk: right.dk / root, ..right }
            };
        "dk-with-the-first-state": "dk has v Sᵀ in the place of v d_nextᵀ"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dk: right.dk - v.dot(&d_next.t()) + v.dot(&state.t()), ..right }
            };
        "dk-with-d-out": "dk has d_out d_nextᵀ in the place of v d_nextᵀ"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dk: right.dk - v.dot(&d_next.t()) + d_out.dot(&d_next.t()), ..right }
            };
        "dv-with-q": "dv has q d_next in the place of k d_next: it is the keys that write"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dv: right.dv - k.dot(&d_next) + q.dot(&d_next), ..right }
            };
        "dq-with-v": "dq has v Sᵀ in the place of d_out Sᵀ"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dq: right.dq - d_out.dot(&state.t()) + v.dot(&state.t()), ..right }
            };
        "pairs-not-in-dq": "dq lacks d_scores · k: the queries see the keys of the chunk, too"
            => Gradients { dq: d_out.dot(&state.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "pairs-not-in-dk": "dk lacks d_scoresᵀ · q: the queries of the chunk see the keys"
            => Gradients { dk: v.dot(&d_next.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "pairs-not-in-dv": "dv lacks scoresᵀ · d_out: the rows of the chunk are made of the values"
            => Gradients { dv: k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "pairs-forgotten": "the pairs within the chunk are left out: dq, dk and dv have the terms of the states alone"
            => Gradients {
                dq: d_out.dot(&state.t()),
                dk: v.dot(&d_next.t()),
                dv: k.dot(&d_next),
                d_state: q.t().dot(&d_out) + d_next,
            };
        "dv-with-d-scores": "dv is d_scoresᵀ · d_out; it is the scores themselves that multiply the values"
            => Gradients { dv: causal(d_out.dot(&v.t())).t().dot(&d_out) + k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "scores-for-d-scores": "the scores q kᵀ stand in the place of their gradient d_out vᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(q.dot(&k.t()))]);
        "d-scores-turned": "the gradient of the scores is v d_outᵀ, masked; it is d_out vᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(v.dot(&d_out.t()))]);
        "d-scores-by-scores": "the gradient of the scores is multiplied by the scores, as a softmax would have it"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(d_out.dot(&v.t()) * q.dot(&k.t()))]);
        "dq-with-d-next": "dq has d_out d_nextᵀ in the place of d_out Sᵀ"
            => Gradients { dq: causal(d_out.dot(&v.t())).dot(&k) + d_out.dot(&d_next.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "d-state-for-d-next": "dk and dv have d_state in the place of d_next: the rows of the chunk count twice in them"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                let dk = causal(d_out.dot(&v.t())).t().dot(&q) + v.dot(&right.d_state.t());
                let dv = causal(q.dot(&k.t())).t().dot(&d_out) + k.dot(&right.d_state);
                Gradients { dk, dv, ..right }
            };
        "dv-with-the-state": "dv has k S in the place of k d_next"
            => Gradients { dv: causal(q.dot(&k.t())).t().dot(&d_out) + k.dot(&state), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "values-in-the-state": "d_state is kᵀ v + d_next: that is the state that is handed on, with d_next for S"
            => Gradients { d_state: k.t().dot(&v) + d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "written-in-the-state": "d_state has kᵀ v on top: what the chunk writes does not depend on the state"
            => Gradients { d_state: q.t().dot(&d_out) + d_next + k.t().dot(&v), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dv-negated": "dv has the opposite sign"
            => Gradients { dv: -causal(q.dot(&k.t())).t().dot(&d_out) - k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "minus-next": "what comes from d_next is subtracted; it is added"
            => Gradients { dk: causal(d_out.dot(&v.t())).t().dot(&q) - v.dot(&d_next.t()), dv: causal(q.dot(&k.t())).t().dot(&d_out) - k.dot(&d_next), d_state: q.t().dot(&d_out) - d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "state-not-transposed": "dq has d_out S in the place of d_out Sᵀ"
            => Gradients { dq: d_out.dot(&state) + causal(d_out.dot(&v.t())).dot(&k), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "d-next-not-transposed": "dk has v d_next in the place of v d_nextᵀ"
            => Gradients { dk: causal(d_out.dot(&v.t())).t().dot(&q) + v.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "d-state-turned": "d_state is d_outᵀ q + d_next: that has rows and columns exchanged"
            => Gradients { d_state: d_out.t().dot(&q) + d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dk-with-what-q-reads": "dk has d_out Sᵀ in the place of v d_nextᵀ: it is the queries that read the state before the chunk"
            => Gradients { dk: causal(d_out.dot(&v.t())).t().dot(&q) + d_out.dot(&state.t()), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "next-in-dq": "dq has v d_nextᵀ on top: no query is in the state that is handed on"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dq: right.dq + v.dot(&d_next.t()), ..right }
            };
        "scores-scaled": "the scores and their gradient are divided by √d; no scale is in the chunk"
            => {
                let root = (q.ncols() as f64).sqrt();
                let scores = [q.dot(&k.t()), d_out.dot(&v.t())].map(|scores| causal(scores) / root);
                with_scores(state, q, k, v, d_out, d_next, scores)
            };
        "softmax-gradient": "the gradient of the scores is that of a softmax, scores ∘ (d_weights − sums); there is no softmax here"
            => {
                let (scores, d_scores) = (causal(q.dot(&k.t())), causal(d_out.dot(&v.t())));
                let sums = (&scores * &d_scores).sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
                let d_scores = &scores * (d_scores - sums);
                with_scores(state, q, k, v, d_out, d_next, [scores, d_scores])
            };
        "state-in-dk": "dk has d_out Sᵀ on top: no key reads the state"
            => {
                let right = crate::chunk_backward(state, q, k, v, d_out, d_next);
                Gradients { dk: right.dk + d_out.dot(&state.t()), ..right }
            };
        "q-not-transposed": "d_state is q d_out + d_next, without qᵀ"
            => Gradients { d_state: q.dot(&d_out) + d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "keys-transposed": "dv has kᵀ d_next in the place of k d_next"
            => Gradients { dv: causal(q.dot(&k.t())).t().dot(&d_out) + k.t().dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "d-scores-not-transposed": "the gradient of the scores is d_out v instead of d_out vᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(d_out.dot(&v))]);
        "queries-summed": "d_state has the sum of the rows of d_out in every row, without the queries"
            => Gradients { d_state: &d_out.sum_axis(ndarray::Axis(0)) + &d_next, ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "dv-without-d-out": "dv is scoresᵀ v: the gradient of the rows is missing"
            => Gradients { dv: causal(q.dot(&k.t())).t().dot(&v) + k.dot(&d_next), ..crate::chunk_backward(state, q, k, v, d_out, d_next) };
        "mean": "all gradients are divided by the number of tokens; the loss is no mean"
            => {
                let (right, c) = (crate::chunk_backward(state, q, k, v, d_out, d_next), q.nrows() as f64);
                Gradients { dq: right.dq / c, dk: right.dk / c, dv: right.dv / c, d_state: right.d_state / c }
            };
        "d-out-of-ones": "the gradient of the scores is computed as if d_out were 1 everywhere"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(Array2::<f64>::ones(d_out.dim()).dot(&v.t()))]);
        "scores-of-queries": "the scores are q qᵀ instead of q kᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&q.t())), causal(d_out.dot(&v.t()))]);
        "scores-of-keys": "the scores are k kᵀ instead of q kᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(k.dot(&k.t())), causal(d_out.dot(&v.t()))]);
        "scores-not-transposed": "the scores are q k instead of q kᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k)), causal(d_out.dot(&v.t()))]);
        "values-by-values": "the gradient of the scores is v vᵀ instead of d_out vᵀ"
            => with_scores(state, q, k, v, d_out, d_next, [causal(q.dot(&k.t())), causal(v.dot(&v.t()))]);
    }
}

fn kept(mut scores: Array2<f64>, sees: fn(usize, usize) -> bool) -> Array2<f64> {
    scores.indexed_iter_mut().for_each(|((i, j), x)| *x = if sees(i, j) { *x } else { 0.0 });
    scores
}

fn causal(scores: Array2<f64>) -> Array2<f64> {
    kept(scores, |i, j| j <= i)
}

/// With these masks of the scores and of their gradient.
fn masked(
    state: ArrayView2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    d_out: ArrayView2<f64>,
    d_next: ArrayView2<f64>,
    [of_scores, of_gradient]: [fn(usize, usize) -> bool; 2],
) -> Gradients {
    let scores = [kept(q.dot(&k.t()), of_scores), kept(d_out.dot(&v.t()), of_gradient)];
    with_scores(state, q, k, v, d_out, d_next, scores)
}

/// From these scores, and this gradient of them.
fn with_scores(
    state: ArrayView2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    d_out: ArrayView2<f64>,
    d_next: ArrayView2<f64>,
    [scores, d_scores]: [Array2<f64>; 2],
) -> Gradients {
    Gradients {
        dq: d_out.dot(&state.t()) + d_scores.dot(&k),
        dk: d_scores.t().dot(&q) + v.dot(&d_next.t()),
        dv: scores.t().dot(&d_out) + k.dot(&d_next),
        d_state: q.t().dot(&d_out) + d_next,
    }
}

/// Back through the recurrence.
fn backward(
    state: ArrayView2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    d_out: ArrayView2<f64>,
    d_next: ArrayView2<f64>,
) -> Gradients {
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| x.to_owned());
    let outer = |a: ndarray::ArrayView1<f64>, b: ndarray::ArrayView1<f64>| {
        a.to_owned().insert_axis(ndarray::Axis(1)) * b
    };
    let (mut held, mut d_state) = (&state + &k.t().dot(&v), d_next.to_owned());
    for t in (0..q.nrows()).rev() {
        dq.row_mut(t).assign(&held.dot(&d_out.row(t)));
        d_state += &outer(q.row(t), d_out.row(t));
        dk.row_mut(t).assign(&d_state.dot(&v.row(t)));
        dv.row_mut(t).assign(&k.row(t).dot(&d_state));
        held -= &outer(k.row(t), v.row(t));
    }
    Gradients { dq, dk, dv, d_state }
}
