//! The plain recurrent network: one step, the encoder, and the decoder with a fixed context.

use crate::given::Rnn;
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};

// ANCHOR: rnn_step
/// One step of a plain recurrent network: the state after reading `x`.
///
// SOLUTION
/// It is `tanh(x W_x + state W_h + b)`.
///
// END SOLUTION
/// Shapes: `x` d_in, `state` d; the state after, d. Costs 2·d·(d_in + d) FLOPs.
///
/// Elman, *Finding Structure in Time*, 1990; PyTorch's `nn.RNN`, whose two biases are added here.
///
/// ```
/// use ch01_rnn_attention::{Rnn, rnn_step};
/// use ndarray::{Array2, array};
/// let w = Array2::zeros((1, 1)); // weights of zero: the bias alone counts
/// let rnn = Rnn { w_x: w.clone(), w_h: w, b: array![100.0] };
/// assert_eq!(rnn_step(&rnn, array![7.0].view(), array![0.5].view()), array![1.0]);
/// ```
#[track_caller]
pub fn rnn_step(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    rnn.expect_shapes(x.len(), state.len());
    // SOLUTION 1.2: the state after reading x
    let sum = x.dot(&rnn.w_x) + state.dot(&rnn.w_h) + &rnn.b;
    sum.mapv(f32::tanh)
    // END SOLUTION
}
// ANCHOR_END: rnn_step

// ANCHOR: encode
/// Reads a sequence, one input per row, and gives the state after each of them. The state before the
/// first input is zeros.
///
/// Shapes: `inputs` m×d_in; the states, m×d. Costs 2·m·d·(d_in + d) FLOPs, one step after another.
///
/// ```
/// use attn_core::random::Random;
/// use ch01_rnn_attention::{Rnn, encode};
/// let random = &mut Random::new(1);
/// let states = encode(&Rnn::random(3, 4, random), random.normal((5, 3)).view());
/// assert_eq!(states.dim(), (5, 4)); // five inputs of width 3, five states of width 4
/// ```
#[track_caller]
pub fn encode(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<f32> {
    rnn.expect_shapes(inputs.ncols(), rnn.width());
    // SOLUTION 1.3: the state after each input
    let mut state = Array1::zeros(rnn.width());
    let mut states = Array2::zeros((inputs.nrows(), rnn.width()));
    for (x, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
        state = rnn_step(rnn, x, state.view());
        row.assign(&state);
    }
    states
    // END SOLUTION
}
// ANCHOR_END: encode

// ANCHOR: decode
/// Runs a decoder on a fixed context: the state before the first step is `z`, and each step reads
/// its input followed by `z`, in one row of width d_in + d.
///
/// Shapes: `z` d, `inputs` n×d_in, `rnn` for inputs of width d_in + d; the state after each step,
/// n×d. The inputs are given, not the decoder's own choices: this is teacher forcing.
///
/// Cho et al., arXiv:1406.1078, §2.2: the context enters every step.
///
/// ```
/// use attn_core::random::Random;
/// use ch01_rnn_attention::{Rnn, decode};
/// let random = &mut Random::new(1);
/// let rnn = Rnn::random(3 + 4, 4, random); // reads an input of width 3 and a context of width 4
/// let states = decode(&rnn, random.normal(4).view(), random.normal((5, 3)).view());
/// assert_eq!(states.dim(), (5, 4));
/// ```
#[track_caller]
pub fn decode(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<f32> {
    rnn.expect_shapes(inputs.ncols() + z.len(), z.len());
    // SOLUTION 1.4: the state after each step, always with the same context z
    let mut state = z.to_owned();
    let mut states = Array2::zeros((inputs.nrows(), z.len()));
    for (y, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
        let x = concatenate![Axis(0), y, z]; // d_in + d
        state = rnn_step(rnn, x.view(), state.view());
        row.assign(&state);
    }
    states
    // END SOLUTION
}
// ANCHOR_END: decode

/// The norm of `w_h` as a map of states: the most by which it can lengthen a difference of two
/// states. By power iteration on `W Wᵀ`.
///
/// # Panics
/// If the matrix is not square.
pub fn spectral_norm(w: ArrayView2<f32>) -> f64 {
    expect_equal(("rows", w.nrows()), ("columns", w.ncols()));
    let w = w.mapv(f64::from);
    let mut direction = Array1::from_elem(w.nrows(), 1.0);
    let mut norm = 0.0;
    for _ in 0..1000 {
        let image = direction.dot(&w).dot(&w.t());
        norm = image.dot(&image).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        direction = image / norm;
    }
    norm.sqrt()
}
