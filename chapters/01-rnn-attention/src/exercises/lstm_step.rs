//! 1.12 `lstm_step`

use super::rnn_step::{by_exponential_of_twice, by_exponentials, product};
use crate::{Lstm, Remembered, oracle};
use attn_exercise::{
    Field, SOME_VALUES, Value, exercise, field, fields, given, judge::require, pairwise,
    some_values,
};
use ndarray::{Array1, ArrayView1, Axis, NdFloat, array, concatenate, s};

given! { Lstm { w_x [d_in], w_h [d], b_x [], b_h [] } }
fields! { Remembered { cell, state } }

exercise! {
    /// A unit, an input of width d_in, and a state and a cell of width d.
    crate::lstm_step: (
        lstm: Lstm, x: Array1<f32>[d_in], state: Array1<f32>[d], cell: Array1<f32>[d],
    ) -> Remembered;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>), c.call(gate_by_gate), c.call(joined)];
    first: |_c, after| after.state.iter().enumerate().try_for_each(|(i, s)| {
        require(s.abs() <= 1.0, || format!("state[{i}] is {s:.4}, but a gate times a tanh lies between −1 and 1"))
    });
    steps: |c| {
        let parts = c.call(parts);
        [
            field("the input gate", &parts.input.mapv(sigmoid)),
            field("the forget gate", &parts.forget.mapv(sigmoid)),
            field("the candidate", &parts.candidate.tanh()),
            field("the output gate", &parts.output.mapv(sigmoid)),
        ]
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let lstm = Lstm {
            w_x: array![[0.0, ln3, 0.0, 0.0]],
            w_h: array![[0.0, 0.0, 2.0 * ln2, 0.0]],
            b_x: array![0.0, 0.0, 0.0, ln3],
            b_h: array![0.0, 0.0, 0.0, -2.0 * ln3],
        };
        let by_hand = (lstm, array![1.0], array![0.5], array![4.0 / 3.0 * (ln2 - 0.3)]);
        let mut cases = vec![case("by hand: gates 1/2, 3/4 and 1/4, candidate 3/5", by_hand)];
        for (d_in, d) in [(1, 1), (3, 3), (5, 4), (31, 33), (33, 31), (129, 127)] {
            let lstm = Lstm::random(d_in, d, random);
            cases.push(case("standard normal", (lstm, random.normal(d_in), random.uniform(d) * 2.0 - 1.0, random.normal(d))));
        }
        let far = (Lstm::random(5, 33, random), random.normal(5) * 300.0, random.uniform(33) * 2.0 - 1.0, random.normal(33));
        cases.push(case("sums of about ±300", far));
        for [d_in, d, of_x, of_state, of_cell] in pairwise([3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES]) {
            let x = some_values(of_x, d_in + 1, random);
            let (state, cell) = (some_values(of_state, d + 1, random), some_values(of_cell, d + 1, random));
            cases.push(case("small", (Lstm::random(d_in + 1, d + 1, random), x, state, cell)));
        }
        cases
    };

    right (lstm, x, state, cell) {
        "loops" => {
            let (state, cell) = oracle::lstm_step::<f32>(lstm, &oracle::vector(x), &oracle::vector(state), &oracle::vector(cell));
            Remembered { state: state.into(), cell: cell.into() }
        };
        "a product for each gate, sigmoid by tanh" => gate_by_gate(lstm, x, state, cell);
        "input and state as one row" => joined(lstm, x, state, cell);
        "entry by entry" => {
            let d = state.len();
            let sums = product(x, lstm.w_x.view()) + &lstm.b_x + product(state, lstm.w_h.view()) + &lstm.b_h;
            let cell = Array1::from_shape_fn(d, |c| sigmoid(sums[c]) * sums[2 * d + c].tanh() + sigmoid(sums[d + c]) * cell[c]);
            Remembered { state: Array1::from_shape_fn(d, |c| cell[c].tanh() * sigmoid(sums[3 * d + c])), cell }
        };
    }

    mistakes (lstm, x, state, cell) {
        "no-forget": "the old cell is kept whole: the forget gate, which the unit of 1997 did not have, is not used"
            => with(lstm, x, state, cell, |p| p.written() + &p.cell);
        "coupled": "1 minus the forget gate stands where the input gate belongs: a GRU's update is tied like that, an LSTM's is not"
            => with(lstm, x, state, cell, |p| {
                let forget = p.forget.mapv(sigmoid);
                (1.0 - &forget) * p.candidate.tanh() + forget * &p.cell
            });
        "coupled by the input": "1 minus the input gate stands where the forget gate belongs: a GRU's update is tied like that, an LSTM's is not"
            => with(lstm, x, state, cell, |p| {
                let input = p.input.mapv(sigmoid);
                (1.0 - &input) * &p.cell + input * p.candidate.tanh()
            });
        "input-and-forget-exchanged": "the blocks of the input gate and the forget gate are exchanged: the order is input, forget, candidate, output"
            => crate::lstm_step(&blocks(lstm, [1, 0, 2, 3]), x, state, cell);
        "candidate-second": "the blocks are taken for input, candidate, forget, output, as in old TensorFlow: the order is input, forget, candidate, output"
            => crate::lstm_step(&blocks(lstm, [0, 2, 1, 3]), x, state, cell);
        "candidate-last": "the blocks are taken for input, forget, output, candidate: the order is input, forget, candidate, output"
            => crate::lstm_step(&blocks(lstm, [0, 1, 3, 2]), x, state, cell);
        "forget-first, candidate-last": "the blocks are taken for forget, input, output, candidate: the order is input, forget, candidate, output"
            => crate::lstm_step(&blocks(lstm, [1, 0, 3, 2]), x, state, cell);
        "output-first": "the blocks are taken for output, forget, candidate, input: the order is input, forget, candidate, output"
            => crate::lstm_step(&blocks(lstm, [3, 1, 2, 0]), x, state, cell);
        "interleaved": "the columns are read in fours, 4i to 4i + 3: the gates and the candidate are blocks of d columns"
            => {
                let d = state.len();
                let column: Vec<usize> = (0..4).flat_map(|k| (0..d).map(move |i| 4 * i + k)).collect();
                crate::lstm_step(&with_columns(lstm, &column), x, state, cell)
            };
        "no-last-tanh": "the output gate is multiplied with the cell itself, without the tanh"
            => {
                let right = crate::lstm_step(lstm, x, state, cell);
                Remembered { state: parts(lstm, x, state, cell).output.mapv(sigmoid) * &right.cell, ..right }
            };
        "old-cell-shown": "what is shown is the tanh of the cell before, not of the cell after"
            => {
                let right = crate::lstm_step(lstm, x, state, cell);
                Remembered { state: parts(lstm, x, state, cell).output.mapv(sigmoid) * cell.mapv(f32::tanh), ..right }
            };
        "no-output-gate": "the tanh of the cell is shown whole: the output gate is not used"
            => {
                let right = crate::lstm_step(lstm, x, state, cell);
                Remembered { state: right.cell.tanh(), ..right }
            };
        "squeezed-cell": "the cell goes through the tanh before it is carried on: it has to be kept as it is, or it fades at every step"
            => {
                let right = crate::lstm_step(lstm, x, state, cell);
                Remembered { cell: right.cell.tanh(), ..right }
            };
        "tanh-of-the-cell-twice": "the cell is kept as its tanh, and what is shown is the tanh of that"
            => with(lstm, x, state, cell, |p| p.right_cell().tanh());
        "exchanged": "state and cell are exchanged in the result"
            => {
                let right = crate::lstm_step(lstm, x, state, cell);
                Remembered { state: right.cell, cell: right.state }
            };
        "cell-as-state": "the gates look at the cell where the state belongs"
            => crate::lstm_step(lstm, x, cell, cell);
        "state-as-cell": "the forget gate is multiplied with the state where the cell belongs"
            => crate::lstm_step(lstm, x, state, state);
        "peephole": "the gates see the cell as well, added to their sums"
            => from_parts(Parts {
                input: &parts(lstm, x, state, cell).input + &cell,
                forget: &parts(lstm, x, state, cell).forget + &cell,
                output: &parts(lstm, x, state, cell).output + &cell,
                ..parts(lstm, x, state, cell)
            });
        "sigmoid-candidate": "the candidate goes through the sigmoid instead of the tanh"
            => with(lstm, x, state, cell, |p| p.forget.mapv(sigmoid) * &p.cell + p.input.mapv(sigmoid) * p.candidate.mapv(sigmoid));
        "no-tanh": "the candidate does not go through the tanh"
            => with(lstm, x, state, cell, |p| p.forget.mapv(sigmoid) * &p.cell + p.input.mapv(sigmoid) * &p.candidate);
        "tanh-gates": "the gates go through a tanh instead of the sigmoid"
            => with_gates(lstm, x, state, cell, f32::tanh);
        "sigmoid-sign": "the sigmoid has the wrong sign, 1/(1 + e^a): the gates open where they should close"
            => with_gates(lstm, x, state, cell, |a| 1.0 - sigmoid(a));
        "sigmoid-overflow": "the sigmoid is e^a/(1 + e^a), which is ∞/∞ for large sums, and that is NaN; 1/(1 + e^−a) is not"
            => with_gates(lstm, x, state, cell, |a| a.exp() / (1.0 + a.exp()));
        "exponentials": "the tanh is made of e^a and e^−a, which overflow far from zero, and then it is NaN"
            => with_tanh(lstm, x, state, cell, by_exponentials);
        "exponential-of-twice": "the tanh is made of e^2a, which overflows for large sums, and then it is NaN"
            => with_tanh(lstm, x, state, cell, by_exponential_of_twice);
        "forget-bias": "1 is added to the forget gate's sum: some libraries start their training so, but then it is in the bias"
            => {
                let p = parts(lstm, x, state, cell);
                from_parts(Parts { forget: &p.forget + 1.0, ..p })
            };
        "one-bias": "only the bias on the input's side is added; the unit has two"
            => crate::lstm_step(&Lstm { b_h: Array1::zeros(4 * state.len()), ..lstm.clone() }, x, state, cell);
        "other-bias": "only the bias on the state's side is added; the unit has two"
            => crate::lstm_step(&Lstm { b_x: Array1::zeros(4 * state.len()), ..lstm.clone() }, x, state, cell);
        "no-bias": "neither of the two biases is added"
            => {
                let zeros = Array1::zeros(4 * state.len());
                crate::lstm_step(&Lstm { b_x: zeros.clone(), b_h: zeros, ..lstm.clone() }, x, state, cell)
            };
        "candidate-whole": "the candidate is added whole: the input gate is not used"
            => with(lstm, x, state, cell, |p| p.forget.mapv(sigmoid) * &p.cell + p.candidate.tanh());
        "no-old-cell": "nothing of the old cell is kept"
            => with(lstm, x, state, cell, |p| p.written());
    }
}

