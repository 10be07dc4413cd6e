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

// ANCHOR: lstm
/// The weights of a long short-term memory. Each holds four blocks of d columns side by side: for
/// the input gate, the forget gate, the candidate and the output gate, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lstm {
    /// From the input, d_in×4d.
    pub w_x: Array2<f32>,
    /// From the state, d×4d.
    pub w_h: Array2<f32>,
    /// Bias on the input's side, 4d.
    pub b_x: Array1<f32>,
    /// Bias on the state's side, 4d.
    pub b_h: Array1<f32>,
}
// ANCHOR_END: lstm

// ANCHOR: remembered
/// What a long short-term memory carries from one token to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// What the rest of the network sees, d. Each entry lies between −1 and 1.
    pub state: Array1<f32>,
    /// What only the unit itself sees, d. Its entries have no bound.
    pub cell: Array1<f32>,
}
// ANCHOR_END: remembered

// ANCHOR: readout
/// The last layer of a decoder: from a state to one logit for each token of the vocabulary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readout {
    /// d×vocab.
    pub w: Array2<f32>,
    /// One number for each token, vocab.
    pub b: Array1<f32>,
}
// ANCHOR_END: readout

// ANCHOR: readout_gradients
/// The gradients of a loss, each in the shape of what it is with respect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadoutGradients {
    /// With respect to the weights, d×vocab.
    pub dw: Array2<f32>,
    /// With respect to the bias, vocab.
    pub db: Array1<f32>,
    /// With respect to the states, n×d: what the rest of the network learns from.
    pub d_states: Array2<f32>,
}
// ANCHOR_END: readout_gradients

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

impl Lstm {
    /// A unit with random weights, for inputs of width `d_in` and states of width `d`.
    pub fn random(d_in: usize, d: usize, random: &mut Random) -> Self {
        Lstm {
            w_x: random.normal((d_in, 4 * d)) / (d_in as f32).sqrt(),
            w_h: random.normal((d, 4 * d)) / (d as f32).sqrt(),
            b_x: random.normal(4 * d) * 0.5,
            b_h: random.normal(4 * d) * 0.5,
        }
    }

    /// The width of the state, which is that of the cell.
    pub fn width(&self) -> usize {
        self.w_h.nrows()
    }

    /// Makes sure that the weights, an input of width `d_in`, a state of width `d` and a cell of
    /// width `cell` belong together.
    ///
    /// # Panics
    /// Names the two sizes that differ, as in `cell width 3 ≠ state width 4`.
    #[track_caller]
    pub fn expect_shapes(&self, d_in: usize, d: usize, cell: usize) {
        let four = ("four times the state width", 4 * self.width());
        expect_equal(("input width", d_in), ("rows of w_x", self.w_x.nrows()));
        expect_equal(("state width", d), ("rows of w_h", self.w_h.nrows()));
        expect_equal(("cell width", cell), ("state width", d));
        expect_equal(("columns of w_x", self.w_x.ncols()), four);
        expect_equal(("columns of w_h", self.w_h.ncols()), four);
        expect_equal(("width of b_x", self.b_x.len()), four);
        expect_equal(("width of b_h", self.b_h.len()), four);
    }
}

impl Readout {
    /// Makes sure that the weights read out `states`, that each of them has a target, and that each
    /// target is a token.
    ///
    /// # Panics
    /// Names the two sizes that differ, or the target that is no token.
    #[track_caller]
    pub fn expect_shapes(&self, states: ArrayView2<f32>, targets: &[usize]) {
        let vocab = self.b.len();
        expect_equal(("state width", states.ncols()), ("rows of w", self.w.nrows()));
        expect_equal(("columns of w", self.w.ncols()), ("length of b", vocab));
        expect_equal(("targets", targets.len()), ("states", states.nrows()));
        assert!(!targets.is_empty(), "no targets, so their mean means nothing");
        for &target in targets {
            assert!(target < vocab, "target {target}, but the vocabulary has {vocab} tokens");
        }
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
