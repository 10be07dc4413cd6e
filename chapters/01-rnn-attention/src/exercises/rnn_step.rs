//! 1.2 `rnn_step`

use crate::{Rnn, oracle};
use attn_exercise::{SOME_VALUES, exercise, field, given, judge::require, pairwise, some_values};
use ndarray::{Array1, ArrayView1, ArrayView2, Axis, NdFloat, array, concatenate};

// The rows of `w_x` are as many as a step reads, which is d_in, or d_in + d in a decoder.
given! { Rnn { w_x [], w_h [d d], b [d] } }

exercise! {
    /// A network, an input of width d_in and a state of width d.
    crate::rnn_step: (rnn: Rnn, x: Array1<f32>[d_in], state: Array1<f32>[d]) -> Array1<f32>;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>)];
    first: |_c, after| after.iter().enumerate().try_for_each(|(c, s)| {
        require(s.abs() <= 1.0, || format!("result[{c}] is {s:.4}, but a tanh lies between −1 and 1"))
    });
    steps: |c| [
        field("x W_x", &c.x.dot(&c.rnn.w_x)),
        field("state W_h", &c.state.dot(&c.rnn.w_h)),
        field("their sum, with b", &c.call(sum)),
    ];

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let rnn = Rnn { w_x: array![[ln2 / 2.0, 0.0]], w_h: array![[0.0, 4.0 * ln3], [0.0, 0.0]], b: array![0.0, -ln3] };
        let mut cases = vec![case("by hand: 3/5 and 4/5", (rnn, array![2.0], array![0.5, -0.5]))];
        for (d_in, d) in [(1, 1), (3, 3), (5, 4), (31, 33), (33, 31), (129, 127)] {
            let rnn = Rnn::random(d_in, d, random);
            cases.push(case("standard normal", (rnn, random.normal(d_in), random.uniform(d) * 2.0 - 1.0)));
        }
        let far = (Rnn::random(5, 33, random), random.normal(5) * 300.0, random.uniform(33) * 2.0 - 1.0);
        cases.push(case("sums of about ±300", far));
        for [d_in, d, of_x, of_state] in pairwise([3, 3, SOME_VALUES, SOME_VALUES]) {
            let (x, state) = (some_values(of_x, d_in + 1, random), some_values(of_state, d + 1, random));
            cases.push(case("small", (Rnn::random(d_in + 1, d + 1, random), x, state)));
        }
        cases
    };

    right (rnn, x, state) {
        "loops" => loops(rnn, x, state);
        "transposed from the left" => (&rnn.b + &rnn.w_x.t().dot(&x) + rnn.w_h.t().dot(&state)).tanh();
        "one product of both, tanh by exponentials in f64" => {
            let w = concatenate![Axis(0), rnn.w_x, rnn.w_h];
            (concatenate![Axis(0), x, state].dot(&w) + &rnn.b).mapv(|a| {
                let e = (-2.0 * f64::from(a).abs()).exp();
                ((1.0 - e) / (1.0 + e)) as f32 * a.signum()
            })
        };
    }

    mistakes (rnn, x, state) {
        "no-tanh": "the sum is returned as it is, without the tanh"
            => sum(rnn, x, state);
        "sigmoid": "the sigmoid, between 0 and 1, stands where the tanh should"
            => sum(rnn, x, state).mapv(|a| 1.0 / (1.0 + (-a).exp()));
        "relu": "the sum is cut off below zero (ReLU) instead of going through the tanh"
            => sum(rnn, x, state).mapv(|a| a.max(0.0));
        "no-bias": "the bias is left out"
            => (x.dot(&rnn.w_x) + state.dot(&rnn.w_h)).tanh();
        "bias-twice": "the bias is added twice, once to each product"
            => (sum(rnn, x, state) + &rnn.b).tanh();
        "tanh-of-the-state": "the tanh is taken of the state's part alone, and the input's part is added to it"
            => x.dot(&rnn.w_x) + (state.dot(&rnn.w_h) + &rnn.b).tanh();
        "no-state": "the state before is not used, so that nothing is remembered"
            => (x.dot(&rnn.w_x) + &rnn.b).tanh();
        "no-input": "the input is not used"
            => (state.dot(&rnn.w_h) + &rnn.b).tanh();
        "transposed": "the state stands on the wrong side of w_h: w_h.dot(&state) is the product with its transpose"
            => (x.dot(&rnn.w_x) + rnn.w_h.dot(&state) + &rnn.b).tanh();
        "no-projection": "the state is added as it is: it does not go through W_h"
            => (x.dot(&rnn.w_x) + state + &rnn.b).tanh();
        "bias-after": "the bias is added after the tanh instead of before"
            => (x.dot(&rnn.w_x) + state.dot(&rnn.w_h)).tanh() + &rnn.b;
        "tanh-of-each": "the tanh is taken of each part before they are added"
            => x.dot(&rnn.w_x).tanh() + (state.dot(&rnn.w_h) + &rnn.b).tanh();
        "tanh-of-each, bias with the input": "the tanh is taken of each part before they are added"
            => (x.dot(&rnn.w_x) + &rnn.b).tanh() + state.dot(&rnn.w_h).tanh();
        "tanh-of-each, bias after": "the tanh is taken of each part before they are added, and the bias is added after it"
            => x.dot(&rnn.w_x).tanh() + state.dot(&rnn.w_h).tanh() + &rnn.b;
        "tanh-of-three": "the tanh is taken of each part before they are added"
            => x.dot(&rnn.w_x).tanh() + state.dot(&rnn.w_h).tanh() + rnn.b.tanh();
        "added-to-the-state": "the result is added to the state before, instead of taking its place"
            => crate::rnn_step(rnn, x, state) + state;
        "exponentials": "the tanh is made of e^a and e^−a, which overflow far from zero, and then it is NaN"
            => sum(rnn, x, state).mapv(by_exponentials);
        "exponential-of-twice": "the tanh is made of e^2a, which overflows for large sums, and then it is NaN"
            => sum(rnn, x, state).mapv(by_exponential_of_twice);
        "bias-subtracted": "the bias is subtracted instead of added"
            => (x.dot(&rnn.w_x) + state.dot(&rnn.w_h) - &rnn.b).tanh();
    }
}

fn by_oracle<F: NdFloat>(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<F> {
    Array1::from(oracle::rnn_step(rnn, &oracle::vector(x), &oracle::vector(state)))
}

/// What goes into the tanh.
fn sum(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    x.dot(&rnn.w_x) + state.dot(&rnn.w_h) + &rnn.b
}

pub(super) fn by_exponentials(a: f32) -> f32 {
    (a.exp() - (-a).exp()) / (a.exp() + (-a).exp())
}

pub(super) fn by_exponential_of_twice(a: f32) -> f32 {
    ((2.0 * a).exp() - 1.0) / ((2.0 * a).exp() + 1.0)
}

/// `x w`, by plain loops.
pub(super) fn product(x: ArrayView1<f32>, w: ArrayView2<f32>) -> Array1<f32> {
    let entry = |c: usize| (0..x.len()).map(|r| x[r] * w[[r, c]]).sum();
    (0..w.ncols()).map(entry).collect()
}

pub(super) fn loops(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    (product(x, rnn.w_x.view()) + product(state, rnn.w_h.view()) + &rnn.b).tanh()
}