fn by_oracle<F: NdFloat>(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
) -> Vec<Field>
where
    for<'a> Value: From<&'a Array1<F>>,
{
    let [x, state, cell] = [x, state, cell].map(oracle::vector::<F>);
    let (state, cell) = oracle::lstm_step(lstm, &x, &state, &cell);
    vec![field("cell", &Array1::from(cell)), field("state", &Array1::from(state))]
}

/// A product for each gate, and the sigmoid by way of the tanh, which loses digits where it is small.
fn gate_by_gate(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
) -> Remembered {
    let d = state.len();
    let sum = |k: usize| {
        let (block, bias) = (s![.., k * d..(k + 1) * d], s![k * d..(k + 1) * d]);
        let from_x = x.dot(&lstm.w_x.slice(block)) + lstm.b_x.slice(bias);
        from_x + (state.dot(&lstm.w_h.slice(block)) + lstm.b_h.slice(bias))
    };
    let gate = |k| sum(k).mapv(|a: f32| 0.5 + 0.5 * (0.5 * a).tanh());
    let cell = gate(0) * sum(2).tanh() + gate(1) * cell;
    Remembered { state: gate(3) * cell.tanh(), cell }
}

/// Input and state as one row, and one product with both matrices.
fn joined(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
) -> Remembered {
    let d = state.len();
    let w = concatenate![Axis(0), lstm.w_x, lstm.w_h];
    let sums = concatenate![Axis(0), x, state].dot(&w) + (&lstm.b_x + &lstm.b_h);
    let block = |k: usize| sums.slice(s![k * d..(k + 1) * d]).to_owned();
    let (input, forget) = (block(0).mapv(sigmoid), block(1).mapv(sigmoid));
    let cell = forget * cell + input * block(2).tanh();
    Remembered { state: block(3).mapv(sigmoid) * cell.tanh(), cell }
}

