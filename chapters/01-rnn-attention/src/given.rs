//! What the exercises are given: the weights of the networks, the types that are returned, and the
//! checks that shapes fit.

use attn_core::{random::Random, shape::expect_equal};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

// ANCHOR: rnn
/// The weights of a plain recurrent network (Elman 1990).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rnn {
    /// From the input to the state, d_in×d.
    pub w_x: Array2<f32>,
    /// From the state before to the state after, d×d.
    pub w_h: Array2<f32>,
    /// The bias, d.
    pub b: Array1<f32>,
}
// ANCHOR_END: rnn

// ANCHOR: gru
/// The weights of a gated recurrent unit. Each holds three blocks of d columns side by side: for
/// the reset gate, the update gate and the candidate, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gru {
    /// From the input, d_in×3d.
    pub w_x: Array2<f32>,
    /// From the state, d×3d.
    pub w_h: Array2<f32>,
    /// Bias on the input's side, 3d.
    pub b_x: Array1<f32>,
    /// Bias on the state's side, 3d.
    pub b_h: Array1<f32>,
}
// ANCHOR_END: gru

// ANCHOR: attended
/// What one look back gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attended {
    /// The weighted mean of the states, d.
    pub context: Array1<f32>,
    /// The weight of each state, m. They sum to one.
    pub weights: Array1<f32>,
}
// ANCHOR_END: attended

// ANCHOR: decoded
/// What a decoder that looks back gives, for n steps over m states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoded {
    /// The state after each step, n×d.
    pub states: Array2<f32>,
    /// Where each step looked, n×m. Every row sums to one.
    pub weights: Array2<f32>,
}
// ANCHOR_END: decoded

impl Rnn {
    /// A network with random weights that neither saturates nor forgets at once, for inputs of width
    /// `d_in` and states of width `d`.
    pub fn random(d_in: usize, d: usize, random: &mut Random) -> Self {
        Rnn {
            w_x: random.normal((d_in, d)) / (d_in as f32).sqrt(),
            w_h: random.normal((d, d)) * (0.7 / (d as f32).sqrt()),
            b: random.normal(d) * 0.5,
        }
    }

    /// The width of the state.
    pub fn width(&self) -> usize {
        self.b.len()
    }

    /// Makes sure that the weights, an input of width `d_in` and a state of width `d` belong
    /// together.
    ///
    /// # Panics
    /// Names the two sizes that differ, as in `input width 3 ≠ rows of w_x 4`.
    #[track_caller]
    pub fn expect_shapes(&self, d_in: usize, d: usize) {
        let width = self.width();
        expect_equal(("input width", d_in), ("rows of w_x", self.w_x.nrows()));
        expect_equal(("state width", d), ("rows of w_h", self.w_h.nrows()));
        expect_equal(("columns of w_x", self.w_x.ncols()), ("bias width", width));
        expect_equal(("columns of w_h", self.w_h.ncols()), ("bias width", width));
        expect_equal(("rows of w_h", self.w_h.nrows()), ("bias width", width));
    }
}

impl Gru {
    /// A unit with random weights, for inputs of width `d_in` and states of width `d`.
    pub fn random(d_in: usize, d: usize, random: &mut Random) -> Self {
        Gru {
            w_x: random.normal((d_in, 3 * d)) / (d_in as f32).sqrt(),
            w_h: random.normal((d, 3 * d)) / (d as f32).sqrt(),
            b_x: random.normal(3 * d) * 0.5,
            b_h: random.normal(3 * d) * 0.5,
        }
    }

    /// The width of the state.
    pub fn width(&self) -> usize {
        self.w_h.nrows()
    }

    /// Makes sure that the weights, an input of width `d_in` and a state of width `d` belong
    /// together.
    ///
    /// # Panics
    /// Names the two sizes that differ, as in `state width 3 ≠ rows of w_h 4`.
    #[track_caller]
    pub fn expect_shapes(&self, d_in: usize, d: usize) {
        let three = ("three times the state width", 3 * self.width());
        expect_equal(("input width", d_in), ("rows of w_x", self.w_x.nrows()));
        expect_equal(("state width", d), ("rows of w_h", self.w_h.nrows()));
        expect_equal(("columns of w_x", self.w_x.ncols()), three);
        expect_equal(("columns of w_h", self.w_h.ncols()), three);
        expect_equal(("width of b_x", self.b_x.len()), three);
        expect_equal(("width of b_h", self.b_h.len()), three);
    }
}

/// Makes sure that a decoder's state can be compared with the encoder's states, and that there is a
/// state to look at.
///
/// # Panics
/// Names the two sizes that differ, or says that there are no states.
#[track_caller]
pub fn expect_states(state: ArrayView1<f32>, states: ArrayView2<f32>) {
    expect_equal(("state width", state.len()), ("states' width", states.ncols()));
    assert!(states.nrows() > 0, "no states to attend to");
}
