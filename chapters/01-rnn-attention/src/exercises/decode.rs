//! 1.4 `decode`

use super::encode::{each_alone, everywhere, run, shifted};
use crate::{Rnn, oracle, rnn_step};
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate, s};

exercise! {
    /// A network, a context d and inputs n×d_in.
    crate::decode: (rnn: Rnn, z: Array1<f32>[d], inputs: Array2<f32>[n d_in]) -> Array2<f32>;

    exact: |c| c.call(oracle::decode::<f64>);
    plain: |c| [c.call(oracle::decode::<f32>)];
    steps: |c| match c.inputs.rows().into_iter().next() {
        Some(y) => vec![
            field("what the first step reads", &concatenate![Axis(0), y, c.z]),
            field("state after the first step", &step(&c.rnn, y, c.z.view(), c.z.view())),
        ],
        None => Vec::new(),
    };

    cases: |random| {
        // The network of 1.3; the context counts for as much as the state there, and the state takes it away again.
        let (w_y, w_z) = (2.0_f32.ln(), 1.5_f32.ln() / 0.6);
        let rnn = Rnn { w_x: array![[w_y], [w_z]], w_h: array![[-w_z]], b: array![0.0] };
        let inputs = array![[1.0], [3.0_f32.ln() / 2.0_f32.ln()]];
        let mut cases = vec![case("by hand: 3/5, then 4/5", (rnn, array![0.6], inputs))];
        for (about, n, (d_in, d)) in [
            ("", 1, (1, 1)),
            ("", 3, (4, 4)),
            ("", 7, (3, 5)),
            ("nothing to write", 0, (2, 3)),
            ("", 33, (31, 16)),
            ("", 31, (8, 33)),
        ] {
            let (rnn, z) = (Rnn::random(d_in + d, d, random), random.uniform(d) * 2.0 - 1.0);
            cases.push(case(about, (rnn, z, random.normal((n, d_in)))));
        }
        for [n, d_in, d, of_z, of_inputs] in pairwise([3, 3, 3, SOME_VALUES, SOME_VALUES]) {
            let (z, inputs) = (some_values(of_z, d + 1, random), some_values(of_inputs, (n + 1, d_in + 1), random));
            cases.push(case("small", (Rnn::random(d_in + d + 2, d + 1, random), z, inputs)));
        }
        cases
    };

    right (rnn, z, inputs) {
        "by index" => {
            let mut states: Vec<Array1<f32>> = vec![z.to_owned()];
            for y in inputs.rows() {
                let x: Array1<f32> = y.iter().chain(z.iter()).copied().collect();
                let before = states.last().expect("at least z");
                states.push(super::rnn_step::loops(rnn, x.view(), before.view()));
            }
            Array2::from_shape_fn((inputs.nrows(), z.len()), |(t, c)| states[t + 1][c])
        };
        "the context's part computed once" => {
            let (w_y, w_z) = rnn.w_x.view().split_at(Axis(0), inputs.ncols());
            let from_z = z.dot(&w_z) + &rnn.b;
            let mut state = z.to_owned();
            let mut states = Array2::zeros((inputs.nrows(), z.len()));
            for (y, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
                state = (y.dot(&w_y) + state.dot(&rnn.w_h) + &from_z).tanh();
                row.assign(&state);
            }
            states
        };
    }

    mistakes (rnn, z, inputs) {
        "only-at-the-start": "z is only the first state; the steps read zeros where the context should be"
            => run(inputs, z.to_owned(), |_, y, state| step(rnn, y, Array1::zeros(z.len()).view(), state));
        "no-context": "z is only the first state; the steps read the input alone, and W_x has rows for the context too"
            => run(inputs, z.to_owned(), |_, y, state| rnn_step(rnn, y, state));
        "first-step-only": "only the first step reads z; the others read zeros where the context should be"
            => run(inputs, z.to_owned(), |t, y, state| step(rnn, y, (&z * if t == 0 { 1.0 } else { 0.0 }).view(), state));
        "starts-with-zeros": "the state before the first step is zeros instead of z"
            => run(inputs, Array1::zeros(z.len()), |_, y, state| step(rnn, y, z, state));
        "not-carried": "every step starts from z again: the state is not carried on"
            => each_alone(inputs, |y| crate::decode(rnn, z, y));
        "state-as-context": "each step reads its own state where the context z should be"
            => run(inputs, z.to_owned(), |_, y, state| step(rnn, y, state, state));
        "swapped": "z is put before the input instead of after it"
            => crate::decode(&swapped(rnn, z.len()), z, inputs);
        "state-before": "row t is the state before step t instead of the state after it"
            => shifted(crate::decode(rnn, z, inputs).view(), z);
        "shifted-inputs": "step t reads input t − 1 (and the first step zeros): the inputs are the previous tokens already"
            => crate::decode(rnn, z, shifted(inputs, Array1::zeros(inputs.ncols()).view()).view());
        "same-input": "every step reads the first input"
            => crate::decode(rnn, z, everywhere(inputs, 0).view());
    }

    within {
        rnn_step: |rnn_step, (rnn, z, inputs)| {
            run(inputs, z.to_owned(), |_, y, state| rnn_step(rnn, concatenate![Axis(0), y, z].view(), state))
        };
    }
}

/// A step that reads an input and a context.
pub(super) fn step(
    rnn: &Rnn,
    y: ArrayView1<f32>,
    context: ArrayView1<f32>,
    state: ArrayView1<f32>,
) -> Array1<f32> {
    rnn_step(rnn, concatenate![Axis(0), y, context].view(), state)
}

/// The network that does to an input and a context of width d what `rnn` does to a context and an
/// input.
pub(super) fn swapped(rnn: &Rnn, d: usize) -> Rnn {
    let (from_context, from_input) = (rnn.w_x.slice(s![..d, ..]), rnn.w_x.slice(s![d.., ..]));
    Rnn { w_x: concatenate![Axis(0), from_input, from_context], ..rnn.clone() }
}