fn sigmoid(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}

/// The unit whose blocks are these blocks of `lstm`.
fn blocks(lstm: &Lstm, order: [usize; 4]) -> Lstm {
    let d = lstm.width();
    with_columns(lstm, &order.into_iter().flat_map(|k| k * d..(k + 1) * d).collect::<Vec<_>>())
}

/// The unit whose columns are these columns of `lstm`.
fn with_columns(lstm: &Lstm, column: &[usize]) -> Lstm {
    Lstm {
        w_x: lstm.w_x.select(Axis(1), column),
        w_h: lstm.w_h.select(Axis(1), column),
        b_x: lstm.b_x.select(Axis(0), column),
        b_h: lstm.b_h.select(Axis(0), column),
    }
}

/// The four sums before their sigmoid or tanh, and the cell before.
struct Parts {
    input: Array1<f32>,
    forget: Array1<f32>,
    candidate: Array1<f32>,
    output: Array1<f32>,
    cell: Array1<f32>,
}

impl Parts {
    /// What is new in the cell.
    fn written(&self) -> Array1<f32> {
        self.input.mapv(sigmoid) * self.candidate.tanh()
    }

    fn right_cell(&self) -> Array1<f32> {
        self.forget.mapv(sigmoid) * &self.cell + self.written()
    }
}

