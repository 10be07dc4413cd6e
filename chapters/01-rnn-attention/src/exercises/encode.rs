//! 1.3 `encode`

use crate::{Rnn, oracle, rnn_step};
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};

exercise! {
    /// A network and its inputs, m×d_in.
    crate::encode: (rnn: Rnn, inputs: Array2<f32>[m d_in]) -> Array2<f32>;

    exact: |c| c.call(oracle::encode::<f64>);
    plain: |c| [c.call(oracle::encode::<f32>)];
    steps: |c| {
        let zeros = Array1::zeros(c.rnn.width());
        let first = c.inputs.rows().into_iter().next().map(|x| rnn_step(&c.rnn, x, zeros.view()));
        let first = first.map(|first| field("state after the first input", &first));
        [field("state before the first input", &zeros)].into_iter().chain(first).collect::<Vec<_>>()
    };

    cases: |random| {
        // The network of the book's first examples: one number of input, one number of state.
        let counting = Rnn { w_x: array![[2.0_f32.ln()]], w_h: array![[1.5_f32.ln() / 0.6]], b: array![0.0] };
        let mut cases = vec![case("by hand: 3/5, then 4/5", (counting, array![[1.0], [1.0]]))];
        for (about, m, (d_in, d)) in [
            ("one token", 1, (3, 2)),
            ("", 3, (4, 4)),
            ("", 7, (3, 5)),
            ("nothing to read", 0, (2, 3)),
            ("", 33, (31, 16)),
            ("", 129, (8, 33)),
        ] {
            cases.push(case(about, (Rnn::random(d_in, d, random), random.normal((m, d_in)))));
        }
        for [m, d_in, d, kind] in pairwise([3, 3, 3, SOME_VALUES]) {
            let inputs = some_values(kind, (m + 1, d_in + 1), random);
            cases.push(case("small", (Rnn::random(d_in + 1, d + 1, random), inputs)));
        }
        cases
    };

    right (rnn, inputs) {
        "by index" => {
            let mut states = Array2::<f32>::zeros((inputs.nrows(), rnn.b.len()));
            for t in 0..inputs.nrows() {
                let before = match t {
                    0 => Array1::zeros(rnn.b.len()),
                    t => states.row(t - 1).to_owned(),
                };
                let after = super::rnn_step::loops(rnn, inputs.row(t), before.view());
                states.row_mut(t).assign(&after);
            }
            states
        };
        "all inputs projected at once" => {
            let from_x = inputs.dot(&rnn.w_x) + &rnn.b;
            let mut states = Array2::zeros((0, rnn.b.len()));
            let mut state = Array1::zeros(rnn.b.len());
            for row in from_x.rows() {
                state = (&row + &state.dot(&rnn.w_h)).tanh();
                states.push_row(state.view()).expect("one width");
            }
            states
        };
    }

    mistakes (rnn, inputs) {
        "not-carried": "each step starts from zeros again: the state is not carried on"
            => each_alone(inputs, |x| crate::encode(rnn, x));
        "state-before": "row t is the state before token t instead of the state after it, so the last token is never seen"
            => shifted(crate::encode(rnn, inputs).view(), Array1::zeros(rnn.width()).view());
        "with-the-first-state": "the zeros before the first token are a row of the result too: m + 1 rows"
            => concatenate![Axis(0), Array2::zeros((1, rnn.width())), crate::encode(rnn, inputs)];
        "last-only": "every row is the last state"
            => everywhere(crate::encode(rnn, inputs).view(), inputs.nrows().saturating_sub(1));
        "last-row-only": "only the last row is written: the rows before it stay zeros"
            => {
                let mut states = crate::encode(rnn, inputs);
                states.slice_mut(s![..inputs.nrows().saturating_sub(1), ..]).fill(0.0);
                states
            };
        "backwards": "the sequence is read from its end"
            => crate::encode(rnn, inputs.slice(s![..;-1, ..]));
        "backwards-in-place": "the sequence is read from its end, and the state after token t is written in row t"
            => crate::encode(rnn, inputs.slice(s![..;-1, ..])).slice(s![..;-1, ..]).to_owned();
        "first-token-skipped": "the loop begins with the second token: the first is never read, and its row stays zeros"
            => {
                let mut states = Array2::zeros((inputs.nrows(), rnn.width()));
                let rest = s![inputs.nrows().min(1).., ..];
                states.slice_mut(rest).assign(&crate::encode(rnn, inputs.slice(rest)));
                states
            };
        "same-token": "every step reads the first token"
            => crate::encode(rnn, everywhere(inputs, 0).view());
        "starts-with-ones": "the state before the first token is ones instead of zeros"
            => run(inputs, Array1::ones(rnn.width()), |_, x, state| rnn_step(rnn, x, state));
        "starts-with-the-bias": "the state before the first token is the bias instead of zeros"
            => run(inputs, rnn.b.clone(), |_, x, state| rnn_step(rnn, x, state));
        "added-up": "each step's result is added to the state instead of taking its place"
            => run(inputs, Array1::zeros(rnn.width()), |_, x, state| &state + &rnn_step(rnn, x, state));
        "last-token-skipped": "the loop ends one token early: the last is never read, and its row stays zeros"
            => {
                let mut states = crate::encode(rnn, inputs);
                states.slice_mut(s![inputs.nrows().saturating_sub(1).., ..]).fill(0.0);
                states
            };
    }

    within {
        rnn_step: |rnn_step, (rnn, inputs)| {
            run(inputs, Array1::zeros(rnn.width()), |_, x, state| rnn_step(rnn, x, state))
        };
    }
}

/// The state after each input, from `first` on. `step` gives the state after step t from its number,
/// its input and the state before it.
pub(super) fn run(
    inputs: ArrayView2<f32>,
    first: Array1<f32>,
    step: impl Fn(usize, ArrayView1<f32>, ArrayView1<f32>) -> Array1<f32>,
) -> Array2<f32> {
    let mut states = Array2::zeros((inputs.nrows(), first.len()));
    let mut state = first;
    for (t, x) in inputs.rows().into_iter().enumerate() {
        state = step(t, x, state.view());
        states.row_mut(t).assign(&state);
    }
    states
}

/// The state after each input, where each input is read by a `network` that has read nothing before.
pub(super) fn each_alone(
    inputs: ArrayView2<f32>,
    network: impl Fn(ArrayView2<f32>) -> Array2<f32>,
) -> Array2<f32> {
    let mut states = network(inputs);
    let rows = states.axis_chunks_iter_mut(Axis(0), 1);
    for (mut row, input) in rows.zip(inputs.axis_chunks_iter(Axis(0), 1)) {
        row.assign(&network(input));
    }
    states
}

/// Row t is row t − 1 of `rows`, and the first is `first`.
pub(super) fn shifted(rows: ArrayView2<f32>, first: ArrayView1<f32>) -> Array2<f32> {
    let all = concatenate![Axis(0), first.insert_axis(Axis(0)), rows];
    all.slice(s![..rows.nrows(), ..]).to_owned()
}

/// Every row is row t of `rows`.
pub(super) fn everywhere(rows: ArrayView2<f32>, t: usize) -> Array2<f32> {
    let mut same = rows.to_owned();
    same.rows_mut().into_iter().for_each(|mut row| row.assign(&rows.row(t)));
    same
}