fn parts(lstm: &Lstm, x: ArrayView1<f32>, state: ArrayView1<f32>, cell: ArrayView1<f32>) -> Parts {
    let d = state.len();
    let sums = x.dot(&lstm.w_x) + &lstm.b_x + state.dot(&lstm.w_h) + &lstm.b_h;
    let block = |k: usize| sums.slice(s![k * d..(k + 1) * d]).to_owned();
    let [input, forget, candidate, output] = [0, 1, 2, 3].map(block);
    Parts { input, forget, candidate, output, cell: cell.to_owned() }
}

/// What follows from other parts.
fn from_parts(parts: Parts) -> Remembered {
    let cell = parts.right_cell();
    Remembered { state: parts.output.mapv(sigmoid) * cell.tanh(), cell }
}

/// What follows from another cell.
fn with(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
    wrong: impl Fn(&Parts) -> Array1<f32>,
) -> Remembered {
    let parts = parts(lstm, x, state, cell);
    let cell = wrong(&parts);
    Remembered { state: parts.output.mapv(sigmoid) * cell.tanh(), cell }
}

/// The step with `gate` in place of the sigmoid.
fn with_gates(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
    gate: fn(f32) -> f32,
) -> Remembered {
    let p = parts(lstm, x, state, cell);
    let cell = p.forget.mapv(gate) * &p.cell + p.input.mapv(gate) * p.candidate.tanh();
    Remembered { state: p.output.mapv(gate) * cell.tanh(), cell }
}

/// The step with `bend` in place of the tanh.
fn with_tanh(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
    bend: fn(f32) -> f32,
) -> Remembered {
    let p = parts(lstm, x, state, cell);
    let cell = p.forget.mapv(sigmoid) * &p.cell + p.input.mapv(sigmoid) * p.candidate.mapv(bend);
    Remembered { state: p.output.mapv(sigmoid) * cell.mapv(bend), cell }
}
